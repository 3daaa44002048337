"""Part files: Parquet written and read by pyarrow, on the driver or inside a task. No Spark in here."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s

COMPRESSION: Final = "zstd"
ROWS_PER_GROUP: Final = 100_000


def part_name(part: int) -> str:
    """File name of one part."""
    return f"part-{part:06d}.parquet"


def part_number(path: str) -> int:
    """The number in a part's file name."""
    return int(path.rpartition("part-")[2].removesuffix(".parquet"))


class PartWriter:
    """Writes record batches of one schema to a Parquet file that appears only when whole. Writes no empty file.

    Attributes:
        group_bytes: batches are gathered into row groups of about this size; 0 makes every batch a row group. Few large
            row groups are read faster than many small ones, above all by those who want a few narrow columns.
    """

    def __init__(self, path: str, *, group_bytes: int = 0, **options: Any) -> None:  # noqa: ANN401 (of ParquetWriter)
        self._path = path
        self._options = {"compression": COMPRESSION, **options}
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._file: files.AtomicFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self.group_bytes = group_bytes

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes >= self.group_bytes:
            self._write_group()

    def _write_group(self) -> None:
        if not self._held:
            return
        table = pa.Table.from_batches(self._held)
        self._held, self._held_bytes = [], 0
        if self._writer is None:
            self._file = files.AtomicFile(self._path)
            self._writer = pq.ParquetWriter(self._file, table.schema, **self._options)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def commit(self) -> files.AtomicFile | None:
        """Publish the file, if anything was written; null otherwise."""
        self._write_group()
        if self._writer is None or self._file is None:
            return None
        self._writer.close()
        self._file.commit()
        return self._file

    def discard(self) -> None:
        """Throw away what was written."""
        self._held = []
        if self._writer is not None and self._file is not None and not self._file.closed:
            self._writer.close()
            self._file.discard()


def texts_of(
    path: str, row_N: npt.NDArray[np.integer[Any]], columns: Sequence[str] = (s.TEXT,)
) -> Iterator[tuple[Any, ...]]:
    """Texts, or other columns, of some rows of a documents file, one row group at a time.

    Args:
        path: the file.
        row_N: rows wanted, ascending.
        columns: what is wanted of them; the text alone by default.

    Yields:
        Positions in `row_N`, and the columns.
    """
    with files.open_binary(path) as file:
        parquet = pq.ParquetFile(file)
        first = 0
        for group in range(parquet.num_row_groups):
            last = first + parquet.metadata.row_group(group).num_rows
            low, high = np.searchsorted(row_N, [first, last])
            if low < high:
                read = parquet.read_row_group(group, columns=list(columns))
                taken = read.take(pa.array(row_N[low:high] - first)).combine_chunks()
                yield np.arange(low, high), *(_chunk(taken[name]) for name in columns)
            first = last


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    """The values of a column of one table row group as one plain array."""
    array = column.chunk(0)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def texts_at(documents_dir: str, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Texts of a few documents, by part and row; each row group that holds one of them is read once."""
    return {place: row[s.TEXT] for place, row in rows_at(documents_dir, places, [s.TEXT]).items()}


def rows_at(
    documents_dir: str, places: Iterable[tuple[int, int]], columns: Sequence[str]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Columns of a few documents, by part and row; each row group that holds one of them is read once."""
    wanted: dict[int, list[int]] = {}
    for part, row in sorted(set(places)):
        wanted.setdefault(part, []).append(row)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for part, rows in wanted.items():
        path = files.join(documents_dir, part_name(part))
        for positions, *read in texts_of(path, np.array(rows, np.int32), columns):
            values = zip(*(column.to_pylist() for column in read), strict=True)
            found |= {
                (part, rows[position]): dict(zip(columns, of_row, strict=True))
                for position, of_row in zip(positions.tolist(), values, strict=True)
            }
    return found


def regrouped(batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `rows`, but for the last: Spark's batch bounds vary from run to run."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        offset = 0
        while count + batch.num_rows - offset >= rows:
            taken = rows - count
            held.append(batch.slice(offset, taken))
            yield _one_batch(held, schema)
            held, count, offset = [], 0, offset + taken
        if offset < batch.num_rows:
            held.append(batch.slice(offset))
            count += batch.num_rows - offset
    if held:
        yield _one_batch(held, schema)


def _one_batch(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    # Cast first: a schema with large types holds more than two gigabytes in one chunk.
    (batch,) = pa.Table.from_batches(batches).cast(schema).combine_chunks().to_batches()
    return batch


def grouped(
    batches: Iterator[pa.RecordBatch], *columns: str
) -> Iterator[tuple[tuple[int | str, ...], Iterator[pa.RecordBatch]]]:
    """Runs of rows with equal key columns, streamed: like `itertools.groupby`, for record batches.

    Args:
        batches: sorted by the key columns.
        columns: the keys; dropped from the batches that come out.

    Yields:
        The key's values and its rows. Each run must be read to its end before the next is asked for.
    """
    source = (piece for batch in batches for piece in _pieces(batch, columns))
    ahead = next(source, None)

    def run(key: tuple[int | str, ...]) -> Iterator[pa.RecordBatch]:
        nonlocal ahead
        while ahead is not None and ahead[0] == key:
            current = ahead[1]
            ahead = next(source, None)
            yield current

    while ahead is not None:
        key = ahead[0]
        yield key, run(key)


def _pieces(
    batch: pa.RecordBatch, columns: tuple[str, ...]
) -> Iterator[tuple[tuple[int | str, ...], pa.RecordBatch]]:
    """Slices of a batch within which the keys do not change."""
    if not batch.num_rows:
        return
    keys = list(zip(*(batch.column(name).to_pylist() for name in columns), strict=True))
    rest = batch.drop_columns(list(columns))
    first = 0
    for index in range(1, len(keys) + 1):
        if index == len(keys) or keys[index] != keys[first]:
            yield keys[first], rest.slice(first, index - first)
            first = index
