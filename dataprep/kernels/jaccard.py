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
def _jaccard(hashes: Hashes, starts: Offsets, left: Offsets, right: Offsets) -> npt.NDArray[np.float64]:
    similarity = np.zeros(left.size, np.float64)
    for pair in range(left.size):
        one, other = left[pair], right[pair]
        shared = common(hashes, starts, one, other)
        union = starts[one + 1] - starts[one] + starts[other + 1] - starts[other] - shared
        if union:
            similarity[pair] = shared / union
    return similarity


@kernel
def _containment(hashes: Hashes, starts: Offsets, left: Offsets, right: Offsets) -> npt.NDArray[np.float64]:
    share = np.zeros(left.size, np.float64)
    for pair in range(left.size):
        size = starts[left[pair] + 1] - starts[left[pair]]
        if size:
            share[pair] = common(hashes, starts, left[pair], right[pair]) / size
    return share


def jaccard_pairs(
    hashes: Hashes, starts: Offsets, left_index: Counts, right_index: Counts
) -> npt.NDArray[np.float64]:
    """Jaccard similarity of each pair's shingle sets, in [0, 1]; 0 if both are empty. float64, one per pair.

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
    return _jaccard(hashes, starts, left, right)


def containment_pairs(
    hashes: Hashes, starts: Offsets, left_index: Counts, right_index: Counts
) -> npt.NDArray[np.float64]:
    """Share of each left document's shingles that the right one has too, in [0, 1]; 0 if the left one has none.

    Not symmetric. Arguments and errors as `jaccard_pairs`. float64, one per pair.
    """
    hashes, starts = ragged(hashes, starts)
    left, right = pairs(left_index, right_index, starts.size - 1)
    return _containment(hashes, starts, left, right)
