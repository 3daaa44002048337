"""Boilerplate: lines that occur in several documents stay in one of them (CCNet, Wenzek et al. 2020, section 3).

    texts ─ hash every line ─ per task and hash: documents, the preferred one ─ per hash: the same of all tasks
          ─ boilerplate back to the documents files that hold it ─ which lines go, what is left

Documents of the sources that ask for it take part if they passed the rules and are no duplicates. Lines are the same if
their normalised form is (kernels/lines.py). One in at least `min_documents` documents stays in the document that comes
first in the keep order (dedup/nodes.py) and goes from all others; repeats within one document do not count and stay or
go together. So the result depends neither on the order of documents nor on how they are spread over tasks.

The tasks read text and exchange one narrow row per (task, hash): no key has more rows than there are tasks, however
many documents share a line.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.config import LineDedupConfig, PrepareConfig
from dataprep.dedup.nodes import Longs, ids_to_words, ranks
from dataprep.filter.marked import marked_documents
from dataprep.kernels.arrow_buffers import buffers, strings
from dataprep.kernels.lines import Lines, line_hashes, without_lines
from dataprep.kernels.tokenise import word_hashes
from dataprep.locales import LOCALES
from dataprep.parts import PartWriter, grouped, part_name, texts_at, texts_of

HASH: Final = "hash"
RANK: Final = "rank"
ID: Final = "id"
DOCUMENTS: Final = "documents"
_SOURCE: Final = "source_index"
_NUM_LINES: Final = "num_lines"
_BY_CHARACTERS: Final = "by_characters"
# Documents and, with row -1, the boilerplate of their file travel to the tasks as rows of one table.
_PLACED: Final = (
    f"{s.PART} int, {s.ROW} int, {HASH} long, {RANK} long, {ID} long, {_SOURCE} int, {_NUM_LINES} int, "
    f"{_BY_CHARACTERS} boolean"
)
_SHARED: Final = f"{s.PART} int, {HASH} long, {DOCUMENTS} long, {RANK} long, {ID} long"
_SUMS: Final = (
    "documents", "documents_changed", "documents_dropped", "read", "kept", "removed", "dropped", "characters_removed",
)  # fmt: skip
_MOST_FREQUENT: Final = 20
_EXCERPT_CHARACTERS: Final = 300


def run_lines(spark: SparkSession, config: PrepareConfig, run_dir: str, *, partitions: int) -> dict[str, Any]:
    """Write `lines/part-N.parquet` (rows of `schema.LINES`); the counts for the stage record.

    Args:
        spark: the session.
        config: settings; `line_dedup` of at least one source is on.
        run_dir: run folder with `documents/` and `dedup/decisions/`.
        partitions: number of tasks that read text.

    Returns:
        `by_source`: for every source that takes part `documents` (that took part), `documents_changed` (that lost
        lines), `documents_dropped` (of which too little is left), and lines `read`, `removed`, `kept` and `dropped`
        (left in documents that were dropped), and `characters_removed`; `boilerplate`: different lines that are
        boilerplate; `most_frequent`: the documents that share each of the commonest ones, and the line.
    """
    settings = config.line_dedup
    documents_dir = files.join(run_dir, "documents")
    folder = files.join(run_dir, "lines")
    work = files.join(folder, "work")
    sources = sorted(source.name for source in config.sources if source.line_dedup)

    def materialised(frame: DataFrame, name: str) -> DataFrame:
        path = files.join(work, name)
        frame.write.parquet(files.spark_path(path))
        return spark.read.parquet(files.spark_path(path))

    documents = materialised(_taking_part(spark, config, run_dir, sources), "documents")
    hashes = materialised(
        documents.repartition(partitions, s.PART)
        .sortWithinPartitions(s.PART, s.ROW)
        .mapInArrow(_hash_lines(documents_dir, settings.min_line_characters), _SHARED),
        "hashes",
    )
    boilerplate = materialised(shared_lines(hashes, settings.min_documents), "boilerplate")
    of_files = hashes.select(s.PART, HASH).join(boilerplate, HASH, how="inner")
    placed = of_files.select(
        s.PART,
        F.lit(-1).alias(s.ROW),
        HASH,
        RANK,
        ID,
        F.lit(0).alias(_SOURCE),
        F.lit(0).alias(_NUM_LINES),
        F.lit(False).alias(_BY_CHARACTERS),
    )
    files.make_folder(folder)
    sums = (
        documents.unionByName(placed)
        .repartition(partitions, s.PART)
        .sortWithinPartitions(s.PART, s.ROW, HASH)
        .mapInArrow(
            _cut(documents_dir, folder, settings, len(sources)),
            f"{_SOURCE} int, " + ", ".join(f"{name} long" for name in _SUMS),
        )
        .groupBy(_SOURCE)
        .agg(*(F.sum(name).alias(name) for name in _SUMS))
        .collect()
    )
    counted = {row[_SOURCE]: {name: row[name] for name in _SUMS} for row in sums}
    counts = {
        "by_source": {
            name: counted.get(index, dict.fromkeys(_SUMS, 0)) for index, name in enumerate(sources)
        },
        "boilerplate": boilerplate.count(),
        "most_frequent": _most_frequent(boilerplate, documents, documents_dir),
    }
    files.remove_tree(work)
    return counts


def _taking_part(spark: SparkSession, config: PrepareConfig, run_dir: str, sources: list[str]) -> DataFrame:
    """The documents that take part, each with its place in the keep order: rows of `_PLACED`."""
    priorities = {source.name: source.priority for source in config.sources}

    def of_source(values: dict[str, int]) -> Any:  # noqa: ANN401 (Column)
        return F.create_map(*[F.lit(item) for name in sources for item in (name, values[name])])[
            F.col(s.SOURCE)
        ]

    columns = [s.PART, s.ROW, s.DOC_ID, s.QUALITY, "num_chars", s.SOURCE, _NUM_LINES, s.LOCALE]
    passed = (
        marked_documents(spark, config, run_dir, columns)
        .where(F.col(s.SOURCE).isin(sources) & F.col(s.DROP_REASON).isNull())
        .select(
            s.PART,
            s.ROW,
            s.DOC_ID,
            s.QUALITY,
            F.col("num_chars").cast("long").alias("num_chars"),
            of_source(priorities).alias("priority"),
            of_source({name: index for index, name in enumerate(sources)}).alias(_SOURCE),
            F.col(_NUM_LINES).cast("int").alias(_NUM_LINES),
            F.col(s.LOCALE)
            .isin([row.code for row in LOCALES.values() if row.unit == "char"])
            .alias(_BY_CHARACTERS),
        )
    )
    decisions = files.join(run_dir, "dedup", "decisions")
    if files.list_files(decisions, ".parquet"):
        removed = spark.read.parquet(files.spark_path(decisions)).select(s.PART, s.ROW)
        passed = passed.join(removed, [s.PART, s.ROW], how="left_anti")
    return passed.mapInArrow(_add_order, _PLACED)


def _add_order(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        rank_N = ranks(
            0,
            batch.column("priority").to_numpy(),
            batch.column(s.QUALITY).to_numpy(),
            batch.column("num_chars").to_numpy(),
        )
        # 63 bits of the id break ties: Spark's numbers are signed, and two documents with as many equal bits are one.
        id_N = ids_to_words(batch.column(s.DOC_ID))[:, 0] >> np.uint64(1)
        columns = {
            HASH: pa.array(np.zeros(batch.num_rows, np.int64)),
            RANK: pa.array(rank_N.astype(np.int64)),
            ID: pa.array(id_N.astype(np.int64)),
        }
        names = [field.split()[0] for field in _PLACED.split(", ")]
        yield pa.RecordBatch.from_arrays(
            [columns[name] if name in columns else batch.column(name) for name in names], names
        )


def _document_of(lines: Lines) -> Longs:
    """Which document of the batch each line belongs to."""
    return np.repeat(np.arange(lines.starts.size - 1), np.diff(lines.starts))


def _hash_lines(
    documents_dir: str, min_characters: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task from rows of `_PLACED` to rows of `_SHARED`: one per row group and hash."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (part,), of_part in grouped(batches, s.PART):
            documents = pa.Table.from_batches(of_part)
            rank_N, id_N = documents[RANK].to_numpy(), documents[ID].to_numpy()
            path = files.join(documents_dir, part_name(int(part)))
            for at_M, texts in texts_of(path, documents[s.ROW].to_numpy()):
                lines = line_hashes(*buffers(texts))
                long_enough = lines.characters >= min_characters
                shared = documents_of_hashes(
                    lines.hashes[long_enough].view(np.int64),
                    _document_of(lines)[long_enough],
                    rank_N[at_M],
                    id_N[at_M],
                )
                part_H = np.full(len(shared.hashes), part, np.int32)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(part_H), *map(pa.array, shared)], [s.PART, HASH, DOCUMENTS, RANK, ID]
                )

    return work


class SharedHashes(NamedTuple):
    """Per hash, ascending: how many documents have it, and the first of them in the keep order.

    Attributes:
        hashes: int64, distinct.
        documents: int64, at least 1.
        rank: int64, place of the first document in the keep order.
        ids: int64, its id, which breaks ties.
    """

    hashes: Longs
    documents: Longs
    rank: Longs
    ids: Longs


def documents_of_hashes(hash_L: Longs, document_L: Longs, rank_N: Longs, id_N: Longs) -> SharedHashes:
    """Count the documents of each hash of a batch; a document that repeats a hash counts once.

    Args:
        hash_L: hash of each line.
        document_L: which document the line belongs to.
        rank_N: rank of each document.
        id_N: what breaks ties between ranks.
    """
    in_order_N = np.lexsort((id_N, rank_N))
    place_N = np.empty(len(in_order_N), np.int64)
    place_N[in_order_N] = np.arange(len(in_order_N))
    place_L = place_N[document_L]
    by_hash = np.lexsort((place_L, hash_L))
    hash_L, place_L = hash_L[by_hash], place_L[by_hash]
    is_first = np.ones(len(hash_L), np.bool_)
    is_first[1:] = hash_L[1:] != hash_L[:-1]
    new_document = is_first.copy()
    new_document[1:] |= place_L[1:] != place_L[:-1]
    group_L = np.cumsum(is_first) - 1
    best = in_order_N[place_L[is_first]]
    return SharedHashes(hash_L[is_first], np.bincount(group_L[new_document]), rank_N[best], id_N[best])


def shared_lines(hashes: DataFrame, min_documents: int) -> DataFrame:
    """The hashes that are boilerplate. Lazy: starts no Spark job.

    Args:
        hashes: `hash`, `documents`, `rank`, `id`; several rows per hash, each of other documents.
        min_documents: a hash in so many documents is boilerplate.

    Returns:
        `hash` (distinct), `documents` (how many have it), `rank` and `id` of the one that keeps it.
    """
    first = F.min(F.struct(RANK, ID))
    return (
        hashes.groupBy(HASH)
        .agg(F.sum(DOCUMENTS).alias(DOCUMENTS), first.alias("first"))
        .where(F.col(DOCUMENTS) >= min_documents)
        .select(HASH, DOCUMENTS, F.col("first")[RANK].alias(RANK), F.col("first")[ID].alias(ID))
    )


class _FileRows(NamedTuple):
    """What a task knows of one documents file, one array each; boilerplate ascending by hash."""

    hash_B: Longs
    rank_B: Longs
    id_B: Longs
    documents: pa.Table


def _cut(
    documents_dir: str, folder: str, settings: LineDedupConfig, num_sources: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task from rows of `_PLACED` to sums per source; writes the `lines` file of every documents file it gets."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (part,), of_part in grouped(batches, s.PART):
            table = pa.Table.from_batches(of_part)
            size = int(np.searchsorted(table[s.ROW].to_numpy(), 0))  # boilerplate has row -1 and comes first
            head = table.slice(0, size)
            rows = _FileRows(
                head[HASH].to_numpy(), head[RANK].to_numpy(), head[ID].to_numpy(), table.slice(size)
            )
            name = part_name(int(part))
            writer = PartWriter(files.join(folder, name))
            sums = _unchanged_sums(rows.documents, num_sources)
            if size:
                for changed, difference in _changed(
                    files.join(documents_dir, name), rows, settings, num_sources
                ):
                    writer.write(
                        changed.add_column(0, s.PART, pa.array(np.full(len(changed), part, np.int32)))
                    )
                    sums += difference
            writer.commit()
            present = np.flatnonzero(sums[0])
            yield pa.RecordBatch.from_arrays(
                [pa.array(present.astype(np.int32)), *(pa.array(of_sum[present]) for of_sum in sums)],
                [_SOURCE, *_SUMS],
            )

    return work


def _by_source(
    source_N: npt.NDArray[np.int32], num_sources: int, *values: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Sums per source, int64[values, sources]."""
    sums = np.zeros((len(values), num_sources), np.int64)
    for row, value_N in zip(sums, values, strict=True):
        np.add.at(row, source_N, value_N)
    return sums


