from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.arrow_buffers import Bytes, Offsets, batch, buffers

from .texts import batches


def decoded(data: Bytes, offsets: Offsets) -> list[str]:
    return [data[a:b].tobytes().decode() for a, b in pairwise(offsets.tolist())]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@given(texts=batches, cut=st.integers(0, 3))
def test_a_sliced_column_reads_as_its_own_documents(kind: pa.DataType, texts: list[str], cut: int) -> None:
    column = pa.array(texts, kind)[cut:]

    data, offsets = buffers(column)

    assert decoded(data, offsets) == texts[cut:]


def test_chunks_are_joined() -> None:
    column = pa.chunked_array([["ab", "c"], [], ["", "đ"]], pa.string())

    data, offsets = buffers(column)

    assert decoded(data, offsets) == ["ab", "c", "", "đ"]


def test_a_column_without_chunks_is_an_empty_batch() -> None:
    column = pa.chunked_array([], pa.string())

    data, offsets = buffers(column)

    assert decoded(data, offsets) == []


def test_bytes_are_not_copied() -> None:
    column = pa.array(["abc", "def"], pa.large_string())

    data, offsets = buffers(column)

    assert data.ctypes.data == column.buffers()[2].address
    assert offsets.ctypes.data == column.buffers()[1].address


def test_a_null_is_refused_with_its_number() -> None:
    column = pa.array(["a", None, None])

    with pytest.raises(ValueError, match=r"found 2 null\(s\) among 3 documents"):
        buffers(column)


def test_another_type_is_refused_with_its_name() -> None:
    column = pa.array([1, 2])

    with pytest.raises(TypeError, match="found int64"):
        buffers(column)


@pytest.mark.parametrize("offsets", [[], [0, 4], [0, 2, 1], [-1, 2]])
def test_offsets_outside_the_bytes_are_refused(offsets: list[int]) -> None:
    data = np.zeros(3, np.uint8)

    with pytest.raises(ValueError, match="non-decreasing offsets within the 3 data bytes"):
        batch(data, np.array(offsets, np.int64))
