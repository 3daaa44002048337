"""Checkpoints: written beside the old ones, renamed when whole, named by a pointer file last.

    checkpoints/latest                       name of the newest folder that is whole
    checkpoints/step-00001000/
        model.safetensors, config.json       fp32 weights under this project's names; shape, manifest's hash
        trainer.json                         where the training stands: all that is not in DeepSpeed's own files
        deepspeed/                           its state, one file per rank

A process that is killed leaves a folder that no pointer names; the next one removes it. On as many ranks as it was
written by, a checkpoint goes on bit for bit. On another number, DeepSpeed's converter makes a universal checkpoint of
it first, and sums are taken in another order; it knows neither stages of a pipeline nor divided experts.

All functions that take an engine are called by all ranks together.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor

from training.architecture import ModelConfig, counts
from training.layout import Layout

SCHEMA_VERSION: Final = 1
FOLDER: Final = "checkpoints"
POINTER: Final = "latest"
WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
TRAINER: Final = "trainer.json"
DIVIDING: Final = ("pipeline_stages", "expert_parallel")  # settings that divide a model
_ENGINE: Final = "deepspeed"
_UNFINISHED: Final = ".unfinished"
_UNIVERSAL: Final = ".universal"
# Weights in fp32 for others; master weights and two moments in fp32, and weights in the precision, for DeepSpeed.
_BYTES_PER_PARAMETER: Final = 4 + 12 + 4


class CheckpointError(ValueError):
    """A checkpoint cannot be written or read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A checkpoint that exists.

    Attributes:
        folder: where it is.
        state: what trainer.json says.
        world_size: ranks it was written by.
        zero_stage: ZeRO stage it was written under.
    """

    folder: Path
    state: dict[str, Any]
    world_size: int
    zero_stage: int


class Checkpoints:
    """The checkpoints of a run.

    Args:
        run_dir: the run's folder.
        keep_last: how many stay.
        model: shape of the model.
        manifest_sha256: hash of the manifest that it is trained on.
        tokenizer_sha256: that of the tokeniser.
        zero_stage: ZeRO stage of the engine.
        layout: how the ranks divide the model.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        keep_last: int,
        model: ModelConfig,
        manifest_sha256: str,
        tokenizer_sha256: str,
        zero_stage: int,
        layout: Layout,
    ) -> None:
        self.folder = run_dir / FOLDER
        self._keep_last, self._model, self._layout = keep_last, model, layout
        self._manifest_sha256, self._tokenizer_sha256 = manifest_sha256, tokenizer_sha256
        self._zero_stage = zero_stage

    def latest(self) -> Resumed | None:
        """The newest whole checkpoint, if there is one. Reads files only; any rank may call it.

        Raises:
            CheckpointError: the pointer names what is not there, or the checkpoint is of another model, of other
                shards, of another ZeRO stage, or of a model that was divided otherwise.
        """
        pointer = self.folder / POINTER
        if not pointer.exists():
            return None
        folder = self.folder / pointer.read_text(encoding="utf-8").strip()
        try:
            saved = json.loads((folder / TRAINER).read_text(encoding="utf-8"))
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{pointer} names {folder.name}, which cannot be read ({error}); write the name of a whole checkpoint "
                "into it, or remove it to start anew."
            ) from error
        if config["model"] != asdict(self._model):
            raise CheckpointError(
                f"{folder} is of a model of another shape; train that one, or choose another run_dir."
            )
        if config["manifest_sha256"] != self._manifest_sha256:
            raise CheckpointError(
                f"{folder} was trained on shards whose manifest has the SHA-256 {config['manifest_sha256']}, but these "
                f"(replayed ones included) have {self._manifest_sha256}; give it those, or choose another run_dir."
            )
        if saved["zero_stage"] != self._zero_stage:
            raise CheckpointError(
                f"{folder} was written under ZeRO stage {saved['zero_stage']}; set zero.stage to that "
                f"(it is {self._zero_stage})."
            )
        for setting in DIVIDING:
            # Before there were these settings, all was on every rank.
            found, own = saved.get(setting, 1), getattr(self._layout, setting)
            if found != own:
                raise CheckpointError(
                    f"{folder} was written with {setting} {found}; set {setting} to that (it is {own}), or choose "
                    "another run_dir."
                )
        if self._layout.is_divided and saved["world_size"] != self._layout.world_size:
            raise CheckpointError(
                f"{folder} was written by {saved['world_size']} ranks, and a divided model goes on only on as many "
                f"(there are {self._layout.world_size}); start {saved['world_size']}, or choose another run_dir."
            )
        return Resumed(folder, saved["state"], saved["world_size"], saved["zero_stage"])

    def save(self, engine: Any, step: int, state: dict[str, Any]) -> Path:  # noqa: ANN401 (DeepSpeed has no types)
        """Write a checkpoint; its folder. Old ones are removed only when this one is whole.

        Raises:
            CheckpointError: there is no space for it, or it cannot be written; older ones are as they were.
        """
        name = f"step-{step:08d}"
        unfinished = self.folder / f"{_UNFINISHED}-{name}"
        self._together(lambda: self._make_room(unfinished), name)
        weights = _whole_weights(engine, self._layout)
        # DeepSpeed's ranks wait for one another in here: one that fails alone ends all of them by torchrun, and the
        # folder stays unfinished.
        engine.save_checkpoint(
            str(unfinished),
            tag=_ENGINE,
            client_state={} if self._layout.is_divided else {"universal_checkpoint_info": _universal()},
            save_latest=False,
        )
        self._together(lambda: self._finish(unfinished, name, weights, step, state), name)
        return self.folder / name

    def load(self, engine: Any, saved: Resumed) -> None:  # noqa: ANN401
        """Give an engine the state of a checkpoint.

        Raises:
            CheckpointError: it cannot be converted for this number of ranks, or DeepSpeed does not take it.
        """
        universal = saved.world_size != dist.get_world_size()
        folder, tag = saved.folder, _ENGINE
        if universal:
            folder, tag = self.folder, _UNIVERSAL
            self._together(lambda: self._convert(saved.folder / _ENGINE, folder / tag), saved.folder.name)
        # A rewind after a start on another number of ranks may find a checkpoint of this number, and the reverse.
        engine._config.load_universal_checkpoint = universal
        decays = [group["weight_decay"] for group in engine.optimizer.param_groups]
        with torch.no_grad():  # a pipeline broadcasts its embedding
            path, _ = engine.load_checkpoint(str(folder), tag=tag)
        if path is None:
            raise CheckpointError(f"DeepSpeed finds no state in {saved.folder}; choose an older checkpoint.")
        if universal:
            _mend(engine, decays)
        dist.barrier()
        if universal and dist.get_rank() == 0:
            shutil.rmtree(folder / tag, ignore_errors=True)

    def _make_room(self, unfinished: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_UNFINISHED}-*"):
            shutil.rmtree(left)
        needed = _BYTES_PER_PARAMETER * counts(self._model).total
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(f"it needs {needed / 1e9:,.3f} GB and {free / 1e9:,.3f} GB are free")
        unfinished.mkdir()

    def _finish(
        self, unfinished: Path, name: str, weights: dict[str, Tensor], step: int, state: dict[str, Any]
    ) -> None:
        """Weights and descriptions, then the rename, then the pointer, then the removal of old ones."""
        for script in unfinished.glob("*.py"):  # DeepSpeed leaves programs that read its files
            script.unlink()
        save_file(weights, unfinished / WEIGHTS, metadata={"format": "pt"})
        described = {
            "schema_version": SCHEMA_VERSION,
            "step": step,
            "model": asdict(self._model),
            "manifest_sha256": self._manifest_sha256,
            "tokenizer_sha256": self._tokenizer_sha256,
        }
        _write_json(unfinished / CONFIG, described)
        ranks = {"world_size": dist.get_world_size(), "zero_stage": self._zero_stage}
        ranks |= {setting: getattr(self._layout, setting) for setting in DIVIDING}
        _write_json(unfinished / TRAINER, {"schema_version": SCHEMA_VERSION, **ranks, "state": state})
        for path in unfinished.rglob("*"):
            _flush(path)
        whole = self.folder / name
        if whole.exists():  # of a run whose pointer was taken back by hand
            shutil.rmtree(whole)
        unfinished.rename(whole)
        _flush(self.folder)
        pointer = self.folder / f".{POINTER}"
        pointer.write_text(name + "\n", encoding="utf-8")
        _flush(pointer)
        pointer.rename(self.folder / POINTER)
        _flush(self.folder)
        older = sorted(path for path in self.folder.glob("step-*") if path.name != name)
        for path in older[: max(0, len(older) - self._keep_last + 1)]:
            shutil.rmtree(path)

    def _convert(self, source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        command = [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", "--inject_missing_state"]
        folders = ["--input_folder", str(source), "--output_folder", str(target)]
        workers = ["--num_extract_workers", "1", "--num_merge_workers", "1"]
        # The converter must not take itself for a rank of this training.
        ours = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        answer = subprocess.run(
            [*command, *folders, *workers], env=environment, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
            raise OSError(f"DeepSpeed's converter to a universal checkpoint failed: {last}")

    def _together(self, work: Any, name: str) -> None:  # noqa: ANN401 (a function without arguments)
        """Rank 0 works; if it fails, all ranks raise, so that none waits for it."""
        failure: list[str | None] = [None]
        if dist.get_rank() == 0:
            try:
                work()
            except (
                OSError,
                RuntimeError,
            ) as error:  # safetensors and torch tell of a full disk by the second
                failure = [str(error)]
        dist.broadcast_object_list(failure, src=0)
        if failure[0] is not None:
            raise CheckpointError(
                f"the checkpoint {name} in {self.folder} cannot be written or read: {failure[0]}. Older ones are as "
                "they were; make room or choose another run_dir, and start again."
            )


def _whole_weights(engine: Any, layout: Layout) -> dict[str, Tensor]:  # noqa: ANN401
    """All master weights of the whole model in fp32 on the CPU of rank 0, by their names there; nothing on other ranks.

    Other ranks send rank 0 what it does not have. One parameter at a time is whole on a device.
    """
    from deepspeed.utils import safe_get_full_fp32_param

    rank = dist.get_rank()
    mine = {layout.own_name(name): parameter for name, parameter in engine.module.named_parameters()}
    known: list[dict[str, torch.Size]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(known, {name: parameter.shape for name, parameter in mine.items()})
    sender = {name: other for other in reversed(range(len(known))) for name in known[other]}
    weights = {}
    for name, parameter in mine.items():
        whole = safe_get_full_fp32_param(parameter)
        if sender[name] == rank:
            weights[name] = whole.detach().to("cpu", torch.float32, copy=True).contiguous()
    # Only now: who waits to send takes no part in putting the next parameter together.
    for name, other in sender.items():
        if other and rank == other:
            dist.send(weights.pop(name).to(engine.device), dst=0)
        elif other and rank == 0:
            received = torch.empty(known[other][name], dtype=torch.float32, device=engine.device)
            dist.recv(received, src=other)
            weights[name] = received.cpu()
    return weights


def _mend(engine: Any, decays: list[float]) -> None:  # noqa: ANN401
    """Undo what loading a universal checkpoint does to several groups of parameters at stage 3 (DeepSpeed 0.19.8).

    Each group gets the settings of the first, so that norms would be decayed; and all share one tensor that counts the
    steps, which AdamW counts up once for each of them.
    """
    for group, decay in zip(engine.optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay
    for state in engine.optimizer.optimizer.state.values():
        if torch.is_tensor(state.get("step")):
            state["step"] = state["step"].clone()


def _universal() -> dict[str, Any]:
    from deepspeed.checkpoint.constants import (
        UNIVERSAL_CHECKPOINT_VERSION_KEY,
        UNIVERSAL_CHECKPOINT_VERSION_VALUE,
    )

    return {UNIVERSAL_CHECKPOINT_VERSION_KEY: UNIVERSAL_CHECKPOINT_VERSION_VALUE}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    """Have the file or folder on the disk before anything says that it is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
