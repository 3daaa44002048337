"""Exact duplicates: the same text, white space aside, wherever it comes from."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.dedup.exchange import Records
from dataprep.dedup.nodes import Longs, Words

NO_COPY: Final = -1


def document_records(num_bands: int) -> np.dtype[Any]:
    """Layout of a document on its way to its copies.

    Fields: `hash` (128-bit content hash), `rank`, `id` (doc_id as two numbers), `file` (a hash of its name: orders
    records that share even source, locator and text, and so their doc_id), `node`, `source` (ordinal), `signed`
    (whether there are band keys), `rejected` (flags), `keys`.
    """
    return np.dtype(
        [
            ("hash", "<u8", (2,)),
            ("rank", "<u8"),
            ("id", "<u8", (2,)),
            ("file", "<u8"),
            ("node", "<i8"),
            ("source", "<u4"),
            ("signed", "<u2"),
            ("rejected", "<u2"),
            ("keys", "<i8", (num_bands,)),
        ]
    )


class Known(NamedTuple):
    """Texts of earlier runs, by content hash: those of a signature index.

    Attributes:
        hash: uint64[texts, 2], distinct, ascending.
        node: node of the document that represents the text.
    """

    hash: Words
    node: Longs


class Copies(NamedTuple):
    """Who represents whom.

    Attributes:
        representative: for each record, the position of the record that represents its text; its own, if it does.
        known: for each record, the position in `Known` of its text, or NO_COPY.
    """

    representative: Longs
    known: Longs


def exact_copies(records: Records, known: Known | None = None) -> Copies:
    """Find the copies of each text; the first in the keep order represents the others.

    Args:
        records: of `document_records`, all that share any of their content hashes.
        known: texts that were there before; they represent every record of theirs.
    """
    size = len(records)
    representative = np.arange(size, dtype=np.int64)
    order = np.argsort(records["hash"][:, 0], kind="stable")
    first = records["hash"][order, 0]
    repeated = np.zeros(size, np.bool_)
    if size > 1:
        equal = first[1:] == first[:-1]
        repeated[1:] |= equal
        repeated[:-1] |= equal
    # Only records that share 64 bits of their hash are put into the full order: mostly few.
    among = order[repeated]
    group = records[among]
    in_order = np.lexsort(
        (
            group["node"],
            group["file"],
            group["id"][:, 1],
            group["id"][:, 0],
            group["rank"],
            group["hash"][:, 1],
            group["hash"][:, 0],
        )
    )
    among, group = among[in_order], group[in_order]
    starts = run_starts(group["hash"][:, 0], group["hash"][:, 1])
    representative[among] = among[starts][np.cumsum(starts) - 1] if len(among) else among
    found = np.full(size, NO_COPY, np.int64)
    if known is not None and len(known.node):
        found = _look_up(records["hash"], known.hash)
    return Copies(representative, found)


def run_starts(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a run of equal rows begins, for sorted columns."""
    starts = np.zeros(len(columns[0]), np.bool_)
    if len(starts):
        starts[0] = True
        for column in columns:
            starts[1:] |= column[1:] != column[:-1]
    return starts


def _look_up(wanted_N2: Words, sorted_M2: Words) -> Longs:
    """Position of each 128-bit value in a table that is sorted by both numbers; NO_COPY where it is missing."""
    found = np.full(len(wanted_N2), NO_COPY, np.int64)
    position = np.searchsorted(sorted_M2[:, 0], wanted_N2[:, 0])
    # Values that share their first number are neighbours: more than one or two never are.
    open_N = np.arange(len(wanted_N2))
    while len(open_N):
        at = position[open_N]
        inside = at < len(sorted_M2)
        open_N, at = open_N[inside], at[inside]
        same_first = sorted_M2[at, 0] == wanted_N2[open_N, 0]
        open_N, at = open_N[same_first], at[same_first]
        same = sorted_M2[at, 1] == wanted_N2[open_N, 1]
        found[open_N[same]] = at[same]
        open_N = open_N[~same]
        position[open_N] += 1
    return found
