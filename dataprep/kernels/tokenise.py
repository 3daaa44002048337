"""The one walk over a document's codepoints, its units, and its shingles.

**Units.** A word is a maximal run of letters, marks and numbers, with an apostrophe (' or ’, hashed alike) where one
stands between two letters. U+200C and U+200D (zero-width non-joiner and joiner) belong to what they follow, as marks
do: at the end of a word too, where Malayalam and Bengali are written with them. A mark of no script (combining
diacritic, variation selector) never begins a word: it belongs to the symbol before it. Letters and numbers of Han,
Kana, Thai, Lao, Khmer and Myanmar end the run: each is a unit of its own, with the marks that follow it. Codepoints
are case-folded one to one; digits and marks stay as they are.

**Rule of a document.** The units of a document are always the same mixed sequence; one rule per document decides how
many of them make a shingle. If more than half are character units, the shingle length is 6 where Han and Kana letters
and marks are at least as many as Thai, Lao, Khmer and Myanmar ones, else 10, and at least 6 units are needed. Otherwise
it is 5, and at least 3 units are needed. With fewer units than the length, the one shingle is the whole sequence; with
fewer than needed there is none, and only exact deduplication sees the document.

**Hashes.** A unit's hash absorbs its codepoints by multiply-xorshift and ends in SplitMix64's finaliser with the
length; a shingle's is a polynomial in its units' hashes modulo 2**64, finalised likewise with the number of units.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch
from dataprep.kernels.compilation import inlined, integer, kernel
from dataprep.kernels.mixing import GOLDEN, POLYNOMIAL, absorb, hash_bytes, mix
from dataprep.kernels.unicode_tables import (
    BROKEN_1251,
    BROKEN_1252,
    BULLET,
    CHARACTER_UNIT,
    CLASS_MASK,
    CLOSING,
    FOLDS,
    HAN,
    KANA,
    LEAD_1251,
    LEAD_1252,
    LETTER,
    MARK,
    MYANMAR,
    NUM_SCRIPTS,
    NUMBER,
    PUNCTUATION,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    SPACE,
    TERMINATOR,
    THAI,
    UPPER,
    tables,
)
from dataprep.kernels.utf8 import decode

Properties = npt.NDArray[np.uint32]
Fold = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]

WORD_SHINGLE: Final = 5
HAN_KANA_SHINGLE: Final = 6
SOUTH_EAST_ASIAN_SHINGLE: Final = 10
MIN_WORDS: Final = 3
MIN_CHARACTERS: Final = 6
SHORT_LINE: Final = 30  # characters; FineWeb's short-line rule (Penedo et al., 2024, section 3.6)
LONG_LINE: Final = 200  # characters; mC4's long-line rule (Xue et al., 2021, section 3.1)

ZERO_WIDTH_NON_JOINER: Final = 0x200C
ZERO_WIDTH_JOINER: Final = 0x200D
APOSTROPHE: Final = 0x27
CURLY_APOSTROPHE: Final = 0x2019
NEWLINE: Final = 0x0A
ELLIPSIS: Final = 0x2026
FULL_STOP: Final = 0x2E
SLASH: Final = 0x2F
ETHIOPIC_WORD_SPACE: Final = 0x1361  # stands where others put a blank: no punctuation to count
FIRST_WIDE: Final = 0x3000  # sentence ends from here on need no white space after them

# Slots of the counts array; the first seven are the characters of each class, in the order of the class codes.
NUM_CLASSES: Final = 7
CHARS: Final = 7
UNITS: Final = 8
CHARACTER_UNITS: Final = 9
LINES: Final = 10
NEWLINES: Final = 11
HASH_SIGNS: Final = 12
ELLIPSES: Final = 13
CURLY_BRACES: Final = 14
REPLACEMENTS: Final = 15
BULLET_LINES: Final = 16
ELLIPSIS_LINES: Final = 17
TERMINAL_LINES: Final = 18
SHORT_LINES: Final = 19
NUMERIC_UNITS: Final = 20  # units of numbers alone
UPPERS: Final = 21
SENTENCES: Final = 22
URL_CHARS: Final = 23
LIST_LINES: Final = 24
LONG_LINES: Final = 25
BROKEN_PAIRS: Final = 26
NUM_COUNTS: Final = 27

_CLOSED: Final = 0
_WORD: Final = 1
_CHARACTER: Final = 2


@kernel
def walk(
    data: Bytes,
    start: int,
    end: int,
    properties: Properties,
    fold: Fold,
    units: Hashes,
    lengths: Counts,
    lines: Hashes,
    line_lengths: Counts,
    line_units: Counts,
    breaks: Flags,
    counts: Counts,
    scripts: Counts,
) -> None:
    """Units, lines and character counts of the document in [start, end), written into the given arrays.

    Args:
        data: UTF-8 bytes of the batch.
        start: the document's first byte.
        end: one past its last byte.
        properties: table of codepoint properties.
        fold: table of case folding.
        units: receives the hash of each unit; as long as the document has bytes, which is always enough.
        lengths: receives the codepoints of each unit; as long as `units`.
        lines: receives the hash of each non-empty line without its outer whitespace; as long as `units`.
        line_lengths: receives the codepoints of each such line; as long as `units`.
        line_units: receives how many units have ended with each such line; as long as `units`.
        breaks: receives 1 for each such line that a blank line precedes, else 0; as long as `units`.
        counts: receives the counts named by the slots of this module.
        scripts: receives the letters and marks of each script.
    """
    counts[:] = 0
    scripts[:] = 0
    num_units, num_character_units, num_chars, num_lines = 0, 0, 0, 0
    num_newlines, hash_signs, ellipses, braces, replacements = 0, 0, 0, 0, 0
    bullet_lines, ellipsis_lines, terminal_lines, short_lines = 0, 0, 0, 0
    numeric_units, uppers, sentences, url_chars, list_lines, long_lines = 0, 0, 0, 0, 0, 0

    open_unit, length, pending, base_class, numeric = _CLOSED, 0, 0, LETTER, 0
    state = GOLDEN

    line_start, line_end, line_first, line_last = -1, -1, 0, 0
    first_property, last_property = 0, 0
    dots, dots_end = 0, -1
    token_last, token_end, wide_end, url_start, gap = 0, -1, -1, -1, np.uint8(0)
    lead, lead_end, broken_pairs = 0, -1, 0

    position = start
    while position <= end:
        # One step beyond the last byte closes the last line and the last unit as a newline would.
        following = position + 1
        codepoint = NEWLINE
        if position < end:
            codepoint = integer(data[position])
            if codepoint >= 0x80:
                codepoint, following = decode(data, position, end)
                if url_start >= 0:
                    url_chars += position - url_start
                    url_start = -1
                image = integer(properties[codepoint])
                if lead_end == position and (
                    (lead & LEAD_1252 and image & BROKEN_1252) or (lead & LEAD_1251 and image & BROKEN_1251)
                ):
                    broken_pairs += 1
                if image & (LEAD_1252 | LEAD_1251):
                    lead, lead_end = image, following
            num_chars += 1
        packed = integer(properties[codepoint])
        kind = packed & CLASS_MASK

        if kind <= NUMBER:
            counts[kind] += 1
            script = (packed >> SCRIPT_SHIFT) & SCRIPT_MASK
            if kind != NUMBER:
                scripts[script] += 1
            folded = codepoint
            if packed & FOLDS:
                folded = integer(fold[codepoint])
            if packed & UPPER:
                uppers += 1
            if kind == MARK:
                continues = open_unit != _CLOSED and pending != APOSTROPHE
            else:
                continues = open_unit == _WORD and not (packed & CHARACTER_UNIT)
                if pending == APOSTROPHE and kind == NUMBER:
                    continues = False
            if continues:
                if pending:
                    state = absorb(state, np.uint64(pending))
                    length += 1
                state = absorb(state, np.uint64(folded))
                length += 1
                if kind != NUMBER:
                    numeric = 0
            else:
                if open_unit != _CLOSED:
                    units[num_units] = mix(state ^ np.uint64(length))
                    lengths[num_units] = length
                    num_units += 1
                    numeric_units += numeric
                open_unit = _CLOSED
                if kind != MARK or script != 0:
                    open_unit = _WORD
                    numeric = 1 if kind == NUMBER else 0
                    if packed & CHARACTER_UNIT:
                        open_unit = _CHARACTER
                        num_character_units += 1
                    state = absorb(GOLDEN, np.uint64(folded))
                    length = 1
            if kind != MARK or not continues:
                base_class = kind
            pending = 0
        else:
            if (
                open_unit != _CLOSED
                and pending == 0
                and codepoint in (ZERO_WIDTH_NON_JOINER, ZERO_WIDTH_JOINER)
            ):
                state = absorb(state, np.uint64(codepoint))
                length += 1
            elif open_unit != _CLOSED:
                joins = 0
                if (
                    pending == 0
                    and codepoint in (APOSTROPHE, CURLY_APOSTROPHE)
                    and open_unit == _WORD
                    and base_class != NUMBER
                ):
                    joins = APOSTROPHE
                pending = joins
                if joins == 0:
                    units[num_units] = mix(state ^ np.uint64(length))
                    lengths[num_units] = length
                    num_units += 1
                    numeric_units += numeric
                    open_unit = _CLOSED
            if position < end:
                counts[kind] += 1
            if kind != SPACE:
                if codepoint == FULL_STOP:
                    dots = dots + 1 if dots_end == position else 1
                    dots_end = following
                    if dots == 3:
                        ellipses += 1
                    if url_start < 0 and _follows_www(data, start, position):
                        url_start = position - 3
                elif codepoint == ELLIPSIS:
                    ellipses += 1
                elif codepoint == SLASH:
                    if url_start < 0 and position >= start + 2 and _is_colon_slash(data, position):
                        url_start = position - 2
                elif codepoint == 0x23:
                    hash_signs += 1
                elif codepoint == 0x7B:
                    braces += 1
                elif codepoint == 0xFFFD:
                    replacements += 1
                elif codepoint == ETHIOPIC_WORD_SPACE:
                    counts[PUNCTUATION] -= 1
                if packed & TERMINATOR and codepoint >= FIRST_WIDE:
                    if wide_end != position:
                        sentences += 1
                    wide_end = following
            else:
                if token_last & TERMINATOR and wide_end != token_end:
                    sentences += 1
                token_last = 0
                if url_start >= 0:
                    url_chars += position - url_start
                    url_start = -1

        if kind != SPACE:
            if line_start < 0:
                line_start, line_first, first_property, last_property = position, num_chars, packed, 0
            line_end, line_last = following, num_chars
            if not (packed & CLOSING):
                last_property = packed
                token_last, token_end = packed, following
        elif codepoint == NEWLINE:
            if position < end:
                num_newlines += 1
            if line_start >= 0:
                line_length = line_last - line_first + 1
                lines[num_lines] = hash_bytes(data, line_start, line_end, GOLDEN)
                line_lengths[num_lines] = line_length
                line_units[num_lines] = num_units
                breaks[num_lines] = gap
                gap = np.uint8(0)
                num_lines += 1
                if first_property & BULLET:
                    bullet_lines += 1
                    list_lines += 1
                elif first_property & CLASS_MASK == NUMBER:
                    list_lines += 1
                if last_property & TERMINATOR:
                    terminal_lines += 1
                if line_length < SHORT_LINE:
                    short_lines += 1
                elif line_length >= LONG_LINE:
                    long_lines += 1
                if _ends_in_ellipsis(data, line_start, line_end):
                    ellipsis_lines += 1
                line_start = -1
            else:
                gap = np.uint8(1)
        position = following

    counts[CHARS] = num_chars
    counts[UNITS] = num_units
    counts[CHARACTER_UNITS] = num_character_units
    counts[LINES] = num_lines
    counts[NEWLINES] = num_newlines
    counts[HASH_SIGNS] = hash_signs
    counts[ELLIPSES] = ellipses
    counts[CURLY_BRACES] = braces
    counts[REPLACEMENTS] = replacements
    counts[BULLET_LINES] = bullet_lines
    counts[ELLIPSIS_LINES] = ellipsis_lines
    counts[TERMINAL_LINES] = terminal_lines
    counts[SHORT_LINES] = short_lines
    counts[NUMERIC_UNITS] = numeric_units
    counts[UPPERS] = uppers
    counts[SENTENCES] = sentences
    counts[URL_CHARS] = url_chars
    counts[LIST_LINES] = list_lines
    counts[LONG_LINES] = long_lines
    counts[BROKEN_PAIRS] = broken_pairs


@inlined
def _is_colon_slash(data: Bytes, position: int) -> bool:
    """Whether a colon and a slash stand before the slash at this position."""
    return bool(data[position - 1] == SLASH and data[position - 2] == 0x3A)


@inlined
def _follows_www(data: Bytes, start: int, position: int) -> bool:
    """Whether `www`, in any case and no end of a longer ASCII word, stands before the full stop at this position."""
    if position < start + 3:
        return False
    for back in range(1, 4):
        if data[position - back] | 0x20 != 0x77:
            return False
    if position == start + 3:
        return True
    before = integer(data[position - 4])
    lower = before | 0x20
    return not (0x61 <= lower <= 0x7A or 0x30 <= before <= 0x39)


@kernel
def _ends_in_ellipsis(data: Bytes, start: int, end: int) -> bool:
    if end - start < 3:
        return False
    first, second, third = data[end - 3], data[end - 2], data[end - 1]
    if first == FULL_STOP:
        return bool(second == FULL_STOP and third == FULL_STOP)
    return bool(first == 0xE2 and second == 0x80 and third == 0xA6)


@kernel
def is_character_text(counts: Counts) -> bool:
    """Whether more than half of a document's units are character units."""
    return bool(counts[CHARACTER_UNITS] * 2 > counts[UNITS])


