"""Spoken form: expected texts are written by hand; numbers are compared with num2words itself."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from dataprep.annotate.arrow_pass import AnnotateSettings, annotate_documents
from dataprep.annotate.spoken_form import Spoken, spoken_form, spoken_forms
from dataprep.sources.record import Document

SETTINGS = AnnotateSettings(
    repair_mojibake=True,
    replace_private_data=True,
    language_model=None,
    language_max_bytes=1200,
    num_bands=20,
    rows_per_band=8,
    seed=1,
    spoken_sources=frozenset({"web"}),
)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Wake me at 7:30, not 7:05!", "wake me at seven thirty not seven oh five"),
        ("en", "It is 9:00.", "it is nine o'clock"),
        ("en", "The 2nd of 21 rooms", "the second of twenty one rooms"),
        ("en", "1,234.05 in 1999", "one thousand two hundred and thirty four point zero five in nineteen ninety nine"),
        ("en-GB", "Up 3% (really)", "up three percent really"),
        ("de", "1.234,5 um 7:30 Uhr", "eintausendzweihundertvierunddreißig komma fünf um sieben uhr dreißig"),
        ("fr", "L’été : 3,14 %", "l'été trois virgule un quatre pour cent"),
        ("fr", "20 200 voix, la 2e", "vingt mille deux cents voix la deuxième"),
        ("es", "¿El 3.º a las 7:30?", "el tercero a las siete y treinta"),
        ("pt", "1º lugar", "primeiro lugar"),
        ("it", "3,05", "tre virgola zero cinque"),
        ("nl", "de 3e om 7:15", "de derde om zeven uur vijftien"),
        ("sv", "den 3:e maj", "den tredje maj"),
        ("tr", "IŞIK %5, İzmir 125", "ışık yüzde beş izmir yüz yirmi beş"),
        ("ru", "Разбуди через 25 минут!", "разбуди через двадцать пять минут"),
        ("uk", "П’ять і 5", "п'ять і п'ять"),
        ("ja", "3時に起こして。7:30ですか？", "三時に起こして 七時三十分ですか"),
        ("ko", "2024년, 30분 뒤", "이천이십사년 삼십분 뒤"),
        ("th", "ปลุก ๒๕ กรุงเทพฯ!", "ปลุก ยี่สิบห้า กรุงเทพฯ"),
        ("fa", "می‌خواهم ۲۵ دقیقه!", "می‌خواهم بیست و پنج دقیقه"),
        ("he", "צה״ל: 25", "צה״ל עשרים וחמש"),
        ("bn", "১২,৩৪,৫৬৭", "বারো লাখ চৌত্রিশ হাজার পাঁচশত সাতষট্টি"),
        ("ca", "Col·lecció 21", "col·lecció vint-i-un"),
        ("hy", "Ի՞նչ է սա։", "ինչ է սա"),
        ("am", "ሰላም፡ ዓለም።", "ሰላም ዓለም"),
        ("zh", "你好，世界！", "你好 世界"),
        (None, "What? AT&T's «wi-fi»…", "what at&t's wi-fi"),
        ("en", "Yes 👍🏽👨‍👩‍👧 no", "yes no"),
        ("en", "first line.\n\n- second, line", "first line\n\nsecond line"),
        ("en", "Mail <email> or <phone-number>.", "mail <email> or <phone-number>"),
        ("en", "***", ""),
    ],
)  # fmt: skip
def test_text_reads_as_it_is_spoken(language: str | None, text: str, expected: str) -> None:
    form = spoken_form(text, language)

    assert form.text == expected
    assert form.numbers_left == 0


@pytest.mark.parametrize(
    ("language", "text", "expected", "left"),
    [
        ("hi", "मुझे ५ मिनट, 7 बजे।", "मुझे ५ मिनट 7 बजे", 2),  # no support in the library
        ("ta", "5 நிமிடம்.", "5 நிமிடம்", 1),
        ("zh", "3个苹果。", "3个苹果", 1),
        ("sr", "Имам 3 јабуке.", "имам 3 јабуке", 1),  # the library answers in the other script
        ("de", "Am 3. Mai", "am 3. mai", 1),  # an ordinal, in a case that the number does not say
        ("ko", "사과 5개", "사과 5개", 1),  # a native numeral
        ("en", "on 12/05/2024 or 2024-05-12", "on 12/05/2024 or 2024-05-12", 2),
        ("en", "pay $5.00 or 5€", "pay $5.00 or 5€", 2),
        ("en", "ring 555 1234 now", "ring 555 1234 now", 2),
        ("en", "agent 007 has MP3 v1.2.3", "agent 007 has mp3 v1.2.3", 3),
        ("en", "pages 3-5, at -5 or 25:70", "pages 3-5 at -5 or 25:70", 3),
        ("it", "la 3ª volta", "la 3ª volta", 1),
        ("vi", "năm 2024", "năm 2024", 1),  # wrong in the library from 1000 on
        ("en", "9" * 20, "9" * 20, 1),
    ],
)
def test_what_cannot_be_read_by_rule_stays_in_digits_and_is_counted(
    language: str, text: str, expected: str, left: int
) -> None:
    assert spoken_form(text, language) == Spoken(expected, 0, left)


@pytest.mark.parametrize(
    ("language", "library"), [("de", "de"), ("pl", "pl"), ("kk", "kz"), ("fi", "fi"), ("id", "id")]
)
@given(number=st.integers(0, 999_999))
def test_a_whole_number_is_read_as_the_library_reads_it(language: str, library: str, number: int) -> None:
    known_year = language == "de" and 1100 <= number < 2100
    expected = num2words(number, lang=library, to="year" if known_year else "cardinal")

    assert spoken_form(f"x {number} y", language).text == f"x {expected.lower()} y"


@given(
    st.text(st.sampled_from([*list("किा्מشیֶשที่ኢא !،।7"), "\u200c", "\u200d"])),
    st.sampled_from(["hi", "fa", "he", "th", "am", "ja", None]),
)  # fmt: skip
def test_marks_and_joiners_are_never_touched(text: str, language: str | None) -> None:
    text = unicodedata.normalize("NFC", text)
    wanted = re.compile("[िा्ֶี่\u200c\u200d]")

    assert wanted.findall(spoken_form(text, language).text) == wanted.findall(text)


@given(st.text(), st.sampled_from(["en", "de", "tr", "ja", "ko", None]))
def test_any_text_gives_one_in_normal_form_without_white_space_at_its_ends(
    text: str, language: str | None
) -> None:
    form = spoken_form(text, language).text

    assert form == form.strip()
    assert unicodedata.is_normalized("NFC", form)
    assert form.count("\n") <= text.count("\n")


def test_a_batch_has_the_counts_of_its_texts() -> None:
    texts, spoken, left = spoken_forms(pa.array(["Two: 2", "५", ""]), ["en", "hi", None])

    assert texts.to_pylist() == ["two two", "५", ""]
    assert (spoken.to_pylist(), left.to_pylist()) == ([1, 0, 0], [0, 1, 0])


def test_a_source_in_spoken_form_is_judged_as_it_was_written() -> None:
    text = "The train leaves at 7:30 from platform 3. It is late again, as it always is on Mondays!"

    batches = {
        source: annotate_documents(
            [Document("a", text, "en"), Document("b", text, "en", form="spoken")],
            source=source, file="f", part=0, first_row=0, settings=SETTINGS,
        ).documents
        for source in ("web", "books")
    }  # fmt: skip

    web, books = batches["web"], batches["books"]
    assert web["text"][0].as_py() == (
        "the train leaves at seven thirty from platform three it is late again as it always is on mondays"
    )
    assert web["form"].to_pylist() == ["spoken_converted", "spoken"]
    assert web["numbers_spoken"].to_pylist() == [2, 2]
    assert books["form"].to_pylist() == ["written", "spoken"]
    assert books["text"][0].as_py() == text
    assert books["numbers_spoken"].to_pylist() == [0, 0]
    assert (
        web["terminal_line_fraction"].to_pylist() == books["terminal_line_fraction"].to_pylist() == [1.0, 1.0]
    )
    assert web["num_bytes"].to_pylist() == [96, 96]
    assert web["content_hash"] != books["content_hash"]
    assert web.schema == books.schema
