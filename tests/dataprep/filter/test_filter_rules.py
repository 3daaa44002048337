"""The rules: rows on both sides of every threshold."""

import pickle
from typing import Any, Final

import pyarrow as pa
import pytest
from signal_helpers import GOOD, SCHEMA

from dataprep.config import PrepareConfig
from dataprep.filter.rules import EXPLANATIONS, RULES, evidence, rule_set
from dataprep.kernels.fused import LOCALE_SIGNALS
from dataprep.kernels.signals import SIGNALS

THAI: Final = {"language": "th", "locale": "th", "detected": "th"}
SPOKEN: Final = {"form": "spoken"}

# Changes to the good document, and the reason expected. The default thresholds as the configuration documents them.
CASES: Final[list[tuple[dict[str, Any], str | None]]] = [
    ({}, None),
    ({"num_chars": 0, "num_units": 0, "locale": "und", "detected": "und", "language": None}, "empty"),
    ({"num_chars": 1}, None),
    ({"detected": "th", "detected_score": 0.51}, "wrong_language"),
    ({"detected": "th", "detected_score": 0.5}, None),
    ({"detected": "th", "detected_score": None}, None),
    ({"detected": None, "detected_score": 0.9}, None),
    ({"language": None, "detected": "en"}, None),
    ({"language": None, "locale": "de", "detected": "fr", "detected_score": 0.99}, None),
    ({"language": "no", "locale": "no", "detected": "da", "detected_score": 0.99}, None),
    ({"language": "no", "locale": "no", "detected": "sv", "detected_score": 0.99}, "wrong_language"),
    ({"language": "da", "locale": "da", "detected": "no", "detected_score": 0.99}, "wrong_language"),
    ({"language": "hi", "locale": "hi-Latn", "detected": "hi-Latn", "detected_score": 0.99}, None),
    ({"detected": "und", "detected_score": 0.0, "lid_score": 0.0}, "no_language"),
    ({"detected": "zxx", "detected_score": 0.99}, "no_language"),
    ({"alpha_fraction": 0.19}, "no_language"),
    ({"script_fraction": 0.5}, None),
    ({"script_fraction": 0.49}, "wrong_script"),
    ({"script_fraction": None}, None),
    ({"foreign_letter_fraction": 0.03}, None),
    ({"foreign_letter_fraction": 0.04}, "foreign_letters"),
    ({"foreign_letter_fraction": None}, None),
    ({"line_language_fraction": 0.5}, None),
    ({"line_language_fraction": 0.49}, "mixed_lines"),
    ({"line_language_fraction": None}, None),
    ({"code_mixing": 0.5}, None),
    ({"lid_score": 0.39}, "uncertain_language"),
    ({"lid_score": 0.4}, None),
    ({"lid_score": None}, None),
    ({"num_units": 19}, "too_few_words"),
    ({"num_units": 20}, None),
    ({"num_units": None}, None),
    ({"num_units": 100_000}, None),
    ({"num_units": 100_001}, "too_many_words"),
    (THAI | {"num_units": 39}, "too_few_characters"),
    (THAI | {"num_units": 40}, None),
    (THAI | {"num_units": 400_000}, None),
    (THAI | {"num_units": 400_001}, "too_many_characters"),
    ({"replacement_char_count": 1}, None),
    ({"replacement_char_count": 2}, "broken_encoding"),
    ({"replacement_char_count": None}, None),
    ({"lorem_ipsum": True}, "lorem_ipsum"),
    ({"lorem_ipsum": None}, None),
    ({"curly_brace": 2}, None),
    ({"curly_brace": 3}, "curly_braces"),
    ({"mean_word_length": 1.5}, None),
    ({"mean_word_length": 1.4}, "short_words"),
    ({"mean_word_length": 18.0}, None),
    ({"mean_word_length": 18.5}, "long_words"),
    ({"mean_word_length": None}, None),
    (THAI | {"mean_word_length": 1.0}, None),
    (THAI | {"mean_word_length": 30.0}, None),
    ({"alpha_fraction": 0.6}, None),
    ({"alpha_fraction": 0.59}, "few_letters"),
    ({"symbol_to_word_ratio": 0.1}, None),
    ({"symbol_to_word_ratio": 0.11}, "symbols"),
    ({"bullet_line_fraction": 0.9}, None),
    ({"bullet_line_fraction": 0.91}, "bullets"),
    (SPOKEN | {"bullet_line_fraction": 1.0}, None),
    ({"ellipsis_line_fraction": 0.3}, None),
    ({"ellipsis_line_fraction": 0.31}, "ellipses"),
    (SPOKEN | {"ellipsis_line_fraction": 1.0}, None),
    ({"duplicate_line_fraction": 0.3}, None),
    ({"duplicate_line_fraction": 0.31}, "duplicate_lines"),
    (SPOKEN | {"duplicate_line_fraction": 1.0}, None),
    ({"duplicate_line_char_fraction": 0.2}, None),
    ({"duplicate_line_char_fraction": 0.21}, "duplicate_line_characters"),
    (SPOKEN | {"duplicate_line_char_fraction": 1.0}, None),
    ({"top_2gram_char_fraction": 0.2}, None),
    ({"top_2gram_char_fraction": 0.21}, "top_2gram"),
    ({"top_3gram_char_fraction": 0.18}, None),
    ({"top_3gram_char_fraction": 0.19}, "top_3gram"),
    ({"top_4gram_char_fraction": 0.16}, None),
    ({"top_4gram_char_fraction": 0.17}, "top_4gram"),
    (SPOKEN | {"top_2gram_char_fraction": 0.21}, "top_2gram"),
    ({"duplicate_5gram_char_fraction": 0.15}, None),
    ({"duplicate_5gram_char_fraction": 0.16}, "duplicate_5grams"),
    ({"duplicate_6gram_char_fraction": 0.14}, None),
    ({"duplicate_6gram_char_fraction": 0.15}, "duplicate_6grams"),
    ({"duplicate_7gram_char_fraction": 0.13}, None),
    ({"duplicate_7gram_char_fraction": 0.14}, "duplicate_7grams"),
    ({"duplicate_8gram_char_fraction": 0.12}, None),
    ({"duplicate_8gram_char_fraction": 0.13}, "duplicate_8grams"),
    ({"duplicate_9gram_char_fraction": 0.11}, None),
    ({"duplicate_9gram_char_fraction": 0.12}, "duplicate_9grams"),
    ({"duplicate_10gram_char_fraction": 0.10}, None),
    ({"duplicate_10gram_char_fraction": 0.11}, "duplicate_10grams"),
    (THAI | {"duplicate_5gram_char_fraction": 1.0}, None),
    (THAI | {"duplicate_10gram_char_fraction": 0.15}, None),
    (THAI | {"duplicate_10gram_char_fraction": 0.16}, "duplicate_10_characters"),
    ({"short_line_fraction": 0.67}, None),
    ({"short_line_fraction": 0.68}, "short_lines"),
    (THAI | {"short_line_fraction": 1.0}, None),
    (SPOKEN | {"short_line_fraction": 1.0}, None),
    ({"terminal_line_fraction": 0.12}, None),
    ({"terminal_line_fraction": 0.11}, "unfinished_lines"),
    (THAI | {"terminal_line_fraction": 0.0}, None),
    (SPOKEN | {"terminal_line_fraction": 0.0}, None),
    ({"newline_ratio": 0.3}, None),
    ({"newline_ratio": 0.31}, "newlines"),
    (SPOKEN | {"newline_ratio": 1.0}, None),
    ({"url_is_blocked": True}, "blocked_url"),
    ({"url_is_blocked": None}, None),
    ({"mojibake_fraction": 0.01}, None),
    ({"mojibake_fraction": 0.02}, "mojibake"),
    ({"alpha_unit_fraction": 0.8}, None),
    ({"alpha_unit_fraction": 0.79}, "few_alphabetic_words"),
    ({"digit_fraction": 0.2}, None),
    ({"digit_fraction": 0.21}, "digits"),
    (SPOKEN | {"digit_fraction": 0.21}, None),
    ({"punctuation_fraction": 0.1}, None),
    ({"punctuation_fraction": 0.11}, "punctuation"),
    (SPOKEN | {"punctuation_fraction": 0.11}, None),
    ({"symbol_fraction": 0.05}, None),
    ({"symbol_fraction": 0.06}, "symbol_characters"),
    ({"upper_fraction": 0.3}, None),
    ({"upper_fraction": 0.31}, "capitals"),
    (SPOKEN | {"upper_fraction": 1.0}, None),
    ({"url_fraction": 0.2}, None),
    ({"url_fraction": 0.21}, "urls"),
    ({"num_stop_words": 2}, None),
    ({"num_stop_words": 1}, "few_stop_words"),
    ({"num_stop_words": None}, None),
    ({"stop_word_fraction": 0.1}, None),
    ({"stop_word_fraction": 0.09}, "small_stop_word_share"),
    (SPOKEN | {"stop_word_fraction": 0.0}, None),
    ({"max_unit_length": 1000}, None),
    ({"max_unit_length": 1001}, "endless_word"),
    ({"num_listed_words": 1}, "listed_words"),
    ({"num_listed_words": None}, None),
    ({"duplicate_paragraph_fraction": 0.3}, None),
    ({"duplicate_paragraph_fraction": 0.31}, "duplicate_paragraphs"),
    (SPOKEN | {"duplicate_paragraph_fraction": 1.0}, None),
    ({"duplicate_paragraph_char_fraction": 0.2}, None),
    ({"duplicate_paragraph_char_fraction": 0.21}, "duplicate_paragraph_characters"),
    ({"list_line_fraction": 0.7}, None),
    ({"list_line_fraction": 0.71}, "list_lines"),
    (SPOKEN | {"list_line_fraction": 1.0}, None),
    ({"few_word_line_fraction": 0.6}, None),
    ({"few_word_line_fraction": 0.61}, "few_word_lines"),
    (SPOKEN | {"few_word_line_fraction": 1.0}, None),
    ({"policy_line_fraction": 0.4}, None),
    ({"policy_line_fraction": 0.41}, "policy_lines"),
    ({"num_sentences": 3}, None),
    ({"num_sentences": 2}, "few_sentences"),
    (THAI | {"num_sentences": 0}, None),
    (SPOKEN | {"num_sentences": 0}, None),
    ({"num_long_lines": 3}, None),
    ({"num_long_lines": 2}, "few_long_lines"),
    (SPOKEN | {"num_long_lines": 0}, None),
    ({"perplexity": 1000.0}, None),
    ({"perplexity": 1001.0}, "perplexity"),
    ({"perplexity": None}, None),
    # The first rule keeps the credit.
    ({"detected": "th", "lid_score": 0.0, "num_units": 1, "newline_ratio": 1.0}, "wrong_language"),
    ({"num_units": 1, "alpha_fraction": 0.3, "newline_ratio": 1.0}, "too_few_words"),
    ({"alpha_fraction": 0.3, "newline_ratio": 1.0}, "few_letters"),
    ({"alpha_fraction": 0.0, "detected": "th", "script_fraction": 0.0}, "no_language"),
    ({"detected": "th", "script_fraction": 0.0, "foreign_letter_fraction": 1.0}, "wrong_language"),
    ({"script_fraction": 0.0, "foreign_letter_fraction": 1.0, "line_language_fraction": 0.0}, "wrong_script"),
    ({"num_chars": 0, "num_units": 0, "lid_score": 0.0}, "empty"),
]
# Rules that are off by default, as they are tried here.
SWITCHED_ON: Final = {
    "max_mojibake_fraction": 0.01,
    "max_digit_fraction": 0.2,
    "max_punctuation_fraction": 0.1,
    "max_symbol_fraction": 0.05,
    "max_upper_fraction": 0.3,
    "max_url_fraction": 0.2,
    "min_stop_word_fraction": 0.1,
    "max_list_line_fraction": 0.7,
    "max_few_word_line_fraction": 0.6,
    "max_policy_line_fraction": 0.4,
    "min_sentences": 3,
    "min_long_lines": 3,
    "max_perplexity": 1000.0,
}
NAMES: Final = [f"{number}: {changes}" for number, (changes, _) in enumerate(CASES)]


