"""Intervals of shares, and how samples are drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from dataprep.report.statistics import allocate, weighted_share, wilson


@pytest.mark.parametrize(("hits", "size"), [(5, 10), (10, 10), (0, 400), (297, 300), (1, 2)])
def test_wilsons_interval_is_that_of_scipy(hits: int, size: int) -> None:
    expected = binomtest(hits, size).proportion_ci(0.95, method="wilson")

    found = wilson(hits / size, size)

    assert found.estimate == hits / size
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.floats(0, 1), st.floats(0.5, 1e6))
def test_an_interval_holds_its_estimate_and_lies_between_zero_and_one(share: float, size: float) -> None:
    found = wilson(share, size)

    assert 0 <= found.lower <= share <= found.upper <= 1


def test_equal_weights_are_a_plain_share() -> None:
    assert weighted_share([True, True, False, True], [7.0] * 4) == pytest.approx(wilson(0.75, 4))


def test_one_that_stands_for_many_makes_the_estimate_less_sure() -> None:
    found = weighted_share([True] * 10 + [False], [1.0] * 10 + [90.0])

    assert found is not None
    assert found.estimate == pytest.approx(0.1)
    assert found.upper > 0.75  # 100² / 8,110 = 1.2 observations


def test_an_empty_sample_says_nothing() -> None:
    assert weighted_share([], []) is None


@given(st.lists(st.integers(1, 10_000), max_size=30), st.integers(0, 500), st.integers(0, 10))
def test_no_stratum_gives_more_than_it_has_or_less_than_the_least(
    sizes: list[int], budget: int, least: int
) -> None:
    drawn = allocate(sizes, budget, least)

    assert len(drawn) == len(sizes)
    assert all(min(size, least) <= number <= size for size, number in zip(sizes, drawn, strict=True))


def test_strata_are_drawn_from_in_proportion() -> None:
    assert allocate([900, 90, 10], 100, 2) == [90, 9, 2]
