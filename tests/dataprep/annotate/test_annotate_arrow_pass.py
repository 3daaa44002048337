"""The one pass over the text: identity, columns, and independence of the batch."""

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.arrow_pass import Annotated, AnnotateSettings, annotate_documents
from dataprep.sources.record import Document

SETTINGS = AnnotateSettings(
    repair_mojibake=True,
    replace_private_data=True,
    language_model=None,
    language_max_bytes=1200,
    num_bands=4,
    rows_per_band=2,
    seed=1,
)
TEXTS = (
    "",
    "short",
    "  \n ",
    "RÃ©gion de l’Ã©tÃ©, où les enfants jouent au bord de la mer.",
    "Write to a@example.org, or call +1 212 555 0100 before the end of the week.",
    "संग्रहालय नौ बजे खुलता है और बच्चे बिना टिकट अंदर जा सकते हैं।",
    "博物馆早上九点开门，孩子们可以免费入场参观。",
    "พิพิธภัณฑ์เปิดเวลาเก้าโมงเช้า และเด็กเข้าชมได้ฟรี",
    "المتحف يفتح في التاسعة ويدخل الأطفال مجانا كل يوم سبت.",
)
DOCUMENTS = st.builds(
    Document,
    locator=st.sampled_from(["https://a.example/1", "page", "文"]),
    text=st.sampled_from(TEXTS),
    language=st.sampled_from([None, "fr", "iw", "zh-Hans"]),
    timestamp=st.sampled_from([None, "2024-01-01"]),
    form=st.sampled_from(["written", "spoken"]),
)


def annotate(documents: list[Document], *, source: str = "mc4", first_row: int = 0) -> Annotated:
    return annotate_documents(
        documents, source=source, file="a.json.gz", part=3, first_row=first_row, settings=SETTINGS
    )


def rows(batch: pa.RecordBatch) -> list[dict[str, object]]:
    found: list[dict[str, object]] = batch.to_pylist()
    return found


def column(name: str, *documents: Document, source: str = "mc4") -> list[object]:
    found: list[object] = annotate(list(documents), source=source).documents.column(name).to_pylist()
    return found


@pytest.mark.parametrize(
    ("source", "locator", "text"),
    [("cc100", "a", "text"), ("mc4", "b", "text"), ("mc4", "a", "other"), ("mc4a", "", "text")],
)
def test_another_source_locator_or_text_gives_another_id(source: str, locator: str, text: str) -> None:
    base = column("doc_id", Document("a", "text"))

    assert column("doc_id", Document(locator, text), source=source) != base


def test_language_time_and_form_do_not_change_the_id() -> None:
    base, other = column("doc_id", Document("a", "text"), Document("a", "text", "de", "2024", "spoken"))

    assert base == other


def test_the_id_is_the_hash_of_source_locator_and_text() -> None:
    # The xxhash package's XXH3-128 of the bytes b"mc4\0https://a.example/1\0text", written out by hand.
    assert column("doc_id", Document("https://a.example/1", "text")) == ["ccffa873d4c696e31ea0a8ece7e8019f"]


def test_the_same_text_elsewhere_has_another_id_and_the_same_content_hash() -> None:
    here, there = rows(annotate([Document("a", "same text"), Document("b", "same text")]).documents)

    assert here["doc_id"] != there["doc_id"]
    assert here["content_hash"] == there["content_hash"]


def test_texts_that_differ_in_white_space_only_have_the_same_content_hash() -> None:
    spaced = column("content_hash", Document("a", "one two\nthree"), Document("a", "one  two \n\n three"))
    glued = column("content_hash", Document("a", "onetwo\nthree"))

    assert spaced[0] == spaced[1]
    assert glued[0] != spaced[0]


def test_what_is_stored_is_the_repaired_text_without_private_data() -> None:
    annotated = annotate([Document("a", TEXTS[3]), Document("b", TEXTS[4])])

    assert annotated.repaired == 1
    assert annotated.documents.column("text").to_pylist() == [
        "Région de l’été, où les enfants jouent au bord de la mer.",
        "Write to <email>, or call <phone-number> before the end of the week.",
    ]
    assert annotated.documents.column("num_emails").to_pylist() == [0, 1]


def test_the_locale_is_the_declared_language_or_else_the_detected_one() -> None:
    french = "Le musée ouvre à neuf heures, et les enfants entrent sans payer."
    documents = [
        Document("a", french, "pt_br"),
        Document("b", french),
        Document("c", "…"),
        Document("d", "…", "iw"),
    ]

    assert column("locale", *documents) == ["pt", "fr", "und", "he"]
    assert column("language", *documents) == ["pt", None, None, "he"]
    assert column("detected", *documents) == ["fr", "fr", "und", "und"]


