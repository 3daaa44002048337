import bz2
import gzip
import itertools
import tempfile
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import compressed, read_split, shown, whole

from dataprep.sources.plan import list_files, plan_splits
from dataprep.sources.record import SourceError, Split

PIECES = {
    "mc4": [b'{"text":"a"}', b'{"text":"\xc3\xa9","url":"u"}', b"{", b"\xff", b"", b"\r", b" "],
    "jsonl": [b'{"text":"a"}', b'{"text":"bb","id":1}', b"[]", b"", b"\r"],
    "cc100": [b"", b"", b"\r", b"a", b"bc\r", b" ", b"\xff"],
    "wikipedia": [
        b"<mediawiki>",
        b"<page><title>T</title><ns>0</ns><revision><text>x</text></revision></page>",
        b"<page><title>U</title><ns>1</ns><revision><text>x</text></revision></page>",
        b"<page><title>",
        b"<page>",
        b"</page>",
        b"",
    ],
}


@pytest.mark.parametrize("format", sorted(PIECES))
@given(data=st.data(), split_bytes=st.integers(1, 120), bom=st.booleans(), final_newline=st.booleans())
def test_records_do_not_depend_on_the_split_size(
    format: str, data: st.DataObject, split_bytes: int, bom: bool, final_newline: bool
) -> None:
    pieces = data.draw(st.lists(st.sampled_from(PIECES[format]), min_size=1, max_size=14))
    content = b"\xef\xbb\xbf" * bom + b"\n".join(pieces) + b"\n" * final_newline

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.txt")
        path.write_bytes(content)
        splits = plan_splits("s", format, [("x.txt", str(path))], language="en", split_bytes=split_bytes)
        in_splits = [record for split in splits for record in read_split(split)]
        at_once = read_split(whole(format, path, language="en"))

    assert shown(in_splits) == shown(at_once)


@given(
    texts=st.lists(st.text("ab<>/pageßन \n", max_size=40), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 600), max_size=6),
    split_bytes=st.integers(1, 300),
)
def test_pages_do_not_depend_on_where_bz2_streams_and_splits_end(
    texts: list[str], cuts: list[int], split_bytes: int
) -> None:
    escaped = [text.replace("<", "&lt;").replace(">", "&gt;") for text in texts]
    dump = "".join(
        f"<page><title>T{number}</title><ns>0</ns><revision><text>{text}</text></revision></page>"
        for number, text in enumerate(escaped)
    ).encode()
    bounds = sorted({0, len(dump), *(cut for cut in cuts if cut < len(dump))})
    streams = [bz2.compress(dump[start:end]) for start, end in itertools.pairwise(bounds)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "enwiki.xml.bz2")
        path.write_bytes(b"".join(streams))
        splits = plan_splits(
            "s", "wikipedia", [(path.name, str(path))], language=None, split_bytes=split_bytes
        )
        in_splits = [record for split in splits for record in read_split(split)]
        at_once = read_split(whole("wikipedia", path))

    assert shown(in_splits) == shown(at_once)
    assert len(in_splits) == len(texts)


@pytest.mark.parametrize("split_bytes", [1, 2, 3, 4, 5])
def test_a_record_behind_a_byte_order_mark_is_read_once_wherever_the_first_split_ends(
    tmp_path: Path, split_bytes: int
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n')

    splits = plan_splits("s", "jsonl", [("x.jsonl", str(path))], language=None, split_bytes=split_bytes)

    assert [getattr(r, "text", None) for split in splits for r in read_split(split)] == ["a", "b"]


@pytest.mark.parametrize("split_bytes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_page_at_the_start_of_a_plain_dump_is_read_once(
    tmp_path: Path, split_bytes: int, bom: bytes
) -> None:
    path = tmp_path / "enwiki.xml"
    path.write_bytes(bom + PIECES["wikipedia"][1])

    splits = plan_splits(
        "s", "wikipedia", [("enwiki.xml", str(path))], language=None, split_bytes=split_bytes
    )

    assert [getattr(r, "locator", None) for split in splits for r in read_split(split)] == ["T"]


def test_a_wide_plain_file_is_one_malformed_record_however_it_is_split(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(('{"text": "a"}\n' * 50).encode("utf-16"))

    splits = plan_splits("s", "jsonl", [("x.jsonl", str(path))], language=None, split_bytes=100)

    assert len(splits) > 10
    assert [getattr(r, "reason", "") for split in splits for r in read_split(split)] == ["utf16"]


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("mc4", "x.json.gz"),
        ("opensubtitles", "en.txt"),
        ("wikipedia", "enwiki.xml.bz2"),
        ("jsonl", "x.jsonl.bz2"),
    ],
)
def test_files_that_can_only_be_read_from_their_start_are_one_split(
    tmp_path: Path, format: str, name: str
) -> None:
    content = b"line\n" * 100
    (tmp_path / name).write_bytes(compressed(name.rpartition(".")[2], content))

    splits = plan_splits("s", format, [(name, str(tmp_path / name))], language=None, split_bytes=10)

    assert [(split.start, split.end) for split in splits] == [(0, None)]


