"""In-domain utterances: a window of records in; unique utterances with frequencies, in encrypted shards, out."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from dataprep import files
from dataprep.kms import check_key
from dataprep.local_tasks import LocalTasks
from dataprep.plan import InputPlan
from dataprep.shards.tokenizer import load
from dataprep.stages import StageRecord
from dataprep.utterances.config import UtterancesConfig
from dataprep.utterances.run import RunTasks, UtteranceRun, plan_utterances, vault_of
from jobs.config import load_config
from jobs.progress import StageProgress
from jobs.run import exit_with_message, locked, parse, write_config, write_run
from jobs.spark import build_session, local_cores, spark_master

_IN_THIS_PROCESS_BYTES: Final = 4_000_000


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Unique utterances of a window with their frequencies, in encrypted shards.", argv)
    exit_with_message(
        lambda: _run(load_config(args.config, args.set, UtterancesConfig), dry_run=args.dry_run)
    )


def _run(config: UtterancesConfig, *, dry_run: bool) -> None:
    config = config.model_copy(update={"run_dir": files.resolved(config.run_dir)})
    load(config.tokenizer)
    if config.encryption is not None:
        check_key(config.encryption.kms, config.encryption.key_id)
    plan = plan_utterances(config)
    if dry_run:
        print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")
        print(f"# {len(plan.inputs):,} input files, {plan.size_bytes / 1e6:,.1f} MB; nothing was run")
        return
    started_at = datetime.datetime.now(datetime.UTC)
    done: list[tuple[StageRecord, bool]] = []
    with locked(config.run_dir), StageProgress() as progress:
        progress.say(
            f"reading {len(plan.inputs):,} files, {plan.size_bytes / 1e6:,.1f} MB, into {config.run_dir}"
        )
        if config.encryption is None:
            progress.say("encryption is null: text and token ids are written as they are")

        def end(record: StageRecord, skipped: bool) -> None:
            done.append((record, skipped))
            progress.end(record, skipped)

        write_config(config)
        _prepare(config, plan, progress, end)
        write_run(config.run_dir, started_at, done)
        progress.say(_table(files.read_json(files.join(config.run_dir, "plan.json"))))
        progress.say(f"shards     {files.join(config.run_dir, 'shards')}")
        if log := vault_of(config).access_log:
            progress.say(f"access log {log}")


def _prepare(
    config: UtterancesConfig,
    plan: InputPlan,
    progress: StageProgress,
    end: Callable[[StageRecord, bool], None],
) -> None:
    """Run the stages: on the cores of this machine, or on the executors of a cluster."""
    cores = local_cores(spark_master())
    if cores is not None:
        # Processes take some seconds to start: longer than a few megabytes take to read.
        if plan.size_bytes <= _IN_THIS_PROCESS_BYTES:
            UtteranceRun(config, plan, _in_turn, cores, progress.start, end).prepare()
            return
        with LocalTasks(cores) as local:
            progress.watch(lambda: None, local)
            UtteranceRun(config, plan, local.run, cores, progress.start, end).prepare()
        return
    from dataprep.tables import run_tasks

    spark = build_session(
        "utterances", config.engine, log_path=Path("spark.log"), input_bytes=plan.size_bytes
    )
    progress.watch(lambda: spark)
    try:
        on_executors: RunTasks = lambda payloads, work: run_tasks(spark, payloads, work)  # noqa: E731
        cores = spark.sparkContext.defaultParallelism
        UtteranceRun(config, plan, on_executors, cores, progress.start, end).prepare()
    finally:
        progress.close()  # it asks the session for its tasks
        spark.stop()


def _in_turn(payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
    """Tasks one after the other, in this process; as `tables.run_tasks`."""
    return [work(payload) for payload in payloads]


def _table(plan: dict[str, Any]) -> str:
    """Per locale: how often utterances were said, how many there are, and how many after up-sampling."""
    lines = [f"{'locale':10} {'said':>14} {'unique':>12} {'up-sampled':>12} {'validation':>12} {'share':>7}"]
    for locale, entry in sorted(plan["locales"].items()):
        counts = entry["utterances"]
        lines.append(
            f"{locale:10} {counts['frequency']:>14,} {counts['unique']:>12,} {counts['upsampled']:>12,} "
            f"{counts['validation']:>12,} {entry['target_share']:>7.1%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
