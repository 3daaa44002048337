"""Benchmark corpora of any size: mC4 files of random text that looks like language to tokenisers and duplicate finders.

Text comes from a Markov chain over the words (Shannon 1948, section 3; characters for Chinese, Japanese and Thai) of a
language's sample sentences. Each language gets a pool of generated sentences, and documents draw from the pools, so
that writing costs little more than compression.
"""

import itertools
import random
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from dataprep.locales import LOCALES
from dataprep.sample.compose import CHARACTER_LANGUAGES, clusters, joined
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.sentences import Sentences, load

POOL_SENTENCES: Final = 20_000
MEDIAN_DOCUMENT_BYTES: Final = 2_000  # of web pages after extraction; log-normal around it
EXACT_DUPLICATE_FRACTION: Final = 0.05
NEAR_DUPLICATE_FRACTION: Final = 0.05

_SENTENCE_SPREAD: Final = 0.4  # standard deviation of the logarithm of the length in words
_DOCUMENT_SPREAD: Final = 0.8
_MAX_DOCUMENT_BYTES: Final = 100_000
_JUMP_PROBABILITY: Final = (
    0.2  # of leaving the chain, without which unrelated documents would share word 5-grams
)
_MAX_SENTENCE_FACTOR: Final = 4  # longest sentence over the median one
_SENTENCES_PER_PARAGRAPH: Final = 5
_RECENT_DOCUMENTS: Final = 500  # per language, from which duplicates are copied
_WORDS_PER_EDIT: Final = 80  # one word in so many differs in a near duplicate
_CHARACTERS_PER_EDIT: Final = 200
_DRAW_AHEAD: Final = 4096
_CLAUSE_ENDS: Final = ",，、،;: "  # what no sentence ends with
_COMPRESSION_LEVEL: Final = 1  # speed over size: these files are written to be read once or twice


@dataclass(frozen=True, slots=True)
class _Pool:
    """Generated sentences of one language.

    Attributes:
        language: BCP 47.
        sentences: the pool.
        mean_bytes: mean UTF-8 length of a sentence.
        recent: the last original documents, for duplicates.
    """

    language: str
    sentences: list[str]
    mean_bytes: float
    recent: deque[str]


def write_mc4(
    path_dir: str,
    *,
    total_bytes: int,
    seed: int,
    files: int,
    languages: Sequence[str] | None = None,
) -> None:
    """Write `files` mC4 files with about `total_bytes` of document text; the same arguments give the same bytes.

    Every file mixes the languages in the proportion of `languages.LANGUAGES`; names such as
    `c4-train.00000-of-00008.json.gz` tell readers no language. 5 % of documents repeat an earlier one exactly and 5 %
    with a few words changed; both copy documents of this or an earlier file.

    Args:
        path_dir: local folder, created if missing.
        total_bytes: UTF-8 bytes of text, without URLs, timestamps and JSON; each file is over its share by at most
            one document.
        seed: of every random choice.
        files: number of files.
        languages: BCP 47 codes, all of the sample if null.

    Raises:
        ValueError: a number is not positive, or a language is not in the sample.
    """
    codes = sorted(languages if languages is not None else LANGUAGES)
    unknown = sorted(set(codes) - set(LANGUAGES))
    if unknown or not codes:
        raise ValueError(f"languages must be among {' '.join(LANGUAGES)}; got {' '.join(unknown) or 'none'}.")
    if total_bytes < 1 or files < 1:
        raise ValueError(f"total_bytes and files must be at least 1; got {total_bytes} and {files}.")
    folder = Path(path_dir)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sentences = load()
    pools = [_pool(code, sentences[code], rng) for code in codes]
    weights = np.array([LANGUAGES[code].weight for code in codes])
    writer = _Writer(pools, weights / weights.sum(), rng, random.Random(seed))
    for number in range(files):
        target = total_bytes * (number + 1) // files - total_bytes * number // files
        writer.write(folder / f"c4-train.{number:05}-of-{files:05}.json.gz", target)


