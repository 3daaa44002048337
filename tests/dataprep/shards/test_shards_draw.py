"""Documents drawn by a plan: its shares in tokens at any time, in an order that only ids, plan and seed decide."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config import BalanceConfig
from dataprep.shards.balance import balance_plan
from dataprep.shards.cells import Size, Stratum
from dataprep.shards.draw import Draws, draws, strata_of

Ints = npt.NDArray[np.int64]

# Tokens, in thousands: a large, a middling and four small locales, unevenly over three sources.
LOCALES = {"en": 90_000, "de": 20_000, "hi": 3_000, "sw": 1_000, "ta": 800, "am": 300}
SOURCES = {("web", "written"): 0.7, ("wiki", "written"): 0.2, ("subtitles", "spoken"): 0.1}


class Corpus:
    """Documents of skewed lengths: their strata, tokens and ids, and what a plan is made of."""

    def __init__(self, scale: float, *, longest: int) -> None:
        rng = np.random.default_rng(3)
        keys = [
            (Stratum(locale, source, form, clusters), thousands * share * part)
            for locale, thousands in sorted(LOCALES.items())
            for (source, form), share in sorted(SOURCES.items())
            for clusters, part in ((1, 0.8), (4, 0.2))
        ]
        lengths = [
            np.minimum(
                np.exp(rng.normal(6.2, 1.0, max(3, int(tokens * scale)))).astype(np.int64) + 1, longest
            )
            for _, tokens in keys
        ]
        self.tokens_N = np.concatenate(lengths)
        self.keys = [key for (key, _), each in zip(keys, lengths, strict=True) for _ in each]
        self.ids_N = rng.permutation(len(self.tokens_N)).astype(np.uint64)
        self.sizes = {
            key: Size(len(each), int(each.sum())) for (key, _), each in zip(keys, lengths, strict=True)
        }

    def plan(self, **settings: Any) -> dict[str, Any]:
        return balance_plan(self.sizes, BalanceConfig.model_validate(settings))

    def strata(self, plan: dict[str, Any]) -> Ints:
        """Numbers of the documents' strata in a plan."""
        numbers = {key: number for number, key in enumerate(strata_of(plan))}
        return np.array([numbers.get(key, numbers.get(key._replace(clusters=0))) for key in self.keys])

    def draws(self, plan: dict[str, Any], *, seed: int = 1) -> Draws:
        return draws(plan, self.strata(plan), self.tokens_N, self.ids_N, seed=seed)


@pytest.fixture(scope="module")
def large() -> Corpus:
    """A hundred thousand documents, a hundred million tokens."""
    return Corpus(1.0, longest=20_000)


SETTINGS: list[dict[str, Any]] = [
    {"alpha": 0.3},
    {"method": "unimax", "max_repeats": 4},
    {"alpha": 0.3, "forms": {"spoken": {"min_share": 0.2, "max_share": 0.2}}, "sources": {"wiki": {"min_share": 0.3}}},
    {"phases": [{"share": 0.6, "alpha": 0.7}, {"share": 0.4, "alpha": 0.7, "alpha_end": 0.2, "curve": "cosine"}]},
    {"alpha": 0.5, "duplicates": "rehydrate", "max_repeats": 5},
]  # fmt: skip


def shares(corpus: Corpus, plan: dict[str, Any], drawn: Ints) -> dict[str, float]:
    """Share of the tokens drawn, by locale, source and form."""
    tokens = corpus.tokens_N[drawn]
    found = {}
    for group in ("locale", "source", "form"):
        names = sorted(plan[f"{group}s"])
        number_N = np.array([names.index(getattr(key, group)) for key in corpus.keys])
        found |= dict(zip(names, np.bincount(number_N[drawn], tokens) / tokens.sum(), strict=True))
    return found


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_tokens_drawn_have_the_target_shares_to_a_thousandth(
    settings: dict[str, Any], large: Corpus
) -> None:
    plan = large.plan(**settings)

    drawn = large.draws(plan).document_D

    target = {
        name: entry["target_share"]
        for group in ("locales", "sources", "forms")
        for name, entry in plan[group].items()
    }
    assert shares(large, plan, drawn) == pytest.approx(target, rel=1e-3)
    assert large.tokens_N[drawn].sum() == pytest.approx(plan["budget_tokens"], rel=1e-3)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_cell_is_within_half_a_document_of_its_tokens_at_the_end_of_every_step(
    settings: dict[str, Any],
) -> None:
    corpus = Corpus(0.02, longest=5_000)
    plan = corpus.plan(**settings)
    stratum_N = corpus.strata(plan)
    due_KS = np.cumsum(
        np.array(list(strata_of(plan).values())).T * [[step["tokens"]] for step in plan["phases"]], axis=0
    )

    drawn = corpus.draws(plan)

    ends = np.searchsorted(drawn.due_D, [step["from_token"] + step["tokens"] for step in plan["phases"]])
    tokens_KS = np.array(
        [
            np.bincount(stratum_N[done], corpus.tokens_N[done], due_KS.shape[1])
            for done in (drawn.document_D[:end] for end in ends)
        ]
    )
    assert np.abs(tokens_KS - due_KS).max() <= corpus.tokens_N.max() / 2


