import gzip
import json
from pathlib import Path

import pytest

from dataprep.sources.record import Malformed, Split
from dataprep.sources.registry import MALFORMED_REASONS, READERS
from dataprep.sources.utterances import Utterance, canonical_locale, read_utterances

GOOD = {"text": "play music", "locale": "en_us", "timestamp": "2026-03-01T12:00:00+02:00"}


def read(tmp_path: Path, *lines: object, language: str | None = None) -> list[Utterance | Malformed]:
    path = tmp_path / "u.jsonl.gz"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_bytes(gzip.compress(text.encode()))
    return list(read_utterances(Split("s", "utterances", path.name, str(path), language)))


def test_a_record_has_its_locale_its_second_and_a_hash_of_its_speaker(tmp_path: Path) -> None:
    records = read(tmp_path, GOOD | {"count": 3, "domain": "music", "source_id": "anna", "more": [1]})

    assert records == [
        # The hash is XXH3-64 of "anna".
        Utterance(0, "play music", "en-US", 1_772_359_200.0, 3, records[0].speaker, "music")  # type: ignore[union-attr]
    ]
    assert records[0].speaker is not None  # type: ignore[union-attr]


def test_speakers_are_told_apart_by_either_name_of_the_field(tmp_path: Path) -> None:
    values = [{"source_id": "7"}, {"user": "7"}, {"user": 7}, {"user": "8"}, {}, {"user": ""}]

    speakers = [record.speaker for record in read(tmp_path, *(GOOD | value for value in values))]  # type: ignore[union-attr]

    assert speakers[0] == speakers[1] == speakers[2] != speakers[3]
    assert speakers[4:] == [None, None]


@pytest.mark.parametrize(
    ("timestamp", "second"),
    [
        ("2026-03-01", 1_772_323_200),
        ("2026-03-01T00:00:01", 1_772_323_201),
        ("2026-03-01T00:00:00Z", 1_772_323_200),
        (1_772_323_200, 1_772_323_200),
        (1_772_323_200_500, 1_772_323_200.5),
    ],
)
def test_timestamps_come_in_several_spellings(tmp_path: Path, timestamp: object, second: float) -> None:
    (record,) = read(tmp_path, GOOD | {"timestamp": timestamp})

    assert isinstance(record, Utterance)
    assert record.timestamp_s == second


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "cut', "invalid_json"),
        ({"locale": "en", "timestamp": 1}, "missing_text"),
        ({"text": "x", "timestamp": 1}, "invalid_locale"),
        (GOOD | {"locale": "english!"}, "invalid_locale"),
        (GOOD | {"locale": 5}, "invalid_locale"),
        ({"text": "x", "locale": "en"}, "invalid_timestamp"),
        (GOOD | {"timestamp": "yesterday"}, "invalid_timestamp"),
        (GOOD | {"timestamp": -1}, "invalid_timestamp"),
        (GOOD | {"timestamp": True}, "invalid_timestamp"),
        ('{"text": "x", "locale": "en", "timestamp": 1e300}', "invalid_timestamp"),
        (GOOD | {"count": 0}, "invalid_count"),
        (GOOD | {"count": 1.5}, "invalid_count"),
        (GOOD | {"count": True}, "invalid_count"),
        (GOOD | {"count": 10**13}, "invalid_count"),
    ],
)
def test_a_broken_record_is_malformed_and_the_rest_is_read(tmp_path: Path, line: object, reason: str) -> None:
    broken, good = read(tmp_path, line, GOOD)

    assert isinstance(broken, Malformed)
    assert broken.reason == reason
    assert reason in MALFORMED_REASONS
    assert isinstance(good, Utterance)


def test_the_source_says_the_locale_of_records_that_do_not(tmp_path: Path) -> None:
    record = {key: value for key, value in GOOD.items() if key != "locale"}

    records = read(tmp_path, record, GOOD, language="pt-br")

    assert [record.locale for record in records] == ["pt-BR", "en-US"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("EN", "en"), ("en_us", "en-US"), ("sr-latn-rs", "sr-Latn-RS"), ("deu-AT", "de-AT"), ("iw-IL", "he-IL"),
     ("gsw-CH", "gsw-CH"), ("es-419", "es-419"), ("x", None), ("", None), ("en us", None)],
)  # fmt: skip
def test_locales_are_spelled_in_one_way(code: str, expected: str | None) -> None:
    assert canonical_locale(code) == expected


def test_the_format_is_one_of_the_readers(tmp_path: Path) -> None:
    path = tmp_path / "u.jsonl"
    path.write_text(json.dumps(GOOD) + "\n")

    (document,) = READERS["utterances"].read(Split("s", "utterances", "u.jsonl", str(path)))

    assert (document.text, document.language, document.form) == ("play music", "en", "spoken")  # type: ignore[union-attr]
