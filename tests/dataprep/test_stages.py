"""Stages: what is skipped, what is redone, and what a crash or a failure leaves behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataprep.stages import RunFolder, Stage

READ = Stage("read", "documents", ("documents", "dedup/signatures"))
DEDUP = Stage("dedup", "dedup", ("dedup/decisions",))
WRITE = Stage("write", "shards", ("shards", "plan.json"))
STAGES = (READ, DEDUP, WRITE)


class Calls:
    """Work for stages: writes one file per stage and counts how often it is called."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(str(folder), STAGES)
        self.folder = folder
        self.done: list[str] = []

    def write(self, name: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    def work(self, stage: Stage, *outputs: str) -> Callable[[], dict[str, Any]]:
        def work() -> dict[str, Any]:
            self.done.append(stage.name)
            for output in outputs:
                self.write(output)
            return {"calls": len(self.done)}

        return work

    def all(self, **inputs: int) -> list[bool]:
        """Run every stage; which were skipped. Inputs of a stage hold those of the stages before it."""
        values = {"read": 1, "dedup": 1, "write": 1} | inputs
        read = {"read": values["read"]}
        dedup = {"before": read, "dedup": values["dedup"]}
        write = {"before": dedup, "write": values["write"]}
        return [
            self.run.run(READ, read, self.work(READ, "documents/part", "dedup/signatures/part"))[1],
            self.run.run(DEDUP, dedup, self.work(DEDUP, "dedup/decisions/part"))[1],
            self.run.run(WRITE, write, self.work(WRITE, "shards/part", "plan.json"))[1],
        ]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path / "run")


def test_a_stage_leaves_a_record_with_its_counts_and_time(calls: Calls) -> None:
    record, skipped = calls.run.run(READ, {"a": 1}, calls.work(READ, "documents/part"))

    assert (record.stage, record.counts, skipped) == ("read", {"calls": 1}, False)
    assert record.elapsed_s >= 0
    assert calls.run.record(READ) == record
    assert calls.files() == {"documents/part", "documents/_stage.json"}


def test_committed_stages_are_skipped_and_keep_their_record(calls: Calls) -> None:
    calls.all()
    before = calls.run.record(WRITE)

    assert calls.all() == [True, True, True]
    assert calls.done == ["read", "dedup", "write"]
    assert calls.run.record(WRITE) == before


@pytest.mark.parametrize(
    ("changed", "skipped"),
    [
        ("read", [False, False, False]),
        ("dedup", [True, False, False]),
        ("write", [True, True, False]),
    ],
)
def test_a_changed_input_redoes_its_stage_and_what_follows(
    calls: Calls, changed: str, skipped: list[bool]
) -> None:
    calls.all()

    assert calls.all(**{changed: 2}) == skipped


def test_the_order_of_the_keys_of_the_inputs_does_not_matter(calls: Calls) -> None:
    calls.run.run(READ, {"a": 1, "b": 2}, calls.work(READ))

    assert calls.run.run(READ, {"b": 2, "a": 1}, calls.work(READ))[1]


def test_redoing_a_stage_first_clears_it_and_all_later_ones(calls: Calls) -> None:
    calls.all()
    calls.write("dedup/decisions/stale")
    seen: list[set[str]] = []

    def look() -> dict[str, Any]:
        seen.append(calls.files())
        return {}

    calls.run.run(DEDUP, {"dedup": 2}, look)

    assert seen == [{"documents/part", "documents/_stage.json", "dedup/signatures/part"}]
    assert calls.run.record(WRITE) is None


def test_a_process_killed_in_the_middle_leaves_no_record_and_the_next_run_starts_the_stage_again(
    calls: Calls,
) -> None:
    calls.run.run(READ, {"read": 1}, calls.work(READ, "documents/part"))
    calls.write("dedup/decisions/half")

    skipped = calls.all()

    assert skipped == [True, False, False]
    assert "dedup/decisions/half" not in calls.files()


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_a_stage_that_fails_clears_what_it_wrote_and_keeps_what_was_before(
    calls: Calls, error: BaseException
) -> None:
    calls.all()

    def fail() -> dict[str, Any]:
        calls.write("dedup/decisions/half")
        raise error

    with pytest.raises(type(error)):
        calls.run.run(DEDUP, {"dedup": 2}, fail)

    assert calls.files() == {"documents/part", "documents/_stage.json", "dedup/signatures/part"}


def test_a_stage_that_failed_runs_again(calls: Calls) -> None:
    def fail() -> dict[str, Any]:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        calls.run.run(READ, {}, fail)

    assert not calls.run.run(READ, {}, calls.work(READ))[1]


def test_paths_lie_in_the_run_folder() -> None:
    run = RunFolder("s3://bucket/run/", STAGES)

    assert run.at("dedup", "decisions") == "s3://bucket/run/dedup/decisions"
