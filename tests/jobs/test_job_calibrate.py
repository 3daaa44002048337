"""`make calibrate`: from reference corpora to a file that a run takes. The annotation runs here without Spark."""

import json
from pathlib import Path

import pytest

from dataprep.annotate.task import run_read_task
from dataprep.config import PrepareConfig
from dataprep.filter.thresholds import in_force, load_thresholds, stop_words
from dataprep.pipeline import annotate_settings
from dataprep.plan import plan_input, read_tasks
from dataprep.stages import Stage
from jobs import calibrate

SENTENCES = (
    "Der alte Müller ging mit dem Hund in den Wald und suchte dort nach der Quelle.",
    "Die Kinder aus dem Dorf kamen an den Fluss und warfen Steine in das Wasser.",
    "Auf der Brücke stand ein Mann mit einem Korb und wartete auf den Bus in die Stadt.",
)


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    texts = ["\n".join(SENTENCES[n % 3 :] + SENTENCES[: n % 3]) + f" {n}" for n in range(9)]
    rows = [json.dumps({"text": text, "url": f"https://a.example/{n}"}) for n, text in enumerate(texts)]
    (tmp_path / "good.jsonl").write_text("\n".join(rows), encoding="utf-8")
    path = tmp_path / "reference.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\ninput_root: {tmp_path}\n"
        "sources: [{name: good, format: jsonl, paths: [good.jsonl], language: de}]\n"
        "calibration: {min_stop_word_share: 0.5}\n",
        encoding="utf-8",
    )
    return path


def annotate(_: str, config: PrepareConfig, last: Stage, *, dry_run: bool) -> PrepareConfig:
    """The annotation stage alone, in this process."""
    assert (last.name, config.thresholds) == ("annotate", "none")
    for task in read_tasks(plan_input(config).splits, split_bytes=1 << 20, cores=1):
        run_read_task(task, run_dir=config.run_dir, settings=annotate_settings(config), batch_bytes=1 << 20)
    return config


def test_the_file_it_writes_is_one_that_a_run_takes(
    config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate, "run_stages", annotate)

    calibrate.main(["--config", str(config_path)])

    path = str(tmp_path / "run" / "thresholds.json")
    file = load_thresholds(path)
    source = {"name": "s", "format": "jsonl", "paths": ["x"]}
    run = PrepareConfig.model_validate({"run_dir": "r", "sources": [source], "thresholds": path})
    assert file is not None
    assert file.reference["sources"] == {"good": 9}
    assert file.origin == "Computed by `make calibrate` from the reference corpora good."
    assert in_force(run)["de"].documents == 9
    assert in_force(run)["de"].origins["min_language_score"] == "file"
    assert {"der", "und"} <= set(stop_words(run)["de"])
    assert "1 locales, 9 written documents" in capsys.readouterr().err
    assert str(tmp_path) not in (tmp_path / "run" / "thresholds.json").read_text()


def test_the_same_reference_gives_the_same_file_elsewhere(
    config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "run_stages", annotate)

    for name in ("one", "two"):
        calibrate.main(["--config", str(config_path), "--set", f"run_dir={tmp_path / name}"])

    assert (tmp_path / "one" / "thresholds.json").read_bytes() == (
        tmp_path / "two" / "thresholds.json"
    ).read_bytes()


def test_a_dry_run_writes_nothing(
    config_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibrate.main(["--config", str(config_path), "--dry-run"])

    assert "nothing was run" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
