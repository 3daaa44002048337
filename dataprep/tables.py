"""Writing a DataFrame as Parquet files whose bytes depend on its rows only, not on how Spark had spread them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from dataprep import files
from dataprep.parts import ROWS_PER_GROUP, PartWriter, grouped, part_name, regrouped

ROWS_PER_FILE: Final = 2_000_000


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


def write_parts(frame: DataFrame, folder: str, *, order_by: Sequence[str]) -> int:
    """Write a table in a total order, in as many files as its size asks for. Starts Spark jobs.

    Args:
        frame: the rows.
        folder: where the files go; it has a file per two million rows, and none for an empty table.
        order_by: columns that order the rows totally; the first decides the file, by hash.

    Returns:
        The number of rows.
    """
    rows = frame.count()
    num_files = -(-rows // ROWS_PER_FILE)
    files.make_folder(folder)
    if rows:
        file_index = F.pmod(F.xxhash64(order_by[0]), F.lit(num_files)).cast("int")
        written = (
            frame.withColumn("_file", file_index)
            .repartition(num_files, "_file")
            .sortWithinPartitions("_file", *order_by)
            .mapInArrow(_write(folder, frame.schema), "rows long")
            .agg(F.sum("rows").alias("rows"))
            .collect()
        )
        assert written[0]["rows"] == rows, f"{folder}: {written[0]['rows']} of {rows} rows were written"
    return rows


def _write(folder: str, schema: StructType) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    arrow_schema = to_arrow_schema(schema)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (index,), of_file in grouped(batches, "_file"):
            writer = PartWriter(files.join(folder, part_name(int(index))))
            written = 0
            for batch in regrouped(of_file, arrow_schema, ROWS_PER_GROUP):
                writer.write(batch)
                written += batch.num_rows
            writer.commit()
            yield pa.RecordBatch.from_pydict({"rows": pa.array([written], pa.int64())})

    return write
