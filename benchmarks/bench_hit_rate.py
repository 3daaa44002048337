"""Prints how often planted pairs share a band, per script, beside theory: `python -m benchmarks.bench_hit_rate`.

A pair is two texts of random words (or characters) of one script that differ in single words, far enough apart that
each change costs a known number of shingles, so the Jaccard similarity of the pair is known. It is counted once more,
pair by pair, on strings in plain Python (`dataprep/sample/reference.py`). The second text has its line breaks, full
stops and capitals elsewhere. Both go through the kernel that the pipeline runs.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import sqrt
from textwrap import fill
from typing import Final

import numpy as np
import pyarrow as pa
from scipy.stats import binom, chi2

from benchmarks.common import machine_facts, markdown_table, publish
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.curve import collision_probability, hit_probability
from dataprep.kernels.sketch_text import sketch_texts
from dataprep.sample import reference

BANDS: Final = 20
ROWS: Final = 8
SEED: Final = 1  # the pipeline's default
PAIRS: Final = 2000
SHORTEST: Final = 60
LONGEST: Final = 400
TWENTIETHS: Final = range(10, 20)  # Jaccard similarity 0.50 to 0.95
CONFIDENCE: Final = 0.99
NORMAL_QUANTILE: Final = 2.5758293035489004  # of the standard normal distribution at (1 + CONFIDENCE) / 2
FEWEST_EXPECTED: Final = 5  # hits and misses of a cell, for its share of a chi-squared sum
VOCABULARY: Final = 5000
PAGE_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Script:
    """How random text of a script is made.

    Attributes:
        name: of the script.
        bases: letters that a word, or a character with its marks, begins with.
        followers: what may follow a base: further letters of a word, or marks.
        letters: fewest and most bases per unit.
        separator: between units; nothing where each character is a unit.
        stop: ends a sentence.
        shingle: units per shingle.
    """

    name: str
    bases: str
    followers: str
    letters: tuple[int, int]
    separator: str
    stop: str
    shingle: int


def _letters(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


SCRIPTS: Final = (
    Script("Latin", "etaoinshrdlcumwfgypbvk", "eéaüoiñ", (2, 7), " ", ".", 5),
    Script("Cyrillic", "оеаинтсрвлкмдпуяыгзбчйхжшюцщэфё", "", (2, 9), " ", ".", 5),
    Script("Arabic", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "\u064e\u064f\u0650\u0651", (2, 8), " ", "؟", 5),
    Script("Devanagari", "कखगघचजटडतथदधनपबभमयरलवशसह", "ािीुूेैोौं", (1, 5), " ", "।", 5),
    Script("Tamil", "கஙசஞடணதநபமயரலவழளறன", "ாிீுூெேைொோௌ்", (2, 5), " ", ".", 5),
    Script("Han", _letters(0x4E00, 0x4E00 + 2999), "", (1, 1), "", "。", 6),
    Script("Kana", _letters(0x3042, 0x3093) + _letters(0x30A2, 0x30F3), "", (1, 1), "", "。", 6),
    Script("Hangul", "".join(map(chr, range(0xAC00, 0xD7A4, 13))), "", (1, 4), " ", ".", 5),
    Script("Thai", _letters(0x0E01, 0x0E2E) + "ะาเแโใไ", "ัิีึืุู่้", (1, 1), "", " ", 10),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One script at one similarity.

    Attributes:
        script: its name.
        jaccard: of every pair.
        pairs: how many.
        hits: pairs that share at least one band.
        theory: expected share of hits: mean over the pairs' set sizes of `curve.hit_probability`.
        variance: of the number of hits, by the same probabilities.
    """

    script: str
    jaccard: float
    pairs: int
    hits: int
    theory: float
    variance: float

    @property
    def formula(self) -> float:
        """What the formula for independent hash functions says."""
        return float(collision_probability(self.jaccard, BANDS, ROWS))

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the share of hits (Wilson, 1927), at CONFIDENCE."""
        return wilson(self.hits, self.pairs)

    def holds(self, probability: float) -> bool:
        """Whether the interval holds a probability."""
        low, high = self.interval
        return low <= probability <= high


def wilson(hits: int, pairs: int) -> tuple[float, float]:
    """Wilson's score interval of a share at CONFIDENCE (Brown, Cai and DasGupta, 2001, section 3.1.1)."""
    share, square = hits / pairs, NORMAL_QUANTILE**2
    middle = (share + square / (2 * pairs)) / (1 + square / pairs)
    reach = (
        NORMAL_QUANTILE / (1 + square / pairs) * sqrt(share * (1 - share) / pairs + square / (4 * pairs**2))
    )
    # At the ends the interval ends exactly there; rounding must not leave it out.
    return (0.0 if hits == 0 else middle - reach), (1.0 if hits == pairs else middle + reach)


