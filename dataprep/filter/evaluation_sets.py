"""Evaluation sets as their files give them: items of text, each with an id. No Spark in here.

An item is one field of one record: an utterance, a question, a paragraph. Files are tables of records in JSON lines,
TSV, CSV or Parquet, one JSON value (as SQuAD's), or lines of text; compression is told by the first bytes.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import files
from dataprep.config import EvaluationSetConfig
from dataprep.sources.plan import list_files
from dataprep.sources.record import SourceError
from dataprep.sources.streams import CorruptStream, codec_of, decompressed, opened, strip_codec

_KEYS_SHOWN: Final = 12  # in a message
_STEP: Final = re.compile(r"((?:\[\])*)$")
# A cell of a CSV file may be a whole article; the module's own limit is 128 kB.
csv.field_size_limit(1 << 30)


class EvaluationSetError(ValueError):
    """An evaluation set cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """The items of one set, in the order of its files.

    Attributes:
        name: name in the configuration.
        ids: `file:record:field` of each item; records count from 0, blank lines included.
        texts: as the files give them, not yet normalised.
        sha256: hex SHA-256 of the sorted list of its files' hex SHA-256, one a line.
    """

    name: str
    ids: list[str]
    texts: list[str]
    sha256: str


Value = Any  # of JSON
Found = Iterator[tuple[str, str]]  # where in the file, and the text


def read_sets(sets: Sequence[EvaluationSetConfig], input_root: str) -> list[EvaluationSet]:
    """All items of all sets.

    Args:
        sets: settings.
        input_root: folder that relative paths start from.

    Raises:
        EvaluationSetError: a path matches nothing, a file cannot be read as what it should be, no record has a field,
            or a set is empty.
    """
    return [_read_set(each, input_root) for each in sets]


def sets_fingerprint(sets: Sequence[EvaluationSetConfig], input_root: str) -> list[dict[str, Any]]:
    """What decides about the items of the sets: content of the files, not where they are; JSON values.

    Raises:
        EvaluationSetError: a path matches nothing.
    """
    return [
        {
            "name": each.name,
            "fields": each.fields,
            "format": each.format,
            "files": [[file, files.file_sha256(path)] for file, path in _files_of(each, input_root)],
        }
        for each in sets
    ]


def _files_of(config: EvaluationSetConfig, input_root: str) -> list[tuple[str, str]]:
    try:
        return list_files(config.paths, input_root)
    except SourceError as error:
        raise EvaluationSetError(f"evaluation set {config.name}: {error}") from error


def _read_set(config: EvaluationSetConfig, input_root: str) -> EvaluationSet:
    ids: list[str] = []
    texts: list[str] = []
    digests: list[str] = []
    for file, path in _files_of(config, input_root):
        data = _content(config, file, path)
        digests.append(files.file_sha256(path))
        for place, text in _reader(config, file)(config, file, data):
            if text.strip():
                ids.append(f"{file}:{place}")
                texts.append(text)
    if not any(map(_has_word, texts)):
        what = f"no text in {', '.join(config.fields)}" if config.fields else "no line of text"
        raise EvaluationSetError(
            f"evaluation set {config.name} is empty: there is {what} of {len(digests)} file(s); "
            "correct its paths and fields, or leave the set out."
        )
    listed = "".join(f"{digest}\n" for digest in sorted(digests))
    return EvaluationSet(config.name, ids, texts, files.bytes_sha256(listed.encode()))


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def _reader(config: EvaluationSetConfig, file: str) -> Callable[[EvaluationSetConfig, str, bytes], Found]:
    """What reads a file, by the set's format or the file's name."""
    extension = strip_codec(file).rpartition(".")[2].lower()
    named = config.format or {"ndjson": "jsonl"}.get(extension, extension)
    if named not in _READERS:
        raise EvaluationSetError(
            f"evaluation set {config.name}: the name of {file} does not say its format; "
            f"set format to one of {', '.join(_READERS)}."
        )
    if named == "txt" and config.fields:
        raise EvaluationSetError(
            f"evaluation set {config.name}: lines of {file} have no fields; leave `fields` out, or set another format."
        )
    if named != "txt" and not config.fields:
        raise EvaluationSetError(
            f"evaluation set {config.name}: name the field(s) of {file} that hold the items in `fields`."
        )
    return _READERS[named]


def _content(config: EvaluationSetConfig, file: str, path: str) -> bytes:
    try:
        with opened(path) as raw:
            return b"".join(decompressed(raw, codec_of(raw, path)))
    except CorruptStream as error:
        raise EvaluationSetError(
            f"evaluation set {config.name}: {file} is damaged ({error}); fetch it again."
        ) from error


