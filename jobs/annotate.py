"""Read every input once and measure it: documents, signatures, quarantine."""

from collections.abc import Sequence

from jobs.early import prepare_for_reading


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    prepare_for_reading()
    from dataprep.pipeline import ANNOTATE
    from jobs.run import run_job

    run_job(
        "annotate", "Read every input once and measure it: documents, signatures, quarantine.", ANNOTATE, argv
    )


if __name__ == "__main__":
    main()
