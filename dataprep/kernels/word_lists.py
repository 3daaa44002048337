"""What a document's text has of lists that depend on its locale: stop words, listed words and phrases.

A stop word is `length` units in a row: one where words exist and in Han and Kana, two in Thai, Lao, Khmer and Myanmar,
whose single letters say nothing. A listed phrase is any number of units in a row, so words match as whole words in
scripts that separate them, and as runs of characters (with all their marks) in those that do not. Katakana words end
where the script changes, so a phrase of Katakana alone does not match inside a longer run of it.

The lists of all locales lie one after the other in flat arrays; a document names its list by number, -1 for none.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Counts, Hashes, buffers
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import POLYNOMIAL, mix
from dataprep.kernels.repetition import table_size
from dataprep.kernels.tokenise import word_hashes

Texts = Sequence[str]

MAX_STOP_WORDS: Final = 64  # per list: one bit each in the set of those a document has
NONE: Final = -1
_BITS_PER_PHRASE: Final = 8  # at least, and twice as many in a table that is half empty
_ONE: Final = np.uint64(1)
_KATAKANA: Final = "".join(map(chr, [*range(0x30A1, 0x30FB), *range(0x30FC, 0x3100), *range(0xFF66, 0xFF9E)]))


class WordLists(NamedTuple):
    """Lists of all locales, in flat arrays.

    Attributes:
        stop_starts: int64[L + 1], slots of each list's table; a list without words has none.
        stop_keys: uint64, hash of the stop word in each slot; 0 is a free one.
        stop_numbers: int64, its number in the list.
        stop_lengths: int64[L], units per stop word.
        phrase_starts: int64[L + 1], phrases of each list, ordered by their first unit, the longest first.
        phrase_units: int64[P + 1], units of each phrase.
        units: uint64, hashes of all phrases' units.
        is_katakana: bool[P].
        katakana: uint64, ascending hashes of the Katakana units.
        first_starts: int64[L + 1], words of each list's filter: a power of two of them, or none without phrases.
        first_bits: uint64, bits that are set where the low bits of the hash of some phrase's first unit say: most units
            of a text begin no phrase, and one bit tells.
    """

    stop_starts: Counts
    stop_keys: Hashes
    stop_numbers: Counts
    stop_lengths: Counts
    phrase_starts: Counts
    phrase_units: Counts
    units: Hashes
    is_katakana: npt.NDArray[np.bool_]
    katakana: Hashes
    first_starts: Counts
    first_bits: Hashes


def unit_hashes(texts: Texts) -> list[Hashes]:
    """The hashes of each text's units, in order."""
    hashes, starts = word_hashes(*buffers(pa.array(texts, pa.string())))
    return [hashes[starts[index] : starts[index + 1]] for index in range(len(texts))]


def stop_key(units: Hashes) -> np.uint64:
    """The key of a stop word of one or two units."""
    with np.errstate(over="ignore"):
        return np.uint64(units[0]) if len(units) == 1 else _pair(units[0], units[1])


def _pair(first: np.uint64, second: np.uint64) -> np.uint64:
    value: np.uint64 = mix.py_func(first * POLYNOMIAL + second)  # type: ignore[attr-defined]
    return value


def word_lists(
    locales: Sequence[str],
    *,
    stop_words: Mapping[str, Texts],
    phrases: Mapping[str, Texts],
) -> WordLists:
    """The lists of some locales; a document's list is its locale's position in `locales`.

    Args:
        locales: the locales, each once.
        stop_words: per locale, up to MAX_STOP_WORDS stop words, all of one or all of two units.
        phrases: per locale, words and phrases of any number of units; those without any are left out.

    Raises:
        ValueError: a list of stop words is too long, or mixes one and two units.
    """
    stop_starts, lengths, keys, numbers = [0], [], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for locale in locales:
        length, list_keys, list_numbers = _stop_table(locale, stop_words.get(locale, ()))
        lengths.append(length)
        keys.append(list_keys)
        numbers.append(list_numbers)
        stop_starts.append(stop_starts[-1] + len(list_keys))
    katakana = np.unique(np.concatenate(unit_hashes(list(_KATAKANA))))
    phrase_starts, sequences = [0], []
    first_starts, first_bits = [0], [np.empty(0, np.uint64)]
    for locale in locales:
        found = {tuple(each.tolist()) for each in unit_hashes(list(phrases.get(locale, ()))) if len(each)}
        sequences += sorted(found, key=lambda units: (units[0], -len(units), units))
        phrase_starts.append(len(sequences))
        first_bits.append(_first_bits([units[0] for units in found]))
        first_starts.append(first_starts[-1] + len(first_bits[-1]))
    units = np.array([unit for sequence in sequences for unit in sequence], np.uint64)
    return WordLists(
        np.array(stop_starts, np.int64),
        np.concatenate(keys),
        np.concatenate(numbers),
        np.array(lengths, np.int64),
        np.array(phrase_starts, np.int64),
        np.cumsum([0, *map(len, sequences)], dtype=np.int64),
        units,
        np.array([set(sequence) <= set(katakana.tolist()) for sequence in sequences], np.bool_),
        katakana,
        np.array(first_starts, np.int64),
        np.concatenate(first_bits),
    )


