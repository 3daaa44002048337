"""`make remove`: one sentence for what is wrong, one line for what was done, and the rest after a kill."""

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from pipeline_helpers import SampleRun, sample_run

import jobs.prepare
import jobs.run
from dataprep.files import read_json
from dataprep.removals.plan import plan_removal
from dataprep.removals.requests import load_requests
from dataprep.removals.takedown import begin
from jobs.remove import main

__all__ = ["sample_run"]

PROJECT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from dataprep import files
from jobs.remove import main

commit, count = files.AtomicFile.commit, [0]

def killed(self):
    count[0] += 1
    if count[0] == {point}:
        os.kill(os.getpid(), signal.SIGKILL)
    return commit(self)

files.AtomicFile.commit = killed
main(sys.argv[1:])
"""


@pytest.fixture
def arguments(sample_run: SampleRun, tmp_path: Path) -> list[str]:
    """A copy of the run on the sample corpora, a list with a domain and a page, and the job's arguments."""
    run = tmp_path / "run"
    shutil.copytree(sample_run.folder, run)
    settings = sample_run.config.model_dump(mode="json") | {"run_dir": str(run)}
    for path in (tmp_path / "config.yaml", run / "config.yaml"):
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    (tmp_path / "list.txt").write_text("domain:evening-paper.example\nurl:https://nowhere.example/\n")
    return ["--config", str(tmp_path / "config.yaml"), "--set", f"removals=[{tmp_path}/list.txt]"]


def kept_of(run: Path, domain: str) -> int:
    documents, fates = (pq.read_table(run / name).to_pylist() for name in ("documents", "fates"))
    return sum(
        fate["drop_reason"] is None and f"//{domain}/" in document["locator"]
        for document, fate in zip(documents, fates, strict=True)
    )


def test_a_domain_leaves_the_run_its_report_and_its_ledger(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    before = kept_of(run, "evening-paper.example")

    main(arguments)

    lines = capsys.readouterr().out.splitlines()
    record = read_json(str(run / "removals" / "0001.json"))
    touched, total = len(record["shards"]), record["shards_before"]
    assert lines[0] == (
        f"2 requests, {len(record['documents'])} documents, {touched} of {total} shards rewritten, "
        "audit removals/0001.json"
    )
    assert "1 request matched no document: url:https://nowhere.example/" in lines
    assert before > 100
    assert kept_of(run, "evening-paper.example") == 0
    report = read_json(str(run / "report" / "report.json"))
    assert report["verdict"]["consistent"]
    (reason,) = [each for each in report["drops"]["reasons"] if each["reason"] == "removal_request"]
    assert reason["documents"] == read_json(str(run / "ledger.json"))["total"]["dropped"]["removal_request"]


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    main([*arguments, "--dry-run"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 requests, ")
    assert lines[-1] == "# nothing was changed"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_a_killed_removal_is_finished_by_the_next(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(point=12), *arguments], cwd=PROJECT, check=False
    )
    pending = read_json(str(tmp_path / "run" / "removals" / "0001.json"))["status"]

    main(arguments)

    lines = capsys.readouterr().out.splitlines()
    assert (killed.returncode, pending) == (-9, "pending")
    assert lines[-2:] == [
        "this removal had been interrupted and is now complete",
        "2 requests, nothing to do: the run honours them already",
    ]
    assert read_json(str(tmp_path / "run" / "removals" / "0001.json"))["status"] == "done"
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_a_prepare_first_finishes_what_was_interrupted(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lists = tmp_path / "run", [str(tmp_path / "list.txt")]
    plan = plan_removal(str(run), load_requests(lists), lists)
    assert plan is not None
    begin(str(run), plan)
    statuses: list[str] = []

    class Watching:
        """In the place of the pipeline: what it would find."""

        def __init__(self, *_: object) -> None:
            pass

        def prepare(self, _: object) -> None:
            statuses.append(read_json(str(run / "removals" / "0001.json"))["status"])

    monkeypatch.setattr(jobs.run, "Pipeline", Watching)

    jobs.prepare.main(arguments[:2])

    assert statuses == ["done"]
    assert "finished the removal removals/0001.json, which was interrupted\n" in capsys.readouterr().err
    assert kept_of(run, "evening-paper.example") == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no removal list is given; name one with REQUESTS=file, or in `removals`."),
        ("# nothing yet\n", "{list} holds no request; write one per line: id:…, url:… or domain:…."),
        (
            "domain:example.com\nexample.org\n",
            "{list}, line 2: expected id:…, url:…, domain:… or a JSON object, found 'example.org'; "
            "correct or delete the line.",
        ),
        (
            "domain:example.com\n",
            "{run} holds no finished run (documents/_stage.json is missing); "
            "run make prepare with this configuration first.",
        ),
    ],
)
def test_bad_input_ends_with_code_2_and_one_sentence(
    content: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, requests, run = (tmp_path / name for name in ("config.yaml", "list.txt", "run"))
    config.write_text(f"run_dir: {run}\nsources: [{{name: a, format: cc100, paths: [x]}}]\n")
    if content is not None:
        requests.write_text(content)
    given = [] if content is None else ["--set", f"removals=[{requests}]"]

    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), *given])

    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {sentence.format(list=requests, run=run)}\n"
    assert not run.exists()
