"""Items of evaluation sets in documents: found and measured; filter/contamination.py says which documents go for it.

    items ─ normal form ─ index ─────────┐
    texts of documents that are left ────┴─ passages and whole lines ─ per document and item: lengths, coverages
                                         ─ per run of five words: documents that share it ─ the rarest of each match

Documents take part that passed the rules, are no duplicates and keep enough of their lines; their text is the one that
goes into the shards. kernels/overlap.py says what a match is. Every match is recorded, so that other thresholds read no
text.
"""

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.normalise import normalise
from dataprep.annotate.privacy.search import private_data
from dataprep.config import PrepareConfig
from dataprep.dedup.lines import removed_lines, texts_left
from dataprep.filter.contamination import FOLDER, read_matches
from dataprep.filter.evaluation_sets import EvaluationSet, read_sets
from dataprep.filter.marked import marked_documents
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.overlap import (
    ANCHOR_WORDS,
    WHOLE_LINE,
    ItemUnits,
    Lookup,
    OverlapIndex,
    Runs,
    build_index,
    item_units,
    matching_runs,
)
from dataprep.locales import UNDETERMINED
from dataprep.parts import PartWriter, grouped, part_name, part_number, texts_of
from dataprep.tables import run_tasks

Longs = npt.NDArray[np.int64]

_WORK: Final = "work"
_INDEX: Final = "index.npz"
_NAMES: Final = "names.parquet"
_GRAM: Final = "gram"
_DOCUMENTS: Final = "documents"
_EVERY_DOCUMENT: Final = -1  # in place of a gram: how many documents took part
_PLACED: Final = f"{s.DOC_ID} string, {s.PART} int, {s.ROW} int"
_SHARED: Final = f"{_GRAM} int, {_DOCUMENTS} long"
_MEASURED: Final = (
    "item_number", "match_length", "item_found", "document_found", "is_whole", "set_items", "set_found", "num_units",
)  # fmt: skip


class IndexedItems(NamedTuple):
    """The items of all sets, and the index of the different ones.

    Attributes:
        overlap: index of the items that differ within their set, in their order.
        set_of: int32, set of each of these.
        ids: id of each of these.
        rows: for each item of each set, in order: set, id, and which indexed item it is equal to; -1 without a unit.
    """

    overlap: OverlapIndex
    set_of: npt.NDArray[np.int32]
    ids: list[str]
    rows: list[tuple[int, str, int]]


def index_items(
    sets: Sequence[EvaluationSet], *, ngram: int, repair_mojibake: bool, kept_private_data: Collection[str]
) -> IndexedItems:
    """Bring the items to the normal form that documents have, and index them.

    Args:
        sets: the evaluation sets.
        ngram: words that a passage must have.
        repair_mojibake: as in the annotation of documents.
        kept_private_data: likewise; national forms of numbers are not known for items, which have no locale.
    """
    texts = pa.array([text for each in sets for text in each.texts], pa.string())
    texts, _ = normalise(texts, repair_mojibake=repair_mojibake)
    texts, _ = private_data(texts, [UNDETERMINED] * len(texts), keep=kept_private_data)
    items = item_units(*buffers(texts))
    origins = [(number, item_id) for number, each in enumerate(sets) for item_id in each.ids]
    seen: dict[tuple[int, bytes], int] = {}
    first: list[int] = []  # of each indexed item, its place among all items
    rows: list[tuple[int, str, int]] = []
    bounds = items.starts.tolist()
    for place, (number, item_id) in enumerate(origins):
        units = items.units[bounds[place] : bounds[place + 1]].tobytes()
        same = seen.setdefault((number, units), len(first)) if units else -1
        if same == len(first):
            first.append(place)
        rows.append((number, item_id, same))
    distinct = _taken(items, np.array(first, np.int64))
    return IndexedItems(
        build_index(distinct, ngram),
        np.array([origins[place][0] for place in first], np.int32),
        [origins[place][1] for place in first],
        rows,
    )


def _taken(items: ItemUnits, places: Longs) -> ItemUnits:
    """Some of the items."""
    sizes = np.diff(items.starts)[places]
    starts = np.append(0, np.cumsum(sizes))
    units = np.repeat(items.starts[places] - starts[:-1], sizes) + np.arange(starts[-1])
    return ItemUnits(items.units[units], starts, items.scales[places], items.whole_keys[places])


