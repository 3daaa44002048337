"""Numbers in groups of digits, as people write them, and what tells that they are something else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dataprep.annotate.privacy.view import DIRECTION_MARK, View

MAX_DIGITS: Final = 19  # of a payment card, the longest number looked for
_GROUP: Final = re.compile(r"[0-9]+")
_FIRST_OTHER_SCRIPT: Final = "\u0590"  # Latin, Greek, Cyrillic and Armenian come before
# Part of a longer number, a URL, an identifier, a program or a formula.
_JOINED_BEFORE: Final = re.compile(r"(?:[A-Za-z0-9_][=&/%#.,:@~^*-]|[A-Za-z0-9_$€£¥₹₽%#=^*~\\@])\Z")
_JOINED_AFTER: Final = re.compile(
    r"[A-Za-z_@$€£¥₹₽%^*=\\~]|[,:][0-9]{1,6}(?![0-9])|[./&:=-][A-Za-z0-9_]| ?[$€£¥₹₽%°]"
)


def word_pattern(words: str) -> re.Pattern[str]:
    """A pattern of words that give the number behind them a meaning; matched against `View.before`.

    Latin, Greek and Cyrillic words stand alone; those of other scripts may have something attached to them.

    Args:
        words: in lower case; space-separated, an underscore for a space within.
    """
    spaced: list[str] = []
    others: list[str] = []
    for word in words.split():
        name = re.escape(word.replace("_", " "))
        (spaced if word[0] < _FIRST_OTHER_SCRIPT else others).append(name)
    patterns = [rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)"] if spaced else []
    return re.compile("|".join([*patterns, *others]))


@dataclass(frozen=True, slots=True)
class Number:
    """Groups of digits next to one another.

    Attributes:
        start: first character in the view.
        end: one past its last.
        digits: ASCII digits without what is between the groups.
        shape: lengths of the groups with what is between them, such as `3-2-4`.
    """

    start: int
    end: int
    digits: str
    shape: str


@dataclass(frozen=True, slots=True)
class Run:
    """All groups of digits of a place.

    Attributes:
        groups: first and one past the last character of each.
        gaps: what is between them, without direction marks.
    """

    groups: tuple[tuple[int, int], ...]
    gaps: tuple[str, ...]


def run_of(view: View) -> Run:
    """The groups of digits in the view's place."""
    groups = tuple(match.span() for match in _GROUP.finditer(view.plain, view.start, view.end))
    gaps = tuple(
        view.plain[end:start].replace(DIRECTION_MARK, "") or " " for (_, end), (start, _) in pairwise(groups)
    )
    return Run(groups, gaps)


def stands_alone(view: View, start: int, end: int) -> bool:
    """Whether nothing is joined to plain[start:end] that makes it part of a longer number, a URL, code or a price."""
    return not (
        _JOINED_BEFORE.search(view.plain, max(0, start - 2), start) or _JOINED_AFTER.match(view.plain, end)
    )


def numbers(view: View, run: Run) -> Iterator[Number]:
    """Every number of at most `MAX_DIGITS` digits that one or more neighbouring groups of the run make.

    Left out are those whose neighbours go on in the same manner: three groups of four among five such.
    """
    for first, (start, _) in enumerate(run.groups):
        digits, shape = "", ""
        for last in range(first, len(run.groups)):
            group = view.plain[slice(*run.groups[last])]
            if len(digits) + len(group) > MAX_DIGITS:
                break
            digits += group
            shape += (run.gaps[last - 1] if last > first else "") + str(len(group))
            if _is_separate(run, first, last):
                yield Number(start, run.groups[last][1], digits, shape)


def _is_separate(run: Run, first: int, last: int) -> bool:
    inside = run.gaps[first:last]
    for gap_index, group_index, neighbour in ((first - 1, first, first - 1), (last, last, last + 1)):
        if not 0 <= neighbour < len(run.groups):
            continue
        gap = run.gaps[gap_index]
        same_length = _length(run, neighbour) == _length(run, group_index)
        if len(gap) == 1 and (gap in inside or (not inside and gap != " ")) and (gap != " " or same_length):
            return False
    return True


def _length(run: Run, group: int) -> int:
    start, end = run.groups[group]
    return end - start
