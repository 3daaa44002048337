"""Boilerplate lines: each stays in exactly the document that the keep rule prefers, and goes from all others."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st
from kernels.references import lines_of, normalised_line, without_lines
from pyspark.sql import SparkSession

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.dedup.lines import documents_of_hashes, run_lines
from dataprep.filter.fates import run_fates
from dataprep.pipeline import annotate_settings
from dataprep.shards.encode import kept_documents
from dataprep.sources.record import Document

NO_RULES: dict[str, Any] = dict.fromkeys(RulesConfig.model_fields) | {
    "drop_lorem_ipsum": False,
    "drop_blocked_urls": False,
    "code_mixed": "keep",
}
FOOTER = "© 2024 Example Press. All rights reserved."
FOOTER_1999 = "[1999] EXAMPLE PRESS – all rights reserved"
ALONE = {"min_line_characters": 1, "min_words_left": None, "min_characters_left": None}


class Page(NamedTuple):
    """A document to be: what decides about its lines."""

    source: str
    text: str
    quality: float = 0.5
    language: str = "en"


def prepare_config(**settings: Any) -> PrepareConfig:
    values: dict[str, Any] = {
        "run_dir": "run",
        "sources": [
            {"name": "books", "format": "jsonl", "paths": ["x"], "priority": 1, "line_dedup": True},
            {"name": "web", "format": "jsonl", "paths": ["x"], "priority": 2, "line_dedup": True},
            {"name": "notes", "format": "jsonl", "paths": ["x"], "priority": 0},
        ],
        "rules": NO_RULES,
        "thresholds": "none",
        "line_dedup": ALONE,
    }
    return PrepareConfig.model_validate(values | settings)


def write_pages(run_dir: Path, pages: Iterable[Page], *, pages_per_part: int = 100) -> list[dict[str, Any]]:
    """Write the documents files of a run; their rows, in order. Row groups of two show that none is forgotten."""
    folder = run_dir / "documents"
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for index, page in enumerate(pages):
        part, row = divmod(index, pages_per_part)
        batch = annotate_documents(
            [Document(f"at {index}", page.text, page.language)],
            source=page.source,
            file="file",
            part=3 * part,
            first_row=row,
            settings=annotate_settings(prepare_config()),
        ).documents
        at = batch.schema.get_field_index("quality")
        batch = batch.set_column(at, "quality", pa.array([page.quality], pa.float32()))
        rows += batch.to_pylist()
        schema = batch.schema
    for part in {row["part"] for row in rows}:
        of_part = [row for row in rows if row["part"] == part]
        table = pa.Table.from_pylist(of_part, schema)
        pq.write_table(table, folder / f"part-{part:06d}.parquet", row_group_size=2)
    return rows


def write_decisions(run_dir: Path, removed: list[dict[str, Any]], kept: dict[str, Any]) -> None:
    folder = run_dir / "dedup" / "decisions"
    folder.mkdir(parents=True)
    rows = [
        {"doc_id": row["doc_id"], "kept_doc_id": kept["doc_id"], "rule": "near", "jaccard": 0.9}
        for row in removed
    ]
    table = pa.Table.from_pylist(rows)
    for name in ("part", "row"):
        table = table.append_column(name, pa.array([row[name] for row in removed], pa.int32()))
    pq.write_table(table, folder / "part-000000.parquet")


def text_left(run_dir: Path) -> dict[str, str]:
    """What is left of each document that changed or stays, by locator: the lists of lines, cut out by the reference."""
    texts = {}
    for path in sorted((run_dir / "documents").glob("*.parquet")):
        cut = run_dir / "lines" / path.name
        changed = {row["row"]: row for row in pq.read_table(cut).to_pylist()} if cut.exists() else {}
        for row in pq.read_table(path).to_pylist():
            change = changed.get(row["row"], {"removed_lines": [], "too_little_left": False})
            if not change["too_little_left"]:
                texts[row["locator"]] = without_lines(row["text"], set(change["removed_lines"]))
    return texts


def test_a_footer_of_three_documents_stays_in_the_preferred_one(spark: SparkSession, tmp_path: Path) -> None:
    pages = [
        Page("web", f"Rain fell on the harbour.\n\n{FOOTER}"),
        Page("books", f"The museum opens at nine.\n{FOOTER_1999}\nOn Mondays it stays closed."),
        Page("web", f"{FOOTER}\n\nThree boats left the bay.", quality=0.9),
    ]
    write_pages(tmp_path, pages, pages_per_part=1)
    config = prepare_config()

    counts = run_lines(spark, config, str(tmp_path), partitions=2)

    assert text_left(tmp_path) == {
        "at 0": "Rain fell on the harbour.",
        "at 1": f"The museum opens at nine.\n{FOOTER_1999}\nOn Mondays it stays closed.",
        "at 2": "Three boats left the bay.",
    }
    assert counts == {
        "by_source": {
            "books": {
                "documents": 1, "documents_changed": 0, "documents_dropped": 0,
                "read": 3, "kept": 3, "removed": 0, "dropped": 0, "characters_removed": 0,
            },
            "web": {
                "documents": 2, "documents_changed": 2, "documents_dropped": 0,
                "read": 4, "kept": 2, "removed": 2, "dropped": 0, "characters_removed": 2 * (len(FOOTER) + 2),
            },
        },
        "boilerplate": 1,
        "most_frequent": [[3, FOOTER_1999]],
    }  # fmt: skip
    assert not (tmp_path / "lines" / "work").exists()


def test_priority_then_quality_then_length_then_id_decide_who_keeps_a_line(
    spark: SparkSession, tmp_path: Path
) -> None:
    pages = [
        Page("web", "a long line before\nby priority", 1.0),
        Page("books", "b\nBy priority", 0.1),
        Page("web", "c and a long line before\nby quality", 0.5),
        Page("web", "d\nBy quality", 0.6),
        Page("web", "e\nby length", 0.5),
        Page("web", "f and a long line before\nBy length", 0.5),
        *(Page("web", f"line {letter}\nby id") for letter in "abcdef"),
    ]
    rows = write_pages(tmp_path, pages)
    first = min(rows[6:], key=lambda row: str(row["doc_id"]))

    run_lines(spark, prepare_config(), str(tmp_path), partitions=3)

    keepers = {locator for locator, text in text_left(tmp_path).items() if len(lines_of(text)) == 2}
    assert keepers == {"at 1", "at 3", "at 5", first["locator"]}


def test_a_repeat_within_one_document_is_no_boilerplate_and_repeats_go_together(
    spark: SparkSession, tmp_path: Path
) -> None:
    pages = [
        Page("web", "chorus line\nverse one\nchorus line\nverse two\nchorus line"),
        Page("web", "hook line\nhook line\nverse three\nhook line", 0.1),
        Page("web", "verse four\nhook line", 0.2),
        Page("web", "hook line\nhook line\nverse five", 0.3),
    ]
    write_pages(tmp_path, pages)
    config = prepare_config()

    run_lines(spark, config, str(tmp_path), partitions=2)

    assert text_left(tmp_path) == {
        "at 0": pages[0].text,
        "at 1": "verse three",
        "at 2": "verse four",
        "at 3": pages[3].text,
    }


def test_short_and_rare_lines_and_lines_without_letters_stay(spark: SparkSession, tmp_path: Path) -> None:
    text = "Share this\n***\nnine char\ncommon footer of three"
    pages = [Page("web", f"{text}\nIn two only: {index // 2}\n{'abc'[index]}x") for index in range(3)]
    write_pages(tmp_path, pages)
    config = prepare_config(line_dedup=ALONE | {"min_documents": 3, "min_line_characters": 10})

    run_lines(spark, config, str(tmp_path), partitions=2)

    left = sorted(text_left(tmp_path).values(), key=len)
    # "In two only: 0" and "… 1" differ in a digit only, so all three share it.
    assert [len(lines_of(text)) for text in left] == [3, 3, 6]
    assert [lines_of(text)[:2] for text in left[:2]] == [["***", "nine char"]] * 2


def test_only_kept_documents_of_the_sources_that_ask_for_it_take_part(
    spark: SparkSession, tmp_path: Path
) -> None:
    pages = [
        Page("web", f"Something of its own.\n{FOOTER}", 0.4),
        Page("notes", f"A source without the option.\n{FOOTER}", 0.9),
        Page("web", f"A near duplicate of another.\n{FOOTER}", 0.9),
        Page("web", f"Rejected by a rule.\n{FOOTER}\n{{{{{{", 0.9),
        Page("web", f"In a locale nobody asked for.\n{FOOTER}", 0.9, "de"),
    ]
    rows = write_pages(tmp_path, pages)
    write_decisions(tmp_path, [rows[2]], rows[0])
    config = prepare_config(locales=["en"], rules=NO_RULES | {"max_curly_braces_per_1000": 2.0})

    counts = run_lines(spark, config, str(tmp_path), partitions=2)

    assert counts["by_source"]["web"]["documents"] == 1
    assert (counts["boilerplate"], counts["most_frequent"]) == (0, [])
    assert not list((tmp_path / "lines").glob("*.parquet"))


def test_a_document_of_which_too_little_is_left_goes(spark: SparkSession, tmp_path: Path) -> None:
    japanese = "これは全部の文書に共通する行です"
    pages = [
        Page("books", f"{FOOTER}\n{japanese}"),
        Page("web", f"Three words left\n{FOOTER}"),
        Page("web", f"Four words are left\n{FOOTER}"),
        Page("web", f"{FOOTER}\n\n***"),
        Page("web", FOOTER_1999),
        Page("web", f"九文字が残ります。\n{japanese}", language="ja"),
        Page("web", f"八文字が残りま。\n{japanese}", language="ja"),
        Page("web", "One"),
    ]
    rows = write_pages(tmp_path, pages)
    config = prepare_config(line_dedup=ALONE | {"min_words_left": 4, "min_characters_left": 8})

    counts = run_lines(spark, config, str(tmp_path), partitions=2)

    run_fates(spark, config, str(tmp_path), partitions=2)
    fates = pq.read_table(tmp_path / "fates").to_pylist()
    kept = [row for batch in kept_documents(str(tmp_path), 0) for row in batch.to_pylist()]
    left = {f"at {row['row']}": row["text"] for row in kept}
    assert list(left) == ["at 0", "at 2", "at 5", "at 7"]
    assert left == text_left(tmp_path)
    assert [fate["drop_reason"] for fate in fates] == [
        None, "boilerplate_lines", None, "boilerplate_lines", "boilerplate_lines", None, "boilerplate_lines", None,
    ]  # fmt: skip
    assert [fate["text_bytes"] for fate in fates if fate["drop_reason"]] == [
        rows[index]["num_bytes"] for index in (1, 3, 4, 6)
    ]
    assert [fate["text_bytes"] for fate in fates if not fate["drop_reason"]] == [
        len(text.encode()) for text in left.values()
    ]
    web = counts["by_source"]["web"]
    assert (web["documents_changed"], web["documents_dropped"]) == (6, 4)
    assert (web["read"], web["removed"], web["dropped"], web["kept"]) == (12, 6, 3, 3)


def expected_texts(
    rows: list[dict[str, Any]], settings: dict[str, int], priorities: dict[str, int]
) -> dict[str, str]:
    """What is left of each document, by the rule as it is told: strings and dictionaries."""
    having = defaultdict(set)
    for index, row in enumerate(rows):
        for line in lines_of(row["text"]):
            if len(normalised_line(line)) >= settings["min_line_characters"]:
                having[normalised_line(line)].add(index)

    def order(index: int) -> tuple[int, float, int, str]:
        row = rows[index]
        return priorities[row["source"]], -round(row["quality"], 3), -len(row["text"]), row["doc_id"]

    keeper = {
        line: min(indices, key=order)
        for line, indices in having.items()
        if len(indices) >= settings["min_documents"]
    }
    left = {}
    for index, row in enumerate(rows):
        lines = [normalised_line(line) for line in lines_of(row["text"])]
        gone = {number for number, line in enumerate(lines) if keeper.get(line, index) != index}
        if len(gone) < len(lines):
            left[row["locator"]] = without_lines(row["text"], gone)
    return left


def test_any_spread_over_files_and_tasks_gives_what_the_rule_says(
    spark: SparkSession, tmp_path: Path
) -> None:
    draw = random.Random(1)
    pool = [
        f"{letter * 3} {word}" for letter in "abcdefgh" for word in ("news", "खबर", "新聞記事", "!", "12")
    ]
    pages = [
        Page(
            draw.choice(["books", "web"]),
            "\n".join(draw.choices([*pool, ""], k=draw.randint(1, 9))) + f"\nown {index}" + "x" * index,
            draw.choice([0.25, 0.5]),
        )
        for index in range(60)
    ]
    settings = {"min_documents": 4, "min_line_characters": 5}
    config = prepare_config(line_dedup=ALONE | settings)
    texts, counts = [], []
    for pages_per_part, partitions in ((60, 1), (7, 3)):
        run_dir = tmp_path / str(partitions)
        rows = write_pages(run_dir, pages, pages_per_part=pages_per_part)
        counts.append(run_lines(spark, config, str(run_dir), partitions=partitions))
        texts.append(text_left(run_dir))

    assert texts[0] == expected_texts(rows, settings, {"books": 1, "web": 2})
    assert sum(map(len, texts[0].values())) < sum(len(page.text) for page in pages)
    assert texts[1] == texts[0]
    assert counts[1] == counts[0]


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), max_size=40),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=5, max_size=5, unique=True),
)
def test_every_hash_has_its_documents_and_the_first_of_them(
    lines: list[tuple[int, int]], order: list[tuple[int, int]]
) -> None:
    columns = np.array(lines, np.int64).reshape(-1, 2)
    rank, ids = np.array(order, np.int64).T

    shared = documents_of_hashes(columns[:, 0], columns[:, 1], rank, ids)

    expected = Counter(line for line, _ in set(lines))
    assert dict(zip(shared.hashes.tolist(), shared.documents.tolist(), strict=True)) == expected
    assert shared.hashes.tolist() == sorted(expected)
    assert list(zip(shared.rank.tolist(), shared.ids.tolist(), strict=True)) == [
        min(order[document] for line, document in lines if line == each) for each in sorted(expected)
    ]
