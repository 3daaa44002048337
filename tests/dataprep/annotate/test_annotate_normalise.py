"""Normal form: what is repaired, and above all what must be left alone."""

import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.normalise import normalise, normalise_text
from dataprep.sample.sentences import load

SCRIPTS = (
    "abÅéà ÃÂâ",
    "ёЖ\u0438\u0306",
    "مُحَمَّدٌ\u0640",
    "שָׁלוֹם",
    "क्षि\u093cनमस्ते",
    "ক\u09be\u09c7\u09cd",
    "தமிழ்",
    "తెలుగు",
    "ที่กำลังผู้",
    "ខ្មែរ",
    "한국\u1112\u1161",
    "かゞ\u3099が漢",
    "👩🏽👧🏻❤\ufe0f",
    "\u200c\u200d\u200e\u200f\u061c\u0301\u0323",
)
MARKS_AND_LETTERS = st.text(st.sampled_from("".join(SCRIPTS)), max_size=40)
ANYTHING = st.text(
    st.one_of(
        st.sampled_from("".join(SCRIPTS) + " \t\n\r\u00a0\u3000\x0b\x0c\x85\u2028\ufeff\x00\x1c\x9f\ufff9"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)
CLEAN = {
    "French": "L’été où l’âne a brouté à Noël. « Voilà\u00a0» dit-il… Où ça\u00a0? À Ély, «\u00a0ÇA\u00a0».",
    "French quotation": "« été\u00a0» — «ça» — l’œuvre à 10\u00a0€ ; Â, Ê, Î, Ô, Û.",
    "Portuguese": "A IRMÃ comprou MAÇÃ e LÃ. “Não”, disse a irmã” – É a MANHÃ… São João, AÇÃO» e NÃO.",
    "Portuguese capital and quotation mark": "Gritou “IRMÃ” e «LÃ», “MAÇÃ”; A MANHÃ— fim.",
    "Vietnamese": "Bà ấy nói: “Â, ừ” – ĐÃ RỒI, NGÀY MAI. Câu hỏi: “đã” hay «ĐÃ»?",
    "Vietnamese capital and quotation mark": "“ĐÃ” XONG",
    "the letter as such": "La lettre “Ã” ou «Ã» se lit ainsi.",
    "Swedish": "PÅ VÄGEN, “Å”, »ö« – Ångström.",
    "Turkish": "İstanbul’a ŞİMDİ, “Ş”…",
    "Russian": "Где «Россия»? Р’яд, С“как”. Ёж…",
    "Polish": "„Żółć” — ŁÓDŹ, „É”.",
    "mathematics": "2 × 3 ÷ 4 = 1½ ± 5° © ® ™ § ¶",
}
BROKEN = [
    ("RÃ©gion, lâ€™Ã©tÃ© Ã  NoÃ«l", "Région, l’été à Noël"),
    ("FrÃ¼her war das Ã–l grÃ¼n", "Früher war das Öl grün"),
    ("MaÃ±ana llegarÃ¡ el niÃ±o", "Mañana llegará el niño"),
    ("NÃ£o hÃ¡ ligaÃ§Ãµes", "Não há ligações"),
    ("PÃ… VÃ„GEN FÃ–R", "PÅ VÄGEN FÖR"),
    ("HÃ”TEL", "HÔTEL"),
    ("РџСЂРёРІРµС‚, РєР°Рє РґРµР»Р°?", "Привет, как дела?"),
    ("Ð”Ð¾Ð¼ Ñƒ Ñ€ÐµÐºÐ¸", "Дом у реки"),
    ("æ—¥æœ¬èªž", "日本語"),
    ("Ø§Ù„Ø³Ù„Ø§Ù…", "السلام"),
]


@pytest.mark.parametrize(("broken", "right"), BROKEN)
def test_utf8_that_was_read_as_a_one_byte_code_page_is_repaired(broken: str, right: str) -> None:
    texts, repaired = normalise(pa.array([broken]), repair_mojibake=True)

    assert texts.to_pylist() == [right]
    assert repaired == 1


def test_a_broken_line_among_right_ones_is_repaired_and_the_others_stay() -> None:
    text = "Первая строка.\nCâ€™est lâ€™Ã©tÃ©.\n“IRMÃ”"

    assert normalise_text(text, repair_mojibake=True) == "Первая строка.\nC’est l’été.\n“IRMÃ”"


@pytest.mark.parametrize("name", CLEAN)
def test_right_text_with_accents_and_quotation_marks_is_left_alone(name: str) -> None:
    texts, repaired = normalise(pa.array([CLEAN[name]]), repair_mojibake=True)

    assert texts.to_pylist() == [CLEAN[name]]
    assert repaired == 0


@pytest.mark.parametrize("language", sorted(load()))
def test_right_sentences_of_every_language_are_left_alone(language: str) -> None:
    sentences = load()[language]
    lines = [*sentences.all_written, *sentences.spoken]

    texts, repaired = normalise(pa.array(lines), repair_mojibake=True)

    assert texts.to_pylist() == lines
    assert repaired == 0


def test_mojibake_stays_when_its_repair_is_switched_off() -> None:
    texts, repaired = normalise(pa.array(["RÃ©gion"]), repair_mojibake=False)

    assert texts.to_pylist() == ["RÃ©gion"]
    assert repaired == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301", "café"),
        ("\u1112\u1161\u11ab", "한"),
        ("か\u3099", "が"),
        ("q\u0307\u0323", "q\u0323\u0307"),
        ("\u0958", "\u0915\u093c"),
        ("ﬁ Ⅳ ２ ｶﾞ", "ﬁ Ⅳ ２ ｶﾞ"),
    ],
)
def test_text_is_brought_to_form_c_and_compatibility_forms_stay(text: str, expected: str) -> None:
    assert normalise_text(text, repair_mojibake=False) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c\x1fd\x7fe\x80f", "abcdef"),
        ("a\ufeffb\ufff9c", "abc"),
        ("tab\tstays", "tab\tstays"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\u2028b\u2029c\x85d", "a\nb\nc\nd"),
        ("page\x0cnext\x0brow", "page\nnext\nrow"),
        ("a  \t\nb", "a\nb"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n \n \n \nb", "a\n\nb"),
        (" \n\t a  b \n", "a  b"),
        ("\x00 \r\n", ""),
        ("", ""),
    ],
)
def test_control_characters_go_and_white_space_is_tidied(text: str, expected: str) -> None:
    batch, _ = normalise(pa.array([text]), repair_mojibake=True)

    assert normalise_text(text, repair_mojibake=False) == expected
    assert batch.to_pylist() == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "क्\u200dष र\u200dय न\u200c",
        "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3 👍🏽",
        "ที่ กำลัง ผู้ น้ำ",
        "مُحَمَّدٌ رَسُولٌ",
        "שָׁלוֹם עֲלֵיכֶם",
        "ক্ষ ত্র ন্দ্র",
        "\u200fعربي\u200e",
        "ལྷ་ས",
    ],
)
def test_marks_joiners_and_vowel_order_are_kept(text: str) -> None:
    assert normalise_text(text, repair_mojibake=True) == unicodedata.normalize("NFC", text)


