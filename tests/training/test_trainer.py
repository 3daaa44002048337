"""Trainings on two ranks: equal under every ZeRO stage, exact after a kill, and not led astray by bad steps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from launched import launch, lines, losses, succeeded, weights
from memory_source import ROWS, MemorySource, vocabulary
from memory_source import settings as small
from torch.nn.utils import clip_grad_norm_

from training.checkpoint import CheckpointError, Checkpoints
from training.config import SpikeSettings
from training.engine import parameter_groups
from training.initialise import initialise
from training.layout import Layout
from training.micro_batches import micro_batches
from training.model import build
from training.trained import checkpoint_in, first_weights
from training.trainer import is_spike

GOLDEN = Path(__file__).parent / "golden" / "losses.txt"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs: most in one launch, those that are killed and that go on in three more."""
    folder = tmp_path_factory.mktemp("runs")
    succeeded(launch(folder, "plain", "second", "first", "nan", "spike", "stop", "no_space"))
    assert launch(folder, "killed").returncode != 0
    succeeded(launch(folder, "after_kill"))
    succeeded(launch(folder, "go_on", "overfit", "variants", ranks=1))
    return folder


@pytest.mark.parametrize("stage", [2, 3])
def test_every_zero_stage_has_the_same_losses(runs: Path, stage: int) -> None:
    assert len(losses(runs / "stage-1")) == 10
    assert losses(runs / f"stage-{stage}") == pytest.approx(losses(runs / "stage-1"), abs=1e-5)


def test_losses_of_ten_steps_are_those_of_the_golden_file(runs: Path) -> None:
    golden = {int(step): float(loss) for step, loss in map(str.split, GOLDEN.read_text().splitlines())}

    assert losses(runs / "stage-1") == pytest.approx(golden, abs=1e-4)


def test_the_first_update_is_that_of_torch_adamw_on_the_whole_batch(runs: Path) -> None:
    config = small("nowhere")
    shape = config.model.architecture()
    model = build(shape)
    initialise(model, shape, seed=0)
    batch = next(MemorySource(0, 1).read(None))
    (whole,) = micro_batches(batch, 1, config.objective, vocabulary(), seed=0)
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and name != "embedding.weight"]
    others = [p for name, p in model.named_parameters() if p.ndim == 1 or name == "embedding.weight"]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-8)

    model(*whole.arguments).nats.backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

    updated = weights(runs / "first", 1)
    assert updated.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(updated[name], parameter.detach(), atol=2e-5, rtol=0)


@pytest.mark.parametrize("stage", [1, 3])
def test_a_second_stage_begins_with_the_weights_of_the_first(runs: Path, stage: int) -> None:
    ended = weights(runs / "stage-2", 10)
    model = build(small("nowhere").model.architecture())
    model.load_state_dict(ended)
    nats = {"de": 0.0, "en": 0.0}
    targets = {"de": 0, "en": 0}
    for locale, batch in MemorySource(0, 1).validation(2):
        (whole,) = micro_batches(batch, 1, small("nowhere").objective, vocabulary(), seed=0)
        nats[locale] += model(*whole.arguments).nats.item() * whole.num_targets
        targets[locale] += whole.num_targets

    begun = runs / f"second-{stage}"

    for name, tensor in weights(begun, 0).items():
        assert torch.equal(tensor, ended[name])
    told = lines(begun, "validation")
    assert [line["step"] for line in told] == [0, 2]
    expected = {locale: nats[locale] / targets[locale] for locale in nats}
    assert told[0]["loss_nats_by_locale"] == pytest.approx(expected, abs=1e-5)
    (start,) = lines(begun, "start")
    assert start["started_from"] == str(runs / "stage-2" / "checkpoints" / "step-00000010")
    assert set(losses(begun)) == {1, 2}


