"""Attention over packed segments, without padding: who sees whom, and the kernel that computes it.

A batch is one row of tokens: segments one after the other. A token sees tokens of its own segment only. Which of them
is the segment's mask (UniLM, Dong et al. 2019, section 2.2), given by one number, the length of its prefix: token i
sees token j if j <= i or j < prefix. A prefix as long as the segment is bidirectional attention, a prefix of 0 is
causal, one in between is a prefix language model.

Shape suffixes: T = tokens of the batch, S = segments, N = heads, K = size of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.varlen import varlen_attn


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of tokens that attend to themselves in one call of a kernel.

    Attributes:
        lengths: tokens of each run, all at least 1.
        starts_S1: the same as cumulative sums from 0, int32, where the kernel wants them.
        causal: a token sees what stands before it and itself; otherwise all of its run.
        rows_R: which tokens of the batch these are, in order; None means all.
    """

    lengths: tuple[int, ...]
    starts_S1: Tensor
    causal: bool
    rows_R: Tensor | None = None

    @classmethod
    def of(cls, lengths: Sequence[int], *, causal: bool, rows: Sequence[int] | None = None) -> Self:
        """Runs of these lengths, on the CPU."""
        starts_S1 = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
        return cls(tuple(lengths), starts_S1, causal, None if rows is None else torch.tensor(rows))

    def to(self, device: torch.device | str) -> Self:
        """The same, on another device."""
        rows_R = None if self.rows_R is None else self.rows_R.to(device, non_blocking=True)
        return type(self)(self.lengths, self.starts_S1.to(device, non_blocking=True), self.causal, rows_R)


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of a packed batch. Made on the host, so that no step waits for the device to tell a length.

    Attributes:
        lengths: tokens of each segment.
        prefixes: of these, the first ones that the whole segment sees.
        positions_T: place of each token in its segment, from 0, int64.
        calls: kernel calls that compute attention; where two give the same token, the later one counts.
    """

    lengths: tuple[int, ...]
    prefixes: tuple[int, ...]
    positions_T: Tensor
    calls: tuple[Runs, ...]

    @classmethod
    def of(cls, lengths: Sequence[int], *, prefixes: Sequence[int] | None = None) -> Self:
        """Segments by their lengths, on the CPU.

        Args:
            lengths: tokens of each segment, in the order of the batch.
            prefixes: for each segment, how many of its first tokens all of it sees; None means all, everywhere.

        Raises:
            ValueError: there is no segment, one has no token, or a prefix does not fit its segment.
        """
        lengths = tuple(int(length) for length in lengths)
        prefixes = lengths if prefixes is None else tuple(int(prefix) for prefix in prefixes)
        if not lengths or min(lengths) < 1:
            raise ValueError(f"every segment needs at least one token; the lengths are {list(lengths)}.")
        if len(prefixes) != len(lengths):
            raise ValueError(f"{len(lengths)} segments need as many prefixes; there are {len(prefixes)}.")
        for length, prefix in zip(lengths, prefixes, strict=True):
            if not 0 <= prefix <= length:
                raise ValueError(f"a prefix of {prefix} tokens does not fit a segment of {length}.")
        positions_T = torch.cat([torch.arange(length) for length in lengths])
        return cls(lengths, prefixes, positions_T, _calls(lengths, prefixes))

    @property
    def num_tokens(self) -> int:
        """T, the tokens of the batch."""
        return sum(self.lengths)

    def to(self, device: torch.device | str) -> Self:
        """The same, on another device."""
        positions_T = self.positions_T.to(device, non_blocking=True)
        calls = tuple(runs.to(device) for runs in self.calls)
        return type(self)(self.lengths, self.prefixes, positions_T, calls)


def _calls(lengths: tuple[int, ...], prefixes: tuple[int, ...]) -> tuple[Runs, ...]:
    """A mask by two kernels that know none: causal over the whole segment, then bidirectional over its prefix.

    The causal call is right for all that follows the prefix, since all of the prefix stands before it; what it gives
    for the prefix itself is replaced by the second call. Both have as many queries as keys, so it does not matter
    how a kernel aligns a causal mask that is not square.
    """
    if prefixes == lengths:
        return (Runs.of(lengths, causal=False),)
    if max(prefixes) <= 1:  # a prefix of one token sees nothing that a causal mask would hide
        return (Runs.of(lengths, causal=True),)
    starts = (0, *accumulate(lengths))
    spans = list(zip(starts[:-1], lengths, prefixes, strict=True))
    causal = [(start, length) for start, length, prefix in spans if prefix < length]
    both = [(start, prefix) for start, _, prefix in spans if prefix > 0]
    return (_selected(causal, causal=True), _selected(both, causal=False))


def _selected(spans: list[tuple[int, int]], *, causal: bool) -> Runs:
    rows = [row for start, length in spans for row in range(start, start + length)]
    return Runs.of([length for _, length in spans], causal=causal, rows=rows)


def attend(query_TNK: Tensor, key_TNK: Tensor, value_TNK: Tensor, segments: Segments) -> Tensor:
    """Self-attention within each segment under its mask, shape [T, N, K]. Scores are divided by the root of K."""
    if len(segments.calls) == 1:
        (runs,) = segments.calls
        return _attend_runs(query_TNK, key_TNK, value_TNK, runs, runs)
    mixed_TNK = torch.zeros_like(query_TNK)
    for runs in segments.calls:
        assert runs.rows_R is not None
        query, key, value = (whole.index_select(0, runs.rows_R) for whole in (query_TNK, key_TNK, value_TNK))
        mixed_TNK = mixed_TNK.index_copy(0, runs.rows_R, _attend_runs(query, key, value, runs, runs))
    return mixed_TNK


def attend_across(
    query_TNK: Tensor, key_UNK: Tensor, value_UNK: Tensor, queries: Segments, keys: Segments
) -> Tensor:
    """Cross-attention: the i-th segment of the queries sees all of the i-th segment of the keys; shape [T, N, K].

    Raises:
        ValueError: there are not as many segments on both sides.
    """
    if len(queries.lengths) != len(keys.lengths):
        raise ValueError(
            f"cross-attention pairs segments, but there are {len(queries.lengths)} of queries and "
            f"{len(keys.lengths)} of keys."
        )
    device = query_TNK.device
    return _attend_runs(query_TNK, key_UNK, value_UNK, _whole(queries, device), _whole(keys, device))


def _whole(segments: Segments, device: torch.device) -> Runs:
    """All tokens as bidirectional runs, whatever the mask within a segment."""
    runs = segments.calls[0]
    if runs.rows_R is None:
        return Runs(runs.lengths, runs.starts_S1, causal=False)
    return Runs.of(segments.lengths, causal=False).to(device)


def _attend_runs(query_TNK: Tensor, key_UNK: Tensor, value_UNK: Tensor, queries: Runs, keys: Runs) -> Tensor:
    """One kernel call on CUDA in half precision; elsewhere, one call of scaled dot-product attention per run."""
    if query_TNK.is_cuda and query_TNK.dtype in (torch.bfloat16, torch.float16):
        return _varlen(query_TNK, key_UNK, value_UNK, queries, keys)
    parts = [
        F.scaled_dot_product_attention(
            query.transpose(0, 1)[None],
            key.transpose(0, 1)[None],
            value.transpose(0, 1)[None],
            is_causal=queries.causal,
        )[0].transpose(0, 1)
        for query, key, value in zip(
            torch.split(query_TNK, list(queries.lengths)),
            torch.split(key_UNK, list(keys.lengths)),
            torch.split(value_UNK, list(keys.lengths)),
            strict=True,
        )
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _varlen(query_TNK: Tensor, key_UNK: Tensor, value_UNK: Tensor, queries: Runs, keys: Runs) -> Tensor:
    """The kernel for runs of different lengths; it exists on CUDA only."""
    attended_TNK = varlen_attn(
        query_TNK,
        key_UNK,
        value_UNK,
        queries.starts_S1,
        keys.starts_S1,
        max(queries.lengths),
        max(keys.lengths),
        window_size=(-1, 0) if queries.causal else (-1, -1),
    )
    assert isinstance(attended_TNK, Tensor)
    return attended_TNK