class Matches(NamedTuple):
    """Every document of a batch with every item that it holds in whole or in part; one array each, in units.

    Attributes:
        document: which document of the batch.
        item: which indexed item.
        match_length: units of the item in the longest passage.
        item_found: units of the item found.
        document_found: units of the document that are the item's.
        is_whole: whether a line, or the document, is the item.
        set_items: items of the set that the document holds.
        set_found: units of the document that are of items of the set.
        num_units: units of the document.
        gram_starts: one more than matches: where the grams of each begin.
        grams: numbers of the anchors of the match's runs; behind those of all anchors, one per item for whole lines.
    """

    document: Longs
    item: Longs
    match_length: Longs
    item_found: Longs
    document_found: Longs
    is_whole: npt.NDArray[np.bool_]
    set_items: Longs
    set_found: Longs
    num_units: Longs
    gram_starts: Longs
    grams: Longs


def matches_of(runs: Runs, index: OverlapIndex, set_of: npt.NDArray[np.int32]) -> Matches:
    """Sum up runs per document and item, and per document and set."""
    document_R, item_R = runs.document.astype(np.int64), runs.item.astype(np.int64)
    is_first = np.ones(len(item_R), np.bool_)
    is_first[1:] = (item_R[1:] != item_R[:-1]) | (document_R[1:] != document_R[:-1])
    match_R = np.cumsum(is_first) - 1
    document_M, item_M = document_R[is_first], item_R[is_first]
    is_whole_R = runs.passage == WHOLE_LINE
    passage_R = np.where(is_whole_R, runs.item_end, runs.passage).astype(np.int64)
    longest_M = np.zeros(len(item_M), np.int64)
    np.maximum.at(longest_M, match_R, passage_R)
    is_whole_M = np.zeros(len(item_M), np.bool_)
    is_whole_M[match_R[is_whole_R]] = True
    # Sets within documents, in the order of their numbers.
    set_count = int(set_of.max(initial=0)) + 1
    of_document_R, of_document_M = (
        document_R * set_count + set_of[item_R],
        document_M * set_count + set_of[item_M],
    )
    present, group_M = np.unique(of_document_M, return_inverse=True)
    group_R = np.searchsorted(present, of_document_R)
    match_G, gram_G = _grams(runs, index, match_R)
    return Matches(
        document_M,
        item_M,
        longest_M,
        _united(match_R, runs.item_start, runs.item_end, len(item_M)),
        _united(match_R, runs.document_start, runs.document_end, len(item_M)),
        is_whole_M,
        np.bincount(group_M, minlength=len(present))[group_M],
        _united(group_R, runs.document_start, runs.document_end, len(present))[group_M],
        runs.num_units[document_M],
        np.append(0, np.cumsum(np.bincount(match_G, minlength=len(item_M)))),
        gram_G,
    )


def _united(
    group_R: Longs, start_R: npt.NDArray[np.int32], end_R: npt.NDArray[np.int32], groups: int
) -> Longs:
    """Per group, how many places its intervals [start, end) cover together."""
    if not len(group_R):
        return np.zeros(groups, np.int64)
    width = int(end_R.max()) + 1
    start_R, end_R = start_R + group_R * width, end_R + group_R * width
    order = np.lexsort((start_R, group_R))
    group_R, start_R, end_R = group_R[order], start_R[order], end_R[order]
    reached_R = np.maximum.accumulate(end_R)
    before_R = np.append(0, reached_R[:-1])
    new_R = np.maximum(0, end_R - np.maximum(start_R, before_R))
    covered = np.zeros(groups, np.int64)
    np.add.at(covered, group_R, new_R)
    return covered


def _grams(runs: Runs, index: OverlapIndex, match_R: Longs) -> tuple[Longs, Longs]:
    """The match and the number of each gram, ordered by match; a gram may be there twice."""
    is_whole_R = runs.passage == WHOLE_LINE
    scale_R = index.scales[runs.item].astype(np.int64)
    begin_R = index.starts[runs.item] + runs.item_start
    count_R = np.where(is_whole_R, 0, runs.item_end - runs.item_start - ANCHOR_WORDS * scale_R + 1).clip(
        0
    )  # places in the run where an anchor fits
    ends = np.cumsum(count_R)
    places = np.repeat(begin_R - (ends - count_R), count_R) + np.arange(ends[-1] if len(ends) else 0)
    anchor_P = index.anchor_at[places].astype(np.int64)
    match_P = np.repeat(match_R, count_R)
    indexed_P = anchor_P >= 0
    match_G = np.concatenate([match_P[indexed_P], match_R[is_whole_R]])
    gram_G = np.concatenate([anchor_P[indexed_P], len(index.anchors.keys) + runs.item[is_whole_R]])
    order = np.argsort(match_G, kind="stable")
    return match_G[order], gram_G[order]


