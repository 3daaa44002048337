"""Annotate if need be, then find exact and near duplicates and decide which copy stays."""

from collections.abc import Sequence

from jobs.early import prepare_for_reading


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    prepare_for_reading()
    from dataprep.pipeline import DEDUP
    from jobs.run import run_job

    run_job(
        "dedup",
        "Annotate if need be, then find exact and near duplicates and decide which copy stays.",
        DEDUP,
        argv,
    )


if __name__ == "__main__":
    main()
