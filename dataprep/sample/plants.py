"""What goes into the sample corpora: ordinary documents, and the plants whose fate is known in advance.

`Corpus` collects records per file and plants by their drafts; `generator` writes them and turns plants into truth.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dataprep.sample import formats
from dataprep.sample.compose import (
    Composer,
    CompositionError,
    Draft,
    alternating,
    joined,
    moved,
    with_spacing,
)
from dataprep.sample.formats import Broken, Record
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.sentences import ROMANISED_HINDI, Sentences
from dataprep.sample.truth import FileRecords, MalformedRecord, Place

MC4_DOCUMENTS: Final = 45  # times the language's weight, as the two below
CC100_DOCUMENTS: Final = 30
WIKIPEDIA_ARTICLES: Final = 14

# (language of the file, language of the text): far apart, so that no identification takes one for the other.
_WRONG_LANGUAGES: Final = (
    ("en", "ru"), ("de", "ja"), ("fr", "hi"), ("es", "zh"), ("ru", "de"), ("hi", "fr"), ("zh", "it"),
    ("ja", "pl"), ("ar", "ko"), ("th", "en"), ("vi", "uk"), ("tr", "ar"), ("ta", "sv"), ("ko", "es"),
)  # fmt: skip
_MIXED_LANGUAGES: Final = (
    ("hi", "en"), ("ta", "en"), ("te", "en"), ("mr", "en"), ("bn", "en"), ("ur", "en"), ("es", "en"),
    ("id", "en"), ("ar", "fr"), ("tr", "de"), ("uk", "ru"),
)  # fmt: skip
_ROMANISED_HINDI_DOCUMENTS: Final = 3
_CODE_PAGES: Final = (
    ("de", "cp1252"), ("fr", "cp1252"), ("es", "cp1252"), ("pt", "cp1252"), ("sv", "cp1252"), ("it", "cp1252"),
    ("ru", "cp1251"), ("uk", "cp1251"),
)  # fmt: skip
_TEXT_START_CHARS: Final = 60
_PRIVATE_DATA: Final = (
    ("en", ("anna.lind@example.org",), ("192.0.2.17",), ("+1 212-555-0142",)),
    ("de", ("redaktion@example.org",), (), ("+44 20 7946 0321",)),
    ("fr", ("contact-presse@example.org",), ("198.51.100.23",), ()),
    ("es", (), ("203.0.113.99",), ("+1 212-555-0177",)),
    ("pt", ("loja+pedidos@example.org",), (), ()),
    ("it", ("m.rossi_42@example.org", "posta@example.org"), (), ("+1 212-555-0108",)),
    ("hi", ("sampark@example.org",), ("192.0.2.201",), ("+44 20 7946 0958",)),
    ("ja", ("otoiawase@example.org",), (), ("+1 212-555-0199",)),
    ("ru", (), ("198.51.100.140",), ("+44 20 7946 0007",)),
    ("ar", ("info@example.org",), (), ("+1 212-555-0123",)),
    ("tr", ("destek@example.org",), ("203.0.113.5",), ()),
    ("id", (), (), ("+44 20 7946 0610",)),
)


@dataclass
class Plants:
    """What was planted, by drafts: the fields of `Truth` under their names, before documents have locators."""

    exact_copy: list[tuple[Draft, Draft, bool]] = field(default_factory=list)
    cross_source_copy: list[tuple[Draft, Draft, bool]] = field(default_factory=list)
    near_copy: list[tuple[Draft, Draft, float]] = field(default_factory=list)
    look_alike: list[tuple[Draft, Draft, float]] = field(default_factory=list)
    wrong_language: list[tuple[Draft, str]] = field(default_factory=list)
    code_mixed: list[tuple[Draft, tuple[str, ...]]] = field(default_factory=list)
    boilerplate: list[tuple[Draft, int, int]] = field(default_factory=list)
    mojibake: list[tuple[Draft, str, str]] = field(default_factory=list)
    private_data: list[tuple[Draft, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=list
    )


@dataclass
class Corpus:
    """What was made so far.

    Attributes:
        root: the sample folder.
        rng: of everything that is not one language's.
        composers: per language.
        records: per source and language of the file, its records.
        plants: what was planted.
        places: where each document is; filled as files are written.
        files: records per file.
        malformed: records that cannot be read.
    """

    root: Path
    rng: random.Random
    composers: dict[str, Composer]
    records: dict[tuple[str, str], list[Record]] = field(default_factory=dict)
    plants: Plants = field(default_factory=Plants)
    places: dict[Draft, Place] = field(default_factory=dict)
    files: list[FileRecords] = field(default_factory=list)
    malformed: list[MalformedRecord] = field(default_factory=list)

    def add(self, record: Record, *, source: str, language: str) -> None:
        """Put a record into the file of a source and language."""
        self.records.setdefault((source, language), []).append(record)

    def place(self, draft: Draft) -> Draft:
        """Put a draft into its file."""
        self.add(draft, source=draft.source, language=draft.language)
        return draft

    def write(self, file: str, data: bytes) -> None:
        """Write one file of the sample, compressed as its name asks."""
        self.write_bytes(file, formats.compress(file, data))

    def write_bytes(self, file: str, data: bytes) -> None:
        """Write one file as it is."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def count(self, source: str, file: str, language: str, *, documents: int, malformed: int = 0) -> None:
        """Note how many records a file holds."""
        self.files.append(FileRecords(source, file, language, documents, malformed))

    def damaged(self, source: str, file: str, reason: str, offset: int) -> None:
        """Note a malformed record."""
        self.malformed.append(MalformedRecord(source, file, reason, offset))


