"""Random text that looks like a language to tokenisers: a Markov chain over pieces (Shannon 1948, section 3).

A *piece* is a word where words are separated and a character with its marks in Chinese, Japanese and Thai. Pieces are
numbers here; who writes text keeps the list of what they stand for.
"""

import itertools
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from dataprep.locales import LOCALES
from dataprep.sample.compose import CHARACTER_LANGUAGES, clusters
from dataprep.sample.sentences import Sentences

Pieces = npt.NDArray[np.int64]

_SENTENCE_SPREAD: Final = 0.4  # standard deviation of the logarithm of the length in pieces
_JUMP_PROBABILITY: Final = (
    0.2  # of leaving the chain, without which unrelated documents would share word 5-grams
)
_MIN_SENTENCE_PIECES: Final = 3
_MAX_SENTENCE_FACTOR: Final = 4  # longest sentence over the median one
_CLAUSE_ENDS: Final = ",，、،;: "  # what no sentence ends with


@dataclass(frozen=True, slots=True)
class Chain:
    """The sentences of one language as a chain of order one.

    Attributes:
        language: BCP 47.
        vocabulary: text of every piece.
        glue: what stands between two pieces.
        stop: what ends a sentence; empty where nothing does.
        median_pieces: median length of the language's sample sentences.
        firsts: first pieces of sentences, repeated as they occur.
        successors: those of piece p are `successors[starts[p]:starts[p + 1]]`, repeated as they occur.
        starts: see `successors`; one more than there are pieces.
    """

    language: str
    vocabulary: list[str]
    glue: str
    stop: str
    median_pieces: float
    firsts: Pieces
    successors: Pieces
    starts: Pieces

    @classmethod
    def of(cls, language: str, sentences: Sentences) -> Self:
        """The chain of a language's written sentences."""
        by_character = language in CHARACTER_LANGUAGES
        written = sentences.all_written
        split = [clusters(line) if by_character else line.split(" ") for line in written]
        vocabulary = sorted({piece for pieces in split for piece in pieces})
        numbers = {piece: number for number, piece in enumerate(vocabulary)}
        numbered = [[numbers[piece] for piece in pieces] for pieces in split]
        pairs = np.array([pair for pieces in numbered for pair in itertools.pairwise(pieces)])
        ordered = pairs[np.argsort(pairs[:, 0], kind="stable")]
        return cls(
            language,
            vocabulary,
            "" if by_character else " ",
            written[0][-1] if LOCALES[language].terminators else "",
            float(np.median([len(pieces) for pieces in split])),
            np.array([pieces[0] for pieces in numbered]),
            ordered[:, 1],
            np.searchsorted(ordered[:, 0], np.arange(len(vocabulary) + 1)),
        )

    def finished(self, text: str) -> str:
        """A sentence, or its last piece, with the mark that ends it."""
        return text if text.endswith(self.stop) else text.rstrip(_CLAUSE_ENDS) + self.stop

    def lengths(self, count: int, rng: np.random.Generator) -> Pieces:
        """Pieces of `count` sentences: log-normal around the median of the sample's."""
        drawn = self.median_pieces * rng.lognormal(0.0, _SENTENCE_SPREAD, count)
        longest = self.median_pieces * _MAX_SENTENCE_FACTOR
        lengths: Pieces = np.clip(drawn, _MIN_SENTENCE_PIECES, longest).astype(np.int64)
        return lengths

    def walk(self, lengths: Pieces, rng: np.random.Generator) -> Pieces:
        """Pieces of sentences of the given lengths, one sentence behind the other; all walk in step."""
        order = np.argsort(
            -lengths, kind="stable"
        )  # the longest first, so that those still walking are a prefix
        places = (np.cumsum(lengths) - lengths)[order]
        walking = np.searchsorted(-lengths[order], -np.arange(int(lengths.max(initial=0))), side="left")
        pieces = np.empty(int(lengths.sum()), np.int64)
        state = rng.choice(self.firsts, lengths.size)
        for step, count in enumerate(walking.tolist()):
            state = state[:count]
            pieces[places[:count] + step] = state
            choices = self.starts[state + 1] - self.starts[state]
            offset = (rng.random(count) * choices).astype(np.int64)
            place = np.minimum(self.starts[state] + offset, self.successors.size - 1)
            jumps = (choices == 0) | (rng.random(count) < _JUMP_PROBABILITY)
            state = np.where(jumps, rng.choice(self.successors, count), self.successors[place])
        return pieces
