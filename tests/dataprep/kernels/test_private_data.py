"""The scan for places: what it must find, what it must pass over, and that it depends on the document alone."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.private_data import AT_SIGN, CODE, IPV6, NUMBER, ZEROS, find_places

from .references import as_batch

ALL_DIGITS = "".join(chr(zero + value) for zero in ZEROS for value in range(10))
FRAGMENTS = (
    "a@example.org", "用户@例子.广告", "192.0.2.1", "+44 20 7946 0958", "٠٢٠١٢٣٤٥٦", "９０１２３４５６７",
    "DE89 3704 0044 0532", "RSSMRA85T10A562S", "2001:db8::1", "1999-2003", "12.5.2024", "abc1234567x", "@", "é", "क्ष",
    "ที่", "漢字", "\u200c", "\u200e", " ", "\n", "-", ".", "(", "1", "22", "4444", "x", "AB12",
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)
cut_sequences = st.lists(st.sampled_from([0x31, 0x40, 0x41, 0xD9, 0xE0, 0xEF, 0xF0, 0xA0, 0xBC]), max_size=14)


def places(text: str) -> list[tuple[int, str]]:
    """Kind and text of each place."""
    data, offsets = as_batch([text])
    found = find_places(data, offsets)
    return [
        (kind, data[begin:end].tobytes().decode())
        for begin, end, kind in zip(*(column.tolist() for column in found[1:]), strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna@example.org now", [(AT_SIGN, "@")]),
        ("名＠例子．中国", [(AT_SIGN, "＠")]),
        ("@handle, a @ b.c, a@b c.d, x@(y.z), user@localhost", []),
        ("call +44 20 7946 0958.", [(NUMBER, "44 20 7946 0958")]),
        ("٠٢٠-١٢٣٤٥٦٧", [(NUMBER, "٠٢٠-١٢٣٤٥٦٧")]),
        ("𝟎𝟏𝟐𝟑𝟒𝟓𝟔", [(NUMBER, "𝟎𝟏𝟐𝟑𝟒𝟓𝟔")]),
        ("123456, 1,234,567, 12:34:56:78", []),
        ("12.05.2024, 2024-05-12, 1914–1918, 2001 2002 2003 2004", []),
        ("+20 24 2024", [(NUMBER, "20 24 2024")]),
        ("12 12 12 12", [(NUMBER, "12 12 12 12")]),
        ("192.0.2.1, 1.2.3.4, 1.2.3.45", [(NUMBER, "192.0.2.1"), (NUMBER, "1.2.3.45")]),
        ("123 - 4567, 123  -  4567", [(NUMBER, "123 - 4567")]),
        ("X1234567L", [(CODE, "X1234567L")]),
        ("131052A308T", [(CODE, "131052A308T")]),
        ("RSSMRA85T10A562S", [(CODE, "RSSMRA85T10A562S")]),
        ("GB29 NWBK 6016 1331 9268 19", [(CODE, "GB29"), (NUMBER, "6016 1331 9268 19")]),
        ("CO2 and H2O, MP3 player, AB12 is short", []),
        ("2001:db8::1 and 2001: a film", [(IPV6, "2001")]),
        ("Das 3. Reich, 漢字 ที่ क्षि مُحَمَّد 한국어 — “é”", []),
    ],
)
def test_places_of_examples(text: str, expected: list[tuple[int, str]]) -> None:
    assert places(text) == expected


@pytest.mark.parametrize(
    "digits", [chr(zero + 1) * 7 for zero in ZEROS], ids=lambda text: f"{ord(text[0]):X}"
)
def test_digits_of_every_script_are_digits(digits: str) -> None:
    assert places(f"{digits[0]} {digits}") == [(NUMBER, f"{digits[0]} {digits}")]


def test_the_digits_are_those_of_the_unicode_database() -> None:
    known = {chr(codepoint) for codepoint in range(0x110000) if unicodedata.category(chr(codepoint)) == "Nd"}

    assert known <= set(ALL_DIGITS) or unicodedata.unidata_version > "14.0.0"
    assert {character for character in ALL_DIGITS if not character.isdecimal()} == set()


@given(st.text(st.sampled_from(ALL_DIGITS), min_size=7, max_size=12), texts)
def test_seven_digits_in_a_row_are_always_in_a_place(digits: str, around: str) -> None:
    found = places(f"{around}\n{digits}\n{around}")

    assert any(digits in place for _, place in found)


@given(st.lists(texts, max_size=5))
def test_places_lie_in_their_documents_and_begin_and_end_with_a_character(documents: list[str]) -> None:
    data, offsets = as_batch(documents)
    found = find_places(data, offsets)

    assert (found.begins >= offsets[found.documents]).all()
    assert (found.ends <= offsets[found.documents + 1]).all()
    assert (found.begins < found.ends).all()
    assert (data[found.begins] & 0xC0 != 0x80).all()
    assert (np.append(data, 0)[found.ends] & 0xC0 != 0x80).all()


@given(st.lists(texts, max_size=5))
def test_a_document_has_the_same_places_alone_and_in_a_batch(documents: list[str]) -> None:
    data, offsets = as_batch(documents)
    found = find_places(data, offsets)
    together = [
        (int(document), data[begin:end].tobytes().decode(), int(kind))
        for document, begin, end, kind in zip(*found, strict=True)
    ]

    alone = [
        (number, text, kind) for number, document in enumerate(documents) for kind, text in places(document)
    ]

    assert together == alone


@given(st.lists(st.one_of(st.binary(max_size=20), cut_sequences.map(bytes)), max_size=4))
def test_broken_utf8_is_read_within_its_document(documents: list[bytes]) -> None:
    data = np.frombuffer(b"".join(documents), np.uint8)
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)

    found = find_places(data, offsets)

    assert (found.begins >= offsets[found.documents]).all()
    assert (found.ends <= offsets[found.documents + 1]).all()


def test_no_documents_have_no_places() -> None:
    assert find_places(np.empty(0, np.uint8), np.zeros(1, np.int64)).begins.size == 0
