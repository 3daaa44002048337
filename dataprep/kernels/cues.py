"""Words and letters of a text that speak for or against a language, counted in the windows that the model sees too."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Bytes, Hashes, Offsets, batch, buffers
from dataprep.kernels.compilation import integer, kernel
from dataprep.kernels.mixing import GOLDEN, absorb, mix
from dataprep.kernels.tokenise import Fold, Properties
from dataprep.kernels.unicode_tables import (
    CLASS_MASK,
    HAN,
    MARK,
    NUM_SCRIPTS,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    tables,
)
from dataprep.kernels.utf8 import decode
from dataprep.kernels.windows import MAX_WINDOWS, windows

Indexes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]

MAX_MEMBERS: Final = 8  # languages of a group
ALPHABET_END: Final = 0x2000  # every letter of a Latin or Cyrillic alphabet in use lies below
BLANK: Final = 0x20
ONE: Final = np.uint64(1)


class CueTable(NamedTuple):
    """Words that are cues, and what they are cues of. G = groups, W = words.

    Attributes:
        slots: open-addressing table of word numbers, -1 where empty.
        hashes: hash of each word, uint64[W].
        members: uint8[W, G, MAX_MEMBERS]: whether a group's member has the word.
        mixed: uint8[W, 2]: whether the two languages have it that are looked for in every text.
    """

    slots: Indexes
    hashes: Hashes
    members: npt.NDArray[np.uint8]
    mixed: Flags


class Alphabets(NamedTuple):
    """Which letters are foreign to which language, by their folded codepoint below ALPHABET_END.

    Attributes:
        of_groups: uint8[G, ALPHABET_END]: a bit for each member of the group whose alphabet does not have the letter,
            though it is of the alphabet's script.
        of_languages: uint8[A, ALPHABET_END]: 1 likewise, for single languages.
    """

    of_groups: Flags
    of_languages: Flags


class Cues(NamedTuple):
    """What was found in N documents.

    Attributes:
        words_N: int32, words: runs of letters and marks, Han characters one by one.
        hits_NM: int32, words of each member of the document's group.
        foreign_NM: int32, letters that the alphabet of each member of the group does not have.
        mixed_N2: int32, words of the two languages looked for in every text.
        distinct_N: int32, different words of the first of the two, up to 64.
        scripts_NS: int32, letters and marks of each script of `unicode_tables.SCRIPTS`.
        declared_N: int32, letters that the document's own alphabet does not have.
    """

    words_N: Indexes
    hits_NM: Indexes
    foreign_NM: Indexes
    mixed_N2: Indexes
    distinct_N: Indexes
    scripts_NS: Indexes
    declared_N: Indexes


@kernel
def _find(slots: Indexes, hashes: Hashes, value: np.uint64) -> int:
    mask = slots.size - 1
    slot = integer(value) & mask
    while slots[slot] >= 0:
        if hashes[slots[slot]] == value:
            return integer(slots[slot])
        slot = (slot + 1) & mask
    return -1


@kernel
def _hash_words(data: Bytes, offsets: Offsets, fold: Fold) -> Hashes:
    hashes = np.empty(offsets.size - 1, np.uint64)
    for word in range(hashes.size):
        state = GOLDEN
        position = offsets[word]
        while position < offsets[word + 1]:
            codepoint, position = decode(data, position, offsets[word + 1])
            state = absorb(state, np.uint64(fold[codepoint]))
        hashes[word] = mix(state)
    return hashes


@kernel
def _fill(hashes: Hashes, slots: Indexes) -> None:
    mask = slots.size - 1
    for word in range(hashes.size):
        slot = integer(hashes[word]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = word


@kernel
def _count_batch(
    data: Bytes,
    offsets: Offsets,
    groups: Indexes,
    alphabets: Indexes,
    properties: Properties,
    fold: Fold,
    slots: Indexes,
    hashes: Hashes,
    members: npt.NDArray[np.uint8],
    mixed: Flags,
    of_groups: Flags,
    of_languages: Flags,
    max_bytes: int,
) -> tuple[Indexes, Indexes, Indexes, Indexes, Indexes, Indexes, Indexes]:
    documents = offsets.size - 1
    words, hits = np.zeros(documents, np.int32), np.zeros((documents, MAX_MEMBERS), np.int32)
    foreign, declared = np.zeros((documents, MAX_MEMBERS), np.int32), np.zeros(documents, np.int32)
    of_mixed, distinct = np.zeros((documents, 2), np.int32), np.zeros(documents, np.int32)
    of_scripts = np.zeros((documents, NUM_SCRIPTS), np.int32)
    bounds = np.empty((MAX_WINDOWS, 2), np.int64)
    for document in range(documents):
        group, alphabet = integer(groups[document]), integer(alphabets[document])
        seen = np.uint64(0)
        for window in range(windows(data, offsets[document], offsets[document + 1], max_bytes, bounds)):
            position, end = bounds[window, 0], bounds[window, 1]
            state, length, waiting = GOLDEN, 0, 0
            # One step beyond the last byte closes the last word as a space would.
            while position <= end:
                codepoint, following = BLANK, position + 1
                if position < end:
                    codepoint = integer(data[position])
                    if codepoint >= 0x80:
                        codepoint, following = decode(data, position, end)
                packed = integer(properties[codepoint])
                is_letter = packed & CLASS_MASK <= MARK
                script = (packed >> SCRIPT_SHIFT) & SCRIPT_MASK
                if length and (not is_letter or script == HAN or waiting == HAN):
                    words[document] += 1
                    word = _find(slots, hashes, mix(state))
                    state, length = GOLDEN, 0
                    if word >= 0:
                        if group >= 0:
                            for member in range(MAX_MEMBERS):
                                hits[document, member] += members[word, group, member]
                        of_mixed[document, 0] += mixed[word, 0]
                        of_mixed[document, 1] += mixed[word, 1]
                        if mixed[word, 0]:
                            seen |= ONE << np.uint64(word & 63)
                if is_letter:
                    of_scripts[document, script] += 1
                    folded = integer(fold[codepoint])
                    state, length, waiting = absorb(state, np.uint64(folded)), 1, script
                    # a to z are in every Latin alphabet, and in no other.
                    if 0x80 <= folded < ALPHABET_END:
                        bits = integer(of_groups[group, folded]) if group >= 0 else 0
                        if bits:
                            for member in range(MAX_MEMBERS):
                                foreign[document, member] += (bits >> member) & 1
                        if alphabet >= 0:
                            declared[document] += of_languages[alphabet, folded]
                position = following
        while seen:
            seen &= seen - ONE
            distinct[document] += 1
    return words, hits, foreign, of_mixed, distinct, of_scripts, declared


def cue_table(words: list[str], members: npt.NDArray[np.uint8], mixed: Flags) -> CueTable:
    """The table of the words, which must be different when folded, with what they are cues of; see `CueTable`."""
    data, offsets = buffers(pa.array(words, pa.string()))
    hashes = _hash_words(data, offsets, tables().fold)
    # At most half full, so that a search ends soon.
    slots = np.full(1 << (2 * len(words)).bit_length(), -1, np.int32)
    _fill(hashes, slots)
    return CueTable(slots, hashes, members, mixed)


def count_cues(
    data: Bytes,
    offsets: Offsets,
    groups: Indexes,
    alphabets: Indexes,
    *,
    cues: CueTable,
    known: Alphabets,
    max_bytes: int,
) -> Cues:
    """Cue words and letters outside the alphabet, in what `windows` shows of each document.

    Args:
        data: UTF-8 bytes of all documents.
        offsets: one more than documents.
        groups: int32, the group of languages that each document may be in; -1 for none.
        alphabets: int32, the alphabet that each document's letters are compared with besides; -1 for none.
        cues: from `cue_table`.
        known: the alphabets.
        max_bytes: how much of a document is read, in bytes; at least 1.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return Cues(
        *_count_batch(
            data,
            offsets,
            np.ascontiguousarray(groups, np.int32),
            np.ascontiguousarray(alphabets, np.int32),
            table.properties,
            table.fold,
            *cues,
            *known,
            max_bytes,
        )
    )
