"""Line deduplication switched on and off again in one run folder: what it changes, and what it leaves behind."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig
from dataprep.pipeline import Pipeline
from dataprep.plan import plan_input
from dataprep.sample.sentences import load
from dataprep.shards.tokenizer import load as load_tokenizer
from dataprep.stages import RECORD_NAME

FOOTER = "Subscribe to our free newsletter of {} news today!"


class Run(NamedTuple):
    """What a run left, read before the next one.

    Attributes:
        ran: stages that were not skipped.
        shards: bytes of every file in `shards/` but the stage's record, by path.
        ledger: `ledger.json`.
        texts: the documents in the shards, decoded.
        has_lines: whether there is a `lines` folder.
    """

    ran: list[str]
    shards: dict[str, bytes]
    ledger: dict[str, Any]
    texts: list[str]
    has_lines: bool


def run(spark: SparkSession, root: Path, *, line_dedup: bool) -> Run:
    source = {"name": "cc100", "format": "cc100", "paths": ["*.txt"], "line_dedup": line_dedup}
    config = PrepareConfig.model_validate(
        {
            "run_dir": str(root / "run"),
            "input_root": str(root / "input"),
            "sources": [source],
            "tokenizer": {"vocab_size": 700},
        }
    )
    ran: list[str] = []
    Pipeline(
        lambda: spark,
        config,
        plan_input(config),
        lambda _: None,
        lambda record, skipped: None if skipped else ran.append(record.stage),
    ).prepare()
    folder = root / "run"
    tokenizer = load_tokenizer(str(folder / "tokenizer" / "tokenizer.model"))
    shards = sorted(
        path for path in (folder / "shards").rglob("*") if path.is_file() and path.name != RECORD_NAME
    )
    rows = [row for path in shards if path.suffix == ".parquet" for row in pq.read_table(path).to_pylist()]
    return Run(
        ran,
        {str(path.relative_to(folder)): path.read_bytes() for path in shards},
        json.loads((folder / "ledger.json").read_text()),
        [tokenizer.decode(row["input_ids"]) for row in rows],
        (folder / "lines").exists(),
    )


@pytest.fixture(scope="module")
def runs(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Off, on, and off again, on six documents in two languages that all end in the same line but for a number."""
    root = tmp_path_factory.mktemp("line-dedup")
    (root / "input").mkdir()
    for language in ("de", "en"):
        sentences = [line for lines in load()[language].written.values() for line in lines]
        documents = [
            "\n".join([*sentences[start : start + 8], FOOTER.format(100 + start)]) for start in (0, 20, 40)
        ]
        (root / "input" / f"{language}.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return [run(spark, root, line_dedup=line_dedup) for line_dedup in (False, True, False)]


def test_the_line_stays_in_one_document(runs: list[Run]) -> None:
    off, on, _ = runs

    assert [sum("newsletter" in text for text in each.texts) for each in (off, on)] == [6, 1]
    assert [len(each.texts) for each in (off, on)] == [6, 6]
    kept = [text for text in on.texts if "newsletter" not in text]
    assert all(any(text.startswith(other + "\n") for text in off.texts) for other in kept)


def test_only_what_follows_deduplication_is_done_again(runs: list[Run]) -> None:
    assert [each.ran for each in runs] == [
        ["annotate", "dedup", "fates", "tokenizer", "shards"],
        ["lines", "fates", "tokenizer", "shards"],
        ["fates", "tokenizer", "shards"],
    ]


def test_the_ledger_counts_lines_only_where_they_were_deduplicated(runs: list[Run]) -> None:
    off, on, _ = runs

    lines = {"read": 54, "kept": 49, "removed": 5, "dropped": 0}
    assert on.ledger["total"]["lines"] == on.ledger["by_source"]["cc100"]["lines"]
    assert {name: on.ledger["total"]["lines"][name] for name in lines} == lines
    assert "lines" not in json.dumps(off.ledger)


def test_switched_off_again_it_leaves_the_same_shards_as_ever(runs: list[Run]) -> None:
    off, on, again = runs

    assert again.shards == off.shards != on.shards
    assert again.ledger == off.ledger
    assert [each.has_lines for each in runs] == [False, True, False]
