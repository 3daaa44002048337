"""The rules: thresholds on signals. Lazy Column expressions; no text is read.

Sources: [Gopher] Rae et al. 2021, "Scaling Language Models", appendix A.1.1; [C4] Raffel et al. 2020, section 2.2;
[FineWeb] Penedo et al. 2024, section 3.6; [FineWeb-2] Penedo et al. 2025. Where a published rule counts words, the unit
here is the word in scripts that separate words and the character in those that do not. Rules on the shape of lines
apply to written text only: subtitles are short lines by nature. The rules on language come first: what a word, a line
or a good text is depends on it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, get_args

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dataprep import schema as s
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.filter.thresholds import in_force
from dataprep.locales import LOCALES, NO_LANGUAGE, UNDETERMINED

Threshold = Callable[
    [str], Column
]  # name of a threshold → its value for the row's locale, null when switched off

_CHARACTER_LOCALES: Final = [row.code for row in LOCALES.values() if row.unit == "char"]
_UNPUNCTUATED_LOCALES: Final = [row.code for row in LOCALES.values() if not row.terminators]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to drop a document.

    Attributes:
        reason: value of `drop_reason`.
        signal: the column it looks at; reports draw its histogram.
        threshold: the setting of `rules` it compares with; null where it compares with something else.
        rejects: the condition, given the thresholds of the row's locale. Null does not reject.
        explanation: one sentence with its source.
    """

    reason: str
    signal: str
    threshold: str | None
    rejects: Callable[[Threshold], Column]
    explanation: str


def _above(signal: str, threshold: str) -> Callable[[Threshold], Column]:
    return lambda value: F.col(signal) > value(threshold)


def _below(signal: str, threshold: str) -> Callable[[Threshold], Column]:
    return lambda value: F.col(signal) < value(threshold)


def _written(rejects: Callable[[Threshold], Column]) -> Callable[[Threshold], Column]:
    return lambda value: (F.col(s.FORM) != "spoken") & rejects(value)


def _words(rejects: Callable[[Threshold], Column]) -> Callable[[Threshold], Column]:
    return lambda value: ~F.col(s.LOCALE).isin(_CHARACTER_LOCALES) & rejects(value)


def _characters(rejects: Callable[[Threshold], Column]) -> Callable[[Threshold], Column]:
    return lambda value: F.col(s.LOCALE).isin(_CHARACTER_LOCALES) & rejects(value)


def _found(signal: str) -> Callable[[Threshold], Column]:
    return lambda _: F.col(signal) > 0


def _per_1000_characters(signal: str, threshold: str) -> Callable[[Threshold], Column]:
    return lambda value: F.col(signal) * 1000.0 > value(threshold) * F.col("num_chars")


def _relative() -> Column:
    """Whether the detected language is one that the model confuses with the declared one (`locales.Locale.close`)."""
    relative = F.lit(False)
    for row in LOCALES.values():
        if row.close:
            relative |= (F.col(s.LANGUAGE) == row.code) & F.col(s.DETECTED).isin(list(row.close))
    return relative


def _wrong_language(value: Threshold) -> Column:
    return (
        F.col(s.LANGUAGE).isNotNull()
        & (F.col(s.DETECTED) != F.col(s.LANGUAGE))
        & ~_relative()
        & (F.col(s.DETECTED_SCORE) > value("wrong_language_score"))
    )


def _no_language(value: Threshold) -> Column:
    return F.col(s.DETECTED).isin(NO_LANGUAGE, UNDETERMINED) | (
        F.col("alpha_fraction") < value("min_letter_fraction")
    )


def _code_mixed(value: Threshold) -> Column:
    return (value("code_mixed") == "drop") & (F.col(s.CODE_MIXING) >= value("min_code_mixing"))


