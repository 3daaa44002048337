from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.dedup.keep import RESOLVED_SCHEMA, Graph, Settled, graph_of, resolved_pairs, settled
from dataprep.dedup.verify import SetsOf, Thresholds
from dataprep.kernels.keep import COMPUTED, KEPT, OPEN, settle

Shingles = frozenset[int]
PLACE = [("rank", "<u8"), ("id", "<u8")]
HALF = Thresholds(0.5, None, verify=True)


class Case(NamedTuple):
    """Documents in the keep order, by their shingles, and the verified pairs among them (later, earlier)."""

    sets: list[Shingles]
    pairs: list[tuple[int, int]]
    thresholds: Thresholds


class Outcome(NamedTuple):
    """What a plain reading of the keep rule makes of a document."""

    keeper: int | None
    jaccard: float  # with the keeper
    containment: float
    by_pair: bool


def jaccard(one: Shingles, other: Shingles) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def contained(one: Shingles, other: Shingles) -> float:
    return len(one & other) / len(one) if one else 0.0


def is_duplicate(document: Shingles, other: Shingles, thresholds: Thresholds) -> bool:
    least = thresholds.min_containment
    return jaccard(document, other) >= thresholds.min_jaccard or (
        least is not None and contained(document, other) >= least
    )


def plain_rule(case: Case) -> list[Outcome]:
    """The keep rule, one document after the other."""
    outcomes: list[Outcome] = []
    for document, own in enumerate(case.sets):
        neighbours = sorted(earlier for later, earlier in case.pairs if later == document)
        kept = [each for each in neighbours if outcomes[each].keeper is None]
        instead = sorted({outcomes[each].keeper for each in neighbours} - {None})  # type: ignore[type-var]
        similar = [each for each in instead if is_duplicate(own, case.sets[each], case.thresholds)]
        keeper = (kept or similar or [None])[0]
        with_it = case.sets[keeper] if keeper is not None else frozenset()
        outcomes.append(Outcome(keeper, jaccard(own, with_it), contained(own, with_it), bool(kept)))
    return outcomes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Documents with many similar ones among them; of the pairs that are verified, candidates found any part."""
    thresholds = Thresholds(
        draw(st.sampled_from([0.4, 0.5, 0.75])), draw(st.sampled_from([None, 0.6, 1.0])), verify=True
    )
    sets = draw(st.lists(st.frozensets(st.integers(0, 7), max_size=8), min_size=1, max_size=14))
    similar = [
        (later, earlier)
        for later in range(len(sets))
        for earlier in range(later)
        if is_duplicate(sets[later], sets[earlier], thresholds)
    ]
    return Case(sets, draw(st.lists(st.sampled_from(similar), unique=True)) if similar else [], thresholds)


def sets_of(sets: list[Shingles], nodes: list[int] | None = None) -> SetsOf:
    """Fetches shingles by node; nodes are the documents' numbers if not given."""
    by_node = dict(zip(nodes or range(len(sets)), sets, strict=True))

    def fetch(node_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wanted = [sorted(by_node[node]) for node in node_N.tolist()]
        starts = np.cumsum([0, *map(len, wanted)])
        return np.array([each for one in wanted for each in one], np.uint64), starts

    return fetch


def no_sets(_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    raise AssertionError("shingle sets were asked for, though every document has a kept neighbour")


def graph(pairs: list[tuple[int, int]]) -> Graph:
    """The graph of documents whose node is their place in the keep order."""
    later, earlier = np.array(pairs, np.int64).reshape(-1, 2).T
    place = np.zeros(2 * len(pairs), PLACE)
    place["rank"] = np.concatenate([later, earlier])
    return graph_of(later, earlier, place)


def keepers(found: Settled, of: Graph, documents: int) -> list[int | None]:
    """Who stays in the place of each document; documents without a pair are in no graph, and stay."""
    by_node = {
        node: int(of.node[keeper]) if keeper >= 0 else None
        for node, keeper in zip(of.node.tolist(), found.keeper.tolist(), strict=True)
    }
    return [by_node.get(document) for document in range(documents)]


@pytest.mark.parametrize("at_a_time", [1, 3, 100_000])
@given(case=cases())
def test_documents_are_settled_as_the_rule_says_one_after_the_other(at_a_time: int, case: Case) -> None:
    of = graph(case.pairs)

    found = settled(of, sets_of(case.sets), case.thresholds, at_a_time=at_a_time)

    expected = plain_rule(case)
    assert keepers(found, of, len(case.sets)) == [outcome.keeper for outcome in expected]
    for at, document in enumerate(of.node.tolist()):
        outcome = expected[document]
        if outcome.by_pair:
            assert case.pairs[of.row[found.edge[at]]] == (document, outcome.keeper)
        else:
            assert found.edge[at] == COMPUTED
        if outcome.keeper is not None and not outcome.by_pair:
            assert (found.jaccard[at], found.containment[at]) == (outcome.jaccard, outcome.containment)


@given(case=cases())
def test_later_documents_change_nothing_about_earlier_ones(case: Case) -> None:
    of = graph(case.pairs)
    whole = keepers(settled(of, sets_of(case.sets), case.thresholds), of, len(case.sets))

    for size in range(len(case.sets)):
        part = graph([pair for pair in case.pairs if pair[0] < size])
        assert keepers(settled(part, sets_of(case.sets), case.thresholds), part, size) == whole[:size]


@given(case=cases())
def test_what_earlier_runs_decided_stands_for_their_pairs(case: Case) -> None:
    """A later run sees, of documents of earlier runs, only who stayed in their place."""
    expected = [outcome.keeper for outcome in plain_rule(case)]
    for cut in range(len(case.sets)):
        decided = [(document, keeper) for document, keeper in enumerate(expected[:cut]) if keeper is not None]
        of = graph(decided + [pair for pair in case.pairs if pair[0] >= cut])
        found = keepers(settled(of, sets_of(case.sets), case.thresholds), of, len(case.sets))
        assert found[cut:] == expected[cut:]


@given(case=cases())
def test_nothing_is_removed_but_for_a_document_that_stays_and_is_similar(case: Case) -> None:
    of = graph(case.pairs)

    found = keepers(settled(of, sets_of(case.sets), case.thresholds), of, len(case.sets))

    for document, keeper in enumerate(found):
        if keeper is not None:
            assert found[keeper] is None
            assert is_duplicate(case.sets[document], case.sets[keeper], case.thresholds)


# Shingles 0-9; neighbours in the chain have 8 of 12 in common, the next but one only 6 of 14.
CHAIN = [frozenset(range(2 * at, 2 * at + 10)) for at in range(5)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # The first takes the second away; the third, like the second only, stays and takes the fourth.
        ([0, 1, 2, 3, 4], [None, 0, None, 2, None]),
        # The middle one first: both neighbours go for it, the ends stay.
        ([2, 1, 3, 0, 4], [None, 0, 0, None, None]),
        # Both ends and the middle come first.
        ([0, 4, 2, 1, 3], [None, None, None, 0, 1]),
    ],
)
def test_of_a_chain_only_what_is_like_a_kept_document_goes(
    order: list[int], expected: list[int | None]
) -> None:
    sets = [CHAIN[at] for at in order]
    pairs = [
        (later, earlier)
        for later in range(5)
        for earlier in range(later)
        if abs(order[later] - order[earlier]) == 1
    ]
    of = graph(pairs)

    assert keepers(settled(of, sets_of(sets), HALF), of, 5) == expected


def test_shingles_are_fetched_only_where_all_that_a_document_is_like_was_removed() -> None:
    pairs = [(1, 0), (2, 0), (2, 1), (3, 0)]
    of = graph(pairs)

    assert keepers(settled(of, no_sets, HALF), of, 4) == [None, 0, 0, 0]


def test_shingles_are_fetched_for_components_in_question_only_and_not_all_at_a_time() -> None:
    # Two chains, of which the ends stay open, and a pair between them that is settled without.
    of = graph([(1, 0), (3, 1), (5, 4), (8, 6), (9, 8)])
    asked: list[list[int]] = []

    def fetch(node_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(node_N.tolist())
        return sets_of([frozenset({node}) for node in range(10)])(node_N)

    settled(of, fetch, HALF, at_a_time=3)
    settled(of, fetch, HALF, at_a_time=6)

    assert asked == [[0, 1, 3], [6, 8, 9], [0, 1, 3, 6, 8, 9]]


def test_a_document_meets_the_keepers_of_all_it_is_like_in_the_keep_order() -> None:
    # 4 is like 2 and 3 only, which were removed for 1 and 0; 0 comes first, and is not similar enough.
    sets = [
        frozenset({90, 91, 1, 2, 3}),
        frozenset({4, 5, 6, 7, 8}),
        frozenset({4, 5, 6, 7, 1}),
        frozenset({90, 1, 2, 3, 5}),
        frozenset({4, 5, 6, 1, 2}),
    ]
    pairs = [(2, 1), (3, 0), (4, 2), (4, 3)]
    of = graph(pairs)

    removed = settled(of, sets_of(sets), Thresholds(0.4, None, verify=True))
    stays = settled(of, sets_of(sets), Thresholds(0.5, None, verify=True))

    assert (removed.keeper.tolist(), removed.edge.tolist()[4]) == ([KEPT, KEPT, 1, 0, 1], COMPUTED)
    assert (removed.jaccard[4], removed.containment[4]) == (3 / 7, 3 / 5)
    assert stays.keeper[4] == KEPT


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_the_keepers_that_are_not_similar_enough_the_most_similar_is_remembered(order: list[int]) -> None:
    two = [frozenset({90, 91, 1, 2, 3}), frozenset({4, 5, 6, 7, 8})]
    sets = [two[order[0]], two[order[1]], frozenset(), frozenset(), frozenset({4, 5, 6, 1, 2})]

    found = settled(graph([(2, 1), (3, 0), (4, 2), (4, 3)]), sets_of(sets), HALF)

    assert (found.keeper[4], found.jaccard[4], found.containment[4]) == (KEPT, 3 / 7, 3 / 5)


def test_the_kernel_leaves_open_what_cannot_be_told_without_shingles() -> None:
    of = graph([(1, 0), (2, 1), (3, 2), (5, 3), (5, 4)])
    keeper, edge = np.empty(6, np.int64), np.empty(6, np.int64)
    none = np.zeros(0, np.uint64), np.zeros(7, np.int64)

    still_open = settle(of.starts, of.lower, False, *none, 0.5, 2.0, keeper, edge, np.zeros(6), np.zeros(6))

    # 2 is like a removed one, 3 is like 2; whether 3 or 4 keeps 5 is not known before 3 is settled.
    assert still_open == 3
    assert keeper.tolist() == [KEPT, 0, OPEN, OPEN, KEPT, OPEN]


def test_a_pair_that_is_not_in_the_keep_order_is_refused() -> None:
    place = np.array([(5, 0), (6, 0)], PLACE)

    with pytest.raises(ValueError, match="second document of every pair to come first in the keep order"):
        graph_of(np.array([1]), np.array([2]), place)


# --- tables of pairs --------------------------------------------------------------------------------------------------


def table_of(case: Case, nodes: list[int], places: list[tuple[int, int]], verify: bool = True) -> pa.Table:
    """Verified pairs as they come from verification; every document's fields tell its number."""
    rows = [
        {
            "node": nodes[later],
            "centre": nodes[earlier],
            "doc_id": f"d{later}",
            "source": f"s{later}",
            "centre_doc_id": f"d{earlier}",
            "centre_source": f"s{earlier}",
            "rank": places[later][0],
            "id": places[later][1],
            "centre_rank": places[earlier][0],
            "centre_id": places[earlier][1],
            "bands_matched": 1 + later * 100 + earlier,
            "jaccard": jaccard(case.sets[later], case.sets[earlier]) if verify else None,
            "containment": contained(case.sets[later], case.sets[earlier]) if verify else None,
        }
        for later, earlier in case.pairs
    ]
    fields = [(name, pa.string() if "doc_id" in name or "source" in name else pa.int64()) for name in rows[0]]
    floats = {"jaccard": pa.float64(), "containment": pa.float64(), "bands_matched": pa.int32()}
    return pa.Table.from_pylist(rows, pa.schema([(name, floats.get(name, kind)) for name, kind in fields]))


def by_name(rows: pa.Table) -> dict[str, dict[str, Any]]:
    found = {row["doc_id"]: row for row in rows.to_pylist()}
    assert len(found) == rows.num_rows
    return found


@given(case=cases().filter(lambda case: case.pairs), data=st.data())
def test_resolved_pairs_name_who_goes_for_whom_and_how_similar_they_are(
    case: Case, data: st.DataObject
) -> None:
    size = len(case.sets)
    nodes = data.draw(st.permutations(range(100, 100 + size)), "nodes")
    # Few ranks, and ids from both halves of the unsigned range; ties are broken by node.
    ids = [0, 5, 2**63 - 1, 2**63, 2**64 - 1]
    drawn = data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from(ids)), min_size=size, max_size=size)
    )
    places = sorted(zip(drawn, nodes, strict=True))
    nodes = [node for _, node in places]
    signed = [(rank, number - 2**64 if number >= 2**63 else number) for (rank, number), _ in places]
    expected = plain_rule(case)

    rows = by_name(resolved_pairs(table_of(case, nodes, signed), sets_of(case.sets, nodes), case.thresholds))

    with_pairs = {later for later, _ in case.pairs}
    assert set(rows) == {f"d{document}" for document in with_pairs}
    for document in with_pairs:
        row, outcome = rows[f"d{document}"], expected[document]
        assert (row["node"], row["source"]) == (nodes[document], f"s{document}")
        assert row["removed"] == (outcome.keeper is not None)
        if outcome.keeper is None:
            told = ("keeper", "keeper_rank", "keeper_id", "kept_doc_id", "kept_source", "rule")
            assert [row[name] for name in told] == [None] * 6
            continue
        assert row["keeper"] == nodes[outcome.keeper]
        assert (row["keeper_rank"], row["keeper_id"]) == signed[outcome.keeper]
        assert (row["kept_doc_id"], row["kept_source"]) == (f"d{outcome.keeper}", f"s{outcome.keeper}")
        assert (row["jaccard"], row["containment"]) == (outcome.jaccard, outcome.containment)
        assert row["rule"] == ("near" if outcome.jaccard >= case.thresholds.min_jaccard else "contained")
        assert row["bands_matched"] == (1 + document * 100 + outcome.keeper if outcome.by_pair else 0)


