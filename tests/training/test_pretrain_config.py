"""Settings of pretraining: what cannot work is refused with its reason, and DeepSpeed's dictionary is as reviewed.

`python tests/training/test_pretrain_config.py` writes the golden files anew.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memory_source import vocabulary
from pydantic import ValidationError

from jobs.config import load_config
from training.config import PretrainConfig, ScheduleSettings
from training.deepspeed import accumulation_steps, settings
from training.layout import WorldSizeError
from training.presets import preset
from training.schedule import learning_rate_share
from training.source import stream_config

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
MODEL = {"vocab_size": 64, "hidden_size": 8, "intermediate_size": 16, "num_heads": 2, "num_layers": 1}
DATA = {"shards": "s", "tokenizer": "t"}
PIPELINE = {"model": {**MODEL, "num_layers": 2}, "pipeline_stages": 2}
EXPERTS = {"model": {**MODEL, "num_experts": 4}, "expert_parallel": 2}
NVME = {"offload": "nvme", "nvme_path": "/scratch"}
# Of each golden file: the settings of ZeRO, the device, and what else is set.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    f"stage-{stage}-{offload}-{device}": ({"stage": stage, "offload": offload}, device, {})
    for stage in (1, 2, 3)
    for offload in ("none", "cpu")
    for device in ("cpu", "cuda")
} | {
    "stage-3-nvme-cpu": ({"stage": 3, **NVME}, "cpu", {}),
    "stage-3-nvme-cuda": ({"stage": 3, **NVME}, "cuda", {}),
    "stage-3-nvme-parameters-cuda": ({"stage": 3, "offload_parameters": True, **NVME}, "cuda", {}),
    "stage-1-pipeline-cpu": ({"stage": 1}, "cpu", PIPELINE),
    "stage-1-pipeline-cuda": ({"stage": 1}, "cuda", PIPELINE),
    "stage-2-experts-cuda": ({"stage": 2}, "cuda", EXPERTS),
}


def config(**changes: Any) -> PretrainConfig:
    return PretrainConfig.model_validate(
        {"run_dir": "r", "data": DATA, "model": MODEL, "steps": 100, **changes}
    )


def derived(name: str) -> dict[str, Any]:
    zero, device, changes = CASES[name]
    return settings(config(zero=zero, **changes), world_size=4, device=device)


@pytest.mark.parametrize("name", CASES)
def test_deepspeeds_dictionary_is_that_of_the_golden_file(name: str) -> None:
    assert derived(name) == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_golden_file_is_used() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CASES)


def test_fp32_leaves_bf16_out_and_a_universal_checkpoint_is_asked_for() -> None:
    values = settings(config(precision="fp32"), world_size=1, device="cpu", universal=True)

    assert "bf16" not in values
    assert values["checkpoint"] == {"load_universal": True}


def test_a_preset_is_a_shape_of_which_parts_may_be_said_otherwise() -> None:
    model = config(model={"preset": "student-17m", "vocab_size": 8064}).model

    assert model.architecture() == replace(preset("student-17m").config, vocab_size=8064)
    # What is written down for a run reads as the same settings.
    assert config(model=model.model_dump(mode="json")).model == model


def test_what_a_stream_is_asked_for_follows_from_the_settings() -> None:
    chosen = config(
        data={
            **DATA,
            "mode": "bucketed",
            "seq_len": 64,
            "replay": [{"name": "web", "shards": "w", "share": 0.2}],
        },
        global_batch_tokens=12_288,
        micro_batch_tokens=4_096,
        seed=3,
    )

    stream = stream_config(chosen, vocabulary())

    assert (stream.mode, stream.seq_len, stream.batch_tokens, stream.batch_multiple) == (
        "bucketed",
        64,
        12_288,
        3,
    )
    assert stream.window_documents == 8_193  # a multiple of 3
    assert (stream.end_id, stream.pad_id, stream.seed) == (2, 0, 3)
    assert stream.replay[0].share == 0.2
    assert stream_config(config(), vocabulary()).batch_sequences == 256


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": {"preset": "3b"}}, "there is no preset '3b'; choose one of tiny"),
        ({"model": {"preset": "1b", "num_heads": 3}}, "must be an even multiple of num_heads 3"),
        ({"data": {**DATA, "alpha_end": 0.5}}, "alpha_end and anneal_tokens go together"),
        ({"data": {**DATA, "alpha_end": 0.5, "anneal_tokens": 9}}, "alpha_end needs alpha"),
        (
            {"data": {**DATA, "replay": [{"name": n, "shards": "s", "share": 0.5} for n in "ab"]}},
            "the shares of replay come to 1",
        ),
        ({"zero": {"stage": 0}}, "stage 0 takes a first step that is too small in bf16"),
        ({"zero": {"stage": 4}}, "less than or equal to 3"),
        ({"zero": {"stage": 2, **NVME}}, "nvme works on the shards of stage 3"),
        ({"zero": {"stage": 3, "offload": "nvme"}}, "nvme and nvme_path go together"),
        ({"zero": {"stage": 1, "nvme_path": "/scratch"}}, "nvme and nvme_path go together"),
        (
            {"zero": {"stage": 2, "offload": "cpu", "offload_parameters": True}},
            "offload_parameters needs stage 3",
        ),
        ({"zero": {"stage": 3, "offload_parameters": True}}, "offload_parameters needs stage 3"),
        ({"precision": "fp16"}, "fp16 needs loss scaling on GPUs and is not supported on CPUs"),
        ({"micro_batch_tokens": 1000}, "micro_batch_tokens 1000 is not a multiple of data.seq_len 512"),
        (
            {"global_batch_tokens": 10_000},
            "global_batch_tokens 10000 is not a multiple of micro_batch_tokens 8192",
        ),
        ({"data": {**DATA, "seq_len": 1024}}, "data.seq_len 1024 is more than model.max_positions 512"),
        ({"objective": {"kind": "denoising"}}, "objective denoising does not fit 0 decoder layers"),
        ({"model": {**MODEL, "num_decoder_layers": 1}}, "objective masked does not fit 1 decoder layers"),
        ({"model": {**MODEL, "num_heads": 3}}, "must be an even multiple of num_heads"),
        ({"model": {**MODEL, "num_experts": 2, "num_chosen_experts": 3}}, "must be at most num_experts 2"),
        (
            {"objective": {"kind": "masked", "mask_share": 0.8, "random_share": 0.3}},
            "must not exceed 1 together",
        ),
        ({"objective": {"kind": "unilm", "bidirectional": 0.8, "prefix": 0.3}}, "must not exceed 1 together"),
        ({"schedule": {"kind": "wsd"}}, "decay_steps is the length of wsd's fall"),
        ({"schedule": {"kind": "linear", "decay_steps": 5}}, "decay_steps is the length of wsd's fall"),
        ({"schedule": {"warmup_steps": 101}}, "make 101 steps, more than the 100 of the training"),
        ({"pipeline_stages": 0}, "greater than or equal to 1"),
        (
            {"pipeline_stages": 2, "zero": {"stage": 2}},
            "pipeline_stages 2 does not go with zero.stage 2: from 2 on, gradients leave their rank",
        ),
        (
            {"pipeline_stages": 2},
            "pipeline_stages 2 is more than model.num_layers 1; every stage has a block",
        ),
        (
            {
                "pipeline_stages": 2,
                "model": {**MODEL, "num_layers": 2, "num_decoder_layers": 2},
                "objective": {"kind": "denoising"},
            },
            "pipeline_stages 2 does not go with 2 decoder layers: each needs the encoder's output",
        ),
        (
            {"pipeline_stages": 2, "model": {**MODEL, "num_layers": 2, "num_experts": 4}},
            "pipeline_stages 2 does not go with 4 experts: their balance loss",
        ),
        ({"expert_parallel": 2}, "expert_parallel 2 divides experts, but model.num_experts is 0"),
        (
            {"expert_parallel": 3, "model": {**MODEL, "num_experts": 4}},
            "expert_parallel 3 does not divide model.num_experts 4; every rank has as many",
        ),
        (
            {"expert_parallel": 2, "model": {**MODEL, "num_experts": 4}, "zero": {"stage": 3}},
            "expert_parallel 2 does not go with zero.stage 3, which spreads every parameter over all ranks",
        ),
        ({"tensor_parallel": 2}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        config(**changes)


def test_ranks_that_do_not_divide_the_batch_are_refused_with_the_numbers() -> None:
    with pytest.raises(
        WorldSizeError, match=r"3 ranks do not divide .* 131072 are 16 micro-batches of 8192 tokens"
    ):
        accumulation_steps(config(), 3)


@pytest.mark.parametrize("setting", ["pipeline_stages", "expert_parallel"])
def test_ranks_that_are_no_multiple_of_what_the_model_is_divided_into_are_refused(setting: str) -> None:
    model = {**MODEL, "num_layers": 2} | ({"num_experts": 4} if setting == "expert_parallel" else {})

    with pytest.raises(WorldSizeError, match=f"3 ranks are not a multiple of {setting} 2; start a multiple"):
        accumulation_steps(config(model=model, **{setting: 2}), 3)


def test_the_ranks_of_a_stage_that_do_not_divide_the_batch_are_refused_with_the_numbers() -> None:
    with pytest.raises(WorldSizeError, match=r"3 ranks of each stage do not divide the global batch"):
        accumulation_steps(config(model={**MODEL, "num_layers": 2}, pipeline_stages=2), 6)


def test_accumulation_makes_up_for_the_ranks() -> None:
    assert [accumulation_steps(config(), ranks) for ranks in (1, 2, 16)] == [16, 8, 1]


def test_the_stages_of_a_pipeline_have_the_same_micro_batches() -> None:
    divided = config(model={**MODEL, "num_layers": 2}, pipeline_stages=2)

    assert [accumulation_steps(divided, ranks) for ranks in (2, 4, 32)] == [16, 8, 1]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"kind": "constant", "warmup_steps": 2}, [0.5, 1, 1, 1, 1, 1]),
        ({"kind": "linear", "warmup_steps": 2}, [0.5, 1, 0.75, 0.5, 0.25, 0]),
        ({"kind": "cosine", "warmup_steps": 2}, [0.5, 1, 0.853553, 0.5, 0.146447, 0]),
        ({"kind": "wsd", "warmup_steps": 1, "decay_steps": 2, "final_share": 0.5}, [1, 1, 1, 1, 0.75, 0.5]),
    ],
)
def test_learning_rates_rise_and_fall_as_the_kind_says(
    schedule: dict[str, Any], expected: list[float]
) -> None:
    shares = [learning_rate_share(step, 6, ScheduleSettings.model_validate(schedule)) for step in range(1, 7)]

    assert shares == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "path",
    sorted(
        set((ROOT / "configs/training").glob("*.yaml")) - set((ROOT / "configs/training").glob("search*"))
    ),
    ids=lambda path: path.name,
)
def test_every_configuration_of_the_project_loads(path: Path) -> None:
    assert load_config(str(path), ["steps=400"], PretrainConfig).steps == 400


if __name__ == "__main__":
    for case in CASES:
        (GOLDEN / f"{case}.json").write_text(json.dumps(derived(case), indent=2) + "\n", encoding="utf-8")
