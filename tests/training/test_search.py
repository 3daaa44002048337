"""The search: what is drawn, who is stopped, what the best becomes; and one search with real trainings, killed once."""

import fcntl
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from memory_source import vocabulary
from pydantic import ValidationError
from shard_maker import plan_of, write_locale, write_manifest
from test_pretrain_job import corpus  # noqa: F401 (a fixture)

from jobs import launch
from jobs import search as search_job
from jobs.config import load_config
from jobs.search import main, pruner
from jobs.trials import claim
from training.config import PretrainConfig
from training.search import (
    Choice,
    Progress,
    Row,
    SearchConfig,
    SearchError,
    best,
    own_step,
    progress,
    rungs,
    table,
    trial_settings,
    with_choice,
)
from training.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = {
    "run_dir": "r",
    "data": {"shards": "s", "tokenizer": "t", "seq_len": 16},
    "model": {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "num_layers": 1,
    },
    "optimizer": {"weight_decay": 0.1},
    "schedule": {"final_share": 0.1},
    "steps": 100,
    "global_batch_tokens": 128,
    "micro_batch_tokens": 64,
    "validation": {"batches_per_locale": 2},
}
SEARCH: dict[str, Any] = {
    "search_dir": "s",
    "pretrain": "base.yaml",
    "learning_rate": {"low": 0.001, "high": 0.1},
    "min_steps": 4,
    "reduction_factor": 2,
    "max_steps": 16,
    "num_trials": 5,
}
CHOICE = Choice(0.01, "wsd", 0.15, 256)


def base() -> PretrainConfig:
    return PretrainConfig.model_validate(BASE)


def config(**changes: Any) -> SearchConfig:
    return SearchConfig.model_validate({**SEARCH, **changes})


@pytest.mark.parametrize(
    ("min_steps", "reduction_factor", "max_steps", "expected"),
    [(4, 2, 16, (4, 8, 16)), (10, 3, 100, (10, 30, 90, 100)), (5, 4, 5, (5,))],
)
def test_each_rung_is_so_many_times_the_last_and_the_end_is_one(
    min_steps: int, reduction_factor: int, max_steps: int, expected: tuple[int, ...]
) -> None:
    assert (
        rungs(config(min_steps=min_steps, reduction_factor=reduction_factor, max_steps=max_steps)) == expected
    )


def test_a_choice_trains_on_the_tokens_of_the_base_with_a_schedule_in_shares() -> None:
    values = with_choice(base(), CHOICE, steps=100, decay_share=0.2)

    assert values == {
        **BASE,
        "optimizer": {"weight_decay": 0.1, "learning_rate": 0.01},
        "schedule": {"final_share": 0.1, "kind": "wsd", "warmup_steps": 7, "decay_steps": 10},
        "steps": 50,
        "global_batch_tokens": 256,
    }


def test_a_trial_is_validated_at_every_rung_on_as_many_tokens_whatever_its_batch() -> None:
    settings = trial_settings(base(), CHOICE, config(), "elsewhere")

    assert (settings.run_dir, settings.steps) == ("elsewhere", 8)
    assert settings.validation is not None
    assert (settings.validation.every_steps, settings.validation.batches_per_locale) == (2, 1)
    assert (settings.checkpoints.every_steps, settings.checkpoints.keep_last) == (1000, 1)
    assert [own_step(base(), CHOICE, rung) for rung in (4, 8, 16)] == [2, 4, 8]


