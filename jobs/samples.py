"""Write the project's own sample corpora, with their planted truth, where the demo configuration reads them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dataprep.config import PrepareConfig
from dataprep.sample.generator import write_samples
from dataprep.sample.utterances import write_utterances
from jobs.config import load_config
from jobs.run import exit_with_message, parse

TRUTH_NAME: Final = "truth.json"
UTTERANCES: Final = "utterances"  # folder in input_root, read by configs/utterances/demo.yaml
NUM_UTTERANCES: Final = 20_000


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    args = parse("Write the sample corpora into the configuration's input_root.", argv)
    exit_with_message(lambda: _write(load_config(args.config, args.set, PrepareConfig), dry_run=args.dry_run))


def _write(config: PrepareConfig, *, dry_run: bool) -> None:
    folder = Path(config.input_root)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / TRUTH_NAME).exists():
        raise ValueError(
            f"{folder} holds other files than the sample corpora; choose an empty folder with --set input_root=…"
        )
    if not dry_run:
        try:
            write_samples(config.input_root)
            write_utterances(folder / UTTERANCES, NUM_UTTERANCES)
        except OSError as error:
            raise OSError(
                f"the sample corpora cannot be written to input_root {config.input_root} ({error.strerror}); "
                "choose another folder with --set input_root=…"
            ) from error
    print(f"samples    {config.input_root}", file=sys.stderr)


if __name__ == "__main__":
    main()
