"""On-disk formats of the sample corpora, except Wikipedia's: bytes of a file and where each record starts in it."""

import bz2
import json
import lzma
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from dataprep.sample.compose import Draft, bare

SUBTITLE_BLOCK_LINES: Final = 100  # lines that a reader makes one document of

_SITES: Final = (
    "harbour-notes",
    "open-kitchen",
    "village-post",
    "slow-travel",
    "field-journal",
    "evening-paper",
)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that no reader can read.

    Attributes:
        reason: key of `sources.registry.MALFORMED_REASONS`.
        data: its bytes, without the separator that follows.
    """

    reason: str
    data: bytes


Record = Draft | Broken


@dataclass(frozen=True, slots=True)
class Encoded:
    """The bytes of one file, uncompressed.

    Attributes:
        data: the whole file.
        offsets: first byte of each record.
        locators: what a reader calls each record; empty for one named by its offset.
    """

    data: bytes
    offsets: list[int]
    locators: list[str]


def gzip_bytes(data: bytes) -> bytes:
    """One gzip member whose header holds no time and no name."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return deflate.compress(data) + deflate.flush()


_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".gz": gzip_bytes,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


def compress(name: str, data: bytes) -> bytes:
    """Bytes as the extension of a file name asks; as they are for any other extension."""
    for extension, how in _COMPRESS.items():
        if name.endswith(extension):
            return how(data)
    return data


def mc4(records: Sequence[Record], language: str, rng: random.Random) -> Encoded:
    """JSON lines of `text`, `timestamp` and `url`, as mC4 has them."""
    lines, locators = [], []
    for number, record in enumerate(records):
        if isinstance(record, Broken):
            lines.append(record.data)
            locators.append("")
            continue
        year, month = rng.randint(2013, 2020), rng.randint(1, 12)
        url = f"https://{rng.choice(_SITES)}.example/{language}/{year}/{month:02}/{number * 17 + 101}"
        timestamp = (
            f"{year}-{month:02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00Z"
        )
        document = {"text": record.text, "timestamp": timestamp, "url": url}
        lines.append(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
        locators.append(url)
    return _separated(lines, locators, b"\n")


def cc100(records: Sequence[Record]) -> Encoded:
    """One paragraph per line, a blank line behind each document, as CC-100 has them."""
    parts = [record.data if isinstance(record, Broken) else record.text.encode() for record in records]
    return _separated([part + b"\n" for part in parts], [""] * len(parts), b"\n")


def _separated(parts: Sequence[bytes], locators: list[str], separator: bytes) -> Encoded:
    offsets, position = [], 0
    for part in parts:
        offsets.append(position)
        position += len(part) + len(separator)
    return Encoded(b"".join(part + separator for part in parts), offsets, locators)


def subtitle_lines(lines: Sequence[str]) -> bytes:
    """One line of a subtitle per line, as in OPUS's plain text."""
    return "".join(line + "\n" for line in lines).encode()


def film_xml(sentences: Sequence[str], number: int, *, tokenised: bool) -> bytes:
    """The subtitles of one film as OPUS has them: `<s>` with time marks, its words in `<w>` if tokenised."""
    parts = [f'<?xml version="1.0" encoding="utf-8"?>\n<document id="{number}">\n']
    for index, sentence in enumerate(sentences, start=1):
        seconds = index * 4
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},000"
        parts.append(f'  <s id="{index}">\n    <time id="T{index}S" value="{clock}" />\n')
        if tokenised:
            tokens = enumerate(_tokens(sentence), start=1)
            parts += [f'    <w id="{index}.{place}">{escape(token)}</w>\n' for place, token in tokens]
        else:
            parts.append(f"    {escape(sentence)}\n")
        parts.append("  </s>\n")
    parts.append("</document>\n")
    return "".join(parts).encode()


def _tokens(sentence: str) -> list[str]:
    """Words, and punctuation marks at their ends as tokens of their own."""
    tokens: list[str] = []
    for word in sentence.split():
        start, end = bare(word)
        tokens += [*word[:start], *([word[start:end]] if end else []), *word[end:]]
    return tokens
