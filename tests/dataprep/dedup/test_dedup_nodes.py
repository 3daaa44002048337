import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.dedup.nodes import (
    first_node,
    ids_to_words,
    nodes,
    part_of,
    ranks,
    row_of,
    segment_of,
    words_to_ids,
)

LAST_SEGMENT, LAST_PART, LAST_ROW = 1023, 2**21 - 1, 2**32 - 1
LONGEST = 2**34 - 1

segments = st.integers(0, LAST_SEGMENT)
places = st.tuples(st.integers(0, LAST_PART), st.integers(0, LAST_ROW))
# Segment, priority, quality, length: ends of the ranges, close qualities and equal values come up often.
qualities = st.sampled_from([0.0, 0.1, 0.1004, 0.1006, 0.5, 0.9994, 1.0]) | st.floats(0, 1, width=32)
lengths = st.sampled_from([0, 1, 400_000, LONGEST, LONGEST + 1]) | st.integers(0, 2**40)
merits = st.tuples(st.sampled_from([0, 1, LAST_SEGMENT]), st.sampled_from([0, 1, 127]), qualities, lengths)
ids = st.integers(0, 2**128 - 1).map("{:032x}".format)


@given(segment=segments, wanted=st.lists(places))
def test_segment_part_and_row_are_read_back_from_a_node(segment: int, wanted: list[tuple[int, int]]) -> None:
    part_N, row_N = np.array(wanted, np.int64).reshape(-1, 2).T

    node_N = nodes(segment, part_N, row_N)

    assert node_N.dtype == np.int64
    assert segment_of(node_N).tolist() == [segment] * len(wanted)
    assert part_of(node_N).tolist() == [part for part, _ in wanted]
    assert row_of(node_N).tolist() == [row for _, row in wanted]


def test_nodes_are_ten_bits_of_segment_21_of_part_and_32_of_row() -> None:
    rows = np.array([3, LAST_ROW], np.uint32)

    assert nodes(1, np.array([2, 2], np.int32), rows).tolist() == [
        2**53 + 2 * 2**32 + 3,
        2**53 + 3 * 2**32 - 1,
    ]
    assert nodes(LAST_SEGMENT, np.array([LAST_PART]), np.array([LAST_ROW])).tolist() == [2**63 - 1]


@given(segment=segments, place=places)
def test_the_first_node_of_a_segment_lies_between_its_nodes_and_those_before(
    segment: int, place: tuple[int, int]
) -> None:
    (node,) = nodes(segment, np.array([place[0]]), np.array([place[1]])).tolist()

    assert first_node(segment) <= node < first_node(segment + 1)


@pytest.mark.parametrize(
    ("segment", "part", "found"),
    [
        (1024, 0, "segment 1024 and documents file 0"),
        (-1, 0, "segment -1 and documents file 0"),
        (0, 2**21, "segment 0 and documents file 2097152"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(segment: int, part: int, found: str) -> None:
    with pytest.raises(ValueError, match=f"at most 1024 segments and 2097152 documents files, found {found}"):
        nodes(segment, np.array([part]), np.array([0]))


@given(merit=st.lists(merits, min_size=2, max_size=2))
def test_ranks_are_in_the_order_of_segment_priority_quality_in_thousandths_and_length(
    merit: list[tuple[int, int, float, int]],
) -> None:
    ranked = [
        ranks(segment, np.array([priority]), np.array([quality], np.float32), np.array([length])).item()
        for segment, priority, quality, length in merit
    ]
    plain = [
        (segment, priority, -round(float(np.float32(quality)) * 1000), -min(length, LONGEST))
        for segment, priority, quality, length in merit
    ]

    assert (ranked[0] < ranked[1]) == (plain[0] < plain[1])
    assert (ranked[0] == ranked[1]) == (plain[0] == plain[1])
    assert max(ranked) < 2**63  # Spark carries them as signed numbers


def test_qualities_are_rounded_to_thousandths() -> None:
    qualities = np.array([0.9996, 0.1006, 0.1004, 0.1001, 0.0996, 0.0004], np.float32)

    ranked = ranks(0, np.zeros(6, np.int64), qualities, np.full(6, LONGEST))

    assert (ranked >> np.uint64(34)).tolist() == [0, 899, 900, 900, 900, 1000]


def test_the_best_document_has_rank_zero() -> None:
    best = ranks(0, np.array([0], np.int32), np.array([1.0], np.float32), np.array([2**34 - 1]))

    assert (best.dtype, best.tolist()) == (np.uint64, [0])


@given(wanted=st.lists(ids))
def test_ids_are_read_back_from_their_two_numbers(wanted: list[str]) -> None:
    words = ids_to_words(pa.array(wanted, pa.string()))

    assert (words.dtype, words.shape) == (np.uint64, (len(wanted), 2))
    assert words_to_ids(words).to_pylist() == wanted
    assert words_to_ids(words[::2]).to_pylist() == wanted[::2]


@given(wanted=st.lists(ids, min_size=2))
def test_the_numbers_of_ids_are_in_the_order_of_the_ids(wanted: list[str]) -> None:
    words = ids_to_words(pa.array(wanted)).tolist()

    assert sorted(words) == [[int(each[:16], 16), int(each[16:], 16)] for each in sorted(wanted)]


@pytest.mark.parametrize("wrong", ["", "0" * 31, "0" * 33, "0" * 31 + "é"], ids=len)
def test_an_id_of_another_length_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"32 hex digits|non-hexadecimal"):
        ids_to_words(pa.array(["0" * 32, wrong]))