def test_first_weights_may_be_of_a_run_or_of_one_of_its_checkpoints(runs: Path) -> None:
    shape = small("nowhere").model.architecture()
    run = runs / "stage-1"

    newest, read = first_weights(str(run), replace(shape, max_positions=1024), "")
    older, _ = first_weights(str(run / "checkpoints" / "step-00000005"), shape, "")

    assert (newest.name, older.name) == ("step-00000010", "step-00000005")
    assert torch.equal(read("head.bias"), weights(run, 10)["head.bias"])


@pytest.mark.parametrize(
    ("place", "layers", "tokenizer", "sentence"),
    [
        ("nothing", 2, "", "nothing is neither a checkpoint nor a run with one"),
        ("stage-1", 3, "", "of a model of another shape: num_layers 2, not 3; set model to its shape"),
        ("stage-1", 2, "5e1f", "with a tokeniser whose SHA-256 is , but this one has 5e1f"),
    ],
)
def test_first_weights_that_do_not_fit_are_refused(
    runs: Path, place: str, layers: int, tokenizer: str, sentence: str
) -> None:
    shape = replace(small("nowhere").model.architecture(), num_layers=layers)

    with pytest.raises(CheckpointError, match=sentence):
        first_weights(str(runs / place), shape, tokenizer)


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ("[]", "is not a checkpoint of this project"),
        ('{"model_type": "modernbert"}', "an exported model cannot be gone on from"),
        ("{", "is neither a checkpoint nor a run with one"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path, described: str, sentence: str) -> None:
    (tmp_path / "config.json").write_text(described)

    with pytest.raises(CheckpointError, match=sentence):
        checkpoint_in(str(tmp_path))


def test_weights_that_were_cut_off_are_refused(runs: Path, tmp_path: Path) -> None:
    whole = runs / "stage-1/checkpoints/step-00000010"
    (tmp_path / "config.json").write_bytes((whole / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:-100])

    with pytest.raises(
        CheckpointError, match=r"model.safetensors cannot be read .*; choose another checkpoint"
    ):
        first_weights(str(tmp_path), small("nowhere").model.architecture(), "")


