"""Passages that documents share with items of evaluation sets, found by seeds and extended to their ends.

**Words.** Lengths are in units of `tokenise`. Two units of an item count as a word where most of its units are
characters of Han and Kana, three where they are of Thai, Lao, Khmer and Myanmar; else one unit is a word. (Parallel
text has 1.6 units of Chinese, 2.4 of Japanese and 3.0 of Thai per English word.)

**Run.** A maximal sequence of units that document and item have in common, of at least `RUN_WORDS` words, or the
whole of a shorter item, if that has at least `ANCHOR_WORDS` words.

**Passage.** Runs of one item that follow one another in document and item alike, with at most `GAP_WORDS` words
between them on either side; its length is the number of the item's units in it. It counts if it has at least
`ngram` words, or the whole of a shorter item. So a changed word does not hide what surrounds it.

**Whole lines.** A line, or a whole document, is an item if the two have the same letters, numbers and marks, case-
folded one to one, with nothing between them: punctuation, white space and joiners do not count. This also finds the
items that are shorter than a run. Longer ones than `WHOLE_WORDS` words are found by their runs alone.

An anchor is a sequence of `ANCHOR_WORDS` words of an item. Of an item's anchors every second, third or fourth is
indexed, so that each run holds one. Every such sequence of a document is looked up in a bitmap, then in a hash
table, and what is found is compared unit by unit. An anchor that items hold in more than `MAX_POSTINGS` places
starts no run, but belongs to runs that others start. Items of two or three units a word are only looked for in
documents that have such characters.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch
from dataprep.kernels.compilation import inlined, integer, kernel
from dataprep.kernels.mixing import GOLDEN, POLYNOMIAL, absorb, mix
from dataprep.kernels.repetition import Flags
from dataprep.kernels.tokenise import (
    CHARACTER_UNITS,
    NEWLINE,
    NUM_COUNTS,
    UNITS,
    Fold,
    Properties,
    is_character_text,
    longest_document,
    walk,
)
from dataprep.kernels.unicode_tables import (
    CLASS_MASK,
    FOLDS,
    HAN,
    KANA,
    MARK,
    MYANMAR,
    NUM_SCRIPTS,
    NUMBER,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    THAI,
    tables,
)
from dataprep.kernels.utf8 import decode

Ints = npt.NDArray[np.int32]

ANCHOR_WORDS: Final = 5
RUN_WORDS: Final = 6
GAP_WORDS: Final = 2
WHOLE_WORDS: Final = 32
MAX_POSTINGS: Final = 64
MAX_SCALE: Final = 3
WHOLE_LINE: Final = -1  # passage length of a run that is a whole line

_FILTER_BITS: Final = 16  # of the bitmap, per key: one absent key in sixty passes
_SHIFT_6: Final = np.uint64(6)
_ONE: Final = np.uint64(1)
_LOW_6: Final = np.uint64(63)
_COLUMNS: Final = 7


class Lookup(NamedTuple):
    """A set of 64-bit keys, each with its number, behind a bitmap.

    Attributes:
        keys: uint64[keys], ascending, distinct.
        slots: int32[a power of two], open addressing by the keys' top bits; number of a key plus one, or 0.
        bitmap: uint64[a power of two]; a key sets two bits of one word.
    """

    keys: Hashes
    slots: Ints
    bitmap: Hashes


class OverlapIndex(NamedTuple):
    """Items in the form in which documents are compared with them.

    Attributes:
        units: uint64[units], hashes of the units of all items, one after the other.
        starts: int64[items + 1], where each item's begin.
        scales: int32[items], units per word: 1, 2 or 3.
        least: int32[items], units that a passage must have.
        item_of: int32[units], the item of each unit.
        anchor_at: int32[units], number of the indexed anchor that begins at a unit; -1 where there is none.
        anchors: the anchors' hashes; their numbers are those of `anchor_at`.
        posting_starts: int64[anchors + 1], where each anchor's postings begin.
        postings: int32[postings], the places in `units` where an anchor begins.
        wholes: keys of whole items.
        whole_starts: int64[whole keys + 1], where each key's items begin.
        whole_items: int32[whole items].
    """

    units: Hashes
    starts: Offsets
    scales: Ints
    least: Ints
    item_of: Ints
    anchor_at: Ints
    anchors: Lookup
    posting_starts: Offsets
    postings: Ints
    wholes: Lookup
    whole_starts: Offsets
    whole_items: Ints


class Runs(NamedTuple):
    """Runs that belong to a passage that counts, and whole lines; ordered by document and item, one array each.

    Attributes:
        document: int32, which document of the batch.
        item: int32, which item.
        document_start: int32, first unit in the document.
        document_end: int32, one past the last.
        item_start: int32, first unit in the item.
        item_end: int32, one past the last.
        passage: int32, units of the item in the passage that the run belongs to; `WHOLE_LINE` for a whole line, whose
            units in the document may be cut in other places than the item's.
        num_units: int64[documents], units of each document of the batch.
    """

    document: Ints
    item: Ints
    document_start: Ints
    document_end: Ints
    item_start: Ints
    item_end: Ints
    passage: Ints
    num_units: Counts


@kernel
def _scale(counts: Counts, scripts: Counts) -> int:
    """Units per word of the text that was walked last."""
    if not is_character_text(counts):
        return 1
    south_east_asian = 0
    for script in range(THAI, MYANMAR + 1):
        south_east_asian += scripts[script]
    return 2 if scripts[HAN] + scripts[KANA] >= south_east_asian else MAX_SCALE


@kernel
def _whole_key(data: Bytes, position: int, end: int, properties: Properties, fold: Fold) -> np.uint64:
    """Hash of the letters, numbers and marks in [position, end), folded; 0 if there is neither letter nor number."""
    state = GOLDEN
    length = 0
    inside, has_base = False, False
    while position < end:
        codepoint, position = decode(data, position, end)
        packed = integer(properties[codepoint])
        kind = packed & CLASS_MASK
        if kind > NUMBER:
            inside = False
            continue
        # A mark of no script belongs to the symbol before it, unless a letter or number is there.
        if kind == MARK and not inside and (packed >> SCRIPT_SHIFT) & SCRIPT_MASK == 0:
            continue
        inside = True
        has_base = has_base or kind != MARK
        if packed & FOLDS:
            codepoint = integer(fold[codepoint])
        state = absorb(state, np.uint64(codepoint))
        length += 1
    return mix(state ^ np.uint64(length)) if has_base else np.uint64(0)


@kernel
def _item_batch(
    data: Bytes, offsets: Offsets, properties: Properties, fold: Fold
) -> tuple[Hashes, Offsets, Ints, Hashes]:
    items = offsets.size - 1
    room = longest_document(offsets) + 1
    units, lines = np.empty(room, np.uint64), np.empty(room, np.uint64)
    lengths, line_lengths = np.empty(room, np.int64), np.empty(room, np.int64)
    line_units, breaks = np.empty(room, np.int64), np.empty(room, np.uint8)
    counts, scripts = np.empty(NUM_COUNTS, np.int64), np.empty(NUM_SCRIPTS, np.int64)
    result = np.empty(offsets[-1] - offsets[0] + items, np.uint64)
    starts, scales = np.zeros(items + 1, np.int64), np.empty(items, np.int32)
    keys = np.empty(items, np.uint64)
    for item in range(items):
        walk(
            data, offsets[item], offsets[item + 1], properties, fold,
            units, lengths, lines, line_lengths, line_units, breaks, counts, scripts,
        )  # fmt: skip
        used, size = starts[item], counts[UNITS]
        result[used : used + size] = units[:size]
        starts[item + 1] = used + size
        scales[item] = _scale(counts, scripts)
        keys[item] = _whole_key(data, offsets[item], offsets[item + 1], properties, fold)
    return result[: starts[items]].copy(), starts, scales, keys


class ItemUnits(NamedTuple):
    """What is known of items from their texts.

    Attributes:
        units: uint64[units], hashes of the units of all items.
        starts: int64[items + 1], where each item's begin.
        scales: int32[items], units per word.
        whole_keys: uint64[items]; 0 for an item without letters and numbers.
    """

    units: Hashes
    starts: Offsets
    scales: Ints
    whole_keys: Hashes


def item_units(data: Bytes, offsets: Offsets) -> ItemUnits:
    """Units, scale and whole key of each item.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return ItemUnits(*_item_batch(data, offsets, table.properties, table.fold))