class _Writer:
    """Writes files one after another; duplicates may copy from earlier ones."""

    def __init__(
        self,
        pools: list[_Pool],
        shares: npt.NDArray[np.float64],
        rng: np.random.Generator,
        picks: random.Random,
    ) -> None:
        self._pools = pools
        self._shares = shares
        self._rng = rng
        self._picks = picks
        self._documents = 0

    def write(self, path: Path, target_bytes: int) -> None:
        """One file with documents until their text has `target_bytes`."""
        deflate = zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, 31)
        written = 0
        with path.open("wb") as file:
            while written < target_bytes:
                lines = []
                for pool, size, kind in self._drawn():
                    text = self._text(pool, size, kind)
                    lines.append(self._line(text, pool.language))
                    written += len(text.encode())
                    if written >= target_bytes:
                        break
                file.write(deflate.compress(b"".join(lines)))
            file.write(deflate.flush())

    def _drawn(self) -> list[tuple[_Pool, float, float]]:
        """Languages, target sizes in bytes and kinds of the next documents."""
        which = self._rng.choice(len(self._pools), size=_DRAW_AHEAD, p=self._shares).tolist()
        sizes = MEDIAN_DOCUMENT_BYTES * self._rng.lognormal(0.0, _DOCUMENT_SPREAD, _DRAW_AHEAD)
        kinds = self._rng.random(_DRAW_AHEAD).tolist()
        return [
            (self._pools[pool], size, kind)
            for pool, size, kind in zip(
                which, np.minimum(sizes, _MAX_DOCUMENT_BYTES).tolist(), kinds, strict=True
            )
        ]

    def _text(self, pool: _Pool, size: float, kind: float) -> str:
        if pool.recent and kind < EXACT_DUPLICATE_FRACTION:
            return self._picks.choice(pool.recent)
        if pool.recent and kind < EXACT_DUPLICATE_FRACTION + NEAR_DUPLICATE_FRACTION:
            return self._edited(self._picks.choice(pool.recent), pool)
        count = max(1, round(size / pool.mean_bytes))
        chosen = self._picks.choices(pool.sentences, k=count)
        starts = range(0, count, _SENTENCES_PER_PARAGRAPH)
        text = "\n".join(joined(chosen[at : at + _SENTENCES_PER_PARAGRAPH], pool.language) for at in starts)
        pool.recent.append(text)
        return text

    def _edited(self, text: str, pool: _Pool) -> str:
        """A near duplicate: words (characters) of other sentences in place of some."""
        other = self._picks.choice(pool.sentences)
        if pool.language in CHARACTER_LANGUAGES:
            for _ in range(max(1, len(text) // _CHARACTERS_PER_EDIT)):
                place = self._picks.randrange(len(text))
                text = text[:place] + self._picks.choice(other) + text[place + 1 :]
            return text
        words, others = text.split(" "), other.split(" ")
        for _ in range(max(1, len(words) // _WORDS_PER_EDIT)):
            words[self._picks.randrange(len(words))] = self._picks.choice(others)
        return " ".join(words)

    def _line(self, text: str, language: str) -> bytes:
        number = self._documents
        self._documents += 1
        url = f"https://site-{number % 9973}.example/{language}/{number}"
        timestamp = f"20{13 + number % 8}-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:00:00Z"
        return orjson.dumps(
            {"text": text, "timestamp": timestamp, "url": url}, option=orjson.OPT_APPEND_NEWLINE
        )


def _pool(language: str, sentences: Sentences, rng: np.random.Generator) -> _Pool:
    """`POOL_SENTENCES` generated sentences of a language."""
    by_character = language in CHARACTER_LANGUAGES
    split = [clusters(line) if by_character else line.split(" ") for line in sentences.all_written]
    vocabulary = sorted({piece for pieces in split for piece in pieces})
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    chain = _chain([[numbers[piece] for piece in pieces] for pieces in split], len(vocabulary))
    lengths = _lengths(split, rng)
    drawn = _walk(chain, np.array([numbers[pieces[0]] for pieces in split]), lengths, rng)
    flat = np.array(vocabulary, dtype=object)[drawn].tolist()
    glue = "" if by_character else " "
    bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    made = [glue.join(flat[start:end]) for start, end in itertools.pairwise(bounds)]
    stop = sentences.all_written[0][-1] if LOCALES[language].terminators else ""
    finished = [line if line.endswith(stop) else line.rstrip(_CLAUSE_ENDS) + stop for line in made]
    mean_bytes = sum(len(line.encode()) for line in finished) / len(finished)
    return _Pool(language, finished, mean_bytes, deque(maxlen=_RECENT_DOCUMENTS))


def _lengths(split: Sequence[Sequence[str]], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Lengths in pieces of the pool's sentences: log-normal around the median of the sample's."""
    median = float(np.median([len(pieces) for pieces in split]))
    drawn = median * rng.lognormal(0.0, _SENTENCE_SPREAD, POOL_SENTENCES)
    lengths: npt.NDArray[np.int64] = np.clip(drawn, 3, median * _MAX_SENTENCE_FACTOR).astype(np.int64)
    return lengths


@dataclass(frozen=True, slots=True)
class _Chain:
    """Successors of every piece: those of piece p are `successors[starts[p]:starts[p + 1]]`, repeated as they occur."""

    successors: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


def _chain(sequences: Sequence[Sequence[int]], vocabulary_size: int) -> _Chain:
    pairs = np.array([pair for pieces in sequences for pair in itertools.pairwise(pieces)])
    ordered = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts = np.searchsorted(ordered[:, 0], np.arange(vocabulary_size + 1))
    return _Chain(ordered[:, 1], starts)


def _walk(
    chain: _Chain,
    firsts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Pieces of all sentences, one sentence behind the other; all walk through the chain in step."""
    drawn = np.empty((lengths.size, int(lengths.max())), np.int64)
    state = rng.choice(firsts, lengths.size)
    for step in range(drawn.shape[1]):
        drawn[:, step] = state
        choices = chain.starts[state + 1] - chain.starts[state]
        offset = (rng.random(lengths.size) * choices).astype(np.int64)
        following = chain.successors[np.minimum(chain.starts[state] + offset, chain.successors.size - 1)]
        jumps = (choices == 0) | (rng.random(lengths.size) < _JUMP_PROBABILITY)
        state = np.where(jumps, rng.choice(chain.successors, lengths.size), following)
    pieces: npt.NDArray[np.int64] = drawn[np.arange(drawn.shape[1]) < lengths[:, None]]
    return pieces
