"""mC4 and C4: one JSON object `{text, timestamp, url}` per line, usually gzip."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from dataprep.locales import canonical_language
from dataprep.sources.jsonl import parse_object
from dataprep.sources.record import Document, Malformed, Split
from dataprep.sources.streams import guarded, owned_lines

_NAME: Final = re.compile(r"c4-([A-Za-z]{2,3}(?:-[A-Za-z]{2,8})?)(?:-validation)?\.tfrecord-")


def read(split: Split) -> Iterator[Document | Malformed]:
    """Documents of a split; locator is the URL, or `file:offset` where it is missing. Blank lines are no records."""
    return guarded(split, _records(split))


def language_of(file: str) -> str | None:
    """Language that names such as `c4-af.tfrecord-00000-of-00064.json.gz` carry; null for English-only C4 names."""
    found = _NAME.match(PurePosixPath(file).name)
    return canonical_language(found[1]) if found else None


def _records(split: Split) -> Iterator[Document | Malformed]:
    language = split.language or language_of(split.file)
    for offset, line in owned_lines(split):
        record = parse_object(offset, line)
        if isinstance(record, Malformed):
            yield record
            continue
        url = record.get("url")
        timestamp = record.get("timestamp")
        yield Document(
            locator=url if url and isinstance(url, str) else f"{split.file}:{offset}",
            text=record["text"],
            language=language,
            timestamp=timestamp if isinstance(timestamp, str) else None,
        )
