"""All input formats by their key. Adding a format is one reader file and one row here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from dataprep.sources import cc100, jsonl, mc4, opensubtitles, parquet, utterances, wikipedia
from dataprep.sources.record import Columns, Document, Malformed, Split

Boundary = Literal["line", "blank_line", "page", "line_block", "row_group"]


@dataclass(frozen=True, slots=True)
class Reader:
    """How one format is read.

    Attributes:
        read: documents and malformed records of a split.
        language_of: language that a file's name carries (BCP 47), or null.
        boundary: behind what a file of the format may be cut: a newline, a blank line, `</page>`, a fixed number of
            lines from the file's start, or a row group.
        read_columns: the same records as `read`, in the same order, many at a time where they are in good order.
    """

    read: Callable[[Split], Iterator[Document | Malformed]]
    language_of: Callable[[str], str | None]
    boundary: Boundary
    read_columns: Callable[[Split], Iterator[Columns | Document | Malformed]] | None = None

    @property
    def splits_plain_files(self) -> bool:
        """Whether byte ranges of an uncompressed file can be read on their own."""
        return self.boundary in {"line", "blank_line", "page"}


READERS: Final[dict[str, Reader]] = {
    "mc4": Reader(mc4.read, mc4.language_of, "line"),
    "cc100": Reader(cc100.read, cc100.language_of, "blank_line"),
    "wikipedia": Reader(wikipedia.read, wikipedia.language_of, "page"),
    "opensubtitles": Reader(opensubtitles.read, opensubtitles.language_of, "line_block"),
    "jsonl": Reader(jsonl.read, jsonl.language_of, "line"),
    "parquet": Reader(parquet.read, parquet.language_of, "row_group", parquet.read_columns),
    "utterances": Reader(utterances.read, utterances.language_of, "line"),
}

MALFORMED_REASONS: Final[dict[str, str]] = {
    "empty_file": "The file holds no bytes, or nothing but a byte order mark.",
    "utf16": "The file is UTF-16 or UTF-32, not UTF-8; it counts as one record.",
    "corrupt_stream": "The compressed file is cut off or damaged here; everything before was read.",
    "record_too_large": "The record is larger than 64 MiB.",
    "invalid_utf8": "The record is not valid UTF-8.",
    "invalid_json": "The line is not a JSON object.",
    "missing_text": "The record has no text, or its text is not a string.",
    "invalid_xml": "The page or film is not well-formed XML, or a page lacks its title or revision.",
    "xml_without_end": "The XML of the page or film breaks off before its end.",
    "invalid_wikitext": "The page's wikitext is too long or too deeply nested to be parsed.",
    "invalid_locale": "The utterance names no locale, or something that is no BCP 47 code.",
    "invalid_timestamp": "The utterance has no timestamp, or one that is neither ISO 8601 nor seconds since 1970.",
    "invalid_count": "The count of the utterance is not a whole number of at least 1.",
    "invalid_parquet": "The file or row group is not readable Parquet with a string column `text`.",
}
