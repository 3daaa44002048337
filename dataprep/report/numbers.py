"""Every number of the report, read from a run folder. Nothing here looks at a document's text beyond excerpts."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from dataprep import files
from dataprep.config import NearDedupConfig, ReportConfig
from dataprep.filter.overturned import current_fates, read_keeps
from dataprep.locales import LOCALES
from dataprep.report.alarms import alarms
from dataprep.report.checks import verdict
from dataprep.report.clusters import duplicate_clusters
from dataprep.report.definitions import DEFINITIONS
from dataprep.report.flow import flow
from dataprep.report.languages import languages
from dataprep.report.precision import Bounds, measured_precision
from dataprep.report.recall import Rehearse, measured_recall
from dataprep.report.settings import public_settings
from dataprep.report.signals import rule_by_rule
from dataprep.report.text import clip
from dataprep.schema import CONTAMINATED, SCHEMA_VERSION

MAX_EXAMPLES: Final = 5  # per (reason, source)
MAX_EXAMPLES_PER_REASON: Final = 20  # keeps the page small when there are many sources
MAX_EXCERPT_CHARS: Final = 800  # bounds the page and the time a difference takes
MAX_SAMPLE_BYTES: Final = 200  # of a quarantined record
BATCH_ROWS: Final = 4096

_OF_SETS: Final = ("items", "distinct_items", "items_found", "documents_matched", "sha256")
STAGE_FOLDERS: Final = ("documents", "dedup", "fates", "shards")
NO_EXPLANATION: Final = "No explanation is on record for this reason."

_EXAMPLE_COLUMNS: Final = (
    "drop_reason", "doc_id", "source", "locale", "file", "locator", "signal", "value", "threshold", "excerpt",
    "kept_doc_id", "kept_source", "kept_locator", "kept_excerpt", "jaccard",
)  # fmt: skip
_QUARANTINE_COLUMNS: Final = ("source", "file", "locale", "offset", "reason", "sample")

Row = dict[str, Any]


class ReportError(ValueError):
    """The run folder cannot be reported on."""


class _Inputs:
    """The JSON files of a run folder; remembers which were not there."""

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir.rstrip("/")
        self.missing: list[str] = []

    def at(self, *names: str) -> str:
        return files.join(self._run_dir, *names)

    def json(self, *names: str) -> Any:  # noqa: ANN401 (JSON)
        """The file's value, or an empty object, noted as missing."""
        if not files.exists(self.at(*names)):
            self.missing.append("/".join(names))
            return {}
        return files.read_json(self.at(*names))

    def text(self, *names: str) -> str:
        if not files.exists(self.at(*names)):
            self.missing.append("/".join(names))
            return ""
        with files.open_binary(self.at(*names)) as file:
            return file.read().decode()

    def parquet(self, folder: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Batches of the folder's files, one file open at a time."""
        for path in files.list_files(self.at(folder), ".parquet"):
            with files.open_binary(path) as opened:
                yield from pq.ParquetFile(opened).iter_batches(batch_size=BATCH_ROWS, columns=list(columns))


def build_report(
    run_dir: str,
    explanations: Mapping[str, str] = MappingProxyType({}),
    settings: ReportConfig | None = None,
    rehearse: Rehearse | None = None,
) -> dict[str, Any]:
    """The whole report as JSON values: counts are documents or records, fractions lie in [0, 1].

    Reads the run folder and nothing else. Files other than `ledger.json` may be missing; their names are in
    `missing_inputs` and their sections are empty. Memory does not grow with the number of rejected or quarantined
    records, only with the number of (reason, source) pairs.

    Args:
        run_dir: the run folder, a path or an fsspec URL.
        explanations: drop or quarantine reason → one sentence that says what it means.
        settings: what raises an alarm, and what a core costs; null: as the run's own `config.yaml` says.
        rehearse: sends edited copies of documents the way of the run's own (`rehearsal.py`); null: recall is not
            measured.

    Raises:
        ReportError: the folder has no ledger, or one of another schema version.
    """
    inputs = _Inputs(run_dir)
    ledger = inputs.json("ledger.json")
    if not ledger:
        raise ReportError(
            f"{run_dir} has no ledger.json; run the pipeline up to its ledger before the report."
        )
    if ledger["schema_version"] != SCHEMA_VERSION:
        raise ReportError(
            f"ledger.json has schema_version {ledger['schema_version']}; this report reads {SCHEMA_VERSION}."
        )
    run, plan = inputs.json("run.json"), inputs.json("plan.json")
    manifest = inputs.json("shards", "manifest.json")
    stages = {folder: inputs.json(folder, "_stage.json") for folder in STAGE_FOLDERS}
    counts = {folder: stage.get("counts", {}) for folder, stage in stages.items()}
    funnel = counts["fates"].get("funnel", [])
    overturned = _overturned(run_dir)
    quarantine = _quarantine(inputs.parquet("quarantine", _QUARANTINE_COLUMNS), explanations)
    config = inputs.text("config.yaml")
    said = yaml.safe_load(config) or {}
    if settings is None:
        settings = ReportConfig.model_validate(said.get("report", {}))
    pool = ThreadPoolExecutor(1)
    # The longest of all, meanwhile: much of it, and of the rest, is the reading of Parquet.
    recall = pool.submit(_recall, run_dir, said, counts["dedup"], rehearse)
    report = {
        "schema_version": SCHEMA_VERSION,
        "definitions": DEFINITIONS,
        "run": {key: run.get(key) for key in ("started_at", "commit", "master")}
        | {"versions": run.get("versions", {})},
        "verdict": verdict(
            ledger,
            funnel=funnel if stages["fates"] else None,
            dedup=counts["dedup"] or None,
            removed_duplicates=counts["fates"].get("removed_duplicates", {}),
            overturned=Counter(row["drop_reason"] for row in overturned if row["honoured"]),
            shard_rows=sum(file["rows"] for file in manifest["files"]) if manifest else None,
            quarantine_records=quarantine["records"],
        ),
        "inputs": _went_in(ledger, funnel, counts["documents"]),
        "drops": _drops(ledger, funnel, explanations),
        "overturned": {"documents": overturned},
        "flow": {"by_source_and_locale": flow(funnel, manifest)},
        "thresholds": _thresholds(counts["fates"].get("thresholds", {})),
        "signals": rule_by_rule(run_dir, config, counts["fates"].get("thresholds", {})),
        "languages": languages(run_dir),
        "perplexity": {"by_locale": counts["fates"].get("perplexity", [])},
        "duplicates": _duplicates(counts["dedup"]),
        "precision": _precision(run_dir, counts["dedup"]),
        "recall": None,
        "clusters": _clusters(run_dir, counts["dedup"]),
        "lines": _lines(ledger, inputs),
        "decontamination": _decontamination(ledger, inputs, manifest, counts["fates"]),
        "examples": _examples(inputs.parquet("rejected_sample", _EXAMPLE_COLUMNS), ledger, explanations),
        "quarantine": quarantine,
        "balance": _balance(plan),
        "shards": _shards(manifest),
        "timings": _timings(run, stages.values(), settings.price_per_core_hour),
        "settings": {"yaml": public_settings(config)},
    }
    report["recall"] = recall.result()
    pool.shutdown()
    raised = alarms(report, ledger, settings)
    report["alarms"] = {"settings": settings.model_dump(exclude={"price_per_core_hour"}), "raised": raised}
    return report | {"missing_inputs": sorted(set(inputs.missing))}


def locale_name(code: str) -> str:
    """English name of a locale, or its code where the table has none."""
    return LOCALES[code].name if code in LOCALES else code


def _fraction(part: float | None, whole: float | None) -> float | None:
    """Part of a whole; null where there is no whole."""
    return part / whole if whole and part is not None else None


def _dropped(entry: Row) -> int:
    return sum(entry["dropped"].values())


def _fate(entry: Row) -> Row:
    return {
        "read": entry["read"],
        "kept": entry["kept"],
        "dropped": _dropped(entry),
        "quarantined": entry["quarantined"],
        "kept_fraction": _fraction(entry["kept"], entry["read"]),
    }


def _text_bytes(funnel: list[Row], key: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in funnel:
        total[row[key] or ""] += row["text_bytes"]
    return total


def _went_in(ledger: Row, funnel: list[Row], documents: Row) -> Row:
    num_files = Counter(name.partition("/")[0] for name in ledger["by_file"])
    text_bytes = _text_bytes(funnel, "source")
    return {
        "files": len(ledger["by_file"]),
        "read": ledger["total"]["read"],
        "documents": documents.get("documents"),
        "text_bytes": documents.get("text_bytes"),
        "repaired": documents.get("repaired"),
        "private_data": _private_data(documents.get("private_data", [])),
        "sources": [
            {"source": name, "files": num_files[name], "text_bytes": text_bytes.get(name), **_fate(entry)}
            for name, entry in sorted(ledger["by_source"].items())
        ],
    }


def _private_data(counts: list[list[Any]]) -> list[Row]:
    """Per source and kind, what was found and in how many documents."""
    rows: dict[tuple[str, str], Row] = {}
    for source, kind, what, n in sorted(counts):
        rows.setdefault((source, kind), {"source": source, "kind": kind})[what] = n
    return list(rows.values())


def _by_reason(entries: Mapping[str, Row], key: str) -> list[Row]:
    return [
        {key: name, "reason": reason, "documents": n, "fraction_of_read": _fraction(n, entry["read"])}
        for name, entry in sorted(entries.items())
        for reason, n in sorted(entry["dropped"].items())
        if n
    ]


def _drops(ledger: Row, funnel: list[Row], explanations: Mapping[str, str]) -> Row:
    total = ledger["total"]
    text_bytes = _text_bytes(funnel, "drop_reason")
    reasons = sorted(total["dropped"].items(), key=lambda item: (-item[1], item[0]))
    return {
        "reasons": [
            {
                "reason": reason,
                "documents": n,
                "fraction_of_read": _fraction(n, total["read"]),
                "text_bytes": text_bytes.get(reason),
                "explanation": explanations.get(reason, NO_EXPLANATION),
            }
            for reason, n in reasons
            if n
        ],
        "by_source": _by_reason(ledger["by_source"], "source"),
        "by_locale": _by_reason(ledger["by_locale"], "locale"),
        "locales": [
            {"locale": code, "name": locale_name(code), **_fate(entry)}
            for code, entry in sorted(ledger["by_locale"].items())
        ],
    }


def _overturned(run_dir: str) -> list[Row]:
    """What reviewers want kept, and whether it is."""
    keeps = read_keeps(run_dir)
    fates = current_fates(run_dir, [each["doc_id"] for each in keeps])
    return [each | {"honoured": None in fates.get(each["doc_id"], [])} for each in keeps]


def _thresholds(described: Row) -> Row:
    """The thresholds in force; nulls and empty lists where the run left no record of them."""
    return {
        **{name: described.get(name) for name in ("file", "sha256", "origin", "reference_documents")},
        "defaults": described.get("defaults", []),
        "by_locale": described.get("by_locale", []),
    }


def candidate_probability(jaccard: float, num_bands: int, rows_per_band: int) -> float:
    """Probability in [0, 1] that two documents of this Jaccard similarity share a band (Leskovec et al., 3.4.2)."""
    return 1.0 - (1.0 - jaccard**rows_per_band) ** num_bands


def _cluster_sizes(sizes: list[list[int]]) -> list[Row]:
    """Clusters by size: 2, 3 and 4 alone, then ranges that end at powers of two."""
    bins: dict[tuple[int, int], Row] = {}
    for size, clusters in sorted(sizes):
        largest = size if size <= 4 else 1 << (size - 1).bit_length()
        smallest = size if size <= 4 else largest // 2 + 1
        row = bins.setdefault(
            (smallest, largest), {"smallest": smallest, "largest": largest, "clusters": 0, "documents": 0}
        )
        row["clusters"] += clusters
        row["documents"] += size * clusters
    return list(bins.values())


_DEDUP_COUNTS: Final = (
    "documents", "exact_removed", "exact_clusters", "near_removed", "short_documents", "candidate_pairs",
    "verified_pairs", "transitive_only", "components", "num_bands", "rows_per_band", "min_jaccard",
    "contained_removed", "earlier_removed", "earlier_segments", "preset", "verify", "min_containment",
    "slice_fraction", "max_bucket_size", "capped_buckets", "capped_comparisons",
)  # fmt: skip


def _candidates(counts: Row) -> Row:
    """The theory of the configured bands; empty where the stage left no settings."""
    if not counts:
        return {"candidate_probability_at_min_jaccard": None, "s_curve": []}
    bands, rows = counts["num_bands"], counts["rows_per_band"]
    return {
        "candidate_probability_at_min_jaccard": candidate_probability(counts["min_jaccard"], bands, rows),
        "s_curve": [
            {"jaccard": step / 20, "probability": candidate_probability(step / 20, bands, rows)}
            for step in range(21)
        ],
    }


def _precision(run_dir: str, counts: Row) -> Row:
    if not counts:
        return measured_precision(run_dir, Bounds(1.0, None))
    bounds = Bounds(counts["min_jaccard"], counts.get("min_containment"))
    return measured_precision(run_dir, bounds, own_segment=counts.get("earlier_segments", 0))


def _recall(run_dir: str, said: Row, counts: Row, rehearse: Rehearse | None) -> Row:
    settings = NearDedupConfig.model_validate(said.get("near_dedup", {}))
    return measured_recall(run_dir, settings, rehearse if counts else None)


def _clusters(run_dir: str, counts: Row) -> Row:
    own_segment = counts.get("earlier_segments", 0)
    return duplicate_clusters(run_dir, counts.get("min_jaccard"), own_segment=own_segment)


def _duplicates(counts: Row) -> Row:
    return {
        **{name: counts.get(name) for name in _DEDUP_COUNTS},
        "exact_fraction": _fraction(counts.get("exact_removed"), counts.get("documents")),
        "near_fraction": _fraction(counts.get("near_removed"), counts.get("documents")),
        "verified_fraction": _fraction(counts.get("verified_pairs"), counts.get("candidate_pairs")),
        **_candidates(counts),
        "jaccard_histogram": [
            {"lower": round(lower, 2), "upper": round(min(lower + 0.05, 1.0), 2), "pairs": pairs}
            for lower, pairs in sorted(counts.get("jaccard_histogram", []))
        ],
        "cluster_sizes": _cluster_sizes(counts.get("cluster_sizes", [])),
        "largest_group": max((size for size, _ in counts.get("cluster_sizes", [])), default=None),
        "overlap": [
            {"removed_source": removed, "kept_source": kept, "rule": rule, "documents": n}
            for removed, kept, rule, n in sorted(counts.get("overlap", []))
        ],
        "capped_examples": [
            {"documents": n, "skipped": skipped, "excerpt": clip(excerpt or "", MAX_EXCERPT_CHARS)}
            for n, skipped, excerpt in sorted(
                counts.get("capped_examples", []), key=lambda row: (-row[0], row[2] or "")
            )
        ],
        "largest_buckets": [
            {"documents": n, "excerpt": clip(excerpt or "", MAX_EXCERPT_CHARS)}
            for n, excerpt in sorted(
                counts.get("largest_buckets", []), key=lambda row: (-row[0], row[1] or "")
            )
        ],
    }


_LINE_COUNTS: Final = ("read", "kept", "removed", "dropped", "characters_removed")
_LINE_DOCUMENTS: Final = ("documents", "documents_changed", "documents_dropped")


def _lines(ledger: Row, inputs: _Inputs) -> Row:
    """Boilerplate lines; nulls and empty lists where no source asked for it."""
    total = ledger["total"].get("lines", {})
    counts = inputs.json("lines", "_stage.json").get("counts", {}) if total else {}

    def row(lines: Row, documents: Row) -> Row:
        return {
            **{name: lines.get(name) for name in _LINE_COUNTS},
            "removed_fraction": _fraction(lines.get("removed"), lines.get("read")),
            **{name: documents.get(name) for name in _LINE_DOCUMENTS},
        }

    sources = counts.get("by_source", {})
    summed = {name: sum(each[name] for each in sources.values()) for name in _LINE_DOCUMENTS if sources}
    return {
        **row(total, summed),
        "boilerplate": counts.get("boilerplate"),
        "by_source": [
            {"source": name, **row(entry["lines"], sources.get(name, {}))}
            for name, entry in sorted(ledger["by_source"].items())
            if "lines" in entry
        ],
        "most_frequent": [
            {"documents": n, "line": clip(line, MAX_EXCERPT_CHARS)}
            for n, line in sorted(counts.get("most_frequent", []), key=lambda row: (-row[0], row[1]))
        ],
    }


def _decontamination(ledger: Row, inputs: _Inputs, manifest: Row, fates: Row) -> Row:
    """What was found of evaluation sets; nulls and an empty list where none was given."""
    counts: Row = {}
    if manifest.get("decontamination"):
        counts = inputs.json("decontamination", "_stage.json").get("counts", {})
    dropped = fates.get("contaminated", {})
    return {
        "ngram": counts.get("ngram"),
        "documents": counts.get("documents"),
        "documents_matched": counts.get("documents_matched"),
        "documents_dropped": ledger["total"]["dropped"].get(CONTAMINATED, 0) if counts else None,
        "sets": [
            {
                "set": each["name"],
                **{name: each[name] for name in _OF_SETS},
                "documents_dropped": dropped.get(each["name"], 0),
            }
            for each in counts.get("sets", [])
        ],
    }


class _Smallest:
    """At most `limit` rows, those with the smallest keys, whatever the order in which rows come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: list[tuple[Any, Row]] = []

    def add(self, rows: Iterable[tuple[Any, Row]]) -> None:
        self._rows = heapq.nsmallest(self._limit, [*self._rows, *rows], key=lambda item: item[0])

    def rows(self) -> list[Row]:
        return [row for _, row in self._rows]


def _json_value(value: Any) -> Any:  # noqa: ANN401 (a cell)
    """The cell as JSON can hold it: numbers that are not finite become null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _example(row: Row) -> Row:
    clipped = {name: clip(row[name], MAX_EXCERPT_CHARS) for name in ("excerpt", "kept_excerpt") if row[name]}
    return {name: _json_value(row[name]) for name in _EXAMPLE_COLUMNS if name != "drop_reason"} | clipped


def _in_turns(groups: list[list[Row]]) -> list[Row]:
    """First rows of all groups, then the second rows, and so on: a cut leaves every group represented."""
    longest = max((len(group) for group in groups), default=0)
    return [group[turn] for turn in range(longest) for group in groups if turn < len(group)]


def _examples(batches: Iterator[pa.RecordBatch], ledger: Row, explanations: Mapping[str, str]) -> Row:
    sampled: dict[str, dict[str, _Smallest]] = defaultdict(
        lambda: defaultdict(lambda: _Smallest(MAX_EXAMPLES))
    )
    for batch in batches:
        for row in batch.to_pylist():
            group = sampled[row["drop_reason"]][row["source"]]
            group.add([(row["doc_id"] or "", _example(row))])
    dropped = ledger["total"]["dropped"]
    reasons = []
    for reason in sorted(sampled, key=lambda name: (-dropped.get(name, 0), name)):
        examples = _in_turns([sampled[reason][source].rows() for source in sorted(sampled[reason])])
        shown = examples[:MAX_EXAMPLES_PER_REASON]
        reasons.append(
            {
                "reason": reason,
                "explanation": explanations.get(reason, NO_EXPLANATION),
                "documents": dropped.get(reason, 0),
                "shown": len(shown),
                "examples": shown,
            }
        )
    return {"reasons": reasons}


def _filled(batch: pa.RecordBatch) -> pa.Table:
    """The batch with names in place of nulls, so that nulls group and compare like values."""
    table = pa.Table.from_batches([batch])
    for name in ("source", "reason"):
        table = table.set_column(
            table.schema.get_field_index(name), name, pc.fill_null(table[name], "unknown")
        )
    return table


def _quarantine_example(row: Row) -> Row:
    sample = (row["sample"] or b"")[:MAX_SAMPLE_BYTES]
    return {
        "file": row["file"],
        "locale": row["locale"],
        "offset": row["offset"],
        # Bytes that are no UTF-8 show as \xNN.
        "sample": sample.decode("utf-8", errors="backslashreplace"),
    }


def _quarantine(batches: Iterator[pa.RecordBatch], explanations: Mapping[str, str]) -> Row:
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], _Smallest] = defaultdict(lambda: _Smallest(MAX_EXAMPLES))
    for batch in batches:
        table = _filled(batch)
        for group in table.group_by(["source", "reason"]).aggregate([([], "count_all")]).to_pylist():
            key = (group["source"], group["reason"])
            counts[key] += group["count_all"]
            of_group = table.filter(
                pc.and_(pc.equal(table["source"], key[0]), pc.equal(table["reason"], key[1]))
            )
            first = pc.select_k_unstable(
                of_group, MAX_EXAMPLES, sort_keys=[("file", "ascending"), ("offset", "ascending")]
            )
            rows = of_group.take(first).to_pylist()
            examples[key].add(
                ((row["file"] or "", row["offset"] or 0), _quarantine_example(row)) for row in rows
            )
    return {
        "records": sum(counts.values()),
        "by_source": [
            {
                "source": source,
                "reason": reason,
                "records": n,
                "explanation": explanations.get(reason, NO_EXPLANATION),
                "examples": examples[source, reason].rows(),
            }
            for (source, reason), n in sorted(counts.items())
        ],
    }


