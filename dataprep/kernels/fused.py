"""Everything the pipeline stores about a document's text, in one call per Arrow batch."""

import hashlib
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch, buffers
from dataprep.kernels.bands import may_repeat, scatter_bands
from dataprep.kernels.compilation import kernel, warm_note
from dataprep.kernels.content_hash import collapse_whitespace, content_hash, hash_128
from dataprep.kernels.jaccard import similarity_pairs
from dataprep.kernels.keep import settle
from dataprep.kernels.lines import line_hashes, without_lines
from dataprep.kernels.private_data import find_places
from dataprep.kernels.runs import taken_runs
from dataprep.kernels.screen import screen
from dataprep.kernels.signals import (
    NUM_INTEGERS,
    NUM_SHARES,
    Scratch,
    Signals,
    allocate,
    measure,
    named,
    signals,
)
from dataprep.kernels.sketch import (
    Keys,
    band_keys,
    estimate_jaccard,
    key_bands,
    require_bins,
    seed_value,
    sketch,
    sketch_document,
)
from dataprep.kernels.sketch_text import sketch_texts
from dataprep.kernels.tokenise import (
    UNITS,
    Fold,
    Properties,
    hash_shingles,
    longest_document,
    shingle_hashes,
    shingle_length,
    word_hashes,
)
from dataprep.kernels.unicode_tables import tables
from dataprep.kernels.word_lists import NONE, WordLists, phrases, stop_words, word_lists

# Signals that depend on the locale's lists, in the order of `_of_locale`; counts first.
LOCALE_SIGNALS: Final = (
    "num_stop_words",  # different stop words of the locale that the text has
    "num_listed_words",  # occurrences of the words and phrases of the locale's word list
    "stop_word_fraction",  # occurrences of stop words / units
)


class Annotated(NamedTuple):
    """What is known of each document of a batch from its text alone.

    Attributes:
        signals: one array per entry of `signals.SIGNALS`.
        content_hash: uint64[documents, 2], as `content_hash.content_hash`.
        band_keys: int64[documents, bands], as `sketch.band_keys`; rows without a signature are 0.
        has_signature: bool[documents]; false for documents with too few units for a shingle.
        num_shingles: int64[documents], distinct shingles.
        of_locale: one array per entry of LOCALE_SIGNALS; 0 for documents without a list.
    """

    signals: Signals
    content_hash: Hashes
    band_keys: Keys
    has_signature: npt.NDArray[np.bool_]
    num_shingles: Counts
    of_locale: Signals


@kernel
def _annotate(
    data: Bytes,
    offsets: Offsets,
    properties: Properties,
    fold: Fold,
    bands: int,
    rows: int,
    seed: np.uint64,
    lists: WordLists,
    list_numbers: Counts,
) -> tuple[
    Counts,
    npt.NDArray[np.float32],
    npt.NDArray[np.uint8],
    npt.NDArray[np.bool_],
    Hashes,
    Keys,
    Counts,
    Counts,
    npt.NDArray[np.float32],
]:
    documents = offsets.size - 1
    longest = longest_document(offsets)
    integers, shares = (
        np.empty((NUM_INTEGERS, documents), np.int64),
        np.empty((NUM_SHARES, documents), np.float32),
    )
    scripts, lorem = np.empty(documents, np.uint8), np.empty(documents, np.bool_)
    contents = np.empty((documents, 2), np.uint64)
    keys, sizes = np.zeros((documents, bands), np.int64), np.zeros(documents, np.int64)
    integer_row, share_row = np.empty(NUM_INTEGERS, np.int64), np.empty(NUM_SHARES, np.float64)
    scratch = allocate(longest)
    shingles, collapsed = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint8)
    bins = np.empty(bands * rows, np.uint64)
    listed, listed_shares = np.zeros((2, documents), np.int64), np.zeros(documents, np.float32)
    for document in range(documents):
        start, end = offsets[document], offsets[document + 1]
        scripts[document], lorem[document] = measure(
            data, start, end, properties, fold, scratch, integer_row, share_row
        )
        integers[:, document] = integer_row
        shares[:, document] = share_row
        if list_numbers[document] >= 0:
            _of_locale(scratch, lists, list_numbers[document], document, listed, listed_shares)

        length = shingle_length(scratch.counts, scratch.scripts)
        positions = hash_shingles(scratch.units, scratch.counts[UNITS], length, shingles)
        # The repetition signals already know which positions repeat a shingle: no sorting, and less to sketch.
        distinct = 0
        for position in range(positions):
            shingles[distinct] = shingles[position]
            distinct += 1 - scratch.repeats[position]
        sizes[document] = distinct
        if distinct:
            sketch_document(shingles, distinct, seed, bins)
            key_bands(bins, bands, rows, keys[document])

        collapsed_size = collapse_whitespace(data, start, end, properties, collapsed)
        contents[document, 0], contents[document, 1] = hash_128(collapsed, collapsed_size)
    return integers, shares, scripts, lorem, contents, keys, sizes, listed, listed_shares


@kernel
def _of_locale(
    scratch: Scratch,
    lists: WordLists,
    number: int,
    document: int,
    counts: Counts,
    shares: npt.NDArray[np.float32],
) -> None:
    """Fill in the signals that depend on a document's locale, from what `measure` has left."""
    num_units = scratch.counts[UNITS]
    different, times = stop_words(scratch.units, num_units, lists, number)
    counts[0, document] = different
    counts[1, document] = phrases(scratch.units, num_units, lists, number)
    shares[document] = times / num_units if num_units else 0.0


