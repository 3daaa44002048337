"""Hugging Face `datasets` streaming the shards, shuffled, into packed batches: tokens, seconds.

Run with the Python of an environment that has datasets, torch and pyarrow; imports nothing of this project:

    python datasets_stream.py SHARDS WORK

Prints three lines of JSON. The first reader is that of the documentation (`shuffle`, and `map` in batches with the
function that joins lists and cuts them). The second shuffles as well, takes Arrow batches, and joins and cuts them with
NumPy. The third leaves `shuffle` out. The first stops early: its speed does not change.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import datasets
import numpy as np
import torch

SEQ_LEN = 512
BATCH = 256
SHUFFLE_BUFFER = 1000
PASSES = 3


def opened(folder: str) -> datasets.IterableDataset:
    """The train split, in an order of files and rows that is shuffled as far as the buffer goes."""
    paths = sorted(str(path) for path in Path(folder).rglob("*.parquet") if "split=train" in str(path))
    return datasets.load_dataset(
        "parquet", data_files=paths, split="train", streaming=True, columns=["input_ids"]
    )


def as_documented(folder: str) -> Iterator[torch.Tensor]:
    """Batches as in the documentation of language modelling."""

    def group_texts(examples: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = list(chain.from_iterable(examples["input_ids"]))
        total = len(joined) // SEQ_LEN * SEQ_LEN
        return {"input_ids": [joined[i : i + SEQ_LEN] for i in range(0, total, SEQ_LEN)]}

    shuffled = opened(folder).shuffle(seed=0, buffer_size=SHUFFLE_BUFFER)
    grouped = shuffled.map(group_texts, batched=True, batch_size=1000).with_format("torch")
    for batch in torch.utils.data.DataLoader(grouped, batch_size=BATCH, drop_last=True):
        yield batch["input_ids"]


def arrow_shuffled(folder: str) -> Iterator[torch.Tensor]:
    """Arrow batches after `shuffle`, which goes through the rows one by one."""
    return packed(opened(folder).shuffle(seed=0, buffer_size=SHUFFLE_BUFFER))


def arrow_in_order(folder: str) -> Iterator[torch.Tensor]:
    """Arrow batches, whose 1,000 rows are shuffled among themselves; files and batches stay in order."""
    return packed(opened(folder))


def packed(rows_of: datasets.IterableDataset) -> Iterator[torch.Tensor]:
    """Batches joined and cut by NumPy."""
    rng = np.random.default_rng(0)
    held, length = [], 0
    for table in rows_of.with_format("arrow").iter(batch_size=SHUFFLE_BUFFER):
        rows = table.take(rng.permutation(table.num_rows))["input_ids"]
        for chunk in rows.chunks:
            held.append(chunk.flatten().to_numpy())
            length += len(held[-1])
        if length < BATCH * SEQ_LEN:
            continue
        rest = np.concatenate(held)
        whole = len(rest) // (BATCH * SEQ_LEN) * (BATCH * SEQ_LEN)
        for start in range(0, whole, BATCH * SEQ_LEN):
            ids = rest[start : start + BATCH * SEQ_LEN].astype(np.int64)
            yield torch.from_numpy(ids.reshape(BATCH, SEQ_LEN))
        held, length = [rest[whole:]], len(rest) - whole


def measure(
    name: str, batches: Callable[[str], Iterator[torch.Tensor]], folder: str, limit: int | None, passes: int
) -> None:
    """Print the best of several passes.

    Whole passes are measured from their first moment to their last, so that nothing read ahead is missed. One that
    stops early is measured from its second batch on, so that its start does not weigh too much.
    """
    best: dict[str, object] = {}
    for _ in range(passes):
        cpu, wall = time.process_time(), time.perf_counter()
        iterator = batches(folder)
        tokens = next(iterator).numel()
        before_s = time.perf_counter() - wall
        if limit is not None:
            tokens, cpu, wall = 0, time.process_time(), time.perf_counter()
        for batch in iterator:
            tokens += batch.numel()
            if limit is not None and tokens >= limit:
                break
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        if not best or cpu_s / tokens < best["cpu_s"] / best["tokens"]:
            best = {"tokens": tokens, "cpu_s": cpu_s, "wall_s": wall_s, "before_s": before_s}
    print(json.dumps({"name": f"datasets {datasets.__version__}, {name}", **best}), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure("as documented", as_documented, sys.argv[1], 1_500_000, 1)
    measure("Arrow and NumPy, shuffled", arrow_shuffled, sys.argv[1], None, PASSES)
    measure("Arrow and NumPy, files in order", arrow_in_order, sys.argv[1], None, PASSES)