def _text(config: EvaluationSetConfig, file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationSetError(
            f"evaluation set {config.name}: {file} is not UTF-8 text; convert it, or set another format."
        ) from error


def _lines(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    for number, line in enumerate(_text(config, file, data).split("\n")):
        yield str(number), line


def _json_lines(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    def records() -> Iterator[tuple[int, Value]]:
        for number, line in enumerate(_text(config, file, data).split("\n")):
            if line.strip():
                yield number, _json(config, file, line, f"line {number + 1} of {file}")

    yield from _fields(config, file, records())


def _json_file(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    value = _json(config, file, _text(config, file, data), file)
    # The one record of the file has no number: the path alone says where the item is.
    for place, text in _fields(config, file, iter([(0, value)])):
        yield place.partition(":")[2], text


def _json(config: EvaluationSetConfig, file: str, text: str, what: str) -> Value:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        hint = "jsonl" if what == file else "json"
        raise EvaluationSetError(
            f"evaluation set {config.name}: {what} is not one JSON value ({error}); correct it, or set format: {hint}."
        ) from error


def _parquet(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    try:
        table = pq.ParquetFile(pa.BufferReader(data))
    except pa.ArrowException as error:
        raise EvaluationSetError(
            f"evaluation set {config.name}: {file} is no Parquet file ({error}); set another format."
        ) from error
    columns = table.schema_arrow.names
    wanted = {re.split(r"[.\[]", field)[0] for field in config.fields} | set(config.fields)
    present = [name for name in columns if name in wanted]
    rows = (row for batch in table.iter_batches(columns=present or columns) for row in batch.to_pylist())
    yield from _fields(config, file, enumerate(rows), columns)


def _csv(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    text = io.StringIO(_text(config, file, data), newline="")
    yield from _table(config, file, csv.reader(text))


def _tsv(config: EvaluationSetConfig, file: str, data: bytes) -> Found:
    # Tabs cannot be quoted and quotation marks are text, as in most published TSV files.
    lines = _text(config, file, data).split("\n")
    yield from _table(config, file, (line.rstrip("\r").split("\t") for line in lines if line.strip()))


def _table(config: EvaluationSetConfig, file: str, rows: Iterator[list[str]]) -> Found:
    """Rows with a header, or, where fields are numbers, without one."""
    if all(field.isdecimal() for field in config.fields):
        numbered = ({str(column): cell for column, cell in enumerate(row, start=1)} for row in rows)
        yield from _fields(config, file, enumerate(numbered))
        return
    header = next(rows, [])
    named = (dict(zip(header, row, strict=False)) for row in rows)
    yield from _fields(config, file, enumerate(named), header)


def _fields(
    config: EvaluationSetConfig, file: str, records: Iterator[tuple[int, Value]], known: Sequence[str] = ()
) -> Found:
    """The wanted fields of records: `record:path` and text. A field that a record lacks, or that is null, is left out.

    Raises:
        EvaluationSetError: no record has one of the fields, or a field holds no text.
    """
    seen: set[str] = set()
    keys = dict.fromkeys(known)
    any_record = False
    for number, record in records:
        any_record = True
        if isinstance(record, dict) and len(keys) <= _KEYS_SHOWN:
            keys |= dict.fromkeys(record)
        for field in config.fields:
            for place, value in _at(record, field):
                seen.add(field)
                if value is None:
                    continue
                if not isinstance(value, (str, int, float)) or isinstance(value, bool):
                    raise EvaluationSetError(
                        f"evaluation set {config.name}: {place} of {file} is a {type(value).__name__}, not text; "
                        f"name what is in it, as in {field}[] or {field}.name."
                    )
                yield f"{number}:{place}", str(value)
    missing = [field for field in config.fields if field not in seen]
    if missing and any_record:
        shown = ", ".join(list(keys)[:_KEYS_SHOWN]) or "no named fields"
        raise EvaluationSetError(
            f"evaluation set {config.name}: no record of {file} has the field {missing[0]}; its records have {shown}."
        )


def _at(record: Value, path: str) -> Iterator[tuple[str, Value]]:
    """The values at a path, each with its place: `data[].text` finds `data[0].text`, `data[1].text` and so on."""
    if isinstance(record, dict) and path in record:  # a key that holds dots or brackets comes first
        yield path, record[path]
        return
    found: list[tuple[str, Value]] = [("", record)]
    for step in path.split("."):
        brackets = _STEP.search(step)
        depth = len(brackets[1]) // 2 if brackets else 0
        key = step[: len(step) - 2 * depth]
        if key:
            found = [
                (f"{place}.{key}" if place else key, value[key])
                for place, value in found
                if isinstance(value, dict) and key in value
            ]
        for _ in range(depth):
            found = [
                (f"{place}[{index}]", item)
                for place, value in found
                if isinstance(value, list)
                for index, item in enumerate(value)
            ]
    yield from found


_READERS: Final[dict[str, Callable[[EvaluationSetConfig, str, bytes], Found]]] = {
    "jsonl": _json_lines,
    "json": _json_file,
    "tsv": _tsv,
    "csv": _csv,
    "txt": _lines,
    "parquet": _parquet,
}
