"""The whole main job through its command line: the same bytes however it is run, and after being killed anywhere."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataprep.pipeline import ANNOTATE, DEDUP, FATES, SHARDS, TOKENIZER
from dataprep.sample.generator import write_samples
from dataprep.stages import RECORD_NAME, Stage

ROOT = Path(__file__).parent.parent
# Everything of the engine that could leak into the result, all at once: many splits, files cut beforehand, small
# batches, few partitions, components by joins instead of in one task.
OTHER_ENGINE = (
    "engine.split_bytes=40000",
    "engine.precut_above_bytes=9000",
    "engine.precut_chunk_bytes=30000",
    "engine.batch_bytes=50000",
    "engine.shuffle_partitions=3",
    "engine.local_components_edges=0",
)

pytestmark = pytest.mark.slow


def command(samples: Path, run_dir: Path, *settings: str) -> list[str]:
    values = (f"input_root={samples}", f"run_dir={run_dir}", "tokenizer.vocab_size=4000", *settings)
    arguments = [part for value in values for part in ("--set", value)]
    return [sys.executable, "-m", "jobs.prepare", "--config", "configs/dataprep/demo.yaml", *arguments]


def start(samples: Path, run_dir: Path, *settings: str, master: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MASTER": master}
    return subprocess.Popen(
        command(samples, run_dir, *settings),
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    return errors


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(str(folder))
    return folder


@pytest.fixture(scope="module")
def one_core(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on one core with the default engine settings."""
    run_dir = tmp_path_factory.mktemp("one-core")
    finish(start(samples, run_dir, master="local[1]"))
    return run_dir


def manifest(run_dir: Path) -> bytes:
    return (run_dir / "shards" / "manifest.json").read_bytes()


def test_four_cores_other_splits_and_other_partitions_give_the_same_shards(
    samples: Path, one_core: Path, tmp_path: Path
) -> None:
    finish(start(samples, tmp_path / "run", *OTHER_ENGINE, master="local[4]"))

    assert manifest(tmp_path / "run") == manifest(one_core)
    assert (tmp_path / "run" / "ledger.json").read_bytes() == (one_core / "ledger.json").read_bytes()


def test_a_run_killed_in_the_middle_of_every_stage_ends_in_the_same_shards(
    samples: Path, one_core: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"

    killed = [kill_inside(stage, samples, run_dir) for stage in (ANNOTATE, DEDUP, FATES, TOKENIZER, SHARDS)]
    last = finish(start(samples, run_dir, master="local[2]"))

    assert killed == ["annotate", "dedup", "fates", "tokenizer", "shards"]
    assert last.count("already done") == 4  # all but the shards, in the middle of which the last kill came
    assert manifest(run_dir) == manifest(one_core)


def kill_inside(stage: Stage, samples: Path, run_dir: Path) -> str:
    """Start the job, and kill it and all its processes as soon as the stage has begun to write; the stage's name."""
    process = start(samples, run_dir, master="local[2]")
    # The tokeniser writes only at its very end; it is at work as soon as the stage before it is committed.
    before = (run_dir / FATES.folder / RECORD_NAME,) if stage == TOKENIZER else ()
    outputs = [*before, *(run_dir / output for output in stage.outputs if not before)]
    record = run_dir / stage.folder / RECORD_NAME
    while not any(output.exists() for output in outputs):
        assert process.poll() is None, f"ended before {stage.name} wrote anything"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    # The JVM starts Python workers in process groups of their own; they end when their pipe does.
    assert not record.exists(), f"{stage.name} was committed before it was killed"
    return stage.name


def test_a_finished_run_is_skipped_without_starting_spark(samples: Path, one_core: Path) -> None:
    before = manifest(one_core)

    errors = finish(start(samples, one_core, master="local[1]"))

    assert errors.count("already done") == 5
    assert manifest(one_core) == before
