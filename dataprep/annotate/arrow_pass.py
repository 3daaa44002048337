"""The one pass over the text: records in, one Arrow batch of measured documents and one of signatures out.

normal form → private data → language → signals, content hash and signature (one fused kernel) → identity. Nothing is
decided here: rules compare these columns with thresholds later, so a changed threshold never re-reads text.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from dataprep import schema as s
from dataprep.annotate.language_id import identify
from dataprep.annotate.normalise import normalise
from dataprep.annotate.privacy import private_data
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.fused import annotate_batch
from dataprep.locales import canonical_language
from dataprep.sources.record import Document

QUALITY_DECIMALS: Final = 3


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


class Annotated(NamedTuple):
    """Result of the pass over one batch.

    Attributes:
        documents: rows of `documents/*.parquet`.
        signatures: rows of `dedup/signatures/*.parquet`; `band_keys` is null for texts too short to compare.
        repaired: documents whose encoding was repaired.
    """

    documents: pa.RecordBatch
    signatures: pa.RecordBatch
    repaired: int


def document_ids(
    source: str, locators: list[str], data: npt.NDArray[np.uint8], offsets_N1: npt.NDArray[np.int64]
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """128-bit content addresses (XXH3) of source, locator and text, as hex and as 63-bit graph nodes.

    The node is the first 63 bits of the address: among 10**9 documents the expected number of collisions is 0.05, and
    deduplication checks that there are none.
    """
    view = data.data
    bounds = offsets_N1.tolist()
    prefix = source.encode() + b"\0"
    ids: list[str] = []
    for index, locator in enumerate(locators):
        digest = xxhash.xxh3_128(prefix + locator.encode() + b"\0")
        digest.update(view[bounds[index] : bounds[index + 1]])
        ids.append(digest.hexdigest())
    nodes = np.array([int(doc_id[:16], 16) >> 1 for doc_id in ids], np.int64)
    return ids, nodes


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
    documents: list[Document],
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
    texts = pa.array([document.text for document in documents], pa.string())
    texts, repaired = normalise(texts, repair_mojibake=settings.repair_mojibake)
    texts, private = private_data(texts, replace=settings.replace_private_data)
    data, offsets_N1 = buffers(texts)

    declared = [canonical_language(document.language) for document in documents]
    languages = identify(
        data, offsets_N1, declared, model=settings.language_model, max_bytes=settings.language_max_bytes
    )
    measured = annotate_batch(
        data,
        offsets_N1,
        num_bands=settings.num_bands,
        rows_per_band=settings.rows_per_band,
        seed=settings.seed,
    )
    signals = measured.signals
    locators = [document.locator for document in documents]
    ids, nodes_N = document_ids(source, locators, data, offsets_N1)
    rows_N = np.arange(first_row, first_row + size, dtype=np.int32)
    parts_N = np.full(size, part, np.int32)

    columns: dict[str, pa.Array] = {
        s.DOC_ID: pa.array(ids, pa.string()),
        s.SOURCE: _constant(source, size),
        s.LOCATOR: pa.array(locators, pa.string()),
        s.FILE: _constant(file, size),
        s.LANGUAGE: pa.array(declared, pa.string()),
        s.LOCALE: pa.array(
            [wanted or found for wanted, found in zip(declared, languages.detected, strict=True)], pa.string()
        ),
        s.DETECTED: pa.array(languages.detected, pa.string()),
        s.DETECTED_SCORE: pa.array(languages.detected_score),
        s.LID_SCORE: pa.array(languages.declared_score),
        s.TIMESTAMP: pa.array([document.timestamp for document in documents], pa.string()),
        s.FORM: pa.array([document.form for document in documents], pa.string()),
        s.TEXT: texts,
        s.CONTENT_HASH: _fixed_size_binary(measured.content_hash),
        s.QUALITY: pa.array(
            quality(
                languages.declared_score,
                np.asarray(signals["alpha_fraction"], np.float32),
                np.asarray(signals["duplicate_line_char_fraction"], np.float32),
            )
        ),
        s.PART: pa.array(parts_N),
        s.ROW: pa.array(rows_N),
        **private,
        **{name: pa.array(values) for name, values in signals.items()},
    }
    signatures = {
        s.DOC_ID: columns[s.DOC_ID],
        s.NODE: pa.array(nodes_N),
        s.PART: columns[s.PART],
        s.ROW: columns[s.ROW],
        s.BAND_KEYS: _lists(measured.band_keys, measured.has_signature),
        "num_shingles": pa.array(measured.num_shingles),
    }
    return Annotated(pa.RecordBatch.from_pydict(columns), pa.RecordBatch.from_pydict(signatures), repaired)


def _constant(value: str, size: int) -> pa.Array:
    return pa.array([value] * size, pa.string())


def _fixed_size_binary(hash_N2: npt.NDArray[np.uint64]) -> pa.Array:
    """16-byte binary values from pairs of 64-bit numbers."""
    contiguous = np.ascontiguousarray(hash_N2)
    return pa.Array.from_buffers(pa.binary(16), len(contiguous), [None, pa.py_buffer(contiguous)])


def _lists(keys_NB: npt.NDArray[np.int64], valid_N: npt.NDArray[np.bool_]) -> pa.Array:
    """One list of band keys per document; null where there is no signature."""
    num_bands = keys_NB.shape[1]
    offsets = np.arange(len(keys_NB) + 1, dtype=np.int32) * num_bands
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(np.ascontiguousarray(keys_NB).ravel()), mask=pa.array(~valid_N)
    )
