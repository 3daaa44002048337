"""Content hash and LSH band keys of each document in one pass over its bytes, for a run that measures nothing else.

The units are those of `tokenise.walk`, found by a walk of its own without lines and signal counts: runs of letters
inside a word, and of characters that are units, have loops of their own, and one table lookup per codepoint gives
class, script and case folding together. The shingles are sketched with their repeats, which change no sketch.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch, frozen
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.content_hash import collapse_whitespace, hash_128
from dataprep.kernels.mixing import GOLDEN, absorb, mix
from dataprep.kernels.sketch import Keys, key_bands, require_bins, seed_value, sketch_document
from dataprep.kernels.tokenise import (
    APOSTROPHE,
    CHARACTER_UNITS,
    CURLY_APOSTROPHE,
    NUM_COUNTS,
    UNITS,
    ZERO_WIDTH_JOINER,
    ZERO_WIDTH_NON_JOINER,
    Properties,
    hash_shingles,
    longest_document,
    shingle_length,
)
from dataprep.kernels.unicode_tables import (
    CHARACTER_UNIT,
    CLASS_MASK,
    HAN,
    KANA,
    MARK,
    NUM_SCRIPTS,
    NUMBER,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    THAI,
    tables,
)
from dataprep.kernels.utf8 import decode

# An entry of the walk's table: the folded codepoint in bits 0-20, and what the walk asks of the codepoint above.
FOLDED: Final = (1 << 21) - 1
SEPARATES: Final = 1 << 21  # neither letter nor mark nor number
MARK_SHIFT: Final = 22
IS_MARK: Final = 1 << MARK_SHIFT
IS_NUMBER: Final = 1 << 23
IS_CHARACTER: Final = 1 << 24  # of a script whose letters and numbers are units by themselves
NO_SCRIPT: Final = 1 << 25
HAN_KANA_SHIFT: Final = 26  # a letter or mark of Han or Kana
SOUTH_EAST_ASIAN_SHIFT: Final = 27  # a letter or mark of Thai, Lao, Khmer or Myanmar
ENDS_WORD_RUN: Final = SEPARATES | IS_CHARACTER

_CLOSED: Final = 0
_WORD: Final = 1
_CHARACTER: Final = 2


class SketchedTexts(NamedTuple):
    """What deduplication needs of each document of a batch.

    Attributes:
        content_hash: uint64[documents, 2], as `content_hash.content_hash`.
        band_keys: int64[documents, bands], as `sketch.band_keys`; rows without a signature are 0.
        has_signature: bool[documents]; false for documents with too few units for a shingle.
        num_shingles: int64[documents], positions at which a shingle begins: repeats count, unlike in
            `fused.Annotated`.
        num_chars: int64[documents], codepoints.
    """

    content_hash: Hashes
    band_keys: Keys
    has_signature: npt.NDArray[np.bool_]
    num_shingles: Counts
    num_chars: Counts


@cache
def walk_table() -> Properties:
    """The table of the walk, uint32 by codepoint, packed as the constants of this module say; made once per process."""
    table = tables()
    kind = table.properties & CLASS_MASK
    script = (table.properties >> SCRIPT_SHIFT) & SCRIPT_MASK
    is_character = (table.properties & CHARACTER_UNIT) != 0
    is_han_kana = (script == HAN) | (script == KANA)
    counted = is_character & (kind != NUMBER)
    entries = table.fold.astype(np.uint32)
    for flag, where in (
        (SEPARATES, kind > NUMBER),
        (IS_MARK, kind == MARK),
        (IS_NUMBER, kind == NUMBER),
        (IS_CHARACTER, is_character),
        (NO_SCRIPT, script == 0),
        (1 << HAN_KANA_SHIFT, counted & is_han_kana),
        (1 << SOUTH_EAST_ASIAN_SHIFT, counted & ~is_han_kana),
    ):
        entries[where] |= np.uint32(flag)
    return frozen(entries, np.uint32)


@kernel
def walk_units(
    data: Bytes, start: int, end: int, table: Properties, units: Hashes, counts: Counts, scripts: Counts
) -> int:
    """Codepoints of the document in [start, end); the hashes of its units are written to `units`.

    Args:
        data: UTF-8 bytes of the batch.
        start: the document's first byte.
        end: one past its last byte.
        table: as `walk_table` gives it.
        units: receives the hash of each unit in the order of the text, as `tokenise.walk` gives them; longer than
            the document has bytes.
        counts: receives UNITS and CHARACTER_UNITS of the slots of `tokenise`; other slots are left alone.
        scripts: receives the letters and marks of Han and Kana in slot HAN, of Thai, Lao, Khmer and Myanmar in slot
            THAI: all that `tokenise.shingle_length` asks for.
    """
    num_units, num_character_units, num_chars = 0, 0, 0
    han_kana, south_east_asian = 0, 0
    open_unit, length, pending = _CLOSED, 0, 0
    after_number = False
    state = GOLDEN

    position = start
    while position < end:
        codepoint, following = integer(data[position]), position + 1
        if codepoint >= 0x80:
            codepoint, following = decode(data, position, end)
        entry = integer(table[codepoint])
        num_chars += 1
        position = following
        if entry & SEPARATES:
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
                    and not after_number
                ):
                    joins = APOSTROPHE
                pending = joins
                if joins == 0:
                    units[num_units] = mix(state ^ np.uint64(length))
                    num_units += 1
                    open_unit = _CLOSED
            continue

        if entry & IS_MARK:
            continues = open_unit != _CLOSED and pending != APOSTROPHE
        else:
            continues = open_unit == _WORD and not (entry & IS_CHARACTER)
            if pending == APOSTROPHE and entry & IS_NUMBER:
                continues = False
        han_kana += (entry >> HAN_KANA_SHIFT) & 1
        south_east_asian += (entry >> SOUTH_EAST_ASIAN_SHIFT) & 1
        if continues:
            if pending:
                state = absorb(state, np.uint64(pending))
                length += 1
            state = absorb(state, np.uint64(entry & FOLDED))
            length += 1
        else:
            if open_unit != _CLOSED:
                units[num_units] = mix(state ^ np.uint64(length))
                num_units += 1
            open_unit = _CLOSED
            if not (entry & IS_MARK and entry & NO_SCRIPT):
                open_unit = _WORD
                if entry & IS_CHARACTER:
                    open_unit = _CHARACTER
                    num_character_units += 1
                state = absorb(GOLDEN, np.uint64(entry & FOLDED))
                length = 1
        if not (entry & IS_MARK and continues):
            after_number = entry & IS_NUMBER != 0
        pending = 0

        if open_unit == _WORD:
            # Letters, marks and numbers that can only go on with the word.
            while position < end:
                codepoint, following = integer(data[position]), position + 1
                if codepoint >= 0x80:
                    codepoint, following = decode(data, position, end)
                entry = integer(table[codepoint])
                if entry & ENDS_WORD_RUN:
                    break
                state = absorb(state, np.uint64(entry & FOLDED))
                length += 1
                num_chars += 1
                if not entry & IS_MARK:
                    after_number = entry & IS_NUMBER != 0
                position = following
        elif open_unit == _CHARACTER:
            # Each letter or number ends the unit before it, each mark goes on with it: no branch, the two alternate.
            while position < end:
                codepoint, following = integer(data[position]), position + 1
                if codepoint >= 0x80:
                    codepoint, following = decode(data, position, end)
                entry = integer(table[codepoint])
                if not entry & IS_CHARACTER:
                    break
                units[num_units] = mix(state ^ np.uint64(length))
                begins = 1 - ((entry >> MARK_SHIFT) & 1)
                num_units += begins
                num_character_units += begins
                state = absorb(GOLDEN if begins else state, np.uint64(entry & FOLDED))
                length = length * (1 - begins) + 1
                han_kana += (entry >> HAN_KANA_SHIFT) & 1
                south_east_asian += (entry >> SOUTH_EAST_ASIAN_SHIFT) & 1
                num_chars += 1
                position = following
            # An apostrophe joins words only, so whether a number was last does not matter here.
    if open_unit != _CLOSED:
        units[num_units] = mix(state ^ np.uint64(length))
        num_units += 1

    counts[UNITS] = num_units
    counts[CHARACTER_UNITS] = num_character_units
    scripts[HAN] = han_kana
    scripts[THAI] = south_east_asian
    return num_chars


@kernel
def _sketch_texts(
    data: Bytes,
    offsets: Offsets,
    properties: Properties,
    table: Properties,
    bands: int,
    rows: int,
    seed: np.uint64,
) -> tuple[Hashes, Keys, Counts, Counts]:
    documents = offsets.size - 1
    room = longest_document(offsets) + 1
    contents = np.empty((documents, 2), np.uint64)
    keys = np.zeros((documents, bands), np.int64)
    sizes, chars = np.empty(documents, np.int64), np.empty(documents, np.int64)
    units, shingles = np.empty(room, np.uint64), np.empty(room, np.uint64)
    collapsed = np.empty(room, np.uint8)
    counts, scripts = np.zeros(NUM_COUNTS, np.int64), np.zeros(NUM_SCRIPTS, np.int64)
    bins = np.empty(bands * rows, np.uint64)
    for document in range(documents):
        start, end = offsets[document], offsets[document + 1]
        chars[document] = walk_units(data, start, end, table, units, counts, scripts)
        positions = hash_shingles(units, counts[UNITS], shingle_length(counts, scripts), shingles)
        sizes[document] = positions
        if positions:
            sketch_document(shingles, positions, seed, bins)
            key_bands(bins, bands, rows, keys[document])
        size = collapse_whitespace(data, start, end, properties, collapsed)
        contents[document, 0], contents[document, 1] = hash_128(collapsed, size)
    return contents, keys, sizes, chars


def sketch_texts(
    data: Bytes, offsets: Offsets, *, num_bands: int, rows_per_band: int, seed: int
) -> SketchedTexts:
    """Content hash and LSH band keys of each document. Depends on each document's text alone.

    The content hash, keys, flags and codepoints that `fused.annotate_batch` gives, in less than half its time.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.
        num_bands: LSH bands.
        rows_per_band: bins per band; bands times rows must be in [1, sketch.MAX_BINS].
        seed: of the hash family, in [0, 2**64).

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`), or a parameter is out of bounds.
    """
    if num_bands < 1 or rows_per_band < 1:
        raise ValueError(
            f"Expected at least one band and one row per band, found num_bands={num_bands}, "
            f"rows_per_band={rows_per_band}."
        )
    require_bins(num_bands * rows_per_band)
    data, offsets = batch(data, offsets)
    contents, keys, sizes, chars = _sketch_texts(
        data, offsets, tables().properties, walk_table(), num_bands, rows_per_band, seed_value(seed)
    )
    return SketchedTexts(contents, keys, sizes > 0, sizes, chars)
