"""Trainings in stages have the losses, weights and checkpoints of whole ones, and skip, stop and go on as these do."""

import json
from pathlib import Path

import pytest
import torch
from divided_runs import SHAPE
from launched import divided_runs, lines, losses, weights

from training.architecture import ModelConfig
from training.checkpoint import CheckpointError, Checkpoints
from training.layout import Layout
from training.model import build

SAME = ["pipeline", "pipeline-activations", "pipeline-offload", "four-pipeline", "four-stages"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return divided_runs(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(
    ("rank", "expected"),
    [(0, (0, 0, False)), (3, (0, 3, False)), (4, (1, 0, True)), (6, (1, 2, True))],
)
def test_ranks_of_a_stage_are_neighbours_and_divide_the_rows(
    rank: int, expected: tuple[int, int, bool]
) -> None:
    layout = Layout(rank, 8, pipeline_stages=2)

    assert layout.data_size == 4
    assert (layout.stage, layout.data_rank, layout.has_loss) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tied_modules.embedding.weight", "embedding.weight"),
        ("12.encoder.blocks.3.attention.qkv.weight", "encoder.blocks.3.attention.qkv.weight"),
        ("encoder.blocks.3.attention.qkv.weight", "encoder.blocks.3.attention.qkv.weight"),
        (
            "encoder.blocks.0.feed_forward.deepspeed_moe.gate.wg.weight",
            "encoder.blocks.0.feed_forward.router.weight",
        ),
        (
            "encoder.blocks.0.feed_forward.deepspeed_moe.experts.deepspeed_experts.1.out.weight",
            "encoder.blocks.0.feed_forward.experts.7.out.weight",
        ),
    ],
)
def test_parameters_have_their_names_in_the_whole_model(name: str, expected: str) -> None:
    # The fourth of four ranks has the last two of eight experts.
    assert Layout(3, 4, expert_parallel=4, num_experts=8).own_name(name) == expected


@pytest.mark.parametrize("name", SAME)
def test_a_pipeline_has_the_losses_and_gradient_norms_of_a_whole_model(runs: Path, name: str) -> None:
    assert len(losses(runs / "whole")) == 10
    assert losses(runs / name) == pytest.approx(losses(runs / "whole"), abs=1e-5)
    found, expected = ([line["grad_norm"] for line in lines(runs / run, "step")] for run in (name, "whole"))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", SAME)
def test_a_pipeline_counts_tokens_targets_and_operations_once(runs: Path, name: str) -> None:
    found, expected = (lines(runs / run, "step")[-1] for run in (name, "whole"))
    ranks = 4 if name.startswith("four") else 2

    assert (found["tokens"], found["num_targets"]) == (expected["tokens"], expected["num_targets"])
    assert found["model_tflops_per_device"] * found["step_s"] * ranks == pytest.approx(
        expected["model_tflops_per_device"] * expected["step_s"] * 2
    )


@pytest.mark.parametrize("name", SAME)
def test_the_validation_loss_goes_through_the_pipeline(runs: Path, name: str) -> None:
    (found,), (expected,) = (lines(runs / run, "validation") for run in (name, "whole"))

    assert found["loss_nats_by_locale"] == pytest.approx(expected["loss_nats_by_locale"], abs=1e-5)


@pytest.mark.parametrize("name", SAME)
def test_the_checkpoint_of_a_pipeline_is_that_of_the_whole_model(runs: Path, name: str) -> None:
    for step, tolerance in ((0, 0.0), (10, 1e-5)):
        found, expected = (weights(runs / run, step) for run in (name, "whole"))
        assert found.keys() == expected.keys()
        for parameter in expected:
            torch.testing.assert_close(found[parameter], expected[parameter], atol=tolerance, rtol=0)


def test_the_checkpoint_of_a_pipeline_loads_into_the_plain_model(runs: Path) -> None:
    build(ModelConfig(**SHAPE)).load_state_dict(weights(runs / "pipeline", 10))


def test_a_pipeline_goes_on_from_its_checkpoint_bit_for_bit(runs: Path) -> None:
    ended, uninterrupted = (runs / run for run in ("stopped-pipeline", "pipeline"))

    assert [line["step"] for line in lines(ended, "stop")] == [5]
    assert len(lines(ended, "start")) == 2
    assert losses(ended) == losses(uninterrupted)
    files = [run / "checkpoints/step-00000010/model.safetensors" for run in (ended, uninterrupted)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("where", "is_finite"), [("loss", False), ("gradient", True)])
def test_a_step_that_is_not_finite_on_one_stage_is_left_out_on_all_and_counted(
    runs: Path, where: str, is_finite: bool, precision: str
) -> None:
    run = runs / f"bad-{where}-{precision}"

    told = [(line["step"], line["loss_is_finite"], line["skipped_steps"]) for line in lines(run, "skip")]
    assert told == [(3, is_finite, 1)]
    assert sorted(losses(run)) == [1, 2, 4, 5]
    assert [(runs / f"{run.name}-{rank}.txt").read_text() for rank in (0, 1)] == ["1 of 5"] * 2
    assert all(value.isfinite().all() for value in weights(run, 5).values())


def test_after_a_spike_a_pipeline_is_what_it_is_without_that_data(runs: Path) -> None:
    run = runs / "spikes-pipeline"

    # Step 14 is the spike; the last checkpoint is of step 10, and one batch before the spike goes with it.
    assert json.loads((run / "spike.json").read_text()) == [1, [[96, 112]], {"sample": 176}]
    assert len(losses(run / "without")) == 20
    assert losses(run / "spike") == losses(run / "without")


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        (Layout(0, 2), "was written with pipeline_stages 2; set pipeline_stages to that .it is 1."),
        (Layout(0, 3, 3), "was written with pipeline_stages 2; set pipeline_stages to that .it is 3."),
        (
            Layout(0, 4, 2),
            "was written by 2 ranks, and a divided model goes on only on as many .there are 4.",
        ),
    ],
)
def test_a_pipeline_does_not_go_on_in_another_layout(runs: Path, layout: Layout, sentence: str) -> None:
    fitting = {
        "model": ModelConfig(**SHAPE),
        "manifest_sha256": "0" * 64,
        "tokenizer_sha256": "",
        "zero_stage": 1,
    }
    assert Checkpoints(runs / "pipeline", keep_last=3, **fitting, layout=Layout(1, 2, 2)).latest() is not None

    with pytest.raises(CheckpointError, match=sentence):
        Checkpoints(runs / "pipeline", keep_last=3, **fitting, layout=layout).latest()


def test_a_checkpoint_from_before_these_settings_is_of_a_whole_model(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "step-00000001"
    folder.mkdir(parents=True)
    (folder.parent / "latest").write_text(folder.name)
    (folder / "config.json").write_text(json.dumps({"model": SHAPE, "manifest_sha256": "0" * 64}))
    (folder / "trainer.json").write_text(json.dumps({"world_size": 2, "zero_stage": 1, "state": {}}))
    fitting = {
        "model": ModelConfig(**SHAPE),
        "manifest_sha256": "0" * 64,
        "tokenizer_sha256": "",
        "zero_stage": 1,
    }

    assert Checkpoints(tmp_path, keep_last=3, **fitting, layout=Layout(0, 1)).latest() is not None
    with pytest.raises(CheckpointError, match="was written with expert_parallel 1"):
        Checkpoints(tmp_path, keep_last=3, **fitting, layout=Layout(0, 2, 1, 2)).latest()
