"""Documents with the first rule that rejects each: read part by part inside tasks, without their text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.filter.rules import RuleSet, rule_set
from dataprep.parts import part_name, part_number

_BATCH_ROWS: Final = 1 << 16


def marked_part(
    documents_dir: str, part: int, columns: Sequence[str], rules: RuleSet | None
) -> Iterator[pa.RecordBatch]:
    """Some columns of a documents file, and `drop_reason`: a dictionary array, null where no rule rejects.

    Args:
        documents_dir: `documents/` of the run.
        part: number of the file.
        columns: what is wanted besides.
        rules: the rules; null rejects nothing, and their signals need not be there.
    """
    read = list(dict.fromkeys([*columns, *(rules.columns if rules else [])]))
    with files.open_binary(files.join(documents_dir, part_name(part))) as file:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=read):
            reasons = rules.drop_reasons(batch) if rules else _no_reasons(batch.num_rows)
            yield batch.select(list(columns)).append_column(s.DROP_REASON, reasons)


def _no_reasons(rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()), pa.array([], pa.string()))


def marked_documents(
    spark: SparkSession, config: PrepareConfig, run_dir: str, columns: Sequence[str]
) -> DataFrame:
    """Some columns of all documents, and `drop_reason`. Lazy; one task per documents file.

    Args:
        spark: the session.
        config: settings.
        run_dir: run folder with at least one documents file.
        columns: what is wanted besides.

    Raises:
        ThresholdsError: the thresholds file cannot be used.
    """
    folder = files.join(run_dir, "documents")
    paths = files.list_files(folder, ".parquet")
    with files.open_binary(paths[0]) as file:
        stored = pq.read_schema(file)
    types = [stored.field(name).type for name in columns]
    types = [pa.binary() if pa.types.is_fixed_size_binary(each) else each for each in types]
    schema = pa.schema([*zip(columns, types, strict=True), (s.DROP_REASON, pa.string())])
    parts = [(part_number(path),) for path in paths]
    numbers = spark.createDataFrame(spark.sparkContext.parallelize(parts, len(parts)), f"{s.PART} int")
    return numbers.mapInArrow(_mark(folder, schema, rule_set(config)), from_arrow_schema(schema))


def _mark(
    folder: str, schema: pa.Schema, rules: RuleSet
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    columns = [name for name in schema.names if name != s.DROP_REASON]

    def mark(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for numbers in batches:
            for part in numbers.column(s.PART).to_pylist():
                for batch in marked_part(folder, part, columns, rules):
                    yield batch.cast(schema)  # Spark knows no dictionaries and no binaries of a fixed size

    return mark
