"""Settings of pretraining: what cannot work is refused with its reason, and DeepSpeed's dictionary is as reviewed.

`python tests/training/test_pretrain_config.py` writes the golden files anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.config import load_config
from training.config import PretrainConfig, ScheduleSettings
from training.deepspeed import WorldSizeError, accumulation_steps, settings
from training.schedule import learning_rate_share

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
MODEL = {"vocab_size": 64, "hidden_size": 8, "intermediate_size": 16, "num_heads": 2, "num_layers": 1}
DATA = {"shards": "s", "tokenizer": "t"}
NVME = {"offload": "nvme", "nvme_path": "/scratch"}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    f"stage-{stage}-{offload}-{device}": ({"stage": stage, "offload": offload}, device)
    for stage in (1, 2, 3)
    for offload in ("none", "cpu")
    for device in ("cpu", "cuda")
} | {
    "stage-3-nvme-cpu": ({"stage": 3, **NVME}, "cpu"),
    "stage-3-nvme-cuda": ({"stage": 3, **NVME}, "cuda"),
    "stage-3-nvme-parameters-cuda": ({"stage": 3, "offload_parameters": True, **NVME}, "cuda"),
}


def config(**changes: Any) -> PretrainConfig:
    return PretrainConfig.model_validate(
        {"run_dir": "r", "data": DATA, "model": MODEL, "steps": 100, **changes}
    )


def derived(name: str) -> dict[str, Any]:
    zero, device = CASES[name]
    return settings(config(zero=zero), world_size=4, device=device)


@pytest.mark.parametrize("name", CASES)
def test_deepspeeds_dictionary_is_that_of_the_golden_file(name: str) -> None:
    assert derived(name) == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_golden_file_is_used() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CASES)


def test_fp32_leaves_bf16_out_and_a_universal_checkpoint_is_asked_for() -> None:
    values = settings(config(precision="fp32"), world_size=1, device="cpu", universal=True)

    assert "bf16" not in values
    assert values["checkpoint"] == {"load_universal": True}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
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
        ({"pipeline_stages": 2}, "Extra inputs are not permitted"),
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


def test_accumulation_makes_up_for_the_ranks() -> None:
    assert [accumulation_steps(config(), ranks) for ranks in (1, 2, 16)] == [16, 8, 1]


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