def test_after_kill_9_a_training_ends_in_the_same_bits(runs: Path) -> None:
    ended, whole = (runs / run / "checkpoints" / "step-00000010" for run in ("killed", "stage-1"))

    assert len(lines(runs / "killed", "start")) == 2
    assert (ended / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    for rank in (0, 1):
        name = f"deepspeed/zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        mine, theirs = (torch.load(folder / name, weights_only=False) for folder in (ended, whole))
        moments = [
            each["optimizer_state_dict"]["base_optimizer_state"]["state"][0]["exp_avg_sq"]
            for each in (mine, theirs)
        ]
        assert torch.equal(*moments)
    assert losses(runs / "killed") == losses(runs / "stage-1")


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_sigterm_on_one_rank_stops_all_with_a_checkpoint_and_one_rank_goes_on_with_it(
    runs: Path, stage: int
) -> None:
    run = runs / f"stop-{stage}"

    assert [line["step"] for line in lines(run, "stop")] == [5]
    assert [line["world_size"] for line in lines(run, "start")] == [2, 1]
    assert losses(run) == pytest.approx(losses(runs / "stage-1"), abs=1e-5)
    assert len(lines(run, "step")) == 10


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_nan_on_one_rank_is_left_out_on_all_and_counted(runs: Path, stage: int, precision: str) -> None:
    run = runs / f"nan-{stage}-{precision}"

    assert [(line["step"], line["skipped_steps"]) for line in lines(run, "skip")] == [(3, 1)]
    assert sorted(losses(run)) == [1, 2, 4, 5, 6]
    assert all(value.isfinite().all() for value in weights(run, 6).values())


def test_a_step_that_is_left_out_changes_nothing(runs: Path) -> None:
    # The same steps and rates, but for the one that was left out: the loss of step 3 is taken before its update.
    assert losses(runs / "nan-1-fp32")[2] == pytest.approx(losses(runs / "stage-1")[2], abs=1e-6)
    assert lines(runs / "nan-1-fp32", "step")[-1]["skipped_steps"] == 1


def test_too_many_steps_in_a_row_that_are_not_finite_end_the_training_on_all_ranks(runs: Path) -> None:
    sentences = [(runs / f"error-{rank}.txt").read_text() for rank in (0, 1)]

    assert sentences[0] == sentences[1]
    assert sentences[0].startswith("3 steps in a row had a loss or gradient that is not finite")


@pytest.mark.parametrize("stage", [2, 3])
def test_a_spike_takes_the_training_back_and_its_data_is_left_out_and_recorded(
    runs: Path, stage: int
) -> None:
    run = runs / f"spikes-{stage}"
    # Step 14 is the spike; the last checkpoint is of step 10, and one batch before the spike goes with it.
    assert json.loads((run / "spike.json").read_text()) == [1, [[96, 112]], {"sample": 176}]
    (told,) = lines(run / "spike", "spike")
    assert (told["step"], told["back_to_step"], told["skipped_samples"]) == (13, 10, [96, 112])
    trainer = json.loads((run / "spike/checkpoints/step-00000020/trainer.json").read_text())
    assert trainer["state"]["skipped_samples"] == [[96, 112]]


@pytest.mark.parametrize("stage", [2, 3])
def test_after_a_spike_a_training_is_what_it_is_without_that_data(runs: Path, stage: int) -> None:
    run = runs / f"spikes-{stage}"

    assert losses(run / "spike") == losses(run / "without")
    assert len(losses(run / "without")) == 20


def test_one_batch_is_learnt_by_heart(runs: Path) -> None:
    assert losses(runs / "overfit")[1] > 4
    assert losses(runs / "overfit")[200] < 0.1


@pytest.mark.parametrize("name", ["activations", "one-micro-batch", "offload-1", "offload-2", "offload-3"])
def test_what_saves_memory_or_divides_the_work_changes_no_loss(runs: Path, name: str) -> None:
    assert losses(runs / name) == pytest.approx(losses(runs / "stage-1"), abs=1e-5)


def test_bf16_is_close_to_fp32(runs: Path) -> None:
    assert losses(runs / "bf16") == pytest.approx(losses(runs / "stage-1"), abs=0.02)


@pytest.mark.parametrize("name", ["experts", "denoising", "unilm"])
def test_other_objectives_and_experts_train(runs: Path, name: str) -> None:
    # The logarithm of 64 pieces is 4.16: what a model says that knows nothing.
    assert losses(runs / name)[1] == pytest.approx(4.16, abs=0.1)
    assert losses(runs / name)[40] < 3.8
    assert lines(runs / name, "skip") == []


def test_the_validation_loss_is_the_mean_over_the_targets_of_each_locale(runs: Path) -> None:
    config = small("nowhere", objective={"kind": "unilm"})
    model = build(config.model.architecture())
    model.load_state_dict(weights(runs / "unilm", 40))
    nats = {"de": 0.0, "en": 0.0}
    targets = {"de": 0, "en": 0}
    for locale, batch in MemorySource(0, 1).validation(2):
        (whole,) = micro_batches(batch, 1, config.objective, vocabulary(), seed=0)
        nats[locale] += float(model(*whole.arguments).nats.detach()) * whole.num_targets
        targets[locale] += whole.num_targets

    (line,) = lines(runs / "unilm", "validation")

    assert line["step"] == 40
    expected = {locale: nats[locale] / targets[locale] for locale in nats}
    assert line["loss_nats_by_locale"] == pytest.approx(expected, abs=1e-4)
    assert abs(expected["de"] - expected["en"]) > 1e-3


def test_a_full_disk_is_told_on_all_ranks_and_the_last_checkpoint_stays(runs: Path) -> None:
    sentences = [(runs / f"no-space-{rank}.txt").read_text() for rank in (0, 1)]
    folder = runs / "no-space" / "checkpoints"

    assert sentences[0] == sentences[1]
    assert "the checkpoint step-00000005" in sentences[0]
    assert "GB are free" in sentences[0]
    assert sorted(path.name for path in folder.iterdir()) == ["latest", "step-00000000"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"model": replace(small("nowhere").model.architecture(), num_layers=3)},
            "is of a model of another shape",
        ),
        ({"manifest_sha256": "1" * 64}, "was trained on shards whose manifest has the SHA-256 0000"),
        ({"zero_stage": 2}, "was written under ZeRO stage 1; set zero.stage to that"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(runs: Path, change: dict[str, Any], sentence: str) -> None:
    fitting = {
        "model": small("nowhere").model.architecture(),
        "manifest_sha256": "0" * 64,
        "tokenizer_sha256": "",
        "zero_stage": 1,
        "layout": Layout(0, 2),
    }
    assert Checkpoints(runs / "stage-1", keep_last=3, **fitting).latest() is not None

    with pytest.raises(CheckpointError, match=sentence):
        Checkpoints(runs / "stage-1", keep_last=3, **{**fitting, **change}).latest()


def test_a_pointer_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "latest").write_text("step-00000007\n")
    shape = small("nowhere").model.architecture()

    fitting: dict[str, Any] = {
        "manifest_sha256": "0" * 64,
        "tokenizer_sha256": "",
        "zero_stage": 1,
        "layout": Layout(0, 1),
    }

    with pytest.raises(CheckpointError, match="names step-00000007, which cannot be read"):
        Checkpoints(tmp_path, keep_last=3, model=shape, **fitting).latest()


