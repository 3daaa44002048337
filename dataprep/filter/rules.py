"""The rules: thresholds on signals, evaluated on Arrow batches of `documents/` without its text. No Spark in here.

Sources: [Gopher] Rae et al. 2021, "Scaling Language Models", appendix A.1.1; [C4] Raffel et al. 2020, section 2.2;
[FineWeb] Penedo et al. 2024, section 3.6; [FineWeb-2] Penedo et al. 2025. Where a published rule counts words, the unit
here is the word in scripts that separate words and the character in those that do not. Rules on the shape of lines
apply to written text only: subtitles are short lines by nature. The rules on language come first: what a word, a line
or a good text is depends on it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema as s
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.filter.thresholds import in_force
from dataprep.locales import LOCALES, NO_LANGUAGE, UNDETERMINED

Booleans = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.floating[Any]]

_CHARACTER_LOCALES: Final = [row.code for row in LOCALES.values() if row.unit == "char"]
_UNPUNCTUATED_LOCALES: Final = [row.code for row in LOCALES.values() if not row.terminators]
_DROP: Final = "drop"


class Rows:
    """Rows of `documents/` with the thresholds of their locales, as rules look at them.

    Null is NaN, and no comparison with NaN holds: absence of a signal is no evidence against a document, and a
    threshold that is switched off rejects nothing.
    """

    def __init__(
        self, batch: pa.RecordBatch, thresholds: Mapping[str, Numbers], place_N: npt.NDArray[np.int64]
    ) -> None:
        self._batch = batch
        self._thresholds = thresholds
        self._place_N = place_N  # of each row's locale in the thresholds

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def number(self, name: str) -> Numbers:
        """A column of numbers or booleans: 32-bit floats as they are, everything else as 64-bit floats."""
        column = self._batch.column(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        if not pa.types.is_floating(column.type):
            column = column.cast(pa.float64(), safe=False)
        values: Numbers = column.to_numpy(zero_copy_only=False)
        return values

    def threshold(self, name: str) -> Numbers:
        """The threshold of each row's locale. Ratios are 32-bit floats, like the signals.

        A signal of three in ten is a little more than the double 0.3, so the bound itself would be rejected.
        """
        values: Numbers = self._thresholds[name][self._place_N]
        return values

    def is_in(self, name: str, values: Collection[str]) -> Booleans:
        """Whether the column has one of the values; null has none."""
        found = pc.is_in(self._batch.column(name), pa.array(sorted(values), pa.string()))
        return _numpy(found)

    def is_other(self, name: str, values: Collection[str]) -> Booleans:
        """Whether the column has a value, and none of these."""
        return ~self.is_in(name, values) & _numpy(self._batch.column(name).is_valid())

    def differ(self, one: str, other: str) -> Booleans:
        """Whether two columns both have a value, and not the same."""
        differs = pc.not_equal(self._batch.column(one), self._batch.column(other))
        return _numpy(differs.fill_null(False))


def _numpy(array: pa.BooleanArray) -> Booleans:
    values: Booleans = array.to_numpy(zero_copy_only=False)
    return values


Rejects = Callable[[Rows], Booleans]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to drop a document.

    Attributes:
        reason: value of `drop_reason`.
        signal: the column it looks at; reports draw its histogram.
        threshold: the setting of `rules` it compares with; null where it compares with something else.
        rejects: which rows it rejects. Null does not reject.
        explanation: one sentence with its source.
    """

    reason: str
    signal: str
    threshold: str | None
    rejects: Rejects
    explanation: str


def _above(signal: str, threshold: str) -> Rejects:
    return lambda rows: rows.number(signal) > rows.threshold(threshold)


def _below(signal: str, threshold: str) -> Rejects:
    return lambda rows: rows.number(signal) < rows.threshold(threshold)


def _written(rejects: Rejects) -> Rejects:
    return lambda rows: rejects(rows) & rows.is_other(s.FORM, ["spoken"])


def _words(rejects: Rejects) -> Rejects:
    return lambda rows: rejects(rows) & rows.is_other(s.LOCALE, _CHARACTER_LOCALES)


def _characters(rejects: Rejects) -> Rejects:
    return lambda rows: rejects(rows) & rows.is_in(s.LOCALE, _CHARACTER_LOCALES)


