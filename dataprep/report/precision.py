"""Measured precision: removed near duplicates compared again with what stays in their place, from their texts.

A sample of removals is drawn in two phases: many by a hash of their ids, so that the sample is the same in every
report; of these a few hundred, from each language at least ten, if there are. Their texts are read from
`documents/`, and similarity is counted on sets of strings in plain Python (`sample/reference.py`): nothing that removed
them has a part in it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataprep import files
from dataprep import schema as s
from dataprep.parts import rows_at, texts_at
from dataprep.report.lookup import MAX_TEXT_BYTES, NUM_BYTES, batches, documents_of
from dataprep.report.statistics import allocate, weighted_share
from dataprep.report.text import excerpts
from dataprep.sample.reference import shingles, similarity

FIRST_PHASE: Final = 20_000
PAIRS: Final = 400
SHOWN_PAIRS: Final = 10  # of each language; as many are drawn, if there are
EXCERPT_CHARACTERS: Final = 400
NEAR: Final = ("near", "contained")
_TOLERANCE: Final = 1e-9
_COLUMNS: Final = (
    s.DOC_ID, s.KEPT_DOC_ID, s.RULE, s.JACCARD, s.BANDS_MATCHED, s.CLUSTER_ID, s.PART, s.ROW, s.SOURCE, "kept_source",
    "kept_segment",
)  # fmt: skip
_KEY: Final = "_key"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a removal must reach.

    Attributes:
        min_jaccard: similarity.
        min_containment: share of its shingles that the kept one has; null: not asked.
    """

    min_jaccard: float
    min_containment: float | None


def measured_precision(run_dir: str, bounds: Bounds, *, own_segment: int = 0) -> Row:
    """The precision of near-duplicate removals of a run, whole and by group, with 95 % intervals.

    Args:
        run_dir: run folder; without decisions every number is null or 0 and every list empty.
        bounds: of the run.
        own_segment: number of the run in its signature index; what stays in other segments is not read.
    """
    removals, first = _first_phase(files.join(run_dir, "dedup", "decisions"))
    drawn = _second_phase(_with_fates(first, files.join(run_dir, "fates")))
    here = [
        row
        for row in drawn
        if row["kept_segment"] in (None, own_segment) and row[s.DROP_REASON] != s.REMOVAL_REQUEST
    ]
    pairs = _compared(here, run_dir, bounds)
    scale = removals / len(first) if first else 0.0
    for pair in pairs:
        pair["weight"] *= scale
    sizes = _cluster_sizes(run_dir, {pair[s.CLUSTER_ID] for pair in pairs})
    return {
        "removals": removals,
        "not_read": len(drawn) - len(pairs),
        **_estimate(pairs),
        "wrong": sum(not pair["right"] for pair in pairs),
        "largest_deviation": max(
            (abs(pair["recounted"] - pair[s.JACCARD]) for pair in pairs if pair[s.JACCARD] is not None),
            default=None,
        ),
        "by_locale": _by(pairs, lambda pair: pair[s.LOCALE]),
        "by_sources": _by(pairs, lambda pair: f"{pair[s.SOURCE]} → {pair['kept_source']}"),
        "by_cluster_size": _by(pairs, lambda pair: _size_range(sizes[pair[s.CLUSTER_ID]]), by_size=True),
        "by_bands": _by(pairs, lambda pair: _bands_range(pair[s.BANDS_MATCHED]), by_size=True),
        "pairs": _shown(pairs, sizes),
    }


def _first_phase(folder: str) -> tuple[int, list[Row]]:
    """How many near duplicates were removed, and the FIRST_PHASE with the smallest hashes.

    Ids are hashes; the keep rule orders by their first digits, so the last ones decide here.
    """
    number, held = 0, None
    for table in batches(folder, _COLUMNS):
        near = table.filter(pc.is_in(table[s.RULE], pa.array(NEAR)))
        number += near.num_rows
        if not near.num_rows:
            continue
        near = near.append_column(_KEY, pc.utf8_slice_codeunits(near[s.DOC_ID], 16, 32))
        joined = near if held is None else pa.concat_tables([held, near])
        order = [(_KEY, "ascending"), (s.PART, "ascending"), (s.ROW, "ascending")]
        held = joined.take(pc.select_k_unstable(joined, FIRST_PHASE, sort_keys=order))
    return number, [] if held is None else held.to_pylist()


def _with_fates(removals: list[Row], fates_dir: str) -> list[Row]:
    """The removals with their locales, and why they are dropped now."""
    places = [(row[s.PART], row[s.ROW]) for row in removals]
    fates = rows_at(fates_dir, places, [s.LOCALE, s.DROP_REASON]) if removals else {}
    return [row | fates[row[s.PART], row[s.ROW]] for row in removals]


