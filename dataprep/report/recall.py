"""Measured recall: which near duplicates deduplication would have missed, estimated in two independent ways.

**Planted copies.** Documents that are kept are copied, edited at random places to a known similarity, and sent the way
of the run's documents. The share that is removed is the recall for such copies, at each similarity a point on the
S-curve.

**A second seed.** Texts are sketched again with hash functions of another seed, which miss other pairs. Of the near
duplicates that the second look finds, the share that the run removed is an estimate of the run's recall; each weighs by
how seldom the second look finds what the run found at its similarity (capture and recapture: Chapman 1951; by strata:
Seber 1982, section 3.11).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.minhash import minhashes
from dataprep.config import NearDedupConfig
from dataprep.filter.rules import RULE_REASONS
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.jaccard import similarity_pairs
from dataprep.kernels.sketch_text import sketch_texts
from dataprep.kernels.tokenise import shingle_hashes
from dataprep.parts import part_name, part_number, texts_at
from dataprep.report.lookup import batches, documents_of
from dataprep.report.statistics import Interval, weighted_share, wilson
from dataprep.sample import reference
from dataprep.sample.compose import clusters
from dataprep.sample.edits import edit_places

COPIES: Final = 480  # planted in all, about
COPIES_PER_LOCALE: Final = 40
LEAST_SHINGLES: Final = 25  # of an original: fewer allow few similarities
ORIGINAL_BYTES: Final = (300, 12_000)
LOWEST_SIMILARITY: Final = 0.4
HIGHEST_SIMILARITY: Final = 0.98
BELOW_THRESHOLD: Final = 0.25  # of the copies, to show the S-curve where nothing should be removed
BIN: Final = 0.05  # of similarity
SECOND_BYTES: Final = 128 << 20  # of text that is sketched again
SECOND_SEED_STEP: Final = 7_919  # added to the run's seed
SECOND_DOCUMENTS: Final = 4_000  # whose pairs of the second look are compared
_PAIRS_AT_A_TIME: Final = 8_192  # whose texts are held
_BATCH_ROWS: Final = 1 << 16
_TOLERANCE: Final = 1e-9
_REJECTED: Final = pa.array(sorted(RULE_REASONS))

Row = dict[str, Any]
Place = tuple[int, int]  # part and row
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Planted:
    """An edited copy of a document that is kept.

    Attributes:
        locale: of both.
        original: text.
        text: of the copy.
        jaccard: exact similarity of the two, in [0, 1).
    """

    locale: str
    original: str
    text: str
    jaccard: float


# Tells of each (original, copy) whether the two share a band, and whether the copy is removed, or null if not tried.
Rehearse = Callable[[Sequence[tuple[str, str]]], Sequence[tuple[bool, bool | None]]]


def measured_recall(run_dir: str, settings: NearDedupConfig, rehearse: Rehearse | None) -> Row:
    """Both estimates, with 95 % intervals; nulls and empty lists where there is nothing to measure.

    Args:
        run_dir: run folder with fates, documents, signatures and decisions.
        settings: of the run's deduplication.
        rehearse: sends copies the way of the run's documents; null: nothing is measured.
    """
    reason = None
    if rehearse is None:
        reason = "It was not measured when this report was written."
    elif settings.slice_fraction < 1:
        reason = "Only a slice of the texts was compared, so what was missed says nothing of the settings."
    if rehearse is None or reason:
        return {"reason": reason, "planted": planted_recall([], [], settings), "second": _no_second()}
    planted = list(_planted(run_dir, settings.min_jaccard))
    outcomes = rehearse([(copy.original, copy.text) for copy in planted])
    return {
        "reason": None,
        "planted": planted_recall(planted, outcomes, settings),
        "second": second_recall(run_dir, settings),
    }


# --- planted copies ---------------------------------------------------------------------------------------------------


def planted_recall(
    planted: Sequence[Planted], outcomes: Sequence[tuple[bool, bool | None]], settings: NearDedupConfig
) -> Row:
    """What became of planted copies, in all, by language and by similarity.

    Args:
        planted: the copies.
        outcomes: of each, whether it shares a band with its original, and whether it was removed; null: not tried.
        settings: of the run's deduplication.
    """
    tried = [
        (copy, candidate, removed)
        for copy, (candidate, removed) in zip(planted, outcomes, strict=True)
        if removed is not None
    ]
    above = [(copy, bool(removed)) for copy, _, removed in tried if copy.jaccard >= settings.min_jaccard]
    below = [bool(removed) for copy, _, removed in tried if copy.jaccard < settings.min_jaccard]
    points: dict[int, list[tuple[float, bool]]] = {}
    for copy, candidate, _ in tried:
        points.setdefault(int(copy.jaccard / BIN + _TOLERANCE), []).append((copy.jaccard, candidate))
    return {
        **_share([removed for _, removed in above]),
        "not_tried": len(planted) - len(tried),
        "below": len(below),
        "below_removed": sum(below),
        "by_locale": [
            {"group": locale, **_share([removed for copy, removed in above if copy.locale == locale])}
            for locale in sorted({copy.locale for copy, _ in above})
        ],
        "points": [_point(found) for _, found in sorted(points.items())],
    }


def _share(found: Sequence[bool]) -> Row:
    interval = wilson(sum(found) / len(found), len(found)) if found else None
    return {"copies": len(found), "removed": sum(found), **_recall(interval)}


def _recall(interval: Interval | None) -> Row:
    return {
        "recall": interval.estimate if interval else None,
        "lower": interval.lower if interval else None,
        "upper": interval.upper if interval else None,
    }


def _point(found: Sequence[tuple[float, bool]]) -> Row:
    interval = wilson(sum(hit for _, hit in found) / len(found), len(found))
    return {
        "jaccard": float(np.mean([jaccard for jaccard, _ in found])),
        "copies": len(found),
        "probability": interval.estimate,
        "lower": interval.lower,
        "upper": interval.upper,
    }


def _planted(run_dir: str, min_jaccard: float) -> Iterator[Planted]:
    """Edited copies of documents that are kept, the same ones at every call."""
    originals = _originals(files.join(run_dir, "fates"))
    places = [place for of_locale in originals.values() for _, place in of_locale]
    texts = texts_at(files.join(run_dir, "documents"), places)
    seen: set[str] = set()
    for locale, of_locale in originals.items():
        cut = [_pieces(texts[place]) for _, place in of_locale]
        for number, (doc_id, place) in enumerate(of_locale):
            # Words of the next document of the language, so that an edit reads like the language.
            donor = cut[(number + 1) % len(cut)]
            draw = np.random.default_rng(int(doc_id, 16))
            copy = _edited(texts[place], cut[number], donor, min_jaccard, draw)
            if copy is not None and copy[0] not in seen:
                seen.add(copy[0])
                yield Planted(locale, texts[place], *copy)


def _originals(fates_dir: str) -> dict[str, list[tuple[str, Place]]]:
    """Per locale some documents that are kept, by the last half of their ids: id, and part and row."""
    held: dict[str, pa.Table] = {}
    least, most = ORIGINAL_BYTES
    order = [(name, "ascending") for name in ("key", s.PART, s.ROW)]
    for path in files.list_files(fates_dir, ".parquet"):
        with files.open_binary(path) as file:
            columns = [s.DOC_ID, s.LOCALE, s.DROP_REASON, "text_bytes", s.ROW]
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=columns):
                sizes = batch.column("text_bytes")
                fits = pc.and_(pc.greater_equal(sizes, least), pc.less_equal(sizes, most))
                kept = pa.Table.from_batches([batch]).filter(pc.and_(batch[s.DROP_REASON].is_null(), fits))
                kept = kept.select([s.DOC_ID, s.LOCALE, s.ROW])
                kept = kept.append_column(s.PART, pa.array(np.full(len(kept), part_number(path), np.int32)))
                kept = kept.append_column("key", pc.utf8_slice_codeunits(kept[s.DOC_ID], 16, 32))
                for locale in pc.unique(kept[s.LOCALE]).to_pylist():
                    of_locale = kept.filter(pc.equal(kept[s.LOCALE], locale))
                    joined = pa.concat_tables([held[locale], of_locale]) if locale in held else of_locale
                    held[locale] = joined.take(
                        pc.select_k_unstable(joined, COPIES_PER_LOCALE, sort_keys=order)
                    )
    share = max(1, COPIES // len(held)) if held else 0
    chosen: dict[str, list[tuple[str, Place]]] = {}
    for locale in sorted(held):
        rows = held[locale].slice(0, share).to_pylist()
        chosen[locale] = [(row[s.DOC_ID], (row[s.PART], row[s.ROW])) for row in rows]
    return chosen


def _pieces(text: str) -> list[str]:
    """Words with the space behind each, or characters where words are not separated; they join to the text."""
    if reference.shingle_units(text) == reference.WORDS_PER_SHINGLE:
        gaps = text.split(" ")
        return [piece + " " for piece in gaps[:-1]] + gaps[-1:]
    return clusters(text)


def _edited(
    text: str, pieces: list[str], donor: list[str], min_jaccard: float, draw: np.random.Generator
) -> tuple[str, float] | None:
    """A copy with some pieces replaced, and its similarity; null where none comes about."""
    shingles = reference.shingles(text)
    if len(shingles) < LEAST_SHINGLES:
        return None
    low, high = (
        (LOWEST_SIMILARITY, min_jaccard)
        if draw.random() < BELOW_THRESHOLD
        else (min_jaccard, max(HIGHEST_SIMILARITY, min_jaccard))
    )
    level = draw.uniform(low, high)
    edited = list(pieces)
    for place in edit_places(len(pieces), reference.shingle_units(text), level, draw):
        edited[place] = donor[int(draw.integers(len(donor)))]
    copy = "".join(edited)
    jaccard = reference.similarity(shingles, reference.shingles(copy))
    return (copy, jaccard) if 0 < jaccard < 1 else None


# --- second seed ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sketched:
    """The documents that are sketched again, row by row.

    Attributes:
        keys_NB: band keys, int64[documents, bands].
        places: part and row.
        id_N: order of the documents: the first half of the id as a number.
        sample_N: a number that picks documents: the second half.
        jaccard_N: similarity on record with what stays in its place; NaN where it was not removed as a near duplicate.
    """

    keys_NB: Longs
    places: list[Place]
    id_N: npt.NDArray[np.uint64]
    sample_N: npt.NDArray[np.uint64]
    jaccard_N: npt.NDArray[np.float64]

    @property
    def stays_N(self) -> npt.NDArray[np.bool_]:
        """Whether deduplication left it."""
        return np.isnan(self.jaccard_N)


@dataclass(frozen=True, slots=True)
class _Removals:
    """What a run removed, by part and row.

    Attributes:
        near: similarity on record and id of what stays, of near duplicates.
        copies: of texts.
    """

    near: Mapping[Place, tuple[float, str]]
    copies: frozenset[Place]


def _no_second() -> Row:
    names = (
        "seed", "documents", "documents_in_all", "removed", "found_again", "only_second", "missed",
    )  # fmt: skip
    return {**dict.fromkeys(names), **_recall(None)}


def second_recall(run_dir: str, settings: NearDedupConfig) -> Row:
    """The recall of a run, from a second look at its texts with another seed.

    Args:
        run_dir: run folder.
        settings: of the run's deduplication.
    """
    parts = [part_number(path) for path in files.list_files(files.join(run_dir, "fates"), ".parquet")]
    if not parts:
        return _no_second()
    seed = (settings.seed + SECOND_SEED_STEP) % (1 << 32)
    removals = _removals(run_dir)
    sketched, in_all = _sketched(run_dir, parts, settings, seed, removals)
    member, centre = _pairs(sketched)
    # What the run removed in favour of a document that is not looked at now could not be found again.
    removed = np.flatnonzero(_could_be_found(run_dir, sketched, removals))
    looked_at = _some(sketched, np.union1d(member, removed))
    best_N = _best(run_dir, sketched, (member, centre), looked_at, settings)
    found_N = ~np.isnan(best_N)
    first = np.intersect1d(looked_at, removed)
    again = first[found_N[first]]
    second = looked_at[found_N[looked_at]]
    right = ~sketched.stays_N[second]
    by_first, by_both = (Counter(_bins(sketched.jaccard_N[each])) for each in (first, again))
    of_second = _bins(np.where(right, sketched.jaccard_N[second], best_N[second]))
    weights = [(by_first[each] + 1) / (by_both[each] + 1) for each in of_second]
    interval = weighted_share(right.tolist(), weights)
    every = len(removals.near)
    return {
        "seed": seed,
        "documents": len(sketched.places),
        "documents_in_all": in_all,
        "removed": len(first),
        "found_again": len(again),
        "only_second": int((~right).sum()),
        "missed": round(every / interval.estimate - every) if interval and interval.estimate else None,
        **_recall(interval),
    }


def _bins(jaccard: npt.NDArray[np.float64]) -> list[int]:
    bins: list[int] = (jaccard / BIN + _TOLERANCE).astype(np.int64).tolist()
    return bins


def _removals(run_dir: str) -> _Removals:
    near: dict[Place, tuple[float, str]] = {}
    copies: set[Place] = set()
    wanted = [s.PART, s.ROW, s.RULE, s.JACCARD, s.KEPT_DOC_ID]
    for table in batches(files.join(run_dir, "dedup", "decisions"), wanted):
        columns = [table[name].to_pylist() for name in table.column_names]
        for part, row, rule, jaccard, kept in zip(*columns, strict=True):
            if rule == "exact":
                copies.add((part, row))
            else:
                near[part, row] = (1.0 if jaccard is None else jaccard, kept)
    return _Removals(near, frozenset(copies))


def _could_be_found(run_dir: str, sketched: _Sketched, removals: _Removals) -> npt.NDArray[np.bool_]:
    """Which documents the run removed in favour of one that is looked at now."""
    seen = set(sketched.places)
    names = {removals.near[place][1] for place in sketched.places if place in removals.near}
    places = documents_of(names, files.join(run_dir, "fates"))
    kept = {name for name, row in places.items() if (row[s.PART], row[s.ROW]) in seen}
    could = [place in removals.near and removals.near[place][1] in kept for place in sketched.places]
    return np.array(could, np.bool_)


def _sketched(
    run_dir: str, parts: Sequence[int], settings: NearDedupConfig, seed: int, removals: _Removals
) -> tuple[_Sketched, int]:
    """Band keys of another seed of the documents that were compared, up to SECOND_BYTES; and how many there are in all.

    Whole documents files, in an order that does not follow the sources.
    """
    keys: list[Longs] = [np.zeros((0, settings.num_bands), np.int64)]
    places: list[Place] = []
    ids: list[str] = []
    left, in_all = SECOND_BYTES, 0
    for part in sorted(parts, key=lambda number: (number * 0x9E3779B97F4A7C15) % (1 << 64)):
        with files.open_binary(files.join(run_dir, "fates", part_name(part))) as file:
            fates = pq.read_table(file, columns=[s.DOC_ID, s.ROW, s.DROP_REASON, "text_bytes"])
        fates = fates.filter(pc.invert(pc.is_in(fates[s.DROP_REASON], _REJECTED)))
        is_copy = [(part, row) in removals.copies for row in fates[s.ROW].to_pylist()]
        fates = fates.filter(pc.invert(pa.array(is_copy, pa.bool_()))).sort_by(s.ROW)
        in_all += len(fates)
        if left <= 0 or not len(fates):
            continue
        left -= pc.sum(fates["text_bytes"]).as_py()
        row_N = fates[s.ROW].to_numpy()
        keys.append(_keys_of(files.join(run_dir, "documents", part_name(part)), row_N, settings, seed))
        places += [(part, row) for row in row_N.tolist()]
        ids += fates[s.DOC_ID].to_pylist()
    halves = np.array([(int(name[:16], 16), int(name[16:], 16)) for name in ids], np.uint64).reshape(-1, 2)
    jaccard = [removals.near[place][0] if place in removals.near else np.nan for place in places]
    return (
        _Sketched(np.concatenate(keys), places, halves[:, 0], halves[:, 1], np.array(jaccard, np.float64)),
        in_all,
    )


def _keys_of(path: str, row_N: npt.NDArray[Any], settings: NearDedupConfig, seed: int) -> Longs:
    """Band keys of another seed of some rows of a documents file, ascending; zeros where there is no signature."""
    options = {"num_bands": settings.num_bands, "rows_per_band": settings.rows_per_band, "seed": seed}
    keys, first = [], 0
    with files.open_binary(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS >> 3, columns=[s.TEXT]):
            low, high = np.searchsorted(row_N, [first, first + batch.num_rows])
            data, offsets = buffers(batch.column(s.TEXT).take(pa.array(row_N[low:high] - first)))
            first += batch.num_rows
            found = sketch_texts(data, offsets, **options)
            band_keys = found.band_keys
            if settings.signature == "datasketch":
                band_keys = minhashes(data, offsets, **options).band_keys
            keys.append(np.where(found.has_signature[:, None], band_keys, 0))
    return np.concatenate(keys)


def _pairs(sketched: _Sketched) -> tuple[Longs, Longs]:
    """Documents, each with one that stays and shares a band of the second seed with it.

    Of two that both stay, the later one by id is paired with the earlier: one of them should have gone.
    """
    members: list[Longs] = [np.zeros(0, np.int64)]
    centres: list[Longs] = [np.zeros(0, np.int64)]
    signed = np.flatnonzero((sketched.keys_NB != 0).any(axis=1))
    stays = sketched.stays_N
    for band in range(sketched.keys_NB.shape[1] if len(signed) else 0):
        key = sketched.keys_NB[signed, band]
        # By key; in a bucket those that stay first, by id.
        order = np.lexsort((sketched.id_N[signed], ~stays[signed], key))
        document, key = signed[order], key[order]
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        first = np.repeat(document[starts], np.diff(np.append(starts, len(key))))
        paired = (document != first) & stays[first]
        members.append(document[paired])
        centres.append(first[paired])
    both = np.unique(np.column_stack([np.concatenate(members), np.concatenate(centres)]), axis=0)
    return both[:, 0], both[:, 1]


def _some(sketched: _Sketched, documents: Longs) -> Longs:
    """A sample of documents, by the last half of their ids, ascending."""
    order = np.lexsort((documents, sketched.sample_N[documents]))
    return np.sort(documents[order[:SECOND_DOCUMENTS]])


def _best(
    run_dir: str,
    sketched: _Sketched,
    pairs: tuple[Longs, Longs],
    looked_at: Longs,
    settings: NearDedupConfig,
) -> npt.NDArray[np.float64]:
    """Of each document that is looked at, the greatest similarity to one paired with it; NaN below the threshold."""
    best_N = np.full(len(sketched.places), np.nan)
    wanted = np.isin(pairs[0], looked_at)
    member, centre = pairs[0][wanted], pairs[1][wanted]
    documents_dir = files.join(run_dir, "documents")
    for start in range(0, len(member), _PAIRS_AT_A_TIME):
        some = slice(start, start + _PAIRS_AT_A_TIME)
        both = np.unique(np.concatenate([member[some], centre[some]]))
        places = [sketched.places[each] for each in both.tolist()]
        texts = texts_at(documents_dir, places)
        hashes, starts = shingle_hashes(*buffers(pa.array([texts[place] for place in places], pa.string())))
        one, other = np.searchsorted(both, member[some]), np.searchsorted(both, centre[some])
        jaccard, containment = similarity_pairs(hashes, starts, one, other)
        similar = jaccard >= settings.min_jaccard
        if settings.min_containment is not None:
            similar |= containment >= settings.min_containment
        np.fmax.at(best_N, member[some][similar], jaccard[similar])
    return best_N
