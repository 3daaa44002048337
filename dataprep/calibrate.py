"""Thresholds and stop words per locale, computed from documents that are known to be good. No Spark in here.

Reference documents are annotated as all others are; this module looks at their signals. For a threshold that rejects
what lies above it (one that rejects below is the same with the sign turned), a locale's value rests on

- its centre m and its spread u: median, and distance from the median to the ninth decile, of its own documents, each
  shrunk towards the values of all locales with the same kind of unit: with n documents, (n·own + k·all) / (n + k);
- the tail of all locales together: the quantile z of (x - m) / u at 1 - tail over the documents of all of them, no
  locale counting more than another by its size;
- its own quantile q at 1 - tail (with few documents: the largest value), with w = n / (n + l):

      threshold = w·q + (1 - w)·(m + u·z)

kept within the guards below. So a locale with thousands of documents has its own percentile (FineWeb-2, Penedo et al.
2025, takes quantiles of each language's Wikipedia), one with ten the shape of all and a place of its own, one with none
what all have.

**Stop words** are a locale's most frequent words (in scripts without spaces: characters, in Thai, Lao, Khmer and
Myanmar pairs of them), by the geometric mean of their frequency in the sources: what only one source is about does not
count. Where the written documents are few, they are of one kind, and so are their words: then stop words are counted,
but reject nothing.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.arrow_pass import of_locale
from dataprep.annotate.lists import Lists, kernel_lists, list_number
from dataprep.config import CalibrationConfig, RulesConfig
from dataprep.filter.thresholds import SCHEMA_VERSION, OfLocale, ThresholdsFile
from dataprep.kernels import fused
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.signals import SIGNALS
from dataprep.kernels.unicode_tables import CLASS_MASK, LETTER, MARK, NUMBER, tables
from dataprep.kernels.word_lists import unit_hashes
from dataprep.locales import LOCALES

Floats = npt.NDArray[np.float64]

_SOUTH_EAST_ASIAN: Final = frozenset({"Thai", "Laoo", "Khmr", "Mymr"})  # ISO 15924
_MIN_SOURCE_DOCUMENTS: Final = 2  # of a source that has a say in a locale's stop words
_LEAST_FREQUENCY: Final = 1e-4  # of a word in a source that lacks it
_MAX_WEIGHT_DOCUMENTS: Final = 50  # of a locale that count in the tail of all
_MIN_SPREAD: Final = 0.25  # of the spread of all locales
_LEAST_SPREAD: Final = 1e-3  # where hardly a document has any of what is measured
_DIGITS: Final = 3  # significant ones of a threshold
_BATCH_BYTES: Final = 4_000_000
_DECILE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How one threshold is computed.

    Attributes:
        threshold: its name in `rules`; `max_…` rejects above, `min_…` below.
        signal: what it is compared with.
        tightest: it never becomes stricter than this: a reference corpus is narrower than good text.
        loosest: it never becomes more lenient than this.
        written: whether its rule looks at written text only.
        units: `word` or `char` where its rule looks at such locales only, else empty.
        log: whether its values are compared as ratios, which is what a share that differs much between languages needs.
    """

    threshold: str
    signal: str
    tightest: float
    loosest: float
    written: bool = False
    units: str = ""
    log: bool = False

    @property
    def sign(self) -> int:
        """1 where large values are rejected, -1 where small ones are."""
        return 1 if self.threshold.startswith("max_") else -1


