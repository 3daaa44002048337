"""The order of the documents of one stratum: endless, pure, and found at any place without walking to it.

Training reads a stratum over and over, each time (an epoch) in another order. In an epoch the row groups are permuted
and cut into blocks of a few; the rows of a block are permuted together. Every document comes once in an epoch, or
`weight` times where shards have weights. Nothing here grows with the corpus but one number per row group.

All randomness is SplitMix64 (Steele et al. 2014, section 3) of a counter, under a key: the same on every machine and
under every version of NumPy.

Shape suffixes: G = row groups of the stratum, B = blocks of an epoch, N = items.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Unit = Literal["tokens", "documents"]

_GAMMA: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_WORD: Final = 2**64


def key_of(*parts: int | str) -> int:
    """A 64-bit key of some values; other values, another key."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def random_words(key: int, counter_N: Ints) -> Keys:
    """64 random bits per counter: output number `counter` of SplitMix64 with the key as its seed."""
    state_N = counter_N.astype(np.uint64) * np.uint64(_GAMMA) + np.uint64((key + _GAMMA) % _WORD)
    state_N = (state_N ^ (state_N >> np.uint64(30))) * _MIX_1
    state_N = (state_N ^ (state_N >> np.uint64(27))) * _MIX_2
    result: Keys = state_N ^ (state_N >> np.uint64(31))
    return result


def mask_key(seed: int, sample_N: Ints) -> Ints:
    """A random seed per sample, for masks that are the same however often a training was stopped; in [0, 2**63)."""
    return (random_words(key_of(seed, "masks"), sample_N) >> np.uint64(1)).astype(np.int64)


def permutation(key: int, size: int) -> Ints:
    """The numbers 0 to size - 1 in an order that hangs on the key alone."""
    index_N = np.arange(size)
    bits = np.uint64(max(1, (size - 1).bit_length()))
    # The index in the low bits makes the words distinct, so that no sort can order them in two ways.
    words_N = (random_words(key, index_N) >> bits << bits) | index_N.astype(np.uint64)
    words_N.sort()
    return (words_N & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)


class Piece(NamedTuple):
    """A run of tokens or documents inside one block.

    Attributes:
        block: number of the block in its epoch.
        first: number of the first in the block.
        size: how many.
    """

    epoch: int
    block: int
    first: int
    size: int


class StratumOrder:
    """The endless order of one stratum.

    Args:
        key: from the seed and the stratum.
        rows_G: documents of each row group, counted `weight` times; at least one of them is not 0.
        tokens_G: their tokens, with the separators.
        block_row_groups: row groups of a block; the last of an epoch may have fewer.
    """

    def __init__(self, key: int, rows_G: Ints, tokens_G: Ints, block_row_groups: int) -> None:
        self._key = key
        self._per_unit: dict[Unit, Ints] = {"documents": rows_G, "tokens": tokens_G}
        self._epoch_items = {unit: int(items_G.sum()) for unit, items_G in self._per_unit.items()}
        self._block_row_groups = block_row_groups
        # Two epochs are in use at once where one ends and the next begins.
        self._row_groups = lru_cache(maxsize=2)(self._permuted_row_groups)
        self._ends = lru_cache(maxsize=4)(self._block_ends)

    def epoch_size(self, unit: Unit) -> int:
        """Tokens or documents of an epoch."""
        return self._epoch_items[unit]

    def row_groups(self, epoch: int, block: int) -> Ints:
        """Row groups of a block, in order, by their numbers in the stratum."""
        start = block * self._block_row_groups
        return self._row_groups(epoch)[start : start + self._block_row_groups]

    def rows(self, epoch: int, block: int, size: int) -> Ints:
        """The order of the block's `size` rows."""
        return permutation(key_of(self._key, "rows", epoch, block), size)

    def pieces(self, unit: Unit, first: int, count: int) -> Iterator[Piece]:
        """Where the items `first` to `first + count - 1` of the endless order lie, block by block."""
        while count:
            epoch, offset = divmod(first, self._epoch_items[unit])
            end_B = self._ends(unit, epoch)
            block = int(np.searchsorted(end_B, offset, side="right"))
            taken = min(count, int(end_B[block]) - offset)
            yield Piece(epoch, block, offset - (int(end_B[block - 1]) if block else 0), taken)
            first, count = first + taken, count - taken

    def _permuted_row_groups(self, epoch: int) -> Ints:
        return permutation(key_of(self._key, "row groups", epoch), len(self._per_unit["tokens"]))

    def _block_ends(self, unit: Unit, epoch: int) -> Ints:
        """Items up to the end of each block, shape (B,)."""
        items_G = self._per_unit[unit][self._row_groups(epoch)]
        starts_B = np.arange(0, len(items_G), self._block_row_groups)
        result: Ints = np.cumsum(np.add.reduceat(items_G, starts_B))
        return result
