"""Files that appear whole or not at all, and the few other operations."""

import hashlib
from pathlib import Path

import pytest

from dataprep import files


def test_an_atomic_file_appears_only_when_committed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"

    file = files.AtomicFile(str(path))
    file.write(b"one ")
    file.write(memoryview(b"two"))
    before = path.exists()
    sha256 = file.commit()

    assert not before
    assert path.read_bytes() == b"one two"
    assert (file.size_bytes, file.tell(), file.closed) == (7, 7, True)
    assert sha256 == file.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert list(path.parent.iterdir()) == [path]


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    file = files.AtomicFile(str(tmp_path / "file"))
    file.write(b"x")

    file.discard()

    assert file.closed
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_never_committed_does_not_touch_the_one_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    file = files.AtomicFile(str(path))
    file.write(b"new")

    assert path.read_bytes() == b"old"
    assert files.list_files(str(tmp_path), "") == [str(path)]


def test_whoever_commits_last_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first, second = files.AtomicFile(str(path)), files.AtomicFile(str(path))
    first.write(b"first")
    second.write(b"second")

    second.commit()
    first.commit()

    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_atomic_file_on_a_url_appears_under_its_name() -> None:
    url = "memory://atomic/folder/file"

    file = files.AtomicFile(url)
    file.write(b"x")
    file.commit()

    assert files.list_files("memory://atomic/folder", "") == [url]
    assert files.size_bytes(url) == 1


def test_equal_values_give_equal_json_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"

    first = files.write_json(str(one), {"b": "é語", "a": [1, None]})
    second = files.write_json(str(two), {"a": [1, None], "b": "é語"})

    assert first == second == files.file_sha256(str(one))
    assert one.read_text() == '{\n  "a": [\n    1,\n    null\n  ],\n  "b": "é語"\n}\n'
    assert files.read_json(str(two)) == {"a": [1, None], "b": "é語"}


def test_a_value_that_is_no_json_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        files.write_json(str(tmp_path / "x.json"), {"a": object()})

    assert list(tmp_path.iterdir()) == []


def test_files_are_listed_by_suffix_in_order_without_hidden_ones(tmp_path: Path) -> None:
    folder = str(tmp_path)
    (tmp_path / "b.parquet").touch()
    (tmp_path / "a.parquet").touch()
    (tmp_path / ".c.parquet").touch()
    (tmp_path / "d.crc").touch()

    assert files.list_files(folder, ".parquet") == [f"{folder}/a.parquet", f"{folder}/b.parquet"]
    assert files.list_files(str(tmp_path / "none"), ".parquet") == []


def test_a_tree_is_removed_with_everything_in_it_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("x")

    files.remove_tree(str(folder))
    files.remove_tree(str(folder))

    assert not files.exists(str(folder))


@pytest.mark.parametrize(
    ("path", "local"), [("runs/x", True), ("/runs/x", True), ("file:///runs", True), ("s3://b/x", False)]
)
def test_a_path_is_local_unless_its_url_says_otherwise(path: str, local: bool) -> None:
    assert files.is_local(path) == local


def test_paths_and_urls_are_joined_alike() -> None:
    assert files.join("runs/", "a", "b") == "runs/a/b"
    assert files.join("s3://bucket", "a") == "s3://bucket/a"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/data/run", "/data/run"),
        ("file:///data/run", "/data/run"),
        ("s3a://bucket/run", "s3a://bucket/run"),
        ("hdfs://host/run", "hdfs://host/run"),
    ],
)
def test_driver_executors_and_spark_are_given_one_spelling_of_a_folder(given: str, expected: str) -> None:
    assert files.resolved(given) == expected


def test_a_relative_folder_and_a_home_are_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")

    assert files.resolved("runs/a") == f"{tmp_path}/runs/a"
    assert files.resolved("~/runs") == "/home/someone/runs"


@pytest.mark.parametrize("path", ["runs/a*", "runs/[a]", "runs/{a,b}", "runs/a?"])
def test_a_folder_that_spark_would_take_for_a_pattern_is_refused(path: str) -> None:
    with pytest.raises(files.PathError, match="which Spark takes for a pattern"):
        files.resolved(path)


def test_spark_is_told_that_a_local_path_is_local() -> None:
    assert files.spark_path("/data/run") == "file:///data/run"
    assert files.spark_path("s3a://bucket/run") == "s3a://bucket/run"


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "note.tmp").write_text("x")
    files.AtomicFile(str(tmp_path / "kept")).write(b"half")

    files.remove_temporaries(str(tmp_path))
    files.remove_temporaries(str(tmp_path / "none"))

    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "kept", "note.tmp"]


def test_the_hash_of_written_json_is_that_of_its_bytes(tmp_path: Path) -> None:
    digest = files.write_json(str(tmp_path / "file.json"), {"b": "é", "a": 1})

    assert (tmp_path / "file.json").read_bytes() == files.json_bytes({"a": 1, "b": "é"})
    assert digest == files.bytes_sha256((tmp_path / "file.json").read_bytes())
