"""Runs of 64-bit numbers copied from one array to another: ragged lists in another order, or from several places."""

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Counts, Hashes, Offsets
from dataprep.kernels.compilation import kernel


@kernel
def _copy_runs(source: Hashes, begins: Counts, sizes: Counts, target: Hashes, places: Counts) -> None:
    for run in range(begins.size):
        begin, size, place = begins[run], sizes[run], places[run]
        for index in range(size):
            target[place + index] = source[begin + index]


def copy_runs(source: Hashes, begin_K: Counts, size_K: Counts, target: Hashes, place_K: Counts) -> None:
    """Copy K runs of `source` to `target`.

    Args:
        source: uint64; may be mapped from a file, read-only.
        begin_K: int64, where each run begins in `source`.
        size_K: int64, its length.
        target: uint64, written.
        place_K: int64, where each run goes in `target`.

    Raises:
        ValueError: a run lies outside of `source` or `target`.
    """
    for array, first_K in ((source, begin_K), (target, place_K)):
        if len(first_K) and (first_K.min() < 0 or size_K.min() < 0 or (first_K + size_K).max() > len(array)):
            raise ValueError(f"Expected runs inside an array of {len(array)} numbers, found one beyond it.")
    _copy_runs(source, begin_K, size_K, target, place_K)


def taken_runs(values: Hashes, starts_N1: Offsets, place_M: Counts) -> tuple[Hashes, Offsets]:
    """Some lists of a ragged array in the order asked, repeats included: values and M + 1 starts.

    Args:
        values: uint64, the lists one after the other.
        starts_N1: int64, where each begins, and the end.
        place_M: int64, which lists.
    """
    size_M = np.diff(starts_N1)[place_M]
    starts_M1 = np.append(0, np.cumsum(size_M))
    taken = np.empty(starts_M1[-1], np.uint64)
    copy_runs(values, starts_N1[:-1][place_M], size_M, taken, starts_M1[:-1])
    return taken, starts_M1


def empty_runs(lists: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """So many empty lists."""
    return np.zeros(0, np.uint64), np.zeros(lists + 1, np.int64)