# Published thresholds of rules for written and spoken text only become looser, and those on repeated n-grams at once by
# half: one story in forty repeats what somebody said; those on the shape of written lines and
# those that nobody published may become stricter, down to what still suits lists of results, recipes and verse.
CALIBRATED: Final = (
    Calibrated("min_language_score", s.LID_SCORE, 0.5, 0.4),
    Calibrated("min_line_language_fraction", s.LINE_LANGUAGE_FRACTION, 0.5, 0.2),
    Calibrated("min_mean_word_length", "mean_word_length", 2.0, 1.2, units="word"),
    Calibrated("max_mean_word_length", "mean_word_length", 9.0, 30.0, units="word"),
    Calibrated("min_alpha_fraction", "alpha_fraction", 0.7, 0.4),
    Calibrated("min_alpha_word_fraction", "alpha_unit_fraction", 0.8, 0.5),
    Calibrated("max_symbol_to_word_ratio", "symbol_to_word_ratio", 0.1, 0.4),
    Calibrated("max_bullet_line_fraction", "bullet_line_fraction", 0.6, 0.9, written=True),
    Calibrated("max_ellipsis_line_fraction", "ellipsis_line_fraction", 0.2, 0.4, written=True),
    Calibrated("min_terminal_line_fraction", "terminal_line_fraction", 0.12, 0.05, written=True),
    Calibrated("max_short_line_fraction", "short_line_fraction", 0.6, 0.95, written=True, units="word"),
    Calibrated("max_newline_ratio", "newline_ratio", 0.035, 0.3, written=True),
    Calibrated("max_duplicate_line_fraction", "duplicate_line_fraction", 0.3, 0.4, written=True),
    Calibrated("max_duplicate_line_char_fraction", "duplicate_line_char_fraction", 0.1, 0.3, written=True),
    Calibrated("max_duplicate_paragraph_fraction", "duplicate_paragraph_fraction", 0.3, 0.4, written=True),
    Calibrated(
        "max_duplicate_paragraph_char_fraction", "duplicate_paragraph_char_fraction", 0.1, 0.3, written=True
    ),
    *(
        Calibrated(f"max_top_{n}gram_fraction", f"top_{n}gram_char_fraction", published, 1.5 * published)
        for n, published in ((2, 0.20), (3, 0.18), (4, 0.16))
    ),
    *(
        Calibrated(
            f"max_duplicate_{n}gram_fraction",
            f"duplicate_{n}gram_char_fraction",
            1.5 * published,
            3 * published,
            units="word",
        )
        for n, published in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.10), strict=True)
    ),
    # Where characters are units, runs of ten are compared with this threshold.
    Calibrated("max_duplicate_5gram_fraction", "duplicate_10gram_char_fraction", 0.15, 0.3, units="char"),
    Calibrated("min_stop_words", "num_stop_words", 2, 0, log=True),
    Calibrated("min_stop_word_fraction", "stop_word_fraction", 1.0, 0.0, written=True, log=True),
    Calibrated("max_digit_fraction", "digit_fraction", 0.15, 0.4, written=True),
    Calibrated("max_punctuation_fraction", "punctuation_fraction", 0.08, 0.2, written=True),
    Calibrated("max_symbol_fraction", "symbol_fraction", 0.04, 0.2),
    Calibrated("max_upper_fraction", "upper_fraction", 0.25, 0.8, written=True),
    Calibrated("max_mojibake_fraction", "mojibake_fraction", 0.002, 0.02),
    Calibrated("max_url_fraction", "url_fraction", 0.15, 0.5),
    Calibrated("max_list_line_fraction", "list_line_fraction", 0.6, 1.0, written=True),
    Calibrated("max_few_word_line_fraction", "few_word_line_fraction", 0.55, 0.8, written=True),
    Calibrated("max_policy_line_fraction", "policy_line_fraction", 0.3, 0.8, written=True),
)
_STOP_WORD_THRESHOLDS: Final = ("min_stop_words", "min_stop_word_fraction")
_LEAST_SHARE: Final = 0.01  # added to a share whose logarithm is taken
_MAX_OF_CENTRE: Final = (
    0.35  # where few documents, of one kind, make a locale's reference, dialogue or verse is far off
)
_COUNTS: Final = frozenset(
    name for name, field in RulesConfig.model_fields.items() if field.annotation == int | None
)
_MAX_LISTS: Final = 0.2  # of a locale's documents; where more look like lists, its running text does
_COLUMNS: Final = (
    s.SOURCE, s.LANGUAGE, s.LOCALE, s.FORM, s.DETECTED, s.DETECTED_SCORE, s.LID_SCORE, s.CONTENT_HASH, "perplexity",
    s.SCRIPT_FRACTION, s.LINE_LANGUAGE_FRACTION, *(signal.name for signal in SIGNALS),
)  # fmt: skip


class CalibrationError(ValueError):
    """There is nothing to calibrate on; the message says what to change."""


