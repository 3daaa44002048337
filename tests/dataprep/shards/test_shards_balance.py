"""The balance plan: methods, phases, duplicates, and the plan as data."""

from fractions import Fraction
from itertools import pairwise
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config import BalanceConfig
from dataprep.files import json_bytes
from dataprep.shards.balance import (
    balance_plan,
    duplicate_weight,
    plan_of_files,
    shares_at,
    step_at,
    steps_of,
    temperature_shares,
)
from dataprep.shards.cells import Size, Stratum

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


def of_locales(tokens: dict[str, int]) -> dict[Stratum, Size]:
    """One source, written, without duplicates."""
    return {Stratum(name, "web", "written", 1): Size(1 + n // 100, n) for name, n in tokens.items()}


def plan(sizes: dict[Stratum, Size], **settings: Any) -> dict[str, Any]:
    return balance_plan(sizes, BalanceConfig.model_validate(settings))


def target(sizes: dict[Stratum, Size], **settings: Any) -> dict[str, float]:
    return {name: entry["target_share"] for name, entry in plan(sizes, **settings)["locales"].items()}


def test_the_plan_says_how_often_each_locale_repeats() -> None:
    # Shares √900 : √100 = 3 : 1 of 1000 tokens: 750 of 900 tokens of English, 250 of 100 tokens of Hindi.
    made = plan(of_locales({"en": 900, "hi": 100}), alpha=0.5)

    assert (made["alpha"], made["total_tokens"], made["budget_tokens"]) == (0.5, 1000, 1000)
    assert made["locales"]["en"] == pytest.approx(
        {
            "documents": 10,
            "tokens": 900,
            "natural_share": 0.9,
            "base_share": 0.75,
            "target_share": 0.75,
            "expected_tokens": 750,
            "expected_repeats": 0.8333333,
        }
    )
    assert made["locales"]["hi"]["expected_repeats"] == pytest.approx(2.5)


def test_a_larger_budget_repeats_every_locale_more_often() -> None:
    made = plan(of_locales({"en": 900, "hi": 100}), alpha=0.5, budget_tokens=4000)

    assert made["budget_tokens"] == 4000
    assert made["locales"]["en"]["expected_repeats"] == pytest.approx(3.3333333)
    assert made["locales"]["hi"]["expected_repeats"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"method": "natural"}, {"de": 0.3, "en": 0.6, "sw": 0.1}),
        ({"method": "uniform"}, {"de": 1 / 3, "en": 1 / 3, "sw": 1 / 3}),
        ({"method": "fixed", "shares": {"de": 0.5, "en": 0.5, "sw": 0}}, {"de": 0.5, "en": 0.5, "sw": 0}),
        ({"method": "temperature", "alpha": 1}, {"de": 0.3, "en": 0.6, "sw": 0.1}),
        ({"method": "temperature", "alpha": 0}, {"de": 1 / 3, "en": 1 / 3, "sw": 1 / 3}),
        ({"method": "unimax", "max_repeats": 4}, {"de": 1 / 3, "en": 1 / 3, "sw": 1 / 3}),
        ({"method": "unimax", "max_repeats": 2}, {"de": 0.4, "en": 0.4, "sw": 0.2}),
        ({"method": "unimax", "max_repeats": 1}, {"de": 0.3, "en": 0.6, "sw": 0.1}),
        # Without the bound: 0.3 ** 0.5 : 0.6 ** 0.5 : 0.1 ** 0.5; what the last may not have goes to the others.
        (
            {"alpha": 0.5, "max_repeats": 1.5},
            {"de": 0.85 / (1 + 2**0.5), "en": 0.85 * 2**0.5 / (1 + 2**0.5), "sw": 0.15},
        ),
    ],
    ids=str,
)
def test_a_method_gives_its_shares(settings: dict[str, Any], shares: dict[str, float]) -> None:
    assert target(of_locales({"en": 6000, "de": 3000, "sw": 1000}), **settings) == pytest.approx(
        shares, abs=1e-12
    )