@given(case=cases().filter(lambda case: case.pairs))
def test_a_cluster_is_a_component_and_is_called_after_its_first_document(case: Case) -> None:
    first = list(range(len(case.sets)))
    for _ in first:
        for later, earlier in case.pairs:
            first[later] = first[earlier] = min(first[later], first[earlier])
    nodes = list(range(len(first)))
    places = [(document, 0) for document in nodes]

    rows = by_name(resolved_pairs(table_of(case, nodes, places), sets_of(case.sets), case.thresholds))

    assert {name: row["cluster_id"] for name, row in rows.items()} == {
        name: f"d{first[int(name[1:])]}" for name in rows
    }


def test_a_document_that_another_contains_goes_by_its_own_rule() -> None:
    # The second has all of its 6 shingles in common with the first, which has 20; the third is like the first itself.
    sets = [frozenset(range(20)), frozenset(range(6)), frozenset(range(1, 20))]
    case = Case(sets, [(1, 0), (2, 0)], Thresholds(0.8, 0.9, verify=True))

    rows = by_name(
        resolved_pairs(table_of(case, [0, 1, 2], [(at, 0) for at in range(3)]), no_sets, case.thresholds)
    )

    columns = ("removed", "rule", "jaccard", "containment")
    assert {name: tuple(row[column] for column in columns) for name, row in rows.items()} == {
        "d1": (True, "contained", 0.3, 1.0),
        "d2": (True, "near", 0.95, 1.0),
    }


