"""The ledger: no document disappears.

    records read = kept + Σ dropped(reason) + quarantined

per source, locale and input file. The three sides are counted at different places: what the readers yielded, what the
rules and decisions rejected, and the rows that went into the shards. A run whose ledger does not balance fails.

Where lines were deduplicated, the lines of the documents that took part have an equation of their own, per source:

    lines read = kept + removed + dropped

Read are those that the annotation counted, removed those on the lists of what goes, kept and dropped those that a count
of the texts without them found: dropped lie in documents that went because too little was left of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from dataprep.schema import SCHEMA_VERSION

Key = tuple[str, str, str]  # source, file, locale
LINE_COUNTS: Final = ("read", "kept", "removed", "dropped", "characters_removed")


class LedgerError(RuntimeError):
    """Documents were lost or counted twice."""


@dataclass(slots=True)
class Entry:
    """One line of the ledger; all counts in records."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0

    @property
    def missing(self) -> int:
        """Records that were read and have no fate; negative if there are more fates than records."""
        return self.read - self.kept - self.dropped.total() - self.quarantined

    def to_json(self) -> dict[str, Any]:
        """The entry as plain values; reasons sorted, zero counts left out."""
        dropped = {reason: count for reason, count in sorted(self.dropped.items()) if count}
        return {"read": self.read, "kept": self.kept, "dropped": dropped, "quarantined": self.quarantined}


def build_ledger(
    *,
    read: Mapping[Key, int],
    quarantined: Mapping[Key, int],
    dropped: Iterable[tuple[Key, str, int]],
    kept: Mapping[Key, int],
    lines: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The ledger as JSON values: `schema_version`, `total`, `by_source`, `by_locale`, `by_file`.

    Keys of `by_file` are `source/file`. The ledger is built whether or not it balances; see `check_ledger`.

    Args:
        read: records read.
        quarantined: of these, the malformed ones.
        dropped: documents dropped, by reason.
        kept: documents in the shards.
        lines: per source whose lines were deduplicated, LINE_COUNTS. The entries of these sources and the total then
            have `lines`; without any, the ledger has no such key.
    """
    total = Entry()
    groups: dict[str, dict[str, Entry]] = {"by_source": {}, "by_locale": {}, "by_file": {}}

    def entries(key: Key) -> list[Entry]:
        source, file, locale = key
        names = {"by_source": source, "by_locale": locale, "by_file": f"{source}/{file}"}
        return [total, *(groups[group].setdefault(name, Entry()) for group, name in names.items())]

    for key, count in read.items():
        for entry in entries(key):
            entry.read += count
    for key, count in quarantined.items():
        for entry in entries(key):
            entry.quarantined += count
    for key, count in kept.items():
        for entry in entries(key):
            entry.kept += count
    for key, reason, count in dropped:
        for entry in entries(key):
            entry.dropped[reason] += count
    ledger: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "total": total.to_json(),
        **{
            group: {name: entry.to_json() for name, entry in sorted(named.items())}
            for group, named in groups.items()
        },
    }
    for source, counts in lines.items():
        entry = ledger["by_source"].setdefault(source, Entry().to_json())
        entry["lines"] = {name: counts[name] for name in LINE_COUNTS}
    if lines:
        ledger["total"]["lines"] = {
            name: sum(counts[name] for counts in lines.values()) for name in LINE_COUNTS
        }
    return ledger


def check_ledger(ledger: Mapping[str, Any]) -> None:
    """Check the equation for the total and for every source, locale and file, and that of lines where there is one.

    Raises:
        LedgerError: with every line that does not balance, up to ten of them.
    """
    lines = {"total": ledger["total"]}
    for group in ("by_source", "by_locale", "by_file"):
        lines |= {f"{group} {name}": entry for name, entry in ledger[group].items()}
    wrong = [f"{name}: {_equation(entry)}" for name, entry in lines.items() if _missing(entry)]
    wrong += [
        f"{name}, lines: {_line_equation(entry['lines'])}"
        for name, entry in lines.items()
        if "lines" in entry and _missing_lines(entry["lines"])
    ]
    if wrong:
        shown = "\n  ".join(wrong[:10]) + (f"\n  … and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise LedgerError(
            "the ledger does not balance: read must equal kept + dropped + quarantined, but\n  "
            f"{shown}\nThe shards have been removed; the counts are in ledger.unbalanced.json of the run folder."
            " Delete the folder and prepare it again; if that does not help, report it with this file."
        )


def _missing(entry: Mapping[str, Any]) -> int:
    return int(entry["read"] - entry["kept"] - sum(entry["dropped"].values()) - entry["quarantined"])


def _equation(entry: Mapping[str, Any]) -> str:
    dropped = sum(entry["dropped"].values())
    return (
        f"{entry['read']} read ≠ {entry['kept']} kept + {dropped} dropped + {entry['quarantined']} quarantined"
        f" ({_missing(entry):+d})"
    )


def _missing_lines(lines: Mapping[str, int]) -> int:
    return lines["read"] - lines["kept"] - lines["removed"] - lines["dropped"]


def _line_equation(lines: Mapping[str, int]) -> str:
    return (
        f"{lines['read']} read ≠ {lines['kept']} kept + {lines['removed']} removed + {lines['dropped']} dropped"
        f" ({_missing_lines(lines):+d})"
    )
