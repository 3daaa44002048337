"""Take documents out of a finished run: only the shards that hold them are written again, with an audit record."""

from collections.abc import Sequence

from dataprep import files
from dataprep.config import PrepareConfig
from dataprep.removals.plan import check_finished, plan_removal
from dataprep.removals.requests import RemovalError, load_requests
from dataprep.removals.takedown import begin, complete, finish_pending, summary
from jobs.config import load_config
from jobs.run import exit_with_message, locked, parse, report


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse(
        "Take the documents that the lists in `removals` name out of a finished run, with an audit record.",
        argv,
    )
    exit_with_message(
        lambda: _remove(load_config(args.config, args.set, PrepareConfig), dry_run=args.dry_run)
    )


def _remove(config: PrepareConfig, *, dry_run: bool) -> None:
    run_dir = files.resolved(config.run_dir)
    if not config.removals:
        raise RemovalError("no removal list is given; name one with REQUESTS=file, or in `removals`.")
    requests = load_requests(config.removals)
    if not requests:
        raise RemovalError(
            f"{', '.join(config.removals)} holds no request; write one per line: id:…, url:… or domain:…."
        )
    check_finished(run_dir)
    if dry_run:
        plan = plan_removal(run_dir, requests, config.removals)
        print("\n".join(summary(plan)) if plan else _nothing(len(requests)))
        print("# nothing was changed")
        return
    with locked(run_dir):
        if pending := finish_pending(run_dir, lambda: report(run_dir)):
            print("\n".join([*summary(pending), "this removal had been interrupted and is now complete"]))
        plan = plan_removal(run_dir, requests, config.removals)
        if plan is None:
            print(_nothing(len(requests)))
            return
        begin(run_dir, plan)
        print("\n".join(summary(complete(run_dir, plan, lambda: report(run_dir)))))


def _nothing(requests: int) -> str:
    return f"{requests:,} request{'' if requests == 1 else 's'}, nothing to do: the run honours them already"


if __name__ == "__main__":
    main()
