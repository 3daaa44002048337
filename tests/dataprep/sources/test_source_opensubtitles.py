import gzip

import pytest
from source_helpers import ReadBytes

from dataprep.sources.record import Document, Malformed, Split
from dataprep.sources.registry import READERS

FILM = "OpenSubtitles/xml/en/1998/123/456.xml.gz"


def film(body: str) -> bytes:
    return gzip.compress(
        f'<?xml version="1.0" encoding="utf-8"?>\n<document id="456">{body}</document>'.encode()
    )


def spoken(locator: str, text: str, language: str | None = "en") -> Document:
    return Document(locator, text, language, form="spoken")


def test_a_hundred_lines_are_a_document(read_bytes: ReadBytes) -> None:
    data = b"".join(b"%03d\n" % number for number in range(250))

    records = read_bytes("opensubtitles", "OpenSubtitles.fi.txt.gz", gzip.compress(data))

    assert [record.locator for record in records if isinstance(record, Document)] == [
        "OpenSubtitles.fi.txt.gz:0",
        "OpenSubtitles.fi.txt.gz:400",
        "OpenSubtitles.fi.txt.gz:800",
    ]
    assert records[2] == spoken("OpenSubtitles.fi.txt.gz:800", data[800:].decode().strip(), "fi")


def test_an_invalid_line_leaves_the_other_lines_and_their_blocks_alone(read_bytes: ReadBytes) -> None:
    data = b"a\r\n\xff\n\n b \n" + b"\n" * 96 + b"c"

    records = read_bytes("opensubtitles", "en.txt", data)

    assert records == [
        Malformed(3, "invalid_utf8", b"\xff"),
        spoken("en.txt:0", "a\nb"),
        spoken("en.txt:106", "c"),
    ]


def test_blocks_of_blank_lines_are_no_documents(read_bytes: ReadBytes) -> None:
    assert read_bytes("opensubtitles", "en.txt", b"\n" * 300) == []


def test_a_line_and_a_block_beyond_the_limit_are_malformed(read_bytes: ReadBytes) -> None:
    line = read_bytes("opensubtitles", "en.txt", b"a\n" + b"x" * (64 << 20) + b"y\nb")
    block = read_bytes("opensubtitles", "en.txt", b"x" * (40 << 20) + b"\n" + b"y" * (40 << 20))

    assert line == [Malformed(2, "record_too_large", b"x" * 200), spoken("en.txt:0", "a\nb")]
    assert block == [Malformed(0, "record_too_large", b"x" * 200)]


def test_lines_before_damage_stay(read_bytes: ReadBytes) -> None:
    packed = gzip.compress(b"a\nb\nhalf a line")[:-8]

    records = read_bytes("opensubtitles", "en.txt.gz", packed)

    assert records == [spoken("en.txt.gz:0", "a\nb"), Malformed(4, "corrupt_stream", b"half a line")]


def test_tokens_become_text_again(read_bytes: ReadBytes) -> None:
    body = (
        '<s id="1"><time id="T1S" value="00:00:01,000"/><w id="1.1">Do</w><w id="1.2">n\'t</w> <w>go</w><w>,</w>'
        "<w>John</w><w>'s</w><w>here</w><w>(</w><w>now</w><w>)</w><w>!</w><time id='T1E' value='2'/></s>"
        "<s><w>你</w><w>好</w><w>。</w></s>"
        "<s><time id='T2S' value='3'/>Plain  text,\n untokenised.</s>"
    )

    records = read_bytes("opensubtitles", FILM, film(body))

    assert records == [spoken(f"{FILM}:0", "Don't go, John's here (now)!\n你好。\nPlain text, untokenised.")]


def test_a_long_film_is_several_documents(read_bytes: ReadBytes) -> None:
    body = "".join(f"<s>{number}</s>" for number in range(201))

    records = read_bytes("opensubtitles", FILM, film(body))

    assert [record.locator for record in records if isinstance(record, Document)] == [
        f"{FILM}:0",
        f"{FILM}:100",
        f"{FILM}:200",
    ]
    assert records[2] == spoken(f"{FILM}:200", "200")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<document><s>a</s><s>b</s><s>c", "xml_without_end"),
        (b"<document><s>a</s><s>b</s></wrong></document>", "invalid_xml"),
    ],
)
def test_sentences_before_a_fault_in_the_xml_stay(read_bytes: ReadBytes, data: bytes, reason: str) -> None:
    records = read_bytes("opensubtitles", "xml/de/1/2/3.xml", data)

    assert records == [spoken("xml/de/1/2/3.xml:0", "a\nb", "de"), Malformed(0, reason, data)]


def test_sentences_before_damage_of_the_file_stay(read_bytes: ReadBytes) -> None:
    records = read_bytes("opensubtitles", FILM, gzip.compress(b"<document><s>a</s><s>b")[:-8])

    assert records == [spoken(f"{FILM}:0", "a"), Malformed(22, "corrupt_stream")]


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("OpenSubtitles.en.txt.gz", "en"),
        ("OpenSubtitles.en-hi.hi", "hi"),
        ("OpenSubtitles.bs-eo.eo.gz", "eo"),
        ("en.txt.gz", "en"),
        ("OpenSubtitles.pt_br.txt", "pt"),
        (FILM, "en"),
        ("xml/zh_cn/1/2/3.xml", "zh"),
        ("456.xml.gz", None),
        ("subtitles.txt", None),
    ],
)
def test_names_carry_the_language(file: str, language: str | None) -> None:
    assert READERS["opensubtitles"].language_of(file) == language


def test_a_part_of_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"en\.txt must be read whole, not the bytes 5 to 9"):
        READERS["opensubtitles"].read(Split("s", "opensubtitles", "en.txt", "en.txt", start=5, end=9))
