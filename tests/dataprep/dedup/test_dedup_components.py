import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dataprep.dedup.components import ComponentsError, _check, connected_components
from dataprep.dedup.keep import graph_of

Edge = tuple[int, int]
Components = Callable[[list[Edge]], dict[int, int]]

LARGEST = 2**63 - 1  # a node that a float cannot hold
# The graphs lie side by side in one edge list, as clusters do. Numbers within a graph are in no helpful order.
CHAIN = [(100 + at * 7 % 31, 100 + (at + 1) * 7 % 31) for at in range(29)]
STAR = [(299, leaf) for leaf in range(200, 220)]
CLIQUES = [
    (first + left, first + right) for first in (300, 320) for left in range(6) for right in range(left)
]
BRIDGE = [(305, 320)]
CYCLE = [(400 + at * 5 % 12, 400 + (at + 1) * 5 % 12) for at in range(12)]
SMALL = [(500 + 2 * at, 501 + 2 * at) for at in range(25)]
LARGE_NODES = [(LARGEST, LARGEST - 1), (LARGEST - 3, LARGEST - 4)]
REPEATED = [(601, 600), (600, 601), (601, 600)]
EDGES = [*CHAIN, *STAR, *CLIQUES, *BRIDGE, *CYCLE, *SMALL, *LARGE_NODES, *REPEATED]


def union_find(edges: list[Edge]) -> dict[int, int]:
    """Smallest node that each node can reach, one edge after the other."""
    parent = {node: node for edge in edges for node in edge}

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for left, right in edges:
        low, high = sorted((root(left), root(right)))
        parent[high] = low
    return {node: root(node) for node in parent}


def in_one_task(edges: list[Edge]) -> dict[int, int]:
    """Components as the keep rule finds them in one task; the larger node of an edge comes later in the keep order."""
    later, earlier = np.array([(max(edge), min(edge)) for edge in edges], np.int64).reshape(-1, 2).T
    place = np.zeros(2 * len(edges), [("rank", "<u8"), ("id", "<u8")])
    place["rank"] = np.concatenate([later, earlier])
    graph = graph_of(later, earlier, place)
    least: dict[int, int] = {}
    for node, component in zip(graph.node.tolist(), graph.component.tolist(), strict=True):
        least[component] = min(node, least.get(component, node))
    return {
        node: least[component]
        for node, component in zip(graph.node.tolist(), graph.component.tolist(), strict=True)
    }


@pytest.fixture(params=["in one task", pytest.param("as joins", marks=pytest.mark.spark)])
def components(request: pytest.FixtureRequest) -> Components:
    """Least node of the component of every node, by either of the two ways."""
    if request.param == "in one task":
        return in_one_task
    spark: SparkSession = request.getfixturevalue("spark")
    folder: Path = request.getfixturevalue("tmp_path")

    def as_joins(edges: list[Edge]) -> dict[int, int]:
        frame = spark.createDataFrame(edges, "left long, right long")
        rows = connected_components(frame, str(folder)).collect()
        found = {row["node"]: row["component"] for row in rows}
        assert len(found) == len(rows)
        return found

    return as_joins


def test_components_are_those_of_a_plain_union_find(components: Components) -> None:
    assert components(EDGES) == union_find(EDGES)


def test_components_of_a_random_graph_are_those_of_a_plain_union_find(components: Components) -> None:
    # About as many edges as nodes: many components of all sizes.
    choose = random.Random(3)
    edges = [(choose.randrange(300), 300 + choose.randrange(300)) for _ in range(280)]

    assert components(edges) == union_find(edges)


def test_a_corpus_without_pairs_has_no_components(components: Components) -> None:
    assert components([]) == {}


@given(
    edges=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda edge: edge[0] != edge[1]), max_size=14
    )
)
def test_components_of_one_task_are_those_of_a_plain_union_find(edges: list[Edge]) -> None:
    assert in_one_task(edges) == union_find(edges)


def test_the_literal_graphs_have_the_components_one_would_draw() -> None:
    components = union_find(EDGES)

    sizes = {least: list(components.values()).count(least) for least in set(components.values())}

    assert {size for least, size in sizes.items() if least in range(500, 550, 2)} == {2}
    assert [sizes[least] for least in (100, 200, 300, 400, 600)] == [30, 21, 12, 12, 2]
    assert (sizes[LARGEST - 1], sizes[LARGEST - 4], len(sizes)) == (2, 2, 32)


@pytest.mark.parametrize(
    ("tampered", "problem"),
    [
        ([(1, 1), (2, 1), (2, 1), (3, 1), (5, 5), (6, 5)], "nodes listed twice"),
        ([(1, 1), (2, 1), (5, 5), (6, 5)], "nodes without a component"),
        ([(1, 1), (2, 1), (3, 1), (5, 5), (6, 5), (9, 9)], "nodes without an edge"),
        ([(1, 2), (2, 2), (3, 2), (5, 5), (6, 5)], "components not named after their least node"),
        ([(1, 1), (2, 1), (3, 3), (5, 5), (6, 5)], "edges between components"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_result_is_found(tampered: list[Edge], problem: str, spark: SparkSession) -> None:
    edges = spark.createDataFrame([(1, 2), (3, 2), (5, 6)], "left long, right long")
    components = spark.createDataFrame(tampered, "node long, component long")

    with pytest.raises(ComponentsError, match=f"'{problem}': 1"):
        _check(edges, components)


def test_the_right_result_passes_the_check(spark: SparkSession) -> None:
    edges = spark.createDataFrame([(1, 2), (3, 2), (5, 6)], "left long, right long")
    components = spark.createDataFrame([(1, 1), (2, 1), (3, 1), (5, 5), (6, 5)], "node long, component long")

    _check(edges, components)
