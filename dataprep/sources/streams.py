"""Files as byte streams of bounded memory: opened by their magic bytes, decompressed, checked to be UTF-8 text.

A damaged file gives every byte that can be decoded before the damage, then raises `CorruptStream` once. `guarded`
turns that, and files that are no text at all, into `Malformed` records, so that no reader handles either by itself.
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

import fsspec
import zstandard

from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Malformed, Split

Record = TypeVar("Record")

RAW_BYTES: Final = 256 << 10  # read from storage at a time
BLOCK_BYTES: Final = 1 << 20  # largest decompressed block
HEAD_BYTES: Final = 4096  # what decides whether a file is UTF-8 text
UTF8_BOM: Final = b"\xef\xbb\xbf"

_ZST_SLICE: Final = 4096  # zstandard cannot limit its output: a slice this small expands to 128 MiB at worst
_ZST_WINDOW_BYTES: Final = 1 << 28
_XZ_MEMORY_BYTES: Final = 1 << 29

_BZ2_START: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_MAGIC: Final[dict[str, re.Pattern[bytes]]] = {
    "gz": re.compile(rb"\x1f\x8b\x08"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "bz2": _BZ2_START,
    "zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}
_MAGIC_BYTES: Final = 10
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_EXTENSIONS: Final = {".gz": "gz", ".bgz": "gz", ".xz": "xz", ".bz2": "bz2", ".zst": "zst", ".zstd": "zst"}
_DECODE_ERRORS: Final = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)


class CorruptStream(Exception):  # noqa: N818 - it tells where the readable part ends
    """Damage in a compressed file. Raised once, after every byte before the damage was delivered.

    Attributes:
        offset: position in the decompressed stream of the record that the damage cuts.
        reason: what is wrong, for the log.
        sample: first bytes of that record, as far as they are readable.
    """

    def __init__(self, offset: int, reason: str, sample: bytes = b"") -> None:
        super().__init__(f"{reason} (at byte {offset} of the decompressed stream)")
        self.offset = offset
        self.reason = reason
        self.sample = sample


class NotText(Exception):  # noqa: N818 - a finding about a file, not a failure
    """A file that is no UTF-8 text as a whole: empty, UTF-16 or UTF-32.

    Attributes:
        reason: key of `MALFORMED_REASONS`.
        sample: first bytes of the file.
    """

    def __init__(self, reason: str, sample: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sample = sample


class _Decoder(Protocol):
    """What `bz2` and `lzma` offer; gzip and zst are adapted to it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecoder:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self._data = b""
        self._at = 0
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data + self._data[self._at :]

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._data, self._at = self._data[self._at :] + data, 0
        # Inflate looks one symbol ahead: single bytes come out before damage only where single bytes go in.
        piece = self._data[self._at : self._at + 1] if max_length == 1 else self._data[self._at :]
        block = self._inflate.decompress(piece, max_length)
        self._at += len(piece) - len(self._inflate.unconsumed_tail)
        # A full block may leave output inside zlib although all input is consumed.
        self.needs_input = self._at >= len(self._data) and len(block) < max_length
        return block


class _ZstDecoder:
    def __init__(self) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZST_WINDOW_BYTES)
        self._frame = decompressor.decompressobj()
        self._data = b""
        self._at = 0
        self.consumed = 0  # bytes that were decoded without an error

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return self._at >= len(self._data)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._data[self._at :]

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._data, self._at = self._data[self._at :] + data, 0
        piece = self._data[self._at : self._at + min(_ZST_SLICE, max_length)]
        block = self._frame.decompress(piece)
        self._at += len(piece)
        self.consumed += len(piece)
        return block


def _new_decoder(codec: str) -> _Decoder:
    match codec:
        case "gz":
            return _GzipDecoder()
        case "xz":
            return lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)
        case "bz2":
            return bz2.BZ2Decompressor()
        case _:
            return _ZstDecoder()


