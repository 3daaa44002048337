"""The sample corpora as the readers see them, against the truth; similarities are measured here anew."""

import bz2
import hashlib
import ipaddress
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from dataprep.sample.generator import write_samples
from dataprep.sample.sentences import load
from dataprep.sample.truth import Copy, Pair, Place, Truth, read_truth
from dataprep.sources.record import Document, Malformed, Split
from dataprep.sources.registry import MALFORMED_REASONS, READERS

LANGUAGES = [
    *("ar", "bn", "de", "en", "es", "fr", "he", "hi", "id", "it", "ja", "ko", "mr"),
    *("nl", "pl", "pt", "ru", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh"),
]
SENTENCES = load()


class Sample(NamedTuple):
    """The written sample.

    Attributes:
        root: its folder.
        truth: what the generator returned.
        records: per file, the language its name tells and what its reader gives.
        texts: per (source, locator), the documents' texts.
    """

    root: Path
    truth: Truth
    records: Mapping[str, tuple[str | None, list[Document | Malformed]]]
    texts: Mapping[tuple[str, str], str]

    def text(self, place: Place) -> str:
        return self.texts[place.source, place.locator]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    root = tmp_path_factory.mktemp("sample")
    truth = write_samples(str(root))
    records: dict[str, tuple[str | None, list[Document | Malformed]]] = {}
    texts: dict[tuple[str, str], str] = {}
    for file in truth.files:
        reader = READERS[file.source]
        language = reader.language_of(file.file)
        split = Split(file.source, file.source, file.file, str(root / file.file), language)
        found = list(reader.read(split))
        records[file.file] = (language, found)
        for record in found:
            if isinstance(record, Document):
                assert (file.source, record.locator) not in texts, f"two documents at {record.locator}"
                texts[file.source, record.locator] = record.text
    return Sample(root, truth, records, texts)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def folded(character: str) -> str:
    return character.lower() if len(character.lower()) == 1 else character


def shingles(text: str, language: str) -> set[tuple[str, ...]]:
    """Shingles of a text in one script, not taken from the generator's reference."""
    joined = "".join(
        character
        if unicodedata.category(character)[0] in "LMN"
        or (character in "\u200c\u200d" and 0 < place < len(text) - 1)
        or (character in "'’" and text[place - 1 : place].isalpha() and text[place + 1 : place + 2].isalpha())
        else " "
        for place, character in enumerate(text)
    )
    kept = "".join(folded(character) for character in joined)
    if language in {"ja", "zh"}:
        units, size = re.findall(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]", kept), 6
    elif language == "th":
        units, size = (
            re.findall(
                r"[A-Za-z0-9]+|[^\sA-Za-z0-9\u0e31\u0e34-\u0e3a\u0e47-\u0e4e][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*",
                kept,
            ),
            10,
        )
    else:
        units, size = kept.split(), 5
    return {tuple(units[at : at + size]) for at in range(len(units) - size + 1)}


def jaccard(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    return len(left & right) / len(left | right)


def measured(sample: Sample, pairs: Iterable[Pair]) -> list[float]:
    return [
        jaccard(
            shingles(sample.text(pair.original), pair.original.language),
            shingles(sample.text(pair.copy), pair.copy.language),
        )
        for pair in pairs
    ]


def languages(pairs: Iterable[Copy | Pair]) -> Counter[str]:
    return Counter(pair.original.language for pair in pairs)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_texts(
    sample: Sample, tmp_path: Path
) -> None:
    again = write_samples(str(tmp_path / "again"))
    other = write_samples(str(tmp_path / "other"), seed=2)

    assert again == sample.truth
    assert digests(tmp_path / "again") == digests(sample.root)
    assert other.near_copy != sample.truth.near_copy
    assert digests(tmp_path / "other")["cc100/sv.txt"] != digests(sample.root)["cc100/sv.txt"]


def test_truth_survives_the_file(sample: Sample) -> None:
    assert read_truth(str(sample.root / "truth.json")) == sample.truth


def test_truth_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text('{"schema_version": 99}')

    with pytest.raises(ValueError, match="has schema_version 99; expected 1"):
        read_truth(str(tmp_path / "truth.json"))


def test_the_sample_is_small_and_truth_names_each_of_its_files(sample: Sample) -> None:
    on_disk = {str(path.relative_to(sample.root)) for path in sample.root.rglob("*") if path.is_file()}

    assert {row.file for row in sample.truth.files} | {"truth.json"} == on_disk
    assert sum((sample.root / file).stat().st_size for file in on_disk) < 3_000_000
    assert 2_500 <= sum(row.documents for row in sample.truth.files) <= 3_000


def test_readers_find_in_each_file_the_language_and_the_records_that_truth_counts(sample: Sample) -> None:
    expected = {row.file: (row.language, row.documents, row.malformed) for row in sample.truth.files}

    actual = {
        file: (
            language,
            sum(isinstance(record, Document) for record in records),
            sum(isinstance(record, Malformed) for record in records),
        )
        for file, (language, records) in sample.records.items()
    }

    assert actual == expected


def test_every_language_is_in_every_source(sample: Sample) -> None:
    found = defaultdict(set)
    for row in sample.truth.files:
        found[row.source].add(row.language)

    assert found == {source: set(LANGUAGES) for source in ("mc4", "cc100", "wikipedia", "opensubtitles")}


def test_the_largest_language_has_six_times_the_documents_of_the_smallest(sample: Sample) -> None:
    counts: Counter[str] = Counter()
    for row in sample.truth.files:
        counts[row.language] += row.documents * (row.source in {"mc4", "cc100", "wikipedia"})

    assert max(counts, key=lambda code: counts[code]) == "en"
    assert 4.5 <= counts["en"] / min(counts.values()) <= 7


def test_names_and_containers_are_those_of_the_real_corpora(sample: Sample) -> None:
    names = {row.file for row in sample.truth.files}
    streams = {
        row.file: len(re.findall(rb"BZh91AY&SY", (sample.root / row.file).read_bytes()))
        for row in sample.truth.files
        if row.source == "wikipedia"
    }

    assert {"mc4/c4-iw.tfrecord-00000-of-00001.json.gz", "cc100/zh-Hans.txt.xz", "cc100/th.txt"} <= names
    assert {"cc100/it.txt.gz", "opensubtitles/OpenSubtitles.he.txt.gz"} <= names
    assert sum("/xml/zh_cn/" in name for name in names) == 3
    assert {file.split("/")[1][:2] for file, count in streams.items() if count > 2} == {
        "de",
        "en",
        "ja",
        "ru",
    }
    assert {file for file, count in streams.items() if count > 2} == {
        name for name in names if "multistream" in name
    }


def test_dumps_hold_other_pages_and_headers_that_lie(sample: Sample) -> None:
    dumps = {
        row.language: bz2.decompress((sample.root / row.file).read_bytes()).decode()
        for row in sample.truth.files
        if row.source == "wikipedia" and row.file.endswith((".xml.bz2",)) and "articles2" not in row.file
    }

    assert [code for code, xml in dumps.items() if xml.count("<redirect ") != 2] == []
    assert [
        code for code, xml in dumps.items() if not {"<ns>1</ns>", "<ns>10</ns>"} <= set(xml.split())
    ] == []
    lying = {code for code, xml in dumps.items() if "<dbname>enwiki</dbname>" in xml} - {"en"}
    assert lying == {"es", "hi", "ko", "nl", "ru"}


@pytest.mark.parametrize("markup", ["{{Infobox", "{|", "[[", "<ref", "'''", "{{nowrap", "\n* ", "\n== "])
def test_wikitext_is_rich_and_none_of_its_markup_reaches_the_text(sample: Sample, markup: str) -> None:
    path = sample.root / "wikipedia/enwiki-sample-pages-articles-multistream.xml.bz2"
    source = bz2.decompress(path.read_bytes()).decode().replace("&lt;", "<")

    texts = [text for (name, _), text in sample.texts.items() if name == "wikipedia"]

    assert markup in source
    assert [text for text in texts if markup in text] == []


def test_malformed_records_are_where_truth_says(sample: Sample) -> None:
    actual = {
        (file, record.reason, record.offset)
        for file, (_, records) in sample.records.items()
        for record in records
        if isinstance(record, Malformed)
    }

    assert actual == {(row.file, row.reason, row.offset) for row in sample.truth.malformed}
    reasons = Counter(row.reason for row in sample.truth.malformed)
    assert reasons == {
        "invalid_utf8": 2,
        "invalid_json": 1,
        "missing_text": 1,
        "corrupt_stream": 1,
        "xml_without_end": 1,
        "utf16": 1,
        "empty_file": 1,
    }
    assert set(reasons) <= set(MALFORMED_REASONS)


def test_exact_copies_are_equal_but_for_white_space_where_truth_says(sample: Sample) -> None:
    copies = sample.truth.exact_copy

    assert languages(copies) == dict.fromkeys(LANGUAGES, 2)
    assert [copy for copy in copies if copy.original.source != copy.copy.source] == []
    assert [
        copy for copy in copies if sample.text(copy.original).split() != sample.text(copy.copy).split()
    ] == []
    assert [
        copy
        for copy in copies
        if (sample.text(copy.original) != sample.text(copy.copy)) != copy.white_space_differs
    ] == []
    assert Counter(copy.white_space_differs for copy in copies) == {True: 26, False: 26}


def test_cross_source_copies_are_equal_texts_of_two_sources(sample: Sample) -> None:
    copies = sample.truth.cross_source_copy

    assert languages(copies) == dict.fromkeys(LANGUAGES, 2)
    assert Counter((copy.original.source, copy.copy.source) for copy in copies) == {
        ("cc100", "mc4"): 26,
        ("wikipedia", "mc4"): 26,
    }
    assert [
        copy for copy in copies if sample.text(copy.original).split() != sample.text(copy.copy).split()
    ] == []


def test_near_copies_have_the_recorded_similarity_above_the_threshold(sample: Sample) -> None:
    pairs = sample.truth.near_copy

    found = measured(sample, pairs)

    assert found == pytest.approx([pair.jaccard for pair in pairs], abs=1e-12)
    assert min(found) >= 0.85
    assert max(found) <= 0.97
    assert languages(pairs) == dict.fromkeys(LANGUAGES, 3)
    assert Counter((pair.original.source, pair.copy.source) for pair in pairs) == {
        ("mc4", "mc4"): 26,
        ("cc100", "mc4"): 26,
        ("wikipedia", "cc100"): 26,
    }


def test_look_alikes_have_the_recorded_similarity_below_the_threshold(sample: Sample) -> None:
    pairs = sample.truth.look_alike

    found = measured(sample, pairs)

    assert found == pytest.approx([pair.jaccard for pair in pairs], abs=1e-12)
    assert min(found) >= 0.45
    assert max(found) <= 0.72
    assert languages(pairs) == dict.fromkeys(LANGUAGES, 2)


def test_documents_that_are_no_planted_pair_are_unlike(sample: Sample) -> None:
    language = {place: row.language for row in sample.truth.files for place in _keys(sample, row.file)}
    planted = {
        frozenset(((pair.original.source, pair.original.locator), (pair.copy.source, pair.copy.locator)))
        for kind in ("exact_copy", "cross_source_copy", "near_copy", "look_alike")
        for pair in getattr(sample.truth, kind)
    }
    sizes, holders = {}, defaultdict(list)
    for key, text in sample.texts.items():
        found = shingles(text, language[key])
        sizes[key] = len(found)
        for shingle in found:
            holders[shingle].append(key)

    shared = Counter(frozenset(pair) for keys in holders.values() for pair in combinations(keys, 2))

    similar = []
    for pair, count in shared.items():
        left, right = pair
        if pair not in planted and count / (sizes[left] + sizes[right] - count) >= 0.5:
            similar.append(pair)
    assert similar == []


def _keys(sample: Sample, file: str) -> list[tuple[str, str]]:
    source = file.split("/")[0]
    return [(source, record.locator) for record in sample.records[file][1] if isinstance(record, Document)]


def test_no_document_is_part_of_two_plants(sample: Sample) -> None:
    truth = sample.truth
    pairs: list[Copy | Pair] = [
        *truth.exact_copy,
        *truth.cross_source_copy,
        *truth.near_copy,
        *truth.look_alike,
    ]
    single: list[Place] = [
        *(plant.document for plant in truth.wrong_language),
        *(plant.document for plant in truth.code_mixed),
        *(plant.document for plant in truth.boilerplate),
        *(plant.document for plant in truth.mojibake),
        *(plant.document for plant in truth.private_data),
    ]

    places = [place for pair in pairs for place in (pair.original, pair.copy)] + single

    assert len(set(places)) == len(places)


def test_wrong_language_documents_consist_of_sentences_of_the_actual_language(sample: Sample) -> None:
    plants = sample.truth.wrong_language

    counts = [
        (
            sum(line in sample.text(plant.document) for line in SENTENCES[plant.actual_language].all_written)
            >= 6,
            sum(
                line in sample.text(plant.document) for line in SENTENCES[plant.document.language].all_written
            ),
        )
        for plant in plants
    ]

    assert len(plants) >= 12
    assert counts == [(True, 0)] * len(plants)


def test_code_mixed_documents_take_turns_between_two_languages(sample: Sample) -> None:
    plants = [plant for plant in sample.truth.code_mixed if plant.languages[0] != "hi-Latn"]
    romanised = [plant for plant in sample.truth.code_mixed if plant.languages == ("hi-Latn", "en")]

    counts = [
        tuple(
            sum(line in sample.text(plant.document) for line in SENTENCES[code].all_written)
            for code in plant.languages
        )
        for plant in plants
    ]

    assert counts == [(5, 5)] * 11
    assert [plant.document.language for plant in plants] == [plant.languages[0] for plant in plants]
    assert [
        (
            plant.document.language,
            sum(line in sample.text(plant.document) for line in SENTENCES["hi-Latn"].spoken),
        )
        for plant in romanised
    ] == [("hi", 20)] * 3


def test_boilerplate_pages_are_10_to_15_lines_of_which_most_pages_repeat_some(sample: Sample) -> None:
    plants = sample.truth.boilerplate
    lines = [sample.text(plant.document).split("\n") for plant in plants]

    assert sorted(plant.document.language for plant in plants) == LANGUAGES
    assert [plant.num_lines for plant in plants] == [len(page) for page in lines]
    assert [plant.num_repeated_lines for plant in plants] == [len(page) - len(set(page)) for page in lines]
    assert {plant.num_lines for plant in plants} <= set(range(10, 16))
    assert [plant.document for plant in plants if plant.document.language in {"ja", "th", "zh"}
            and not plant.num_repeated_lines] == []  # fmt: skip
    assert sum(plant.num_repeated_lines > 3 for plant in plants) >= 15


def test_mojibake_is_undone_by_reading_the_bytes_as_utf_8(sample: Sample) -> None:
    plants = sample.truth.mojibake

    repaired = [sample.text(plant.document).encode(plant.code_page).decode() for plant in plants]

    assert len(plants) == 8
    assert {plant.code_page for plant in plants} == {"cp1252", "cp1251"}
    assert [text[:60] for text in repaired] == [plant.text_start for plant in plants]
    assert [
        plant for plant, text in zip(plants, repaired, strict=True) if text == sample.text(plant.document)
    ] == []
    known = [
        any(line in text for line in SENTENCES[plant.document.language].all_written)
        for plant, text in zip(plants, repaired, strict=True)
    ]
    assert all(known)


def test_private_data_is_in_its_document_and_names_nobody(sample: Sample) -> None:
    plants = sample.truth.private_data
    reserved = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    emails = [email for plant in plants for email in plant.emails]
    addresses = [ipaddress.ip_address(address) for plant in plants for address in plant.ip_addresses]
    phones = [phone for plant in plants for phone in plant.phone_numbers]

    missing = [
        value
        for plant in plants
        for value in (*plant.emails, *plant.ip_addresses, *plant.phone_numbers)
        if value not in sample.text(plant.document)
    ]

    assert missing == []
    assert len(plants) >= 10
    assert [email for email in emails if not email.endswith("@example.org")] == []
    assert [address for address in addresses if not any(address in net for net in reserved)] == []
    assert [
        phone for phone in phones if not re.fullmatch(r"\+1 212-555-01\d\d|\+44 20 7946 0\d{3}", phone)
    ] == []
    assert min(len(emails), len(addresses), len(phones)) >= 5
