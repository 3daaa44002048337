"""What the jobs do around a run: the run folder on failure, the sample folder, the commit."""

import datetime
import json
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from dataprep.config import PrepareConfig
from dataprep.ledger import LedgerError
from dataprep.stages import StageRecord
from dataprep.utterances.config import UtterancesConfig
from jobs import run, samples
from jobs.config import load_config
from jobs.java import JavaError
from jobs.run import RunFolderError, exit_with_message, write_run


def fail(run_dir: Path, *made: Path) -> None:
    """A run that makes some files and fails."""

    def work() -> None:
        with run.locked(str(run_dir)):
            for path in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
            raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        work()


def test_a_failed_run_takes_its_folder_and_the_parents_made_for_it_away(tmp_path: Path) -> None:
    fail(tmp_path / "a" / "b" / "run")

    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_another_run_beside_it_alone(tmp_path: Path) -> None:
    fail(tmp_path / "runs" / "a", tmp_path / "runs" / "b" / "shard")

    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]


def test_a_failed_run_leaves_what_was_committed(tmp_path: Path) -> None:
    fail(tmp_path / "run", tmp_path / "run" / "documents" / "_stage.json")

    assert (tmp_path / "run" / "documents" / "_stage.json").exists()


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    fail(tmp_path / "run")

    assert (tmp_path / "run").is_dir()


def test_a_second_run_on_a_folder_is_refused(tmp_path: Path) -> None:
    with (
        run.locked(str(tmp_path / "run")),
        pytest.raises(RunFolderError, match="another run is working in"),
        run.locked(str(tmp_path / "run")),
    ):
        pass


def test_a_machine_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert run._commit() is None


def test_samples_hold_what_both_demo_configurations_read(tmp_path: Path) -> None:
    samples.main(["--config", "configs/dataprep/demo.yaml", "--set", f"input_root={tmp_path}"])

    for path, root, kind in (
        ("configs/dataprep/demo.yaml", tmp_path, PrepareConfig),
        ("configs/utterances/demo.yaml", tmp_path / "utterances", UtterancesConfig),
    ):
        config = load_config(path, [f"input_root={root}"], kind)
        assert all(any(root.glob(pattern)) for source in config.sources for pattern in source.paths)


def test_samples_are_not_written_among_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus.txt").write_text("mine")
    config = "configs/dataprep/demo.yaml"

    with pytest.raises(SystemExit) as exit_:
        samples.main(["--config", config, "--set", f"input_root={tmp_path}"])

    assert exit_.value.code == 2
    assert "holds other files than the sample corpora" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("a wrong setting"), 2, "error: a wrong setting\n"),
        (LedgerError("one is missing"), 3, "error: one is missing\n"),
        (
            ImportError("Install s3fs to access S3"),
            2,
            "error: Install s3fs to access S3. For s3:// and s3a://: pip install -e '.[dataprep,stores]'\n",
        ),
        (
            PySparkException(""),
            1,
            "error: Spark failed: PySparkException (spark.log in the run folder says more)\n",
        ),
        (JavaError("no Java"), 1, "error: no Java\n"),
        (
            PySparkException("a trace\nlast line"),
            1,
            "error: Spark failed: last line (spark.log in the run folder says more)\n",
        ),
    ],
)
def test_each_kind_of_failure_has_its_exit_code_and_one_sentence(
    error: Exception, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise error

    with pytest.raises(SystemExit) as exit_:
        exit_with_message(work)

    assert exit_.value.code == code
    assert capsys.readouterr().err == message


def test_the_record_of_a_run_has_its_cores_and_no_time_for_skipped_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASTER", "local[3]")
    done = [(StageRecord("annotate", "f", {}, 12.5), True), (StageRecord("dedup", "f", {}, 2.5), False)]

    write_run(str(tmp_path), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), done)

    run = json.loads((tmp_path / "run.json").read_text())
    assert run["cores"] == 3
    assert [(stage["elapsed_s"], stage["skipped"]) for stage in run["stages"]] == [(0.0, True), (2.5, False)]


def test_nobody_knows_the_cores_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", "spark://host:7077")

    write_run(str(tmp_path), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), [])

    assert json.loads((tmp_path / "run.json").read_text())["cores"] is None
