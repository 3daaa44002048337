"""`make` lists what there is, and a data target starts the job of its name with the settings given."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = sorted(
    {name for line in re.findall(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE) for name in line.split()}
)
DESCRIBED = dict(re.findall(r"^([a-z-]+):.*?## (.+)$", MAKEFILE, re.MULTILINE))
JOBS = ["annotate", "dedup", "plan", "prepare", "remove", "report", "samples", "shards"]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, even when these tests were themselves started by make."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_phony_target_has_a_sentence_and_every_sentence_a_phony_target() -> None:
    assert sorted(DESCRIBED) == PHONY


def test_make_alone_lists_every_target_with_its_sentence() -> None:
    answer = make()

    listed = dict(re.findall(r"^  (?:\x1b\[36m)?([a-z-]+) *(?:\x1b\[0m)? (.+)$", answer.stdout, re.MULTILINE))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert listed == DESCRIBED


@pytest.mark.parametrize("target", JOBS)
def test_a_data_target_starts_its_job_with_the_settings_given(target: str) -> None:
    answer = make("-n", target, "CONFIG=my.yaml", "SET=a.b=1 c=[x]")

    command = answer.stdout.splitlines()[-1]
    assert command.endswith(f"python -m jobs.{target} --config my.yaml --set a.b=1 --set c=[x]")
    assert (ROOT / "jobs" / f"{target}.py").exists()


def test_pretraining_starts_a_process_per_device() -> None:
    answer = make("-n", "pretrain", "CONFIG=my.yaml", "SET=steps=5", "NPROC=2")

    told = " ".join(answer.stdout.replace("\\\n", " ").split())
    assert told.endswith("-m jobs.pretrain --config my.yaml --nproc 2 --set steps=5")


def test_tuning_gets_its_processes_as_a_setting() -> None:
    answer = make("-n", "tune", "CONFIG=my.yaml", "SET=tune.min_gain=0.1", "NPROC=2")

    assert answer.stdout.splitlines()[-1].endswith(
        "python -m jobs.tune --config my.yaml --set tune.min_gain=0.1 --set tune.num_processes=2"
    )


def test_a_search_starts_its_job() -> None:
    answer = make("-n", "search", "CONFIG=my.yaml", "SET=workers=2")

    assert answer.stdout.splitlines()[-1].endswith("python -m jobs.search --config my.yaml --set workers=2")


def test_a_plan_gets_method_and_exponent_as_settings() -> None:
    answer = make("-n", "plan", "CONFIG=my.yaml", "SET=a.b=1", "METHOD=temperature", "ALPHA=0.5")

    assert answer.stdout.splitlines()[-1].endswith(
        "python -m jobs.plan --config my.yaml --set a.b=1 --set balance.method=temperature --set balance.alpha=0.5"
    )


def test_two_runs_are_compared_by_their_folders() -> None:
    answer = make("-n", "compare", "A=runs/one", "B=runs/the other")

    assert answer.stdout.splitlines()[-1].endswith("python -m jobs.compare 'runs/one' 'runs/the other'")


def test_documents_to_keep_are_settings_and_words_of_people_go_through_the_environment() -> None:
    answer = make("-n", "keep", "CONFIG=my.yaml", "SET=a.b=1", "IDS=0a 1b", "BY=Ada L.", "REASON=it's: fine")

    assert answer.stdout.splitlines()[-1].endswith(
        """python -m jobs.keep --config my.yaml --set a.b=1 --set 'keep.ids=["0a","1b",]' """
        "--set 'keep.by=${BY}' --set 'keep.reason=${REASON}'"
    )


def test_a_removal_gets_its_list_as_a_setting() -> None:
    answer = make("-n", "remove", "CONFIG=my.yaml", "SET=a.b=1", "REQUESTS=some list.txt")

    assert answer.stdout.splitlines()[-1].endswith(
        """python -m jobs.remove --config my.yaml --set a.b=1 --set 'removals=["some list.txt"]'"""
    )
