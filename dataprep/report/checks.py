"""Whether the numbers of a run agree with one another. The ledger's equation is computed again, not believed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from dataprep.schema import DUPLICATE_REASONS

MAX_FAILURES: Final = 10  # listed per check; all are counted
LEDGER_CHECKS: Final = (
    "total", "sources", "locales", "files", "sources_sum", "locales_sum", "files_sum", "lines",
)  # fmt: skip

Row = dict[str, Any]
Comparison = tuple[str, int, int]  # what is compared, what it should be, what it is


def verdict(
    ledger: Row,
    *,
    funnel: list[Row] | None,
    dedup: Row | None,
    removed_duplicates: Mapping[str, int] = MappingProxyType({}),
    overturned: Mapping[str, int] = MappingProxyType({}),
    shard_rows: int | None,
    quarantine_records: int,
) -> Row:
    """Whether read = kept + dropped + quarantined everywhere, and whether the stages agree with the ledger.

    Args:
        ledger: the value of `ledger.json`.
        funnel: documents per source, locale and drop reason as the fates stage counted them; null: not checked.
        dedup: counts of the dedup stage; null: not checked.
        removed_duplicates: per rule, duplicates that the ledger counts as removed on request instead.
        overturned: per drop reason, documents that are kept because a reviewer said so.
        shard_rows: documents in all shards; null: not checked.
        quarantine_records: rows in `quarantine/`.
    """
    comparisons: dict[str, Iterable[Comparison]] = {
        "total": _equation({"total": ledger["total"]}),
        "sources": _equation(ledger["by_source"]),
        "locales": _equation(ledger["by_locale"]),
        "files": _equation(ledger["by_file"]),
        "sources_sum": _sums_to_total(ledger, "by_source"),
        "locales_sum": _sums_to_total(ledger, "by_locale"),
        "files_sum": _sums_to_total(ledger, "by_file"),
        "quarantine_folder": [("quarantined", ledger["total"]["quarantined"], quarantine_records)],
    }
    if "lines" in ledger["total"]:
        comparisons["lines"] = [*_line_equation(ledger), *_lines_sum_to_total(ledger)]
    if funnel is not None:
        comparisons["fates"] = [*_fates(ledger, funnel, "source"), *_fates(ledger, funnel, "locale")]
    if dedup is not None:
        dropped = ledger["total"]["dropped"]
        comparisons["dedup"] = [
            (
                reason,
                dropped.get(reason, 0) + removed_duplicates.get(rule, 0) + overturned.get(reason, 0),
                dedup.get(f"{rule}_removed", 0),
            )
            for rule, reason in DUPLICATE_REASONS.items()
        ]
    if shard_rows is not None:
        comparisons["shards"] = [("kept", ledger["total"]["kept"], shard_rows)]
    checks = [_check(name, compared) for name, compared in comparisons.items()]
    total = ledger["total"]
    accounted = _accounted(total)
    return {
        "balanced": all(check["passed"] for check in checks if check["check"] in LEDGER_CHECKS),
        "consistent": all(check["passed"] for check in checks),
        "read": total["read"],
        "kept": total["kept"],
        "dropped": sum(total["dropped"].values()),
        "quarantined": total["quarantined"],
        "difference": total["read"] - accounted,
        "checks": checks,
    }


def _check(name: str, comparisons: Iterable[Comparison]) -> Row:
    compared, failed = 0, 0
    failures: list[Row] = []
    for entry, expected, found in comparisons:
        compared += 1
        if expected != found:
            failed += 1
            if len(failures) < MAX_FAILURES:
                failures.append({"entry": entry, "expected": expected, "found": found})
    return {
        "check": name,
        "passed": failed == 0,
        "compared": compared,
        "failed": failed,
        "failures": failures,
    }


def _accounted(entry: Row) -> int:
    return int(entry["kept"] + sum(entry["dropped"].values()) + entry["quarantined"])


def _equation(entries: dict[str, Row]) -> Iterator[Comparison]:
    for name, entry in sorted(entries.items()):
        yield name, entry["read"], _accounted(entry)


def _with_lines(ledger: Row) -> dict[str, Row]:
    """Line counts of the sources whose lines were deduplicated."""
    return {name: entry["lines"] for name, entry in sorted(ledger["by_source"].items()) if "lines" in entry}


def _line_equation(ledger: Row) -> Iterator[Comparison]:
    for name, lines in {"total": ledger["total"]["lines"], **_with_lines(ledger)}.items():
        yield name, lines["read"], lines["kept"] + lines["removed"] + lines["dropped"]


def _lines_sum_to_total(ledger: Row) -> Iterator[Comparison]:
    for name, expected in ledger["total"]["lines"].items():
        yield f"sum of {name}", expected, sum(lines[name] for lines in _with_lines(ledger).values())


def _flat(entry: Row) -> Counter[str]:
    """The entry's counts under one name each; a reason that dropped nothing counts like one that is absent."""
    numbers = Counter({name: entry[name] for name in ("read", "kept", "quarantined")})
    numbers.update({f"dropped: {reason}": n for reason, n in entry["dropped"].items()})
    return numbers


def _sums_to_total(ledger: Row, table: str) -> Iterator[Comparison]:
    expected, found = _flat(ledger["total"]), Counter[str]()
    for entry in ledger[table].values():
        found.update(_flat(entry))
    for name in sorted(expected | found):
        yield name, expected[name], found[name]


def _fates(ledger: Row, funnel: list[Row], key: str) -> Iterator[Comparison]:
    """Documents per (source or locale) and fate: what the ledger says against what the fates stage counted."""
    expected, found = Counter[str](), Counter[str]()
    for name, entry in ledger[f"by_{key}"].items():
        expected[f"{name}: kept"] += entry["kept"]
        for reason, n in entry["dropped"].items():
            expected[f"{name}: {reason}"] += n
    for row in funnel:
        found[f"{row[key]}: {row['drop_reason'] or 'kept'}"] += row["documents"]
    for name in sorted(expected | found):
        yield name, expected[name], found[name]
