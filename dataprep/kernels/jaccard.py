"""Exact set similarity of documents' shingles, by merging sorted arrays."""

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Counts, Hashes, Offsets, ragged
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.sketch import pairs


@kernel
def common(hashes: Hashes, starts: Offsets, one: int, other: int) -> int:
    """Number of shingles that two documents share; each document's are distinct and ascending."""
    left, left_end = starts[one], starts[one + 1]
    right, right_end = starts[other], starts[other + 1]
    shared = 0
    while left < left_end and right < right_end:
        difference = integer(hashes[left] > hashes[right]) - integer(hashes[left] < hashes[right])
        shared += difference == 0
        left += difference <= 0
        right += difference >= 0
    return shared


@kernel
def _common_pairs(hashes: Hashes, starts: Offsets, left: Offsets, right: Offsets) -> Counts:
    shared = np.empty(left.size, np.int64)
    for pair in range(left.size):
        shared[pair] = common(hashes, starts, left[pair], right[pair])
    return shared


def similarity_pairs(
    hashes: Hashes, starts: Offsets, left_index: Counts, right_index: Counts
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Jaccard similarity of each pair's shingle sets, and the share of the left set that the right one has too.

    Both in [0, 1], float64, one per pair; 0 where the union, or the left set, is empty. The second is not symmetric.

    Args:
        hashes: distinct and ascending within each document, as `tokenise.shingle_hashes` gives them.
        starts: where each document's hashes begin.
        left_index: int64, one document of each pair.
        right_index: int64, the other.

    Raises:
        TypeError, ValueError: the arrays are no ragged list, or an index names a document that does not exist.
    """
    hashes, starts = ragged(hashes, starts)
    left, right = pairs(left_index, right_index, starts.size - 1)
    shared = _common_pairs(hashes, starts, left, right)
    sizes = np.diff(starts)
    union = sizes[left] + sizes[right] - shared
    return shared / np.maximum(union, 1), shared / np.maximum(sizes[left], 1)


def jaccard_pairs(
    hashes: Hashes, starts: Offsets, left_index: Counts, right_index: Counts
) -> npt.NDArray[np.float64]:
    """Jaccard similarity of each pair's shingle sets, in [0, 1]; 0 if both are empty. float64, one per pair.

    Arguments and errors as `similarity_pairs`.
    """
    return similarity_pairs(hashes, starts, left_index, right_index)[0]


def containment_pairs(
    hashes: Hashes, starts: Offsets, left_index: Counts, right_index: Counts
) -> npt.NDArray[np.float64]:
    """Share of each left document's shingles that the right one has too, in [0, 1]; 0 if the left one has none.

    Not symmetric. Arguments and errors as `similarity_pairs`. float64, one per pair.
    """
    return similarity_pairs(hashes, starts, left_index, right_index)[1]
