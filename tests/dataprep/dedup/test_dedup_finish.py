import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dedup_helpers import TaskStandIn

from dataprep.dedup.finish import (
    COPY,
    DECISIONS,
    EARLIER,
    FINISH_SCHEMA,
    PAIR,
    added_counts,
    decisions,
    finish,
    finish_files,
)
from dataprep.dedup.keep import RESOLVED_SCHEMA
from dataprep.dedup.verify import PAIRS_SCHEMA, SetsOf, Thresholds

SEGMENT = 2**53
PART = 2**32
OWN = 2 * SEGMENT  # the third run of an index
HALF = Thresholds(0.5, None, verify=True)

_ARROW = {
    "long": pa.int64(),
    "int": pa.int32(),
    "string": pa.string(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}


def arrow(schema: str) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in (field.split() for field in schema.split(", "))])


def no_sets(_: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    raise AssertionError("shingle sets were asked for")


# --- decisions --------------------------------------------------------------------------------------------------------


def copy(node: int, name: str, source: str, of: int, of_name: str, of_source: str) -> dict[str, Any]:
    """A row of the last step: a copy of the text of a document."""
    return {
        "kind": COPY,
        "node": node,
        "doc_id": name,
        "source": source,
        "centre": of,
        "centre_doc_id": of_name,
        "centre_source": of_source,
    }


def removal(node: int, name: str, keeper: int, kept: str, **other: Any) -> dict[str, Any]:
    """What the keep rule found of a document that goes."""
    row = {
        "node": node,
        "doc_id": name,
        "source": "news",
        "keeper": keeper,
        "keeper_rank": 1,
        "keeper_id": 2,
        "kept_doc_id": kept,
        "kept_source": "wiki",
        "jaccard": 0.9,
        "containment": 0.97,
        "bands_matched": 12,
        "cluster_id": "cluster of " + kept,
        "rule": "near",
        "removed": True,
    }
    return row | other


COPIES = [
    copy(OWN + 1, "copy of kept", "web", OWN, "kept", "wiki"),
    copy(OWN + PART + 3, "copy of near", "web", OWN + 2, "near", "news"),
    copy(OWN + 4, "copy of contained", "web", OWN + 7, "contained", "news"),
    copy(OWN + 5, "copy of linked", "web", OWN + 8, "linked", "news"),
    copy(OWN + 6, "copy of an earlier document", "web", SEGMENT + 1, "earlier", "old"),
    copy(OWN + 9, "copy of one removed earlier", "web", SEGMENT + 2, "earlier near", "old"),
    copy(OWN + PART, "twin", "web", OWN + 20, "twin", "web"),
]
NOTHING = dict.fromkeys(["keeper", "keeper_rank", "keeper_id", "kept_doc_id", "kept_source", "rule"])
RESOLVED = [
    removal(OWN + 8, "linked", 0, "", removed=False, cluster_id="cluster of linked", jaccard=0.6) | NOTHING,
    removal(OWN + 7, "contained", SEGMENT + 5, "earlier big", rule="contained", jaccard=0.3, containment=1.0),
    removal(SEGMENT + 3, "earlier without a copy", 5, "earliest"),
    removal(OWN + 2, "near", OWN, "kept"),
    removal(SEGMENT + 2, "earlier near", 5, "earliest", cluster_id="earliest"),
]


def decided(copies: list[dict[str, Any]], resolved: list[dict[str, Any]]) -> pa.Table:
    return decisions(
        pa.Table.from_pylist(copies, arrow(FINISH_SCHEMA)),
        pa.Table.from_pylist(resolved, arrow(RESOLVED_SCHEMA)),
        OWN,
    ).select(DECISIONS.names)


@pytest.fixture(scope="module")
def by_name() -> dict[str, dict[str, Any]]:
    rows = decided(COPIES, RESOLVED).to_pylist()
    assert len({row["doc_id"] for row in rows}) == len(rows)
    return {row["doc_id"]: row for row in rows}


def test_every_copy_and_every_removed_document_of_the_run_has_one_decision_in_order_of_id(
    by_name: dict[str, dict[str, Any]],
) -> None:
    assert list(by_name) == [
        "contained",
        "copy of an earlier document",
        "copy of contained",
        "copy of kept",
        "copy of linked",
        "copy of near",
        "copy of one removed earlier",
        "near",
        "twin",
    ]


def test_a_copy_is_removed_for_the_document_that_represents_its_text(
    by_name: dict[str, dict[str, Any]],
) -> None:
    assert by_name["copy of kept"] == {
        "doc_id": "copy of kept",
        "kept_doc_id": "kept",
        "rule": "exact",
        "jaccard": 1.0,
        "containment": 1.0,
        "bands_matched": None,
        "cluster_id": "kept",
        "part": 0,
        "row": 1,
        "source": "web",
        "kept_source": "wiki",
        "kept_segment": 2,
    }


def test_a_near_duplicate_is_removed_with_its_similarity(by_name: dict[str, dict[str, Any]]) -> None:
    assert by_name["near"] == {
        "doc_id": "near",
        "kept_doc_id": "kept",
        "rule": "near",
        "jaccard": 0.9,
        "containment": 0.97,
        "bands_matched": 12,
        "cluster_id": "cluster of kept",
        "part": 0,
        "row": 2,
        "source": "news",
        "kept_source": "wiki",
        "kept_segment": 2,
    }


@pytest.mark.parametrize(("copy", "original"), [("copy of near", "near"), ("copy of contained", "contained")])
def test_a_copy_of_a_removed_document_goes_for_the_same_one_by_the_same_rule(
    copy: str, original: str, by_name: dict[str, dict[str, Any]]
) -> None:
    own = {"doc_id", "source", "part", "row"}
    told = {name: value for name, value in by_name[copy].items() if name not in own}

    assert told == {name: value for name, value in by_name[original].items() if name not in own}
    assert by_name[copy]["source"] == "web"


def test_part_and_row_are_those_of_the_document_that_goes(by_name: dict[str, dict[str, Any]]) -> None:
    assert (by_name["copy of near"]["part"], by_name["copy of near"]["row"]) == (1, 3)
    assert (by_name["contained"]["part"], by_name["contained"]["row"]) == (0, 7)
    assert (by_name["twin"]["part"], by_name["twin"]["row"], by_name["twin"]["kept_doc_id"]) == (1, 0, "twin")


def test_a_copy_of_a_document_that_is_linked_only_transitively_is_an_exact_one_of_its_cluster(
    by_name: dict[str, dict[str, Any]],
) -> None:
    told = by_name["copy of linked"]

    assert (told["kept_doc_id"], told["rule"], told["jaccard"]) == ("linked", "exact", 1.0)
    assert (told["kept_source"], told["cluster_id"]) == ("news", "cluster of linked")


def test_a_copy_of_an_earlier_document_names_who_stayed_and_of_which_run(
    by_name: dict[str, dict[str, Any]],
) -> None:
    kept, replaced = by_name["copy of an earlier document"], by_name["copy of one removed earlier"]

    columns = ("kept_doc_id", "kept_source", "kept_segment", "rule", "jaccard", "cluster_id")
    assert [kept[name] for name in columns] == ["earlier", "old", 1, "exact", 1.0, "earlier"]
    assert [replaced[name] for name in columns] == ["earliest", "wiki", 0, "near", 0.9, "earliest"]
    assert by_name["contained"]["kept_segment"] == 1


@pytest.mark.parametrize(
    ("copies", "resolved", "expected"),
    [
        (COPIES[:1], [], ["copy of kept"]),
        ([], RESOLVED[3:4], ["near"]),
        ([], RESOLVED[:1], []),
        ([], [], []),
    ],
    ids=["only copies", "only near duplicates", "only linked documents", "nothing"],
)
def test_there_may_be_no_copies_or_no_pairs(
    copies: list[dict[str, Any]], resolved: list[dict[str, Any]], expected: list[str]
) -> None:
    found = decided(copies, resolved)

    assert found.schema.equals(DECISIONS)
    assert found["doc_id"].to_pylist() == expected


# --- the task ---------------------------------------------------------------------------------------------------------


def pair(
    kind: str, node: int, centre: int, bands: int, jaccard: float | None, **other: Any
) -> dict[str, Any]:
    """A pair of documents that are called after their nodes, and kept in the order of these."""
    row = {
        "kind": kind,
        "node": node,
        "centre": centre,
        "doc_id": f"d{node % SEGMENT}",
        "source": "web",
        "centre_doc_id": f"d{centre % SEGMENT}",
        "centre_source": "wiki" if centre % 2 == 0 else "web",
        "rank": node,
        "id": 0,
        "centre_rank": centre,
        "centre_id": 0,
        "bands_matched": bands,
        "jaccard": jaccard,
        "containment": jaccard,
    }
    return row | other


# Documents of the third run: 10 to 19; of earlier ones: 1 to 9.
ROWS = [
    pair(PAIR, OWN + 11, OWN + 10, 5, 0.75),
    pair(PAIR, OWN + 13, OWN + 11, 7, 0.625),  # like a removed document only
    pair(PAIR, OWN + 12, OWN + 10, 2, 0.25),  # only counted
    pair(PAIR, OWN + 11, OWN + 10, 3, 0.75),  # another star proposed it too
    pair(PAIR, OWN + 14, SEGMENT + 4, 6, 0.5),  # 4 was removed for 2
    pair(EARLIER, SEGMENT + 4, 2, 9, 1.0),
    copy(OWN + 15, "copy of 11", "web", OWN + 11, "d11", "web"),
    copy(OWN + 16, "copy of 4", "web", SEGMENT + 4, "d4", "web"),
]
# 13 is not like 10; 14 is like 2, which stayed in the place of 4.
SETS = {10: range(4), 13: range(3, 9), 11: range(5), 14: range(20, 24), 2: range(19, 23), 4: range(20, 23)}


def sets_of(node_N: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    wanted = [SETS[node % SEGMENT] for node in node_N.tolist()]
    return np.array([each for one in wanted for each in one], np.uint64), np.cumsum([0, *map(len, wanted)])


def run_task(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    rows: list[dict[str, Any]],
    sets: SetsOf,
    thresholds: Thresholds,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """What the task returns, its decisions, its clusters and its counts."""
    monkeypatch.setattr("dataprep.dedup.finish.TaskContext", TaskStandIn)
    task = finish(str(folder), str(folder / "counts"), sets, thresholds, OWN)
    table = pa.Table.from_pylist(rows, arrow(FINISH_SCHEMA))

    resolved = [row for batch in task(iter(table.to_batches(max_chunksize=2))) for row in batch.to_pylist()]

    decided, clusters = (
        pq.read_table(folder / name / "part-000007.parquet").to_pylist() for name in ("decisions", "clusters")
    )
    return resolved, decided, clusters, json.loads((folder / "counts" / "7.json").read_text())


def test_the_task_settles_its_clusters_and_writes_down_what_it_decided(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolved, decided, clusters, counts = run_task(monkeypatch, tmp_path, ROWS, sets_of, HALF)

    assert sorted((row["node"] - OWN, row["keeper"], row["removed"]) for row in resolved) == [
        (11, OWN + 10, True),
        (13, None, False),
        (14, 2, True),
    ]
    columns = ("doc_id", "kept_doc_id", "rule", "jaccard", "bands_matched", "kept_segment")
    assert [tuple(row[name] for name in columns) for row in decided] == [
        ("copy of 11", "d10", "near", 0.75, 8, 2),
        ("copy of 4", "d2", "near", 1.0, 9, 0),
        ("d11", "d10", "near", 0.75, 8, 2),
        ("d14", "d2", "near", 3 / 5, 0, 0),
    ]
    assert [(row["doc_id"], row["cluster_id"], row["kept_doc_id"], row["removed"]) for row in clusters] == [
        ("d11", "d10", "d10", True),
        ("d13", "d10", None, False),
        ("d14", "d2", "d2", True),
    ]
    histogram = counts.pop("jaccard_histogram")
    assert {at / 20: number for at, number in enumerate(histogram) if number} == {
        0.25: 1,
        0.5: 1,
        0.6: 1,
        0.75: 1,
    }
    assert counts == {
        "candidate_pairs": 4,
        "verified_pairs": 3,
        "transitive_only": 1,
        "components": 2,
        "earlier_removed": 2,
        "decisions": 4,
        "overlap": [["web", "wiki", "near", 4]],
        "cluster_sizes": [[3, 2]],
    }


def test_the_task_reads_its_rows_from_files_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dataprep.dedup.finish.TaskContext", TaskStandIn)
    pairs = [{name: row[name] for name in arrow(PAIRS_SCHEMA).names} for row in ROWS if row["kind"] == PAIR]
    copies = {
        "node": [OWN + 15, OWN + 16],
        "doc_id": ["copy of 11", "copy of 12"],
        "source": ["web", "web"],
        "representative": [OWN + 11, OWN + 12],
        "representative_id": ["d11", "d12"],
        "representative_source": ["web", "web"],
    }
    for folder in ("pairs", "copies"):
        (tmp_path / folder).mkdir()
    for number, some in enumerate((pairs[:2], pairs[2:4])):
        pq.write_table(
            pa.Table.from_pylist(some, arrow(PAIRS_SCHEMA)), tmp_path / "pairs" / f"{number}.parquet"
        )
    pq.write_table(pa.table(copies), tmp_path / "copies" / "0.parquet")

    for pairs_dir, expected in (
        ("pairs", {"copy of 11": "d10", "copy of 12": "d12", "d11": "d10"}),
        ("no pairs", {"copy of 11": "d11", "copy of 12": "d12"}),
    ):
        out = tmp_path / f"out with {pairs_dir}"
        task = finish(str(out), str(out), sets_of, HALF, OWN)
        number = pa.RecordBatch.from_pydict({"number": [0]})
        list(finish_files(task, str(tmp_path / pairs_dir), str(tmp_path / "copies"))(iter([number])))
        decided = pq.read_table(out / "decisions" / "part-000007.parquet").to_pylist()
        assert {row["doc_id"]: row["kept_doc_id"] for row in decided} == expected


def test_without_verification_the_whole_component_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unverified = Thresholds(0.5, None, verify=False)
    rows = [pair(PAIR, OWN + at + 1, OWN + at, 3, None) for at in (10, 11, 12)]

    resolved, decided, _, counts = run_task(monkeypatch, tmp_path, rows, no_sets, unverified)

    assert sorted((row["node"] - OWN, row["keeper"] - OWN) for row in resolved) == [
        (11, 10),
        (12, 10),
        (13, 10),
    ]
    assert {(row["rule"], row["jaccard"]) for row in decided} == {("near", None)}
    assert (counts["candidate_pairs"], counts["verified_pairs"]) == (3, 0)
    assert sum(counts["jaccard_histogram"]) == 0


def test_a_task_without_rows_writes_nothing(tmp_path: Path) -> None:
    task = finish(str(tmp_path), str(tmp_path / "counts"), no_sets, HALF, OWN)

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([], arrow(FINISH_SCHEMA))

    assert not list(task(batches()))
    assert not list(tmp_path.iterdir())


def test_counts_of_tasks_add_up() -> None:
    def part(number: int, overlap: list[Any], sizes: list[Any]) -> dict[str, Any]:
        names = (
            "candidate_pairs",
            "verified_pairs",
            "transitive_only",
            "components",
            "earlier_removed",
            "decisions",
        )
        histogram = [0] * 20
        histogram[number] = 5
        return dict.fromkeys(names, number) | {
            "jaccard_histogram": histogram,
            "overlap": overlap,
            "cluster_sizes": sizes,
        }

    added = added_counts(
        [
            part(3, [["web", "wiki", "near", 2], ["web", "web", "exact", 1]], [[2, 3], [3, 1]]),
            part(4, [["news", "wiki", "contained", 7], ["web", "wiki", "near", 5]], [[3, 10]]),
        ]
    )

    assert [each for each in added.pop("jaccard_histogram") if each[1]] == [[0.15, 5], [0.2, 5]]
    assert added == {
        "candidate_pairs": 7,
        "verified_pairs": 7,
        "transitive_only": 7,
        "components": 7,
        "earlier_removed": 7,
        "decisions": 7,
        "exact_removed": 1,
        "near_removed": 7,
        "contained_removed": 7,
        "overlap": [
            ["news", "wiki", "contained", 7],
            ["web", "web", "exact", 1],
            ["web", "wiki", "near", 7],
        ],
        "cluster_sizes": [[2, 3], [3, 11]],
    }
    assert added_counts([])["overlap"] == []
