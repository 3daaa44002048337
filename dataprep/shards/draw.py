"""The order in which training draws documents by a balance plan: a reference for readers, and what the tests measure.

Every stratum (a cell of the plan, or a class of cluster sizes in it) is a queue: its documents in a random order, then
all of them in another, and so on. The plan says how many tokens T(t) of the stratum are due when t tokens have been
drawn in all. A document is drawn when T reaches the middle of its tokens in the queue. So at any time, what was drawn
of a stratum differs from what is due by at most half a document, through all phases and repeats, with no state but t.

The order depends on the plan, the seed and the documents' ids; not on how they are spread over files.

Shape suffixes: N = documents, K = steps, S = strata, D = draws.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep import schema as s
from dataprep.shards.balance import ALL_CLUSTERS
from dataprep.shards.cells import CLUSTERS, Stratum

Ints = npt.NDArray[np.int64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Draws(NamedTuple):
    """Documents in the order in which they are drawn.

    Attributes:
        document_D: number of the document.
        epoch_D: how often it was drawn before.
        due_D: tokens drawn in all when its turn comes; ascending.
    """

    document_D: Ints
    epoch_D: Ints
    due_D: npt.NDArray[np.float64]


def strata_of(plan: Mapping[str, Any]) -> dict[Stratum, npt.NDArray[np.float64]]:
    """Per stratum of the plan, its share in each step."""
    found: dict[Stratum, npt.NDArray[np.float64]] = {}
    for number, cell in enumerate(plan["cells"]):
        share_K = np.array([step["cells"][number]["target_share"] for step in plan["phases"]])
        key = Stratum(cell[s.LOCALE], cell[s.SOURCE], cell[s.FORM], ALL_CLUSTERS)
        if not cell[CLUSTERS]:
            found[key] = share_K
        for part in cell[CLUSTERS]:
            found[key._replace(clusters=part[CLUSTERS])] = share_K * part["share_of_cell"]
    return found


def draws(
    plan: Mapping[str, Any], stratum_N: Ints, tokens_N: Ints, ids_N: npt.NDArray[np.uint64], *, seed: int
) -> Draws:
    """All draws of a training that follows the plan.

    Args:
        plan: the plan.
        stratum_N: per document, the number of its stratum in `strata_of(plan)`.
        tokens_N: its tokens.
        ids_N: 64 bits of its id.
        seed: another seed gives another order.
    """
    length_K = np.array([step["tokens"] for step in plan["phases"]], np.float64)
    time_K1 = np.concatenate([[0.0], np.cumsum(length_K)])
    by_stratum = np.argsort(stratum_N, kind="stable")
    shares = list(strata_of(plan).values())
    starts = np.searchsorted(stratum_N[by_stratum], np.arange(len(shares) + 1))
    documents, epochs, dues = [], [], []
    for number, share_K in enumerate(shares):
        members = by_stratum[starts[number] : starts[number + 1]]
        due_K1 = np.concatenate([[0.0], np.cumsum(share_K * length_K)])
        there = tokens_N[members].sum()
        if not there or not due_K1[-1]:
            continue
        for epoch in range(int(due_K1[-1] / there) + 1):
            queue = members[np.argsort(_hashes(ids_N[members], seed, epoch), kind="stable")]
            middle = epoch * float(there) + np.cumsum(tokens_N[queue]) - tokens_N[queue] / 2
            is_due = middle < due_K1[-1]
            documents.append(queue[is_due])
            epochs.append(np.full(np.count_nonzero(is_due), epoch))
            dues.append(np.interp(middle[is_due], due_K1, time_K1))
    document_D, epoch_D, due_D = (np.concatenate(each) for each in (documents, epochs, dues))
    order = np.lexsort((ids_N[document_D], due_D))
    return Draws(document_D[order], epoch_D[order], due_D[order])


def _hashes(ids_N: npt.NDArray[np.uint64], seed: int, epoch: int) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 over id, seed and epoch."""
    with np.errstate(over="ignore"):
        key = np.uint64(seed) * _GOLDEN ^ np.uint64(epoch + 1) * _MIX[0]
        state_N = (ids_N ^ key) + _GOLDEN
        state_N = (state_N ^ (state_N >> np.uint64(30))) * _MIX[0]
        state_N = (state_N ^ (state_N >> np.uint64(27))) * _MIX[1]
    result: npt.NDArray[np.uint64] = state_N ^ (state_N >> np.uint64(31))
    return result
