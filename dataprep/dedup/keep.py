"""The keep rule: one document of a cluster stays, and only what was verified against it goes.

A cluster is a chain of verified pairs; its ends may have little in common. So the members that are not themselves
similar enough to the kept document stay, and are counted as linked only transitively.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from dataprep import schema as s
from dataprep.dedup.candidates import CENTRE
from dataprep.dedup.components import COMPONENT
from dataprep.dedup.exact import KEEP_KEY


def members_and_canonical(components: DataFrame, representatives: DataFrame) -> DataFrame:
    """The pairs whose similarity decides: every member with the document that its cluster keeps.

    Args:
        components: `node`, `component`.
        representatives: `node`, `doc_id`, `keep_key`.

    Returns:
        `node`, `doc_id`, `centre` (node of the kept document), `cluster_id` (its `doc_id`), without the kept ones.
    """
    cluster = Window.partitionBy(COMPONENT)
    return (
        components.join(representatives.select(s.NODE, s.DOC_ID, KEEP_KEY), s.NODE, how="inner")
        .withColumn("canonical", F.min(F.struct(KEEP_KEY, s.NODE)).over(cluster))
        .select(
            s.NODE,
            s.DOC_ID,
            F.col("canonical")[s.NODE].alias(CENTRE),
            F.col("canonical")[KEEP_KEY][s.DOC_ID].alias(s.CLUSTER_ID),
        )
        .where(F.col(s.NODE) != F.col(CENTRE))
    )


def decisions(copies: DataFrame, near: DataFrame) -> DataFrame:
    """One row per removed document.

    A copy of a document that is itself removed as a near duplicate is as similar to the kept document as that one
    is, its shingles being the same; it is recorded so, because the kept document is never one that was removed.

    Args:
        copies: result of `exact_copies`.
        near: verified near duplicates among the representatives: `doc_id`, `cluster_id` (the kept document),
            `kept_source` (its source), `jaccard`, `bands_matched`.

    Returns:
        `doc_id`, `kept_doc_id`, `rule`, `jaccard`, `bands_matched`, `cluster_id`, `part`, `row`, `source` and
        `kept_source`.
    """
    replaced = near.select(
        F.col(s.DOC_ID).alias("representative_id"),
        F.col(s.CLUSTER_ID).alias("near_id"),
        F.col("kept_source").alias("near_source"),
        s.JACCARD,
        s.BANDS_MATCHED,
    )
    is_near = F.col("near_id").isNotNull()
    return (
        copies.join(replaced, "representative_id", how="left")
        .where((F.col("copy") > 1) | is_near)
        .select(
            s.DOC_ID,
            F.coalesce("near_id", "representative_id").alias(s.KEPT_DOC_ID),
            F.when(is_near, F.lit("near")).otherwise(F.lit("exact")).alias(s.RULE),
            F.coalesce(s.JACCARD, F.lit(1.0)).alias(s.JACCARD),
            F.col(s.BANDS_MATCHED),
            F.coalesce("near_id", "representative_id").alias(s.CLUSTER_ID),
            s.PART,
            s.ROW,
            s.SOURCE,
            F.coalesce("near_source", "representative_source").alias("kept_source"),
        )
    )
