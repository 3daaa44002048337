"""One shard: its rows, its numbers, and bytes that depend on the rows alone."""

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.shards.writer import shard_path, write_shard

COLUMNS = ("doc_id", "source", "file", "ids", "cluster_size", "form")
IDS: tuple[list[int], ...] = ([5, 6, 7], [], [70_000], [1] * 40, [-1, 2**31 - 1])
ROWS = [(f"{row:032x}", f"s{row % 2}", f"f{row % 3}", IDS[row % 5], 1 + row % 4) for row in range(23)]


def batch(rows: list[tuple[str, str, str, list[int], int]]) -> pa.RecordBatch:
    doc_ids, sources, names, ids, sizes = (list(values) for values in zip(*rows, strict=True))
    packed = [np.array(each, "<i4").tobytes() for each in ids]
    columns = [
        pa.array(doc_ids),
        pa.array(sources),
        pa.array(names),
        pa.array(packed, pa.binary()),
        pa.array(sizes, pa.int32()),
        pa.array(["spoken" if source == "s1" else "written" for source in sources]),
    ]
    return pa.RecordBatch.from_arrays(columns, COLUMNS)


def test_a_shard_holds_the_ids_of_its_rows_in_order(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"

    entry = write_shard(str(path), iter([batch(ROWS[:10]), batch(ROWS[10:])]), 6)

    assert pq.read_table(path).to_pylist() == [
        {
            "doc_id": doc_id,
            "source": source,
            "input_ids": ids,
            "num_tokens": len(ids),
            "cluster_size": size,
            "form": "spoken" if source == "s1" else "written",
        }
        for doc_id, source, _, ids, size in ROWS
    ]
    # 5, 5, 5, 4 and 4 rows of 3, 0, 1, 40 and 2 tokens.
    assert (entry["rows"], entry["tokens"]) == (23, 15 + 0 + 5 + 160 + 8)
    assert entry["bytes"] == path.stat().st_size
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    # Rows 0, 2, 4, … are of source s0, whose cluster sizes go 1, 3, 1, 3, …; those of s1 go 2, 4, 2, 4, …
    assert [tuple(cell.values()) for cell in entry["cells"]] == [
        ("s0", "written", 1, 6, 3 + 2 + 40 + 1 + 0 + 3),
        ("s0", "written", 4, 6, 1 + 0 + 3 + 2 + 40 + 1),
        ("s1", "spoken", 2, 6, 0 + 3 + 2 + 40 + 1 + 0),
        ("s1", "spoken", 4, 5, 40 + 1 + 0 + 3 + 2),
    ]
    assert list(entry["cells"][0]) == ["source", "form", "clusters", "rows", "tokens"]
    assert entry["kept"] == [
        ["s0", "f0", 4],
        ["s0", "f1", 4],
        ["s0", "f2", 4],
        ["s1", "f0", 4],
        ["s1", "f1", 4],
        ["s1", "f2", 3],
    ]


def test_row_groups_have_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"

    write_shard(str(path), iter([batch(ROWS)]), 6)

    metadata = pq.ParquetFile(path).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [6, 6, 6, 5]


@given(st.sets(st.integers(1, 22)), st.integers(1, 30))
def test_the_bytes_do_not_depend_on_how_the_rows_arrive(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], row_group_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    bounds = pairwise([0, *sorted(cuts), len(ROWS)])
    sliced = (batch(ROWS).slice(first, last - first) for first, last in bounds)

    whole = write_shard(str(folder / "whole"), iter([batch(ROWS)]), row_group_rows)
    pieces = write_shard(str(folder / "pieces"), sliced, row_group_rows)

    assert pieces == whole
    assert (folder / "pieces").read_bytes() == (folder / "whole").read_bytes()


def test_a_shard_that_fails_leaves_no_file(tmp_path: Path) -> None:
    wrong = pa.RecordBatch.from_pydict({"doc_id": ["a"]})

    with pytest.raises(pa.ArrowException):
        write_shard(str(tmp_path / "part.parquet"), iter([batch(ROWS), wrong]), 6)

    assert list(tmp_path.iterdir()) == []


def test_shards_lie_in_folders_by_locale_and_split() -> None:
    assert shard_path("hi", "train", 12) == "locale=hi/split=train/part-00012.parquet"
