"""mC4, CC-100 and JSON lines."""

import gzip
import json
import lzma

import pytest
from source_helpers import ReadBytes, compressed

from dataprep.sources.record import Document, Malformed
from dataprep.sources.registry import MALFORMED_REASONS, READERS

GOOD = b'{"text": "Toe was daar", "timestamp": "2018-11-19T07:24:51Z", "url": "https://example.org/a"}\n'
GOOD_DOCUMENT = Document("https://example.org/a", "Toe was daar", "af", "2018-11-19T07:24:51Z")
AF = "c4-af.tfrecord-00000-of-00064.json.gz"
TOO_LARGE = b'{"text": "' + b"x" * (64 << 20) + b'"}'


def test_mc4_gives_text_url_timestamp_and_the_language_of_the_name(read_bytes: ReadBytes) -> None:
    records = read_bytes("mc4", AF, gzip.compress(GOOD))

    assert records == [GOOD_DOCUMENT]


@pytest.mark.parametrize("url", ["", ', "url": ""', ', "url": null', ', "url": 3'])
def test_a_document_without_url_is_named_by_file_and_offset(read_bytes: ReadBytes, url: str) -> None:
    records = read_bytes("mc4", "x.json", b"\n" + f'{{"text": "a"{url}}}'.encode())

    assert records == [Document("x.json:1", "a")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a"', "invalid_json"),
        (b"[1]", "invalid_json"),
        (b'{"text": "\\ud800"}', "invalid_json"),
        (b'{"url": "u"}', "missing_text"),
        (b'{"text": null}', "missing_text"),
        (b'{"text": ["a"]}', "missing_text"),
        (b'{"text": "\xe4"}', "invalid_utf8"),
        (b'{"text": "\xed\xa0\x80"}', "invalid_utf8"),
    ],
)
@pytest.mark.parametrize("format", ["mc4", "jsonl"])
def test_a_bad_line_is_one_malformed_record_and_reading_goes_on(
    read_bytes: ReadBytes, format: str, line: bytes, reason: str
) -> None:
    records = read_bytes(format, "c4-af.tfrecord-0.json", GOOD + line + b"\n" + GOOD)

    assert records[1] == Malformed(94, reason, line)
    assert [type(record) for record in records] == [Document, Malformed, Document]


@pytest.mark.parametrize("format", ["mc4", "jsonl"])
def test_blank_lines_are_no_records(read_bytes: ReadBytes, format: str) -> None:
    records = read_bytes(format, "x.json", b"\n  \r\n" + GOOD + b"\n\r\n")

    assert len(records) == 1


@pytest.mark.parametrize("format", ["mc4", "jsonl"])
def test_a_record_beyond_the_limit_is_passed_over(read_bytes: ReadBytes, format: str) -> None:
    records = read_bytes(format, "x.json.gz", gzip.compress(GOOD + TOO_LARGE + b"\n" + GOOD, 1))

    assert records[1] == Malformed(94, "record_too_large", TOO_LARGE[:200])
    assert [type(record) for record in records] == [Document, Malformed, Document]


@pytest.mark.parametrize("format", ["mc4", "jsonl", "cc100", "opensubtitles", "wikipedia"])
@pytest.mark.parametrize("codec", ["", "gz", "xz", "bz2", "zst"])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_one_malformed_record(
    read_bytes: ReadBytes, format: str, codec: str, data: bytes
) -> None:
    records = read_bytes(format, f"en.txt.{codec or 'txt'}", compressed(codec, data))

    assert records == [Malformed(0, "empty_file", data)]


@pytest.mark.parametrize("format", ["mc4", "jsonl", "cc100", "opensubtitles", "wikipedia"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("codec", ["", "gz", "bz2"])
def test_a_wide_file_is_one_malformed_record(
    read_bytes: ReadBytes, format: str, encoding: str, codec: str
) -> None:
    data = ("This is a line of text.\n" * 3).encode(encoding)

    records = read_bytes(format, "en.txt.gz", compressed(codec, data))

    assert records == [Malformed(0, "utf16", data[:200])]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_chinese_in_utf16_without_a_byte_order_mark_is_noticed(read_bytes: ReadBytes, encoding: str) -> None:
    data = ("北京是中华人民共和国的首都。\n" * 30).encode(encoding)

    records = read_bytes("cc100", "zh.txt", data)

    assert records == [Malformed(0, "utf16", data[:200])]


@pytest.mark.parametrize(
    "text", ["ASCII only\n", "日本語の文。\n", "Привет\n", "a\x00b \x00 stray NUL\n" + "x" * 200]
)
def test_utf8_is_not_taken_for_utf16(read_bytes: ReadBytes, text: str) -> None:
    records = read_bytes("cc100", "en.txt", text.encode())

    assert [type(record) for record in records] == [Document]


def test_a_utf8_byte_order_mark_is_skipped(read_bytes: ReadBytes) -> None:
    assert read_bytes("cc100", "en.txt", b"\xef\xbb\xbfabc\n") == [Document("en.txt:3", "abc", "en")]
    assert read_bytes("mc4", AF, gzip.compress(b"\xef\xbb\xbf" + GOOD)) == [GOOD_DOCUMENT]


@pytest.mark.parametrize("format", ["mc4", "jsonl"])
def test_a_truncated_file_gives_whole_records_and_one_malformed(read_bytes: ReadBytes, format: str) -> None:
    data = b"".join(
        json.dumps({"text": f"{i * i * 7919}", "url": f"u{i}"}).encode() + b"\n" for i in range(20_000)
    )
    packed = gzip.compress(data)

    records = read_bytes(format, "x.json.gz", packed[: len(packed) // 2])

    assert [record for record in records if isinstance(record, Malformed)] == records[-1:]
    assert isinstance(records[-1], Malformed)
    assert records[-1].reason == "corrupt_stream"
    assert data[records[-1].offset :].startswith(b'{"text"')
    assert records[-1].sample == data[records[-1].offset :][: len(records[-1].sample)]
    assert len(records) - 1 == data[: records[-1].offset].count(b"\n") > 5000


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("c4-en.tfrecord-00000-of-00001.json.gz", "en"),
        ("mc4/c4-af-validation.tfrecord-00000-of-00001.json.gz", "af"),
        ("c4-iw.tfrecord-00000-of-01024.json.gz", "he"),
        ("c4-zh-Latn.tfrecord-00000-of-01024.json.gz", "zh-latn"),
        ("c4-train.00000-of-01024.json.gz", None),
        ("c4-validation.00000-of-00008.json.gz", None),
        ("other.json", None),
    ],
)
def test_mc4_names_carry_the_language(file: str, language: str | None) -> None:
    assert READERS["mc4"].language_of(file) == language


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("en.txt.xz", "en"),
        ("cc/zh-Hans.txt.xz", "zh"),
        ("zh-Hant.txt", "zh"),
        ("en_rom.txt", "en-rom"),
        ("af.txt.zst", "af"),
        ("notes.txt", None),
        ("en.json", None),
    ],
)
def test_cc100_names_carry_the_language(file: str, language: str | None) -> None:
    assert READERS["cc100"].language_of(file) == language