def prepare_config(**settings: Any) -> PrepareConfig:
    return PrepareConfig.model_validate(
        {
            "run_dir": "run",
            "sources": [{"name": "s", "format": "jsonl", "paths": ["x"]}],
            "thresholds": "none",
            **settings,
        }
    )


def reasons(config: PrepareConfig, changes: list[dict[str, Any]]) -> list[str | None]:
    """`drop_reason` of the good document with each of the changes."""
    batch = pa.RecordBatch.from_pylist([{**GOOD, **change} for change in changes], schema=SCHEMA)
    found: list[str | None] = rule_set(config).drop_reasons(batch).to_pylist()
    return found


@pytest.fixture(scope="module")
def default_reasons() -> list[str | None]:
    return reasons(prepare_config(rules=SWITCHED_ON), [changes for changes, _ in CASES])


@pytest.mark.parametrize(("number", "expected"), list(enumerate(reason for _, reason in CASES)), ids=NAMES)
def test_a_rule_rejects_beyond_its_threshold_and_keeps_the_bound_and_the_unknown(
    default_reasons: list[str | None], number: int, expected: str | None
) -> None:
    assert default_reasons[number] == expected


def test_every_rule_is_tried_and_explained() -> None:
    tried = {reason for _, reason in CASES if reason}

    assert tried | {"code_mixed"} == {rule.reason for rule in RULES}
    assert tried < set(EXPLANATIONS)
    assert {rule.signal for rule in RULES} <= {signal.name for signal in SIGNALS} | {*LOCALE_SIGNALS} | {
        "detected_score",
        "lid_score",
        "script_fraction",
        "foreign_letter_fraction",
        "line_language_fraction",
        "code_mixing",
        "url_is_blocked",
        "perplexity",
    }


