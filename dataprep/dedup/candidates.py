"""Candidate pairs: star edges between the documents that share a band key.

A band key is a hash of one band of the signature (Leskovec et al. 2020, section 3.4). All documents of a bucket are
compared with one of them, the centre, so a bucket of n documents gives n - 1 pairs and never n². The centre is the
first in the keep order, so most edges already join a copy to the original.
"""

from typing import Final, NamedTuple

import numpy as np

from dataprep.dedup.exact import run_starts
from dataprep.dedup.exchange import Records
from dataprep.dedup.nodes import Longs

# A band key on its way to its bucket: `key`, and the document's place in the keep order (`rank`, then the first 64
# bits of its doc_id), and its node.
KEY_RECORD: Final = np.dtype([("key", "<i8"), ("rank", "<u8"), ("id", "<u8"), ("node", "<i8")])


class Buckets(NamedTuple):
    """Buckets that earlier runs filled: those of a signature index, ascending by `key` as an unsigned number.

    Attributes:
        key: band keys, distinct, int64.
        centre: of each bucket, as a KEY_RECORD.
        size: documents in each.
    """

    key: Longs
    centre: Records
    size: Longs


class Stars(NamedTuple):
    """What the buckets of a slot propose.

    Attributes:
        member: KEY_RECORDs of all documents that are compared with their bucket's centre.
        centre: KEY_RECORDs of these centres, row by row.
        key: distinct band keys of the slot, ascending as unsigned numbers.
        first: KEY_RECORD of each key's own first document: its centre, unless an earlier run knew the key.
        centre_of: KEY_RECORD of each key's centre.
        size: own documents of each key.
        total: size, earlier runs included.
        skipped: own documents of each key beyond the cap, which are not compared.
    """

    member: Records
    centre: Records
    key: Longs
    first: Records
    centre_of: Records
    size: Longs
    total: Longs
    skipped: Longs


def stars(records: Records, *, cap: int, known: Buckets | None = None) -> Stars:
    """Group one slot's band keys into buckets and compare each document with its bucket's centre.

    Args:
        records: KEY_RECORDs, all of any of their keys.
        cap: how many documents of a bucket are compared: the first in the keep order, those of earlier runs first.
            Which ones are left out therefore does not depend on the documents behind them.
        known: buckets of earlier runs. Their centres stay.
    """
    records = records[np.argsort(records["key"].view(np.uint64), kind="stable")]
    starts = np.flatnonzero(run_starts(records["key"]))
    size = np.diff(np.append(starts, len(records)))
    bucket = np.repeat(np.arange(len(starts)), size)
    shared = np.flatnonzero(size[bucket] > 1)
    # Only buckets of two and more need their documents in order.
    inner = np.lexsort(
        (records["node"][shared], records["id"][shared], records["rank"][shared], bucket[shared])
    )
    records[shared] = records[shared][inner]
    key = records["key"][starts]
    position = np.arange(len(records)) - starts[bucket]
    first = records[starts]
    before = np.zeros(len(starts), np.int64)
    centre = first.copy()
    if known is not None and len(known.key) and len(key):
        place = np.searchsorted(known.key.view(np.uint64), key.view(np.uint64))
        place[place == len(known.key)] = 0
        met = known.key[place] == key
        before[met] = known.size[place[met]]
        centre[met] = known.centre[place[met]]
    total = before + size
    position += before[bucket]
    compared = (position > 0) & (position < cap)
    over = np.bincount(bucket[position >= cap], minlength=len(starts)).astype(np.int64)
    return Stars(records[compared], centre[bucket[compared]], key, first, centre, size, total, over)
