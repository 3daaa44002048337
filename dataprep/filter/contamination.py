"""Which documents go for the items of evaluation sets that they hold: thresholds on matches. No text is read.

Brown et al. 2020 ("Language Models are Few-Shot Learners", appendix C) removed what shares 13 words in a row with a
test item, left alone what more than ten documents share, and took no item for evidence that is shorter than 8 words.
A match is here not enough by itself: one sentence that both quote would condemn a book for a paragraph. A document goes

- if it holds enough of one item, or a long passage of it; the item is long enough to be evidence; and not too many
  documents share even the rarest part of the match; or
- if most of it is items of one set, however short or common these are.
"""

from typing import Any, Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.config import ContaminationRules, PrepareConfig

FOLDER: Final = "decontamination"


def read_matches(spark: SparkSession, run_dir: str) -> DataFrame | None:
    """All matches: rows of `schema.DECONTAMINATION`; null where there are none."""
    folder = files.join(run_dir, FOLDER)
    if not files.list_files(folder, ".parquet"):
        return None
    return spark.read.parquet(files.join(files.spark_path(folder), "part-*.parquet"))


def rules_settings(config: PrepareConfig) -> dict[str, dict[str, Any]]:
    """The thresholds in force, per set: what the fates depend on beside the matches."""
    settings = config.decontaminate
    return {each.name: settings.rules_for(each).model_dump() for each in settings.sets}


def is_contamination(config: PrepareConfig) -> Column:
    """Whether a row of `schema.DECONTAMINATION` condemns its document; no row of a set without rules does."""
    condemns = F.lit(False)
    for each in config.decontaminate.sets:
        condemns |= (F.col("set") == each.name) & _condemns(config.decontaminate.rules_for(each))
    return condemns


def _condemns(rules: ContaminationRules) -> Column:
    def at_least(column: str, share: float) -> Column:
        return F.col(column) >= F.lit(share).cast("float")  # a share is a 32-bit float

    def words(count: int) -> Column:
        return F.lit(count) * F.col("unit_scale")

    length, units = F.col("match_length"), F.col("item_units")
    enough = at_least("item_coverage", rules.min_item_coverage)
    if rules.long_match_words is not None:
        enough |= length >= words(rules.long_match_words)
    by_itself = enough & (units >= words(rules.min_item_words))
    if rules.min_match_words is not None:
        by_itself &= length >= F.least(words(rules.min_match_words), units)
    if rules.max_documents is not None:
        by_itself &= F.col("documents") <= rules.max_documents
    return by_itself | at_least("set_coverage", rules.min_document_coverage)


def contaminated(spark: SparkSession, config: PrepareConfig, run_dir: str) -> DataFrame | None:
    """The documents that go, with the sets that condemn them; null if there are no matches. Lazy.

    Returns:
        `part`, `row`, `set`, and `item_coverage` of the match that covers most of its item; one row per document and
        set.
    """
    matches = read_matches(spark, run_dir) if config.decontaminate.sets else None
    if matches is None:
        return None
    condemned = matches.where(is_contamination(config))
    return condemned.groupBy(s.PART, s.ROW, "set").agg(F.max("item_coverage").alias("item_coverage"))