def read_reference(documents_dir: str, per_locale: int) -> pa.Table:
    """The reference documents of a run folder: per locale those with the smallest content hashes, equal texts once.

    The same documents whatever the partitions. Texts and signals of all of them are held in memory.

    Args:
        documents_dir: its `documents/`.
        per_locale: how many of each locale at most.

    Raises:
        CalibrationError: there is no document of a locale of the table.
    """
    paths = files.list_files(documents_dir, ".parquet")
    hashes: dict[str, list[npt.NDArray[np.uint64]]] = {}
    for path in paths:
        for locale, keys, _ in _by_locale(_read(path, [s.LOCALE, s.CONTENT_HASH])):
            hashes.setdefault(locale, []).append(np.unique(keys))
    limits = {}
    for locale, parts in hashes.items():
        keys = np.unique(np.concatenate(parts))
        limits[locale] = keys[min(per_locale, len(keys)) - 1]
    taken: list[pa.Table] = []
    seen: set[tuple[str, int]] = set()
    for path in paths:
        table = _read(path, [*_COLUMNS, s.TEXT])
        rows: list[int] = []
        for locale, keys, places in _by_locale(table):
            for key, place in zip(keys.tolist(), places.tolist(), strict=True):
                if key <= limits[locale] and (locale, key) not in seen:
                    seen.add((locale, key))
                    rows.append(place)
        taken.append(table.take(pa.array(sorted(rows), pa.int64())))
    reference = pa.concat_tables(taken) if taken else pa.table({})
    if not reference.num_rows:
        raise CalibrationError(
            "the reference corpora hold no document in a language of the table; check the sources' paths and languages."
        )
    return reference.take(
        pc.sort_indices(reference, [(s.LOCALE, "ascending"), (s.CONTENT_HASH, "ascending")])
    )


def _read(path: str, columns: Sequence[str]) -> pa.Table:
    with files.open_binary(path) as file:
        return pq.read_table(file, columns=list(columns), use_threads=False)


def _by_locale(table: pa.Table) -> Iterator[tuple[str, npt.NDArray[np.uint64], npt.NDArray[np.int64]]]:
    """Locale, first eight bytes of the content hashes, and rows, for locales of the table."""
    locales = np.array(table[s.LOCALE].to_pylist(), dtype=object)
    hashes = b"".join(value[:8] for value in table[s.CONTENT_HASH].to_pylist())
    keys = np.frombuffer(hashes, "<u8")
    for locale in sorted(set(locales) & set(LOCALES)):
        places = np.flatnonzero(locales == locale)
        yield locale, keys[places], places


def good_documents(table: pa.Table) -> pa.Table:
    """Reference documents that can stand for their language: long enough, in it, and running text.

    Long enough and in the language by the default thresholds: these rules are certain, and come before all others.
    What consists of bullets, or of short lines that end no sentence, is a list, of which encyclopedias have many;
    unless more than a fifth of a locale's written documents look like that: then it is how they are set.
    """
    rules = RulesConfig().model_dump()
    locales = np.array(table[s.LOCALE].to_pylist(), dtype=object)
    by_characters = np.isin(locales, [row.code for row in LOCALES.values() if row.unit == "char"])
    unpunctuated = np.isin(locales, [row.code for row in LOCALES.values() if not row.terminators])
    close = {(row.code, other) for row in LOCALES.values() for other in (row.code, *row.close)}
    pairs = zip(locales, table[s.DETECTED].to_pylist(), strict=True)
    related = np.array([pair in close for pair in pairs], np.bool_)

    def column(name: str) -> Floats:
        values: Floats = table[name].to_numpy().astype(np.float64)
        return values

    long_enough = column("num_units") >= np.where(by_characters, rules["min_characters"], rules["min_words"])
    elsewhere = ~related & (column(s.DETECTED_SCORE) > rules["wrong_language_score"])
    good = long_enough & ~elsewhere
    lists = (column("bullet_line_fraction") > rules["max_bullet_line_fraction"]) | (
        (column("short_line_fraction") > rules["max_short_line_fraction"])
        & (unpunctuated | (column("terminal_line_fraction") < rules["min_terminal_line_fraction"]))
    )
    lists &= pc.equal(table[s.FORM], "written").to_numpy(zero_copy_only=False)
    for locale in set(locales):
        of_locale_N = good & (locales == locale)
        if lists[of_locale_N].sum() <= _MAX_LISTS * of_locale_N.sum():
            good &= ~(of_locale_N & lists)
    return table.filter(pa.array(good))


