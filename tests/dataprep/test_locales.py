"""The table of locales and the spellings that corpora use."""

import unicodedata

import fasttext
import pytest

from dataprep.annotate.language_id import builtin_model_path
from dataprep.locales import LOCALES, canonical_language
from dataprep.sample.sentences import load


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("iw", "he"),
        ("zh-Hans", "zh"),
        ("zh_cn", "zh"),
        ("cmn", "zh"),
        ("simple", "en"),
        ("pt_br", "pt"),
        ("pt-PT", "pt"),
        ("nb", "no"),
        ("nob", "no"),
        ("fil", "tl"),
        ("deu", "de"),
        ("hin", "hi"),
        ("tlh", "tlh"),
        ("Zh-Yue", "zh-yue"),
        ("", None),
        (None, None),
    ],
)
def test_a_language_is_known_by_every_spelling_of_the_corpora(spelling: str | None, code: str | None) -> None:
    assert canonical_language(spelling) == code


@pytest.mark.parametrize("code", LOCALES)
def test_every_code_and_alias_leads_to_its_own_row(code: str) -> None:
    row = LOCALES[code]

    assert row.code == code
    assert {canonical_language(name) for name in (row.code, row.iso639_3, *row.aliases)} == {code}


def test_no_two_rows_share_a_code_or_label() -> None:
    rows = LOCALES.values()

    assert len({row.iso639_3 for row in rows}) == len(rows)
    assert len({row.fasttext for row in rows}) == len(rows)


def test_every_label_is_one_of_the_language_model() -> None:
    # A threshold below 0 keeps fastText from leaving out labels of tiny probability.
    every_label = fasttext.load_model(builtin_model_path()).f.predict("text\n", 1000, -1.0, "strict")
    labels = {label for _, label in every_label}
    named = {label for row in LOCALES.values() for label in (row.fasttext, *row.close)}

    assert {f"__label__{label}" for label in named} <= labels
    assert len(labels) == 176


def test_terminators_are_punctuation_and_missing_only_where_a_script_marks_no_ends() -> None:
    terminators = {character for row in LOCALES.values() for character in row.terminators}

    assert {unicodedata.category(character) for character in terminators} == {"Po"}
    assert {code for code, row in LOCALES.items() if not row.terminators} == {"th", "lo"}


def test_scripts_without_spaces_count_characters() -> None:
    assert {code for code, row in LOCALES.items() if row.unit == "char"} == {
        "ja",
        "zh",
        "th",
        "lo",
        "km",
        "my",
    }


def test_every_language_of_the_sample_corpora_is_in_the_table() -> None:
    assert set(load()) - {"hi-Latn"} <= set(LOCALES)
