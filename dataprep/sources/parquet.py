"""Parquet: a string column `text` and optionally `locator`, `url` or `id`, `language`, `timestamp`.

The offset of a record is its row number, and the bounds of a split are row numbers: a row group belongs to the split
in which its first row lies.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.locales import canonical_language
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Columns, Document, Malformed, Split
from dataprep.sources.streams import open_binary, size_of

_LOCATORS: Final = ("locator", "url", "id")
_COLUMNS: Final = ("text", *_LOCATORS, "language", "timestamp")
_BATCH_ROWS: Final = 1024


def read(split: Split) -> Iterator[Document | Malformed]:
    """Documents of a split; locator is the first of `locator`, `url`, `id` that a row has, else `file:row`."""
    for records in _records(split, columnar=False):
        assert not isinstance(records, Columns)
        yield records


def read_columns(split: Split) -> Iterator[Columns | Document | Malformed]:
    """The same, many at a time where no record of a batch needs a closer look."""
    yield from _records(split, columnar=True)


def _records(split: Split, *, columnar: bool) -> Iterator[Columns | Document | Malformed]:
    if split.start == 0 and size_of(split.path) == 0:
        yield Malformed(0, "empty_file")
        return
    with open_binary(split.path) as source:
        try:
            file = pq.ParquetFile(source)
            groups = row_groups(file)
            columns = _wanted_columns(file.schema_arrow)
        except (pa.ArrowException, OSError, ValueError):
            if split.start == 0:
                yield Malformed(0, "invalid_parquet", _head(split.path))
            return
        for group, first_row in enumerate(groups):
            if split.start <= first_row and (split.end is None or first_row < split.end):
                yield from _group_records(split, file, group, first_row, columns, columnar=columnar)


def language_of(file: str) -> str | None:
    """Null: the name of a Parquet file says nothing of its language."""
    del file
    return None


def row_groups(file: pq.ParquetFile) -> list[int]:
    """Number of the first row of each row group."""
    first_rows: list[int] = []
    rows = 0
    for group in range(file.metadata.num_row_groups):
        first_rows.append(rows)
        rows += file.metadata.row_group(group).num_rows
    return first_rows


def _wanted_columns(schema: pa.Schema) -> list[str]:
    kind = schema.field("text").type if schema.get_field_index("text") >= 0 else pa.null()
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise ValueError(f"A string column `text` is needed; the file has {schema.names}.")
    return [name for name in _COLUMNS if schema.get_field_index(name) >= 0]


def _group_records(
    split: Split, file: pq.ParquetFile, group: int, first_row: int, columns: list[str], *, columnar: bool
) -> Iterator[Columns | Document | Malformed]:
    row = first_row
    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=columns):
            if columnar and (whole := _columns(split, row, batch)) is not None:
                yield whole
                row += batch.num_rows
                continue
            values = {name: _values(batch.column(name)) for name in columns}
            for index in range(batch.num_rows):
                yield _record(split, row, {name: column[index] for name, column in values.items()})
                row += 1
    except (pa.ArrowException, OSError):
        yield Malformed(row, "invalid_parquet")


def _columns(split: Split, first_row: int, batch: pa.RecordBatch) -> Columns | None:
    """A batch as columns; null if any record of it must be looked at by itself."""
    texts = batch.column("text")
    others = [name for name in batch.schema.names if name != "text"]
    if texts.null_count or not pa.types.is_string(texts.type):
        return None
    if any(not _is_plain(batch.column(name).type) for name in others):
        return None
    try:
        for name in batch.schema.names:
            batch.column(name).validate(full=True)  # of strings, that they are UTF-8
    except pa.ArrowInvalid:
        return None
    if batch.num_rows and pc.max(pc.binary_length(texts)).as_py() > MAX_RECORD_BYTES:
        return None
    spelled = {name: _texts(batch.column(name)) for name in others}
    rows = range(first_row, first_row + batch.num_rows)
    locators: list[str | None] = [None] * batch.num_rows
    for name in reversed([name for name in _LOCATORS if name in spelled]):
        locators = [found or other for found, other in zip(spelled[name], locators, strict=True)]
    named = (
        spelled.get("language", [None] * batch.num_rows)
        if _is_text(batch, "language")
        else [None] * batch.num_rows
    )
    known = {name: canonical_language(name) if name else split.language for name in set(named)}
    return Columns(
        [locator or f"{split.file}:{row}" for locator, row in zip(locators, rows, strict=True)],
        texts,
        [known[name] for name in named],
        spelled.get("timestamp", [None] * batch.num_rows),
        ["written"] * batch.num_rows,
    )


def _is_plain(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or (pa.types.is_integer(kind) and not pa.types.is_boolean(kind))


def _is_text(batch: pa.RecordBatch, name: str) -> bool:
    return batch.schema.get_field_index(name) >= 0 and bool(pa.types.is_string(batch.column(name).type))


def _texts(column: pa.Array) -> list[str | None]:
    """Values as `_spelled` gives them."""
    values: list[str | None] = column.cast(pa.string()).to_pylist()
    return [value or None for value in values]


def _values(column: pa.Array) -> list[Any]:
    """Python values of a column; strings that are no UTF-8 stay bytes."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [
            value if value is None else _decoded(value)
            for value in column.cast(pa.large_binary()).to_pylist()
        ]


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _record(split: Split, row: int, values: dict[str, Any]) -> Document | Malformed:
    text = values["text"]
    if text is None:
        return Malformed(row, "missing_text")
    if isinstance(text, bytes):
        return Malformed(row, "invalid_utf8", text[:SAMPLE_BYTES])
    if len(text) > MAX_RECORD_BYTES or (
        len(text) * 4 > MAX_RECORD_BYTES and len(text.encode()) > MAX_RECORD_BYTES
    ):
        return Malformed(row, "record_too_large", text[:SAMPLE_BYTES].encode()[:SAMPLE_BYTES])
    locators = (_spelled(values.get(name)) for name in _LOCATORS)
    named = values.get("language")
    return Document(
        locator=next((locator for locator in locators if locator), f"{split.file}:{row}"),
        text=text,
        language=canonical_language(named) if isinstance(named, str) and named else split.language,
        timestamp=_spelled(values.get("timestamp")),
    )


def _spelled(value: object) -> str | None:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if isinstance(value, str) and value else str(value) if isinstance(value, int) else None


def _head(path: str) -> bytes:
    with open_binary(path) as source:
        return source.read(SAMPLE_BYTES)
