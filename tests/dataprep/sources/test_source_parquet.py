import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_helpers import read_split, whole

from dataprep.sources import parquet
from dataprep.sources.plan import plan_splits
from dataprep.sources.record import Columns, Document, Malformed, Split


def write(path: Path, columns: dict[str, object], *, row_group_size: int = 2) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def test_columns_become_documents(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.parquet",
        {
            "text": ["a", "b", None],
            "url": ["u", "", None],
            "id": [1, 2, 3],
            "language": ["iw", None, "fi"],
            "timestamp": [datetime.datetime(2020, 1, 2), None, None],
        },
    )

    records = read_split(whole("parquet", path, language="sv"))

    assert records == [
        Document("u", "a", "he", "2020-01-02T00:00:00"),
        Document("2", "b", "sv"),
        Malformed(2, "missing_text"),
    ]


def test_without_locator_a_document_is_named_by_file_and_row(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"text": pa.array(["a", "b"]).dictionary_encode()})

    assert read_split(whole("parquet", path)) == [Document("x.parquet:0", "a"), Document("x.parquet:1", "b")]


def test_a_string_that_is_not_utf8_is_malformed(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"], pa.binary()).buffers())
    path = write(tmp_path / "x.parquet", {"text": bad})

    assert read_split(whole("parquet", path)) == [
        Document("x.parquet:0", "a"),
        Malformed(1, "invalid_utf8", b"\xff"),
    ]


@pytest.mark.parametrize("data", [b"not parquet", b"PAR1" + b"x" * 50 + b"PAR1"])
def test_a_file_that_is_not_parquet_is_one_malformed_record(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)

    assert read_split(whole("parquet", path)) == [Malformed(0, "invalid_parquet", data)]


@pytest.mark.parametrize("columns", [{"body": ["a"]}, {"text": [1]}])
def test_a_file_without_a_text_column_is_one_malformed_record(
    tmp_path: Path, columns: dict[str, object]
) -> None:
    path = write(tmp_path / "x.parquet", columns)

    assert [type(record) for record in read_split(whole("parquet", path))] == [Malformed]


def test_an_empty_file_is_one_malformed_record(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"")

    assert read_split(whole("parquet", tmp_path / "x.parquet")) == [Malformed(0, "empty_file")]


@pytest.mark.parametrize(("split_bytes", "count"), [(1, 5), (10**9, 1)])
def test_splits_are_ranges_of_row_groups(tmp_path: Path, split_bytes: int, count: int) -> None:
    path = write(tmp_path / "x.parquet", {"text": [str(number) for number in range(9)]})

    splits = plan_splits("p", "parquet", [("x.parquet", str(path))], language=None, split_bytes=split_bytes)

    assert len(splits) == count
    assert [r.text for split in splits for r in read_split(split) if isinstance(r, Document)] == list(
        "012345678"
    )


def test_a_damaged_row_group_does_not_lose_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"text": ["a" * 50, "b" * 50, "c" * 50]}, row_group_size=1)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    first = column.dictionary_page_offset or column.data_page_offset
    data[first : first + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(data)

    records = read_split(whole("parquet", path))

    assert records == [
        Document("x.parquet:0", "a" * 50),
        Malformed(1, "invalid_parquet"),
        Document("x.parquet:2", "c" * 50),
    ]


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["eins", "zwei"]},
        {"text": ["a", "b", "c"], "id": [7, None, 0], "url": ["", "u2", None], "locator": [None, "", "l3"]},
        {"text": ["a", "b"], "language": ["de", ""], "timestamp": ["2020-01-01", None]},
        {"text": ["a", "b"], "language": ["no-such", "EN"], "timestamp": [5, 0]},
        {"text": ["a", None, "c"], "id": ["x", "y", "z"]},
        {"text": ["a", "b"], "timestamp": [datetime.date(2020, 1, 2), None]},
        {"text": pa.array(["a", "b", "a"]).dictionary_encode()},
        {"text": pa.array(["a", "b"], pa.large_string()), "id": [True, False]},
        {"text": pa.array([b"gut", b"\xff\xfe"]).view(pa.string()), "id": ["1", "2"]},
        {"text": ["a", "b"], "id": pa.array([b"\xff", b"2"]).view(pa.string())},
        {"text": []},
    ],
    ids=str,
)
def test_columns_hold_the_records_that_are_read_one_by_one(table: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    kinds = {"text": pa.string()} if not len(table["text"]) else {}
    pq.write_table(
        pa.table({name: pa.array(values, kinds.get(name)) for name, values in table.items()}), path
    )
    split = Split("web", "parquet", "file.parquet", str(path), "fr")

    found: list[Document | Malformed] = []
    for item in parquet.read_columns(split):
        if isinstance(item, Columns):
            rows = zip(
                item.locators,
                item.texts.to_pylist(),
                item.languages,
                item.timestamps,
                item.forms,
                strict=True,
            )
            found += [Document(*row) for row in rows]
        else:
            found.append(item)

    assert found == list(parquet.read(split))


def test_a_batch_in_good_order_comes_as_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"text": ["eins", "zwei"], "url": ["u1", "u2"]}), path)

    (columns,) = parquet.read_columns(Split("web", "parquet", "file.parquet", str(path), "de"))

    assert columns == Columns(
        ["u1", "u2"], pa.array(["eins", "zwei"]), ["de", "de"], [None, None], ["written"] * 2
    )
