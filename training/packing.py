"""Batches as arrays: sequences of a fixed length with the documents in them, or padded rows of similar length.

Shape suffixes: B = rows of the batch on this rank, T = tokens of a row, S = segments of the batch, N = documents.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.order import Ints, permutation
from training.shard_reader import Documents

Array = npt.NDArray[Any]

PADDING: Final = -1  # segment of padding


def packed_batch(
    ids_BT: npt.NDArray[np.int32], start_S: Ints, length_B: Ints, pad_id: int
) -> dict[str, Array]:
    """What the model is given of sequences of end-to-end documents.

    Args:
        ids_BT: token ids.
        start_S: where documents begin in the B * T tokens, in any order; every row begins one in any case.
        length_B: tokens of a row before its padding.
        pad_id: id of padding.

    Returns:
        - `input_ids` (B, T), int64.
        - `segment_ids` (B, T), int32: number of the document in the row, from 0; -1 for padding.
        - `position_ids` (B, T), int32: place in the document as far as the row holds it, from 0.
        - `cu_seqlens` (S + 1,), int32: where segments begin in the B * T tokens, and B * T; padding is a segment.
        - `max_seqlen` (), int32: tokens of the longest segment.
    """
    rows, row_tokens = ids_BT.shape
    is_start = np.zeros(rows * row_tokens, np.bool_)
    is_start[start_S] = True
    row_start_B = np.arange(rows) * row_tokens
    is_start[row_start_B] = True
    is_padded_B = length_B < row_tokens
    for row in np.flatnonzero(is_padded_B).tolist():
        first = row * row_tokens + int(length_B[row])
        is_start[first : (row + 1) * row_tokens] = False
        is_start[first] = True
        ids_BT[row, length_B[row] :] = pad_id
    segment_S = np.flatnonzero(is_start)
    end_S1 = np.append(segment_S, rows * row_tokens)
    size_S = np.diff(end_S1)
    first_of_row_B = np.searchsorted(segment_S, row_start_B)
    number_S = np.arange(len(segment_S)) - first_of_row_B[segment_S // row_tokens]
    padded_row_B = np.flatnonzero(is_padded_B)
    number_S[np.searchsorted(segment_S, padded_row_B * row_tokens + length_B[padded_row_B])] = PADDING
    positions = np.arange(rows * row_tokens, dtype=np.int32)
    positions -= np.repeat(segment_S.astype(np.int32), size_S)
    return {
        "input_ids": ids_BT.astype(np.int64),
        "segment_ids": np.repeat(number_S.astype(np.int32), size_S).reshape(rows, row_tokens),
        "position_ids": positions.reshape(rows, row_tokens),
        "cu_seqlens": end_S1.astype(np.int32),
        "max_seqlen": np.array(size_S.max(), np.int32),
    }


def length_buckets(length_N: Ints, *, batch_tokens: int, multiple: int, key: int) -> list[Ints]:
    """Batches of documents of similar length: their numbers, ascending, in an order that hangs on the key.

    Sorted by length, documents are taken `multiple` at a time into a batch while the padded batch stays within the
    budget.

    Args:
        length_N: tokens per document; N is a multiple of `multiple`.
        batch_tokens: most tokens of a batch, padding counted; at least `multiple` times the longest document.
        multiple: what the number of rows of every batch is a multiple of.
        key: another key, another order of the batches.
    """
    by_length_N = np.argsort(length_N, kind="stable")
    longest = length_N[by_length_N[multiple - 1 :: multiple]].tolist()  # of each group of `multiple`
    bounds = [0]
    for group, tokens in enumerate(longest):
        if (group + 1 - bounds[-1]) * multiple * tokens > batch_tokens and group > bounds[-1]:
            bounds.append(group)
    bounds.append(len(longest))
    batches = [np.sort(by_length_N[first * multiple : last * multiple]) for first, last in pairwise(bounds)]
    return [batches[number] for number in permutation(key, len(batches)).tolist()]


def padded_batch(documents: Documents, row_B: Ints, row_tokens: int, pad_id: int) -> dict[str, Array]:
    """What the model is given of one document per row.

    Args:
        documents: documents.
        row_B: numbers of those wanted; -1 for a row of padding alone.
        row_tokens: T; what a document has more is cut off.
        pad_id: id of padding.

    Returns:
        - `input_ids` (B, T), int64.
        - `attention_mask` (B, T), int64: 1 for tokens, 0 for padding.
        - `lengths` (B,), int32: tokens of each row.
    """
    length_B = np.minimum(np.diff(documents.start_D1)[row_B], row_tokens)
    length_B[row_B < 0] = 0
    column_T = np.arange(row_tokens)
    is_token_BT = column_T < length_B[:, None]
    ids_BT = np.full((len(row_B), row_tokens), pad_id, np.int64)
    place_BT = documents.start_D1[row_B][:, None] + column_T
    ids_BT[is_token_BT] = documents.ids_S[place_BT[is_token_BT]]
    return {
        "input_ids": ids_BT,
        "attention_mask": is_token_BT.astype(np.int64),
        "lengths": length_B.astype(np.int32),
    }


def rows_of_rank(rows: int, rank: int, world_size: int) -> slice:
    """The rank's rows of a global batch; `world_size` divides `rows`."""
    own = rows // world_size
    return slice(rank * own, (rank + 1) * own)


def joined(*parts: Mapping[str, Array]) -> dict[str, Array]:
    """One dictionary of several with different keys."""
    return {name: value for part in parts for name, value in part.items()}