@kernel
def shingle_length(counts: Counts, scripts: Counts) -> int:
    """Units per shingle, by the rule of the document; 0 where the document has too few units for any shingle."""
    if not is_character_text(counts):
        return WORD_SHINGLE if counts[UNITS] >= MIN_WORDS else 0
    if counts[UNITS] < MIN_CHARACTERS:
        return 0
    south_east_asian = 0
    for script in range(THAI, MYANMAR + 1):
        south_east_asian += scripts[script]
    return HAN_KANA_SHINGLE if scripts[HAN] + scripts[KANA] >= south_east_asian else SOUTH_EAST_ASIAN_SHINGLE


@kernel
def hash_shingles(units: Hashes, num_units: int, length: int, shingles: Hashes) -> int:
    """Number of shingles written to `shingles`: one per position, repeats included.

    Args:
        units: hashes of the document's units.
        num_units: how many.
        length: units per shingle; 0 for none. With fewer units, the one shingle is all of them.
        shingles: receives the hashes; at least `num_units` long.
    """
    if length == 0 or num_units == 0:
        return 0
    length = min(length, num_units)
    tag = np.uint64(length) * GOLDEN
    leading = np.uint64(1)
    state = np.uint64(0)
    for index in range(length):
        state = state * POLYNOMIAL + units[index]
        if index:
            leading *= POLYNOMIAL
    shingles[0] = mix(state ^ tag)
    for index in range(length, num_units):
        state = (state - units[index - length] * leading) * POLYNOMIAL + units[index]
        shingles[index - length + 1] = mix(state ^ tag)
    return num_units - length + 1


