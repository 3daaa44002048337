"""JSON lines: one object per line with `text` and optionally `url` or `id`, `language` or `lang`, `timestamp`.

The language of a record comes before the one declared for the file.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from dataprep.locales import canonical_language
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import guarded, owned_lines


def read(split: Split) -> Iterator[Document | Malformed]:
    """Documents of a split; locator is `url`, else `id`, else `file:offset`. Blank lines are no records."""
    return guarded(split, _records(split))


def language_of(file: str) -> str | None:
    """Null: the name of a generic file says nothing of its language."""
    del file
    return None


def _records(split: Split) -> Iterator[Document | Malformed]:
    for offset, line in owned_lines(split):
        record = parse_object(offset, line)
        if isinstance(record, Malformed):
            yield record
            continue
        named = record.get("language") or record.get("lang")
        yield Document(
            locator=_spelled(record.get("url")) or _spelled(record.get("id")) or f"{split.file}:{offset}",
            text=record["text"],
            language=canonical_language(named) if isinstance(named, str) else split.language,
            timestamp=_spelled(record.get("timestamp")),
        )


def parse_object(offset: int, line: bytes) -> dict[str, Any] | Malformed:
    """The JSON object on one line, whose `text` is a string; or what is wrong with the line."""
    if len(line) > MAX_RECORD_BYTES:
        return Malformed(offset, "record_too_large", line[:SAMPLE_BYTES])
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Malformed(offset, "invalid_json" if is_utf8(line) else "invalid_utf8", line[:SAMPLE_BYTES])
    if not isinstance(record, dict):
        return Malformed(offset, "invalid_json", line[:SAMPLE_BYTES])
    if not isinstance(record.get("text"), str):
        return Malformed(offset, "missing_text", line[:SAMPLE_BYTES])
    return record


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _spelled(value: object) -> str | None:
    """A string or number of a record as a string; null for anything else and for an empty string."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None
