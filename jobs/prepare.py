"""The whole data pipeline: corpora in; balanced, tokenised shards, ledger and report out."""

from collections.abc import Sequence

from jobs.early import prepare_for_reading


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    prepare_for_reading()
    from dataprep.pipeline import SHARDS
    from jobs.run import run_job

    run_job(
        "prepare",
        "The whole data pipeline: corpora in; balanced, tokenised shards, ledger and report out.",
        SHARDS,
        argv,
    )


if __name__ == "__main__":
    main()