@kernel
def _anchor_hashes(units: Hashes, starts: Offsets, scales: Ints) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """Hash of the anchor that begins at each unit, and where one is indexed."""
    hashes = np.zeros(units.size, np.uint64)
    present = np.zeros(units.size, np.bool_)
    for item in range(starts.size - 1):
        length = integer(scales[item]) * ANCHOR_WORDS
        # So many sequences of an anchor's length begin in the shortest run; one of them is indexed.
        stride = integer(scales[item]) * (RUN_WORDS - ANCHOR_WORDS) + 1
        tag = np.uint64(length) * GOLDEN
        for first in range(starts[item], starts[item + 1] - length + 1, stride):
            state = np.uint64(0)
            for index in range(first, first + length):
                state = state * POLYNOMIAL + units[index]
            hashes[first] = mix(state ^ tag)
            present[first] = True
    return hashes, present


@inlined
def _bits(key: np.uint64) -> np.uint64:
    return (_ONE << (key & _LOW_6)) | (_ONE << ((key >> _SHIFT_6) & _LOW_6))


@kernel
def _fill(keys: Hashes, slot_bits: int, word_bits: int) -> tuple[Ints, Hashes]:
    slots, bitmap = np.zeros(1 << slot_bits, np.int32), np.zeros(1 << word_bits, np.uint64)
    slot_shift, word_shift = np.uint64(64 - slot_bits), np.uint64(64 - word_bits)
    for number in range(keys.size):
        key = keys[number]
        slot = integer(key >> slot_shift)
        while slots[slot]:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = number + 1
        bitmap[integer(key >> word_shift)] |= _bits(key)
    return slots, bitmap