def _second_phase(removals: list[Row]) -> list[Row]:
    """A few hundred of them, each with the number of the first phase's that it stands for."""
    strata: dict[tuple[str, str, str], list[Row]] = {}
    for row in removals:
        strata.setdefault((row[s.LOCALE], row[s.SOURCE], row["kept_source"]), []).append(row)
    ordered = sorted(strata)
    strata_of = Counter(locale for locale, _, _ in ordered)
    in_proportion = allocate([len(strata[key]) for key in ordered], PAIRS, 0)
    drawn = []
    for key, share in zip(ordered, in_proportion, strict=True):
        rows = strata[key]
        size = min(len(rows), max(share, -(-SHOWN_PAIRS // strata_of[key[0]])))
        drawn += [row | {"weight": len(rows) / size} for row in rows[:size]]
    return drawn


def _compared(drawn: list[Row], run_dir: str, bounds: Bounds) -> list[Row]:
    """The pairs with their similarity counted again, without texts that are too long or were asked to be removed."""
    kept = documents_of({row[s.KEPT_DOC_ID] for row in drawn}, files.join(run_dir, "fates"))
    kept_at = {doc_id: (row[s.PART], row[s.ROW]) for doc_id, row in kept.items()}
    documents_dir = files.join(run_dir, "documents")
    paired = [
        (row, (row[s.PART], row[s.ROW]), kept_at[row[s.KEPT_DOC_ID]])
        for row in drawn
        if row[s.KEPT_DOC_ID] in kept_at
    ]
    sizes = rows_at(
        documents_dir, [place for _, *places in paired for place in places], [NUM_BYTES, s.LOCATOR]
    )
    short = [
        (row, one, other)
        for row, one, other in paired
        if sizes[one][NUM_BYTES] + sizes[other][NUM_BYTES] <= MAX_TEXT_BYTES
    ]
    texts = texts_at(documents_dir, [place for _, *places in short for place in places])
    pairs = []
    for row, one, other in short:
        removed_text, kept_text = texts[one], texts[other]
        if not removed_text or not kept_text:
            continue
        of_removed, of_kept = shingles(removed_text), shingles(kept_text)
        recounted = similarity(of_removed, of_kept)
        right = recounted >= bounds.min_jaccard - _TOLERANCE
        if bounds.min_containment is not None and of_removed:
            right |= len(of_removed & of_kept) / len(of_removed) >= bounds.min_containment - _TOLERANCE
        pairs.append(
            row
            | {
                "recounted": recounted,
                "right": right,
                "texts": (removed_text, kept_text),
                s.LOCATOR: sizes[one][s.LOCATOR],
                "kept_locator": sizes[other][s.LOCATOR],
            }
        )
    return pairs


def _cluster_sizes(run_dir: str, cluster_ids: set[str]) -> Counter[str]:
    """Documents of some clusters; each row of `clusters/` is a member besides the first."""
    sizes: Counter[str] = Counter(dict.fromkeys(cluster_ids, 1))
    wanted = pa.array(sorted(cluster_ids), pa.string())
    for table in batches(files.join(run_dir, "dedup", "clusters"), [s.CLUSTER_ID]):
        for count in pc.value_counts(table[s.CLUSTER_ID].filter(pc.is_in(table[s.CLUSTER_ID], wanted))):
            sizes[count["values"].as_py()] += count["counts"].as_py()
    return sizes


def _size_range(size: int) -> str:
    return next(
        (name for most, name in ((2, "2"), (4, "3–4"), (16, "5–16"), (128, "17–128")) if size <= most),
        "over 128",
    )


def _bands_range(bands: int | None) -> str:
    if bands is None:
        return "not counted"
    return next((name for most, name in ((1, "1"), (4, "2–4"), (10, "5–10")) if bands <= most), "over 10")


def _estimate(pairs: Sequence[Row]) -> Row:
    found = weighted_share([pair["right"] for pair in pairs], [pair["weight"] for pair in pairs])
    return {
        "compared": len(pairs),
        "precision": found.estimate if found else None,
        "lower": found.lower if found else None,
        "upper": found.upper if found else None,
    }


def _by(pairs: Sequence[Row], name_of: Callable[[Row], str], *, by_size: bool = False) -> list[Row]:
    groups: dict[str, list[Row]] = {}
    for pair in pairs:
        groups.setdefault(name_of(pair), []).append(pair)
    order = ("1", "2", "2–4", "3–4", "5–10", "5–16", "over 10", "17–128", "over 128", "not counted")
    names = sorted(groups, key=order.index) if by_size else sorted(groups)
    return [
        {
            "group": name,
            "removals": round(sum(pair["weight"] for pair in groups[name])),
            **_estimate(groups[name]),
        }
        for name in names
    ]


def _shown(pairs: Sequence[Row], sizes: Counter[str]) -> list[Row]:
    """Of each language some pairs side by side: wrong ones first, then those nearest to the bound."""
    by_locale: dict[str, list[Row]] = {}
    for pair in pairs:
        by_locale.setdefault(pair[s.LOCALE], []).append(pair)
    shown = []
    for locale in sorted(by_locale):
        chosen = sorted(
            by_locale[locale], key=lambda pair: (pair["right"], pair["recounted"], pair[s.DOC_ID])
        )
        shown.append(
            {
                "locale": locale,
                "removals": round(sum(pair["weight"] for pair in chosen)),
                "examples": [_example(pair, sizes) for pair in chosen[:SHOWN_PAIRS]],
            }
        )
    return sorted(shown, key=lambda row: (-row["removals"], row["locale"]))


def _example(pair: Row, sizes: Counter[str]) -> Row:
    removed, kept = pair["texts"]
    excerpt, kept_excerpt = excerpts(removed, kept, EXCERPT_CHARACTERS)
    return {
        **{name: pair[name] for name in (s.DOC_ID, s.SOURCE, s.LOCATOR)},
        **{name: pair[name] for name in (s.KEPT_DOC_ID, "kept_source", "kept_locator")},
        "right": pair["right"],
        "recorded": pair[s.JACCARD],
        "recounted": pair["recounted"],
        "bands_matched": pair[s.BANDS_MATCHED],
        "cluster_size": sizes[pair[s.CLUSTER_ID]],
        "excerpt": excerpt,
        "kept_excerpt": kept_excerpt,
    }