def calibrate(
    reference: pa.Table,
    settings: CalibrationConfig,
    *,
    code_sha256: str,
    language_identification: str,
    origin: str,
) -> ThresholdsFile:
    """The thresholds file of some reference documents.

    Args:
        reference: annotated documents with their texts; see `read_reference`.
        settings: how to compute.
        code_sha256: of the code that measures and computes.
        language_identification: see `filter.thresholds.identification_digest`.
        origin: one sentence on what the reference is.

    Raises:
        CalibrationError: no reference document is long enough and in its language.
    """
    good = good_documents(reference)
    if not good.num_rows:
        raise CalibrationError(
            "no reference document is running text in the language it is declared to be in, and long enough; check "
            "the sources."
        )
    locales = sorted(set(good[s.LOCALE].to_pylist()) & set(LOCALES))
    words = {locale: derive_stop_words(_of(good, locale), locale, settings) for locale in locales}
    good = with_stop_words(good, words)
    written = Counter(good.filter(pc.equal(good[s.FORM], "written"))[s.LOCALE].to_pylist())
    by_locale: dict[str, dict[str, float | None]] = {locale: {} for locale in locales}
    by_unit: dict[str, dict[str, float | None]] = {"word": {}, "char": {}}
    for each in CALIBRATED:
        for name, value in _threshold(good, each, settings).items():
            (by_unit if name in by_unit else by_locale)[name][each.threshold] = value
    for locale in locales:
        if written[locale] < settings.stop_word_rule_documents:
            by_locale[locale] |= dict.fromkeys(_STOP_WORD_THRESHOLDS)
    for locale, bounds in perplexity_bounds(good).items():
        by_locale[locale] |= bounds
    return ThresholdsFile(
        schema_version=SCHEMA_VERSION,
        origin=origin,
        reference={
            "fingerprint": hashlib.sha256(b"".join(sorted(good[s.CONTENT_HASH].to_pylist()))).hexdigest(),
            "documents": good.num_rows,
            "sources": dict(sorted(Counter(good[s.SOURCE].to_pylist()).items())),
        },
        code_sha256=code_sha256,
        language_identification=language_identification,
        settings=settings.model_dump(exclude={"output"}),
        locales={
            locale: OfLocale(
                documents=written[locale],
                # Without written documents of its own, those on written text are what all have.
                thresholds=dict(sorted({**by_unit[LOCALES[locale].unit], **by_locale[locale]}.items())),
                stop_words=words[locale],
            )
            for locale in locales
        },
        units={
            unit: OfLocale(documents=0, thresholds=dict(sorted(values.items())))
            for unit, values in by_unit.items()
            if values
        },
    )


def _of(table: pa.Table, locale: str) -> pa.Table:
    return table.filter(pc.equal(table[s.LOCALE], locale))


# --- thresholds ---------------------------------------------------------------------------------------------------


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Smallest value at which the weights of the values up to it reach a share of all weight.

    Args:
        values: at least one.
        weights: positive, as many.
        share: in [0, 1].
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(values) - 1)])


@dataclass(frozen=True, slots=True)
class _Place:
    """Centre and spread of a signal."""

    centre: float
    spread: float

    def shrunk(self, towards: "_Place", documents: int, weight: float) -> "_Place":
        own = documents / (documents + weight)
        return _Place(
            own * self.centre + (1 - own) * towards.centre, own * self.spread + (1 - own) * towards.spread
        )


def shrunken_threshold(
    samples: Mapping[str, Floats],
    units: Mapping[str, str],
    *,
    tail: float,
    location_weight: float,
    tail_weight: float,
) -> dict[str, float]:
    """For a signal of which large values are bad, the threshold of each locale and of each kind of unit.

    Args:
        samples: values of the reference documents by locale; none may be empty.
        units: kind of unit of each locale; the result has an entry for each kind that occurs.
        tail: share of good documents that may lie above.
        location_weight: documents at which a locale's own centre and spread count half.
        tail_weight: documents at which its own tail counts half.
    """
    own = {locale: _place(values) for locale, values in samples.items()}
    of_unit: dict[str, _Place] = {}
    for unit in sorted(set(units.values())):
        places = [own[locale] for locale in samples if units[locale] == unit]
        of_unit[unit] = _Place(
            float(np.median([place.centre for place in places])),
            float(np.median([place.spread for place in places])),
        )
    shrunk = {
        locale: own[locale].shrunk(of_unit[units[locale]], len(values), location_weight)
        for locale, values in samples.items()
    }
    # Signals that are zero in most documents have no spread to speak of: then all are measured with one yardstick.
    scale = max(float(np.mean([place.spread for place in of_unit.values()])), _LEAST_SPREAD)
    spreads = {locale: max(place.spread, _MIN_SPREAD * scale) for locale, place in shrunk.items()}
    residuals = [(values - shrunk[locale].centre) / spreads[locale] for locale, values in samples.items()]
    weights = [
        np.full(len(values), min(1.0, _MAX_WEIGHT_DOCUMENTS / len(values))) for values in samples.values()
    ]
    z = max(weighted_quantile(np.concatenate(residuals), np.concatenate(weights), 1 - tail), 0.0)
    result = {}
    for locale, values in samples.items():
        pooled = shrunk[locale].centre + spreads[locale] * z
        weight = len(values) / (len(values) + tail_weight)
        quantile = weighted_quantile(values, np.ones(len(values)), 1 - tail)
        result[locale] = weight * quantile + (1 - weight) * pooled
    for unit, place in of_unit.items():
        result[unit] = place.centre + max(place.spread, _MIN_SPREAD * scale) * z
    return result


