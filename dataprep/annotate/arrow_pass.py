"""The one pass over the text: records in, one Arrow batch of measured documents and one of signatures out.

normal form → language → private data → signals, content hash and signature (one fused kernel) → identity. Nothing is
decided here: rules compare these columns with thresholds later, so a changed threshold never re-reads text.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from dataprep import schema as s
from dataprep.annotate.block_lists import blocked
from dataprep.annotate.language_id import LanguageSettings, identify
from dataprep.annotate.lists import NO_LISTS, Lists, kernel_lists, list_number
from dataprep.annotate.minhash import minhashes
from dataprep.annotate.normalise import normalise
from dataprep.annotate.perplexity import perplexities
from dataprep.annotate.privacy.search import private_data
from dataprep.annotate.spoken_form import SPOKEN_CONVERTED, WRITTEN, spoken_forms
from dataprep.kernels import fused
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.signals import Signals
from dataprep.kernels.sketch_text import SketchedTexts, sketch_texts
from dataprep.locales import UNDETERMINED, canonical_language
from dataprep.sources.record import Columns, Document

QUALITY_DECIMALS: Final = 3
_SIZES: Final = ("num_bytes", "num_chars", "num_units", "num_lines")


@dataclass(frozen=True, slots=True)
class AnnotateSettings:
    """The algorithm settings of the pass, as plain values that travel to executors."""

    repair_mojibake: bool
    replace_private_data: bool
    language_model: str | None
    language_max_bytes: int
    num_bands: int
    rows_per_band: int
    seed: int
    signature: str = "fss"  # or datasketch
    everything: bool = True  # or only what deduplication needs
    spoken_sources: frozenset[str] = frozenset()  # whose texts are put into spoken form
    kept_private_data: tuple[str, ...] = ()  # kinds that are only counted, where the others are replaced
    language_prior_correction: float = 0.4
    language_restrict_to: tuple[str, ...] | None = None
    lists: Lists = NO_LISTS

    @property
    def language(self) -> LanguageSettings:
        """What language identification needs."""
        return LanguageSettings(
            self.language_model,
            self.language_max_bytes,
            self.language_prior_correction,
            self.language_restrict_to,
        )


class Annotated(NamedTuple):
    """Result of the pass over one batch.

    Attributes:
        documents: rows of `documents/*.parquet`.
        signatures: rows of `dedup/signatures/*.parquet`; `band_keys` is null for texts too short to compare.
        repaired: documents whose encoding was repaired.
        minhashes: rows of `dedup/minhash/*.parquet`; null where the signatures are no MinHash objects.
    """

    documents: pa.RecordBatch
    signatures: pa.RecordBatch
    repaired: int
    minhashes: pa.RecordBatch | None = None


def document_ids(
    source: str, locators: list[str], data: npt.NDArray[np.uint8], offsets_N1: npt.NDArray[np.int64]
) -> list[str]:
    """128-bit content addresses (XXH3) of source, locator and text, as 32 hex digits."""
    view = data.data
    bounds = offsets_N1.tolist()
    prefix = source.encode() + b"\0"
    ids: list[str] = []
    for number, locator in enumerate(locators):
        digest = xxhash.xxh3_128(prefix + locator.encode() + b"\0")
        digest.update(view[bounds[number] : bounds[number + 1]])
        ids.append(digest.hexdigest())
    return ids


def quality(
    declared_score_N: npt.NDArray[np.float32],
    alpha_fraction_N: npt.NDArray[np.float32],
    duplicate_fraction_N: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """A number in [0, 1] that orders copies of a document: sure of its language, made of letters, not repetitive.

    Rounded, so that the order does not hang on the last bit of a float.

    Args:
        declared_score_N: probability of the language.
        alpha_fraction_N: share of letters and marks.
        duplicate_fraction_N: share of the text that lies in repeated lines.
    """
    score_N = declared_score_N.astype(np.float64) * alpha_fraction_N * (1 - duplicate_fraction_N)
    return np.round(score_N, QUALITY_DECIMALS).astype(np.float32)


def annotate_documents(
    documents: list[Document] | Columns,
    *,
    source: str,
    file: str,
    part: int,
    first_row: int,
    settings: AnnotateSettings,
) -> Annotated:
    """Measure a batch of documents of one file.

    Args:
        documents: at least one.
        source: name of their source.
        file: their logical file.
        part: number of the documents file that the rows will be written to.
        first_row: row of the first document in that file.
        settings: algorithm settings.

    Returns:
        Two record batches with one row per document, in the order given.
    """
    size = len(documents)
    read = documents if isinstance(documents, Columns) else Columns.of(documents)
    texts, repaired = normalise(read.texts, repair_mojibake=settings.repair_mojibake)
    locators = read.locators
    part_and_row = {
        s.PART: pa.array(np.full(size, part, np.int32)),
        s.ROW: pa.array(np.arange(first_row, first_row + size, dtype=np.int32)),
    }
    known = {language: canonical_language(language) for language in set(read.languages)}
    declared = [known[language] for language in read.languages]
    measure = _everything if settings.everything else _for_dedup
    texts, measured, sketched = measure(texts, declared, settings)
    forms = read.forms
    if source in settings.spoken_sources:
        texts, measured, sketched = _spoken(texts, measured, settings)
        forms = [SPOKEN_CONVERTED if form == WRITTEN else form for form in forms]
    if settings.everything:
        measured["url_is_blocked"] = blocked(locators, settings.lists.urls)
    ids = document_ids(source, locators, *buffers(texts))

    no_numbers = pa.array(np.zeros(size, np.int32))
    columns: dict[str, pa.Array] = {
        s.DOC_ID: pa.array(ids, pa.string()),
        s.SOURCE: _constant(source, size),
        s.LOCATOR: pa.array(locators, pa.string()),
        s.FILE: _constant(file, size),
        s.LANGUAGE: pa.array(declared, pa.string()),
        s.TIMESTAMP: pa.array(read.timestamps, pa.string()),
        s.FORM: pa.array(forms, pa.string()),
        s.TEXT: texts,
        s.CONTENT_HASH: _fixed_size_binary(sketched.content_hash),
        **part_and_row,
        s.NUMBERS_SPOKEN: no_numbers,
        s.NUMBERS_LEFT: no_numbers,
        **measured,
    }
    band_keys, exchanged = sketched.band_keys, None
    if settings.signature == "datasketch":
        made = minhashes(
            *buffers(texts),
            num_bands=settings.num_bands,
            rows_per_band=settings.rows_per_band,
            seed=settings.seed,
        )
        band_keys = made.band_keys
        exchanged = pa.RecordBatch.from_pydict(
            {s.DOC_ID: columns[s.DOC_ID], **part_and_row, s.MINHASH: made.serialised}
        )
    signatures = {
        **part_and_row,
        s.BAND_KEYS: _keys(band_keys, sketched.has_signature),
        "num_shingles": pa.array(sketched.num_shingles),
    }
    return Annotated(
        pa.RecordBatch.from_pydict(columns), pa.RecordBatch.from_pydict(signatures), repaired, exchanged
    )


def _everything(
    texts: pa.StringArray, declared: list[str | None], settings: AnnotateSettings
) -> tuple[pa.StringArray, dict[str, pa.Array], fused.Annotated]:
    """The texts without private data, the columns of what is measured of them, and their signatures."""
    languages = identify(*buffers(texts), declared, settings.language)
    keep = settings.kept_private_data if settings.replace_private_data else tuple(s.PRIVATE_DATA)
    texts, private = private_data(texts, languages.locales, keep=keep)
    data, offsets_N1 = buffers(texts)
    list_numbers = np.array([list_number(locale) for locale in languages.locales], np.int64)
    annotated = fused.annotate_batch(
        data,
        offsets_N1,
        num_bands=settings.num_bands,
        rows_per_band=settings.rows_per_band,
        seed=settings.seed,
        lists=kernel_lists(settings.lists),
        list_numbers=list_numbers,
    )
    signals = annotated.signals
    measured: dict[str, pa.Array] = {
        **languages.columns,
        s.QUALITY: pa.array(
            quality(
                languages.declared_score,
                np.asarray(signals["alpha_fraction"], np.float32),
                np.asarray(signals["duplicate_line_char_fraction"], np.float32),
            )
        ),
        **private,
        **{name: pa.array(values) for name, values in signals.items()},
        **of_locale(annotated.of_locale, list_numbers, settings.lists),
        "perplexity": perplexities(texts, languages.locales, settings.lists),
    }
    return texts, measured, annotated


def _spoken(
    texts: pa.StringArray, measured: dict[str, pa.Array], settings: AnnotateSettings
) -> tuple[pa.StringArray, dict[str, pa.Array], fused.Annotated]:
    """The texts in spoken form, what is measured of them, and their signatures.

    The signals stay those of the text as it was written: a page is judged by its punctuation before that goes. Sizes,
    hash and signature are those of the text that is kept.
    """
    texts, spoken, left = spoken_forms(texts, measured[s.LOCALE].to_pylist())
    kept = fused.annotate_batch(
        *buffers(texts),
        num_bands=settings.num_bands,
        rows_per_band=settings.rows_per_band,
        seed=settings.seed,
    )
    sizes: dict[str, pa.Array] = {name: pa.array(kept.signals[name]) for name in _SIZES if name in measured}
    return texts, {**measured, **sizes, s.NUMBERS_SPOKEN: spoken, s.NUMBERS_LEFT: left}, kept


def of_locale(signals: Signals, list_numbers_N: npt.NDArray[np.int64], lists: Lists) -> dict[str, pa.Array]:
    """The signals that depend on the locale's lists; null where the locale has no such list.

    Args:
        signals: as the fused kernel gives them.
        list_numbers_N: list of each document, -1 for none.
        lists: the lists.
    """
    made = kernel_lists(lists)
    # One more for "no list", which index -1 finds.
    has = {
        "num_stop_words": np.append(np.diff(made.stop_starts) > 0, False),
        "stop_word_fraction": np.append(np.diff(made.stop_starts) > 0, False),
        "num_listed_words": np.append(np.diff(made.phrase_starts) > 0, False),
    }
    return {name: pa.array(values, mask=~has[name][list_numbers_N]) for name, values in signals.items()}


def _for_dedup(
    texts: pa.StringArray, declared: list[str | None], settings: AnnotateSettings
) -> tuple[pa.StringArray, dict[str, pa.Array], SketchedTexts]:
    """The same, but only what deduplication needs; every document counts as equally good."""
    data, offsets_N1 = buffers(texts)
    sketched = sketch_texts(
        data,
        offsets_N1,
        num_bands=settings.num_bands,
        rows_per_band=settings.rows_per_band,
        seed=settings.seed,
    )
    measured = {
        s.LOCALE: pa.array([wanted or UNDETERMINED for wanted in declared], pa.string()),
        s.QUALITY: pa.array(np.zeros(len(texts), np.float32)),
        "num_chars": pa.array(sketched.num_chars),
        "num_bytes": pa.array(np.diff(offsets_N1)),
    }
    return texts, measured, sketched


def _constant(value: str, size: int) -> pa.Array:
    return pa.array([value] * size, pa.string())


def _fixed_size_binary(hash_N2: npt.NDArray[np.uint64]) -> pa.Array:
    """16-byte binary values from pairs of 64-bit numbers."""
    contiguous = np.ascontiguousarray(hash_N2)
    return pa.Array.from_buffers(pa.binary(16), len(contiguous), [None, pa.py_buffer(contiguous)])


def _keys(keys_NB: npt.NDArray[np.int64], valid_N: npt.NDArray[np.bool_]) -> pa.Array:
    """The band keys of each document, as the bytes of 64-bit numbers; null where there is no signature."""
    contiguous = np.ascontiguousarray(keys_NB)
    validity = pa.array(valid_N).buffers()[1]
    return pa.Array.from_buffers(
        pa.binary(8 * contiguous.shape[1]), len(contiguous), [validity, pa.py_buffer(contiguous)]
    )
