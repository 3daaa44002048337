"""Jaccard similarity of two texts by its definition, in plain Python: what the planted truth is measured with.

Independent of the kernels on purpose: the two are compared in end-to-end tests. A *unit* is a word where words are
separated, and one character with its marks in Han, Kana, Thai, Lao, Khmer and Myanmar. A *shingle* is a run of units.
"""

import unicodedata
from functools import cache, lru_cache
from typing import Final

WORDS_PER_SHINGLE: Final = 5
HAN_KANA_PER_SHINGLE: Final = 6
SOUTHEAST_ASIAN_PER_SHINGLE: Final = 10

_HAN_KANA: Final = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")
_SOUTHEAST_ASIAN: Final = ("THAI", "LAO", "KHMER", "MYANMAR")
_JOINERS: Final = "\u200c\u200d"
_APOSTROPHES: Final = "'’"


@cache
def _kind(character: str) -> str:
    """`h` Han or Kana, `s` Thai and its neighbours, `m` mark, `l` other letter, `n` other number, or empty."""
    category = unicodedata.category(character)[0]
    if category == "M":
        return "m"
    if category not in "LN":
        return ""
    name = unicodedata.name(character, "")
    if name.startswith(_HAN_KANA):
        return "h"
    if name.startswith(_SOUTHEAST_ASIAN):
        return "s"
    return category.lower()


def _belongs(token: str, index: int) -> bool:
    """Whether a character is part of a run of letters, marks and numbers."""
    character = token[index]
    if _kind(character):
        return True
    if character in _JOINERS:
        return index > 0 and _belongs(token, index - 1)
    if not 0 < index < len(token) - 1:
        return False
    before, after = _kind(token[index - 1]), _kind(token[index + 1])
    return character in _APOSTROPHES and before in set("lhsm") and after in set("lhs")


def _fold(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    lower = character.lower()
    return lower if len(lower) == 1 else character


@lru_cache(maxsize=1 << 16)
def _token_units(token: str) -> tuple[tuple[str, str], ...]:
    """(unit, kind) of a piece of text without white space; kind is `h`, `s` or `w` for a word."""
    units: list[tuple[str, str]] = []
    within = False  # whether the unit before goes on here
    for index, character in enumerate(token):
        if not _belongs(token, index):
            within = False
            continue
        kind = _kind(character)
        folded = _fold(character)
        starts_character = kind in ("h", "s")
        ends_character = within and units[-1][1] != "w" and kind in ("l", "n")
        if not within or starts_character or ends_character:
            units.append((folded, kind if starts_character else "w"))
        else:
            units[-1] = (units[-1][0] + folded, units[-1][1])
        within = True
    return tuple(units)


def _typed_units(text: str) -> list[tuple[str, str]]:
    return [unit for token in text.split() for unit in _token_units(token)]


def units(text: str) -> list[str]:
    """Folded units of a text in order: words, or characters with their marks where words are not separated.

    Words are maximal runs of letters, marks and numbers, with the U+200C and U+200D that follow one of these, and an
    apostrophe between letters. Case is folded one character to one.
    """
    return [unit for unit, _ in _typed_units(text)]


def _shingle_units(typed: list[tuple[str, str]]) -> int:
    counts = {kind: sum(1 for _, found in typed if found == kind) for kind in "whs"}
    if counts["w"] * 2 >= len(typed):
        return WORDS_PER_SHINGLE
    return HAN_KANA_PER_SHINGLE if counts["h"] >= counts["s"] else SOUTHEAST_ASIAN_PER_SHINGLE


def shingle_units(text: str) -> int:
    """Units per shingle of a text: it follows the kind of unit that most of the text consists of."""
    return _shingle_units(_typed_units(text))


def shingles(text: str) -> frozenset[str]:
    """Set of n-grams of units; n follows the kind of unit that most of the text consists of.

    A text of fewer than n units has one shingle, all of it; a text without units has none.
    """
    typed = _typed_units(text)
    size = _shingle_units(typed)
    sequence = [unit for unit, _ in typed]
    if not sequence:
        return frozenset()
    return frozenset(" ".join(sequence[at : at + size]) for at in range(max(1, len(sequence) - size + 1)))


def similarity(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard similarity of two sets in [0, 1]; 0 if both are empty."""
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def jaccard(left: str, right: str) -> float:
    """Jaccard similarity in [0, 1] of the shingles of two texts (Broder 1997, resemblance)."""
    return similarity(shingles(left), shingles(right))


def is_mark(character: str) -> bool:
    """Whether a character is a combining mark (categories M*)."""
    return _kind(character) == "m"
