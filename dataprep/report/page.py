"""The report as one static HTML page: everything inline, nothing fetched, readable without its script."""

from dataclasses import replace
from typing import Any, Final

from markupsafe import Markup

from dataprep.report import plots
from dataprep.report.clusters import ACROSS_SOURCES, BORDERLINE, LARGEST, LINKED
from dataprep.report.html import compared, render_page
from dataprep.report.numbers import locale_name
from dataprep.report.sections import flow_tables, language_tables, signal_tables
from dataprep.report.tables import (
    MAX_HEAT,
    Cell,
    Column,
    Table,
    duration,
    integer,
    number,
    percent,
    shade,
    size,
)
from dataprep.report.tables import table as _table
from dataprep.schema import DUPLICATE_REASONS

Row = dict[str, Any]

_NEAR_REASONS: Final = (DUPLICATE_REASONS["near"], DUPLICATE_REASONS["contained"])

CLUSTER_KINDS: Final = {
    LARGEST: "largest",
    ACROSS_SOURCES: "across sources",
    LINKED: "kept though linked",
    BORDERLINE: "near the threshold",
}
CHECK_NAMES: Final = {
    "total": "read = kept + dropped + quarantined, in total",
    "sources": "… for each source",
    "locales": "… for each locale",
    "files": "… for each input file",
    "sources_sum": "sources add up to the total",
    "locales_sum": "locales add up to the total",
    "files_sum": "input files add up to the total",
    "lines": "lines read = kept + removed + dropped, and sources add up to the total",
    "quarantine_folder": "quarantined records lie in the quarantine folder",
    "fates": "documents per fate: the ledger and the fates stage agree",
    "dedup": "duplicates: the ledger and the dedup stage agree",
    "shards": "every kept document is in a shard",
}


