import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.utf8 import decode


@given(st.characters(exclude_categories=["Cs"]))
def test_every_character_decodes_to_its_codepoint_and_length(character: str) -> None:
    encoded = character.encode()

    decoded = decode(np.frombuffer(encoded + b"\x80", np.uint8), 0, len(encoded))

    assert decoded == (ord(character), len(encoded))


# The byte after each end would complete the sequence: it belongs to the next document and must not be read.
@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"\xc3\xa9", 1),
        (b"\xe3\x81\x82", 2),
        (b"\xe3\x81\x82", 1),
        (b"\xf0\x9f\x98\x80", 3),
        (b"\xf0\x9f\x98\x80", 1),
    ],
)
def test_a_sequence_cut_by_the_end_of_the_document_is_a_replacement_of_one_byte(
    data: bytes, end: int
) -> None:
    decoded = decode(np.frombuffer(data, np.uint8), 0, end)

    assert decoded == (0xFFFD, 1)


@pytest.mark.parametrize(
    "data", [b"\x80abc", b"\xc0\x80bc", b"\xff\xff\xff\xff", b"\xf4\xbf\xbf\xbf", b"\xf8\x88\x80\x80"]
)
def test_a_byte_that_starts_no_character_is_a_replacement_of_one_byte(data: bytes) -> None:
    decoded = decode(np.frombuffer(data, np.uint8), 0, 4)

    assert decoded == (0xFFFD, 1)
