"""The keep rule: which document of a cluster stays, and only what was verified against it goes.

A cluster is a component of the graph of verified pairs; its ends may have little in common. Its documents are settled
in the keep order: a document goes if one that stays was verified against it (kernels/keep.py). The others stay, and are
counted as linked only transitively. What becomes of a document depends on those before it in the keep order only, and
so a later crawl changes nothing about what was kept of an earlier one.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep import schema as s
from dataprep.dedup.nodes import Longs
from dataprep.dedup.set_store import SetsOf
from dataprep.dedup.verify import Thresholds
from dataprep.kernels.keep import KEPT, OPEN, settle

KEEPER: Final = "keeper"
REMOVED: Final = "removed"
RESOLVED_SCHEMA: Final = (
    f"{s.NODE} long, {s.DOC_ID} string, {s.SOURCE} string, {KEEPER} long, keeper_rank long, "
    f"keeper_id long, {s.KEPT_DOC_ID} string, kept_source string, "
    f"{s.JACCARD} double, {s.CONTAINMENT} double, {s.BANDS_MATCHED} int, {s.CLUSTER_ID} string, {s.RULE} string, "
    f"{REMOVED} boolean"
)
_FETCHED_NODES: Final = 100_000  # whose shingle sets are in memory at a time, unless one component has more


class Graph(NamedTuple):
    """Verified pairs of whole components, documents numbered in the keep order.

    Attributes:
        node: node of each document.
        starts: where the edges of each document begin.
        lower: other ends, ascending within each document.
        row: row of the pairs' table that each edge comes from.
        component: number of each document's component.
    """

    node: Longs
    starts: Longs
    lower: Longs
    row: Longs
    component: Longs


def graph_of(node_E: Longs, centre_E: Longs, order_2E: npt.NDArray[Any]) -> Graph:
    """The graph of a list of pairs.

    Args:
        node_E: the end that comes later in the keep order.
        centre_E: the end that comes earlier.
        order_2E: places in the keep order (`rank`, `id`) of the nodes, then of the centres, as a structured array.

    Raises:
        ValueError: a pair is not in the keep order.
    """
    edges = len(node_E)
    ends_2E = np.concatenate([node_E, centre_E])
    by_order = np.lexsort((ends_2E, order_2E["id"], order_2E["rank"]))
    ordered = ends_2E[by_order]
    distinct = np.ones(len(ordered), np.bool_)
    distinct[1:] = ordered[1:] != ordered[:-1]
    number_2E = np.empty(2 * edges, np.int64)
    number_2E[by_order] = np.cumsum(distinct) - 1
    nodes_N = ordered[distinct]
    later_E, earlier_E = number_2E[:edges], number_2E[edges:]
    if (later_E <= earlier_E).any():
        raise ValueError("Expected the second document of every pair to come first in the keep order.")
    by_document = np.lexsort((earlier_E, later_E))
    starts_N1 = np.searchsorted(later_E[by_document], np.arange(len(nodes_N) + 1))
    from scipy.sparse import coo_array  # only the last task needs it, and it takes a while to import
    from scipy.sparse.csgraph import connected_components

    matrix = coo_array((np.ones(edges, np.int8), (later_E, earlier_E)), shape=(len(nodes_N), len(nodes_N)))
    _, component_N = connected_components(matrix, directed=False)
    return Graph(nodes_N, starts_N1, earlier_E[by_document], by_document, component_N.astype(np.int64))


class Settled(NamedTuple):
    """What became of each document of a graph.

    Attributes:
        keeper: the document that stays in its place, or KEPT.
        edge: the edge that decided, or COMPUTED.
        jaccard: computed similarity, where no edge decided.
        containment: likewise.
    """

    keeper: Longs
    edge: Longs
    jaccard: npt.NDArray[np.float64]
    containment: npt.NDArray[np.float64]


def settled(
    graph: Graph, sets_of: SetsOf, thresholds: Thresholds, *, at_a_time: int = _FETCHED_NODES
) -> Settled:
    """Apply the keep rule to a graph.

    Args:
        graph: verified pairs.
        sets_of: fetches shingle sets; called for components in which a document is verified against removed ones only.
        thresholds: when a document is a duplicate.
        at_a_time: documents whose sets are held at a time; a larger component is held whole.
    """
    size = len(graph.node)
    result = Settled(
        np.full(size, KEPT, np.int64), np.full(size, -1, np.int64), np.zeros(size), np.zeros(size)
    )
    if not thresholds.verify:
        _, first = np.unique(graph.component, return_index=True)
        result.keeper[:] = first[graph.component]
        result.keeper[first] = KEPT
        return result
    none = np.zeros(0, np.uint64), np.zeros(size + 1, np.int64)
    bounds = thresholds.min_jaccard, thresholds.containment
    if not settle(
        graph.starts, graph.lower, False, *none, *bounds,
        result.keeper, result.edge, result.jaccard, result.containment,
    ):  # fmt: skip
        return result
    in_question = np.flatnonzero(np.isin(graph.component, np.unique(graph.component[result.keeper == OPEN])))
    by_component = in_question[np.argsort(graph.component[in_question], kind="stable")]
    component_M = graph.component[by_component]
    begins = np.flatnonzero(np.append(True, component_M[1:] != component_M[:-1]))
    chunk_M = np.repeat(begins // at_a_time, np.diff(np.append(begins, len(component_M))))
    for chunk in np.unique(chunk_M):
        part = np.sort(by_component[chunk_M == chunk])
        piece = _subgraph(graph, part)
        hashes, set_starts = sets_of(piece.node)
        inner = Settled(
            np.empty(len(part), np.int64),
            np.empty(len(part), np.int64),
            np.zeros(len(part)),
            np.zeros(len(part)),
        )
        still_open = settle(
            piece.starts, piece.lower, True, hashes, set_starts, *bounds,
            inner.keeper, inner.edge, inner.jaccard, inner.containment,
        )  # fmt: skip
        assert not still_open, f"{still_open} documents stay open though their shingles are known"
        result.keeper[part] = np.where(inner.keeper >= 0, part[inner.keeper], inner.keeper)
        result.edge[part] = np.where(inner.edge >= 0, piece.row[inner.edge], inner.edge)
        result.jaccard[part], result.containment[part] = inner.jaccard, inner.containment
    return result


def _subgraph(graph: Graph, part: Longs) -> Graph:
    """Whole components of a graph; `row` then holds edges of the larger graph."""
    degree = np.diff(graph.starts)[part]
    starts = np.append(0, np.cumsum(degree))
    edges = np.repeat(graph.starts[part] - starts[:-1], degree) + np.arange(starts[-1])
    return Graph(
        graph.node[part], starts, np.searchsorted(part, graph.lower[edges]), edges, graph.component[part]
    )


def resolved_pairs(pairs: pa.Table, sets_of: SetsOf, thresholds: Thresholds) -> pa.Table:
    """Settle the components of a table of verified pairs.

    Args:
        pairs: rows of `verify.PAIRS_SCHEMA`, all verified pairs of each component among them.
        sets_of: fetches shingle sets.
        thresholds: when a document is a duplicate.

    Returns:
        RESOLVED_SCHEMA: a row for every document that goes, and for every one that is linked only transitively.
    """
    node_E, centre_E = pairs[s.NODE].to_numpy(), pairs["centre"].to_numpy()
    order_2E = np.empty(2 * len(node_E), [("rank", "<u8"), ("id", "<u8")])
    order_2E["rank"] = np.concatenate([pairs["rank"].to_numpy(), pairs["centre_rank"].to_numpy()])
    order_2E["id"] = np.concatenate([pairs["id"].to_numpy(), pairs["centre_id"].to_numpy()]).view(np.uint64)
    graph = graph_of(node_E, centre_E, order_2E)
    outcome = settled(graph, sets_of, thresholds)

    # Name and source of every document, from any pair it is in.
    ends_2E = np.concatenate([node_E, centre_E])
    nodes_N, at_N = np.unique(ends_2E, return_index=True)
    where_N = at_N[np.searchsorted(nodes_N, graph.node)]
    both = {
        name: pa.concat_arrays([pairs[name].combine_chunks(), pairs[f"centre_{name}"].combine_chunks()]).take(
            pa.array(where_N)
        )
        for name in (s.DOC_ID, s.SOURCE)
    }
    first_of = np.unique(graph.component, return_index=True)[1]  # documents are in the keep order
    removed_N = outcome.keeper >= 0
    linked_N = ~removed_N & (np.diff(graph.starts) > 0)
    shown = np.flatnonzero(removed_N | linked_N)
    keeper = outcome.keeper[shown]
    removed = removed_N[shown]
    by_edge = outcome.edge[shown] >= 0
    row = graph.row[np.where(by_edge, outcome.edge[shown], 0)] if len(graph.row) else outcome.edge[shown]

    def measured(name: str, computed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = np.where(by_edge, pairs[name].to_numpy()[row], computed[shown])
        return values

    jaccard = measured(s.JACCARD, outcome.jaccard)
    containment = measured(s.CONTAINMENT, outcome.containment)
    rule = np.where(jaccard >= thresholds.min_jaccard, "near", "contained")
    unknown = np.full(len(shown), not thresholds.verify)
    kept_position = pa.array(keeper, mask=~removed)
    place_N = order_2E[where_N]
    return pa.table(
        {
            s.NODE: pa.array(graph.node[shown]),
            s.DOC_ID: both[s.DOC_ID].take(pa.array(shown)),
            s.SOURCE: both[s.SOURCE].take(pa.array(shown)),
            KEEPER: pa.array(graph.node[np.maximum(keeper, 0)], mask=~removed),
            "keeper_rank": pa.array(place_N["rank"][keeper].astype(np.int64), mask=~removed),
            "keeper_id": pa.array(place_N["id"][keeper].astype(np.int64), mask=~removed),
            s.KEPT_DOC_ID: both[s.DOC_ID].take(kept_position),
            "kept_source": both[s.SOURCE].take(kept_position),
            s.JACCARD: pa.array(jaccard, mask=unknown),
            s.CONTAINMENT: pa.array(containment, mask=unknown),
            s.BANDS_MATCHED: pa.array(
                np.where(by_edge, pairs[s.BANDS_MATCHED].to_numpy()[row], 0).astype(np.int32)
            ),
            s.CLUSTER_ID: both[s.DOC_ID].take(pa.array(first_of[graph.component[shown]])),
            s.RULE: pa.array(np.where(unknown, "near", rule).astype(object), pa.string(), mask=~removed),
            REMOVED: pa.array(removed),
        }
    )
