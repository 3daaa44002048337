"""Signatures as MinHash objects of the datasketch library, for exchange with other tools (`near_dedup.signature`).

The objects are the library's own: `bands * rows` permutations of its scheme `affine32`, drawn from the seed of
`near_dedup`. What goes in are our shingles, each as its 64-bit hash (`kernels/tokenise.py`), of which the `hashfunc`
keeps the low 32 bits, all that a MinHash of this scheme takes. Stored is what `LeanMinHash.serialize` writes, in
little-endian byte order and so without padding on every machine:

    LeanMinHash.deserialize(value, byteorder="<")

The band keys are ours, 64 bits of each band's hash values and its number, so that all that follows is the same.
"""

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Bytes, Offsets
from dataprep.kernels.sketch import EMPTY, Keys, band_keys
from dataprep.kernels.tokenise import shingle_hashes

SCHEME: Final = "affine32"
BYTE_ORDER: Final = "<"
LOW_32_BITS: Final = (1 << 32) - 1
SHINGLES_AT_ONCE: Final = 4096  # the library holds shingles times permutations in memory


class MissingDatasketchError(ValueError):
    """The library is not there, or too old."""


class MinHashes(NamedTuple):
    """The MinHash objects of a batch.

    Attributes:
        serialised: binary; null where a text has too few units for a shingle.
        band_keys: int64[documents, bands], as `sketch.band_keys`; rows without a signature are 0.
    """

    serialised: pa.BinaryArray
    band_keys: Keys


def low_32_bits(shingle: int) -> int:
    """The `hashfunc` of the objects: the low half of a shingle's hash, whose bits are all equally good."""
    return shingle & LOW_32_BITS


@cache
def library() -> Any:  # noqa: ANN401 (a module)
    """The datasketch library; imported at first use, so that who does not use it need not have it.

    Raises:
        MissingDatasketchError: it cannot be imported, or does not know the permutation scheme.
    """
    try:
        import datasketch

        datasketch.MinHash(num_perm=1, scheme=SCHEME)
    except (ImportError, TypeError) as error:
        raise MissingDatasketchError(
            "near_dedup.signature: datasketch needs the package datasketch, version 2 or later: "
            "pip install -e '.[dataprep,datasketch]', or set near_dedup.signature to fss."
        ) from error
    return datasketch


def minhashes(data: Bytes, offsets: Offsets, *, num_bands: int, rows_per_band: int, seed: int) -> MinHashes:
    """The MinHash object of each document, and its band keys. Depends on each document's text alone.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.
        num_bands: LSH bands.
        rows_per_band: permutations per band.
        seed: of the permutations, in [0, 2**32).

    Raises:
        MissingDatasketchError: the library is not there.
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`), or the seed is out of bounds.
    """
    datasketch = library()
    blank = datasketch.MinHash(
        num_perm=num_bands * rows_per_band, seed=seed, hashfunc=low_32_bits, scheme=SCHEME
    )
    hashes, starts = shingle_hashes(data, offsets)
    documents = len(starts) - 1
    values = np.full((documents, num_bands * rows_per_band), EMPTY)
    serialised: list[bytes | None] = [None] * documents
    for document in range(documents):
        first, last = int(starts[document]), int(starts[document + 1])
        if first == last:
            continue
        minhash = blank.copy()
        for at in range(first, last, SHINGLES_AT_ONCE):
            minhash.update_batch(hashes[at : min(at + SHINGLES_AT_ONCE, last)].tolist())
        lean = datasketch.LeanMinHash(minhash)
        buffer = bytearray(lean.bytesize(BYTE_ORDER))
        lean.serialize(buffer, BYTE_ORDER)
        serialised[document] = bytes(buffer)
        values[document] = minhash.hashvalues
    return MinHashes(pa.array(serialised, pa.binary()), band_keys(values, num_bands, rows_per_band))
