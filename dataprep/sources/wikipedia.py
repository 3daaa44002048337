"""Wikipedia dumps: pages-articles XML, bz2 single- or multistream, or any other compression.

A record of a dump is an article: a page in namespace 0 with wikitext content that is no redirect. Other pages are no
records and are passed over without being counted; a page that cannot be read counts as one malformed record.

The stream is cut at `<page>` ... `</page>` and each page parsed alone, so that one bad page does not lose the rest.
Offsets are positions in the decompressed stream; for pages behind the first stream of a multistream bz2 file, the
first byte of their stream in the compressed file, which is known without reading what comes before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from dataprep.locales import canonical_language
from dataprep.sources.jsonl import is_utf8
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import (
    HEAD_BYTES,
    UTF8_BOM,
    CorruptStream,
    Member,
    codec_of,
    end_offset,
    guarded,
    next_bz2_stream,
    opened,
    require_text,
    text_blocks,
)
from dataprep.sources.wikitext import WikitextError, plain_text

_NAME: Final = re.compile(r"([a-z_]+?)wiki(?=[-._]|$)")
_NOT_LANGUAGES: Final = frozenset({"commons", "incubator", "media", "meta", "outreach", "sources", "species"})
# Codes that Wikipedia took before BCP 47 had one for the language.
_LEGACY: Final = {
    "als": "gsw",
    "bat_smg": "sgs",
    "be_x_old": "be-tarask",
    "fiu_vro": "vro",
    "roa_rup": "rup",
    "zh_classical": "lzh",
    "zh_min_nan": "nan",
    "zh_yue": "yue",
}
_OPEN: Final = b"<page>"
_CLOSE: Final = b"</page>"
_REDIRECT: Final = re.compile(
    r"\s*#[^\s\[\]#:]+\s*:?\s*\[\["
)  # a localised keyword, as in dumps without <redirect/>


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the dump's bytes.

    Attributes:
        owned: whether pages that start in it belong to the split.
        stream: first byte of its compressed stream in the file; 0 outside multistream bz2.
        offset: logical offset of its first byte.
        step: how much the offset grows per byte: 0 behind the first stream of a multistream file.
        data: the bytes.
        damage: why the stream ends here, or null.
    """

    owned: bool
    stream: int
    offset: int
    step: int
    data: bytes
    damage: str | None = None


def read(split: Split) -> Iterator[Document | Malformed]:
    """Articles of a split; locator is the title, timestamp that of the revision."""
    return guarded(split, _records(split))


def language_of(file: str) -> str | None:
    """Language of names such as `enwiki-latest-pages-articles.xml.bz2`; null for other projects."""
    found = _NAME.match(PurePosixPath(file).name)
    if not found or found[1] in _NOT_LANGUAGES:
        return None
    return canonical_language(_LEGACY.get(found[1], found[1]))


def _records(split: Split) -> Iterator[Document | Malformed]:
    language = split.language or language_of(split.file)
    for page in _pages(_pieces(split)):
        if isinstance(page, Malformed):
            yield page
        elif record := _article(*page, language):
            yield record


def _article(offset: int, page: bytes, language: str | None) -> Document | Malformed | None:
    """The article on a page, what is wrong with the page, or null where it is no article."""
    sample = page[:SAMPLE_BYTES]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(page, parser)
    except etree.XMLSyntaxError:
        return Malformed(offset, "invalid_xml" if is_utf8(page) else "invalid_utf8", sample)
    title = root.findtext("title")
    revisions = root.findall("revision")
    if not title or not revisions:
        return Malformed(offset, "invalid_xml", sample)
    revision = revisions[-1]
    wikitext = revision.findtext("text") or ""
    if (
        root.findtext("ns", "0").strip() != "0"
        or root.find("redirect") is not None
        or revision.findtext("model", "wikitext") != "wikitext"
        or _REDIRECT.match(wikitext)
    ):
        return None
    try:
        text = plain_text(wikitext)
    except WikitextError:
        return Malformed(offset, "invalid_wikitext", sample)
    return Document(locator=title, text=text, language=language, timestamp=revision.findtext("timestamp"))


def _pieces(split: Split) -> Iterator[_Piece]:
    with opened(split.path) as raw:
        codec = codec_of(raw, split.path)
    return _bz2_pieces(split) if codec == "bz2" else _linear_pieces(split)


def _linear_pieces(split: Split) -> Iterator[_Piece]:
    first = split.base_offset + split.start
    limit = end_offset(split)
    try:
        for start, whole_block in text_blocks(split):
            # Reading begins at the file's start where a byte order mark may lie before the split.
            offset = max(start, first)
            block = whole_block[offset - start :]
            inside = int(min(len(block), max(0, limit - offset)))
            if inside:
                yield _Piece(True, 0, offset, 1, block[:inside])
            if inside < len(block):
                yield _Piece(False, 0, offset + inside, 1, block[inside:])
    except CorruptStream as damage:
        yield _Piece(True, 0, damage.offset, 1, b"", damage.reason)


