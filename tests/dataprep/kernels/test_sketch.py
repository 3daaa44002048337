import numpy as np
import numpy.typing as npt
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from dataprep.kernels.sketch import EMPTY, band_keys, estimate_jaccard, has_shingles, sketch

from . import references

hashes_64 = st.integers(0, 2**64 - 1)
shingle_sets = st.sets(hashes_64, max_size=40)
PRIME = (1 << 61) - 1


def ragged(sets: list[set[int]]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    flat = [value for one in sets for value in sorted(one)]
    return np.array(flat, np.uint64), np.cumsum([0, *map(len, sets)]).astype(np.int64)


def random_pairs(
    trials: int, size: int, common: int, seed: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Pairs of documents of `size` random shingles each, the first `common` of them shared: 2i and 2i + 1."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**64, (trials, 2 * size - common), dtype=np.uint64)
    documents = np.stack([values[:, :size], np.hstack([values[:, :common], values[:, size:]])], axis=1)
    return documents.reshape(-1), np.arange(0, 2 * trials * size + 1, size, dtype=np.int64)


def pair_index(trials: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.arange(0, 2 * trials, 2, dtype=np.int64), np.arange(1, 2 * trials, 2, dtype=np.int64)


@given(st.lists(shingle_sets.filter(bool), max_size=3), st.integers(1, 20), hashes_64)
def test_bins_are_those_of_algorithm_1(sets: list[set[int]], num_bins: int, seed: int) -> None:
    sketches = sketch(*ragged(sets), num_bins, seed)

    expected = [[(r << 52) | h for r, h in references.sketch(sorted(one), num_bins, seed)] for one in sets]
    assert sketches.tolist() == expected


@given(shingle_sets, shingle_sets, st.integers(1, 64))
def test_the_sketch_of_a_union_is_the_minimum(one: set[int], other: set[int], num_bins: int) -> None:
    left, right, union = sketch(*ragged([one, other, one | other]), num_bins, 7)

    assert np.array_equal(union, np.minimum(left, right))


@given(st.lists(shingle_sets, max_size=4))
def test_documents_without_shingles_are_flagged_and_have_no_keys(sets: list[set[int]]) -> None:
    hashes, starts = ragged(sets)
    sketches = sketch(hashes, starts, 8, 1)

    valid, keys = has_shingles(starts), band_keys(sketches, 4, 2)

    assert valid.tolist() == [bool(one) for one in sets]
    assert (sketches[~valid] == EMPTY).all()
    assert not keys[~valid].any()
    assert keys[valid].all()


def test_equal_bands_have_equal_keys_and_band_numbers_tell_keys_apart() -> None:
    sketches = np.array([[1, 2, 1, 2, 5, 6], [1, 2, 3, 4, 5, 6], [2, 1, 1, 2, 5, 6]], np.uint64)

    keys = band_keys(sketches, 3, 2)

    assert keys.dtype == np.int64
    assert keys.shape == (3, 3)
    assert (keys[0] == keys[1]).tolist() == [True, False, True]
    assert (keys[0] == keys[2]).tolist() == [False, True, True]
    assert keys[0, 0] != keys[0, 1]


# Rates of the algorithm under truly random hashing, 40,000 pairs each, as `ideal_sketch.py` prints them. The curve of
# independent hash functions (.0753 and .9746) is not what negatively dependent bins follow.
@pytest.mark.parametrize(
    ("size", "common", "expected"),
    [(60, 40, 0.0690), (63, 56, 0.9823), (300, 200, 0.0707), (315, 280, 0.9805)],
)
def test_bands_hit_as_often_as_with_truly_random_hashing(size: int, common: int, expected: float) -> None:
    trials = 3000
    sketches = sketch(*random_pairs(trials, size, common, seed=11), 160, 3)
    left, right = pair_index(trials)

    keys = band_keys(sketches, 20, 8)
    hits = int((keys[left] == keys[right]).any(axis=1).sum())

    low, high = binom.interval(0.999, trials, expected)
    assert low <= hits <= high


@pytest.mark.parametrize(
    ("size", "common", "jaccard"),
    [(60, 40, 0.5), (63, 56, 0.8), (300, 200, 0.5), (315, 280, 0.8), (1, 0, 0.0)],
)
def test_the_estimate_is_unbiased_and_no_worse_than_independent_hashes(
    size: int, common: int, jaccard: float
) -> None:
    trials = 3000
    sketches = sketch(*random_pairs(trials, size, common, seed=23), 160, 9)

    estimates = estimate_jaccard(sketches, *pair_index(trials))

    independent = (jaccard * (1 - jaccard) / 160) ** 0.5
    # The mean's bounds hold with 99.9 %; a sample deviation of 3000 normals is within 4.3 % of the true one as often.
    assert abs(estimates.mean() - jaccard) <= 3.29 * independent / trials**0.5
    assert estimates.std() <= 1.043 * independent


def test_estimates_agree_with_datasketch_and_with_classic_minhash_in_big_integers() -> None:
    trials, bins = 40, 256
    hashes, starts = random_pairs(trials, 90, 60, seed=31)
    left, right = pair_index(trials)
    rng = np.random.default_rng(17)
    coefficients = [(int(a), int(b)) for a, b in rng.integers(1, PRIME, (bins, 2))]

    ours = estimate_jaccard(sketch(hashes, starts, bins, 5), left, right)

    documents = hashes.reshape(-1, 90).tolist()
    theirs = [
        datasketch_of(documents[i]).jaccard(datasketch_of(documents[j]))
        for i, j in zip(left, right, strict=True)
    ]
    signatures = [[min((a * x + b) % PRIME for x in one) for a, b in coefficients[:32]] for one in documents]
    classic = [np.mean(np.equal(signatures[i], signatures[j])) for i, j in zip(left, right, strict=True)]
    # Means of 40 estimates at J = .5: standard deviations .0049, .0049 and .014; bounds at four of the difference's.
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.028)
    assert np.mean(ours) == pytest.approx(np.mean(classic), abs=0.06)


def datasketch_of(shingles: list[int]) -> MinHash:
    sketch = MinHash(num_perm=256)
    sketch.update_batch([shingle.to_bytes(8, "little") for shingle in shingles])
    return sketch


def test_seeds_give_independent_sketches() -> None:
    hashes, starts = random_pairs(50, 100, 100, seed=1)

    one, other = sketch(hashes, starts, 64, 1), sketch(hashes, starts, 64, 2)

    assert not (one == other).any()


@pytest.mark.parametrize(
    ("num_bins", "seed", "message"),
    [(0, 1, "found 0"), (2048, 1, "found 2048"), (8, -1, "found -1"), (8, 2**64, "found")],
)
def test_bins_and_seeds_out_of_bounds_are_refused(num_bins: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sketch(*ragged([{1}]), num_bins, seed)


def test_more_bands_than_bins_are_refused() -> None:
    sketches = sketch(*ragged([{1}]), 8, 1)

    with pytest.raises(ValueError, match="at most the 8 bins"):
        band_keys(sketches, 3, 3)


def test_pairs_of_documents_that_do_not_exist_are_refused() -> None:
    sketches = sketch(*ragged([{1}]), 8, 1)

    with pytest.raises(ValueError, match=r"indices in \[0, 1\), found 1 to 1"):
        estimate_jaccard(sketches, np.array([0]), np.array([1]))