def test_documents_repeat_only_when_all_of_their_stratum_were_drawn() -> None:
    corpus = Corpus(0.02, longest=2_000)
    plan = corpus.plan(method="uniform")

    drawn = corpus.draws(plan)

    stratum_D = corpus.strata(plan)[drawn.document_D]
    places = sorted(set(zip(stratum_D.tolist(), drawn.epoch_D.tolist(), strict=True)))
    sets = {
        place: drawn.document_D[(stratum_D == place[0]) & (drawn.epoch_D == place[1])].tolist()
        for place in places
    }
    assert all(len(each) == len(set(each)) for each in sets.values())
    whole = {number: set(sets[number, 0]) for number in range(len(plan["cells"]))}
    assert all(
        set(each) == whole[number] for (number, epoch), each in sets.items() if (number, epoch + 1) in sets
    )
    assert max(drawn.epoch_D) > 5
    # Epochs come one after the other, each in an order of its own.
    assert all(np.all(np.diff(drawn.epoch_D[stratum_D == number]) >= 0) for number in set(stratum_D.tolist()))
    small = next(number for number in whole if (number, 2) in sets and len(whole[number]) > 10)
    assert sets[small, 0] != sets[small, 1]


@given(st.integers(0, 2**32), st.integers(0, 2**63))
def test_the_order_does_not_depend_on_where_the_documents_are(shuffled: int, seed: int) -> None:
    corpus = Corpus(0.002, longest=500)
    plan = corpus.plan(alpha=0.2)
    order = np.random.default_rng(shuffled).permutation(len(corpus.tokens_N))

    here = corpus.draws(plan, seed=seed)
    there = draws(plan, corpus.strata(plan)[order], corpus.tokens_N[order], corpus.ids_N[order], seed=seed)

    assert np.array_equal(order[there.document_D], here.document_D)
    assert np.array_equal(there.due_D, here.due_D)


def test_documents_that_are_due_at_the_same_time_come_in_the_order_of_their_ids() -> None:
    sizes = {Stratum(name, "web", "written", 1): Size(1, 100) for name in ("de", "en", "hi")}
    plan = balance_plan(sizes, BalanceConfig(method="uniform"))
    ids_N = np.array([7, 5, 6], np.uint64)

    drawn = draws(plan, np.arange(3), np.full(3, 100), ids_N, seed=1)

    assert ids_N[drawn.document_D].tolist() == [5, 6, 7]
    assert drawn.due_D == pytest.approx(150.0)
    assert len(set(drawn.due_D.tolist())) == 1


def test_another_seed_gives_another_order_with_the_same_shares() -> None:
    corpus = Corpus(0.02, longest=2_000)
    plan = corpus.plan(alpha=0.2)

    one, other = (corpus.draws(plan, seed=seed) for seed in (1, 2))

    assert not np.array_equal(one.document_D[:1000], other.document_D[:1000])
    assert corpus.tokens_N[one.document_D].sum() == pytest.approx(
        corpus.tokens_N[other.document_D].sum(), rel=0.01
    )


def test_a_class_of_cluster_sizes_is_a_stratum_where_duplicates_count() -> None:
    corpus = Corpus(0.002, longest=500)

    ignored, rehydrated = (list(strata_of(corpus.plan(duplicates=how))) for how in ("ignore", "rehydrate"))

    cells = [(name, *source) for name, source in product(sorted(LOCALES), sorted(SOURCES))]
    assert [tuple(key) for key in ignored] == [(*cell, 0) for cell in cells]
    assert [tuple(key) for key in rehydrated] == [(*cell, clusters) for cell in cells for clusters in (1, 4)]
