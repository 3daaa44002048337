import bz2
from pathlib import Path

import pytest
from source_helpers import ReadBytes, Record, compressed, read_split, shown

from dataprep.sources.plan import plan_splits
from dataprep.sources.record import Document, Malformed
from dataprep.sources.registry import READERS

HEAD = '<mediawiki xml:lang="en"><siteinfo><dbname>enwiki</dbname></siteinfo>\n'
FOOT = "</mediawiki>\n"
HI = "hiwiki-latest-pages-articles.xml.bz2"


def page(title: str, text: str, *, ns: int = 0, extra: str = "", model: str = "wikitext") -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>1</id>{extra}<revision><id>2</id>"
        f"<timestamp>2020-01-02T03:04:05Z</timestamp><model>{model}</model>"
        f'<text xml:space="preserve">{text}</text></revision></page>\n'
    )


def article(title: str, text: str, language: str | None = "hi") -> Document:
    return Document(title, text, language, "2020-01-02T03:04:05Z")


@pytest.mark.parametrize("codec", ["", "gz", "xz", "bz2", "zst"])
def test_articles_are_read_and_other_pages_are_no_records(read_bytes: ReadBytes, codec: str) -> None:
    dump = HEAD + page("बर्लिन", "'''बर्लिन''' &amp;amp; [[जर्मनी]]")
    dump += (
        page("Talk", "x", ns=1)
        + page("R", "x", extra='<redirect title="T"/>')
        + page("J", "{}", model="json")
    )
    dump += page("Old", "#अनुप्रेषित [[बर्लिन]]") + page("Empty", "") + FOOT

    records = read_bytes("wikipedia", HI, compressed(codec, dump.encode()))

    assert records == [article("बर्लिन", "बर्लिन & जर्मनी"), article("Empty", "")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"<page><title>x</page>", "invalid_xml"),
        (b"<page><title>x &nosuch; y</title></page>", "invalid_xml"),
        (b"<page><title>x</title></page>", "invalid_xml"),
        (b"<page><revision/></page>", "invalid_xml"),
        (b"<page><title>\xff</title></page>", "invalid_utf8"),
        (b"<page><title>cut off", "xml_without_end"),
    ],
)
def test_a_bad_page_does_not_lose_the_others(read_bytes: ReadBytes, bad: bytes, reason: str) -> None:
    head = (HEAD + page("A", "a")).encode()

    records = read_bytes("wikipedia", HI, head + bad + page("B", "b").encode() + FOOT.encode())

    assert records == [article("A", "a"), Malformed(len(head), reason, bad), article("B", "b")]


def test_a_page_without_end_at_the_end_of_the_file_is_malformed(read_bytes: ReadBytes) -> None:
    head = (HEAD + page("A", "a")).encode()

    records = read_bytes("wikipedia", HI, head + b"<page><title>B</title></pa")

    assert records == [
        article("A", "a"),
        Malformed(len(head), "xml_without_end", b"<page><title>B</title></pa"),
    ]


def test_wikitext_beyond_the_parser_is_malformed(read_bytes: ReadBytes) -> None:
    records = read_bytes("wikipedia", HI, (HEAD + page("A", "a" * (4 << 20) + "a") + page("B", "b")).encode())

    assert [getattr(record, "reason", None) for record in records] == ["invalid_wikitext", None]


def test_a_page_beyond_the_record_limit_is_passed_over(read_bytes: ReadBytes) -> None:
    data = (HEAD + page("A", "a" * (64 << 20)) + page("B", "b")).encode()

    records = read_bytes("wikipedia", HI, data)

    assert records[0] == Malformed(len(HEAD), "record_too_large", data[len(HEAD) :][:200])
    assert records[1:] == [article("B", "b")]


def test_entities_and_files_named_by_a_page_are_not_fetched(read_bytes: ReadBytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    dump = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>' + HEAD + page("A", "a &e; b")

    records = read_bytes("wikipedia", HI, dump.encode())

    assert "secret" not in str(records)


def test_the_last_page_of_a_truncated_dump_is_malformed(read_bytes: ReadBytes) -> None:
    head = (HEAD + page("A", "a")).encode()
    packed = compressed("gz", head) + compressed("gz", page("B", "b").encode())[:-8]

    records = read_bytes("wikipedia", HI, packed)

    assert records[0] == article("A", "a")
    assert records[1:] == [article("B", "b"), Malformed(len(head) + len(page("B", "b")), "corrupt_stream")]


def multistream(*streams: str) -> list[bytes]:
    return [bz2.compress(stream.encode()) for stream in streams]


@pytest.mark.parametrize("split_bytes", [1, 50, 130, 400, 10_000])
def test_pages_of_a_multistream_dump_do_not_depend_on_the_splits(tmp_path: Path, split_bytes: int) -> None:
    straddling = page("C", "c" * 50)
    streams = multistream(
        HEAD,
        page("A", "a") + page("B", "b") + straddling[:3],
        straddling[3:60],
        straddling[60:] + page("D", "<bad"),
        page("E", "e"),
        FOOT,
    )
    streams[4] = streams[4][:40] + b"\x00\x00\x00\x00" + streams[4][44:]
    streams.insert(5, bz2.compress(page("F", "f").encode()))
    path = tmp_path / HI
    path.write_bytes(b"".join(streams))

    splits = plan_splits("w", "wikipedia", [(HI, str(path))], language=None, split_bytes=split_bytes)
    records = [record for split in splits for record in read_split(split)]

    starts = [sum(map(len, streams[:index])) for index in range(7)]
    expected: list[Record] = [
        article("A", "a"),
        article("B", "b"),
        article("C", "c" * 50),
        Malformed(starts[3], "invalid_xml", page("D", "<bad").encode().strip()[:200]),
        Malformed(starts[4], "corrupt_stream"),
        article("F", "f"),
    ]
    assert shown(records) == shown(expected)


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("enwiki-latest-pages-articles.xml.bz2", "en"),
        ("dumps/simplewiki-20240101-pages-articles-multistream.xml.bz2", "en"),
        ("zh_yuewiki-latest.xml", "yue"),
        ("zh_min_nanwiki-latest.xml", "nan"),
        ("iswiki.xml", "is"),
        ("jawiki_part1.xml.bz2", "ja"),
        ("be_x_oldwiki-latest.xml", "be"),
        ("commonswiki-latest.xml", None),
        ("enwiktionary-latest.xml", None),
        ("pages.xml", None),
    ],
)
def test_dump_names_carry_the_language(file: str, language: str | None) -> None:
    assert READERS["wikipedia"].language_of(file) == language


def test_the_language_of_the_header_is_never_taken(read_bytes: ReadBytes) -> None:
    records = read_bytes("wikipedia", "pages.xml", (HEAD + page("A", "a") + FOOT).encode())

    assert records == [article("A", "a", None)]