def _unchanged_sums(documents: pa.Table, num_sources: int) -> npt.NDArray[np.int64]:
    """The sums of `_SUMS` if no document lost a line; int64[sums, sources]."""
    num_lines_N = documents[_NUM_LINES].to_numpy()
    none_N = np.zeros(len(num_lines_N), np.int64)
    one_N = none_N + 1
    return _by_source(
        documents[_SOURCE].to_numpy(), num_sources,
        one_N, none_N, none_N, num_lines_N, num_lines_N, none_N, none_N, none_N,
    )  # fmt: skip


def _changed(
    path: str, rows: _FileRows, settings: LineDedupConfig, num_sources: int
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
    """The documents of a file that lose lines, one row group at a time.

    Yields:
        Rows of `schema.LINES` without `part`, and what they change in the sums, int64[sums, sources].
    """
    documents = rows.documents
    row_N, rank_N, id_N = (documents[name].to_numpy() for name in (s.ROW, RANK, ID))
    for at_M, texts in texts_of(path, row_N):
        lines = line_hashes(*buffers(texts))
        document_L = _document_of(lines)
        hash_L = lines.hashes.view(np.int64)
        found_L = np.minimum(np.searchsorted(rows.hash_B, hash_L), len(rows.hash_B) - 1)
        shared_L = rows.hash_B[found_L] == hash_L  # so the line is as long as any boilerplate
        keeps_L = (rows.rank_B[found_L] == rank_N[at_M][document_L]) & (
            rows.id_B[found_L] == id_N[at_M][document_L]
        )
        goes_L = np.flatnonzero(shared_L & ~keeps_L)
        if not len(goes_L):
            continue
        changed_C, removed_C = np.unique(document_L[goes_L], return_counts=True)
        starts = np.append(0, np.cumsum(removed_C))
        numbers = goes_L - lines.starts[document_L[goes_L]]
        before = texts.take(pa.array(changed_C))
        left = Left.of(before, numbers, starts)
        of_file = documents.take(pa.array(at_M[changed_C]))
        by_characters_C = of_file[_BY_CHARACTERS].to_numpy()
        least_C = np.where(by_characters_C, settings.min_characters_left or 0, settings.min_words_left or 0)
        too_little_C = (left.lines == 0) | (left.units < least_C)
        num_lines_C = of_file[_NUM_LINES].to_numpy()
        kept_C = np.where(too_little_C, 0, left.lines)
        none_C = np.zeros(len(changed_C), np.int64)
        yield (
            pa.RecordBatch.from_arrays(
                [
                    of_file[s.ROW].combine_chunks(),
                    pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(numbers, pa.int32())),
                    pa.array(left.lines, pa.int32()),
                    pa.array(left.units, pa.int32()),
                    pa.array(left.bytes, pa.int64()),
                    pa.array(too_little_C),
                ],
                schema=s.LINES.remove(s.LINES.get_field_index(s.PART)),
            ),
            _by_source(
                of_file[_SOURCE].to_numpy(), num_sources,
                none_C, none_C + 1, too_little_C, none_C, kept_C - num_lines_C, removed_C, left.lines - kept_C,
                pc.utf8_length(before).to_numpy() - left.characters,
            ),
        )  # fmt: skip