# In the order of credit: the first rule to reject a document keeps it. Cheap and certain reasons come first.
RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "empty",
        "num_chars",
        None,
        lambda _: F.col("num_chars") == 0,
        "Nothing is left of the text after clean-up.",
    ),
    Rule(
        "no_language",
        "alpha_fraction",
        "min_letter_fraction",
        _no_language,
        "Hardly any letters, as in lists of numbers, or what the model was taught to be noise (labels zxx_* and und_* "
        "of GlotLID v3, Kargaran et al. 2023).",
    ),
    Rule(
        "wrong_language",
        s.DETECTED_SCORE,
        "wrong_language_score",
        _wrong_language,
        "The text is in another language than its source declares (CCNet, Wenzek et al. 2020, section 3.2).",
    ),
    Rule(
        "wrong_script",
        s.SCRIPT_FRACTION,
        "min_script_fraction",
        _below(s.SCRIPT_FRACTION, "min_script_fraction"),
        "Most letters are of a script that the language is not written in (GlotScript, Kargaran et al. 2023, section "
        "1).",
    ),
    Rule(
        "foreign_letters",
        s.FOREIGN_LETTER_FRACTION,
        "max_foreign_letter_fraction",
        _above(s.FOREIGN_LETTER_FRACTION, "max_foreign_letter_fraction"),
        "Letters that the language's alphabet does not have: another language, which the model does not know (our own; "
        "docs/results/language-id.md).",
    ),
    Rule(
        "mixed_lines",
        s.LINE_LANGUAGE_FRACTION,
        "min_line_language_fraction",
        _below(s.LINE_LANGUAGE_FRACTION, "min_line_language_fraction"),
        "Most of the text lies in lines of other languages (OSCAR 22.01, Abadji et al. 2022).",
    ),
    Rule(
        "code_mixed",
        s.CODE_MIXING,
        "min_code_mixing",
        _code_mixed,
        "Two languages or scripts are mixed within lines (code-mixing index, Das and Gambäck 2014); kept by default.",
    ),
    Rule(
        "uncertain_language",
        s.LID_SCORE,
        "min_language_score",
        _below(s.LID_SCORE, "min_language_score"),
        "The model is not sure enough of the language (FineWeb section 3.3; per-language scores in FineWeb-2).",
    ),
    Rule(
        "too_few_words",
        "num_units",
        "min_words",
        _words(_below("num_units", "min_words")),
        "Fewer words than the minimum (Gopher A.1.1).",
    ),
    Rule(
        "too_few_characters",
        "num_units",
        "min_characters",
        _characters(_below("num_units", "min_characters")),
        "Fewer characters than the minimum, in scripts without word separators (Gopher A.1.1, adapted).",
    ),
    Rule(
        "too_many_words",
        "num_units",
        "max_words",
        _words(_above("num_units", "max_words")),
        "More words than the maximum (Gopher A.1.1).",
    ),
    Rule(
        "too_many_characters",
        "num_units",
        "max_characters",
        _characters(_above("num_units", "max_characters")),
        "More characters than the maximum, in scripts without word separators (Gopher A.1.1, adapted).",
    ),
    Rule(
        "broken_encoding",
        "replacement_char_count",
        "max_replacement_characters_per_1000",
        _per_1000_characters("replacement_char_count", "max_replacement_characters_per_1000"),
        "Too many replacement characters: bytes were lost before the text reached us.",
    ),
    Rule(
        "mojibake",
        "mojibake_fraction",
        "max_mojibake_fraction",
        _above("mojibake_fraction", "max_mojibake_fraction"),
        "Too many pairs of characters that UTF-8 becomes when read as CP1252 or CP1251 (computed).",
    ),
    Rule(
        "lorem_ipsum",
        "lorem_ipsum",
        "drop_lorem_ipsum",
        lambda value: F.col("lorem_ipsum") & value("drop_lorem_ipsum"),
        "Placeholder text (C4 section 2.2).",
    ),
    Rule(
        "curly_braces",
        "curly_brace",
        "max_curly_braces_per_1000",
        _per_1000_characters("curly_brace", "max_curly_braces_per_1000"),
        "Program code rather than prose (C4 section 2.2, as a rate instead of a single brace).",
    ),
    Rule(
        "short_words",
        "mean_word_length",
        "min_mean_word_length",
        _words(_below("mean_word_length", "min_mean_word_length")),
        "The mean word is too short (Gopher A.1.1).",
    ),
    Rule(
        "long_words",
        "mean_word_length",
        "max_mean_word_length",
        _words(_above("mean_word_length", "max_mean_word_length")),
        "The mean word is too long (Gopher A.1.1; wide enough for agglutinating languages, see FineWeb-2).",
    ),
    Rule(
        "blocked_url",
        "url_is_blocked",
        "drop_blocked_urls",
        lambda value: F.col("url_is_blocked") & value("drop_blocked_urls"),
        "The page or its domain is on a block list (FineWeb section 3.1; Gopher A.1.1 filters by domain too).",
    ),
    Rule(
        "few_letters",
        "alpha_fraction",
        "min_alpha_fraction",
        _below("alpha_fraction", "min_alpha_fraction"),
        "Too few of the characters are letters or marks (Gopher A.1.1, on characters).",
    ),
    Rule(
        "few_alphabetic_words",
        "alpha_unit_fraction",
        "min_alpha_word_fraction",
        _below("alpha_unit_fraction", "min_alpha_word_fraction"),
        "Too many of the words are numbers (Gopher A.1.1: 80 % of words have a letter).",
    ),
    Rule(
        "digits",
        "digit_fraction",
        "max_digit_fraction",
        _written(_above("digit_fraction", "max_digit_fraction")),
        "Too many of the characters are digits, as in tables (computed; after Gopher A.1.1).",
    ),
    Rule(
        "punctuation",
        "punctuation_fraction",
        "max_punctuation_fraction",
        _written(_above("punctuation_fraction", "max_punctuation_fraction")),
        "Too many of the characters are punctuation, as in keyword lists (computed; after Gopher A.1.1).",
    ),
    Rule(
        "symbol_characters",
        "symbol_fraction",
        "max_symbol_fraction",
        _above("symbol_fraction", "max_symbol_fraction"),
        "Too many of the characters are symbols (computed; after Gopher A.1.1).",
    ),
    Rule(
        "capitals",
        "upper_fraction",
        "max_upper_fraction",
        _written(_above("upper_fraction", "max_upper_fraction")),
        "Too many letters are capitals, where the script has them (computed; a signal of RedPajama-V2).",
    ),
    Rule(
        "urls",
        "url_fraction",
        "max_url_fraction",
        _above("url_fraction", "max_url_fraction"),
        "Too much of the text is URLs (computed).",
    ),
    Rule(
        "few_stop_words",
        "num_stop_words",
        "min_stop_words",
        _below("num_stop_words", "min_stop_words"),
        "Too few different stop words of the language (Gopher A.1.1; lists per language as in FineWeb-2).",
    ),
    Rule(
        "small_stop_word_share",
        "stop_word_fraction",
        "min_stop_word_fraction",
        _written(_below("stop_word_fraction", "min_stop_word_fraction")),
        "Too small a share of stop words for running text, as in keyword lists (computed; after Gopher A.1.1).",
    ),
    Rule(
        "endless_word",
        "max_unit_length",
        "max_word_length",
        _above("max_unit_length", "max_word_length"),
        "A word of more characters than any word has (C4 section 2.2, as published with its code: 1,000).",
    ),
    Rule(
        "listed_words",
        "num_listed_words",
        "max_listed_words",
        _above("num_listed_words", "max_listed_words"),
        "Words of the given word list (C4 section 2.2 drops pages with any).",
    ),
    Rule(
        "symbols",
        "symbol_to_word_ratio",
        "max_symbol_to_word_ratio",
        _above("symbol_to_word_ratio", "max_symbol_to_word_ratio"),
        "Too many hash signs and ellipses per word (Gopher A.1.1).",
    ),
    Rule(
        "bullets",
        "bullet_line_fraction",
        "max_bullet_line_fraction",
        _written(_above("bullet_line_fraction", "max_bullet_line_fraction")),
        "Nearly every line is a bullet point (Gopher A.1.1).",
    ),
    Rule(
        "ellipses",
        "ellipsis_line_fraction",
        "max_ellipsis_line_fraction",
        _written(_above("ellipsis_line_fraction", "max_ellipsis_line_fraction")),
        "Too many lines break off with an ellipsis (Gopher A.1.1).",
    ),
    Rule(
        "duplicate_lines",
        "duplicate_line_fraction",
        "max_duplicate_line_fraction",
        _written(_above("duplicate_line_fraction", "max_duplicate_line_fraction")),
        "Too many lines repeat another line (Gopher A.1.1).",
    ),
    Rule(
        "duplicate_line_characters",
        "duplicate_line_char_fraction",
        "max_duplicate_line_char_fraction",
        _written(_above("duplicate_line_char_fraction", "max_duplicate_line_char_fraction")),
        "Too much of the text lies in repeated lines (Gopher A.1.1).",
    ),
    Rule(
        "duplicate_paragraphs",
        "duplicate_paragraph_fraction",
        "max_duplicate_paragraph_fraction",
        _written(_above("duplicate_paragraph_fraction", "max_duplicate_paragraph_fraction")),
        "Too many paragraphs repeat another one (Gopher A.1.1).",
    ),
    Rule(
        "duplicate_paragraph_characters",
        "duplicate_paragraph_char_fraction",
        "max_duplicate_paragraph_char_fraction",
        _written(_above("duplicate_paragraph_char_fraction", "max_duplicate_paragraph_char_fraction")),
        "Too much of the text lies in repeated paragraphs (Gopher A.1.1).",
    ),
    *(
        Rule(
            f"top_{n}gram",
            f"top_{n}gram_char_fraction",
            f"max_top_{n}gram_fraction",
            _above(f"top_{n}gram_char_fraction", f"max_top_{n}gram_fraction"),
            f"The most frequent {n}-gram makes up too much of the text (Gopher A.1.1).",
        )
        for n in (2, 3, 4)
    ),
    *(
        Rule(
            f"duplicate_{n}grams",
            f"duplicate_{n}gram_char_fraction",
            f"max_duplicate_{n}gram_fraction",
            _words(_above(f"duplicate_{n}gram_char_fraction", f"max_duplicate_{n}gram_fraction")),
            f"Too much of the text lies in repeated {n}-grams (Gopher A.1.1).",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
    # Ten characters of Japanese, Chinese or Thai say about what five words say elsewhere. Shorter runs of characters
    # repeat in every good text: names, technical terms, verb endings.
    Rule(
        "duplicate_10_characters",
        "duplicate_10gram_char_fraction",
        "max_duplicate_5gram_fraction",
        _characters(_above("duplicate_10gram_char_fraction", "max_duplicate_5gram_fraction")),
        "Too much of the text lies in repeated runs of ten characters (Gopher A.1.1, for scripts without spaces).",
    ),
    Rule(
        "short_lines",
        "short_line_fraction",
        "max_short_line_fraction",
        _written(_words(_above("short_line_fraction", "max_short_line_fraction"))),
        "Most lines are short, as in menus and lists (FineWeb section 3.6).",
    ),
    Rule(
        "unfinished_lines",
        "terminal_line_fraction",
        "min_terminal_line_fraction",
        _written(
            lambda value: (
                ~F.col(s.LOCALE).isin(_UNPUNCTUATED_LOCALES)
                & (F.col("terminal_line_fraction") < value("min_terminal_line_fraction"))
            )
        ),
        "Too few lines end a sentence (C4 section 2.2; FineWeb section 3.6); not where a script marks no ends.",
    ),
    Rule(
        "newlines",
        "newline_ratio",
        "max_newline_ratio",
        _written(_above("newline_ratio", "max_newline_ratio")),
        "Too many line ends per character (FineWeb section 3.6).",
    ),
    Rule(
        "list_lines",
        "list_line_fraction",
        "max_list_line_fraction",
        _written(_above("list_line_fraction", "max_list_line_fraction")),
        "Most lines begin with a bullet or a number (computed; after Gopher A.1.1).",
    ),
    Rule(
        "few_word_lines",
        "few_word_line_fraction",
        "max_few_word_line_fraction",
        _written(_above("few_word_line_fraction", "max_few_word_line_fraction")),
        "Too many lines of fewer than three words (computed; C4 section 2.2 drops such lines).",
    ),
    Rule(
        "policy_lines",
        "policy_line_fraction",
        "max_policy_line_fraction",
        _written(_above("policy_line_fraction", "max_policy_line_fraction")),
        "Too many lines speak of JavaScript, cookies, terms of use or a privacy policy (computed; C4 section 2.2).",
    ),
    Rule(
        "few_sentences",
        "num_sentences",
        "min_sentences",
        _written(
            lambda value: (
                ~F.col(s.LOCALE).isin(_UNPUNCTUATED_LOCALES)
                & (F.col("num_sentences") < value("min_sentences"))
            )
        ),
        "Fewer sentences than the minimum (C4 section 2.2); not where a script marks no ends.",
    ),
    Rule(
        "few_long_lines",
        "num_long_lines",
        "min_long_lines",
        _written(_below("num_long_lines", "min_long_lines")),
        "Fewer lines of 200 characters than the minimum (mC4: Xue et al. 2021, section 3.1).",
    ),
    Rule(
        "perplexity",
        "perplexity",
        "max_perplexity",
        _above("perplexity", "max_perplexity"),
        "A language model of good text finds it too surprising (CCNet, Wenzek et al. 2020, section 3.3).",
    ),
)

LOCALE_NOT_SELECTED: Final = "locale_not_selected"

# Kind → the rule for it, in force where `normalise` says that documents with it are dropped. Last, so that they count
# what would have been kept without them.
PRIVATE_DATA_RULES: Final = {
    kind: Rule(
        f"private_{kind}",
        signal,
        None,
        _found(signal),
        f"The text holds private data: {kind.replace('_', ' ')}; the settings ask for such documents to be dropped.",
    )
    for kind, signal in s.PRIVATE_DATA.items()
}
RULE_REASONS: Final = frozenset(  # of mark_documents
    {LOCALE_NOT_SELECTED, *(rule.reason for rule in (*RULES, *PRIVATE_DATA_RULES.values()))}
)

EXPLANATIONS: Final[dict[str, str]] = {
    LOCALE_NOT_SELECTED: "The document is in a locale that the configuration does not ask for.",
    **{rule.reason: rule.explanation for rule in (*RULES, *PRIVATE_DATA_RULES.values())},
    s.EXACT_DUPLICATE: "Another document has the same text, white space aside.",
    s.BOILERPLATE_LINES: (
        "Too little is left of the document without the lines that it shares with others (CCNet, Wenzek et al. 2020, "
        "section 3)."
    ),
    s.NEAR_DUPLICATE: "Its shingles and those of a kept document have at least the required exact Jaccard similarity.",
    s.CONTAINED_DUPLICATE: "A kept document has at least the required share of its shingles.",
    s.CONTAMINATED: (
        "The document holds items of an evaluation set (Brown et al. 2020, appendix C); decontamination/ says which. "
        "Few words of an item are no reason, nor is what many documents share, unless it is most of the document."
    ),
    s.REMOVAL_REQUEST: "The document, or one that it duplicates, was asked to be removed; its text is not shown.",
}


def rules_in_force(config: PrepareConfig) -> tuple[Rule, ...]:
    """The rules in the order of credit, with those for private data that the settings ask for."""
    return (*RULES, *(PRIVATE_DATA_RULES[kind] for kind in config.normalise.private_data_with("drop")))


_THRESHOLDS: Final = "_thresholds"  # of the row's locale, while rules are applied
_TYPES: Final = {float: "float", int: "long", bool: "boolean"}


def _threshold_types() -> dict[str, str]:
    """Spark type per threshold; a choice of words is a string. Ratios are 32-bit floats, like the signals.

    A signal of three in ten is a little more than the double 0.3, so the bound itself would be rejected.
    """
    return {
        name: next(
            (
                spark
                for python, spark in _TYPES.items()
                if python in (field.annotation, *get_args(field.annotation))
            ),
            "string",
        )
        for name, field in RulesConfig.model_fields.items()
    }


def with_thresholds(documents: DataFrame, config: PrepareConfig) -> DataFrame:
    """Add the thresholds of each row's locale, for `threshold_column`; null where the table has no such locale.

    One literal holds them all, and each row looks up its locale once: a CASE per threshold and locale would be
    thousands of branches.
    """
    values = {
        locale: {name: value for name, value in found.rules.model_dump().items() if value is not None}
        for locale, found in in_force(config).items()
    }
    fields = ", ".join(f"{name}: {spark}" for name, spark in _threshold_types().items())
    by_locale = F.from_json(F.lit(json.dumps(values)), f"map<string, struct<{fields}>>")
    return documents.withColumn(_THRESHOLDS, by_locale[F.col(s.LOCALE)])


def threshold_column(name: str) -> Column:
    """The value of a threshold for each row of `with_thresholds`; null where it is switched off."""
    return F.col(_THRESHOLDS).getField(name)


def mark_documents(documents: DataFrame, config: PrepareConfig) -> DataFrame:
    """Add `drop_reason`: the first rule that rejects the document, or null. Lazy: starts no Spark job.

    A null condition does not reject: absence of a signal is no evidence against a document.

    Raises:
        ThresholdsError: the thresholds file cannot be used.
    """
    selected = F.col(s.LOCALE).isin(config.locales or sorted(LOCALES))
    conditions = [(rule.reason, rule.rejects(threshold_column)) for rule in rules_in_force(config)]
    conditions.insert(1, (LOCALE_NOT_SELECTED, ~selected))  # behind `empty`: an empty text has no locale
    # One flat CASE. As a chain of columns that each build on the last, thirty rules take the optimiser many minutes.
    (first_reason, first), *rest = conditions
    reason = F.when(first, F.lit(first_reason))
    for name, condition in rest:
        reason = reason.when(condition, F.lit(name))
    return with_thresholds(documents, config).withColumn(s.DROP_REASON, reason).drop(_THRESHOLDS)


def perplexity_bucket() -> Column:
    """head, middle or tail, as CCNet calls them, for each row of `with_thresholds`; null without a perplexity.

    The bounds are the thresholds `perplexity_head` and `perplexity_middle`; null where the locale has none.
    """
    perplexity, head, middle = (
        F.col("perplexity"),
        threshold_column("perplexity_head"),
        threshold_column("perplexity_middle"),
    )
    bucket = (
        F.when(perplexity <= head, "head")
        .when(perplexity <= middle, "middle")
        .when(perplexity > middle, "tail")
    )
    return F.when(head.isNotNull() & middle.isNotNull(), bucket)
