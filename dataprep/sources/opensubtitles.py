"""OpenSubtitles as OPUS distributes it: one sentence per line, or one XML file per film.

Sentences are grouped into documents of at most `DOCUMENT_LINES`. In a text file, document k is made of the lines
[100 k, 100 k + 100), whatever they hold, so that the documents do not depend on how the file was cut.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from dataprep.locales import canonical_language
from dataprep.sources.record import MAX_RECORD_BYTES, SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import CorruptStream, guarded, lines, strip_codec, text_blocks

DOCUMENT_LINES: Final = 100
FORM: Final = "spoken"

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:_[A-Za-z]{2,4})?")
_XML_FOLDER: Final = re.compile(r"(?:^|/)(?:xml|raw)/([a-z]{2,3}(?:_[A-Za-z]{2,4})?)/")
_FEED_BYTES: Final = 64 << 10

_CHARACTER_SCRIPT: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff9f"
)
_SPACE_IN_CHARACTER_SCRIPT: Final = re.compile(rf"(?<=[{_CHARACTER_SCRIPT}]) (?=[{_CHARACTER_SCRIPT}])")
_SPACE_BEFORE: Final = re.compile(
    r" (?=[,.!?;:)\]}…。，！？、؟،؛।%’](?:\W|$))| (?=(?:'(?:s|re|ve|ll|d|m)|n't)\b)", re.I
)
_SPACE_AFTER: Final = re.compile(r"(?<=[(\[{¿¡]) ")


def read(split: Split) -> Iterator[Document | Malformed]:
    """Documents of a file; locator is `file:offset` of the first line, in XML `file:n` with n the first sentence.

    A line that is no UTF-8 is malformed and the rest of its document stays. XML that breaks off gives the sentences
    read so far and one malformed record.

    Raises:
        ValueError: the split is a part of a file; line numbers are known only from the file's start.
    """
    if split.start or split.end is not None:
        raise ValueError(f"{split.file} must be read whole, not the bytes {split.start} to {split.end}.")
    return guarded(split, _film_records(split) if is_film(split.file) else _line_records(split))


def language_of(file: str) -> str | None:
    """Language of `OpenSubtitles.en.txt.gz`, `OpenSubtitles.en-hi.hi`, `en.txt.gz`, `xml/en/1998/1/2.xml.gz`."""
    if is_film(file):
        folder = _XML_FOLDER.search(file)
        return canonical_language(folder[1]) if folder else None
    suffix = strip_codec(PurePosixPath(file).name).removesuffix(".txt").rpartition(".")[2]
    return canonical_language(suffix) if _LANGUAGE.fullmatch(suffix) else None


def is_film(file: str) -> bool:
    """Whether a file is the XML of one film."""
    return strip_codec(PurePosixPath(file).name).endswith(".xml")


class _Block:
    """Sentences of one document as they come."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._sentences: list[str] = []
        self._held = 0

    def add(self, sentence: str) -> None:
        self._held += len(sentence)
        if sentence and self._held <= MAX_RECORD_BYTES:
            self._sentences.append(sentence)

    def records(self, split: Split) -> Iterator[Document | Malformed]:
        """The document, nothing where no line holds anything."""
        if self._held > MAX_RECORD_BYTES:
            sample = "\n".join(self._sentences)[:SAMPLE_BYTES].encode()[:SAMPLE_BYTES]
            yield Malformed(self.offset, "record_too_large", sample)
        elif self._sentences:
            yield Document(
                locator=f"{split.file}:{self.offset}",
                text="\n".join(self._sentences),
                language=split.language or language_of(split.file),
                form=FORM,
            )


def _line_records(split: Split) -> Iterator[Document | Malformed]:
    block: _Block | None = None
    try:
        for number, (offset, line) in enumerate(lines(split)):
            if number % DOCUMENT_LINES == 0:
                if block is not None:
                    yield from block.records(split)
                block = _Block(offset)
            if len(line) > MAX_RECORD_BYTES:
                yield Malformed(offset, "record_too_large", line[:SAMPLE_BYTES])
                continue
            try:
                sentence = line.decode().strip()
            except UnicodeDecodeError:
                yield Malformed(offset, "invalid_utf8", line[:SAMPLE_BYTES])
                continue
            if block is not None:
                block.add(sentence)
    except CorruptStream:
        if block is not None:
            yield from block.records(split)
        raise
    if block is not None:
        yield from block.records(split)


def _film_records(split: Split) -> Iterator[Document | Malformed]:
    block = _Block(0)
    number = 0
    fault: Malformed | None = None
    damage: CorruptStream | None = None
    sentences = _film_sentences(split)
    while True:
        try:
            sentence = next(sentences, None)
        except CorruptStream as error:
            damage = error
            break
        if sentence is None:
            break
        if isinstance(sentence, Malformed):
            fault = sentence
            break
        if number and number % DOCUMENT_LINES == 0:
            yield from block.records(split)
            block = _Block(number)
        block.add(sentence)
        number += 1
    yield from block.records(split)
    if fault is not None:
        yield fault
    if damage is not None:
        raise damage


def _film_sentences(split: Split) -> Iterator[str | Malformed]:
    """Text of each <s> element; at the end, what is wrong with the XML."""
    parser = etree.XMLPullParser(
        events=("end",), tag="s", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    sample = b""
    for _, data in text_blocks(split):
        sample = sample or data[:SAMPLE_BYTES]
        for start in range(0, len(data), _FEED_BYTES):
            try:
                parser.feed(data[start : start + _FEED_BYTES])
            except etree.XMLSyntaxError:
                yield from _ended_sentences(parser)
                yield Malformed(split.base_offset, "invalid_xml", sample)
                return
            yield from _ended_sentences(parser)
    try:
        parser.close()
    except etree.XMLSyntaxError:
        yield Malformed(split.base_offset, "xml_without_end", sample)


def _ended_sentences(parser: etree.XMLPullParser) -> Iterator[str]:
    for _, element in parser.read_events():
        if not isinstance(element, etree._Element):
            continue
        tokens = [word.text for word in element.iter("w") if word.text]
        yield _detokenised(tokens) if tokens else " ".join("".join(map(str, element.itertext())).split())
        element.clear()
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def _detokenised(tokens: list[str]) -> str:
    """Tokens with spaces where the language writes them; light, the tokeniser's own choices stay."""
    sentence = " ".join(" ".join(tokens).split())
    sentence = _SPACE_IN_CHARACTER_SCRIPT.sub("", sentence)
    return _SPACE_AFTER.sub("", _SPACE_BEFORE.sub("", sentence))
