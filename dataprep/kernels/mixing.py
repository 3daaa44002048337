"""The hash family all kernels share. Changing anything here changes every stored signature and content hash."""

from typing import Final

import numpy as np

from dataprep.kernels.arrow_buffers import Bytes
from dataprep.kernels.compilation import inlined, kernel

GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, made odd: SplitMix64's increment
MIX_A: Final = np.uint64(0xBF58476D1CE4E5B9)  # Stafford's Mix13 constants, as in SplitMix64
MIX_B: Final = np.uint64(0x94D049BB133111EB)
STEP: Final = np.uint64(0xD6E8FEB86659FD93)  # odd, about half its bits set; multiplies once per codepoint
POLYNOMIAL: Final = np.uint64(0xA0761D6478BD642F)  # odd base of the rolling hash over units
EIGHT: Final = np.uint64(8)
SHIFT_27: Final = np.uint64(27)
SHIFT_30: Final = np.uint64(30)
SHIFT_31: Final = np.uint64(31)
SHIFT_32: Final = np.uint64(32)


@kernel
def mix(value: np.uint64) -> np.uint64:
    """A bijection of 64 bits in which every input bit changes every output bit with probability about 1/2.

    The finaliser of SplitMix64 (Steele, Lea and Flood, 2014) with Stafford's variant 13 of murmur3's constants.
    """
    value ^= value >> SHIFT_30
    value *= MIX_A
    value ^= value >> SHIFT_27
    value *= MIX_B
    value ^= value >> SHIFT_31
    return value


@kernel
def absorb(state: np.uint64, value: np.uint64) -> np.uint64:
    """The state of a hash after one more codepoint.

    A cheap multiply-xorshift step: a bijection of the state for a fixed codepoint. Codepoints have 21 bits, so two
    steps cannot cancel as they could with full 64-bit words; `mix` must follow at the end.
    """
    state = (state ^ value) * STEP
    return state ^ (state >> SHIFT_32)


@inlined
def read_word(data: Bytes, position: int) -> np.uint64:
    """Eight bytes from `position` as one little-endian number; they must lie within the data."""
    # An unsigned index cannot count from the end, so the compiler sees eight bytes in a row: one load.
    first = np.uint64(position)
    word = np.uint64(data[first + np.uint64(7)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(6)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(5)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(4)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(3)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(2)])
    word = (word << EIGHT) | np.uint64(data[first + np.uint64(1)])
    return (word << EIGHT) | np.uint64(data[first])


@inlined
def write_word(data: Bytes, position: int, word: np.uint64) -> None:
    """Write a number as eight little-endian bytes from `position`; they must lie within the data."""
    first = np.uint64(position)
    for index in range(8):
        data[first + np.uint64(index)] = np.uint8(word >> np.uint64(8 * index))


@inlined
def read_tail(data: Bytes, position: int, end: int) -> np.uint64:
    """The up to seven bytes in [position, end) as one little-endian number."""
    word = np.uint64(0)
    for index in range(end - 1, position - 1, -1):
        word = (word << EIGHT) | np.uint64(data[index])
    return word


@kernel
def hash_bytes(data: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    """64-bit hash of the bytes in [start, end): eight at a time through `mix`, then the length.

    A full `mix` for each word, because a single multiply-xorshift lets a change of the top bits of one word be
    cancelled by a change in the next: texts that differ in the case of three letters could collide.
    """
    state = seed
    position = start
    while position + 8 <= end:
        state = mix(state ^ read_word(data, position)) + GOLDEN
        position += 8
    state = mix(state ^ read_tail(data, position, end)) + GOLDEN
    return mix(state ^ np.uint64(end - start))