@given(MARKS_AND_LETTERS)
def test_no_mark_or_joiner_is_lost_beyond_what_form_c_does(text: str) -> None:
    actual = normalise_text(text, repair_mojibake=False)

    assert Counter(actual.replace(" ", "")) == Counter(unicodedata.normalize("NFC", text).replace(" ", ""))


@given(ANYTHING)
def test_normal_form_without_repair_is_idempotent(text: str) -> None:
    once = normalise_text(text, repair_mojibake=False)

    assert normalise_text(once, repair_mojibake=False) == once


@given(MARKS_AND_LETTERS.map(lambda text: text.encode().decode("latin-1")))
def test_repaired_text_is_not_changed_again(broken: str) -> None:
    once = normalise_text(broken, repair_mojibake=True)
    twice = normalise_text(once, repair_mojibake=True)

    assert normalise_text(twice, repair_mojibake=True) == twice


@given(st.lists(ANYTHING, max_size=6))
def test_a_batch_gives_the_normal_form_of_each_text(values: list[str]) -> None:
    batch, _ = normalise(pa.array(values, pa.string()), repair_mojibake=False)

    assert batch.to_pylist() == [normalise_text(value, repair_mojibake=False) for value in values]


@given(
    st.lists(st.sampled_from([*CLEAN.values(), *(broken for broken, _ in BROKEN), "a\x00", ""]), max_size=6)
)
def test_a_batch_repairs_what_a_single_text_repairs(values: list[str]) -> None:
    batch, _ = normalise(pa.array(values, pa.string()), repair_mojibake=True)

    assert batch.to_pylist() == [normalise_text(value, repair_mojibake=True) for value in values]


def test_a_batch_that_needs_no_work_is_the_very_same_array() -> None:
    texts = pa.array(["clean", "", "zwei\nZeilen", "漢字。"])

    actual, _ = normalise(texts, repair_mojibake=True)

    assert actual is texts
