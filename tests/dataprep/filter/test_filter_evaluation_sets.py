"""Evaluation sets in every format and compression; what is wrong with one is said in a sentence."""

import bz2
import gzip
import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dataprep.config import DecontaminateConfig, EvaluationSetConfig
from dataprep.filter.evaluation_sets import EvaluationSetError, read_sets, sets_fingerprint

UTTERANCES = "\n".join(
    json.dumps({"id": number, "utt": utt, "slots": {"names": [utt, "b"]}, "none": None}, ensure_ascii=False)
    for number, utt in enumerate(("wake me up", "रोशनी जलाओ", "  "))
)
SQUAD = {
    "version": 1,
    "data": [
        {"paragraphs": [{"context": "A river.", "qas": [{"question": "What?"}, {"question": "Where?"}]}]},
        {"paragraphs": [{"context": "एक नदी।", "qas": [{"question": None}]}, {"context": "山。", "qas": []}]},
    ],
}


def evaluation_set(path: str, *fields: str, **settings: Any) -> EvaluationSetConfig:
    return EvaluationSetConfig(name="tasks", paths=[path], fields=list(fields), **settings)


def read(root: Path, path: str, *fields: str, **settings: Any) -> list[tuple[str, str]]:
    (found,) = read_sets([evaluation_set(path, *fields, **settings)], str(root))
    return list(zip(found.ids, found.texts, strict=True))


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.zst", zstandard.compress),
        ("a.jsonl.xz", lzma.compress),
        ("a.jsonl.bz2", bz2.compress),
        ("a.ndjson", lambda data: b"\xef\xbb\xbf" + data),
    ],
)
def test_json_lines_are_read_in_every_compression(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(compress(UTTERANCES.encode()))

    assert read(tmp_path, name, "utt") == [(f"{name}:0:utt", "wake me up"), (f"{name}:1:utt", "रोशनी जलाओ")]


def test_a_path_of_keys_and_lists_leads_to_every_item_of_squad(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SQUAD, indent=1), encoding="utf-8")

    found = read(tmp_path, "s.json", "data[].paragraphs[].context", "data[].paragraphs[].qas[].question")

    assert found == [
        ("s.json:data[0].paragraphs[0].context", "A river."),
        ("s.json:data[1].paragraphs[0].context", "एक नदी।"),
        ("s.json:data[1].paragraphs[1].context", "山。"),
        ("s.json:data[0].paragraphs[0].qas[0].question", "What?"),
        ("s.json:data[0].paragraphs[0].qas[1].question", "Where?"),
    ]


