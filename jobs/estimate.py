"""Print what training a preset will need: memory per GPU, micro-batch, days and money. Nothing is run."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from training.architecture import active_body, counts
from training.estimate import (
    GPUS,
    USABLE,
    EstimateError,
    Memory,
    Offload,
    Setup,
    days,
    flops_per_token,
    gpu_hours,
    largest_micro_batch,
    memory,
)
from training.presets import PRESETS, Preset, preset

# Well-tuned runs of this kind reach 40 to 50 % of the peak; plans should not count on more than the lower end.
DEFAULT_MFU: Final = 0.4
DECODER_SHARE: Final = 0.2  # 15 % of the tokens in spans of three, and a sentinel for each span
# ZeRO stage, what is offloaded, whether activations are checkpointed: what a person would try, in this order.
CHOICES: Final[Sequence[tuple[int, Offload, bool]]] = (
    (1, "none", False),
    (1, "none", True),
    (2, "none", False),
    (2, "none", True),
    (3, "none", False),
    (3, "none", True),
    (2, "optimizer", True),
    (3, "all", True),
)
HEADER: Final = (
    "ZeRO  offloaded  recompute   weights  grads  optim  bucket   step  activ.   head   work    peak"
    "    largest   host"
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command with the arguments of the command line."""
    args = _parse(argv)
    try:
        print("\n\n".join(_pages(args)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print what training a preset will need. Nothing is run.")
    parser.add_argument("--preset", required=True, help=", ".join(PRESETS))
    parser.add_argument("--gpus", required=True, help="number of GPUs")
    parser.add_argument("--gpu", required=True, help=", ".join(GPUS))
    parser.add_argument("--tokens", required=True, help="tokens to train on, for example 900e9")
    parser.add_argument("--price", help="of one GPU for an hour; without it, no cost")
    parser.add_argument("--mfu", help=f"share of the peak that is reached; {DEFAULT_MFU} if not given")
    parser.add_argument("--tflops", help="instead of the share: reached per GPU")
    parser.add_argument("--seq", help="mean tokens of a segment; the preset's longest if not given")
    parser.add_argument(
        "--micro", help="tokens of a micro-batch, to show their memory; one segment if not given"
    )
    return parser.parse_args(argv)


def _pages(args: argparse.Namespace) -> list[str]:
    """What is printed, paragraph by paragraph.

    Raises:
        ValueError: a value is no number, out of bounds, or names nothing.
    """
    chosen = preset(args.preset)
    if args.gpu not in GPUS:
        raise EstimateError(f"GPU must be one of {', '.join(GPUS)} (got {args.gpu!r}).")
    if args.mfu is not None and args.tflops is not None:
        raise EstimateError("give MFU or TFLOPS, not both.")
    setup = Setup(
        num_gpus=_whole("GPUS", args.gpus),
        segment_tokens=_segment(chosen, args.seq),
        micro_batch_tokens=_whole("MICRO", args.micro or str(_segment(chosen, args.seq))),
        target_share=DECODER_SHARE if chosen.config.num_decoder_layers else 0.15,
    )
    return [_model(args.preset, chosen), _memory(chosen, setup, args.gpu), _time(chosen, setup, args)]


def _segment(chosen: Preset, given: str | None) -> int:
    longest = chosen.config.max_positions
    segment = longest if given is None else _whole("SEQ", given)
    if segment > longest:
        raise EstimateError(
            f"SEQ must be at most {longest}, the longest segment of the preset (got {segment})."
        )
    return segment


def _model(name: str, chosen: Preset) -> str:
    number = counts(chosen.config)
    line = (
        f"{name}: {_si(number.total)} parameters = {_si(number.body)} body + {_si(number.head)} head "
        f"+ {_si(number.embedding)} embedding"
    )
    active = active_body(chosen.config)
    return line if active == number.body else f"{line}; a token goes through {_si(active)} of the body"


def _memory(chosen: Preset, setup: Setup, gpu_name: str) -> str:
    gpu = GPUS[gpu_name]
    lines = [
        f"GB per GPU at {setup.micro_batch_tokens:,} tokens per micro-batch, segments of {setup.segment_tokens}, "
        f"{setup.num_gpus} x {gpu_name}",
        f"largest: tokens per micro-batch that fit into {USABLE:.0%} of {gpu.memory_bytes / 1e9:.0f} GB; "
        "host: GB per node of 8",
        HEADER,
    ]
    for stage, offload, recompute in CHOICES:
        choice = Setup(
            num_gpus=setup.num_gpus,
            micro_batch_tokens=setup.micro_batch_tokens,
            segment_tokens=setup.segment_tokens,
            zero_stage=stage,
            offload=offload,
            checkpoint_activations=recompute,
            target_share=setup.target_share,
        )
        largest = largest_micro_batch(chosen.config, choice, gpu)
        lines.append(
            f"{stage:>4}  {offload:<9}  {'blocks' if recompute else 'nothing':<9} "
            f"{_gigabytes(memory(chosen.config, choice))}  {f'{largest[0]:,}' if largest else 'none':>9}"
            f"  {memory(chosen.config, choice).host / 1e9:5.0f}"
        )
    return "\n".join(lines)


def _gigabytes(needed: Memory) -> str:
    parts = (
        needed.weights,
        needed.gradients,
        needed.optimizer,
        needed.buckets,
        needed.step,
        needed.activations,
        needed.head,
        needed.working,
        needed.peak,
    )
    widths = (9, 6, 6, 7, 6, 7, 6, 6, 7)
    return " ".join(f"{part / 1e9:{width - 1}.1f}" for part, width in zip(parts, widths, strict=True))


def _time(chosen: Preset, setup: Setup, args: argparse.Namespace) -> str:
    tokens = _number("TOKENS", args.tokens)
    peak = GPUS[args.gpu].peak_tflops
    mfu = _number("MFU", args.mfu) if args.mfu is not None else DEFAULT_MFU
    tflops = _number("TFLOPS", args.tflops) if args.tflops is not None else mfu * peak
    if tflops > peak:
        raise EstimateError(f"the peak of {args.gpu} is {peak:g} TFLOPS; no run reaches {tflops:g}.")
    each = flops_per_token(
        chosen.config, segment_tokens=setup.segment_tokens, target_share=setup.target_share
    )
    rule = 6.0 * counts(chosen.config).total
    lines = [
        f"{tokens:.4g} tokens at {tflops:.4g} TFLOPS per GPU ({tflops / peak:.1%} of {peak:g}): "
        f"{tflops * 1e12 / each:,.0f} tokens/s per GPU",
        f"{'operations per token':<34}{'GPU-hours':>12}{'days':>10}{'cost':>14}",
    ]
    named = (
        (f"counted       {each / 1e9:10.4g} G", each),
        (f"with recompute{each * 8 / 6 / 1e9:10.4g} G", each * 8 / 6),
        (f"6 N D         {rule / 1e9:10.4g} G", rule),
    )
    for name, flops in named:
        hours = gpu_hours(flops * tokens, tflops=tflops)
        cost = "" if args.price is None else f"{hours * _number('PRICE', args.price):,.0f}"
        lines.append(f"{name:<34}{hours:12,.0f}{days(hours, num_gpus=setup.num_gpus):10,.1f}{cost:>14}")
    return "\n".join(lines)


def _number(name: str, text: str) -> float:
    """A number above 0.

    Raises:
        EstimateError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise EstimateError(f"{name} must be a number above 0 (got {text!r}).")
    return number


def _whole(name: str, text: str) -> int:
    number = _number(name, text)
    if number != int(number):
        raise EstimateError(f"{name} must be a whole number (got {text!r}).")
    return int(number)


def _si(number: float) -> str:
    if number >= 1e9:
        return f"{number / 1e9:.3f} B"
    return f"{number / 1e6:.1f} M"


if __name__ == "__main__":
    main()