def _by_count(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _reasons_by_source(report: Row) -> Table:
    """Reasons down, sources across: reasons are many and sources few."""
    entries = {(row["reason"], row["source"]): row for row in report["drops"]["by_source"]}
    reasons = [row["reason"] for row in report["drops"]["reasons"]]
    read = {row["source"]: row["read"] for row in report["inputs"]["sources"]}
    sources = _by_count(read)
    totals = {row["source"]: row for row in report["inputs"]["sources"]}
    return Table(
        "reasons-by-source",
        "Documents dropped per reason and source, with their part of the source's records",
        [
            Column("Reason", "drops.by_source.reason", None, is_heading=True),
            *(Column(source, "drops.by_source.documents") for source in sources),
            Column("All sources", "drops.reasons.documents"),
        ],
        [
            [
                Cell(reason),
                *(_share(entries.get((reason, source))) for source in sources),
                _share(next(row for row in report["drops"]["reasons"] if row["reason"] == reason)),
            ]
            for reason in reasons
        ],
        total=[
            Cell("dropped"),
            *(_part(totals[source]["dropped"], totals[source]["read"]) for source in sources),
            _part(report["verdict"]["dropped"], report["verdict"]["read"]),
        ],
    )


def _reasons_by_locale(report: Row) -> Table:
    """Locales down, reasons across, most frequent reason first."""
    entries = {(row["locale"], row["reason"]): row for row in report["drops"]["by_locale"]}
    reasons = [row["reason"] for row in report["drops"]["reasons"]]
    locales = {row["locale"]: row for row in report["drops"]["locales"]}
    compared = {group["locale"] for group in report["precision"]["pairs"]}

    def cell(code: str, reason: str) -> Cell:
        """The count, which leads to pairs of removed and kept documents where there are some."""
        found = _share(entries.get((code, reason)))
        leads = reason in _NEAR_REASONS and found.value and code in compared
        return replace(found, target=f"removed-{code}") if leads else found

    return Table(
        "reasons-by-locale",
        "Documents dropped per locale and reason, with their part of the locale's records",
        [
            Column("Locale", "drops.locales.locale", None, is_heading=True),
            Column("Read", "drops.locales.read"),
            Column("Kept", "drops.locales.kept"),
            Column("Quarantined", "drops.locales.quarantined"),
            *(Column(reason, "drops.by_locale.documents") for reason in reasons),
        ],
        [
            [
                Cell(code, detail=locales[code]["name"]),
                Cell(locales[code]["read"]),
                Cell(locales[code]["kept"], detail=percent(locales[code]["kept_fraction"])),
                Cell(locales[code]["quarantined"]),
                *(cell(code, reason) for reason in reasons),
            ]
            for code in _by_count({code: row["read"] for code, row in locales.items()})
        ],
        upright=True,
    )


def _thresholds(report: Row) -> Table | None:
    """Locales down, thresholds across: what differs from the defaults, and whose word it is if not the file's."""
    rows = report["thresholds"]["by_locale"]
    if not rows:
        return None
    names = sorted({row["threshold"] for row in rows})
    entries = {(row["locale"], row["threshold"]): row for row in rows}
    documents = {row["locale"]: row["documents"] for row in rows if row["documents"] is not None}
    return Table(
        "thresholds-by-locale",
        "Thresholds that differ from the defaults, per locale",
        [
            Column("Locale", "thresholds.by_locale.locale", None, is_heading=True),
            Column("Reference documents", "thresholds.by_locale.documents"),
            *(Column(name, "thresholds.by_locale.value", number) for name in names),
        ],
        [
            [
                Cell(locale),
                Cell(documents.get(locale)),
                *(_bound(entries.get((locale, name))) for name in names),
            ]
            for locale in sorted({row["locale"] for row in rows})
        ],
        upright=True,
    )


def _bound(entry: Row | None) -> Cell:
    if entry is None:
        return Cell(None)
    detail = None if entry["origin"] == "file" else entry["origin"]
    return Cell(entry["value"], detail if entry["value"] is not None else f"off, {entry['origin']}")


def _share(entry: Row | None) -> Cell:
    return Cell(0) if entry is None else _cell(entry["documents"], entry["fraction_of_read"])


def _part(part: int, whole: int) -> Cell:
    return _cell(part, part / whole if whole else None)


def _cell(documents: int, fraction: float | None) -> Cell:
    return Cell(documents, percent(fraction), shade(fraction))


def _reasons(report: Row) -> Table:
    """All reasons, each leading to its examples where there are some."""
    table = _table(
        "reasons",
        "Reasons, the most frequent first",
        report["drops"]["reasons"],
        "drops.reasons",
        [
            ("reason", "Reason", None),
            ("documents", "Documents", integer),
            ("fraction_of_read", "Of read", percent),
            ("text_bytes", "Text", size),
            ("explanation", "What it means", None),
        ],
    )
    position = {row["reason"]: index for index, row in enumerate(report["examples"]["reasons"], start=1)}
    targets = {reason: f"example-{index}" for reason, index in position.items()}
    rows = [[replace(row[0], target=targets.get(row[0].value)), *row[1:]] for row in table.rows]
    return replace(table, rows=rows)


def _overlap(report: Row) -> Table | None:
    """Sources of removed documents down, sources of the documents kept in their place across."""
    rows = report["duplicates"]["overlap"]
    if not rows:
        return None
    removed = sorted({row["removed_source"] for row in rows})
    kept = sorted({row["kept_source"] for row in rows})
    by_rule = {(row["removed_source"], row["kept_source"], row["rule"]): row["documents"] for row in rows}
    rules = sorted({row["rule"] for row in rows})
    most = max(sum(by_rule.get((a, b, rule), 0) for rule in rules) for a in removed for b in kept)

    def cell(removed_source: str, kept_source: str) -> Cell:
        parts = {rule: by_rule.get((removed_source, kept_source, rule), 0) for rule in rules}
        total = sum(parts.values())
        detail = " · ".join(f"{integer(n)} {rule}" for rule, n in parts.items() if n)
        return Cell(total, detail or None, MAX_HEAT * (total / most) ** 0.5 if most else 0.0)

    return Table(
        "overlap",
        "Documents removed, by their source (rows) and the source of the document kept in their place (columns)",
        [
            Column("Removed from", "duplicates.overlap.removed_source", None, is_heading=True),
            *(Column(f"kept in {source}", "duplicates.overlap.documents") for source in kept),
        ],
        [[Cell(source), *(cell(source, other) for other in kept)] for source in removed],
    )


def _range(row: Row) -> str:
    return (
        f"{row['smallest']}" if row["smallest"] == row["largest"] else f"{row['smallest']}–{row['largest']}"
    )


def _duplicate_tables(report: Row) -> dict[str, Table | None]:
    duplicates = report["duplicates"]
    return {
        "overlap": _overlap(report),
        "cluster_sizes": Table(
            "cluster-sizes",
            "Groups of duplicates by size",
            [
                Column("Documents in the group", "duplicates.cluster_sizes", None, is_heading=True),
                Column("Groups", "duplicates.cluster_sizes.clusters"),
                Column("Documents", "duplicates.cluster_sizes.documents"),
            ],
            [
                [Cell(_range(row)), Cell(row["clusters"]), Cell(row["documents"])]
                for row in duplicates["cluster_sizes"]
            ],
        ),
        "jaccard": Table(
            "jaccard",
            "Candidate pairs by exact Jaccard similarity",
            [
                Column("Similarity", "duplicates.jaccard_histogram.lower", None, is_heading=True),
                Column("Pairs", "duplicates.jaccard_histogram.pairs"),
            ],
            [
                [Cell(f"{row['lower']:.2f}–{row['upper']:.2f}"), Cell(row["pairs"])]
                for row in duplicates["jaccard_histogram"]
            ],
        ),
        "s_curve": Table(
            "s-curve",
            "Probability that a pair of documents becomes a candidate",
            [
                Column("Similarity J", "duplicates.s_curve.jaccard", None, is_heading=True),
                Column("Probability", "duplicates.s_curve.probability", percent),
            ],
            [[Cell(f"{row['jaccard']:.2f}"), Cell(row["probability"])] for row in duplicates["s_curve"]],
        ),
    }


def _precision_tables(report: Row) -> dict[str, Table | None]:
    """One table per grouping of the measured precision."""
    return {
        f"precision_{name}": _table(
            f"precision-{name.replace('_', '-')}",
            f"Measured precision by {what}",
            report["precision"][f"by_{name}"],
            f"precision.by_{name}",
            [
                ("group", heading, None),
                ("removals", "Removals, estimated", integer),
                ("compared", "Compared", integer),
                ("precision", "Precision", percent),
                ("lower", "from", percent),
                ("upper", "to", percent),
            ],
        )
        for name, heading, what in (
            ("locale", "Language", "language"),
            ("sources", "Source → source of what stays", "sources"),
            ("cluster_size", "Documents in the group", "size of the group"),
            ("bands", "Bands that agree", "bands that agree"),
        )
    }


def _recall_tables(report: Row) -> dict[str, Table | None]:
    planted = report["recall"]["planted"]
    return {
        "recall_locale": _table(
            "recall-locale",
            "Planted copies by language",
            planted["by_locale"],
            "recall.planted.by_locale",
            [
                ("group", "Language", None),
                ("copies", "Copies", integer),
                ("removed", "Removed", integer),
                ("recall", "Recall", percent),
                ("lower", "from", percent),
                ("upper", "to", percent),
            ],
        ),
        "recall_points": _table(
            "recall-points",
            "Planted copies by similarity to their original",
            [{**row, "jaccard": f"{row['jaccard']:.3f}"} for row in planted["points"]],
            "recall.planted.points",
            [
                ("jaccard", "Similarity J", None),
                ("copies", "Copies", integer),
                ("probability", "Compared", percent),
                ("lower", "from", percent),
                ("upper", "to", percent),
            ],
        ),
    }


def _tables(report: Row) -> dict[str, Table | None]:
    return {
        "sources": _table(
            "sources",
            "Records per source",
            report["inputs"]["sources"],
            "inputs.sources",
            [
                ("source", "Source", None),
                ("files", "Files", integer),
                ("read", "Read", integer),
                ("text_bytes", "Text", size),
                ("kept", "Kept", integer),
                ("dropped", "Dropped", integer),
                ("quarantined", "Quarantined", integer),
                ("kept_fraction", "Kept part", percent),
            ],
        ),
        "private_data": _table(
            "private-data",
            "Private data found, per source and kind",
            report["inputs"]["private_data"],
            "inputs.private_data",
            [
                ("kind", "Kind", None),
                ("source", "Source", None),
                ("found", "Found", integer),
                ("documents", "Documents", integer),
            ],
        ),
        "reasons": _reasons(report),
        "reasons_by_source": _reasons_by_source(report),
        "reasons_by_locale": _reasons_by_locale(report),
        "overturned": _table(
            "overturned",
            "Decisions that reviewers have overturned",
            [
                {**row, "honoured": "yes" if row["honoured"] else "not yet"}
                for row in report["overturned"]["documents"]
            ],
            "overturned.documents",
            [
                ("doc_id", "Document", None),
                ("drop_reason", "Dropped as", None),
                ("by", "Kept by", None),
                ("reason", "Because", None),
                ("at", "On", None),
                ("honoured", "Kept", None),
            ],
        ),
        **flow_tables(report),
        **language_tables(report),
        **signal_tables(report),
        "thresholds": _thresholds(report),
        "default_thresholds": _table(
            "default-thresholds",
            "Defaults",
            report["thresholds"]["defaults"],
            "thresholds.defaults",
            [("threshold", "Threshold", None), ("value", "Value", number)],
        ),
        "perplexity": _table(
            "perplexity-by-locale",
            "Documents by perplexity",
            report["perplexity"]["by_locale"],
            "perplexity.by_locale",
            [("locale", "Locale", None), ("bucket", "Bucket", None), ("documents", "Documents", integer)],
        ),
        **_duplicate_tables(report),
        **_precision_tables(report),
        **_recall_tables(report),
        "lines": _table(
            "lines-by-source",
            "Lines of the documents that took part, per source",
            report["lines"]["by_source"],
            "lines.by_source",
            [
                ("source", "Source", None),
                ("documents", "Documents", integer),
                ("documents_changed", "Changed", integer),
                ("documents_dropped", "Dropped", integer),
                ("read", "Lines read", integer),
                ("kept", "Kept", integer),
                ("removed", "Removed", integer),
                ("removed_fraction", "Removed part", percent),
                ("dropped", "In dropped documents", integer),
                ("characters_removed", "Characters removed", integer),
            ],
        ),
        "frequent_lines": _table(
            "frequent-lines",
            "Lines shared by most documents",
            report["lines"]["most_frequent"],
            "lines.most_frequent",
            [("line", "Line", None), ("documents", "Documents", integer)],
        ),
        "evaluation_sets": _table(
            "evaluation-sets",
            "Evaluation sets, and what was found of them",
            report["decontamination"]["sets"],
            "decontamination.sets",
            [
                ("set", "Set", None),
                ("items", "Items", integer),
                ("distinct_items", "Different", integer),
                ("items_found", "Found", integer),
                ("documents_matched", "Documents with a match", integer),
                ("documents_dropped", "Dropped", integer),
                ("sha256", "SHA-256", lambda value: value[:12]),
            ],
        ),
        "quarantine": _table(
            "quarantined",
            "Records that could not be read, per source and reason",
            report["quarantine"]["by_source"],
            "quarantine.by_source",
            [
                ("source", "Source", None),
                ("reason", "Reason", None),
                ("records", "Records", integer),
                ("explanation", "What it means", None),
            ],
        ),
        "balance": _table(
            "balance-locales",
            "Locales before and after balancing",
            sorted(report["balance"]["locales"], key=lambda row: (-row["tokens"], row["locale"])),
            "balance.locales",
            [
                ("locale", "Locale", None),
                ("name", "Language", None),
                ("documents", "Documents", integer),
                ("tokens", "Tokens", integer),
                ("natural_share", "Natural share", percent),
                ("base_share", "By method", percent),
                ("target_share", "Target share", percent),
                ("expected_repeats", "Expected repeats", number),
            ],
        ),
        "balance_groups": _table(
            "balance-groups",
            "Sources and forms before and after balancing",
            report["balance"]["groups"],
            "balance.groups",
            [
                ("group", "Name", None),
                ("kind", "Kind", None),
                ("documents", "Documents", integer),
                ("tokens", "Tokens", integer),
                ("natural_share", "Natural share", percent),
                ("base_share", "By method", percent),
                ("target_share", "Target share", percent),
                ("expected_repeats", "Expected repeats", number),
            ],
        ),
        "balance_phases": _table(
            "balance-phases",
            "Steps of training",
            report["balance"]["phases"] if len(report["balance"]["phases"]) > 1 else [],
            "balance.phases",
            [
                ("phase", "Phase", integer),
                ("from_token", "From token", integer),
                ("tokens", "Tokens", integer),
                ("alpha", "Exponent α", number),
            ],
        ),
        "shards": _table(
            "shard-files",
            "Shards per locale and split",
            report["shards"]["by_locale"],
            "shards.by_locale",
            [
                ("locale", "Locale", None),
                ("name", "Language", None),
                ("split", "Split", None),
                ("files", "Files", integer),
                ("rows", "Documents", integer),
                ("tokens", "Tokens", integer),
                ("bytes", "Size", size),
            ],
        ),
        "timings": _table(
            "stage-times",
            "Wall time per stage",
            [{**row, "skipped": "yes" if row["skipped"] else "no"} for row in report["timings"]["stages"]],
            "timings.stages",
            [
                ("stage", "Stage", None),
                ("elapsed_s", "This run", duration),
                ("skipped", "Skipped", None),
                ("recorded_elapsed_s", "When its output was made", duration),
            ],
        ),
    }


def _plots(report: Row) -> dict[str, Markup]:
    duplicates = report["duplicates"]
    drawn = {
        "fates": plots.fates_by_source(
            report["inputs"]["sources"], report["drops"]["by_source"], report["drops"]["reasons"]
        ),
        "cluster_sizes": plots.cluster_sizes(duplicates["cluster_sizes"]),
        "jaccard": plots.jaccard_histogram(duplicates["jaccard_histogram"], duplicates["min_jaccard"]),
        "s_curve": plots.s_curve(
            duplicates["num_bands"],
            duplicates["rows_per_band"],
            duplicates["min_jaccard"],
            report["recall"]["planted"]["points"],
        ),
        "balance": plots.balance(report["balance"]["locales"]),
    }
    # Matplotlib escapes the labels it writes; nothing else in these strings comes from data.
    return {name: Markup(svg) for name, svg in drawn.items()}


def _rule_plots(report: Row) -> dict[str, Markup]:
    """The histogram of each rule that rejects documents; empty without a signal."""
    return {
        rule["rule"]: Markup(plots.signal_histogram(rule, f"plot-rule-{number}"))
        for number, rule in enumerate(report["signals"]["rules"])
    }


def render(report: dict[str, Any]) -> str:
    """The page, from nothing but the report; see `html.render_page` for what keeps it safe."""
    return render_page(
        "index.html.j2",
        report=report,
        tables=_tables(report),
        plots=_plots(report),
        rule_plots=_rule_plots(report),
        compared=compared,
        locale_name=locale_name,
        check_names=CHECK_NAMES,
        cluster_kinds=CLUSTER_KINDS,
    )