def _place(values: Floats) -> _Place:
    centre = float(np.median(values))
    return _Place(centre, float(np.quantile(values, _DECILE)) - centre)


def _threshold(good: pa.Table, each: Calibrated, settings: CalibrationConfig) -> dict[str, float]:
    """One threshold for each locale it is for, and for each kind of unit."""
    chosen = good.filter(pc.is_valid(good[each.signal]))
    if each.written:
        chosen = chosen.filter(pc.equal(chosen[s.FORM], "written"))
    locales = np.array(chosen[s.LOCALE].to_pylist(), dtype=object)
    values = chosen[each.signal].to_numpy().astype(np.float64)
    values = each.sign * (np.log(values + _LEAST_SHARE) if each.log else values)
    units = {row.code: str(row.unit) for row in LOCALES.values()}
    samples = {
        locale: values[locales == locale]
        for locale in sorted(set(locales) & set(LOCALES))
        if each.units in ("", units[locale])
    }
    if not samples:
        return {}
    found = shrunken_threshold(
        samples,
        {locale: units[locale] for locale in samples},
        tail=settings.tail,
        location_weight=settings.location_weight,
        tail_weight=settings.tail_weight,
    )
    result = {}
    for name, value in found.items():
        bound = each.sign * value
        if each.log:
            centre = float(np.exp(-np.median(samples[name]))) - _LEAST_SHARE if name in samples else 0.0
            bound = min(max(math.exp(bound) - _LEAST_SHARE, 0.0), _MAX_OF_CENTRE * centre)
        bound = _guarded(bound, each)
        result[name] = math.floor(bound) if each.threshold in _COUNTS else _outward(bound, each.sign)
    return result


def _guarded(bound: float, each: Calibrated) -> float:
    low, high = sorted((each.tightest, each.loosest))
    return min(max(bound, low), high)


def _outward(value: float, sign: int) -> float:
    """The value with few digits, on the lenient side."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    rounded = math.ceil(value / step - 1e-9) if sign > 0 else math.floor(value / step + 1e-9)
    return float(f"{rounded * step:.{_DIGITS}g}")


def perplexity_bounds(good: pa.Table) -> dict[str, dict[str, float | None]]:
    """CCNet's bounds of head and middle, at one and two thirds of the reference documents, where there is a model."""
    scored = good.filter(pc.is_valid(good["perplexity"]))
    bounds: dict[str, dict[str, float | None]] = {}
    for locale in sorted(set(scored[s.LOCALE].to_pylist())):
        values = _of(scored, locale)["perplexity"].to_numpy().astype(np.float64)
        bounds[locale] = {
            "perplexity_head": _outward(float(np.quantile(values, 1 / 3)), 1),
            "perplexity_middle": _outward(float(np.quantile(values, 2 / 3)), 1),
        }
    return bounds


# --- stop words ---------------------------------------------------------------------------------------------------


