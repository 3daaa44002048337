import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.content_hash import content_hash

from . import references
from .references import as_batch
from .texts import batches


@given(batches)
def test_hashes_are_those_of_the_definition_on_collapsed_text(texts: list[str]) -> None:
    hashes = content_hash(*as_batch(texts))

    assert [tuple(row) for row in hashes.tolist()] == [references.content_hash(text) for text in texts]
    assert hashes.dtype == np.uint64
    assert hashes.shape == (len(texts), 2)


def test_whitespace_does_not_matter_and_nothing_else_is_forgiven() -> None:
    same = ["one two", "  one\n\ttwo\u3000", "one\u00a0\u2003two"]
    others = ["One two", "one two.", "onetwo", "two one", "óne two", "o\u0301ne two"]

    hashes = [tuple(row) for row in content_hash(*as_batch(same + others)).tolist()]

    assert len(set(hashes[:3])) == 1
    assert len(set(hashes)) == 1 + len(others)


def test_every_whitespace_character_of_unicode_is_collapsed_and_its_neighbours_are_not() -> None:
    characters = [
        chr(code)
        for code in [*range(0x300), *range(0x1640, 0x1700), *range(0x1FC0, 0x20C0), *range(0x2FC0, 0x3100)]
    ]
    texts = [f"a{character}b" for character in characters]

    hashes = [tuple(row) for row in content_hash(*as_batch(texts)).tolist()]

    assert hashes == [references.content_hash(text) for text in texts]


@given(st.text(st.sampled_from("aé ह、。　\u2003\u1680ạ\u00a0«’😀\t\n!"), min_size=9, max_size=60))
def test_long_texts_with_much_whitespace_have_the_hashes_of_the_definition(text: str) -> None:
    hashes = content_hash(*as_batch([text]))

    assert tuple(hashes[0].tolist()) == references.content_hash(text)


def test_whitespace_is_found_wherever_it_lies_among_eight_bytes() -> None:
    characters = (
        " !\t\x1f\x7f\x85\xa0\xa1«ạ\u1680\u1681\u2000\u200a\u200b\u2028\u202f\u205f\u2060’\u3000、あ漢ह😀"
    )
    texts = [
        "x" * lead + gap + character + gap + "y" * 9 + character
        for lead in range(17)
        for character in characters
        for gap in ("", " ")
    ]

    hashes = [tuple(row) for row in content_hash(*as_batch(texts)).tolist()]

    assert hashes == [references.content_hash(text) for text in texts]


def test_case_changes_at_word_ends_do_not_cancel() -> None:
    base = "abcdefgh" * 3
    variants = [
        "".join(c.upper() if (mask >> i) & 1 else c for i, c in enumerate(base)) for mask in range(1 << 16)
    ]

    hashes = content_hash(*as_batch(variants))

    assert len(np.unique(hashes[:, 0])) == len(np.unique(hashes[:, 1])) == 1 << 16


def test_each_half_changes_half_its_bits_when_one_bit_of_the_text_changes() -> None:
    rng = np.random.default_rng(5)
    texts = ["".join(map(chr, rng.integers(97, 112, 24))) for _ in range(400)]
    flipped = [
        text[: k % 24] + chr(ord(text[k % 24]) ^ 1) + text[k % 24 + 1 :] for k, text in enumerate(texts)
    ]

    changed = content_hash(*as_batch(texts)) ^ content_hash(*as_batch(flipped))

    # 400 x 64 bits at 1/2: standard deviation 0.0031, bounds at five of them.
    assert np.allclose(np.bitwise_count(changed).mean(axis=0) / 64, 0.5, atol=0.0157)