def test_within_a_locale_the_shares_are_those_of_the_tokens() -> None:
    sizes = {
        Stratum("en", "web", "written", 1): Size(5, 600),
        Stratum("en", "subtitles", "spoken", 1): Size(2, 300),
        Stratum("hi", "web", "written", 1): Size(1, 100),
    }

    made = plan(sizes, alpha=0.5)

    assert [(cell["locale"], cell["source"], cell["form"]) for cell in made["cells"]] == [
        ("en", "subtitles", "spoken"), ("en", "web", "written"), ("hi", "web", "written")
    ]  # fmt: skip
    assert [cell["target_share"] for cell in made["cells"]] == pytest.approx([0.25, 0.5, 0.25])
    assert made["sources"]["web"]["target_share"] == pytest.approx(0.75)
    assert made["forms"]["spoken"]["expected_tokens"] == pytest.approx(250)


# --- UniMax: Chung et al. 2023, section 3 ----------------------------------------------------------------------------


def algorithm_1(tokens: dict[str, int], budget: int, epochs: int) -> dict[str, Fraction]:
    """UniMax as the paper writes it, in exact arithmetic."""
    left, given = Fraction(budget), {}
    for i, name in enumerate(sorted(tokens, key=lambda name: tokens[name])):
        given[name] = min(left / (len(tokens) - i), Fraction(tokens[name] * epochs))
        left -= given[name]
    return {name: each / sum(given.values()) for name, each in given.items()}


@st.composite
def unimax_inputs(draw: st.DrawFn) -> tuple[dict[str, int], int, int]:
    """Tokens per locale, a budget that they can fill, and the bound on repeats."""
    tokens, epochs = draw(SIZES), draw(st.integers(1, 10))
    return tokens, draw(st.integers(1, sum(tokens.values()) * epochs)), epochs


@given(unimax_inputs())
def test_unimax_is_the_algorithm_of_the_paper(inputs: tuple[dict[str, int], int, int]) -> None:
    tokens, budget, epochs = inputs

    shares = target(of_locales(tokens), method="unimax", max_repeats=epochs, budget_tokens=budget)

    assert shares == pytest.approx(
        {name: float(share) for name, share in algorithm_1(tokens, budget, epochs).items()}, rel=1e-9
    )


def test_unimax_gives_the_figures_of_another_implementation() -> None:
    # The example in the description of unimax-sampling on PyPI: characters of FineWeb-2, 4 epochs.
    tokens = {"sv": 179955884499, "fa": 184595788282, "et": 42541080893, "is": 10027573389, "fo": 549707867}

    shares = target(of_locales(tokens), method="unimax", max_repeats=4, budget_tokens=250_000_000_000)

    assert shares == pytest.approx(
        {
            "fo": 0.008795325872,
            "is": 0.160441174224,
            "et": 0.2769211666346667,
            "sv": 0.27692116663466665,
            "fa": 0.27692116663466665,
        },
        abs=1e-12,
    )


@given(unimax_inputs())
def test_unimax_spends_the_budget_repeats_nothing_too_often_and_favours_no_smaller_locale(
    inputs: tuple[dict[str, int], int, int],
) -> None:
    tokens, budget, epochs = inputs

    made = plan(of_locales(tokens), method="unimax", max_repeats=epochs, budget_tokens=budget)["locales"]

    assert sum(entry["expected_tokens"] for entry in made.values()) == pytest.approx(budget, rel=1e-12)
    assert max(entry["expected_repeats"] for entry in made.values()) <= epochs * (1 + 1e-12)
    by_size = [made[name]["target_share"] for name in sorted(tokens, key=lambda name: tokens[name])]
    assert all(small <= large * (1 + 1e-12) for small, large in pairwise(by_size))


@given(SIZES, st.integers(1, 10))
def test_unimax_is_uniform_while_no_locale_runs_out(tokens: dict[str, int], epochs: int) -> None:
    budget = epochs * min(tokens.values()) * len(tokens)

    shares = target(of_locales(tokens), method="unimax", max_repeats=epochs, budget_tokens=budget)

    assert list(shares.values()) == pytest.approx([1 / len(tokens)] * len(tokens), rel=1e-12)


# --- phases ----------------------------------------------------------------------------------------------------------

PHASES = [
    {"share": 0.5, "alpha": 1.0, "locales": ["en"]},
    {"share": 0.3, "alpha": 0.8, "alpha_end": 0.4, "steps": 4},
    {"share": 0.2, "alpha": 0.0},
]


