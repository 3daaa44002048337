from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.tokenise import shingle_hashes, sort_unique, word_hashes

from . import references
from .references import as_batch
from .texts import batches

# Lead bytes of every length, continuation bytes and a letter: many a document ends inside a sequence.
cut_sequences = st.lists(st.sampled_from([0x61, 0xC3, 0xE3, 0xF0, 0x81, 0x9F, 0xA9]), max_size=8).map(bytes)


def of_each(hashes: np.ndarray, starts: np.ndarray) -> list[list[int]]:
    return [hashes[a:b].tolist() for a, b in pairwise(starts.tolist())]


@given(batches)
def test_unit_hashes_are_those_of_the_definition(texts: list[str]) -> None:
    hashes, starts = word_hashes(*as_batch(texts))

    assert of_each(hashes, starts) == [
        [references.unit_hash(unit) for unit in references.units(text)] for text in texts
    ]


@given(batches)
def test_shingle_hashes_are_those_of_the_definition(texts: list[str]) -> None:
    hashes, starts = shingle_hashes(*as_batch(texts))

    assert of_each(hashes, starts) == [references.shingle_hashes(text) for text in texts]
    assert hashes.dtype == np.uint64
    assert starts.dtype == np.int64


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Don't stop — l'été, rock’n’roll", ["don't", "stop", "l'été", "rock'n'roll"]),
        ("'quoted' 90's James'", ["quoted", "90", "s", "james"]),
        ("می‌خواهم می‌ خواهم", ["می\u200cخواهم", "می\u200c", "خواهم"]),
        ("അവന്‍ വന്നു", ["അവന്\u200d", "വന്നു"]),
        ("ก\u200cข", ["ก\u200c", "ข"]),
        ("हिन्दी में क्‍ष", ["हिन्दी", "में", "क्\u200dष"]),
        ("مُحَمَّد", ["مُحَمَّد"]),
        ("ที่กำ", ["ที่", "ก", "ำ"]),
        ("iPhone發表2024年", ["iphone", "發", "表", "2024", "年"]),
        ("か\u3099カー", ["か\u3099", "カ", "ー"]),
        ("한국어 학교", ["한국어", "학교"]),
        ("❤️‍🔥 😀 1️⃣", ["1\ufe0f\u20e3"]),
        (" \n\t ", []),
    ],
)
def test_units_of_examples_reviewed_by_eye(text: str, units: list[str]) -> None:
    hashes, _ = word_hashes(*as_batch([text]))

    assert hashes.tolist() == [references.unit_hash(unit) for unit in units]


@pytest.mark.parametrize(
    ("text", "shingles"),
    [
        ("one two", 0),
        ("one two three", 1),
        ("one two three four five", 1),
        ("one two three four five six", 2),
        ("漢字仮名交", 0),
        ("漢字仮名交じ", 1),
        ("漢字仮名交じり", 2),
        ("กขคงจฉ", 1),
        ("กขคงจฉชซฌญ", 1),
        ("กขคงจฉชซฌญฎ", 2),
        ("", 0),
    ],
)
def test_the_number_of_shingles_follows_the_rule_of_the_document(text: str, shingles: int) -> None:
    hashes, _ = shingle_hashes(*as_batch([text]))

    assert hashes.size == shingles


def test_case_and_apostrophe_do_not_matter_but_marks_do() -> None:
    hashes, starts = shingle_hashes(*as_batch(["Don't PANIC now", "don’t panic NOW", "don't pánic now"]))

    same, also, different = of_each(hashes, starts)

    assert same == also != different


@given(batches)
def test_a_document_has_the_same_shingles_alone_and_in_a_batch(texts: list[str]) -> None:
    together = of_each(*shingle_hashes(*as_batch(texts)))

    alone = [of_each(*shingle_hashes(*as_batch([text])))[0] for text in texts]

    assert together == alone


@given(st.lists(st.one_of(st.binary(max_size=20), cut_sequences), max_size=5))
def test_broken_utf8_is_read_within_its_document(documents: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    together = of_each(*word_hashes(np.frombuffer(b"".join(documents), np.uint8), offsets))

    alone = [
        of_each(*word_hashes(np.frombuffer(one, np.uint8), np.array([0, len(one)], np.int64)))[0]
        for one in documents
    ]

    assert together == alone


@given(
    st.lists(
        st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 5), st.integers(2**64 - 5, 2**64 - 1)),
        max_size=80,
    )
)
def test_sorting_keeps_each_value_once_in_order(values: list[int]) -> None:
    hashes = np.array(values, np.uint64)
    ordered, bounds = np.empty_like(hashes), np.empty(2 * len(values) + 2, np.int64)

    size = sort_unique(hashes, len(values), ordered, bounds)

    assert ordered[:size].tolist() == sorted(set(values))


def test_a_slice_of_a_column_starts_beyond_its_first_byte() -> None:
    import pyarrow as pa

    column = pa.array(["skip this one", "one two three four"])[1:]

    hashes, _ = word_hashes(*buffers(column))

    assert hashes.tolist() == [references.unit_hash(unit) for unit in ("one", "two", "three", "four")]
