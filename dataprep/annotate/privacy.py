"""Private data that can be told by its form alone: e-mail addresses, IP addresses, international phone numbers.

A cheap scan over the Arrow buffers finds the documents that could hold one; only those are searched.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

EMAIL: Final = "<email>"
IP_ADDRESS: Final = "<ip-address>"
PHONE_NUMBER: Final = "<phone-number>"

# \w and \d mean ASCII here: Chinese, Japanese and Thai put no space between a word and an address.
_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}(?![\w-])",
    re.ASCII,
)
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# Four octets and nothing that would make them a version or a longer number: 1.2.3.4.5 and 3.1.4.15926 are left alone.
_IPV4: Final = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?\w)", re.ASCII)
# E.164: a plus sign, a country code, 8 to 15 digits in all, in groups as people write them.
_PHONE: Final = re.compile(r"(?<![\w+])\+[1-9](?:[ .()/-]{0,2}\d){7,14}(?!\d)", re.ASCII)

# Addresses of this machine and of private networks name nobody, nor do four single digits: those are section numbers
# or public name servers.
_NOBODY: Final = re.compile(r"127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|(?:\d\.){3}\d$")


def _is_version(text: str, start: int) -> bool:
    """Whether the word before position `start` announces a version number."""
    return (
        re.search(r"\b(?:version|release|v\.?)\s*$", text[max(0, start - 12) : start], re.IGNORECASE)
        is not None
    )


def replace_private_data(text: str) -> tuple[str, int, int, int]:
    """The text with placeholders, and how many e-mail addresses, IP addresses and phone numbers it held."""

    def replace_ip(match: re.Match[str]) -> str:
        if _NOBODY.match(match[0]) or _is_version(text, match.start()):
            return match[0]
        return IP_ADDRESS

    text, emails = _EMAIL.subn(EMAIL, text)
    before = text.count(IP_ADDRESS)
    text = _IPV4.sub(replace_ip, text)
    addresses = text.count(IP_ADDRESS) - before
    text, phones = _PHONE.subn(PHONE_NUMBER, text)
    return text, emails, addresses, phones


def private_data(texts: pa.StringArray, *, replace: bool) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    """A batch without private data, and its counts per document.

    Args:
        texts: documents in normal form, no nulls.
        replace: whether to put placeholders; otherwise only counted.

    Returns:
        The texts (the same array if there was nothing to replace) and the int32 columns `num_emails`,
        `num_ip_addresses` and `num_phone_numbers`.
    """
    counts = [[0] * len(texts) for _ in range(3)]
    possible = pc.match_substring_regex(texts, r"@[A-Za-z0-9]|\d\.\d{1,3}\.\d{1,3}\.\d|\+[1-9]")
    indices = pc.indices_nonzero(possible).to_pylist()
    changed: dict[int, str] = {}
    for index in indices:
        text, *found = replace_private_data(texts[index].as_py())
        for column, number in zip(counts, found, strict=True):
            column[index] = number
        if any(found):
            changed[index] = text
    if replace and changed:
        values = texts.to_pylist()
        for index, text in changed.items():
            values[index] = text
        texts = pa.array(values, pa.string())
    names = ("num_emails", "num_ip_addresses", "num_phone_numbers")
    return texts, {name: pa.array(column, pa.int32()) for name, column in zip(names, counts, strict=True)}
