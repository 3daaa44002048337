"""`make keep`: one line per decision that is overturned, one sentence for what cannot be."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from pipeline_helpers import SampleRun, sample_run

from dataprep.filter.overturned import keeps_path
from jobs.keep import main

__all__ = ["sample_run"]


@pytest.fixture
def folder(sample_run: SampleRun, tmp_path: Path) -> Path:
    """A folder with the fates of the run on the sample corpora, and its configuration."""
    shutil.copytree(sample_run.folder / "fates", tmp_path / "run" / "fates")
    settings = sample_run.config.model_dump(mode="json") | {"run_dir": str(tmp_path / "run")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


def keep(folder: Path, *settings: str) -> None:
    options = [word for each in settings for word in ("--set", each)]
    main(["--config", str(folder / "config.yaml"), *options])


def dropped(run: SampleRun) -> str:
    return next(row["doc_id"] for row in run.fates if row["drop_reason"] == "near_duplicate")


def test_a_decision_is_recorded_once_with_name_and_reason(
    folder: Path, sample_run: SampleRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASON", "it's: a poem")
    asked = (f"keep.ids=[{dropped(sample_run)}]", "keep.by=Ada", "keep.reason=${REASON}")

    keep(folder, *asked)
    first = capsys.readouterr().out
    keep(folder, *asked)
    second = capsys.readouterr().out

    assert first.splitlines() == [
        f"{dropped(sample_run)} was dropped as near_duplicate; to be kept",
        "the next make prepare in this folder keeps them",
    ]
    assert second.splitlines() == ["nothing to do: the run is told already"]
    (line,) = Path(keeps_path(str(folder / "run"))).read_text().splitlines()
    assert (json.loads(line)["by"], json.loads(line)["reason"]) == ("Ada", "it's: a poem")


def test_a_dry_run_records_nothing(folder: Path, sample_run: SampleRun) -> None:
    options = [f"keep.ids=[{dropped(sample_run)}]", "keep.by=Ada", "keep.reason=poem"]

    main(["--config", str(folder / "config.yaml"), "--dry-run", *[x for o in options for x in ("--set", o)]])

    assert not Path(keeps_path(str(folder / "run"))).exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["keep.by=Ada", "keep.reason=poem"], "error: no document is named"),
        (["keep.ids=[x]", "keep.reason=poem"], "error: a decision is overturned by somebody for a reason"),
        (["keep.ids=[x]", "keep.by=Ada", "keep.reason=poem"], "error: the run has no document x;"),
        (["run_dir=nowhere", "keep.ids=[x]", "keep.by=Ada", "keep.reason=poem"], "holds no finished run"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_exit_code_2(
    folder: Path, settings: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        keep(folder, *settings)

    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
