"""Thresholds and stop words computed from reference documents: properties, worked examples, one small reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.calibrate import (
    CALIBRATED,
    CalibrationError,
    calibrate,
    derive_stop_words,
    good_documents,
    read_reference,
    shrunken_threshold,
    weighted_quantile,
    with_stop_words,
)
from dataprep.config import CalibrationConfig, PrepareConfig, RulesConfig
from dataprep.filter.rules import RULES
from dataprep.pipeline import annotate_settings
from dataprep.sources.record import Document

CONFIG = PrepareConfig.model_validate(
    {"run_dir": "r", "sources": [{"name": "s", "format": "jsonl", "paths": ["x"]}], "thresholds": "none"}
)
values = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40)
# Sentences of our own, enough for two languages that hardly share a word.
GERMAN = (
    "Der alte Müller ging mit dem Hund in den Wald und suchte dort nach der Quelle.",
    "Die Kinder aus dem Dorf kamen an den Fluss und warfen Steine in das Wasser.",
    "Auf der Brücke stand ein Mann mit einem Korb und wartete auf den Bus in die Stadt.",
    "In dem Korb lagen die Äpfel aus dem Garten, und der Mann gab den Kindern davon.",
)
THAI = (
    "เด็กในหมู่บ้านไปที่แม่น้ำและเล่นน้ำกันในวันนี้ การเดินทางใช้เวลาไม่นาน",
    "ชายชราในเมืองกำลังรอรถที่สะพาน และการรอของเขาใช้เวลานานมากในวันนี้",
    "ในตะกร้ามีผลไม้จากสวนของเขา และเขาให้ผลไม้แก่เด็กในหมู่บ้านทุกวัน",
)


def annotated(texts: list[str], language: str, source: str = "s", form: str = "written") -> pa.Table:
    documents = [Document(f"{source}-{n}", text, language, None, form) for n, text in enumerate(texts)]
    found = annotate_documents(
        documents, source=source, file="f", part=0, first_row=0, settings=annotate_settings(CONFIG)
    )
    return pa.Table.from_batches([found.documents])


def shuffled(sentences: tuple[str, ...], number: int) -> str:
    turned = sentences[number % len(sentences) :] + sentences[: number % len(sentences)]
    return "\n".join(turned[: 2 + number % 2])


def reference() -> pa.Table:
    return pa.concat_tables(
        [
            annotated([f"{shuffled(GERMAN, n)} {n}" for n in range(12)], "de"),
            annotated([f"{shuffled(THAI, n)} {n}" for n in range(6)], "th"),
        ]
    )


def made(table: pa.Table, **settings: Any) -> Any:
    return calibrate(
        table,
        CalibrationConfig(**settings),
        code_sha256="c",
        language_identification="l",
        origin="o",
    )


@given(values, st.floats(0, 1))
def test_a_weighted_quantile_with_equal_weights_is_an_order_statistic(
    sample: list[float], share: float
) -> None:
    found = weighted_quantile(np.array(sample), np.ones(len(sample)), share)

    below = sum(value <= found for value in sample)
    assert found in sample
    assert below >= share * len(sample) - 1e-9
    assert sum(value < found for value in sample) <= share * len(sample) + 1e-9


def test_weights_count_as_repeats() -> None:
    repeated = weighted_quantile(np.array([1.0, 2, 2, 2, 3]), np.ones(5), 0.5)

    assert weighted_quantile(np.array([3.0, 1, 2]), np.array([1.0, 1, 3]), 0.5) == repeated == 2


@given(values, st.floats(0.001, 0.2), st.floats(1, 100), st.floats(1, 1000))
def test_a_threshold_is_not_below_the_centre_and_moves_with_the_values(
    sample: list[float], tail: float, location: float, weight: float
) -> None:
    def threshold(shift: float) -> float:
        samples = {"de": np.array(sample, np.float64) + shift, "fr": np.arange(9) / 8 + shift}
        units = {"de": "word", "fr": "word"}
        return shrunken_threshold(samples, units, tail=tail, location_weight=location, tail_weight=weight)[
            "de"
        ]

    assert threshold(0.0) >= min(np.median(sample), 0.5) - 1e-9
    assert threshold(2.0) == pytest.approx(threshold(0.0) + 2.0, abs=1e-6)


def test_many_documents_speak_for_themselves_and_few_for_all() -> None:
    samples = {"de": np.linspace(0, 1, 100_001), "fr": np.array([0.5]), "it": np.linspace(0, 2, 101)}
    units = dict.fromkeys(samples, "word")

    found = shrunken_threshold(samples, units, tail=0.1, location_weight=10, tail_weight=100)

    assert found["de"] == pytest.approx(0.9, abs=0.01)
    assert found["word"] < found["it"]
    assert found["fr"] == pytest.approx(found["word"], abs=0.1)


def test_every_computed_threshold_is_one_of_a_rule_on_its_signal() -> None:
    of_rules = {(rule.threshold, rule.signal) for rule in RULES}

    assert {(each.threshold, each.signal) for each in CALIBRATED} <= of_rules
    assert all(each.sign * each.tightest <= each.sign * each.loosest for each in CALIBRATED)


def test_thresholds_stay_within_their_guards_and_name_their_documents() -> None:
    file = made(reference(), min_stop_word_share=0.3)

    guards = {(each.threshold, each.units): sorted((each.tightest, each.loosest)) for each in CALIBRATED}
    german = file.locales["de"]
    assert (german.documents, file.locales["th"].documents, file.reference["documents"]) == (12, 6, 18)
    assert {"max_digit_fraction", "min_terminal_line_fraction", "max_duplicate_9gram_fraction"} <= set(
        german.thresholds
    )
    assert "max_mean_word_length" not in file.locales["th"].thresholds
    low, high = guards["max_digit_fraction", ""]
    assert low <= german.thresholds["max_digit_fraction"] <= high
    RulesConfig.model_validate(german.thresholds)


def test_stop_words_reject_only_where_there_are_enough_written_documents() -> None:
    few = made(reference(), min_stop_word_share=0.3).locales["de"]
    enough = made(reference(), min_stop_word_share=0.3, stop_word_rule_documents=12).locales["de"]

    assert few.stop_words == enough.stop_words != []
    assert (few.thresholds["min_stop_words"], few.thresholds["min_stop_word_fraction"]) == (None, None)
    assert enough.thresholds["min_stop_words"] is not None
    assert enough.thresholds["min_stop_word_fraction"] is not None


def test_the_result_does_not_depend_on_the_order_of_the_documents() -> None:
    table = reference()

    backwards = table.take(list(range(table.num_rows))[::-1])

    assert made(backwards).locales["de"].thresholds == made(table).locales["de"].thresholds


def test_stop_words_are_the_words_that_all_sources_have() -> None:
    one = annotated([shuffled(GERMAN, n) + " Frieden und Recht" for n in range(6)], "de", "one")
    other = annotated([shuffled(GERMAN, n + 1) + " Bremse und Rad" for n in range(6)], "de", "other")

    words = derive_stop_words(pa.concat_tables([one, other]), "de", CalibrationConfig(stop_words=6))

    assert set(words) >= {"der", "und", "dem", "in"}
    assert not {"frieden", "bremse"} & set(words)


def test_stop_words_of_thai_are_pairs_of_characters_and_of_japanese_single_ones() -> None:
    thai = derive_stop_words(
        annotated([shuffled(THAI, n) for n in range(4)], "th"), "th", CalibrationConfig()
    )
    japanese = [
        "子どもは川の水で遊び、犬は森の中を走った。" * 2,
        "男は橋の上でバスを待っていた。" * 3,
        "川の水は冷たい。" * 4,
    ]
    kana = derive_stop_words(annotated(japanese, "ja"), "ja", CalibrationConfig(stop_words=4))

    assert "ใน" in thai
    assert {"の", "は"} <= set(kana)


def test_too_few_documents_give_no_stop_words() -> None:
    assert derive_stop_words(annotated([GERMAN[0]], "de"), "de", CalibrationConfig()) == []


def test_stop_word_signals_measured_anew_are_those_of_the_pass() -> None:
    words = {"de": ["der", "und"]}
    table = annotated([GERMAN[0], "ohne"], "de")

    found = with_stop_words(table, words)

    assert found["num_stop_words"].to_pylist() == [2, 0]
    assert found["stop_word_fraction"].to_pylist() == pytest.approx([3 / 16, 0])
    assert found.drop_columns(["num_stop_words", "stop_word_fraction"]).equals(
        table.drop_columns(["num_stop_words", "stop_word_fraction"])
    )


def test_lists_stubs_and_other_languages_are_no_reference() -> None:
    running = [shuffled(GERMAN, n) + "\n" + shuffled(GERMAN, n + 1) for n in range(10)]
    menu = "\n".join(word for sentence in GERMAN for word in sentence.rstrip(".").split())
    english = "The old miller walked into the wood with his dog, and there he looked for a spring all day."
    table = annotated([*running, menu, "Ein Satz.", english], "de")

    assert good_documents(table)["locator"].to_pylist() == [f"s-{n}" for n in range(10)]


def test_a_reference_is_the_same_whatever_the_parts(tmp_path: Path) -> None:
    table = reference()
    for name, parts in (("one", [table]), ("two", [table.slice(7), table.slice(0, 7), table.slice(0, 3)])):
        (tmp_path / name).mkdir()
        for number, part in enumerate(parts):
            pq.write_table(part, tmp_path / name / f"part-{number}.parquet")

    one, two = (read_reference(str(tmp_path / name), 5) for name in ("one", "two"))

    assert one["locale"].to_pylist() == ["de"] * 5 + ["th"] * 5
    assert one["text"].to_pylist() == two["text"].to_pylist()


def test_a_reference_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no document in a language of the table"):
        read_reference(str(tmp_path), 5)