def test_a_list_at_the_top_and_lists_within_records_are_reached(tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text('[{"q": "one", "a": [["x"], ["y", 3]]}]')

    assert read(tmp_path, "l.json", "[].q", "[].a[][]") == [
        ("l.json:[0].q", "one"),
        ("l.json:[0].a[0][0]", "x"),
        ("l.json:[0].a[1][0]", "y"),
        ("l.json:[0].a[1][1]", "3"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "fields", "expected"),
    [
        ("t.tsv", 'q\tlabel\nsay "hi\tx\n\nbye\ty\n', ["q"], [("t.tsv:0:q", 'say "hi'), ("t.tsv:1:q", "bye")]),
        ("n.tsv", "x\tone\r\ny\ttwo\r\n", ["2"], [("n.tsv:0:2", "one"), ("n.tsv:1:2", "two")]),
        ("c.csv", 'text,label\n"one, ""1""\nand",x\ntwo,y\n', ["text"],
         [("c.csv:0:text", 'one, "1"\nand'), ("c.csv:1:text", "two")]),
        ("lines.txt", "one\n\ntwo\n", [], [("lines.txt:0", "one"), ("lines.txt:2", "two")]),
        ("dots.jsonl", '{"a.b": "one"}\n{"a": {"b": "two"}}', ["a.b"],
         [("dots.jsonl:0:a.b", "one"), ("dots.jsonl:1:a.b", "two")]),
    ],
)  # fmt: skip
def test_tables_and_lines_give_their_items(
    tmp_path: Path, name: str, content: str, fields: list[str], expected: list[tuple[str, str]]
) -> None:
    (tmp_path / name).write_bytes(content.encode())

    assert read(tmp_path, name, *fields) == expected


def test_columns_of_parquet_are_read_and_what_is_in_them(tmp_path: Path) -> None:
    table = pa.table({"q": ["one", None], "more": [{"a": ["x"]}, {"a": []}], "id": [1, 2]})
    pq.write_table(table, tmp_path / "p.parquet")

    assert read(tmp_path, "p.parquet", "q", "more.a[]") == [
        ("p.parquet:0:q", "one"),
        ("p.parquet:0:more.a[0]", "x"),
    ]


def test_files_of_a_set_are_told_by_their_content_not_by_their_place(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("two\n")
    (tmp_path / "a.txt").write_text("one\n")
    digests = sorted(hashlib.sha256(text).hexdigest() for text in (b"one\n", b"two\n"))

    (both,) = read_sets([evaluation_set("*.txt")], str(tmp_path))

    assert both.sha256 == hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()
    before = sets_fingerprint([evaluation_set("*.txt")], str(tmp_path))
    (tmp_path / "a.txt").write_text("three\n")
    assert sets_fingerprint([evaluation_set("*.txt")], str(tmp_path)) != before


@pytest.mark.parametrize(
    ("content", "name", "fields", "settings", "message"),
    [
        (b"{}", "other.jsonl", ["utt"], {"paths": ["none*.jsonl"]}, r"tasks: 'none\*.jsonl' matches no file"),
        (UTTERANCES.encode(), "a.jsonl", ["text"], {}, "a.jsonl has the field text; its records have id, utt"),
        (UTTERANCES.encode(), "a.jsonl", ["slots"], {}, r"slots of a.jsonl is a dict, not text; name what is in it"),
        (UTTERANCES.encode(), "a.jsonl", ["slots.names"], {}, r"slots.names of a.jsonl is a list.*slots.names\[\]"),
        (UTTERANCES.encode(), "a.jsonl", ["none"], {}, "tasks is empty: there is no text in none of 1 file"),
        (b"", "a.jsonl", ["utt"], {}, "tasks is empty"),
        (b"\n***\n", "a.txt", [], {}, "tasks is empty: there is no line of text"),
        (b"q\tl\n", "a.tsv", ["q"], {}, "tasks is empty"),
        (b"q\tl\nx\ty\n", "a.tsv", ["question"], {}, "a.tsv has the field question; its records have q, l"),
        (b"x\ty\n", "a.tsv", ["3"], {}, "no record of a.tsv has the field 3; its records have 1, 2"),
        (b'{"a": 1}\n{"a": 2}', "a.json", ["a"], {}, "a.json is not one JSON value .*set format: jsonl"),
        (b'{"a": 1', "a.jsonl", ["a"], {}, "line 1 of a.jsonl is not one JSON value"),
        (b"one\n", "a.txt", ["utt"], {}, "lines of a.txt have no fields"),
        (b"{}", "a.jsonl", [], {}, "name the field"),
        (b"one", "a.dat", [], {}, "the name of a.dat does not say its format; set format to one of jsonl"),
        (b"caf\xe9", "a.txt", [], {}, "a.txt is not UTF-8 text"),
        (gzip.compress(b"one" * 1000)[:20], "a.txt.gz", [], {}, "a.txt.gz is damaged"),
        (b"PAR1 not", "a.parquet", ["q"], {}, "a.parquet is no Parquet file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_set_is_said(
    tmp_path: Path, content: bytes, name: str, fields: list[str], settings: dict[str, Any], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    config = EvaluationSetConfig.model_validate(
        {"name": "tasks", "paths": [name], "fields": fields} | settings
    )

    with pytest.raises(EvaluationSetError, match=message):
        read_sets([config], str(tmp_path))


def test_thresholds_of_a_set_differ_where_it_says_so_and_nowhere_else() -> None:
    config = DecontaminateConfig.model_validate(
        {
            "rules": {"min_item_coverage": 0.6},
            "sets": [
                {"name": "a", "paths": ["x"], "rules": {"max_documents": None}},
                {"name": "b", "paths": ["x"]},
            ],
        }
    )

    first, second = (config.rules_for(each) for each in config.sets)

    assert (first.max_documents, first.min_item_coverage) == (None, 0.6)
    assert (second.max_documents, second.min_item_coverage) == (10, 0.6)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([{"name": "a", "paths": ["x"]}, {"name": "a", "paths": ["y"]}], "two sets are called a"),
        ([{"name": "a", "paths": ["x"], "rules": {"coverage": 1}}], "coverage"),
        ([{"name": "a", "paths": ["x"], "rules": {"min_item_coverage": 2}}], "min_item_coverage"),
    ],
)
def test_wrong_settings_of_sets_are_refused(sets: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecontaminateConfig.model_validate({"sets": sets})
