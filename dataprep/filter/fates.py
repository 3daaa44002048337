"""The fate of every document: kept, or the one reason why not. Row-aligned with the documents files.

`fates/part-N.parquet` has the rows of `documents/part-N.parquet` in the same order, so whoever reads text can walk both
files side by side, without a join; and a changed threshold rewrites this narrow table, never the text
(docs/design/0001-fates-beside-documents.md).
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.filter.contamination import contaminated
from dataprep.filter.marked import marked_documents
from dataprep.filter.rules import RULE_REASONS, evidence, rule_set
from dataprep.filter.thresholds import described, in_force
from dataprep.parts import ROWS_PER_GROUP, PartWriter, grouped, part_name, regrouped, rows_at, texts_at
from dataprep.removals.requests import Requests
from dataprep.tables import run_tasks

NO_REQUESTS: Final = Requests()
TEXT_BYTES: Final = "text_bytes"
FATES: Final = pa.schema(
    [
        (s.DOC_ID, pa.string()),
        (s.SOURCE, pa.string()),
        (s.FILE, pa.string()),
        (s.LOCALE, pa.string()),
        (s.DROP_REASON, pa.string()),
        (s.SPLIT, pa.string()),
        (s.CLUSTER_SIZE, pa.int32()),
        (TEXT_BYTES, pa.int64()),
        (s.PART, pa.int32()),
        (s.ROW, pa.int32()),
    ]
)
REJECTED_SAMPLE: Final = pa.schema(
    [
        (s.DROP_REASON, pa.string()),
        (s.DOC_ID, pa.string()),
        (s.SOURCE, pa.string()),
        (s.LOCALE, pa.string()),
        (s.FILE, pa.string()),
        (s.LOCATOR, pa.string()),
        ("signal", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("excerpt", pa.string()),
        (s.KEPT_DOC_ID, pa.string()),
        ("kept_source", pa.string()),
        ("kept_locator", pa.string()),
        ("kept_excerpt", pa.string()),
        (s.JACCARD, pa.float64()),
    ]
)
_EVIDENCE: Final = {"signal": "string", "value": "double", "threshold": "double"}
EXAMPLES_PER_GROUP: Final = 5
EXCERPT_CHARACTERS: Final = 1_200


def run_fates(
    spark: SparkSession,
    config: PrepareConfig,
    run_dir: str,
    *,
    partitions: int,
    requests: Requests = NO_REQUESTS,
    keeps: Collection[str] = (),
) -> dict[str, Any]:
    """Write `fates/` and `rejected_sample/`; the counts for the stage record.

    Args:
        spark: the session.
        config: settings.
        run_dir: run folder.
        partitions: number of writing tasks; does not change the files.
        requests: documents that were asked to be removed.
        keeps: ids of documents that reviewers want kept.
    """
    columns = [s.DOC_ID, s.SOURCE, s.FILE, s.LOCALE, s.CONTENT_HASH, "num_bytes", s.PART, s.ROW]
    decided = _read_decisions(spark, run_dir)
    stood_for = decided.where(~F.col(s.DOC_ID).isin(sorted(keeps))) if keeps else decided
    sizes = stood_for.groupBy(s.KEPT_DOC_ID).agg((F.count(F.lit(1)) + 1).cast("int").alias(s.CLUSTER_SIZE))
    reasons = F.create_map(*[F.lit(item) for pair in s.DUPLICATE_REASONS.items() for item in pair])
    reason = reasons[F.col(s.RULE)]
    fates = (
        marked_documents(spark, config, run_dir, columns)
        .join(decided.select(s.PART, s.ROW, s.RULE), [s.PART, s.ROW], how="left")
        .withColumn(s.DROP_REASON, F.coalesce(s.DROP_REASON, reason))
        .join(sizes.withColumnRenamed(s.KEPT_DOC_ID, s.DOC_ID), s.DOC_ID, how="left")
        .select(
            s.DOC_ID,
            s.SOURCE,
            s.FILE,
            s.LOCALE,
            s.DROP_REASON,
            s.CONTENT_HASH,
            F.coalesce(s.CLUSTER_SIZE, F.lit(1)).alias(s.CLUSTER_SIZE),
            F.col("num_bytes").cast("long").alias(TEXT_BYTES),
            s.PART,
            s.ROW,
        )
    )
    fates = _after_lines(fates, run_dir)
    contamination = contaminated(spark, config, run_dir)
    if contamination is not None:
        fates = _after_decontamination(fates, contamination)
    if keeps:
        fates = _after_keeps(fates, keeps)
    if requests:
        documents = spark.read.parquet(files.spark_path(files.join(run_dir, "documents")))
        fates = _after_requests(fates, documents, decided, requests)
    folder = files.join(run_dir, "fates")
    files.make_folder(folder)
    written = (
        fates.withColumn("_part", F.col(s.PART))
        .repartition(partitions, "_part")
        .sortWithinPartitions("_part", s.ROW)
        .mapInArrow(_write(folder, config.shards.validation_fraction), "rows long")
        .agg(F.sum("rows").alias("rows"))
        .first()
    )
    assert written is not None
    funnel = (
        spark.read.parquet(files.spark_path(folder))
        .groupBy(s.SOURCE, s.FILE, s.LOCALE, s.DROP_REASON)
        .agg(F.count(F.lit(1)).alias("documents"), F.sum(TEXT_BYTES).alias(TEXT_BYTES))
        .orderBy(s.SOURCE, s.FILE, s.LOCALE, s.DROP_REASON)
        .collect()
    )
    _write_rejected_sample(spark, config, run_dir, requests, contamination)
    return {
        "documents": written["rows"] or 0,
        "funnel": [row.asDict() for row in funnel],
        "contaminated": _contaminated_by_set(spark, run_dir, contamination),
        "removed_duplicates": _removed_duplicates(spark, run_dir, decided) if requests else {},
        "thresholds": described(config, {row[s.LOCALE] for row in funnel}),
        "perplexity": _perplexity_buckets(spark, config, run_dir) if config.lists.perplexity else [],
    }


def _perplexity_buckets(spark: SparkSession, config: PrepareConfig, run_dir: str) -> list[dict[str, Any]]:
    """Documents per locale and bucket of their perplexity: all that were read, whatever their fate."""
    rules, folder = rule_set(config), files.join(run_dir, "documents")

    def count(part: str) -> str:
        found: Counter[tuple[str, str]] = Counter()
        with files.open_binary(files.join(folder, part)) as file:
            for batch in pq.ParquetFile(file).iter_batches(columns=[s.LOCALE, "perplexity"]):
                scored = batch.filter(batch.column("perplexity").is_valid())
                buckets = [bucket or "no bounds" for bucket in rules.perplexity_buckets(scored)]
                found.update(zip(scored.column(s.LOCALE).to_pylist(), buckets, strict=True))
        return json.dumps([[*key, number] for key, number in found.items()])

    parts = [path.rpartition("/")[2] for path in files.list_files(folder, ".parquet")]
    total: Counter[tuple[str, str]] = Counter()
    for answer in run_tasks(spark, parts, count):
        for locale, bucket, number in json.loads(answer):
            total[locale, bucket] += number
    return [
        {s.LOCALE: locale, "bucket": bucket, "documents": number}
        for (locale, bucket), number in sorted(total.items())
    ]


def _read_decisions(spark: SparkSession, run_dir: str) -> DataFrame:
    """The decision ledger; an empty table when nothing was removed."""
    folder = files.join(run_dir, "dedup", "decisions")
    if files.list_files(folder, ".parquet"):
        return spark.read.parquet(files.spark_path(folder))
    fields = f"{s.DOC_ID} string, {s.KEPT_DOC_ID} string, {s.RULE} string, {s.JACCARD} double"
    return spark.createDataFrame([], f"{fields}, {s.PART} int, {s.ROW} int")


def _after_lines(fates: DataFrame, run_dir: str) -> DataFrame:
    """The fates after boilerplate lines are gone: bytes of the text that is left, and of which too little is left."""
    folder = files.join(run_dir, "lines")
    if not files.list_files(folder, ".parquet"):
        return fates
    cut = fates.sparkSession.read.parquet(files.spark_path(folder))
    too_little = F.when(F.col("too_little_left"), s.BOILERPLATE_LINES)
    is_kept = F.col(s.DROP_REASON).isNull()
    return (
        fates.join(cut.select(s.PART, s.ROW, "bytes_left", "too_little_left"), [s.PART, s.ROW], how="left")
        .withColumn(s.DROP_REASON, F.coalesce(s.DROP_REASON, too_little))
        .withColumn(TEXT_BYTES, F.coalesce(F.when(is_kept, F.col("bytes_left")), TEXT_BYTES))
        .select(*fates.columns)
    )


def _after_decontamination(fates: DataFrame, contamination: DataFrame) -> DataFrame:
    """The fates after what holds items of evaluation sets is gone."""
    found = contamination.select(s.PART, s.ROW).distinct().withColumn("_found", F.lit(s.CONTAMINATED))
    return (
        fates.join(found, [s.PART, s.ROW], how="left")
        .withColumn(s.DROP_REASON, F.coalesce(s.DROP_REASON, "_found"))
        .select(*fates.columns)
    )


def _after_keeps(fates: DataFrame, keeps: Collection[str]) -> DataFrame:
    """The fates after reviewers have overturned some: of records with one id, the first is kept."""
    ids = fates.sparkSession.createDataFrame([(each,) for each in sorted(keeps)], f"{s.DOC_ID} string")
    first = F.min(F.struct(s.PART, s.ROW)).alias("place")
    found = fates.join(F.broadcast(ids), s.DOC_ID, how="left_semi").groupBy(s.DOC_ID).agg(first)
    kept = found.select(f"place.{s.PART}", f"place.{s.ROW}", F.lit(True).alias("_keep"))
    reason = F.when(F.col("_keep").isNull(), F.col(s.DROP_REASON))
    return (
        fates.join(F.broadcast(kept), [s.PART, s.ROW], how="left")
        .withColumn(s.DROP_REASON, reason)
        .select(*fates.columns)
    )


def _contaminated_by_set(
    spark: SparkSession, run_dir: str, contamination: DataFrame | None
) -> dict[str, int]:
    """Documents dropped as contaminated, per set that condemns them; a document may count for several."""
    if contamination is None:
        return {}
    fates = spark.read.parquet(files.spark_path(files.join(run_dir, "fates")))
    dropped = fates.where(F.col(s.DROP_REASON) == s.CONTAMINATED).select(s.PART, s.ROW)
    counts = contamination.join(dropped, [s.PART, s.ROW], how="left_semi").groupBy("set").count().collect()
    return {row["set"]: row["count"] for row in sorted(counts, key=lambda row: str(row["set"]))}


def _after_requests(
    fates: DataFrame, documents: DataFrame, decided: DataFrame, requests: Requests
) -> DataFrame:
    """The fates after removal requests: asked for, or dropped as a duplicate of what was asked for.

    A document that is asked for stays a known text in deduplication, so its copies do not come back in its place. What
    a rule rejected keeps that reason. `removals.takedown` does the same to a finished run.
    """

    def asked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pairs = zip(batch.column(s.DOC_ID).to_pylist(), batch.column(s.LOCATOR).to_pylist(), strict=True)
            found = pa.array(
                [bool(requests.matching(doc_id, locator)) for doc_id, locator in pairs], pa.bool_()
            )
            yield batch.select([s.DOC_ID, s.PART, s.ROW]).filter(found)

    matched = documents.select(s.DOC_ID, s.LOCATOR, s.PART, s.ROW).mapInArrow(
        asked, f"{s.DOC_ID} string, {s.PART} int, {s.ROW} int"
    )
    # Ids of other runs count too: an incremental run may have found its duplicates there.
    elsewhere = fates.sparkSession.createDataFrame(
        [(each,) for each in requests.ids], f"{s.KEPT_DOC_ID} string"
    )
    known = matched.select(F.col(s.DOC_ID).alias(s.KEPT_DOC_ID)).unionByName(elsewhere).distinct()
    copies = decided.join(known, s.KEPT_DOC_ID, how="left_semi")
    removed = matched.select(s.PART, s.ROW).unionByName(copies.select(s.PART, s.ROW)).distinct()
    by_rule = F.coalesce(F.col(s.DROP_REASON).isin(sorted(RULE_REASONS)), F.lit(False))
    is_removed = F.col("removed") & ~by_rule
    return (
        fates.join(removed.withColumn("removed", F.lit(True)), [s.PART, s.ROW], how="left")
        .withColumn(s.DROP_REASON, F.when(is_removed, s.REMOVAL_REQUEST).otherwise(F.col(s.DROP_REASON)))
        .select(*fates.columns)
    )


def _removed_duplicates(spark: SparkSession, run_dir: str, decided: DataFrame) -> dict[str, int]:
    """Per rule, the duplicates whose fate is a request: what deduplication counts and the ledger does not."""
    fates = spark.read.parquet(files.spark_path(files.join(run_dir, "fates")))
    removed = fates.where(F.col(s.DROP_REASON) == s.REMOVAL_REQUEST).select(s.PART, s.ROW)
    counts = decided.join(removed, [s.PART, s.ROW], how="left_semi").groupBy(s.RULE).count().collect()
    return {row[s.RULE]: row["count"] for row in sorted(counts, key=lambda row: str(row[s.RULE]))}


def _write(
    folder: str, validation_fraction: float
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for (part,), of_part in grouped(batches, "_part"):
            writer = PartWriter(
                files.join(folder, part_name(int(part))),
                use_dictionary=[s.SOURCE, s.FILE, s.LOCALE, s.DROP_REASON, s.SPLIT],
            )
            rows = 0
            with_split = (_with_split(batch, validation_fraction) for batch in of_part)
            for batch in regrouped(with_split, FATES, ROWS_PER_GROUP):
                expected = np.arange(rows, rows + batch.num_rows, dtype=np.int32)
                assert np.array_equal(batch.column(s.ROW).to_numpy(), expected), (
                    f"part {part} lost or repeated a row"
                )
                writer.write(batch)
                rows += batch.num_rows
            writer.commit()
            yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})

    return write


def _with_split(batch: pa.RecordBatch, validation_fraction: float) -> pa.RecordBatch:
    """Replace the content hash by the split it decides: equal texts always land in the same split."""
    hashes = b"".join(value[:8] for value in batch.column(s.CONTENT_HASH).to_pylist())
    position_N = np.frombuffer(hashes, "<u8").astype(np.float64) / 2.0**64
    split = np.where(position_N < validation_fraction, "validation", "train")
    columns = {name: batch.column(name) for name in FATES.names if name != s.SPLIT}
    columns[s.SPLIT] = pa.array(split.tolist(), pa.string())
    return pa.RecordBatch.from_arrays([columns[name] for name in FATES.names], FATES.names)


def _write_rejected_sample(
    spark: SparkSession,
    config: PrepareConfig,
    run_dir: str,
    requests: Requests,
    contamination: DataFrame | None = None,
) -> None:
    """A few rejected documents per reason and source, the value that did it, and what replaced the duplicates.

    The sample is the documents with the smallest ids: ids are hashes, so this is a random sample that is the same in
    every run. It is small by construction, so the driver fetches its texts, row by row; but for those that were asked
    to be removed, whose excerpts are empty.
    """
    documents_dir = files.join(run_dir, "documents")
    documents = spark.read.parquet(files.spark_path(documents_dir))
    by_id = Window.partitionBy(s.DROP_REASON, s.SOURCE).orderBy(s.DOC_ID, s.PART, s.ROW)
    chosen = (
        spark.read.parquet(files.spark_path(files.join(run_dir, "fates")))
        .where(F.col(s.DROP_REASON).isNotNull())
        .withColumn("rank", F.row_number().over(by_id))
        .where(F.col("rank") <= EXAMPLES_PER_GROUP)
        .select(s.PART, s.ROW, s.DROP_REASON)
    )
    decided = _read_decisions(spark, run_dir).select(s.PART, s.ROW, s.KEPT_DOC_ID, s.JACCARD)
    kept = documents.select(
        F.col(s.DOC_ID).alias(s.KEPT_DOC_ID),
        F.col(s.SOURCE).alias("kept_source"),
        F.col(s.LOCATOR).alias("kept_locator"),
        F.col(s.PART).alias("kept_part"),
        F.col(s.ROW).alias("kept_row"),
    )
    rejected = (
        documents.join(F.broadcast(chosen), [s.PART, s.ROW], how="inner")
        .join(decided, [s.PART, s.ROW], how="left")
        .select(
            s.DROP_REASON,
            s.DOC_ID,
            s.SOURCE,
            s.LOCALE,
            s.FILE,
            s.LOCATOR,
            s.PART,
            s.ROW,
            *(F.lit(None).cast(kind).alias(name) for name, kind in _EVIDENCE.items()),
            s.KEPT_DOC_ID,
            s.JACCARD,
        )
    )
    if contamination is not None:
        rejected = _with_coverage(rejected, contamination, config)
    # Few rows against all documents: the few are broadcast, which an outer join would not allow.
    wanted = rejected.select(s.KEPT_DOC_ID).where(F.col(s.KEPT_DOC_ID).isNotNull()).distinct()
    replacing = kept.join(F.broadcast(wanted), s.KEPT_DOC_ID, how="inner").dropDuplicates([s.KEPT_DOC_ID])
    with_kept = rejected.join(replacing, s.KEPT_DOC_ID, how="left")
    rows = [
        row.asDict() for row in with_kept.orderBy(s.DROP_REASON, s.SOURCE, s.DOC_ID, s.PART, s.ROW).collect()
    ]
    texts = texts_at(
        documents_dir,
        [
            (row[part], row[number])
            for row in rows
            for part, number in ((s.PART, s.ROW), ("kept_part", "kept_row"))
            if row[part] is not None
        ],
    )
    _add_evidence(rows, documents_dir, config)
    for row in rows:
        row["excerpt"] = texts[row.pop(s.PART), row.pop(s.ROW)][:EXCERPT_CHARACTERS]
        kept_text = texts.get((row.pop("kept_part"), row.pop("kept_row")))
        row["kept_excerpt"] = kept_text and kept_text[:EXCERPT_CHARACTERS]
        if kept_text and requests.matching(row[s.KEPT_DOC_ID], row["kept_locator"]):
            row["kept_excerpt"] = row["excerpt"] = ""
        if row[s.DROP_REASON] == s.REMOVAL_REQUEST or requests.matching(row[s.DOC_ID], row[s.LOCATOR]):
            row["excerpt"] = ""
    writer = PartWriter(files.join(run_dir, "rejected_sample", part_name(0)))
    writer.write(pa.RecordBatch.from_pylist(rows, schema=REJECTED_SAMPLE))
    writer.commit()


def _with_coverage(rejected: DataFrame, contamination: DataFrame, config: PrepareConfig) -> DataFrame:
    """The rejected documents; of the contaminated ones also how much of an item they hold, of which set."""
    bounds = {
        each.name: config.decontaminate.rules_for(each).min_item_coverage
        for each in config.decontaminate.sets
    }
    bound = F.create_map(*[F.lit(item) for pair in bounds.items() for item in pair])
    best = F.max(F.struct("item_coverage", "set")).alias("best")
    found = contamination.groupBy(s.PART, s.ROW).agg(best)
    found = found.select(
        s.PART,
        s.ROW,
        F.concat(F.lit("item_coverage of "), "best.set").alias("_signal"),
        F.col("best.item_coverage").cast("double").alias("_value"),
        bound[F.col("best.set")].alias("_threshold"),
    )
    is_contaminated = F.col(s.DROP_REASON) == s.CONTAMINATED
    joined = rejected.join(found, [s.PART, s.ROW], how="left")
    of_set = {name: F.when(is_contaminated, F.col(f"_{name}")).otherwise(F.col(name)) for name in _EVIDENCE}
    return joined.withColumns(of_set).select(*rejected.columns)


def _add_evidence(rows: list[dict[str, Any]], documents_dir: str, config: PrepareConfig) -> None:
    """Add the signal that a rule looked at, its value for the document, and the threshold in force for its locale."""
    ruled = [row for row in rows if row[s.DROP_REASON] in RULE_REASONS]
    signals = rows_at(documents_dir, [(row[s.PART], row[s.ROW]) for row in ruled], rule_set(config).columns)
    thresholds = in_force(config)
    for row in ruled:
        found = thresholds.get(row[s.LOCALE])
        of_document = signals[row[s.PART], row[s.ROW]]
        values = evidence(row[s.DROP_REASON], of_document, found.rules if found else None)
        row |= dict(zip(_EVIDENCE, values, strict=True))
