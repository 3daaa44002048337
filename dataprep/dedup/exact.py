"""Exact duplicates: the same text, white space aside, wherever it comes from."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from dataprep import schema as s

KEEP_KEY = "keep_key"  # smaller is kept: source priority, then quality, then length, then id


def add_keep_key(documents: DataFrame, priorities: dict[str, int]) -> DataFrame:
    """Add the column that orders copies: the smallest key of a group is the document that stays.

    Args:
        documents: with `source`, `quality`, `num_chars` and `doc_id`.
        priorities: per source; the lower number wins.
    """
    priority = F.create_map(*[F.lit(item) for pair in sorted(priorities.items()) for item in pair])
    return documents.withColumn(
        KEEP_KEY,
        F.struct(
            priority[F.col(s.SOURCE)].alias("priority"),
            (-F.col(s.QUALITY)).alias("minus_quality"),
            (-F.col("num_chars")).alias("minus_length"),
            F.col(s.DOC_ID).alias(s.DOC_ID),
        ),
    )


def exact_copies(documents: DataFrame) -> DataFrame:
    """Number the copies of each text; copy 1 represents it.

    Documents that share even source, locator and text share their `doc_id` too; file and row then decide, so that
    exactly one of them stays.

    Args:
        documents: candidates with `content_hash`, `keep_key`, `file`, `part` and `row`.

    Returns:
        The documents with `copy` (1 for the representative), `copies` (how many share the text),
        `representative_id` and `representative_source`; without `content_hash`.
    """
    same_text = Window.partitionBy(s.CONTENT_HASH)
    in_order = same_text.orderBy(KEEP_KEY, s.FILE, s.PART, s.ROW)
    return (
        documents.withColumn("copy", F.row_number().over(in_order))
        .withColumn("copies", F.count(F.lit(1)).over(same_text))
        .withColumn("representative_id", F.first(s.DOC_ID).over(in_order))
        .withColumn("representative_source", F.first(s.SOURCE).over(in_order))
        .drop(s.CONTENT_HASH)
    )
