"""Fast Similarity Sketching (Dahlgaard, Knudsen and Thorup, 2017, arXiv 1704.04370, Algorithm 1) and its LSH bands.

A sketch has K bins. In round i < K every shingle is hashed to a random bin, in round i >= K to bin i - K; a bin keeps
the least (round, hash) it receives, and the rounds end as soon as no bin is empty. Rounds differ in the seed of
their hash. The time is O(shingles + K log K) where classic MinHash takes O(shingles * K).

For a fixed bin, two documents of Jaccard similarity J agree with probability J (section 3, for truly random hashing),
up to a term below 2**-40 because a bin stores 52 bits of the hash: so the share of equal bins is an unbiased
estimate of J, and its variance is at most that of K independent permutations.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Counts, Hashes, Offsets, frozen, ragged
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import GOLDEN, POLYNOMIAL, SHIFT_32, mix

Sketches = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.int64]

EMPTY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
HASH_BITS: Final = np.uint64(
    52
)  # a bin is 12 bits of round and 52 of hash, so that the least (round, hash) is the minimum
HASH_MASK: Final = np.uint64((1 << 52) - 1)
MAX_BINS: Final = 2047  # rounds number up to 2 * MAX_BINS - 1 and must fit 12 bits and differ from EMPTY's


@kernel
def sketch_document(shingles: Hashes, size: int, seed: np.uint64, bins: Hashes) -> None:
    """Fill `bins` with the sketch of the first `size` shingles; repeats do not matter. All EMPTY if there are none."""
    bins[:] = EMPTY
    if size == 0:
        return
    num_bins = bins.size
    width = np.uint64(num_bins)
    for round_number in range(2 * num_bins):
        round_seed = mix(seed + np.uint64(round_number + 1) * GOLDEN)
        tag = np.uint64(round_number) << HASH_BITS
        if round_number < num_bins:
            for index in range(size):
                hashed = mix(shingles[index] ^ round_seed)
                # The high half picks the bin by a multiplication, which is hash mod K without the division.
                bin_index = ((hashed >> SHIFT_32) * width) >> SHIFT_32
                bins[bin_index] = min(bins[bin_index], tag | (hashed & HASH_MASK))
        else:
            least = bins[round_number - num_bins]
            for index in range(size):
                least = min(least, tag | (mix(shingles[index] ^ round_seed) & HASH_MASK))
            bins[round_number - num_bins] = least
        empty = 0
        for index in range(num_bins):
            empty += bins[index] == EMPTY
        if empty == 0:
            return


@kernel
def key_bands(bins: Hashes, bands: int, rows: int, keys: Keys) -> None:
    """Write the key of each band of one sketch; the band's index is part of the key."""
    for band in range(bands):
        state = mix(POLYNOMIAL ^ np.uint64(band))
        for row in range(rows):
            state = mix(state ^ bins[band * rows + row]) + GOLDEN
        keys[band] = integer(mix(state))


@kernel
def _sketch_batch(hashes: Hashes, starts: Offsets, num_bins: int, seed: np.uint64) -> Sketches:
    documents = starts.size - 1
    sketches = np.empty((documents, num_bins), np.uint64)
    for document in range(documents):
        first, last = starts[document], starts[document + 1]
        sketch_document(hashes[first:last], last - first, seed, sketches[document])
    return sketches


@kernel
def _key_batch(sketches: Sketches, bands: int, rows: int) -> Keys:
    keys = np.zeros((sketches.shape[0], bands), np.int64)
    for document in range(sketches.shape[0]):
        if sketches[document, 0] != EMPTY:
            key_bands(sketches[document], bands, rows, keys[document])
    return keys


@kernel
def _agreement(sketches: Sketches, left: Offsets, right: Offsets) -> npt.NDArray[np.float64]:
    share = np.zeros(left.size, np.float64)
    for pair in range(left.size):
        one, other = sketches[left[pair]], sketches[right[pair]]
        if one[0] == EMPTY or other[0] == EMPTY:
            continue
        equal = 0
        for index in range(one.size):
            if one[index] == other[index]:
                equal += 1
        share[pair] = equal / one.size
    return share


