import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.curve import collision_probability
from dataprep.kernels.jaccard import containment_pairs, jaccard_pairs

from .references import ratio
from .test_sketch import ragged

sets = st.lists(st.sets(st.integers(0, 12), max_size=10), min_size=1, max_size=5)


@given(sets)
def test_jaccard_and_containment_are_those_of_python_sets(documents: list[set[int]]) -> None:
    count = len(documents)
    left, right = np.repeat(np.arange(count), count), np.tile(np.arange(count), count)
    hashes, starts = ragged(documents)

    jaccard = jaccard_pairs(hashes, starts, left, right)
    containment = containment_pairs(hashes, starts, left, right)

    pairs = [(one, other) for one in documents for other in documents]
    assert jaccard.tolist() == [ratio(len(a & b), len(a | b)) for a, b in pairs]
    assert containment.tolist() == [ratio(len(a & b), len(a)) for a, b in pairs]


def test_large_hashes_are_compared_without_sign() -> None:
    hashes, starts = ragged([{1, 2**63, 2**64 - 1}, {2**63, 2**64 - 1}])

    jaccard = jaccard_pairs(hashes, starts, np.array([0]), np.array([1]))

    assert jaccard.tolist() == [2 / 3]


# Values of the table of published settings, worked out with a calculator.
@pytest.mark.parametrize(
    ("jaccard", "bands", "rows", "expected"),
    [
        (0.0, 20, 8, 0.0),
        (1.0, 20, 8, 1.0),
        (0.5, 1, 1, 0.5),
        (0.5, 2, 1, 0.75),
        (0.8, 14, 8, 0.9237),
        (0.8, 9, 13, 0.3988),
    ],
)
def test_the_curve_has_its_published_values(jaccard: float, bands: int, rows: int, expected: float) -> None:
    assert collision_probability(jaccard, bands, rows) == pytest.approx(expected, abs=5e-4)


@given(st.floats(0, 1), st.integers(1, 40), st.integers(1, 20))
def test_more_bands_hit_more_and_more_rows_hit_less(jaccard: float, bands: int, rows: int) -> None:
    base = collision_probability(jaccard, bands, rows)

    assert collision_probability(jaccard, bands + 1, rows) >= base
    assert collision_probability(jaccard, bands, rows + 1) <= base


@pytest.mark.parametrize(("jaccard", "bands", "rows"), [(1.1, 1, 1), (-0.1, 1, 1), (0.5, 0, 1), (0.5, 1, 0)])
def test_the_curve_refuses_what_is_no_setting(jaccard: float, bands: int, rows: int) -> None:
    with pytest.raises(ValueError, match="at least one band and row"):
        collision_probability(jaccard, bands, rows)
