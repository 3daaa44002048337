"""Connected components of a graph that is too large for one task.

The alternating large-star and small-star operations of Kiveris et al. 2014 ("Connected components in MapReduce and
beyond", section 4) run as DataFrame joins; every iteration is written to Parquet, which cuts the lineage and survives a
lost executor. The result is checked: a component is named after its smallest node, and no edge leaves one.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s

COMPONENT = "component"
_MAX_ITERATIONS = 50  # the number grows with the logarithm of the nodes; 50 is far beyond any graph on earth


class ComponentsError(RuntimeError):
    """The components do not satisfy their post-conditions: a bug or a lost file, never bad input."""


def connected_components(edges: DataFrame, work_dir: str) -> DataFrame:
    """Component of every node that has an edge. Starts Spark jobs.

    Args:
        edges: `left` and `right`, 64-bit nodes; no self-loops; direction and repeats do not matter.
        work_dir: folder for the result and the iterations.

    Returns:
        `node` and `component`, the smallest node that can be reached from it; read back from Parquet.

    Raises:
        ComponentsError: a post-condition fails.
    """
    path = files.join(work_dir, "result")
    _alternating_stars(edges.sparkSession, edges, work_dir).write.parquet(files.spark_path(path))
    components = edges.sparkSession.read.parquet(files.spark_path(path))
    _check(edges, components)
    return components


def _alternating_stars(spark: SparkSession, edges: DataFrame, work_dir: str) -> DataFrame:
    """Large-star and small-star in turn until nothing changes; then every edge points at its component's minimum."""
    path = files.join(work_dir, "iteration-0")
    _canonical(edges.select("left", "right")).write.parquet(files.spark_path(path))
    state = _checksum(spark.read.parquet(files.spark_path(path)))
    for iteration in range(1, _MAX_ITERATIONS + 1):
        large = _star(spark.read.parquet(files.spark_path(path)), large=True)
        path = files.join(work_dir, f"iteration-{iteration}")
        _star(large, large=False).write.parquet(files.spark_path(path))
        before, state = state, _checksum(spark.read.parquet(files.spark_path(path)))
        if state == before:
            stars = spark.read.parquet(files.spark_path(path))
            members = stars.select(F.col("left").alias(s.NODE), F.col("right").alias(COMPONENT))
            centres = stars.select(F.col("right").alias(s.NODE), F.col("right").alias(COMPONENT)).distinct()
            return members.unionByName(centres)
    raise ComponentsError(f"connected components did not settle within {_MAX_ITERATIONS} iterations")


def _canonical(edges: DataFrame) -> DataFrame:
    """Distinct edges whose `left` is the larger end."""
    return edges.select(
        F.greatest("left", "right").alias("left"), F.least("left", "right").alias("right")
    ).distinct()


def _star(edges: DataFrame, *, large: bool) -> DataFrame:
    """One star operation on canonical edges (Kiveris et al. 2014, section 4.1).

    Large-star joins every larger neighbour of a node to the least node of its neighbourhood (itself included);
    small-star joins the node itself and its smaller neighbours to that minimum.
    """
    if large:
        around = edges.unionByName(edges.select(F.col("right").alias("left"), F.col("left").alias("right")))
    else:
        around = edges
    neighbours = around.select(F.col("left").alias("node"), F.col("right").alias("neighbour"))
    least = neighbours.groupBy("node").agg(F.least(F.min("neighbour"), F.col("node")).alias("least"))
    joined = neighbours.join(least, "node", how="inner")
    if large:
        stars = joined.where(F.col("neighbour") > F.col("node")).select(
            F.col("neighbour").alias("left"), F.col("least").alias("right")
        )
    else:
        stars = joined.select(F.col("neighbour").alias("left"), F.col("least").alias("right")).unionByName(
            least.select(F.col("node").alias("left"), F.col("least").alias("right"))
        )
    return stars.where(F.col("left") != F.col("right")).distinct()


def _checksum(edges: DataFrame) -> tuple[int, int]:
    """Number of edges and a sum that changes when any edge does; order does not matter."""
    row = edges.agg(
        F.count(F.lit(1)).alias("edges"),
        F.sum(F.xxhash64("left", "right").cast("decimal(38,0)")).alias("checksum"),
    ).first()
    assert row is not None
    return int(row["edges"]), int(row["checksum"] or 0)


def _check(edges: DataFrame, components: DataFrame) -> None:
    """Post-conditions: one row per node, the name is the least node, no node lost, no edge between components."""
    ends = edges.select(F.explode(F.array("left", "right")).alias(s.NODE)).distinct()
    named = components.groupBy(COMPONENT).agg(F.min(s.NODE).alias("least"))
    left = components.select(F.col(s.NODE).alias("left"), F.col(COMPONENT).alias("left_component"))
    right = components.select(F.col(s.NODE).alias("right"), F.col(COMPONENT).alias("right_component"))
    problems = {
        "nodes listed twice": components.groupBy(s.NODE).count().where("count > 1"),
        "nodes without a component": ends.join(components, s.NODE, how="left_anti"),
        "nodes without an edge": components.join(ends, s.NODE, how="left_anti"),
        "components not named after their least node": named.where(F.col("least") != F.col(COMPONENT)),
        "edges between components": edges.join(left, "left", how="left")
        .join(right, "right", how="left")
        .where(~F.col("left_component").eqNullSafe(F.col("right_component"))),
    }
    counts = [
        frame.agg(F.count(F.lit(1)).alias("n"), F.lit(name).alias("what")) for name, frame in problems.items()
    ]
    union = counts[0]
    for frame in counts[1:]:
        union = union.unionByName(frame)
    found = {row["what"]: row["n"] for row in union.collect() if row["n"]}
    if found:
        raise ComponentsError(f"connected components are wrong: {found}")