def derive_stop_words(documents: pa.Table, locale: str, settings: CalibrationConfig) -> list[str]:
    """The stop words of a locale, the commonest first; empty where its documents are too few.

    Args:
        documents: of the locale.
        locale: its code.
        settings: how many, from how many documents.
    """
    sources = []
    for source in sorted(set(documents[s.SOURCE].to_pylist())):
        texts = documents.filter(pc.equal(documents[s.SOURCE], source))[s.TEXT].to_pylist()
        if len(texts) >= _MIN_SOURCE_DOCUMENTS:
            sources.append(
                _frequencies(texts[: settings.stop_word_documents], locale, settings.min_stop_word_share)
            )
    candidates = sorted(set().union(*sources)) if sources else []
    score = {
        word: sum(math.log(source.get(word, 0.0) + _LEAST_FREQUENCY) for source in sources)
        for word in candidates
    }
    ranked = sorted(candidates, key=lambda word: (-score[word], word))
    hashed = unit_hashes(ranked)
    wanted = 2 if _in_pairs(locale) else 1
    chosen: dict[tuple[int, ...], str] = {}
    for word, units in zip(ranked, hashed, strict=True):
        if len(units) == wanted:
            chosen.setdefault(tuple(units.tolist()), word)
    return list(chosen.values())[: settings.stop_words]


def _in_pairs(locale: str) -> bool:
    return LOCALES[locale].script in _SOUTH_EAST_ASIAN


def _frequencies(texts: Iterable[str], locale: str, least_share: float) -> dict[str, float]:
    """Frequency of the words that enough texts have, among all words of the texts."""
    times: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    number = 0
    for text in texts:
        words = list(_words(text, locale))
        times.update(words)
        documents.update(set(words))
        number += 1
    total = times.total()
    return {
        word: times[word] / total
        for word, count in documents.items()
        if count >= max(2, least_share * number)
    }


def _words(text: str, locale: str) -> Iterator[str]:
    """What could be stop words of a text, as they are written, in lower case."""
    if LOCALES[locale].unit == "word":
        for token in text.lower().split():
            word = _trimmed(token)
            if any(_kind(character) == LETTER for character in word):
                yield word
        return
    previous = ""
    for cluster in _clusters(text.lower()):
        if _in_pairs(locale):
            if previous and cluster:
                yield previous + cluster
            previous = cluster
        elif cluster:
            yield cluster


def _clusters(text: str) -> Iterator[str]:
    """Letters with their marks; an empty string wherever something else stands between them."""
    cluster = ""
    for character in text:
        kind = _kind(character)
        if kind == MARK and cluster:
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character if kind == LETTER else ""
        if kind != LETTER:
            yield ""
    if cluster:
        yield cluster


def _kind(character: str) -> int:
    return int(tables().properties[ord(character)]) & CLASS_MASK


def _trimmed(token: str) -> str:
    """The token without what is neither letter, mark nor number at its ends."""
    first, last = 0, len(token)
    while first < last and _kind(token[first]) > NUMBER:
        first += 1
    while last > first and _kind(token[last - 1]) > NUMBER:
        last -= 1
    return token[first:last]


def with_stop_words(table: pa.Table, words: Mapping[str, Sequence[str]]) -> pa.Table:
    """The documents with the signals on stop words, measured anew with these lists."""
    lists = Lists(stop_words=tuple((locale, tuple(listed)) for locale, listed in words.items() if listed))
    found: dict[str, list[pa.Array]] = {"num_stop_words": [], "stop_word_fraction": []}
    for batch in _batches(table):
        data, offsets_N1 = buffers(batch[s.TEXT])
        numbers = np.array([list_number(locale) for locale in batch[s.LOCALE].to_pylist()], np.int64)
        annotated = fused.annotate_batch(
            data,
            offsets_N1,
            num_bands=1,
            rows_per_band=1,
            seed=0,
            lists=kernel_lists(lists),
            list_numbers=numbers,
        )
        measured = of_locale(annotated.of_locale, numbers, lists)
        for name, arrays in found.items():
            arrays.append(measured[name])
    for name, arrays in found.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.chunked_array(arrays))
    return table


def _batches(table: pa.Table) -> Iterator[pa.Table]:
    sizes = table["num_bytes"].to_pylist()
    first, held = 0, 0
    for index, size in enumerate(sizes):
        held += size
        if held >= _BATCH_BYTES or index + 1 == len(sizes):
            yield table.slice(first, index + 1 - first).combine_chunks()
            first, held = index + 1, 0


def summary(thresholds: ThresholdsFile) -> dict[str, Any]:
    """Counts for a person: locales, and how many documents the thinnest of them rest on."""
    documents = {locale: each.documents for locale, each in thresholds.locales.items()}
    thin = sorted(documents, key=lambda locale: (documents[locale], locale))[:5]
    return {
        "locales": len(documents),
        "documents": sum(documents.values()),
        "fewest": {locale: documents[locale] for locale in thin},
    }
