"""Writes the sample corpora: four sources, 26 languages, with planted duplicates, damage and misfits on record.

`write_samples` is the whole job: `plants` collects, language by language, what goes into which file; when the files are
written and every document has its locator, the plants become the truth.
"""

import random
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dataprep.sample import formats, wikitext
from dataprep.sample.compose import Composer, Draft, Index
from dataprep.sample.formats import Broken, Record
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.plants import Corpus, add_language, add_malformed, add_misfits
from dataprep.sample.sentences import Sentences, load
from dataprep.sample.truth import (
    SCHEMA_VERSION,
    Boilerplate,
    CodeMixed,
    Copy,
    Mojibake,
    Pair,
    Place,
    PrivateData,
    Truth,
    WrongLanguage,
    write_truth,
)

_GZIP_CC100: Final = frozenset({"it", "tr", "vi"})
_PLAIN_CC100: Final = frozenset({"sv", "th"})
_MULTISTREAM: Final = frozenset({"de", "en", "ja", "ru"})
_LYING_DUMPS: Final = frozenset({"es", "hi", "ko", "nl", "ru"})
_PLAIN_SUBTITLES: Final = frozenset(
    {"ar", "de", "en", "es", "fr", "he", "it", "nl", "pl", "pt", "ru", "sv", "tr"}
)
_TOKENISED_FILMS: Final = frozenset({"bn", "hi", "id", "ko", "uk", "vi"})
_FILMS: Final = 3

# Spellings of the corpora where they are not BCP 47.
_MC4_CODES: Final = {"he": "iw"}
_CC100_CODES: Final = {"zh": "zh-Hans"}
_SUBTITLE_CODES: Final = {"zh": "zh_cn"}

_TRUNCATED_FILE: Final = "mc4/c4-en.tfrecord-00001-of-00002.json.gz"
_TRUNCATED_DOCUMENTS: Final = 10
_ENDLESS_DUMP: Final = "wikipedia/nlwiki-sample-pages-articles2.xml.bz2"
_ENDLESS_DUMP_ARTICLES: Final = 3
_UTF16_FILE: Final = "cc100/pl.txt"
_EMPTY_FILE: Final = "cc100/nl.txt.gz"


def write_samples(out_dir: str, *, seed: int = 1) -> Truth:
    """Write the sample corpora and `truth.json` into a local folder; what was planted.

    The same seed gives the same bytes. Nothing else should be in the folder: files of other seeds have the same
    names, but stay where a name changed.

    Args:
        out_dir: created if missing; locators in the truth take it as the input root.
        seed: of every random choice.
    """
    sentences = load()
    index = Index()
    composers = {
        code: Composer(code, sentences[code], random.Random(f"{seed}/{code}"), index) for code in LANGUAGES
    }
    corpus = Corpus(Path(out_dir), random.Random(f"{seed}"), composers)
    for code in LANGUAGES:
        add_language(corpus, code)
    add_misfits(corpus, sentences)
    add_malformed(corpus)
    _write_text_sources(corpus)
    _write_wikipedia(corpus)
    _write_subtitles(corpus, sentences)
    _write_damaged_files(corpus)
    truth = _truth(corpus, seed)
    write_truth(str(corpus.root / "truth.json"), truth)
    return truth


def _truth(corpus: Corpus, seed: int) -> Truth:
    at = corpus.places
    plants = corpus.plants
    return Truth(
        schema_version=SCHEMA_VERSION,
        seed=seed,
        files=tuple(sorted(corpus.files, key=lambda row: row.file)),
        exact_copy=tuple(Copy(at[one], at[two], differs) for one, two, differs in plants.exact_copy),
        cross_source_copy=tuple(
            Copy(at[one], at[two], differs) for one, two, differs in plants.cross_source_copy
        ),
        near_copy=tuple(Pair(at[one], at[two], jaccard) for one, two, jaccard in plants.near_copy),
        look_alike=tuple(Pair(at[one], at[two], jaccard) for one, two, jaccard in plants.look_alike),
        wrong_language=tuple(WrongLanguage(at[draft], actual) for draft, actual in plants.wrong_language),
        code_mixed=tuple(CodeMixed(at[draft], languages) for draft, languages in plants.code_mixed),
        boilerplate=tuple(Boilerplate(at[draft], *lines) for draft, *lines in plants.boilerplate),
        mojibake=tuple(Mojibake(at[draft], *found) for draft, *found in plants.mojibake),
        private_data=tuple(PrivateData(at[draft], *values) for draft, *values in plants.private_data),
        malformed=tuple(sorted(corpus.malformed, key=lambda row: (row.file, row.offset))),
    )


