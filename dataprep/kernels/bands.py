"""Band keys on their way to their buckets: laid out by slot, and the ones that nothing shares left out."""

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Hashes
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import GOLDEN, SHIFT_32

Keys = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint64]

_BITS_PER_KEY = 8  # of the filter: one key in ten that is alone is then taken for one that is not


@kernel
def _scatter(keys: Keys, ranks: Hashes, ids: Hashes, nodes: Keys, slots: int) -> tuple[Rows, Keys]:
    documents, bands = keys.shape
    width = np.uint64(slots)
    starts = np.zeros(slots + 1, np.int64)
    for document in range(documents):
        for band in range(bands):
            slot = integer(((np.uint64(keys[document, band]) >> SHIFT_32) * width) >> SHIFT_32)
            starts[slot + 1] += 1
    for slot in range(slots):
        starts[slot + 1] += starts[slot]
    place = starts[:-1].copy()
    rows = np.empty((documents * bands, 4), np.uint64)
    for document in range(documents):
        rank, name, node = ranks[document], ids[document], np.uint64(nodes[document])
        for band in range(bands):
            key = np.uint64(keys[document, band])
            slot = integer(((key >> SHIFT_32) * width) >> SHIFT_32)
            row = place[slot]
            place[slot] += 1
            rows[row, 0] = key
            rows[row, 1] = rank
            rows[row, 2] = name
            rows[row, 3] = node
    return rows, starts


def scatter_bands(keys: Keys, ranks: Hashes, ids: Hashes, nodes: Keys, slots: int) -> tuple[Rows, Keys]:
    """Rows of key, rank, id and node, one per document and band, by the slot of the key.

    Args:
        keys: int64[documents, bands].
        ranks: uint64, one per document; `ids` and `nodes` likewise.
        ids: see `ranks`.
        nodes: int64; see `ranks`.
        slots: ranges of equal width into which keys, as unsigned numbers, are cut.

    Returns:
        uint64[documents * bands, 4], and where each slot's rows begin, int64[slots + 1].
    """
    return _scatter(np.ascontiguousarray(keys), ranks, ids, nodes, slots)


@kernel
def _may_repeat(keys: Hashes, bits: int) -> npt.NDArray[np.bool_]:
    shift = np.uint64(64 - bits)
    once, twice = np.zeros((1 << bits) >> 3, np.uint8), np.zeros((1 << bits) >> 3, np.uint8)
    for index in range(keys.size):
        place = integer((keys[index] * GOLDEN) >> shift)
        bit = np.uint8(1 << (place & 7))
        if once[place >> 3] & bit:
            twice[place >> 3] |= bit
        else:
            once[place >> 3] |= bit
    found = np.empty(keys.size, np.bool_)
    for index in range(keys.size):
        place = integer((keys[index] * GOLDEN) >> shift)
        found[index] = (twice[place >> 3] >> np.uint8(place & 7)) & 1 != 0
    return found


def may_repeat(keys: Hashes) -> npt.NDArray[np.bool_]:
    """Whether each key may occur more than once: true for all that do, and for few that do not.

    Two bit maps of hashed keys (Bloom 1970 with one hash function): seen, and seen again.

    Args:
        keys: uint64, uniform.
    """
    bits = max(10, (max(1, keys.size) * _BITS_PER_KEY - 1).bit_length())
    return _may_repeat(np.ascontiguousarray(keys), bits)
