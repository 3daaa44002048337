"""Faults put into a run on purpose, and the alarm that its report raises for each."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dataprep.annotate import arrow_pass
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.dedup import verify
from dataprep.local_tasks import InThisProcess
from dataprep.pipeline import Pipeline
from dataprep.plan import plan_input
from dataprep.report.write import write_report

PAGES = 150
NO_RULES = dict.fromkeys(RulesConfig.model_fields) | {
    "drop_lorem_ipsum": False,
    "drop_blocked_urls": False,
    "code_mixed": "keep",
}


def pages(seed: int) -> list[str]:
    """Pages of 100 random words that have nothing in common."""
    draw = random.Random(seed)
    return [" ".join(f"w{draw.randrange(10**6)}" for _ in range(100)) for _ in range(PAGES)]


def look_alike(page: str) -> str:
    """The page with three words far apart replaced: 81 of 111 shingles in common, similarity 0.73."""
    words = page.split()
    words[20], words[50], words[80] = "one", "two", "three"
    return " ".join(words)


def alarms(
    spark: SparkSession, folder: Path, sources: dict[str, list[str]], **settings: Any
) -> dict[str, str]:
    """The alarms of a run on these texts: kind and subject, and the sentence."""
    (folder / "input").mkdir()
    for name, texts in sources.items():
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (folder / "input" / f"{name}.jsonl").write_text(lines)
    config = PrepareConfig.model_validate(
        {
            "run_dir": str(folder / "run"),
            "input_root": str(folder / "input"),
            "sources": [
                {"name": name, "format": "jsonl", "paths": [f"{name}.jsonl"], "language": "en"}
                for name in sources
            ],
            "rules": NO_RULES,
            "thresholds": "none",
            "tokenizer": {"vocab_size": 500},
            **settings,
        }
    )
    local = InThisProcess(1)
    Pipeline(lambda: spark, config, plan_input(config), lambda _: None, lambda *_: None, local).prepare()
    raised = write_report(config.run_dir, {}, config.report)["alarms"]["raised"]
    return {f"{alarm['alarm']}: {alarm['subject']}": alarm["sentence"] for alarm in raised}


def test_a_sound_run_raises_none(spark: SparkSession, tmp_path: Path) -> None:
    originals = pages(1)

    assert alarms(spark, tmp_path, {"web": [*originals, *map(look_alike, originals)]}) == {}


def test_removal_without_verification_is_found_out(spark: SparkSession, tmp_path: Path) -> None:
    originals = pages(1)
    corpus = {"web": [*originals, *map(look_alike, originals)]}

    found = alarms(
        spark, tmp_path, corpus, near_dedup={"preset": "fineweb", "num_bands": 40, "rows_per_band": 5}
    )

    assert list(found) == ["precision: near duplicates"]
    assert "precision 0.0 %" in found["precision: near duplicates"]


def test_a_constant_hash_family_is_found_out(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate_batch, shingle_hashes = arrow_pass.fused.annotate_batch, verify.shingle_hashes

    def constant_keys(*args: Any, **options: Any) -> Any:
        found = annotate_batch(*args, **options)
        return found._replace(band_keys=np.arange(found.band_keys.shape[1]) + np.zeros_like(found.band_keys))

    def constant_hashes(*args: Any) -> Any:
        hashes, starts = shingle_hashes(*args)
        return np.full_like(hashes[: len(starts) - 1], 7), np.arange(len(starts))

    monkeypatch.setattr(arrow_pass.fused, "annotate_batch", constant_keys)
    monkeypatch.setattr(verify, "shingle_hashes", constant_hashes)

    found = alarms(spark, tmp_path, {"web": pages(1)})

    assert set(found) == {
        "lost: source web",
        "lost: locale en",
        "cluster: largest group of duplicates",
        "precision: near duplicates",
    }
    assert "are not similar enough" in found["precision: near duplicates"]


def test_a_source_that_is_wiped_is_found_out(spark: SparkSession, tmp_path: Path) -> None:
    texts = pages(2)
    short = [text[:40] for text in pages(3)]

    found = alarms(spark, tmp_path, {"news": texts, "web": short}, rules=NO_RULES | {"min_words": 20})

    assert list(found) == ["lost: source web"]
    assert found["lost: source web"] == (
        "The source web lost 100.0 % of its 150 records, more than 50.0 %; most of them to too_few_words (150)."
    )
