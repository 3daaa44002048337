"""One run of the whole pipeline on the sample corpora, read back: what the end-to-end and contract tests share."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig
from dataprep.files import read_json
from dataprep.pipeline import FATES, Pipeline
from dataprep.plan import plan_input
from dataprep.sample.generator import write_samples
from dataprep.sample.truth import Place, Truth
from jobs.config import load_config

Row = dict[str, Any]

_CONFIGS: Final = Path(__file__).parents[2] / "configs" / "dataprep"
# The characters of 26 languages alone need 3,000 pieces. Small splits give several documents files, so that what is
# said of files is said of more than one.
_OVERRIDES: Final = ("tokenizer.vocab_size=4000", "engine.split_bytes=150000")


@dataclass(frozen=True, slots=True, repr=False)  # a failure report must not print the corpus
class SampleRun:
    """A finished run folder and its tables as plain rows.

    Attributes:
        folder: the run folder.
        config: settings of the run.
        truth: what was planted in its input.
        documents: rows of `documents/`, in the order of the files; `fates` likewise.
        decisions: rows of `dedup/decisions/`.
        quarantine: rows of `quarantine/`.
        ledger: `ledger.json`; `plan` and `manifest` likewise.
    """

    folder: Path
    config: PrepareConfig
    truth: Truth
    documents: list[Row]
    fates: list[Row]
    decisions: list[Row]
    quarantine: list[Row]
    ledger: dict[str, Any]
    plan: dict[str, Any]
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)  # a failure report must not print the corpus
class Outcome:
    """What became of one document: its row, why it was dropped, and the decision that replaced it by another."""

    row: Row
    drop_reason: str | None
    decision: Row | None

    @property
    def doc_id(self) -> str:
        return str(self.row["doc_id"])

    @property
    def text(self) -> str:
        return str(self.row["text"])


def outcomes(run: SampleRun) -> dict[tuple[str, str], Outcome]:
    """The outcome of every document, by source and locator."""
    decided = {(row["part"], row["row"]): row for row in run.decisions}
    return {
        (row["source"], row["locator"]): Outcome(
            row, fate["drop_reason"], decided.get((row["part"], row["row"]))
        )
        for row, fate in zip(run.documents, run.fates, strict=True)
    }


def at(place: Place) -> tuple[str, str]:
    """The key of a planted document."""
    return place.source, place.locator


def part_rows(folder: Path) -> list[Row]:
    """Rows of a folder of Parquet files, in the order of their names."""
    paths = sorted(folder.glob("*.parquet"))
    rows: Iterable[list[Row]] = (pq.ParquetFile(path).read().to_pylist() for path in paths)
    return [row for of_file in rows for row in of_file]


@cache
def _run_pipeline(spark: SparkSession, folder: Path) -> SampleRun:
    input_root, run_dir = folder / "samples", folder / "run"
    truth = write_samples(str(input_root))
    config = load_config(
        str(_CONFIGS / "demo.yaml"),
        [f"run_dir={run_dir}", f"input_root={input_root}", *_OVERRIDES],
        PrepareConfig,
    )
    plan = plan_input(config)

    Pipeline(lambda: spark, config, plan, lambda _: None, lambda *_: None).prepare()

    return SampleRun(
        run_dir,
        config,
        truth,
        part_rows(run_dir / "documents"),
        part_rows(run_dir / "fates"),
        part_rows(run_dir / "dedup" / "decisions"),
        part_rows(run_dir / "quarantine"),
        read_json(str(run_dir / "ledger.json")),
        read_json(str(run_dir / "plan.json")),
        read_json(str(run_dir / "shards" / "manifest.json")),
    )


@pytest.fixture(scope="session")
def sample_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """The run on the sample corpora, made once however many folders of tests use it."""
    # Each conftest that imports this fixture has its own copy of it; the cache makes them share the run.
    return _run_pipeline(spark, tmp_path_factory.getbasetemp() / "sample-run")


@cache
def _run_on_real_samples(spark: SparkSession, realdata: Path, run_dir: Path) -> Pipeline:
    settings = [f"run_dir={run_dir}", f"input_root={realdata}", "engine.split_bytes=2000000"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAGISTER_REALDATA", str(realdata))
        config = load_config(str(_CONFIGS / "realdata.yaml"), settings, PrepareConfig)
    job = Pipeline(lambda: spark, config, plan_input(config), lambda _: None, lambda *_: None)
    job.prepare(FATES)
    return job


@pytest.fixture(scope="session")
def real_pipeline(realdata: Path, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The job on the real samples, up to the fates; made once, as `sample_run` is."""
    return _run_on_real_samples(spark, realdata, tmp_path_factory.getbasetemp() / "real-run")
