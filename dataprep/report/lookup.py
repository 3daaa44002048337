"""Rows of a run folder that the report looks up: batches of its tables, and single documents by their ids."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.parts import part_number

MAX_TEXT_BYTES: Final = 200_000  # of a pair of texts: longer ones are neither compared nor shown
NUM_BYTES: Final = "num_bytes"
_BATCH_ROWS: Final = 1 << 16

Row = dict[str, Any]


def batches(folder: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Rows of all Parquet files of a folder, some tens of thousands at a time; none if there is no folder."""
    for path in files.list_files(folder, ".parquet"):
        with files.open_binary(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=list(columns)):
                yield pa.Table.from_batches([batch])


def documents_of(doc_ids: Collection[str], fates_dir: str, columns: Sequence[str] = ()) -> dict[str, Row]:
    """Part, row and other columns of documents that were not asked to be removed; of equal ones, the first.

    Args:
        doc_ids: ids wanted.
        fates_dir: `fates/` of a run.
        columns: columns of the fates besides.
    """
    wanted = pa.array(sorted(doc_ids), pa.string())
    found: dict[str, Row] = {}
    if not doc_ids:
        return found
    read = list(dict.fromkeys([s.DOC_ID, s.DROP_REASON, *columns]))
    for path in files.list_files(fates_dir, ".parquet"):
        part = part_number(path)
        first = 0
        with files.open_binary(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=read):
                hits = pc.is_in(batch.column(s.DOC_ID), wanted)
                rows = np.flatnonzero(hits.to_numpy(zero_copy_only=False)) + first
                for row, hit in zip(rows.tolist(), batch.filter(hits).to_pylist(), strict=True):
                    if hit[s.DROP_REASON] != s.REMOVAL_REQUEST:
                        place = {s.PART: part, s.ROW: row}
                        found.setdefault(hit[s.DOC_ID], place | {name: hit[name] for name in columns})
                first += batch.num_rows
    return found


def requested_ids(fates_dir: str) -> pa.Array:
    """Ids of the documents that were asked to be removed."""
    found = [
        table.filter(pc.equal(table[s.DROP_REASON], s.REMOVAL_REQUEST))[s.DOC_ID]
        for table in batches(fates_dir, [s.DOC_ID, s.DROP_REASON])
    ]
    chunks = [chunk for column in found for chunk in column.chunks if len(chunk)]
    return pa.chunked_array(chunks, pa.string()).combine_chunks() if chunks else pa.array([], pa.string())
