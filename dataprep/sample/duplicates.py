"""Benchmark corpora of any size in which every duplicate is planted and known: copies, near copies, and look-alikes.

A *cluster* is an original, its exact and near copies, and its look-alikes, which resemble it too little to be
duplicates. Its members lie anywhere in the corpus, the original first. Everything else is unrelated text.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.sample import reference
from dataprep.sample.compose import joined
from dataprep.sample.edits import edit_places
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.markov import Chain, Pieces
from dataprep.sample.scale import MEDIAN_DOCUMENT_BYTES, checked
from dataprep.sample.sentences import load

DUPLICATED_FRACTION: Final = 0.3  # of documents: in clusters of two and more
# P(size) is proportional to size**-2 from 2 on: most clusters are pairs, and most members are in larger ones.
CLUSTER_EXPONENT: Final = 2.0
MAX_CLUSTER_SIZE: Final = 1000
EXACT_FRACTION: Final = 0.5  # of copies; the others are near copies
LOOK_ALIKE_FRACTION: Final = 0.04  # of documents
NEAR_LEVELS: Final = (0.85, 0.9, 0.95)  # target Jaccard to the original
LOOK_ALIKE_LEVELS: Final = (0.5, 0.6, 0.7)
MIN_NEAR_JACCARD: Final = 0.8
MAX_LOOK_ALIKE_JACCARD: Final = 0.75

SINGLE: Final = "single"
ORIGINAL: Final = "original"
EXACT: Final = "exact"
NEAR: Final = "near"
LOOK_ALIKE: Final = "look-alike"
TRUTH_FILE: Final = "truth.parquet"
DOCUMENTS_DIR: Final = "documents"
TRUTH_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("cluster", pa.string()),
        ("kind", pa.string()),
        ("level", pa.float64()),
        ("jaccard", pa.float64()),
        ("language", pa.string()),
        ("bytes", pa.int64()),
    ]
)

_DOCUMENT_SPREAD: Final = 0.8  # standard deviation of the logarithm of the length in bytes
_MAX_DOCUMENT_BYTES: Final = 100_000
_MIN_SENTENCES: Final = 3  # two documents of one or two sentences would now and then be alike by chance
_SENTENCES_PER_PARAGRAPH: Final = 5
_SPARE_DOCUMENTS: Final = (
    1.5  # planned over expected, since a few clusters of long documents can be far from the mean
)
_MIN_PLANNED: Final = 64
_MAX_CLUSTER_SHARE: Final = 0.05  # of a small corpus in one cluster
_BATCH_DOCUMENTS: Final = 4096  # a row group, too
_MAX_ATTEMPTS: Final = 5
_COMPRESSION_LEVEL: Final = 1
_SHINGLE_UNITS: Final = {
    "ja": reference.HAN_KANA_PER_SHINGLE,
    "th": reference.SOUTHEAST_ASIAN_PER_SHINGLE,
    "zh": reference.HAN_KANA_PER_SHINGLE,
}
# What stands behind a piece: the next piece, the next sentence, the next paragraph, or nothing.
_WITHIN, _SENTENCE_END, _PARAGRAPH_END, _DOCUMENT_END = range(4)

Form = Literal["parquet", "mc4"]
Codes = npt.NDArray[np.int64]  # pieces and what stands behind them: piece + end * size of the vocabulary


def write_planted(
    path_dir: str,
    *,
    total_bytes: int,
    seed: int,
    files: int,
    languages: Sequence[str] = ("en",),
    form: Form = "parquet",
) -> None:
    """Write a corpus with known duplicates and its truth; the same arguments give the same bytes.

    `documents/` has `files` files of about equal size: Parquet with the columns `id` and `text`, or mC4 whose URLs end
    in `/<id>`. `truth.parquet` has one row per document, in the order of the corpus:

    - `id`; `cluster`, the id of the cluster's original; `language`, BCP 47; `bytes`, UTF-8 length of the text;
    - `kind`: `original` of a cluster of two and more, `exact` or `near` copy, `look-alike`, or `single`;
    - `level`: of near copies and look-alikes the Jaccard similarity aimed at, one of `NEAR_LEVELS` or
      `LOOK_ALIKE_LEVELS`; else null;
    - `jaccard`: similarity to the original, measured on the texts by `reference`: at least `MIN_NEAR_JACCARD` for near
      copies, at most `MAX_LOOK_ALIKE_JACCARD` for look-alikes, 1 for the others.

    Lengths are log-normal with a median of `MEDIAN_DOCUMENT_BYTES`; sizes of clusters follow a power law. A near copy
    or look-alike has single words replaced all over, or a run of words in one place, or its end.

    Args:
        path_dir: local folder, created if missing.
        total_bytes: UTF-8 bytes of text to aim at; the sum is within a few per cent of it.
        seed: of every random choice.
        files: number of files.
        languages: BCP 47 codes; every cluster has one of them, in the proportion of `languages.LANGUAGES`.
        form: `parquet` (zstd) or `mc4` (`.json.gz`).

    Raises:
        ValueError: a number is not positive, or a language is not in the sample.
    """
    codes = checked(languages, total_bytes=total_bytes, files=files)
    rng = np.random.default_rng(seed)
    sentences = load()
    voices = [_Voice(Chain.of(code, sentences[code]), rng) for code in codes]
    weights = np.array([LANGUAGES[code].weight for code in codes])
    plan = Plan.drawn(total_bytes, weights / weights.sum(), rng)
    folder = Path(path_dir) / DOCUMENTS_DIR
    folder.mkdir(parents=True, exist_ok=True)
    truth = _Truth()
    author = _Author(voices, plan, rng)
    ends = (
        np.searchsorted(
            np.cumsum(plan.sizes), plan.sizes.sum() * np.arange(1, files + 1) / files * (1 - 1e-12)
        )
        + 1
    )
    for number, (start, end) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        with _WRITERS[form](folder, number, files) as writer:
            for batch in author.batches(start, end):
                writer.write(batch)
                truth.add(batch)
    truth.write(Path(path_dir) / TRUTH_FILE)


@dataclass(frozen=True, slots=True)
class _Written:
    """One document and the truth about it."""

    id: str
    cluster: str
    kind: str
    level: float | None
    jaccard: float
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What every document of the corpus is, in order.

    Attributes:
        originals: place of its cluster's original; its own for originals and singles.
        kinds: one of the kinds.
        levels: similarity aimed at; not a number for originals, singles and exact copies.
        sizes: UTF-8 bytes aimed at.
        voices: which language.
        followers: of an original, how many documents are made from it.
    """

    originals: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.str_]
    levels: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    voices: npt.NDArray[np.int64]
    followers: npt.NDArray[np.int64]

    @classmethod
    def drawn(cls, total_bytes: int, shares: npt.NDArray[np.float64], rng: np.random.Generator) -> Self:
        """A plan of as many documents as come to `total_bytes` on average, and of lengths that do so exactly."""
        mean_bytes = MEDIAN_DOCUMENT_BYTES * np.exp(_DOCUMENT_SPREAD**2 / 2)
        count = max(1, round(total_bytes / mean_bytes))
        clusters, look_alikes = _members(count, rng)
        drawn = MEDIAN_DOCUMENT_BYTES * rng.lognormal(0.0, _DOCUMENT_SPREAD, count)
        sizes = np.minimum(drawn, _MAX_DOCUMENT_BYTES)[clusters]
        # A few clusters of long documents can take the sum far from the mean.
        sizes *= total_bytes / sizes.sum()
        voices = rng.choice(shares.size, count, p=shares)[clusters]
        kinds, levels = _kinds(clusters, look_alikes, rng)
        _, firsts, inverse = np.unique(clusters, return_index=True, return_inverse=True)
        originals = firsts[inverse]
        followers = np.bincount(originals, minlength=count) - (originals == np.arange(count))
        kinds = np.where((kinds == ORIGINAL) & (followers == 0), SINGLE, kinds)
        return cls(originals, kinds, levels, sizes, voices, followers)


