"""Deduplication from documents to decisions, on texts whose similarities are known by counting."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from dedup_helpers import write_documents
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig, RulesConfig
from dataprep.dedup.deduplicate import run_dedup

Decisions = dict[str, dict[str, Any]]

OFF = dict.fromkeys(RulesConfig.model_fields) | {
    "drop_lorem_ipsum": False,
    "drop_blocked_urls": False,
    "code_mixed": "keep",
}


def words(prefix: str, *replaced: int) -> str:
    """200 words, so 196 shingles; every replaced word, far from the others, changes 5 of them."""
    return " ".join(f"new{at}" if at in replaced else f"{prefix}{at}" for at in range(200))


# `kept` and `near` share 186 of 206 shingles, `near` and `far` 181 of 211, `kept` and `far` only 171 of 221.
TEXTS = {
    ("wiki", "kept"): words("a", 20, 40),
    ("news", "near"): words("a"),
    ("web", "far"): words("a", 60, 80, 100),
    ("web", "copy of near"): words("a").replace(" ", "\n", 30),
    ("web", "other"): words("b"),
    ("wiki", "copy of other"): words("b"),
    ("web", "unlike"): words("c"),
    ("web", "short"): "Mehr nicht.",
    ("news", "copy of short"): "Mehr  nicht.",
}


@pytest.fixture(scope="module")
def run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("dedup")
    write_documents(folder, TEXTS)
    sources = [
        {"name": name, "format": "jsonl", "paths": ["*"], "priority": priority}
        for priority, name in enumerate(("wiki", "news", "web"))
    ]
    config = PrepareConfig.model_validate(
        {"run_dir": str(folder), "sources": sources, "rules": OFF, "thresholds": "none"}
    )
    return folder, run_dedup(lambda: spark, config, str(folder), documents=len(TEXTS), partitions=3)


@pytest.fixture(scope="module")
def decided(run: tuple[Path, dict[str, Any]]) -> Decisions:
    """Decisions by the name of the document that was removed, ids replaced by names."""
    folder, _ = run
    documents = pq.read_table(folder / "documents" / "part-000000.parquet").to_pylist()
    names = {row["doc_id"]: row["locator"] for row in documents}
    rows = [
        row
        for path in (folder / "dedup" / "decisions").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    return {
        names[row["doc_id"]]: {**row, "kept": names[row["kept_doc_id"]], "cluster": names[row["cluster_id"]]}
        for row in rows
    }


def test_only_what_was_verified_against_the_kept_document_is_removed(decided: Decisions) -> None:
    removed = {name: (row["kept"], row["rule"], row["jaccard"]) for name, row in decided.items()}

    assert removed == {
        "near": ("kept", "near", 186 / 206),
        "copy of near": ("kept", "near", 186 / 206),
        "other": ("copy of other", "exact", 1.0),
        "short": ("copy of short", "exact", 1.0),
    }


def test_a_member_that_is_linked_only_transitively_is_kept_and_counted(
    run: tuple[Path, dict[str, Any]], decided: Decisions
) -> None:
    _, counts = run

    assert "far" not in decided
    assert (counts["transitive_only"], counts["components"], counts["verified_pairs"]) == (1, 1, 2)


def test_the_counts_are_those_of_the_decisions(run: tuple[Path, dict[str, Any]]) -> None:
    _, counts = run

    assert {name: counts[name] for name in ("documents", "decisions", "exact_removed", "near_removed")} == {
        "documents": 9,
        "decisions": 4,
        "exact_removed": 2,
        "near_removed": 2,
    }
    assert counts["exact_copies"] == 3
    assert counts["short_documents"] == 1
    assert counts["cluster_sizes"] == [[2, 2], [3, 1]]


def test_the_working_tables_are_gone_afterwards(run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = run

    assert not (folder / "dedup" / "work").exists()