def test_phases_follow_one_another_and_their_exponents_the_curve() -> None:
    made = plan(of_locales({"en": 900, "hi": 100}), phases=PHASES)

    steps = [(step["phase"], step["from_token"], step["tokens"]) for step in made["phases"]]
    assert steps == [(0, 0, 500), (1, 500, 75), (1, 575, 75), (1, 650, 75), (1, 725, 75), (2, 800, 200)]
    assert [step["alpha"] for step in made["phases"]] == pytest.approx([1.0, 0.75, 0.65, 0.55, 0.45, 0.0])
    assert made["alpha"] is None


def test_a_cosine_leaves_and_arrives_slowly() -> None:
    curve = {"tokens": 1000, "alpha": 0.7, "alpha_end": 0.3, "curve": "cosine", "steps": 3}

    made = plan(of_locales({"en": 900, "hi": 100}), phases=[curve])

    # The middles of three steps lie at 30°, 90° and 150° of half a turn: cos = √3/2, 0, -√3/2.
    assert [step["alpha"] for step in made["phases"]] == pytest.approx(
        [0.5 + 0.2 * 0.8660254, 0.5, 0.5 - 0.2 * 0.8660254]
    )


def test_the_shares_of_a_step_are_those_of_its_exponent_and_locales() -> None:
    made = plan(of_locales({"en": 900, "hi": 100}), phases=PHASES)

    assert [shares_at(made, token) for token in (0, 499)] == [[1.0, 0.0]] * 2
    # 9 ** 0.75 = 5.196152 to 1.
    assert shares_at(made, 500) == pytest.approx([0.8386095, 0.1613905], abs=1e-7)
    assert [shares_at(made, token) for token in (800, 999)] == [[0.5, 0.5]] * 2
    assert [step_at(made, token) for token in (0, 499, 500, 574, 575, 799, 800, 999)] == [
        0,
        0,
        1,
        1,
        2,
        4,
        5,
        5,
    ]
    with pytest.raises(ValueError, match="the plan has 1,000 tokens; there is no token 1,000"):
        step_at(made, 1000)


def test_the_whole_is_the_sum_of_its_steps() -> None:
    made = plan(of_locales({"en": 900, "hi": 100}), phases=PHASES)

    of_steps = [step["locales"]["hi"]["expected_tokens"] for step in made["phases"]]
    assert made["locales"]["hi"]["expected_tokens"] == pytest.approx(sum(of_steps))
    assert made["locales"]["hi"]["expected_repeats"] == pytest.approx(sum(of_steps) / 100)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.integers(1, 10**12), st.integers(1, 50))
def test_steps_fill_the_budget_without_a_gap(weights: list[float], budget: int, steps: int) -> None:
    phases = [
        {"share": weight / sum(weights), "alpha": 0.7, "alpha_end": 0.3, "steps": steps} for weight in weights
    ]

    made = steps_of(BalanceConfig.model_validate({"phases": phases, "budget_tokens": budget}), 5)

    assert made[0].from_token == 0
    assert all(one.from_token + one.tokens == two.from_token for one, two in pairwise(made))
    assert made[-1].from_token + made[-1].tokens == budget
    assert min(step.tokens for step in made) > 0


def test_a_quota_holds_over_all_phases_and_moves_each_by_the_same_factor() -> None:
    phases = [{"share": 0.5, "alpha": 1.0}, {"share": 0.5, "alpha": 0.0}]

    made = plan(of_locales({"en": 900, "hi": 100}), phases=phases, locales={"hi": {"max_share": 0.2}})

    assert made["locales"]["hi"]["target_share"] == pytest.approx(0.2, rel=1e-9)
    odds = [
        step["locales"]["hi"]["target_share"] / step["locales"]["en"]["target_share"]
        for step in made["phases"]
    ]
    # The odds of the method are 1/9 and 1.
    assert odds[0] * 9 == pytest.approx(odds[1])
    assert made["held"] == ["locale hi: max_share 0.2"]


# --- duplicates ------------------------------------------------------------------------------------------------------