class RawFile:
    """An open file with a position, from which bytes can be taken and given back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending = b""
        self.position = 0

    def read(self) -> bytes:
        """The next bytes, at most `RAW_BYTES` unless more were given back; empty at the end of the file."""
        data = self._pending or self._file.read(RAW_BYTES)
        self._pending = b""
        self.position += len(data)
        return data

    def unread(self, data: bytes) -> None:
        """Give back the last bytes read."""
        self._pending = data + self._pending
        self.position -= len(data)

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, which stay unread; fewer at the end of the file."""
        pieces: list[bytes] = []
        gathered = 0
        while gathered < count and (data := self.read()):
            pieces.append(data)
            gathered += len(data)
        data = b"".join(pieces)
        self.unread(data)
        return data[:count]

    def seek(self, position: int) -> None:
        """Go to a byte of the file."""
        self._file.seek(position)
        self._pending = b""
        self.position = position


def open_binary(path: str) -> BinaryIO:
    """A local path or fsspec URL, opened for reading.

    Raises:
        OSError: the file cannot be opened; that is no fault of its content and is not quarantined.
    """
    if "://" not in path:
        return Path(path).open("rb", buffering=0)
    file: BinaryIO = fsspec.open(path, "rb").open()
    return file


def size_of(path: str) -> int:
    """Size of a local path or fsspec URL in bytes."""
    if "://" not in path:
        return Path(path).stat().st_size
    filesystem, name = fsspec.core.url_to_fs(path)
    return int(filesystem.size(name))


@contextmanager
def opened(path: str) -> Iterator[RawFile]:
    """An open local path or fsspec URL; see `open_binary`."""
    with open_binary(path) as file:
        yield RawFile(file)


def codec_of(raw: RawFile, path: str) -> str:
    """`gz`, `xz`, `bz2`, `zst`, or empty for a plain file: by the magic bytes, whatever the name says.

    Raises:
        CorruptStream: the name says compressed, yet the file has neither the magic bytes nor looks like text.
    """
    head = raw.peek(HEAD_BYTES)
    for codec, magic in _MAGIC.items():
        if magic.match(head):
            return codec
    named = _EXTENSIONS.get(Path(path).suffix.lower(), "")
    if named and head and not _looks_like_text(head):
        raise CorruptStream(0, f"the file has the name of a {named} file but not its first bytes")
    return ""


def strip_codec(name: str) -> str:
    """A file name without its compression extension: `en.txt.xz` gives `en.txt`."""
    stem, dot, extension = name.rpartition(".")
    return stem if dot and f".{extension.lower()}" in _EXTENSIONS else name


def _looks_like_text(head: bytes) -> bool:
    """Whether control characters are rare or lie as in UTF-16; a tenth of compressed bytes look like them."""
    controls = len(_CONTROL.findall(head))
    return controls <= 0.02 * len(head) or head.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_wide(head)


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that their end may cut."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and len(head) - error.start < 4
    return True


def _is_wide(head: bytes) -> bool:
    """Whether NUL bytes lie as in UTF-16 (in every second place) or UTF-32 (most places)."""
    nuls = head.count(0)
    if nuls < 2:
        return False
    one_sided = max(head[::2].count(0), head[1::2].count(0)) >= 0.9 * nuls
    return nuls >= 0.4 * len(head) or (one_sided and (nuls >= 0.05 * len(head) or not _is_utf8(head)))


def require_text(head: bytes) -> None:
    """Check the first bytes of a file.

    Raises:
        NotText: the file is empty, or UTF-16 or UTF-32.
    """
    if not head.removeprefix(UTF8_BOM):
        raise NotText("empty_file", head)
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or _is_wide(head):
        raise NotText("utf16", head)