def vocabulary(script: Script, rng: np.random.Generator) -> list[str]:
    """Distinct random units of a script."""
    fewest, most = script.letters
    words: dict[str, None] = {}
    for _ in range(2 * VOCABULARY):
        word = ""
        for _ in range(int(rng.integers(fewest, most + 1))):
            word += script.bases[rng.integers(len(script.bases))]
            if script.followers and rng.random() < 0.4:
                word += script.followers[rng.integers(len(script.followers))]
        words[word] = None
    return list(words)[:VOCABULARY]


def sizes(twentieths: int, shingle: int) -> list[tuple[int, int]]:
    """Shingles per text and changed units, for every size at which the similarity is exactly twentieths / 20.

    With e changes at least a shingle apart, s - n e of s shingles of n units are common, and s + n e are in the union.
    """
    found = []
    for size in range(SHORTEST, LONGEST + 1):
        changes, rest = divmod(size * (20 - twentieths), shingle * (20 + twentieths))
        if changes and not rest:
            found.append((size, changes))
    return found


def typeset(units: Sequence[str], script: Script, rng: np.random.Generator) -> str:
    """A text of the units: sentences of random lengths with a capital and a stop, and a line break after some."""
    text, at = "", 0
    while at < len(units):
        length = int(rng.integers(5, 25))
        sentence = script.separator.join(units[at : at + length])
        text += sentence[:1].upper() + sentence[1:] + script.stop
        text += "\n" if rng.random() < 0.3 else script.separator
        at += length
    return text


def plant(
    script: Script, words: Sequence[str], size: int, changes: int, rng: np.random.Generator
) -> tuple[str, str]:
    """Two texts of `size` shingles that differ in so many units, none of whose shingles overlap or are cut short."""
    span = script.shingle
    drawn = rng.integers(len(words), size=size + span - 1)
    # Positions at least a span apart, and as far from the ends that each is in `span` shingles.
    slack = size - (span - 1) - (changes - 1) * span
    places = np.sort(rng.choice(slack + changes - 1, size=changes, replace=False))
    places += span - 1 + (span - 1) * np.arange(changes)
    changed = drawn.copy()
    changed[places] = (drawn[places] + rng.integers(1, len(words), size=changes)) % len(words)
    left, right = ([words[index] for index in indexes] for indexes in (drawn, changed))
    return typeset(left, script, rng), typeset(right, script, rng)