def run_decontaminate(
    spark: SparkSession, config: PrepareConfig, run_dir: str, *, partitions: int
) -> dict[str, Any]:
    """Write `decontamination/part-N.parquet` and `decontamination/items/`; the counts for the stage record.

    Args:
        spark: the session.
        config: settings; `decontaminate` names at least one set.
        run_dir: run folder with `documents/` and `dedup/decisions/`.
        partitions: number of tasks that read text.

    Returns:
        `ngram`; `documents` (that took part), `documents_matched` (that have a match), and `sets`, in their order:
        `name`, `items`, `distinct_items`, `items_found` (of these, in whole or in part), `documents_matched`, `sha256`.
    """
    sets = read_sets(config.decontaminate.sets, config.input_root)
    items = index_items(
        sets,
        ngram=config.decontaminate.ngram,
        repair_mojibake=config.normalise.repair_mojibake,
        kept_private_data=config.normalise.private_data_with("keep"),
    )
    names = [each.name for each in sets]
    work = files.join(run_dir, FOLDER, _WORK)
    _write_index(work, items, names)
    # Compiled here once, so that workers load the machine code.
    matching_runs(np.zeros(0, np.uint8), np.zeros(2, np.int64), items.overlap)
    counts_path = files.join(work, "counts")
    (
        _taking_part(spark, config, run_dir)
        .repartition(partitions, s.PART)
        .sortWithinPartitions(s.PART, s.ROW)
        .mapInArrow(_scan(run_dir, work), _SHARED)
        .groupBy(_GRAM)
        .agg(F.sum(_DOCUMENTS).alias(_DOCUMENTS))
        .write.parquet(files.spark_path(counts_path))
    )
    parts = [str(part_number(path)) for path in files.list_files(files.join(work, "matches"), ".parquet")]
    run_tasks(spark, parts, _finish(run_dir, work))
    taking_part = (
        spark.read.parquet(files.spark_path(counts_path)).where(F.col(_GRAM) == _EVERY_DOCUMENT).first()
    )
    found, matched, documents_matched = _counted(spark, run_dir)
    _write_items(run_dir, items, names, found)
    files.remove_tree(work)
    return {
        "ngram": config.decontaminate.ngram,
        "documents": taking_part[_DOCUMENTS] if taking_part else 0,
        "documents_matched": documents_matched,
        "sets": [
            {
                "name": each.name,
                "items": len(each.texts),
                "distinct_items": int(np.count_nonzero(items.set_of == number)),
                "items_found": sum(name == each.name for name, _ in found),
                "documents_matched": matched.get(each.name, 0),
                "sha256": each.sha256,
            }
            for number, each in enumerate(sets)
        ],
    }


def _write_index(work: str, items: IndexedItems, names: Sequence[str]) -> None:
    """Write what the tasks need: the arrays of the index, and the names of sets and items."""
    arrays = items.overlap._asdict() | {"set_of": items.set_of}
    for name in ("anchors", "wholes"):
        lookup = arrays.pop(name)
        arrays |= {f"{name}.{part}": array for part, array in lookup._asdict().items()}
    data = io.BytesIO()
    np.savez(data, **arrays)
    file = files.AtomicFile(files.join(work, _INDEX))
    file.write(data.getbuffer())
    file.commit()
    writer = PartWriter(files.join(work, _NAMES))
    of_items = pa.array([names[number] for number in items.set_of.tolist()], pa.string())
    writer.write(pa.RecordBatch.from_pydict({"set": of_items, "item": pa.array(items.ids, pa.string())}))
    writer.commit()


@lru_cache(maxsize=1)
def _read_index(work: str, stamp: int) -> tuple[OverlapIndex, npt.NDArray[np.int32]]:
    """The index of a run, and the set of each item; `stamp` tells a run from the one before it in the same folder."""
    del stamp
    with files.open_binary(files.join(work, _INDEX)) as file, np.load(io.BytesIO(file.read())) as stored:
        arrays = dict(stored)
    parts: dict[str, Any] = dict(arrays)
    for name in ("anchors", "wholes"):
        parts[name] = Lookup(*(parts.pop(f"{name}.{part}") for part in Lookup._fields))
    set_of = parts.pop("set_of")
    return OverlapIndex(**parts), set_of


