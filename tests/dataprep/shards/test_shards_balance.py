"""Temperature sampling as a plan."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.shards.balance import balance_plan, temperature_shares

SIZES = st.dictionaries(st.sampled_from(["de", "en", "hi", "th", "zh"]), st.integers(1, 10**15), min_size=1)


@given(SIZES, st.floats(0, 1))
def test_shares_are_positive_and_sum_to_one(sizes: dict[str, int], alpha: float) -> None:
    shares = temperature_shares(sizes, alpha)

    assert set(shares) == set(sizes)
    assert min(shares.values()) > 0
    assert isclose(sum(shares.values()), 1)


@given(SIZES)
def test_alpha_one_keeps_the_natural_shares(sizes: dict[str, int]) -> None:
    shares = temperature_shares(sizes, 1.0)

    assert shares == pytest.approx({locale: size / sum(sizes.values()) for locale, size in sizes.items()})


@given(SIZES)
def test_alpha_zero_makes_all_shares_equal(sizes: dict[str, int]) -> None:
    assert set(temperature_shares(sizes, 0.0).values()) == {1 / len(sizes)}


@given(SIZES, st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_alpha_never_lowers_the_smallest_share(
    sizes: dict[str, int], one: float, two: float
) -> None:
    flat, steep = (min(temperature_shares(sizes, alpha).values()) for alpha in sorted((one, two)))

    assert flat >= steep * (1 - 1e-9)


def test_half_as_exponent_takes_square_roots() -> None:
    assert temperature_shares({"en": 900, "hi": 100}, 0.5) == pytest.approx({"en": 0.75, "hi": 0.25})


def test_a_locale_without_tokens_is_left_out() -> None:
    assert temperature_shares({"en": 5, "hi": 0}, 0.3) == {"en": 1.0}


@pytest.mark.parametrize("sizes", [{}, {"en": 0}])
def test_nothing_to_balance_is_an_error(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no locale has any tokens"):
        temperature_shares(sizes, 0.3)


def test_the_plan_says_how_often_each_locale_repeats() -> None:
    # Shares √900 : √100 = 3 : 1 of 1000 tokens: 750 of 900 tokens of English, 250 of 100 tokens of Hindi.
    plan = balance_plan({"en": 900, "hi": 100}, {"en": 9, "hi": 2}, alpha=0.5, budget_tokens=None)

    assert (plan["alpha"], plan["total_tokens"], plan["budget_tokens"]) == (0.5, 1000, 1000)
    assert plan["locales"]["en"] == pytest.approx(
        {
            "documents": 9,
            "tokens": 900,
            "natural_share": 0.9,
            "target_share": 0.75,
            "expected_repeats": 0.8333333,
        }
    )
    assert plan["locales"]["hi"] == pytest.approx(
        {"documents": 2, "tokens": 100, "natural_share": 0.1, "target_share": 0.25, "expected_repeats": 2.5}
    )


def test_a_larger_budget_repeats_every_locale_more_often() -> None:
    plan = balance_plan({"en": 900, "hi": 100}, {"en": 9, "hi": 2}, alpha=0.5, budget_tokens=4000)

    assert plan["budget_tokens"] == 4000
    assert plan["locales"]["en"]["expected_repeats"] == pytest.approx(3.3333333)
    assert plan["locales"]["hi"]["expected_repeats"] == pytest.approx(10.0)
