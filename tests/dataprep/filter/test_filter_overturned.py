"""Overturned decisions: what is recorded, what is refused, and with which words."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.filter.overturned import (
    OverturnError,
    current_fates,
    keeps_path,
    keeps_sha256,
    plan_keeps,
    read_keeps,
    write_keeps,
)

AT = "2026-11-26T10:00:00+00:00"
FATES = {
    "a": "near_duplicate",
    "b": "too_few_words",
    "c": None,
    "d": "removal_request",
    "e": "locale_not_selected",
    "f": "empty",
}


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    """A run folder with six documents and a second record of one of them."""
    (tmp_path / "fates").mkdir()
    for part, rows in enumerate(
        (list(FATES.items())[:3], list(FATES.items())[3:], [("c", "exact_duplicate")])
    ):
        table = pa.table(
            {
                "doc_id": [each for each, _ in rows],
                "drop_reason": pa.array([why for _, why in rows], pa.string()),
            }
        )
        pq.write_table(table, tmp_path / "fates" / f"part-{part:06d}.parquet")
    return str(tmp_path)


def planned(
    run_dir: str, *ids: str, by: str = "Ada", reason: str = "a recipe, no menu"
) -> list[dict[str, str]]:
    return plan_keeps(run_dir, ids, by=by, reason=reason, at=AT)


def test_a_decision_is_recorded_with_what_it_was_who_and_why(run_dir: str) -> None:
    write_keeps(run_dir, planned(run_dir, "b", "a", "b"))
    write_keeps(run_dir, [])

    assert read_keeps(run_dir) == [
        {"doc_id": "b", "drop_reason": "too_few_words", "by": "Ada", "reason": "a recipe, no menu", "at": AT},
        {
            "doc_id": "a",
            "drop_reason": "near_duplicate",
            "by": "Ada",
            "reason": "a recipe, no menu",
            "at": AT,
        },
    ]


def test_what_is_recorded_already_is_not_recorded_again(run_dir: str) -> None:
    write_keeps(run_dir, planned(run_dir, "a"))

    assert planned(run_dir, "a") == []
    assert [each["doc_id"] for each in planned(run_dir, "a", "b")] == ["b"]


@pytest.mark.parametrize(
    ("ids", "who", "why", "message"),
    [
        ([], "Ada", "why", "no document is named"),
        (["a"], " ", "why", "add BY=your name"),
        (["a"], "Ada", "", "add REASON=…"),
        (["x", "a", "y"], "Ada", "why", "the run has no document x, y; take ids"),
        (["c"], "Ada", "why", "c is kept already"),
        (["d"], "Ada", "why", "d cannot be kept: it was asked to be removed"),
        (["e"], "Ada", "why", "e cannot be kept: its locale is not among those"),
        (["f"], "Ada", "why", "f cannot be kept: it has no text"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(
    run_dir: str, ids: list[str], who: str, why: str, message: str
) -> None:
    with pytest.raises(OverturnError, match=message):
        planned(run_dir, *ids, by=who, reason=why)

    assert not Path(keeps_path(run_dir)).exists()


def test_only_the_documents_make_the_hash(run_dir: str) -> None:
    first, second = planned(run_dir, "a", "b"), planned(run_dir, "b", "a", by="Eve", reason="other")

    assert keeps_sha256(first) == keeps_sha256(second) != keeps_sha256(first[:1])
    assert keeps_sha256([]) is None


@pytest.mark.parametrize("line", ["{", "[]", '{"doc_id": "a"}'])
def test_a_damaged_record_is_named(run_dir: str, line: str) -> None:
    write_keeps(run_dir, planned(run_dir, "a"))
    with Path(keeps_path(run_dir)).open("a") as file:
        file.write(line + "\n")

    with pytest.raises(OverturnError, match=r"keeps.jsonl is damaged"):
        read_keeps(run_dir)


def test_current_fates_are_of_every_record(run_dir: str) -> None:
    assert current_fates(run_dir, ["a", "c", "x"]) == {
        "a": ["near_duplicate"],
        "c": [None, "exact_duplicate"],
    }
