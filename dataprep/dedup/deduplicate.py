"""Deduplication from start to end: documents that passed the rules in, decisions and their statistics out."""

from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.dedup.candidates import BAND_KEY, BUCKET_SIZE, CENTRE, buckets, candidate_pairs
from dataprep.dedup.components import connected_components
from dataprep.dedup.exact import KEEP_KEY, add_keep_key, exact_copies
from dataprep.dedup.keep import decisions, members_and_canonical
from dataprep.dedup.verify import shingles, with_jaccard
from dataprep.filter.rules import mark_documents
from dataprep.parts import texts_at
from dataprep.tables import write_parts

_LARGEST_BUCKETS: Final = 20
_EXCERPT_CHARACTERS: Final = 300
_HISTOGRAM_BINS: Final = 20


def run_dedup(spark: SparkSession, config: PrepareConfig, run_dir: str, *, partitions: int) -> dict[str, Any]:
    """Write `dedup/pairs`, `dedup/clusters` and `dedup/decisions`; the counts for the stage record.

    Every intermediate table goes to Parquet under `dedup/work`, which is removed at the end: plans stay short, and
    nothing is computed twice.
    """
    settings = config.near_dedup
    documents_dir = files.join(run_dir, "documents")
    work = files.join(run_dir, "dedup", "work")
    pairs_dir = files.join(run_dir, "dedup", "pairs")

    def materialised(frame: DataFrame, name: str) -> DataFrame:
        path = files.join(work, name)
        frame.write.parquet(files.spark_path(path))
        return spark.read.parquet(files.spark_path(path))

    priorities = {source.name: source.priority for source in config.sources}
    candidates = (
        mark_documents(spark.read.parquet(files.spark_path(documents_dir)), config)
        .where(F.col(s.DROP_REASON).isNull())
        .transform(add_keep_key, priorities)
        .select(s.DOC_ID, s.SOURCE, s.FILE, s.PART, s.ROW, s.CONTENT_HASH, KEEP_KEY)
    )
    copies = materialised(exact_copies(candidates), "copies")
    same_text = _same_text(spark.read.parquet(files.spark_path(documents_dir)), sorted(priorities))

    signatures = spark.read.parquet(files.spark_path(files.join(run_dir, "dedup", "signatures"))).drop(
        s.DOC_ID
    )
    representatives = materialised(
        copies.where("copy = 1").hint("shuffle_hash").join(signatures, [s.PART, s.ROW], how="inner"),
        "representatives",
    )
    _check_nodes(representatives)

    in_buckets = materialised(buckets(representatives), "buckets")
    candidate = materialised(candidate_pairs(in_buckets), "candidates")
    ends = candidate.select(F.explode(F.array(s.NODE, CENTRE)).alias(s.NODE)).distinct()
    wanted = ends.join(representatives.select(s.NODE, s.PART, s.ROW), s.NODE, how="inner")
    shingle_sets = materialised(shingles(wanted, documents_dir, partitions=partitions), "shingles")
    with_jaccard(candidate, shingle_sets).write.parquet(files.spark_path(pairs_dir))
    pairs = spark.read.parquet(files.spark_path(pairs_dir))
    verified = pairs.where(F.col(s.JACCARD) >= settings.min_jaccard)

    components = connected_components(
        verified.select(F.col(s.NODE).alias("left"), F.col(CENTRE).alias("right")),
        files.join(work, "components"),
        local_edges=config.engine.local_components_edges,
    )
    members = materialised(members_and_canonical(components, representatives), "members")
    known = members.join(pairs, [s.NODE, CENTRE], how="inner")
    unknown = members.join(pairs.select(s.NODE, CENTRE), [s.NODE, CENTRE], how="left_anti")
    # A member whose bucket had another centre has not met the kept document yet; it does now.
    met = with_jaccard(unknown.withColumn(s.BANDS_MATCHED, F.lit(0)), shingle_sets)
    judged = materialised(known.unionByName(met), "judged")
    write_parts(
        judged.select(
            s.DOC_ID,
            s.CLUSTER_ID,
            s.JACCARD,
            s.BANDS_MATCHED,
            (F.col(s.JACCARD) >= settings.min_jaccard).alias("removed"),
        ),
        files.join(run_dir, "dedup", "clusters"),
        order_by=[s.DOC_ID],
    )
    kept_source = representatives.select(F.col(s.NODE).alias(CENTRE), F.col(s.SOURCE).alias("kept_source"))
    near = judged.where(F.col(s.JACCARD) >= settings.min_jaccard).join(kept_source, CENTRE, how="inner")

    decided = materialised(decisions(copies, near), "decisions")
    removed = write_parts(
        decided, files.join(run_dir, "dedup", "decisions"), order_by=[s.DOC_ID, s.PART, s.ROW]
    )
    counts = _counts(
        copies, representatives, in_buckets, pairs, components, judged, decided, config, documents_dir
    )
    files.remove_tree(work)
    return {**counts, "same_text": same_text, "decisions": removed}