@kernel
def longest_document(offsets: Offsets) -> int:
    """Bytes of the longest document of a batch."""
    longest = 0
    for index in range(offsets.size - 1):
        longest = max(longest, offsets[index + 1] - offsets[index])
    return longest


@kernel
def sort_unique(hashes: Hashes, size: int, sorted_hashes: Hashes, bounds: Counts) -> int:
    """Number of distinct values among the first `size` hashes, written in ascending order to `sorted_hashes`.

    Hashes are uniform, so one distribution by their top bits leaves about two values per bucket, and an insertion
    sort finishes in linear time; equal hashes sit side by side.

    Args:
        hashes: any order, with repeats.
        size: how many of them.
        sorted_hashes: receives the result; at least `size` long and no view of `hashes`.
        bounds: scratch, at least `2 * size + 2` long.
    """
    if size == 0:
        return 0
    bits = 1
    while (1 << bits) < size:
        bits += 1
    shift = np.uint64(64 - bits)
    bounds[: (1 << bits) + 1] = 0
    for index in range(size):
        bounds[integer(hashes[index] >> shift) + 1] += 1
    for bucket in range(1 << bits):
        bounds[bucket + 1] += bounds[bucket]
    for index in range(size):
        bucket = integer(hashes[index] >> shift)
        sorted_hashes[bounds[bucket]] = hashes[index]
        bounds[bucket] += 1
    for index in range(1, size):
        value = sorted_hashes[index]
        place = index
        while place > 0 and sorted_hashes[place - 1] > value:
            sorted_hashes[place] = sorted_hashes[place - 1]
            place -= 1
        sorted_hashes[place] = value
    unique = 1
    for index in range(1, size):
        if sorted_hashes[index] != sorted_hashes[unique - 1]:
            sorted_hashes[unique] = sorted_hashes[index]
            unique += 1
    return unique