def _write_text_sources(corpus: Corpus) -> None:
    """mC4 and CC-100, each file in an order that tells nothing of the plants."""
    for (source, code), records in corpus.records.items():
        if source == "wikipedia":
            continue
        corpus.rng.shuffle(records)
        if source == "mc4":
            file = f"mc4/c4-{_MC4_CODES.get(code, code)}.tfrecord-00000-of-00001.json.gz"
            encoded = formats.mc4(records, code, corpus.rng)
        else:
            extension = ".gz" if code in _GZIP_CC100 else "" if code in _PLAIN_CC100 else ".xz"
            file = f"cc100/{_CC100_CODES.get(code, code)}.txt{extension}"
            encoded = formats.cc100(records)
        corpus.write(file, encoded.data)
        _locate(corpus, source, file, code, records, encoded)


def _locate(
    corpus: Corpus,
    source: str,
    file: str,
    language: str,
    records: Sequence[Record],
    encoded: formats.Encoded,
) -> None:
    """Note where each record of a written file is."""
    for record, offset, locator in zip(records, encoded.offsets, encoded.locators, strict=True):
        if isinstance(record, Broken):
            corpus.damaged(source, file, record.reason, offset)
        else:
            corpus.places[record] = Place(source, locator or f"{file}:{offset}", file, language)
    malformed = sum(isinstance(record, Broken) for record in records)
    corpus.count(source, file, language, documents=len(records) - malformed, malformed=malformed)


def _write_wikipedia(corpus: Corpus) -> None:
    taken: set[str] = set()
    for code in LANGUAGES:
        stem = "-multistream" if code in _MULTISTREAM else ""
        file = f"wikipedia/{code}wiki-sample-pages-articles{stem}.xml.bz2"
        drafts = [draft for draft in corpus.records["wikipedia", code] if isinstance(draft, Draft)]
        pages = _pages(corpus, drafts, code, file, taken)
        lies = code in _LYING_DUMPS
        parts = wikitext.dump_parts(
            [*pages, *wikitext.other_pages(LANGUAGES[code], pages[0].title)],
            "en" if lies else code,
            database="enwiki" if lies else f"{code}wiki",
            rng=corpus.rng,
        )
        if code in _MULTISTREAM:
            corpus.write_bytes(file, b"".join(formats.compress(file, part) for part in parts))
        else:
            corpus.write(file, b"".join(parts))
        corpus.count("wikipedia", file, code, documents=len(pages))


def _pages(
    corpus: Corpus, drafts: Sequence[Draft], code: str, file: str, taken: set[str]
) -> list[wikitext.Page]:
    """Articles of a dump; notes their places and titles."""
    titles: list[str] = []
    for draft in drafts:
        titles.append(wikitext.title_of(draft, taken))
        taken.add(titles[-1])
        corpus.places[draft] = Place("wikipedia", titles[-1], file, code)
    others = [*titles[1:], titles[0]]
    return [
        wikitext.article(draft, title, other, corpus.rng)
        for draft, title, other in zip(drafts, titles, others, strict=True)
    ]


