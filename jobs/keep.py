"""Record that dropped documents are to be kept; the next `make prepare` in the run folder keeps them."""

import datetime
from collections.abc import Sequence

from dataprep import files
from dataprep.config import KeepConfig
from dataprep.filter.overturned import plan_keeps, write_keeps
from dataprep.stages import RECORD_NAME
from jobs.config import load_config
from jobs.run import RunFolderError, exit_with_message, locked, parse


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Record that dropped documents are to be kept, with who wants it and why.", argv)
    exit_with_message(lambda: _keep(load_config(args.config, args.set, KeepConfig), dry_run=args.dry_run))


def _keep(config: KeepConfig, *, dry_run: bool) -> None:
    run_dir = files.resolved(config.run_dir)
    if not files.exists(files.join(run_dir, "fates", RECORD_NAME)):
        raise RunFolderError(
            f"{run_dir} holds no finished run; run make prepare with this configuration first."
        )
    asked = config.keep
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    added = plan_keeps(run_dir, asked.ids, by=asked.by, reason=asked.reason, at=now)
    for each in added:
        print(f"{each['doc_id']} was dropped as {each['drop_reason']}; to be kept")
    if not added:
        print("nothing to do: the run is told already")
    elif dry_run:
        print("# nothing was changed")
    else:
        with locked(run_dir):
            write_keeps(run_dir, added)
        print("the next make prepare in this folder keeps them")


if __name__ == "__main__":
    main()
