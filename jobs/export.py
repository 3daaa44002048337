"""Write a trained encoder as Hugging Face's transformers reads it (`make export`)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jobs.launch import ending_in_one_sentence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Write a trained encoder as transformers reads it.")
    parser.add_argument("--from", dest="place", required=True, help="folder of a run or of a checkpoint")
    parser.add_argument("--to", required=True, help="folder to write to")
    parser.add_argument("--tokenizer", help="its SentencePiece model; by default the one of the run")
    args = parser.parse_args(argv)
    from training.trained import export_transformers

    with ending_in_one_sentence():
        if not args.place or not args.to:
            raise ValueError("an export needs two folders; name them: make export FROM=runs/… TO=exports/….")
        folder = export_transformers(args.place, Path(args.to), tokenizer=args.tokenizer)
    print(
        f"{folder} -> {args.to}\n"
        f"model: transformers.ModernBertForMaskedLM.from_pretrained({args.to!r})\n"
        f"tokeniser: sentencepiece.SentencePieceProcessor(model_file={args.to + '/tokenizer.model'!r})"
    )


if __name__ == "__main__":
    main()
