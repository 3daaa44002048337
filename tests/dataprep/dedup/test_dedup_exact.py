from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from dedup_helpers import SETTINGS
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.dedup.exact import NO_COPY, Known, document_records, exact_copies, run_starts
from dataprep.dedup.nodes import ids_to_words, ranks
from dataprep.sources.record import Document

LARGEST = 2**64 - 1
DTYPE = document_records(2)
# What is compared of a document: content hash, rank, id, file, node.
Fields = tuple[tuple[int, int], int, tuple[int, int], int, int]

# Few hashes, whose halves are shared in every way; a tie at every step of the order.
hashes = st.tuples(st.sampled_from([0, 7, LARGEST]), st.sampled_from([0, 7, LARGEST]))
few = st.sampled_from([0, 1, LARGEST])
documents = st.lists(st.tuples(hashes, few, st.tuples(few, few), few), max_size=14).flatmap(
    lambda rows: st.permutations(range(len(rows))).map(
        lambda nodes: [(*row, node) for row, node in zip(rows, nodes, strict=True)]
    )
)


def records_of(rows: list[Fields]) -> np.ndarray[Any, Any]:
    records = np.zeros(len(rows), DTYPE)
    for name, column in zip(("hash", "rank", "id", "file", "node"), zip(*rows, strict=True), strict=False):
        records[name] = column
    return records


def known_of(texts: list[tuple[int, int]]) -> Known:
    ordered = sorted(set(texts))
    return Known(np.array(ordered, np.uint64).reshape(-1, 2), 100 + np.arange(len(ordered)))


@given(rows=documents)
def test_the_first_of_each_text_represents_it_as_a_plain_dictionary_says(rows: list[Fields]) -> None:
    first: dict[tuple[int, int], Fields] = {}
    for row in rows:
        first[row[0]] = min(first.get(row[0], row), row)

    found = exact_copies(records_of(rows))

    assert [rows[at] for at in found.representative.tolist()] == [first[row[0]] for row in rows]
    assert found.known.tolist() == [NO_COPY] * len(rows)


@given(rows=documents, texts=st.lists(hashes))
def test_known_texts_are_found_and_change_nothing_among_the_new_ones(
    rows: list[Fields], texts: list[tuple[int, int]]
) -> None:
    known = known_of(texts)
    names = dict(zip(sorted(set(texts)), known.node.tolist(), strict=True))

    found = exact_copies(records_of(rows), known)

    assert [known.node[at] if at != NO_COPY else None for at in found.known.tolist()] == [
        names.get(row[0]) for row in rows
    ]
    assert found.representative.tolist() == exact_copies(records_of(rows)).representative.tolist()


def test_texts_that_share_half_of_their_hash_are_no_copies() -> None:
    rows = [((5, 1), 0, (0, 0), 0, 0), ((5, 2), 0, (0, 0), 0, 1), ((6, 2), 0, (0, 0), 0, 2)]

    found = exact_copies(records_of(rows), known_of([(5, 0), (5, 3), (5, 2), (6, 1), (LARGEST, LARGEST)]))

    assert found.representative.tolist() == [0, 1, 2]
    assert found.known.tolist() == [NO_COPY, 1, NO_COPY]


def test_nothing_has_no_copies() -> None:
    found = exact_copies(records_of([]), known_of([]))

    assert (found.representative.tolist(), found.known.tolist()) == ([], [])


# Two copies of each text; the name of the one that must stay begins with "keep".
# Name, text, priority, quality, length, id, file, node.
COPIES = [
    ("keep: source first", 1, 1, 0.1, 10, "f", 0, 0),
    ("better, but of the other source", 1, 2, 0.9, 99, "0", 0, 1),
    ("keep: quality next", 2, 2, 0.9, 10, "f", 0, 2),
    ("longer, but of less quality", 2, 2, 0.8, 99, "0", 0, 3),
    ("keep: length next", 3, 2, 0.5, 11, "f", 0, 4),
    ("shorter, with the lower id", 3, 2, 0.5, 10, "0", 0, 5),
    ("higher id", 4, 2, 0.5, 10, "f", 0, 6),
    ("keep: lower id", 4, 2, 0.5, 10, "0", 1, 7),
    ("id that is higher in its second half", 5, 2, 0.5, 10, "00000000000000001", 0, 8),
    ("keep: id that is lower in its second half", 5, 2, 0.5, 10, "00000000000000000", 1, 9),
    ("same id, later file", 6, 2, 0.5, 10, "1", 2, 10),
    ("keep: same id, earlier file", 6, 2, 0.5, 10, "1", 1, 11),
    ("same id, later place", 7, 2, 0.5, 10, "2", 0, 13),
    ("keep: same id, earlier place", 7, 2, 0.5, 10, "2", 0, 12),
    ("keep: no copy", 8, 2, 0.5, 10, "3", 0, 14),
]


@pytest.mark.parametrize("order", [1, -1], ids=["as written", "backwards"])
def test_priority_then_quality_then_length_then_id_then_place_decide_which_copy_stays(order: int) -> None:
    table = COPIES[::order]
    _, texts, priorities, qualities, lengths, ids, files, nodes = zip(*table, strict=True)
    records = np.zeros(len(table), DTYPE)
    records["hash"][:, 1] = texts
    records["rank"] = ranks(0, np.array(priorities), np.array(qualities), np.array(lengths))
    records["id"] = ids_to_words(pa.array([f"{each:0<32}" for each in ids]))
    records["file"], records["node"] = files, nodes

    representative = exact_copies(records).representative.tolist()

    assert {table[at][0] for at in representative} == {row[0] for row in COPIES if row[0].startswith("keep")}
    assert all(table[at][1] == row[1] for at, row in zip(representative, table, strict=True))


def test_texts_are_copies_when_only_their_white_space_differs() -> None:
    texts = {
        "plain": "ein Haus am See",
        "lines": "ein Haus\n\n am\tSee\n",
        "no-break space": "ein\u00a0Haus am\u3000See",
        "joined": "einHaus am See",
        "upper case": "Ein Haus am See",
        "other script": "บ้าน ริม ทะเลสาบ",
    }
    annotated = annotate_documents(
        [Document(locator, text, "de") for locator, text in texts.items()],
        source="web",
        file="f",
        part=0,
        first_row=0,
        settings=SETTINGS,
    )
    records = np.zeros(len(texts), DTYPE)
    packed = b"".join(annotated.documents.column("content_hash").to_pylist())
    records["hash"] = np.frombuffer(packed, "<u8").reshape(-1, 2)

    representative = exact_copies(records).representative

    assert dict(zip(texts, representative.tolist(), strict=True)) == {
        "plain": 0,
        "lines": 0,
        "no-break space": 0,
        "joined": 3,
        "upper case": 4,
        "other script": 5,
    }


def test_a_run_begins_where_any_column_changes() -> None:
    left, right = np.array([1, 1, 1, 2, 2]), np.array([1, 1, 2, 2, 2])

    assert run_starts(left, right).tolist() == [True, False, True, True, False]
    assert run_starts(left[:0]).tolist() == []
