"""The written and spoken sentences that the sample corpora are composed of, one file per language beside this one."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

TOPICS: Final = (
    "cooking",
    "weather",
    "travel",
    "science",
    "home",
    "music",
    "history",
    "sport",
    "nature",
    "work",
)
ROMANISED_HINDI: Final = "hi-Latn"  # spoken only; it is no locale of its own but appears inside Hindi files

_HEADER: Final = "# "
_WRITTEN: Final = "written: "


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of one language, in NFC, each unique in its file.

    Attributes:
        written: per topic, complete statements; empty for a language that is only spoken here.
        spoken: short lines as in subtitles.
        boilerplate: cookie notice, menu with its entries between ` | `, copyright line, newsletter line.
    """

    written: Mapping[str, tuple[str, ...]]
    spoken: tuple[str, ...]
    boilerplate: tuple[str, ...]

    @property
    def all_written(self) -> tuple[str, ...]:
        """The written sentences of all topics, in the order of `TOPICS`."""
        return tuple(sentence for topic in TOPICS for sentence in self.written.get(topic, ()))


class SentencesError(ValueError):
    """A sentences file breaks its format."""


def parse(text: str, *, name: str) -> Sentences:
    """The sentences in the text of one file; blank lines are skipped.

    Args:
        text: content of the file: sections that start with `# written: <topic>`, `# spoken` or `# boilerplate`.
        name: what error messages call the file.

    Raises:
        SentencesError: an unknown or repeated section, a line before the first section, a repeated line, or text
            that is not in NFC.
    """
    if not unicodedata.is_normalized("NFC", text):
        raise SentencesError(f"{name} is not in Unicode normal form C; normalise and save it again.")
    known = {*(_WRITTEN + topic for topic in TOPICS), "spoken", "boilerplate"}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if line.startswith(_HEADER):
            title = line.removeprefix(_HEADER)
            if title not in known or title in sections:
                raise SentencesError(f"{name}, line {number}: section {title!r} is unknown or appears twice.")
            current = sections.setdefault(title, [])
        elif current is None:
            raise SentencesError(f"{name}, line {number}: expected a section header, found {line!r}.")
        elif line in seen:
            raise SentencesError(f"{name}, line {number}: the line is there twice: {line!r}.")
        else:
            current.append(line)
            seen.add(line)
    written = {topic: tuple(sections[_WRITTEN + topic]) for topic in TOPICS if _WRITTEN + topic in sections}
    return Sentences(written, tuple(sections.get("spoken", ())), tuple(sections.get("boilerplate", ())))


def load() -> dict[str, Sentences]:
    """The sentences of every language, by BCP 47 code in alphabetical order; `hi-Latn` is romanised Hindi."""
    folder = files(__package__) / "sentences"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".txt"))
    return {
        name.removesuffix(".txt"): parse((folder / name).read_text(encoding="utf-8"), name=name)
        for name in names
    }
