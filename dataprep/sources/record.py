"""What a reader takes and gives: splits in, documents and malformed records out.

Every reader is a generator `read(split) -> Iterator[Document | Malformed]`. It never raises for bad *content*: a
record that cannot be read becomes one `Malformed`, and reading goes on as far as the format allows. So, per file,

    records read = documents + malformed records

holds by construction, and the ledger checks it again from what the stages counted.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

import pyarrow as pa

MAX_RECORD_BYTES: Final = (
    64 << 20
)  # one record larger than this is quarantined: it would not fit an Arrow batch
SAMPLE_BYTES: Final = 200  # how much of a malformed record goes to quarantine


@dataclass(frozen=True, slots=True)
class Split:
    """A part of one input file that one task reads.

    A record belongs to the split in which its first byte lies. Offsets are positions in the *decompressed* stream
    (in the compressed file for multistream bz2, whose streams are decompressed one by one), so that they do not
    depend on how a file was cut into splits.

    Attributes:
        source: name of the source in the configuration.
        format: key of `sources.READERS`.
        file: the input file's logical name: relative to the input root, the same on every machine.
        path: where the bytes are: a local path or an fsspec URL. Differs from `file` for a pre-cut chunk.
        language: language declared by the configuration or the file name (BCP 47), or null.
        start: first byte of the split.
        end: one past the last byte, or null for "to the end of the file".
        base_offset: offset in the logical file of this chunk's byte 0; 0 unless the file was cut beforehand.
        damage: for the last pre-cut chunk of a damaged file, why the file could not be read further; else null.
    """

    source: str
    format: str
    file: str
    path: str
    language: str | None = None
    start: int = 0
    end: int | None = None
    base_offset: int = 0
    damage: str | None = None

    def to_json(self) -> str:
        """The split as one line, for the way to an executor."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The split that `to_json` wrote."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Document:
    """One document as its source gives it; text is not yet normalised.

    Attributes:
        locator: URL, page title or `file:offset`; names the document inside its source.
        text: the plain text. May be empty; the annotation then drops it as `empty`.
        language: declared language (BCP 47) or null.
        timestamp: as the source writes it, ISO 8601 where it has one; or null.
        form: `written` or `spoken`.
    """

    locator: str
    text: str
    language: str | None = None
    timestamp: str | None = None
    form: str = "written"


@dataclass(frozen=True, slots=True)
class Columns:
    """Some documents in a row, column by column: what a columnar format gives without an object per document.

    Attributes:
        locators: as `Document.locator`, and so on.
        texts: without nulls, valid UTF-8.
        languages: BCP 47 or null.
        timestamps: as the source writes them, or null.
        forms: `written` or `spoken`.
    """

    locators: list[str]
    texts: pa.StringArray
    languages: list[str | None]
    timestamps: list[str | None]
    forms: list[str]

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.locators)

    @classmethod
    def of(cls, documents: list[Document]) -> Self:
        """The columns of a list of documents."""
        return cls(
            [document.locator for document in documents],
            pa.array([document.text for document in documents], pa.string()),
            [document.language for document in documents],
            [document.timestamp for document in documents],
            [document.form for document in documents],
        )


@dataclass(frozen=True, slots=True)
class Malformed:
    """One record that could not be read.

    Attributes:
        offset: byte offset of the record in the logical file's decompressed stream.
        reason: one of the reasons listed in `sources.MALFORMED_REASONS`.
        sample: its first bytes, for the reviewer.
    """

    offset: int
    reason: str
    sample: bytes = b""


class SourceError(ValueError):
    """A source cannot be read at all: wrong path, unknown format. Raised on the driver, before Spark starts."""
