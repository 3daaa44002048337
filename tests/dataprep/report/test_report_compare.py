"""What changed between two runs, on folders small enough to check by hand."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dataprep.report import compare
from dataprep.report.compare import as_text, compare_runs
from dataprep.report.numbers import ReportError

Document = tuple[str, str, str | None]  # id, text, drop reason


def write_run(folder: Path, documents: list[Document], *, quarantined: int = 0, **settings: Any) -> str:
    """A run folder with two documents files, as far as a comparison reads it."""
    dropped: dict[str, int] = {}
    for _, _, reason in documents:
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
    entry = {
        "read": len(documents) + quarantined,
        "kept": len(documents) - sum(dropped.values()),
        "dropped": dropped,
        "quarantined": quarantined,
    }
    ledger = {"total": entry, "by_source": {"web": entry}, "by_locale": {"hi": entry}}
    (folder / "fates").mkdir(parents=True)
    (folder / "documents").mkdir()
    (folder / "ledger.json").write_text(json.dumps(ledger))
    (folder / "run.json").write_text(json.dumps({"commit": f"commit of {folder.name}"}))
    values = {"run_dir": str(folder), "engine": {"driver_memory": folder.name}, "sources": [{"name": "web"}]}
    (folder / "config.yaml").write_text(yaml.safe_dump(values | settings))
    half = len(documents) // 2
    for part, rows in enumerate((documents[:half], documents[half:])):
        fates = {
            "doc_id": [each for each, _, _ in rows],
            "drop_reason": pa.array([reason for _, _, reason in rows], pa.string()),
            "source": ["web"] * len(rows),
            "locale": ["hi"] * len(rows),
        }
        pq.write_table(pa.table(fates), folder / "fates" / f"part-{part:06d}.parquet")
        pq.write_table(
            pa.table({"text": [text for _, text, _ in rows]}),
            folder / "documents" / f"part-{part:06d}.parquet",
        )
    return str(folder)


BEFORE: list[Document] = [
    ("0a", "first\ntext", None),
    ("1b", "second", "too_few_words"),
    ("2c", "third", "near_duplicate"),
    ("3d", "gone", None),
    ("4e", "twice", None),
    ("4e", "twice", "exact_duplicate"),
]
AFTER: list[Document] = [
    ("4e", "twice", None),
    ("4e", "twice", None),
    ("2c", "third", "near_duplicate"),
    ("1b", "second", None),
    ("0a", "first\ntext", "short_lines"),
    ("5f", "new \u202e<b>text</b>", None),
]


@pytest.fixture(params=[4_000_000, 2])
def found(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The comparison, with all documents at once and with a few at a time."""
    monkeypatch.setattr(compare, "ROWS_AT_A_TIME", request.param)
    first = write_run(tmp_path / "first", BEFORE, quarantined=2, rules={"min_words": 20, "max_words": 9})
    sources = [{"name": "web"}, {"name": "books", "paths": ["x"]}]
    second = write_run(tmp_path / "second", AFTER, rules={"min_words": 5}, sources=sources)
    return compare_runs(first, second)


def test_documents_that_met_another_fate_are_counted_by_both_with_examples(found: dict[str, Any]) -> None:
    moves = {(row["before"], row["after"]): row["documents"] for row in found["moves"]}

    assert moves == {
        ("kept", "short_lines"): 1,
        ("too_few_words", "kept"): 1,
        ("kept", "not in the run"): 1,
        ("not in the run", "kept"): 1,
        ("exact_duplicate", "kept"): 1,
    }
    assert found["unchanged"] == 2
    examples = {row["before"]: row["examples"][0] for row in found["moves"] if row["after"] == "kept"}
    assert examples["too_few_words"] == {"doc_id": "1b", "source": "web", "locale": "hi", "excerpt": "second"}
    (gone,) = (row["examples"] for row in found["moves"] if row["after"] == "not in the run")
    assert [each["excerpt"] for each in gone] == ["gone"]


def test_settings_that_decide_something_are_compared_by_name(found: dict[str, Any]) -> None:
    assert found["settings"] == [
        {"setting": "rules.max_words", "before": 9, "after": None},
        {"setting": "rules.min_words", "before": 20, "after": 5},
        {"setting": "sources.books.name", "before": None, "after": "books"},
        {"setting": "sources.books.paths", "before": None, "after": ["x"]},
    ]


def test_counts_stand_side_by_side(found: dict[str, Any]) -> None:
    (total,) = found["totals"]

    assert total["before"] == {"read": 8, "kept": 3, "dropped": 3, "quarantined": 2}
    assert total["after"] == {"read": 6, "kept": 4, "dropped": 2, "quarantined": 0}
    assert found["reasons"] == [
        {"reason": "exact_duplicate", "before": 1, "after": 0},
        {"reason": "short_lines", "before": 0, "after": 1},
        {"reason": "too_few_words", "before": 1, "after": 0},
    ]


def test_the_text_for_people_shows_numbers_changes_and_no_control_characters(found: dict[str, Any]) -> None:
    text = as_text(found)

    assert "Commits: commit of first → commit of second" in text
    assert "- `rules.min_words`: `20` → `5`" in text
    assert "|  | 8 → 6 (-2) | 3 → 4 (+1) | 3 → 2 (-1) | 2 → 0 (-2) |" in text
    assert "2 documents met the same fate in both." in text
    assert "**too_few_words → kept**: 1\n\n- `1b` (web, hi): second" in text
    assert "\u202e" not in text


def test_a_run_compared_with_itself_has_no_differences(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", BEFORE)

    found = compare_runs(run, run)

    assert (found["settings"], found["moves"], found["reasons"]) == ([], [], [])
    assert found["unchanged"] == 6


def test_examples_are_the_same_few_every_time(tmp_path: Path) -> None:
    many: list[Document] = [(f"{number:02x}", f"text {number}", None) for number in range(40)]
    first = write_run(tmp_path / "first", many)
    second = write_run(tmp_path / "second", [(each, text, "urls") for each, text, _ in reversed(many)])

    (move,) = compare_runs(first, second)["moves"]

    assert move["documents"] == 40
    assert [each["doc_id"] for each in move["examples"]] == ["00", "01", "02"]


@pytest.mark.parametrize(
    "fates", [("removal_request", None), (None, "removal_request"), ("removal_request", "urls")]
)
def test_a_text_that_was_asked_to_be_removed_is_never_shown(
    fates: tuple[str | None, str | None], tmp_path: Path
) -> None:
    runs = [
        write_run(tmp_path / str(number), [("0a", "private words", why), ("1b", "other", None)])
        for number, why in enumerate(fates)
    ]

    found = compare_runs(*runs)

    assert found["moves"][0]["documents"] == 1
    assert "private words" not in as_text(found) + str(found)


def test_a_folder_without_a_finished_run_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", BEFORE)

    with pytest.raises(ReportError, match=r"nowhere holds no finished run \(there is no ledger.json\)"):
        compare_runs(run, str(tmp_path / "nowhere"))
