import json
import shutil
from pathlib import Path

import pytest
import yaml
from pipeline_helpers import SampleRun, sample_run

import jobs.prepare
from jobs.report import main

__all__ = ["sample_run"]


@pytest.fixture
def config(sample_run: SampleRun, tmp_path: Path) -> str:
    """The configuration of a copy of the run on the sample corpora, which allows no losses at all."""
    shutil.copytree(sample_run.folder, tmp_path / "run", copy_function=shutil.copy2)
    settings = sample_run.config.model_dump(mode="json") | {
        "run_dir": str(tmp_path / "run"),
        "report": {"max_lost_fraction": 0.0},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return str(tmp_path / "config.yaml")


def test_alarms_are_said_and_end_with_a_code_of_their_own_only_if_asked_for(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--config", config])
    told = capsys.readouterr().err

    with pytest.raises(SystemExit) as ended:
        main(["--config", config, "--set", "report.fail_on_alarm=true"])

    assert "alarm: The source mc4 lost 12." in told
    assert ended.value.code == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: the report raises ")
    report = json.loads((tmp_path / "run" / "report" / "report.json").read_text())
    assert "source mc4" in [alarm["subject"] for alarm in report["alarms"]["raised"]]


def test_a_whole_run_ends_with_that_code_too_and_is_finished(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "report" / "index.html").unlink(missing_ok=True)

    with pytest.raises(SystemExit) as ended:
        jobs.prepare.main(["--config", config, "--set", "report.fail_on_alarm=true"])

    assert ended.value.code == 4
    assert (tmp_path / "run" / "report" / "index.html").exists()
    assert "error: the run is finished, but its report raises " in capsys.readouterr().err


def test_a_folder_without_a_run_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"run_dir: {tmp_path}/run\nsources: [{{name: a, format: cc100, paths: [x]}}]\n")

    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config)])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/run holds no finished run; run make prepare with this configuration first.\n"
    )
    assert not (tmp_path / "run").exists()
