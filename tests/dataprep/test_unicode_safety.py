"""No step changes, drops or overlooks a combining mark, a joiner or the order of vowels, in any script.

Each step gets text of one script at a time: letters with the marks, joiners and vowel signs that are written on them.
"""

import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep import schema as s
from dataprep.annotate.arrow_pass import AnnotateSettings, annotate_documents
from dataprep.annotate.normalise import normalise, normalise_text
from dataprep.annotate.privacy.search import private_data
from dataprep.filter.fates import FATES
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.content_hash import content_hash
from dataprep.kernels.lines import line_hashes, without_lines
from dataprep.kernels.sketch_text import sketch_texts
from dataprep.kernels.tokenise import shingle_hashes
from dataprep.parts import PartWriter, part_name
from dataprep.shards.encode import encode_documents, sample_documents
from dataprep.shards.tokenizer import _sentences, load, train
from dataprep.sources.record import Document
from dataprep.sources.wikitext import plain_text

ZWNJ, ZWJ = "\u200c", "\u200d"
# Letters, and what is written on or behind them: marks, vowel signs, viramas, joiners.
WORD_SCRIPTS = {
    "Latin": ("abdnoqxzłø", "\u0301\u0323\u0327\u0303\u035c"),
    "Cyrillic": ("абвґжыѣ", "\u0301\u0306\u0483"),
    "Greek": ("αβγωση", "\u0301\u0342\u0345\u0314"),
    "Arabic": ("بجدرسعفقكلمنهو", "\u064b\u064e\u064f\u0650\u0651\u0652\u0670\u06e1" + ZWNJ),
    "Persian": ("بپچژکگیهمواد", "\u064e\u0651\u0654" + ZWNJ + ZWJ),
    "Urdu": ("بٹڈڑکگںھیے", "\u0651\u0670" + ZWNJ),
    "Hebrew": ("אבגדהושם", "\u05b0\u05b7\u05b8\u05bc\u05c1\u05c2\u0591"),
    "Syriac": ("ܐܒܓܕ", "\u0730\u0733\u073f"),
    "Thaana": ("ހށނރބ", "\u07a6\u07a7\u07b0"),
    "Devanagari": ("कखगतनमरलसह", "\u093e\u093f\u0940\u0941\u0947\u094d\u0902\u0901\u0903\u093c" + ZWNJ + ZWJ),
    "Bengali": ("কখতনমযরল", "\u09be\u09bf\u09c0\u09c7\u09cd\u0982\u09bc" + ZWNJ + ZWJ),
    "Gurmukhi": ("ਕਖਗਤਨਮ", "\u0a3e\u0a3f\u0a4d\u0a70\u0a71\u0a3c" + ZWNJ + ZWJ),
    "Gujarati": ("કખગતનમ", "\u0abe\u0abf\u0acd\u0a82\u0abc" + ZWNJ + ZWJ),
    "Oriya": ("କଖଗତନମ", "\u0b3e\u0b3f\u0b4d\u0b02\u0b3c" + ZWNJ + ZWJ),
    "Tamil": ("கசதநபமயர", "\u0bbe\u0bbf\u0bc0\u0bc6\u0bc7\u0bcd" + ZWNJ),
    "Telugu": ("కఖగతనమ", "\u0c3e\u0c3f\u0c46\u0c4d\u0c02" + ZWNJ + ZWJ),
    "Kannada": ("ಕಖಗತನಮರ", "\u0cbe\u0cbf\u0cc6\u0ccd\u0c82" + ZWNJ + ZWJ),
    "Malayalam": ("കഖഗതനമരല", "\u0d3e\u0d3f\u0d46\u0d4d\u0d02" + ZWNJ + ZWJ),
    "Sinhala": ("කඛගතනමර", "\u0dcf\u0dd2\u0dd9\u0dca\u0d82" + ZWNJ + ZWJ),
    "Tibetan": ("ཀཁགངཅ", "\u0f71\u0f72\u0f74\u0f7a\u0f90\u0fb2"),
    "Ethiopic": ("ሀለሐመሠረ", "\u135e\u135f"),
    "Mongolian": ("ᠠᠡᠢᠣᠨ", "\u180b\u180c\u200d"),
    "Hangul": ("가나다라마각힣", "\u302e\u302f"),
    "Georgian": ("აბგდევ", "\u0301"),
    "Armenian": ("աբգդեզ", "\u0301"),
}
CHARACTER_SCRIPTS = {
    "Thai": ("กขคงจเแโไใ", "\u0e31\u0e34\u0e35\u0e38\u0e39\u0e48\u0e49\u0e4c"),
    "Lao": ("ກຂຄງຈເແໂ", "\u0eb1\u0eb4\u0eb5\u0eb8\u0ec8\u0ec9"),
    "Khmer": ("កខគឃង", "\u17b6\u17b7\u17c1\u17c6\u17d2" + ZWNJ + ZWJ),
    "Myanmar": ("ကခဂငစ", "\u102c\u102d\u1031\u1039\u103a\u103b\u1037" + ZWNJ + ZWJ),
    "Han": ("漢字中文書語", "\ufe00\U000e0100"),
    "Kana": ("かきくけカキク", "\u3099\u309a"),
}
SCRIPTS = WORD_SCRIPTS | CHARACTER_SCRIPTS
# Marks of no script of their own are Latin letters' companions to a code page; mojibake is made of them.
NEVER_MOJIBAKE = sorted(set(SCRIPTS) - {"Latin", "Cyrillic", "Greek"})
SETTINGS = AnnotateSettings(
    repair_mojibake=True,
    replace_private_data=True,
    language_model=None,
    language_max_bytes=1200,
    num_bands=4,
    rows_per_band=2,
    seed=1,
)


