"""Real public samples: counts that were taken from the files by other means."""

import bz2
import gzip
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from source_helpers import read_split

from dataprep.sources.plan import list_files, plan_splits
from dataprep.sources.record import Document
from dataprep.sources.registry import READERS

pytestmark = pytest.mark.realdata


def documents(
    format: str, pattern: str, root: Path, *, split_bytes: int = 1 << 30
) -> dict[str, list[Document]]:
    """Documents by file; a malformed record fails."""
    files = list_files([pattern], str(root))
    found: dict[str, list[Document]] = {file: [] for file, _ in files}
    for split in plan_splits("real", format, files, language=None, split_bytes=split_bytes):
        for record in read_split(split):
            assert isinstance(record, Document), f"{split.file}: {record}"
            found[split.file].append(record)
    return found


@pytest.mark.parametrize(
    ("format", "pattern"),
    [
        ("mc4", "common_crawl/derived_mc4_from_ntrex/*.json.gz"),
        ("cc100", "monolingual/derived_cc100_from_ntrex/*.txt.xz"),
    ],
)
def test_ntrex_has_123_documents_in_each_of_26_languages(realdata: Path, format: str, pattern: str) -> None:
    found = documents(format, pattern, realdata)

    assert [len(records) for records in found.values()] == [123] * 26
    assert len({record.language for records in found.values() for record in records}) == 26


def test_both_layouts_of_ntrex_hold_the_same_text(realdata: Path) -> None:
    mc4 = documents("mc4", "common_crawl/derived_mc4_from_ntrex/c4-hi.*", realdata)
    cc100 = documents("cc100", "monolingual/derived_cc100_from_ntrex/hi.txt.xz", realdata)

    texts = [
        [" ".join(r.text.split()) for records in found.values() for r in records] for found in (mc4, cc100)
    ]

    assert texts[0] == texts[1]


def test_real_mc4_and_cc100_are_read(realdata: Path) -> None:
    mc4 = documents("mc4", "common_crawl/hf_mc4/**/*.json.gz", realdata)
    cc100 = documents("cc100", "monolingual/hf_cc100/**/*.txt.xz", realdata)

    assert sum(map(len, mc4.values())) == sum(
        gzip.decompress((realdata / file).read_bytes()).count(b'"text"') for file in mc4
    )
    assert {record.language for records in mc4.values() for record in records} == {"af"}
    assert {record.language for records in cc100.values() for record in records} == {"am", "ka", "sr"}


@pytest.mark.parametrize("split_bytes", [10_000, 1 << 30])
def test_every_article_of_the_minidumps_is_read(realdata: Path, split_bytes: int) -> None:
    folder = "wikipedia/dbpedia-minidumps"
    found = documents("wikipedia", f"{folder}/*.xml.bz2", realdata, split_bytes=split_bytes)

    assert len(found) == 37
    assert {file: sorted(r.locator for r in records) for file, records in found.items()} == {
        file: sorted(titles_of_articles(realdata / file)) for file in found
    }


def titles_of_articles(dump: Path) -> list[str]:
    """Titles by parsing the dump as a whole."""
    root = ElementTree.fromstring(bz2.decompress(dump.read_bytes()))
    pages = [page for page in root if page.tag.endswith("}page")]
    return [
        page.findtext("{*}title") or ""
        for page in pages
        if page.findtext("{*}ns") == "0" and page.find("{*}redirect") is None
    ]


def test_no_markup_is_left_in_real_articles(realdata: Path) -> None:
    found = documents("wikipedia", "wikipedia/**/*.bz2", realdata)
    text = "\n".join(record.text for records in found.values() for record in records)

    leftovers = re.findall(
        r"\{\{|\}\}|\[\[|\]\]|\{\||\bthumb\||\S+\.(?:jpe?g|svg|png)\b|<ref|&nbsp;|__[A-Z]+__", text
    )

    assert leftovers == []


def test_thirty_thousand_subtitle_lines_are_300_documents(realdata: Path) -> None:
    found = documents("opensubtitles", "opensubtitles/multi-opensubs/*.gz", realdata)

    assert [len(records) for records in found.values()] == [300] * 11
    assert {record.form for records in found.values() for record in records} == {"spoken"}


def test_parallel_subtitles_are_named_by_their_last_suffix(realdata: Path) -> None:
    found = documents("opensubtitles", "opensubtitles/hf_open_subtitles/**", realdata)

    assert {Path(file).suffix[1:] for file in found} == {
        "bn",
        "is",
        "bs",
        "eo",
        "da",
        "ru",
        "en",
        "hi",
        "fr",
        "hy",
    }
    assert all(READERS["opensubtitles"].language_of(file) == Path(file).suffix[1:] for file in found)
