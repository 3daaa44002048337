"""Trainings in processes of their own, as torchrun starts them, and what they left behind."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def launch(
    folder: Path, *names: str, ranks: int = 2, program: str = "trainer_runs.py"
) -> subprocess.CompletedProcess[str]:
    """Run some functions of a program of this folder on so many ranks."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    path = os.pathsep.join([str(ROOT), str(HERE)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [*torchrun, str(HERE / program), str(folder), *names]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


def succeeded(answer: subprocess.CompletedProcess[str]) -> None:
    """Fail with what the ranks said."""
    assert answer.returncode == 0, answer.stderr[-3000:]


@cache
def divided_runs(parent: Path) -> Path:
    """The folder of all runs with pipelines and divided experts: one launch on two ranks, one on four."""
    folder = parent / "divided"
    folder.mkdir()
    # Pipelines last: DeepSpeed's globals remember the first one, and then take no other model.
    names = (
        "whole",
        "experts",
        "stopped_experts",
        "bad_expert",
        "spikes",
        "pipeline",
        "stopped_pipeline",
        "bad_steps",
    )
    succeeded(launch(folder, *names, program="divided_runs.py"))
    succeeded(launch(folder, "on_four_ranks", ranks=4, program="divided_runs.py"))
    return folder


def lines(run: Path, event: str) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl of one event."""
    told = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in told if line["event"] == event]


def losses(run: Path) -> dict[int, float]:
    """Loss of every step; where a step was done again, of the last time."""
    return {line["step"]: line["loss_nats"] for line in lines(run, "step")}


def weights(run: Path, step: int) -> dict[str, torch.Tensor]:
    """The whole model in a checkpoint."""
    return load_file(run / "checkpoints" / f"step-{step:08d}" / "model.safetensors")
