"""The table of locales and the spellings that corpora use."""

import unicodedata

import fasttext
import pytest

from dataprep.annotate.language_cues import CUES
from dataprep.annotate.language_id import builtin_model_path
from dataprep.locales import LOCALES, canonical_language, language_of_label
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
        ("nn-NO", "nn"),
        ("zsm", "ms"),
        ("pes", "fa"),
        ("hi_rom", "hi-Latn"),
        ("hi-Latn", "hi-Latn"),
        ("sr_Latn", "sr"),
        ("be-tarask", "be"),
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
    assert {canonical_language(name) for name in (row.code, *row.aliases)} == {code}
    assert canonical_language(row.iso639_3) == (row.romanised or code)


def test_no_two_rows_share_a_code_or_label() -> None:
    rows = LOCALES.values()
    labels = [row.fasttext for row in rows if row.fasttext is not None]
    glotlid = [label for row in rows for label in row.labels]

    assert len({(row.iso639_3, row.script) for row in rows}) == len(rows)
    assert len(set(labels)) == len(labels) == len(rows) - 1
    assert len(set(glotlid)) == len(glotlid)


# Labels as GlotLID v3 and OpenLID list them, and those of lid.176, where als is Alemannic and sh Serbo-Croatian.
@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("en", "en"),
        ("no", "no"),
        ("als", "als"),
        ("sh", "sh"),
        ("eng_Latn", "en"),
        ("nob_Latn", "no"),
        ("cmn_Hani", "zh"),
        ("zho_Hans", "zh"),
        ("zho_Hant", "zh"),
        ("yue_Hant", "yue"),
        ("jpn_Jpan", "ja"),
        ("kor_Hang", "ko"),
        ("arb_Arab", "ar"),
        ("arb_Latn", "ar-Latn"),
        ("arz_Arab", "arz"),
        ("fas_Arab", "fa"),
        ("ekk_Latn", "et"),
        ("als_Latn", "sq"),
        ("npi_Deva", "ne"),
        ("hin_Deva", "hi"),
        ("hin_Latn", "hi-Latn"),
        ("srp_Cyrl", "sr"),
        ("srp_Latn", "sr"),
        ("zxx_Zzzz", "zxx"),
        ("und_Xsux", "und"),
        ("aai_Latn", "aai"),
    ],
)
def test_labels_of_several_models_lead_to_the_same_codes(label: str, code: str) -> None:
    assert language_of_label(label) == code


@pytest.mark.parametrize(
    ("code", "scripts"),
    [
        ("sr", ["Cyrl", "Latn"]),
        ("zh", ["Hans", "Hant"]),
        ("hi", ["Deva"]),
        ("hi-Latn", ["Latn"]),
        ("ja", ["Jpan"]),
    ],
)
def test_a_language_has_every_script_it_is_written_in(code: str, scripts: list[str]) -> None:
    assert LOCALES[code].scripts.split() == scripts
    assert LOCALES[code].script == scripts[0]


def test_alphabets_hold_letters_of_their_scripts_once_each_and_in_lower_case() -> None:
    alphabets = {row.code: row.letters for row in LOCALES.values() if row.letters}

    assert len(alphabets) > 50
    assert {code for code, letters in alphabets.items() if len(set(letters)) < len(letters)} == set()
    assert {
        letter for letters in alphabets.values() for letter in letters if letter != letter.lower()
    } == set()
    assert {unicodedata.category(letter) for letters in alphabets.values() for letter in letters} == {
        "Ll",
        "Lm",
    }


def test_a_list_of_stop_words_is_named_where_there_is_one() -> None:
    assert {row.code for row in LOCALES.values() if row.stop_words == "list"} == set(CUES) & set(LOCALES)


def test_every_label_is_one_of_the_language_model() -> None:
    # A threshold below 0 keeps fastText from leaving out labels of tiny probability.
    every_label = fasttext.load_model(builtin_model_path()).f.predict("text\n", 1000, -1.0, "strict")
    labels = {label for _, label in every_label}
    named = {row.fasttext for row in LOCALES.values() if row.fasttext is not None}

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
    assert set(load()) <= set(LOCALES)
