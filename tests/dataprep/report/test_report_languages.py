"""Languages declared and detected, languages of duplicates, and the way of each source and locale."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from report_helpers import SHARED, write_removals
from signal_helpers import document, write_documents

from dataprep.report import languages as module
from dataprep.report.flow import flow
from dataprep.report.languages import languages

Row = dict[str, Any]


def write_languages(folder: Path, pairs: dict[tuple[str | None, str | None], int]) -> None:
    rows = [
        document(f"{number}", language=declared, detected=detected)
        for (declared, detected), times in pairs.items()
        for number in range(times)
    ]
    write_documents(folder, rows)


def test_declared_and_detected_languages_are_compared(tmp_path: Path) -> None:
    write_languages(
        tmp_path,
        {
            ("en", "en"): 6,
            ("en", "fr"): 2,
            ("no", "da"): 3,
            ("no", "no"): 1,
            (None, "de"): 4,
            ("th", None): 5,
        },
    )

    found = languages(str(tmp_path))

    assert (found["documents"], found["declared_none"], found["compared"]) == (21, 4, 12)
    assert (found["differ"], found["differ_close"], found["differ_fraction"]) == (5, 3, 5 / 12)
    assert found["disagreements"] == [
        {"declared": "no", "detected": "da", "documents": 3, "fraction_of_declared": 0.75, "is_close": True},
        {"declared": "en", "detected": "fr", "documents": 2, "fraction_of_declared": 0.25, "is_close": False},
    ]
    assert [(row["declared"], row["detected"], row["documents"]) for row in found["confusion"]] == [
        ("en", "en", 6), ("en", "others", 2), ("th", None, 5), ("no", "no", 1), ("no", "others", 3),
    ]  # fmt: skip


def test_only_the_most_frequent_languages_have_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LANGUAGES", 2)
    monkeypatch.setattr(module, "MAX_PAIRS", 1)
    write_languages(tmp_path, {("en", "de"): 3, ("de", "fr"): 2, ("fr", "en"): 1})

    found = languages(str(tmp_path))

    assert [(row["declared"], row["detected"]) for row in found["confusion"]] == [
        ("en", "de"),
        ("de", "others"),
    ]
    assert [(row["declared"], row["detected"]) for row in found["disagreements"]] == [("en", "de")]
    assert found["differ"] == 6


def test_a_run_that_measured_no_languages_has_none(tmp_path: Path) -> None:
    write_removals(tmp_path, [SHARED, SHARED], [(0, 1, 0.9, 3)])

    found = languages(str(tmp_path))

    assert (found["documents"], found["differ_fraction"], found["confusion"]) == (0, None, [])


def test_duplicates_are_counted_by_their_locale_and_that_of_what_stays(tmp_path: Path) -> None:
    locales = ["pt", "gl", "pt", "pt", "es", "gl"]
    write_removals(tmp_path, [SHARED] * 6, [(0, 1, 0.9, 3), (2, 3, 0.9, 3), (4, 5, 0.9, 3)], locales=locales)

    found = languages(str(tmp_path))["duplicates"]

    assert (found["removals"], found["compared"], found["kept_elsewhere"]) == (3, 3, 0)
    assert (found["across"], found["across_fraction"]) == (2, 2 / 3)
    assert found["pairs"] == [
        {"removed_locale": "es", "kept_locale": "gl", "documents": 1},
        {"removed_locale": "pt", "kept_locale": "gl", "documents": 1},
    ]
    assert [(row["removed_locale"], row["kept_locale"], row["fraction_of_removed"]) for row in found["overlap"]] == [
        ("pt", "pt", 0.5), ("pt", "others", 0.5), ("es", "others", 1.0),
    ]  # fmt: skip


def test_what_stays_in_an_earlier_run_has_no_locale(tmp_path: Path) -> None:
    write_removals(tmp_path, [SHARED] * 4, [(0, 1, 0.9, 3), (2, 3, 0.9, 3)])
    fates = tmp_path / "fates" / "part-000000.parquet"

    table = pq.read_table(fates)
    pq.write_table(table.set_column(2, "doc_id", [["x", "y", "z", table["doc_id"][3].as_py()]]), fates)

    found = languages(str(tmp_path))["duplicates"]

    assert (found["compared"], found["kept_elsewhere"], found["across_fraction"]) == (2, 1, 0.0)
    assert [(row["kept_locale"], row["documents"]) for row in found["overlap"]] == [("en", 1), (None, 1)]


@pytest.mark.parametrize("removals", [5, 20])
def test_of_many_removals_those_with_the_smallest_hashes_are_looked_up(
    removals: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REMOVALS", 4)
    write_removals(tmp_path, [SHARED] * 40, [(2 * n, 2 * n + 1, 0.9, 3) for n in range(removals)])

    found = languages(str(tmp_path))["duplicates"]

    assert (found["removals"], found["compared"]) == (removals, 4)
    assert found["overlap"] == [
        {"removed_locale": "en", "kept_locale": "en", "documents": 4, "fraction_of_removed": 1.0}
    ]


FUNNEL = [
    {"source": "a", "file": "1", "locale": "en", "drop_reason": None, "documents": 5, "text_bytes": 500},
    {"source": "a", "file": "2", "locale": "en", "drop_reason": None, "documents": 1, "text_bytes": 90},
    {"source": "a", "file": "2", "locale": "en", "drop_reason": "digits", "documents": 2, "text_bytes": 70},
    {"source": "b", "file": "1", "locale": "de", "drop_reason": "digits", "documents": 3, "text_bytes": 30},
    {"source": "b", "file": "1", "locale": "fr", "drop_reason": None, "documents": 1, "text_bytes": 10},
]
SHARDS = [
    {"locale": "en", "cells": [{"source": "a", "tokens": 40}, {"source": "a", "tokens": 2}]},
    {"locale": "en", "cells": [{"source": "a", "tokens": 100}, {"source": "b", "tokens": 9}]},
    {"locale": "fr"},
]  # fmt: skip


def test_the_way_of_each_source_and_locale_adds_up() -> None:
    rows = flow(FUNNEL, {"files": SHARDS})

    assert rows[0] == {
        "source": "a", "locale": "en", "documents": 8, "kept": 6, "dropped": 2, "kept_fraction": 0.75,
        "text_bytes": 660, "kept_text_bytes": 590, "tokens": 142,
    }  # fmt: skip
    assert [(row["source"], row["locale"], row["kept"], row["tokens"]) for row in rows[1:]] == [
        ("b", "de", 0, 0),
        ("b", "fr", 1, None),
    ]


def test_without_shards_nobody_knows_the_tokens() -> None:
    assert [row["tokens"] for row in flow(FUNNEL, {})] == [None, None, None]
