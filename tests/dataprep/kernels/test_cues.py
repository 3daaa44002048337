"""Cue words and letters against a slow count by Python's own Unicode database."""

import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.cues import ALPHABET_END, MAX_MEMBERS, Alphabets, Cues, count_cues, cue_table
from dataprep.kernels.unicode_tables import SCRIPTS

from . import texts
from .references import as_batch

WORDS = ["the", "və", "не", "水", "là", "है", "ka"]
# One group of three members: what each has, and two languages that are counted in every text.
MEMBERS = np.zeros((7, 1, MAX_MEMBERS), np.uint8)
MEMBERS[:, 0, :3] = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0]]
MIXED = np.array([[0, 1], [0, 0], [0, 0], [0, 0], [1, 0], [0, 0], [1, 0]], np.uint8)
TABLE = cue_table(WORDS, MEMBERS, MIXED)
FOREIGN = "éəж"  # to the first member, and to the one alphabet
KNOWN = Alphabets(np.zeros((1, ALPHABET_END), np.uint8), np.zeros((1, ALPHABET_END), np.uint8))
KNOWN.of_groups[0, [ord(letter) for letter in FOREIGN]] = 1
KNOWN.of_languages[0, [ord(letter) for letter in FOREIGN]] = 1

anything = st.one_of(
    texts.texts,
    st.text(max_size=40),
    st.lists(
        st.sampled_from([*WORDS, "The", "THE", "水水", "été", "мороз", "12", ",", "é", "ə"]), max_size=30
    ).map(" ".join),
)


def count(documents: list[str], group: int = 0, alphabet: int = 0) -> Cues:
    size = len(documents)
    groups, alphabets = np.full(size, group, np.int32), np.full(size, alphabet, np.int32)
    return count_cues(*as_batch(documents), groups, alphabets, cues=TABLE, known=KNOWN, max_bytes=1 << 20)


def split(text: str) -> list[str]:
    """Runs of letters and marks, Han characters one by one."""
    found, current = [], ""
    for character in text:
        kind = unicodedata.category(character)[0]
        is_han = unicodedata.name(character, "").startswith(("CJK UNIFIED", "CJK COMPAT", "IDEOGRAPHIC"))
        if kind not in "LM" or (is_han and kind == "L"):
            found.append(current)
            current = ""
        if kind in "LM":
            current += character
        if is_han and kind == "L":
            found.append(current)
            current = ""
    return [word for word in [*found, current] if word]


@given(
    st.lists(st.text(st.sampled_from("the və не là ka 水,.1é əж THE"), max_size=60), min_size=1, max_size=4)
)
def test_words_are_counted_as_a_slow_split_counts_them(documents: list[str]) -> None:
    found = count(documents)

    words = [[word.lower() for word in split(text)] for text in documents]
    hits = [
        [
            sum(int(MEMBERS[WORDS.index(word), 0, place]) for word in of_text if word in WORDS)
            for place in range(3)
        ]
        for of_text in words
    ]
    assert found.words_N.tolist() == [len(of_text) for of_text in words]
    assert found.hits_NM[:, :3].tolist() == hits
    assert found.mixed_N2[:, 0].tolist() == [
        sum(word in ("là", "ka") for word in of_text) for of_text in words
    ]
    assert found.distinct_N.tolist() == [len({"là", "ka"} & set(of_text)) for of_text in words]


@given(st.lists(anything, min_size=1, max_size=4))
def test_letters_are_counted_by_script_and_alphabet(documents: list[str]) -> None:
    found = count(documents)

    foreign = [sum(character.lower() in FOREIGN for character in text) for text in documents]
    letters = [sum(unicodedata.category(character)[0] in "LM" for character in text) for text in documents]
    assert found.foreign_NM[:, 0].tolist() == found.declared_N.tolist() == foreign
    assert (found.foreign_NM[:, 1:] == 0).all()
    assert found.scripts_NS.sum(axis=1).tolist() == letters


def test_letters_belong_to_their_scripts() -> None:
    found = count(["abc жж है 水 ไทย 한국"]).scripts_NS[0]

    shown = {SCRIPTS[script]: int(number) for script, number in enumerate(found) if number}
    assert shown == {"Latin": 3, "Cyrillic": 2, "Devanagari": 2, "Han": 1, "Thai": 3, "Hangul": 2}


def test_without_a_group_or_an_alphabet_nothing_is_counted_for_them() -> None:
    found = count(["the və été"], group=-1, alphabet=-1)

    assert found.hits_NM.sum() == found.foreign_NM.sum() == found.declared_N.sum() == 0
    assert found.words_N.tolist() == [3]