def _members(count: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cluster of each of `count` documents, and look-alikes per cluster (there are fewer than `count` clusters)."""
    largest = max(2, min(MAX_CLUSTER_SIZE, int(count * _MAX_CLUSTER_SHARE)))
    sizes = np.arange(2, largest + 1)
    chances = sizes**-CLUSTER_EXPONENT / (sizes**-CLUSTER_EXPONENT).sum()
    duplicated = rng.choice(sizes, int(count * DUPLICATED_FRACTION / (sizes * chances).sum()), p=chances)
    alike = round(count * LOOK_ALIKE_FRACTION)
    singles = max(1, count - int(duplicated.sum()) - alike)
    sizes_of = np.concatenate([duplicated, np.ones(singles, np.int64)])
    look_alikes = np.bincount(rng.integers(0, sizes_of.size, alike), minlength=sizes_of.size)
    members = np.repeat(np.arange(sizes_of.size), sizes_of + look_alikes)
    clusters: npt.NDArray[np.int64] = rng.permutation(members)[:count]
    return clusters, look_alikes


def _kinds(
    clusters: npt.NDArray[np.int64], look_alikes: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
    """Kind and level of every document: the first of a cluster is its original, the others are so at random."""
    count = clusters.size
    _, firsts = np.unique(clusters, return_index=True)
    is_first = np.zeros(count, bool)
    is_first[firsts] = True
    # Within a cluster: the original, then the others in random order, of which the last are its look-alikes.
    order = np.lexsort((rng.random(count), ~is_first, clusters))
    sizes = np.bincount(clusters, minlength=look_alikes.size)
    ranks = np.empty(count, np.int64)
    ranks[order] = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    is_alike = ~is_first & (ranks >= (sizes - look_alikes)[clusters])
    is_exact = rng.random(count) < EXACT_FRACTION
    kinds = np.select([is_first, is_alike, is_exact], [ORIGINAL, LOOK_ALIKE, EXACT], NEAR)
    levels = np.where(is_alike, rng.choice(LOOK_ALIKE_LEVELS, count), rng.choice(NEAR_LEVELS, count))
    return kinds, np.where((kinds == NEAR) | is_alike, levels, np.nan)


class _Voice:
    """Writes documents of one language as codes, and spells them.

    Attributes:
        language: BCP 47.
    """

    def __init__(self, chain: Chain, rng: np.random.Generator) -> None:
        self.language = chain.language
        self._chain = chain
        finished = [chain.finished(piece) for piece in chain.vocabulary]
        between = joined(("", ""), chain.language)
        ends = {_SENTENCE_END: between, _PARAGRAPH_END: "\n", _DOCUMENT_END: ""}
        spellings = [piece + chain.glue for piece in chain.vocabulary]
        for end in (_SENTENCE_END, _PARAGRAPH_END, _DOCUMENT_END):
            spellings += [piece + ends[end] for piece in finished]
        self._spellings = np.array(spellings, dtype=object)
        one_unit = np.array([len(reference.units(piece)) == 1 for piece in chain.vocabulary])
        self._replacements = chain.successors[one_unit[chain.successors]]  # as often as they occur
        sample = chain.walk(chain.lengths(2000, rng), rng)
        self._mean_sentence_bytes = len("".join(self._spellings[sample].tolist()).encode()) / 2000
        self._shingle_units = _SHINGLE_UNITS.get(chain.language, reference.WORDS_PER_SHINGLE)

    def documents(self, sizes: npt.NDArray[np.float64], rng: np.random.Generator) -> list[Codes]:
        """New documents of about the given sizes in bytes."""
        counts = np.maximum(_MIN_SENTENCES, np.rint(sizes / self._mean_sentence_bytes)).astype(np.int64)
        lengths = self._chain.lengths(int(counts.sum()), rng)
        codes = self._chain.walk(lengths, rng)
        last = np.cumsum(counts) - 1  # last sentence of each document
        within = np.arange(lengths.size) - np.repeat(last + 1 - counts, counts)
        ends = np.where((within + 1) % _SENTENCES_PER_PARAGRAPH == 0, _PARAGRAPH_END, _SENTENCE_END)
        ends[last] = _DOCUMENT_END
        piece_ends = np.cumsum(lengths)
        codes[piece_ends - 1] += ends * len(self._chain.vocabulary)
        return np.split(codes, piece_ends[last][:-1])

    def text(self, codes: Codes) -> str:
        """What codes spell."""
        return "".join(self._spellings[codes].tolist())

    def edited(self, codes: Codes, level: float, rng: np.random.Generator) -> Codes:
        """A version whose similarity to the given one is about `level`: some pieces are others."""
        places = edit_places(codes.size, self._shingle_units, level, rng)
        size = len(self._chain.vocabulary)
        drawn: Pieces = rng.choice(self._replacements, places.size)
        edited = codes.copy()
        edited[places] += drawn - edited[places] % size
        return edited


class _Author:
    """Writes the documents of a plan in order. An original is kept until the last document made from it is written."""

    def __init__(self, voices: Sequence[_Voice], plan: Plan, rng: np.random.Generator) -> None:
        self._voices = voices
        self._plan = plan
        self._rng = rng
        self._kept: dict[int, Codes] = {}
        self._left = plan.followers.copy()
        self._shingles = lru_cache(maxsize=256)(reference.shingles)

    def batches(self, start: int, end: int) -> Iterator[list[_Written]]:
        """The documents from place `start` to before `end`."""
        for first in range(start, end, _BATCH_DOCUMENTS):
            places = np.arange(first, min(end, first + _BATCH_DOCUMENTS))
            originals = self._originals(places)
            yield [self._written(place, originals) for place in places.tolist()]

    def _originals(self, places: npt.NDArray[np.int64]) -> dict[int, Codes]:
        plan = self._plan
        made: dict[int, Codes] = {}
        fresh = places[plan.originals[places] == places]
        for number, voice in enumerate(self._voices):
            mine = fresh[plan.voices[fresh] == number]
            if mine.size:
                made |= zip(mine.tolist(), voice.documents(plan.sizes[mine], self._rng), strict=True)
        return made

    def _written(self, place: int, fresh: dict[int, Codes]) -> _Written:
        plan = self._plan
        voice = self._voices[plan.voices[place]]
        original = int(plan.originals[place])
        kind, level = str(plan.kinds[place]), float(plan.levels[place])
        jaccard = 1.0
        if original == place:
            text = voice.text(fresh[place])
            if self._left[place]:
                self._kept[place] = fresh[place]
        else:
            text = voice.text(self._kept[original])
            if kind != EXACT:
                text, jaccard = self._near(voice, self._kept[original], text, kind, level)
                kind = EXACT if jaccard == 1 else kind
            self._left[original] -= 1
            if not self._left[original]:
                del self._kept[original]
        return _Written(
            id=_id(place),
            cluster=_id(original),
            kind=kind,
            level=level if kind in (NEAR, LOOK_ALIKE) else None,
            jaccard=jaccard,
            language=voice.language,
            text=text,
        )

    def _near(self, voice: _Voice, codes: Codes, text: str, kind: str, level: float) -> tuple[str, float]:
        """An edited text and its similarity; the text itself in the rare case that no attempt suits its kind."""
        for _ in range(_MAX_ATTEMPTS):
            edited = voice.text(voice.edited(codes, level, self._rng))
            jaccard = reference.similarity(self._shingles(text), reference.shingles(edited))
            if (MIN_NEAR_JACCARD <= jaccard < 1) if kind == NEAR else (jaccard <= MAX_LOOK_ALIKE_JACCARD):
                return edited, jaccard
        return text, 1.0


def _id(place: int) -> str:
    return f"d{place:09}"


class _Truth:
    """The truth, gathered by column."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []

    def add(self, documents: Sequence[_Written]) -> None:
        """The truth about a batch of documents."""
        columns = [
            [document.id for document in documents],
            [document.cluster for document in documents],
            [document.kind for document in documents],
            [document.level for document in documents],
            [document.jaccard for document in documents],
            [document.language for document in documents],
            [len(document.text.encode()) for document in documents],
        ]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, TRUTH_SCHEMA.types, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=TRUTH_SCHEMA))

    def write(self, path: Path) -> None:
        """Everything added, as one file."""
        pq.write_table(pa.Table.from_batches(self._batches, TRUTH_SCHEMA), path, compression="zstd")


