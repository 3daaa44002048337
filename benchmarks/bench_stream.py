"""Speed of the stream of training data beside two peers, on the same documents, as one Markdown table.

    OMP_NUM_THREADS=1 python -m benchmarks.bench_stream --peer-python /path/to/python

Every reader makes batches of 256 sequences of 512 tokens, int64 tensors, out of zstd Parquet in one process on one
core: ours with segment and position ids, the peers with token ids alone. Hugging Face `datasets` streams the same
shards; it is measured as its documentation has it (`shuffle`, and `map` with the function that joins and cuts lists),
with Arrow batches joined and cut by NumPy, and so without its `shuffle`, in the order of the files. MosaicML
`streaming` reads its own format, which the documents are first cut into and copied to; the time for that is stated. A
peer that PATH does not have is left out.

Figures are tokens per second of CPU time of the process, in the best of several passes, so that neighbours on a
shared machine do not count; wall time is beside it. Pages are in the cache of the operating system.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.common import machine_facts, markdown_table, publish, work_folder
from training.stream import TokenStream
from training.stream_config import StreamConfig

LOCALES: Final = {"de-DE": 0.3, "en-US": 0.4, "hi-IN": 0.1, "ja-JP": 0.2}
VOCAB_SIZE: Final = 150_000
MEAN_TOKENS: Final = 400
ROW_GROUP_ROWS: Final = 2_000  # the data pipeline's default
SHARDS_PER_LOCALE: Final = 4
SEQ_LEN: Final = 512
BATCH: Final = 256
PASSES: Final = 3
PEERS: Final = ("datasets_stream", "mosaicml_stream")


def write_corpus(folder: Path, tokens: int) -> None:
    """Write shards of random documents: lengths log-normal, ids by Zipf's law, as zstd Parquet of the real schema."""
    rng = np.random.default_rng(0)
    rank_probability = 1 / (np.arange(VOCAB_SIZE) + 10.0)
    cumulative = np.cumsum(rank_probability / rank_probability.sum())
    entries = []
    for locale, share in LOCALES.items():
        for shard in range(SHARDS_PER_LOCALE):
            rows = int(tokens * share / SHARDS_PER_LOCALE / MEAN_TOKENS)
            sigma = 1.0
            lengths = np.maximum(
                1, rng.lognormal(np.log(MEAN_TOKENS) - sigma**2 / 2, sigma, rows).astype(np.int64)
            )
            ids = np.searchsorted(cumulative, rng.random(int(lengths.sum()))).astype(np.int32)
            path = f"locale={locale}/split=train/part-{shard:05d}.parquet"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            entry = _write_shard(folder / path, lengths, np.minimum(ids, VOCAB_SIZE - 1))
            entries.append({**entry, "path": path, "split": "train", "locale": locale})
    total = sum(entry["tokens"] for entry in entries)
    by_locale = {
        name: sum(entry["tokens"] for entry in entries if entry["locale"] == name) for name in LOCALES
    }
    manifest = {
        "schema_version": 1,
        "tokenizer_sha256": "none",
        "vocab_size": VOCAB_SIZE,
        "files": entries,
        "plan": {
            "schema_version": 2,
            "total_tokens": total,
            "locales": {
                name: {"tokens": count, "target_share": count / total} for name, count in by_locale.items()
            },
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _write_shard(path: Path, lengths: npt.NDArray[np.int64], ids: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Write a shard with the data pipeline's own writer if it is installed, and as it does if not."""
    rows = len(lengths)
    doc_ids = [f"{row:032x}" for row in range(rows)]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    common = {
        "source": ["web"] * rows,
        "cluster_size": pa.array([1] * rows, pa.int32()),
        "form": ["written"] * rows,
    }
    try:
        from dataprep.shards.writer import _ENCODED, IDS, write_shard
    except ImportError:
        columns = {
            "doc_id": doc_ids,
            "source": common["source"],
            "input_ids": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(ids)),
            "num_tokens": pa.array(lengths.astype(np.int32)),
            "cluster_size": common["cluster_size"],
            "form": common["form"],
        }
        pq.write_table(
            pa.table(columns),
            path,
            row_group_size=ROW_GROUP_ROWS,
            compression="zstd",
            compression_level=3,
            use_dictionary=["source", "form"],
        )
        return {
            "rows": rows,
            "tokens": int(lengths.sum()),
            "bytes": path.stat().st_size,
            "sha256": "not computed",
        }
    packed = [ids[start:end].tobytes() for start, end in pairwise(offsets)]
    columns = {"doc_id": doc_ids, "file": ["a"] * rows, IDS: pa.array(packed, pa.large_binary()), **common}
    batch = pa.RecordBatch.from_arrays(
        [pa.array(columns[name], _ENCODED.field(name).type) for name in _ENCODED.names], schema=_ENCODED
    )
    entry: dict[str, Any] = write_shard(str(path), iter([batch]), ROW_GROUP_ROWS)
    return entry


def measure_stream(folder: str) -> dict[str, Any]:
    """Passes over all tokens, once each; the best."""
    config = StreamConfig(shards=folder, seq_len=SEQ_LEN, batch_sequences=BATCH)
    begin = time.perf_counter()
    stream = TokenStream(config)
    start_s = time.perf_counter() - begin
    steps = int(sum(stream.epoch_samples().values())) // BATCH
    best: dict[str, Any] = {}
    for _ in range(PASSES):
        iterator = iter(stream)
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(steps):
            next(iterator)
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        if not best or cpu_s < best["cpu_s"]:
            best = {"tokens": steps * BATCH * SEQ_LEN, "cpu_s": cpu_s, "wall_s": wall_s}
    return {"name": "this project: packed, segments, positions", **best, "before_s": start_s}


def child(command: Sequence[str], core: int) -> list[dict[str, Any]]:
    """Run a reader in its own process on one core; the measurements that it prints, one a line."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    run = subprocess.run(
        command,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if run.returncode:
        print(f"left out: {' '.join(command[:3])} ended with {run.returncode}", file=sys.stderr)
        return []
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    """Write the corpus, run every reader, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=60_000_000, help="size of the corpus")
    parser.add_argument("--peer-python", help="Python of an environment that has the peers")
    parser.add_argument("--keep", help="folder to write to and leave; default: a temporary one")
    parser.add_argument("--output", help="file to write the table to as well")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        torch.set_num_threads(1)
        print(json.dumps(measure_stream(args.measure)))
        return
    core = max(os.sched_getaffinity(0))
    with work_folder(args.keep) as folder:
        shards = folder / "shards"
        write_corpus(shards, args.tokens)
        rows = child([sys.executable, "-m", "benchmarks.bench_stream", "--measure", str(shards)], core)
        if args.peer_python:
            for peer in PEERS:
                script = str(Path(__file__).parent / "peers" / f"{peer}.py")
                rows += child([args.peer_python, script, str(shards), str(folder)], core)
    own = rows[0]["tokens"] / rows[0]["cpu_s"]
    table = markdown_table(
        ["reader", "M tokens/s (CPU)", "M tokens/s (wall)", "ours is", "before the first batch (s)"],
        [
            [
                row["name"],
                f"{row['tokens'] / row['cpu_s'] / 1e6:.1f}",
                f"{row['tokens'] / row['wall_s'] / 1e6:.1f}",
                f"{own / (row['tokens'] / row['cpu_s']):.1f}×",
                f"{row['before_s']:.2f}",
            ]
            for row in rows
        ],
    )
    facts = machine_facts("torch", "pyarrow", "numpy")
    publish(
        f"{rows[0]['tokens'] / 1e6:.0f} M tokens, one core of: {facts}. Best of {PASSES} passes.\n\n{table}",
        args.output,
    )


if __name__ == "__main__":
    main()