class Member:
    """One gzip member, xz or bz2 stream or zst frame of a file.

    Attributes:
        start: its first byte in the file.
    """

    def __init__(self, raw: RawFile, codec: str) -> None:
        self._raw = raw
        self._codec = codec
        self.start = raw.position

    def blocks(self) -> Iterator[bytes]:
        """Its decompressed bytes in blocks; the file then stands behind the member.

        Raises:
            CorruptStream: after the last byte that can be decoded; its offset counts from the member's start.
        """
        delivered = 0
        decoder = _new_decoder(self._codec)
        while not decoder.eof:
            data = self._raw.read() if decoder.needs_input else b""
            if decoder.needs_input and not data:
                raise CorruptStream(delivered, f"the file ends inside a {self._codec} stream")
            try:
                block = decoder.decompress(data, BLOCK_BYTES)
            except _DECODE_ERRORS as error:
                # The failing call took its output with it.
                for block in self._salvaged(delivered, getattr(decoder, "consumed", 0)):
                    delivered += len(block)
                    yield block
                raise CorruptStream(delivered, f"damaged {self._codec} stream: {error}") from error
            if block:
                delivered += len(block)
                yield block
        self._raw.unread(decoder.unused_data)

    def _salvaged(self, delivered: int, consumed: int) -> Iterator[bytes]:
        """What can be decoded behind the first `delivered` bytes: decode again up to there, then byte by byte."""
        self._raw.seek(self.start)
        decoder = _new_decoder(self._codec)
        decoded = 0
        found = bytearray()
        while not decoder.eof:
            data = self._raw.read() if decoder.needs_input else b""
            # For zst the limit counts bytes of input, because its output cannot be limited.
            left = consumed - decoder.consumed if isinstance(decoder, _ZstDecoder) else delivered - decoded
            try:
                block = decoder.decompress(data, min(BLOCK_BYTES, max(left, 1)))
            except _DECODE_ERRORS:
                break
            found += block[max(0, delivered - decoded) :]
            decoded += len(block)
            if len(found) >= BLOCK_BYTES:
                yield bytes(found)
                found.clear()
        if found:
            yield bytes(found)


def decompressed(raw: RawFile, codec: str) -> Iterator[bytes]:
    """All bytes of an open file, from its position, in blocks of about 1 MB; all members one after the other.

    Raises:
        CorruptStream: after the last byte that can be decoded.
    """
    if not codec:
        while block := raw.read():
            yield block
        return
    offset = 0
    while True:
        try:
            for block in Member(raw, codec).blocks():
                offset += len(block)
                yield block
        except CorruptStream as damage:
            raise CorruptStream(offset, damage.reason) from damage
        _skip_padding(raw, codec)
        following = raw.peek(_MAGIC_BYTES)
        if not following:
            return
        if not _MAGIC[codec].match(following):
            raise CorruptStream(offset, f"bytes that are not {codec} follow the {codec} stream")


def _skip_padding(raw: RawFile, codec: str) -> None:
    """Pass over the NUL bytes that tapes and `xz` leave behind a stream."""
    if codec not in {"gz", "xz"}:
        return
    while data := raw.read():
        if rest := data.lstrip(b"\x00"):
            raw.unread(rest)
            return


