"""How often Fast Similarity Sketching hits when its hashing is truly random: run this file to see.

Algorithm 1 (arXiv 1704.04370) on random numbers instead of hashes; shares no code with the kernels. Prints the rates
that `test_sketch` holds as literals, and beside them the curve of independent hash functions, which differs: bins
are negatively dependent, so the rate is higher where the curve is high and lower where it is low.
"""

import sys
from typing import Final

import numpy as np
import numpy.typing as npt

BINS: Final = 160
BANDS: Final = 20
ROWS: Final = 8
ROUNDS: Final = 60  # enough for 60 shingles and 160 bins never to need rounds beyond
TRIALS: Final = 40_000


def sampled(
    bins: npt.NDArray[np.int64], values: npt.NDArray[np.float64], members: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Which (round, element) fills each bin for the set of `members`, from random bins and values per round."""
    owner = np.full(BINS, -1, np.int64)
    for number in range(ROUNDS):
        order = members[np.argsort(values[number, members])[::-1]]
        least = np.full(BINS, -1, np.int64)
        least[bins[number, order]] = number * bins.shape[1] + order
        owner = np.where(owner < 0, least, owner)
        if (owner >= 0).all():
            return owner
    raise RuntimeError("ROUNDS is too small for this set.")


def hit_rate(size: int, common: int, seed: int) -> float:
    """Share of TRIALS pairs of sets of `size` with `common` shared elements that agree in all rows of some band."""
    draw = np.random.default_rng(seed)
    union = 2 * size - common
    left, right = np.arange(size), np.r_[np.arange(common), np.arange(size, union)]
    hits = 0
    for _ in range(TRIALS):
        bins, values = draw.integers(0, BINS, (ROUNDS, union)), draw.random((ROUNDS, union))
        equal = sampled(bins, values, left) == sampled(bins, values, right)
        hits += bool(equal.reshape(BANDS, ROWS).all(axis=1).any())
    return hits / TRIALS


if __name__ == "__main__":
    for size, common in ((60, 40), (63, 56), (300, 200), (315, 280)):
        jaccard = common / (2 * size - common)
        curve = 1 - (1 - jaccard**ROWS) ** BANDS
        line = f"{size} shingles, J = {jaccard}: {hit_rate(size, common, seed=size):.4f}; independent: {curve:.4f}"
        sys.stdout.write(line + "\n")
