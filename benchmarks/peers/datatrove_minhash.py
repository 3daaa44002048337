"""datatrove's four MinHash steps on a folder of Parquet files, as its example `minhash_deduplication.py` chains them.

Run with the Python of datatrove's own environment; imports nothing of this project:

    python datatrove_minhash.py CORPUS WORK --cores 2

reads `id` and `text` of CORPUS/*.parquet and writes the documents that stay to WORK/kept/*.parquet. Everything is left
at datatrove's defaults: word 5-grams of its English tokeniser, 14 bands of 8 rows, 64-bit hashes.
"""

import argparse
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.typeshelper import Languages


def main() -> None:
    """Run the steps one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--cores", type=int, required=True)
    args = parser.parse_args()
    config = MinhashConfig()
    files = len(list(args.corpus.glob("*.parquet")))  # a task per file, since tasks do not share one
    signatures, buckets, removed = (str(args.work / name) for name in ("signatures", "buckets", "remove"))
    # Each step names its own log folder: datatrove skips tasks that a log says are complete.
    steps = (
        (
            "signature",
            files,
            [
                ParquetReader(str(args.corpus)),
                MinhashDedupSignature(signatures, config=config, language=Languages.english),
            ],
        ),
        ("buckets", config.num_buckets, [MinhashDedupBuckets(signatures, buckets, config=config)]),
        ("cluster", 1, [MinhashDedupCluster(buckets, removed, config=config)]),
        (
            "filter",
            files,
            [
                ParquetReader(str(args.corpus)),
                MinhashDedupFilter(removed),
                ParquetWriter(str(args.work / "kept")),
            ],
        ),
    )
    for name, tasks, pipeline in steps:
        LocalPipelineExecutor(
            pipeline,
            tasks=tasks,
            workers=min(tasks, args.cores),
            logging_dir=str(args.work / "logs" / name),
        ).run()


if __name__ == "__main__":
    main()
