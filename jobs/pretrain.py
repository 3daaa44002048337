"""Pretraining: shards in; checkpoints and metrics out. A process per device: `make pretrain NPROC=…`, or torchrun."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from jobs.config import load_config
from jobs.launch import BAD_INPUT, run_ranks
from training.config import PretrainConfig
from training.deepspeed import accumulation_steps

_SHUTDOWN_S = 600  # for a checkpoint, when the training is asked to stop


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Pretrain a model on shards, or go on where it was stopped.")
    parser.add_argument("--config", required=True, help="YAML file with the settings of the run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting; repeatable"
    )
    parser.add_argument("--nproc", type=int, help="start so many processes, one per device, on this machine")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved settings, and stop")
    args = parser.parse_args(argv)
    try:
        config = load_config(args.config, args.set, PretrainConfig)
        if args.dry_run:
            print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")
            return
        if args.nproc is not None and args.nproc != 1:
            sys.exit(_on_ranks(config, args))
        _train(config)
    except (ValueError, OSError) as error:
        # All ranks find the same; one says it.
        if os.environ.get("RANK", "0") == "0":
            print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _on_ranks(config: PretrainConfig, args: argparse.Namespace) -> int:
    """Start the ranks, unless they cannot divide what they are to share."""
    if args.nproc < 1:
        raise ValueError(f"--nproc must be at least 1 (got {args.nproc}).")
    accumulation_steps(config, args.nproc)
    settings = [part for change in args.set for part in ("--set", change)]
    return run_ranks(
        "jobs.pretrain", ["--config", args.config, *settings], args.nproc, shutdown_s=_SHUTDOWN_S
    )


def _train(config: PretrainConfig) -> None:
    from training.layout import Layout
    from training.source import StreamSource, stream_config
    from training.trainer import Trainer, leave_ranks, start_ranks
    from training.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(config.data.tokenizer)
    rank, world_size = start_ranks()
    layout = Layout.of(config, rank=rank, world_size=world_size)
    source = StreamSource(
        stream_config(config, vocabulary),
        rank=layout.data_rank,
        world_size=layout.data_size,
        num_workers=config.data.num_workers,
    )
    _check_tokenizer(config, source.tokenizer_sha256, vocabulary.sha256)
    if rank == 0:
        folder = Path(config.run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        resolved = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        (folder / "config.yaml").write_text(resolved, encoding="utf-8")
    Trainer(config, source, vocabulary).train()
    leave_ranks()


def _check_tokenizer(config: PretrainConfig, of_shards: str, own: str) -> None:
    """Refuse shards of another tokeniser: their ids would mean other pieces."""
    if own != of_shards:
        raise ValueError(
            f"the shards in {config.data.shards} were written with a tokeniser whose SHA-256 is {of_shards}, but "
            f"{config.data.tokenizer} has {own}; set data.tokenizer to theirs."
        )


if __name__ == "__main__":
    main()
