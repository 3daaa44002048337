"""What every data job shares: parse, check, lock, run the stages, record. The mains beside this file name a stage."""

import argparse
import datetime
import fcntl
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml
from pydantic import ValidationError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from dataprep import files
from dataprep.annotate import language_id, minhash, perplexity
from dataprep.config import PrepareConfig, ReportConfig
from dataprep.dedup.deduplicate import without_spark
from dataprep.encryption import ACCESS_LOG
from dataprep.filter.evaluation_sets import read_sets
from dataprep.filter.rules import EXPLANATIONS
from dataprep.filter.thresholds import in_force
from dataprep.kernels.fused import warm_up
from dataprep.ledger import LedgerError
from dataprep.local_tasks import LocalTasks
from dataprep.pipeline import ANNOTATE, DEDUP, SHARDS, STAGES, Pipeline, annotate_settings
from dataprep.plan import plan_input
from dataprep.rehearsal import Copy, Outcome, rehearse
from dataprep.removals.requests import load_requests
from dataprep.removals.takedown import finish_pending
from dataprep.schema import SCHEMA_VERSION
from dataprep.shards.tokenizer import load
from dataprep.sources.registry import MALFORMED_REASONS
from dataprep.stages import RECORD_NAME, Stage, StageRecord
from dataprep.utterances.config import UtterancesConfig
from jobs.config import load_config
from jobs.java import JavaError
from jobs.progress import StageProgress
from jobs.spark import build_session, local_cores, spark_master

BAD_INPUT: Final = 2  # exit code: the configuration or the input must be changed
UNBALANCED: Final = 3  # exit code: documents were lost; the shards must not be used
ALARM: Final = 4  # exit code: the run is finished, and its report raises an alarm
FAILED: Final = 1


class RunFolderError(ValueError):
    """The run folder cannot be used."""


class AlarmError(Exception):
    """The report raises an alarm, and the settings ask for an exit code then; the message counts them."""