def test_a_locale_has_its_own_thresholds_and_the_others_keep_the_common_one() -> None:
    config = prepare_config(
        rules={"min_words": 50}, rules_by_locale={"de": {"min_words": 10}, "fr": {"min_words": None}}
    )
    german = {"language": "de", "locale": "de", "detected": "de"}
    french = {"language": "fr", "locale": "fr", "detected": "fr"}

    actual = reasons(
        config,
        [
            german | {"num_units": 10},
            german | {"num_units": 9},
            {"num_units": 49},
            {"num_units": 50},
            french | {"num_units": 1},
        ],
    )

    assert actual == [None, "too_few_words", "too_few_words", None, None]


def test_code_mixed_documents_are_kept_or_dropped_per_locale() -> None:
    config = prepare_config(rules={"code_mixed": "drop"}, rules_by_locale={"hi-Latn": {"code_mixed": "keep"}})
    romanised = {"language": "hi", "locale": "hi-Latn", "detected": "hi-Latn"}

    actual = reasons(
        config,
        [
            {"code_mixing": 0.19},
            {"code_mixing": 0.2},
            {"code_mixing": None},
            romanised | {"code_mixing": 0.5},
        ],
    )

    assert actual == [None, "code_mixed", None, None]


def test_a_rule_that_is_switched_off_rejects_nothing() -> None:
    switches = {"drop_lorem_ipsum": False, "drop_blocked_urls": False, "code_mixed": "keep"}
    off = dict.fromkeys(type(prepare_config().rules).model_fields)
    config = prepare_config(rules={**off, **switches})

    actual = reasons(config, [changes for changes, _ in CASES])

    assert set(actual) == {None, "empty", "no_language"}