def _write_subtitles(corpus: Corpus, sentences: dict[str, Sentences]) -> None:
    for code in LANGUAGES:
        lines = [*sentences[code].spoken, *sentences[code].all_written]
        name = _SUBTITLE_CODES.get(code, code)
        if code in _PLAIN_SUBTITLES:
            file = f"opensubtitles/OpenSubtitles.{name}.txt.gz"
            chosen = corpus.rng.sample(lines, min(len(lines), corpus.rng.randint(150, 160)))
            corpus.write(file, formats.subtitle_lines(chosen))
            blocks = -(-len(chosen) // formats.SUBTITLE_BLOCK_LINES)
            corpus.count("opensubtitles", file, code, documents=blocks)
            continue
        for film in range(1, _FILMS + 1):
            year, number = corpus.rng.randint(1960, 2018), corpus.rng.randint(10_000, 99_999)
            file = f"opensubtitles/xml/{name}/{year}/{film * 1000 + number}/{number}.xml.gz"
            chosen = corpus.rng.sample(lines, corpus.rng.randint(40, 60))
            corpus.write(file, formats.film_xml(chosen, number, tokenised=code in _TOKENISED_FILMS))
            corpus.count("opensubtitles", file, code, documents=1)


def _write_damaged_files(corpus: Corpus) -> None:
    """Files that are damaged as a whole, or from some point on."""
    _write_truncated_file(corpus)
    _write_endless_dump(corpus)
    text = corpus.composers["pl"].fresh("cc100").text
    corpus.write_bytes(_UTF16_FILE, b"\xff\xfe" + text.encode("utf-16-le"))
    corpus.write_bytes(_EMPTY_FILE, b"")
    for file, code, reason in ((_UTF16_FILE, "pl", "utf16"), (_EMPTY_FILE, "nl", "empty_file")):
        corpus.damaged("cc100", file, reason, 0)
        corpus.count("cc100", file, code, documents=0, malformed=1)


def _write_truncated_file(corpus: Corpus) -> None:
    """An mC4 file of which the last third of the compressed bytes is missing."""
    drafts = [corpus.composers["en"].fresh("mc4") for _ in range(_TRUNCATED_DOCUMENTS)]
    encoded = formats.mc4(drafts, "en-truncated", corpus.rng)
    compressed = formats.gzip_bytes(encoded.data)
    for size in range(len(compressed) * 2 // 3, len(compressed)):
        readable = len(zlib.decompressobj(31).decompress(compressed[:size]))
        cut = max(place for place, offset in enumerate(encoded.offsets) if offset <= readable)
        if readable - encoded.offsets[cut] > 100:  # the cut lies inside a record
            break
    corpus.write_bytes(_TRUNCATED_FILE, compressed[:size])
    for draft, locator in zip(drafts[:cut], encoded.locators, strict=False):
        corpus.places[draft] = Place("mc4", locator, _TRUNCATED_FILE, "en")
    corpus.damaged("mc4", _TRUNCATED_FILE, "corrupt_stream", encoded.offsets[cut])
    corpus.count("mc4", _TRUNCATED_FILE, "en", documents=cut, malformed=1)


def _write_endless_dump(corpus: Corpus) -> None:
    """A dump that ends inside its last article."""
    drafts = [corpus.composers["nl"].fresh("wikipedia") for _ in range(_ENDLESS_DUMP_ARTICLES + 1)]
    taken = {place.locator for place in corpus.places.values() if place.source == "wikipedia"}
    pages = _pages(corpus, drafts, "nl", _ENDLESS_DUMP, taken)
    del corpus.places[drafts[-1]]
    data = b"".join(wikitext.dump_parts(pages, "nl", database="nlwiki", rng=corpus.rng))
    start = data.rindex(b"<page>")
    corpus.write(_ENDLESS_DUMP, data[: (start + data.rindex(b"</text>")) // 2])
    corpus.damaged("wikipedia", _ENDLESS_DUMP, "xml_without_end", start)
    corpus.count(
        "wikipedia",
        _ENDLESS_DUMP,
        "nl",
        documents=_ENDLESS_DUMP_ARTICLES,
        malformed=1,
    )
