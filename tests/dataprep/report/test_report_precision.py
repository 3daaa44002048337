"""Measured precision: what is compared, what it stands for, and whether the intervals tell the truth."""

import random
from pathlib import Path

import pytest
from report_helpers import REMOVALS, SHARED, TEXTS, write_removals

from dataprep.report import precision
from dataprep.report.precision import Bounds, measured_precision

BOUNDS = Bounds(0.8, None)


def test_removals_are_compared_again_from_their_texts(tmp_path: Path) -> None:
    write_removals(tmp_path, TEXTS, REMOVALS, segment=0)

    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["removals"], found["compared"], found["wrong"], found["not_read"]) == (2, 2, 1, 0)
    assert found["precision"] == 0.5
    assert found["largest_deviation"] == 0.9
    assert [(row["group"], row["precision"]) for row in found["by_bands"]] == [("1", 0.0), ("2–4", 1.0)]
    assert [(row["group"], row["removals"]) for row in found["by_sources"]] == [("mc4 → wikipedia", 2)]
    assert [(row["group"], row["compared"]) for row in found["by_cluster_size"]] == [("2", 2)]
    (english,) = found["pairs"]
    wrong, right = english["examples"]
    assert (english["locale"], english["removals"]) == ("en", 2)
    assert (wrong["excerpt"], wrong["recounted"], wrong["recorded"], wrong["right"]) == (
        TEXTS[2],
        0.0,
        0.9,
        False,
    )
    assert (right["locator"], right["kept_locator"]) == ("https://example.org/0", "https://example.org/1")
    assert (right["cluster_size"], right["bands_matched"], right["kept_excerpt"]) == (2, 3, SHARED)


def test_ten_pairs_of_each_language_are_shown_the_least_similar_first(tmp_path: Path) -> None:
    texts, removals, locales = [], [], []
    for locale, number in (("en", 2000), ("hi", 12), ("th", 3)):
        for _ in range(number):
            removals.append((len(texts), len(texts) + 1, 0.9, 5))
            texts += [SHARED + " more" * (number % 7), SHARED]
            locales += [locale, locale]
    write_removals(tmp_path, texts, removals, locales=locales, segment=0)

    shown = measured_precision(str(tmp_path), BOUNDS)["pairs"]

    assert [(group["locale"], len(group["examples"])) for group in shown] == [
        ("en", 10),
        ("hi", 10),
        ("th", 3),
    ]
    assert [group["removals"] for group in shown] == [2000, 12, 3]
    for group in shown:
        similarities = [example["recounted"] for example in group["examples"]]
        assert similarities == sorted(similarities)


def test_long_texts_are_shown_from_before_their_first_difference(tmp_path: Path) -> None:
    head = " ".join(f"same{number}" for number in range(300))
    write_removals(tmp_path, [f"{head} one two", f"{head} three"], [(0, 1, 0.9, 3)], segment=0)

    ((example,),) = [group["examples"] for group in measured_precision(str(tmp_path), BOUNDS)["pairs"]]

    assert example["excerpt"].startswith("… same2")
    assert example["excerpt"].endswith("same299 one two")
    assert example["kept_excerpt"].endswith("same299 three")
    assert len(example["excerpt"]) < 200


def test_the_similarity_counted_again_is_that_of_sets_of_word_5_grams(tmp_path: Path) -> None:
    # 20 words have 16 runs of five, and one word more has one more: 16 / 17.
    write_removals(tmp_path, TEXTS[:2], [(0, 1, 16 / 17 + 0.001, 3)], segment=0)

    assert measured_precision(str(tmp_path), BOUNDS)["largest_deviation"] == pytest.approx(0.001)
    assert measured_precision(str(tmp_path), Bounds(16 / 17, None))["wrong"] == 0
    assert measured_precision(str(tmp_path), Bounds(0.95, None))["wrong"] == 1
    # All of the text that stays is in the removed one, not the other way round.
    assert measured_precision(str(tmp_path), Bounds(0.95, 16 / 17))["wrong"] == 0


def test_a_removal_without_a_similarity_on_record_is_compared_all_the_same(tmp_path: Path) -> None:
    write_removals(tmp_path, TEXTS[:2], [(0, 1, None, 3)], segment=0)

    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["precision"], found["largest_deviation"]) == (1.0, None)


@pytest.mark.parametrize("texts", [["", SHARED], ["a " * 150_000, SHARED]])
def test_emptied_and_very_long_texts_are_not_compared(texts: list[str], tmp_path: Path) -> None:
    write_removals(tmp_path, texts, [(0, 1, 0.9, 3)], segment=0)

    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["removals"], found["compared"], found["not_read"]) == (1, 0, 1)
    assert found["precision"] is found["lower"] is None


@pytest.mark.parametrize("requested", [[0], [1]])
def test_a_text_that_was_asked_to_be_removed_is_never_shown(requested: list[int], tmp_path: Path) -> None:
    # It may still be in documents/: a run that honours a list from its start does not empty what it refuses.
    write_removals(tmp_path, TEXTS, REMOVALS, segment=0, requested=requested)

    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["removals"], found["compared"], found["not_read"]) == (2, 1, 1)
    assert SHARED not in str(found)


def test_what_stays_in_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    write_removals(tmp_path, TEXTS, REMOVALS, segment=1)

    assert measured_precision(str(tmp_path), BOUNDS, own_segment=2)["not_read"] == 2
    assert measured_precision(str(tmp_path), BOUNDS, own_segment=1)["not_read"] == 0


def test_a_run_without_decisions_has_no_precision(tmp_path: Path) -> None:
    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["removals"], found["precision"], found["by_locale"]) == (0, None, [])


def population(folder: Path, seed: int) -> float:
    """1,500 removals in three languages, of which different parts are wrong; the share of right ones."""
    draw = random.Random(seed)
    texts, removals, locales, right = [], [], [], 0
    for locale, number, wrong in (("en", 1100, 0.02), ("th", 370, 0.2), ("sw", 30, 0.5)):
        for _ in range(number):
            is_right = draw.random() >= wrong
            right += is_right
            removals.append((len(texts), len(texts) + 1, 0.9, draw.randint(1, 20)))
            texts += [SHARED, SHARED if is_right else f"other words {draw.random()}"]
            locales += [locale, locale]
    write_removals(folder, texts, removals, locales=locales, segment=0, seed=seed)
    return right / len(removals)


def test_the_intervals_cover_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    covered, errors = 0, []
    for seed in range(20):
        truth = population(tmp_path / str(seed), seed)
        found = measured_precision(str(tmp_path / str(seed)), BOUNDS)
        covered += found["lower"] <= truth <= found["upper"]
        errors.append(found["precision"] - truth)
        assert found["compared"] < 450
        assert sum(row["removals"] for row in found["by_locale"]) == pytest.approx(1500, abs=2)

    assert covered >= 18
    assert abs(sum(errors) / len(errors)) < 0.01


def test_a_sample_of_the_first_phase_stands_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "FIRST_PHASE", 300)
    truth = population(tmp_path, 1)

    found = measured_precision(str(tmp_path), BOUNDS)

    assert (found["removals"], found["compared"]) == (1500, 300)
    assert found["lower"] <= truth <= found["upper"]
    assert sum(row["removals"] for row in found["by_locale"]) == pytest.approx(1500, abs=2)


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    population(tmp_path, 3)

    assert measured_precision(str(tmp_path), BOUNDS) == measured_precision(str(tmp_path), BOUNDS)