def _same_text(documents: DataFrame, names: list[str]) -> list[list[Any]]:
    """What the sources share word for word, rejected documents included: sources, texts, documents with these texts."""
    # A bit per source: a set of names would need an object per group, a number is aggregated in place.
    bit = F.create_map(*[F.lit(item) for index, name in enumerate(names) for item in (name, 1 << index)])
    shared = (
        documents.where("num_chars > 0")
        .groupBy(s.CONTENT_HASH)
        .agg(
            F.count(F.lit(1)).alias("documents"), F.bit_or(bit[F.col(s.SOURCE)].cast("long")).alias("sources")
        )
        .where("documents > 1")
        .groupBy("sources")
        .agg(F.count(F.lit(1)).alias("texts"), F.sum("documents").alias("documents"))
    )
    found = [
        [
            "+".join(name for index, name in enumerate(names) if row["sources"] >> index & 1),
            row["texts"],
            row["documents"],
        ]
        for row in shared.collect()
    ]
    return sorted(found)


def _check_nodes(representatives: DataFrame) -> None:
    """Two documents with the same 63-bit node would be taken for one; the chance is 0.05 at 10**9 documents."""
    row = representatives.groupBy(s.NODE).count().agg(F.max("count").alias("most")).first()
    if row is not None and (row["most"] or 0) > 1:
        raise RuntimeError(
            "two documents share their 63-bit graph node; change the source name of one to tell them apart"
        )


def _counts(
    copies: DataFrame,
    representatives: DataFrame,
    in_buckets: DataFrame,
    pairs: DataFrame,
    components: DataFrame,
    judged: DataFrame,
    decided: DataFrame,
    config: PrepareConfig,
    documents_dir: str,
) -> dict[str, Any]:
    """Statistics for report and progress lines; each is one small aggregation."""
    settings = config.near_dedup
    similar = F.col(s.JACCARD) >= settings.min_jaccard
    by_copy = copies.agg(
        F.count(F.lit(1)).alias("documents"),
        F.count_if(F.col("copy") > 1).alias("exact"),
        F.count_if((F.col("copy") == 1) & (F.col("copies") > 1)).alias("clusters"),
    ).first()
    by_pair = pairs.agg(F.count(F.lit(1)).alias("candidates"), F.count_if(similar).alias("verified")).first()
    by_member = judged.agg(F.count_if(~similar).alias("transitive")).first()
    assert by_copy is not None
    assert by_pair is not None
    assert by_member is not None
    bin_index = F.least(F.floor(F.col(s.JACCARD) * _HISTOGRAM_BINS), F.lit(_HISTOGRAM_BINS - 1))
    histogram = {row["bin"]: row["count"] for row in pairs.groupBy(bin_index.alias("bin")).count().collect()}
    sizes = (
        decided.groupBy(s.KEPT_DOC_ID)
        .agg((F.count(F.lit(1)) + 1).alias("size"))
        .groupBy("size")
        .count()
        .orderBy("size")
        .collect()
    )
    overlap = (
        decided.groupBy(s.SOURCE, "kept_source", s.RULE).count().orderBy(s.SOURCE, "kept_source", s.RULE)
    )
    by_rule = {row[s.RULE]: row["count"] for row in decided.groupBy(s.RULE).count().collect()}
    return {
        "documents": by_copy["documents"],
        "exact_removed": by_rule.get("exact", 0),
        "exact_copies": by_copy["exact"],
        "exact_clusters": by_copy["clusters"],
        "short_documents": representatives.where(F.col(s.BAND_KEYS).isNull()).count(),
        "candidate_pairs": by_pair["candidates"],
        "verified_pairs": by_pair["verified"],
        "near_removed": by_rule.get("near", 0),
        "transitive_only": by_member["transitive"],
        "components": components.agg(F.countDistinct("component").alias("n")).collect()[0]["n"],
        "overlap": [list(row) for row in overlap.collect()],
        "cluster_sizes": [[row["size"], row["count"]] for row in sizes],
        "jaccard_histogram": [
            [index / _HISTOGRAM_BINS, histogram.get(index, 0)] for index in range(_HISTOGRAM_BINS)
        ],
        "largest_buckets": _largest_buckets(in_buckets, representatives, documents_dir),
        "num_bands": settings.num_bands,
        "rows_per_band": settings.rows_per_band,
        "min_jaccard": settings.min_jaccard,
    }


def _largest_buckets(
    in_buckets: DataFrame, representatives: DataFrame, documents_dir: str
) -> list[list[Any]]:
    """Sizes of the largest buckets, one per centre, each with the beginning of its centre's text."""
    largest = (
        in_buckets.groupBy(CENTRE)
        .agg(F.max(F.struct(BUCKET_SIZE, BAND_KEY))[BUCKET_SIZE].alias(BUCKET_SIZE))
        .orderBy(F.desc(BUCKET_SIZE), CENTRE)
        .limit(_LARGEST_BUCKETS)
    )
    where = representatives.select(F.col(s.NODE).alias(CENTRE), s.PART, s.ROW)
    rows = largest.join(where, CENTRE, how="inner").orderBy(F.desc(BUCKET_SIZE), CENTRE).collect()
    texts = texts_at(documents_dir, [(row[s.PART], row[s.ROW]) for row in rows])
    return [[row[BUCKET_SIZE], texts[row[s.PART], row[s.ROW]][:_EXCERPT_CHARACTERS]] for row in rows]
