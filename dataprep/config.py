"""Validated settings of the data pipeline. All defaults live here and nowhere else.

Settings are grouped by effect. *Algorithm* settings change the result and are part of a run's identity (their hash is
in every stage record and in the manifest). *Engine* settings (memory, partitions, how files are cut) must not change
a single byte of the shards; a test holds them to it. *Place* settings say where things are.
"""

import hashlib
import json
from math import isclose
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from dataprep.locales import LOCALES

_MEMORY = r"^[1-9]\d*[kmgtKMGT]$"  # as the JVM writes it: 4g, 512m
Format = Literal["mc4", "cc100", "wikipedia", "opensubtitles", "jsonl", "parquet", "utterances"]


class StrictConfig(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(StrictConfig):
    """One corpus: where its files are and how they are read."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="name in ledger, report and shards")
    format: Format = Field(description="input format")
    paths: list[str] = Field(
        min_length=1, description="files or glob patterns (** works), relative to input_root"
    )
    language: str | None = Field(
        default=None, description="declared language of every file; null: taken from each file's name"
    )
    priority: int = Field(
        default=1,
        ge=0,
        le=127,
        description="of two duplicates, the source with the lower number keeps its copy",
    )
    line_dedup: bool = Field(
        default=False, description="remove lines that this source shares across documents; see `line_dedup`"
    )
    spoken_form: bool = Field(
        default=False,
        description="numbers as words, lower case, no punctuation; see annotate/spoken_form.py. Utterances always are",
    )


Policy = Literal["replace", "keep", "drop"]


class PrivateDataConfig(StrictConfig):
    """What becomes of each kind of private data; null: what `normalise.private_data` says."""

    email: Policy | None = Field(default=None, description="e-mail addresses")
    ip_address: Policy | None = Field(default=None, description="IP addresses, versions 4 and 6")
    phone_number: Policy | None = Field(default=None, description="telephone numbers")
    iban: Policy | None = Field(default=None, description="bank accounts")
    payment_card: Policy | None = Field(default=None, description="credit and debit cards")
    national_id: Policy | None = Field(default=None, description="identity numbers of persons")


class NormaliseConfig(StrictConfig):
    """What the text is brought to before anything is measured."""

    repair_mojibake: bool = Field(
        default=True, description="undo UTF-8 that was read as a one-byte code page (ftfy)"
    )
    private_data: Policy = Field(
        default="replace",
        description="a placeholder for it, as it is, or the document is dropped; counted in any case",
    )
    private_data_by_kind: PrivateDataConfig = Field(
        default=PrivateDataConfig(), description="kinds for which something else holds"
    )

    def private_data_with(self, policy: Policy) -> list[str]:
        """The kinds of private data with this policy, in the order of the fields."""
        changed = self.private_data_by_kind.model_dump()
        return [kind for kind, own in changed.items() if (own or self.private_data) == policy]


class LanguageIdConfig(StrictConfig):
    """fastText language identification."""

    model: str | None = Field(
        default=None, description="path of a fastText model; null: lid.176.ftz, built in"
    )
    max_bytes: int = Field(default=1200, ge=100, description="UTF-8 bytes of a document shown to the model")
    prior_correction: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="how far the frequency of languages in the model's training data is taken back; 0: not at all",
    )
    restrict_to: list[str] | None = Field(
        default=None,
        min_length=1,
        description="languages that may be detected; all others become one class, mis. null: every label",
    )

    @field_validator("restrict_to")
    @classmethod
    def _known_languages(cls, languages: list[str] | None) -> list[str] | None:
        unknown = sorted(set(languages or ()) - set(LOCALES))
        if unknown:
            raise ValueError(f"unknown locale(s) {', '.join(unknown)}; known: {' '.join(LOCALES)}")
        return languages and sorted(set(languages))


class ListsConfig(StrictConfig):
    """Files that some signals are measured with. A path may hold `{locale}`: each locale has the file that is there."""

    words: str | dict[str, str] | None = Field(
        default=None,
        description="words and phrases, one a line: a path with {locale}, or paths by locale; null: none",
    )
    urls: list[str] = Field(
        default_factory=list,
        description="block lists: domains (subdomains are meant too) and URLs, one a line; see annotate/block_lists.py",
    )
    perplexity: str | dict[str, str] | None = Field(
        default=None,
        description="KenLM models, ARPA or binary: a path with {locale}, or paths by locale; null: none",
    )
    perplexity_pieces: str | dict[str, str] | None = Field(
        default=None,
        description="SentencePiece models that cut text for them; null: white space does",
    )
    perplexity_normalisation: Literal["ccnet", "none"] = Field(
        default="ccnet",
        description="ccnet: lower case, digits as 0, ASCII punctuation, no accents, as CCNet's models expect it",
    )


class RulesConfig(StrictConfig):
    """Thresholds on signals. A null threshold switches its rule off; bounds are inclusive: the bound itself is kept.

    The paper and section of each rule stand beside it in `filter/rules.py`.
    """

    min_letter_fraction: float | None = Field(
        default=0.2,
        ge=0,
        le=1,
        description="letters per visible character; fewer are a text without language",
    )
    min_language_score: float | None = Field(default=0.4, ge=0, le=1)
    min_script_fraction: float | None = Field(
        default=0.5, ge=0, le=1, description="letters in a script that the language is written in"
    )
    max_foreign_letter_fraction: float | None = Field(
        default=0.03, ge=0, le=1, description="letters that the language's alphabet does not have"
    )
    min_line_language_fraction: float | None = Field(
        default=0.5, ge=0, le=1, description="lines, by bytes, in the document's language"
    )
    code_mixed: Literal["keep", "drop"] = Field(
        default="keep", description="documents that mix two languages or scripts within lines"
    )
    min_code_mixing: float | None = Field(
        default=0.2, ge=0, le=0.5, description="code-mixing index from which a document counts as mixed"
    )
    wrong_language_score: float | None = Field(
        default=0.5,
        ge=0,
        le=1,
        description="drop when another language than the declared one scores more",
    )
    min_words: int | None = Field(default=20, ge=0, description="words, where the script separates words")
    max_words: int | None = Field(default=100_000, ge=1)
    min_characters: int | None = Field(
        default=40, ge=0, description="characters, in Han, Kana, Thai and the like"
    )
    max_characters: int | None = Field(default=400_000, ge=1)
    min_mean_word_length: float | None = Field(default=1.5, ge=0)
    max_mean_word_length: float | None = Field(default=18, ge=0)
    min_alpha_fraction: float | None = Field(default=0.6, ge=0, le=1)
    max_symbol_to_word_ratio: float | None = Field(default=0.1, ge=0)
    max_bullet_line_fraction: float | None = Field(default=0.9, ge=0, le=1)
    max_ellipsis_line_fraction: float | None = Field(default=0.3, ge=0, le=1)
    min_terminal_line_fraction: float | None = Field(
        default=0.12, ge=0, le=1, description="written form only"
    )
    max_short_line_fraction: float | None = Field(default=0.67, ge=0, le=1, description="written form only")
    max_newline_ratio: float | None = Field(default=0.3, ge=0, le=1, description="written form only")
    max_duplicate_line_fraction: float | None = Field(default=0.3, ge=0, le=1)
    max_duplicate_line_char_fraction: float | None = Field(default=0.2, ge=0, le=1)
    max_top_2gram_fraction: float | None = Field(default=0.20, ge=0, le=1)
    max_top_3gram_fraction: float | None = Field(default=0.18, ge=0, le=1)
    max_top_4gram_fraction: float | None = Field(default=0.16, ge=0, le=1)
    max_duplicate_5gram_fraction: float | None = Field(default=0.15, ge=0, le=1)
    max_duplicate_6gram_fraction: float | None = Field(default=0.14, ge=0, le=1)
    max_duplicate_7gram_fraction: float | None = Field(default=0.13, ge=0, le=1)
    max_duplicate_8gram_fraction: float | None = Field(default=0.12, ge=0, le=1)
    max_duplicate_9gram_fraction: float | None = Field(default=0.11, ge=0, le=1)
    max_duplicate_10gram_fraction: float | None = Field(default=0.10, ge=0, le=1)
    max_curly_braces_per_1000: float | None = Field(default=2.0, ge=0)
    max_replacement_characters_per_1000: float | None = Field(default=1.0, ge=0)
    drop_lorem_ipsum: bool = True
    min_alpha_word_fraction: float | None = Field(default=0.8, ge=0, le=1)
    min_stop_words: int | None = Field(
        default=2, ge=0, description="different stop words, where the thresholds file has a list"
    )
    min_stop_word_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_word_length: int | None = Field(default=1000, ge=1, description="characters of the longest word")
    max_digit_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_punctuation_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_symbol_fraction: float | None = Field(default=None, ge=0, le=1)
    max_upper_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_mojibake_fraction: float | None = Field(default=None, ge=0, le=1)
    max_url_fraction: float | None = Field(default=None, ge=0, le=1)
    max_list_line_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_few_word_line_fraction: float | None = Field(
        default=None, ge=0, le=1, description="written form only"
    )
    max_policy_line_fraction: float | None = Field(default=None, ge=0, le=1, description="written form only")
    max_duplicate_paragraph_fraction: float | None = Field(default=0.3, ge=0, le=1)
    max_duplicate_paragraph_char_fraction: float | None = Field(default=0.2, ge=0, le=1)
    min_sentences: int | None = Field(default=None, ge=0, description="written form only; C4: 3")
    min_long_lines: int | None = Field(
        default=None, ge=0, description="lines of 200 characters, written form only; mC4: 3"
    )
    max_listed_words: int | None = Field(
        default=0, ge=0, description="of `lists.words`, where the locale has a list; C4: 0"
    )
    drop_blocked_urls: bool = True
    max_perplexity: float | None = Field(
        default=None,
        ge=0,
        description="where the locale has a model; CCNet: the head's or the middle's bound",
    )
    perplexity_head: float | None = Field(
        default=None, ge=0, description="up to it a document counts as head; drops nothing"
    )
    perplexity_middle: float | None = Field(
        default=None, ge=0, description="up to it as middle, above as tail; drops nothing"
    )


class DedupPreset(NamedTuple):
    """What a preset of near-duplicate removal stands for; each value can still be set by itself."""

    num_bands: int
    rows_per_band: int
    verify: bool
    slice_fraction: float


PRESETS: Final = {
    # Finds 98 % of pairs at J = 0.8 and removes what exact similarity confirms.
    "default": DedupPreset(20, 8, verify=True, slice_fraction=1.0),
    # As FineWeb (Penedo et al., 2024, section 3.4) and datatrove: whole connected components go, unverified.
    "fineweb": DedupPreset(14, 8, verify=False, slice_fraction=1.0),
    # Nearly every pair from J = 0.7 on, on a tenth of the documents: what the others' recall is measured with.
    "audit": DedupPreset(32, 4, verify=True, slice_fraction=0.1),
}


MAX_HASHES: Final = 2047  # per signature; kernels.sketch.MAX_BINS


class NearDedupConfig(StrictConfig):
    """MinHash-LSH with exact verification. Fields that a preset sets are given here only to differ from it."""

    preset: Literal["default", "fineweb", "audit"] = Field(
        default="default", description="sets num_bands, rows_per_band, verify and slice_fraction"
    )
    num_bands: int = Field(
        default=20, ge=1, le=256, description="LSH bands; more bands, more candidate pairs"
    )
    rows_per_band: int = Field(
        default=8, ge=1, le=64, description="hashes per band; more rows, fewer candidates"
    )
    verify: bool = Field(
        default=True,
        description="remove only what is verified against the document that stays; false: whole components",
    )
    slice_fraction: float = Field(
        default=1.0, gt=0, le=1, description="share of texts that are compared at all, chosen by their hash"
    )
    min_jaccard: float = Field(
        default=0.8, gt=0, le=1, description="exact Jaccard from which a pair is a duplicate"
    )
    min_containment: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of a document's shingles that the kept one must have to make it a duplicate; null: off",
    )
    max_bucket_size: int = Field(
        default=100_000,
        ge=2,
        description="documents of one LSH bucket that are compared; the rest is listed in the report",
    )
    signature: Literal["fss", "datasketch"] = Field(
        default="fss", description="Fast Similarity Sketching, or MinHash objects of the datasketch library"
    )
    seed: int = Field(default=1, ge=0, description="seed of the hash family")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:  # noqa: ANN401 (whatever the file holds; validated after)
        """Fill in what the preset says and the file does not."""
        if not isinstance(values, dict):
            return values
        preset = PRESETS.get(values.get("preset", "default"))
        return {**preset._asdict(), **values} if preset else values

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.num_bands * self.rows_per_band > MAX_HASHES:
            raise ValueError(f"num_bands times rows_per_band must be at most {MAX_HASHES}")
        if self.signature == "datasketch" and self.seed >= 1 << 32:
            raise ValueError("the seed of signature: datasketch must be below 2**32")
        return self


class LineDedupConfig(StrictConfig):
    """Boilerplate: lines that occur in several documents (CCNet, Wenzek et al. 2020, section 3).

    Only documents of sources with `line_dedup: true` that passed the rules and are no duplicates are looked at. A line
    stays in the document that the keep rule prefers, and goes from the others. docs/LOG.md says why 20 characters.
    """

    min_documents: int = Field(
        default=2, ge=2, description="a line in so many documents is boilerplate; CCNet: 2"
    )
    min_line_characters: int = Field(
        default=20,
        ge=1,
        description="length of the normalised line; shorter ones (headings, answers) agree by chance and stay",
    )
    min_words_left: int | None = Field(
        default=20,
        ge=1,
        description="a document left with fewer words goes; null: only one left with nothing",
    )
    min_characters_left: int | None = Field(
        default=40, ge=1, description="the same in characters, in Han, Kana, Thai and the like"
    )


class ContaminationRules(StrictConfig):
    """Thresholds on the matches of a document with the items of an evaluation set; see filter/decontaminate.py.

    Lengths are in words; two characters of Han or Kana, or three of Thai, Lao, Khmer or Burmese, count as a word.
    docs/results/decontamination.md says what the defaults find.
    """

    min_item_coverage: float = Field(
        default=0.5, ge=0, le=1, description="share of an item that a document must have to go"
    )
    long_match_words: int | None = Field(
        default=50, ge=1, description="a passage of so many words counts whatever its share; null: never"
    )
    min_match_words: int | None = Field(
        default=None,
        ge=1,
        description="shorter passages do not count (shorter items: whole); null: all found do",
    )
    min_item_words: int = Field(
        default=8,
        ge=1,
        description="shorter items do not condemn by themselves; least n of Brown et al. 2020, appendix C",
    )
    max_documents: int | None = Field(
        default=10,
        ge=1,
        description="what more documents share is common knowledge or boilerplate (Brown et al. 2020); null: never",
    )
    min_document_coverage: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="a document that consists of items by this share goes, however short or common they are",
    )


class EvaluationSetConfig(StrictConfig):
    """One evaluation set: where its items are, and how they are read."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="name in tables, manifest and report")
    paths: list[str] = Field(
        min_length=1, description="files or glob patterns, relative to input_root; .gz .zst .xz .bz2 too"
    )
    fields: list[str] = Field(
        default_factory=list,
        description="what of a record is an item: a key, a path as in data[].paragraphs[].context, a column, or its "
        "number, from 1, where a table has no header; none for txt, whose lines are the items",
    )
    format: Literal["jsonl", "json", "tsv", "csv", "txt", "parquet"] | None = Field(
        default=None, description="null: from the file names"
    )
    rules: dict[str, float | None] = Field(
        default_factory=dict, description="thresholds that differ from `decontaminate.rules`"
    )


class DecontaminateConfig(StrictConfig):
    """Documents that hold items of evaluation sets go; off without a set."""

    sets: list[EvaluationSetConfig] = Field(default_factory=list)
    ngram: int = Field(
        default=13,
        ge=5,
        description="words that a passage and an item must share to be a match at all, in runs of five or more "
        "(Brown et al. 2020, appendix C: 13 in a row); shorter items are found whole",
    )
    rules: ContaminationRules = ContaminationRules()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [each.name for each in self.sets]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two sets are called {', '.join(repeated)}; names must be unique")
        for each in self.sets:
            self.rules_for(each)
        return self

    def rules_for(self, evaluation_set: EvaluationSetConfig) -> ContaminationRules:
        """The thresholds in force for one set."""
        return ContaminationRules.model_validate({**self.rules.model_dump(), **evaluation_set.rules})


class QuotaConfig(StrictConfig):
    """Bounds on what is drawn of a locale or of a source."""

    min_share: float | None = Field(default=None, gt=0, le=1, description="of all tokens drawn, at least")
    max_share: float | None = Field(default=None, gt=0, le=1, description="of all tokens drawn, at most")
    min_repeats: float | None = Field(default=None, gt=0, description="every document is drawn so often")
    max_repeats: float | None = Field(
        default=None, gt=0, description="no document is drawn more often; instead of balance.max_repeats"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for what in ("share", "repeats"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{what} {low:g} is above max_{what} {high:g}; make it at most that")
        return self


class FormQuotaConfig(StrictConfig):
    """Bounds on the share of spoken or of written text."""

    min_share: float | None = Field(default=None, gt=0, lt=1)
    max_share: float | None = Field(default=None, gt=0, lt=1)
    within: Literal["locale", "total"] = Field(
        default="locale", description="locale: share of the locale's tokens, where it has both forms"
    )
    locales: list[str] | None = Field(
        default=None, description="within locale: where it holds; null: in every locale that has both forms"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_share is not None and self.max_share is not None and self.min_share > self.max_share:
            raise ValueError(
                f"min_share {self.min_share:g} is above max_share {self.max_share:g}; make it at most that"
            )
        if self.locales is not None and self.within != "locale":
            raise ValueError("locales only goes with within: locale")
        return self


class PhaseConfig(StrictConfig):
    """A stretch of training with an exponent of its own, as in mmBERT (Marone et al. 2025: 0.7, 0.5, 0.3)."""

    share: float | None = Field(default=None, gt=0, le=1, description="share of the budget")
    tokens: int | None = Field(default=None, ge=1, description="instead of share: tokens of the phase")
    alpha: float = Field(ge=0, le=1, description="exponent of the temperature, at the beginning of the phase")
    alpha_end: float | None = Field(
        default=None, ge=0, le=1, description="exponent at its end; null: as at the beginning"
    )
    curve: Literal["linear", "cosine"] = Field(
        default="linear", description="how the exponent gets from one to the other"
    )
    steps: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="steps of equal length and constant shares that follow the curve",
    )
    locales: list[str] | None = Field(
        default=None, description="locales that are drawn in the phase; null: all of them"
    )

    @model_validator(mode="after")
    def _length(self) -> Self:
        if (self.share is None) == (self.tokens is None):
            raise ValueError("a phase has either share or tokens; give one of them")
        return self


class BalanceConfig(StrictConfig):
    """What share of training each locale, source and form gets; shards/balance.py says how."""

    method: Literal["temperature", "unimax", "natural", "uniform", "fixed"] = Field(
        default="temperature",
        description="shares of the locales: ∝ tokens**alpha; equal, up to max_repeats (UniMax); as they are; equal; "
        "as in shares",
    )
    alpha: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="exponent of the temperature; 1 keeps the natural shares. The tokeniser's sample follows it with "
        "every method",
    )
    shares: dict[str, float] = Field(default_factory=dict, description="method fixed: share of every locale")
    budget_tokens: int | None = Field(
        default=None, ge=1, description="tokens to be drawn in training; null: as many as the train split has"
    )
    max_repeats: float | None = Field(
        default=None, gt=0, description="no document is drawn more often; null: no bound"
    )
    locales: dict[str, QuotaConfig] = Field(default_factory=dict, description="bounds per locale")
    sources: dict[str, QuotaConfig] = Field(default_factory=dict, description="bounds per source")
    forms: dict[Literal["written", "spoken"], FormQuotaConfig] = Field(
        default_factory=dict, description="bounds per form"
    )
    phases: list[PhaseConfig] = Field(
        default_factory=list,
        description="method temperature: exponents one after the other, instead of alpha",
    )
    duplicates: Literal["ignore", "rehydrate"] = Field(
        default="ignore",
        description="rehydrate: within a locale, documents that had duplicates are drawn more often",
    )
    duplicate_weights: dict[int, Annotated[float, Field(gt=0, le=10)]] = Field(
        default={1: 1.0, 3: 2.0, 9: 3.0, 129: 1.0},
        description="rehydrate: weight from so many copies on (1, 2, 3, 5, 9, 17, …: twice the last, less one)",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "unimax" and self.max_repeats is None:
            raise ValueError(
                "method unimax needs max_repeats: how often a document may be drawn, for example 4"
            )
        if (self.method == "fixed") != bool(self.shares):
            raise ValueError(
                "method fixed needs shares, the share of every locale, and only that method has them"
            )
        if self.shares and (min(self.shares.values()) < 0 or not isclose(sum(self.shares.values()), 1)):
            raise ValueError(
                f"shares must add up to 1, none below 0; they add up to {sum(self.shares.values()):g}"
            )
        for name, quotas in (("locales", self.locales), ("sources", self.sources)):
            least = sum(quota.min_share or 0 for quota in quotas.values())
            if least > 1 + 1e-9:
                raise ValueError(f"min_share of {name} add up to {least:g}; lower them to 1 together")
        wrong = [start for start in self.duplicate_weights if start != 1 and (start - 1).bit_count() != 1]
        if wrong or 1 not in self.duplicate_weights:
            raise ValueError(
                "duplicate_weights must start at 1 and go on at sizes of the series 2, 3, 5, 9, 17, …, in which the "
                f"shards count them; {wrong[0] if wrong else 1} is {'none' if wrong else 'missing'}"
            )
        return self

    @model_validator(mode="after")
    def _phases(self) -> Self:
        if not self.phases:
            return self
        if self.method != "temperature":
            raise ValueError(f"phases are exponents of method temperature; method {self.method} has none")
        tokens = [phase.tokens for phase in self.phases if phase.tokens is not None]
        if tokens and len(tokens) < len(self.phases):
            raise ValueError("some phases have tokens and some a share; give all of them the same")
        if tokens and self.budget_tokens not in (None, sum(tokens)):
            raise ValueError(
                f"the phases have {sum(tokens):,} tokens, but budget_tokens is {self.budget_tokens:,}; leave that out"
            )
        shares = sum(phase.share or 0 for phase in self.phases)
        if not tokens and not isclose(shares, 1):
            raise ValueError(f"the shares of the phases must add up to 1; they add up to {shares:g}")
        return self


class TokenizerConfig(StrictConfig):
    """SentencePiece unigram with byte fallback, trained here or given."""

    model: str | None = Field(
        default=None, description="path of an existing SentencePiece model; null: train one"
    )
    vocab_size: int = Field(
        default=32_000, ge=400, description="upper bound; small corpora may give fewer pieces"
    )
    sample_bytes: int = Field(default=50_000_000, ge=10_000, description="UTF-8 bytes of text to train on")
    character_coverage: float = Field(
        default=0.9999, ge=0.98, le=1, description="the rest is spelled in bytes"
    )
    num_sentinels: int = Field(default=100, ge=0, description="<extra_id_N> pieces for span corruption")
    seed: int = Field(default=1, ge=0, description="seed of the sample")


class ShardsConfig(StrictConfig):
    """Parquet shards."""

    validation_fraction: float = Field(default=0.01, ge=0, lt=1)
    shard_bytes: int = Field(
        default=256_000_000, ge=10_000, description="target UTF-8 bytes of text per shard"
    )
    row_group_rows: int = Field(default=2_000, ge=1)


class EngineConfig(StrictConfig):
    """How the work is run. Nothing here may change a result."""

    driver_memory: str = Field(
        default="4g",
        pattern=_MEMORY,
        description="heap of the Spark driver (and, in local mode, of the tasks)",
    )
    executor_memory: str = Field(
        default="4g", pattern=_MEMORY, description="heap of each executor on a cluster"
    )
    split_bytes: int = Field(
        default=32_000_000, ge=1_000, description="input bytes that one reading task gets"
    )
    precut_above_bytes: int = Field(
        default=256_000_000,
        ge=1_000,
        description="larger files that cannot be split are cut into chunks first",
    )
    precut_chunk_bytes: int = Field(default=128_000_000, ge=1_000, description="decompressed bytes per chunk")
    shuffle_partitions: int | None = Field(default=None, ge=1, description="null: four per core")
    batch_bytes: int = Field(
        default=4_000_000, ge=1_000, description="text per Arrow batch of the annotation pass"
    )
    local_processes: bool = Field(
        default=True,
        description="on one machine, do without Spark what needs none; false: Spark runs every task",
    )
    local_components_edges: int = Field(
        default=1_000_000, ge=0, description="up to so many pairs and copies one task settles all clusters"
    )
    spark: dict[str, str] = Field(default_factory=dict, description="further spark.* settings, as they are")


class ReportConfig(StrictConfig):
    """When the report raises an alarm, and what it counts as cost. Nothing here changes what a run keeps."""

    max_lost_fraction: float = Field(
        default=0.5, ge=0, le=1, description="records that a source or locale may lose"
    )
    max_cluster_fraction: float = Field(
        default=0.02, ge=0, le=1, description="of the documents compared, in one group of duplicates"
    )
    min_precision: float = Field(
        default=0.99,
        ge=0,
        le=1,
        description="of near-duplicate removals; verified ones must all be right",
    )
    max_quarantined_fraction: float = Field(
        default=0.05, ge=0, le=1, description="records of a source that cannot be read"
    )
    min_documents: int = Field(
        default=100, ge=1, description="smaller sources, locales and runs raise no alarm"
    )
    fail_on_alarm: bool = Field(default=False, description="`make prepare` ends with exit code 4")
    price_per_core_hour: float | None = Field(
        default=None, ge=0, description="in any currency; the report then says what the run cost"
    )


class PrepareConfig(StrictConfig):
    """One run of the data pipeline."""

    run_dir: str = Field(min_length=1, description="the run folder; created if missing")
    input_root: str = Field(default=".", description="folder that relative paths of sources start from")
    sources: list[SourceConfig] = Field(min_length=1)
    locales: list[str] | None = Field(
        default=None, description="locales to keep; null: every locale of the table"
    )
    measure: Literal["all", "dedup"] = Field(
        default="all",
        description="dedup: only content hashes and signatures, for `make dedup` alone: no languages, no rules",
    )
    dedup_index: str | None = Field(
        default=None, description="signature index that the run is deduplicated against and added to"
    )
    normalise: NormaliseConfig = NormaliseConfig()
    language_id: LanguageIdConfig = LanguageIdConfig()
    lists: ListsConfig = ListsConfig()
    thresholds: str = Field(
        default="builtin",
        min_length=1,
        description="thresholds and stop words per locale: builtin, none, or a file that `make calibrate` made; what "
        "rules and rules_by_locale say comes before it",
    )
    # What is said here, null included, comes before the thresholds file; the defaults of the rest come after it.
    rules: RulesConfig = RulesConfig()
    rules_by_locale: dict[str, dict[str, float | bool | str | None]] = Field(
        default_factory=dict, description="per locale, thresholds that differ from `rules`"
    )
    near_dedup: NearDedupConfig = NearDedupConfig()
    line_dedup: LineDedupConfig = LineDedupConfig()
    decontaminate: DecontaminateConfig = DecontaminateConfig()
    balance: BalanceConfig = BalanceConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    shards: ShardsConfig = ShardsConfig()
    report: ReportConfig = ReportConfig()
    engine: EngineConfig = EngineConfig()
    removals: list[str] = Field(
        default_factory=list,
        description="files that list documents to remove; see removals/requests.py. The run folder's own tombstones "
        "count without being named",
    )

    @field_validator("locales")
    @classmethod
    def _known_locales(cls, locales: list[str] | None) -> list[str] | None:
        if locales is None:
            return None
        if not locales:
            raise ValueError("the list is empty; name at least one locale or leave the key out")
        unknown = sorted(set(locales) - set(LOCALES))
        if unknown:
            raise ValueError(f"unknown locale(s) {', '.join(unknown)}; known: {' '.join(LOCALES)}")
        return sorted(set(locales))

    @field_serializer("rules")
    def _said_rules(self, rules: RulesConfig) -> dict[str, Any]:
        """Only what is said: a default that were written down would be the user's word when it is read again."""
        return rules.model_dump(exclude_unset=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source.name for source in self.sources]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two sources are called {', '.join(repeated)}; names must be unique")
        private = sorted(source.name for source in self.sources if source.format == "utterances")
        if private:
            raise ValueError(
                f"format utterances ({', '.join(private)}) has a job of its own, which hides who said what: "
                "make utterances CONFIG=…"
            )
        for locale, thresholds in self.rules_by_locale.items():
            if locale not in LOCALES:
                raise ValueError(f"rules_by_locale names the unknown locale {locale}")
            # Validated as a whole set of rules, so that a wrong key or value is found here, not on an executor.
            self.rules_for(locale, thresholds)
        self._check_balance(names)
        return self

    def _check_balance(self, sources: list[str]) -> None:
        """Make sure that what the balance is told of exists."""
        balance, known = self.balance, self.locales or list(LOCALES)
        of_forms = [name for form in balance.forms.values() for name in form.locales or []]
        of_phases = [name for phase in balance.phases for name in phase.locales or []]
        for key, named, there in (
            ("locales", balance.locales, known),
            ("sources", balance.sources, sources),
            ("shares", balance.shares, known),
            ("forms", of_forms, known),
            ("phases", of_phases, known),
        ):
            if unknown := sorted(set(named) - set(there)):
                raise ValueError(
                    f"balance.{key} names {', '.join(unknown)}, but the run has only {' '.join(there)}"
                )

    def rules_for(
        self, locale: str, thresholds: dict[str, float | bool | str | None] | None = None
    ) -> RulesConfig:
        """The thresholds in force for one locale."""
        changed = self.rules_by_locale.get(locale, {}) if thresholds is None else thresholds
        return RulesConfig.model_validate({**self.rules.model_dump(), **changed})

    def algorithm(self, *keys: str) -> dict[str, Any]:
        """The named algorithm settings as plain JSON values: what a stage's hash is made of."""
        dumped: dict[str, Any] = self.model_dump(mode="json", include=set(keys))
        return dumped


class CalibrationConfig(StrictConfig):
    """How `make calibrate` computes thresholds. Counts are documents per locale."""

    output: str | None = Field(
        default=None, description="thresholds file to write; null: thresholds.json in the run folder"
    )
    documents: int = Field(
        default=5_000, ge=10, description="documents looked at, those with the smallest content hashes"
    )
    tail: float = Field(
        default=0.0005, gt=0, lt=0.5, description="share of good documents that one threshold may cost"
    )
    location_weight: float = Field(
        default=10, gt=0, description="documents of its own at which a locale's centre and spread count half"
    )
    tail_weight: float = Field(
        default=200, gt=0, description="documents of its own at which a locale's own tail counts half"
    )
    stop_words: int = Field(default=48, ge=2, le=64, description="length of a list of stop words")
    stop_word_documents: int = Field(
        default=500, ge=10, description="documents per source they are taken from"
    )
    stop_word_rule_documents: int = Field(
        default=100, ge=0, description="written documents from which on the rules on stop words reject"
    )
    min_stop_word_share: float = Field(
        default=0.1, gt=0, le=1, description="share of the documents of a source that must have a stop word"
    )


class CalibrateConfig(PrepareConfig):
    """Reference corpora, and how thresholds are computed from them."""

    calibration: CalibrationConfig = CalibrationConfig()


class KeepDecision(StrictConfig):
    """What a reviewer overturns."""

    ids: list[str] = Field(default_factory=list, description="ids of dropped documents that are to be kept")
    by: str = Field(default="", description="who wants it")
    reason: str = Field(default="", description="why")


class KeepConfig(PrepareConfig):
    """A run, and dropped documents of it that are to be kept."""

    keep: KeepDecision = KeepDecision()


def settings_sha256(settings: object) -> str:
    """Hex SHA-256 of JSON-able settings, independent of key order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