def annotate_batch(
    data: Bytes,
    offsets: Offsets,
    *,
    num_bands: int,
    rows_per_band: int,
    seed: int,
    lists: WordLists | None = None,
    list_numbers: Counts | None = None,
) -> Annotated:
    """Signals, content hash and LSH band keys of each document. Depends on each document's text alone.

    The same numbers as `signals`, `content_hash` and `shingle_hashes` → `sketch` → `band_keys` give one by one,
    at about the cost of one of them.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.
        num_bands: LSH bands.
        rows_per_band: bins per band; bands times rows must be in [1, sketch.MAX_BINS].
        seed: of the hash family, in [0, 2**64).
        lists: stop words and listed phrases of some locales; null for none.
        list_numbers: int64[documents], the list of each document, -1 for none; null if none has one.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`), or a parameter is out of bounds.
    """
    if num_bands < 1 or rows_per_band < 1:
        raise ValueError(
            f"Expected at least one band and one row per band, found num_bands={num_bands}, "
            f"rows_per_band={rows_per_band}."
        )
    require_bins(num_bands * rows_per_band)
    data, offsets = batch(data, offsets)
    table = tables()
    if lists is None or list_numbers is None:
        lists, list_numbers = _no_lists(), np.full(offsets.size - 1, NONE, np.int64)
    integers, shares, scripts, lorem, contents, keys, sizes, listed, listed_shares = _annotate(
        data,
        offsets,
        table.properties,
        table.fold,
        num_bands,
        rows_per_band,
        seed_value(seed),
        lists,
        list_numbers,
    )
    of_locale: Signals = dict(zip(LOCALE_SIGNALS, (*listed, listed_shares), strict=True))
    return Annotated(named(integers, shares, scripts, lorem), contents, keys, sizes > 0, sizes, of_locale)


@cache
def _no_lists() -> WordLists:
    return word_lists((), stop_words={}, phrases={})


def hash_family() -> str:
    """A name for the hash family, 32 hex digits: equal as long as the same texts get the same shingles and sketches.

    A digest of what the kernels make of a few texts in many scripts, not of their code.
    """
    probe = [
        "Ein Satz, der mit Umlauten wie ä und ß, mit 12 Ziffern und it's auskommt: «ΣΊΣΥΦΟΣ».",
        "水は方円の器に随う。" * 3,
    ]
    probe += [
        "ที่สุดของความพยายามอยู่ที่ตัวเรา" * 2,
        "में हिन्दी के संयुक्ताक्षर पढ़े जाते हैं",
        "אבגד",
        "می\u200cخواهم بروم و بیایم",
        "അവന്\u200d ഇന്നലെ വന്നു",
    ]
    data, offsets = buffers(pa.array(probe))
    found = annotate_batch(data, offsets, num_bands=4, rows_per_band=2, seed=1)
    hashes, starts = shingle_hashes(data, offsets)
    digest = hashlib.sha256()
    for part in (found.content_hash, found.band_keys, found.has_signature, hashes, starts):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:32]


def warm_up() -> None:
    """Compile every kernel, so that workers load the machine code: half a minute the first time, nothing later.

    Raises:
        RuntimeError: numba cannot compile here.
    """
    note = warm_note()
    if note.exists():
        return
    load_kernels()
    note.touch()


def load_kernels() -> None:
    """Run every kernel once: compiles those that are not, and loads the machine code of the others.

    Raises:
        RuntimeError: numba cannot compile here.
    """
    data, offsets = buffers(
        pa.array(["Ein kurzer Text, der jeden Kern einmal ausführt.", "水は方円の器に随う"])
    )
    index = np.arange(2, dtype=np.int64)
    try:
        screen(data, offsets)
        word_hashes(data, offsets)
        signals(data, offsets)
        content_hash(data, offsets)
        find_places(data, offsets)
        line_hashes(data, offsets)
        without_lines(data, offsets, np.zeros(2, np.int64), np.arange(3, dtype=np.int64))
        hashes, starts = shingle_hashes(data, offsets)
        sketches = sketch(hashes, starts, 4, 0)
        band_keys(sketches, 2, 2)
        estimate_jaccard(sketches, index, index)
        similarity_pairs(hashes, starts, index, index)
        taken_runs(hashes, starts, index)
        annotate_batch(data, offsets, num_bands=2, rows_per_band=2, seed=0)
        sketch_texts(data, offsets, num_bands=2, rows_per_band=2, seed=0)
        kept, share = np.zeros(2, np.int64), np.zeros(2)
        settle(
            np.zeros(3, np.int64),
            kept,
            True,
            hashes,
            starts,
            0.8,
            2.0,
            kept,
            index.copy(),
            share,
            share.copy(),
        )
        names = hashes[:2].copy()
        scatter_bands(np.zeros((2, 2), np.int64), names, names, index, 2)
        may_repeat(names)
    except Exception as error:
        raise RuntimeError(
            "The kernels could not be compiled. They need numba with a working LLVM (llvmlite of the matching version) "
            "and a writable cache folder: install the `dataprep` extra as pinned, or set NUMBA_CACHE_DIR to a folder "
            f"this user can write. numba said: {type(error).__name__}: {error}"
        ) from error
