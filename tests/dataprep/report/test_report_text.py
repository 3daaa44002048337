import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.locales import Unit
from dataprep.report.settings import public_settings
from dataprep.report.text import clip, difference, excerpts, unit_of, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x1b[31m\r\n", "a␀b␛[31m␍\n"),
        ("\x7f\x85", "␡⟨U+0085⟩"),
        ("abc\u202edcba\u202c", "abc⟨U+202E⟩dcba⟨U+202C⟩"),
        ("\ufeffstart", "⟨U+FEFF⟩start"),
        ("hidden\U000e0041", "hidden⟨U+E0041⟩"),
        ("می\u200cخواهم क्\u200dष 👩\u200d🚀\tשלום\u200f", "می\u200cخواهم क्\u200dष 👩\u200d🚀\tשלום\u200f"),
    ],
)
def test_controls_become_visible_and_the_joiners_of_scripts_stay(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_clip_marks_what_it_cut() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "abc…"


@pytest.mark.parametrize(
    ("locale", "unit"),
    [("ja", "char"), ("th", "char"), ("zh-Hant", "char"), ("zh-HK", "char"), ("ar", "word"), ("ko", "word"),
     ("hi-Latn", "word"), ("und", "word"), (None, "word")],
)  # fmt: skip
def test_unit_follows_the_script_of_the_locale(locale: str | None, unit: str) -> None:
    assert unit_of(locale) == unit


def test_words_are_compared_as_wholes_and_neighbours_join() -> None:
    removed, kept = difference("the cat sat on the mat", "the dog sat on a red mat", "word")

    assert removed == [("the ", False), ("cat", True), (" sat on ", False), ("the", True), (" mat", False)]
    assert kept == [("the ", False), ("dog", True), (" sat on ", False), ("a red", True), (" mat", False)]


def test_characters_are_compared_where_no_spaces_separate_words() -> None:
    removed, kept = difference("北の崖に", "南の崖に", "char")

    assert removed == [("北", True), ("の崖に", False)]
    assert kept == [("南", True), ("の崖に", False)]


def test_a_mark_stays_with_its_base_character() -> None:
    removed, kept = difference("ที่นี", "ทีนี", "char")

    assert removed == [("ที่", True), ("นี", False)]
    assert kept == [("ที", True), ("นี", False)]


@pytest.mark.parametrize(
    ("left", "right", "removed", "kept"),
    [
        ("นำใจ", "นาใจ", ["นำ"], ["นา"]),
        ("ハﾞス", "ハﾟス", ["ハﾞ"], ["ハﾟ"]),
        ("家👨\u200d👩\u200d👧！", "家👨\u200d👩\u200d👦！", ["👨\u200d👩\u200d👧"], ["👨\u200d👩\u200d👦"]),
        ("好👍🏽", "好👍🏿", ["👍🏽"], ["👍🏿"]),
        ("去🇩🇪🇫🇷", "去🇩🇰🇫🇷", ["🇩🇪"], ["🇩🇰"]),
        ("ខ្មរ", "ខ្សរ", ["ខ្ម"], ["ខ្ស"]),
        ("စက္ကူ", "စက္ခူ", ["က္ကူ"], ["က္ခူ"]),
    ],
)
def test_what_readers_see_as_one_character_is_marked_as_a_whole(
    left: str, right: str, removed: list[str], kept: list[str]
) -> None:
    sides = difference(left, right, "char")

    assert [[text for text, changed in side if changed] for side in sides] == [removed, kept]


@pytest.mark.parametrize(
    ("left", "right", "unit", "marked"),
    [
        ("a x b c d…", "a b c d eve…", "word", [["x"], []]),  # the left text was clipped before "eve"
        ("a x b c …", "a b c eve f…", "word", [["x"], []]),
        ("古い灯台は北…", "い灯台は北の崖…", "char", [["古"], []]),
        ("a b c one ", "a b c…", "word", [["c one"], ["c…"]]),
        ("a x b c …", "a b c eve f …", "word", [["x"], []]),
        ("a b c d…", "a b c eve…", "word", [["d"], ["eve"]]),
        ("a b c", "a b c eve…", "word", [[], ["eve…"]]),  # the left text ends here
        ("a b c…", "a b c eve", "word", [["c…"], ["c eve"]]),
    ],
)
def test_where_clipped_texts_end_is_no_difference(
    left: str, right: str, unit: Unit, marked: list[list[str]]
) -> None:
    sides = difference(left, right, unit)

    assert [[text for text, changed in side if changed] for side in sides] == marked
    assert ["".join(text for text, _ in side) for side in sides] == [left, right]


def test_white_space_alone_is_no_difference_between_words() -> None:
    removed, kept = difference("a  b\n", "a b", "word")

    assert removed == [("a  b\n", False)]
    assert kept == [("a b", False)]


texts = st.text(alphabet="abก่ี 北\n", max_size=40)


@given(texts, texts, st.sampled_from(["word", "char"]))
def test_pieces_put_together_give_the_texts_back(left: str, right: str, unit: Unit) -> None:
    removed, kept = difference(left, right, unit)

    # White space before the first word belongs to no word.
    expected = (left, right) if unit == "char" else (left.lstrip(), right.lstrip())
    assert ("".join(text for text, _ in removed), "".join(text for text, _ in kept)) == expected


@given(texts, texts, st.sampled_from(["word", "char"]))
def test_unchanged_pieces_are_the_same_on_both_sides(left: str, right: str, unit: Unit) -> None:
    removed, kept = difference(left, right, unit)

    same = [
        "".join("".join(text for text, changed in side if not changed).split()) for side in (removed, kept)
    ]
    assert same[0] == same[1]


@given(texts, st.sampled_from(["word", "char"]))
def test_a_text_does_not_differ_from_itself(text: str, unit: Unit) -> None:
    removed, kept = difference(text, text, unit)

    assert not any(changed for _, changed in removed + kept)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("spark.ssl.keyPassword: x1\n", "spark.ssl.keyPassword: '[not shown]'\n"),
        ("fs.s3a.access.key: x1\n", "fs.s3a.access.key: '[not shown]'\n"),
        ("fs.s3a.session.token: x1\n", "fs.s3a.session.token: '[not shown]'\n"),
        ("path: s3://user:x1@bucket/a\n", "path: s3://[not shown]@bucket/a\n"),
        ("budget_tokens: 100\n", "budget_tokens: 100\n"),
        ("tokenizer:\n  seed: 1\n", "tokenizer:\n  seed: 1\n"),
        ("password: null\n", "password: null\n"),
        ("", ""),
    ],
)
def test_settings_show_everything_but_secrets(line: str, shown: str) -> None:
    assert public_settings(line) == shown


def test_excerpts_of_two_texts_begin_at_one_place_shortly_before_they_differ() -> None:
    head = " ".join(f"same{number}" for number in range(100))

    left, right = excerpts(f"{head} one two", f"{head} three", 200)

    assert left.startswith("… same79 ")
    assert left.endswith("same99 one two")
    assert right == left.removesuffix("one two") + "three"


@pytest.mark.parametrize("other", ["word " * 100, "word\n" * 100])
def test_excerpts_of_texts_that_differ_in_white_space_only_are_their_beginnings(other: str) -> None:
    assert excerpts("word " * 100, other, 10) == ("word word …", other[:10] + "…")
