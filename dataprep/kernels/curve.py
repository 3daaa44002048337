"""What a choice of bands and rows does: the S-curve of locality-sensitive hashing.

`collision_probability` is the textbook formula, for hash functions that are independent of each other.
`hit_probability` is what Fast Similarity Sketching does under truly random hashing, without approximation:

- A bin of two documents' sketches agrees if and only if the least (round, hash) that the union of their shingles puts
  into it belongs to a shingle of both.
- In a round, the shingles that win the newly filled bins are a uniform draw without replacement from the union, because
  nothing tells shingles apart; so the number of common ones among m new bins is hypergeometric. How many bins are new
  is a Markov chain: each shingle of the union falls into one of e empty bins of K with probability e/K.
- Nothing tells bins apart either: given that t bins agree, they are a uniform draw of t from K, and the probability
  that they hold a whole band is a matter of counting.

So the distribution of t follows from a sum over rounds, here over its discrete Fourier transform.
"""

from functools import cache, lru_cache
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEGLIGIBLE: Final = 1e-12  # states of the chain less likely than this are left out of the sum


def collision_probability(jaccard: float | Floats, bands: int, rows: int) -> Floats:
    """Probability that two documents of the given Jaccard similarity share at least one band key, in [0, 1].

    `1 - (1 - jaccard**rows)**bands` (Leskovec et al., 2020, ch. 3.4.2), computed so that tiny probabilities keep
    their digits. Same shape as `jaccard`.

    Exact for independent hash functions only. The bins of Fast Similarity Sketching are negatively dependent, so its
    curve is steeper: `sketch_collision_probability`.

    Raises:
        ValueError: a similarity outside [0, 1], or bands or rows below 1.
    """
    similarity = _checked(jaccard, bands, rows)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(bands * np.log1p(-(similarity**rows))), dtype=np.float64)


def sketch_collision_probability(jaccard: float | Floats, bands: int, rows: int, shingles: int) -> Floats:
    """Probability that two documents of about `shingles` shingles each share at least one band key, in [0, 1].

    Of Fast Similarity Sketching with `bands * rows` bins and truly random hashing (see the module). Same shape as
    `jaccard`. The union has a whole number of shingles, the nearest to `2 * shingles / (1 + jaccard)`; where the common
    ones are then no whole number, the result is interpolated between the two next to it.

    Raises:
        ValueError: a similarity outside [0, 1], or bands, rows or shingles below 1.
    """
    similarity = _checked(jaccard, bands, rows)
    if shingles < 1:
        raise ValueError(f"Expected at least one shingle, found shingles={shingles}.")
    result = np.empty(similarity.shape, np.float64)
    for index, value in np.ndenumerate(similarity):
        union = round(2 * shingles / (1 + value))
        common, part = divmod(value * union, 1.0)
        below = hit_probability(int(common), union, bands, rows)
        above = hit_probability(int(common) + 1, union, bands, rows) if part else below
        result[index] = below + part * (above - below)
    return result


@cache
def hit_probability(common: int, union: int, bands: int, rows: int) -> float:
    """Probability that two documents share at least one band key, in [0, 1], to about nine decimals.

    Of Fast Similarity Sketching with truly random hashing (see the module). Takes milliseconds for hundreds of bins,
    seconds for thousands.

    Args:
        common: shingles of both documents.
        union: shingles of either, at least 1 and at least `common`.
        bands: LSH bands.
        rows: bins per band.

    Raises:
        ValueError: `common` is not in [0, union], or union, bands or rows is below 1.
    """
    if union < 1 or not 0 <= common <= union or bands < 1 or rows < 1:
        raise ValueError(
            f"Expected 0 <= common <= union and union, bands and rows of at least 1, found common={common}, "
            f"union={union}, bands={bands}, rows={rows}."
        )
    if common in (0, union):
        return float(common == union)
    agreements = _agreements(common, union, bands * rows)
    return float(np.clip(agreements @ _hits_by_agreements(bands, rows), 0.0, 1.0))