@kernel
def _shingle_batch(
    data: Bytes, offsets: Offsets, properties: Properties, fold: Fold
) -> tuple[Hashes, Offsets]:
    documents = offsets.size - 1
    room = longest_document(offsets) + 1
    units, lines = np.empty(room, np.uint64), np.empty(room, np.uint64)
    lengths, line_lengths, line_units = (
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
    )
    breaks = np.empty(room, np.uint8)
    shingles, ordered = np.empty(room, np.uint64), np.empty(room, np.uint64)
    bounds = np.empty(2 * room + 2, np.int64)
    counts, scripts = np.empty(NUM_COUNTS, np.int64), np.empty(NUM_SCRIPTS, np.int64)
    starts = np.zeros(documents + 1, np.int64)
    result = np.empty(max(1024, (offsets[-1] - offsets[0]) // 4), np.uint64)
    for document in range(documents):
        walk(
            data, offsets[document], offsets[document + 1], properties, fold,
            units, lengths, lines, line_lengths, line_units, breaks, counts, scripts,
        )  # fmt: skip
        size = hash_shingles(units, counts[UNITS], shingle_length(counts, scripts), shingles)
        size = sort_unique(shingles, size, ordered, bounds)
        used = starts[document]
        if used + size > result.size:
            larger = np.empty(2 * (used + size), np.uint64)
            larger[:used] = result[:used]
            result = larger
        result[used : used + size] = ordered[:size]
        starts[document + 1] = used + size
    return result[: starts[documents]].copy(), starts


def shingle_hashes(data: Bytes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """Shingle hashes of each document, distinct and ascending, and where each document's begin.

    Document `i` has `hashes[starts[i]:starts[i + 1]]`, uint64; `starts` is int64, one more than documents. The hashes
    of a document depend on its text alone. A document with too few units (see the module) has none.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return _shingle_batch(data, offsets, table.properties, table.fold)


@kernel
def _word_batch(data: Bytes, offsets: Offsets, properties: Properties, fold: Fold) -> tuple[Hashes, Offsets]:
    documents = offsets.size - 1
    room = longest_document(offsets) + 1
    units, lines = np.empty(room, np.uint64), np.empty(room, np.uint64)
    lengths, line_lengths, line_units = (
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
    )
    breaks = np.empty(room, np.uint8)
    counts, scripts = np.empty(NUM_COUNTS, np.int64), np.empty(NUM_SCRIPTS, np.int64)
    starts = np.zeros(documents + 1, np.int64)
    result = np.empty(offsets[-1] - offsets[0] + documents, np.uint64)
    for document in range(documents):
        walk(
            data, offsets[document], offsets[document + 1], properties, fold,
            units, lengths, lines, line_lengths, line_units, breaks, counts, scripts,
        )  # fmt: skip
        used, size = starts[document], counts[UNITS]
        result[used : used + size] = units[:size]
        starts[document + 1] = used + size
    return result[: starts[documents]].copy(), starts


def word_hashes(data: Bytes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """Hash of each unit of each document, in the order of the text, and where each document's begin.

    Shapes and dtypes as `shingle_hashes`; repeats stay.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return _word_batch(data, offsets, table.properties, table.fold)
