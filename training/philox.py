"""Random numbers without a state: word w of block n under a key is a function of the three, and of nothing else.

Philox4x32-10 (Salmon et al. 2011, section 3.3), over whole arrays of counters. NumPy has a Philox of its own, but one
generator per sample costs more than the samples; here a batch is one call, and what a sample gets does not depend on
which others are in it, on the worker or on the rank.

Shape suffix: N = blocks.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS: Final = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and the root of 3, minus 1
_ROUNDS: Final = 10
_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)

Words = npt.NDArray[np.uint64]


def blocks(
    key: int, counter_0_N: npt.ArrayLike, counter_1: int, counter_23_N: npt.ArrayLike
) -> tuple[Words, Words, Words, Words]:
    """Four words for each counter, each of shape [N], uniform in [0, 2**32).

    Args:
        key: 64 bits; other keys, independent words.
        counter_0_N: lowest 32 bits of the counters.
        counter_1: the next 32 bits, one number for all.
        counter_23_N: highest 64 bits.

    Raises:
        ValueError: the key is negative or has more than 64 bits.
    """
    if not 0 <= key < 2**64:
        raise ValueError(f"the key must be in [0, 2**64) (got {key}).")
    high_N = np.asarray(counter_23_N, dtype=np.uint64)
    a, c = np.asarray(counter_0_N, dtype=np.uint64), high_N & _LOW
    b, d = np.full_like(a, counter_1), high_N >> _HALF
    keys = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(_ROUNDS):
        # 32 by 32 bits: the product is exact in 64.
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, c = (second >> _HALF) ^ b ^ np.uint64(keys[0]), (first >> _HALF) ^ d ^ np.uint64(keys[1])
        b, d = second & _LOW, first & _LOW
        keys = [(word + step) & 0xFFFFFFFF for word, step in zip(keys, _KEY_STEPS, strict=True)]
    return a, b, c, d


def below(words_N: Words, bound: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Whole numbers in [0, bound), by the high part of a product; no value is off by more than bound / 2**32."""
    numbers_N: npt.NDArray[np.int64] = ((words_N * np.asarray(bound, dtype=np.uint64)) >> _HALF).astype(
        np.int64
    )
    return numbers_N


def chance(words_N: Words, probability: float) -> npt.NDArray[np.bool_]:
    """True with this probability, in steps of 2**-32."""
    return words_N < np.uint64(round(probability * 2**32))
