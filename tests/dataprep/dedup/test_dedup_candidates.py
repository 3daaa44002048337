import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.dedup.candidates import KEY_RECORD, Buckets, Stars, stars

LARGEST = 2**64 - 1
Record = tuple[int, int, int, int]  # key, rank, id, node
Known = dict[int, tuple[Record, int]]  # key → centre and size of the bucket

# Few keys, of both signs, and ties at every step of the order. Nodes are distinct.
band_keys = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
drafts = st.lists(
    st.tuples(band_keys, st.sampled_from([5, 6]), st.sampled_from([0, 1, LARGEST])), max_size=20
)
wholes = drafts.flatmap(
    lambda rows: st.permutations(range(1_000, 1_000 + len(rows))).map(
        lambda nodes: [(*row, node) for row, node in zip(rows, nodes, strict=True)]
    )
)
# Documents of earlier runs have lower ranks than all others.
earlier = st.dictionaries(
    band_keys | st.sampled_from([-7, 7]),
    st.tuples(st.tuples(st.just(0), st.integers(0, 4), st.just(3), st.integers(0, 9)), st.integers(1, 5)),
).map(lambda found: {key: ((key, *centre[1:]), size) for key, (centre, size) in found.items()})
caps = st.integers(2, 8)


def records_of(rows: list[Record]) -> np.ndarray:
    return np.array(rows, KEY_RECORD)


def buckets_of(known: Known) -> Buckets:
    ordered = sorted(known, key=lambda key: key % 2**64)
    return Buckets(
        np.array(ordered, np.int64),
        records_of([known[key][0] for key in ordered]),
        np.array([known[key][1] for key in ordered], np.int64),
    )


def edges_of(found: Stars) -> set[tuple[Record, Record]]:
    edges = list(zip(found.member.tolist(), found.centre.tolist(), strict=True))
    assert len(set(edges)) == len(edges)
    return set(edges)


def plain_stars(
    rows: list[Record], cap: int, known: Known
) -> tuple[set[tuple[Record, Record]], list[tuple[int, Record, Record, int, int, int]]]:
    """Edges, and key, first, centre, size, total and skipped of each bucket, one bucket after the other."""
    edges: set[tuple[Record, Record]] = set()
    table = []
    for key in sorted({row[0] for row in rows}, key=lambda key: key % 2**64):
        own = sorted((row for row in rows if row[0] == key), key=lambda row: row[1:])
        centre, before = known.get(key, (own[0], 0))
        line = [None] * before + own  # the documents of earlier runs stand before all others
        edges |= {(row, centre) for row in line[1:cap] if row is not None}
        table.append((key, own[0], centre, len(own), len(line), sum(row is not None for row in line[cap:])))
    return edges, table


@given(rows=wholes, cap=caps, known=earlier)
def test_stars_are_those_of_a_plain_dictionary_of_buckets(rows: list[Record], cap: int, known: Known) -> None:
    edges, table = plain_stars(rows, cap, known)

    found = stars(records_of(rows), cap=cap, known=buckets_of(known))

    columns = (found.key, found.first, found.centre_of, found.size, found.total, found.skipped)
    assert edges_of(found) == edges
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == table


@given(rows=wholes, cap=caps, seed=st.integers(0, 99))
def test_the_order_in_which_records_arrive_changes_nothing(rows: list[Record], cap: int, seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))

    one, other = stars(records_of(rows), cap=cap), stars(records_of(shuffled), cap=cap)

    assert [column.tolist() for column in one] == [column.tolist() for column in other]


@given(rows=wholes, cap=caps, cut=st.integers(0, 20))
def test_later_runs_propose_what_one_run_over_all_would(rows: list[Record], cap: int, cut: int) -> None:
    """A first run over the best documents, then one over the rest that knows the first one's buckets."""
    in_order = sorted(rows, key=lambda row: row[1:])
    first, second = in_order[:cut], in_order[cut:]

    before = stars(records_of(first), cap=cap)
    after = stars(records_of(second), cap=cap, known=Buckets(before.key, before.first, before.size))

    assert edges_of(before) | edges_of(after) == edges_of(stars(records_of(rows), cap=cap))


# Key, rank, id, node; each key holds one question.
DOCUMENTS = [
    (1, 50, 9, 11),  # key 1: the rank decides
    (1, 51, 0, 10),
    (1, 52, 0, 12),
    (2, 50, 3, 21),  # key 2: the id, as an unsigned number
    (2, 50, LARGEST, 20),
    (3, 50, 4, 31),  # key 3: the node
    (3, 50, 4, 30),
    (-1, 50, 4, 40),  # a key that is large as an unsigned number
    (-1, 51, 4, 41),
    (4, 50, 4, 60),  # alone in its bucket
]


def test_every_document_of_a_bucket_is_compared_with_its_first_one_in_the_keep_order() -> None:
    found = stars(records_of(DOCUMENTS), cap=100)

    pairs = list(zip(found.member["node"].tolist(), found.centre["node"].tolist(), strict=True))
    assert sorted(pairs) == [(10, 11), (12, 11), (20, 21), (31, 30), (41, 40)]
    assert found.key.tolist() == [1, 2, 3, 4, -1]
    assert found.first["node"].tolist() == [11, 21, 30, 60, 40]
    assert found.size.tolist() == found.total.tolist() == [3, 2, 2, 1, 2]
    assert found.skipped.tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("cap", "before", "compared", "skipped"),
    [
        (2, 0, [1], 3),
        (4, 0, [1, 2, 3], 1),
        (5, 0, [1, 2, 3, 4], 0),
        (2, 1, [0], 4),
        (4, 2, [0, 1], 3),
        (4, 9, [], 5),
    ],
)
def test_only_the_first_documents_of_a_bucket_up_to_the_cap_are_compared(
    cap: int, before: int, compared: list[int], skipped: int
) -> None:
    rows = [(8, 50 + at, 0, at) for at in (3, 0, 4, 1, 2)]
    known = {8: ((8, 1, 0, 99), before)} if before else {}

    found = stars(records_of(rows), cap=cap, known=buckets_of(known))

    assert found.member["node"].tolist() == compared
    assert set(found.centre["node"].tolist()) <= {99 if before else 0}
    assert (found.total.tolist(), found.skipped.tolist()) == ([5 + before], [skipped])


def test_no_records_make_no_stars() -> None:
    found = stars(records_of([]), cap=2, known=buckets_of({3: ((3, 1, 1, 1), 2)}))

    assert [len(column) for column in found] == [0] * 8
