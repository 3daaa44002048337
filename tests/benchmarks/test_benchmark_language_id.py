"""The measures of the language benchmark, by hand."""

import numpy as np
import pytest

from benchmarks.bench_language_id import NONE, fitted_thresholds, of_table, passages, rates, summary

TRUTH = np.array(["en", "en", "en", "de", "de", NONE, NONE, NONE, NONE], dtype=object)
GIVEN = np.array(["en", "en", "de", "de", NONE, "en", NONE, NONE, NONE], dtype=object)


def test_rates_count_distractors_among_the_negatives() -> None:
    found = rates(TRUTH, GIVEN)

    # English: 2 of 3 found, 3 claimed, 1 of 6 others taken for it; German: 1 of 2 found, 2 claimed, 1 of 7 others.
    assert found["en"] == pytest.approx((3, 4 / 6, 2 / 3, 2 / 3, 1 / 6))
    assert found["de"] == pytest.approx((2, 2 / 4, 1 / 2, 1 / 2, 1 / 7))


def test_the_summary_is_a_mean_over_languages_whatever_their_sizes() -> None:
    assert summary(TRUTH, GIVEN) == pytest.approx((2, (4 / 6 + 2 / 4) / 2, (1 / 6 + 1 / 7) / 2, 1 / 4))


def test_the_fitted_threshold_is_the_least_with_the_best_f1_false_positives_counted_twice() -> None:
    truth = np.array(["en"] * 20 + ["de"] * 5, dtype=object)
    detected = np.array(["en"] * 25, dtype=object)
    score = np.array([0.9] * 18 + [0.3] * 2 + [0.52] * 5)

    # Above the German ones, two English ones are lost: 36 / 38 against 40 / 50.
    assert fitted_thresholds(truth, detected, score) == {"en": 0.55}


@pytest.mark.parametrize(
    ("code", "expected"),
    [("eng", "en"), ("arb", "ar"), ("arz", NONE), ("zsm", "ms"), ("cmn", "zh"), ("hin", "hi"), ("bho", NONE)],
)
def test_samples_are_filed_under_the_languages_of_the_table(code: str, expected: str) -> None:
    assert of_table(code) == expected


def test_passages_are_whole_lines_of_at_least_a_thousand_characters() -> None:
    found = passages(["a" * 600, "b" * 600, "c" * 600, "d" * 100])

    assert found == ["a" * 600 + "\n" + "b" * 600 + "\n"]
    assert passages(["short"]) == ["short\n"]
