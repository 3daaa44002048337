"""Language identification: labels, scores, and what part of a text the model is shown."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels.test_fasttext_model import SOFTMAX, Kind, encoded

from dataprep.annotate.language_id import (
    LanguageModelError,
    Languages,
    LanguageSettings,
    _model,
    check_model,
    identify,
)
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.fasttext_model import predict

SETTINGS = LanguageSettings()
SENTENCES = {
    "en": "The museum opens at nine o'clock, and children may enter without paying.",
    "de": "Das Museum öffnet um neun Uhr, und Kinder dürfen kostenlos hinein.",
    "vi": "Bảo tàng mở cửa lúc chín giờ và trẻ em được vào cửa miễn phí.",
    "ru": "Музей открывается в девять часов, и дети проходят бесплатно.",
    "uk": "Музей відчиняється о дев'ятій годині, і діти заходять безкоштовно.",
    "el": "Το μουσείο ανοίγει στις εννέα και τα παιδιά μπαίνουν δωρεάν.",
    "ar": "يفتح المتحف أبوابه في التاسعة صباحا ويدخل الأطفال مجانا.",
    "he": "המוזיאון נפתח בשעה תשע, וילדים נכנסים ללא תשלום.",
    "hi": "संग्रहालय नौ बजे खुलता है और बच्चे बिना टिकट अंदर जा सकते हैं।",
    "bn": "জাদুঘর সকাল নয়টায় খোলে এবং শিশুরা বিনা টিকিটে ঢুকতে পারে।",
    "ta": "அருங்காட்சியகம் காலை ஒன்பது மணிக்குத் திறக்கிறது.",
    "th": "พิพิธภัณฑ์เปิดเวลาเก้าโมงเช้า และเด็กเข้าชมได้ฟรี",
    "ja": "博物館は九時に開館し、子供は無料で入ることができます。",
    "ko": "박물관은 아홉 시에 문을 열고 어린이는 무료로 들어갈 수 있습니다.",
    "zh": "博物馆早上九点开门，孩子们可以免费入场参观。",
    "ka": "მუზეუმი ცხრა საათზე იხსნება და ბავშვები უფასოდ შედიან.",
}


def languages_of(
    texts: list[str], declared: list[str | None] | None = None, settings: LanguageSettings = SETTINGS
) -> Languages:
    data, offsets = buffers(pa.array(texts, pa.string()))
    return identify(data, offsets, declared or [None] * len(texts), settings)


def test_sentences_in_many_scripts_get_their_label_with_a_sure_score() -> None:
    actual = languages_of(list(SENTENCES.values()))

    assert actual.detected == list(SENTENCES)
    assert 0.6 < actual.detected_score.min() <= actual.detected_score.max() <= 1.0


@pytest.mark.parametrize(
    "text", ["", " \n", "...!!! – …", "。。。！？", "12345 678", "😀👍🏽", "\u200d\u200c"]
)
def test_a_text_without_letters_is_undetermined_with_score_zero(text: str) -> None:
    actual = languages_of([text], ["de"])

    assert actual.detected == ["und"]
    assert (actual.detected_score.tolist(), actual.declared_score.tolist()) == ([0.0], [0.0])


def test_a_declared_language_gets_its_own_score_beside_the_best_one() -> None:
    actual = languages_of([SENTENCES["de"], SENTENCES["de"]], ["de", "th"])

    assert actual.detected == ["de", "de"]
    assert actual.declared_score[0] == actual.detected_score[0] > 0.9
    assert actual.declared_score[1] < 0.01


def test_the_score_without_a_declared_language_is_that_of_the_best_label() -> None:
    actual = languages_of([SENTENCES["ru"], SENTENCES["ja"]])

    assert actual.declared_score.tolist() == actual.detected_score.tolist()


@pytest.mark.parametrize(
    ("declared", "detected", "text"),
    [
        ("no", "da", "Vi vil gerne gå en tur i skogen og se på fuglene. Jeg heter Kari og bor i Oslo."),
        ("ms", "id", "Saya pergi ke pasar untuk membeli sayur dan buah bersama ibu saya."),
    ],
)
def test_a_close_relative_counts_for_the_declared_language(declared: str, detected: str, text: str) -> None:
    actual = languages_of([text], [declared])

    assert actual.detected == [detected]
    assert actual.declared_score[0] > 0.9


def test_the_result_does_not_depend_on_the_batch() -> None:
    texts = list(SENTENCES.values())

    together = languages_of(texts)

    assert [languages_of([text]).detected_score[0] for text in texts] == together.detected_score.tolist()


def test_a_column_that_is_a_slice_of_another_is_read_from_its_own_offset() -> None:
    column = pa.array([SENTENCES["en"] * 9, SENTENCES["th"], SENTENCES["ru"]]).slice(1, 1)

    assert identify(*buffers(column), [None], SETTINGS).detected == ["th"]


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ftz"
    path.write_bytes(b"no model")

    with pytest.raises(LanguageModelError, match=r"language_id\.model .*broken\.ftz cannot be loaded"):
        check_model(str(path))


# In each group at least one of these is another language to the bare model.
CLOSE = {
    "nn": "Eg veit ikkje kva dei gjer, men ho kjem heim frå skulen no.",
    "no": "Jeg vet ikke hva de gjør, men hun kommer hjem etter at vi har spist.",
    "da": "Jeg ved ikke hvad de gør, men hun kommer hjem efter vi har spist.",
    "fo": "Eg veit ikki hvat tey gera, men hon kemur heim nú tá vit hava etið.",
    "hr": "Nitko ne zna točno gdje je vlak, a što ćemo idući tjedan, vidjet ćemo.",
    "bs": "Niko ne zna tačno gdje je voz, ali šta ćemo iduće sedmice, vidjećemo.",
    "sr": "Niko ne zna tačno gde je voz, ali šta ćemo iduće nedelje, videćemo uvek.",
    "id": "Kami tidak bisa pergi karena mobil itu rusak dan kantor polisi tutup.",
    "ms": "Kami tidak boleh pergi kerana kereta itu rosak dan pejabat polis tutup.",
    "cs": "Nevím, kdo to řekl, ale když přijde, tak mu řeknu, že jsem doma.",
    "sk": "Neviem, kto to povedal, ale keď príde, tak mu poviem, že som doma.",
    "pt": "Não sei quem foi, mas as crianças também estão com uma amiga minha.",
    "gl": "Non sei quen foi, mais as nenas tamén están cunha amiga miña e xa veñen.",
    "hi": "मुझे नहीं पता कि वह कहाँ है, लेकिन हम उसके साथ जाते हैं।",
    "mr": "मला माहीत नाही की तो कुठे आहे, पण आम्ही त्याच्या सोबत जातो.",
    "ne": "मलाई थाहा छैन ऊ कहाँ छ, तर हामी उसको साथ जान्छौं।",
}
HINGLISH = "kal subah aath baje ka alarm laga do aur mummy ko message bhejo ki main late ho jaunga"
ENGLISH_PAGE = "\n".join(
    f"Visitors who come on day {number} will find the museum open, and every child may enter without paying."
    for number in range(12)
)
GERMAN_PAGE = "\n".join(
    f"Besucher, die am Tag {number} kommen, finden das Museum geöffnet, und jedes Kind darf kostenlos hinein."
    for number in range(12)
)


def values(found: Languages, name: str) -> list[object]:
    listed: list[object] = found.columns[name].to_pylist()
    return listed


def test_close_languages_are_told_apart_by_their_words() -> None:
    assert languages_of(list(CLOSE.values())).detected == list(CLOSE)


def test_the_bare_model_confuses_some_of_them() -> None:
    bare = predict(_model(None), *buffers(pa.array(CLOSE.values())), max_bytes=1200, k=1)

    names = [_model(None).labels[label] for label in bare[0][:, 0]]

    assert [code for code, name in zip(CLOSE, names, strict=True) if name != f"__label__{code}"] == [
        "fo",
        "bs",
    ]


def test_a_groups_probability_is_shared_out_and_does_not_grow() -> None:
    bare = languages_of([CLOSE["ne"]], settings=LanguageSettings(prior_correction=0.0))

    kept = dict(zip(*(values(bare, name)[0] for name in ("languages", "language_scores")), strict=True))  # type: ignore[call-overload]

    assert bare.detected == ["ne"]
    assert 0.99 < sum(kept.values()) <= 1.001


@pytest.mark.parametrize("declared", [None, "hi", "hi-Latn"])
def test_hindi_in_latin_letters_is_recognised_and_has_a_locale_of_its_own(declared: str | None) -> None:
    found = languages_of([HINGLISH], [declared])

    assert found.detected == found.locales == ["hi-Latn"]
    assert found.declared_score[0] > 0.9
    assert values(found, "script_fraction") == [1.0]
    assert values(found, "line_language_fraction") == [None]


# Seven of the nineteen Romanian words are Hindi ones too.
ROMANIAN = "El se uită pe geam, ne vede pe noi, iar noi ne uităm pe hartă și se face seară."


@pytest.mark.parametrize(
    "text", [ROMANIAN, SENTENCES["en"], CLOSE["id"], CLOSE["hi"], SENTENCES["vi"], CLOSE["gl"]]
)
def test_other_languages_are_not_taken_for_hindi_in_latin_letters(text: str) -> None:
    assert languages_of([text], ["hi"]).detected != ["hi-Latn"]


def test_the_code_mixing_index_is_the_share_of_the_rarer_language() -> None:
    # In the first, 5 words are Hindi function words and 5 English ones; in the second, 12 of 25 letters are Devanagari.
    mixed = "kya tum want to go ke liye aur what you kar"

    found = languages_of([mixed, "मुझे friend को message करना है", SENTENCES["en"], SENTENCES["ja"]])

    assert values(found, "code_mixing") == pytest.approx([0.5, 0.48, 0, 0])


def test_lines_in_another_language_are_counted_by_their_bytes() -> None:
    found = languages_of(
        [ENGLISH_PAGE, ENGLISH_PAGE[:600] + "\n" + GERMAN_PAGE[:600], GERMAN_PAGE], ["en", "en", "en"]
    )

    assert values(found, "line_language_fraction") == pytest.approx([1.0, 0.5, 0.0], abs=0.13)
    assert values(found, "second_language") == [None, "de", "de"]
    assert values(found, "second_language_fraction") == pytest.approx([0.0, 0.5, 1.0], abs=0.13)


def test_ethiopic_word_spaces_part_words_as_blanks_do() -> None:
    line = "ሐኪሙ በሽተኛውን በጥንቃቄ መረመረና መድኃኒት አዘዘለት።"

    found = languages_of([line, line.replace(" ", "፡")], ["am", "am"])

    assert values(found, "line_language_fraction") == [1.0, 1.0]
    assert found.detected == ["am", "am"]
    assert found.detected_score[1] == pytest.approx(found.detected_score[0], abs=0.01)


def test_lines_in_a_close_language_count_for_the_documents() -> None:
    # Croatian names its relatives in `Locale.close`; Czech and Slovak are only of one group.
    pages = [
        "\n".join([CLOSE[code] * 2 for code in codes] * 4) for codes in (("hr", "bs", "sr"), ("cs", "sk"))
    ]

    assert values(languages_of(pages, ["hr", "cs"]), "line_language_fraction") == [1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        (SENTENCES["ru"], "ru", 1.0),
        (SENTENCES["ru"], "de", 0.0),
        (CLOSE["sr"], "sr", 1.0),
        (SENTENCES["ja"], "ja", 1.0),
        (SENTENCES["zh"], "ja", 1.0),
        (SENTENCES["zh"], "ko", 1.0),
        (HINGLISH, "hi-Latn", 1.0),
        ("12 + 34 = 46", "de", None),
        (SENTENCES["de"], "tlh", None),
    ],
)
def test_the_share_of_letters_in_the_scripts_of_the_language(
    text: str, declared: str, expected: float | None
) -> None:
    assert values(languages_of([text], [declared]), "script_fraction") == [expected]


def test_letters_outside_the_alphabet_are_counted_in_its_scripts_alone() -> None:
    texts = ["été à la mer, где", "ɓaɗo ŋaari", "мороз и солнце", "ћирилица"]

    found = values(languages_of(texts, ["fr", "en", "ru", "ru"]), "foreign_letter_fraction")

    assert found == pytest.approx([0.0, 3 / 9, 0.0, 1 / 8])


def test_a_language_outside_the_table_has_no_signals_of_scripts_and_lines() -> None:
    found = languages_of([SENTENCES["de"]], ["tlh"])

    assert found.locales == ["tlh"]
    assert found.declared_score.tolist() == [0.0]
    assert [values(found, name) for name in ("script_fraction", "foreign_letter_fraction")] == [
        [None],
        [None],
    ]


def test_languages_not_asked_for_are_one_class_and_nothing_is_scaled_up() -> None:
    only = LanguageSettings(restrict_to=("de", "fr"))
    texts = [SENTENCES["de"], SENTENCES["ja"], "", CLOSE["nn"]]

    free, restricted = languages_of(texts), languages_of(texts, settings=only)

    assert restricted.detected == ["de", "mis", "und", "mis"]
    assert restricted.detected_score[0] == free.detected_score[0]
    assert restricted.detected_score[1] > 0.99
    assert values(restricted, "languages")[0][:2] == ["de", "mis"]  # type: ignore[index]
    assert values(restricted, "line_language_fraction")[1] is None


def test_labels_of_noise_are_no_language(tmp_path: Path) -> None:
    names = ["zxx_Zzzz", "und_Xsux", "eng_Latn", "hin_Latn", "zho_Hani", "aai_Latn", "rus_Latn"]
    content = encoded(Kind(SOFTMAX, label_counts=(9,) * 7))
    for number, name in enumerate(names):
        content = content.replace(b"__label__%d\0" % number, b"__label__%s\0" % name.encode())
    path = tmp_path / "glotlid.bin"
    path.write_bytes(content)
    words = ["the", "a", "não", "мир", "水", "x" * 40]
    best = predict(_model(str(path)), *buffers(pa.array(words)), max_bytes=1200, k=1)[0][:, 0].tolist()

    found = languages_of(words, settings=LanguageSettings(str(path)))

    codes = ["zxx", "und", "en", "hi-Latn", "zh", "aai", "ru-Latn"]
    assert found.detected == [codes[label] for label in best]
    assert {"zxx", "und"} & set(found.detected)


@given(
    st.lists(
        st.sampled_from([*SENTENCES.values(), *CLOSE.values(), HINGLISH, "", "12", "é" * 700]),
        min_size=1,
        max_size=6,
    )
)
def test_no_text_is_changed(texts: list[str]) -> None:
    column = pa.array(texts, pa.string())
    before = [buffer and buffer.to_pybytes() for buffer in column.buffers()]

    languages_of(texts)
    data, offsets = buffers(column)
    identify(data, offsets, [None] * len(texts), SETTINGS)

    assert [buffer and buffer.to_pybytes() for buffer in column.buffers()] == before
    assert column.to_pylist() == texts


@given(st.lists(st.sampled_from([*CLOSE.values(), "12", ENGLISH_PAGE]), min_size=1, max_size=4))
def test_every_column_of_a_document_is_its_own(others: list[str]) -> None:
    texts = [HINGLISH, *others]

    together = pa.RecordBatch.from_pydict(languages_of(texts).columns).to_pylist()

    alone = [pa.RecordBatch.from_pydict(languages_of([text]).columns).to_pylist()[0] for text in texts]

    assert together == alone
