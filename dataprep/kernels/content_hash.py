"""128-bit hash of a document's text up to its whitespace: the key of exact deduplication."""

from typing import Final

import numpy as np

from dataprep.kernels.arrow_buffers import Bytes, Hashes, Offsets, batch
from dataprep.kernels.compilation import inlined, integer, kernel
from dataprep.kernels.mixing import EIGHT, GOLDEN, POLYNOMIAL, STEP, mix, read_tail, read_word, write_word
from dataprep.kernels.tokenise import Properties, longest_document
from dataprep.kernels.unicode_tables import CLASS_MASK, SPACE, tables
from dataprep.kernels.utf8 import decode

_BLANK: Final = 0x20
_ROTATE_LEFT: Final = np.uint64(23)
_ROTATE_RIGHT: Final = np.uint64(41)

# Eight bytes at a time: a byte repeated, and the top bit of each.
_ONES: Final = np.uint64(0x0101010101010101)
_TOPS: Final = np.uint64(0x8080808080808080)
_EVEN: Final = np.uint64(0xFEFEFEFEFEFEFEFE)
_BLANKS: Final = np.uint64(0x2020202020202020)
_BYTE_80: Final = np.uint64(0x8080808080808080)
_BYTE_9A: Final = np.uint64(0x9A9A9A9A9A9A9A9A)
_BYTE_C2: Final = np.uint64(0xC2C2C2C2C2C2C2C2)
_BYTE_E1: Final = np.uint64(0xE1E1E1E1E1E1E1E1)
_BYTE_E2: Final = np.uint64(0xE2E2E2E2E2E2E2E2)
_BYTE_E3: Final = np.uint64(0xE3E3E3E3E3E3E3E3)
_SHIFT_56: Final = np.uint64(56)
_NONE: Final = np.uint64(0)


@inlined
def _may_begin_space(first: int, second: np.uint8) -> bool:
    if first == 0xE3:
        return bool(second == 0x80)
    if first == 0xE2:
        return bool(second <= 0x81)
    return bool(first == 0xC2 or second == 0x9A)


@inlined
def _zero_bytes(word: np.uint64) -> np.uint64:
    """The top bit of each zero byte; a byte of 1 above a zero byte may be taken for one."""
    return (word - _ONES) & ~word & _TOPS


@inlined
def _may_hold_gap(word: np.uint64, following: np.uint64) -> bool:
    """Whether eight bytes may hold whitespace other than single spaces; the next byte is the low one of `following`.

    Mistakes are on the side of yes.
    """
    blanks = _zero_bytes(word ^ _BLANKS)
    found = ((word - _BLANKS) & ~word & _TOPS) | (blanks & (blanks << EIGHT))
    if word & _TOPS:
        after = (word >> EIGHT) | (following << _SHIFT_56)
        found |= _zero_bytes(word ^ _BYTE_C2)
        found |= _zero_bytes(word ^ _BYTE_E1) & _zero_bytes(after ^ _BYTE_9A)
        found |= _zero_bytes(word ^ _BYTE_E2) & _zero_bytes((after & _EVEN) ^ _BYTE_80)
        found |= _zero_bytes(word ^ _BYTE_E3) & _zero_bytes(after ^ _BYTE_80)
    return bool(found != _NONE)


@kernel
def collapse_whitespace(data: Bytes, start: int, end: int, properties: Properties, collapsed: Bytes) -> int:
    """Number of bytes written to `collapsed`: the text with each run of whitespace as one space, ends stripped.

    Whitespace is what `str.isspace` calls so. `collapsed` must be at least as long as the document.
    """
    size = 0
    gap = False
    position = start
    while position < end:
        stop = end
        if position + 9 <= end:
            word = read_word(data, position)
            begins_blank = data[position] == _BLANK
            if not (
                (begins_blank and (gap or size == 0)) or _may_hold_gap(word, np.uint64(data[position + 8]))
            ):
                if gap:
                    collapsed[size] = _BLANK
                    size += 1
                gap = data[position + 7] == _BLANK
                write_word(collapsed, size, word)
                size += 7 if gap else 8
                position += 8
                continue
            stop = position + 8
        while position < stop:
            byte = integer(data[position])
            following = position + 1
            # Beyond ASCII, whitespace is U+0085, U+00A0, U+1680, some of U+2000..206F, and U+3000.
            if (
                _BLANK < byte < 0xC2
                or byte > 0xE3
                or 0xC2 < byte < 0xE1
                or (byte >= 0x80 and position + 1 < end and not _may_begin_space(byte, data[position + 1]))
            ):
                is_space = False
            elif byte < 0x80:
                is_space = properties[byte] & CLASS_MASK == SPACE
            else:
                codepoint, following = decode(data, position, end)
                is_space = properties[codepoint] & CLASS_MASK == SPACE
            if is_space:
                gap = size > 0
            else:
                if gap:
                    collapsed[size] = _BLANK
                    size += 1
                    gap = False
                while position < following:
                    collapsed[size] = data[position]
                    size += 1
                    position += 1
            position = following
    return size


@kernel
def hash_128(data: Bytes, size: int) -> tuple[np.uint64, np.uint64]:
    """Two 64-bit hashes of the first `size` bytes, from two streams that mix each eight bytes differently."""
    first, second = STEP, POLYNOMIAL
    position = 0
    while position + 8 <= size:
        word = read_word(data, position)
        first = mix(first ^ word) + GOLDEN
        second = mix(second + word * STEP) ^ ((second << _ROTATE_LEFT) | (second >> _ROTATE_RIGHT))
        position += 8
    word = read_tail(data, position, size)
    first = mix(first ^ word) + GOLDEN
    second = mix(second + word * STEP) ^ ((second << _ROTATE_LEFT) | (second >> _ROTATE_RIGHT))
    return mix(first ^ np.uint64(size)), mix(second + np.uint64(size) * GOLDEN)


@kernel
def _content_hash_batch(data: Bytes, offsets: Offsets, properties: Properties) -> Hashes:
    hashes = np.empty((offsets.size - 1, 2), np.uint64)
    collapsed = np.empty(longest_document(offsets) + 1, np.uint8)
    for document in range(offsets.size - 1):
        size = collapse_whitespace(data, offsets[document], offsets[document + 1], properties, collapsed)
        hashes[document, 0], hashes[document, 1] = hash_128(collapsed, size)
    return hashes


def content_hash(data: Bytes, offsets: Offsets) -> Hashes:
    """128-bit hash of each document as two uint64, shape [documents, 2].

    Of the text with every run of whitespace (`str.isspace`) collapsed to one space and the ends stripped; nothing
    else is changed, so case, punctuation and normalisation form count. All empty and blank documents share one hash.
    Not cryptographic: fit against chance, not against someone who seeks a collision.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    return _content_hash_batch(data, offsets, tables().properties)
