"""The data pipeline, stage by stage. Read this file first.

    annotate   read every input once, measure it        → documents/  dedup/signatures/  quarantine/
    dedup      rules, then exact and near duplicates    → dedup/pairs/  dedup/decisions/
    lines      boilerplate, where a source asks for it  → lines/
    decontaminate  items of evaluation sets, where one is named → decontamination/
    fates      kept, or the one reason why not          → fates/  rejected_sample/
    tokenizer  SentencePiece on a balanced sample       → tokenizer/
    shards     encode, write, plan, balance the ledger  → shards/  plan.json  ledger.json

Every stage commits (stages.py); a re-run skips what is committed for the same settings and input. Text goes from the
readers into Parquet and from Parquet into token ids inside Python tasks; Spark moves only narrow rows.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.arrow_pass import AnnotateSettings
from dataprep.annotate.language_id import builtin_model_path
from dataprep.annotate.lists import NO_LISTS, resolve_lists
from dataprep.annotate.task import TaskResult, run_read_task
from dataprep.config import PrepareConfig, RulesConfig, settings_sha256
from dataprep.dedup.deduplicate import Index, run_dedup
from dataprep.dedup.index import Segment, segments_before
from dataprep.dedup.lines import run_lines
from dataprep.filter.contamination import rules_settings
from dataprep.filter.decontaminate import run_decontaminate
from dataprep.filter.evaluation_sets import sets_fingerprint
from dataprep.filter.fates import NO_REQUESTS, run_fates
from dataprep.filter.overturned import keeps_sha256, read_keeps
from dataprep.filter.thresholds import stop_words, thresholds_sha256
from dataprep.kernels.fused import hash_family
from dataprep.ledger import Key, LedgerError, build_ledger, check_ledger
from dataprep.local_tasks import LocalTasks
from dataprep.parts import part_number
from dataprep.plan import InputPlan, cut_file, read_tasks, shuffle_partitions, task_from_json, task_to_json
from dataprep.removals.requests import Requests
from dataprep.removals.tombstones import fates_inputs, honoured_requests, manifest_records
from dataprep.shards.balance import check_names, plan_of_files, temperature_shares
from dataprep.shards.encode import ENCODED_SCHEMA, encode_documents, sample_documents, sample_fractions
from dataprep.shards.tokenizer import load, train
from dataprep.shards.writer import write_shards
from dataprep.sources.record import Split
from dataprep.stages import RunFolder, Stage, StageRecord
from dataprep.tables import run_tasks

ANNOTATE: Final = Stage(
    "annotate", "documents", ("documents", "dedup/signatures", "dedup/minhash", "quarantine", "precut")
)
DEDUP: Final = Stage(
    "dedup", "dedup", tuple(f"dedup/{name}" for name in ("decisions", "clusters", "pairs", "segment", "work"))
)
LINES: Final = Stage("lines", "lines", ("lines",))
DECONTAMINATE: Final = Stage("decontaminate", "decontamination", ("decontamination",))
FATES: Final = Stage("fates", "fates", ("fates", "rejected_sample"))
TOKENIZER: Final = Stage("tokenizer", "tokenizer", ("tokenizer",))
SHARDS: Final = Stage("shards", "shards", ("shards", "plan.json", "ledger.json", "run.json", "report"))
STAGES: Final = (ANNOTATE, DEDUP, LINES, DECONTAMINATE, FATES, TOKENIZER, SHARDS)

# Libraries whose versions decide what a text becomes.
_LIBRARIES: Final = (
    *("ftfy", "mwparserfromhell", "lxml", "phonenumberslite", "pyarrow", "python-stdnum"),
    *("num2words", "sentencepiece", "xxhash"),
)
_LOCALES_SHOWN: Final = 3  # in a message
TOKENIZER_MODEL: Final = "tokenizer/tokenizer.model"


class PipelineError(ValueError):
    """The input does not give what the configuration asks for; the message says what to change."""


@dataclass
class Pipeline:
    """One run: its settings, its input, its folder, and where it has come to.

    Attributes:
        spark: the session; only used by stages that are not skipped.
        config: settings.
        plan: input files and splits.
        on_start: called with a stage's name before it runs or is skipped.
        on_end: called with its record, and whether it was skipped.
        local: runs the tasks that need no Spark on this machine; null: on the executors.
    """

    spark: Callable[[], SparkSession]
    config: PrepareConfig
    plan: InputPlan
    on_start: Callable[[str], None]
    on_end: Callable[[StageRecord, bool], None]
    local: LocalTasks | None = None
    run: RunFolder = field(init=False)
    requests: Requests = field(init=False, default_factory=Requests)
    keeps: list[dict[str, Any]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.run = RunFolder(self.config.run_dir, STAGES)

    def prepare(self, last: Stage = SHARDS) -> None:
        """Run the stages up to and including `last`, skipping the committed ones.

        Raises:
            PipelineError: nothing is left to make shards of, or a locale asked for has no documents.
            LedgerError: the ledger does not balance.
        """
        self.requests = honoured_requests(self.config.removals, self.run.path)
        self.keeps = read_keeps(self.run.path)
        settings = stage_settings(self.config, self.plan, self.requests, keeps_sha256(self.keeps))
        work = {
            ANNOTATE: self._annotate,
            DEDUP: lambda: self._dedup(settings[DEDUP.name]),
            LINES: lambda: run_lines(self.spark(), self.config, self.run.path, partitions=self._partitions()),
            DECONTAMINATE: lambda: run_decontaminate(
                self.spark(), self.config, self.run.path, partitions=self._partitions()
            ),
            FATES: self._fates,
            TOKENIZER: self._tokenizer,
            SHARDS: self._shards,
        }
        asked_for = STAGES.index(last) + 1
        for stage in STAGES[:asked_for]:
            if stage.name not in settings:
                self._leave_out(stage)
                continue
            self.on_start(stage.name)
            self.on_end(*self.run.run(stage, settings[stage.name], work[stage]))
        for stage in STAGES[asked_for:]:
            # What is left of other settings would contradict config.yaml.
            if stage.name not in settings:
                self._leave_out(stage)
            elif not self.run.is_current(stage, settings[stage.name]):
                self.run.clear_from(stage)
                break

    def _leave_out(self, stage: Stage) -> None:
        """Nothing asks for the stage: what other settings made of it goes, and all that was made from that."""
        if files.exists(self.run.at(stage.folder)):
            self.run.clear_from(stage)

    def _tasks(self, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
        """Run tasks that need no Spark: in processes of this machine, or on the executors."""
        return self.local.run(payloads, work) if self.local else run_tasks(self.spark(), payloads, work)

    def _partitions(self) -> int:
        if self.local:
            return shuffle_partitions(self.config.engine, self.local.cores, self.plan.size_bytes)
        return int(self.spark().conf.get("spark.sql.shuffle.partitions") or 1)

    def _counts(self, stage: Stage) -> dict[str, Any]:
        record = self.run.record(stage)
        assert record is not None, f"{stage.name} is not committed"
        return record.counts

    def _annotate(self) -> dict[str, Any]:
        """Read and measure everything: one task per group of splits, on the executors, without the JVM."""
        config, run_dir = self.config, self.run.path
        chunk_bytes = config.engine.precut_chunk_bytes

        def cut(line: str) -> str:
            return cut_file(line, out_dir=files.join(run_dir, "precut"), chunk_bytes=chunk_bytes)

        chunks = self._tasks([split.to_json() for split in self.plan.to_cut], cut)
        splits = [Split.from_json(line) for lines in chunks for line in lines.splitlines()]
        cores = self.local.cores if self.local else self.spark().sparkContext.defaultParallelism
        tasks = read_tasks([*self.plan.splits, *splits], split_bytes=config.engine.split_bytes, cores=cores)
        settings = annotate_settings(config)
        batch_bytes = config.engine.batch_bytes

        def read(line: str) -> str:
            task = task_from_json(line)
            return run_read_task(task, run_dir=run_dir, settings=settings, batch_bytes=batch_bytes).to_json()

        results = [
            TaskResult.from_json(line) for line in self._tasks([task_to_json(task) for task in tasks], read)
        ]
        files.remove_tree(self.run.at("precut"))
        parts = [result.part for result in results if result.documents]
        self._check_parts(parts)
        read_records: Counter[Key] = Counter()
        quarantined: Counter[Key] = Counter()
        private_data: Counter[Key] = Counter()
        for result in results:
            read_records.update(result.read)
            quarantined.update(result.quarantined)
            private_data.update(result.private_data)
        documents = sum(result.documents for result in results)
        if documents == 0:
            raise PipelineError(
                f"the corpus is empty: {len(self.plan.inputs)} input file(s) hold no readable document "
                f"({quarantined.total()} malformed records). Check that each source's format is right."
            )
        return {
            "parts": parts,
            "documents": documents,
            "text_bytes": sum(result.text_bytes for result in results),
            "repaired": sum(result.repaired for result in results),
            "files": len(self.plan.inputs),
            "input_bytes": self.plan.size_bytes,
            "read": _rows(read_records),
            "quarantined": _rows(quarantined),
            "private_data": _rows(private_data),
        }

    def _check_parts(self, parts: list[int]) -> None:
        """Make sure that `documents/` holds the files that this run wrote, and no late one of a run that was killed."""
        found = [part_number(path) for path in files.list_files(self.run.at("documents"), ".parquet")]
        if found != parts:
            raise RuntimeError(
                f"documents/ should hold the parts {parts}, but holds {found}: is another run writing there? Run again."
            )

    def _dedup(self, settings: dict[str, Any]) -> dict[str, Any]:
        self._check_parts(self._counts(ANNOTATE)["parts"])
        signature_index = None
        if self.config.dedup_index is not None:
            signature_index = Index(
                segments(self.config), signature_settings(self.config), settings_sha256(settings)
            )
        return run_dedup(
            self.spark,
            self.config,
            self.run.path,
            documents=self._counts(ANNOTATE)["documents"],
            partitions=self._partitions(),
            signature_index=signature_index,
            local=self.local,
        )

    def _fates(self) -> dict[str, Any]:
        self._check_parts(self._counts(ANNOTATE)["parts"])
        counts = run_fates(
            self.spark(),
            self.config,
            self.run.path,
            partitions=self._partitions(),
            requests=self.requests,
            keeps={each[s.DOC_ID] for each in self.keeps},
        )
        if counts["documents"] != self._counts(ANNOTATE)["documents"]:
            raise LedgerError(
                f"{self._counts(ANNOTATE)['documents']} documents were read, but {counts['documents']} have a fate."
            )
        kept = Counter[str]()
        reasons: dict[str, Counter[str]] = {}
        for row in counts["funnel"]:
            if row[s.DROP_REASON] is None:
                kept[row[s.LOCALE]] += row["documents"]
            else:
                reasons.setdefault(row[s.LOCALE], Counter())[row[s.DROP_REASON]] += row["documents"]
        if not kept:
            total = sum(reasons.values(), Counter[str]())
            raise PipelineError(
                f"no document was kept ({_most(total)}); loosen the rules or check the sources."
            )
        missing = sorted(set(self.config.locales or kept) - set(kept))
        if missing:
            shown = "; ".join(_why_missing(locale, reasons) for locale in missing[:_LOCALES_SHOWN])
            more = len(missing) - _LOCALES_SHOWN
            raise PipelineError(shown + (f"; and {more} more such locales." if more > 0 else "."))
        settings = stage_settings(self.config, self.plan, self.requests, keeps_sha256(self.keeps))
        before = settings[FATES.name]["settings"]
        return counts | {"settings_sha256": before}

    def _tokenizer(self) -> dict[str, Any]:
        """Train on a balanced sample, or take the given model."""
        settings = self.config.tokenizer
        path = self.run.at(TOKENIZER_MODEL)
        if settings.model is not None:
            with files.open_binary(settings.model) as file:
                model, sampled = file.read(), 0
        else:
            kept_bytes = Counter[str]()
            for row in self._counts(FATES)["funnel"]:
                if row[s.DROP_REASON] is None:
                    kept_bytes[row[s.LOCALE]] += row["text_bytes"]
            shares = temperature_shares(kept_bytes, self.config.balance.alpha)
            fractions = sample_fractions(kept_bytes, shares, settings.sample_bytes)
            sample = (
                self._parts()
                .mapInArrow(
                    sample_documents(self.run.path, fractions, settings.seed),
                    f"{s.DOC_ID} string, {s.TEXT} string",
                )
                .collect()
            )
            sample.sort(key=lambda row: str(row[s.DOC_ID]))
            sampled = len(sample)
            model = train(
                (row[s.TEXT] for row in sample),
                vocab_size=settings.vocab_size,
                character_coverage=settings.character_coverage,
                num_sentinels=settings.num_sentinels,
            )
        target = files.AtomicFile(path)
        target.write(model)
        target.commit()
        return {
            "vocab_size": load(path).vocab_size(),
            "sampled_documents": sampled,
            "sha256": files.file_sha256(path),
        }

    def _shards(self) -> dict[str, Any]:
        """Encode and write the kept documents, derive the plan, balance the ledger, and write the manifest last."""
        config, run = self.config, self.run
        fates = self._counts(FATES)["funnel"]
        kept_of = [row for row in fates if row[s.DROP_REASON] is None]
        check_names(
            config.balance, {row[s.LOCALE] for row in kept_of}, {row[s.SOURCE] for row in kept_of}
        )  # before the texts are encoded
        shards_dir = run.at("shards")
        encode = encode_documents(run.path, run.at(TOKENIZER_MODEL), self._num_shards())
        entries = write_shards(
            self._parts().mapInArrow(encode, ENCODED_SCHEMA),
            shards_dir,
            row_group_rows=config.shards.row_group_rows,
            partitions=self._partitions(),
        )
        kept: Counter[Key] = Counter()
        for entry in entries:
            for source, file, count in entry.pop("kept"):
                kept[source, file, entry["locale"]] += count
        ledger = build_ledger(
            read=_counter(self._counts(ANNOTATE)["read"]),
            quarantined=_counter(self._counts(ANNOTATE)["quarantined"]),
            dropped=[
                ((row[s.SOURCE], row[s.FILE], row[s.LOCALE]), row[s.DROP_REASON], row["documents"])
                for row in fates
                if row[s.DROP_REASON] is not None
            ],
            kept=kept,
            lines=self._counts(LINES)["by_source"] if self.run.record(LINES) else {},
        )
        try:
            check_ledger(ledger)
        except LedgerError:
            # The shards go, the evidence stays.
            files.write_json(run.at("ledger.unbalanced.json"), ledger)
            raise
        plan = plan_of_files(entries, config.balance)
        tokenizer = self._counts(TOKENIZER)
        files.write_json(run.at("ledger.json"), ledger)
        files.write_json(run.at("plan.json"), plan)
        manifest = {
            "schema_version": s.SCHEMA_VERSION,
            "tokenizer_sha256": tokenizer["sha256"],
            "config_sha256": settings_sha256(algorithm_settings(config)),
            "vocab_size": tokenizer["vocab_size"],
            "plan": plan,
            "files": entries,
            "removals": manifest_records(run.path),
            "decontamination": self._evaluation_sets(),
        }
        return {
            "manifest_sha256": files.write_json(files.join(shards_dir, "manifest.json"), manifest),
            "files": len(entries),
            "documents": sum(entry["rows"] for entry in entries),
            "tokens": sum(entry["tokens"] for entry in entries),
            "locales": len({entry["locale"] for entry in entries}),
        }

    def _evaluation_sets(self) -> list[dict[str, Any]]:
        """What the manifest says of the evaluation sets that the shards are free of; empty without any."""
        if not self.run.record(DECONTAMINATE):
            return []
        sets = self._counts(DECONTAMINATE)["sets"]
        return [{key: each[key] for key in ("name", "items", "sha256")} for each in sets]

    def _parts(self) -> Any:  # noqa: ANN401 (DataFrame of one int column)
        """One row per documents file, one partition per row: what the tasks that walk documents and fates get."""
        rows = [(part,) for part in self._counts(ANNOTATE)["parts"]]
        context = self.spark().sparkContext
        return self.spark().createDataFrame(context.parallelize(rows, len(rows)), f"{s.PART} int")

    def _num_shards(self) -> dict[tuple[str, str], int]:
        """Shards per (locale, split), from the bytes of its kept text; at least one."""
        kept = (
            self.spark()
            .read.parquet(files.spark_path(self.run.at("fates")))
            .where(F.col(s.DROP_REASON).isNull())
            .groupBy(s.LOCALE, s.SPLIT)
            .agg(F.sum("text_bytes").alias("bytes"))
            .collect()
        )
        target = self.config.shards.shard_bytes
        return {(row[s.LOCALE], row[s.SPLIT]): -(-row["bytes"] // target) or 1 for row in kept}


def annotate_settings(config: PrepareConfig) -> AnnotateSettings:
    """The settings that travel to the executors with the annotation tasks."""
    kept = config.normalise.private_data_with("keep")
    return AnnotateSettings(
        everything=config.measure == "all",
        repair_mojibake=config.normalise.repair_mojibake,
        replace_private_data=set(kept) < set(s.PRIVATE_DATA),
        kept_private_data=tuple(kept),
        language_model=config.language_id.model,
        language_max_bytes=config.language_id.max_bytes,
        language_prior_correction=config.language_id.prior_correction,
        language_restrict_to=tuple(config.language_id.restrict_to)
        if config.language_id.restrict_to
        else None,
        num_bands=config.near_dedup.num_bands,
        rows_per_band=config.near_dedup.rows_per_band,
        seed=config.near_dedup.seed,
        signature=config.near_dedup.signature,
        spoken_sources=frozenset(source.name for source in config.sources if source.spoken_form),
        lists=resolve_lists(config.lists, stop_words(config)) if config.measure == "all" else NO_LISTS,
    )


def signature_settings(config: PrepareConfig) -> dict[str, Any]:
    """What makes the signatures of two runs comparable; held to by the signature index."""
    names = {"num_bands", "rows_per_band", "seed", "signature", "slice_fraction"}
    return {**config.near_dedup.model_dump(include=names), "hash_family": hash_family()}


def segments(config: PrepareConfig) -> list[Segment]:
    """The segments of the signature index that the run is deduplicated against, in their order.

    Raises:
        SignatureIndexError: the index cannot be used.
    """
    if config.dedup_index is None:
        return []
    return segments_before(config.dedup_index, config.run_dir, signature_settings(config))


def algorithm_settings(config: PrepareConfig) -> dict[str, Any]:
    """Everything in the configuration that decides the result; models by their content, not by their path."""
    settings = config.algorithm(
        "locales",
        "normalise",
        "language_id",
        "rules",
        "rules_by_locale",
        "near_dedup",
        "line_dedup",
        "balance",
        "tokenizer",
        "shards",
    )
    settings["lists"] = lists_settings(config)
    settings["thresholds"] = thresholds_sha256(config)
    settings["default_rules"] = RulesConfig().model_dump()
    settings["language_id"]["model"] = files.file_sha256(config.language_id.model or builtin_model_path())
    if config.tokenizer.model is not None:
        settings["tokenizer"]["model"] = files.file_sha256(config.tokenizer.model)
    line_sources = sorted(source.name for source in config.sources if source.line_dedup)
    # Without a source that asks for it, no setting of it decides anything.
    settings["line_dedup"] = settings["line_dedup"] | {"sources": line_sources} if line_sources else None
    if config.decontaminate.sets:
        settings["decontaminate"] = {
            "sets": sets_fingerprint(config.decontaminate.sets, config.input_root),
            "ngram": config.decontaminate.ngram,
            "rules": rules_settings(config),
        }
    settings["sources"] = [
        {
            "name": source.name,
            "format": source.format,
            "language": source.language,
            "priority": source.priority,
            "spoken_form": source.spoken_form,
        }
        for source in sorted(config.sources, key=lambda source: source.name)
    ]
    return settings


def lists_settings(config: PrepareConfig) -> dict[str, Any]:
    """What decides the signals that are measured with lists and models; files by their content."""
    if config.measure == "dedup":
        return {}
    lists = resolve_lists(config.lists, stop_words(config))
    return {
        "stop_words": settings_sha256(lists.stop_words),
        "urls": [files.file_sha256(path) for path in lists.urls],
        "ccnet": lists.ccnet if lists.perplexity else None,
        **{
            name: {locale: files.file_sha256(path) for locale, path in getattr(lists, name)}
            for name in ("words", "perplexity", "pieces")
        },
    }


def stage_settings(
    config: PrepareConfig,
    plan: InputPlan,
    requests: Requests = NO_REQUESTS,
    keeps: str | None = None,
) -> dict[str, Any]:
    """Per stage, everything its result depends on. Each holds the one before, so a change redoes what follows.

    A stage that no setting asks for is left out. Removal requests count in the fates alone: a run whose fates they
    change clears what follows, and `make remove` brings fates and shards up to date with them, in place.
    """
    settings = algorithm_settings(config)
    near = settings["near_dedup"]
    annotate = {
        "code": code_sha256(
            "annotate", "kernels", "sources", "locales.py", "parts.py", "removals/requests.py"
        ),
        "libraries": {
            name: version(name) for name in (*_LIBRARIES, *_signature_libraries(near["signature"]))
        },
        "inputs": plan.fingerprint(),
        "sources": [
            {key: source[key] for key in ("name", "format", "language", "spoken_form")}
            for source in settings["sources"]
        ],
        "measure": config.measure,
        "repair_mojibake": config.normalise.repair_mojibake,
        # Whether a document with private data goes is a rule; its text is the same as with a placeholder.
        "kept_private_data": config.normalise.private_data_with("keep"),
        "language_id": settings["language_id"],
        "lists": settings["lists"],
        "signature": {key: near[key] for key in ("num_bands", "rows_per_band", "seed", "signature")},
    }
    rules = {
        key: settings[key] for key in ("locales", "default_rules", "rules", "rules_by_locale", "thresholds")
    }
    rules["dropped_private_data"] = config.normalise.private_data_with("drop")
    dedup = {
        "annotate": annotate,
        "code": code_sha256(
            "dedup", "filter/marked.py", "filter/rules.py", "filter/thresholds.py", "tables.py"
        ),
        "near_dedup": near,
        "index": [segment.digest for segment in segments(config)],
        "sources": settings["sources"],
        **rules,
    }
    lines = {
        "dedup": dedup,
        "code": code_sha256("dedup/lines.py"),
        "line_dedup": settings["line_dedup"],
    }
    with_lines = settings["line_dedup"] is not None
    before = {"lines": lines} if with_lines else {"dedup": dedup}
    decontaminate, rules_of_sets = None, {}
    if "decontaminate" in settings:
        decontaminate = {
            **before,
            "code": code_sha256("filter/decontaminate.py", "filter/evaluation_sets.py"),
            **{key: settings["decontaminate"][key] for key in ("sets", "ngram")},
        }
        before = {"decontaminate": decontaminate}
        rules_of_sets = {"decontaminate_rules": settings["decontaminate"]["rules"]}
    fates = {
        **before,
        **rules_of_sets,
        "code": code_sha256("filter/contamination.py", "filter/fates.py", "removals/requests.py"),
        "validation_fraction": settings["shards"]["validation_fraction"],
        **({"keeps": keeps} if keeps else {}),
    }
    tokenizer = {
        "fates": fates,
        "code": code_sha256("shards"),
        "tokenizer": settings["tokenizer"],
        "alpha": settings["balance"]["alpha"],
    }
    shards = {
        "tokenizer": tokenizer,
        "code": code_sha256("ledger.py", "schema.py"),
        "shards": settings["shards"],
        "balance": settings["balance"],
    }
    return {
        ANNOTATE.name: annotate,
        DEDUP.name: dedup,
        **({LINES.name: lines} if with_lines else {}),
        **({DECONTAMINATE.name: decontaminate} if decontaminate else {}),
        FATES.name: fates_inputs(settings_sha256(fates), requests),
        TOKENIZER.name: tokenizer,
        SHARDS.name: shards,
    }


def calibration_sha256(config: PrepareConfig) -> str:
    """Digest of the code and the models that calibrated thresholds come from."""
    return settings_sha256(
        {
            "code": code_sha256("annotate", "kernels", "locales.py", "calibrate.py"),
            "language_model": files.file_sha256(config.language_id.model or builtin_model_path()),
            "lists": lists_settings(config),
        }
    )


def _signature_libraries(signature: str) -> tuple[str, ...]:
    """Libraries that make the signatures."""
    return ("datasketch",) if signature == "datasketch" else ()


@cache
def code_sha256(*names: str) -> str:
    """Hex SHA-256 of files and folders of this package: a stage made by other code is not the same stage."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for name in names:
        path = root / name
        inside = (
            sorted(each for each in path.rglob("*") if each.suffix in (".py", ".npz"))
            if path.is_dir()
            else [path]
        )
        for each in inside:
            digest.update(each.relative_to(root).as_posix().encode() + b"\0" + each.read_bytes() + b"\0")
    return digest.hexdigest()


def _rows(counter: Counter[Key]) -> list[list[Any]]:
    return [[*key, count] for key, count in sorted(counter.items())]


def _counter(rows: list[list[Any]]) -> Counter[Key]:
    return Counter({(source, file, locale): count for source, file, locale, count in rows})


def _why_missing(locale: str, reasons: dict[str, Counter[str]]) -> str:
    """What to say of a locale of which nothing is left."""
    if locale not in reasons:
        return (
            f"locale {locale} is asked for, but no document of it was read; correct `locales` or add sources"
        )
    return (
        f"no document in locale {locale} was kept ({_most(reasons[locale])}); "
        "loosen its thresholds in rules_by_locale, add sources, or leave it out of `locales`"
    )


def _most(reasons: Counter[str]) -> str:
    """The three most frequent reasons with their counts."""
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3))