def with_head(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, the first block at least `HEAD_BYTES` long where there are so many."""
    head = b""
    try:
        while len(head) < HEAD_BYTES and (block := next(blocks, b"")):
            head += block
    except CorruptStream:
        if head:
            yield head
        raise
    if head:
        yield head
    yield from blocks


def first_byte_read(split: Split, lookback: int) -> int:
    """Where reading of a split starts: `lookback` bytes before it, or at 0 where a byte order mark may lie between."""
    begin = split.start - lookback
    return begin if begin > len(UTF8_BOM) else 0


def text_blocks(split: Split, *, lookback: int = 0) -> Iterator[tuple[int, bytes]]:
    """Blocks of a split with the logical offset of each, from `start - lookback` to the end of the *file*.

    The caller stops behind the record that reaches over `split.end`. A byte order mark is skipped.

    Raises:
        NotText: the file is empty, UTF-16 or UTF-32.
        CorruptStream: after the last byte that can be decoded.
    """
    begin = first_byte_read(split, lookback)
    with opened(split.path) as raw:
        codec = codec_of(raw, split.path)
        position = 0
        if begin and not codec:
            require_text(raw.peek(HEAD_BYTES))
            raw.seek(begin)
            position = begin
        blocks = decompressed(raw, codec) if position else with_head(decompressed(raw, codec))
        for block in blocks:
            if position == 0 and split.base_offset == 0:
                require_text(block[:HEAD_BYTES])
            skip = max(0, begin - position)
            if position == 0 and split.base_offset == 0 and block.startswith(UTF8_BOM):
                skip = max(skip, len(UTF8_BOM))
            if skip < len(block):
                yield split.base_offset + position + skip, block[skip:] if skip else block
            position += len(block)
    if split.damage:
        raise CorruptStream(split.base_offset + position, split.damage)
    if position == 0:
        require_text(b"")


def lines(split: Split, *, lookback: int = 1) -> Iterator[tuple[int, bytes]]:
    """Lines without their newline, with the logical offset of each; up to the end of the *file*.

    Where the split starts inside the file, the bytes up to the first newline at or behind `start - lookback` are
    skipped: with the default, the first line is the first that starts at or behind `split.start`. A line longer
    than `MAX_RECORD_BYTES` is cut to one byte more, so that the caller sees it is too long and memory stays bounded.

    Raises:
        NotText: the file is empty, UTF-16 or UTF-32.
        CorruptStream: at damage; its offset and sample are those of the line that the damage cuts.
    """
    partial = first_byte_read(split, lookback) > 0  # then the first piece is the end of an earlier line
    pieces: list[bytes] = []
    held = 0
    offset = -1
    position = 0
    try:
        for position, block in text_blocks(split, lookback=lookback):
            if offset < 0:
                offset = position
            if b"\n" not in block:
                _hold(pieces, held, block)
                held += len(block)
                continue
            _hold(pieces, held, block[: block.index(b"\n")])
            parts = block.split(b"\n")
            held += len(parts[0])
            parts[0] = b"".join(pieces)
            if partial:
                offset += held + 1
                partial = False
            else:
                yield offset, parts[0]
                offset += held + 1
            tail = parts.pop()
            for index in range(1, len(parts)):
                line = parts[index]
                yield offset, line
                offset += len(line) + 1
            pieces = [tail] if tail else []
            held = len(tail)
    except CorruptStream as damage:
        start = damage.offset if offset < 0 else offset
        raise CorruptStream(start, damage.reason, b"".join(pieces)[:SAMPLE_BYTES]) from damage
    if held and not partial:
        yield offset, b"".join(pieces)


def owned_lines(split: Split) -> Iterator[tuple[int, bytes]]:
    """The lines whose first byte lies in the split, blank lines left out; see `lines`."""
    first = split.base_offset + split.start
    limit = end_offset(split)
    for offset, line in lines(split):
        if offset >= limit:
            return
        if offset >= first and line and not line.isspace():
            yield offset, line


def end_offset(split: Split) -> float:
    """One past the split's last byte as a logical offset; infinite where the split ends with the file."""
    return float("inf") if split.end is None else split.base_offset + split.end


def _hold(pieces: list[bytes], held: int, block: bytes) -> None:
    """Keep a piece of an unfinished line, as far as the line may be a record."""
    room = MAX_RECORD_BYTES + 1 - held
    if room > 0 and block:
        pieces.append(block[:room])


def next_bz2_stream(raw: RawFile, start: int, *, within_bytes: int | None = None) -> int | None:
    """First byte of the first bz2 stream that starts at or behind byte `start` of a file, or null.

    With `within_bytes`, only about so many bytes are searched. The ten bytes of a header do not occur by chance, and
    reading verifies the stream: one that is damaged from its beginning is then reported, not passed over.
    """
    raw.seek(start)
    window = b""
    base = start
    while (within_bytes is None or base < start + within_bytes) and (data := raw.read()):
        window += data
        if found := _BZ2_START.search(window):
            return base + found.start()
        keep = window[-(_MAGIC_BYTES - 1) :]
        base += len(window) - len(keep)
        window = keep
    return None


def guarded(split: Split, records: Iterator[Record | Malformed]) -> Iterator[Record | Malformed]:
    """The records, with one `Malformed` more where the file is damaged or is no text at all.

    What is wrong with a whole file is reported by the split that holds its first byte, once per file.
    """
    try:
        yield from records
    except CorruptStream as damage:
        yield Malformed(damage.offset, "corrupt_stream", damage.sample)
    except NotText as fault:
        if split.start == 0:
            yield Malformed(0, fault.reason, fault.sample[:SAMPLE_BYTES])
