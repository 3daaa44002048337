"""Part files and streams of record batches."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.parts import PartWriter, grouped, part_name, part_number, regrouped, texts_of

SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int32()), ("value", pa.int64())])
ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=40).map(sorted)
CUTS = st.lists(st.integers(0, 40), max_size=8)


def batches(keys: list[tuple[str, int]], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """Rows with these keys and their position as value, in batches cut at the given places, empty ones included."""
    names, numbers = [name for name, _ in keys], [number for _, number in keys]
    columns = [
        pa.array(names, pa.string()),
        pa.array(numbers, pa.int32()),
        pa.array(range(len(keys)), pa.int64()),
    ]
    whole = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    bounds = [0, *sorted(min(cut, len(keys)) for cut in cuts), len(keys)]
    return (whole.slice(first, last - first) for first, last in pairwise(bounds))


def write_all(writer: PartWriter, rows: Iterator[pa.RecordBatch]) -> None:
    for batch in rows:
        writer.write(batch)


@given(ROWS, CUTS, st.integers(1, 12))
def test_regrouped_batches_hold_the_same_rows_in_exact_sizes(
    keys: list[tuple[str, int]], cuts: list[int], size: int
) -> None:
    actual = list(regrouped(batches(keys, cuts), SCHEMA, size))

    assert [value for batch in actual for value in batch["value"].to_pylist()] == list(range(len(keys)))
    assert [batch.num_rows for batch in actual[:-1]] == [size] * (len(actual) - 1)
    assert all(0 < batch.num_rows <= size for batch in actual)


def test_regrouped_batches_have_the_schema_asked_for() -> None:
    wide = pa.schema([("key", pa.large_string()), ("number", pa.int64()), ("value", pa.int64())])

    (batch,) = regrouped(batches([("a", 1), ("b", 2)], [1]), wide, 5)

    assert batch.schema == wide


@given(ROWS, CUTS)
def test_grouped_yields_the_runs_of_itertools_groupby(keys: list[tuple[str, int]], cuts: list[int]) -> None:
    expected = [
        (key, [position for position, _ in run])
        for key, run in groupby(enumerate(keys), key=lambda row: row[1])
    ]

    actual = [
        (key, [value for batch in run for value in batch["value"].to_pylist()])
        for key, run in grouped(batches(keys, cuts), "key", "number")
    ]

    assert actual == expected


def test_grouped_leaves_the_keys_out_of_the_rows() -> None:
    ((_, run),) = ((key, list(run)) for key, run in grouped(batches([("a", 1)], []), "key", "number"))

    assert [batch.schema.names for batch in run] == [["value"]]


def test_grouped_reads_no_further_ahead_than_one_batch() -> None:
    read: list[int] = []

    def source() -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(batches([("a", 1), ("a", 1), ("a", 1), ("b", 1)], [1, 2, 3])):
            read.append(number)
            yield batch

    _, run = next(grouped(source(), "key"))
    next(run)

    assert read == [0, 1]


def test_a_part_appears_whole_on_commit_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "folder" / part_name(3)
    writer = PartWriter(str(path))

    write_all(writer, batches([("a", 1), ("b", 2)], [1]))
    before = path.exists()
    file = writer.commit()

    assert not before
    assert file is not None
    assert file.size_bytes == path.stat().st_size
    assert pq.read_table(path)["value"].to_pylist() == [0, 1]
    assert pq.ParquetFile(path).num_row_groups == 2
    assert list(path.parent.iterdir()) == [path]


def test_a_part_without_batches_is_no_file(tmp_path: Path) -> None:
    assert PartWriter(str(tmp_path / part_name(0))).commit() is None
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_part_leaves_nothing_however_often_it_is_discarded(tmp_path: Path) -> None:
    writer = PartWriter(str(tmp_path / part_name(0)))
    write_all(writer, batches([("a", 1)], []))

    writer.discard()
    writer.discard()

    assert list(tmp_path.iterdir()) == []


def test_discarding_after_the_commit_keeps_the_part(tmp_path: Path) -> None:
    writer = PartWriter(str(tmp_path / part_name(0)))
    write_all(writer, batches([("a", 1)], []))
    writer.commit()

    writer.discard()

    assert [path.name for path in tmp_path.iterdir()] == [part_name(0)]


def test_the_number_of_a_part_is_in_its_name() -> None:
    assert part_name(42) == "part-000042.parquet"
    assert part_number("s3://bucket/part-1/documents/part-000042.parquet") == 42


@given(st.sets(st.integers(0, 19)), st.integers(1, 25))
def test_texts_are_found_by_their_rows_in_any_row_groups(
    tmp_path_factory: pytest.TempPathFactory, rows: set[int], group_rows: int
) -> None:
    path = tmp_path_factory.mktemp("texts") / part_name(0)
    table = pa.table(
        {"doc_id": [str(row) for row in range(20)], "text": [f"text {row}" for row in range(20)]}
    )
    pq.write_table(table, path, row_group_size=group_rows)
    wanted = np.array(sorted(rows), np.int32)

    found = list(texts_of(str(path), wanted))

    assert [text for _, texts in found for text in texts.to_pylist()] == [
        f"text {row}" for row in sorted(rows)
    ]
    assert [position for positions, _ in found for position in positions.tolist()] == list(range(len(rows)))
