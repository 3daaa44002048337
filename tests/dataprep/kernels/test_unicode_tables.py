import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels import unicode_tables
from dataprep.kernels.unicode_tables import (
    CHARACTER_UNIT,
    CLASS_MASK,
    COMBINING_MASK,
    COMBINING_SHIFT,
    LETTER,
    MARK,
    NFC_UNSURE,
    NUMBER,
    OTHER_CLASS,
    PUNCTUATION,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    SCRIPTS,
    SPACE,
    SYMBOL,
    TERMINATOR,
    tables,
)

same_unicode = pytest.mark.skipif(
    unicodedata.unidata_version != tables().unicode_version,
    reason="this interpreter has another Unicode version than the stored tables",
)


def packed(character: str) -> int:
    return int(tables().properties[ord(character)])


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("aßЖ漢ก가", LETTER),
        ("\u0301िَ่", MARK),
        ("7٣½Ⅷ", NUMBER),
        (" \n\t\u00a0\u3000\x85\u2028", SPACE),
        (".।«-{", PUNCTUATION),
        ("+€😀^", SYMBOL),
        ("\x00\u200d\ufeff\ud800\U0010ffff", OTHER_CLASS),
    ],
)
def test_classes_are_those_of_the_standard(characters: str, kind: int) -> None:
    classes = {packed(character) & CLASS_MASK for character in characters}

    assert classes == {kind}


@pytest.mark.parametrize(
    ("characters", "name"),
    [
        ("aéĀﬁＡªº", "Latin"), ("жЁӘ", "Cyrillic"), ("αΏ", "Greek"), ("مَپ٣", "Arabic"), ("שָ", "Hebrew"),
        ("कि१", "Devanagari"),
        ("বি", "Bengali"), ("தி", "Tamil"), ("తె", "Telugu"), ("ગુ", "Gujarati"),
        ("ਪੰಕमಲ്ක".replace("म", ""), "Other Indic"),
        ("กิ๑", "Thai"), ("ລາ", "Lao"), ("ខ្", "Khmer"), ("မြ", "Myanmar"), ("漢々〇豈𠀀", "Han"), ("あアーｶ", "Kana"),
        ("한ᄒㅎ", "Hangul"), ("አ", "Ethiopic"), ("հԱ", "Armenian"), ("აႠ", "Georgian"), ("ᚠᏣ", "Other"),
        ("7\u0301ʼ.", "none"),
    ],
)  # fmt: skip
def test_scripts_are_told_by_name(characters: str, name: str) -> None:
    scripts = {SCRIPTS[packed(character) >> SCRIPT_SHIFT & SCRIPT_MASK] for character in characters}

    assert scripts == {name}


def test_only_scripts_without_spaces_are_character_units() -> None:
    with_flag = [character for character in "aжمहதกລខမ漢あア한አ7" if packed(character) & CHARACTER_UNIT]

    assert with_flag == list("กລខမ漢あア")


@pytest.mark.parametrize("terminator", ".!?…。！？।॥۔؟።។။։\u037e")
def test_sentence_terminators_of_many_scripts_are_flagged(terminator: str) -> None:
    assert packed(terminator) & TERMINATOR


@pytest.mark.parametrize(
    ("upper", "lower"), [("A", "a"), ("Σ", "σ"), ("ς", "σ"), ("Ж", "ж"), ("ß", "ß"), ("İ", "İ")]
)
def test_folding_is_one_to_one(upper: str, lower: str) -> None:
    folded = chr(tables().fold[ord(upper)])

    assert folded == lower


@same_unicode
@given(st.text(max_size=8))
def test_text_without_unsure_codepoints_and_in_canonical_order_is_in_nfc(text: str) -> None:
    properties = [packed(character) for character in text]
    classes = [value >> COMBINING_SHIFT & COMBINING_MASK for value in properties]
    unsure = any(value & NFC_UNSURE for value in properties)
    ordered = all(b == 0 or a <= b for a, b in pairwise(classes))

    assert unsure or not ordered or unicodedata.is_normalized("NFC", text)


@same_unicode
def test_the_stored_tables_are_those_the_generator_makes(tmp_path: Path) -> None:
    unicode_tables.write(tmp_path / "tables.npz")

    with np.load(tmp_path / "tables.npz") as made, np.load(unicode_tables.FILE) as stored:
        assert {name: made[name].tolist() for name in made} == {
            name: stored[name].tolist() for name in stored
        }


def test_the_stored_file_is_small() -> None:
    assert unicode_tables.FILE.stat().st_size < 150_000
