"""Candidate pairs: star edges between the documents that share a band key.

A band key is a hash of one band of the signature (Leskovec et al. 2020, section 3.4). All documents of a bucket are
compared with one of them, the centre, so a bucket of n documents gives n - 1 pairs and never n². The centre is the
document that the keep rule would keep, so most edges already join a copy to the original.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from dataprep import schema as s
from dataprep.dedup.exact import KEEP_KEY

CENTRE = "centre"
BAND_KEY = "band_key"
BUCKET_SIZE = "bucket_size"


def buckets(representatives: DataFrame) -> DataFrame:
    """Every document with each of its band keys: one row per (document, band), for buckets of two and more.

    Args:
        representatives: `node`, `keep_key`, `band_keys`; documents without a signature are left out.

    Returns:
        `band_key`, `node`, `centre` (node of the bucket's centre), `bucket_size`.
    """
    # The order within a bucket is packed into one number, because a window over structs costs twice the time:
    # priority (7 bits), quality in thousandths (10 bits), length in characters (46 bits); ties go to the lower node.
    key = F.col(KEEP_KEY)
    rank = (
        F.shiftleft(key["priority"].cast("long"), 56)
        + F.shiftleft((F.lit(1000) + F.round(key["minus_quality"] * 1000)).cast("long"), 46)
        + (F.lit((1 << 46) - 1) + key["minus_length"].cast("long"))
    )
    in_bucket = Window.partitionBy(BAND_KEY)
    return (
        representatives.where(F.col(s.BAND_KEYS).isNotNull())
        .select(s.NODE, rank.alias("rank"), F.explode(s.BAND_KEYS).alias(BAND_KEY))
        .withColumn(BUCKET_SIZE, F.count(F.lit(1)).over(in_bucket))
        .withColumn(CENTRE, F.min(F.struct("rank", s.NODE)).over(in_bucket)[s.NODE])
        .where(F.col(BUCKET_SIZE) > 1)
        .select(BAND_KEY, s.NODE, CENTRE, BUCKET_SIZE)
    )


def candidate_pairs(in_buckets: DataFrame) -> DataFrame:
    """Distinct star edges: `node`, `centre`, `bands_matched` (buckets in which the centre is this document's)."""
    return (
        in_buckets.where(F.col(s.NODE) != F.col(CENTRE))
        .groupBy(s.NODE, CENTRE)
        .agg(F.count(F.lit(1)).cast("int").alias(s.BANDS_MATCHED))
    )
