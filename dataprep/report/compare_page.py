"""The comparison of two runs as a static HTML page, in the style of the report and as safe."""

from collections.abc import Sequence
from typing import Any, Final

import yaml

from dataprep import files
from dataprep.report.compare import ABSENT, KEPT, compare_runs
from dataprep.report.html import render_page
from dataprep.report.tables import Cell, Column, Table, shade
from dataprep.schema import REMOVAL_REQUEST

Row = dict[str, Any]

_COUNTS: Final = (
    ("read", "Read"),
    ("kept", "Kept"),
    ("dropped", "Dropped"),
    ("quarantined", "Quarantined"),
)
_NO_VALUE: Final = "not set"


def write_comparison(before: str, after: str) -> Row:
    """The comparison, after writing it to `report/compare.json` and `report/compare.html` of the second run.

    Args:
        before: run folder.
        after: run folder.

    Raises:
        ReportError: one of them holds no finished run.
    """
    found = compare_runs(before, after)
    page = render_comparison(found)
    files.write_json(files.join(after, "report", "compare.json"), found)
    html = files.AtomicFile(files.join(after, "report", "compare.html"))
    html.write(page.encode())
    html.commit()
    return found


def render_comparison(found: Row) -> str:
    """The page, from nothing but what `compare_runs` found."""
    return render_page(
        "compare.html.j2",
        report=found,
        tables={
            "settings": _settings(found),
            "totals": _counts("totals", "All records", [{**found["totals"][0], "name": "all"}]),
            "sources": _counts("sources", "Records per source", found["sources"]),
            "locales": _counts("locales", "Records per locale", found["locales"]),
            "reasons": _reasons(found["reasons"]),
            "fates": _fates(found),
        },
        removal_request=REMOVAL_REQUEST,
    )


def _settings(found: Row) -> Table:
    return Table(
        "settings",
        "Settings that differ",
        [
            Column("Setting", "settings.setting", None, is_heading=True),
            Column("Before", "settings.before", None),
            Column("After", "settings.after", None),
        ],
        [
            [Cell(row["setting"]), Cell(_value(row["before"])), Cell(_value(row["after"]))]
            for row in found["settings"]
        ],
    )


def _value(value: Any) -> str:  # noqa: ANN401 (YAML)
    """A setting as YAML on one line."""
    if value is None:
        return _NO_VALUE
    dumped: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return dumped.removesuffix("\n").removesuffix("\n...")


def _counts(path: str, caption: str, rows: Sequence[Row]) -> Table:
    """Per name and count two cells, before and after; a change stands below the latter."""
    return Table(
        path,
        f"{caption}, before and after",
        [
            Column("Name", f"{path}.name", None, is_heading=True),
            *(
                Column(f"{label}, {when}", f"{path}.{when}.{key}")
                for key, label in _COUNTS
                for when in ("before", "after")
            ),
        ],
        [
            [
                Cell(row["name"]),
                *(
                    cell
                    for key, _ in _COUNTS
                    for cell in (Cell(row["before"][key]), _after(row["before"][key], row["after"][key]))
                ),
            ]
            for row in rows
        ],
    )


def _after(before: int, after: int) -> Cell:
    """A count of the second run, shaded by the part that changed."""
    if before == after:
        return Cell(after)
    return Cell(after, f"{after - before:+,}", shade(abs(after - before) / max(before, after)))


def _reasons(rows: Sequence[Row]) -> Table:
    return Table(
        "reasons",
        "Reasons that dropped more documents in one run than in the other",
        [
            Column("Reason", "reasons.reason", None, is_heading=True),
            Column("Before", "reasons.before"),
            Column("After", "reasons.after"),
        ],
        [[Cell(row["reason"]), Cell(row["before"]), _after(row["before"], row["after"])] for row in rows],
    )


def _fates(found: Row) -> Table | None:
    """Fates in the first run down, in the second across; what changed is shaded, and leads to its examples."""
    numbers = {(row["before"], row["after"]): number for number, row in enumerate(found["moves"], start=1)}
    documents = {(row["before"], row["after"]): row["documents"] for row in found["moves"]}
    documents |= {(row["fate"], row["fate"]): row["documents"] for row in found["same"]}
    if not documents:
        return None
    most = max((row["documents"] for row in found["moves"]), default=0)
    before = _in_order({one for one, _ in documents}, found)
    after = _in_order({other for _, other in documents}, found)

    def cell(one: str, other: str) -> Cell:
        number = numbers.get((one, other))
        count = documents.get((one, other), 0)
        return Cell(count) if number is None else Cell(count, None, shade(count / most), f"move-{number}")

    return Table(
        "fates",
        "Documents by their fate in the first run (rows) and in the second (columns)",
        [
            Column("Before", "moves.before", None, is_heading=True),
            *(Column(fate, "moves.documents") for fate in after),
        ],
        [[Cell(one), *(cell(one, other) for other in after)] for one in before],
        upright=True,
    )


def _in_order(fates: set[str], found: Row) -> list[str]:
    """Kept first, then reasons by how many documents they concern, and last what is not in the run."""
    totals = dict.fromkeys(fates, 0)
    for row in found["moves"]:
        for fate in {row["before"], row["after"]} & fates:
            totals[fate] += row["documents"]
    for row in found["same"]:
        if row["fate"] in fates:
            totals[row["fate"]] += row["documents"]
    return sorted(fates, key=lambda fate: (fate != KEPT, fate == ABSENT, -totals[fate], fate))
