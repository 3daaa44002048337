"""Documents made of sample sentences: drawn, copied with edits, and kept apart from one another.

`Index` knows the shingles of every document made so far, so that two documents are similar only where that is planted.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dataprep.sample import reference
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.sentences import TOPICS, Sentences

MAX_UNRELATED_JACCARD: Final = 0.4  # of a new document and any other
MAX_STRANGER_JACCARD: Final = 0.5  # of an edited copy and any document but its original
NEAR_COPY: Final = (0.85, 0.97)
LOOK_ALIKE: Final = (0.46, 0.71)

_MAX_ATTEMPTS: Final = 500
_NEAR_COPY_MIN_SHINGLES: Final = 100  # one word edited in fewer shingles leaves the band of similarities
_NO_SPACE: Final = frozenset({"ja", "zh"})  # sentences follow each other without a space
CHARACTER_LANGUAGES: Final = frozenset({"ja", "th", "zh"})  # words are not separated


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """A document before it is in a file; two drafts are equal only if they are the same object.

    Attributes:
        source: `mc4`, `cc100` or `wikipedia`.
        language: language of the file it goes to.
        paragraphs: its sentences.
        text: the document as its source shows it, lines between newlines.
        headings: per paragraph its heading, or empty for none; Wikipedia only.
        listed: whether the last paragraph is a list; Wikipedia only.
    """

    source: str
    language: str
    paragraphs: tuple[tuple[str, ...], ...]
    text: str
    headings: tuple[str, ...] = ()
    listed: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """All sentences in order."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph)


class CompositionError(RuntimeError):
    """The sentences do not allow the document that was asked for."""


class Index:
    """Which document holds which shingle."""

    def __init__(self) -> None:
        self._holders: dict[str, list[Draft]] = {}
        self._sizes: dict[Draft, int] = {}

    def add(self, draft: Draft) -> None:
        """Remember a document."""
        shingles = reference.shingles(draft.text)
        self._sizes[draft] = len(shingles)
        for shingle in shingles:
            self._holders.setdefault(shingle, []).append(draft)

    def nearest(self, text: str, *, besides: Draft | None = None) -> float:
        """Jaccard similarity of a text and the most similar document other than `besides`; 0 if there is none."""
        shingles = reference.shingles(text)
        shared = Counter(draft for shingle in shingles for draft in self._holders.get(shingle, ()))
        return max(
            (
                count / (len(shingles) + self._sizes[draft] - count)
                for draft, count in shared.items()
                if draft is not besides
            ),
            default=0.0,
        )


def joined(sentences: Sequence[str], language: str) -> str:
    """One paragraph of a language."""
    return ("" if language in _NO_SPACE else " ").join(sentences)


