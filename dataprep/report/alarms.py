"""What a reviewer should look at before believing a run: shares of documents beyond what the settings allow."""

from collections.abc import Iterator
from typing import Any, Final

from dataprep.config import ReportConfig

Row = dict[str, Any]

_ASKED_FOR: Final = frozenset({"locale_not_selected", "removal_request"})  # losses that somebody ordered


def alarms(report: Row, ledger: Row, settings: ReportConfig) -> list[Row]:
    """The alarms of a run, each with its figures and one sentence.

    Args:
        report: the report without them.
        ledger: the value of `ledger.json`.
        settings: what is allowed.
    """
    found = [
        *_losses(ledger, settings),
        *_largest_group(report, settings),
        *_precision(report, settings),
        *_quarantine(ledger, settings),
    ]
    return [
        {"alarm": name, "subject": subject, "value": value, "bound": bound, "sentence": sentence}
        for name, subject, value, bound, sentence in found
    ]


Alarm = tuple[str, str, float, float, str]


def _losses(ledger: Row, settings: ReportConfig) -> Iterator[Alarm]:
    """Sources and locales that lost more than they may."""
    for kind in ("source", "locale"):
        for name, entry in sorted(ledger[f"by_{kind}"].items()):
            reasons = {reason: n for reason, n in entry["dropped"].items() if n and reason not in _ASKED_FOR}
            ordered = sum(n for reason, n in entry["dropped"].items() if reason in _ASKED_FOR)
            looked_at = entry["read"] - ordered
            lost = sum(reasons.values()) + entry["quarantined"]
            if looked_at < settings.min_documents or lost <= settings.max_lost_fraction * looked_at:
                continue
            shares = reasons | ({"quarantined": entry["quarantined"]} if entry["quarantined"] else {})
            most = max(sorted(shares), key=lambda reason: shares[reason])
            yield (
                "lost",
                f"{kind} {name}",
                lost / looked_at,
                settings.max_lost_fraction,
                f"The {kind} {name} lost {_percent(lost / looked_at)} of its {looked_at:,} records, more than "
                f"{_percent(settings.max_lost_fraction)}; most of them to {most} ({shares[most]:,}).",
            )


def _largest_group(report: Row, settings: ReportConfig) -> Iterator[Alarm]:
    duplicates = report["duplicates"]
    documents, largest = duplicates["documents"] or 0, duplicates["largest_group"] or 0
    if documents >= settings.min_documents and largest > settings.max_cluster_fraction * documents:
        yield (
            "cluster",
            "largest group of duplicates",
            largest / documents,
            settings.max_cluster_fraction,
            f"One group of duplicates holds {largest:,} of the {documents:,} documents compared "
            f"({_percent(largest / documents)}), more than {_percent(settings.max_cluster_fraction)}.",
        )


def _precision(report: Row, settings: ReportConfig) -> Iterator[Alarm]:
    """The whole interval lies below the target; of verified removals not one may be wrong."""
    precision = report["precision"]
    if precision["precision"] is None:
        return
    verified_wrong = report["duplicates"]["verify"] and precision["wrong"]
    if precision["upper"] < settings.min_precision or verified_wrong:
        yield (
            "precision",
            "near duplicates",
            precision["precision"],
            settings.min_precision,
            f"Of {precision['compared']:,} removed near duplicates that were compared again with what stays in their "
            f"place, {precision['wrong']:,} are not similar enough: precision {_percent(precision['precision'])} "
            f"({_percent(precision['lower'])} to {_percent(precision['upper'])}), "
            + (
                "where verification allows none."
                if verified_wrong
                else f"below {_percent(settings.min_precision)}."
            ),
        )


def _quarantine(ledger: Row, settings: ReportConfig) -> Iterator[Alarm]:
    for name, entry in sorted(ledger["by_source"].items()):
        read, bad = entry["read"], entry["quarantined"]
        if read >= settings.min_documents and bad > settings.max_quarantined_fraction * read:
            yield (
                "quarantine",
                f"source {name}",
                bad / read,
                settings.max_quarantined_fraction,
                f"Of the {read:,} records of the source {name} {_percent(bad / read)} could not be read, more than "
                f"{_percent(settings.max_quarantined_fraction)}.",
            )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
