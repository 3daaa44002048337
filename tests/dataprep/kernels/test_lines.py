"""Lines: their hashes are those of the definition in plain Python, and removal changes nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.arrow_buffers import Bytes, Offsets
from dataprep.kernels.lines import Lines, line_hashes, without_lines

from . import references
from .references import as_batch
from .texts import batches, texts

# Boilerplate of several scripts on lines of their own, so that lines repeat and paragraphs come and go.
LINES = (
    "All rights reserved. © 2024",
    "ALL RIGHTS RESERVED © 1999",
    "版权所有",
    "सर्वाधिकार सुरक्षित",
    "***",
    "",
    "\u3000",
    "नमस्ते",
    "a",
)
# Joiners at every place: between characters, doubled, before white space, before marks.
joined = st.text(st.sampled_from("کa\u200c\u200d .\u093e\u0301\n"), max_size=20)
documents = st.one_of(texts, joined, st.lists(st.sampled_from(LINES), max_size=12).map("\n".join))
cut_sequences = st.lists(st.sampled_from([0x61, 0x0A, 0xC3, 0xE3, 0xF0, 0x81, 0x9F]), max_size=9).map(bytes)


def as_texts(data: Bytes, offsets: Offsets) -> list[str]:
    return [data[a:b].tobytes().decode() for a, b in pairwise(offsets.tolist())]


def cut(texts: list[str], removed: list[list[int]]) -> list[str]:
    flat = np.array([number for each in removed for number in each], np.int64)
    starts = np.cumsum([0, *map(len, removed)]).astype(np.int64)
    return as_texts(*without_lines(*as_batch(texts), flat, starts))


def of_each(lines: Lines, values: np.ndarray) -> list[list[int]]:
    return [values[a:b].tolist() for a, b in pairwise(lines.starts.tolist())]


@given(st.lists(documents, max_size=6))
def test_hashes_and_lengths_are_those_of_the_normalised_lines(texts: list[str]) -> None:
    lines = line_hashes(*as_batch(texts))

    expected = [[references.normalised_line(line) for line in references.lines_of(text)] for text in texts]
    assert of_each(lines, lines.hashes) == [
        [references.unit_hash(line) if line else 0 for line in each] for each in expected
    ]
    assert of_each(lines, lines.characters) == [[len(line) for line in each] for each in expected]


@given(batches)
def test_the_places_are_those_of_the_lines(texts: list[str]) -> None:
    data, offsets = as_batch(texts)

    lines = line_hashes(data, offsets)

    spans = zip(lines.begins.tolist(), lines.ends.tolist(), strict=True)
    assert [data[a:b].tobytes().decode() for a, b in spans] == [
        line for text in texts for line in references.lines_of(text)
    ]


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("© 2024 Example Ltd. — All rights reserved!", "1999 EXAMPLE LTD: all rights Reserved"),
        ("Call 555-1234 now", "call 000 — 9876: NOW"),
        ("  * Read   more »", "Read more"),
        ("१२ मार्च २०२४", "99 मार्च 0000"),
        ("Straße ❤️ 12", "straße: 34"),
        ("2024年版权所有。", "1999年版权所有"),
        ("می‌خواهم!", "می‌خواهم"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("\u200cمی.\u200dخواهم", "می خواهم"),
    ],
)
def test_lines_that_differ_in_case_digits_and_punctuation_only_are_the_same(line: str, same: str) -> None:
    lines = line_hashes(*as_batch([line, same]))

    assert lines.hashes[0] == lines.hashes[1] != 0
    assert lines.characters[0] == lines.characters[1]


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("मैं कल गया", "म कल गय"),
        ("می‌خواهم", "میخواهم"),
        ("می\u200c خواهم", "می خواهم"),
        ("می\u200c\u200cخواهم", "می\u200cخواهم"),
        ("അവന്\u200d വന്നു", "അവന് വന്നു"),
        ("résumé", "resume"),
        ("12 May", "123 May"),
        ("now here", "nowhere"),
        ("שָׁלוֹם", "שלום"),
        ("一二三", "一二"),
    ],
)
def test_marks_joiners_numbers_and_word_ends_tell_lines_apart(line: str, other: str) -> None:
    lines = line_hashes(*as_batch([line, other]))

    assert lines.hashes[0] != lines.hashes[1]


@pytest.mark.parametrize("line", ["***", "— — —", "❤️‍🔥 😀", "्", "\u0301", "©®™", "\u200d\u200c"])
def test_a_line_without_letters_and_numbers_has_no_hash(line: str) -> None:
    lines = line_hashes(*as_batch([f"one\n{line}\n"]))

    assert lines.characters.tolist() == [3, 0]
    assert lines.hashes[1] == 0


def test_the_length_is_that_of_the_normalised_line() -> None:
    lines = line_hashes(*as_batch(["  «Read» — more: 12%\n\nनमस्ते!"]))

    assert lines.characters.tolist() == [len("read more 00"), len("नमस्ते")]
    assert (lines.hashes.dtype, lines.characters.dtype, lines.starts.dtype) == (np.uint64, np.int64, np.int64)


@given(st.lists(documents, max_size=6), st.data())
def test_what_is_left_is_that_of_the_definition(texts: list[str], data: st.DataObject) -> None:
    removed = [
        sorted(
            data.draw(st.sets(st.integers(0, len(references.lines_of(text)) - 1)))
            if references.lines_of(text)
            else set()
        )
        for text in texts
    ]

    assert cut(texts, removed) == [
        references.without_lines(text, set(numbers)) for text, numbers in zip(texts, removed, strict=True)
    ]


@given(documents, st.data())
def test_the_lines_that_are_left_are_the_others_in_their_order(text: str, data: st.DataObject) -> None:
    before = references.lines_of(text)
    removed = data.draw(st.sets(st.integers(0, len(before) - 1))) if before else set()

    (left,) = cut([text], [sorted(removed)])

    assert references.lines_of(left) == [line for number, line in enumerate(before) if number not in removed]


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("A\nB\nC", [1], "A\nC"),
        ("A\nB\nC", [0], "B\nC"),
        ("A\nB\nC", [2], "A\nB"),
        ("A\n\nB\n\nC", [1], "A\n\nC"),
        ("A\nB\n\nC", [1], "A\n\nC"),
        ("A\n\nB\nC", [1], "A\n\nC"),
        ("A\n\nB\n\nC\nD", [1, 2], "A\n\nD"),
        ("A\nB\n\nC\nD", [1, 2], "A\n\nD"),
        ("A\n\nB", [1], "A"),
        ("A\n\nB", [0], "B"),
        ("A\n\nB", [0, 1], ""),
        ("A\n\nB", [], "A\n\nB"),
        ("  A\n\tB\n", [0], "\tB\n"),
        ("A\n***\nB", [1], "A\nB"),
        ("A\n\n\n\nB\nC", [2], "A\n\n\n\nB"),
    ],
)
def test_a_line_goes_with_its_line_feed_and_paragraphs_stay_apart(
    text: str, removed: list[int], left: str
) -> None:
    assert cut([text], [removed]) == [left]


def test_a_slice_of_a_column_keeps_its_own_documents() -> None:
    data, offsets = as_batch(["x\ny", "A\nB", "C\n\nD"])

    left = without_lines(data, offsets[1:], np.array([0, 1], np.int64), np.array([0, 1, 2], np.int64))

    assert as_texts(*left) == ["B", "C"]
    assert line_hashes(data, offsets[1:]).begins.tolist() == [3, 5, 6, 9]


@pytest.mark.parametrize(
    ("removed", "starts", "message"),
    [
        ([2], [0, 1], "found only 0 of 1"),
        ([1, 0], [0, 2], "found only 1 of 2"),
        ([0, 0], [0, 2], "found only 1 of 2"),
        ([0], [0, 1, 1], "Expected a list of lines for each of 1 documents, found 3 starts of 1 lines"),
        ([0], [0, 0], "found 2 starts of 1 lines"),
    ],
)
def test_lines_that_are_not_there_are_refused(removed: list[int], starts: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        without_lines(*as_batch(["A\nB"]), np.array(removed, np.int64), np.array(starts, np.int64))


@given(st.lists(st.one_of(st.binary(max_size=20), cut_sequences), max_size=5))
def test_broken_utf8_is_read_within_its_line(broken: list[bytes]) -> None:
    pieces = [piece for text in broken for piece in text.split(b"\n")]
    offsets = np.cumsum([0, *map(len, pieces)]).astype(np.int64)
    alone = line_hashes(np.frombuffer(b"".join(pieces), np.uint8), offsets)

    together = line_hashes(
        np.frombuffer(b"\n".join(pieces), np.uint8), np.array([0, len(b"\n".join(pieces))], np.int64)
    )

    assert together.hashes.tolist() == alone.hashes.tolist()
