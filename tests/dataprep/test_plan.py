"""Planning the input: what will be read, how it is grouped, and what is refused before Spark starts."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.task import ReadTask
from dataprep.config import PrepareConfig
from dataprep.plan import cut_file, plan_input, read_tasks, task_from_json, task_to_json
from dataprep.sources.record import SourceError, Split
from dataprep.sources.registry import READERS


def write(folder: Path, **contents: str) -> None:
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(content)


def prepare_config(folder: Path, pattern: str = "*.txt", **settings: Any) -> PrepareConfig:
    source = {"name": "cc100", "format": "cc100", "paths": [pattern]}
    return PrepareConfig.model_validate(
        {"run_dir": "run", "input_root": str(folder), "sources": [source], **settings}
    )


def test_every_file_is_planned_with_its_size_and_language(tmp_path: Path) -> None:
    write(tmp_path, de="Hallo\n", en="Hello you\n")

    plan = plan_input(prepare_config(tmp_path))

    assert [(file.source, file.file, file.size_bytes) for file in plan.inputs] == [
        ("cc100", "de.txt", 6),
        ("cc100", "en.txt", 10),
    ]
    assert [(split.file, split.language, split.start, split.end) for split in plan.splits] == [
        ("de.txt", "de", 0, None),
        ("en.txt", "en", 0, None),
    ]
    assert (plan.size_bytes, plan.to_cut) == (16, ())


def test_the_fingerprint_sees_a_replaced_file_and_not_how_files_are_split(tmp_path: Path) -> None:
    write(tmp_path, en="Hello you\n" * 200)
    before = plan_input(prepare_config(tmp_path)).fingerprint()

    split = plan_input(prepare_config(tmp_path, engine={"split_bytes": 1000}))
    (tmp_path / "en.txt").write_text("Hello me!\n" * 200)
    os.utime(tmp_path / "en.txt", (1, 1))
    after = plan_input(prepare_config(tmp_path)).fingerprint()

    assert len(split.splits) == 2
    assert split.fingerprint() == before
    assert after != before


def test_a_large_file_that_cannot_be_split_is_cut_first(tmp_path: Path) -> None:
    text = "".join(f"Document {number}.\n\n" for number in range(4000))
    (tmp_path / "en.txt.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    engine = {"precut_above_bytes": 1000, "precut_chunk_bytes": 20_000}

    plan = plan_input(prepare_config(tmp_path, "*.gz", engine=engine))
    (whole,) = plan.to_cut
    lines = cut_file(whole.to_json(), out_dir=str(tmp_path / "precut"), chunk_bytes=20_000)
    chunks = [Split.from_json(line) for line in lines.splitlines()]

    assert plan.splits == ()
    assert len(chunks) > 1
    assert {chunk.file for chunk in chunks} == {"en.txt.gz"}
    read = [record for chunk in chunks for record in READERS["cc100"].read(chunk)]
    assert read == list(READERS["cc100"].read(whole))


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"input_root '.*none' does not exist; .* --set input_root="):
        plan_input(prepare_config(tmp_path / "none"))


def test_a_pattern_that_matches_nothing_is_named_with_the_root(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"'\*\.xz' matches no file under '{tmp_path}'"):
        plan_input(prepare_config(tmp_path, "*.xz"))


def test_a_corpus_of_empty_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, de="", en="")

    with pytest.raises(SourceError, match=r"corpus is empty: all 2 input file\(s\) have 0 bytes"):
        plan_input(prepare_config(tmp_path))


def test_a_locale_that_no_file_can_hold_is_named_with_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, de="Hallo\n", en="Hello\n")

    with pytest.raises(SourceError, match=r"locales fr, th are asked for, .* the files are in de, en\."):
        plan_input(prepare_config(tmp_path, locales=["th", "en", "fr"]))


def test_any_locale_may_be_in_a_file_that_does_not_say_its_language(tmp_path: Path) -> None:
    write(tmp_path, de="Hallo\n", whatever="Hello\n")

    plan = plan_input(prepare_config(tmp_path, locales=["fr"]))

    assert [split.language for split in plan.splits] == ["de", None]


# Sizes in bytes of sparse files, and how each is split: a list of range ends, or the whole file.
RANGES = st.lists(st.tuples(st.integers(0, 5000), st.booleans()), max_size=20)


@given(RANGES, st.integers(1, 6000), st.integers(1, 4))
def test_tasks_hold_every_split_once_in_order_and_no_more_than_they_need(
    tmp_path_factory: pytest.TempPathFactory, ranges: list[tuple[int, bool]], split_bytes: int, cores: int
) -> None:
    folder = tmp_path_factory.mktemp("tasks")
    splits, sizes = [], {}
    for number, (size, whole) in enumerate(ranges):
        path = folder / str(number)
        path.write_bytes(bytes(size))
        split = Split("s", "jsonl", str(number), str(path), None, 0, None if whole else size)
        splits.append(split)
        sizes[split] = size

    tasks = read_tasks(splits, split_bytes=split_bytes, cores=cores)

    assert [split for task in tasks for split in task.splits] == splits
    assert [task.part for task in tasks] == list(range(len(tasks)))
    assert all(task.splits for task in tasks)
    assert all(sum(sizes[split] for split in task.splits[:-1]) < split_bytes for task in tasks)


def test_files_of_about_the_size_of_a_task_get_one_each(tmp_path: Path) -> None:
    splits = []
    for number, size in enumerate((98, 103, 99, 101, 97, 102, 100, 100)):
        path = tmp_path / str(number)
        path.write_bytes(bytes(size))
        splits.append(Split("s", "jsonl", str(number), str(path), None, 0, size))

    tasks = read_tasks(splits, split_bytes=1_000, cores=2)

    assert [len(task.splits) for task in tasks] == [1] * 8


def test_small_splits_share_tasks_and_small_input_is_spread_over_the_cores(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(100))
    splits = [Split("s", "jsonl", str(number), str(path)) for number in range(1000)]

    large_tasks = read_tasks(splits, split_bytes=1_000_000, cores=1)
    small_tasks = read_tasks(splits, split_bytes=1_000, cores=1)
    many_cores = read_tasks(splits, split_bytes=1_000_000, cores=50)

    assert 1 <= len(large_tasks) < 20
    assert [len(task.splits) for task in small_tasks] == [10] * 100
    assert 50 <= len(many_cores) <= 1000


def test_a_task_survives_the_way_to_an_executor(tmp_path: Path) -> None:
    write(tmp_path, de="Hallo\n", en="Hello\n")
    task = ReadTask(7, plan_input(prepare_config(tmp_path)).splits)

    line = task_to_json(task)

    assert "\n" not in line
    assert task_from_json(line) == task