def test_only_the_last_checkpoints_stay_and_the_pointer_names_the_newest(runs: Path) -> None:
    folder = runs / "spikes-2" / "spike" / "checkpoints"

    assert sorted(path.name for path in folder.iterdir()) == [
        "latest",
        "step-00000010",
        "step-00000015",
        "step-00000020",
    ]
    assert (folder / "latest").read_text() == "step-00000020\n"


def test_metrics_name_speed_and_leave_out_what_a_cpu_does_not_have(runs: Path) -> None:
    line = lines(runs / "stage-1", "step")[-1]

    assert line["tokens"] == 10 * ROWS * 16
    assert line["tokens_per_s"] == pytest.approx(128 / line["step_s"])
    assert line["model_tflops_per_device"] > 0
    assert (line["mfu"], line["cost_dollars"]) == (None, None)


SPIKES = SpikeSettings(window_steps=10, threshold_z=3.0, min_rise_nats=0.5)


@pytest.mark.parametrize(
    ("loss", "before", "expected"),
    [
        (9.0, [2.0] * 9, False),  # the window is not full
        (2.6, [2.0] * 10, True),
        (2.4, [2.0] * 10, False),  # any number of deviations, but little
        (3.0, [1.0, 3.0] * 5, False),  # one deviation
        (5.1, [1.0, 3.0] * 5, True),  # mean 2, deviation 1
        (float("nan"), [2.0] * 10, False),  # for the other guard
    ],
)
def test_a_spike_stands_out_in_deviations_and_in_nats(
    loss: float, before: list[float], expected: bool
) -> None:
    assert is_spike(loss, before, SPIKES) is expected


def test_norms_biases_and_embeddings_are_not_decayed() -> None:
    model = build(small("nowhere").model.architecture())
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    decayed, free = parameter_groups(model, 0.1)

    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert {names[id(p)].split(".")[-2] for p in decayed["params"]} == {"qkv", "out", "gated", "dense"}
    assert sorted(names[id(p)] for p in free["params"]) == [
        "embedding.weight",
        "encoder.blocks.0.feed_forward_norm.weight",
        "encoder.blocks.1.attention_norm.weight",
        "encoder.blocks.1.feed_forward_norm.weight",
        "encoder.embedding_norm.weight",
        "encoder.final_norm.weight",
        "head.bias",
        "head.norm.weight",
    ]
