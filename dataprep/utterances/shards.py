"""Unique utterances to shards: token ids, frequency and weight, in the layout of all shards."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.spoken_form import SPOKEN
from dataprep.encryption import Vault
from dataprep.parts import PartWriter, part_name, regrouped
from dataprep.shards.cells import CLUSTERS
from dataprep.shards.tokenizer import load
from dataprep.shards.writer import SHARD_OPTIONS, shard_path

_COLUMNS: Final = [
    s.DOC_ID,
    s.SOURCE,
    s.FILE,
    s.TEXT,
    s.CLUSTER_SIZE,
    s.FORM,
    s.DOMAIN,
    s.FREQUENCY,
    s.WEIGHT,
]


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard: every `of`-th part of the ids of a locale and split.

    Attributes:
        places: parts of `documents/` and the row groups of each that hold rows of the locale and split.
    """

    locale: str
    split: str
    shard: int
    of: int
    places: tuple[tuple[int, tuple[int, ...]], ...]

    def to_json(self) -> str:
        """The task as one line, for the way to an executor."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The task that `to_json` wrote."""
        value = json.loads(line)
        value["places"] = tuple((part, tuple(groups)) for part, groups in value["places"])
        return cls(**value)


def shard_tasks(
    groups: Sequence[tuple[int, Sequence[tuple[str, str, int, int]]]], shard_bytes: int
) -> list[ShardTask]:
    """The shards of a run, sorted.

    Args:
        groups: per part of `documents/`, in order, its row groups: locale, split, rows, bytes of text.
        shard_bytes: text per shard, as a target.
    """
    places: dict[tuple[str, str], dict[int, list[int]]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for part, of_part in groups:
        for number, (locale, split, _, size_bytes) in enumerate(of_part):
            places.setdefault((locale, split), {}).setdefault(part, []).append(number)
            sizes[locale, split] = sizes.get((locale, split), 0) + size_bytes
    return [
        ShardTask(
            locale, split, shard, of, tuple((part, tuple(numbers)) for part, numbers in sorted(parts.items()))
        )
        for (locale, split), parts in sorted(places.items())
        for of in (-(-sizes[locale, split] // shard_bytes) or 1,)
        for shard in range(of)
    ]


def write_utterance_shard(
    task: ShardTask, *, run_dir: str, tokenizer_path: str, vault: Vault, row_group_rows: int
) -> dict[str, Any]:
    """Encode and write one shard, sorted by id.

    Returns:
        As `shards.writer.write_shards`, and of its rows `frequency` and `upsampled`: the sums of frequency and weight,
        and `upsampled_tokens`: tokens times weight. The `cells`, which the plan is made of, count each row `weight`
        times, as the reader draws it. Empty where no id falls into the shard.
    """
    path = shard_path(task.locale, task.split, task.shard)
    writer = PartWriter(files.join(run_dir, "shards", path), **SHARD_OPTIONS, **vault.options())
    counts = {"rows": 0, "tokens": 0, "frequency": 0, "upsampled": 0, "upsampled_tokens": 0}
    kept: dict[tuple[str, str], int] = {}
    drawn: dict[str, Counter[str]] = {}
    try:
        for batch in regrouped(
            _encoded(task, run_dir, tokenizer_path, vault, kept), s.UTTERANCE_SHARD, row_group_rows
        ):
            writer.write(batch)
            tokens_N = batch.column(s.NUM_TOKENS).to_numpy().astype(np.int64)
            weight_N = batch.column(s.WEIGHT).to_numpy()
            counts["rows"] += batch.num_rows
            counts["tokens"] += int(tokens_N.sum())
            counts["frequency"] += pc.sum(batch.column(s.FREQUENCY)).as_py()
            counts["upsampled"] += int(weight_N.sum(dtype=np.int64))
            counts["upsampled_tokens"] += int((tokens_N * weight_N).sum())
            sources = batch.column(s.SOURCE).to_numpy(zero_copy_only=False)
            for source in set(sources):
                of_source = sources == source
                drawn.setdefault(source, Counter()).update(
                    rows=int(weight_N[of_source].sum(dtype=np.int64)),
                    tokens=int((tokens_N * weight_N)[of_source].sum()),
                )
        file = writer.commit()
    except BaseException:
        writer.discard()
        raise
    if file is None:
        return {}
    return {
        "path": path,
        "split": task.split,
        "locale": task.locale,
        **counts,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "cells": [
            {s.SOURCE: source, s.FORM: SPOKEN, CLUSTERS: 1, **counted}
            for source, counted in sorted(drawn.items())
        ],
        "kept": [[source, name, count] for (source, name), count in sorted(kept.items())],
    }


def _encoded(
    task: ShardTask, run_dir: str, tokenizer_path: str, vault: Vault, kept: dict[tuple[str, str], int]
) -> Iterator[pa.RecordBatch]:
    """Rows of the shard in the order of their ids; counts them by source and file."""
    processor = load(tokenizer_path)
    paths = [files.join(run_dir, "documents", part_name(part)) for part, _ in task.places]
    for file, (_, groups) in zip(vault.opened(paths, "encode shards"), task.places, strict=True):
        for batch in file.iter_batches(row_groups=list(groups), columns=_COLUMNS):
            ids = batch.column(s.DOC_ID).to_pylist()
            in_shard = [int(doc_id[:8], 16) * task.of >> 32 == task.shard for doc_id in ids]
            rows = batch.filter(pa.array(in_shard, pa.bool_()))
            for place in zip(rows.column(s.SOURCE).to_pylist(), rows.column(s.FILE).to_pylist(), strict=True):
                kept[place] = kept.get(place, 0) + 1
            encoded = [
                np.asarray(processor.encode(text, return_type="numpy"), np.int32)
                for text in rows.column(s.TEXT).to_pylist()
            ]
            lengths = np.array([len(each) for each in encoded], np.int32)
            columns = {
                s.INPUT_IDS: pa.ListArray.from_arrays(
                    pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32()),
                    pa.array(np.concatenate([*encoded, np.zeros(0, np.int32)])),
                ),
                s.NUM_TOKENS: pa.array(lengths),
            }
            yield pa.RecordBatch.from_arrays(
                [columns[name] if name in columns else rows.column(name) for name in s.UTTERANCE_SHARD.names],
                schema=s.UTTERANCE_SHARD,
            )
