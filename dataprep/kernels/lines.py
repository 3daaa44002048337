"""Lines of documents: a hash of each that boilerplate shares across documents, and the texts without some of them.

**Normalised line** (after CCNet, Wenzek et al. 2020, section 3: lower case, digits as 0, no punctuation). It is made of
letters, case-folded one to one, of marks as they are, of a 0 for every number, and of U+200C and U+200D (zero-width
non-joiner, joiner) that follow one of these. Whatever else lies between them, white space,
punctuation and symbols, becomes one space; what lies before the first and after the last is dropped, and so is a mark
of no script (variation selector, combining diacritic) that follows none of them: it belongs to a symbol. Unlike in
CCNet accents are kept: in most scripts a line without its marks is another line.

**Hash.** The hash of a unit of text (see `tokenise`) of the normalised line. Among 10**9 different lines the chance of
any two with the same hash is 0.03. A line without letters and numbers has none.

Lines end at line feeds. Lines of white space are blank and have no number; the others are numbered from 0.
"""

from typing import Final, NamedTuple

import numpy as np

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch, frozen
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import GOLDEN, absorb, mix
from dataprep.kernels.tokenise import (
    NEWLINE,
    ZERO_WIDTH_JOINER,
    ZERO_WIDTH_NON_JOINER,
    Fold,
    Properties,
)
from dataprep.kernels.unicode_tables import (
    CLASS_MASK,
    FOLDS,
    MARK,
    NUMBER,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    SPACE,
    tables,
)
from dataprep.kernels.utf8 import decode

_BLANK: Final = 0x20
_ZERO: Final = 0x30


class Lines(NamedTuple):
    """The lines of a batch that are not blank, in the order of the text.

    Attributes:
        hashes: uint64[lines]; 0 for a line without letters and numbers.
        characters: int64[lines], length of the normalised line; 0 for a line without letters and numbers.
        begins: int64[lines], first byte of each line in the data of the batch.
        ends: int64[lines], its line feed, or the end of the document.
        starts: int64[documents + 1], where the lines of each document begin.
    """

    hashes: Hashes
    characters: Counts
    begins: Offsets
    ends: Offsets
    starts: Offsets


@kernel
def _line_end(data: Bytes, position: int, end: int) -> int:
    """Position of the next line feed, or `end`."""
    while position < end and data[position] != NEWLINE:
        position += 1
    return position


@kernel
def _is_blank(data: Bytes, position: int, end: int, properties: Properties) -> bool:
    while position < end:
        codepoint, position = decode(data, position, end)
        if properties[codepoint] & CLASS_MASK != SPACE:
            return False
    return True


@kernel
def _hash_line(
    data: Bytes, position: int, end: int, properties: Properties, fold: Fold
) -> tuple[np.uint64, int]:
    """Hash and length of the normalised line; 0 and 0 where it has neither letter nor number."""
    state = GOLDEN
    length = 0
    inside, has_base = False, False
    while position < end:
        codepoint = integer(data[position])
        if codepoint < 0x80:
            position += 1
        else:
            codepoint, position = decode(data, position, end)
        packed = integer(properties[codepoint])
        kind = packed & CLASS_MASK
        if kind > NUMBER:
            if inside and codepoint in (ZERO_WIDTH_NON_JOINER, ZERO_WIDTH_JOINER):
                state = absorb(state, np.uint64(codepoint))
                length += 1
            else:
                inside = False
            continue
        if not inside:
            if kind == MARK and (packed >> SCRIPT_SHIFT) & SCRIPT_MASK == 0:
                continue
            if length:
                state = absorb(state, np.uint64(_BLANK))
                length += 1
            inside = True
        if kind == NUMBER:
            codepoint = _ZERO
        elif packed & FOLDS:
            codepoint = integer(fold[codepoint])
        state = absorb(state, np.uint64(codepoint))
        length += 1
        has_base = has_base or kind != MARK
    if not has_base:
        return np.uint64(0), 0
    return mix(state ^ np.uint64(length)), length