class Left(NamedTuple):
    """What is left of documents without some of their lines, measured on the text that is left; int64 each."""

    bytes: Longs
    characters: Longs
    units: Longs
    lines: Longs

    @classmethod
    def of(cls, texts: pa.StringArray, removed: Longs, starts: Longs) -> "Left":
        """Cut lines (see `kernels.lines.without_lines`) and measure."""
        left = strings(*without_lines(*buffers(texts), removed, starts))
        data, offsets = buffers(left)
        return cls(
            np.diff(offsets),
            pc.utf8_length(left).to_numpy().astype(np.int64),
            np.diff(word_hashes(data, offsets)[1]),
            np.diff(line_hashes(data, offsets).starts),
        )


def removed_lines(path: str) -> dict[int, list[int]]:
    """Numbers of the lines that go, by row, from a `lines` file; none where there is no file."""
    if not files.exists(path):
        return {}
    with files.open_binary(path) as file:
        lines = pq.read_table(file, columns=[s.ROW, "removed_lines"])
    return dict(zip(lines[s.ROW].to_pylist(), lines["removed_lines"].to_pylist(), strict=True))


def texts_left(
    texts: pa.StringArray, row_N: npt.NDArray[np.integer[Any]], removed: Mapping[int, list[int]]
) -> pa.StringArray:
    """Texts of documents without their boilerplate lines; the same array if none has any.

    Args:
        texts: as they lie in the documents file.
        row_N: row of each in that file.
        removed: of that file, see `removed_lines`.
    """
    numbers = [removed.get(row, []) for row in row_N.tolist()] if removed else []
    starts = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
    if not starts[-1]:
        return texts
    flat = np.array([number for each in numbers for number in each], np.int64)
    return strings(*without_lines(*buffers(texts), flat, starts))


def _most_frequent(boilerplate: DataFrame, documents: DataFrame, documents_dir: str) -> list[list[Any]]:
    """The lines that most documents share: how many do, and how the line reads in the document that keeps it."""
    commonest = boilerplate.orderBy(F.desc(DOCUMENTS), HASH).limit(_MOST_FREQUENT)
    keepers = documents.select(s.PART, s.ROW, RANK, ID)
    rows = (
        F.broadcast(commonest)
        .join(keepers, [RANK, ID], how="inner")
        .dropDuplicates([HASH])
        .orderBy(F.desc(DOCUMENTS), HASH)
        .collect()
    )
    texts = texts_at(documents_dir, [(row[s.PART], row[s.ROW]) for row in rows])
    found: list[list[Any]] = []
    for row in rows:
        data, offsets = buffers(pa.array([texts[row[s.PART], row[s.ROW]]], pa.string()))
        lines = line_hashes(data, offsets)
        at = int(np.flatnonzero(lines.hashes.view(np.int64) == row[HASH])[0])
        line = data[lines.begins[at] : lines.ends[at]].tobytes().decode()
        found.append([row[DOCUMENTS], line.strip()[:_EXCERPT_CHARACTERS]])
    return found
