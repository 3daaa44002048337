"""CC-100: plain text, one paragraph per line, a blank line between documents."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from dataprep.locales import canonical_language
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import (
    CorruptStream,
    end_offset,
    first_byte_read,
    guarded,
    lines,
    strip_codec,
)

_NAME: Final = re.compile(r"([a-z]{2,3}(?:[-_][A-Za-z]+)*)\.txt")
_BLANK: Final = (b"", b"\r")
_LOOKBACK: Final = (
    4  # a newline and a blank line with CRLF before the split tell whether a document starts at it
)


def read(split: Split) -> Iterator[Document | Malformed]:
    r"""Documents of a split, their lines joined by "\n"; locator is `file:offset` of the document's first byte."""
    return guarded(split, _records(split))


def language_of(file: str) -> str | None:
    """Language that names such as `zh-Hans.txt.xz` carry, or null."""
    found = _NAME.fullmatch(strip_codec(PurePosixPath(file).name))
    return canonical_language(found[1]) if found else None


def _records(split: Split) -> Iterator[Document | Malformed]:
    language = split.language or language_of(split.file)
    for offset, document in _documents(split):
        if len(document) > MAX_RECORD_BYTES:
            yield Malformed(offset, "record_too_large", document[:SAMPLE_BYTES])
            continue
        try:
            text = document.decode()
        except UnicodeDecodeError:
            yield Malformed(offset, "invalid_utf8", document[:SAMPLE_BYTES])
            continue
        yield Document(locator=f"{split.file}:{offset}", text=text, language=language)


def _documents(split: Split) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each document that starts in the split; one byte more than the limit where too large."""
    first = split.base_offset + split.start
    limit = end_offset(split)
    after_blank = first_byte_read(split, _LOOKBACK) == 0
    start: int | None = None
    gathered: list[bytes] = []
    held = 0
    try:
        for offset, line in lines(split, lookback=_LOOKBACK):
            blank = line in _BLANK
            if blank and start is not None:
                yield start, b"\n".join(gathered)
                start, gathered, held = None, [], 0
            if start is None and offset >= limit:
                return
            if start is None and after_blank and not blank and offset >= first:
                start = offset
            after_blank = blank
            if start is not None and held <= MAX_RECORD_BYTES + 1:
                gathered.append(line.removesuffix(b"\r")[: MAX_RECORD_BYTES + 1 - held])
                held += len(line) + 1
    except CorruptStream as damage:
        if start is None:
            raise
        sample = b"\n".join([*gathered, damage.sample])[:SAMPLE_BYTES]
        raise CorruptStream(start, damage.reason, sample) from damage
    if start is not None:
        yield start, b"\n".join(gathered)
