"""What a text has of its locale's lists: stop words and listed phrases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.fused import annotate_batch
from dataprep.kernels.word_lists import MAX_STOP_WORDS, word_lists

from . import references
from .references import as_batch
from .texts import WORDS, texts


def measured(
    text: str,
    *,
    stop_words: Sequence[str] = (),
    phrases: Sequence[str] = (),
    number: int = 1,
) -> dict[str, Any]:
    """The signals of one text under the second of two locales; the first has other lists."""
    lists = word_lists(
        ["first", "second"],
        stop_words={"first": ["other"], "second": stop_words},
        phrases={"first": ["other words"], "second": phrases},
    )
    found = annotate_batch(
        *as_batch([text]),
        num_bands=1,
        rows_per_band=1,
        seed=0,
        lists=lists,
        list_numbers=np.array([number], np.int64),
    )
    return {name: values[0].item() for name, values in found.of_locale.items()}


def occurrences(units: list[str], listed: list[list[str]]) -> int:
    """Leftmost, longest, without overlaps, in plain Python."""
    times, index = 0, 0
    while index < len(units):
        sizes = [len(phrase) for phrase in listed if phrase and units[index : index + len(phrase)] == phrase]
        times += bool(sizes)
        index += max([1, *sizes])
    return times


single = [word for word in WORDS if len(references.units(word)) == 1]


@given(texts, st.sets(st.sampled_from(single), max_size=12))
def test_stop_words_are_counted_as_in_plain_python(text: str, stop_words: set[str]) -> None:
    units = references.units(text)
    listed = {references.units(word)[0] for word in stop_words}

    found = measured(text, stop_words=sorted(stop_words))

    assert found["num_stop_words"] == len(listed & set(units))
    assert found["stop_word_fraction"] == pytest.approx(
        references.ratio(sum(unit in listed for unit in units), len(units))
    )


latin = st.lists(st.sampled_from(["the", "and", "don't", "हिन्दी", "में", "한국어", "3.14", "漢字"]), max_size=3)


@given(texts, st.lists(latin, max_size=6))
def test_phrases_are_found_as_in_plain_python(text: str, phrases: list[list[str]]) -> None:
    listed = [references.units(" ".join(phrase)) for phrase in phrases]

    found = measured(text, phrases=[" ".join(phrase) for phrase in phrases])

    assert found["num_listed_words"] == occurrences(references.units(text), listed)


@pytest.mark.parametrize(
    ("text", "phrase", "times"),
    [
        ("A bad word, and a BAD  Word.", "bad word", 2),
        ("badly worded", "bad", 0),
        ("Straße STRAßE", "straße", 2),
        ("एक गलत शब्द है", "गलत शब्द", 1),
        ("गलती", "गलत", 0),
        ("می\u200cخواهم", "خواهم", 0),
        ("나쁜말이 나쁜 말", "나쁜 말", 1),
        ("这是坏词吗", "坏词", 1),
        ("คำหยาบคาย", "หยาบ", 1),
        ("ที่นี่", "ท", 0),
        ("アナウンサー", "アナ", 0),
        ("アナを見た", "アナ", 1),
        ("バカな人", "バカ", 1),
        ("ዘንድ ክፉ ቃል", "ክፉ ቃል", 1),
    ],
)
def test_a_listed_word_matches_where_the_script_has_a_word(text: str, phrase: str, times: int) -> None:
    assert measured(text, phrases=[phrase])["num_listed_words"] == times


def test_the_longest_phrase_counts_once() -> None:
    assert measured("very bad word", phrases=["bad word", "bad", "very bad word"])["num_listed_words"] == 1


def test_stop_words_of_two_units_are_pairs_of_neighbours() -> None:
    found = measured("การทำงานในวันนี้", stop_words=["าร", "ใน"])

    assert found["num_stop_words"] == 2


def test_every_one_of_many_phrases_is_found() -> None:
    words = [f"word{number}" for number in range(500)]

    found = measured(" und ".join(words), phrases=words)

    assert found["num_listed_words"] == 500


def test_a_document_without_a_list_has_zeros() -> None:
    found = measured("the the", stop_words=["the"], phrases=["the"], number=-1)

    assert set(found.values()) == {0}


@pytest.mark.parametrize(
    "words", [["one two three"], ["one", "one two"], ["!"], ["a"] * (MAX_STOP_WORDS + 1)]
)
def test_lists_of_stop_words_that_cannot_be_counted_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="stop words of second must be"):
        measured("text", stop_words=words)


def test_lists_change_no_other_number() -> None:
    batch = as_batch(["The the words of 漢字.", ""])
    lists = word_lists(["en"], stop_words={"en": ["the"]}, phrases={"en": ["words of"]})

    without = annotate_batch(*batch, num_bands=2, rows_per_band=2, seed=1)
    with_lists = annotate_batch(
        *batch, num_bands=2, rows_per_band=2, seed=1, lists=lists, list_numbers=np.zeros(2, np.int64)
    )

    assert np.array_equal(without.band_keys, with_lists.band_keys)
    assert all(np.array_equal(values, with_lists.signals[name]) for name, values in without.signals.items())
