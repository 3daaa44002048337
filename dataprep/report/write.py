"""Writes the report of a run into its folder."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dataprep import files
from dataprep.config import ReportConfig
from dataprep.report.numbers import build_report
from dataprep.report.page import render
from dataprep.report.recall import Rehearse


def write_report(
    run_dir: str,
    explanations: Mapping[str, str] = MappingProxyType({}),
    settings: ReportConfig | None = None,
    rehearse: Rehearse | None = None,
) -> dict[str, Any]:
    """The report, after writing it to `report/report.json` and `report/index.html`, each atomically.

    Equal run folders give equal bytes.

    Args:
        run_dir: the run folder, a path or an fsspec URL.
        explanations: drop or quarantine reason → one sentence that says what it means.
        settings: what raises an alarm; null: as the run's own `config.yaml` says.
        rehearse: sends edited copies of documents the way of the run's own (`rehearsal.py`); null: recall is not
            measured.

    Raises:
        ReportError: the folder has no ledger, or one of another schema version.
    """
    report = build_report(run_dir, explanations, settings, rehearse)
    page = render(report)
    files.write_json(files.join(run_dir, "report", "report.json"), report)
    html = files.AtomicFile(files.join(run_dir, "report", "index.html"))
    html.write(page.encode())
    html.commit()
    return report
