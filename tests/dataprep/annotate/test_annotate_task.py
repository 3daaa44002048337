"""One executor task: what it counts, what it writes, and what it leaves behind when it fails."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataprep.annotate.arrow_pass import AnnotateSettings
from dataprep.annotate.task import ReadTask, TaskResult, run_read_task
from dataprep.sources.record import Split

SETTINGS = AnnotateSettings(
    repair_mojibake=True,
    replace_private_data=True,
    language_model=None,
    language_max_bytes=1200,
    num_bands=4,
    rows_per_band=2,
    seed=1,
)
ENGLISH = "The museum opens at nine o'clock, and children may enter without paying."
GERMAN = "Das Museum öffnet um neun Uhr, und Kinder dürfen kostenlos hinein."


def line(text: str, url: str) -> str:
    return json.dumps({"text": text, "timestamp": "2024-01-01", "url": url})


def split(folder: Path, file: str, content: str, language: str | None = None) -> Split:
    path = folder / file
    path.write_text(content)
    return Split("web", "mc4", file, str(path), language)


def read(folder: Path, *splits: Split, batch_bytes: int = 1_000_000) -> TaskResult:
    return run_read_task(
        ReadTask(5, splits), run_dir=str(folder / "run"), settings=SETTINGS, batch_bytes=batch_bytes
    )


def written(folder: Path) -> list[str]:
    found = (folder / "run").rglob("*")
    return sorted(str(path.relative_to(folder / "run")) for path in found if path.is_file())


def table(folder: Path, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(folder / "run" / name / "part-000005.parquet").to_pylist()
    return found


def test_a_task_counts_what_it_read_per_source_file_and_locale(tmp_path: Path) -> None:
    mixed = f"{line(ENGLISH, 'a')}\n{{broken\n{line(GERMAN, 'b')}\n"
    declared = f"{line(ENGLISH, 'c')}\n{line('', 'd')}\nnull\n"

    result = read(tmp_path, split(tmp_path, "x", mixed), split(tmp_path, "y", declared, "de"))

    assert result.read == {
        ("web", "x", "en"): 1,
        ("web", "x", "de"): 1,
        ("web", "x", "und"): 1,
        ("web", "y", "de"): 3,
    }
    assert result.quarantined == {("web", "x", "und"): 1, ("web", "y", "de"): 1}
    assert (result.part, result.documents, result.repaired) == (5, 4, 0)


def test_text_bytes_are_the_utf8_bytes_of_the_normalised_text(tmp_path: Path) -> None:
    content = f"{line('  für  ', 'a')}\n{line('漢字', 'b')}\n"

    assert read(tmp_path, split(tmp_path, "x", content)).text_bytes == 4 + 6


def test_documents_signatures_and_quarantine_are_written_in_the_order_read(tmp_path: Path) -> None:
    first_line = line(ENGLISH, "a")
    first = split(tmp_path, "x", f"{first_line}\nbad one\n{line(GERMAN, 'b')}\n")
    second = split(tmp_path, "y", f"{line(GERMAN, 'c')}\n", "de")

    read(tmp_path, first, second)

    documents, signatures = table(tmp_path, "documents"), table(tmp_path, "dedup/signatures")
    assert [(row["locator"], row["file"], row["part"], row["row"]) for row in documents] == [
        ("a", "x", 5, 0),
        ("b", "x", 5, 1),
        ("c", "y", 5, 2),
    ]
    assert [(row["part"], row["row"]) for row in signatures] == [(5, 0), (5, 1), (5, 2)]
    assert table(tmp_path, "quarantine") == [
        {
            "source": "web",
            "file": "x",
            "locale": "und",
            "offset": len(first_line) + 1,
            "reason": "invalid_json",
            "sample": b"bad one",
        }
    ]


def test_the_rows_do_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    content = "".join(f"{line(f'{ENGLISH} {number}', str(number))}\nbad\n" for number in range(40))
    parts = [split(tmp_path, "x", content)]
    whole, small = tmp_path / "whole", tmp_path / "small"

    results = [read(whole, *parts), read(small, *parts, batch_bytes=100)]

    assert results[0] == results[1]
    assert table(whole, "documents") == table(small, "documents")
    assert table(whole, "dedup/signatures") == table(small, "dedup/signatures")
    assert table(whole, "quarantine") == table(small, "quarantine")


def test_a_file_without_damage_has_no_quarantine(tmp_path: Path) -> None:
    read(tmp_path, split(tmp_path, "x", f"{line(ENGLISH, 'a')}\n"))

    assert written(tmp_path) == ["dedup/signatures/part-000005.parquet", "documents/part-000005.parquet"]


def test_a_file_with_nothing_but_damage_has_only_quarantine(tmp_path: Path) -> None:
    result = read(tmp_path, split(tmp_path, "x", ""))

    assert written(tmp_path) == ["quarantine/part-000005.parquet"]
    assert (result.documents, result.read, result.quarantined) == (
        0,
        {("web", "x", "und"): 1},
        {("web", "x", "und"): 1},
    )


def test_a_task_without_splits_writes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == TaskResult(5)
    assert written(tmp_path) == []


def test_a_task_that_fails_leaves_no_file(tmp_path: Path) -> None:
    good = split(tmp_path, "x", f"{line(ENGLISH, 'a')}\nbad\n")
    gone = Split("web", "mc4", "gone", str(tmp_path / "gone"))

    with pytest.raises(FileNotFoundError):
        read(tmp_path, good, gone)

    assert written(tmp_path) == []


def test_a_task_that_runs_twice_leaves_the_same_bytes(tmp_path: Path) -> None:
    parts = [split(tmp_path, "x", f"{line(ENGLISH, 'a')}\n")]
    first = read(tmp_path, *parts)
    before = (tmp_path / "run/documents/part-000005.parquet").read_bytes()

    again = read(tmp_path, *parts)

    assert again == first
    assert (tmp_path / "run/documents/part-000005.parquet").read_bytes() == before


def test_a_result_survives_the_way_to_the_driver(tmp_path: Path) -> None:
    result = read(tmp_path, split(tmp_path, "x", f"{line(ENGLISH, 'a')}\nbad\n"))

    assert TaskResult.from_json(result.to_json()) == result
