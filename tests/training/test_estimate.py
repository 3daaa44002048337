"""The estimator: published costs, sizes that fit, memory beside measured peaks, and what it refuses."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.architecture import ModelConfig
from training.estimate import (
    GPUS,
    USABLE,
    EstimateError,
    Memory,
    Setup,
    days,
    flops_per_token,
    gpu_hours,
    gpus_for,
    largest_micro_batch,
    memory,
)
from training.presets import PRESETS, preset

TRAINED = 6 * 9.7e9 * 900e9  # operations of a model of 9.7 B on 900 B tokens, by the 6 N D rule


@pytest.mark.parametrize(("tflops", "dollars"), [(51.76, 272_000), (123.72, 116_000)])
def test_the_published_costs_come_out_within_two_percent(tflops: float, dollars: float) -> None:
    assert gpu_hours(TRAINED, tflops=tflops) * 0.977 == pytest.approx(dollars, rel=0.02)


def test_the_faster_run_takes_less_than_thirty_days_on_the_gpus_it_implies() -> None:
    hours = gpu_hours(TRAINED, tflops=123.72)

    gpus = gpus_for(hours, within_days=30)

    assert gpus == 164
    assert days(hours, num_gpus=gpus) < 30
    assert days(hours, num_gpus=gpus - 1) > 30


def config(hidden: int, intermediate: int, layers: int, vocabulary: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_heads=hidden // 64,
        num_layers=layers,
    )


# Peaks of torch's allocator in MB, from benchmarks/bench_estimate.py.
@pytest.mark.parametrize(
    ("shape", "tokens", "recompute", "megabytes"),
    [
        ((256, 704, 4, 4096), 2048, False, 163.4),
        ((512, 1408, 6, 8192), 512, False, 617.2),
        ((384, 1024, 4, 32768), 4096, False, 760.8),
        ((256, 704, 8, 4096), 8192, True, 270.5),
        ((320, 896, 5, 16384), 3072, False, 457.6),
        ((448, 1216, 3, 24576), 6144, False, 802.1),
        ((192, 512, 6, 8192), 12288, True, 285.1),
    ],
)
def test_predicted_memory_is_within_ten_percent_of_measured_peaks(
    shape: tuple[int, int, int, int], tokens: int, recompute: bool, megabytes: float
) -> None:
    setup = Setup(
        micro_batch_tokens=tokens, segment_tokens=128, checkpoint_activations=recompute, on_cpu=True
    )

    assert memory(config(*shape), setup).peak / 1e6 == pytest.approx(megabytes, rel=0.1)


# 2 P, 2 P or 2 P / 8, and 12 P / 8 of 9.753 B; with stage 3 the weights are 2 P / 8, and 4 bytes for each parameter of
# the largest layer, the embedding of 629 M.
@pytest.mark.parametrize(
    ("stage", "weights", "gradients", "optimizer"),
    [(1, 19.51, 19.51, 14.63), (2, 19.51, 2.44, 14.63), (3, 4.955, 2.44, 14.63)],
)
def test_states_of_the_9_7b_on_eight_gpus(
    stage: int, weights: float, gradients: float, optimizer: float
) -> None:
    found = memory(preset("9.7b").config, Setup(num_gpus=8, zero_stage=stage))

    in_gb = [size / 1e9 for size in (found.weights, found.gradients, found.optimizer)]
    assert in_gb == pytest.approx([weights, gradients, optimizer], abs=0.01)


@pytest.mark.parametrize(
    ("moment", "sizes", "peak"),
    [
        ("loss", {"activations": 50, "head": 20, "working": 5, "buckets": 3}, 100 + 70),
        ("start of the backward pass", {"activations": 50, "head": 9, "working": 7, "buckets": 3}, 100 + 60),
        ("end of the backward pass", {"gradients": 40, "working": 7, "buckets": 3}, 100 + 50),
        ("step", {"gradients": 40, "step": 20, "activations": 50}, 100 + 60),
    ],
)
def test_the_peak_is_at_the_worst_moment(moment: str, sizes: dict[str, float], peak: float) -> None:
    nothing = dict.fromkeys(("gradients", "buckets", "step", "activations", "head", "working"), 0.0)

    found = Memory(weights=30, optimizer=70, host=1000, **nothing | sizes)

    assert found.peak == peak


def test_a_block_keeps_16_h_and_8_f_bytes_a_token() -> None:
    shallow, deep = config(1024, 2048, 1, 1000), config(1024, 2048, 2, 1000)
    setup = Setup(micro_batch_tokens=1000)

    more = memory(deep, setup).activations - memory(shallow, setup).activations

    # 16 · 1024 + 8 · 2048 = 32,768, and 80 for the statistics of two norms and 16 heads.
    assert more / 1000 == 32_848


def test_the_9_7b_fits_into_eight_h200_without_offloading_and_not_into_a_100_40() -> None:
    whole = Setup(num_gpus=8, checkpoint_activations=True)

    assert largest_micro_batch(preset("9.7b").config, whole, GPUS["h200"]) is not None
    assert largest_micro_batch(preset("9.7b").config, whole, GPUS["a100-40"]) is None


@given(
    st.sampled_from(sorted(PRESETS)),
    st.sampled_from(sorted(GPUS)),
    st.sampled_from([(1, "none"), (2, "none"), (3, "none"), (2, "optimizer"), (3, "all")]),
    st.booleans(),
    st.integers(1, 512),
)
def test_the_largest_micro_batch_fits_and_one_segment_more_does_not(
    name: str, gpu: str, kind: tuple[int, str], recompute: bool, num_gpus: int
) -> None:
    stage, offload = kind
    setup = Setup(num_gpus, 1, 128, stage, offload, recompute)
    room = USABLE * GPUS[gpu].memory_bytes

    found = largest_micro_batch(preset(name).config, setup, GPUS[gpu])

    tokens = found[0] if found else 0
    assert tokens % 128 == 0
    assert found is None or found[1] == memory(preset(name).config, replace(setup, micro_batch_tokens=tokens))
    assert found is None or found[1].peak <= room
    assert memory(preset(name).config, replace(setup, micro_batch_tokens=tokens + 128)).peak > room


@given(st.sampled_from(sorted(PRESETS)), st.integers(1, 3), st.integers(1, 100), st.integers(1, 10**6))
def test_memory_never_grows_with_gpus_and_never_shrinks_with_tokens(
    name: str, stage: int, num_gpus: int, tokens: int
) -> None:
    setup = Setup(num_gpus, tokens, 128, stage)

    found = memory(preset(name).config, setup)

    assert memory(preset(name).config, replace(setup, num_gpus=num_gpus + 1)).peak <= found.peak
    more = memory(preset(name).config, replace(setup, micro_batch_tokens=tokens + 128))
    assert more.activations > found.activations
    assert more.peak >= found.peak


def test_offloading_moves_states_to_the_host() -> None:
    here = memory(preset("9.7b").config, Setup(num_gpus=8, zero_stage=2))
    there = memory(preset("9.7b").config, Setup(num_gpus=8, zero_stage=2, offload="optimizer"))

    assert (here.host, there.optimizer, there.step) == (0, 0, 0)
    # DeepSpeed's formula for one node of eight: 32 bytes per parameter, and half as much again.
    assert there.host / 1e9 == pytest.approx(9.753 * 32 * 1.5, rel=1e-3)


def test_operations_of_an_encoder() -> None:
    found = flops_per_token(preset("1b").config, segment_tokens=512, target_share=0.15)

    # 6 · 702.0 M, 12 · 18 · 1792 · 512, 0.15 · 6 · 153,600 · 1792 and 0.15 · 6 · 1792².
    assert found / 1e9 == pytest.approx(4.2117 + 0.1982 + 0.2477 + 0.0029, abs=0.0005)


def test_operations_of_an_encoder_decoder() -> None:
    found = flops_per_token(preset("encdec-50m").config, segment_tokens=512, target_share=0.25)

    # Encoder 20.97 M, keys and values 8 · 2 · 512² = 4.19 M per token; the rest of the decoder, 25.17 M, for a quarter.
    # Attention: 12 · 8 · 512 · 512 · (1 + 1/16 + 1/4). Logits: a quarter of 6 · 78.64 M.
    expected = 6 * (20.972 + 4.194 + 25.166 / 4) + 25.166 * 1.3125 + 117.965
    assert found / 1e6 == pytest.approx(expected, rel=1e-3)


def test_a_chosen_expert_counts_and_an_idle_one_does_not() -> None:
    sparse = preset("tiny-experts").config

    one = flops_per_token(sparse, segment_tokens=64, target_share=0.15)
    two = flops_per_token(replace(sparse, num_chosen_experts=2), segment_tokens=64, target_share=0.15)
    more = flops_per_token(replace(sparse, num_experts=8), segment_tokens=64, target_share=0.15)

    assert two - one == 6 * 3 * 64 * 96
    assert more - one == 6 * 4 * 64  # four more rows of the router


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zero_stage": 0}, r"zero_stage must be 1, 2 or 3 \(got 0\)"),
        ({"offload": "all"}, "only ZeRO stage 3 offloads weights"),
        ({"num_gpus": 0}, "num_gpus must be at least 1"),
        ({"target_share": 0.0}, r"target_share must be in \(0, 1\]"),
    ],
)
def test_setups_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(EstimateError, match=message):
        Setup(**changes)


def test_hours_of_no_speed_are_refused() -> None:
    with pytest.raises(EstimateError, match="must be above 0"):
        gpu_hours(1e20, tflops=0)
