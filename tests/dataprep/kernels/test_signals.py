import numpy as np
import pytest
from hypothesis import given

from dataprep.kernels.signals import SIGNALS, signals
from dataprep.kernels.unicode_tables import SCRIPTS

from . import references
from .references import as_batch
from .texts import batches


def one(text: str) -> dict[str, float]:
    return {name: array[0].item() for name, array in signals(*as_batch([text])).items()}


@given(batches)
def test_every_signal_is_that_of_the_definition(texts: list[str]) -> None:
    arrays = signals(*as_batch(texts))

    for index, text in enumerate(texts):
        expected = references.signals(text)
        actual = {name: arrays[name][index].item() for name in expected}
        assert actual == pytest.approx(expected, rel=1e-6)


def test_names_and_types_are_those_of_the_list() -> None:
    arrays = signals(*as_batch(["a", ""]))

    assert list(arrays) == [signal.name for signal in SIGNALS]
    assert all(arrays[signal.name].dtype == signal.dtype for signal in SIGNALS)
    assert all(array.shape == (2,) and array.flags.c_contiguous for array in arrays.values())


@pytest.mark.parametrize("text", ["", " \n\t ", "😀", "\u0301", "\ufeff", "..."])
def test_documents_without_words_have_defined_values(text: str) -> None:
    values = one(text)

    assert all(np.isfinite(value) for value in values.values())
    assert values["num_units"] == values["mean_word_length"] == values["unique_unit_fraction"] == 0


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", "none"),
        ("123 !", "none"),
        ("Hello мир", "Latin"),
        ("日本語のテキストです", "Kana"),
        ("العربية", "Arabic"),
        ("ᚠᚢᚦ", "Other"),
    ],
)
def test_the_dominant_script_is_that_of_most_letters_and_marks(text: str, script: str) -> None:
    assert SCRIPTS[int(one(text)["dominant_script"])] == script


def test_repetition_of_an_example_worked_out_by_hand() -> None:
    text = "ab cd ab cd ab cd xyz"

    values = one(text)

    assert values["top_2gram_char_fraction"] == pytest.approx(12 / 15)
    assert values["top_3gram_char_fraction"] == pytest.approx(10 / 15)
    assert values["top_4gram_char_fraction"] == pytest.approx(12 / 15)
    assert values["unique_unit_fraction"] == pytest.approx(3 / 7)
    assert values["duplicate_5gram_char_fraction"] == 0


def test_duplicate_ngrams_leave_the_first_occurrence_out_and_count_overlaps_once() -> None:
    text = "a b c d e f. " * 2 + "a b c d e"

    values = one(text)

    assert values["duplicate_5gram_char_fraction"] == pytest.approx(11 / 17)
    assert values["duplicate_6gram_char_fraction"] == pytest.approx(11 / 17)
    assert values["duplicate_10gram_char_fraction"] == pytest.approx(11 / 17)


def test_line_signals_of_an_example_worked_out_by_hand() -> None:
    lines = ["• first point", "He said “yes.”", "and then…", "", "यह वाक्य है।", "He said “yes.”", "x" * 30]

    values = one("\n".join(lines))

    assert values["num_lines"] == 6
    assert values["bullet_line_fraction"] == pytest.approx(1 / 6)
    assert values["ellipsis_line_fraction"] == pytest.approx(1 / 6)
    assert values["terminal_line_fraction"] == pytest.approx(4 / 6)
    assert values["short_line_fraction"] == pytest.approx(5 / 6)
    assert values["duplicate_line_fraction"] == pytest.approx(1 / 6)
    assert values["duplicate_line_char_fraction"] == pytest.approx(14 / 92)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lorem ipsum dolor", True),
        ("LOREM, IPSUM", True),
        ("lorem dolor ipsum", False),
        ("ipsum lorem", False),
    ],
)
def test_lorem_ipsum_is_two_words_in_a_row(text: str, expected: bool) -> None:
    assert one(text)["lorem_ipsum"] is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! “Three?” Four", 3),
        ("Version 3.5 of e.g. this.", 2),
        ("一つ。二つ！？「三つ。」", 3),
        ("Ends。 twice.", 2),
        ("यह वाक्य है। और यह", 1),
        ("no end", 0),
    ],
)
def test_sentences_end_before_white_space_or_at_a_wide_stop(text: str, expected: int) -> None:
    assert one(text)["num_sentences"] == expected


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("see http://a.example/b?c=1 now", "://a.example/b?c=1"),
        ("WWW.a.example、次", "WWW.a.example"),
        ("awww. either/or a:/b", ""),
        ("https://www.a.example", "://www.a.example"),
    ],
)
def test_urls_reach_to_the_next_white_space_or_character_that_a_url_cannot_hold(text: str, url: str) -> None:
    visible = sum(not character.isspace() for character in text)

    assert one(text)["url_fraction"] == pytest.approx(len(url) / visible)


def test_signals_on_words_and_lines_of_an_example_worked_out_by_hand() -> None:
    lines = [
        "1. Erstens",
        "• Zweitens",
        "ÄB cd 12 34",
        "We use cookies here.",
        "x" * 200,
        "Read the Privacy Policy",
    ]

    values = one("\n".join(lines))

    assert values["list_line_fraction"] == pytest.approx(2 / 6)
    assert values["few_word_line_fraction"] == pytest.approx(3 / 6)
    assert values["policy_line_fraction"] == pytest.approx(2 / 6)
    assert values["num_long_lines"] == 1
    assert values["alpha_unit_fraction"] == pytest.approx(13 / 16)


@pytest.mark.parametrize(
    ("text", "share"),
    [("ABC def", 0.5), ("ΑΒΓ αβγ", 0.5), ("İstanbul", 1 / 8), ("漢字 AB", 0.5), ("हिन्दी", 0.0), ("Ა ა", 0.5)],
)
def test_capitals_are_a_share_of_all_letters(text: str, share: float) -> None:
    assert one(text)["upper_fraction"] == pytest.approx(share)


def test_paragraphs_are_compared_line_by_line() -> None:
    values = one("a b\nc d\n\ne\n\na b \n c d\n\na b")

    assert values["duplicate_paragraph_fraction"] == pytest.approx(1 / 4)
    assert values["duplicate_paragraph_char_fraction"] == pytest.approx(6 / 16)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [("Ã³Ã¼Ã\u00ad", 3), ("itâ€™s", 1), ("Р° и Рё", 2), ("«café», réalité… naše Éš", 0), ("СЃ”", 1)],
)
def test_pairs_that_utf8_becomes_are_told_from_ordinary_ones(text: str, pairs: int) -> None:
    visible = sum(not character.isspace() for character in text)

    assert one(text)["mojibake_fraction"] == pytest.approx(pairs / visible)


def test_an_ethiopic_word_space_is_no_punctuation() -> None:
    assert one("ሰላም፡ለሁሉ።")["punctuation_fraction"] == pytest.approx(1 / 8)


@given(batches)
def test_measuring_leaves_the_text_alone(texts: list[str]) -> None:
    data, offsets = as_batch(texts)
    before = data.tobytes(), offsets.tobytes()

    signals(data, offsets)

    assert (data.tobytes(), offsets.tobytes()) == before
