"""Spoken form of real utterances: nothing but case, marks of punctuation and numbers may change."""

import gzip
import json
import unicodedata
from pathlib import Path

import pytest

from dataprep.annotate.spoken_form import spoken_form

pytestmark = pytest.mark.realdata


def letters(text: str) -> str:
    """Letters, combining marks and joiners of a text in lower case."""
    kept = (each for each in text.lower() if unicodedata.category(each)[0] in "LM" or each in "\u200c\u200d")
    return unicodedata.normalize("NFC", "".join(kept))


def test_real_utterances_without_digits_keep_every_letter_and_mark(realdata: Path) -> None:
    records = [
        json.loads(line)
        for path in sorted((realdata / "nlu/derived_massive_format").glob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    # Turkish writes its capital I otherwise, and the apostrophe ʼ counts as a letter.
    texts = [
        (unicodedata.normalize("NFC", record["utt"]), record["locale"])
        for record in records
        if not any(each.isdigit() for each in record["utt"])
        and record["locale"] != "tr-TR"
        and "ʼ" not in record["utt"]
    ]

    changed = [text for text, locale in texts if letters(spoken_form(text, locale).text) != letters(text)]

    assert len(texts) > 5_000
    assert changed == []