CLUSTERED = {
    Stratum("en", "web", "written", 1): Size(8, 800),
    Stratum("en", "web", "written", 4): Size(1, 150),
    Stratum("en", "books", "written", 16): Size(1, 50),
    Stratum("hi", "web", "written", 1): Size(4, 1000),
}


def test_duplicates_are_ignored_unless_they_are_asked_for() -> None:
    made = plan(CLUSTERED, method="natural")

    assert [cell["clusters"] for cell in made["cells"]] == [[], [], []]
    assert [cell["target_share"] for cell in made["cells"]] == pytest.approx([0.025, 0.475, 0.5])


def test_rehydration_draws_documents_by_the_weight_of_their_clusters_within_their_locale() -> None:
    made = plan(CLUSTERED, method="natural", duplicates="rehydrate", duplicate_weights={1: 1, 3: 2, 9: 4})

    # 800 · 1 + 150 · 2 + 50 · 4 = 1300 share the 1000 tokens of English.
    books, web, hindi = made["cells"]
    assert books["target_share"] == pytest.approx(0.5 * 200 / 1300)
    assert [(part["clusters"], part["documents"], part["weight"]) for part in web["clusters"]] == [
        (1, 8, 1), (4, 1, 2)
    ]  # fmt: skip
    assert [part["share_of_cell"] for part in web["clusters"]] == pytest.approx([8 / 11, 3 / 11])
    assert [part["expected_repeats"] for part in web["clusters"]] == pytest.approx([10 / 13, 20 / 13])
    assert hindi["target_share"] == pytest.approx(0.5)


def test_no_document_is_rehydrated_beyond_the_bound_on_repeats() -> None:
    weights = {1: 1, 3: 2, 9: 4}

    made = plan(
        CLUSTERED, method="natural", duplicates="rehydrate", duplicate_weights=weights, max_repeats=1.5
    )

    assert made["cells"][0]["clusters"][0]["expected_repeats"] == pytest.approx(1.5)
    assert max(part["expected_repeats"] for cell in made["cells"] for part in cell["clusters"]) <= 1.5 + 1e-12


@pytest.mark.parametrize(
    ("clusters", "weight"),
    [(1, 1.0), (2, 1.0), (4, 2.0), (8, 2.0), (16, 3.0), (128, 3.0), (256, 1.0), (2**20, 1.0)],
)
def test_the_default_weights_favour_a_middling_number_of_copies(clusters: int, weight: float) -> None:
    assert duplicate_weight(clusters, BalanceConfig().duplicate_weights) == weight


# --- the plan as data ------------------------------------------------------------------------------------------------


@given(st.permutations(sorted(CLUSTERED)), st.sampled_from(["natural", "temperature", "uniform"]))
def test_the_plan_does_not_depend_on_the_order_of_anything(order: list[Stratum], method: str) -> None:
    quotas = {"hi": {"min_share": 0.4}, "en": {"max_share": 0.55}}
    sources = {"web": {"max_share": 0.9}, "books": {"max_repeats": 5}}
    settings = {"method": method, "duplicates": "rehydrate"}

    made = plan({key: CLUSTERED[key] for key in order}, locales=quotas, sources=sources, **settings)

    assert json_bytes(made) == json_bytes(
        plan(
            CLUSTERED,
            **settings,
            sources=dict(reversed(sources.items())),
            locales=dict(reversed(quotas.items())),
        )
    )


def test_a_plan_without_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="no locale has any tokens"):
        plan({})


def test_the_files_of_a_manifest_give_the_plan_of_their_train_split() -> None:
    cells = [{"source": "web", "form": "written", "clusters": 1, "rows": 3, "tokens": 90}]
    files = [
        {"split": "train", "locale": "en", "cells": cells},
        {"split": "train", "locale": "en", "cells": cells},
        {"split": "train", "locale": "hi", "cells": [cells[0] | {"tokens": 20, "rows": 1}]},
        {"split": "validation", "locale": "hi", "cells": cells},
    ]

    made = plan_of_files(files, BalanceConfig(method="natural"))

    assert {name: (entry["documents"], entry["tokens"]) for name, entry in made["locales"].items()} == {
        "en": (6, 180),
        "hi": (1, 20),
    }
