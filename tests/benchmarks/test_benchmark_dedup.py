"""Scoring a deduplication, reading what each tool kept, and the tables."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.bench_dedup import (
    TOOLS,
    Corpus,
    Result,
    parquet_kept,
    project_kept,
    ratio_table,
    text_dedup_kept,
    tool_table,
)
from benchmarks.common import Measured
from benchmarks.dedup_score import Member, Score, score

# 13 words, 9 shingles. Of two texts that differ in the last n words alone, the similarity is (9 - n) / (9 + n).
ORIGINAL = "one two three four five six seven eight nine ten eleven twelve thirteen"
LAST_WORD = ORIGINAL.replace("thirteen", "other")  # 0.8 to the original
LAST_TWO = LAST_WORD.replace("twelve", "another")  # 0.64
FIRST_WORD = ORIGINAL.replace("one", "zero")  # 0.8 to the original, 0.64 to LAST_WORD


def cluster(**texts: str) -> list[Member]:
    """A cluster in the order of the corpus; names that start with `alike` are look-alikes."""
    return [Member(name, text, name.startswith("alike")) for name, text in texts.items()]


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        pytest.param({"exact", "near"}, Score(removed=2, right=2, missed=0, look_alikes=0), id="all copies"),
        pytest.param(
            {"first", "near"},
            Score(removed=2, right=2, missed=0, look_alikes=0),
            id="another copy of the same",
        ),
        pytest.param(
            {"near"}, Score(removed=1, right=1, missed=1, look_alikes=0), id="one copy is left over"
        ),
        pytest.param(set(), Score(removed=0, right=0, missed=2, look_alikes=0), id="nothing"),
        pytest.param(
            {"exact", "near", "alike"},
            Score(removed=3, right=2, missed=0, look_alikes=1),
            id="a look-alike too",
        ),
        pytest.param(
            {"first", "exact", "near"}, Score(removed=3, right=0, missed=0, look_alikes=0), id="no copy stays"
        ),
        pytest.param(
            {"exact", "near", "alone"}, Score(removed=3, right=2, missed=0, look_alikes=0), id="a stranger"
        ),
    ],
)
def test_a_removal_is_right_if_a_document_at_0_8_stays(removed: set[str], expected: Score) -> None:
    members = cluster(
        first=ORIGINAL, exact=ORIGINAL, near=LAST_WORD, alike=LAST_TWO.replace("one two", "uno due")
    )

    assert score([members], removed) == expected


def test_a_removal_is_wrong_if_only_a_document_that_was_removed_too_is_similar() -> None:
    members = cluster(middle=ORIGINAL, left=FIRST_WORD, right=LAST_WORD)

    assert score([members], {"middle", "right"}) == Score(removed=2, right=1, missed=0, look_alikes=0)


def test_of_a_chain_that_was_kept_only_the_middle_is_missed() -> None:
    members = cluster(left=FIRST_WORD, middle=ORIGINAL, right=LAST_WORD)

    assert score([members], set()) == Score(removed=0, right=0, missed=1, look_alikes=0)


def test_clusters_are_scored_one_by_one() -> None:
    one = cluster(a=ORIGINAL, b=ORIGINAL)
    two = cluster(c=ORIGINAL, d=ORIGINAL)

    assert score([one, two], {"a", "b", "d"}) == Score(removed=3, right=1, missed=0, look_alikes=0)


def test_precision_and_recall() -> None:
    given = Score(removed=8, right=6, missed=2, look_alikes=1)

    assert (given.precision, given.recall) == (0.75, 0.75)
    assert (Score(4, 4, 6, 0).precision, Score(4, 4, 6, 0).recall) == (1.0, 0.4)
    assert (Score(0, 0, 0, 0).precision, Score(0, 0, 0, 0).recall) == (None, None)


def test_of_this_project_stays_what_no_decision_removes(tmp_path: Path) -> None:
    for name, table in {
        "documents": pa.table({"doc_id": ["aa", "bb", "cc"], "locator": ["d1", "d2", "d3"]}),
        "dedup/decisions": pa.table({"doc_id": ["bb"], "kept_doc_id": ["aa"]}),
    }.items():
        (tmp_path / "run" / name).mkdir(parents=True)
        pq.write_table(table, tmp_path / "run" / name / "part-00000.parquet")
        (tmp_path / "run" / name / "_stage.json").write_text("{}", encoding="utf-8")

    assert project_kept(tmp_path, tmp_path) == {"d1", "d3"}


def test_of_text_dedup_stays_what_is_in_its_arrow_files(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for number, ids in enumerate((["d1", "d2"], ["d5"])):
        table = pa.table({"id": ids, "text": ["x"] * len(ids)})
        path = str(tmp_path / "kept" / f"data-{number:05}-of-00002.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)

    assert text_dedup_kept(tmp_path, tmp_path) == {"d1", "d2", "d5"}


@pytest.mark.parametrize("names", [["kept.parquet"], ["kept/000_00000.parquet", "kept/000_00001.parquet"]])
def test_of_the_others_stays_what_is_in_their_parquet_files(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"id": [f"id of {name}"]}), tmp_path / name)

    assert parquet_kept(tmp_path, tmp_path) == {f"id of {name}" for name in names}


def results() -> list[Result]:
    """This project at 100 and 1,000 MB, text-dedup at both, datatrove at 100."""
    by_name = {tool.name: tool for tool in TOOLS}
    truth = {size: pa.table({"bytes": [size * 1_000_000]}) for size in (100, 1000)}
    figures = [
        ("this project", 100, 10.0, Score(5, 5, 0, 0)),
        ("text-dedup, xxh3", 100, 25.0, Score(6, 5, 1, 1)),
        ("datatrove", 100, 100.0, Score(0, 0, 0, 0)),
        ("this project", 1000, 20.0, Score(5, 5, 0, 0)),
        ("text-dedup, xxh3", 1000, 240.0, Score(6, 5, 1, 1)),
    ]
    return [
        Result(by_name[name], Corpus(size, Path(), truth[size]), Measured(wall_s, 2_500_000_000, ""), counts)
        for name, size, wall_s, counts in figures
    ]


def test_the_table_of_tools_has_a_row_per_tool_and_corpus() -> None:
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in tool_table(results()).splitlines()[2:]
    ]

    assert lines == [
        ["this project", "100", "10.0", "10.00", "2.50", "5", "1.0000", "1.0000", "0"],
        ["text-dedup, xxh3", "100", "25.0", "4.00", "2.50", "6", "0.8333", "0.8333", "1"],
        ["datatrove", "100", "100.0", "1.00", "2.50", "0", "", "", "0"],
        ["this project", "1,000", "20.0", "50.00", "2.50", "5", "1.0000", "1.0000", "0"],
        ["text-dedup, xxh3", "1,000", "240.0", "4.17", "2.50", "6", "0.8333", "0.8333", "1"],
    ]


def test_the_ratios_are_of_mb_per_second_each_against_the_largest_corpus_of_the_peer() -> None:
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in ratio_table(results()).splitlines()[2:]
    ]

    assert lines == [
        ["this project, 100 MB ÷ text-dedup, xxh3, 100 MB", "2.5", "> 1"],
        ["this project, 100 MB ÷ datatrove, 100 MB", "10.0", "> 1"],
        ["this project, 1,000 MB ÷ text-dedup, xxh3, 1,000 MB", "12.0", "≥ 10"],
        ["this project, 1,000 MB ÷ datatrove, 100 MB", "50.0", "≥ 50"],
    ]
