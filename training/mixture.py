"""Which stratum each sample of training comes from: a pure function of its number, with no draw left to chance.

Samples are numbered from 0. In a phase the shares are constant, and the samples come in cycles. A cycle gives every
stratum a whole number of samples, so that at its end each has had what is due to it, to within one; the largest takes
what is left. Within a cycle the samples of a stratum are spread evenly: sample j of c falls due in the j-th of c equal
parts, and the one whose part ends first goes first (proportionate progress, Baruah et al. 1996, section 3). So the
count of a stratum is at every sample of the cycle within 1 of its part.

Shape suffixes: Q = strata, C = samples of a cycle, N = samples asked for.
"""

import heapq
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CYCLE: Final = 1024  # samples of a cycle, unless there are many strata


class Segment(NamedTuple):
    """Samples with constant shares.

    Attributes:
        first: number of its first sample.
        share_Q: share of each stratum; they sum to 1.
    """

    first: int
    share_Q: Floats


class Draws(NamedTuple):
    """Where samples come from.

    Attributes:
        stratum_N: number of the stratum.
        ordinal_N: how many samples of that stratum came before.
    """

    stratum_N: Ints
    ordinal_N: Ints


class Mixture:
    """The order of the strata.

    Args:
        segments: ascending; the first begins at 0, the last never ends. Shares are brought to the sum 1.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = [
            Segment(segment.first, segment.share_Q / segment.share_Q.sum()) for segment in segments
        ]
        strata = len(segments[0].share_Q)
        # The largest stratum has a share of 1 / Q at least, and takes up the rounding of Q - 1 others: C ≥ Q * (Q - 1)
        # keeps what is left for it from falling below 0.
        self.cycle_samples = max(_CYCLE, 1 << (strata * strata - 1).bit_length())
        self._before: list[Ints] = [np.zeros(strata, np.int64)]
        for segment, following in zip(self._segments, self._segments[1:], strict=False):
            in_segment_Q = self._counts_before(segment, following.first - segment.first)
            self._before.append(self._before[-1] + in_segment_Q)

    @property
    def num_strata(self) -> int:
        """Q."""
        return len(self._segments[0].share_Q)

    @property
    def segments(self) -> Sequence[Segment]:
        """What it was made of, with shares that sum to 1."""
        return self._segments

    def draws(self, first: int, count: int) -> Draws:
        """The samples `first` to `first + count - 1`.

        Args:
            first: at least 0.
            count: N, at least 1.
        """
        strata, ordinals = [], []
        while count:
            number = self._segment_at(first)
            segment = self._segments[number]
            cycle, inside = divmod(first - segment.first, self.cycle_samples)
            taken = min(count, self.cycle_samples - inside)
            if number + 1 < len(self._segments):
                taken = min(taken, self._segments[number + 1].first - first)
            due_Q = self._due(segment, cycle)
            stratum_C, earlier_C = _cycle(tuple((self._due(segment, cycle + 1) - due_Q).tolist()))
            stratum_N = stratum_C[inside : inside + taken]
            strata.append(stratum_N)
            ordinals.append((self._before[number] + due_Q)[stratum_N] + earlier_C[inside : inside + taken])
            first, count = first + taken, count - taken
        return Draws(np.concatenate(strata), np.concatenate(ordinals))

    def counts_before(self, sample: int) -> Ints:
        """Samples of each stratum among the first so many, shape (Q,)."""
        number = self._segment_at(sample)
        segment = self._segments[number]
        return self._before[number] + self._counts_before(segment, sample - segment.first)

    def _segment_at(self, sample: int) -> int:
        return max(i for i, segment in enumerate(self._segments) if segment.first <= sample)

    def _counts_before(self, segment: Segment, samples: int) -> Ints:
        cycle, inside = divmod(samples, self.cycle_samples)
        due_Q = self._due(segment, cycle)
        stratum_C, _ = _cycle(tuple((self._due(segment, cycle + 1) - due_Q).tolist()))
        result: Ints = due_Q + np.bincount(stratum_C[:inside], minlength=len(due_Q))
        return result

    def _due(self, segment: Segment, cycle: int) -> Ints:
        """Samples of each stratum in the segment's first so many cycles."""
        samples = cycle * self.cycle_samples
        due_Q = np.floor(samples * segment.share_Q + 0.5).astype(np.int64)
        largest = int(np.argmax(segment.share_Q))
        due_Q[largest] += samples - due_Q.sum()
        return due_Q


class MixtureOfCorpora:
    """Mixtures, mixed: one says which corpus a sample is of, and that corpus's own which stratum.

    One mixture of all strata would keep each of them within 1 of its part, but not the sum of many.

    Args:
        corpora: its strata are the corpora.
        strata: of each corpus. In all, strata are numbered from corpus to corpus.
    """

    def __init__(self, corpora: Mixture, strata: Sequence[Mixture]) -> None:
        self._corpora, self._strata = corpora, strata

    def draws(self, first: int, count: int) -> Draws:
        """The samples `first` to `first + count - 1`; see `Mixture.draws`."""
        corpus_N, ordinal_N = self._corpora.draws(first, count)
        drawn = Draws(np.empty(count, np.int64), np.empty(count, np.int64))
        before = 0
        for corpus, mixture in enumerate(self._strata):
            place_M = np.flatnonzero(corpus_N == corpus)
            if len(place_M):
                # Ordinals of a corpus have no gaps.
                own = mixture.draws(int(ordinal_N[place_M[0]]), len(place_M))
                drawn.stratum_N[place_M] = own.stratum_N + before
                drawn.ordinal_N[place_M] = own.ordinal_N
            before += mixture.num_strata
        return drawn


@lru_cache(maxsize=64)
def _cycle(counts: tuple[int, ...]) -> tuple[Ints, Ints]:
    """One cycle: per sample the stratum, and how many of it came earlier in the cycle.

    Earliest deadline first finds an order in which every sample lies in its part, because there is one and all take
    one place each.
    """
    total = sum(counts)
    stratum_C = np.empty(total, np.int64)
    earlier_C = np.empty(total, np.int64)
    waiting = [(0, stratum, 0) for stratum, count in enumerate(counts) if count]
    ready: list[tuple[int, int, int]] = []
    heapq.heapify(waiting)
    for place in range(total):
        while waiting and waiting[0][0] <= place:
            _, stratum, number = heapq.heappop(waiting)
            deadline = -(-(number + 1) * total // counts[stratum])
            heapq.heappush(ready, (deadline, stratum, number))
        _, stratum, number = heapq.heappop(ready)
        stratum_C[place], earlier_C[place] = stratum, number
        if number + 1 < counts[stratum]:
            heapq.heappush(waiting, ((number + 1) * total // counts[stratum], stratum, number + 1))
    return stratum_C, earlier_C
