import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.bands import may_repeat, scatter_bands

LARGEST = 2**64 - 1
keys = st.integers(-(2**63), 2**63 - 1)


def test_every_band_of_a_document_becomes_a_row_in_the_slot_of_its_key() -> None:
    # As unsigned numbers -8 lies in the upper half, the others in the lower one.
    rows, starts = scatter_bands(
        np.array([[7, -8], [9, 10]], np.int64),
        np.array([1, 2], np.uint64),
        np.array([LARGEST, 4], np.uint64),
        np.array([5, 6], np.int64),
        2,
    )

    assert rows.tolist() == [[7, 1, LARGEST, 5], [9, 2, 4, 6], [10, 2, 4, 6], [2**64 - 8, 1, LARGEST, 5]]
    assert starts.tolist() == [0, 3, 4]


@given(st.lists(keys, max_size=40), st.integers(1, 7))
def test_rows_lie_in_the_slot_that_divides_the_keys_evenly(found: list[int], slots: int) -> None:
    numbers = np.arange(len(found))

    rows, starts = scatter_bands(
        np.array(found, np.int64).reshape(-1, 1),
        numbers.astype(np.uint64),
        numbers.astype(np.uint64),
        numbers,
        slots,
    )

    slot_of = [slot for slot in range(slots) for _ in range(starts[slot], starts[slot + 1])]
    assert slot_of == [(key >> 32) * slots >> 32 for key in rows[:, 0].tolist()]
    assert sorted(rows[:, [0, 3]].tolist()) == sorted([key % 2**64, at] for at, key in enumerate(found))


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(0, 2**63))
def test_no_key_that_repeats_is_left_out(found: list[int], step: int) -> None:
    spread = [key * step % 2**64 for key in found]

    may = may_repeat(np.array(spread, np.uint64))

    assert len(may) == len(spread)
    assert all(may[at] for at, key in enumerate(spread) if spread.count(key) > 1)


def test_few_keys_that_are_alone_are_taken_for_repeated_ones() -> None:
    alone = np.random.default_rng(1).integers(0, 2**64, 100_000, np.uint64, endpoint=False)

    assert may_repeat(alone).mean() < 0.2
    assert not may_repeat(np.array([5], np.uint64)).any()
    assert may_repeat(np.array([], np.uint64)).tolist() == []
