"""Evaluation sets in the report: what was looked for, what was found, what was dropped."""

import json
import shutil
from pathlib import Path

import pytest

from dataprep.report.numbers import build_report
from dataprep.report.page import render


@pytest.fixture
def _five_dropped(run_dir: Path) -> None:
    ledger, fates = (
        json.loads((run_dir / name).read_text()) for name in ("ledger.json", "fates/_stage.json")
    )
    ledger["total"]["dropped"]["contaminated"] = 5
    fates["counts"]["contaminated"] = {"utterances": 5}
    (run_dir / "ledger.json").write_text(json.dumps(ledger))
    (run_dir / "fates" / "_stage.json").write_text(json.dumps(fates))


@pytest.mark.usefixtures("_five_dropped")
def test_every_set_has_its_numbers(run_dir: Path) -> None:
    assert build_report(str(run_dir))["decontamination"] == {
        "ngram": 13,
        "documents": 1600,
        "documents_matched": 44,
        "documents_dropped": 5,
        "sets": [
            {
                "set": "utterances", "items": 12_000, "distinct_items": 11_870, "items_found": 31,
                "documents_matched": 44, "documents_dropped": 5, "sha256": "ab" * 32,
            },
            {
                "set": "paragraphs", "items": 240, "distinct_items": 240, "items_found": 0, "documents_matched": 0,
                "documents_dropped": 0, "sha256": "cd" * 32,
            },
        ],
    }  # fmt: skip


def test_the_page_shows_the_sets(html: str) -> None:
    assert "<h3>Evaluation sets</h3>" in html
    assert 'id="table-evaluation-sets"' in html
    assert "abababababab<" in html


def test_a_run_without_sets_does_not_speak_of_them_and_lacks_nothing(run_dir: Path) -> None:
    manifest = json.loads((run_dir / "shards" / "manifest.json").read_text()) | {"decontamination": []}
    (run_dir / "shards" / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(run_dir / "decontamination")

    report = build_report(str(run_dir))

    assert (report["decontamination"]["sets"], report["decontamination"]["documents_dropped"]) == ([], None)
    assert report["missing_inputs"] == []
    assert "Evaluation sets" not in render(report)