def _taking_part(spark: SparkSession, config: PrepareConfig, run_dir: str) -> DataFrame:
    """The documents that are left so far: rows of `_PLACED`."""
    marked = marked_documents(spark, config, run_dir, [s.DOC_ID, s.PART, s.ROW])
    left = marked.where(F.col(s.DROP_REASON).isNull()).drop(s.DROP_REASON)
    decisions = files.join(run_dir, "dedup", "decisions")
    if files.list_files(decisions, ".parquet"):
        removed = spark.read.parquet(files.spark_path(decisions)).select(s.PART, s.ROW)
        left = left.join(removed, [s.PART, s.ROW], how="left_anti")
    lines = files.join(run_dir, "lines")
    if files.list_files(lines, ".parquet"):
        cut = spark.read.parquet(files.spark_path(lines))
        too_little = cut.where(F.col("too_little_left")).select(s.PART, s.ROW)
        left = left.join(too_little, [s.PART, s.ROW], how="left_anti")
    return left.select(s.DOC_ID, s.PART, s.ROW)


def _scan(run_dir: str, work: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task from rows of `_PLACED` to rows of `_SHARED`; writes the matches of every documents file it gets."""
    stamp = hash_of(files.join(work, _INDEX))

    def scan(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        index, set_of = _read_index(work, stamp)
        for (part,), of_part in grouped(batches, s.PART):
            documents = pa.Table.from_batches(of_part)
            row_N = documents[s.ROW].to_numpy()
            name = part_name(int(part))
            removed = removed_lines(files.join(run_dir, "lines", name))
            writer = PartWriter(files.join(work, "matches", name))
            for at_M, texts in texts_of(files.join(run_dir, "documents", name), row_N):
                left = texts_left(texts, row_N[at_M], removed)
                found = matches_of(matching_runs(*buffers(left), index), index, set_of)
                if len(found.item):
                    of_match = documents.take(pa.array(at_M[found.document]))
                    writer.write(_measured(of_match, int(part), found))
                    yield _shares(found)
            writer.commit()
            yield pa.RecordBatch.from_pydict(
                {_GRAM: pa.array([_EVERY_DOCUMENT], pa.int32()), _DOCUMENTS: pa.array([len(row_N)])}
            )

    return scan


def hash_of(path: str) -> int:
    """A number that changes with a file's content."""
    return int(files.file_sha256(path)[:15], 16)


def _measured(documents: pa.Table, part: int, found: Matches) -> pa.RecordBatch:
    """The matches of a batch as rows of the stage's own table."""
    values = (
        found.item, found.match_length, found.item_found, found.document_found, found.is_whole, found.set_items,
        found.set_found, found.num_units,
    )  # fmt: skip
    grams = pa.ListArray.from_arrays(
        pa.array(found.gram_starts, pa.int32()), pa.array(found.grams, pa.int32())
    )
    return pa.RecordBatch.from_pydict(
        {
            s.DOC_ID: documents[s.DOC_ID].combine_chunks(),
            s.PART: pa.array(np.full(len(found.item), part, np.int32)),
            s.ROW: documents[s.ROW].combine_chunks(),
            **dict(zip(_MEASURED, map(pa.array, values), strict=True)),
            "grams": grams,
        }
    )


def _shares(found: Matches) -> pa.RecordBatch:
    """How many documents of a batch have each gram."""
    document_G = np.repeat(found.document, np.diff(found.gram_starts))
    pairs = np.unique(np.stack([found.grams, document_G]), axis=1)
    grams, documents = np.unique(pairs[0], return_counts=True)
    return pa.RecordBatch.from_pydict(
        {_GRAM: pa.array(grams, pa.int32()), _DOCUMENTS: pa.array(documents.astype(np.int64))}
    )


def _finish(run_dir: str, work: str) -> Callable[[str], str]:
    """A task from the number of a documents file to nothing: writes its table, now that the shares are counted."""
    stamp = hash_of(files.join(work, _INDEX))

    def finish(part: str) -> str:
        index, _ = _read_index(work, stamp)
        shared_by = _read_shares(work, len(index.anchors.keys) + len(index.least), stamp)
        with files.open_binary(files.join(work, _NAMES)) as file:
            names = pq.read_table(file)
        name = part_name(int(part))
        writer = PartWriter(files.join(run_dir, FOLDER, name), use_dictionary=["set"])
        with files.open_binary(files.join(work, "matches", name)) as file:
            for batch in pq.ParquetFile(file).iter_batches():
                writer.write(_rows(batch, index, names, shared_by))
        writer.commit()
        return ""

    return finish


@lru_cache(maxsize=1)
def _read_shares(work: str, size: int, stamp: int) -> Longs:
    """Documents that have each gram, int64."""
    del stamp
    shared_by = np.zeros(size, np.int64)
    for path in files.list_files(files.join(work, "counts"), ".parquet"):
        with files.open_binary(path) as file:
            table = pq.read_table(file)
        grams = table[_GRAM].to_numpy()
        is_gram = grams != _EVERY_DOCUMENT
        shared_by[grams[is_gram]] = table[_DOCUMENTS].to_numpy()[is_gram]
    return shared_by


def _rows(batch: pa.RecordBatch, index: OverlapIndex, names: pa.Table, shared_by: Longs) -> pa.RecordBatch:
    """Rows of `schema.DECONTAMINATION`."""
    values = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in _MEASURED}
    item_M, num_units_M = values["item_number"], values["num_units"]
    sizes_M = np.diff(index.starts)[item_M]
    grams = batch.column("grams")
    first_M = grams.offsets.to_numpy()[:-1] - grams.offsets[0].as_py()
    rarest_M = np.minimum.reduceat(shared_by[grams.flatten().to_numpy()], first_M)
    of_item = names.take(pa.array(item_M)).combine_chunks()

    def share(found: str, of_M: Longs) -> pa.Array:
        return pa.array(np.minimum(1.0, values[found] / of_M), pa.float32())

    columns = {
        s.DOC_ID: batch.column(s.DOC_ID),
        s.PART: batch.column(s.PART),
        s.ROW: batch.column(s.ROW),
        "set": of_item["set"].combine_chunks(),
        "item": of_item["item"].combine_chunks(),
        "item_units": pa.array(sizes_M, pa.int32()),
        "unit_scale": pa.array(index.scales[item_M], pa.int32()),
        "match_length": pa.array(values["match_length"], pa.int32()),
        "item_coverage": share("item_found", sizes_M),
        "document_coverage": share("document_found", num_units_M),
        "is_whole": batch.column("is_whole"),
        _DOCUMENTS: pa.array(rarest_M, pa.int32()),
        "set_items": pa.array(values["set_items"], pa.int32()),
        "set_coverage": share("set_found", num_units_M),
    }
    return pa.RecordBatch.from_pydict(columns, schema=s.DECONTAMINATION)


