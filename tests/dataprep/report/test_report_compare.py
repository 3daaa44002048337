"""What changed between two runs, on folders small enough to check by hand."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dataprep.report import compare
from dataprep.report.compare import as_text, compare_runs
from dataprep.report.compare_page import render_comparison, write_comparison
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


# --- the page ---------------------------------------------------------------------------------------------------------

HOSTILE = "</details></blockquote><script>alert('x')</script><img src=x onerror=alert(1)>"


def cells(html: str, table: str) -> list[list[str]]:
    """Texts of a table's cells, row by row, headings included."""
    (found,) = re.findall(rf'<table id="table-{table}".*?</table>', html, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
    texts = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in texts]


def test_fates_are_a_matrix_of_before_and_after(found: dict[str, Any]) -> None:
    html = render_comparison(found)

    assert cells(html, "fates") == [
        ["Before", "kept", "near_duplicate", "short_lines", "not in the run"],
        ["kept", "1", "0", "1", "1"],
        ["exact_duplicate", "1", "0", "0", "0"],
        ["near_duplicate", "0", "1", "0", "0"],
        ["too_few_words", "1", "0", "0", "0"],
        ["not in the run", "1", "0", "0", "0"],
    ]


def test_kept_comes_first_in_the_matrix_however_few_they_are(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, [("0a", "a", None), ("1b", "b", "urls"), ("2c", "c", "urls")])
        for name in ("first", "second")
    ]

    assert cells(render_comparison(compare_runs(*runs)), "fates") == [
        ["Before", "kept", "urls"],
        ["kept", "1", "0"],
        ["urls", "0", "2"],
    ]


def test_every_change_of_the_matrix_leads_to_its_examples(found: dict[str, Any]) -> None:
    html = render_comparison(found)

    (table,) = re.findall(r'<table id="table-fates".*?</table>', html, re.DOTALL)
    leads = re.findall(r'href="#(move-\d)"', table)
    assert sorted(leads) == ["move-1", "move-2", "move-3", "move-4", "move-5"]
    assert re.findall(r'<details class="reason" id="(move-\d)">', html) == sorted(leads)


def test_counts_of_both_runs_and_settings_stand_on_the_page(found: dict[str, Any]) -> None:
    html = render_comparison(found)

    assert cells(html, "sources")[1] == ["web", "8", "6 -2", "3", "4 +1", "3", "2 -1", "2", "0"]
    assert cells(html, "totals")[1][:3] == ["all", "8", "6 -2"]
    assert cells(html, "locales")[1][0] == "hi"
    assert cells(html, "reasons")[1:] == [
        ["exact_duplicate", "1", "0"],
        ["short_lines", "0", "1 +1"],
        ["too_few_words", "1", "0"],
    ]
    assert cells(html, "settings")[1:] == [
        ["rules.max_words", "9", "not set"],
        ["rules.min_words", "20", "5"],
        ["sources.books.name", "not set", "books"],
        ["sources.books.paths", "not set", "[x]"],
    ]


def test_texts_stay_text_find_their_direction_and_name_their_language(found: dict[str, Any]) -> None:
    for move in found["moves"]:
        for example in move["examples"]:
            example["excerpt"] = f"{HOSTILE}\u202e"
            example["source"] = HOSTILE
    found["settings"][0]["before"] = found["settings"][0]["setting"] = HOSTILE

    html = render_comparison(found)

    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "\u202e" not in html
    quotes = re.findall(r"<blockquote[^>]*>", html)
    assert quotes == ['<blockquote dir="auto" lang="hi">'] * 5


def test_the_policy_of_the_page_allows_its_own_script_only(found: dict[str, Any]) -> None:
    html = render_comparison(found)

    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html
    assert not re.search(r' (?:src|href)="[^#]', html)


def test_identifiers_of_the_page_are_unique_and_links_lead_somewhere(found: dict[str, Any]) -> None:
    html = render_comparison(found)

    identifiers = re.findall(r' id="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(identifiers)


def test_every_number_of_the_comparison_has_a_definition_and_every_definition_a_use(
    found: dict[str, Any],
) -> None:
    def leaf_paths(value: Any, path: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield from leaf_paths(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for item in value:
                yield from leaf_paths(item, path)
        else:
            yield path

    definitions = found.pop("definitions")
    paths = set(leaf_paths(found))
    assert paths - set(definitions) == set()
    assert set(definitions) - paths - {path.partition(".")[0] for path in paths} == {
        "definitions",
        "moves.examples",
    }


def test_a_text_that_was_asked_to_be_removed_is_not_on_the_page(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", [("0a", "private words", None), ("1b", "other", None)])
    after = write_run(tmp_path / "after", [("0a", "private words", "removal_request"), ("1b", "other", None)])

    html = render_comparison(compare_runs(before, after))

    assert "private words" not in html
    assert "The document was asked to be removed. Its text is not shown." in html


def test_equal_runs_have_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", BEFORE)

    html = render_comparison(compare_runs(run, run))

    assert "<p>The same.</p>" in html
    assert "No document met another fate." in html
    assert cells(html, "fates")[1] == ["kept", "3", "0", "0", "0"]


def test_the_comparison_is_written_into_the_report_of_the_second_run(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", BEFORE)
    second = write_run(tmp_path / "second", AFTER)

    found = write_comparison(first, second)

    assert not (tmp_path / "first" / "report").exists()
    assert json.loads((tmp_path / "second" / "report" / "compare.json").read_text()) == found
    assert (tmp_path / "second" / "report" / "compare.html").read_text() == render_comparison(found)
