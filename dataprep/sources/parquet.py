"""Parquet: a string column `text` and optionally `locator`, `url` or `id`, `language`, `timestamp`.

The offset of a record is its row number, and the bounds of a split are row numbers: a row group belongs to the split
in which its first row lies.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.locales import canonical_language
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import open_binary, size_of

_LOCATORS: Final = ("locator", "url", "id")
_COLUMNS: Final = ("text", *_LOCATORS, "language", "timestamp")
_BATCH_ROWS: Final = 1024


def read(split: Split) -> Iterator[Document | Malformed]:
    """Documents of a split; locator is the first of `locator`, `url`, `id` that a row has, else `file:row`."""
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
                yield from _group_records(split, file, group, first_row, columns)


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
    split: Split, file: pq.ParquetFile, group: int, first_row: int, columns: list[str]
) -> Iterator[Document | Malformed]:
    row = first_row
    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=columns):
            values = {name: _values(batch.column(name)) for name in columns}
            for index in range(batch.num_rows):
                yield _record(split, row, {name: column[index] for name, column in values.items()})
                row += 1
    except (pa.ArrowException, OSError):
        yield Malformed(row, "invalid_parquet")


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