@pytest.mark.parametrize(("min_containment", "keeper"), [(None, None), (0.61, None), (0.6, 0), (0.5, 0)])
def test_containment_counts_from_its_threshold_on_and_never_without_one(
    min_containment: float | None, keeper: int | None
) -> None:
    # 2 is like 1 only, which goes for 0; of the 5 shingles of 2, 0 has 3.
    sets = [frozenset(range(10)), frozenset(range(2, 12)), frozenset({7, 8, 9, 10, 11})]
    of = graph([(1, 0), (2, 1)])

    found = settled(of, sets_of(sets), Thresholds(0.5, min_containment, verify=True))

    assert keepers(found, of, 3) == [None, 0, keeper]


def test_without_verification_all_of_a_component_but_its_first_document_goes() -> None:
    thresholds = Thresholds(0.5, None, verify=False)
    case = Case(CHAIN, [(1, 0), (2, 1), (4, 3)], thresholds)

    rows = by_name(
        resolved_pairs(
            table_of(case, [7, 3, 9, 4, 5], [(at, 0) for at in range(5)], verify=False),
            no_sets,
            thresholds,
        )
    )

    columns = ("removed", "kept_doc_id", "keeper", "rule", "jaccard", "containment", "cluster_id")
    assert {name: tuple(row[column] for column in columns) for name, row in rows.items()} == {
        "d1": (True, "d0", 7, "near", None, None, "d0"),
        "d2": (True, "d0", 7, "near", None, None, "d0"),
        "d4": (True, "d3", 4, "near", None, None, "d3"),
    }


def test_the_table_has_the_columns_of_its_schema_even_without_pairs() -> None:
    names = [field.split()[0] for field in RESOLVED_SCHEMA.split(", ")]
    table = table_of(Case(CHAIN, [(1, 0)], HALF), [0, 1, 2, 3, 4], [(at, 0) for at in range(5)])

    for pairs in (table, table.slice(0, 0)):
        found = resolved_pairs(pairs, no_sets, HALF)
        assert (found.schema.names, found.num_rows) == (names, pairs.num_rows)


def test_pairs_may_come_in_any_order_and_in_several_chunks() -> None:
    table = table_of(
        Case(CHAIN, [(1, 0), (2, 1), (3, 2), (4, 3)], HALF), [0, 1, 2, 3, 4], [(at, 0) for at in range(5)]
    )

    found = resolved_pairs(pa.concat_tables([table.slice(2), table.slice(0, 2)]), sets_of(CHAIN), HALF)

    assert {name: row["keeper"] for name, row in by_name(found).items()} == {
        "d1": 0,
        "d2": None,
        "d3": 2,
        "d4": None,
    }
