"""Cutting big compressed files, which no two tasks could read at once, into chunks that can be read in parallel.

The chunks are zst files that hold the very bytes of the decompressed file, cut behind a record. Each knows its offset
in the uncut file, so locators, offsets and malformed records equal those of the uncut file.
"""

import dataclasses
import re
import uuid
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import fsspec
import zstandard

from dataprep.sources.opensubtitles import DOCUMENT_LINES, is_film
from dataprep.sources.plan import is_multistream
from dataprep.sources.record import Split
from dataprep.sources.registry import READERS, Boundary
from dataprep.sources.streams import (
    HEAD_BYTES,
    CorruptStream,
    NotText,
    codec_of,
    decompressed,
    opened,
    require_text,
    size_of,
    with_head,
)

_LEVEL: Final = 3
_ENDS: Final[dict[Boundary, re.Pattern[bytes]]] = {
    "line": re.compile(rb"\n"),
    "line_block": re.compile(rb"\n"),
    "blank_line": re.compile(rb"\n\r?\n"),
    "page": re.compile(rb"</page>"),
}
_OVERLAP: Final = len(b"</page>") - 1  # an end may lie across two blocks


def needs_cutting(path: str, format: str, above_bytes: int) -> bool:
    """Whether a file is larger than `above_bytes` as stored, compressed, and only readable from its start."""
    if not _can_be_cut(format, path) or size_of(path) <= above_bytes:
        return False
    try:
        with opened(path) as raw:
            codec = codec_of(raw, path)
    except CorruptStream:
        return False
    return bool(codec) and not (format == "wikipedia" and codec == "bz2" and is_multistream(path))


def cut(split: Split, out_dir: str, chunk_bytes: int) -> Iterator[Split]:
    """Chunks `<file>@<offset>.zst` of a file, in order, each yielded as soon as it is complete.

    Args:
        split: a whole file.
        out_dir: folder or fsspec URL, shared by all machines.
        chunk_bytes: wanted size of a chunk, decompressed; a chunk ends behind the first record that reaches it.

    Raises:
        ValueError: the split is a part of a file, or its format cannot be cut.
    """
    if split.start or split.end is not None or split.base_offset:
        raise ValueError(f"Only whole files are cut; got bytes {split.start} to {split.end} of {split.file}.")
    if not _can_be_cut(split.format, split.file):
        raise ValueError(f"{split.file}: {split.format} files of this kind are not cut.")
    boundary = READERS[split.format].boundary
    writer = _ChunkWriter(split, out_dir, count_lines=boundary == "line_block")
    tail = b""
    damage: str | None = None
    try:
        for block in _text_blocks(split.path):
            data = tail + block
            while end := _cut_point(data, boundary, chunk_bytes - writer.held, writer.ended_lines):
                writer.write(data[:end])
                data = data[end:]
                yield writer.finish()
            settled = max(0, len(data) - _OVERLAP)
            writer.write(data[:settled])
            tail = data[settled:]
    except CorruptStream as error:
        damage = error.reason
    except NotText as fault:
        tail = fault.sample  # its head is all that the reader of such a file looks at
    except BaseException:
        writer.abandon()
        raise
    writer.write(tail)
    if writer.held or damage or not writer.base_offset:
        yield writer.finish(damage)
    else:
        writer.abandon()


def _can_be_cut(format: str, file: str) -> bool:
    return READERS[format].boundary in _ENDS and not (format == "opensubtitles" and is_film(file))


def _text_blocks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file.

    Raises:
        NotText: the file is empty, UTF-16 or UTF-32, and has no line to cut behind.
        CorruptStream: after the last byte that can be decoded.
    """
    with opened(path) as raw:
        position = 0
        for block in with_head(decompressed(raw, codec_of(raw, path))):
            if not position:
                require_text(block[:HEAD_BYTES])
            position += len(block)
            yield block
        if not position:
            require_text(b"")


def _cut_point(data: bytes, boundary: Boundary, wanted: int, ended_lines: int) -> int:
    """End of the first record that ends at or behind byte `wanted` of the data; 0 where none does.

    `ended_lines` counts the lines of the chunk before the data, which matters where only every
    `DOCUMENT_LINES`-th line may end a chunk.
    """
    wanted = max(wanted, 1)
    if boundary == "line_block":
        ended_lines += data.count(b"\n", 0, wanted - 1)
        for found in _ENDS[boundary].finditer(data, wanted - 1):
            ended_lines += 1
            if ended_lines % DOCUMENT_LINES == 0:
                return found.end()
        return 0
    ends = (found.end() for found in _ENDS[boundary].finditer(data, max(0, wanted - _OVERLAP - 1)))
    return next((end for end in ends if end >= wanted), 0)


class _ChunkWriter:
    """Writes one chunk after the other, each under a temporary name until it is complete.

    Attributes:
        base_offset: offset of the current chunk in the uncut file.
        held: bytes in the current chunk so far.
        ended_lines: newlines in the current chunk so far, where they matter.
    """

    def __init__(self, split: Split, out_dir: str, *, count_lines: bool) -> None:
        self._split = split
        self._root = out_dir.rstrip("/")
        self._files: Any = fsspec.core.url_to_fs(out_dir)[0]
        self._count_lines = count_lines
        self._temporary = ""
        self._compressor: Any = None
        self.base_offset = 0
        self.held = 0
        self.ended_lines = 0

    def write(self, data: bytes) -> None:
        """Append bytes to the current chunk."""
        if self._compressor is None:
            self._open()
        self._compressor.write(data)
        self.held += len(data)
        if self._count_lines:
            self.ended_lines += data.count(b"\n")

    def finish(self, damage: str | None = None) -> Split:
        """Close the current chunk, give it its name and begin the next one."""
        self.write(b"")
        self._compressor.close()
        path = f"{self._root}/{_chunk_name(self._split.file, self.base_offset)}"
        self._files.mv(self._temporary, path)
        chunk = dataclasses.replace(self._split, path=path, base_offset=self.base_offset, damage=damage)
        self._compressor = None
        self.base_offset += self.held
        self.held = self.ended_lines = 0
        return chunk

    def abandon(self) -> None:
        """Remove the unfinished chunk."""
        if self._compressor is not None:
            self._compressor.close()
            self._compressor = None
            self._files.rm(self._temporary)

    def _open(self) -> None:
        name = _chunk_name(self._split.file, self.base_offset)
        # Two attempts of one task may write at once; whichever is complete last leaves the same bytes.
        self._temporary = f"{self._root}/{name}.{uuid.uuid4().hex}.tmp"
        self._files.makedirs(self._temporary.rpartition("/")[0], exist_ok=True)
        file = self._files.open(self._temporary, "wb")
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file, closefd=True)


def _chunk_name(file: str, base_offset: int) -> str:
    parts = (quote(part, safe="").replace("..", "%2E%2E") for part in file.split("/") if part)
    return "/".join(parts) + f"@{base_offset}.zst"
