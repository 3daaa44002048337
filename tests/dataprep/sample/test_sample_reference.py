"""The plain definition of shingles and Jaccard similarity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.sample import reference

texts = st.text(alphabet=st.sampled_from("aàbÄ'’ \n.,1हि्न\u200dकिताกาน้ำ東京タワー한글"), max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAT, the 2 cats!", ["the", "cat", "the", "2", "cats"]),
        ("L'eau d’été 'quoted' rock 'n' roll", ["l'eau", "d'été", "quoted", "rock", "n", "roll"]),
        ("हिन्दी में\u200cक", ["हिन्दी", "में\u200cक"]),
        ("İstanbul ẞ Σας", ["İstanbul", "ß", "σας"]),
        ("\u200cab\u200d c", ["ab\u200d", "c"]),
        ("東京タワー333mです。", ["東", "京", "タ", "ワ", "ー", "333m", "で", "す"]),
        ("น้ำดี ok", ["น้", "ำ", "ดี", "ok"]),
        ("한국어 좋다", ["한국어", "좋다"]),
        ("... — !", []),
    ],
    ids=[
        "words",
        "apostrophes",
        "marks and joiners",
        "folding",
        "loose joiners",
        "kana",
        "thai",
        "hangul",
        "none",
    ],
)
def test_units_are_words_or_characters_with_their_marks(text: str, expected: list[str]) -> None:
    assert reference.units(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b c d e f", {"a b c d e", "b c d e f"}),
        ("A b, a B", {"a b a b"}),
        ("一二三四五六七", {"一 二 三 四 五 六", "二 三 四 五 六 七"}),
        ("กขคงจฉชซฌญฎ", {"ก ข ค ง จ ฉ ช ซ ฌ ญ", "ข ค ง จ ฉ ช ซ ฌ ญ ฎ"}),
        ("a b c 一 二 三", {"a b c 一 二", "b c 一 二 三"}),
        ("", set()),
    ],
    ids=["five words", "short", "six characters", "ten characters", "as many words as characters", "empty"],
)
def test_the_kind_of_most_units_decides_the_length_of_shingles(text: str, expected: set[str]) -> None:
    assert reference.shingles(text) == expected


def test_jaccard_is_shared_shingles_over_all_shingles() -> None:
    actual = reference.jaccard("a b c d e f g", "a b c d e f x")

    assert actual == 0.5  # abcde and bcdef are shared; cdefg and cdefx are not


def test_texts_without_units_are_not_similar() -> None:
    assert reference.jaccard("", "...") == 0.0


@given(texts, texts)
def test_jaccard_is_symmetric_and_lies_between_0_and_1(left: str, right: str) -> None:
    forth, back = reference.jaccard(left, right), reference.jaccard(right, left)

    assert forth == back
    assert 0.0 <= forth <= 1.0


@given(texts)
def test_white_space_and_punctuation_around_words_do_not_count(text: str) -> None:
    spaced = text.replace(" ", " -- ").replace("\n", "\n\n...")

    assert reference.units(spaced) == reference.units(text)
