"""The utterance track, stage by stage. Read this file first; docs/design/0005-utterances.md says why.

    utterances   read, normalise, count, floor, split     → documents/  quarantine/
    shards       encode, write, plan, balance the ledger  → shards/  tokenizer/  plan.json  ledger.json

Both run as plain Python tasks, on this machine without Spark or on the executors of a cluster; no text crosses the JVM.
"""

import datetime
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final

from dataprep import files
from dataprep import schema as s
from dataprep.config import settings_sha256
from dataprep.encryption import ACCESS_LOG, Vault
from dataprep.ledger import Key, LedgerError, build_ledger, check_ledger
from dataprep.parts import part_number
from dataprep.pipeline import TOKENIZER_MODEL, code_sha256
from dataprep.plan import InputPlan, plan_sources, read_tasks, task_from_json, task_to_json
from dataprep.shards.balance import plan_of_files
from dataprep.shards.tokenizer import load
from dataprep.sources.utterances import canonical_locale
from dataprep.stages import RunFolder, Stage, StageRecord
from dataprep.utterances.config import UtterancesConfig
from dataprep.utterances.gather import Counts, Gathered, GatherSettings, gather, newest_second
from dataprep.utterances.shards import ShardTask, shard_tasks, write_utterance_shard
from dataprep.utterances.unique import TRAIN, Unique, UniqueSettings, unique

UTTERANCES: Final = Stage("utterances", "documents", ("documents", "quarantine", "work"))
SHARDS: Final = Stage(
    "shards",
    "shards",
    ("shards", "tokenizer", "plan.json", "ledger.json", "ledger.unbalanced.json", "run.json"),
)
STAGES: Final = (UTTERANCES, SHARDS)
EXPLANATIONS: Final = {
    "outside_window": "The record is older than the window, or newer.",
    "locale_not_selected": "The utterance is in a locale that the configuration does not ask for.",
    "empty": "Nothing is left of the utterance in spoken form.",
    "too_few_sources": "Fewer people than `min_sources` said it.",
    "repeated_utterance": "The same utterance is kept once, with its frequency.",
}
_DAY: Final = datetime.timedelta(days=1)
_RANGE_BYTES: Final = 64_000_000  # of input, per range of ids
_LIBRARIES: Final = ("ftfy", "num2words", "orjson", "phonenumberslite", "pyarrow", "python-stdnum", "xxhash")

RunTasks = Callable[[Sequence[str], Callable[[str], str]], list[str]]


class UtterancesError(ValueError):
    """The input does not give what the configuration asks for; the message says what to change."""


def plan_utterances(config: UtterancesConfig) -> InputPlan:
    """The input files and splits; no file is cut into chunks beforehand, which would lie there in plain text.

    Raises:
        SourceError: a path matches nothing, or all files are empty.
    """
    plan = plan_sources(config.sources, config.input_root, config.engine)
    # Locales with their region, which the languages of other formats do without.
    declared = {
        source.name: source.language and canonical_locale(source.language) for source in config.sources
    }
    splits = [replace(split, language=declared[split.source]) for split in (*plan.splits, *plan.to_cut)]
    return replace(plan, splits=tuple(splits), to_cut=())


def vault_of(config: UtterancesConfig) -> Vault:
    """How the files of the run are encrypted."""
    if config.encryption is None:
        return Vault(config.run_dir)
    log = config.encryption.access_log or files.join(config.run_dir, ACCESS_LOG)
    return Vault(config.run_dir, config.encryption.kms, config.encryption.key_id, log)


