"""What a run will read, settled on the driver before Spark starts, so that bad input is named within a second."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fsspec.core import url_to_fs

from dataprep import files
from dataprep.annotate.task import ReadTask
from dataprep.config import EngineConfig, PrepareConfig, SourceConfig
from dataprep.sources.plan import list_files, plan_splits
from dataprep.sources.precut import cut, needs_cutting
from dataprep.sources.record import SourceError, Split

_TASKS_PER_CORE: Final = 4
_PARTITIONS_PER_CORE: Final = 4
_BYTES_PER_PARTITION: Final = 64 << 20  # of compressed input
# Wikitext is parsed at about 1 MB/s, everything else is read and measured at 20 and more.
_BYTE_COST: Final = {"wikipedia": 20}


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input file of one source; `stamp` changes when the file is replaced."""

    source: str
    file: str
    path: str
    size_bytes: int
    stamp: str


@dataclass(frozen=True, slots=True)
class InputPlan:
    """The input files of a run and how they are read.

    Attributes:
        inputs: every file of every source.
        splits: how they are read, but for those below.
        to_cut: whole files that are too large to be read by one task and cannot be split; cut into chunks first.
    """

    inputs: tuple[InputFile, ...]
    splits: tuple[Split, ...]
    to_cut: tuple[Split, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all input files as they are on disk."""
        return sum(file.size_bytes for file in self.inputs)

    def fingerprint(self) -> list[list[Any]]:
        """What a stage's hash says about the input: names, sizes and stamps, but not how the files are split."""
        return sorted([file.source, file.file, file.size_bytes, file.stamp] for file in self.inputs)


def plan_input(config: PrepareConfig) -> InputPlan:
    """Find the input files and plan their splits. Reads file headers at most.

    Raises:
        SourceError: a path matches nothing, all files are empty, or a locale asked for cannot occur.
    """
    plan = plan_sources(config.sources, config.input_root, config.engine)
    _check_locales(config, plan)
    return plan


def plan_sources(sources: Sequence[SourceConfig], input_root: str, engine: EngineConfig) -> InputPlan:
    """The input files of some sources and their splits.

    Raises:
        SourceError: a path matches nothing, or all files are empty.
    """
    if not files.exists(input_root):
        raise SourceError(
            f"input_root {input_root!r} does not exist; correct it or set it with --set input_root=…"
        )
    inputs: list[InputFile] = []
    splits: list[Split] = []
    to_cut: list[Split] = []
    for source in sources:
        found = list_files(source.paths, input_root)
        inputs += [_input_file(source, file, path) for file, path in found]
        large = {path for _, path in found if needs_cutting(path, source.format, engine.precut_above_bytes)}
        for split in plan_splits(
            source.name, source.format, found, language=source.language, split_bytes=engine.split_bytes
        ):
            (to_cut if split.path in large else splits).append(split)
    plan = InputPlan(tuple(inputs), tuple(splits), tuple(to_cut))
    if plan.size_bytes == 0:
        raise SourceError(
            f"the corpus is empty: all {len(plan.inputs)} input file(s) have 0 bytes; check sources and input_root."
        )
    return plan


def _input_file(source: SourceConfig, file: str, path: str) -> InputFile:
    fs, inner = url_to_fs(path)
    info = fs.info(inner)
    stamp = (
        info.get("ETag") or info.get("mtime") or info.get("LastModified") or info.get("last_modified") or ""
    )
    return InputFile(source.name, file, path, int(info["size"] or 0), str(stamp))


def _check_locales(config: PrepareConfig, plan: InputPlan) -> None:
    """Refuse a locale that no file can hold; only possible when every file says its language."""
    declared = {split.language for split in (*plan.splits, *plan.to_cut)}
    if config.locales is None or None in declared:
        return
    missing = sorted(set(config.locales) - {language for language in declared if language})
    if missing:
        raise SourceError(
            f"locales {', '.join(missing)} are asked for, but no input file is in them; the files are in "
            f"{', '.join(sorted(str(language) for language in declared))}. Correct `locales` or add sources."
        )


def shuffle_partitions(engine: EngineConfig, cores: int, input_bytes: int) -> int:
    """Tasks of a shuffle: as set, else some per core, and more for large input."""
    return engine.shuffle_partitions or max(
        _PARTITIONS_PER_CORE * cores, -(-input_bytes // _BYTES_PER_PARTITION)
    )


def read_tasks(splits: Sequence[Split], *, split_bytes: int, cores: int) -> list[ReadTask]:
    """Group splits into tasks, in order, so that a million small files are not a million tasks.

    The grouping decides how the documents are spread over files, never which documents there are.

    Args:
        splits: what is to be read.
        split_bytes: about how many input bytes a task gets; formats that are slow to read count for more.
        cores: how many tasks can run at once; small input is spread over several tasks per core.
    """
    costs = [_cost(split) for split in splits]
    target = min(split_bytes, sum(costs) // (_TASKS_PER_CORE * cores) + 1)
    tasks: list[ReadTask] = []
    held: list[Split] = []
    held_cost = 0
    for split, cost in zip(splits, costs, strict=True):
        if held and held_cost + cost // 2 > target:  # a task is as near to the target as its splits allow
            tasks.append(ReadTask(len(tasks), tuple(held)))
            held, held_cost = [], 0
        held.append(split)
        held_cost += cost
    if held:
        tasks.append(ReadTask(len(tasks), tuple(held)))
    return tasks


def _cost(split: Split) -> int:
    """Input bytes of a split, weighted by how long a byte of its format takes."""
    return _split_size(split) * _BYTE_COST.get(split.format, 1)


def _split_size(split: Split) -> int:
    """Bytes that reading the split will touch; row ranges of Parquet count as what the planner made them for."""
    if split.format == "parquet" and (split.start or split.end is not None):
        return files.size_bytes(split.path) // 2
    end = files.size_bytes(split.path) if split.end is None else split.end
    return max(0, end - split.start)


def task_to_json(task: ReadTask) -> str:
    """A task as one line, for the way to an executor."""
    return json.dumps({"part": task.part, "splits": [split.to_json() for split in task.splits]})


def task_from_json(line: str) -> ReadTask:
    """The task that `task_to_json` wrote."""
    value = json.loads(line)
    return ReadTask(value["part"], tuple(Split.from_json(split) for split in value["splits"]))


def cut_file(line: str, *, out_dir: str, chunk_bytes: int) -> str:
    """Cut one file, given as a split in JSON, into chunks; their splits as JSON lines."""
    split = Split.from_json(line)
    # A folder per source: two sources may hold files of the same name.
    chunks = cut(split, files.join(out_dir, split.source), chunk_bytes)
    return "\n".join(chunk.to_json() for chunk in chunks)
