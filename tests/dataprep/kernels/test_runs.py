import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.runs import copy_runs, empty_runs, taken_runs

lists = st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=6), max_size=6)


def ragged(wanted: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([value for each in wanted for value in each], np.uint64)
    return values, np.cumsum([0, *map(len, wanted)])


@given(wanted=lists.filter(bool), data=st.data())
def test_lists_are_taken_in_the_order_asked_with_repeats(
    wanted: list[list[int]], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, len(wanted) - 1)))

    values, starts = taken_runs(*ragged(wanted), np.array(places, np.int64))

    found = [values[begin:end].tolist() for begin, end in itertools.pairwise(starts.tolist())]
    assert found == [wanted[place] for place in places]


def test_runs_go_where_they_are_sent_and_nothing_else_changes() -> None:
    target = np.full(6, 9, np.uint64)

    copy_runs(np.arange(5, dtype=np.uint64), np.array([3, 0]), np.array([2, 1]), target, np.array([1, 5]))

    assert target.tolist() == [9, 3, 4, 9, 9, 0]


@pytest.mark.parametrize(
    ("begin", "size", "place"), [(-1, 1, 0), (4, 2, 0), (0, -1, 0), (0, 3, 4), (0, 1, -1)]
)
def test_runs_beyond_an_array_are_refused(begin: int, size: int, place: int) -> None:
    source, target = np.zeros(5, np.uint64), np.zeros(6, np.uint64)

    with pytest.raises(ValueError, match=r"Expected runs inside an array of [56] numbers"):
        copy_runs(source, np.array([begin]), np.array([size]), target, np.array([place]))


def test_empty_lists_are_empty() -> None:
    values, starts = empty_runs(3)

    assert (values.tolist(), starts.tolist()) == ([], [0, 0, 0, 0])
