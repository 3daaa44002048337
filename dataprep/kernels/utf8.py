"""Decoding of UTF-8, one codepoint at a time."""

from typing import Final

from dataprep.kernels.arrow_buffers import Bytes
from dataprep.kernels.compilation import inlined, integer

REPLACEMENT: Final = 0xFFFD


@inlined
def decode(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Codepoint at `position` and the position of the next one.

    The input is valid UTF-8 by Arrow's contract. Broken input is still safe: a truncated sequence or a byte that
    starts none reads as U+FFFD and takes one byte, so nothing beyond `end` and no table index beyond 0x10FFFF is read.
    """
    first = integer(data[position])
    if first < 0x80:
        return first, position + 1
    if 0xC2 <= first < 0xE0 and position + 2 <= end:
        return ((first & 0x1F) << 6) | (integer(data[position + 1]) & 0x3F), position + 2
    if 0xE0 <= first < 0xF0 and position + 3 <= end:
        second = integer(data[position + 1]) & 0x3F
        return ((first & 0x0F) << 12) | (second << 6) | (integer(data[position + 2]) & 0x3F), position + 3
    if 0xF0 <= first < 0xF5 and position + 4 <= end:
        second = integer(data[position + 1]) & 0x3F
        third = integer(data[position + 2]) & 0x3F
        codepoint = (
            ((first & 0x07) << 18) | (second << 12) | (third << 6) | (integer(data[position + 3]) & 0x3F)
        )
        if codepoint <= 0x10FFFF:
            return codepoint, position + 4
    return REPLACEMENT, position + 1
