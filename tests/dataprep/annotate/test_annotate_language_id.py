"""Language identification: labels, scores, and what part of a text the model is shown."""

from pathlib import Path

import pyarrow as pa
import pytest

from dataprep.annotate.language_id import LanguageModelError, Languages, check_model, identify
from dataprep.kernels.arrow_buffers import buffers

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


def languages_of(texts: list[str], declared: list[str | None] | None = None) -> Languages:
    data, offsets = buffers(pa.array(texts, pa.string()))
    return identify(data, offsets, declared or [None] * len(texts), model=None, max_bytes=1200)


def test_sentences_in_many_scripts_get_their_label_with_a_sure_score() -> None:
    actual = languages_of(list(SENTENCES.values()))

    assert actual.detected == list(SENTENCES)
    assert 0.5 < actual.detected_score.min() <= actual.detected_score.max() <= 1.0


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

    assert identify(*buffers(column), [None], model=None, max_bytes=1200).detected == ["th"]


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ftz"
    path.write_bytes(b"no model")

    with pytest.raises(LanguageModelError, match=r"language_id\.model .*broken\.ftz cannot be loaded"):
        check_model(str(path))
