"""Quotas: the shares that keep them are the closest ones, and what cannot be is named with its shortfall."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from dataprep.config import BalanceConfig
from dataprep.shards.balance import balance_plan, check_names, plan_after_removal
from dataprep.shards.cells import Size, Stratum
from dataprep.shards.quotas import BalanceError, Bound, Floats, closest_shares, filled_shares

Bounds = list[tuple[list[int], float, float]]


def cells(**tokens: int) -> dict[Stratum, Size]:
    """Strata by `locale_source`, in tokens; subtitles are spoken."""
    found = {}
    for name, n in tokens.items():
        locale, source = name.split("_")
        form = "spoken" if source == "subtitles" else "written"
        found[Stratum(locale, source, form, 1)] = Size(n // 100, n)
    return found


def plan(sizes: dict[Stratum, Size], **settings: Any) -> dict[str, Any]:
    return balance_plan(sizes, BalanceConfig.model_validate(settings))


def shares(made: dict[str, Any], of: str = "locales") -> dict[str, float]:
    return {name: entry["target_share"] for name, entry in made[of].items()}


def test_what_a_minimum_takes_is_taken_from_all_others_in_proportion() -> None:
    made = plan(
        cells(en_web=7000, de_web=2000, hi_web=1000), method="natural", locales={"hi": {"min_share": 0.3}}
    )

    assert shares(made) == pytest.approx({"en": 0.7 * 7 / 9, "de": 0.7 * 2 / 9, "hi": 0.3}, rel=1e-9)
    assert made["held"] == ["locale hi: min_share 0.3"]
    assert made["locales"]["hi"]["base_share"] == pytest.approx(0.1)


def test_a_quota_that_holds_already_changes_nothing() -> None:
    sizes = cells(en_web=7000, de_web=2000, hi_web=1000)

    made = plan(sizes, method="natural", locales={"hi": {"min_share": 0.05}, "en": {"max_share": 0.8}})

    assert shares(made) == pytest.approx({"en": 0.7, "de": 0.2, "hi": 0.1}, rel=1e-12)
    assert made["held"] == []


def test_shares_of_locales_and_sources_at_once_keep_the_odds_of_the_cells() -> None:
    # Both locales 0.5, sources 0.6 and 0.4, and the odds ratio 8/3 of 40 · 20 and 10 · 30: 5 a² - 8.5 a + 2.4 = 0.
    made = plan(
        cells(en_web=4000, en_wiki=1000, hi_web=3000, hi_wiki=2000),
        method="natural",
        locales={"en": {"min_share": 0.5, "max_share": 0.5}},
        sources={"web": {"max_share": 0.6}},
    )

    a = (8.5 - 24.25**0.5) / 10
    assert [cell["target_share"] for cell in made["cells"]] == pytest.approx(
        [a, 0.5 - a, 0.6 - a, a - 0.1], rel=1e-9
    )


def test_a_share_of_spoken_text_holds_in_every_locale_that_has_both_forms() -> None:
    sizes = cells(
        en_web=9000,
        en_subtitles=1000,
        hi_web=500,
        hi_wiki=300,
        hi_subtitles=200,
        sw_web=400,
        ta_subtitles=300,
    )

    made = plan(sizes, method="uniform", forms={"spoken": {"min_share": 0.25, "max_share": 0.25}})

    spoken = {
        cell["locale"]: cell["target_share"] / made["locales"][cell["locale"]]["target_share"]
        for cell in made["cells"]
        if cell["form"] == "spoken"
    }
    assert spoken == pytest.approx({"en": 0.25, "hi": 0.25, "ta": 1.0}, rel=1e-9)
    assert made["held"] == [
        "form spoken in locale en: min_share 0.25",
        "form spoken in locale hi: min_share 0.25",
    ]
    web, wiki = (
        cell["target_share"] for cell in made["cells"] if cell["locale"] == "hi" and cell["form"] == "written"
    )
    assert web / wiki == pytest.approx(5 / 3)


def test_a_share_of_a_form_can_be_asked_for_in_some_locales_or_in_total() -> None:
    sizes = cells(en_web=900, en_subtitles=100, hi_web=900, hi_subtitles=100)

    some = plan(sizes, forms={"spoken": {"min_share": 0.4, "locales": ["hi"]}}, method="natural")
    total = plan(sizes, forms={"spoken": {"min_share": 0.4, "within": "total"}}, method="natural")

    (hindi,) = (each for each in some["cells"] if (each["locale"], each["form"]) == ("hi", "spoken"))
    assert hindi["target_share"] / some["locales"]["hi"]["target_share"] == pytest.approx(0.4, rel=1e-9)
    assert shares(total, "forms") == pytest.approx({"spoken": 0.4, "written": 0.6}, rel=1e-9)


def test_a_source_can_have_bounds_of_its_own_on_repeats() -> None:
    made = plan(
        cells(en_web=9000, en_wiki=1000),
        method="natural",
        sources={"wiki": {"min_repeats": 3, "max_repeats": 4}},
    )

    assert made["sources"]["wiki"]["expected_repeats"] == pytest.approx(3, rel=1e-9)
    assert made["held"] == ["source wiki: min_repeats 3"]


def test_a_locale_may_repeat_more_often_than_the_rest() -> None:
    made = plan(
        cells(en_web=9000, hi_web=500, sw_web=500),
        method="uniform",
        max_repeats=2,
        locales={"sw": {"max_repeats": 4}},
    )

    repeats = {name: entry["expected_repeats"] for name, entry in made["locales"].items()}
    assert repeats == pytest.approx({"en": 7 / 9, "hi": 2.0, "sw": 4.0}, rel=1e-9)
    assert made["held"] == ["locale hi: max_repeats 2", "locale sw: max_repeats 4"]


@pytest.mark.parametrize(
    ("locale", "source", "repeats"), [(2, 3, 2.0), (3, 2, 2.0), (None, 3, 3.0), (2, None, 2.0)]
)
def test_of_two_bounds_on_repeats_the_tighter_one_counts(
    locale: float | None, source: float | None, repeats: float
) -> None:
    made = plan(
        cells(en_web=9000, sw_wiki=500),
        method="uniform",
        max_repeats=5,
        locales={"sw": {"max_repeats": locale}},
        sources={"wiki": {"max_repeats": source}},
    )

    assert made["locales"]["sw"]["expected_repeats"] == pytest.approx(repeats, rel=1e-12)


def test_unimax_by_the_solver_is_unimax_by_its_algorithm() -> None:
    sizes = cells(en_web=9000, de_web=3000, hi_web=700, sw_web=90)
    idle = {"en": {"min_share": 1e-6}}  # asks for nothing, but for the solver

    one = plan(sizes, method="unimax", max_repeats=3)
    other = plan(sizes, method="unimax", max_repeats=3, locales=idle)

    assert shares(other) == pytest.approx(shares(one), rel=1e-9)


# --- against another solver ------------------------------------------------------------------------------------------


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Bounds]:
    """Shares of two to six strata, and bounds on groups of them that some other shares keep."""
    count = draw(st.integers(2, 6))
    weights = st.lists(st.integers(1, 100), min_size=count, max_size=count)
    base, other = (np.array(draw(weights), float) for _ in range(2))
    base, other = base / base.sum(), other / other.sum()
    bounds = []
    for _ in range(draw(st.integers(1, 4))):
        group = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count - 1)))
        slack = draw(st.sampled_from([0.0, 0.01, 0.2, 2.0]))
        value = float(other[group].sum())
        bounds.append((group, value * (1 - min(slack, 1)), value * (1 + slack)))
    return base, bounds


def as_bounds(bounds: Bounds) -> list[Bound]:
    return [
        Bound(f"{group}", "low", "high", low, high, np.array(group), np.ones(len(group)))
        for group, low, high in bounds
    ]


def divergence(x: Floats, base: Floats) -> float:
    return float(np.sum(x * np.log(np.maximum(x, 1e-300) / base)))


@given(problems())
def test_the_shares_are_as_close_as_those_of_another_solver(problem: tuple[Floats, Bounds]) -> None:
    base, bounds = problem
    rows = np.array([[float(i in group) for i in range(len(base))] for group, _, _ in bounds])
    low, high = (np.array([bound[side] for bound in bounds]) for side in (1, 2))

    found, _ = closest_shares(base[None, :], as_bounds(bounds))

    expected = minimize(
        divergence, base, (base,), "SLSQP", bounds=[(1e-12, 1)] * len(base), options={"maxiter": 500, "ftol": 1e-14},
        constraints=[{"type": "eq", "fun": lambda x: x.sum() - 1},
                     {"type": "ineq", "fun": lambda x: np.concatenate([rows @ x - low, high - rows @ x])}],
    )  # fmt: skip
    value = rows @ found[0]
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(value >= low * (1 - 1e-9))
    assert np.all(value <= high * (1 + 1e-9))
    assert divergence(found[0], base) == pytest.approx(expected.fun, abs=1e-6)


@given(problems(), st.lists(st.integers(1, 100), min_size=1, max_size=4))
def test_every_step_keeps_its_length(problem: tuple[Floats, Bounds], lengths: list[int]) -> None:
    base, bounds = problem
    length_K = np.array(lengths) / sum(lengths)

    found, _ = closest_shares(length_K[:, None] * base, as_bounds(bounds))
    (alone,), _ = closest_shares(base[None, :], as_bounds(bounds))

    assert found.sum(axis=1) == pytest.approx(length_K, rel=1e-12)
    assert found == pytest.approx(length_K[:, None] * alone, rel=1e-6, abs=1e-12)


def test_many_quotas_on_unequal_locales_are_kept_to_a_billionth() -> None:
    names = [f"l{number:02d}" for number in range(60)]
    rng = np.random.default_rng(5)
    sizes = {
        Stratum(name, source, form, 1): Size(10, int(np.exp(rng.uniform(5, 25))) + 1)
        for name in names
        for source, form in (("web", "written"), ("wiki", "written"), ("subtitles", "spoken"))
    }
    locales = {name: {"min_share": 0.004} for name in names[:40]} | {names[59]: {"max_share": 0.02}}

    made = plan(
        sizes,
        alpha=0.3,
        locales=locales,
        sources={"wiki": {"min_share": 0.3}, "web": {"max_share": 0.35}},
        forms={"spoken": {"min_share": 0.2, "max_share": 0.6}},
    )

    assert min(made["locales"][name]["target_share"] for name in names[:40]) >= 0.004 * (1 - 1e-9)
    assert made["locales"]["l59"]["target_share"] <= 0.02 * (1 + 1e-9)
    assert made["sources"]["wiki"]["target_share"] >= 0.3 * (1 - 1e-9)
    assert made["sources"]["web"]["target_share"] <= 0.35 * (1 + 1e-9)
    spoken = [
        cell["target_share"] / made["locales"][cell["locale"]]["target_share"]
        for cell in made["cells"]
        if cell["form"] == "spoken"
    ]
    assert min(spoken) >= 0.2 * (1 - 1e-9)
    assert max(spoken) <= 0.6 * (1 + 1e-9)


@given(problems(), st.floats(1, 5))
def test_filling_up_to_limits_is_the_closest_there_is(problem: tuple[Floats, Bounds], factor: float) -> None:
    base, _ = problem
    limit = factor * base[::-1] + (0 if factor > 1 else 1e-6)
    limits = [
        Bound(f"{i}", "", "max", -np.inf, limit[i], np.array([i]), np.ones(1)) for i in range(len(base))
    ]

    filled = filled_shares(base, limit)

    (found,), _ = closest_shares(base[None, :], limits)
    assert filled.sum() == pytest.approx(1, rel=1e-12)
    assert filled == pytest.approx(found, rel=1e-7)


# --- what cannot be --------------------------------------------------------------------------------------------------

SWAHILI = cells(en_web=80_000_000, de_web=18_800_000, sw_web=1_000_000, sw_subtitles=200_000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"max_repeats": 4, "locales": {"sw": {"min_share": 0.05}}},
            "balance: locale sw: min_share 0.05 needs 5 M tokens, but 1.2 M × 4 repeats give 4.8 M; shortfall 200 k "
            "tokens: lower min_share, raise max_repeats, or add text.",
        ),
        (
            {"max_repeats": 4, "sources": {"subtitles": {"min_share": 0.01, "max_repeats": 2}}},
            "balance: source subtitles: min_share 0.01 needs 1 M tokens, but 200 k × 2 repeats give 400 k; shortfall "
            "600 k tokens: lower min_share, raise max_repeats, or add text.",
        ),
        (
            {"locales": {"ta": {"min_share": 0.1}}},
            "balance: locale ta: min_share 0.1 needs 10 M tokens, but the train split has none of it; shortfall 10 M "
            "tokens: lower min_share, raise max_repeats, or add text.",
        ),
        (
            {"max_repeats": 4, "budget_tokens": 10**9},
            "balance.budget_tokens is 1 B, but 100 M × 4 repeats give 400 M; shortfall 600 M tokens: raise "
            "max_repeats, or lower the budget.",
        ),
        (
            {"locales": {"en": {"max_share": 0.5}, "de": {"max_share": 0.2}, "sw": {"max_share": 0.1}}},
            "balance: the quotas contradict one another: at best, locale de: max_share 0.2 is missed by 20 M tokens. "
            "Lower what must be, or raise what may be.",
        ),
        (
            {"sources": {"web": {"min_repeats": 2}}},
            "balance: the quotas contradict one another: at best, source web: min_repeats 2 is missed by 99.6 M "
            "tokens. Lower what must be, or raise what may be.",
        ),
        (
            {"forms": {"spoken": {"min_share": 0.1, "within": "total"},
                       "written": {"min_share": 0.95, "within": "total"}}},
            "balance: the quotas contradict one another: at best, form spoken: min_share 0.1 is missed by 5 M tokens. "
            "Lower what must be, or raise what may be.",
        ),
        (
            {"method": "fixed", "shares": {"en": 1.0, "de": 0.0}},
            "balance.shares has no share for sw; add it (0 leaves it out).",
        ),
        (
            {"method": "fixed", "shares": {"en": 0.9, "de": 0.0, "sw": 0.0, "hi": 0.1}},
            "balance.shares: there is no text in hi; take the share away.",
        ),
        (
            {"phases": [{"share": 0.5, "alpha": 0.3, "locales": ["sw"]}, {"share": 0.5, "alpha": 0.3}],
             "max_repeats": 4},
            "balance: the quotas contradict one another: at best, phases: a part of 50 M tokens is missed by 45.2 M "
            "tokens. Lower what must be, or raise what may be.",
        ),
        (
            {"phases": [{"share": 1, "alpha": 0.3, "locales": ["hi"]}]},
            "balance.phases.0.locales: the train split has no text in any of them; name others.",
        ),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_cannot_be_is_named_with_its_shortfall(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BalanceError) as raised:
        plan(SWAHILI, **settings)

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        (
            {"method": "natural", "locales": {"sw": {"min_share": 0.5}}, "max_repeats": 2},
            {"en": 0.9, "sw": 0.1},
        ),
        ({"method": "unimax", "max_repeats": 0.5}, {"en": 0.5, "sw": 0.5}),
        (
            {"method": "fixed", "shares": {"en": 0.3, "hi": 0.6, "sw": 0.1}},
            {"en": 0.75, "sw": 0.25},
        ),
        ({"method": "fixed", "shares": {"hi": 1.0}}, {"en": 0.5, "sw": 0.5}),
        ({"phases": [{"share": 1.0, "alpha": 1.0, "locales": ["hi"]}]}, {"en": 0.9, "sw": 0.1}),
    ],
)
def test_quotas_that_a_removal_made_impossible_are_named_and_given_up(
    settings: dict[str, Any], shares: dict[str, float]
) -> None:
    files = [
        {"split": "train", "locale": locale, "cells": [
            {"source": "web", "form": "written", "clusters": 1, "rows": 1, "tokens": tokens}
        ]}
        for locale, tokens in (("en", 900), ("sw", 100))
    ]  # fmt: skip
    config = BalanceConfig.model_validate(settings)

    made = plan_after_removal(files, config)

    assert {name: entry["target_share"] for name, entry in made["locales"].items()} == pytest.approx(shares)
    assert made["unmet"].startswith("balance")
    assert made["settings"] == config.model_dump(mode="json")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"locales": {"ta": {"min_share": 0.1}}},
            "balance: locale ta: min_share 0.1, but no document of it was kept; add text, or take the quota away.",
        ),
        (
            {"sources": {"wiki": {"min_share": 0.1}}},
            "balance: source wiki: min_share 0.1, but no document of it was kept; add text, or take the quota away.",
        ),
        (
            {"method": "fixed", "shares": {"en": 1.0}},
            "balance.shares has no share for hi; add it (0 leaves it out).",
        ),
    ],
)
def test_what_there_is_no_text_of_is_named_before_anything_is_encoded(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(BalanceError) as raised:
        check_names(BalanceConfig.model_validate(settings), {"en", "hi"}, {"web"})

    assert str(raised.value) == message
