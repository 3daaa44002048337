from fractions import Fraction
from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.kernels.curve import collision_probability, hit_probability, sketch_collision_probability


def enumerated(common: int, union: int, bands: int, rows: int) -> Fraction:
    """The probability of a hit from every outcome of Algorithm 1 (arXiv 1704.04370) for two small sets.

    Elements below `common` are in both sets. Both sketches are drawn by the paper's own loop, set by set; the order of
    the elements' hashes in each round and their bins are what is enumerated.
    """
    bins = bands * rows
    left = range(union) if union == common else [*range(common), *range(common, union, 2)]
    right = [*range(common), *range(common + 1, union, 2)]
    orders = list(permutations(range(union)))
    throws = list(product(range(bins), repeat=union))
    thrown = [(order, places) for order in orders for places in throws]
    hits = Fraction(0)
    for rounds in product(thrown, repeat=bins):
        sketches = [[-1] * bins, [-1] * bins]
        for number, (order, places) in enumerate(rounds):
            for sketch, members in zip(sketches, (left, right), strict=True):
                open_bins = [index for index in range(bins) if sketch[index] < 0]
                for element in order:
                    if element in members and places[element] in open_bins:
                        sketch[places[element]] = number * union + element
                        open_bins.remove(places[element])
        open_bins = [index for index in range(bins) if -1 in (sketches[0][index], sketches[1][index])]
        chance = Fraction(0)
        for last in product(orders, repeat=len(open_bins)):
            ends = [list(sketch) for sketch in sketches]
            for index, order in zip(open_bins, last, strict=True):
                for end, members in zip(ends, (left, right), strict=True):
                    if end[index] < 0:
                        end[index] = 1000 + next(element for element in order if element in members)
            equal = [one == other for one, other in zip(*ends, strict=True)]
            chance += any(all(equal[at : at + rows]) for at in range(0, bins, rows))
        hits += chance / factorial(union) ** len(open_bins)
    return hits / len(thrown) ** bins


@pytest.mark.parametrize(
    ("common", "union", "bands", "rows"),
    [(1, 2, 1, 2), (1, 2, 2, 1), (1, 3, 1, 2), (2, 3, 2, 1), (2, 3, 1, 2), (1, 2, 3, 1), (1, 2, 1, 3)],
)
def test_tiny_sets_hit_as_often_as_all_outcomes_counted_one_by_one(
    common: int, union: int, bands: int, rows: int
) -> None:
    assert hit_probability(common, union, bands, rows) == pytest.approx(
        float(enumerated(common, union, bands, rows)), abs=1e-10
    )


# What `ideal_sketch.py`, which draws both sketches with random numbers, prints: 40,000 pairs each.
@pytest.mark.parametrize(
    ("common", "union", "simulated"),
    [(40, 80, 0.0690), (56, 70, 0.9823), (200, 400, 0.0707), (280, 350, 0.9805)],
)
def test_the_probability_is_that_of_simulated_sketches(common: int, union: int, simulated: float) -> None:
    standard_error = (simulated * (1 - simulated) / 40_000) ** 0.5

    assert abs(hit_probability(common, union, 20, 8) - simulated) < 3.29 * standard_error


@pytest.mark.parametrize("jaccard", [0.4, 0.75, 0.9])
def test_large_sets_follow_the_formula_of_independent_hashes(jaccard: float) -> None:
    expected = 1 - (1 - jaccard**4) ** 5

    differences = [
        abs(hit_probability(round(jaccard * union), union, 5, 4) - expected)
        for union in (20, 200, 2000, 20_000)
    ]

    assert differences == sorted(differences, reverse=True)
    assert differences[0] > 0.002
    assert differences[-1] < 1e-4


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 4))
def test_more_common_shingles_never_hit_less(union: int, bands: int, rows: int) -> None:
    curve = [hit_probability(common, union, bands, rows) for common in range(union + 1)]

    assert curve[0] == 0.0
    assert curve[-1] == 1.0
    assert (np.diff(curve) > -1e-9).all()


def test_with_one_bin_the_probability_is_the_similarity() -> None:
    assert hit_probability(3, 10, 1, 1) == pytest.approx(0.3, abs=1e-10)


def test_documents_of_a_size_have_the_union_next_to_it() -> None:
    # 75 shingles each at J = 1/2: 100 in the union, 50 common.
    assert sketch_collision_probability(0.5, 20, 8, 75) == pytest.approx(hit_probability(50, 100, 20, 8))
    # 10 each at J = 0.55: 13 in the union, 7.15 common.
    low, high = hit_probability(7, 13, 20, 8), hit_probability(8, 13, 20, 8)
    assert sketch_collision_probability(0.55, 20, 8, 10) == pytest.approx(low + 0.15 * (high - low))


def test_the_curve_of_the_sketch_is_steeper_than_the_formula() -> None:
    similarities = np.array([[0.5, 0.6], [0.8, 0.9]])

    difference = sketch_collision_probability(similarities, 20, 8, 100) - collision_probability(
        similarities, 20, 8
    )

    assert (difference < 0).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(
    "values", [(1, 0, 20, 8), (-1, 4, 20, 8), (5, 4, 20, 8), (2, 4, 0, 8), (2, 4, 20, 0)]
)
def test_impossible_sets_are_refused(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="0 <= common <= union"):
        hit_probability(*values)


@pytest.mark.parametrize(("jaccard", "bands", "shingles"), [(1.1, 20, 50), (0.5, 0, 50), (0.5, 20, 0)])
def test_similarities_and_sizes_out_of_bounds_are_refused(jaccard: float, bands: int, shingles: int) -> None:
    with pytest.raises(ValueError, match="Expected"):
        sketch_collision_probability(jaccard, bands, 8, shingles)
