"""Print what a preset of near-duplicate removal finds, as a function of the similarity of a pair: its S-curve."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from dataprep.config import PRESETS, NearDedupConfig
from dataprep.kernels.curve import Floats, collision_probability, sketch_collision_probability

ALL: Final = "all"
SIZES: Final = (50, 200, 1000)  # shingles: a paragraph, an article, a long page
SIMILARITIES: Final = np.arange(30, 101, 5) / 100
MOST_BINS: Final = 256  # the sum over all rounds of a sketch takes seconds for more
BAR_WIDTH: Final = 30
PROBABILITY: Final = (
    "Probability that a pair of Jaccard similarity J shares a band and is compared; bars: the last column."
)
EXPLANATION: Final = f"""\
{PROBABILITY}
formula: 1 - (1 - J^rows)^bands, for independent hashes (signature: datasketch).
shingles: Fast Similarity Sketching (signature: fss) of documents of so many, exact for truly random hashing."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command with the arguments of the command line."""
    args = _parse(argv)
    try:
        if args.shingles is not None and args.shingles < 1:
            raise ValueError(f"--shingles must be at least 1 (got {args.shingles}).")
        print("\n\n".join(_pages(args)))
    except ValueError as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print the S-curve of a preset of near-duplicate removal.")
    parser.add_argument("--preset", default="default", help=f"{', '.join(PRESETS)}, or {ALL} to compare them")
    parser.add_argument("--num-bands", type=int, help="instead of the preset's")
    parser.add_argument("--rows-per-band", type=int, help="instead of the preset's")
    parser.add_argument("--shingles", type=int, help="shingles per document; several sizes if not given")
    return parser.parse_args(argv)


def _sentence(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problems = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (got {problem['input']!r})"
        for problem in error.errors()
    ]
    return "; ".join(problems)


def _pages(args: argparse.Namespace) -> list[str]:
    """What is printed, paragraph by paragraph.

    Raises:
        ValueError: there is no such preset, or a value is out of bounds.
    """
    if args.preset != ALL and args.preset not in PRESETS:
        raise ValueError(f"--preset must be one of {', '.join(PRESETS)} or {ALL} (got {args.preset!r}).")
    given = {"num_bands": args.num_bands, "rows_per_band": args.rows_per_band}
    changed = {name: value for name, value in given.items() if value is not None}
    if args.preset != ALL:
        config = NearDedupConfig(preset=args.preset, **changed)
        bands, rows = config.num_bands, config.rows_per_band
        curves = {"formula": collision_probability(SIMILARITIES, bands, rows)}
        sizes = list(SIZES) if args.shingles is None else [args.shingles]
        if bands * rows > MOST_BINS:
            explanation, sizes = (
                f"{EXPLANATION}\nThe latter is left out for more than {MOST_BINS} hashes.",
                [],
            )
        else:
            explanation = EXPLANATION
        for size in sizes:
            curves[f"{size} shingles"] = sketch_collision_probability(SIMILARITIES, bands, rows, size)
        paragraphs = [_description(config, changed), explanation]
        return [*paragraphs, _table(curves), _shares(curves, config.min_jaccard)]
    if changed:
        raise ValueError(f"--preset {ALL} compares the presets as they are; name one preset to change it.")
    size = args.shingles or SIZES[1]
    configs = [NearDedupConfig(preset=name) for name in PRESETS]
    curves = {
        config.preset: sketch_collision_probability(
            SIMILARITIES, config.num_bands, config.rows_per_band, size
        )
        for config in configs
    }
    return [
        *(_description(config, {}) for config in configs),
        f"{PROBABILITY}\nFast Similarity Sketching (signature: fss) of documents of {size} shingles, exact for truly "
        "random hashing.",
        _table(curves),
        _shares(curves, configs[0].min_jaccard),
    ]


def _description(config: NearDedupConfig, changed: dict[str, Any]) -> str:
    """What the preset hashes, compares, verifies and removes."""
    name = f"preset {config.preset}"
    if changed:
        name += " with " + ", ".join(f"{key}={value}" for key, value in changed.items())
    hashes = config.num_bands * config.rows_per_band
    everything = config.slice_fraction == 1
    compared = (
        "all documents"
        if everything
        else f"a slice of {config.slice_fraction:.0%} of the texts, by their hash"
    )
    if config.verify:
        verified = "every candidate pair, by the exact Jaccard similarity of its shingles"
        removed = f"documents verified at J >= {config.min_jaccard:.2f} against the very document that stays"
    else:
        verified = "nothing: whoever shares a band counts as a duplicate"
        removed = "all but one document of each connected component, also those linked only through others"
    return (
        f"{name}: {config.num_bands} bands x {config.rows_per_band} rows = {hashes} hashes per document\n"
        f"  compares  {compared}\n  verifies  {verified}\n  removes   {removed}"
    )


def _table(curves: dict[str, Floats]) -> str:
    """One line per similarity, one column per curve, and a bar for the last one."""
    widths = [max(8, len(name)) for name in curves]
    lines = ["   J  " + "  ".join(name.rjust(width) for name, width in zip(curves, widths, strict=True))]
    for index, similarity in enumerate(SIMILARITIES):
        values = [curve[index] for curve in curves.values()]
        cells = "  ".join(f"{value:{width}.4f}" for value, width in zip(values, widths, strict=True))
        lines.append(f"{similarity:.2f}  {cells}  |{'#' * round(BAR_WIDTH * values[-1]):{BAR_WIDTH}}|")
    return "\n".join(lines)


def _shares(curves: dict[str, Floats], threshold: float) -> str:
    """How much of what lies above the threshold is found, and how much below it is compared in vain."""
    above, below = threshold <= SIMILARITIES, threshold >= SIMILARITIES
    width = max(map(len, curves))
    high, low = f"{threshold:.2f} to 1.00", f"{SIMILARITIES[0]:.2f} to {threshold:.2f}"
    lines = [f"Share of pairs that are compared, J spread evenly:  {high}  {low}"]
    lines += [
        f"  {name.ljust(width)}{_mean(curve[above]):{60 - width}.1%}{_mean(curve[below]):14.1%}"
        for name, curve in curves.items()
    ]
    lines.append(
        "The first is the recall. The second is what exact verification rejects, or removes wrongly if it is off."
    )
    return "\n".join(lines)


def _mean(curve: Floats) -> float:
    """Mean of a curve given at equal steps, by Simpson's rule: the number of steps is even."""
    weights = np.array([1, *[4, 2] * (len(curve) // 2 - 1), 4, 1])
    return float(curve @ weights / weights.sum())


if __name__ == "__main__":
    main()
