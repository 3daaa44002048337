"""Measurements of a document's text, on which the filter rules are thresholds.

All are counts or shares of one document; every document, the empty one included, has every signal, and a share
whose denominator is 0 is 0. "Units" are words where words exist and characters where they do not (see `tokenise`), so
in Chinese or Thai text the word-based signals speak of characters: `mean_word_length` is then 1 plus the marks
per character, and `unique_unit_fraction` falls with the length faster than in Latin text. Thresholds are per
language for that reason. Lines are separated by line feeds; a line without visible characters does not count.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch
from dataprep.kernels.compilation import kernel
from dataprep.kernels.mixing import GOLDEN, absorb, mix
from dataprep.kernels.repetition import (
    NUM_DUPLICATE,
    NUM_TOP,
    Classes,
    Flags,
    Fractions,
    duplicate_lines,
    duplicate_paragraphs,
    repetition,
    table_size,
)
from dataprep.kernels.tokenise import (
    BROKEN_PAIRS,
    BULLET_LINES,
    CHARS,
    CURLY_BRACES,
    ELLIPSES,
    ELLIPSIS_LINES,
    HASH_SIGNS,
    LINES,
    LIST_LINES,
    LONG_LINES,
    NEWLINES,
    NUM_COUNTS,
    NUMERIC_UNITS,
    REPLACEMENTS,
    SENTENCES,
    SHORT_LINES,
    TERMINAL_LINES,
    UNITS,
    UPPERS,
    URL_CHARS,
    Fold,
    Properties,
    longest_document,
    shingle_length,
    walk,
)
from dataprep.kernels.unicode_tables import (
    LETTER,
    MARK,
    NUM_SCRIPTS,
    NUMBER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    tables,
)

Signals = dict[str, npt.NDArray[np.generic]]

GOPHER: Final = "Rae et al. 2021 (Gopher), A.1.1"
FINEWEB: Final = "Penedo et al. 2024 (FineWeb), 3.6"
C4: Final = "Raffel et al. 2020 (C4), 2.2"
MC4: Final = "Xue et al. 2021 (mT5), 3.1"
FEW_WORDS: Final = 3  # units; C4 as published drops lines of fewer


class Signal(NamedTuple):
    """One measurement: its column, what it holds, and where it comes from ("" where it is our own)."""

    name: str
    dtype: type[np.generic]
    definition: str
    source: str


SIGNALS: Final = (
    Signal("num_bytes", np.int64, "bytes of the text in UTF-8", ""),
    Signal("num_chars", np.int64, "codepoints of the text", ""),
    Signal("num_units", np.int64, "words, or characters where words are not separated", GOPHER),
    Signal("num_lines", np.int64, "lines with a visible character", FINEWEB),
    Signal("curly_brace", np.int64, "opening curly braces", C4),
    Signal("replacement_char_count", np.int64, "U+FFFD characters", ""),
    Signal("max_unit_length", np.int64, "codepoints of the longest unit", C4),
    Signal("mean_word_length", np.float32, "codepoints per unit, separators left out", GOPHER),
    Signal("alpha_fraction", np.float32, "letters and marks / characters but whitespace", GOPHER),
    Signal("digit_fraction", np.float32, "numbers of any script / characters but whitespace", ""),
    Signal(
        "punctuation_fraction",
        np.float32,
        "punctuation, word spaces left out / characters but whitespace",
        "",
    ),
    Signal(
        "symbol_to_word_ratio", np.float32, "hash signs and ellipses (… or a run of dots) / units", GOPHER
    ),
    Signal("bullet_line_fraction", np.float32, "lines that begin with a bullet / lines", GOPHER),
    Signal("ellipsis_line_fraction", np.float32, "lines that end in … or three dots / lines", GOPHER),
    Signal(
        "terminal_line_fraction", np.float32, "lines that end a sentence, quotes allowed after it / lines", C4
    ),
    Signal("short_line_fraction", np.float32, "lines of fewer than 30 characters / lines", FINEWEB),
    Signal("newline_ratio", np.float32, "line feeds / characters", FINEWEB),
    Signal("duplicate_line_fraction", np.float32, "lines that repeat an earlier one / lines", GOPHER),
    Signal(
        "duplicate_line_char_fraction", np.float32, "characters in such lines / characters in lines", GOPHER
    ),
    Signal(
        "top_2gram_char_fraction",
        np.float32,
        "unit characters in the commonest repeated 2-gram / all",
        GOPHER,
    ),
    Signal(
        "top_3gram_char_fraction",
        np.float32,
        "unit characters in the commonest repeated 3-gram / all",
        GOPHER,
    ),
    Signal(
        "top_4gram_char_fraction",
        np.float32,
        "unit characters in the commonest repeated 4-gram / all",
        GOPHER,
    ),
    Signal(
        "duplicate_5gram_char_fraction", np.float32, "unit characters in 5-grams seen earlier / all", GOPHER
    ),
    Signal(
        "duplicate_6gram_char_fraction", np.float32, "unit characters in 6-grams seen earlier / all", GOPHER
    ),
    Signal(
        "duplicate_7gram_char_fraction", np.float32, "unit characters in 7-grams seen earlier / all", GOPHER
    ),
    Signal(
        "duplicate_8gram_char_fraction", np.float32, "unit characters in 8-grams seen earlier / all", GOPHER
    ),
    Signal(
        "duplicate_9gram_char_fraction", np.float32, "unit characters in 9-grams seen earlier / all", GOPHER
    ),
    Signal(
        "duplicate_10gram_char_fraction", np.float32, "unit characters in 10-grams seen earlier / all", GOPHER
    ),
    Signal(
        "dominant_script_fraction", np.float32, "letters and marks of the dominant script / of any script", ""
    ),
    Signal("unique_unit_fraction", np.float32, "distinct units / units", ""),
    Signal(
        "dominant_script",
        np.uint8,
        "index into unicode_tables.SCRIPTS; 0 without letters, lower wins ties",
        "",
    ),
    Signal("lorem_ipsum", np.bool_, "the words lorem ipsum in a row, in any case", C4),
    Signal(
        "num_sentences",
        np.int64,
        "ends of sentences: of tokens between white space, and full-width ones anywhere",
        C4,
    ),
    Signal("num_long_lines", np.int64, "lines of at least 200 characters", MC4),
    Signal("alpha_unit_fraction", np.float32, "units that are no number / units", GOPHER),
    Signal("symbol_fraction", np.float32, "symbols of any kind / characters but whitespace", ""),
    Signal("upper_fraction", np.float32, "capitals / letters and marks", ""),
    Signal(
        "url_fraction", np.float32, "characters of URLs from :// or www. on / characters but whitespace", ""
    ),
    Signal("list_line_fraction", np.float32, "lines that begin with a bullet or a number / lines", ""),
    Signal("few_word_line_fraction", np.float32, "lines of fewer than three units / lines", C4),
    Signal(
        "policy_line_fraction",
        np.float32,
        "lines that speak of JavaScript, cookies, terms of use or a privacy policy / lines",
        C4,
    ),
    Signal("duplicate_paragraph_fraction", np.float32, "paragraphs that repeat an earlier one / all", GOPHER),
    Signal(
        "duplicate_paragraph_char_fraction",
        np.float32,
        "characters in such paragraphs / characters in lines",
        GOPHER,
    ),
    Signal(
        "mojibake_fraction",
        np.float32,
        "pairs of characters that UTF-8 becomes as CP1252 or CP1251 / characters but whitespace",
        "",
    ),
)
INTEGERS: Final = tuple(signal.name for signal in SIGNALS if signal.dtype is np.int64)
SHARES: Final = tuple(signal.name for signal in SIGNALS if signal.dtype is np.float32)
NUM_INTEGERS: Final = len(INTEGERS)
NUM_SHARES: Final = len(SHARES)


class Scratch(NamedTuple):
    """Working memory of one batch, as long as its longest document needs."""

    units: Hashes
    lengths: Counts
    lines: Hashes
    line_lengths: Counts
    line_units: Counts
    breaks: Flags
    counts: Counts
    scripts: Counts
    classes: Classes
    occurrences: Classes
    places: Classes
    table_keys: Hashes
    table_classes: Classes
    repeats: Flags
    top: Fractions
    duplicate: Fractions


@kernel
def allocate(longest: int) -> Scratch:
    """Working memory for documents of up to `longest` bytes. A unit takes at least one byte, and so does a line."""
    room = longest + 2
    table = table_size(room)
    return Scratch(
        np.empty(room, np.uint64),
        np.empty(room, np.int64),
        np.empty(room, np.uint64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.uint8),
        np.empty(NUM_COUNTS, np.int64),
        np.empty(NUM_SCRIPTS, np.int64),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(table, np.uint64),
        np.empty(table, np.int32),
        np.empty(room, np.uint8),
        np.empty(NUM_TOP, np.float64),
        np.empty(NUM_DUPLICATE, np.float64),
    )


@kernel
def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def word_hash(word: str) -> np.uint64:
    """Hash of a word that is one unit, case-folded already; what the kernels make of it."""
    with np.errstate(over="ignore"):
        state = GOLDEN
        for character in word:
            state = _absorb(state, np.uint64(ord(character)))
        hashed: np.uint64 = _mix(state ^ np.uint64(len(word)))
        return hashed


_absorb: Any = absorb.py_func  # type: ignore[attr-defined]
_mix: Any = mix.py_func  # type: ignore[attr-defined]
_LOREM: Final = word_hash("lorem")
_IPSUM: Final = word_hash("ipsum")
# What C4 drops lines for, in the words that most languages borrow. The bits screen: one test per unit.
_JAVASCRIPT: Final = word_hash("javascript")
_COOKIE: Final = word_hash("cookie")
_COOKIES: Final = word_hash("cookies")
_PRIVACY: Final = word_hash("privacy")
_POLICY: Final = word_hash("policy")
_TERMS: Final = word_hash("terms")
_OF: Final = word_hash("of")
_USE: Final = word_hash("use")
_SERVICE: Final = word_hash("service")
_SIX_BITS: Final = np.uint64(63)
_ONE: Final = np.uint64(1)
_POLICY_BITS: Final = np.bitwise_or.reduce(
    [_ONE << (word & _SIX_BITS) for word in (_JAVASCRIPT, _COOKIE, _COOKIES, _POLICY, _USE, _SERVICE)]
)


@kernel
def _line_shares(units: Hashes, line_units: Counts, num_lines: int) -> tuple[int, int]:
    """Lines of fewer than FEW_WORDS units, and lines that speak of JavaScript, cookies or policies."""
    few_words, policies, first = 0, 0, 0
    for line in range(num_lines):
        last = line_units[line]
        if last - first < FEW_WORDS:
            few_words += 1
        for index in range(first, last):
            unit = units[index]
            if (_POLICY_BITS >> (unit & _SIX_BITS)) & _ONE and _is_policy(units, index, first):
                policies += 1
                break
        first = last
    return few_words, policies


@kernel
def _is_policy(units: Hashes, index: int, first: int) -> bool:
    """Whether the unit ends one of the phrases, within its line."""
    unit = units[index]
    if unit in (_JAVASCRIPT, _COOKIE, _COOKIES):
        return True
    if unit == _POLICY:
        return bool(index > first and units[index - 1] == _PRIVACY)
    if unit in (_USE, _SERVICE):
        return bool(index > first + 1 and units[index - 1] == _OF and units[index - 2] == _TERMS)
    return False


@kernel
def measure(
    data: Bytes,
    start: int,
    end: int,
    properties: Properties,
    fold: Fold,
    scratch: Scratch,
    integers: Counts,
    shares: Fractions,
) -> tuple[int, bool]:
    """Dominant script and lorem-ipsum flag of the document in [start, end); fills the other signals.

    Leaves in `scratch` the units, counts and scripts, and in `repeats` which positions begin a repeated shingle.

    Args:
        data: UTF-8 bytes of the batch.
        start: the document's first byte.
        end: one past its last byte.
        properties: table of codepoint properties.
        fold: table of case folding.
        scratch: working memory for at least `end - start` bytes.
        integers: receives the int64 signals in the order of INTEGERS.
        shares: receives the float32 signals in the order of SHARES.
    """
    counts, scripts, units, lengths = scratch.counts, scratch.scripts, scratch.units, scratch.lengths
    walk(
        data,
        start,
        end,
        properties,
        fold,
        units,
        lengths,
        scratch.lines,
        scratch.line_lengths,
        scratch.line_units,
        scratch.breaks,
        counts,
        scripts,
    )
    num_units = counts[UNITS]
    unique = repetition(
        units, lengths, num_units, shingle_length(counts, scripts), scratch.classes, scratch.occurrences,
        scratch.places, scratch.table_keys, scratch.table_classes, scratch.repeats, scratch.top, scratch.duplicate,
    )  # fmt: skip
    repeated_lines, repeated_line_chars, line_chars = duplicate_lines(
        scratch.lines, scratch.line_lengths, counts[LINES], scratch.table_keys, scratch.table_classes
    )
    few_words, policies = _line_shares(units, scratch.line_units, counts[LINES])
    paragraphs, repeated_paragraphs, repeated_paragraph_chars = duplicate_paragraphs(
        scratch.lines,
        scratch.line_lengths,
        scratch.breaks,
        counts[LINES],
        scratch.table_keys,
        scratch.table_classes,
    )
    unit_chars, longest_unit = 0, 0
    for index in range(num_units):
        unit_chars += lengths[index]
        longest_unit = max(longest_unit, lengths[index])
    dominant, with_script = 0, scripts[0] * 0
    for script in range(1, NUM_SCRIPTS):
        with_script += scripts[script]
        if scripts[script] > (scripts[dominant] if dominant else 0):
            dominant = script
    lorem_ipsum = False
    for index in range(1, num_units):
        if units[index] == _IPSUM and units[index - 1] == _LOREM:
            lorem_ipsum = True
    visible = counts[CHARS] - counts[SPACE]
    num_lines = counts[LINES]

    integers[0] = end - start
    integers[1] = counts[CHARS]
    integers[2] = num_units
    integers[3] = num_lines
    integers[4] = counts[CURLY_BRACES]
    integers[5] = counts[REPLACEMENTS]
    integers[6] = longest_unit
    integers[7] = counts[SENTENCES]
    integers[8] = counts[LONG_LINES]

    shares[0] = _ratio(unit_chars, num_units)
    shares[1] = _ratio(counts[LETTER] + counts[MARK], visible)
    shares[2] = _ratio(counts[NUMBER], visible)
    shares[3] = _ratio(counts[PUNCTUATION], visible)
    shares[4] = _ratio(counts[HASH_SIGNS] + counts[ELLIPSES], num_units)
    shares[5] = _ratio(counts[BULLET_LINES], num_lines)
    shares[6] = _ratio(counts[ELLIPSIS_LINES], num_lines)
    shares[7] = _ratio(counts[TERMINAL_LINES], num_lines)
    shares[8] = _ratio(counts[SHORT_LINES], num_lines)
    shares[9] = _ratio(counts[NEWLINES], counts[CHARS])
    shares[10] = _ratio(repeated_lines, num_lines)
    shares[11] = _ratio(repeated_line_chars, line_chars)
    shares[12:15] = scratch.top
    shares[15:21] = scratch.duplicate
    shares[21] = _ratio(scripts[dominant] if dominant else 0, with_script)
    shares[22] = _ratio(unique, num_units)
    shares[23] = _ratio(num_units - counts[NUMERIC_UNITS], num_units)
    shares[24] = _ratio(counts[SYMBOL], visible)
    shares[25] = _ratio(counts[UPPERS], counts[LETTER] + counts[MARK])
    shares[26] = _ratio(counts[URL_CHARS], visible)
    shares[27] = _ratio(counts[LIST_LINES], num_lines)
    shares[28] = _ratio(few_words, num_lines)
    shares[29] = _ratio(policies, num_lines)
    shares[30] = _ratio(repeated_paragraphs, paragraphs)
    shares[31] = _ratio(repeated_paragraph_chars, line_chars)
    shares[32] = _ratio(counts[BROKEN_PAIRS], visible)
    return dominant, lorem_ipsum


@kernel
def _signals_batch(
    data: Bytes, offsets: Offsets, properties: Properties, fold: Fold
) -> tuple[Counts, npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    documents = offsets.size - 1
    integers, shares = (
        np.empty((NUM_INTEGERS, documents), np.int64),
        np.empty((NUM_SHARES, documents), np.float32),
    )
    scripts, lorem = np.empty(documents, np.uint8), np.empty(documents, np.bool_)
    integer_row, share_row = np.empty(NUM_INTEGERS, np.int64), np.empty(NUM_SHARES, np.float64)
    scratch = allocate(longest_document(offsets))
    for document in range(documents):
        start, end = offsets[document], offsets[document + 1]
        scripts[document], lorem[document] = measure(
            data, start, end, properties, fold, scratch, integer_row, share_row
        )
        integers[:, document] = integer_row
        shares[:, document] = share_row
    return integers, shares, scripts, lorem


def named(
    integers: Counts,
    shares: npt.NDArray[np.float32],
    scripts: npt.NDArray[np.uint8],
    lorem: npt.NDArray[np.bool_],
) -> Signals:
    """The arrays of a batch by the name of their signal, in the order of SIGNALS; contiguous, without copies."""
    arrays: Signals = dict(zip(INTEGERS, integers, strict=True))
    arrays.update(zip(SHARES, shares, strict=True))
    arrays["dominant_script"] = scripts
    arrays["lorem_ipsum"] = lorem
    return {signal.name: arrays[signal.name] for signal in SIGNALS}


def signals(data: Bytes, offsets: Offsets) -> Signals:
    """The signals of each document: one array per entry of SIGNALS, of its dtype, one value per document.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    table = tables()
    return named(*_signals_batch(data, offsets, table.properties, table.fold))