def add_language(corpus: Corpus, code: str) -> None:
    """Ordinary documents of one language, and its copies, near copies and look-alikes."""
    composer = corpus.composers[code]
    weight = LANGUAGES[code].weight
    made = {
        source: [corpus.place(composer.fresh(source)) for _ in range(round(number * weight))]
        for source, number in (
            ("mc4", MC4_DOCUMENTS),
            ("cc100", CC100_DOCUMENTS),
            ("wikipedia", WIKIPEDIA_ARTICLES),
        )
    }
    for drafts in made.values():
        corpus.rng.shuffle(drafts)
    # Each original is taken from its list, so that no document is part of two plants.
    plants = corpus.plants
    plants.exact_copy.append(_planted_copy(corpus, made["mc4"].pop(), "mc4", spaced=False))
    plants.exact_copy.append(_planted_copy(corpus, made["cc100"].pop(), "cc100", spaced=True))
    spaced = bool(corpus.rng.getrandbits(1))
    plants.cross_source_copy.append(_planted_copy(corpus, made["cc100"].pop(), "mc4", spaced=spaced))
    article = next(draft for draft in made["wikipedia"] if not draft.listed)
    made["wikipedia"].remove(article)
    plants.cross_source_copy.append(_planted_copy(corpus, article, "mc4", spaced=False))
    for original, target in (("mc4", "mc4"), ("cc100", "mc4"), ("wikipedia", "cc100")):
        draft = next(draft for draft in made[original] if composer.can_be_edited(draft))
        made[original].remove(draft)
        copy, jaccard = composer.near_copy(draft, target)
        plants.near_copy.append((draft, corpus.place(copy), jaccard))
    for source in ("mc4", "cc100"):
        draft = made[source].pop()
        copy, jaccard = composer.look_alike(draft, source)
        plants.look_alike.append((draft, corpus.place(copy), jaccard))


def _planted_copy(corpus: Corpus, original: Draft, source: str, *, spaced: bool) -> tuple[Draft, Draft, bool]:
    made = with_spacing(original, source, corpus.rng) if spaced else moved(original, source)
    # What a reader makes of an article's white space is its own business.
    return original, corpus.place(made), spaced or original.source == "wikipedia"


def add_misfits(corpus: Corpus, sentences: dict[str, Sentences]) -> None:
    """Documents that rules or repairs should touch."""
    _add_wrong_languages(corpus)
    _add_code_mixed(corpus, sentences[ROMANISED_HINDI])
    for number, code in enumerate(LANGUAGES):
        _add_boilerplate(corpus, code, sentences[code].boilerplate, repeated=number % 3 != 0)
    for number, (code, code_page) in enumerate(_CODE_PAGES):
        _add_mojibake(corpus, code, code_page, _alternate(number))
    for number, row in enumerate(_PRIVATE_DATA):
        _add_private_data(corpus, *row, source=_alternate(number))


def _alternate(number: int) -> str:
    return ("mc4", "cc100")[number % 2]


