"""MosaicML `streaming` on its own format: conversion, then shuffled batches; tokens, seconds.

Run with the Python of an environment that has mosaicml-streaming, torch and pyarrow; imports nothing of this project:

    python mosaicml_stream.py SHARDS WORK

Joins the documents, cuts them into sequences and writes them to WORK/mds, as its users do before they train; then
reads them. Prints one line of JSON, in which `before_s` is the time of the conversion.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from streaming import MDSWriter, StreamingDataset
from torch.utils.data import DataLoader

SEQ_LEN = 512
BATCH = 256
PASSES = 3


def convert(folder: str, target: str) -> None:
    """Write every sequence as an array of int32, compressed with zstd like the shards."""
    with MDSWriter(
        out=target, columns={"tokens": f"ndarray:int32:{SEQ_LEN}"}, compression="zstd:3"
    ) as writer:
        rest = np.zeros(0, np.int32)
        for path in sorted(Path(folder).rglob("*.parquet")):
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=["input_ids"])["input_ids"].combine_chunks()
                rest = np.concatenate([rest, column.flatten().to_numpy()])
                whole = len(rest) // SEQ_LEN * SEQ_LEN
                for sequence in rest[:whole].reshape(-1, SEQ_LEN):
                    writer.write({"tokens": sequence})
                rest = rest[whole:]


def main() -> None:
    """Convert, read, print."""
    torch.set_num_threads(1)
    folder, target = sys.argv[1], f"{sys.argv[2]}/mds"
    begin = time.perf_counter()
    convert(folder, target)
    before_s = time.perf_counter() - begin
    best: dict[str, object] = {}
    # Local shards stay decompressed beside the packed ones after the first pass, so later passes only read.
    for _ in range(PASSES):
        dataset = StreamingDataset(local=target, shuffle=True, batch_size=BATCH, keep_zip=True)
        tokens, cpu, wall = 0, time.process_time(), time.perf_counter()
        for batch in DataLoader(dataset, batch_size=BATCH, drop_last=True):
            tokens += batch["tokens"].long().numel()
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        if not best or cpu_s < best["cpu_s"]:
            best = {"tokens": tokens, "cpu_s": cpu_s, "wall_s": wall_s, "before_s": before_s}
    import streaming

    print(json.dumps({"name": f"mosaicml-streaming {streaming.__version__}, MDS", **best}), flush=True)


if __name__ == "__main__":
    main()
