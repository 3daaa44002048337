"""Exact verification: the Jaccard similarity of the shingle sets of every candidate pair.

Only candidates are read again. One task per documents file fetches their text by row, and shingles it with the kernel
that made the signatures; so the similarity is exact for the sets that the signature estimates.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.dedup.candidates import CENTRE
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.jaccard import jaccard_pairs
from dataprep.kernels.tokenise import shingle_hashes
from dataprep.parts import part_name, texts_of

SHINGLES = (
    "shingles"  # sorted 64-bit hashes as raw bytes: Spark moves a binary value much faster than an array
)


def shingles(wanted: DataFrame, documents_dir: str, *, partitions: int) -> DataFrame:
    """Shingle sets of documents.

    Args:
        wanted: `node`, `part`, `row` of each document, distinct.
        documents_dir: folder of the documents files.
        partitions: number of tasks.

    Returns:
        `node` and `shingles`: the distinct 64-bit shingle hashes in ascending order, as bytes.
    """
    return (
        wanted.select(s.NODE, s.PART, s.ROW)
        .repartition(partitions, s.PART)
        .sortWithinPartitions(s.PART, s.ROW)
        .mapInArrow(_shingles_of(documents_dir), f"{s.NODE} long, {SHINGLES} binary")
    )


def _shingles_of(documents_dir: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = [batch for batch in batches if batch.num_rows]
        if not held:
            return
        wanted = pa.Table.from_batches(held)
        part_N = wanted[s.PART].to_numpy()
        row_N = wanted[s.ROW].to_numpy()
        node_N = wanted[s.NODE].to_numpy()
        for part in np.unique(part_N):
            of_part = part_N == part
            path = files.join(documents_dir, part_name(int(part)))
            for rows_M, texts in texts_of(path, row_N[of_part]):
                yield _shingle_batch(node_N[of_part][rows_M], texts)

    return read


def _shingle_batch(node_N: npt.NDArray[np.int64], texts: pa.StringArray) -> pa.RecordBatch:
    hashes, starts_N1 = shingle_hashes(*buffers(texts))
    packed = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(texts),
        [None, pa.py_buffer(starts_N1.astype(np.int64) * 8), pa.py_buffer(hashes)],
    )
    return pa.RecordBatch.from_arrays([pa.array(node_N), packed.cast(pa.binary())], [s.NODE, SHINGLES])


def with_jaccard(pairs: DataFrame, shingle_sets: DataFrame) -> DataFrame:
    """Add `jaccard` to pairs of nodes.

    Args:
        pairs: `node`, `centre` and further columns, which are kept.
        shingle_sets: result of `shingles` for every node that occurs.

    Returns:
        The pairs with their exact Jaccard similarity, in [0, 1].
    """
    left = shingle_sets.select(F.col(s.NODE), F.col(SHINGLES).alias("left"))
    right = shingle_sets.select(F.col(s.NODE).alias(CENTRE), F.col(SHINGLES).alias("right"))
    joined = pairs.join(left, s.NODE, how="inner").join(right, CENTRE, how="inner")
    fields = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in pairs.schema.fields)
    return joined.select(*pairs.columns, "left", "right").mapInArrow(
        _add_jaccard, f"{fields}, {s.JACCARD} double"
    )


def _add_jaccard(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        left, left_starts = _unpacked(batch.column("left"))
        right, right_starts = _unpacked(batch.column("right"))
        hashes = np.concatenate([left, right])
        starts = np.concatenate([left_starts, right_starts[1:] + len(left)])
        index = np.arange(batch.num_rows, dtype=np.int64)
        similarity = jaccard_pairs(hashes, starts, index, index + batch.num_rows)
        kept = batch.drop_columns(["left", "right"])
        yield kept.append_column(s.JACCARD, pa.array(similarity))


def _unpacked(packed: pa.BinaryArray) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Hashes and starts of a column of packed shingle sets."""
    wide = packed.cast(pa.large_binary())
    _, offset_buffer, data = wide.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    hashes = (
        np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].view(np.uint64)
        if data
        else np.zeros(0, np.uint64)
    )
    return hashes, (offsets - offsets[0]) // 8
