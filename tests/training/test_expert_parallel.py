"""Layers whose experts are on several ranks compute what the plain layer does; so does DeepSpeed's own, on one rank."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from divided_runs import ROUTERS, SHAPE
from launched import ROOT, divided_runs, lines, losses, weights

from training.architecture import ModelConfig
from training.checkpoint import CheckpointError, Checkpoints
from training.layout import Layout
from training.model import build

pytest.importorskip("deepspeed", reason="the extra `training` is not installed")

# A run with divided experts, the same with all of them on every rank, and its last step.
PAIRS = [
    ("experts-one-2", "experts-one-1", 10),
    ("experts-two-2", "experts-two-1", 10),
    ("experts-denoising-2", "experts-denoising-1", 3),
    ("four-experts", "four-whole", 10),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return divided_runs(tmp_path_factory.getbasetemp())


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


@pytest.mark.parametrize(("divided", "plain", "last"), PAIRS)
def test_divided_experts_have_the_losses_and_gradient_norms_of_plain_ones(
    runs: Path, divided: str, plain: str, last: int
) -> None:
    assert len(losses(runs / plain)) == last
    assert losses(runs / divided) == pytest.approx(losses(runs / plain), abs=1e-5)
    found, expected = ([line["grad_norm"] for line in lines(runs / run, "step")] for run in (divided, plain))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("divided", "plain", "last"), PAIRS)
def test_the_checkpoint_of_divided_experts_holds_all_of_them_as_the_plain_one(
    runs: Path, divided: str, plain: str, last: int
) -> None:
    # Adam steps by the sign of small gradients too, so that equal weights mean equal routes.
    for step, tolerance in ((0, 0.0), (last, 1e-5)):
        found, expected = (weights(runs / run, step) for run in (divided, plain))
        assert found.keys() == expected.keys()
        for parameter in expected:
            torch.testing.assert_close(found[parameter], expected[parameter], atol=tolerance, rtol=0)
    moved = "encoder.blocks.0.feed_forward.experts.3.out.weight"
    assert (weights(runs / divided, last)[moved] - weights(runs / divided, 0)[moved]).abs().max() > 1e-3


def test_the_checkpoint_of_divided_experts_loads_into_the_plain_model(runs: Path) -> None:
    config = ModelConfig(**{**SHAPE, **ROUTERS["one"]})

    build(config).load_state_dict(weights(runs / "experts-one-2", 10))


def test_divided_experts_go_on_from_their_checkpoint_bit_for_bit(runs: Path) -> None:
    ended, uninterrupted = (runs / run for run in ("stopped-experts", "experts-one-2"))

    assert [line["step"] for line in lines(ended, "stop")] == [5]
    assert len(lines(ended, "start")) == 2
    assert losses(ended) == losses(uninterrupted)
    files = [run / "checkpoints/step-00000010/model.safetensors" for run in (ended, uninterrupted)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_gradient_that_is_not_finite_in_one_ranks_expert_is_left_out_on_all(runs: Path) -> None:
    run = runs / "bad-expert"

    assert [(line["step"], line["skipped_steps"]) for line in lines(run, "skip")] == [(3, 1)]
    assert sorted(losses(run)) == [1, 2, 4, 5]
    assert [(runs / f"bad-expert-{rank}.txt").read_text() for rank in (0, 1)] == ["1 of 5"] * 2
    assert all(value.isfinite().all() for value in weights(run, 5).values())


def test_after_a_spike_a_training_of_divided_experts_is_what_it_is_without_that_data(runs: Path) -> None:
    run = runs / "spikes-experts"

    # Step 14 is the spike; the last checkpoint is of step 10, and one batch before the spike goes with it.
    assert json.loads((run / "spike.json").read_text()) == [1, [[96, 112]], {"sample": 176}]
    assert len(losses(run / "without")) == 20
    assert losses(run / "spike") == losses(run / "without")


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        (Layout(0, 2), "was written with expert_parallel 2; set expert_parallel to that .it is 1."),
        (Layout(0, 4, 1, 2), "was written by 2 ranks, and a divided model goes on only on as many"),
    ],
)
def test_divided_experts_do_not_go_on_in_another_layout(runs: Path, layout: Layout, sentence: str) -> None:
    config = ModelConfig(**{**SHAPE, **ROUTERS["one"]})

    with pytest.raises(CheckpointError, match=sentence):
        Checkpoints(
            runs / "experts-one-2",
            keep_last=3,
            model=config,
            manifest_sha256="0" * 64,
            tokenizer_sha256="",
            zero_stage=1,
            layout=layout,
        ).latest()