def _counted(spark: SparkSession, run_dir: str) -> tuple[dict[tuple[str, str], int], dict[str, int], int]:
    """Documents per item found, per set, and in all."""
    matches = read_matches(spark, run_dir)
    if matches is None:
        return {}, {}, 0
    # An item has one row per document, so rows are documents; the driver holds at most the items anyway.
    of_items = matches.groupBy("set", "item").count().collect()
    of_sets = matches.select("set", s.PART, s.ROW).distinct().groupBy("set").count().collect()
    return (
        {(row["set"], row["item"]): row["count"] for row in of_items},
        {row["set"]: row["count"] for row in of_sets},
        matches.select(s.PART, s.ROW).distinct().count(),
    )


def _write_items(
    run_dir: str, items: IndexedItems, names: Sequence[str], found: Mapping[tuple[str, str], int]
) -> None:
    """Write the table of all items: what an evaluation needs to tell its clean items from the others."""
    sizes = np.diff(items.overlap.starts).tolist()
    firsts = [items.ids[same] if same >= 0 else None for _, _, same in items.rows]
    columns = {
        "set": [names[number] for number, _, _ in items.rows],
        "item": [item_id for _, item_id, _ in items.rows],
        "same_as": [
            first if first != item_id else None
            for first, (_, item_id, _) in zip(firsts, items.rows, strict=True)
        ],
        "item_units": [sizes[same] if same >= 0 else 0 for _, _, same in items.rows],
        _DOCUMENTS: [
            found.get((names[number], first), 0) if first is not None else 0
            for first, (number, _, _) in zip(firsts, items.rows, strict=True)
        ],
    }
    writer = PartWriter(files.join(run_dir, FOLDER, "items", part_name(0)))
    writer.write(pa.RecordBatch.from_pydict(columns, schema=s.EVALUATION_ITEMS))
    writer.commit()