def _bz2_pieces(split: Split) -> Iterator[_Piece]:
    """Pieces from the first bz2 stream that starts in the split; at damage, on with the next stream."""
    limit = float("inf") if split.end is None else split.end
    with opened(split.path) as raw:
        start: int | None = 0 if split.start == 0 else next_bz2_stream(raw, split.start)
        while start is not None:
            raw.seek(start)
            member = Member(raw, "bz2")
            owned = start < limit
            step = 1 if start == 0 else 0
            offset = start
            head = b""
            try:
                for block in member.blocks():
                    if start == 0 and offset == 0:
                        head = block[:HEAD_BYTES]
                        require_text(head)
                        block = block.removeprefix(UTF8_BOM)
                        offset = len(head) - len(head.removeprefix(UTF8_BOM))
                    yield _Piece(owned, start, offset, step, block)
                    offset += step * len(block)
                following = raw.position if raw.peek(1) else None
                if start == 0 and not head and following is None:
                    require_text(b"")
                start = None if following is None else next_bz2_stream(raw, following)
                if start != following:
                    reason = "bytes that are not bz2 follow the bz2 stream"
                    yield _Piece(owned, member.start, offset, step, b"", reason)
            except CorruptStream as damage:
                yield _Piece(owned, member.start, offset, step, b"", damage.reason)
                start = next_bz2_stream(raw, member.start + 1)


class _Buffer:
    """The bytes at hand, and which piece each of them came from."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0  # first byte that was not taken yet
        self._base = 0  # position of the data's first byte among all bytes that were ever appended
        self._marks: list[tuple[int, _Piece]] = []

    def __len__(self) -> int:
        return len(self._data) - self._at

    def append(self, piece: _Piece) -> None:
        self._data = self._data[self._at :]
        self._base += self._at
        self._at = 0
        needed = max((i for i, (begin, _) in enumerate(self._marks) if begin <= self._base), default=0)
        self._marks = [*self._marks[needed:], (self._base + len(self._data), piece)]
        self._data += piece.data

    def find(self, tag: bytes, before: int | None = None) -> int:
        """Index of the first tag among the bytes left, or among the first `before` of them; -1 where there is none."""
        found = self._data.find(tag, self._at, None if before is None else self._at + before)
        return found if found < 0 else found - self._at

    def take(self, count: int) -> bytes:
        """Remove and return the first bytes left."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def source(self, index: int) -> tuple[_Piece, int]:
        """The piece that holds byte `index` of those left, and the logical offset of that byte."""
        position = self._base + self._at + index
        begin, piece = next((begin, piece) for begin, piece in reversed(self._marks) if begin <= position)
        return piece, piece.offset + piece.step * (position - begin)

    def rest(self) -> bytes:
        """The bytes left, which stay."""
        return self._data[self._at :]


def _pages(pieces: Iterator[_Piece]) -> Iterator[tuple[int, bytes] | Malformed]:
    """Offset and bytes of each page that starts in an owned piece, and what is wrong with the others."""
    buffer = _Buffer()
    page: _OpenPage | None = None
    for piece in pieces:
        if piece.damage is not None:
            if piece.owned:
                yield _damaged(piece, page, buffer)
            elif page is None:
                return
            page, buffer = None, _Buffer()
            continue
        buffer.append(piece)
        while (page := page or _next_page(buffer)) is not None:
            if not page.piece.owned:
                return
            outcome = page.grow(buffer)
            if outcome is None:
                break
            page = None
            yield outcome
        if page is None and len(buffer) and not buffer.source(0)[0].owned:
            return
    if page is not None:
        yield Malformed(page.offset, "xml_without_end", page.sample(buffer.rest()))


def _next_page(buffer: _Buffer) -> "_OpenPage | None":
    """The next page of which the buffer holds the start tag, which is then taken; else null."""
    found = buffer.find(_OPEN)
    if found < 0:
        buffer.take(max(0, len(buffer) - len(_OPEN) + 1))
        return None
    piece, offset = buffer.source(found)
    buffer.take(found + len(_OPEN))
    return _OpenPage(piece, offset)


def _damaged(piece: _Piece, page: "_OpenPage | None", buffer: _Buffer) -> Malformed:
    """One record for the damage: that of the page it cuts, where the page starts in the damaged stream."""
    if page is not None and page.piece.stream == piece.stream:
        return Malformed(page.offset, "corrupt_stream", page.sample(buffer.rest()))
    return Malformed(piece.offset, "corrupt_stream")


class _OpenPage:
    """A page of which the end has not been found yet; bytes beyond the record limit are counted, not kept."""

    def __init__(self, piece: _Piece, offset: int) -> None:
        self.piece = piece
        self.offset = offset
        self._parts = [_OPEN]
        self._held = len(_OPEN)

    def sample(self, rest: bytes = b"") -> bytes:
        """Its first bytes, the last of which may still be among the `rest` that was read."""
        return b"".join([*self._parts, rest])[:SAMPLE_BYTES]

    def grow(self, buffer: _Buffer) -> tuple[int, bytes] | Malformed | None:
        """Take its bytes out of the buffer; the page or what is wrong with it, null while its end is missing."""
        close = buffer.find(_CLOSE)
        reopened = buffer.find(_OPEN, close if close >= 0 else None)
        if reopened >= 0:
            self._keep(buffer, reopened)
            return Malformed(self.offset, "xml_without_end", self.sample())
        if close < 0:
            self._keep(buffer, max(0, len(buffer) - len(_CLOSE) + 1))
            return None
        self._keep(buffer, close + len(_CLOSE))
        if self._held > MAX_RECORD_BYTES:
            return Malformed(self.offset, "record_too_large", self.sample())
        return self.offset, b"".join(self._parts)

    def _keep(self, buffer: _Buffer, count: int) -> None:
        taken = buffer.take(count)
        if self._held <= MAX_RECORD_BYTES:
            self._parts.append(taken)
        self._held += len(taken)
