"""Shards: rows sorted by document id, one Parquet file per (locale, split, shard), the same bytes in every run."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from dataprep import files
from dataprep import schema as s
from dataprep.parts import PartWriter, grouped, regrouped
from dataprep.shards.cells import CellCounter
from dataprep.shards.encode import IDS, SHARD_INDEX

_ENCODED: Final = pa.schema(
    [
        (s.DOC_ID, pa.string()),
        (s.SOURCE, pa.string()),
        (s.FILE, pa.string()),
        (IDS, pa.large_binary()),
        (s.CLUSTER_SIZE, pa.int32()),
        (s.FORM, pa.string()),
    ]
)
SHARD_OPTIONS: Final[dict[str, Any]] = {"use_dictionary": [s.SOURCE, s.FORM], "compression_level": 3}


def shard_path(locale: str, split: str, shard: int) -> str:
    """Path of a shard inside `shards/`."""
    return f"locale={locale}/split={split}/part-{shard:05d}.parquet"


def write_shards(
    encoded: DataFrame, shards_dir: str, *, row_group_rows: int, partitions: int
) -> list[dict[str, Any]]:
    """Write every shard; one entry per shard, sorted by path. Starts Spark jobs.

    Args:
        encoded: rows of `encode.ENCODED_SCHEMA`.
        shards_dir: the folder of the shards.
        row_group_rows: rows per row group, which is what a stream reads at a time.
        partitions: number of writing tasks; does not change the files.

    Returns:
        Per shard: `path` (relative), `split`, `locale`, `rows`, `tokens`, `bytes`, `sha256`, `cells`: rows and tokens
        per source, form and class of cluster sizes, and `kept`: rows per (source, file), counted as they were written.
    """
    keys = (s.LOCALE, s.SPLIT, SHARD_INDEX)
    lines = (
        encoded.repartition(partitions, *keys)
        .sortWithinPartitions(*keys, s.DOC_ID, s.SOURCE, s.FILE)
        .mapInArrow(_write(shards_dir, row_group_rows), "line string")
        .collect()
    )
    return sorted((json.loads(row["line"]) for row in lines), key=lambda entry: str(entry["path"]))


def _write(
    shards_dir: str, row_group_rows: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (locale, split, shard), rows in grouped(batches, s.LOCALE, s.SPLIT, SHARD_INDEX):
            path = shard_path(str(locale), str(split), int(shard))
            entry = write_shard(files.join(shards_dir, path), rows, row_group_rows)
            entry |= {"path": path, "split": split, "locale": locale}
            yield pa.RecordBatch.from_pydict({"line": [json.dumps(entry)]})

    return write


def write_shard(path: str, batches: Iterator[pa.RecordBatch], row_group_rows: int) -> dict[str, Any]:
    """Write one shard; the same rows in the same order give the same bytes, however they are batched.

    Args:
        path: the file.
        batches: rows of `encode.ENCODED_SCHEMA` without its keys (locale, split, shard); at least one row.
        row_group_rows: rows per row group.

    Returns:
        `rows`, `tokens`, `bytes`, `sha256`, `cells` and `kept`, as in `write_shards`.
    """
    writer = PartWriter(path, **SHARD_OPTIONS)
    kept: Counter[tuple[str, str]] = Counter()
    cells = CellCounter()
    rows = tokens = 0
    try:
        for batch in regrouped(batches, _ENCODED, row_group_rows):
            shard_rows = _shard_rows(batch)
            writer.write(shard_rows)
            kept.update(zip(batch[s.SOURCE].to_pylist(), batch[s.FILE].to_pylist(), strict=True))
            cells.add(shard_rows)
            rows += batch.num_rows
            tokens += len(shard_rows.column(s.INPUT_IDS).values)
        file = writer.commit()
    except BaseException:
        writer.discard()
        raise
    assert file is not None, f"{path}: a shard without rows"
    return {
        "rows": rows,
        "tokens": tokens,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "cells": cells.counts(),
        "kept": [[source, name, count] for (source, name), count in sorted(kept.items())],
    }


def _shard_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of `schema.SHARD`; the packed ids become a list column without touching a single id."""
    packed = batch.column(IDS)
    _, offset_buffer, data = packed.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[packed.offset : packed.offset + len(packed) + 1]
    ids = (
        np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].view(np.int32)
        if data
        else np.zeros(0, np.int32)
    )
    starts = (offsets - offsets[0]) // 4
    return pa.RecordBatch.from_arrays(
        [
            batch.column(s.DOC_ID),
            batch.column(s.SOURCE),
            pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(ids)),
            pa.array(np.diff(starts).astype(np.int32)),
            batch.column(s.CLUSTER_SIZE),
            batch.column(s.FORM),
        ],
        schema=s.SHARD,
    )
