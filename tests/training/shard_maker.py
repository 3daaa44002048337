"""Small folders of shards with the real schema, written without the data pipeline."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SHARD = pa.schema(
    [
        ("doc_id", pa.string()),
        ("source", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("num_tokens", pa.int32()),
        ("cluster_size", pa.int32()),
        ("form", pa.string()),
    ]
)
UTTERANCES = pa.schema([*SHARD, ("domain", pa.string()), ("frequency", pa.int64()), ("weight", pa.int32())])
VOCAB_SIZE = 1_000_000


def write_shard(
    path: Path,
    documents: Sequence[Sequence[int]],
    *,
    row_group_rows: int = 3,
    sources: Sequence[str] | None = None,
    cluster_sizes: Sequence[int] | None = None,
    weights: Sequence[int] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write one shard; its entry in the manifest, but for path, split and locale."""
    rows = len(documents)
    columns: dict[str, Any] = {
        "doc_id": [f"{path.stem}-{row}" for row in range(rows)],
        "source": sources or ["web"] * rows,
        "input_ids": documents,
        "num_tokens": [len(document) for document in documents],
        "cluster_size": cluster_sizes or [1] * rows,
        "form": ["written"] * rows,
    }
    schema = SHARD
    if weights is not None:
        columns |= {"domain": ["home"] * rows, "frequency": weights, "weight": weights}
        schema = UTTERANCES
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns, schema=schema)
    pq.write_table(
        table,
        path,
        row_group_size=row_group_rows,
        compression="zstd",
        use_dictionary=["source", "form"],
        **options,
    )
    data = path.read_bytes()
    return {
        "rows": rows,
        "tokens": sum(columns["num_tokens"]),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def numbered(lengths: Sequence[int], first: int) -> list[list[int]]:
    """Documents of these lengths, in which no token id comes twice."""
    ends = np.cumsum(lengths) + first
    return [
        list(range(end - length, end)) for end, length in zip(ends.tolist(), map(int, lengths), strict=True)
    ]


def plan_of(shares: Mapping[str, float], tokens: Mapping[str, int]) -> dict[str, Any]:
    """A plan with one phase and a cell per locale."""
    return plan_with_phases([(0, shares)], tokens)


def plan_with_phases(
    phases: Sequence[tuple[int, Mapping[str, float]]], tokens: Mapping[str, int]
) -> dict[str, Any]:
    """A plan with a cell per locale, and in each phase the shares from a token on."""
    locales = sorted(tokens)
    return {
        "schema_version": 2,
        "total_tokens": sum(tokens.values()),
        "locales": {name: {"tokens": tokens[name], "target_share": phases[0][1][name]} for name in locales},
        "cells": [
            {"locale": name, "source": "web", "form": "written", "tokens": tokens[name], "clusters": []}
            for name in locales
        ],
        "phases": [
            {"from_token": start, "cells": [{"target_share": shares[name]} for name in locales]}
            for start, shares in phases
        ],
    }


def write_manifest(folder: Path, files: Sequence[Mapping[str, Any]], plan: Any, **fields: Any) -> None:
    """Write manifest.json."""
    manifest = {
        "schema_version": 1,
        "tokenizer_sha256": "t",
        "config_sha256": "c",
        "vocab_size": VOCAB_SIZE,
        "plan": plan,
        "files": list(files),
        **fields,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True))


def write_locale(
    folder: Path,
    locale: str,
    shards: Sequence[Sequence[Sequence[int]]],
    *,
    split: str = "train",
    **options: Any,
) -> list[dict[str, Any]]:
    """Write the shards of a locale and split; their entries."""
    entries = []
    for number, documents in enumerate(shards):
        path = f"locale={locale}/split={split}/part-{number:05d}.parquet"
        entry = write_shard(folder / path, documents, **options)
        entries.append({**entry, "path": path, "split": split, "locale": locale})
    return entries


def write_corpus(
    folder: Path,
    lengths: Mapping[str, Sequence[Sequence[int]]],
    shares: Mapping[str, float] | None = None,
    *,
    validation: Mapping[str, Sequence[int]] | None = None,
    **options: Any,
) -> dict[str, list[list[int]]]:
    """Write a folder of shards in which no token id comes twice.

    Args:
        folder: the folder.
        lengths: per locale and shard, the lengths of its documents.
        shares: of the plan; equal by default.
        validation: per locale, the lengths of one validation shard.
        options: of `write_shard`.

    Returns:
        Per locale, its training documents.
    """
    first, entries, documents = 0, [], {}
    for locale, of_locale in lengths.items():
        shards = []
        for of_shard in of_locale:
            shards.append(numbered(of_shard, first))
            first += sum(of_shard)
        entries += write_locale(folder, locale, shards, **options)
        documents[locale] = [document for shard in shards for document in shard]
    for locale, of_shard in (validation or {}).items():
        entries += write_locale(folder, locale, [numbered(of_shard, first)], split="validation", **options)
        first += sum(of_shard)
    tokens = {locale: sum(map(len, documents[locale])) for locale in documents}
    shares = shares or {locale: 1 / len(tokens) for locale in tokens}
    write_manifest(folder, entries, plan_of(shares, tokens))
    return documents