class Composer:
    """Makes the documents of one language.

    Attributes:
        language: BCP 47 code of the sentences.
        sentences: what documents are made of.
    """

    def __init__(self, language: str, sentences: Sentences, rng: random.Random, index: Index) -> None:
        self.language = language
        self.sentences = sentences
        self._rng = rng
        self._index = index
        self._pieces = sorted(
            {piece for line in sentences.all_written for piece in self._split(line) if _plain(piece)}
        )

    def fresh(self, source: str, *, file_language: str | None = None) -> Draft:
        """A new document of 6 to 12 sentences on one or two topics, unlike every other, and known to the index.

        Args:
            source: where it goes.
            file_language: language of its file; null for the composer's own.
        """
        for _ in range(_MAX_ATTEMPTS):
            draft = self._draw(source, file_language or self.language)
            if self._index.nearest(draft.text) < MAX_UNRELATED_JACCARD:
                self._index.add(draft)
                return draft
        raise CompositionError(
            f"{self.language}: no room for one more document unlike the {source} documents so far."
        )

    def near_copy(self, original: Draft, source: str) -> tuple[Draft, float]:
        """A copy with a few units changed, left out or put in, and its Jaccard similarity in `NEAR_COPY`."""
        return self._similar(
            original, source, NEAR_COPY, MAX_STRANGER_JACCARD, lambda: self._edited(original)
        )

    def look_alike(self, original: Draft, source: str) -> tuple[Draft, float]:
        """A document that shares most sentences with another, and its Jaccard similarity in `LOOK_ALIKE`."""
        paragraphs = original.paragraphs
        written = sorted(set(self.sentences.all_written) - set(original.sentences))

        def replaced() -> str:
            sentences = list(original.sentences)
            changed = self._rng.sample(range(len(sentences)), self._rng.randint(1, len(sentences) // 2))
            for place, sentence in zip(changed, self._rng.sample(written, len(changed)), strict=True):
                sentences[place] = sentence
            remaining = iter(sentences)
            return "\n".join(joined([next(remaining) for _ in part], self.language) for part in paragraphs)

        return self._similar(original, source, LOOK_ALIKE, MAX_UNRELATED_JACCARD, replaced)

    def can_be_edited(self, draft: Draft) -> bool:
        """Whether a document is long enough for `near_copy`."""
        return len(reference.shingles(draft.text)) >= _NEAR_COPY_MIN_SHINGLES

    def _similar(
        self,
        original: Draft,
        source: str,
        bounds: tuple[float, float],
        max_stranger: float,
        propose: Callable[[], str],
    ) -> tuple[Draft, float]:
        for _ in range(_MAX_ATTEMPTS):
            text = propose()
            jaccard = reference.jaccard(original.text, text)
            if (
                bounds[0] <= jaccard <= bounds[1]
                and self._index.nearest(text, besides=original) < max_stranger
            ):
                draft = Draft(source, original.language, (), text)
                self._index.add(draft)
                return draft, jaccard
        raise CompositionError(f"{self.language}: no copy with a similarity in {bounds} was found.")

    def _draw(self, source: str, file_language: str) -> Draft:
        rng = self._rng
        topics = rng.sample(TOPICS, 1 if rng.random() < 0.15 else 2)
        length = rng.randint(6, 8) if len(topics) == 1 else rng.randint(6, 12)
        # The topics follow each other: a paragraph seldom mixes them.
        firsts = length if len(topics) == 1 else rng.randint(max(2, length - 10), min(10, length - 2))
        chosen = rng.sample(self.sentences.written[topics[0]], firsts)
        if len(topics) == 2:
            chosen += rng.sample(self.sentences.written[topics[1]], length - firsts)
        cuts = [0, *sorted(rng.sample(range(2, length - 1), rng.randint(1, min(3, length - 3)))), length]
        paragraphs = tuple(tuple(chosen[start:end]) for start, end in itertools.pairwise(cuts))
        if source == "wikipedia":
            return self._article(topics, paragraphs)
        text = "\n".join(joined(part, self.language) for part in paragraphs)
        return Draft(source, file_language, paragraphs, text)

    def _article(self, topics: Sequence[str], paragraphs: tuple[tuple[str, ...], ...]) -> Draft:
        names = LANGUAGES[self.language]
        headings = ("", *(names.topic(self._rng.choice(topics)) for _ in paragraphs[1:]))
        listed = self._rng.random() < 0.3
        lines = []
        for number, (heading, part) in enumerate(zip(headings, paragraphs, strict=True), start=1):
            lines += [heading] if heading else []
            lines += part if listed and number == len(paragraphs) else [joined(part, self.language)]
        return Draft("wikipedia", self.language, paragraphs, "\n".join(lines), headings, listed)

    def _split(self, text: str) -> list[str]:
        """Pieces that one edit touches, with the white space between them as pieces of their own."""
        if self.language in CHARACTER_LANGUAGES:
            return clusters(text)
        return re.split(r"([ \n]+)", text)

    def _edited(self, original: Draft) -> str:
        rng = self._rng
        target = rng.uniform(*NEAR_COPY)
        pieces = self._split(original.text)
        places = [place for place, piece in enumerate(pieces) if _plain(piece)]
        rng.shuffle(places)
        gap = "" if self.language in CHARACTER_LANGUAGES else " "
        text = original.text
        for place in places:
            match rng.choice(("substitute", "delete", "insert")):
                case "substitute":
                    pieces[place] = rng.choice(self._pieces)
                case "delete":
                    pieces[place] = ""
                case _:
                    pieces[place] += gap + rng.choice(self._pieces)
            text = re.sub(" {2,}", " ", "".join(pieces)).replace("\n ", "\n").strip()
            if reference.jaccard(original.text, text) <= target:
                break
        return text


def clusters(text: str) -> list[str]:
    """Characters with the marks that follow them."""
    parts: list[str] = []
    for character in text:
        if parts and reference.is_mark(character):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def bare(word: str) -> tuple[int, int]:
    """Start and end of a word without the punctuation around it; equal if it is punctuation only."""
    inner = [place for place, character in enumerate(word) if reference.units(character)]
    return (inner[0], inner[-1] + 1) if inner else (0, 0)


def _plain(piece: str) -> bool:
    """Whether a piece consists of letters, marks and numbers only."""
    return bool(piece) and reference.units(piece) != [] and "".join(reference.units(piece)) == piece.lower()


def with_spacing(draft: Draft, source: str, rng: random.Random) -> Draft:
    """A copy that differs from a document in white space only.

    Line ends stay line ends, so that the copy fits every format; some spaces between words become two. Where a text
    has no spaces, some stand at ends of lines.
    """
    lines = []
    for line in draft.text.split("\n"):
        words = line.split(" ")
        gaps = ["  " if rng.random() < 0.1 else " " for _ in words[1:]]
        spaced = "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))
        lines.append(spaced if "  " in spaced else spaced + "  ")
    return Draft(source, draft.language, (), "\n".join(lines))


def moved(draft: Draft, source: str) -> Draft:
    """The same text as a document of a source."""
    return replace(draft, source=source, headings=(), listed=False)


def alternating(composers: Mapping[str, Composer], languages: Sequence[str], rng: random.Random) -> str:
    """A text whose sentences take turns between two languages, ten in all in two paragraphs."""
    draws = [rng.sample(composers[language].sentences.all_written, 5) for language in languages]
    sentences = [sentence for pair in zip(*draws, strict=True) for sentence in pair]
    return " ".join(sentences[:4]) + "\n" + " ".join(sentences[4:])
