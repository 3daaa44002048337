"""The stages together on a tiny corpus: a broken ledger fails the run, and a run folder never mixes settings."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import dataprep.pipeline
from dataprep.config import PrepareConfig
from dataprep.files import read_json
from dataprep.filter.overturned import plan_keeps, write_keeps
from dataprep.ledger import LedgerError
from dataprep.pipeline import (
    ANNOTATE,
    DECONTAMINATE,
    LINES,
    SHARDS,
    STAGES,
    Pipeline,
    PipelineError,
    code_sha256,
)
from dataprep.plan import plan_input
from dataprep.report.numbers import build_report
from dataprep.sample.sentences import load
from dataprep.shards.quotas import BalanceError
from dataprep.stages import StageRecord


def settings(root: Path, **changed: Any) -> PrepareConfig:
    values: dict[str, Any] = {
        "run_dir": str(root / "run"),
        "input_root": str(root / "input"),
        "sources": [{"name": "cc100", "format": "cc100", "paths": ["*.txt"]}],
        "tokenizer": {"vocab_size": 700},
        **changed,
    }
    return PrepareConfig.model_validate(values)


def pipeline(spark: SparkSession, config: PrepareConfig, ended: list[tuple[StageRecord, bool]]) -> Pipeline:
    return Pipeline(
        lambda: spark, config, plan_input(config), lambda _: None, lambda *end: ended.append((end[0], end[1]))
    )


@pytest.fixture(scope="module")
def finished(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on four documents in two languages."""
    root = tmp_path_factory.mktemp("tiny")
    (root / "input").mkdir()
    for language in ("de", "en"):
        sentences = [line for lines in load()[language].written.values() for line in lines]
        text = "\n".join(sentences[:8]) + "\n\n" + "\n".join(sentences[20:28]) + "\n"
        (root / "input" / f"{language}.txt").write_text(text, encoding="utf-8")
    pipeline(spark, settings(root), []).prepare()
    return root


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, with the times of its input files, to be broken."""
    shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def test_a_run_that_loses_a_document_on_its_way_into_the_shards_fails(
    run: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dataprep.pipeline.write_shards

    def forgetful(*args: Any, **options: Any) -> list[dict[str, Any]]:
        entries = real(*args, **options)
        entries[0]["kept"][0][2] -= 1
        return entries

    shutil.rmtree(run / "run" / "shards")
    monkeypatch.setattr(dataprep.pipeline, "write_shards", forgetful)

    with pytest.raises(LedgerError, match=r"by_file cc100/de.txt: 2 read ≠ 1 kept \+ 0 dropped"):
        pipeline(spark, settings(run), []).prepare()

    assert not (run / "run" / "shards").exists()
    assert not (run / "run" / "ledger.json").exists()
    assert (run / "run" / "ledger.unbalanced.json").exists()


def test_a_stray_part_of_another_run_is_noticed_before_anything_is_made_of_it(
    run: Path, spark: SparkSession
) -> None:
    documents = run / "run" / "documents"
    shutil.copy(next(documents.glob("*.parquet")), documents / "part-000077.parquet")
    shutil.rmtree(run / "run" / "fates")

    with pytest.raises(RuntimeError, match="documents/ should hold the parts"):
        pipeline(spark, settings(run), []).prepare()


def test_a_finished_run_is_skipped_whole(run: Path, spark: SparkSession) -> None:
    ended: list[tuple[StageRecord, bool]] = []

    pipeline(spark, settings(run), ended).prepare()

    assert [(record.stage, skipped) for record, skipped in ended] == [
        (stage.name, True) for stage in STAGES if stage not in (LINES, DECONTAMINATE)
    ]


def test_another_balance_redoes_the_plan_and_gives_the_same_shards(run: Path, spark: SparkSession) -> None:
    ended: list[tuple[StageRecord, bool]] = []
    shards = run / "run" / "shards"
    before = {path.name: path.read_bytes() for path in shards.rglob("*.parquet")}

    pipeline(spark, settings(run, balance={"locales": {"de": {"min_share": 0.6}}}), ended).prepare()

    assert [record.stage for record, skipped in ended if not skipped] == ["shards"]
    plan = read_json(str(run / "run" / "plan.json"))
    assert plan["locales"]["de"]["target_share"] == pytest.approx(0.6, rel=1e-9)
    assert plan["held"] == ["locale de: min_share 0.6"]
    assert {path.name: path.read_bytes() for path in shards.rglob("*.parquet")} == before


def test_a_quota_of_what_there_is_no_text_of_is_found_before_a_text_is_encoded(
    run: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataprep.pipeline, "encode_documents", None)

    with pytest.raises(BalanceError, match=r"locale hi: min_share 0\.1, but no document of it was kept"):
        pipeline(spark, settings(run, balance={"locales": {"hi": {"min_share": 0.1}}}), []).prepare()


def test_stages_that_other_settings_made_do_not_survive_an_earlier_stage(
    run: Path, spark: SparkSession
) -> None:
    ended: list[tuple[StageRecord, bool]] = []
    changed = settings(run, balance={"alpha": 0.5})

    pipeline(spark, changed, ended).prepare(ANNOTATE)

    assert [(record.stage, skipped) for record, skipped in ended] == [("annotate", True)]
    assert (run / "run" / "fates" / "_stage.json").exists()  # it does not depend on alpha
    assert not (run / "run" / "tokenizer").exists()
    assert not (run / "run" / "shards").exists()
    assert not (run / "run" / "ledger.json").exists()


def test_a_locale_of_which_nothing_is_kept_is_named_with_the_reasons(run: Path, spark: SparkSession) -> None:
    changed = settings(run, locales=["de", "en"], rules_by_locale={"de": {"min_words": 5000}})

    with pytest.raises(PipelineError, match=r"no document in locale de was kept \(too_few_words 2\)"):
        pipeline(spark, changed, []).prepare(SHARDS)


def test_the_fingerprint_of_code_is_that_of_its_files() -> None:
    assert code_sha256("dedup") == code_sha256("dedup")
    assert code_sha256("dedup") != code_sha256("dedup", "tables.py")


def test_a_document_that_a_reviewer_wants_kept_is_in_the_shards_of_the_next_run(
    run: Path, spark: SparkSession
) -> None:
    strict = settings(run, rules_by_locale={"de": {"min_words": 10_000}})
    pipeline(spark, strict, []).prepare()
    folder = str(run / "run")
    fates = pq.read_table(run / "run" / "fates").to_pylist()
    dropped = [row["doc_id"] for row in fates if row["drop_reason"]]
    assert len(dropped) == 2

    write_keeps(folder, plan_keeps(folder, dropped[:1], by="Ada", reason="a recipe", at="now"))
    ended: list[tuple[StageRecord, bool]] = []
    pipeline(spark, strict, ended).prepare()

    assert [record.stage for record, skipped in ended if not skipped] == ["fates", "tokenizer", "shards"]
    shards = [
        doc_id
        for path in (run / "run" / "shards").rglob("*.parquet")
        for doc_id in pq.ParquetFile(path).read(columns=["doc_id"])["doc_id"].to_pylist()
    ]
    assert set(dropped) & set(shards) == set(dropped[:1])
    assert read_json(str(run / "run" / "ledger.json"))["total"]["kept"] == 3
    report = build_report(folder)
    assert report["verdict"]["consistent"]
    (told,) = report["overturned"]["documents"]
    assert (told["doc_id"], told["drop_reason"], told["by"], told["honoured"]) == (
        dropped[0],
        "too_few_words",
        "Ada",
        True,
    )
    pipeline(spark, strict, ended := []).prepare()
    assert all(skipped for _, skipped in ended)
