"""Trainings that the tests of the trainer look at; run in processes of their own, as torchrun would start them.

python tests/training/trainer_runs.py FOLDER NAME…
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from memory_source import ROWS, MemorySource, settings, vocabulary

from training.checkpoint import CheckpointError
from training.layout import Layout
from training.model import Losses
from training.source import RankBatch
from training.trainer import Trainer, TrainingError, leave_ranks, start_ranks

SPIKE_AT = 14 * ROWS  # `next_sample` of the batch of the spike
STAGES = (1, 2, 3)


class Without(MemorySource):
    """The same batches, but for some of them."""

    def read(self, state: Mapping[str, Any] | None) -> Iterator[RankBatch]:
        return (batch for batch in super().read(state) if int(batch["next_sample"]) not in (104, 112))


def trained(folder: Path, name: str, *, source: type[MemorySource] = MemorySource, **changes: Any) -> Trainer:
    """A trainer whose model is about to be trained."""
    config = settings(str(folder / name), **changes)
    layout = Layout.of(config, rank=dist.get_rank(), world_size=dist.get_world_size())
    return Trainer(config, source(layout.data_rank, layout.data_size), vocabulary())


def disturb(trainer: Trainer, change: Callable[[Any], Any]) -> None:
    """Have what the model returns in every training pass changed."""

    def hook(module: Any, inputs: Any, losses: Any) -> Any:
        return change(losses) if module.training else losses

    trainer.engine.module.register_forward_hook(hook)


def scaled(output: Any, factor: float) -> Any:
    """The losses of a whole model or of a last stage, multiplied; what another stage passes on, as it is."""
    if isinstance(output, Losses):
        return Losses(output.nats * factor, output.balance)
    return output * factor if isinstance(output, torch.Tensor) else output


def times(trainer: Trainer, factor: float, *, at_step: int, rank: int) -> None:
    """Multiply the loss of a step on one rank."""
    disturb(
        trainer,
        lambda losses: (
            scaled(losses, factor) if (trainer.state.step, dist.get_rank()) == (at_step - 1, rank) else losses
        ),
    )


def kill(trainer: Trainer, number: int, *, at_step: int) -> None:
    """Send this process a signal in the middle of a step."""

    def change(losses: Losses) -> Losses:
        if trainer.state.step == at_step - 1:
            os.kill(os.getpid(), number)
        return losses

    disturb(trainer, change)


def plain(folder: Path) -> None:
    for stage in STAGES:
        trained(folder, f"stage-{stage}", zero={"stage": stage}, checkpoints={"every_steps": 5}).train()


def second(folder: Path) -> None:
    """A second stage, from the weights that the first ended with."""
    for stage in (1, 3):
        trained(
            folder,
            f"second-{stage}",
            start_from=str(folder / "stage-2"),
            zero={"stage": stage},
            steps=2,
            validation={"every_steps": 2, "batches_per_locale": 2},
        ).train()


def first(folder: Path) -> None:
    trained(folder, "first", steps=1, schedule={"kind": "constant"}).train()


def nan(folder: Path) -> None:
    for stage in STAGES:
        for precision in ("fp32", "bf16"):
            trainer = trained(
                folder, f"nan-{stage}-{precision}", zero={"stage": stage}, precision=precision, steps=6
            )
            times(trainer, float("nan"), at_step=3, rank=1)
            trainer.train()
    trainer = trained(folder, "nan-always", max_skipped_in_a_row=2)
    disturb(trainer, lambda losses: scaled(losses, float("nan")))
    try:
        trainer.train()
    except TrainingError as error:
        (folder / f"error-{dist.get_rank()}.txt").write_text(str(error))


def spike(folder: Path) -> None:
    for stage in (2, 3):
        one_spike(folder / f"spikes-{stage}", zero={"stage": stage})


def one_spike(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    spikes = {"window_steps": 10, "min_rise_nats": 1.0, "skip_before_steps": 1}
    changes = {"steps": 20, "checkpoints": {"every_steps": 5}, "spikes": spikes, **changes}
    trainer = trained(folder, "spike", **changes)
    disturb(trainer, lambda losses: scaled(losses, 50 if trainer._positions[-1] == SPIKE_AT else 1))
    state = trainer.train()
    if dist.get_rank() == 0:
        (folder / "spike.json").write_text(json.dumps([state.rewinds, state.skipped_samples, state.source]))
    trained(folder, "without", source=Without, **changes).train()


def stop(folder: Path) -> None:
    for stage in STAGES:
        trainer = trained(folder, f"stop-{stage}", zero={"stage": stage})
        if dist.get_rank() == 0:
            kill(trainer, signal.SIGTERM, at_step=5)
        trainer.train()


def go_on(folder: Path) -> None:
    for stage in STAGES:
        trained(folder, f"stop-{stage}", zero={"stage": stage}).train()


def killed(folder: Path) -> None:
    trainer = trained(folder, "killed", checkpoints={"every_steps": 5})
    kill(trainer, signal.SIGKILL, at_step=8)
    trainer.train()


def after_kill(folder: Path) -> None:
    trained(folder, "killed", checkpoints={"every_steps": 5}).train()


VARIANTS: dict[str, dict[str, Any]] = {
    "activations": {"checkpoint_activations": True},
    "one-micro-batch": {"micro_batch_tokens": 128},
    "offload-1": {"zero": {"stage": 1, "offload": "cpu"}},
    "offload-2": {"zero": {"stage": 2, "offload": "cpu"}},
    "offload-3": {"zero": {"stage": 3, "offload": "cpu", "offload_parameters": True}},
    "bf16": {"precision": "bf16"},
}
EXPERTS = {"num_experts": 2, "expert_every": 1}


def variants(folder: Path) -> None:
    for name, changes in VARIANTS.items():
        trained(folder, name, **changes).train()
    shape = settings("nowhere").model.model_dump()
    others: dict[str, dict[str, Any]] = {
        "experts": {"model": {**shape, **EXPERTS}},
        "denoising": {"model": {**shape, "num_decoder_layers": 2}, "objective": {"kind": "denoising"}},
        "unilm": {"objective": {"kind": "unilm"}, "validation": {"every_steps": 40, "batches_per_locale": 2}},
    }
    for name, changes in others.items():
        trained(folder, name, source=OneBatch, steps=40, checkpoints={"every_steps": 40}, **changes).train()


def no_space(folder: Path) -> None:
    """The disk fills up after the first checkpoint."""
    import shutil

    trainer = trained(folder, "no-space", checkpoints={"every_steps": 5})
    usage = shutil.disk_usage(folder)

    def full(_: object) -> Any:
        return usage._replace(free=1000 if trainer.state.step else usage.free)

    shutil.disk_usage = full
    try:
        trainer.train()
    except CheckpointError as error:
        (folder / f"no-space-{dist.get_rank()}.txt").write_text(str(error))
    shutil.disk_usage = lambda _: usage


class OneBatch(MemorySource):
    """The same batch over and over."""

    def __init__(self, rank: int, world_size: int) -> None:
        super().__init__(rank, world_size, repeats=ROWS)


def overfit(folder: Path) -> None:
    trained(
        folder,
        "overfit",
        source=OneBatch,
        steps=200,
        schedule={"kind": "cosine"},
        checkpoints={"every_steps": 1000},
    ).train()


def main(functions: Mapping[str, Any]) -> None:
    """Run those that the command line names."""
    folder = Path(sys.argv[1])
    start_ranks()
    for name in sys.argv[2:]:
        functions[name](folder)
    leave_ranks()


if __name__ == "__main__":
    main(globals())
