"""What a document is called inside deduplication, and the order in which documents are kept.

A **node** says where a document lies: 10 bits of segment, 21 of part, 32 of row. Segments are the runs of a signature
index in their order (dedup/index.py), the present run being the last; so the text of any node can be fetched without a
look-up. Nodes depend on how the input was split and therefore decide nothing.

The **keep order** decides: segment, source priority, quality, length, doc_id. The first four are packed into one
number, the **rank**; smaller is kept.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_ROW_BITS: Final = 32
_PART_BITS: Final = 21
_SEGMENT_SHIFT: Final = _ROW_BITS + _PART_BITS
MAX_SEGMENTS: Final = 1 << 10
MAX_PARTS: Final = 1 << _PART_BITS

_LENGTH_BITS: Final = 34
_QUALITY_BITS: Final = 10  # thousandths
_PRIORITY_BITS: Final = 7
_RANK_SEGMENT_SHIFT: Final = _LENGTH_BITS + _QUALITY_BITS + _PRIORITY_BITS
_ID_CHARACTERS: Final = 32


def nodes(segment: int, part_N: npt.NDArray[np.integer], row_N: npt.NDArray[np.integer]) -> Longs:
    """Nodes of documents of one segment.

    Args:
        segment: below MAX_SEGMENTS.
        part_N: below MAX_PARTS.
        row_N: below 2**32.

    Raises:
        ValueError: the segment or a part does not fit its bits.
    """
    last_part = int(part_N.max()) if len(part_N) else 0
    if not 0 <= segment < MAX_SEGMENTS or last_part >= MAX_PARTS:
        raise ValueError(
            f"Expected at most {MAX_SEGMENTS} segments and {MAX_PARTS} documents files, found segment {segment} and "
            f"documents file {last_part}, counted from 0."
        )
    wide = part_N.astype(np.int64) << _ROW_BITS
    return (np.int64(segment) << _SEGMENT_SHIFT) | wide | row_N.astype(np.int64)


def first_node(segment: int) -> int:
    """The least node of a segment: all nodes of earlier segments are smaller."""
    return segment << _SEGMENT_SHIFT


def segment_of(node_N: Longs) -> Longs:
    """Segment of each node."""
    return node_N >> _SEGMENT_SHIFT


def part_of(node_N: Longs) -> Longs:
    """Part of each node within its segment."""
    return (node_N >> _ROW_BITS) & (MAX_PARTS - 1)


def row_of(node_N: Longs) -> Longs:
    """Row of each node within its part."""
    return node_N & ((1 << _ROW_BITS) - 1)


def ranks(
    segment: int,
    priority_N: npt.NDArray[np.integer],
    quality_N: npt.NDArray[np.floating],
    length_N: npt.NDArray[np.integer],
) -> Words:
    """Rank of each document, but for its doc_id, which breaks ties.

    Args:
        segment: segment of the documents; earlier ones are kept first.
        priority_N: source priority, 0 to 127; smaller is kept.
        quality_N: in [0, 1], compared in thousandths; larger is kept.
        length_N: characters; larger is kept.
    """
    worse = np.uint64(1000) - np.round(quality_N.astype(np.float64) * 1000).astype(np.uint64)
    longest = np.uint64((1 << _LENGTH_BITS) - 1)
    shorter = longest - np.minimum(length_N.astype(np.uint64), longest)
    shift = np.uint64(_LENGTH_BITS)
    high = (priority_N.astype(np.uint64) << np.uint64(_QUALITY_BITS)) | worse
    return (np.uint64(segment) << np.uint64(_RANK_SEGMENT_SHIFT)) | (high << shift) | shorter


def ids_to_words(doc_ids: pa.Array) -> Words:
    """Hex doc_ids as pairs of numbers of equal order, uint64[documents, 2]."""
    text = "".join(doc_ids.to_pylist())
    if len(text) != _ID_CHARACTERS * len(doc_ids):
        raise ValueError(f"Expected doc_ids of {_ID_CHARACTERS} hex digits.")
    return np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64).reshape(-1, 2)


def words_to_ids(id_N2: Words) -> pa.Array:
    """The doc_ids that `ids_to_words` read."""
    text = np.ascontiguousarray(id_N2).astype(">u8").tobytes().hex().encode()
    offsets = np.arange(len(id_N2) + 1, dtype=np.int32) * _ID_CHARACTERS
    return pa.StringArray.from_buffers(len(id_N2), pa.py_buffer(offsets), pa.py_buffer(text))
