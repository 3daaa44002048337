"""Utterances: JSON lines of what people said to an assistant, `{text, locale, timestamp, count?, domain?, source_id?}`.

`source_id`, or `user`, says who; only a hash of it leaves the reader. `count` is how often the record stands for; 1 if
missing. A timestamp is ISO 8601, in UTC where it names no zone, or seconds (or milliseconds) since 1970.
"""

import datetime
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import xxhash

from dataprep.locales import canonical_language
from dataprep.sources.jsonl import parse_object
from dataprep.sources.record import SAMPLE_BYTES, Document, Malformed, Split
from dataprep.sources.streams import guarded, owned_lines

MAX_COUNT: Final = 10**12
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_FROM_MILLISECONDS: Final = 10**11  # as seconds, the year 5138
_LAST: Final = 253_402_300_799  # 9999-12-31


class Utterance(NamedTuple):
    """One record as its source gives it.

    Attributes:
        offset: its first byte in the file.
        text: what was said, not normalised.
        locale: BCP 47, with its region: `en-US`.
        timestamp_s: seconds since 1970.
        times: how often it was said, at least 1.
        speaker: 64-bit hash of who said it; null where the record does not say.
        domain: such as `weather`; null where the record names none.
    """

    offset: int
    text: str
    locale: str
    timestamp_s: float
    times: int
    speaker: int | None
    domain: str | None


class _Fault(Exception):  # noqa: N818 - what is wrong, not that something is
    """What is wrong with a record; the argument is a reason of `registry.MALFORMED_REASONS`."""


def read(split: Split) -> Iterator[Document | Malformed]:
    """Utterances as documents in spoken form, without counts and speakers; locator is `file:offset`."""
    for record in read_utterances(split):
        if isinstance(record, Malformed):
            yield record
            continue
        yield Document(
            locator=f"{split.file}:{record.offset}",
            text=record.text,
            language=canonical_language(record.locale.partition("-")[0]),
            timestamp=datetime.datetime.fromtimestamp(record.timestamp_s, datetime.UTC).isoformat(),
            form="spoken",
        )


def read_utterances(split: Split) -> Iterator[Utterance | Malformed]:
    """Utterances of a split. The split's language is the locale of records that name none."""
    return guarded(split, _records(split))


def language_of(file: str) -> str | None:
    """Null: the name of a file says nothing of its language."""
    del file
    return None


def _records(split: Split) -> Iterator[Utterance | Malformed]:
    declared = canonical_locale(split.language) if split.language else None
    for offset, line in owned_lines(split):
        record = parse_object(offset, line)
        if isinstance(record, Malformed):
            yield record
            continue
        try:
            yield _utterance(offset, record, declared)
        except _Fault as fault:
            yield Malformed(offset, str(fault), line[:SAMPLE_BYTES])


def _utterance(offset: int, record: dict[str, Any], declared: str | None) -> Utterance:
    named = record.get("locale")
    locale = canonical_locale(named) if isinstance(named, str) else declared if named is None else None
    if locale is None:
        raise _Fault("invalid_locale")
    count = record.get("count", 1)
    if type(count) is not int or not 1 <= count <= MAX_COUNT:
        raise _Fault("invalid_count")
    speaker = record.get("source_id")
    if speaker is None:
        speaker = record.get("user")
    if isinstance(speaker, int) and not isinstance(speaker, bool):
        speaker = str(speaker)
    domain = record.get("domain")
    return Utterance(
        offset,
        record["text"],
        locale,
        _seconds(record.get("timestamp")),
        count,
        xxhash.xxh3_64_intdigest(speaker.encode()) if isinstance(speaker, str) and speaker else None,
        domain if isinstance(domain, str) and domain else None,
    )


def _seconds(timestamp: object) -> float:
    if isinstance(timestamp, str):
        try:
            moment = datetime.datetime.fromisoformat(timestamp)
        except ValueError:
            raise _Fault("invalid_timestamp") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        seconds = timestamp / 1000 if timestamp >= _FROM_MILLISECONDS else timestamp
        if 0 <= seconds <= _LAST:
            return float(seconds)
    raise _Fault("invalid_timestamp")


@lru_cache(maxsize=4096)
def canonical_locale(code: str) -> str | None:
    """BCP 47 in its usual spelling, `en-US` of `en_us` and `sr-Latn-RS` of `sr-latn-rs`; null of what is none."""
    if not _LOCALE.fullmatch(code):
        return None
    language, *rest = re.split("[-_]", code)
    spelled = [
        part.title() if len(part) == 4 else part.upper() if len(part) <= 3 else part.lower() for part in rest
    ]
    return "-".join([canonical_language(language) or language.lower(), *spelled])