def _add_wrong_languages(corpus: Corpus) -> None:
    for number, (declared, actual) in enumerate(_WRONG_LANGUAGES):
        draft = corpus.place(corpus.composers[actual].fresh(_alternate(number), file_language=declared))
        corpus.plants.wrong_language.append((draft, actual))


def _add_code_mixed(corpus: Corpus, romanised: Sentences) -> None:
    for number, languages in enumerate(_MIXED_LANGUAGES):
        text = alternating(corpus.composers, languages, corpus.rng)
        draft = corpus.place(Draft(_alternate(number), languages[0], (), text))
        corpus.plants.code_mixed.append((draft, languages))
    lines = corpus.rng.sample(romanised.spoken, len(romanised.spoken))
    share = len(lines) // _ROMANISED_HINDI_DOCUMENTS
    for number in range(_ROMANISED_HINDI_DOCUMENTS):
        part = lines[number * share : (number + 1) * share]
        paragraphs = (part[: share // 2], part[share // 2 :])
        draft = corpus.place(Draft("mc4", "hi", (), "\n".join(joined(lines, "hi") for lines in paragraphs)))
        corpus.plants.code_mixed.append((draft, (ROMANISED_HINDI, "en")))


def _add_boilerplate(corpus: Corpus, code: str, lines: Sequence[str], *, repeated: bool) -> None:
    """A page of 10 to 15 short lines: menu entries, notice, copyright; the menu again if lines repeat."""
    entries = [entry.strip() for line in lines for entry in line.split(" | ")]
    menu = [entry for entry in entries if entry in lines[1]]
    others = [entry for entry in entries if entry not in menu]
    if repeated:
        shown = [*menu[:6], *others[:3], *menu[:6]]
    else:
        names = [topic for topic in LANGUAGES[code].topics if topic not in menu]
        shown = [*menu[:6], *names[: 11 - min(6, len(menu))], others[-2]]
    draft = corpus.place(Draft("mc4", code, (), "\n".join(shown)))
    extra = len(shown) - len(set(shown))
    corpus.plants.boilerplate.append((draft, len(shown), extra))


def _add_mojibake(corpus: Corpus, code: str, code_page: str, source: str) -> None:
    for _ in range(100):
        right = corpus.composers[code].fresh(source)
        try:
            garbled = right.text.encode().decode(code_page)
        except UnicodeDecodeError:  # some byte has no character in the code page
            continue
        if garbled.count("\u00a0") == 0 and garbled != right.text:
            draft = corpus.place(replace(right, text=garbled))
            start = right.text[:_TEXT_START_CHARS]
            corpus.plants.mojibake.append((draft, code_page, start))
            return
    raise CompositionError(f"{code}: no text whose bytes are all characters of {code_page}.")


def _add_private_data(
    corpus: Corpus,
    code: str,
    emails: tuple[str, ...],
    ip_addresses: tuple[str, ...],
    phone_numbers: tuple[str, ...],
    *,
    source: str,
) -> None:
    draft = corpus.composers[code].fresh(source)
    sentences = list(draft.sentences)
    # Brackets mean the same in every language.
    sentences.insert(2, f"({', '.join((*emails, *ip_addresses, *phone_numbers))})")
    text = "\n".join(joined(part, code) for part in (sentences[:5], sentences[5:]))
    placed = corpus.place(replace(draft, text=text))
    corpus.plants.private_data.append((placed, emails, ip_addresses, phone_numbers))


def add_malformed(corpus: Corpus) -> None:
    """Records that cannot be read, inside files that can."""
    text = corpus.composers["es"].fresh("mc4").text[:60].encode()
    url = b'"url":"https://broken-pages.example/1"'
    broken = (
        ("mc4", "de", "invalid_json", b'{"text":"' + text + b'","timestamp":'),
        ("mc4", "fr", "missing_text", b'{"timestamp":"2019-05-04T10:00:00Z",' + url + b"}"),
        ("mc4", "es", "invalid_utf8", b'{"text":"' + b"caf\xe9 con leche" + b'",' + url + b"}"),
        ("cc100", "it", "invalid_utf8", "Perché ".encode("latin-1") * 12),
    )
    for source, language, reason, data in broken:
        corpus.add(Broken(reason, data), source=source, language=language)
