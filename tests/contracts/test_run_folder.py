"""The run folder as other programs see it: names, columns, and numbers that can be recomputed from the files."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
import yaml
from pipeline_helpers import Row, SampleRun

from dataprep.files import read_json
from dataprep.report.flow import flow
from dataprep.report.signals import rule_by_rule
from dataprep.shards.draw import draws, strata_of

DOCUMENT_COLUMNS = {
    "doc_id": pa.string(),
    "source": pa.string(),
    "locator": pa.string(),
    "file": pa.string(),
    "language": pa.string(),
    "locale": pa.string(),
    "lid_score": pa.float32(),
    "text": pa.string(),
}
DECISION_COLUMNS = {
    "doc_id": pa.string(),
    "kept_doc_id": pa.string(),
    "rule": pa.string(),
    "jaccard": pa.float64(),
    "bands_matched": pa.int32(),
    "cluster_id": pa.string(),
}
QUARANTINE_COLUMNS = {"file": pa.string(), "offset": pa.int64(), "reason": pa.string(), "sample": pa.binary()}
SHARD_SCHEMA = pa.schema(
    [
        ("doc_id", pa.string()),
        ("source", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("num_tokens", pa.int32()),
        ("cluster_size", pa.int32()),
        ("form", pa.string()),
    ]
)


def schemas(folder: Path) -> list[pa.Schema]:
    return [pq.read_schema(path) for path in sorted(folder.glob("*.parquet"))]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shards(sample_run: SampleRun) -> dict[str, pa.Table]:
    """Every shard that the folder holds, listed or not, by its path below `shards/`."""
    root = sample_run.folder / "shards"
    return {
        str(path.relative_to(root)): pq.ParquetFile(path).read() for path in sorted(root.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def shard_rows(shards: dict[str, pa.Table]) -> list[Row]:
    """Rows of all shards, with the `locale` and `split` that their path says."""
    return [
        {**row, **dict(part.split("=") for part in path.split("/")[:-1])}
        for path, table in shards.items()
        for row in table.to_pylist()
    ]


@pytest.fixture(scope="module")
def kept(sample_run: SampleRun) -> dict[str, Row]:
    """Kept documents with their fate, by id."""
    return {
        row["doc_id"]: {**row, **fate}
        for row, fate in zip(sample_run.documents, sample_run.fates, strict=True)
        if fate["drop_reason"] is None
    }


@pytest.mark.parametrize(
    ("folder", "columns"),
    [
        ("documents", DOCUMENT_COLUMNS),
        ("dedup/decisions", DECISION_COLUMNS),
        ("quarantine", QUARANTINE_COLUMNS),
        ("fates", {"doc_id": pa.string(), "drop_reason": pa.string()}),
    ],
)
def test_every_file_has_the_columns_that_the_contract_names(
    folder: str, columns: dict[str, pa.DataType], sample_run: SampleRun
) -> None:
    found = schemas(sample_run.folder / folder)

    assert found
    assert [{name: schema.field(name).type for name in columns} for schema in found] == [columns] * len(found)


def test_signals_can_be_read_without_text(sample_run: SampleRun) -> None:
    paths = sorted((sample_run.folder / "documents").glob("*.parquet"))

    table = pq.read_table(paths[0], columns=["num_chars", "alpha_fraction", "duplicate_line_fraction"])

    assert len(paths) > 1
    assert table.num_rows == pq.read_metadata(paths[0]).num_rows


def test_fates_lie_row_by_row_beside_the_documents(sample_run: SampleRun) -> None:
    keys = ("doc_id", "source", "file", "locale", "part", "row")
    names = [
        sorted(path.name for path in (sample_run.folder / folder).glob("*.parquet"))
        for folder in ("documents", "fates")
    ]

    documents, fates = (
        [tuple(row[key] for key in keys) for row in rows] for rows in (sample_run.documents, sample_run.fates)
    )

    assert names[0] == names[1]
    assert documents == fates


def test_decisions_name_every_removed_duplicate_once_and_a_kept_document(
    sample_run: SampleRun, kept: dict[str, Row]
) -> None:
    decisions = sample_run.decisions
    reasons = {"exact_duplicate": "exact", "near_duplicate": "near"}

    removed = Counter(
        (fate["doc_id"], reasons[fate["drop_reason"]])
        for fate in sample_run.fates
        if fate["drop_reason"] in reasons
    )

    assert Counter((row["doc_id"], row["rule"]) for row in decisions) == removed
    assert {row["kept_doc_id"] for row in decisions} <= set(kept)
    assert [row["cluster_id"] for row in decisions] == [row["kept_doc_id"] for row in decisions]


def recounted(
    documents: list[Row], fates: list[Row], quarantine: list[Row], name: str | None
) -> dict[str, Any]:
    """Ledger entries from the tables, per value of a column; `None` for the whole corpus."""

    def key(row: Row) -> str:
        group = {"source": row["source"], "locale": row["locale"], "file": f"{row['source']}/{row['file']}"}
        return group[name] if name else "total"

    read = Counter(key(row) for row in documents) + Counter(key(row) for row in quarantine)
    quarantined = Counter(key(row) for row in quarantine)
    by_fate = Counter((key(row), row["drop_reason"]) for row in fates)
    return {
        value: {
            "read": read[value],
            "kept": by_fate[value, None],
            "dropped": {why: n for (of, why), n in by_fate.items() if of == value and why is not None},
            "quarantined": quarantined[value],
        }
        for value in read
    }


@pytest.mark.parametrize("group", ["source", "locale", "file"])
def test_the_ledger_agrees_with_the_tables_for_every(group: str, sample_run: SampleRun) -> None:
    expected = recounted(sample_run.documents, sample_run.fates, sample_run.quarantine, group)

    entries = sample_run.ledger[f"by_{group}"]

    assert entries == expected


def test_the_total_of_the_ledger_agrees_with_the_tables(sample_run: SampleRun) -> None:
    expected = recounted(sample_run.documents, sample_run.fates, sample_run.quarantine, None)

    ledger = sample_run.ledger

    assert {"total": ledger["total"]} == expected
    assert set(ledger) == {"schema_version", "total", "by_source", "by_locale", "by_file"}
    assert ledger["schema_version"] == 1


def test_what_was_read_is_kept_dropped_or_quarantined_in_every_line_of_the_ledger(
    sample_run: SampleRun, shard_rows: list[Row]
) -> None:
    ledger = sample_run.ledger
    groups = [ledger["by_source"], ledger["by_locale"], ledger["by_file"], {"total": ledger["total"]}]

    unbalanced = [
        (name, entry)
        for group in groups
        for name, entry in group.items()
        if entry["read"] != entry["kept"] + sum(entry["dropped"].values()) + entry["quarantined"]
    ]

    assert unbalanced == []
    assert ledger["total"]["kept"] == len(shard_rows)


def test_the_manifest_has_its_fields_and_names_every_shard(
    sample_run: SampleRun, shards: dict[str, pa.Table]
) -> None:
    manifest = sample_run.manifest

    files = manifest["files"]

    assert set(manifest) == {
        "schema_version", "tokenizer_sha256", "config_sha256", "vocab_size", "plan", "files", "removals",
        "decontamination",
    }  # fmt: skip
    assert manifest["removals"] == manifest["decontamination"] == []
    assert manifest["schema_version"] == 1
    assert {frozenset(entry) for entry in files} == {
        frozenset({"path", "split", "locale", "rows", "tokens", "bytes", "sha256", "cells"})
    }
    assert [entry["path"] for entry in files] == sorted(shards)


def recounted_cells(table: pa.Table) -> list[Row]:
    """Rows and tokens per source, form and class of cluster sizes: 1, 2, 4 for 3 and 4, …"""
    rows: Counter[tuple[str, str, int]] = Counter()
    tokens: Counter[tuple[str, str, int]] = Counter()
    for row in table.to_pylist():
        key = row["source"], row["form"], 1 << (row["cluster_size"] - 1).bit_length()
        rows[key] += 1
        tokens[key] += len(row["input_ids"])
    return [
        {"source": key[0], "form": key[1], "clusters": key[2], "rows": rows[key], "tokens": tokens[key]}
        for key in sorted(rows)
    ]


def test_the_manifest_counts_and_hashes_every_shard_as_it_is_on_disk(
    sample_run: SampleRun, shards: dict[str, pa.Table]
) -> None:
    root = sample_run.folder / "shards"

    recomputed = [
        {
            "path": path,
            "locale": path.split("/")[0].removeprefix("locale="),
            "split": path.split("/")[1].removeprefix("split="),
            "rows": table.num_rows,
            "tokens": sum(len(ids) for ids in table["input_ids"].to_pylist()),
            "bytes": (root / path).stat().st_size,
            "sha256": sha256(root / path),
            "cells": recounted_cells(table),
        }
        for path, table in shards.items()
    ]

    assert sample_run.manifest["files"] == recomputed


def test_the_manifest_is_the_one_that_the_stage_vouches_for(sample_run: SampleRun) -> None:
    record = read_json(str(sample_run.folder / "shards" / "_stage.json"))

    digest = sha256(sample_run.folder / "shards" / "manifest.json")

    assert record["counts"]["manifest_sha256"] == digest


def test_the_manifest_names_the_tokenizer_by_its_hash_and_size(sample_run: SampleRun) -> None:
    model = sample_run.folder / "tokenizer" / "tokenizer.model"

    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))

    assert sample_run.manifest["tokenizer_sha256"] == sha256(model)
    assert sample_run.manifest["vocab_size"] == processor.vocab_size()


def test_every_shard_has_the_schema_of_the_contract(shards: dict[str, pa.Table]) -> None:
    different = {path: table.schema for path, table in shards.items() if table.schema != SHARD_SCHEMA}

    assert different == {}


def test_token_ids_decode_to_the_very_text_of_their_document(
    sample_run: SampleRun, shard_rows: list[Row], kept: dict[str, Row]
) -> None:
    model = sample_run.folder / "tokenizer" / "tokenizer.model"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))

    decoded = {row["doc_id"]: processor.decode(row["input_ids"]) for row in shard_rows}

    changed = [doc_id for doc_id, text in decoded.items() if text != kept[doc_id]["text"]]
    assert changed == []


def test_num_tokens_is_the_number_of_ids(shard_rows: list[Row]) -> None:
    wrong = [row["doc_id"] for row in shard_rows if row["num_tokens"] != len(row["input_ids"])]

    assert wrong == []


def test_shards_hold_exactly_the_kept_documents_each_in_its_locale_and_split(
    shard_rows: list[Row], kept: dict[str, Row]
) -> None:
    keys = ("doc_id", "source", "form", "locale", "split")

    held = Counter(tuple(row[key] for key in keys) for row in shard_rows)

    assert held == Counter(tuple(row[key] for key in keys) for row in kept.values())
    assert {row["split"] for row in shard_rows} == {"train", "validation"}


def test_rows_of_a_shard_are_in_the_order_of_their_ids(shards: dict[str, pa.Table]) -> None:
    ids = [table["doc_id"].to_pylist() for table in shards.values()]

    assert ids == [sorted(of_shard) for of_shard in ids]


def test_cluster_size_is_one_more_than_the_decisions_that_point_at_the_document(
    sample_run: SampleRun, shard_rows: list[Row]
) -> None:
    pointing = Counter(row["kept_doc_id"] for row in sample_run.decisions)

    sizes = {row["doc_id"]: row["cluster_size"] for row in shard_rows}

    assert sizes == {doc_id: 1 + pointing[doc_id] for doc_id in sizes}
    assert sum(sizes.values()) == len(sizes) + len(sample_run.decisions)


def test_no_text_is_in_both_splits(sample_run: SampleRun) -> None:
    splits: dict[bytes, set[str]] = {}
    for row, fate in zip(sample_run.documents, sample_run.fates, strict=True):
        splits.setdefault(row["content_hash"], set()).add(fate["split"])

    in_both = [content_hash for content_hash, of_text in splits.items() if len(of_text) > 1]

    assert in_both == []


def test_the_plan_has_the_shares_that_the_training_tokens_ask_for(sample_run: SampleRun) -> None:
    train = [entry for entry in sample_run.manifest["files"] if entry["split"] == "train"]
    tokens = {entry["locale"]: entry["tokens"] for entry in train}
    total = sum(tokens.values())
    weight = sum(n**0.3 for n in tokens.values())
    expected = {
        locale: {
            "documents": sum(entry["rows"] for entry in train if entry["locale"] == locale),
            "tokens": n,
            "natural_share": pytest.approx(n / total, rel=1e-9),
            "base_share": pytest.approx(n**0.3 / weight, rel=1e-9),
            "target_share": pytest.approx(n**0.3 / weight, rel=1e-9),
            "expected_tokens": pytest.approx(n**0.3 / weight * total, rel=1e-9),
            "expected_repeats": pytest.approx(n**0.3 / weight * total / n, rel=1e-9),
        }
        for locale, n in tokens.items()
    }

    plan = sample_run.plan

    assert len(tokens) == len(train) == 26
    assert (plan["schema_version"], plan["method"], plan["alpha"], plan["held"]) == (
        2,
        "temperature",
        0.3,
        [],
    )
    assert (plan["total_tokens"], plan["budget_tokens"]) == (total, total)
    assert plan["locales"] == expected
    assert sum(locale["target_share"] for locale in plan["locales"].values()) == pytest.approx(1, abs=1e-12)


def test_the_plan_counts_the_train_rows_of_every_cell_source_and_form(
    sample_run: SampleRun, shard_rows: list[Row]
) -> None:
    rows = [row for row in shard_rows if row["split"] == "train"]
    documents = Counter((row["locale"], row["source"], row["form"]) for row in rows)
    tokens = Counter[tuple[str, ...]]()
    for row in rows:
        tokens[row["locale"], row["source"], row["form"]] += len(row["input_ids"])

    plan = sample_run.plan

    cells = [(cell["locale"], cell["source"], cell["form"]) for cell in plan["cells"]]
    assert cells == sorted(documents)
    assert [(cell["documents"], cell["tokens"]) for cell in plan["cells"]] == [
        (documents[key], tokens[key]) for key in cells
    ]
    assert {name: entry["tokens"] for name, entry in plan["sources"].items()} == {
        name: sum(n for key, n in tokens.items() if key[1] == name) for name in {key[1] for key in tokens}
    }
    assert {name: entry["documents"] for name, entry in plan["forms"].items()} == {
        form: sum(n for key, n in documents.items() if key[2] == form) for form in ("spoken", "written")
    }


def test_the_one_step_of_a_plan_without_phases_is_the_whole(sample_run: SampleRun) -> None:
    plan = sample_run.plan

    (step,) = plan["phases"]

    assert (step["phase"], step["from_token"], step["tokens"]) == (0, 0, plan["budget_tokens"])
    for key in ("target_share", "expected_tokens", "expected_repeats"):
        assert [cell[key] for cell in step["cells"]] == pytest.approx([cell[key] for cell in plan["cells"]])
    assert [cell["clusters"] for cell in plan["cells"]] == [[]] * len(plan["cells"])


def test_documents_drawn_by_the_plan_have_its_shares(sample_run: SampleRun, shard_rows: list[Row]) -> None:
    rows = [row for row in shard_rows if row["split"] == "train"]
    numbers = {stratum[:3]: number for number, stratum in enumerate(strata_of(sample_run.plan))}
    tokens = np.array([len(row["input_ids"]) for row in rows])
    strata = np.array([numbers[row["locale"], row["source"], row["form"]] for row in rows])
    ids = np.array([int(row["doc_id"][:16], 16) for row in rows], np.uint64)

    drawn = draws(sample_run.plan, strata, tokens, ids, seed=1)

    total = np.bincount(strata[drawn.document_D], tokens[drawn.document_D])
    expected = [cell["expected_tokens"] for cell in sample_run.plan["cells"]]
    assert np.abs(total - expected).max() <= tokens.max() / 2


def test_the_plan_in_the_manifest_is_the_plan_of_the_run(sample_run: SampleRun) -> None:
    assert sample_run.manifest["plan"] == sample_run.plan


def test_quarantine_keeps_a_sample_of_the_bytes_of_every_record_that_has_any(sample_run: SampleRun) -> None:
    without = [row["reason"] for row in sample_run.quarantine if not row["sample"]]

    assert without in ([], ["empty_file"])
    assert min(row["offset"] for row in sample_run.quarantine) >= 0


def test_nothing_unfinished_is_left_in_the_run_folder(sample_run: SampleRun) -> None:
    left = [path.name for path in sample_run.folder.rglob("*") if path.name.endswith(".tmp")]

    assert left == []
    assert not (sample_run.folder / "dedup" / "work").exists()
    assert not (sample_run.folder / "precut").exists()


def test_the_report_gives_rules_the_credit_and_sources_the_tokens_that_the_run_gave_them(
    sample_run: SampleRun, shards: dict[str, pa.Table]
) -> None:
    folder, config = str(sample_run.folder), yaml.safe_dump(sample_run.config.model_dump(mode="json"))
    recorded = read_json(f"{folder}/fates/_stage.json")["counts"]
    found = rule_by_rule(folder, config, recorded["thresholds"])
    rows = flow(recorded["funnel"], sample_run.manifest)

    by_rule = {row["rule"]: row["credited"] for row in found["rules"] if row["credited"]}
    dropped = sample_run.ledger["total"]["dropped"]
    tokens: Counter[tuple[str, str]] = Counter()
    for path, table in shards.items():
        locale = path.partition("/")[0].removeprefix("locale=")
        for row in table.select(["source", "num_tokens"]).to_pylist():
            tokens[row["source"], locale] += row["num_tokens"]
    assert found["reason"] is None
    assert found["documents"] == len(sample_run.documents)
    assert by_rule == {reason: n for reason, n in dropped.items() if n and not reason.endswith("_duplicate")}
    assert {(row["source"], row["locale"]): row["tokens"] for row in rows if row["tokens"]} == dict(tokens)
