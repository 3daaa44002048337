import bz2
import gzip
import lzma
import random
import zlib
from pathlib import Path

import pytest
import zstandard
from source_helpers import compressed

from dataprep.sources.record import Split
from dataprep.sources.streams import (
    CorruptStream,
    Member,
    codec_of,
    decompressed,
    lines,
    next_bz2_stream,
    opened,
)

CODECS = ["gz", "xz", "bz2", "zst"]
NOISE = random.Random(7).randbytes(300_000)


def read_until_damage(path: Path) -> tuple[bytes, CorruptStream | None]:
    found = b""
    try:
        with opened(str(path)) as raw:
            for block in decompressed(raw, codec_of(raw, str(path))):
                found += block
    except CorruptStream as damage:
        return found, damage
    return found, None


@pytest.mark.parametrize("codec", CODECS)
def test_members_behind_one_another_are_read_through(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"x.{codec}"
    path.write_bytes(compressed(codec, b"first\n") + compressed(codec, b"") + compressed(codec, b"second\n"))

    found, damage = read_until_damage(path)

    assert found == b"first\nsecond\n"
    assert damage is None


def test_padding_and_skippable_frames_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(compressed("gz", b"a") + bytes(512))
    (tmp_path / "x.xz").write_bytes(compressed("xz", b"b") + bytes(8) + compressed("xz", b"c"))
    skippable = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    (tmp_path / "x.zst").write_bytes(skippable + compressed("zst", b"d") + skippable)

    found = [read_until_damage(tmp_path / f"x.{codec}") for codec in ("gz", "xz", "zst")]

    assert found == [(b"a", None), (b"bc", None), (b"d", None)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_is_read_by_its_first_bytes_whatever_its_name(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "x.txt.gz"
    path.write_bytes(compressed(codec, b"text"))

    found, damage = read_until_damage(path)

    assert (found, damage) == (b"text", None)


def test_plain_text_with_the_name_of_a_gzip_file_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes("नमस्ते\n".encode())

    found, damage = read_until_damage(path)

    assert (found, damage) == ("नमस्ते\n".encode(), None)


def test_binary_bytes_with_the_name_of_a_gzip_file_are_damage_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"\x00\x01\x02\xff\xfe\xfd")

    found, damage = read_until_damage(path)

    assert found == b""
    assert damage is not None
    assert damage.offset == 0


def test_every_byte_of_a_truncated_gzip_file_that_zlib_can_decode_is_delivered(tmp_path: Path) -> None:
    packed = gzip.compress(NOISE, mtime=0)[:200_000]
    path = tmp_path / "x.gz"
    path.write_bytes(packed)

    found, damage = read_until_damage(path)

    assert found == zlib.decompressobj(wbits=31).decompress(packed)
    assert damage is not None
    assert damage.offset == len(found)


@pytest.mark.parametrize("codec", ["xz", "zst"])
def test_a_truncated_file_gives_a_long_beginning_and_then_one_damage(tmp_path: Path, codec: str) -> None:
    packed = compressed(codec, NOISE)
    path = tmp_path / f"x.{codec}"
    path.write_bytes(packed[:-140_000])

    found, damage = read_until_damage(path)

    assert NOISE.startswith(found)
    assert len(found) >= 131_072
    assert damage is not None
    assert damage.offset == len(found)


def test_the_members_before_a_damaged_one_and_its_own_beginning_are_delivered(tmp_path: Path) -> None:
    # A deflate block without compression, whose bytes are known, and a block of the type that does not exist.
    stored = b"\x00" + (70).to_bytes(2, "little") + (70 ^ 0xFFFF).to_bytes(2, "little") + b"y" * 70
    broken = gzip.compress(b"", mtime=0)[:10] + stored + b"\x07" * 20
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"x" * 1000) + broken)

    found, damage = read_until_damage(path)

    assert found == b"x" * 1000 + b"y" * 70
    assert damage is not None
    assert damage.offset == 1070


def test_bytes_that_belong_to_no_stream_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.bz2"
    path.write_bytes(bz2.compress(b"text") + b"rubbish")

    found, damage = read_until_damage(path)

    assert found == b"text"
    assert damage is not None
    assert "not bz2" in damage.reason


def test_a_block_of_a_highly_compressed_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "x.xz"
    path.write_bytes(lzma.compress(bytes(50_000_000)))

    with opened(str(path)) as raw:
        largest = max(len(block) for block in Member(raw, "xz").blocks())

    assert largest <= 1 << 20


def test_a_file_that_needs_too_much_memory_is_damage_not_a_crash(tmp_path: Path) -> None:
    wide_window = zstandard.ZstdCompressionParameters(window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=wide_window).compressobj()
    path = tmp_path / "x.zst"
    path.write_bytes(packer.compress(b"text") + packer.flush())

    found, damage = read_until_damage(path)

    assert found == b""
    assert damage is not None


def test_lines_have_their_offset_and_the_last_needs_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"ab\n\ncde\r\nf")

    found = list(lines(Split("s", "cc100", "x.txt", str(path))))

    assert found == [(0, b"ab"), (3, b""), (4, b"cde\r"), (9, b"f")]


def test_lines_across_blocks_are_whole(tmp_path: Path) -> None:
    texts = [bytes([97 + i % 26]) * (i * 7919 % 900_000) for i in range(8)]
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"\n".join(texts), mtime=0))

    found = [line for _, line in lines(Split("s", "cc100", "x", str(path)))]

    assert found == texts


def test_lines_of_a_split_start_behind_the_first_newline_before_it(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"aaaaaaa\nbbb\nccc\n")

    at_a_line = next(lines(Split("s", "cc100", "x", str(path), start=8)))
    inside_a_line = next(lines(Split("s", "cc100", "x", str(path), start=9)))

    assert at_a_line == (8, b"bbb")
    assert inside_a_line == (12, b"ccc")


def test_the_starts_of_bz2_streams_are_found(tmp_path: Path) -> None:
    first = bz2.compress(b"one")
    path = tmp_path / "x.bz2"
    path.write_bytes(first + bz2.compress(b"two"))

    with opened(str(path)) as raw:
        found = [next_bz2_stream(raw, start) for start in (0, 1, len(first), len(first) + 1)]

    assert found == [0, len(first), len(first), None]
