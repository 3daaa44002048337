"""Deduplication of a finished run rehearsed with copies planted among its documents, and taken out again.

The copies go the way of documents: the same pass measures them, and the same tasks compare them with every document
that shares a band with one. Those documents, and what stays in the place of those that are removed, are taken along
into a folder of their own; the run folder is only read. The buckets of a copy are whole there, so what happens to it
is what would have happened in the run.
"""

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.config import PrepareConfig, SourceConfig
from dataprep.dedup.deduplicate import run_dedup
from dataprep.dedup.nodes import Longs
from dataprep.filter.rules import RULE_REASONS
from dataprep.local_tasks import InThisProcess
from dataprep.parts import PartWriter, part_name, part_number, texts_of
from dataprep.pipeline import annotate_settings
from dataprep.sources.record import Columns

PLANTED: Final = "planted"  # name of the copies' source
LAST_PRIORITY: Final = 127  # of all sources: a copy never stays in the place of a document
MAX_BUCKET: Final = 5_000  # documents that share a band with a copy; a copy with more is left out
_FILTER_BITS: Final = 20
_COLUMNS: Final = (s.DOC_ID, s.CONTENT_HASH, s.SOURCE, s.QUALITY, "num_chars", s.FILE, s.TEXT)
_BATCH_ROWS: Final = 1 << 16

Places = set[tuple[int, int]]  # part and row


class Copy(NamedTuple):
    """An edited copy of a document that is kept.

    Attributes:
        original: the document's text.
        text: the copy's.
    """

    original: str
    text: str


class Outcome(NamedTuple):
    """What happened to a copy.

    Attributes:
        is_candidate: whether it shares a band with its original.
        is_removed: whether it was removed as a near duplicate; null: not tried, for too many documents share a band
            with it.
    """

    is_candidate: bool
    is_removed: bool | None


def rehearse(config: PrepareConfig, run_dir: str, copies: Sequence[Copy]) -> list[Outcome]:
    """What deduplication would have done with copies among the documents of a finished run.

    Args:
        config: of the run.
        run_dir: its folder.
        copies: no two of one text.
    """
    if not copies:
        return []
    keys_NB, planted = _measured(config, [copy.text for copy in copies])
    of_originals_NB, _ = _measured(config, [copy.original for copy in copies])
    is_candidate_N = np.asarray(np.any(keys_NB == of_originals_NB, axis=1))
    rows, met_R = _sharing(run_dir, keys_NB)
    key_K, count_K = np.unique(met_R, return_counts=True)
    crowded_N = np.asarray(np.isin(keys_NB, key_K[count_K > MAX_BUCKET]).any(axis=1))
    wanted = np.unique(keys_NB[~crowded_N])
    places = set(map(tuple, rows[np.isin(met_R, wanted)].tolist()))
    places |= _kept_places(run_dir, places)
    removed = _deduplicated(config, run_dir, places, planted)
    ids = planted.documents.column(s.DOC_ID).to_pylist()
    return [
        Outcome(candidate, None if crowded else name in removed)
        for candidate, crowded, name in zip(is_candidate_N.tolist(), crowded_N.tolist(), ids, strict=True)
    ]


def _measured(config: PrepareConfig, texts: list[str]) -> tuple[Longs, Any]:
    """Band keys int64[texts, bands] of texts, and all that the pass gives for them."""
    size = len(texts)
    read = Columns(
        texts=pa.array(texts, pa.string()),
        locators=[str(number) for number in range(size)],
        languages=[None] * size,
        timestamps=[None] * size,
        forms=["written"] * size,
    )
    settings = annotate_settings(config.model_copy(update={"measure": "dedup"}))
    found = annotate_documents(read, source=PLANTED, file=PLANTED, part=0, first_row=0, settings=settings)
    return _keys(found.signatures.column(s.BAND_KEYS), config.near_dedup.num_bands), found


def _keys(column: pa.Array, num_bands: int) -> Longs:
    """Band keys int64[documents, bands]; zeros, which no text has, where there is no signature."""
    keys_NB = np.zeros((len(column), num_bands), np.int64)
    valid_N = column.is_valid().to_numpy(zero_copy_only=False)
    joined = b"".join(value for value in column.to_pylist() if value is not None)
    keys_NB[valid_N] = np.frombuffer(joined, np.int64).reshape(-1, num_bands)
    return keys_NB


def _sharing(run_dir: str, keys_NB: Longs) -> tuple[Longs, Longs]:
    """Part and row of the documents that share a band with one of these, once per shared key; and the keys."""
    wanted_K = np.unique(keys_NB[(keys_NB != 0).any(axis=1)])
    mask = np.uint64((1 << _FILTER_BITS) - 1)
    may_be = np.zeros(1 << _FILTER_BITS, np.bool_)
    may_be[wanted_K.view(np.uint64) & mask] = True
    rows: list[Longs] = [np.zeros((0, 2), np.int64)]
    met: list[Longs] = [np.zeros(0, np.int64)]
    for path in files.list_files(files.join(run_dir, "dedup", "signatures"), ".parquet"):
        with files.open_binary(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=[s.BAND_KEYS, s.ROW]):
                document, key = _flat_keys(batch.column(s.BAND_KEYS))
                some = np.flatnonzero(may_be[key.view(np.uint64) & mask])
                some = some[np.isin(key[some], wanted_K)]
                row = batch.column(s.ROW).to_numpy()[document[some]].astype(np.int64)
                rows.append(np.column_stack([np.full(len(row), part_number(path), np.int64), row]))
                met.append(key[some])
    every, key = np.concatenate(rows), np.concatenate(met)
    passed = _took_part(run_dir, every)
    return every[passed], key[passed]