@given(st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_the_rows_of_a_batch_are_those_of_its_documents_one_by_one(documents: list[Document]) -> None:
    together = annotate(documents)

    alone = [annotate([document], first_row=row) for row, document in enumerate(documents)]

    assert rows(together.documents) == [row for one in alone for row in rows(one.documents)]
    assert rows(together.signatures) == [row for one in alone for row in rows(one.signatures)]
    assert together.repaired == sum(one.repaired for one in alone)


def test_texts_too_short_to_compare_have_no_band_keys() -> None:
    signatures = rows(
        annotate([Document("a", TEXTS[0]), Document("b", TEXTS[1]), Document("c", TEXTS[8])]).signatures
    )

    assert [row["band_keys"] is None for row in signatures] == [True, True, False]
    assert [row["num_shingles"] for row in signatures] == [0, 0, 6]


def test_documents_have_the_promised_columns_and_types() -> None:
    schema = annotate([Document("a", "text")]).documents.schema

    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "doc_id": "string",
        "source": "string",
        "locator": "string",
        "file": "string",
        "language": "string",
        "locale": "string",
        "detected": "string",
        "detected_score": "float",
        "lid_score": "float",
        "languages": "list<item: string>",
        "language_scores": "list<item: float>",
        "line_language_fraction": "float",
        "second_language": "string",
        "second_language_fraction": "float",
        "script_fraction": "float",
        "foreign_letter_fraction": "float",
        "code_mixing": "float",
        "timestamp": "string",
        "form": "string",
        "numbers_spoken": "int32",
        "numbers_left": "int32",
        "text": "string",
        "content_hash": "fixed_size_binary[16]",
        "quality": "float",
        "part": "int32",
        "row": "int32",
        "num_emails": "int32",
        "num_ip_addresses": "int32",
        "num_phone_numbers": "int32",
        "num_ibans": "int32",
        "num_payment_cards": "int32",
        "num_national_ids": "int32",
        "num_bytes": "int64",
        "num_chars": "int64",
        "num_units": "int64",
        "num_lines": "int64",
        "curly_brace": "int64",
        "replacement_char_count": "int64",
        "max_unit_length": "int64",
        "mean_word_length": "float",
        "alpha_fraction": "float",
        "digit_fraction": "float",
        "punctuation_fraction": "float",
        "symbol_to_word_ratio": "float",
        "bullet_line_fraction": "float",
        "ellipsis_line_fraction": "float",
        "terminal_line_fraction": "float",
        "short_line_fraction": "float",
        "newline_ratio": "float",
        "duplicate_line_fraction": "float",
        "duplicate_line_char_fraction": "float",
        "top_2gram_char_fraction": "float",
        "top_3gram_char_fraction": "float",
        "top_4gram_char_fraction": "float",
        "duplicate_5gram_char_fraction": "float",
        "duplicate_6gram_char_fraction": "float",
        "duplicate_7gram_char_fraction": "float",
        "duplicate_8gram_char_fraction": "float",
        "duplicate_9gram_char_fraction": "float",
        "duplicate_10gram_char_fraction": "float",
        "dominant_script_fraction": "float",
        "unique_unit_fraction": "float",
        "dominant_script": "uint8",
        "lorem_ipsum": "bool",
        "num_sentences": "int64",
        "num_long_lines": "int64",
        "alpha_unit_fraction": "float",
        "symbol_fraction": "float",
        "upper_fraction": "float",
        "url_fraction": "float",
        "list_line_fraction": "float",
        "few_word_line_fraction": "float",
        "policy_line_fraction": "float",
        "duplicate_paragraph_fraction": "float",
        "duplicate_paragraph_char_fraction": "float",
        "mojibake_fraction": "float",
        "num_stop_words": "int64",
        "num_listed_words": "int64",
        "stop_word_fraction": "float",
        "perplexity": "float",
        "url_is_blocked": "bool",
    }


def test_signatures_have_the_promised_columns_and_types() -> None:
    schema = annotate([Document("a", "text")]).signatures.schema

    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "part": "int32",
        "row": "int32",
        "band_keys": "fixed_size_binary[32]",
        "num_shingles": "int64",
    }


def test_rows_are_numbered_on_from_the_first_one() -> None:
    annotated = annotate([Document("a", "one"), Document("b", "two")], first_row=7)

    assert annotated.documents.column("row").to_pylist() == [7, 8]
    assert annotated.signatures.column("row").to_pylist() == [7, 8]
    assert annotated.documents.column("part").to_pylist() == [3, 3]


def test_a_run_that_only_deduplicates_measures_hashes_and_signatures_alone() -> None:
    documents = [
        Document("a", "Ein Satz mit genug Wörtern für mehr als einen Vergleich.", "de"),
        Document("b", "kurz"),
    ]

    everything = annotate(documents)
    only = annotate_documents(
        documents, source="web", file="f", part=3, first_row=0, settings=replace(SETTINGS, everything=False)
    )

    assert only.signatures.drop_columns(["num_shingles"]).equals(
        everything.signatures.drop_columns(["num_shingles"])
    )
    for name in ("content_hash", "num_chars", "num_bytes", "text"):
        assert only.documents.column(name).equals(everything.documents.column(name))
    assert only.documents.column("locale").to_pylist() == ["de", "und"]
    assert only.documents.column("quality").to_pylist() == [0.0, 0.0]
    assert "detected" not in only.documents.schema.names
