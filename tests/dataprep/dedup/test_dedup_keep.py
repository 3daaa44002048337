from typing import Any

import pytest
from pyspark.sql import SparkSession

from dataprep.dedup.keep import decisions, members_and_canonical

REPRESENTATIVES = (
    "node long, doc_id string, "
    "keep_key struct<priority int, minus_quality float, minus_length long, doc_id string>"
)
COPIES = (
    "doc_id string, representative_id string, representative_source string, copy int, copies int, "
    "source string, part int, row int"
)
NEAR = "doc_id string, cluster_id string, kept_source string, jaccard double, bands_matched int"


def test_every_member_of_a_cluster_is_paired_with_the_document_that_the_keep_rule_keeps(
    spark: SparkSession,
) -> None:
    components = spark.createDataFrame([(1, 1), (2, 1), (3, 1), (7, 7), (8, 7)], "node long, component long")
    representatives = spark.createDataFrame(
        [
            (1, "a1", (2, -0.9, -99, "a1")),
            (2, "a2", (1, -0.5, -10, "a2")),  # the better source, although neither best nor first
            (3, "a3", (1, -0.4, -99, "a3")),
            (7, "b7", (1, -0.5, -10, "b7")),
            (8, "b8", (1, -0.5, -11, "b8")),  # the longer text
            (9, "c9", (0, -1.0, -99, "c9")),  # in no cluster
        ],
        REPRESENTATIVES,
    )

    rows = members_and_canonical(components, representatives).collect()

    assert sorted((row["node"], row["doc_id"], row["centre"], row["cluster_id"]) for row in rows) == [
        (1, "a1", 2, "a2"),
        (3, "a3", 2, "a2"),
        (7, "b7", 8, "b8"),
    ]


@pytest.fixture(scope="module")
def decided(spark: SparkSession) -> dict[tuple[int, int], dict[str, Any]]:
    """Decisions by place, on copies (doc_id, representative, its source, copy, copies, source, part, row)."""
    copies = [
        ("kept", "kept", "wiki", 1, 2, "wiki", 0, 0),
        ("copy of kept", "kept", "wiki", 2, 2, "web", 0, 1),
        ("near", "near", "news", 1, 3, "news", 0, 2),
        ("copy of near", "near", "news", 2, 3, "web", 0, 3),
        ("near", "near", "news", 3, 3, "news", 1, 4),  # read twice: the same id
        ("linked only transitively", "linked only transitively", "web", 1, 1, "web", 0, 5),
        ("twin", "twin", "web", 1, 2, "web", 0, 6),
        ("twin", "twin", "web", 2, 2, "web", 0, 7),
    ]
    near = [("near", "kept", "wiki", 0.9, 12)]
    rows = decisions(spark.createDataFrame(copies, COPIES), spark.createDataFrame(near, NEAR)).collect()
    assert len({(row["part"], row["row"]) for row in rows}) == len(rows)
    return {(row["part"], row["row"]): row.asDict() for row in rows}


def test_kept_documents_and_those_linked_only_transitively_have_no_decision(
    decided: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert set(decided) == {(0, 1), (0, 2), (0, 3), (1, 4), (0, 7)}


def test_a_copy_is_removed_for_the_document_that_represents_its_text(
    decided: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert decided[0, 1] == {
        "doc_id": "copy of kept",
        "kept_doc_id": "kept",
        "rule": "exact",
        "jaccard": 1.0,
        "bands_matched": None,
        "cluster_id": "kept",
        "part": 0,
        "row": 1,
        "source": "web",
        "kept_source": "wiki",
    }


def test_a_near_duplicate_is_removed_with_its_similarity(
    decided: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert decided[0, 2] == {
        "doc_id": "near",
        "kept_doc_id": "kept",
        "rule": "near",
        "jaccard": 0.9,
        "bands_matched": 12,
        "cluster_id": "kept",
        "part": 0,
        "row": 2,
        "source": "news",
        "kept_source": "wiki",
    }


@pytest.mark.parametrize("place", [(0, 3), (1, 4)], ids=["copy", "same document read twice"])
def test_a_copy_of_a_removed_near_duplicate_points_at_the_document_that_was_kept(
    place: tuple[int, int], decided: dict[tuple[int, int], dict[str, Any]]
) -> None:
    decision = decided[place]

    assert (decision["kept_doc_id"], decision["rule"], decision["jaccard"]) == ("kept", "near", 0.9)
    assert (decision["bands_matched"], decision["cluster_id"], decision["kept_source"]) == (
        12,
        "kept",
        "wiki",
    )


def test_of_a_document_that_was_read_twice_one_stays(
    decided: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert (decided[0, 7]["doc_id"], decided[0, 7]["kept_doc_id"], decided[0, 7]["rule"]) == (
        "twin", "twin", "exact"
    )  # fmt: skip
