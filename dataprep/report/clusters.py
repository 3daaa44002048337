"""Groups of duplicates to look at: how large they are, where their documents are from, and some of their texts.

A group is what has one `cluster_id`: the documents that were removed, those that stay in their place, and those that
were linked to the group and stay all the same. What makes a group worth looking at is counted for a share of the groups
at a time, by the last digits of their ids; then the tables are read once more for the few that are chosen.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.parts import rows_at, texts_at
from dataprep.report.lookup import MAX_TEXT_BYTES, NUM_BYTES, batches, documents_of, requested_ids
from dataprep.report.text import clip, excerpts
from dataprep.sample.reference import shingles, similarity

LARGEST: Final = "largest"
ACROSS_SOURCES: Final = "across_sources"
LINKED: Final = "linked"
BORDERLINE: Final = "borderline"
KINDS: Final = (LARGEST, ACROSS_SOURCES, LINKED, BORDERLINE)

GROUPS: Final = 8  # of each kind that no other kind shows
SHOWN_REMOVED: Final = 4  # of each group
SHOWN_LINKED: Final = 3
EXCERPT_CHARACTERS: Final = 300
LOOKED_UP: Final = 2_000  # of the removed documents of a group, of those that stay, and of the linked ones
ROWS_AT_A_TIME: Final = 2_000_000

_CANDIDATES: Final = GROUPS * len(KINDS)  # as many may be shown as another kind before
_COLUMNS: Final = (
    s.CLUSTER_ID, s.DOC_ID, s.KEPT_DOC_ID, s.RULE, s.JACCARD, s.CONTAINMENT, s.BANDS_MATCHED, s.PART, s.ROW, s.SOURCE,
    "kept_source", "kept_segment",
)  # fmt: skip
_REMOVED: Final = "removed"
_DISTANCE: Final = "distance"  # of the Jaccard similarity of a near duplicate from the threshold
_KEY: Final = "key"  # last digits of an id: the keep rule orders by the first ones
_COUNT: Final = "count_all"
_BY_NEARNESS: Final = (_DISTANCE, s.JACCARD, s.DOC_ID, s.PART, s.ROW)
_ORDERS: Final[dict[str, list[tuple[str, str]]]] = {
    LARGEST: [("documents", "descending")],
    ACROSS_SOURCES: [("sources", "descending"), ("documents", "descending")],
    LINKED: [("linked", "descending")],
    BORDERLINE: [(_DISTANCE, "ascending")],
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Run:
    """Where the tables of a run are, and the settings of its deduplication.

    Attributes:
        run_dir: run folder.
        min_jaccard: threshold; null where the run left no record of it.
        own_segment: number of the run in its signature index.
    """

    run_dir: str
    min_jaccard: float | None
    own_segment: int

    def at(self, *names: str) -> str:
        return files.join(self.run_dir, *names)

    def with_distance(self, decisions: pa.Table) -> pa.Table:
        """The rows with how far each near duplicate is from the threshold; null for other rules."""
        near = pc.equal(decisions[s.RULE], "near")
        beyond = pc.subtract(decisions[s.JACCARD], pa.scalar(self.min_jaccard, pa.float64()))
        return decisions.append_column(_DISTANCE, pc.if_else(near, pc.abs(beyond), None))

    def is_here(self, segment: int | None) -> bool:
        """Whether what stays is a document of this run, whose text can be read."""
        return segment in (None, self.own_segment)


@dataclass(slots=True)
class _Group:
    """What is known of one chosen group.

    Attributes:
        kinds: what it was chosen as.
        removed: documents removed; `kept`: documents that stay in their place; `linked`: those that stay though linked.
        removed_of: removed documents by source; `stay_of`: others by source.
        locales: documents that were looked up, by locale.
        candidates: removed documents that may be shown, the first few of each source.
        linked_ids: ids of linked documents that may be shown.
        main: the document that stays for most others, if it is of this run.
        is_withheld: whether one of its documents was asked to be removed.
    """

    kinds: list[str]
    removed: int = 0
    kept: int = 0
    linked: int = 0
    removed_of: Counter[str] = field(default_factory=Counter)
    stay_of: Counter[str] = field(default_factory=Counter)
    locales: Counter[str] = field(default_factory=Counter)
    candidates: list[Row] = field(default_factory=list)
    linked_ids: list[str] = field(default_factory=list)
    main: str | None = None
    is_withheld: bool = False


def duplicate_clusters(run_dir: str, min_jaccard: float | None, *, own_segment: int = 0) -> Row:
    """Groups of duplicates worth looking at, of four kinds, with some of their documents; the same every time.

    Memory does not grow with the number of duplicates, but for some bytes per document of the chosen groups that stays.

    Args:
        run_dir: run folder; without decisions every number is 0 and every list empty.
        min_jaccard: threshold of the run; null: no group counts as borderline.
        own_segment: number of the run in its signature index; what stays in other segments is not read.
    """
    run = _Run(run_dir, min_jaccard, own_segment)
    numbers, candidates = _candidates(run)
    chosen = _chosen(candidates)
    groups = {cluster_id: _Group(kinds) for cluster_id, kinds in chosen.items()}
    if groups:
        _describe(run, groups)
    examples = _examples(run, groups)
    return numbers | {
        "shown": [_shown(name, group, examples.get(name, [])) for name, group in groups.items()]
    }


# --- which groups -----------------------------------------------------------------------------------------------------


def _candidates(run: _Run) -> tuple[Row, dict[str, list[str]]]:
    """How many groups there are, and of each kind the ids of the first ones, in order."""
    total = sum(_num_rows(run.at("dedup", name)) for name in ("decisions", "clusters"))
    shares = max(1, -(-total // ROWS_AT_A_TIME))
    numbers = Counter[str](groups=0, across_sources=0, linked=0)
    held: dict[str, pa.Table] = {}
    for share in range(shares):
        groups = _groups(run, share, shares)
        numbers["groups"] += len(groups)
        for kind, of_kind in _by_kind(groups).items():
            if kind in numbers:
                numbers[kind] += len(of_kind)
            joined = pa.concat_tables([held[kind], of_kind]) if kind in held else of_kind
            order = [*_ORDERS[kind], (s.CLUSTER_ID, "ascending")]
            first = joined.take(pc.select_k_unstable(joined, _CANDIDATES, sort_keys=order))
            held[kind] = first.sort_by(order)
    return dict(numbers), {kind: table[s.CLUSTER_ID].to_pylist() for kind, table in held.items()}


def _num_rows(folder: str) -> int:
    total = 0
    for path in files.list_files(folder, ".parquet"):
        with files.open_binary(path) as file:
            total += pq.read_metadata(file).num_rows
    return total


def _by_kind(groups: pa.Table) -> dict[str, pa.Table]:
    return {
        LARGEST: groups,
        ACROSS_SOURCES: groups.filter(pc.greater(groups["sources"], 1)),
        LINKED: groups.filter(pc.greater(groups["linked"], 0)),
        BORDERLINE: groups.filter(pc.is_valid(groups[_DISTANCE])),
    }


def _groups(run: _Run, share: int, shares: int) -> pa.Table:
    """A share of the groups: their documents, sources of removals, linked documents, and least distance.

    Sources are those of removed documents and of what stays in their place.
    """
    keys = [s.CLUSTER_ID, s.KEPT_DOC_ID, s.SOURCE, "kept_source"]
    removals, linked = [], []
    for table in batches(run.at("dedup", "decisions"), [*keys, s.RULE, s.JACCARD]):
        rows = run.with_distance(table.filter(_in_share(table[s.CLUSTER_ID], share, shares)))
        removals.append(rows.group_by(keys).aggregate([([], _COUNT), (_DISTANCE, "min")]))
    for table in _linked(run):
        rows = table.filter(_in_share(table[s.CLUSTER_ID], share, shares))
        linked.append(rows.select([s.CLUSTER_ID, s.DOC_ID]))
    of_removals = _concatenated(
        removals, [*((name, pa.string()) for name in keys), (_COUNT, pa.int64()), (f"{_DISTANCE}_min", pa.float64())]
    )  # fmt: skip
    of_linked = _concatenated(linked, [(s.CLUSTER_ID, pa.string()), (s.DOC_ID, pa.string())])
    stay = _distinct_pairs(of_removals, s.KEPT_DOC_ID, of_linked, s.DOC_ID)
    sources = _distinct_pairs(of_removals, s.SOURCE, of_removals, "kept_source")
    measured = pa.concat_tables(
        [
            of_removals.select([s.CLUSTER_ID, _COUNT, f"{_DISTANCE}_min"]).rename_columns(
                [s.CLUSTER_ID, "documents", _DISTANCE]
            ),
            _counted(stay, "documents"),
            _counted(sources, "sources"),
            _counted(of_linked, "linked"),
        ],
        promote_options="default",
    )
    counts = ["documents", "sources", "linked"]
    added = measured.group_by(s.CLUSTER_ID).aggregate(
        [*((name, "sum") for name in counts), (_DISTANCE, "min")]
    )
    return pa.table(
        {
            s.CLUSTER_ID: added[s.CLUSTER_ID],
            **{name: pc.fill_null(added[f"{name}_sum"], 0) for name in counts},
            _DISTANCE: added[f"{_DISTANCE}_min"],
        }
    )


def _in_share(cluster_ids: pa.ChunkedArray, share: int, shares: int) -> pa.ChunkedArray:
    """Which ids are in a share, by their last digits: ids of groups are first in the keep order, and no even draw."""
    digits = pc.utf8_slice_codeunits(cluster_ids, 24, 32)
    first, last = (f"{(number << 32) // shares:08x}" for number in (share, share + 1))
    from_first = pc.greater_equal(digits, first)
    return from_first if share + 1 == shares else pc.and_(from_first, pc.less(digits, last))


def _linked(run: _Run) -> Iterator[pa.Table]:
    """Documents that stay though they are linked."""
    for table in batches(run.at("dedup", "clusters"), [s.CLUSTER_ID, s.DOC_ID, _REMOVED]):
        yield table.filter(pc.invert(table[_REMOVED]))


def _concatenated(tables: list[pa.Table], columns: list[tuple[str, pa.DataType]]) -> pa.Table:
    """The tables as one, with columns in this order."""
    names = [name for name, _ in columns]
    return pa.concat_tables([pa.schema(columns).empty_table(), *(table.select(names) for table in tables)])


def _distinct_pairs(one: pa.Table, its_column: str, other: pa.Table, other_column: str) -> pa.Table:
    """Each group with each value of either column once."""
    names = [s.CLUSTER_ID, "value"]
    both = pa.concat_tables(
        [
            one.select([s.CLUSTER_ID, its_column]).rename_columns(names),
            other.select([s.CLUSTER_ID, other_column]).rename_columns(names),
        ]
    )
    return both.group_by(names).aggregate([])


def _counted(rows: pa.Table, name: str) -> pa.Table:
    counts = rows.group_by(s.CLUSTER_ID).aggregate([([], _COUNT)])
    return pa.table({s.CLUSTER_ID: counts[s.CLUSTER_ID], name: counts[_COUNT]})


def _chosen(candidates: dict[str, list[str]]) -> dict[str, list[str]]:
    """Ids of the groups to show, with what they are shown as.

    Of each kind the first ones, without gaps, until there are GROUPS that no kind before has shown.
    """
    chosen: dict[str, list[str]] = {}
    for kind in KINDS:
        new = 0
        for cluster_id in candidates.get(kind, []):
            if new == GROUPS:
                break
            new += cluster_id not in chosen
            chosen.setdefault(cluster_id, []).append(kind)
    return chosen


# --- what is in them --------------------------------------------------------------------------------------------------


def _describe(run: _Run, groups: dict[str, _Group]) -> None:
    """Fill in the groups, all but the texts."""
    ids = pa.array(sorted(groups), pa.string())
    requested = requested_ids(run.at("fates"))
    removed, keepers = _of_decisions(run, groups, ids, requested)
    linked = _concatenated(
        [table.filter(pc.is_in(table[s.CLUSTER_ID], ids)) for table in _linked(run)],
        [(s.CLUSTER_ID, pa.string()), (s.DOC_ID, pa.string())],
    )
    _withhold(groups, linked, [s.DOC_ID], requested)
    only_kept = keepers.filter(pc.invert(pc.is_in(keepers[s.KEPT_DOC_ID], linked[s.DOC_ID].combine_chunks())))
    for row in _counted(linked, "linked").to_pylist():
        groups[row[s.CLUSTER_ID]].linked = row["linked"]
    for row in _counted(only_kept, "kept").to_pylist():
        groups[row[s.CLUSTER_ID]].kept = row["kept"]
    by_source = only_kept.group_by([s.CLUSTER_ID, "kept_source"]).aggregate([([], _COUNT)])
    for row in by_source.to_pylist():
        groups[row[s.CLUSTER_ID]].stay_of[row["kept_source"]] += row[_COUNT]
    _name_main(run, groups, keepers)
    sampled = _sample(_with_key(linked)).to_pylist()
    for row in sampled:
        groups[row[s.CLUSTER_ID]].linked_ids.append(row[s.DOC_ID])
    _look_up(run, groups, removed, _sample(_with_key(only_kept, s.KEPT_DOC_ID)), sampled)


def _of_decisions(
    run: _Run, groups: dict[str, _Group], ids: pa.Array, requested: pa.Array
) -> tuple[pa.Table, pa.Table]:
    """A sample of the removed documents of the groups, and what stays in their place, with for how many.

    Counts removed documents by source, and holds those that may be shown.
    """
    kept_keys = [s.CLUSTER_ID, s.KEPT_DOC_ID, "kept_source", "kept_segment"]
    nearest, sample, keepers = None, None, []
    for table in batches(run.at("dedup", "decisions"), _COLUMNS):
        rows = run.with_distance(table.filter(pc.is_in(table[s.CLUSTER_ID], ids)))
        if not rows.num_rows:
            continue
        _withhold(groups, rows, [s.DOC_ID, s.KEPT_DOC_ID], requested)
        for count in rows.group_by([s.CLUSTER_ID, s.SOURCE]).aggregate([([], _COUNT)]).to_pylist():
            group = groups[count[s.CLUSTER_ID]]
            group.removed += count[_COUNT]
            group.removed_of[count[s.SOURCE]] += count[_COUNT]
        keepers.append(rows.group_by(kept_keys).aggregate([([], _COUNT)]))
        joined = rows if nearest is None else pa.concat_tables([nearest, rows])
        nearest = _first_of_each(joined, [s.CLUSTER_ID, s.SOURCE], _BY_NEARNESS, SHOWN_REMOVED)
        places = _with_key(rows.select([s.CLUSTER_ID, s.DOC_ID, s.PART, s.ROW]))
        sample = _sample(places if sample is None else pa.concat_tables([sample, places]))
    for row in [] if nearest is None else nearest.to_pylist():
        groups[row[s.CLUSTER_ID]].candidates.append(row)
    types = [(name, pa.string()) for name in kept_keys[:3]] + [
        ("kept_segment", pa.int32()),
        (_COUNT, pa.int64()),
    ]
    every = _concatenated(keepers, types).group_by(kept_keys).aggregate([(_COUNT, "sum")])
    places_of = [(s.CLUSTER_ID, pa.string()), (s.PART, pa.int32()), (s.ROW, pa.int32())]
    return _concatenated([] if sample is None else [sample], places_of), every


def _withhold(groups: dict[str, _Group], rows: pa.Table, columns: list[str], requested: pa.Array) -> None:
    """Note the groups that have a document which was asked to be removed; its copies have its text."""
    for name in columns if len(requested) else []:
        hits = rows.filter(pc.is_in(rows[name], requested))
        for cluster_id in pc.unique(hits[s.CLUSTER_ID]).to_pylist():
            groups[cluster_id].is_withheld = True


def _first_of_each(table: pa.Table, keys: Sequence[str], order: Sequence[str], number: int) -> pa.Table:
    """Of the rows with equal keys the first ones in an order; nulls come last."""
    ordered = table.sort_by([(name, "ascending") for name in (*keys, *order)])
    size = len(ordered)
    if not size:
        return ordered
    begins = np.zeros(size, np.bool_)
    begins[0] = True
    for name in keys:
        values = ordered[name].combine_chunks()
        begins[1:] |= pc.not_equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(begins)
    place = np.arange(size) - np.repeat(starts, np.diff(np.append(starts, size)))
    return ordered.filter(pa.array(place < number))


def _with_key(table: pa.Table, column: str = s.DOC_ID) -> pa.Table:
    return table.append_column(_KEY, pc.utf8_slice_codeunits(table[column], 16, 32))


def _sample(table: pa.Table) -> pa.Table:
    """Of each group at most LOOKED_UP documents, those with the smallest keys."""
    ties = [name for name in (s.PART, s.ROW) if name in table.column_names]
    return _first_of_each(table, [s.CLUSTER_ID], [_KEY, *ties], LOOKED_UP)


def _name_main(run: _Run, groups: dict[str, _Group], keepers: pa.Table) -> None:
    """Name the document that stays for most others in each group."""
    order = [(f"{_COUNT}_sum", "descending"), (s.KEPT_DOC_ID, "ascending")]
    own = keepers.filter(
        pc.or_kleene(pc.is_null(keepers["kept_segment"]), pc.equal(keepers["kept_segment"], run.own_segment))
    )
    ordered = own.sort_by([(s.CLUSTER_ID, "ascending"), *order])
    numbered = ordered.append_column(_KEY, pa.array(np.arange(len(ordered))))
    for row in _first_of_each(numbered, [s.CLUSTER_ID], [_KEY], 1).to_pylist():
        groups[row[s.CLUSTER_ID]].main = row[s.KEPT_DOC_ID]


def _look_up(
    run: _Run, groups: dict[str, _Group], removed: pa.Table, kept: pa.Table, linked: list[Row]
) -> None:
    """Count locales of the sampled documents, and sources of the linked ones."""
    rows = removed.to_pylist()
    fates = rows_at(run.at("fates"), [(row[s.PART], row[s.ROW]) for row in rows], [s.LOCALE])
    for row in rows:
        groups[row[s.CLUSTER_ID]].locales[fates[row[s.PART], row[s.ROW]][s.LOCALE]] += 1
    here = [row for row in kept.to_pylist() if run.is_here(row["kept_segment"])]
    ids = {row[s.KEPT_DOC_ID] for row in here} | {row[s.DOC_ID] for row in linked}
    found = documents_of(ids, run.at("fates"), [s.SOURCE, s.LOCALE])
    for row in [*here, *linked]:
        group, is_linked = groups[row[s.CLUSTER_ID]], s.DOC_ID in row
        document = found.get(row[s.DOC_ID if is_linked else s.KEPT_DOC_ID])
        if document is not None:
            group.locales[document[s.LOCALE]] += 1
            if is_linked:
                group.stay_of[document[s.SOURCE]] += 1


# --- what is shown of them --------------------------------------------------------------------------------------------


def _examples(run: _Run, groups: dict[str, _Group]) -> dict[str, list[Row]]:
    """Some documents of each group beside what stays, with excerpts; none of groups that are withheld."""
    shown = {name: _to_show(run, group) for name, group in groups.items() if not group.is_withheld}
    pairs = [pair for of_group in shown.values() for pair in of_group]
    kept = {pair[s.KEPT_DOC_ID] for pair in pairs if pair[s.KEPT_DOC_ID] and not pair["kept_is_earlier"]}
    linked = {pair[s.DOC_ID] for pair in pairs if pair[s.RULE] == LINKED}
    found = documents_of(kept | linked, run.at("fates"), [s.SOURCE, s.LOCALE])
    for pair in pairs:
        if pair[s.RULE] == LINKED:
            pair |= found.get(pair[s.DOC_ID], {})
        stays = {} if pair["kept_is_earlier"] else found.get(pair[s.KEPT_DOC_ID], {})
        pair["kept_place"] = (stays[s.PART], stays[s.ROW]) if stays else None
        pair["kept_locale"] = stays.get(s.LOCALE)
        pair["kept_source"] = stays.get(s.SOURCE, pair["kept_source"])
        pair["place"] = (pair[s.PART], pair[s.ROW]) if pair[s.PART] is not None else None
    _add_texts(run, pairs)
    return {name: [_example(pair) for pair in of_group] for name, of_group in shown.items()}


def _to_show(run: _Run, group: _Group) -> list[Row]:
    """Removed documents of a group, the nearest to the threshold of every source first, then linked ones."""
    turns: Counter[str] = Counter()
    ordered = []
    for row in group.candidates:  # sorted by source and nearness
        values = [float("inf") if row[name] is None else row[name] for name in _BY_NEARNESS]
        ordered.append(((turns[row[s.SOURCE]], values), row))
        turns[row[s.SOURCE]] += 1
    removed = [row for _, row in sorted(ordered, key=lambda item: item[0])[:SHOWN_REMOVED]]
    nothing = dict.fromkeys([*_COLUMNS, s.LOCALE])
    linked = [
        nothing | {s.DOC_ID: doc_id, s.RULE: LINKED, s.KEPT_DOC_ID: group.main}
        for doc_id in group.linked_ids[:SHOWN_LINKED]
    ]
    return [row | {"kept_is_earlier": not run.is_here(row["kept_segment"])} for row in [*removed, *linked]]


def _add_texts(run: _Run, pairs: list[Row]) -> None:
    """Locators, locales and excerpts; no excerpts of texts that are too long."""
    places = {place for pair in pairs for place in (pair["place"], pair["kept_place"]) if place is not None}
    documents_dir = run.at("documents")
    about = rows_at(documents_dir, places, [NUM_BYTES, s.LOCATOR, s.LOCALE]) if places else {}
    short = {place for place in places if about[place][NUM_BYTES] <= MAX_TEXT_BYTES // 2}  # of a pair
    texts = texts_at(documents_dir, short) if short else {}
    for pair in pairs:
        for side in ("", "kept_"):
            of_place = about.get(pair[f"{side}place"], {})
            pair[f"{side}locator"] = of_place.get(s.LOCATOR)
            pair[f"{side}locale"] = of_place.get(s.LOCALE)
        text, kept = (texts.get(pair[place]) for place in ("place", "kept_place"))
        both = (
            excerpts(text, kept, EXCERPT_CHARACTERS)
            if text and kept
            else (clip(each, EXCERPT_CHARACTERS) if each else None for each in (text, kept))
        )
        pair["excerpt"], pair["kept_excerpt"] = both
        if pair[s.RULE] == LINKED and text and kept:
            pair[s.JACCARD] = similarity(shingles(text), shingles(kept))


def _example(pair: Row) -> Row:
    own = (
        s.DOC_ID, s.RULE, s.JACCARD, s.CONTAINMENT, s.BANDS_MATCHED, s.SOURCE, s.LOCALE, s.LOCATOR, "excerpt",
        s.KEPT_DOC_ID, "kept_is_earlier", "kept_source", "kept_locale", "kept_locator", "kept_excerpt",
    )  # fmt: skip
    return {name: pair[name] for name in own}


def _shown(cluster_id: str, group: _Group, examples: list[Row]) -> Row:
    return {
        "cluster_id": cluster_id,
        "kinds": group.kinds,
        "documents": group.removed + group.kept + group.linked,
        "removed": group.removed,
        "kept": group.kept,
        "linked": group.linked,
        "by_source": [
            {"source": source, "removed": group.removed_of[source], "stay": group.stay_of[source]}
            for source in sorted(group.removed_of.keys() | group.stay_of.keys())
        ],
        "by_locale": [
            {"locale": locale, "documents": number}
            for locale, number in sorted(group.locales.items(), key=lambda item: (-item[1], item[0]))
        ],
        "looked_up": group.locales.total(),
        "is_withheld": group.is_withheld,
        "examples": examples,
    }