@pytest.mark.parametrize(
    ("batch", "changes", "sentence"),
    [
        (256, {"min_steps": 3}, "3 of 128 tokens are none of 256"),
        (192, {"min_steps": 3, "max_steps": 15}, "256 tokens, which are no whole batches of 192"),
    ],
)
def test_a_batch_that_does_not_divide_rungs_or_validation_is_refused(
    batch: int, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SearchError, match=sentence):
        trial_settings(base(), Choice(0.01, "linear", 0, batch), config(**changes), "elsewhere")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"learning_rate": {"low": 0, "high": 1}}, "low must be above 0"),
        ({"learning_rate": {"low": 0.2, "high": 0.1}}, "low 0.2 is above high 0.1; exchange them"),
        ({"min_steps": 17}, "min_steps 17 is above max_steps 16"),
        ({"decay_share": 0.95}, "make 1.05 of the steps"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        config(**changes)


METRICS = "".join(
    json.dumps(line) + "\n"
    for line in (
        {"event": "start", "step": 0},
        {"event": "step", "step": 4, "loss_nats": 9.0},
        {"event": "validation", "step": 4, "loss_nats_by_locale": {"de": 1.0, "en": 2.0}},
        {"event": "step", "step": 5, "loss_nats": 9.0},
        {"event": "start", "step": 0},
        {"event": "validation", "step": 4, "loss_nats_by_locale": {"de": 3.0, "en": 4.0}},
        {"event": "validation", "step": 8, "loss_nats_by_locale": {"de": 1.0, "en": 0.5}},
        {"event": "validation", "step": 12, "loss_nats_by_locale": {}},
    )
)


def test_progress_is_the_mean_over_locales_and_what_was_done_again_counts_last() -> None:
    assert progress(METRICS) == Progress(12, {4: 3.5, 8: 0.75})


def test_half_a_line_of_a_killed_training_is_left_out() -> None:
    killed = '{"event": "validation", "step": 4, "loss_nats_by'

    assert progress(f'{killed}{METRICS}{{"event": "step"') == Progress(12, {4: 3.5, 8: 0.75})


@given(st.integers(0, len(METRICS)))
def test_a_file_can_be_read_while_it_is_written(size: int) -> None:
    partial = progress(METRICS[:size])

    assert partial.step <= 12
    assert set(partial.losses.items()) <= {(4, 1.5), (4, 3.5), (8, 0.75)}


def told(losses: list[float], reduction_factor: int) -> list[bool]:
    """For trials that come to the first rung one after the other, whether each is stopped."""
    study = optuna.create_study(pruner=pruner(config(reduction_factor=reduction_factor)))
    answers = []
    for loss in losses:
        trial = study.ask()
        trial.report(loss, 4)
        answers.append(trial.should_prune())
    return answers


def test_who_is_not_in_the_best_third_of_those_so_far_is_stopped() -> None:
    losses = [5.0, 6.0, 4.0, 4.5, 3.0, 3.5, 3.2, 9.0, 3.4]

    assert told(losses, 3) == [False, True, False, True, False, False, False, True, False]


@given(st.lists(st.floats(0.1, 10), max_size=12), st.integers(2, 4))
def test_a_trial_goes_on_if_fewer_are_better_than_the_best_share_holds(
    losses: list[float], reduction_factor: int
) -> None:
    expected = []
    for count, loss in enumerate(losses, start=1):
        better = sum(other < loss for other in losses[:count])
        expected.append(better >= max(1, math.floor(count / reduction_factor)))

    assert told(losses, reduction_factor) == expected


def row_of(number: int, loss: float | None, state: str, reason: str = "") -> Row:
    return Row(number, CHOICE, 8, 16, loss, state, reason)


def test_the_best_is_the_lowest_of_those_that_finished() -> None:
    rows = [
        row_of(0, 2.0, "finished"),
        row_of(1, 1.0, "stopped"),
        row_of(2, 1.5, "finished"),
        row_of(3, 1.5, "finished"),
        row_of(4, None, "failed"),
    ]

    assert best(rows) == rows[2]
    assert best([rows[1], rows[4]]) is None


def test_the_table_has_a_line_per_trial() -> None:
    lines = table([row_of(3, 1.25, "stopped"), row_of(4, None, "failed", "out of memory")]).splitlines()

    assert [line.split() for line in lines[1:]] == [
        ["3", "0.01", "wsd", "15.0%", "256", "8/16", "1.250", "stopped"],
        ["4", "0.01", "wsd", "15.0%", "256", "8/16", "failed:", "out", "of", "memory"],
    ]


def test_the_example_of_the_project_loads_and_all_its_trials_are_possible() -> None:
    example = load_config(str(ROOT / "configs/training/search-tiny.yaml"), [], SearchConfig)
    tiny = load_config(str(ROOT / example.pretrain), [], PretrainConfig)

    settings = [
        trial_settings(tiny, Choice(0.01, kind, 0.1, batch), example, "elsewhere")
        for kind in example.schedules
        for batch in example.global_batch_tokens
    ]

    assert [settings.steps for settings in settings] == [360, 180, 360, 180]
    assert rungs(example) == (20, 60, 180)


# In place of a training: tells the losses that PLAN has for the trial, one per rung, and ends as PLAN says.
STAND_IN = """
import json, os, pathlib, signal, sys, time, yaml
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
settings = yaml.safe_load(open(sys.argv[-1]))
folder = pathlib.Path(settings["run_dir"])
*losses, end = json.loads(os.environ["PLAN"])[folder.name]
with open(folder / "metrics.jsonl", "a", buffering=1) as metrics:
    for step, loss in zip((4, 8, 16), losses):
        told = {"event": "validation", "step": step, "loss_nats_by_locale": {"de": loss, "en": loss}}
        metrics.write(json.dumps(told) + "\\n")
if end == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif end != "done":
    sys.exit("error: " + end)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs a search whose trainings are the stand-in above; the arguments of the job."""
    (tmp_path / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")

    def command(module: str, arguments: list[str], *_: object, **__: object) -> list[str]:
        assert module == "jobs.pretrain"
        return [sys.executable, str(tmp_path / "stand_in.py"), *arguments]

    monkeypatch.setattr(launch, "command", command)
    monkeypatch.setattr(search_job, "check_data", lambda _: None)  # the stand-in reads none

    def prepared(plan: dict[str, list[Any]], **changes: Any) -> list[str]:
        monkeypatch.setenv("PLAN", json.dumps(plan))
        folders = {"search_dir": str(tmp_path / "search"), "pretrain": str(tmp_path / "base.yaml")}
        values = {**SEARCH, **folders, "poll_s": 0.02, "num_trials": len(plan), **changes}
        (tmp_path / "search.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return ["--config", str(tmp_path / "search.yaml")]

    return prepared


def states(printed: str) -> list[tuple[str, str, str]]:
    """Number, loss and state of every trial in the last table."""
    last = printed[printed.rindex("trial  learning rate") :]
    return re.findall(r"^ +(\d+) .*?/\d+ +([\d.]*)  ([a-z].*)$", last, re.MULTILINE)


def test_trials_finish_are_stopped_or_fail_with_a_reason_and_the_search_goes_on(
    stand_in: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = stand_in(
        {
            "0": [2.0, 1.9, 1.8, "done"],
            "1": [3.0, 2.9, 2.8, "done"],
            "2": ["the disk is full"],
            "3": [1.0, math.nan, math.nan, "done"],
            "4": ["killed"],
            "5": [0.9, 0.8, 0.7, "done"],
            "6": [0.5, "done"],
        }
    )

    main(arguments)

    assert states(capsys.readouterr().out) == [
        ("0", "1.800", "finished"),
        ("1", "3.000", "stopped"),
        ("2", "", "failed: the disk is full"),
        ("3", "1.000", "failed: it diverged: the validation loss at step 8 is nan"),
        ("4", "", "failed: out of memory"),
        ("5", "0.700", "finished"),
        ("6", "0.500", "failed: it ended before its last step"),
    ]
    winner = load_config(str(tmp_path / "search/best.yaml"), [], PretrainConfig)
    given = yaml.safe_load((tmp_path / "search/trials/5/settings.yaml").read_text())
    assert winner.optimizer.learning_rate == given["optimizer"]["learning_rate"]
    assert (winner.run_dir, winner.steps) == (str(tmp_path / "search/best"), 100)


def test_what_is_drawn_hangs_on_seed_and_number_and_not_on_workers_or_starts(
    stand_in: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {str(number): [2.0, 2.0, 2.0, "done"] for number in range(4)}

    main(stand_in(plan))
    main(stand_in(plan, search_dir=str(tmp_path / "other"), num_trials=2, workers=2))
    main(stand_in(plan, search_dir=str(tmp_path / "other"), num_trials=4, workers=2))

    assert drawn_in(tmp_path / "search") == drawn_in(tmp_path / "other")
    assert len(set(drawn_in(tmp_path / "search"))) == 4


def drawn_in(folder: Path) -> list[tuple[float, str]]:
    settings = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("trials/*/settings.yaml"))]
    return [(values["optimizer"]["learning_rate"], values["schedule"]["kind"]) for values in settings]


def test_a_search_without_a_finished_trial_ends_with_one_sentence(
    stand_in: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(stand_in({"0": ["the disk is full"]}))

    assert ended.value.code == 2
    assert "error: none of the 1 trials finished; see their log.txt in" in capsys.readouterr().err


def test_other_settings_or_a_second_search_are_refused_in_a_folder(
    stand_in: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {"0": [2.0, 2.0, 2.0, "done"]}
    main(stand_in(plan))

    with pytest.raises(SystemExit):
        main(stand_in(plan, seed=1))
    with (tmp_path / "search/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SystemExit):
            main(stand_in(plan))

    first, second = capsys.readouterr().err.splitlines()
    assert "holds a search that was begun with other settings (they are in search.yaml)" in first
    assert "another search is running in" in second


def test_a_training_that_outlived_its_search_is_stopped_before_its_folder_is_used(tmp_path: Path) -> None:
    lock = claim(tmp_path, stop_timeout_s=60)
    sleeping = launch.start(["sleep", "60"], tmp_path / "log.txt", keep_open=lock)
    os.pwrite(lock, str(sleeping.pid).encode(), 0)
    os.close(lock)

    again = claim(tmp_path, stop_timeout_s=60)

    assert sleeping.wait(timeout=1) == -signal.SIGTERM
    os.close(again)


def test_several_batches_cannot_be_compared_on_buckets(
    stand_in: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = stand_in({"0": ["done"]}, global_batch_tokens=[64, 128])
    bucketed = {**BASE, "data": {**BASE["data"], "mode": "bucketed"}}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(bucketed), encoding="utf-8")

    with pytest.raises(SystemExit):
        main(arguments)

    assert "must be one value where the base has data.mode bucketed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"split": "train"}, "has no validation split, by which trials are compared"),
        ({"tokenizer_sha256": "5e1f"}, "were written with a tokeniser whose SHA-256 is 5e1f"),
    ],
)
def test_data_that_no_trial_can_be_judged_by_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], sentence: str
) -> None:
    split, digest = change.get("split", "validation"), change.get("tokenizer_sha256", "t")
    files = write_locale(tmp_path, "de", [[[7, 8]]], split=split)
    write_manifest(tmp_path, files, plan_of({"de": 1.0}, {"de": 2}), tokenizer_sha256=digest)
    monkeypatch.setattr(Vocabulary, "load", lambda _: replace(vocabulary(), sha256="t"))
    base = PretrainConfig.model_validate(
        {**BASE, "data": {**BASE["data"], "shards": str(tmp_path), "tokenizer": "t"}}
    )

    with pytest.raises(SearchError, match=sentence):
        search_job.check_data(base)


def test_the_best_has_a_run_folder_of_its_own(stand_in: Callable[..., list[str]], tmp_path: Path) -> None:
    main(stand_in({"0": [2.0, 2.0, 2.0, "done"]}))

    best = yaml.safe_load((tmp_path / "search/best.yaml").read_text())

    assert best["run_dir"] == str(tmp_path / "search/best")
    assert best["run_dir"] != BASE["run_dir"]


def test_a_study_that_cannot_be_read_is_told_in_one_sentence(
    stand_in: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search/study.db").write_bytes(b"no database" * 100)

    with pytest.raises(SystemExit):
        main(stand_in({"0": ["done"]}))

    told = capsys.readouterr().err
    assert "study.db cannot be read" in told
    assert told.count("\n") == 1


def test_replayed_corpora_do_not_count() -> None:
    losses = {"de": 1.0, "fr": 3.0, "web/de": 9.0}
    line = json.dumps({"event": "validation", "step": 5, "loss_nats_by_locale": losses})

    assert progress(line + "\n").losses == {5: 2.0}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pretrain": "nowhere.yaml"}, "cannot read the configuration nowhere.yaml"),
        ({"global_batch_tokens": [96]}, "256 tokens, which are no whole batches of 96"),
        ({"processes_per_trial": 3}, "3 ranks do not divide the global batch"),
        ({"learning_rate": {"low": 0.1, "high": 2}}, "is not possible: Input should be less than 1"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    changes: dict[str, Any],
    sentence: str,
    stand_in: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(stand_in({"0": ["done"]}, **changes))

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "search").exists()


def test_a_search_that_was_killed_finishes_the_same_trials_from_their_checkpoints(
    corpus: Path,  # noqa: F811
) -> None:
    folder = corpus / "search"
    values = {
        **SEARCH,
        "search_dir": str(folder),
        "pretrain": str(corpus / "config.yaml"),
        "min_steps": 50,
        "max_steps": 200,
        "reduction_factor": 4,
        "num_trials": 3,
        "poll_s": 0.1,
    }
    (corpus / "search.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    command = [sys.executable, "-m", "jobs.search", "--config", str(corpus / "search.yaml")]

    killed = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: '"step": 20,' in text(folder / "trials/0/metrics.jsonl"))
    orphan = int(text(folder / "trials/0/lock"))
    os.kill(orphan, signal.SIGSTOP)  # or it might have finished before the second start finds it
    killed.kill()
    killed.wait()
    resumed = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert resumed.stdout is not None
    first_lines = [resumed.stdout.readline() for _ in range(2)]
    os.kill(orphan, signal.SIGCONT)
    printed, _ = resumed.communicate()
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (resumed.returncode, again.returncode) == (0, 0), again.stderr
    assert first_lines[1].startswith("trial 0 is still training: it is asked to stop")
    ended = states(printed)
    assert [number for number, _, _ in ended] == ["0", "1", "2"]
    assert {state for _, _, state in ended} <= {"finished", "stopped"}
    lines = [json.loads(line) for line in text(folder / "trials/0/metrics.jsonl").splitlines()]
    first, second = (line["step"] for line in lines if line["event"] == "start")
    assert first == 0
    assert 20 <= second < 200
    assert load_config(str(folder / "best.yaml"), [], PretrainConfig).steps == 4
    assert states(again.stdout) == ended
    assert "the search is finished; to go on, raise num_trials." in again.stdout
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_for(is_so: Callable[[], bool], within_s: float = 600) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