@kernel
def _hash_lines(
    data: Bytes, offsets: Offsets, properties: Properties, fold: Fold
) -> tuple[Hashes, Counts, Offsets, Offsets, Offsets]:
    documents = offsets.size - 1
    room = documents
    for position in range(offsets[0], offsets[-1]):
        room += data[position] == NEWLINE
    hashes, characters = np.empty(room, np.uint64), np.empty(room, np.int64)
    begins, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    starts = np.zeros(documents + 1, np.int64)
    used = 0
    for document in range(documents):
        position, end = offsets[document], offsets[document + 1]
        while position < end:
            line_end = _line_end(data, position, end)
            if not _is_blank(data, position, line_end, properties):
                begins[used], ends[used] = position, line_end
                hashes[used], characters[used] = _hash_line(data, position, line_end, properties, fold)
                used += 1
            position = line_end + 1
        starts[document + 1] = used
    return hashes[:used].copy(), characters[:used].copy(), begins[:used].copy(), ends[:used].copy(), starts


def line_hashes(data: Bytes, offsets: Offsets) -> Lines:
    """Hashes, lengths and places of the lines of each document. They depend on the document's text alone.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return Lines(*_hash_lines(data, offsets, table.properties, table.fold))


@kernel
def _copy(data: Bytes, start: int, end: int, target: Bytes, used: int) -> int:
    for position in range(start, end):
        target[used] = data[position]
        used += 1
    return used


@kernel
def _cut(
    data: Bytes, offsets: Offsets, removed: Offsets, starts: Offsets, properties: Properties
) -> tuple[Bytes, Offsets, int]:
    documents = offsets.size - 1
    left = np.empty(offsets[-1] - offsets[0], np.uint8)
    left_offsets = np.zeros(documents + 1, np.int64)
    used, found = 0, 0
    for document in range(documents):
        position, end = offsets[document], offsets[document + 1]
        first, last = starts[document], starts[document + 1]
        if first == last:
            used = _copy(data, position, end, left, used)
            position = end
        number, kept_end = 0, used
        after_removed, after_blank, last_removed = False, True, False
        while position < end:
            line_end = _line_end(data, position, end)
            following = min(line_end + 1, end)
            if _is_blank(data, position, line_end, properties):
                if not (after_removed and after_blank):
                    used = _copy(data, position, following, left, used)
                    after_removed, after_blank = False, True
            elif first < last and removed[first] == number:
                first, found, number = first + 1, found + 1, number + 1
                after_removed, last_removed = True, True
            else:
                used = _copy(data, position, following, left, used)
                kept_end = used - (following - line_end)
                number += 1
                after_removed, after_blank, last_removed = False, False, False
            position = following
        if last_removed:
            used = kept_end
        left_offsets[document + 1] = used
    return left[:used].copy(), left_offsets, found


def without_lines(data: Bytes, offsets: Offsets, removed: Offsets, starts: Offsets) -> tuple[Bytes, Offsets]:
    """The texts without some of their lines, as bytes (uint8) and offsets (int64, one more than documents).

    What is left stays byte for byte. A line goes with its line feed. Of the blank lines around a gap one run stays, the
    first, so that paragraphs stay apart and no further apart than they were; a text never ends in a gap's line feed. A
    document without removed lines stays as it is, and one without lines left is empty.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.
        removed: int64, numbers of the lines that go, ascending within each document.
        starts: int64, one more than documents: those of document `i` are `removed[starts[i]:starts[i + 1]]`.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`), `removed` and `starts` are not one
            list per document, a number is repeated or out of order, or a document has no line of that number.
    """
    data, offsets = batch(data, offsets)
    removed, starts = frozen(removed, np.int64), frozen(starts, np.int64)
    if (
        starts.size != offsets.size
        or starts[0] != 0
        or starts[-1] != removed.size
        or (starts[1:] < starts[:-1]).any()
    ):
        raise ValueError(
            f"Expected a list of lines for each of {offsets.size - 1} documents, found {starts.size} starts of "
            f"{removed.size} lines."
        )
    left, left_offsets, found = _cut(data, offsets, removed, starts, tables().properties)
    if found != removed.size:
        raise ValueError(
            f"Expected ascending numbers of lines that the documents have, found only {found} of {removed.size}."
        )
    return left, left_offsets
