"""The order of documents and strata: permutations, epochs, shares."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.mixture import Mixture, Segment
from training.order import StratumOrder, key_of, permutation, random_words

seeds = st.integers(0, 2**64 - 1)


@given(seeds, st.integers(0, 3000))
def test_a_permutation_has_every_number_once(key: int, size: int) -> None:
    assert sorted(permutation(key, size).tolist()) == list(range(size))


def test_permutations_of_other_keys_differ() -> None:
    orders = {tuple(permutation(key, 8).tolist()) for key in range(200)}

    assert len(orders) > 190


def test_every_number_comes_to_every_place_about_as_often() -> None:
    places = np.array([permutation(key, 6) for key in range(6000)])

    counts = [np.bincount(places[:, place], minlength=6) for place in range(6)]

    # 1000 expected, standard deviation 29: five of them.
    assert np.abs(np.array(counts) - 1000).max() < 145


def splitmix64(seed: int, count: int) -> list[int]:
    """The published algorithm, in Python's integers."""
    found, state = [], seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        word = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        found.append(word ^ (word >> 31))
    return found


@given(seeds)
def test_random_words_are_those_of_splitmix64(seed: int) -> None:
    assert random_words(seed, np.arange(5)).tolist() == splitmix64(seed, 5)


def test_splitmix64_is_the_published_one() -> None:
    # The first outputs of the seed 1234567 in the reference implementation's test.
    assert random_words(1234567, np.arange(3)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_keys_tell_parts_apart() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of(1, "x") == key_of(1, "x")


orders = st.builds(
    lambda key, sizes, block: (StratumOrder(key, np.array(sizes), np.array(sizes) * 7, block), sizes),
    seeds,
    st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any),
    st.integers(1, 5),
)


@given(orders, st.integers(0, 60), st.integers(1, 60))
def test_pieces_are_the_places_one_after_the_other(
    order_and_sizes: tuple[StratumOrder, list[int]], first: int, count: int
) -> None:
    order, sizes = order_and_sizes
    every = [
        (epoch, block, place)
        for epoch in range(121)
        for block in range(len(sizes))
        for place in range(sum(sizes[group] for group in order.row_groups(epoch, block)))
    ]

    found = [
        (piece.epoch, piece.block, piece.first + i)
        for piece in order.pieces("documents", first, count)
        for i in range(piece.size)
    ]

    assert found == every[first : first + count]


@given(orders, st.integers(0, 3))
def test_every_row_group_is_in_one_block_of_an_epoch(
    order_and_sizes: tuple[StratumOrder, list[int]], epoch: int
) -> None:
    order, sizes = order_and_sizes

    groups = [group for block in range(len(sizes)) for group in order.row_groups(epoch, block).tolist()]

    assert sorted(groups) == list(range(len(sizes)))


def test_epochs_have_other_orders() -> None:
    order = StratumOrder(1, np.full(50, 3), np.full(50, 9), 4)

    assert order.row_groups(0, 0).tolist() != order.row_groups(1, 0).tolist()
    assert order.rows(0, 0, 12).tolist() != order.rows(1, 0, 12).tolist()
    assert order.rows(0, 0, 12).tolist() != order.rows(0, 1, 12).tolist()


def mixture(*shares: float) -> Mixture:
    return Mixture([Segment(0, np.array(shares))])


def counts_at_every_sample(stratum_N: np.ndarray, strata: int) -> np.ndarray:
    return np.cumsum(stratum_N[:, None] == np.arange(strata), axis=0)


@given(st.lists(st.integers(0, 85), min_size=1, max_size=12))
def test_counts_are_within_one_of_the_share_at_every_sample_and_exact_over_a_cycle(
    weights: list[int],
) -> None:
    weights[0] += 1024 - sum(weights)  # shares in parts of a cycle

    stratum_N = mixture(*weights).draws(0, 3072).stratum_N

    counts = counts_at_every_sample(stratum_N, len(weights))
    assert np.abs(counts - np.outer(np.arange(1, 3073), weights) / 1024).max() < 1
    assert counts[1023].tolist() == weights
    assert counts[2047].tolist() == [2 * weight for weight in weights]


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=30))
def test_other_shares_hold_at_every_sample_too(shares: list[float]) -> None:
    share_Q = np.array(shares) / sum(shares)

    stratum_N = mixture(*shares).draws(0, 5000).stratum_N

    counts = counts_at_every_sample(stratum_N, len(shares))
    error_Q = np.abs(counts - np.outer(np.arange(1, 5001), share_Q)).max(axis=0)
    largest = int(np.argmax(share_Q))
    assert np.delete(error_Q, largest).max() < 2.5
    assert error_Q[largest] < 2.5 + len(shares) / 2


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=30))
def test_counts_never_drift_from_any_shares(shares: list[float]) -> None:
    mixed = mixture(*shares)
    share_Q = np.array(shares) / sum(shares)

    for sample in (1, 1000, 123_457, 10**9 + 7):
        error_Q = np.abs(mixed.counts_before(sample) - sample * share_Q)
        largest = int(np.argmax(share_Q))
        assert np.delete(error_Q, largest).max() < 2.5
        assert error_Q[largest] < 2 + len(shares) / 2


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=5),
    st.integers(0, 5000),
    st.integers(1, 3000),
)
def test_draws_from_anywhere_are_those_of_the_whole(shares: list[float], first: int, count: int) -> None:
    strata = len(shares)
    other = np.roll(shares, 1)
    mixed = Mixture([Segment(0, np.array(shares)), Segment(700, other), Segment(2900, np.array(shares))])
    whole = mixed.draws(0, first + count)

    part = mixed.draws(first, count)

    assert part.stratum_N.tolist() == whole.stratum_N[first:].tolist()
    assert part.ordinal_N.tolist() == whole.ordinal_N[first:].tolist()
    assert (
        mixed.counts_before(first).tolist() == np.bincount(whole.stratum_N[:first], minlength=strata).tolist()
    )


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
def test_ordinals_count_the_samples_of_a_stratum(shares: list[float]) -> None:
    mixed = Mixture([Segment(0, np.array(shares)), Segment(1500, np.roll(shares, 1))])
    seen: Counter[int] = Counter()

    draws = mixed.draws(0, 4000)

    for stratum, ordinal in zip(draws.stratum_N.tolist(), draws.ordinal_N.tolist(), strict=True):
        assert ordinal == seen[stratum]
        seen[stratum] += 1


def test_a_phase_begins_at_its_sample() -> None:
    mixed = Mixture([Segment(0, np.array([1.0, 0.0])), Segment(10, np.array([0.0, 1.0]))])

    assert mixed.draws(7, 6).stratum_N.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("strata", [2, 40, 150])
def test_many_strata_leave_enough_to_the_largest(strata: int) -> None:
    mixed = mixture(*[1.0 + 1e-9 * i for i in range(strata)])

    for cycle in range(3):
        stratum_N = mixed.draws(cycle * mixed.cycle_samples, mixed.cycle_samples).stratum_N
        counts = np.bincount(stratum_N, minlength=strata)
        assert np.abs(counts - mixed.cycle_samples / strata).max() <= strata