class _ParquetWriter:
    """`part-00000.parquet` with a row group per batch."""

    def __init__(self, folder: Path, number: int, files: int) -> None:
        del files
        self._schema = pa.schema([("id", pa.string()), ("text", pa.string())])
        self._file = pq.ParquetWriter(folder / f"part-{number:05}.parquet", self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, documents: Sequence[_Written]) -> None:
        """Append a batch of documents."""
        columns = [
            pa.array([document.id for document in documents], pa.string()),
            pa.array([document.text for document in documents], pa.string()),
        ]
        self._file.write_batch(pa.record_batch(columns, schema=self._schema))


class _Mc4Writer:
    """`c4-train.00000-of-00008.json.gz`."""

    def __init__(self, folder: Path, number: int, files: int) -> None:
        self._file = (folder / f"c4-train.{number:05}-of-{files:05}.json.gz").open("wb")
        self._deflate = zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, 31)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.write(self._deflate.flush())
        self._file.close()

    def write(self, documents: Sequence[_Written]) -> None:
        """Append a batch of documents."""
        for document in documents:
            url = f"https://{document.language}.example/{document.id}"
            row = {"text": document.text, "timestamp": "2020-01-01T00:00:00Z", "url": url}
            self._file.write(self._deflate.compress(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)))


_WRITERS: Final[dict[Form, type[_ParquetWriter] | type[_Mc4Writer]]] = {
    "parquet": _ParquetWriter,
    "mc4": _Mc4Writer,
}
