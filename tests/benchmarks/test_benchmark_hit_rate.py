"""Planted pairs hit as often as theory says, in every script: the benchmark at a small scale."""

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.bench_hit_rate import (
    SCRIPTS,
    Cell,
    Script,
    deviation,
    measure,
    plant_pairs,
    section,
    sizes,
    wilson,
)
from dataprep.kernels.unicode_tables import SCRIPT_MASK, SCRIPT_SHIFT, tables
from dataprep.kernels.unicode_tables import SCRIPTS as NAMES
from dataprep.sample import reference


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_planted_pairs_hit_as_often_as_theory_says(script: Script) -> None:
    cells = [
        measure(script, twentieths, 120, np.random.default_rng(twentieths)) for twentieths in (13, 14, 18)
    ]

    # Fixed texts and a fixed seed: the outcome is always the same. Bounds at 3.9 deviations: 1 in 10,000.
    for cell in cells[:2]:
        assert abs(cell.hits - cell.pairs * cell.theory) < 3.9 * cell.variance**0.5
    assert cells[2].hits == 120


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_texts_are_of_their_script_and_pairs_of_their_similarity(script: Script) -> None:
    texts, sets = plant_pairs(script, 16, 5, np.random.default_rng(1))

    assert [
        reference.jaccard(left, right) for left, right in zip(texts[::2], texts[1::2], strict=True)
    ] == pytest.approx([0.8] * 5)
    assert all(common / union == 0.8 for common, union in sets)
    letters = [character for text in texts for character in text if character.isalpha()]
    found = {NAMES[(tables().properties[ord(letter)] >> SCRIPT_SHIFT) & SCRIPT_MASK] for letter in letters}
    assert found == {script.name}


def test_the_sizes_of_a_similarity_give_it_exactly() -> None:
    # 45 of 45 shingles less 5 are common: 40 of 50 in the union are 0.8.
    assert sizes(16, 5)[:2] == [(90, 2), (135, 3)]
    assert all(size - 5 * changes == 0.8 * (size + 5 * changes) for size, changes in sizes(16, 5))


@pytest.mark.parametrize(("hits", "pairs"), [(0, 50), (3, 50), (25, 50), (50, 50)])
def test_the_interval_is_wilsons(hits: int, pairs: int) -> None:
    expected = binomtest(hits, pairs).proportion_ci(0.99, method="wilson")

    assert wilson(hits, pairs) == pytest.approx((expected.low, expected.high), abs=1e-12)


def cell(hits: int, theory: float) -> Cell:
    return Cell("Latin", 0.65, 1000, hits, theory, 1000 * theory * (1 - theory))


def test_a_page_says_whether_theory_agrees() -> None:
    right, wrong = cell(480, 0.473), cell(700, 0.473)

    assert "**Theory agrees.** It lies outside the interval in 0 of 3 cells" in section([right] * 3)
    assert "**Theory does not agree.**" in section([right, wrong, wrong])
    assert "outside" in section([wrong]).splitlines()[-1]


def test_the_deviation_is_a_sum_of_squares_over_cells_with_hits_and_misses() -> None:
    total, cells = deviation([cell(500, 0.5), cell(550, 0.5), cell(999, 0.999)])

    # Fifty too many, where one deviation is the root of 250.
    assert (total, cells) == (pytest.approx(10.0), 2)
