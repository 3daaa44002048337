"""DeepSpeed's layer of experts fits into the block and, on one rank, computes what the plain one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("deepspeed", reason="the extra `training` is not installed")

ROOT = Path(__file__).parents[2]


def test_deepspeeds_experts_give_the_losses_and_gradients_of_the_plain_ones(tmp_path: Path) -> None:
    # A process of its own: DeepSpeed keeps groups of ranks in globals.
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/training/deepspeed_experts.py"), str(tmp_path / "store")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    plain, parallel = json.loads(done.stdout.splitlines()[-1])
    assert parallel == pytest.approx(plain, rel=1e-5)
    assert plain[1] > 1.0
