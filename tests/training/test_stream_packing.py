"""Batches as arrays: buckets of length, padding."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.packing import length_buckets, packed_batch, padded_batch
from training.shard_reader import Documents, gathered


@given(
    st.integers(1, 5).flatmap(
        lambda multiple: st.tuples(
            st.just(multiple),
            st.lists(st.integers(0, 30), min_size=1, max_size=20).map(lambda each: each * multiple),
        )
    ),
    st.integers(0, 300),
    st.integers(0, 2**63),
)
def test_buckets_hold_every_document_once_within_the_budget(
    multiple_and_lengths: tuple[int, list[int]], spare: int, key: int
) -> None:
    multiple, lengths = multiple_and_lengths
    length_N = np.array(lengths)
    budget = multiple * max(lengths) + spare

    batches = length_buckets(length_N, batch_tokens=budget, multiple=multiple, key=key)

    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(batch) % multiple == 0 for batch in batches)
    assert all(len(batch) * length_N[batch].max() <= budget for batch in batches)
    spans = sorted((length_N[batch].min(), length_N[batch].max()) for batch in batches)
    assert all(first[1] <= then[0] for first, then in pairwise(spans))


def test_buckets_are_as_full_as_the_budget_allows() -> None:
    length_N = np.array([1, 9, 2, 8, 3, 7, 4, 6])

    batches = length_buckets(length_N, batch_tokens=18, multiple=2, key=0)

    # 1 2 3 4 pad to 16; 6 7 to 14, and with 8 9 it would be 36.
    assert sorted(batch.tolist() for batch in batches) == [[0, 2, 4, 6], [1, 3], [5, 7]]


def test_the_key_orders_the_batches() -> None:
    length_N = np.arange(1, 21)
    orders = {
        tuple(batch[0] for batch in length_buckets(length_N, batch_tokens=20, multiple=1, key=key))
        for key in range(20)
    }

    assert len(orders) > 15


def test_a_padded_batch() -> None:
    documents = Documents(np.array([1, 2, 3, 4, 5, 6], np.int32), np.array([0, 2, 2, 6]))

    batch = padded_batch(documents, np.array([2, -1, 0, 1]), 3, 9)

    assert batch["input_ids"].tolist() == [[3, 4, 5], [9, 9, 9], [1, 2, 9], [9, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert batch["lengths"].tolist() == [3, 0, 2, 0]


def test_a_packed_batch_with_padding() -> None:
    ids_BT = np.array([[1, 2, 3, 4], [5, 6, 0, 0], [0, 0, 0, 0]], np.int32)

    batch = packed_batch(ids_BT, np.array([0, 3, 5]), np.array([4, 2, 0]), 9)

    assert batch["input_ids"].tolist() == [[1, 2, 3, 4], [5, 6, 9, 9], [9, 9, 9, 9]]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 1], [0, 1, -1, -1], [-1, -1, -1, -1]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0], [0, 0, 0, 1], [0, 1, 2, 3]]
    assert batch["cu_seqlens"].tolist() == [0, 3, 4, 5, 6, 8, 12]
    assert batch["max_seqlen"] == 4


def test_documents_are_gathered_with_separators() -> None:
    documents = Documents(np.array([1, 2, 3], np.int32), np.array([0, 2, 2, 3]))

    found = gathered(documents, np.array([2, 1, 0, 0]), begin_id=7, end_id=8)

    assert found.ids_S.tolist() == [7, 3, 8, 7, 8, 7, 1, 2, 8, 7, 1, 2, 8]
    assert found.start_D1.tolist() == [0, 3, 5, 9, 13]


def test_empty_documents_alone_are_gathered() -> None:
    found = gathered(
        Documents(np.zeros(0, np.int32), np.array([0, 0])), np.array([0, 0]), begin_id=7, end_id=None
    )

    assert found.ids_S.tolist() == [7, 7]
