import bz2
import gzip
import random
from pathlib import Path

import pytest
from source_helpers import compressed, read_split, shown, whole

from dataprep.sources.precut import cut, needs_cutting
from dataprep.sources.record import Split

PAGE = "<page><title>T{0}</title><ns>0</ns><revision><text>text {0}</text></revision></page>\n"
NAMES = {
    "mc4": "x.json",
    "jsonl": "x.jsonl",
    "cc100": "en.txt",
    "wikipedia": "enwiki.xml",
    "opensubtitles": "en.txt",
}
FORMATS = sorted(NAMES)


def content(format: str) -> bytes:
    """Records of many lengths, some of them malformed."""
    noise = random.Random(3)
    words = ["".join(noise.choices("abcdefgh", k=noise.randrange(1, 80))) for _ in range(600)]
    match format:
        case "mc4" | "jsonl":
            lines = [f'{{"text": "{word}"}}' for word in words]
            return "\r\n".join([*lines[:300], "{broken", "", *lines[300:]]).encode()
        case "cc100":
            text = "".join(word + ("\n\n" if len(word) % 3 else "\n") for word in words)
            return b"\n" + text.encode() + b"\xff\n\r\n\r\n" + text.encode()
        case "wikipedia":
            pages = "".join(map(PAGE.format, words))
            return f"<mediawiki>{pages}<page><title>{pages}</mediawiki>".encode()
        case _:
            return "\n".join(words).encode() + b"\n\xff\n\nlast"


def records_of_chunks(
    split: Split, folder: Path, chunk_bytes: int
) -> tuple[int, list[tuple[str, str, bytes]]]:
    chunks = list(cut(split, str(folder), chunk_bytes))
    return len(chunks), shown([record for chunk in chunks for record in read_split(chunk)])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("codec", ["gz", "xz", "bz2", "zst"])
@pytest.mark.parametrize("chunk_bytes", [1, 1000, 1 << 30])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_chunks_give_the_records_of_the_uncut_file(
    tmp_path: Path, format: str, codec: str, chunk_bytes: int, bom: bytes
) -> None:
    path = tmp_path / f"{NAMES[format]}.{codec}"
    path.write_bytes(compressed(codec, bom + content(format)))
    split = whole(format, path, language="en")

    count, records = records_of_chunks(split, tmp_path / "chunks", chunk_bytes)

    assert records == shown(read_split(split))
    assert len(records) >= 7
    assert count > 5 or chunk_bytes == 1 << 30


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("codec", ["gz", "xz", "bz2", "zst"])
@pytest.mark.parametrize("lost", [1, 9, 300, 2500])
def test_chunks_of_a_damaged_file_give_the_records_and_the_damage(
    tmp_path: Path, format: str, codec: str, lost: int
) -> None:
    path = tmp_path / f"{NAMES[format]}.{codec}"
    path.write_bytes(compressed(codec, content(format))[:-lost])
    split = whole(format, path, language="en")

    _, records = records_of_chunks(split, tmp_path / "chunks", 1000)

    assert records == shown(read_split(split))
    assert [reason for reason, _, _ in records].count("corrupt_stream") == 1


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", ("text\n" * 5000).encode("utf-16")])
def test_chunks_of_a_file_that_is_no_text_give_its_one_record(
    tmp_path: Path, format: str, data: bytes
) -> None:
    path = tmp_path / f"{NAMES[format]}.gz"
    path.write_bytes(gzip.compress(data))
    split = whole(format, path)

    _, records = records_of_chunks(split, tmp_path / "chunks", 1000)

    assert records == shown(read_split(split))
    assert len(records) == 1


def test_chunks_of_files_of_one_name_in_two_folders_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"a\n"))
    splits = [Split("s", "cc100", f"{folder}/x.gz", str(tmp_path / "x.gz")) for folder in ("en", "de", "..")]

    chunks = [chunk for split in splits for chunk in cut(split, str(tmp_path / "out"), 10)]

    assert [Path(chunk.path).relative_to(tmp_path / "out").as_posix() for chunk in chunks] == [
        "en/x.gz@0.zst",
        "de/x.gz@0.zst",
        "%2E%2E/x.gz@0.zst",
    ]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tmp")) == []


def test_a_cut_that_is_given_up_leaves_no_unfinished_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(content("mc4")))
    chunks = cut(whole("mc4", path), str(tmp_path / "out"), 1000)

    next(chunks)
    chunks.close()  # type: ignore[attr-defined]

    assert [file.name for file in (tmp_path / "out").iterdir()] == ["x.json.gz@0.zst"]


def test_a_part_of_a_file_and_a_film_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Only whole files are cut; got bytes 5 to None of x\.gz"):
        next(cut(Split("s", "mc4", "x.gz", "x.gz", start=5), "out", 10))
    with pytest.raises(ValueError, match=r"1\.xml\.gz: opensubtitles files of this kind are not cut"):
        next(cut(Split("s", "opensubtitles", "1.xml.gz", "1.xml.gz"), "out", 10))


@pytest.mark.parametrize(
    ("format", "name", "packed", "needed"),
    [
        ("mc4", "x.json.gz", gzip.compress(b"x\n"), True),
        ("cc100", "en.txt", b"plain text, longer than ten bytes", False),
        ("wikipedia", "enwiki.xml.bz2", bz2.compress(b"<page>" * 9), True),
        ("wikipedia", "enwiki.xml.bz2", bz2.compress(b"<page>") + bz2.compress(b"</page>"), False),
        ("cc100", "en.txt.bz2", bz2.compress(b"a") + bz2.compress(b"b"), True),
        ("opensubtitles", "xml/en/1/2/3.xml.gz", gzip.compress(b"<document/>"), False),
        ("parquet", "x.parquet", b"x" * 100, False),
    ],
)
def test_big_files_that_only_one_task_could_read_need_cutting(
    tmp_path: Path, format: str, name: str, packed: bytes, needed: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)

    assert needs_cutting(str(path), format, 10) is needed
    assert needs_cutting(str(path), format, 10_000) is False
