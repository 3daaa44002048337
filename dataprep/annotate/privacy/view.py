"""A place that could hold private data, with the text around it, as the recognisers see it."""

import unicodedata
from dataclasses import dataclass
from typing import Final, NamedTuple

from dataprep.kernels.private_data import DASHES, DIRECTION_MARKS, SPACES, ZEROS

CONTEXT_CHARACTERS: Final = 40  # how far before a number a word like "Tel." still speaks of it
DIRECTION_MARK: Final = "\u200e"  # stands for all of them in `View.plain`


class Match(NamedTuple):
    """Private data in a view.

    Attributes:
        kind: key of `schema.PRIVATE_DATA`.
        start: its first character in `View.text`.
        end: one past its last.
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class View:
    """The text around a place.

    Attributes:
        text: as it is in the document.
        plain: character by character the same, but for digits of all scripts, spaces, dashes and full-width forms,
            which are ASCII.
        start: first character of the place.
        end: one past its last.
        locale: of the document, BCP 47: a language, or one and a country.
    """

    text: str
    plain: str
    start: int
    end: int
    locale: str

    def before(self, position: int) -> str:
        """The end of the line before `position`, in lower case: what tells a number's meaning."""
        start = max(0, position - CONTEXT_CHARACTERS)
        return self.plain[max(start, self.plain.rfind("\n", 0, position) + 1) : position].lower()


def plain(text: str) -> str:
    """The text with ASCII for digits, spaces, dashes and full-width forms; character for character."""
    return text if text.isascii() else text.translate(_PLAIN)


class _Table(dict[int, str]):
    """Characters to put in the place of others. Those that stay enter it when first seen: a miss costs much more."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = chr(codepoint)
        return self[codepoint]


def _plain() -> _Table:
    table = _Table()
    table.update({zero + value: str(value) for zero in ZEROS for value in range(10)})
    table.update({codepoint: chr(codepoint - 0xFEE0) for codepoint in range(0xFF01, 0xFF5F)})
    table.update({ord("﹫"): "@", ord("﹢"): "+", ord("·"): "."})
    table.update(dict.fromkeys(map(ord, SPACES), " "))
    table.update(dict.fromkeys(map(ord, DASHES), "-"))
    table.update(dict.fromkeys(map(ord, DIRECTION_MARKS), DIRECTION_MARK))
    return table


_PLAIN: Final = _plain()


def goes_on(text: str, end: int) -> bool:
    """Whether a mark or joiner at `end` belongs to the character before it: a digit in a keycap is none of a number."""
    following = text[end : end + 1]
    return following > "\x7f" and (
        following in "\u200c\u200d" or unicodedata.category(following).startswith("M")
    )
