"""Repeated n-grams of units, exactly, for n = 1 to 10 in little more than one pass.

An n-gram occurs twice only if both its (n-1)-grams do. So level n looks only at positions where the (n-1)-grams
at the position and at the next one are repeated, and names an n-gram by the pair of their class numbers: exact on
unit hashes, with no further hashing of content. On ordinary text few positions survive the third level.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Counts, Hashes
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import SHIFT_32, mix

Classes = npt.NDArray[np.int32]
Fractions = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint8]

LONGEST: Final = 10
TOP_SHORTEST: Final = 2
TOP_LONGEST: Final = 4
DUPLICATE_SHORTEST: Final = 5
NUM_TOP: Final = TOP_LONGEST - TOP_SHORTEST + 1
NUM_DUPLICATE: Final = LONGEST - DUPLICATE_SHORTEST + 1
_NONE: Final = np.int32(-1)


@kernel
def table_size(entries: int) -> int:
    """Slots of an open-addressing table that is at most half full: a power of two."""
    size = 4
    while size < 2 * entries:
        size *= 2
    return size


@kernel
def repetition(
    units: Hashes,
    lengths: Counts,
    num_units: int,
    shingle: int,
    classes: Classes,
    occurrences: Classes,
    places: Classes,
    table_keys: Hashes,
    table_classes: Classes,
    repeats: Flags,
    top: Fractions,
    duplicate: Fractions,
) -> int:
    """Number of distinct units; fills `top`, `duplicate` and `repeats`.

    Args:
        units: hash of each unit.
        lengths: codepoints of each unit.
        num_units: how many units.
        shingle: n for which `repeats` is wanted; 0 for none.
        classes: scratch, longer than `num_units`.
        occurrences: scratch, longer than `num_units`.
        places: scratch, longer than `num_units`.
        table_keys: scratch of `table_size(num_units)`.
        table_classes: scratch of the same size.
        repeats: receives 1 at each position whose n-gram of length `shingle` began earlier too, else 0.
        top: receives, for n = 2, 3, 4, the share of unit codepoints covered by the most frequent n-gram; of equally
            frequent ones the longest in codepoints, then the first. 0 where no n-gram occurs twice.
        duplicate: receives, for n = 5 to 10, the share of unit codepoints covered by n-grams that occurred earlier;
            the first occurrence is not covered, and overlaps count once.
    """
    top[:] = 0.0
    duplicate[:] = 0.0
    repeats[:num_units] = 0
    total = 0
    for index in range(num_units):
        total += lengths[index]

    size = table_size(num_units)
    slots = size - 1
    table_classes[:size] = _NONE
    distinct = 0
    for index in range(num_units):
        key = units[index]
        slot = integer(key & np.uint64(slots))
        while table_classes[slot] != _NONE and table_keys[slot] != key:
            slot = (slot + 1) & slots
        found = table_classes[slot]
        if found == _NONE:
            found = np.int32(distinct)
            table_keys[slot] = key
            table_classes[slot] = found
            occurrences[found] = 0
            distinct += 1
        occurrences[found] += 1
        classes[index] = found
        places[index] = index
    classes[num_units] = _NONE
    num_unique = distinct
    num_places = num_units

    for n in range(2, LONGEST + 1):
        # Keep the places whose (n-1)-gram is repeated; the others can begin no repeated n-gram, nor continue one.
        kept = 0
        for index in range(num_places):
            place = places[index]
            if occurrences[classes[place]] < 2:
                classes[place] = _NONE
            else:
                places[kept] = place
                kept += 1
        num_places = 0
        size = table_size(kept)
        slots = size - 1
        table_classes[:size] = _NONE
        distinct, repeated, covered_to, covered = 0, 0, 0, 0
        for index in range(kept):
            place = integer(places[index])
            following = classes[place + 1]
            if following == _NONE:
                classes[place] = _NONE
                continue
            key = (np.uint64(classes[place]) << SHIFT_32) | np.uint64(following)
            slot = integer(mix(key) & np.uint64(slots))
            while table_classes[slot] != _NONE and table_keys[slot] != key:
                slot = (slot + 1) & slots
            found = table_classes[slot]
            if found == _NONE:
                found = np.int32(distinct)
                table_keys[slot] = key
                table_classes[slot] = found
                occurrences[found] = 0
                distinct += 1
            else:
                repeated += 1
                if n == shingle:
                    repeats[place] = 1
                if n >= DUPLICATE_SHORTEST:
                    for unit in range(max(covered_to, place), place + n):
                        covered += lengths[unit]
                    covered_to = place + n
            occurrences[found] += 1
            classes[place] = found
            places[num_places] = np.int32(place)
            num_places += 1
        if repeated == 0:
            break
        if n <= TOP_LONGEST:
            top[n - TOP_SHORTEST] = (
                _top_coverage(lengths, n, classes, occurrences, places, num_places) / total
            )
        if n >= DUPLICATE_SHORTEST:
            duplicate[n - DUPLICATE_SHORTEST] = covered / total
    return num_unique


@kernel
def _top_coverage(
    lengths: Counts, n: int, classes: Classes, occurrences: Classes, places: Classes, num_places: int
) -> int:
    best, best_occurrences, best_length = np.int32(0), np.int32(0), 0
    for index in range(num_places):
        place = places[index]
        times = occurrences[classes[place]]
        if times < best_occurrences:
            continue
        length = 0
        for unit in range(place, place + n):
            length += lengths[unit]
        if times > best_occurrences or length > best_length:
            best, best_occurrences, best_length = classes[place], times, length
    covered, covered_to = 0, 0
    for index in range(num_places):
        place = integer(places[index])
        if classes[place] == best:
            for unit in range(max(covered_to, place), place + n):
                covered += lengths[unit]
            covered_to = place + n
    return covered


@kernel
def duplicate_lines(
    lines: Hashes, lengths: Counts, num_lines: int, table_keys: Hashes, table_classes: Classes
) -> tuple[int, int, int]:
    """Number of lines that repeat an earlier one, their codepoints, and the codepoints of all lines.

    Args:
        lines: hash of each non-empty line.
        lengths: codepoints of each.
        num_lines: how many.
        table_keys: scratch of `table_size(num_lines)`.
        table_classes: scratch of the same size.
    """
    size = table_size(num_lines)
    slots = size - 1
    table_classes[:size] = _NONE
    repeated, repeated_chars, chars = 0, 0, 0
    for index in range(num_lines):
        key = lines[index]
        slot = integer(key & np.uint64(slots))
        while table_classes[slot] != _NONE and table_keys[slot] != key:
            slot = (slot + 1) & slots
        if table_classes[slot] == _NONE:
            table_keys[slot] = key
            table_classes[slot] = 0
        else:
            repeated += 1
            repeated_chars += lengths[index]
        chars += lengths[index]
    return repeated, repeated_chars, chars


@kernel
def duplicate_paragraphs(
    lines: Hashes,
    lengths: Counts,
    breaks: Flags,
    num_lines: int,
    table_keys: Hashes,
    table_classes: Classes,
) -> tuple[int, int, int]:
    """Number of paragraphs, of those that repeat an earlier one, and the codepoints of their lines.

    Paragraphs are parted by blank lines; two are equal if their lines are, outer white space aside.

    Args:
        lines: hash of each non-empty line; overwritten.
        lengths: codepoints of each; overwritten.
        breaks: 1 for each line that begins a paragraph.
        num_lines: how many.
        table_keys: scratch of `table_size(num_lines)`.
        table_classes: scratch of the same size.
    """
    paragraphs = 0
    for index in range(num_lines):
        if index == 0 or breaks[index]:
            lines[paragraphs] = mix(lines[index])
            lengths[paragraphs] = lengths[index]
            paragraphs += 1
        else:
            lines[paragraphs - 1] = mix(lines[paragraphs - 1] ^ lines[index])
            lengths[paragraphs - 1] += lengths[index]
    repeated, repeated_chars, _ = duplicate_lines(lines, lengths, paragraphs, table_keys, table_classes)
    return paragraphs, repeated, repeated_chars
