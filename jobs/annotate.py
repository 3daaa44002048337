"""Read every input once and measure it: documents, signatures, quarantine."""

from collections.abc import Sequence

from dataprep.pipeline import ANNOTATE
from jobs.run import run_job


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    run_job(
        "annotate", "Read every input once and measure it: documents, signatures, quarantine.", ANNOTATE, argv
    )


if __name__ == "__main__":
    main()