def test_a_locale_that_is_not_asked_for_is_dropped_unless_empty() -> None:
    config = prepare_config(locales=["en", "th"])

    actual = reasons(
        config,
        [
            {},
            THAI,
            {"locale": "de", "language": "de", "detected": "de"},
            {"locale": "und", "language": None, "detected": "und"},
            {"locale": "de", "num_chars": 0},
        ],
    )

    assert actual == [None, None, "locale_not_selected", "locale_not_selected", "empty"]


def test_a_language_outside_the_table_is_not_selected_by_default() -> None:
    actual = reasons(prepare_config(), [{"locale": "tlh", "language": "tlh", "detected": "tlh"}])

    assert actual == ["locale_not_selected"]


def test_a_document_without_locale_or_form_is_rejected_by_no_rule_that_depends_on_them() -> None:
    actual = reasons(
        prepare_config(),
        [
            {"locale": None, "num_units": 1, "lid_score": 0.0},
            {"form": None, "newline_ratio": 1.0},
            {"language": None, "locale": None, "num_chars": 0},
        ],
    )

    assert actual == [None, None, "empty"]


def test_rows_of_several_locales_are_judged_by_their_own_thresholds_in_any_order() -> None:
    config = prepare_config(rules_by_locale={"de": {"min_words": 30}, "th": {"min_characters": 70}})
    german = {"language": "de", "locale": "de", "detected": "de"}

    actual = reasons(
        config,
        [THAI | {"num_units": 60}, {"num_units": 25}, german | {"num_units": 25}, THAI | {"num_units": 70}],
    )

    assert actual == ["too_few_characters", None, "too_few_words", None]


def test_a_rule_set_travels_as_plain_values() -> None:
    rules = rule_set(prepare_config())

    again = pickle.loads(pickle.dumps(rules))

    batch = pa.RecordBatch.from_pylist([{**GOOD, "num_units": 1}], schema=SCHEMA)
    assert again.columns == rules.columns
    assert again.drop_reasons(batch).to_pylist() == ["too_few_words"]


@pytest.mark.parametrize(
    ("reason", "signals", "expected"),
    [
        ("too_few_words", {"num_units": 3, "num_chars": 9}, ("num_units", 3.0, 20.0)),
        ("curly_braces", {"curly_brace": 5, "num_chars": 500}, ("curly_brace", 10.0, 2.0)),
        ("empty", {"num_chars": 0}, ("num_chars", 0.0, None)),
        ("lorem_ipsum", {"lorem_ipsum": True, "num_chars": 9}, ("lorem_ipsum", 1.0, 1.0)),
        ("near_duplicate", {"num_chars": 9}, (None, None, None)),
    ],
)
def test_the_evidence_is_signal_value_and_threshold(
    reason: str, signals: dict[str, Any], expected: tuple[str | None, float | None, float | None]
) -> None:
    assert evidence(reason, signals, prepare_config().rules) == expected


def test_perplexity_buckets_lie_between_the_bounds_of_the_locale() -> None:
    config = prepare_config(rules_by_locale={"en": {"perplexity_head": 100.0, "perplexity_middle": 200.0}})
    changes = [{"perplexity": value} for value in (100.0, 100.5, 200.0, 201.0, None)]
    rows = [{**GOOD, **change} for change in (*changes, THAI)]

    buckets = rule_set(config).perplexity_buckets(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))

    assert buckets == ["head", "middle", "middle", "tail", None, None]
