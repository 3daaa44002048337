"""One fast scan that tells which repairs a document may need, so that clean ones skip the slow Python path."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Offsets, batch
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.tokenise import NEWLINE, Properties
from dataprep.kernels.unicode_tables import (
    CLASS_MASK,
    COMBINING_MASK,
    COMBINING_SHIFT,
    CONTINUATION_1251,
    CONTINUATION_1252,
    LEAD_1251,
    LEAD_1252,
    NFC_UNSURE,
    REMOVABLE_CONTROL,
    SPACE,
    tables,
)
from dataprep.kernels.utf8 import REPLACEMENT, decode

HAS_CONTROL: Final = 1
MAY_NEED_NFC: Final = 2
MAY_BE_MOJIBAKE: Final = 4
NEEDS_TIDYING: Final = 8
MIN_PAIRS_1251: Final = 2  # one pair of Cyrillic Er or Es with a quotation mark is ordinary Russian

_TAB: Final = 0x09
_CARRIAGE_RETURN: Final = 0x0D
_BLANK: Final = 0x20
_DELETE: Final = 0x7F


@kernel
def _screen_document(data: Bytes, start: int, end: int, properties: Properties) -> int:
    if start == end:
        return 0
    mask, pairs = 0, 0
    previous, previous_end = 0, -1
    position = start
    while position < end:
        byte = integer(data[position])
        if _BLANK <= byte < _DELETE:
            position += 1
            continue
        if byte < 0x80:
            if byte == NEWLINE:
                before = integer(data[position - 1]) if position > start else 0
                if before in (_BLANK, _TAB):
                    mask |= NEEDS_TIDYING
                if before == NEWLINE and position >= start + 2 and data[position - 2] == NEWLINE:
                    mask |= NEEDS_TIDYING
            elif byte == _CARRIAGE_RETURN:
                mask |= NEEDS_TIDYING
            elif byte != _TAB:
                mask |= HAS_CONTROL
            position += 1
            continue
        codepoint, following = decode(data, position, end)
        packed = integer(properties[codepoint])
        if packed & REMOVABLE_CONTROL:
            mask |= HAS_CONTROL
        if packed & NFC_UNSURE:
            mask |= MAY_NEED_NFC
        if codepoint == REPLACEMENT:
            mask |= MAY_BE_MOJIBAKE
        if previous_end == position:
            combining = (packed >> COMBINING_SHIFT) & COMBINING_MASK
            if combining and ((previous >> COMBINING_SHIFT) & COMBINING_MASK) > combining:
                mask |= MAY_NEED_NFC
            if previous & LEAD_1252 and packed & CONTINUATION_1252:
                mask |= MAY_BE_MOJIBAKE
            if previous & LEAD_1251 and packed & CONTINUATION_1251:
                pairs += 1
        previous, previous_end = packed, following
        position = following
    if pairs >= MIN_PAIRS_1251:
        mask |= MAY_BE_MOJIBAKE
    last = end - 1
    while last > start and data[last] & 0xC0 == 0x80:
        last -= 1
    first_codepoint, _ = decode(data, start, end)
    last_codepoint, _ = decode(data, last, end)
    if properties[first_codepoint] & CLASS_MASK == SPACE or properties[last_codepoint] & CLASS_MASK == SPACE:
        mask |= NEEDS_TIDYING
    return mask


@kernel
def _screen_batch(data: Bytes, offsets: Offsets, properties: Properties) -> npt.NDArray[np.uint8]:
    masks = np.empty(offsets.size - 1, np.uint8)
    for document in range(masks.size):
        masks[document] = _screen_document(data, offsets[document], offsets[document + 1], properties)
    return masks


def screen(data: Bytes, offsets: Offsets) -> npt.NDArray[np.uint8]:
    """Bit mask of the repairs each document may need; 0 for a clean or empty one. uint8, one per document.

    - `HAS_CONTROL`: a control character to remove: C0 except tab, line feed and carriage return; DEL; C1; U+FEFF,
      U+2028, U+2029, U+FFF9..FFFB. Exact.
    - `MAY_NEED_NFC`: a codepoint with NFC quick-check No or Maybe, or a mark out of canonical order (UAX 15,
      section 9). Every text that is not in NFC has the bit.
    - `MAY_BE_MOJIBAKE`: U+FFFD; or the Latin-1 or CP1252 image of a lead byte C2..F4 and right after it that of a
      continuation byte 80..BF; or at least two pairs of Cyrillic Er or Es and the CP1251 image of a continuation byte.
      A superset: some correct text has it.
    - `NEEDS_TIDYING`: a carriage return, a space or tab before a line feed, more than two line feeds in a row, or
      whitespace at either end. Exact.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    return _screen_batch(data, offsets, tables().properties)
