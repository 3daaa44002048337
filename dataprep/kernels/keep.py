"""Who stays: one pass over a graph of verified pairs in the keep order."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Hashes, Offsets
from dataprep.kernels.compilation import kernel
from dataprep.kernels.jaccard import common

Indices = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

KEPT: Final = -1
OPEN: Final = -2  # cannot be told without shingle sets
COMPUTED: Final = -1  # in place of the edge that decided: the similarity was computed here


@kernel
def settle(
    starts: Offsets,
    lower: Indices,
    has_sets: bool,
    hashes: Hashes,
    set_starts: Offsets,
    min_jaccard: float,
    min_containment: float,
    keeper: Indices,
    edge: Indices,
    jaccard: Shares,
    containment: Shares,
) -> int:
    """Number of documents that stay open; `keeper` and what it rests on are written for all others.

    Documents are numbered in the keep order. A document is removed if a document that stays is verified against it,
    and the first such one keeps it. Where every document it was verified against is itself removed, it is compared
    with those that were kept in their place, in the keep order; if none is similar enough, it stays.

    What becomes of a document depends on those before it only: later documents change nothing.

    Args:
        starts: where the edges of each document begin.
        lower: the other ends, all before the document itself, ascending within each document.
        has_sets: whether the shingle sets are there.
        hashes: shingles of all documents, ascending within each; empty without sets.
        set_starts: where each document's shingles begin.
        min_jaccard: from this similarity on a document is removed.
        min_containment: or from this share of its shingles on that the kept one has; above 1 for never.
        keeper: receives the document that stays in this one's place, KEPT, or OPEN.
        edge: receives the edge that decided, or COMPUTED.
        jaccard: receives the similarity, where it was computed here; the largest one of those that did not suffice.
        containment: likewise.
    """
    still_open = 0
    for document in range(starts.size - 1):
        first, last = starts[document], starts[document + 1]
        keeper[document], edge[document] = KEPT, COMPUTED
        jaccard[document], containment[document] = 0.0, 0.0
        undecided = False
        found = False
        for index in range(first, last):
            status = keeper[lower[index]]
            if status == OPEN:
                undecided = True
                break
            if status == KEPT:
                keeper[document], edge[document] = lower[index], index
                found = True
                break
        if found or first == last:
            continue
        if undecided or not has_sets:
            keeper[document] = OPEN
            still_open += 1
            continue
        # Every document it is like was removed: meet the ones that stayed instead, each once, in their order.
        previous = -1
        while True:
            candidate = document
            for index in range(first, last):
                kept = keeper[lower[index]]
                if previous < kept < candidate:
                    candidate = kept
            if candidate == document:
                break
            previous = candidate
            size = set_starts[document + 1] - set_starts[document]
            other = set_starts[candidate + 1] - set_starts[candidate]
            shared = common(hashes, set_starts, document, candidate)
            union = size + other - shared
            similarity = shared / union if union else 0.0
            contained = shared / size if size else 0.0
            verified = similarity >= min_jaccard or contained >= min_containment
            if verified or similarity > jaccard[document]:
                jaccard[document], containment[document] = similarity, contained
            if verified:
                keeper[document] = candidate
                break
    return still_open
