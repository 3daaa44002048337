"""Text of documents made safe to look at: control characters shown, lengths bounded, differences found."""

import difflib
import re
import unicodedata
from typing import Final

from dataprep.locales import LOCALES, Unit, canonical_language

Piece = tuple[str, bool]  # a run of text, and whether the other text lacks it

# Line feed and tab stay: the page keeps white space. The joiners U+200C and U+200D stay too, since Persian, Hindi and
# emoji are spelled with them, and so do the directional marks U+200E and U+200F of everyday Hebrew and Arabic text.
# Embeddings, overrides and isolates go: they could make a text, or the page around it, read in another order.
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTEXT: Final = 150  # characters shown before the first difference of two long texts
# No marks by their category, and yet part of the character before them: Thai and Lao AM, half-width Japanese voicing
# marks, the joiners, and the skin tones of emoji.
_ATTACHED: Final = frozenset(
    "\u0e33\u0eb3\uff9e\uff9f\u200c\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
)
_JOINING: Final = (
    "\u200d",
    "\u17d2",
    "\u1039",
)  # the joiner, and the signs that stack Khmer and Burmese consonants
_FLAG_LETTERS: Final = re.compile("[\U0001f1e6-\U0001f1ff]")  # two make a flag
_CUT: Final = "…"  # stands where a text was clipped
_WORD: Final = re.compile(r"(\S+)(\s*)")


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the block of control pictures follows the order of the controls
    return "\u2421" if code == 0x7F else f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    """The text with a visible sign in place of each control character; line feeds and tabs stay."""
    return _CONTROL.sub(_picture, text)


def clip(text: str, max_chars: int) -> str:
    """The text, or its first `max_chars` characters and an ellipsis."""
    return text if len(text) <= max_chars else text[:max_chars] + _CUT


def excerpts(left: str, right: str, max_chars: int) -> tuple[str, str]:
    """Parts of two texts to stand side by side, from one place in both: the beginning, or shortly before they differ.

    Args:
        left: any text.
        right: any text.
        max_chars: bound on each excerpt, without the ellipses.

    Returns:
        The excerpt of each; an ellipsis stands where something is left out.
    """
    start = _first_shown(left, right, max_chars)
    before = "… " if start else ""
    return clip(before + left[start:], max_chars), clip(before + right[start:], max_chars)


def _first_shown(left: str, right: str, max_chars: int) -> int:
    """Where excerpts begin: at the beginning, or a little before the first difference if that would not be seen."""
    if left.split() == right.split():
        return 0
    common = next(
        (at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
        min(len(left), len(right)),
    )
    if common <= max_chars - _CONTEXT:
        return 0
    start = common - _CONTEXT
    blank = left.find(" ", start, common)
    return blank + 1 if blank >= 0 else start


def unit_of(locale: str | None) -> Unit:
    """Whether texts of a locale are compared by `word` or by `char`; words for a locale outside the table."""
    for code in (canonical_language(locale), canonical_language((locale or "").partition("-")[0])):
        if code in LOCALES:
            return LOCALES[code].unit
    return "word"


def _characters(text: str) -> list[str]:
    """What readers see as one character: a letter with its marks, an emoji with all that is joined to it, a flag.

    So no highlight splits a Thai or Khmer syllable. Of the rules of Unicode annex 29 these are the ones that matter to
    languages compared by character.
    """
    units: list[str] = []
    for character in text:
        if units and (
            character in _ATTACHED
            or unicodedata.category(character).startswith("M")
            or units[-1].endswith(_JOINING)
            or (_FLAG_LETTERS.fullmatch(character) and _FLAG_LETTERS.fullmatch(units[-1]))
        ):
            units[-1] += character
        else:
            units.append(character)
    return units


def _units(text: str, unit: Unit) -> list[tuple[str, str]]:
    """What is compared, each with the white space that follows it."""
    if unit == "char":
        return [(character, "") for character in _characters(text)]
    return [(match[1], match[2]) for match in _WORD.finditer(text)]


def _merge(units: list[tuple[str, str]], changed: list[bool]) -> list[Piece]:
    """Neighbouring units of the same kind as one piece; white space is highlighted between changed units only."""
    pieces: list[tuple[str, bool]] = []
    for index, (body, space) in enumerate(units):
        inside = changed[index] and index + 1 < len(units) and changed[index + 1]
        for text, mark in ((body + space, True),) if inside else ((body, changed[index]), (space, False)):
            if text and pieces and pieces[-1][1] == mark:
                pieces[-1] = (pieces[-1][0] + text, mark)
            elif text:
                pieces.append((text, mark))
    return pieces


def difference(left: str, right: str, unit: Unit) -> tuple[list[Piece], list[Piece]]:
    """Both texts cut into pieces, each marked where the other text has something else (Ratcliff and Obershelp).

    White space is not compared when the unit is `word`. Where both texts were clipped, what one of them shows more of
    at its end is no difference. Time is at worst cubic in the number of units, so texts should be clipped before.
    """
    if not (left.endswith(_CUT) and right.endswith(_CUT)):
        return _compared(left, right, unit)
    bodies = [text.removesuffix(_CUT).rstrip() for text in (left, right)]
    sides = _compared(bodies[0], bodies[1], unit)
    ends = [side[-1][0] if side and side[-1][1] else "" for side in sides]
    if ends[0].startswith(ends[1]) or ends[1].startswith(ends[0]):
        for side in sides:
            side[-1:] = [(text, False) for text, _ in side[-1:]]
    for side, text, body in zip(sides, (left, right), bodies, strict=True):
        side.append((text[len(body) :], False))
    return sides


def _compared(left: str, right: str, unit: Unit) -> tuple[list[Piece], list[Piece]]:
    left_units, right_units = _units(left, unit), _units(right, unit)
    left_changed, right_changed = [True] * len(left_units), [True] * len(right_units)
    matcher = difflib.SequenceMatcher(
        None, [body for body, _ in left_units], [body for body, _ in right_units], autojunk=False
    )
    for start_left, start_right, size in matcher.get_matching_blocks():
        left_changed[start_left : start_left + size] = [False] * size
        right_changed[start_right : start_right + size] = [False] * size
    return _merge(left_units, left_changed), _merge(right_units, right_changed)