def _first_bits(firsts: Sequence[int]) -> Hashes:
    """The filter of one list: of its bits, one in sixteen at most is set."""
    if not firsts:
        return np.empty(0, np.uint64)
    bits = table_size(_BITS_PER_PHRASE * len(firsts))
    words = np.zeros(max(1, bits // 64), np.uint64)
    for first in firsts:
        bit = first & (64 * len(words) - 1)
        words[bit >> 6] |= np.uint64(1 << (bit & 63))
    return words


def _stop_table(locale: str, words: Texts) -> tuple[int, Hashes, Counts]:
    """Units per stop word, and the open-addressing table of one list."""
    hashed = unit_hashes(list(words))
    sizes = {len(each) for each in hashed}
    if len(words) > MAX_STOP_WORDS or (hashed and sizes not in ({1}, {2})):
        raise ValueError(
            f"the stop words of {locale} must be at most {MAX_STOP_WORDS}, each of one unit or each of two; "
            f"found {len(words)} of {' and '.join(map(str, sorted(sizes)))} units."
        )
    if not hashed:
        return 1, np.empty(0, np.uint64), np.empty(0, np.int64)
    size = table_size(2 * len(hashed))
    keys, numbers = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    for number, units in enumerate(hashed):
        key = stop_key(units)
        slot = int(key) & (size - 1)
        while keys[slot] not in (0, key):
            slot = (slot + 1) & (size - 1)
        keys[slot], numbers[slot] = key, number
    return len(hashed[0]), keys, numbers


@kernel
def stop_words(units: Hashes, num_units: int, lists: WordLists, number: int) -> tuple[int, int]:
    """Different stop words of a list that a document has, and how often it has any.

    Args:
        units: hash of each unit.
        num_units: how many.
        lists: the lists.
        number: which of them.
    """
    first, last = lists.stop_starts[number], lists.stop_starts[number + 1]
    if first == last:
        return 0, 0
    slots, pairs = last - first - 1, lists.stop_lengths[number] == 2
    seen, different, times = np.uint64(0), 0, 0
    for index in range(num_units - 1 if pairs else num_units):
        key = units[index]
        if pairs:
            key = mix(key * POLYNOMIAL + units[index + 1])
        slot = integer(key & np.uint64(slots))
        while lists.stop_keys[first + slot] != 0 and lists.stop_keys[first + slot] != key:
            slot = (slot + 1) & slots
        if lists.stop_keys[first + slot] == key:
            times += 1
            bit = _ONE << np.uint64(lists.stop_numbers[first + slot])
            if not seen & bit:
                different += 1
                seen |= bit
    return different, times


@kernel
def _position(sorted_hashes: Hashes, low: int, high: int, value: np.uint64) -> int:
    """Index of the first of `sorted_hashes[low:high]` that is not below the value."""
    while low < high:
        middle = (low + high) // 2
        if sorted_hashes[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _is_katakana(lists: WordLists, unit: np.uint64) -> bool:
    place = _position(lists.katakana, 0, lists.katakana.size, unit)
    return bool(place < lists.katakana.size and lists.katakana[place] == unit)


@kernel
def _matches(units: Hashes, num_units: int, index: int, lists: WordLists, phrase: int) -> int:
    """Units of the phrase if it begins at this unit, else 0."""
    first, size = lists.phrase_units[phrase], lists.phrase_units[phrase + 1] - lists.phrase_units[phrase]
    if index + size > num_units:
        return 0
    for offset in range(size):
        if units[index + offset] != lists.units[first + offset]:
            return 0
    if lists.is_katakana[phrase]:
        if index > 0 and _is_katakana(lists, units[index - 1]):
            return 0
        if index + size < num_units and _is_katakana(lists, units[index + size]):
            return 0
    return integer(size)


@kernel
def phrases(units: Hashes, num_units: int, lists: WordLists, number: int) -> int:
    """How often a document has a listed phrase: from left to right, the longest first, without overlaps.

    Args:
        units: hash of each unit.
        num_units: how many.
        lists: the lists.
        number: which of them.
    """
    low, high = lists.phrase_starts[number], lists.phrase_starts[number + 1]
    if low == high:
        return 0
    bits = lists.first_bits[lists.first_starts[number] : lists.first_starts[number + 1]]
    mask = np.uint64(64 * bits.size - 1)
    times, index = 0, 0
    while index < num_units:
        unit = units[index]
        bit = unit & mask
        if not (bits[integer(bit >> np.uint64(6))] >> (bit & np.uint64(63))) & _ONE:
            index += 1
            continue
        left, right = low, high
        while left < right:
            middle = (left + right) // 2
            if lists.units[lists.phrase_units[middle]] < unit:
                left = middle + 1
            else:
                right = middle
        size = 0
        while left < high and lists.units[lists.phrase_units[left]] == unit and size == 0:
            size = _matches(units, num_units, index, lists, left)
            left += 1
        if size:
            times += 1
        index += max(size, 1)
    return times