def test_a_gzip_file_without_its_extension_is_one_split(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 50))

    splits = plan_splits("s", "jsonl", [("x.jsonl", str(path))], language=None, split_bytes=10)

    assert len(splits) == 1


def test_the_language_is_that_of_the_configuration_or_else_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "fi.txt").write_bytes(b"a")
    files = [("fi.txt", str(tmp_path / "fi.txt"))]

    named = plan_splits("s", "cc100", files, language=None, split_bytes=10)
    configured = plan_splits("s", "cc100", files, language="iw", split_bytes=10)

    assert named == [Split("s", "cc100", "fi.txt", str(tmp_path / "fi.txt"), "fi")]
    assert configured[0].language == "he"


def test_unknown_formats_and_sizes_are_refused() -> None:
    with pytest.raises(SourceError, match=r"web: format must be one of mc4, .*; got 'warc'"):
        plan_splits("web", "warc", [], language=None, split_bytes=10)
    with pytest.raises(SourceError, match="web: split_bytes must be at least 1; got 0"):
        plan_splits("web", "mc4", [], language=None, split_bytes=0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    names = [
        "b.gz",
        "a.gz",
        "x/c.gz",
        "x/y/d.gz",
        "x/y/d.ids",
        "x/d.ids.gz",
        ".hidden.gz",
        "x/.h/e.gz",
        "o[1].gz",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        (["*.gz"], ["a.gz", "b.gz", "o[1].gz"]),
        (["**/*.gz"], ["a.gz", "b.gz", "o[1].gz", "x/c.gz", "x/y/d.gz"]),
        (["x/**"], ["x/c.gz", "x/y/d.gz"]),
        (["b.gz", "[ab].gz", "x/../a.gz"], ["a.gz", "b.gz"]),
        (["o[1].gz"], ["o[1].gz"]),
    ],
)
def test_files_are_sorted_unique_and_without_hidden_ones(
    tree: Path, patterns: list[str], files: list[str]
) -> None:
    assert list_files(patterns, str(tree)) == [(file, f"{tree}/{file}") for file in files]


def test_an_absolute_pattern_outside_the_root_keeps_its_whole_path(tree: Path) -> None:
    found = list_files([f"{tree}/a.gz", f"{tree}/x/c*"], str(tree / "x"))

    assert found == [(f"{tree}/a.gz", f"{tree}/a.gz"), ("c.gz", f"{tree}/x/c.gz")]


@pytest.mark.parametrize("pattern", ["nothing*.gz", "x", "x/y/*.ids"])
def test_a_pattern_without_a_file_is_an_error_that_names_it(tree: Path, pattern: str) -> None:
    with pytest.raises(SourceError) as error:
        list_files(["a.gz", pattern], str(tree))

    assert repr(pattern) in str(error.value)
    assert str(tree) in str(error.value)


def test_urls_are_listed_and_read() -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/plan/en.txt", b"a\n\nb\n")

    found = list_files(["*.txt"], "memory://plan")
    splits = plan_splits("s", "cc100", found, language=None, split_bytes=3)

    assert [file for file, _ in found] == ["en.txt"]
    assert [getattr(r, "text", None) for split in splits for r in read_split(split)] == ["a", "b"]
