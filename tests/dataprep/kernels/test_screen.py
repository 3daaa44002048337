import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.screen import HAS_CONTROL, MAY_BE_MOJIBAKE, MAY_NEED_NFC, NEEDS_TIDYING, screen

from . import references
from .references import as_batch
from .texts import batches, texts


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("", 0),
        ("A clean line.\n\nAnother,\twith a tab: ça coûte 5 €.", 0),
        ("नमस्ते दुनिया", 0),
        ("مُحَمَّد"[:4], 0),
        ("bell\x07", HAS_CONTROL),
        ("bom\ufeffbom", HAS_CONTROL),
        ("private\ue000use", 0),
        ("e\u0301", MAY_NEED_NFC),
        ("\u212b", MAY_NEED_NFC),
        ("د\u064e\u0651", 0),
        ("د\u0651\u064e", MAY_NEED_NFC),
        ("FranÃ§ais", MAY_BE_MOJIBAKE),
        ("itâ€™s", MAY_BE_MOJIBAKE),
        ("РџСЂРёРІРµС‚", MAY_BE_MOJIBAKE),
        ("а С» и", 0),
        ("lost \ufffd", MAY_BE_MOJIBAKE),
        ("a\r\nb", NEEDS_TIDYING),
        ("a \nb", NEEDS_TIDYING),
        ("a\n\n\nb", NEEDS_TIDYING),
        ("a\n\nb", 0),
        ("\u3000a", NEEDS_TIDYING),
        ("a\u00a0", NEEDS_TIDYING),
    ],
)
def test_masks_of_examples(text: str, mask: int) -> None:
    assert screen(*as_batch([text])).tolist() == [mask]


@given(batches)
def test_control_tidying_and_mojibake_bits_are_exactly_their_definitions(documents: list[str]) -> None:
    masks = screen(*as_batch(documents))

    assert [bool(mask & HAS_CONTROL) for mask in masks] == [
        references.has_control(text) for text in documents
    ]
    assert [bool(mask & NEEDS_TIDYING) for mask in masks] == [
        references.needs_tidying(text) for text in documents
    ]
    assert [bool(mask & MAY_BE_MOJIBAKE) for mask in masks] == [
        references.may_be_mojibake(text) for text in documents
    ]
    assert masks.dtype == np.uint8


@given(
    st.one_of(
        texts,
        st.text(st.sampled_from("دשa\u0651\u064e\u05b8\u05c1\u0301\u0323ᄒ\u1161\u11ab각"), max_size=12),
    )
)
def test_every_text_outside_nfc_has_the_bit(text: str) -> None:
    mask = screen(*as_batch([text]))[0]

    assert mask & MAY_NEED_NFC or unicodedata.is_normalized("NFC", text)


@given(
    st.sampled_from(["Ünïcödé größer", "naïve café", "Привет, мир", "日本語", "it’s “quoted” – ok"]),
    st.sampled_from(["latin-1", "cp1252"]),
)
def test_every_text_read_in_the_wrong_code_page_has_the_bit(text: str, codec: str) -> None:
    wrong = "".join(bytes([byte]).decode(codec, errors="replace") for byte in text.encode())

    mask = screen(*as_batch([wrong]))[0]

    assert mask & MAY_BE_MOJIBAKE