def plant_pairs(
    script: Script, twentieths: int, pairs: int, rng: np.random.Generator
) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts 2i and 2i + 1 of each pair, and the common shingles and union of each, as the plain reference counts them.

    Raises:
        RuntimeError: a pair does not have the similarity it was planted with.
    """
    words, choices = vocabulary(script, rng), sizes(twentieths, script.shingle)
    texts: list[str] = []
    sets: list[tuple[int, int]] = []
    while len(sets) < pairs:
        size, changes = choices[rng.integers(len(choices))]
        pair = plant(script, words, size, changes, rng)
        left, right = map(reference.shingles, pair)
        if len(left) < size or len(right) < size:
            continue  # a shingle came twice by chance
        common, union = len(left & right), len(left | right)
        if 20 * common != twentieths * union:
            raise RuntimeError(
                f"{script.name}: planted {twentieths / 20}, found {common} of {union} shingles common."
            )
        texts.extend(pair)
        sets.append((common, union))
    return texts, sets


def measure(script: Script, twentieths: int, pairs: int, rng: np.random.Generator) -> Cell:
    """Plant pairs, run the kernel, count those that share a band."""
    texts, sets = plant_pairs(script, twentieths, pairs, rng)
    data, offsets = buffers(pa.array(texts))
    sketched = sketch_texts(data, offsets, num_bands=BANDS, rows_per_band=ROWS, seed=SEED)
    keys = sketched.band_keys
    expected = np.array([hit_probability(common, union, BANDS, ROWS) for common, union in sets])
    return Cell(
        script.name,
        twentieths / 20,
        pairs,
        int((keys[::2] == keys[1::2]).any(axis=1).sum()),
        float(expected.mean()),
        float((expected * (1 - expected)).sum()),
    )


def measure_all(pairs: int = PAIRS, seed: int = 0) -> list[Cell]:
    """Every script at every similarity."""
    rng = np.random.default_rng(seed)
    return [measure(script, twentieths, pairs, rng) for script in SCRIPTS for twentieths in TWENTIETHS]


def deviation(cells: Sequence[Cell]) -> tuple[float, int]:
    """Sum of squared standardised deviations from theory, and how many cells it has; cells with few misses are out."""
    used = [cell for cell in cells if min(cell.theory, 1 - cell.theory) * cell.pairs >= FEWEST_EXPECTED]
    return sum((cell.hits - cell.pairs * cell.theory) ** 2 / cell.variance for cell in used), len(used)


def section(cells: Sequence[Cell]) -> str:
    """The results as a section of a Markdown page."""
    outside = [cell for cell in cells if not cell.holds(cell.theory)]
    by_chance = len(cells) * (1 - CONFIDENCE)
    chance = float(binom.sf(len(outside) - 1, len(cells), 1 - CONFIDENCE))
    total, freedom = deviation(cells)
    probability = float(chi2.sf(total, freedom))
    agrees = min(chance, probability) >= 1 - CONFIDENCE
    formula_outside = sum(not cell.holds(cell.formula) for cell in cells)
    formula_total, _ = deviation([by_formula(cell) for cell in cells])
    what = (
        f"{cells[0].pairs:,} pairs of texts per script and similarity, {SHORTEST} to {LONGEST} shingles each, "
        f"{BANDS} bands of {ROWS} rows. A hit is a pair that shares at least one band key. The similarity of each pair "
        "is exact, counted in plain Python on the strings. *Theory* is Fast Similarity Sketching under truly random "
        "hashing for the very set sizes of the pairs (`hit_probability` of `kernels/curve.py`); *formula* is "
        f"1 - (1 - J^{ROWS})^{BANDS}, for independent hash functions. The interval is Wilson's at {CONFIDENCE:.0%}."
    )
    verdict = (
        f"**Theory {'agrees' if agrees else 'does not agree'}.** It lies outside the interval in {len(outside)} of "
        f"{len(cells)} cells; {by_chance:.1f} are expected by chance; so many or more have probability {chance:.2f}. "
        f"Over all cells with at least {FEWEST_EXPECTED} expected hits and misses χ² is {total:.1f} with {freedom} "
        f"degrees of freedom; so much or more has probability {probability:.2f}. The formula lies outside in "
        f"{formula_outside} cells, and its χ² is {formula_total:.1f}: bins of this sketch are negatively dependent, "
        "so its curve is steeper."
    )
    paragraphs = [fill(text, PAGE_WIDTH) for text in (what, verdict)]
    return "\n\n".join(["## Hit rate of planted pairs", *paragraphs, summary_table(cells), cell_table(cells)])


def by_formula(cell: Cell) -> Cell:
    """The cell with the formula in place of the theory."""
    return replace(cell, theory=cell.formula, variance=cell.pairs * cell.formula * (1 - cell.formula))


def summary_table(cells: Sequence[Cell]) -> str:
    """One row per script: cells outside, and the joint test."""
    rows = []
    for script, group in groupby(cells, lambda cell: cell.script):
        own = list(group)
        total, freedom = deviation(own)
        inside = sum(cell.holds(cell.theory) for cell in own)
        rows.append(
            [
                script,
                f"{inside} of {len(own)}",
                f"{total:.1f}",
                str(freedom),
                f"{chi2.sf(total, freedom):.3f}",
            ]
        )
    return markdown_table(["script", "cells inside", "χ²", "degrees of freedom", "probability"], rows)


def cell_table(cells: Sequence[Cell]) -> str:
    """One row per script and similarity."""
    rows = []
    for cell in cells:
        low, high = cell.interval
        rows.append(
            [
                cell.script,
                f"{cell.jaccard:.2f}",
                f"{cell.hits:,}",
                f"{cell.hits / cell.pairs:.4f}",
                f"{cell.theory:.4f}",
                f"{cell.formula:.4f}",
                f"{low:.4f} to {high:.4f}",
                "inside" if cell.holds(cell.theory) else "outside",
            ]
        )
    return markdown_table(
        ["script", "J", "hits", "measured", "theory", "formula", "99 % interval", "theory lies"], rows
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Hit rate of planted pairs per script, beside theory.")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="per script and similarity")
    parser.add_argument("--seed", type=int, default=0, help="of the texts")
    parser.add_argument("--output", help="also write the section to this file")
    args = parser.parse_args()
    page = section(measure_all(args.pairs, args.seed))
    publish(f"{page}\n\n{machine_facts('numba', 'numpy')}", args.output)


if __name__ == "__main__":
    main()