def test_cc100_documents_are_separated_by_blank_lines(read_bytes: ReadBytes) -> None:
    records = read_bytes("cc100", "en.txt.xz", lzma.compress(b"\na\nb\n\n\n\nc \n \nd\r\n\r\ne"))

    assert records == [
        Document("en.txt.xz:1", "a\nb", "en"),
        Document("en.txt.xz:8", "c \n \nd", "en"),
        Document("en.txt.xz:18", "e", "en"),
    ]


def test_invalid_utf8_costs_only_its_own_document(read_bytes: ReadBytes) -> None:
    records = read_bytes("cc100", "en.txt", b"a\n\nb\n\xff\n\nc\n")

    assert records == [
        Document("en.txt:0", "a", "en"),
        Malformed(3, "invalid_utf8", b"b\n\xff"),
        Document("en.txt:8", "c", "en"),
    ]


@pytest.mark.parametrize("line", [b"x" * (64 << 20) + b"y", b"x" * (64 << 20) + b"\ny"])
def test_a_cc100_document_beyond_the_limit_is_passed_over(read_bytes: ReadBytes, line: bytes) -> None:
    records = read_bytes("cc100", "en.txt", b"a\n\n" + line + b"\nz\n\nc")

    assert [type(record) for record in records] == [Document, Malformed, Document]
    assert records[1] == Malformed(3, "record_too_large", b"x" * 200)


def test_a_cc100_document_of_just_the_limit_is_read(read_bytes: ReadBytes) -> None:
    records = read_bytes("cc100", "en.txt", b"x" * (64 << 20) + b"\n\nb")

    assert [type(record) for record in records] == [Document, Document]


def test_the_document_that_damage_cuts_is_the_malformed_one(read_bytes: ReadBytes) -> None:
    packed = lzma.compress(b"a\n\nb\nc\n")

    records = read_bytes("cc100", "en.txt.xz", packed[:-20])

    assert records == [Document("en.txt.xz:0", "a", "en"), Malformed(3, "corrupt_stream", b"b\nc\n")]


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ('{"text": "a", "url": "u", "id": "i"}', Document("u", "a")),
        ('{"text": "a", "id": 7}', Document("7", "a")),
        ('{"text": "a", "id": 0}', Document("0", "a")),
        ('{"text": "", "id": null}', Document("x.jsonl:0", "")),
        ('{"text": "a", "language": "iw"}', Document("x.jsonl:0", "a", "he")),
        ('{"text": "a", "lang": "pt_br"}', Document("x.jsonl:0", "a", "pt")),
        ('{"text": "a", "lang": 5, "timestamp": 12}', Document("x.jsonl:0", "a", None, "12")),
    ],
)
def test_jsonl_takes_what_a_record_says_of_itself(
    read_bytes: ReadBytes, line: str, document: Document
) -> None:
    assert read_bytes("jsonl", "x.jsonl", line.encode()) == [document]


def test_the_language_of_a_record_comes_before_that_of_the_source(read_bytes: ReadBytes) -> None:
    data = b'{"text": "a", "id": "1"}\n{"text": "b", "id": "2", "lang": "fi"}'

    records = read_bytes("jsonl", "x.ndjson.zst", compressed("zst", data), language="sv")

    assert records == [Document("1", "a", "sv"), Document("2", "b", "fi")]


def test_every_reason_is_explained_in_one_sentence() -> None:
    assert all(text.endswith(".") and len(text) > 20 for text in MALFORMED_REASONS.values())
    assert {
        "empty_file",
        "utf16",
        "corrupt_stream",
        "record_too_large",
        "invalid_utf8",
    } <= MALFORMED_REASONS.keys()
