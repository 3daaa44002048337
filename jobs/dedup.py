"""Annotate if need be, then find exact and near duplicates and decide which copy stays."""

from collections.abc import Sequence

from dataprep.pipeline import DEDUP
from jobs.run import run_job


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    run_job(
        "dedup",
        "Annotate if need be, then find exact and near duplicates and decide which copy stays.",
        DEDUP,
        argv,
    )


if __name__ == "__main__":
    main()
