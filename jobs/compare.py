"""Print what changed between two finished runs, and write it as JSON and as a page into the report of the second."""

import argparse
from collections.abc import Sequence

from dataprep import files
from dataprep.report.compare import as_text
from dataprep.report.compare_page import write_comparison
from jobs.run import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", help="run folder")
    parser.add_argument("after", help="run folder; report/compare.json and compare.html are written into it")
    args = parser.parse_args(argv)
    exit_with_message(lambda: _compare(files.resolved(args.before), files.resolved(args.after)))


def _compare(before: str, after: str) -> None:
    print(as_text(write_comparison(before, after)), end="")


if __name__ == "__main__":
    main()
