"""Compute thresholds and stop words per locale from reference corpora, and write the file that runs take them from."""

import argparse
import sys
from collections.abc import Sequence

from dataprep import files
from dataprep.calibrate import calibrate, read_reference, summary
from dataprep.config import CalibrateConfig
from dataprep.filter.thresholds import NONE, identification_digest
from dataprep.pipeline import ANNOTATE, calibration_sha256
from jobs.config import load_config
from jobs.run import exit_with_message, parse, run_stages


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Compute thresholds and stop words per locale from reference corpora.", argv)
    exit_with_message(lambda: _calibrate(args))


def _calibrate(args: argparse.Namespace) -> None:
    asked = load_config(args.config, args.set, CalibrateConfig)
    # Measured without a file: what it would hold is what is to be found.
    config = run_stages(
        "calibrate", asked.model_copy(update={"thresholds": NONE}), ANNOTATE, dry_run=args.dry_run
    )
    if args.dry_run:
        return
    settings = asked.calibration
    language = config.language_id
    names = ", ".join(source.name for source in config.sources)
    found = calibrate(
        read_reference(files.join(config.run_dir, "documents"), settings.documents),
        settings,
        code_sha256=calibration_sha256(config),
        language_identification=identification_digest(language),
        origin=f"Computed by `make calibrate` from the reference corpora {names}.",
    )
    path = settings.output or files.join(config.run_dir, "thresholds.json")
    files.write_json(path, found.model_dump(mode="json"))
    facts = summary(found)
    fewest = ", ".join(f"{locale} {documents}" for locale, documents in facts["fewest"].items())
    print(
        f"thresholds {path}: {facts['locales']} locales, {facts['documents']:,} written documents, "
        f"the fewest: {fewest}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
