"""Write the report of a finished run again, from its folder alone."""

import sys
from collections.abc import Sequence

from dataprep import files
from dataprep.config import PrepareConfig
from jobs.config import load_config
from jobs.run import AlarmError, RunFolderError, alarm_count, exit_with_message, parse, report


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Write the report of a finished run again, from its folder alone.", argv)
    exit_with_message(
        lambda: _report(load_config(args.config, args.set, PrepareConfig), dry_run=args.dry_run)
    )


def _report(config: PrepareConfig, *, dry_run: bool) -> None:
    config = config.model_copy(update={"run_dir": files.resolved(config.run_dir)})
    if not files.exists(files.join(config.run_dir, "ledger.json")):
        raise RunFolderError(
            f"{config.run_dir} holds no finished run; run make prepare with this configuration first."
        )
    raised = [] if dry_run else report(config.run_dir, config.report)
    print(files.join(config.run_dir, "report", "index.html"), file=sys.stderr)
    for sentence in raised:
        print(f"alarm: {sentence}", file=sys.stderr)
    if raised and config.report.fail_on_alarm:
        raise AlarmError(f"the report raises {alarm_count(raised)}; look at it first.")


if __name__ == "__main__":
    main()