def _punctuated(rejects: Rejects) -> Rejects:
    return lambda rows: rejects(rows) & rows.is_other(s.LOCALE, _UNPUNCTUATED_LOCALES)


def _found(signal: str) -> Rejects:
    return lambda rows: rows.number(signal) > 0


def _flagged(signal: str, switch: str) -> Rejects:
    return lambda rows: (rows.number(signal) == 1) & (rows.threshold(switch) == 1)


def _per_1000_characters(signal: str, threshold: str) -> Rejects:
    return lambda rows: rows.number(signal) * 1000.0 > rows.threshold(threshold) * rows.number("num_chars")


def _relative(rows: Rows) -> Booleans:
    """Whether the detected language is one that the model confuses with the declared one (`locales.Locale.close`)."""
    relative = np.zeros(len(rows), np.bool_)
    for row in LOCALES.values():
        if row.close:
            declared = rows.is_in(s.LANGUAGE, [row.code])
            if declared.any():
                relative |= declared & rows.is_in(s.DETECTED, row.close)
    return relative


def _wrong_language(rows: Rows) -> Booleans:
    other = rows.differ(s.DETECTED, s.LANGUAGE)
    other &= rows.number(s.DETECTED_SCORE) > rows.threshold("wrong_language_score")
    return other & ~_relative(rows) if other.any() else other


def _no_language(rows: Rows) -> Booleans:
    few: Booleans = rows.number("alpha_fraction") < rows.threshold("min_letter_fraction")
    return few | rows.is_in(s.DETECTED, [NO_LANGUAGE, UNDETERMINED])


def _code_mixed(rows: Rows) -> Booleans:
    mixed: Booleans = rows.number(s.CODE_MIXING) >= rows.threshold("min_code_mixing")
    dropped: Booleans = rows.threshold("code_mixed") == 1
    return mixed & dropped


