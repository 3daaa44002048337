"""Arrow string columns as the two arrays that kernels take: UTF-8 bytes and offsets."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Scalar = TypeVar("Scalar", bound=np.generic)


def buffers(array: pa.StringArray | pa.LargeStringArray | pa.ChunkedArray) -> tuple[Bytes, Offsets]:
    """Bytes (uint8) and offsets (int64, one more than documents) of a string column; both are read-only.

    Document `i` is `data[offsets[i]:offsets[i + 1]]`. The bytes are never copied, except that a column of several
    chunks is first joined into one; the offsets are copied only to widen 32-bit ones. A sliced array keeps its
    whole byte buffer, so the first offset need not be 0. The caller keeps the Arrow array alive only through
    these arrays, which hold a reference to its buffers.

    Raises:
        TypeError: the column is not `string` or `large_string`.
        ValueError: the column holds nulls; what a missing text means is the caller's decision.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else pa.chunked_array(array).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise TypeError(
            f"Kernels take string or large_string columns, found {array.type}. Cast the column first."
        )
    if array.null_count:
        raise ValueError(
            f"Kernels take columns without nulls, found {array.null_count} null(s) among {len(array)} documents. "
            "Drop or fill them first."
        )
    _, offset_buffer, data_buffer = array.buffers()
    width = np.int32 if pa.types.is_string(array.type) else np.int64
    if offset_buffer is None or offset_buffer.size == 0:
        offsets = np.zeros(1, dtype=np.int64)
    else:
        raw = np.frombuffer(offset_buffer, dtype=width)[array.offset : array.offset + len(array) + 1]
        offsets = raw.astype(np.int64, copy=False)
    data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, dtype=np.uint8)
    return frozen(data, np.uint8), frozen(offsets, np.int64)


def strings(data: Bytes, offsets: Offsets) -> pa.StringArray:
    """The string column of bytes and offsets (see `buffers`).

    Raises:
        pa.ArrowInvalid: the texts have more than 2**31 bytes together.
    """
    wide = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
    return wide.cast(pa.string())


def frozen(array: npt.NDArray[Scalar], dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    """A contiguous read-only view of the array, so that every kernel sees one type and is compiled once.

    Raises:
        TypeError: the array has another element type or is not one-dimensional.
    """
    if array.dtype != dtype or array.ndim != 1:
        raise TypeError(
            f"Expected a one-dimensional {np.dtype(dtype)} array, found {array.ndim}-d {array.dtype}."
        )
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def batch(data: Bytes, offsets: Offsets) -> tuple[Bytes, Offsets]:
    """The two arrays of a batch, checked once so that kernels need not check bounds.

    Raises:
        TypeError: an array has the wrong element type or is not one-dimensional.
        ValueError: the offsets are empty, decrease, or lie outside the bytes.
    """
    data, offsets = frozen(data, np.uint8), frozen(offsets, np.int64)
    if not offsets.size or offsets[0] < 0 or offsets[-1] > data.size or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(
            f"Expected n+1 non-decreasing offsets within the {data.size} data bytes, found {offsets.size} offsets "
            f"from {offsets[:1].tolist()} to {offsets[-1:].tolist()}."
        )
    return data, offsets


def ragged(hashes: Hashes, starts: Offsets) -> tuple[Hashes, Offsets]:
    """The two arrays of a ragged list of hashes, checked once so that kernels need not check bounds.

    Raises:
        TypeError: an array has the wrong element type or is not one-dimensional.
        ValueError: the starts are empty, decrease, or lie outside the hashes.
    """
    hashes, starts = frozen(hashes, np.uint64), frozen(starts, np.int64)
    if not starts.size or starts[0] < 0 or starts[-1] > hashes.size or (starts[1:] < starts[:-1]).any():
        raise ValueError(
            f"Expected n+1 non-decreasing starts within the {hashes.size} hashes, found {starts.size} starts "
            f"from {starts[:1].tolist()} to {starts[-1:].tolist()}."
        )
    return hashes, starts
