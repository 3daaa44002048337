"""Overlap with items: runs, passages and whole lines are those of the definitions in plain Python."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.overlap import WHOLE_LINE, OverlapIndex, build_index, item_units, matching_runs

from .overlap_reference import expected_runs, scale_of, whole_form
from .references import as_batch, unit_hash, units
from .texts import texts

# One line each, written for these tests; the same sentence in nine scripts.
ITEMS = {
    "Latin": "Please remind my grandmother that the night ferry leaves the old harbour at seven on Sunday evening",
    "Cyrillic": "Напомни моей бабушке, что ночной паром уходит из старой гавани в семь часов вечера в воскресенье",
    "Arabic": "ذكّر جدتي أن العبّارة الليلية تغادر الميناء القديم في الساعة السابعة مساء يوم الأحد من فضلك الآن",
    "Persian": "لطفاً به مادربزرگم یادآوری کن که کشتی شبانه ساعت هفت عصر یکشنبه از بندر قدیمی می‌رود و برنمی‌گردد",
    "Hebrew": "בבקשה תזכיר לסבתא שלי שמעבורת הלילה יוצאת מהנמל הישן בשעה שבע בערב ביום ראשון הקרוב ממש",
    "Devanagari": "मेरी दादी को याद दिलाना कि रात की नाव रविवार शाम सात बजे पुराने बंदरगाह से निकलती है",
    "Tamil": "என் பாட்டிக்கு இரவு படகு ஞாயிறு மாலை ஏழு மணிக்கு பழைய துறைமுகத்தில் இருந்து புறப்படும் என்று நினைவூட்டு தயவு செய்து",
    "Thai": "ช่วยเตือนคุณยายของฉันว่าเรือข้ามฟากกลางคืนจะออกจากท่าเรือเก่าตอนหนึ่งทุ่มวันอาทิตย์",
    "Chinese": "请提醒我的祖母，夜班渡轮星期天晚上七点从老港口出发，别忘了带上雨伞和热茶。",
    "Japanese": "夜のフェリーは日曜日の夕方七時に古い港を出ると祖母に知らせてください。",
    "Korean": "밤 배가 일요일 저녁 일곱 시에 오래된 항구를 떠난다고 우리 할머니께 꼭 좀 다시 알려 주세요",
    "Amharic": "የሌሊቱ ጀልባ እሁድ ምሽት በአንድ ሰዓት ከአሮጌው ወደብ እንደሚነሳ ለአያቴ እባክህ አስታውሳት ዛሬ ነገ",
}  # fmt: skip
SPACED = sorted(set(ITEMS) - {"Thai", "Chinese", "Japanese"})


class Found(NamedTuple):
    """Of one document: units of the item found in it, its longest passage, and whether a line is the item."""

    covered: int
    longest: int
    is_whole: bool


def index_of(items: list[str], ngram: int = 13) -> OverlapIndex:
    return build_index(item_units(*as_batch(items)), ngram)


def runs_of(documents: list[str], items: list[str], ngram: int = 13) -> set[tuple[int, ...]]:
    runs = matching_runs(*as_batch(documents), index_of(items, ngram))
    return set(zip(*(column.tolist() for column in runs[:7]), strict=True))


def found(document: str, item: str, ngram: int = 13) -> Found:
    runs = runs_of([document], [item], ngram)
    places = {place for run in runs for place in range(run[4], run[5])}
    passages = [run[6] for run in runs if run[6] != WHOLE_LINE]
    return Found(len(places), max(passages, default=0), any(run[6] == WHOLE_LINE for run in runs))


def in_a_page(item: str) -> str:
    return f"Something else comes before it. {item} And other things follow.\nOn a line of their own."


def with_a_word_changed(item: str) -> str:
    words = item.split()
    return " ".join([*words[: len(words) // 2], "1234", *words[len(words) // 2 + 1 :]])


# Few words, so that items and documents share long runs; of three scales, some of them one character apart.
words = st.sampled_from(
    (
        "one",
        "Two",
        "three",
        "x",
        "7",
        "नमस्ते",
        "हाँ",
        "می‌خواهم",
        "don't",
        "漢",
        "字",
        "かな",
        "ที่",
        "กำ",
        "ลัง",
        "a漢b",
        "❤️",
    )
)
separators = st.sampled_from((" ", " ", ", ", "\n", "", "。"))
pieces = st.lists(st.tuples(words, separators), max_size=24).map(lambda parts: "".join(map("".join, parts)))
item_lists = st.lists(pieces, min_size=1, max_size=4)


@st.composite
def documents_of(draw: Callable, items: list[str]) -> str:
    """Cut-outs of items, whole items and other words, one after the other."""
    cuts = st.sampled_from(items).flatmap(
        lambda item: st.tuples(st.integers(0, len(item)), st.integers(0, len(item))).map(
            lambda bounds: item[min(bounds) : max(bounds)]
        )
    )
    parts = draw(st.lists(st.one_of(st.sampled_from(items), cuts, pieces), max_size=5))
    return draw(separators).join(parts)


@given(item_lists.flatmap(lambda items: st.tuples(st.just(items), st.lists(documents_of(items), max_size=4))))
def test_runs_are_those_of_the_definition(case: tuple[list[str], list[str]]) -> None:
    items, documents = case

    assert runs_of(documents, items, 7) == expected_runs(documents, items, 7)


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, max_size=3))
def test_runs_in_texts_of_all_kinds_are_those_of_the_definition(items: list[str], others: list[str]) -> None:
    documents = ["\n".join([*items, *others]), *items, *others]

    assert runs_of(documents, items) == expected_runs(documents, items, 13)


@given(st.lists(texts, min_size=1, max_size=5))
def test_items_are_the_units_of_the_tokeniser_and_their_scale_that_of_their_script(items: list[str]) -> None:
    known = item_units(*as_batch(items))

    of_each = [known.units[a:b].tolist() for a, b in pairwise(known.starts.tolist())]
    assert of_each == [[unit_hash(unit) for unit in units(item)] for item in items]
    assert known.scales.tolist() == [scale_of(item) for item in items]
    assert [key == 0 for key in known.whole_keys.tolist()] == [not whole_form(item) for item in items]


@pytest.mark.parametrize("script", ITEMS)
def test_an_item_within_a_page_is_found_to_its_last_unit(script: str) -> None:
    item = ITEMS[script]
    size = len(units(item))

    assert found(in_a_page(item), item) == Found(size, size, False)


@pytest.mark.parametrize("script", ITEMS)
def test_case_punctuation_and_line_ends_do_not_hide_an_item(script: str) -> None:
    item = ITEMS[script]
    half = len(item) // 2
    cut = item.index(" ", half) if " " in item[half:] else half
    changed = f"«{item[:cut].upper()} —\n\n  {item[cut:].title()}!»".replace(",", ";").replace("，", " ")

    assert found(in_a_page(changed), item).covered == len(units(item))


@pytest.mark.parametrize("script", SPACED)
def test_a_changed_word_in_the_middle_is_all_that_is_missing(script: str) -> None:
    item = ITEMS[script]
    size = len(units(item))

    assert found(in_a_page(with_a_word_changed(item)), item) == Found(size - 1, size - 1, False)


@pytest.mark.parametrize(
    ("script", "old", "new", "missing"),
    [
        ("Thai", "กลางคืน", "ใหม่มาก", 6),
        ("Chinese", "晚上", "早晨", 2),
        ("Japanese", "七時", "八日", 2),
    ],
)
def test_changed_characters_in_the_middle_are_all_that_is_missing(
    script: str, old: str, new: str, missing: int
) -> None:
    item = ITEMS[script]

    assert found(item.replace(old, new), item).covered == len(units(item)) - missing


@pytest.mark.parametrize("script", ITEMS)
def test_half_of_an_item_is_no_passage(script: str) -> None:
    item = ITEMS[script]

    assert found(in_a_page(item[: len(item) * 5 // 9]), item) == Found(0, 0, False)


@pytest.mark.parametrize(
    ("item", "other"),
    [
        ("मैं कल घर गया था और फिर वह आया", "मं कल घर गय थ और फर वह आय"),
        ("می‌خواهم فردا صبح به خانه برگردم لطفاً", "میخواهم فردا صبح به خانه برگردم لطفا"),
        ("ที่ไหนมีร้านอาหารที่ดีที่สุด", "ทไหนมรานอาหารทดทสด"),
        ("שָׁלוֹם לְכָל הַיְלָדִים בַּבַּיִת הַגָּדוֹל", "שלום לכל הילדים בבית הגדול"),
    ],
)
def test_marks_tell_texts_apart(item: str, other: str) -> None:
    assert not found(other, item).is_whole
    assert found(other, item).covered < len(units(item))


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("yes", "— YES!"),
        ("e-mail my son", "E mail, my son"),
        ("今何時？", "今 何時"),
        ("می‌خواهم", "می خواهم"),
        ("불 좀 켜 줘", "불 좀 켜줘."),
        ("हाँ", "«हाँ»"),
        ("wake me ❤️", "Wake me"),
        ("เปิดไฟ", "เปิด ไฟ"),
    ],
)
def test_a_short_item_is_found_where_it_is_the_whole_line(item: str, line: str) -> None:
    assert found(f"Somebody said something.\n{line}\nNobody did.", item).is_whole
    assert not found(f"Somebody said something. {line} Nobody did.", item).is_whole


@pytest.mark.parametrize("item", ["yes", "turn it off", "今何時", "हाँ जी"])
def test_an_item_of_few_words_is_not_looked_for_within_lines(item: str) -> None:
    assert found(f"They say {item} a lot, and {item}.", item) == Found(0, 0, False)


def test_a_document_that_is_the_item_over_two_lines_is_found() -> None:
    runs = runs_of(["turn it\noff, please"], ["turn it off please"])

    assert runs == {(0, 0, 0, 4, 0, 4, WHOLE_LINE)}


def test_words_of_an_item_in_another_order_are_no_passage() -> None:
    item = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    backwards = " ".join(reversed(item.split()))

    assert found(backwards, item) == Found(0, 0, False)
    assert (
        found(
            "eight nine ten eleven twelve thirteen fourteen one two three four five six seven", item
        ).covered
        == 0
    )


def test_runs_far_apart_are_no_passage() -> None:
    item = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    apart = "one two three four five six seven and so on and so forth eight nine ten eleven twelve thirteen fourteen"

    assert found(apart, item) == Found(0, 0, False)
    assert found(apart.replace("and so on and so forth", "and so"), item) == Found(14, 14, False)


def test_anchors_that_many_items_hold_start_no_run_but_belong_to_those_of_others() -> None:
    stem = "what will the weather be like in the city of"
    items = [f"{stem} town{number} on monday morning" for number in range(100)]

    runs = runs_of([f"She asked: {stem} town7 on monday morning?", f"{stem} nowhere at all"], items)

    assert runs == {(0, 7, 2, 16, 0, 14, 14)}


def test_an_empty_batch_has_no_runs_and_an_empty_document_no_units() -> None:
    index = index_of(["one two three four five six"])

    runs = matching_runs(*as_batch(["", " \n\n"]), index)

    assert runs.item.tolist() == []
    assert runs.num_units.tolist() == [0, 0]
    assert [column.dtype for column in runs] == [np.int32] * 7 + [np.int64]


def test_an_ngram_shorter_than_an_anchor_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 5 words, found ngram=4"):
        index_of(["one"], ngram=4)