def _lookup(keys: Hashes) -> Lookup:
    """The lookup of distinct, ascending keys."""
    slot_bits = max(1, int(2 * keys.size).bit_length())
    word_bits = max(1, int(keys.size * _FILTER_BITS // 64).bit_length())
    return Lookup(keys, *_fill(keys, slot_bits, word_bits))


def build_index(items: ItemUnits, ngram: int) -> OverlapIndex:
    """The index of items. Their numbers are their places in `items`; equal items should be given once.

    Args:
        items: as `item_units` gives them.
        ngram: words that a passage must have; at least `ANCHOR_WORDS`.

    Raises:
        ValueError: `ngram` is too small, or the items have more than 2**31 units.
    """
    if ngram < ANCHOR_WORDS:
        raise ValueError(f"Expected n-grams of at least {ANCHOR_WORDS} words, found ngram={ngram}.")
    if items.units.size >= 1 << 31:
        raise ValueError(
            f"Expected items of fewer than 2**31 units together, found {items.units.size}; use fewer sets."
        )
    sizes = np.diff(items.starts)
    numbers = np.arange(len(sizes), dtype=np.int32)
    least = np.minimum(ngram * items.scales, sizes).astype(np.int32)
    hashes, present = _anchor_hashes(items.units, items.starts, items.scales)
    places = np.flatnonzero(present)
    keys, anchor_of_place = np.unique(hashes[places], return_inverse=True)
    anchor_at = np.full(items.units.size, -1, np.int32)
    anchor_at[places] = anchor_of_place
    per_anchor = np.bincount(anchor_of_place, minlength=len(keys))
    posted = per_anchor[anchor_of_place] <= MAX_POSTINGS
    in_order = np.argsort(anchor_of_place[posted], kind="stable")
    posting_starts = np.append(0, np.cumsum(np.where(per_anchor <= MAX_POSTINGS, per_anchor, 0)))
    short = (sizes <= WHOLE_WORDS * items.scales) & (items.whole_keys != 0)
    whole_keys, whole_of_item = np.unique(items.whole_keys[short], return_inverse=True)
    whole_starts = np.append(0, np.cumsum(np.bincount(whole_of_item, minlength=len(whole_keys))))
    return OverlapIndex(
        items.units,
        items.starts,
        items.scales,
        least,
        np.repeat(numbers, sizes),
        anchor_at,
        _lookup(keys),
        posting_starts.astype(np.int64),
        places[posted][in_order].astype(np.int32),
        _lookup(whole_keys),
        whole_starts.astype(np.int64),
        numbers[short][np.argsort(whole_of_item, kind="stable")],
    )


@kernel
def _shift(array_size: int) -> np.uint64:
    """What a key is shifted by to index an array whose size is a power of two."""
    bits = 0
    while (1 << bits) < array_size:
        bits += 1
    return np.uint64(64 - bits)


@inlined
def _may_hold(bitmap: Hashes, key: np.uint64, shift: np.uint64) -> bool:
    """Whether a bitmap lets a key pass. Almost all keys end here."""
    bits = _bits(key)
    return bool(bitmap[key >> shift] & bits == bits)


@kernel
def _number(lookup: Lookup, key: np.uint64) -> int:
    """Number of a key; -1 if it is not among them."""
    slot = integer(key >> _shift(lookup.slots.size))
    while lookup.slots[slot]:
        number = integer(lookup.slots[slot]) - 1
        if lookup.keys[number] == key:
            return number
        slot = (slot + 1) & (lookup.slots.size - 1)
    return -1


@kernel
def _grown(rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    larger = np.empty((2 * rows.shape[0], rows.shape[1]), np.int32)
    larger[: rows.shape[0]] = rows
    return larger


@kernel
def _append(
    rows: npt.NDArray[np.int32],
    used: int,
    item: int,
    document_start: int,
    document_end: int,
    item_start: int,
    item_end: int,
    passage: int,
) -> npt.NDArray[np.int32]:
    """The rows with one more; a larger array if it needs the room."""
    if used == rows.shape[0]:
        rows = _grown(rows)
    row = rows[used]
    row[1], row[2], row[3], row[4], row[5], row[6] = (
        item, document_start, document_end, item_start, item_end, passage,
    )  # fmt: skip
    return rows


@kernel
def _extended(
    units: Hashes, num_units: int, position: int, index: OverlapIndex, place: int, length: int
) -> tuple[int, int, int]:
    """The run that holds an anchor: its first unit in document and item (as a place), and its length; 0 if none.

    None where the anchor's units are others with the same hash, where an anchor before it has the same run, and where
    the run is too short.
    """
    for step in range(length):
        if units[position + step] != index.units[place + step]:
            return 0, 0, 0
    item = index.item_of[place]
    first, end = index.starts[item], index.starts[item + 1]
    back = 0
    while (
        place - back > first
        and position > back
        and units[position - back - 1] == index.units[place - back - 1]
    ):
        back += 1
        anchor = integer(index.anchor_at[place - back])
        if anchor >= 0 and index.posting_starts[anchor + 1] > index.posting_starts[anchor]:
            return 0, 0, 0
    ahead = length
    while (
        place + ahead < end
        and position + ahead < num_units
        and units[position + ahead] == index.units[place + ahead]
    ):
        ahead += 1
    shortest = min(RUN_WORDS * integer(index.scales[item]), end - first)
    return position - back, place - back, back + ahead if back + ahead >= shortest else 0


@kernel
def _anchors_in(
    units: Hashes, num_units: int, length: int, bitmap: Hashes, shift: np.uint64, places: Counts, keys: Hashes
) -> int:
    """How many sequences of so many units pass the bitmap; where they begin, and their hashes."""
    tag = np.uint64(length) * GOLDEN
    leading, state = np.uint64(1), np.uint64(0)
    for index in range(min(length, num_units + 1) - 1):
        state = state * POLYNOMIAL + units[index]
    for _ in range(length - 1):
        leading *= POLYNOMIAL
    passed = 0
    for first in range(num_units - length + 1):
        state = state * POLYNOMIAL + units[first + length - 1]
        key = mix(state ^ tag)
        places[passed], keys[passed] = first, key
        passed += _may_hold(bitmap, key, shift)
        state -= units[first] * leading
    return passed


@kernel
def _runs_of(
    units: Hashes,
    num_units: int,
    index: OverlapIndex,
    scales: Ints,
    places: Counts,
    keys: Hashes,
    rows: npt.NDArray[np.int32],
    used: int,
) -> tuple[npt.NDArray[np.int32], int]:
    """The rows, and one more for each run of a document, in no particular order."""
    shift = _shift(index.anchors.bitmap.size)
    for scale in scales:
        length = integer(scale) * ANCHOR_WORDS
        passed = _anchors_in(units, num_units, length, index.anchors.bitmap, shift, places, keys)
        for each in range(passed):
            anchor = _number(index.anchors, keys[each])
            if anchor < 0:
                continue
            for posting in range(index.posting_starts[anchor], index.posting_starts[anchor + 1]):
                begin, place, run = _extended(
                    units, num_units, places[each], index, integer(index.postings[posting]), length
                )
                if run:
                    item = integer(index.item_of[place])
                    start = place - index.starts[item]
                    rows = _append(rows, used, item, begin, begin + run, start, start + run, 0)
                    used += 1
    return rows, used


@kernel
def _mark_passages(rows: npt.NDArray[np.int32], scales: Ints) -> None:
    """Write into each run how long the passage is that it belongs to; 0 where it lies beside a passage's other runs.

    The runs are ordered by document, item, place in the document, the longest first, and place in the item.
    """
    begin = 0
    while begin < rows.shape[0]:
        document, item = rows[begin, 0], rows[begin, 1]
        gap = GAP_WORDS * integer(scales[item])
        document_end, item_end = integer(rows[begin, 3]), integer(rows[begin, 5])
        length = item_end - integer(rows[begin, 4])
        rows[begin, 6] = 1
        following = begin + 1
        while following < rows.shape[0] and rows[following, 0] == document and rows[following, 1] == item:
            run = rows[following]
            if run[3] <= document_end:
                # Another place of the item that the same units of the document agree with.
                run[6] = 0
                following += 1
                continue
            new_units = integer(run[5]) - max(item_end, integer(run[4]))
            if run[2] - document_end > gap or run[4] - item_end > gap or new_units <= 0:
                break
            run[6] = 1
            length += new_units
            document_end, item_end = integer(run[3]), integer(run[5])
            following += 1
        rows[begin:following, 6] *= length
        begin = following


@kernel
def _lines_of(
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
    bounds: Counts,
) -> tuple[int, int, int]:
    """Units of a document, line by line: how many, how many of them characters, and in how many lines.

    `bounds` gets first byte, end and first unit of each line that has units.
    """
    num_units, num_characters, num_lines = 0, 0, 0
    position = start
    while position < end:
        line_end = position
        while line_end < end and data[line_end] != NEWLINE:
            line_end += 1
        if line_end > position:
            # No unit reaches over a line feed.
            walk(
                data, position, line_end, properties, fold,
                units[num_units:], lengths, lines, line_lengths, line_units, breaks, counts, scripts,
            )  # fmt: skip
            size = counts[UNITS]
            if size:
                bounds[3 * num_lines], bounds[3 * num_lines + 1], bounds[3 * num_lines + 2] = (
                    position, line_end, num_units,
                )  # fmt: skip
                num_lines += 1
                num_units += size
                num_characters += counts[CHARACTER_UNITS]
        position = line_end + 1
    bounds[3 * num_lines + 2] = num_units
    return num_units, num_characters, num_lines


@kernel
def _wholes_of(
    data: Bytes,
    begin: int,
    end: int,
    document_start: int,
    document_end: int,
    properties: Properties,
    fold: Fold,
    index: OverlapIndex,
    rows: npt.NDArray[np.int32],
    used: int,
) -> tuple[npt.NDArray[np.int32], int]:
    """The rows, and one more for each item that the bytes in [begin, end) are."""
    key = _whole_key(data, begin, end, properties, fold)
    if key == 0:
        return rows, used
    if not _may_hold(index.wholes.bitmap, key, _shift(index.wholes.bitmap.size)):
        return rows, used
    number = _number(index.wholes, key)
    if number >= 0:
        for place in range(index.whole_starts[number], index.whole_starts[number + 1]):
            item = integer(index.whole_items[place])
            size = index.starts[item + 1] - index.starts[item]
            rows = _append(rows, used, item, document_start, document_end, 0, size, WHOLE_LINE)
            used += 1
    return rows, used


@kernel
def _match(
    data: Bytes,
    offsets: Offsets,
    properties: Properties,
    fold: Fold,
    index: OverlapIndex,
    scales: Ints,
    longest_whole: int,
) -> tuple[npt.NDArray[np.int32], Counts]:
    documents = offsets.size - 1
    room = longest_document(offsets) + 1
    units, lines = np.empty(room, np.uint64), np.empty(room, np.uint64)
    lengths, line_lengths = np.empty(room, np.int64), np.empty(room, np.int64)
    line_units, breaks = np.empty(room, np.int64), np.empty(room, np.uint8)
    counts, scripts = np.empty(NUM_COUNTS, np.int64), np.empty(NUM_SCRIPTS, np.int64)
    bounds = np.empty(3 * room + 3, np.int64)
    sizes = np.empty(documents, np.int64)
    places, keys = np.empty(room, np.int64), np.empty(room, np.uint64)
    found = np.empty((256, _COLUMNS), np.int32)
    total = 0
    for document in range(documents):
        start, end = offsets[document], offsets[document + 1]
        num_units, num_characters, num_lines = _lines_of(
            data, start, end, properties, fold,
            units, lengths, lines, line_lengths, line_units, breaks, counts, scripts, bounds,
        )  # fmt: skip
        sizes[document] = num_units
        wanted = scales if num_characters else scales[scales == 1]
        before = total
        found, total = _runs_of(units, num_units, index, wanted, places, keys, found, total)
        for line in range(num_lines):
            first, last = bounds[3 * line + 2], bounds[3 * line + 5]
            if last - first <= longest_whole:
                found, total = _wholes_of(
                    data, bounds[3 * line], bounds[3 * line + 1], first, last,
                    properties, fold, index, found, total,
                )  # fmt: skip
        if num_lines > 1 and num_units <= longest_whole:
            found, total = _wholes_of(data, start, end, 0, num_units, properties, fold, index, found, total)
        found[before:total, 0] = document
    return found[:total].copy(), sizes


def matching_runs(data: Bytes, offsets: Offsets, index: OverlapIndex) -> Runs:
    """The runs of every document with every item, as far as they belong to a passage that counts; and whole lines.

    They depend on the document's text and the index alone.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.
        index: of the items.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    sizes = np.diff(index.starts)
    with_anchor = index.scales[sizes >= ANCHOR_WORDS * index.scales]
    # Twice as many units: where a word is written in two, the line has more units than the item.
    longest_whole = 2 * int(sizes[index.whole_items].max(initial=0))
    rows, num_units = _match(
        data, offsets, table.properties, table.fold, index, np.unique(with_anchor), longest_whole
    )
    is_run = rows[:, 6] != WHOLE_LINE
    runs = rows[is_run]
    runs = runs[np.lexsort((runs[:, 4], -runs[:, 3], runs[:, 2], runs[:, 1], runs[:, 0]))]
    _mark_passages(runs, index.scales)
    counted = runs[runs[:, 6] >= np.maximum(1, index.least[runs[:, 1]])]
    rows = np.concatenate([counted, rows[~is_run]])
    rows = rows[np.lexsort((rows[:, 4], rows[:, 2], rows[:, 1], rows[:, 0]))]
    columns = np.ascontiguousarray(rows.T)
    return Runs(columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], num_units)
