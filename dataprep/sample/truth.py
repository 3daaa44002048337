"""What the generator planted in the sample corpora: the expected answers of the end-to-end tests.

`truth.json` holds the fields of `Truth` under their names, lists of objects with the fields of the classes below;
tuples are JSON lists. Its schema changes only together with `SCHEMA_VERSION`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from dataprep.files import read_json, write_json

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a document is, in the words of the readers.

    Attributes:
        source: `mc4`, `cc100`, `wikipedia` or `opensubtitles`.
        locator: URL, `file:offset` or title, as the reader gives it when the sample folder is the input root.
        file: path below the sample folder.
        language: language that the file declares (BCP 47).
    """

    source: str
    locator: str
    file: str
    language: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Two documents with equal text, white space aside: exactly one stays.

    Attributes:
        original: the document copied.
        copy: the copy; in the same source for `exact_copy`, in another for `cross_source_copy`.
        white_space_differs: whether the two differ in white space; else they are equal byte for byte. Copies of
            Wikipedia articles are equal in the article's plain text.
    """

    original: Place
    copy: Place
    white_space_differs: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two similar documents.

    Attributes:
        original: one document.
        copy: the other, made from it.
        jaccard: exact Jaccard similarity of their shingles (`reference.jaccard`), in [0.85, 0.97] for `near_copy`, of
            which exactly one stays, and in [0.45, 0.72] for `look_alike`, which both stay.
    """

    original: Place
    copy: Place
    jaccard: float


@dataclass(frozen=True, slots=True)
class WrongLanguage:
    """A document that is wholly in another language than its file declares: dropped.

    Attributes:
        document: where it is.
        actual_language: what it is written in (BCP 47).
    """

    document: Place
    actual_language: str


@dataclass(frozen=True, slots=True)
class CodeMixed:
    """A document in two languages, about half and half: its fate is open, its place in the ledger is not.

    Attributes:
        document: where it is.
        languages: what it is written in (BCP 47); `hi-Latn` is Hindi in Latin script, mixed with English words.
    """

    document: Place
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """A page of menu, cookie and copyright lines: dropped by some rule.

    Attributes:
        document: where it is.
        num_lines: its lines.
        num_repeated_lines: lines that are there already further up.
    """

    document: Place
    num_lines: int
    num_repeated_lines: int


@dataclass(frozen=True, slots=True)
class Mojibake:
    """A document whose UTF-8 bytes were read as a one-byte code page: repaired and kept.

    Attributes:
        document: where it is.
        code_page: Python's name of the code page.
        text_start: first 60 characters of the right text.
    """

    document: Place
    code_page: str
    text_start: str


@dataclass(frozen=True, slots=True)
class PrivateData:
    """A document with private data: kept, without it.

    Attributes:
        document: where it is.
        emails: e-mail addresses at example.org (RFC 2606).
        ip_addresses: IPv4 addresses reserved for documentation (RFC 5737).
        phone_numbers: numbers reserved for fiction.
    """

    document: Place
    emails: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    phone_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MalformedRecord:
    """A record that no reader can read: quarantined.

    Attributes:
        source: see `Place`.
        file: path below the sample folder.
        reason: key of `sources.registry.MALFORMED_REASONS`.
        offset: byte offset of the record in the file's decompressed stream.
    """

    source: str
    file: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class FileRecords:
    """How many records one file holds: documents + malformed.

    A record of a Wikipedia dump is an article in namespace 0 that is no redirect; a record of a plain subtitle file is
    a block of 100 lines, of an XML one the film.
    """

    source: str
    file: str
    language: str
    documents: int
    malformed: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything planted, and the number of records per file. No document is part of two plants."""

    schema_version: int
    seed: int
    files: tuple[FileRecords, ...]
    exact_copy: tuple[Copy, ...]
    cross_source_copy: tuple[Copy, ...]
    near_copy: tuple[Pair, ...]
    look_alike: tuple[Pair, ...]
    wrong_language: tuple[WrongLanguage, ...]
    code_mixed: tuple[CodeMixed, ...]
    boilerplate: tuple[Boilerplate, ...]
    mojibake: tuple[Mojibake, ...]
    private_data: tuple[PrivateData, ...]
    malformed: tuple[MalformedRecord, ...]


def write_truth(path: str, truth: Truth) -> None:
    """Write `truth.json`."""
    write_json(path, asdict(truth))


def read_truth(path: str) -> Truth:
    """The truth that `write_truth` wrote.

    Raises:
        ValueError: the file has another schema version.
    """
    found: dict[str, Any] = read_json(path)
    if found.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has schema_version {found.get('schema_version')}; expected {SCHEMA_VERSION}."
        )
    return Truth(
        schema_version=found["schema_version"],
        seed=found["seed"],
        files=tuple(FileRecords(**row) for row in found["files"]),
        exact_copy=tuple(_copy(row) for row in found["exact_copy"]),
        cross_source_copy=tuple(_copy(row) for row in found["cross_source_copy"]),
        near_copy=tuple(_pair(row) for row in found["near_copy"]),
        look_alike=tuple(_pair(row) for row in found["look_alike"]),
        wrong_language=tuple(WrongLanguage(**_placed(row)) for row in found["wrong_language"]),
        code_mixed=tuple(CodeMixed(**_placed(row)) for row in found["code_mixed"]),
        boilerplate=tuple(Boilerplate(**_placed(row)) for row in found["boilerplate"]),
        mojibake=tuple(Mojibake(**_placed(row)) for row in found["mojibake"]),
        private_data=tuple(PrivateData(**_placed(row)) for row in found["private_data"]),
        malformed=tuple(MalformedRecord(**row) for row in found["malformed"]),
    )


def _placed(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a plant of one document, lists as tuples."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return {**fields, "document": Place(**row["document"])}


def _copy(row: dict[str, Any]) -> Copy:
    return Copy(Place(**row["original"]), Place(**row["copy"]), row["white_space_differs"])


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(Place(**row["original"]), Place(**row["copy"]), row["jaccard"])
