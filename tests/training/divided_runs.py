"""Trainings of divided models, and of whole ones to compare them with; run as `trainer_runs.py` is.

python tests/training/divided_runs.py FOLDER NAME…
"""

import signal
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from memory_source import MemorySource, settings
from trainer_runs import kill, main, one_spike, times, trained

from training.trainer import Trainer

SHAPE = {
    **settings("nowhere").model.model_dump(exclude={"preset"}),
    "num_layers": 5,
}  # no multiple of the stages
UNILM = {
    "model": SHAPE,
    "objective": {"kind": "unilm", "rate": 0.3},
    "validation": {"every_steps": 10, "batches_per_locale": 2},
    "checkpoints": {"every_steps": 5},
}
EXPERTS = {"num_experts": 4, "expert_every": 1}
ROUTERS: dict[str, dict[str, Any]] = {
    "one": {**EXPERTS, "num_chosen_experts": 1, "expert_capacity": 0.75},
    "two": {**EXPERTS, "num_chosen_experts": 2, "expert_capacity": None},
}


class Uneven(MemorySource):
    """Micro-batches of different sizes: of some rows half is padding; of every eight, the last two are nothing else."""

    def _rows_of(self, kept: list[int]) -> dict[str, torch.Tensor]:
        batch = super()._rows_of(kept)
        for row, sample in enumerate(kept):
            batch["segment_ids"][row, 8 if sample % 3 else 16 :] = -1
            if sample % 8 > 5:
                batch["segment_ids"][row] = -1
        return batch


def uneven(folder: Path, name: str, **changes: Any) -> Trainer:
    return trained(folder, name, source=Uneven, **changes)


def whole(folder: Path) -> None:
    uneven(folder, "whole", **UNILM).train()


def pipeline(folder: Path) -> None:
    uneven(folder, "pipeline", **UNILM, pipeline_stages=2).train()
    for name, changes in {
        "activations": {"checkpoint_activations": True},
        "offload": {"zero": {"stage": 1, "offload": "cpu"}},
    }.items():
        uneven(folder, f"pipeline-{name}", **UNILM, pipeline_stages=2, **changes).train()


def stopped_pipeline(folder: Path) -> None:
    stopped(folder, "stopped-pipeline", **UNILM, pipeline_stages=2)


def stopped_experts(folder: Path) -> None:
    stopped(folder, "stopped-experts", **expert_settings("one"), expert_parallel=2)


def stopped(folder: Path, name: str, **changes: Any) -> None:
    """A training that is stopped on the last rank in the middle of step 5, and gone on with."""
    trainer = uneven(folder, name, **changes)
    if dist.get_rank() == dist.get_world_size() - 1:
        kill(trainer, signal.SIGTERM, at_step=5)
    trainer.train()
    uneven(folder, name, **changes).train()


def spikes(folder: Path) -> None:
    one_spike(folder / "spikes-experts", **expert_settings("one"), expert_parallel=2)
    one_spike(folder / "spikes-pipeline", model=SHAPE, pipeline_stages=2)


def bad_steps(folder: Path) -> None:
    """A loss that is not a number on the last stage; a gradient that is none on the first."""
    for precision in ("fp32", "bf16"):
        for rank, where in enumerate(("gradient", "loss")):
            name = f"bad-{where}-{precision}"
            trainer = uneven(folder, name, model=SHAPE, pipeline_stages=2, precision=precision, steps=5)
            if where == "loss":
                times(trainer, float("nan"), at_step=3, rank=rank)
            elif dist.get_rank() == rank:
                spoil_gradient(trainer, next(trainer.engine.module.parameters()))
            tell(folder, name, trainer)


def spoil_gradient(trainer: Trainer, parameter: torch.nn.Parameter) -> None:
    """Make the gradient of a parameter at step 3 not a number."""
    parameter.register_hook(lambda gradient: gradient * (float("nan") if trainer.state.step == 2 else 1.0))


def tell(folder: Path, name: str, trainer: Trainer) -> None:
    """Train, and leave what each rank counted."""
    state = trainer.train()
    (folder / f"{name}-{dist.get_rank()}.txt").write_text(f"{state.skipped_steps} of {state.step}")


def expert_settings(router: str) -> dict[str, Any]:
    return {"model": {**SHAPE, **ROUTERS[router]}, "checkpoints": {"every_steps": 5}}


def experts(folder: Path) -> None:
    for router in ROUTERS:
        for parallel in (1, 2):
            changes = {**expert_settings(router), "expert_parallel": parallel}
            uneven(folder, f"experts-{router}-{parallel}", **changes).train()
    changes = {
        "model": {**SHAPE, **ROUTERS["two"], "num_decoder_layers": 2},
        "objective": {"kind": "denoising"},
    }
    for parallel in (1, 2):
        uneven(folder, f"experts-denoising-{parallel}", **changes, expert_parallel=parallel, steps=3).train()


def bad_expert(folder: Path) -> None:
    """A gradient that is not a number in an expert that only the second rank has."""
    changes = {**expert_settings("one"), "zero": {"stage": 2}, "precision": "bf16", "steps": 5}
    trainer = uneven(folder, "bad-expert", **changes, expert_parallel=2)
    if dist.get_rank() == 1:
        own = [p for p in trainer.engine.module.parameters() if not getattr(p, "allreduce", True)]
        spoil_gradient(trainer, own[0])
    tell(folder, "bad-expert", trainer)


def on_four_ranks(folder: Path) -> None:
    """Stages and experts beside the division of the rows."""
    uneven(folder, "four-whole", **expert_settings("one")).train()
    uneven(folder, "four-experts", **expert_settings("one"), expert_parallel=2).train()
    uneven(folder, "four-pipeline", **UNILM, pipeline_stages=2).train()
    uneven(folder, "four-stages", **UNILM, pipeline_stages=4).train()


if __name__ == "__main__":
    main(globals())
