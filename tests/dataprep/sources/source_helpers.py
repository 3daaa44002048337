"""What the tests of the sources share: compressed bytes, whole files as splits, comparable records."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard

from dataprep.sources.record import Document, Malformed, Split
from dataprep.sources.registry import READERS

Record = Document | Malformed
ReadBytes = Callable[..., list[Record]]


def read_split(split: Split) -> list[Record]:
    return list(READERS[split.format].read(split))


def whole(format: str, path: Path, *, language: str | None = None) -> Split:
    return Split("test", format, path.name, str(path), language)


def compressed(codec: str, data: bytes) -> bytes:
    match codec:
        case "gz":
            return gzip.compress(data, mtime=0)
        case "xz":
            return lzma.compress(data)
        case "bz2":
            return bz2.compress(data)
        case "zst":
            return zstandard.ZstdCompressor(write_checksum=True).compress(data)
        case _:
            return data


def shown(records: Sequence[Record]) -> list[tuple[str, str, bytes]]:
    """What identifies a record, sorted: locator and text, or reason, offset and sample."""
    return sorted(
        (r.locator, r.text, b"") if isinstance(r, Document) else (r.reason, str(r.offset), r.sample)
        for r in records
    )
