"""The tuner: the order of its search, the choice, and one search in real processes."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.config import load_config
from jobs.launch import failure
from jobs.tune import fingerprint, main
from training.config import PretrainConfig
from training.micro_batches import micro_batches
from training.rehearsal import RandomSource, vocabulary_of
from training.trainer import Trainer
from training.tune import (
    Candidate,
    Measured,
    Outcome,
    TuneConfig,
    best,
    fits_batch,
    predicted_bytes,
    rehearsal,
    row,
    search,
    with_candidate,
)

GIVEN: dict[str, Any] = {
    "run_dir": "r",
    "data": {"shards": "s", "tokenizer": "t", "seq_len": 16},
    "model": {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "num_layers": 1,
    },
    "schedule": {"warmup_steps": 3},
    "steps": 10,
    "global_batch_tokens": 128,
    "micro_batch_tokens": 32,
    "zero": {"offload": "cpu"},
    "validation": {"every_steps": 5},
}
WIDE, NARROW = Candidate(1, False, False, 64), Candidate(2, True, False, 16)


def config(**changes: Any) -> TuneConfig:
    return TuneConfig.model_validate({**GIVEN, **changes})


def measured(tokens_per_s: float, peak_bytes: int = 10) -> Measured:
    return Measured(tokens_per_s, 0.5, 1.5, None, peak_bytes, "cpu")


def searched(speeds: dict[tuple[int, bool, bool, int], float], **changes: Any) -> list[tuple[Any, ...]]:
    """Candidates in the order they are measured in; those without a speed fail."""

    def measure(candidate: Candidate) -> Outcome:
        speed = speeds.get(shape(candidate))
        return Outcome(candidate, None, "failed") if speed is None else Outcome(candidate, measured(speed))

    return [shape(outcome.candidate) for outcome in search(config(**changes), measure)]


def shape(candidate: Candidate) -> tuple[int, bool, bool, int]:
    return (
        candidate.zero_stage,
        candidate.checkpoint_activations,
        candidate.compile,
        candidate.micro_batch_tokens,
    )


def test_micro_batches_double_while_speed_rises_and_others_begin_with_the_best_and_compilation_comes_last() -> (
    None
):
    speeds = {
        (1, False, False, 16): 100.0,
        (1, False, False, 32): 150.0,
        (1, False, False, 64): 151.0,  # a gain below two percent
        (1, True, False, 32): 120.0,
        (1, True, False, 64): 160.0,
        (1, True, False, 128): 200.0,
        (1, True, True, 128): 220.0,
    }

    order = searched(speeds, tune={"zero_stages": [1, 2]})

    assert order == [
        (1, False, False, 16),
        (1, False, False, 32),
        (1, False, False, 64),
        (1, True, False, 32),
        (1, True, False, 64),
        (1, True, False, 128),  # the whole global batch
        (2, False, False, 128),
        (2, True, False, 128),
        (1, True, True, 128),
    ]


def test_a_failed_candidate_ends_its_climb_alone() -> None:
    speeds = {(2, True, False, 16): 90.0, (2, True, False, 32): 95.0, (3, False, False, 32): 50.0}

    order = searched(speeds, tune={"compile": [False]})

    assert order == [
        (1, False, False, 16),
        (1, True, False, 16),
        (2, False, False, 16),
        (2, True, False, 16),
        (2, True, False, 32),
        (2, True, False, 64),
        (3, False, False, 32),
        (3, False, False, 64),
        (3, True, False, 32),
    ]


SHAPES = [
    (stage, checkpointed, compiled, 16 * 2**power)
    for stage in (1, 2, 3)
    for checkpointed in (False, True)
    for compiled in (False, True)
    for power in range(4)
]


@given(st.dictionaries(st.sampled_from(SHAPES), st.floats(1, 1e9)))
def test_whatever_fails_each_candidate_is_measured_once_and_no_climb_goes_on_after_a_failure(
    speeds: dict[tuple[int, bool, bool, int], float],
) -> None:
    order = searched(speeds)

    assert len(order) == len(set(order)) <= 36
    assert set(order) <= set(SHAPES)
    for before, after in pairwise(order):
        is_one_climb = before[:3] == after[:3]
        assert not is_one_climb or (before in speeds and after[3] == 2 * before[3])


@given(st.lists(st.tuples(st.floats(1, 1e6), st.integers(1, 9)), min_size=1), st.floats(0, 0.5))
def test_the_best_is_as_fast_as_any_but_for_the_gain_and_none_such_takes_less_memory(
    runs: list[tuple[float, int]], min_gain: float
) -> None:
    outcomes = [Outcome(WIDE, measured(speed, peak)) for speed, peak in runs]

    found = best([Outcome(NARROW, None, "failed"), *outcomes], min_gain=min_gain)

    assert found is not None
    assert found.measured is not None
    fastest = max(speed for speed, _ in runs)
    assert found.measured.tokens_per_s * (1 + min_gain) >= fastest * (1 - 1e-12)
    less = [speed for speed, peak in runs if peak < found.measured.peak_bytes]
    assert all(speed * (1 + min_gain) <= fastest * (1 + 1e-12) for speed in less)


def test_nothing_is_best_where_nothing_ran() -> None:
    assert best([Outcome(WIDE, None, "out of memory")], min_gain=0.02) is None


@pytest.mark.parametrize(
    ("micro_batch_tokens", "num_processes", "fits"),
    [(16, 1, True), (64, 2, True), (128, 2, False), (256, 1, False), (32, 3, False)],
)
def test_a_micro_batch_fits_a_whole_number_of_times_on_every_process(
    micro_batch_tokens: int, num_processes: int, fits: bool
) -> None:
    assert fits_batch(config(), micro_batch_tokens, num_processes) is fits


def test_the_best_configuration_is_the_given_one_with_the_winning_values() -> None:
    values = with_candidate(config(tune={"timed_steps": 9}), NARROW)

    assert values == {
        **GIVEN,
        "zero": {"offload": "cpu", "stage": 2},
        "micro_batch_tokens": 16,
        "checkpoint_activations": True,
        "compile": False,
    }


def test_a_rehearsal_computes_the_same_and_does_nothing_around_it() -> None:
    rehearsed = rehearsal(config(tune={"warmup_steps": 2, "timed_steps": 4}), WIDE, "elsewhere")

    assert (rehearsed.steps, rehearsed.run_dir, rehearsed.micro_batch_tokens) == (6, "elsewhere", 64)
    assert (rehearsed.global_batch_tokens, rehearsed.zero.offload) == (128, "cpu")
    assert (rehearsed.spikes, rehearsed.validation, rehearsed.tensorboard) == (None, None, False)
    assert rehearsed.schedule.warmup_steps == 0


def test_a_stage_that_the_settings_exclude_is_refused() -> None:
    zero = {"stage": 3, "offload": "cpu", "offload_parameters": True}

    with pytest.raises(ValidationError, match="offload_parameters needs stage 3"):
        rehearsal(config(zero=zero), NARROW, "elsewhere")


def test_a_line_has_what_was_measured_or_why_nothing_was() -> None:
    line = row(
        config(precision="fp32"), Outcome(WIDE, Measured(12_345.6, 0.5, 1.25, 0.375, 2_500_000_000, "H"))
    )
    failed = row(config(), Outcome(NARROW, None, "out of memory"))

    assert line.split() == ["1", "no", "no", "64", "2", "12,346", "1.25", "37.5%", "2.5"]
    assert failed.split(maxsplit=5) == ["2", "yes", "no", "16", "8", "out of memory"]


def test_memory_is_predicted_in_bf16_alone() -> None:
    assert predicted_bytes(config(precision="fp32"), WIDE, on_cpu=True) is None
    # 64 x 16 of the embedding, as much again in the head's dense layer and blocks: some kilobytes.
    assert 20_000 < (predicted_bytes(config(zero={}), WIDE, on_cpu=True) or 0) < 200_000


@pytest.mark.parametrize(
    ("log", "returncode", "reason"),
    [
        ("Traceback\n[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried", 1, "out of memory"),
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", 1, "out of memory"),
        ("  exitcode  : -9 (pid: 12)\n", 1, "out of memory"),
        ("", -9, "out of memory"),
        (
            "[rank1]: RuntimeError: expected scalar type\nUnable to shutdown process, forcefully exiting via SIGKILL\n"
            "  exitcode  : -9 (pid: 12)\n",
            1,
            "RuntimeError: expected scalar type",
        ),
        ("ValueError: ignored\nerror: 3 ranks do not divide\n", 2, "3 ranks do not divide"),
        (
            "[rank0]: ValueError: no compiler\n[rank1]: RuntimeError: connection closed\n"
            "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n",
            1,
            "ValueError: no compiler",
        ),
        ("nothing that helps\n", 7, "it ended with code 7"),
        (f"error: {'x' * 200}", 2, "x" * 159 + "…"),
    ],
)
def test_the_reason_of_a_failure_is_one_line(log: str, returncode: int, reason: str) -> None:
    assert failure(log, returncode) == reason


def test_measurements_are_of_settings_that_change_them() -> None:
    one = fingerprint(config())

    assert fingerprint(config(run_dir="other", micro_batch_tokens=64, tune={"zero_stages": [3]})) == one
    assert fingerprint(config(tune={"timed_steps": 9})) != one
    assert fingerprint(config(precision="fp32")) != one


@pytest.mark.parametrize("kind", ["masked", "unilm", "denoising"])
def test_random_text_can_be_asked_anything_and_is_the_same_each_time(kind: str) -> None:
    model = {**GIVEN["model"], "vocab_size": 1000, "num_decoder_layers": 2 * (kind == "denoising")}
    settings = config(
        model=model, data={**GIVEN["data"], "seq_len": 64}, objective={"kind": kind}, micro_batch_tokens=64
    )
    vocabulary = vocabulary_of(1000, 64)

    batches = [
        next(RandomSource(settings, vocabulary, rank=1, world_size=2).read({"sample": 2})) for _ in range(2)
    ]

    assert batches[0]["input_ids"].tolist() == batches[1]["input_ids"].tolist()
    assert int(batches[0]["next_sample"]) == 4
    (micro,) = micro_batches(batches[0], 1, settings.objective, vocabulary, seed=0)
    assert micro.num_targets > 0
    assert len(micro.lengths) == 2


def test_a_rehearsal_saves_no_checkpoint() -> None:
    trainer = Trainer.__new__(Trainer)  # without an engine, a checkpoint cannot be written
    trainer._is_rehearsal = True

    trainer._save()


def write(folder: Path, **changes: Any) -> str:
    path = folder / "config.yaml"
    path.write_text(json.dumps({**GIVEN, "run_dir": str(folder / "run"), **changes}), encoding="utf-8")
    return str(path)


def options(**settings: Any) -> list[str]:
    return [
        word for name, value in settings.items() for word in ("--set", f"tune.{name}={json.dumps(value)}")
    ]


def test_two_processes_are_tuned_and_what_was_measured_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zero = {"stage": 3, "offload": "cpu", "offload_parameters": True}
    path = write(tmp_path, zero=zero, global_batch_tokens=32, micro_batch_tokens=16)
    few = options(
        num_processes=2,
        zero_stages=[1, 3],
        checkpoint_activations=[True],
        compile=[False],
        warmup_steps=1,
        timed_steps=1,
    )

    main(["--config", path, *few])
    first = capsys.readouterr().out
    main(["--config", path, *few])
    second = capsys.readouterr().out

    lines = first.splitlines()
    assert lines[1].split(maxsplit=5)[:5] == ["1", "yes", "no", "16", "1"]
    assert "refused: offload_parameters needs stage 3" in lines[1]
    assert lines[2].split()[:5] == ["3", "yes", "no", "16", "1"]
    winner = load_config(str(tmp_path / "run/tune/best.yaml"), [], PretrainConfig)
    assert (winner.zero.stage, winner.checkpoint_activations, winner.global_batch_tokens) == (3, True, 32)
    assert second.splitlines() == [
        f"2 candidates are already measured in {tmp_path / 'run/tune/results.json'}",
        *lines,
    ]
    # Neither checkpoints nor metrics of a training.
    assert sorted(str(found.relative_to(tmp_path / "run")) for found in (tmp_path / "run").rglob("*")) == [
        "tune",
        "tune/best.yaml",
        "tune/log.txt",
        "tune/results.json",
    ]


def test_a_model_that_no_memory_holds_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {**GIVEN["model"], "vocab_size": 2**42}
    few = options(zero_stages=[1], checkpoint_activations=[False])

    with pytest.raises(SystemExit) as ended:
        main(["--config", write(tmp_path, model=model), *few])

    told = capsys.readouterr()
    assert ended.value.code == 2
    assert told.out.splitlines()[1].endswith("out of memory")
    assert told.err.startswith("error: none of the 1 candidates ran (the first: out of memory); see ")
    assert not (tmp_path / "run/tune/best.yaml").exists()


def test_a_candidate_that_takes_too_long_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = options(zero_stages=[1], checkpoint_activations=[False], candidate_timeout_s=0.2)

    with pytest.raises(SystemExit):
        main(["--config", write(tmp_path), *few])

    assert capsys.readouterr().out.splitlines()[1].endswith("timed out after 0.2 s")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["--set", "tune.num_processes=3"], "128 is no multiple of data.seq_len 16 × 3 processes"),
        (["--set", "tune.zero_stage=[1]"], "tune.zero_stage: there is no such setting"),
        (["--set", "micro_batch_tokens=24"], "micro_batch_tokens 24 is not a multiple of data.seq_len 16"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    changes: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", write(tmp_path), *changes])

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
