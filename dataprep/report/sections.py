"""Tables on rules, on languages, and on the way of each source and locale through the run."""

from collections.abc import Sequence
from typing import Any, Final

from dataprep.report.languages import OTHERS
from dataprep.report.tables import Cell, Column, Row, Table, integer, number, percent, shade, size, table

NO_LANGUAGE: Final = "not known"  # heading of the column for null


def signal_tables(report: Row) -> dict[str, Table | None]:
    """The rules that reject documents, each leading to its part of the page, and those that reject none."""
    return {"rules": _rules(report["signals"]["rules"]), "idle_rules": _idle_rules(report["signals"]["idle"])}


def _rules(rules: Sequence[Row]) -> Table:
    path = "signals.rules"
    return Table(
        "rules",
        "Rules that reject documents, and their thresholds",
        [
            Column("Rule", f"{path}.rule", None, is_heading=True),
            Column("Signal", f"{path}.signal", None),
            Column("Default", f"{path}.default", number),
            Column("Lowest", f"{path}.lowest_threshold", number),
            Column("Highest", f"{path}.highest_threshold", number),
            Column("Rejected", f"{path}.rejected"),
            Column("With credit", f"{path}.credited"),
        ],
        [
            [
                Cell(rule["rule"], target=f"rule-{rule['rule']}"),
                Cell(rule["signal"] or ""),
                *(Cell(rule[name]) for name in ("default", "lowest_threshold", "highest_threshold")),
                *(Cell(rule[name]) for name in ("rejected", "credited")),
            ]
            for rule in rules
        ],
    )


def _idle_rules(rules: Sequence[Row]) -> Table:
    return table(
        "idle-rules",
        "Rules that reject no document",
        rules,
        "signals.idle",
        [
            ("rule", "Rule", None),
            ("signal", "Signal", None),
            ("default", "Default", number),
            ("lowest_threshold", "Lowest", number),
            ("highest_threshold", "Highest", number),
            ("smallest", "Smallest value", number),
            ("largest", "Largest value", number),
            ("closest", "Closest value", number),
            ("closest_threshold", "to its threshold", number),
        ],
    )


def language_tables(report: Row) -> dict[str, Table | None]:
    """Declared against detected languages, and languages of duplicates against those of what stays."""
    found = report["languages"]
    duplicates = found["duplicates"]
    return {
        "disagreements": table(
            "disagreements",
            "Declared and detected languages that differ, the most frequent pairs first",
            [{**row, "is_close": "yes" if row["is_close"] else "no"} for row in found["disagreements"]],
            "languages.disagreements",
            [
                ("declared", "Declared", None),
                ("detected", "Detected", None),
                ("documents", "Documents", integer),
                ("fraction_of_declared", "Of the declared", percent),
                ("is_close", "Close", None),
            ],
        ),
        "confusion": _heat_table(
            "confusion",
            "Documents by declared language (rows) and detected language (columns)",
            found["confusion"],
            ("languages.confusion", "declared", "detected", "fraction_of_declared"),
        ),
        "overlap_pairs": table(
            "overlap-pairs",
            "Duplicates of documents in another locale, the most frequent pairs first",
            duplicates["pairs"],
            "languages.duplicates.pairs",
            [
                ("removed_locale", "Removed in", None),
                ("kept_locale", "Kept in", None),
                ("documents", "Documents", integer),
            ],
        ),
        "overlap_by_locale": _heat_table(
            "overlap-by-locale",
            "Documents removed as duplicates, by their locale (rows) and that of the document kept (columns)",
            duplicates["overlap"],
            ("languages.duplicates.overlap", "removed_locale", "kept_locale", "fraction_of_removed"),
        ),
    }


def _heat_table(
    key: str, caption: str, rows: Sequence[Row], names: tuple[str, str, str, str]
) -> Table | None:
    """The languages of the rows against each other; then, if there are any, all others and the unknown."""
    if not rows:
        return None
    path, one, other, fraction = names
    shown = list(dict.fromkeys(row[one] for row in rows))
    there = {row[other] for row in rows}
    columns = [code for code in [*shown, OTHERS, None] if code in there]
    cells: dict[tuple[str, str | None], Any] = {(row[one], row[other]): row for row in rows}

    def cell(row: Row | None) -> Cell:
        return Cell(0) if row is None else Cell(row["documents"], None, shade(row[fraction]))

    return Table(
        key,
        caption,
        [
            Column(one.replace("_", " ").capitalize(), f"{path}.{one}", None, is_heading=True),
            *(Column(code or NO_LANGUAGE, f"{path}.documents") for code in columns),
        ],
        [[Cell(code), *(cell(cells.get((code, column))) for column in columns)] for code in shown],
        upright=True,
    )


def flow_tables(report: Row) -> dict[str, Table | None]:
    """Every source and locale."""
    return {
        "flow": table(
            "flow",
            "Every source and locale: what was read in, and what is left",
            report["flow"]["by_source_and_locale"],
            "flow.by_source_and_locale",
            [
                ("source", "Source", None),
                ("locale", "Locale", None),
                ("documents", "Documents", integer),
                ("kept", "Kept", integer),
                ("dropped", "Dropped", integer),
                ("kept_fraction", "Kept part", percent),
                ("text_bytes", "Text", size),
                ("kept_text_bytes", "Text kept", size),
                ("tokens", "Tokens kept", integer),
            ],
        )
    }