def letters_with_marks(script: str) -> st.SearchStrategy[str]:
    letters, marks = SCRIPTS[script]
    return st.builds(str.__add__, st.sampled_from(letters), st.text(st.sampled_from(marks), max_size=3))


def words(script: str) -> st.SearchStrategy[str]:
    return st.lists(letters_with_marks(script), min_size=1, max_size=4).map("".join)


@st.composite
def texts(draw: st.DrawFn, scripts: list[str] | None = None) -> str:
    script = draw(st.sampled_from(scripts or sorted(SCRIPTS)))
    separators = st.sampled_from([" ", "\n", ", "] if script in WORD_SCRIPTS else ["", "\n"])
    return "".join(
        piece
        for word in draw(st.lists(words(script), min_size=1, max_size=12))
        for piece in (word, draw(separators))
    ).strip()


@st.composite
def pairs_that_differ(draw: st.DrawFn) -> tuple[str, str]:
    """A text that is one shingle, and one that differs in a mark or joiner, or in the order of two characters."""
    script = draw(st.sampled_from(sorted(SCRIPTS)))
    letters, marks = SCRIPTS[script]
    if script in WORD_SCRIPTS:
        units = draw(st.lists(words(script), min_size=5, max_size=5))
        separator = " "
    else:
        size = 6 if script in ("Han", "Kana") else 10
        units = draw(st.lists(letters_with_marks(script), min_size=size, max_size=size))
        separator = ""
    place = draw(st.integers(0, len(units) - 1))
    letter = draw(st.sampled_from(letters))
    mark, another = draw(st.permutations([*marks, ""]))[:2]
    before, after = draw(
        st.sampled_from(
            [
                (letter + mark, letter + another),
                (letter + mark + another, letter + mark + another + another + mark),
                (letter + (mark or another), (mark or another) + letter),
            ]
        )
    )
    return tuple(
        separator.join([*units[:place], changed, *units[place + 1 :]]) for changed in (before, after)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_sample_is_of_letters_and_marks(script: str) -> None:
    letters, marks = SCRIPTS[script]

    assert {unicodedata.category(letter)[0] for letter in letters} == {"L"}
    assert {mark for mark in marks if unicodedata.category(mark)[0] != "M"} <= {ZWNJ, ZWJ}


@given(texts())
def test_the_normal_form_is_canonically_equal_to_the_text(text: str) -> None:
    normal = normalise_text(text, repair_mojibake=False)

    assert normal == unicodedata.normalize("NFC", text)
    assert unicodedata.normalize("NFD", normal) == unicodedata.normalize("NFD", text)


@given(st.lists(texts(NEVER_MOJIBAKE), max_size=4))
def test_the_repair_of_encodings_leaves_other_scripts_alone(batch: list[str]) -> None:
    normal, repaired = normalise(pa.array(batch, pa.string()), repair_mojibake=True)

    assert normal.to_pylist() == [unicodedata.normalize("NFC", text) for text in batch]
    assert repaired == 0


@given(pairs_that_differ())
def test_shingles_tell_texts_apart_that_differ_in_a_mark_a_joiner_or_the_order(pair: tuple[str, str]) -> None:
    hashes, starts = shingle_hashes(*buffers(pa.array(pair)))

    one, other = hashes[: starts[1]].tolist(), hashes[starts[1] :].tolist()

    assert one
    assert other
    assert one != other


@given(pairs_that_differ())
def test_hashes_and_signatures_tell_them_apart(pair: tuple[str, str]) -> None:
    data, offsets = buffers(pa.array(pair))

    sketched = sketch_texts(data, offsets, num_bands=4, rows_per_band=2, seed=1)
    lines = line_hashes(data, offsets).hashes
    contents = content_hash(data, offsets)

    assert (sketched.band_keys[0] != sketched.band_keys[1]).all()
    assert (contents[0] != contents[1]).any()
    assert lines[0] != lines[1]


@pytest.mark.parametrize("script", [script for script, (_, marks) in SCRIPTS.items() if ZWNJ in marks])
@pytest.mark.parametrize("place", ["{0}{1}{0}", "{0}{1}", "{0}{1}{0}{1}", "{0}{0}{1}.", "{0}{1}{1}{0}"])
def test_a_joiner_inside_a_word_and_at_its_end_is_told_from_none_and_from_the_other_one(
    script: str, place: str
) -> None:
    letter = SCRIPTS[script][0][0]
    variants = [
        f"{letter} " * 6 + place.format(letter, joiner) + f" {letter}" * 6 for joiner in ("", ZWNJ, ZWJ)
    ]
    data, offsets = buffers(pa.array(variants))

    hashes, starts = shingle_hashes(data, offsets)
    sketched = sketch_texts(data, offsets, num_bands=4, rows_per_band=40, seed=1)

    shingles = [tuple(hashes[a:b].tolist()) for a, b in pairwise(starts.tolist())]
    assert len(set(shingles)) == 3
    assert len({tuple(keys) for keys in sketched.band_keys.tolist()}) == 3
    assert len(set(line_hashes(data, offsets).hashes.tolist())) == 3


@given(texts(), texts())
def test_a_line_that_goes_leaves_the_others_as_they_are(one: str, other: str) -> None:
    first, second = one.replace("\n", ""), other.replace("\n", "")
    data, offsets = buffers(pa.array([f"{first}\nboilerplate\n{second}"]))

    left, _ = without_lines(data, offsets, np.array([1], np.int64), np.array([0, 1], np.int64))

    assert left.tobytes().decode() == f"{first}\n{second}"


@given(texts(), texts(), st.sampled_from(["a@example.org", "+44 20 7946 0958", "4111 1111 1111 1111"]))
def test_marks_and_joiners_around_private_data_stay(before: str, after: str, private: str) -> None:
    replaced, _ = private_data(pa.array([f"{before} {private} {after}"]), ["und"])

    placeholder = {"a": "<email>", "+": "<phone-number>", "4": "<payment-card>"}[private[0]]
    assert replaced.to_pylist() == [f"{before} {placeholder} {after}"]


@given(texts())
def test_text_without_private_data_is_the_same_array(text: str) -> None:
    column = pa.array([text])

    assert private_data(column, ["und"])[0] is column


@given(st.lists(texts(NEVER_MOJIBAKE), min_size=1, max_size=3))
def test_what_the_pass_stores_is_the_text_in_normal_form(batch: list[str]) -> None:
    documents = [Document(str(number), text) for number, text in enumerate(batch)]

    stored = annotate_documents(documents, source="s", file="f", part=0, first_row=0, settings=SETTINGS)

    assert stored.documents.column(s.TEXT).to_pylist() == [
        unicodedata.normalize("NFC", text) for text in batch
    ]


@given(texts(), st.integers(1, 1200))
def test_no_training_sentence_begins_with_a_mark_and_together_they_are_the_text(
    text: str, times: int
) -> None:
    line = text.replace("\n", " ") * times

    pieces = list(_sentences([line]))

    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= 4192 for piece in pieces)
    assert not [p for p in pieces if p[0] in ZWNJ + ZWJ or unicodedata.category(p[0]).startswith("M")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokeniser trained on all scripts, with a coverage that leaves rare marks to bytes."""
    sample = [
        " ".join(letter + mark for letter in letters for mark in marks) for letters, marks in SCRIPTS.values()
    ]
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    path.write_bytes(train(sample * 3, vocab_size=1500, character_coverage=0.98, num_sentinels=2))
    return str(path)


@given(text=texts())
def test_tokens_give_back_every_mark_joiner_and_vowel_in_its_place(model: str, text: str) -> None:
    processor = load(model)

    assert processor.decode(processor.encode(text)) == text


@given(pair=pairs_that_differ())
def test_tokens_tell_texts_apart_that_differ_in_one_mark(model: str, pair: tuple[str, str]) -> None:
    one, other = load(model).encode(list(pair))

    assert one != other


def test_sampling_and_encoding_read_the_text_as_it_was_stored(model: str, tmp_path: Path) -> None:
    batch = [
        "".join(letter + mark for letter in letters for mark in marks) for letters, marks in SCRIPTS.values()
    ]
    ids = [f"{number:032x}" for number in range(len(batch))]
    documents = PartWriter(str(tmp_path / "documents" / part_name(0)))
    forms = ["written"] * len(batch)
    documents.write(pa.RecordBatch.from_pydict({s.DOC_ID: ids, s.TEXT: batch, s.FORM: forms}))
    documents.commit()
    rows = [
        {s.DOC_ID: doc_id, s.LOCALE: "und", s.SPLIT: "train", s.PART: 0, s.ROW: row}
        for row, doc_id in enumerate(ids)
    ]
    fates = PartWriter(str(tmp_path / "fates" / part_name(0)))
    fates.write(pa.RecordBatch.from_pylist(rows, schema=FATES))
    fates.commit()
    part = pa.RecordBatch.from_pydict({s.PART: pa.array([0], pa.int32())})

    (sampled,) = sample_documents(str(tmp_path), {"und": 1.0}, seed=1)(iter([part]))
    (encoded,) = encode_documents(str(tmp_path), model, {("und", "train"): 1})(iter([part]))

    tokens = [np.frombuffer(value, np.int32).tolist() for value in encoded.column("ids").to_pylist()]
    assert sampled.column(s.TEXT).to_pylist() == batch
    assert load(model).decode(tokens) == batch


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("می&zwnj;خواهم", "می\u200cخواهم"),
        ("[[کتاب]]\u200cها و '''خانه'''\u200cها", "کتاب\u200cها و خانه\u200cها"),
        ("क्&#8205;ष और र्&#x200D;", "क्\u200dष और र्\u200d"),
        ("അവന്\u200d '''വന്നു'''", "അവന്\u200d വന്നു"),
        ("''ที่''กำลัง[[ผู้ใช้|ผู้]]", "ที่กำลังผู้"),
        ("שָׁ[[לוֹם]]", "שָׁלוֹם"),
    ],
)
def test_joiners_and_marks_survive_the_markup_of_wikipedia(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text