def _flat_keys(column: pa.Array) -> tuple[Longs, Longs]:
    """Position of the document, and the key, of all band keys of a column."""
    valid = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    values = column.drop_null()
    if not len(values):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key = np.frombuffer(b"".join(values.to_pylist()), np.int64)
    return np.repeat(valid, len(key) // len(values)), key


def _took_part(run_dir: str, places: Longs) -> npt.NDArray[np.bool_]:
    """Which documents, by part and row, no rule had rejected before deduplication."""
    passed = np.zeros(len(places), np.bool_)
    for part in np.unique(places[:, 0]):
        of_part = np.flatnonzero(places[:, 0] == part)
        with files.open_binary(files.join(run_dir, "fates", part_name(int(part)))) as file:
            fates = pq.read_table(file, columns=[s.ROW, s.DROP_REASON])
        rejected = pc.is_in(fates[s.DROP_REASON], pa.array(sorted(RULE_REASONS)))
        rows = fates[s.ROW].to_numpy()
        of_rows = np.zeros(int(rows.max()) + 1, np.bool_)
        of_rows[rows] = rejected.to_numpy(zero_copy_only=False)
        passed[of_part] = ~of_rows[places[of_part, 1]]
    return passed


def _kept_places(run_dir: str, places: Places) -> Places:
    """Part and row of the documents that stay in the place of those at `places`, where this run has them."""
    kept: set[str] = set()
    for path in files.list_files(files.join(run_dir, "dedup", "decisions"), ".parquet"):
        with files.open_binary(path) as file:
            rows = pq.read_table(file, columns=[s.PART, s.ROW, s.KEPT_DOC_ID])
        of_rows = zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True)
        kept |= {name for part, row, name in of_rows if (part, row) in places}
    found: Places = set()
    wanted = pa.array(sorted(kept), pa.string())
    for path in files.list_files(files.join(run_dir, "fates"), ".parquet") if kept else []:
        with files.open_binary(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=[s.DOC_ID, s.ROW]):
                hits = batch.filter(pc.is_in(batch.column(s.DOC_ID), wanted))
                found |= {(part_number(path), row) for row in hits.column(s.ROW).to_pylist()}
    return found


def _deduplicated(config: PrepareConfig, run_dir: str, places: Places, planted: Any) -> set[str]:  # noqa: ANN401
    """Ids of the copies that are removed as near duplicates among the documents at `places`."""
    last = SourceConfig(name=PLANTED, format="jsonl", paths=["none"], priority=LAST_PRIORITY)
    with TemporaryDirectory(prefix="magister-") as folder:
        count = _write_copies(folder, planted) + _write_documents(folder, run_dir, places)
        settings = config.model_copy(
            update={
                "measure": "dedup",
                "run_dir": folder,
                "sources": [*config.sources, last],
                "dedup_index": None,
                "engine": config.engine.model_copy(update={"local_components_edges": 1 << 40}),
            }
        )
        run_dedup(_no_spark, settings, folder, documents=count, partitions=1, local=InThisProcess(1))
        removed: set[str] = set()
        for path in files.list_files(files.join(folder, "dedup", "decisions"), ".parquet"):
            rows = pq.read_table(path, columns=[s.DOC_ID, s.SOURCE])
            removed |= set(rows.filter(pc.equal(rows[s.SOURCE], PLANTED))[s.DOC_ID].to_pylist())
    return removed


def _no_spark() -> Any:  # noqa: ANN401 (a SparkSession that there is not)
    raise AssertionError("a rehearsal runs without Spark")


def _write_copies(folder: str, planted: Any) -> int:  # noqa: ANN401
    """The copies as part 0 of a run folder."""
    documents = planted.documents.select([*_COLUMNS, s.PART, s.ROW])
    for name, batch in (("documents", documents), ("dedup/signatures", planted.signatures)):
        writer = PartWriter(files.join(folder, name, part_name(0)))
        writer.write(batch)
        writer.commit()
    return int(documents.num_rows)


def _write_documents(folder: str, run_dir: str, places: Places) -> int:
    """Documents of the run with their signatures as part 1 of a run folder."""
    rows_of: dict[int, list[int]] = {}
    for part, row in sorted(places):
        rows_of.setdefault(part, []).append(row)
    documents, signatures = (
        PartWriter(files.join(folder, *names, part_name(1)), group_bytes=16 << 20)
        for names in (("documents",), ("dedup", "signatures"))
    )
    count = 0
    for part, wanted in rows_of.items():
        row_N = np.array(wanted, np.int64)
        read = texts_of(files.join(run_dir, "documents", part_name(part)), row_N, _COLUMNS)
        keys = texts_of(
            files.join(run_dir, "dedup", "signatures", part_name(part)), row_N, [s.BAND_KEYS, "num_shingles"]
        )
        for positions, *columns in read:
            documents.write(_numbered(dict(zip(_COLUMNS, columns, strict=True)), count + positions))
        for positions, *columns in keys:
            signatures.write(
                _numbered(dict(zip((s.BAND_KEYS, "num_shingles"), columns, strict=True)), count + positions)
            )
        count += len(wanted)
    documents.commit()
    signatures.commit()
    return count


def _numbered(columns: dict[str, pa.Array], row_N: Longs) -> pa.RecordBatch:
    places = {
        s.PART: pa.array(np.ones(len(row_N), np.int32)),
        s.ROW: pa.array(row_N.astype(np.int32)),
    }
    return pa.RecordBatch.from_pydict({**columns, **places})
