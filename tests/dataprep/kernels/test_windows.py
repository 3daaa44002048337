"""What of a long text is looked at: bounds that no choice of text may break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.windows import MAX_WINDOWS, windows

from . import texts

long_texts = st.lists(texts.texts, min_size=1, max_size=9).map(lambda parts: "\n".join(parts * 5))


def seen(text: str, max_bytes: int) -> list[bytes]:
    raw = text.encode()
    data = np.frombuffer(b"before" + raw + b"after", np.uint8)
    bounds = np.full((MAX_WINDOWS, 2), -1, np.int64)
    num = windows(data, 6, 6 + len(raw), max_bytes, bounds)
    return [data[begin:stop].tobytes() for begin, stop in bounds[:num].tolist()]


@given(long_texts, st.integers(1, 2000))
def test_windows_are_pieces_of_whole_characters_in_order_that_together_fit(text: str, max_bytes: int) -> None:
    found = seen(text, max_bytes)

    joined = [piece.decode("utf-8") for piece in found]
    ends = [text.find(piece) for piece in joined]
    assert sum(map(len, found)) <= max(max_bytes, 0)
    assert len(found) <= MAX_WINDOWS
    assert -1 not in ends


@given(texts.texts)
def test_a_text_that_fits_is_seen_whole(text: str) -> None:
    assert seen(text, max(1, len(text.encode()))) == [text.encode()]


def test_a_long_text_is_seen_from_its_first_word_to_its_last_one_and_no_word_is_cut() -> None:
    words = [f"word{number:04}" for number in range(1000)]

    found = [piece.split() for piece in seen(" ".join(words), 1200)]

    assert len(found) == 6
    assert found[0][0] == b"word0000"
    assert found[-1][-1] == b"word0999"
    assert {word.decode() for piece in found for word in piece} <= set(words)
    assert [19 <= len(piece) <= 22 for piece in found] == [True] * 6


@pytest.mark.parametrize(("max_bytes", "expected"), [(1200, 6), (5000, 6), (600, 3), (300, 2), (100, 2)])
def test_windows_are_fewer_where_less_is_shown(max_bytes: int, expected: int) -> None:
    assert len(seen("а" * 9000, max_bytes)) == expected
