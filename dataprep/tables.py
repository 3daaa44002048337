"""Plain Python functions as Spark tasks."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import SparkSession


def run_tasks(spark: SparkSession, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
    """Run a plain Python function on the executors, one task per payload; its answers in the same order.

    Args:
        spark: the session.
        payloads: one line of text per task.
        work: what a task does with its line.
    """
    if not payloads:
        return []

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for index, payload in zip(batch["index"].to_pylist(), batch["payload"].to_pylist(), strict=True):
                yield pa.RecordBatch.from_pydict({"index": [index], "answer": [work(payload)]})

    rows = spark.sparkContext.parallelize(list(enumerate(payloads)), len(payloads))
    answers = spark.createDataFrame(rows, "index long, payload string").mapInArrow(
        run, "index long, answer string"
    )
    return [row["answer"] for row in sorted(answers.collect(), key=lambda row: int(row["index"]))]