def seed_value(seed: int) -> np.uint64:
    """The seed as the kernels take it.

    Raises:
        ValueError: it does not fit 64 bits.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"Expected a seed in [0, 2**64), found {seed}.")
    return np.uint64(seed)


def require_bins(num_bins: int) -> None:
    """Check the number of bins.

    Raises:
        ValueError: it is outside [1, MAX_BINS].
    """
    if not 1 <= num_bins <= MAX_BINS:
        raise ValueError(f"Expected between 1 and {MAX_BINS} bins in a sketch, found {num_bins}.")


def sketch(hashes: Hashes, starts: Offsets, num_bins: int, seed: int) -> Sketches:
    """Sketch of each document's shingles, uint64[documents, num_bins].

    Two documents' values in a bin are equal if they come from the same round and shingle, and otherwise with
    probability about 2**-52. The element-wise minimum of two sketches is the sketch of the union. A document without
    shingles has no sketch: its row is all `EMPTY`, and `has_shingles` tells.

    Args:
        hashes: well-mixed shingle hashes, as `tokenise.shingle_hashes` gives them.
        starts: where each document's hashes begin.
        num_bins: K, in [1, MAX_BINS].
        seed: of the whole hash family, in [0, 2**64); sketches of different seeds cannot be compared.

    Raises:
        TypeError, ValueError: the arrays are no ragged list, or the number of bins or the seed is out of bounds.
    """
    require_bins(num_bins)
    hashes, starts = ragged(hashes, starts)
    return _sketch_batch(hashes, starts, num_bins, seed_value(seed))


def has_shingles(starts: Offsets) -> npt.NDArray[np.bool_]:
    """Whether each document has at least one shingle, and so a sketch; bool, one per document."""
    return starts[1:] > starts[:-1]


def band_keys(sketches: Sketches, bands: int, rows: int) -> Keys:
    """64-bit key of each band of each sketch, int64[documents, bands]; two documents are candidates if any is equal.

    The band's index is part of its key, so keys of different bands may share one column. Uses the first
    `bands * rows` bins. Rows of documents without shingles are all 0: filter them out by `has_shingles`.

    Raises:
        ValueError: bands or rows is below 1, or their product exceeds the number of bins.
    """
    if bands < 1 or rows < 1 or bands * rows > sketches.shape[1]:
        raise ValueError(
            f"Expected bands and rows of at least 1 and a product of at most the {sketches.shape[1]} bins of the "
            f"sketches, found bands={bands}, rows={rows}."
        )
    return _key_batch(np.ascontiguousarray(sketches), bands, rows)


def estimate_jaccard(sketches: Sketches, left_index: Counts, right_index: Counts) -> npt.NDArray[np.float64]:
    """Share of equal bins of each pair of documents, in [0, 1]: an unbiased estimate of their Jaccard similarity.

    0 where either document has no shingles. float64, one per pair.

    Raises:
        ValueError: the index arrays differ in length or name a document that does not exist.
    """
    left, right = pairs(left_index, right_index, sketches.shape[0])
    return _agreement(np.ascontiguousarray(sketches), left, right)


def pairs(left_index: Counts, right_index: Counts, documents: int) -> tuple[Offsets, Offsets]:
    """The two index arrays of a list of pairs, checked once so that kernels need not check bounds.

    Raises:
        ValueError: they differ in length or name a document outside [0, documents).
    """
    left, right = frozen(left_index, np.int64), frozen(right_index, np.int64)
    if left.size != right.size:
        raise ValueError(f"Expected as many left as right documents, found {left.size} and {right.size}.")
    for side in (left, right):
        if side.size and (side.min() < 0 or side.max() >= documents):
            raise ValueError(f"Expected indices in [0, {documents}), found {side.min()} to {side.max()}.")
    return left, right