# In the order of credit: the first rule to reject a document keeps it. Cheap and certain reasons come first.
RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "empty",
        "num_chars",
        None,
        lambda rows: rows.number("num_chars") == 0,
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
        _flagged("lorem_ipsum", "drop_lorem_ipsum"),
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
        _flagged("url_is_blocked", "drop_blocked_urls"),
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
        _written(_punctuated(_below("terminal_line_fraction", "min_terminal_line_fraction"))),
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
        _written(_punctuated(_below("num_sentences", "min_sentences"))),
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
RULE_REASONS: Final = frozenset(  # of RuleSet.drop_reasons
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


_BY_REASON: Final = {rule.reason: rule for rule in (*RULES, *PRIVATE_DATA_RULES.values())}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a run with their thresholds, as plain values that travel to tasks.

    Attributes:
        reasons: of the rules in force, in the order of credit.
        selected: the locales that are kept.
        places: locale → its index in the thresholds; one behind the last is for rows of no locale of the table.
        thresholds: name → value per locale, NaN where it is switched off; a switch is 1 or 0.
    """

    reasons: tuple[str, ...]
    selected: tuple[str, ...]
    places: Mapping[str, int]
    thresholds: Mapping[str, Numbers]

    @property
    def columns(self) -> list[str]:
        """The columns of `documents/` that the rules look at."""
        signals = [_BY_REASON[reason].signal for reason in self.reasons if reason in _BY_REASON]
        return list(dict.fromkeys([s.LOCALE, s.LANGUAGE, s.DETECTED, s.FORM, "num_chars", *signals]))

    def places_of(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """Place of each row's locale in the thresholds; one behind the last for no locale of the table."""
        names = batch.column(s.LOCALE).dictionary_encode()
        places = [self.places.get(name, len(self.places)) for name in names.dictionary.to_pylist()]
        codes_N = names.indices.fill_null(len(places)).to_numpy(zero_copy_only=False)
        place_N: npt.NDArray[np.int64] = np.array([*places, len(self.places)], np.int64)[codes_N]
        return place_N

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """The rows of a batch that has `columns`."""
        return Rows(batch, self.thresholds, self.places_of(batch))

    def drop_reasons(self, batch: pa.RecordBatch) -> pa.DictionaryArray:
        """The first rule that rejects each document, or null.

        Args:
            batch: rows of `documents/` with `columns`.
        """
        rows = self.rows(batch)
        reason_N = np.full(batch.num_rows, -1, np.int32)
        for number, reason in enumerate(self.reasons):
            if reason == LOCALE_NOT_SELECTED:
                rejected = rows.is_other(s.LOCALE, self.selected)
            elif self._is_off(_BY_REASON[reason]):
                continue
            else:
                rejected = _BY_REASON[reason].rejects(rows)
            reason_N[rejected & (reason_N < 0)] = number
        return pa.DictionaryArray.from_arrays(pa.array(reason_N, mask=reason_N < 0), list(self.reasons))

    def _is_off(self, rule: Rule) -> bool:
        # What a document without language is, the model says as well.
        off = rule.threshold is not None and bool(np.isnan(self.thresholds[rule.threshold]).all())
        return off and rule.reason != "no_language"

    def perplexity_buckets(self, batch: pa.RecordBatch) -> list[str | None]:
        """head, middle or tail, as CCNet calls them, of each row; null without a perplexity or bounds.

        Args:
            batch: rows with `locale` and `perplexity`.
        """
        rows = self.rows(batch)
        perplexity, head = rows.number("perplexity"), rows.threshold("perplexity_head")
        middle = rows.threshold("perplexity_middle")
        known = ~(np.isnan(perplexity) | np.isnan(head) | np.isnan(middle))
        bucket = np.where(perplexity <= head, "head", np.where(perplexity <= middle, "middle", "tail"))
        return [name if has else None for name, has in zip(bucket.tolist(), known.tolist(), strict=True)]


def rule_set(config: PrepareConfig) -> RuleSet:
    """The rules and thresholds that the settings put in force.

    Raises:
        ThresholdsError: the thresholds file cannot be used.
    """
    return _rule_set(config, {locale: found.rules for locale, found in in_force(config).items()})


def recorded_rule_set(config: PrepareConfig, recorded: Mapping[str, Any]) -> RuleSet:
    """The rules of a finished run with the thresholds it used, whatever has become of its thresholds file.

    Args:
        config: settings of the run.
        recorded: `thresholds` in the record of its fates, see `thresholds.described`. It has the locales of the run;
            all others get the defaults.

    Raises:
        ValueError: the record names a threshold that there is not, or a value out of bounds.
    """
    defaults = {row["threshold"]: row["value"] for row in recorded["defaults"]}
    differs: dict[str, dict[str, Any]] = {}
    for row in recorded["by_locale"]:
        differs.setdefault(row["locale"], {})[row["threshold"]] = row["value"]
    return _rule_set(
        config,
        {locale: RulesConfig.model_validate(defaults | differs.get(locale, {})) for locale in LOCALES},
    )


def _rule_set(config: PrepareConfig, by_locale: Mapping[str, RulesConfig]) -> RuleSet:
    thresholds: dict[str, Numbers] = {
        name: np.array(
            [_threshold_value(getattr(rules, name)) for rules in by_locale.values()] + [np.nan],
            np.float32 if field.annotation == float | None else np.float64,
        )
        for name, field in RulesConfig.model_fields.items()
    }
    reasons = [rule.reason for rule in rules_in_force(config)]
    reasons.insert(1, LOCALE_NOT_SELECTED)  # behind `empty`: an empty text has no locale
    places = {locale: place for place, locale in enumerate(by_locale)}
    return RuleSet(tuple(reasons), tuple(config.locales or sorted(LOCALES)), places, thresholds)


def _threshold_value(value: float | bool | str | None) -> float:
    if isinstance(value, str):
        return float(value == _DROP)
    return np.nan if value is None else float(value)


def evidence(
    reason: str, signals: Mapping[str, Any], rules: RulesConfig | None
) -> tuple[str | None, float | None, float | None]:
    """The signal that a rule looked at, its value for a document, and the threshold; nulls if no rule has the reason.

    Args:
        reason: of the drop.
        signals: the document's, among them that of the rule and `num_chars`.
        rules: thresholds in force in its locale; null if it has none of the table.
    """
    rule = _BY_REASON.get(reason)
    if rule is None:
        return None, None, None
    value = signals[rule.signal]
    if value is not None and rule.threshold is not None and rule.threshold.endswith("_per_1000"):
        value = value * 1000.0 / signals["num_chars"]
    bound = getattr(rules, rule.threshold) if rules and rule.threshold else None
    return rule.signal, None if value is None else float(value), None if bound is None else float(bound)