def _agreements(common: int, union: int, bins: int) -> Floats:
    """Probability of each number of agreeing bins, from none to all; shape [bins + 1]."""
    # Transformed over the number of agreements: row m is the law of the common ones among m new bins.
    drawn = np.fft.rfft(_hypergeometric(common, union, bins), axis=1)
    # Row e - low: the probability of e empty bins times the transformed law of the agreements of the full ones.
    low, state = bins, np.ones((1, drawn.shape[1]), np.complex128)
    fewest, fills = bins, _fills(union, bins, bins, bins)
    for _ in range(bins):
        high = low + len(state) - 1
        if high == 0:
            break
        if fewest > 0 and high < bins:
            fewest, fills = 0, _fills(union, bins, 0, high)
        following = np.zeros((high + 1, drawn.shape[1]), np.complex128)
        for empty in range(low, high + 1):
            chance = fills[empty - fewest]
            left = np.flatnonzero(chance > NEGLIGIBLE)
            following[left] += chance[left, None] * drawn[empty - left] * state[empty - low]
        # At frequency 0 the transform is the probability itself.
        likely = np.flatnonzero(following[:, 0].real > NEGLIGIBLE)
        low, state = int(likely[0]), following[likely[0] : likely[-1] + 1]
    # In its last K rounds the sketch gives each bin that is still empty a draw from the whole union.
    one = 1 + (common / union) * (np.exp(-2j * np.pi * np.arange(drawn.shape[1]) / (bins + 1)) - 1)
    total = (state * one ** np.arange(low, low + len(state))[:, None]).sum(axis=0)
    return np.asarray(np.fft.irfft(total, n=bins + 1), np.float64)


@lru_cache(maxsize=16)
def _fills(balls: int, bins: int, fewest: int, most: int) -> Floats:
    """Probability that of e empty bins u are left after a round, at [e - fewest, u], for e from fewest to most.

    A round throws each of the `balls` into one of all `bins`.
    """
    chance = np.eye(most + 1)[fewest:]
    hit = np.arange(most + 1) / bins
    miss = 1 - hit
    for _ in range(balls):
        moved = chance[:, 1:] * hit[1:]
        chance *= miss
        chance[:, :-1] += moved
    return chance


def _hypergeometric(common: int, union: int, bins: int) -> Floats:
    """Probability of t common shingles among m drawn from the union without replacement, at [m, t]; 0 if m > union."""
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, union + 1)))))
    drawn, hits = np.meshgrid(np.arange(bins + 1), np.arange(bins + 1), indexing="ij")
    possible = (hits <= common) & (hits <= drawn) & (drawn - hits <= union - common) & (drawn <= union)

    def log_choose(total: int, part: npt.NDArray[np.int64]) -> Floats:
        inside = np.clip(part, 0, total)
        return np.asarray(log_factorial[total] - log_factorial[inside] - log_factorial[total - inside])

    log_chance = (
        log_choose(common, hits) + log_choose(union - common, drawn - hits) - log_choose(union, drawn)
    )
    return np.where(possible, np.exp(log_chance), 0.0)


@cache
def _hits_by_agreements(bands: int, rows: int) -> Floats:
    """Probability that t of `bands * rows` bins, drawn uniformly, hold a whole band, for each t from none to all."""
    # Ways to choose t bins without a whole band: coefficients of ((1 + x)**rows - x**rows)**bands, exact integers.
    one_band = np.array([comb(rows, part) for part in range(rows)], dtype=object)
    without = np.array([1], dtype=object)
    for _ in range(bands):
        without = np.convolve(without, one_band)
    bins = bands * rows
    ways = [*without, *[0] * (bins + 1 - len(without))]
    return np.array([1 - ways[t] / comb(bins, t) for t in range(bins + 1)], np.float64)


def _checked(jaccard: float | Floats, bands: int, rows: int) -> Floats:
    """The similarities as an array, checked together with bands and rows."""
    similarity = np.asarray(jaccard, dtype=np.float64)
    if bands < 1 or rows < 1 or not ((similarity >= 0) & (similarity <= 1)).all():
        raise ValueError(
            f"Expected similarities in [0, 1] and at least one band and row, found bands={bands}, rows={rows}, "
            f"jaccard={jaccard}."
        )
    return similarity