def _balance(plan: Row) -> Row:
    return {
        **{name: plan.get(name) for name in ("method", "alpha", "total_tokens", "budget_tokens")},
        "held": plan.get("held", []),
        "unmet": plan.get("unmet"),
        "groups": [
            {"kind": kind, "group": name, **entry}
            for kind in ("source", "form")
            for name, entry in sorted(plan.get(f"{kind}s", {}).items())
        ],
        "phases": [
            {name: step[name] for name in ("phase", "from_token", "tokens", "alpha")}
            for step in plan.get("phases", [])
        ],
        "locales": [
            {"locale": code, "name": locale_name(code), "base_share": None, "expected_tokens": None, **entry}
            for code, entry in sorted(plan.get("locales", {}).items())
        ],
    }


def _sums(rows: Iterable[Row], key: Callable[[Row], tuple[str, str]]) -> dict[tuple[str, str], Row]:
    sums: dict[tuple[str, str], Row] = {}
    for row in rows:
        total = sums.setdefault(key(row), {"files": 0, "rows": 0, "tokens": 0, "bytes": 0})
        total["files"] += 1
        for name in ("rows", "tokens", "bytes"):
            total[name] += row[name]
    return sums


def _shards(manifest: Row) -> Row:
    written = manifest.get("files", [])
    totals = _sums(written, lambda _: ("", "")).get(
        ("", ""), {"files": 0, "rows": 0, "tokens": 0, "bytes": 0}
    )
    by_locale = _sums(written, lambda file: (file["locale"], file["split"]))
    return {
        **totals,
        **{name: manifest.get(name) for name in ("vocab_size", "tokenizer_sha256", "config_sha256")},
        "by_locale": [
            {"locale": locale, "name": locale_name(locale), "split": split, **sums}
            for (locale, split), sums in sorted(by_locale.items())
        ],
    }


def _timings(run: Row, stages: Iterable[Row], price_per_core_hour: float | None) -> Row:
    recorded = {stage["stage"]: stage["elapsed_s"] for stage in stages if stage}
    ran = run.get("stages", [])
    elapsed_s, cores = sum(stage["elapsed_s"] for stage in ran), run.get("cores")
    core_hours = None if cores is None else cores * elapsed_s / 3600
    return {
        "elapsed_s": elapsed_s,
        "peak_memory_bytes": run.get("peak_memory_bytes"),
        "cores": cores,
        "core_hours": core_hours,
        "price_per_core_hour": price_per_core_hour,
        "cost": None
        if core_hours is None or price_per_core_hour is None
        else core_hours * price_per_core_hour,
        "stages": [
            {
                "stage": stage["stage"],
                "elapsed_s": stage["elapsed_s"],
                "skipped": stage["skipped"],
                "recorded_elapsed_s": recorded.get(stage["stage"]),
            }
            for stage in ran
        ],
    }