def parse(description: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """The three options that every job has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", required=True, help="YAML file with the settings of the run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting; repeatable"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the resolved settings and the input, and stop"
    )
    return parser.parse_args(argv)


def run_job(name: str, description: str, last: Stage, argv: Sequence[str] | None) -> None:
    """The main of a data job: run the stages up to `last`; end the process with a message and a code on bad input."""
    args = parse(description, argv)
    exit_with_message(lambda: _run(name, args, last))


def exit_with_message(work: Callable[[], None]) -> None:
    """Run; turn the errors that a person can mend into one sentence and an exit code."""
    try:
        work()
    except LedgerError as error:
        _fail(error, UNBALANCED)
    except AlarmError as error:
        _fail(error, ALARM)
    except PySparkException as error:
        # The last line names the error; the traceback of a worker above it helps only who has the code open.
        last = (str(error).strip() or type(error).__name__).splitlines()[-1]
        _fail(RuntimeError(f"Spark failed: {last} (spark.log in the run folder says more)"), FAILED)
    except ImportError as error:
        # fsspec names the package that a kind of URL needs.
        _fail(ValueError(f"{error}. For s3:// and s3a://: pip install -e '.[dataprep,stores]'"), BAD_INPUT)
    except JavaError as error:
        _fail(error, FAILED)
    except (ValueError, OSError) as error:
        _fail(error, BAD_INPUT)


def _fail(error: Exception, code: int) -> None:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(code)


def _run(name: str, args: argparse.Namespace, last: Stage) -> None:
    run_stages(name, load_config(args.config, args.set, PrepareConfig), last, dry_run=args.dry_run)


def run_stages(name: str, config: PrepareConfig, last: Stage, *, dry_run: bool) -> PrepareConfig:
    """Check the settings, then run the stages up to `last`; the settings with their paths resolved."""
    places = {"run_dir": files.resolved(config.run_dir)}
    if config.dedup_index is not None:
        places["dedup_index"] = files.resolved(config.dedup_index)
    config = config.model_copy(update=places)
    if config.measure == "dedup" and STAGES.index(last) > STAGES.index(DEDUP):
        raise ValueError(
            "measure: dedup leaves out languages and quality signals, which the later stages need; "
            "run `make dedup`, or set measure to all."
        )
    plan = plan_input(config)
    if config.measure == "all":
        language_id.check_model(config.language_id.model)
    if config.near_dedup.signature == "datasketch":
        minhash.library()
    if config.tokenizer.model is not None:
        load(config.tokenizer.model)
    load_requests(config.removals)
    read_sets(config.decontaminate.sets, config.input_root)
    perplexity.check_models(annotate_settings(config).lists)
    in_force(config)
    if dry_run:
        print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")
        print(f"# {len(plan.inputs):,} input files, {plan.size_bytes / 1e6:,.1f} MB; nothing was run")
        return config
    started_at = datetime.datetime.now(datetime.UTC)
    start = _Start(name, config, plan.size_bytes, last)
    done: list[tuple[StageRecord, bool]] = []
    with locked(config.run_dir), StageProgress() as progress:
        progress.watch(start.started, start.local)
        progress.say(
            f"reading {len(plan.inputs):,} files, {plan.size_bytes / 1e6:,.1f} MB, into {config.run_dir}"
        )

        def end(record: StageRecord, skipped: bool) -> None:
            done.append((record, skipped))
            progress.end(record, skipped)

        try:
            files.make_folder(config.run_dir)
            if pending := finish_pending(config.run_dir, lambda: report(config.run_dir)):
                progress.say(f"finished the removal {pending['name']}, which was interrupted")
            write_config(config)
            Pipeline(start.session, config, plan, progress.start, end, start.local).prepare(last)
            write_run(config.run_dir, started_at, done)
        finally:
            progress.close()  # it asks the session for its tasks
            start.stop()
        raised: list[str] = []
        if last == SHARDS:
            raised = report(config.run_dir, config.report)
            progress.say(f"shards     {files.join(config.run_dir, 'shards')}")
            progress.say(f"report     {files.join(config.run_dir, 'report', 'index.html')}")
            for sentence in raised:
                progress.say(f"alarm      {sentence}")
    if raised and config.report.fail_on_alarm:
        raise AlarmError(
            f"the run is finished, but its report raises {alarm_count(raised)}; look at it first."
        )
    return config


def alarm_count(raised: Sequence[str]) -> str:
    """How many alarms, in words."""
    return f"{len(raised)} {'alarm' if len(raised) == 1 else 'alarms'}"


def report(run_dir: str, settings: ReportConfig | None = None) -> list[str]:
    """Write the report of a finished run; the sentences of its alarms.

    Args:
        run_dir: the run folder.
        settings: what raises an alarm; null: as the run was told.
    """
    from dataprep.report.write import (
        write_report,
    )  # draws plots: the longest import of all, and the last to be needed

    explanations = {**EXPLANATIONS, **MALFORMED_REASONS}
    written = write_report(run_dir, explanations, settings, _rehearsal(run_dir))
    return [alarm["sentence"] for alarm in written["alarms"]["raised"]]


def _rehearsal(run_dir: str) -> Callable[[Sequence[tuple[str, str]]], list[Outcome]] | None:
    """Sends edited copies the way of the run's documents; null for a run whose settings are not there or not known."""
    if not files.exists(files.join(run_dir, "config.yaml")):
        return None
    with files.open_binary(files.join(run_dir, "config.yaml")) as file:
        said = yaml.safe_load(file)
    try:
        config = PrepareConfig.model_validate(said)
    except ValidationError:
        return None
    return lambda copies: rehearse(config, run_dir, [Copy(*copy) for copy in copies])


class _Start:
    """The Spark session of a job: started when it is first needed, or while the first stage runs without it.

    Attributes:
        local: runs tasks without Spark on this machine, if that is where the job runs.
    """

    def __init__(self, name: str, config: PrepareConfig, input_bytes: int, last: Stage) -> None:
        self._config = config
        # On one machine nothing up to there needs Spark, or hardly ever.
        self._without_spark = last == ANNOTATE or (last == DEDUP and without_spark(config))
        self._build = partial(
            build_session, name, config.engine, log_path=_log_path(config.run_dir), input_bytes=input_bytes
        )
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[SparkSession] | None = None
        cores = local_cores(spark_master())
        if not config.engine.local_processes:
            cores = None
        self.local = _WithSpark(cores, self) if cores is not None else None

    def begin(self) -> None:
        """Compile the kernels, so that workers load the machine code; start Spark meanwhile, if it will be needed."""
        if not self._without_spark:
            self._begin_spark()
        warm_up()
        if self._config.measure == "all":
            language_id.warm_up(self._config.language_id.model)

    def _begin_spark(self) -> None:
        if self._future is None:
            self._future = self._pool.submit(self._built)

    def _built(self) -> SparkSession:
        session = self._build()
        if self.local is not None:
            # Python workers import and load for a second or two: now, not when the first stage of Spark waits for them.
            numbers = session.range(0, self.local.cores, 1, self.local.cores)
            numbers.mapInArrow(_imported, numbers.schema).collect()
        return session

    def session(self) -> SparkSession:
        """The session; waits for it. From here on the cores and the memory are Spark's."""
        if self._future is None:
            self._begin_spark()
            self.begin()
        assert self._future is not None
        session = self._future.result()
        if self.local is not None:
            self.local.close()
        return session

    def started(self) -> SparkSession | None:
        """The session, if it is there."""
        if self._future is None or not self._future.done() or self._future.exception() is not None:
            return None
        return self._future.result()

    def stop(self) -> None:
        """Stop the session, if there is one, and the processes of this machine."""
        if self.local is not None:
            self.local.close()
        if self._future is not None and self._future.exception() is None:
            self._future.result().stop()
        self._pool.shutdown()


def _imported(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What the stages behind import, in a Python worker."""
    from dataprep.filter import fates

    assert fates
    yield from batches


class _WithSpark(LocalTasks):
    """Tasks on this machine, while Spark starts for the stages behind."""

    def __init__(self, cores: int, start: _Start) -> None:
        super().__init__(cores)
        self._start = start
        self._begun = False

    def run(self, payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
        if not self._begun:
            self._begun = True
            self._start.begin()
        return super().run(payloads, work)


def _log_path(run_dir: str) -> Path:
    """Where Spark's own messages go: into the run folder, or beside other temporary files if that is on a store."""
    return Path(run_dir if files.is_local(run_dir) else tempfile.gettempdir()) / "spark.log"


@contextmanager
def locked(run_dir: str) -> Iterator[None]:
    """Hold the run folder; a second run on it is refused. The lock dies with its process, however that ends.

    A folder that this run made and in which no stage was committed is removed again on failure, unless it holds an
    access log.
    """
    if not files.is_local(run_dir):
        yield
        return
    folder = Path(run_dir)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise RunFolderError(
            f"the run folder {run_dir} cannot be written ({error.strerror}); choose another with --set run_dir=…"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunFolderError(
                f"another run is working in {run_dir}; wait for it, or choose another folder with --set run_dir=…"
            ) from error
        try:
            yield
        except PySparkException:
            raise  # what Spark said lies in the folder
        except BaseException:
            kept = [folder / ACCESS_LOG, *(folder / stage.folder / RECORD_NAME for stage in STAGES)]
            if made and not any(path.exists() for path in kept):
                files.remove_tree(run_dir)
                # The parents that were made for it, as far as nobody else has put anything there since.
                with suppress(OSError):
                    for path in made[1:]:
                        path.rmdir()
            raise


def write_config(config: PrepareConfig | UtterancesConfig) -> None:
    """`config.yaml`: the resolved settings."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    target = files.AtomicFile(files.join(config.run_dir, "config.yaml"))
    target.write(text.encode())
    target.commit()


def write_run(run_dir: str, started_at: datetime.datetime, done: Sequence[tuple[StageRecord, bool]]) -> None:
    """`run.json`: what ran, on what, and how long each stage took; `cores` is null on a cluster."""
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": {
            "python": platform.python_version(),
            **{
                name: version(name)
                for name in ("magister", "pyspark", "pyarrow", "numba", "sentencepiece", "ftfy")
            },
        },
        "master": spark_master(),
        "cores": local_cores(spark_master()),
        "stages": [
            # The record of a skipped stage has the time that its output took, in an earlier run.
            {"stage": record.stage, "elapsed_s": 0.0 if skipped else record.elapsed_s, "skipped": skipped}
            for record, skipped in done
        ],
    }
    files.write_json(files.join(run_dir, "run.json"), value)


def _commit() -> str | None:
    """Commit of the checkout the code runs from; null when it is not one."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # no git on this machine
        return None
    return answer.stdout.strip() or None
