"""Labelled near duplicates among real news articles. Needs MAGISTER_REALDATA."""

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig
from dataprep.pipeline import DEDUP, Pipeline
from dataprep.plan import plan_input
from dataprep.sample.reference import jaccard

pytestmark = pytest.mark.realdata


def test_the_plagiarised_articles_of_mccormick_are_found_and_nothing_else(
    realdata: Path, spark: SparkSession, tmp_path: Path
) -> None:
    folder = realdata / "near_duplicates" / "minhash_mccormick"
    articles = dict(line.split(" ", 1) for line in (folder / "articles_100.train").read_text().splitlines())
    planted = {frozenset(line.split()) for line in (folder / "articles_100.truth").read_text().splitlines()}
    records = [json.dumps({"id": name, "text": text}) for name, text in articles.items()]
    (tmp_path / "articles.jsonl").write_text("\n".join(records) + "\n")
    source = {"name": "news", "format": "jsonl", "paths": ["articles.jsonl"], "language": "en"}
    config = PrepareConfig.model_validate(
        {
            "run_dir": str(tmp_path / "run"),
            "input_root": str(tmp_path),
            "measure": "dedup",
            "sources": [source],
        }
    )

    Pipeline(lambda: spark, config, plan_input(config), lambda _: None, lambda *_: None).prepare(DEDUP)

    documents = ds.dataset(tmp_path / "run" / "documents").to_table(columns=["doc_id", "locator"])
    names = dict(zip(documents["doc_id"].to_pylist(), documents["locator"].to_pylist(), strict=True))
    decided = ds.dataset(tmp_path / "run" / "dedup" / "decisions").to_table().to_pylist()
    pairs = {(names[row["doc_id"]], names[row["kept_doc_id"]]): row["jaccard"] for row in decided}
    assert {frozenset(pair) for pair in pairs} == planted
    assert len(planted) == 5
    for (removed, kept), similarity in pairs.items():
        assert similarity == pytest.approx(jaccard(articles[removed], articles[kept]), abs=1e-12)
        assert similarity > 0.95