@dataclass
class UtteranceRun:
    """One run: its settings, its input, its folder.

    Attributes:
        config: settings.
        plan: input files and splits.
        run_tasks: runs a function over lines of text, see `tables.run_tasks`.
        cores: tasks that run at once.
        on_end: called with a stage's record, and whether it was skipped.
    """

    config: UtterancesConfig
    plan: InputPlan
    run_tasks: RunTasks
    cores: int
    on_start: Callable[[str], None]
    on_end: Callable[[StageRecord, bool], None]
    run: RunFolder = field(init=False)
    vault: Vault = field(init=False)

    def __post_init__(self) -> None:
        self.run = RunFolder(self.config.run_dir, STAGES)
        self.vault = vault_of(self.config)

    def prepare(self) -> None:
        """Run both stages, skipping the committed ones.

        Raises:
            UtterancesError: no utterance is kept.
            LedgerError: the ledger does not balance.
            KmsError: a key is missing, wrong or refused.
        """
        settings = stage_settings(self.config, self.plan)
        for stage, work in ((UTTERANCES, self._utterances), (SHARDS, self._shards)):
            self.on_start(stage.name)
            self.on_end(*self.run.run(stage, settings[stage.name], work))

    def _utterances(self) -> dict[str, Any]:
        config, run_dir, vault = self.config, self.run.path, self.vault
        tasks = [
            task_to_json(task)
            for task in read_tasks(self.plan.splits, split_bytes=config.engine.split_bytes, cores=self.cores)
        ]
        first_day, last_day = self._window(tasks)
        gathering = GatherSettings(
            _second(first_day),
            _second(last_day + _DAY),
            None if config.locales is None else frozenset(config.locales),
            config.repair_mojibake,
        )
        ranges = max(self.cores, -(-self.plan.size_bytes // _RANGE_BYTES))

        def read(line: str) -> str:
            task = task_from_json(line)
            return gather(task, run_dir=run_dir, vault=vault, settings=gathering, ranges=ranges).to_json()

        gathered = [Gathered.from_json(line) for line in self.run_tasks(tasks, read)]
        places: list[list[tuple[int, list[int]]]] = [[] for _ in range(ranges)]
        for result in gathered:
            for number in sorted(set(result.ranges)):
                groups = [group for group, found in enumerate(result.ranges) if found == number]
                places[number].append((result.part, groups))
        counting = UniqueSettings(
            config.min_sources,
            config.upsampling.law,
            config.upsampling.beta,
            config.upsampling.max_weight,
            config.split_by,
            config.shards.validation_fraction,
        )

        def count(line: str) -> str:
            number = int(line)
            return unique(number, places[number], run_dir=run_dir, vault=vault, settings=counting).to_json()

        filled = [str(number) for number in range(ranges) if places[number]]
        counted = [Unique.from_json(line) for line in self.run_tasks(filled, count)]
        files.remove_tree(self.run.at("work"))
        dropped = _sum([*(result.dropped for result in gathered), *(result.dropped for result in counted)])
        written = [(result.part, result.groups) for result in counted if result.groups]
        self._check_parts([part for part, _ in written])
        if not written:
            raise UtterancesError(_nothing_kept(dropped, config, first_day, last_day))
        return {
            "files": len(self.plan.inputs),
            "input_bytes": self.plan.size_bytes,
            "window": {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()},
            "read": _rows(_sum([result.read for result in gathered])),
            "quarantined": _rows(_sum([result.quarantined for result in gathered])),
            "dropped": _rows(dropped),
            "kept": _rows(_sum([result.kept for result in counted])),
            "groups": written,
        }

    def _check_parts(self, parts: list[int]) -> None:
        """Make sure that `documents/` holds the files that this run wrote, and none of a task that came too late."""
        found = [part_number(path) for path in files.list_files(self.run.at("documents"), ".parquet")]
        if found != parts:
            raise RuntimeError(
                f"documents/ should hold the parts {parts}, but holds {found}: is another run writing there? Run again."
            )

    def _window(self, tasks: list[str]) -> tuple[datetime.date, datetime.date]:
        """First and last day; the last is the day of the newest record where the configuration names none."""
        last_day = self.config.window.end
        if last_day is None:
            newest = max(
                map(float, self.run_tasks(tasks, lambda line: str(newest_second(task_from_json(line)))))
            )
            if newest < 0:
                raise UtterancesError(
                    f"{len(self.plan.inputs)} input file(s) hold no readable utterance; "
                    "a record is {text, locale, timestamp} and optionally count, domain, source_id, one a line."
                )
            last_day = datetime.datetime.fromtimestamp(newest, datetime.UTC).date()
        return last_day - (self.config.window.days - 1) * _DAY, last_day

    def _shards(self) -> dict[str, Any]:
        config, run, vault = self.config, self.run, self.vault
        record = run.record(UTTERANCES)
        assert record is not None, "utterances is not committed"
        counts = record.counts
        with files.open_binary(config.tokenizer) as file:
            model = file.read()
        target = files.AtomicFile(run.at(TOKENIZER_MODEL))
        target.write(model)
        tokenizer_sha256 = target.commit()
        tokenizer_path, row_group_rows = run.at(TOKENIZER_MODEL), config.shards.row_group_rows

        def write(line: str) -> str:
            entry = write_utterance_shard(
                ShardTask.from_json(line),
                run_dir=run.path,
                tokenizer_path=tokenizer_path,
                vault=vault,
                row_group_rows=row_group_rows,
            )
            return json.dumps(entry)

        tasks = shard_tasks(counts["groups"], config.shards.shard_bytes)
        lines = self.run_tasks([task.to_json() for task in tasks], write)
        entries: list[dict[str, Any]] = [entry for entry in map(_entry, lines) if entry]
        kept: Counter[Key] = Counter()
        for entry in entries:
            for source, file_name, number in entry.pop("kept"):
                kept[source, file_name, entry["locale"]] += number
        ledger = build_ledger(
            read=_by_key(counts["read"]),
            quarantined=_by_key(counts["quarantined"]),
            dropped=[
                ((source, name, locale), why, number)
                for source, name, locale, why, number in counts["dropped"]
            ],
            kept=kept,
        )
        try:
            check_ledger(ledger)
            if kept != _by_key(counts["kept"]):
                raise LedgerError(
                    "the shards do not hold the utterances that were counted; delete the run folder."
                )
        except LedgerError:
            files.write_json(run.at("ledger.unbalanced.json"), ledger)
            raise
        plan = utterance_plan(entries, config)
        files.write_json(run.at("ledger.json"), ledger)
        files.write_json(run.at("plan.json"), plan)
        manifest = {
            "schema_version": s.SCHEMA_VERSION,
            "tokenizer_sha256": tokenizer_sha256,
            "config_sha256": settings_sha256(algorithm_settings(config)),
            "vocab_size": load(tokenizer_path).vocab_size(),
            "plan": plan,
            "files": entries,
            "removals": [],
            "window": counts["window"],
            "encryption": config.encryption
            and {
                "format": "parquet modular encryption",
                "kms": config.encryption.kms,
                "key_id": config.encryption.key_id,
            },
        }
        return {
            "manifest_sha256": files.write_json(run.at("shards", "manifest.json"), manifest),
            "files": len(entries),
            "documents": sum(entry["rows"] for entry in entries),
            "tokens": sum(entry["tokens"] for entry in entries),
            "locales": len(plan["locales"]),
        }


def utterance_plan(entries: Sequence[dict[str, Any]], config: UtterancesConfig) -> dict[str, Any]:
    """The balance plan over up-sampled tokens, and per locale how many utterances those are.

    `documents`, `tokens` and shares of a locale count each training utterance `weight` times, as the reader draws it;
    `utterances` has `unique`, `upsampled` and `frequency` of both splits together, and `validation`: unique ones.
    """
    utterances: dict[str, Counter[str]] = {}
    for entry in entries:
        of_locale = utterances.setdefault(entry["locale"], Counter())
        of_locale.update(unique=entry["rows"], upsampled=entry["upsampled"], frequency=entry["frequency"])
        of_locale["validation"] += 0 if entry["split"] == TRAIN else entry["rows"]
    if not any(entry["split"] == TRAIN for entry in entries):
        raise UtterancesError(
            "every utterance fell into validation; lower shards.validation_fraction, or give it more input."
        )
    plan = plan_of_files(entries, config.balance)
    for locale, of_locale in plan["locales"].items():
        of_locale["utterances"] = dict(utterances[locale])
    return {**plan, "upsampling": config.upsampling.model_dump()}


def algorithm_settings(config: UtterancesConfig) -> dict[str, Any]:
    """Everything in the configuration that decides the result; the tokeniser by its content, not by its path."""
    names = {
        "locales", "window", "repair_mojibake", "min_sources", "upsampling", "split_by", "balance", "shards",
    }  # fmt: skip
    settings: dict[str, Any] = config.model_dump(mode="json", include=names)
    settings["tokenizer"] = files.file_sha256(config.tokenizer)
    settings["encryption"] = config.encryption and config.encryption.model_dump(include={"kms", "key_id"})
    settings["sources"] = sorted([source.name, source.language] for source in config.sources)
    return settings


def stage_settings(config: UtterancesConfig, plan: InputPlan) -> dict[str, Any]:
    """Per stage, everything its result depends on; see `pipeline.stage_settings`."""
    settings = algorithm_settings(config)
    later = {name: settings.pop(name) for name in ("balance", "tokenizer", "shards")}
    utterances = {
        "code": code_sha256(
            "annotate/normalise.py", "annotate/privacy", "annotate/spoken_form.py", "kernels", "sources",
            "locales.py", "parts.py", "kms.py", "encryption.py", "utterances/gather.py", "utterances/unique.py",
        ),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "inputs": plan.fingerprint(),
        "validation_fraction": later["shards"]["validation_fraction"],
        **settings,
    }  # fmt: skip
    shards = {
        "utterances": utterances,
        "code": code_sha256("shards", "ledger.py", "schema.py", "utterances/shards.py", "utterances/run.py"),
        "sentencepiece": version("sentencepiece"),
        **later,
    }
    return {UTTERANCES.name: utterances, SHARDS.name: shards}


def _second(day: datetime.date) -> float:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()


def _entry(line: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(line)
    return value


def _sum(counters: Sequence[Counts]) -> Counts:
    total: Counts = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _rows(counts: Counts) -> list[list[Any]]:
    return [[*key, count] for key, count in sorted(counts.items())]


def _by_key(rows: Sequence[Sequence[Any]]) -> Counter[Key]:
    """Counts by source, file and locale, whatever the reason."""
    counts: Counter[Key] = Counter()
    for source, file, locale, _, count in rows:
        counts[source, file, locale] += count
    return counts


def _nothing_kept(
    dropped: Counts, config: UtterancesConfig, first_day: datetime.date, last_day: datetime.date
) -> str:
    by_reason = Counter[str]()
    for (*_, reason), count in dropped.items():
        by_reason[reason] += count
    shown = (
        ", ".join(f"{count:,} {reason}" for reason, count in by_reason.most_common()) or "none was readable"
    )
    return (
        f"no utterance was kept ({shown}); the window is {first_day} to {last_day} and min_sources is "
        f"{config.min_sources}: correct window.end, locales or min_sources."
    )
