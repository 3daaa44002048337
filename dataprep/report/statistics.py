"""Estimates from samples, with their intervals. Plain numbers in, plain numbers out."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

Z_95: Final = 1.959963984540054  # two-sided 95 % of the standard normal distribution


class Interval(NamedTuple):
    """An estimated share and its confidence interval, all in [0, 1]."""

    estimate: float
    lower: float
    upper: float


def wilson(share: float, size: float, z: float = Z_95) -> Interval:
    """Wilson's score interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001, section 3.1.1).

    Args:
        share: observed share in [0, 1].
        size: how many were observed, above 0; an effective size need not be an integer.
        z: normal quantile of the confidence level.
    """
    square = z * z / size
    centre = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / size + square / (4 * size))
    return Interval(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)))


def weighted_share(right: Sequence[bool], weights: Sequence[float]) -> Interval | None:
    """The share of what is right among what the sampled stand for, with Wilson's interval; null for an empty sample.

    The interval is that of as many equally weighted observations as carry the same information: (Σw)² ÷ Σw² (Kish
    1965, section 11.7).

    Args:
        right: whether each sampled one is.
        weights: how many each stands for, above 0.
    """
    total = math.fsum(weights)
    if not total:
        return None
    hits = math.fsum(weight for is_right, weight in zip(right, weights, strict=True) if is_right)
    effective = total * total / math.fsum(weight * weight for weight in weights)
    return wilson(hits / total, effective)


def allocate(sizes: Sequence[int], budget: int, least: int) -> list[int]:
    """How many to draw from each stratum: in proportion to its size, but at least so many, and never more than it has.

    Args:
        sizes: of the strata.
        budget: about how many in all; more where the least of every stratum asks for more.
        least: of each stratum.
    """
    total = sum(sizes)
    return [min(size, max(least, round(budget * size / total))) for size in sizes] if total else []
