"""Whether a document's URL is on a block list: of domains, which mean their subdomains too, or of single pages.

A list is text, one entry a line; what follows a `#` at the start of a line or after white space is a comment:

    example.com                        a domain
    example.com/some/page              a page, as public lists of URLs write them
    https://example.org/a?b=c          a page
    domain:example.com  url:https://…  as in removal requests

Hosts and URLs are compared in the one spelling of `removals/requests.py`. Lists of millions of entries are kept as
sorted 64-bit hashes: eight bytes an entry, and one wrong match is expected in about 10**12 look-ups of a list of ten
million.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from dataprep import files
from dataprep.removals.requests import canonical_domain, canonical_url, host_and_url

MAX_UNUSABLE: Final = 0.01  # public lists hold a few names that no host can have; more means another format
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")


class BlockListError(ValueError):
    """A block list cannot be used; the message says what to change."""


class BlockList(NamedTuple):
    """The entries of some lists.

    Attributes:
        domains: uint64, ascending hashes of hosts.
        urls: uint64, ascending hashes of URLs.
        unusable: lines that are neither domain nor URL, and were left out.
    """

    domains: npt.NDArray[np.uint64]
    urls: npt.NDArray[np.uint64]
    unusable: int


@cache
def load_block_lists(paths: tuple[str, ...]) -> BlockList:
    """All entries of some lists; read once per process.

    Raises:
        BlockListError: a file cannot be read, or more than one line in a hundred is neither domain nor URL.
    """
    domains: list[int] = []
    urls: list[int] = []
    unusable = 0
    for path in paths:
        lines, bad, example = 0, 0, ""
        for line in _lines(path):
            lines += 1
            try:
                kind, value = _entry(line)
            except ValueError:
                bad, example = bad + 1, example or line
                continue
            (domains if kind == "domain" else urls).append(_hashed(value))
        if bad > max(1, MAX_UNUSABLE * lines):
            raise BlockListError(
                f"{bad} of {lines} lines of the block list {path} are neither domain nor URL (the first is "
                f"{example[:80]!r}); expected one domain or URL a line: correct the file or `lists.urls`."
            )
        unusable += bad
    return BlockList(np.unique(np.array(domains, np.uint64)), np.unique(np.array(urls, np.uint64)), unusable)


def _hashed(value: str) -> int:
    return xxhash.xxh3_64_intdigest(value.encode())


def _lines(path: str) -> Iterator[str]:
    try:
        with files.open_binary(path) as file:
            for raw in file:
                line = _COMMENT.sub("", raw.decode("utf-8-sig", errors="replace")).strip()
                if line:
                    yield line
    except OSError as error:
        raise BlockListError(
            f"the block list {path} cannot be read ({error.strerror or error}); correct `lists.urls`."
        ) from error


def _entry(line: str) -> tuple[str, str]:
    """`domain` or `url`, and the entry in its one spelling."""
    kind, colon, value = line.partition(":")
    if colon and kind in ("domain", "url"):
        line = value.strip()
    if "://" in line:
        return "url", canonical_url(line)
    if "/" in line.rstrip("/"):
        return "url", canonical_url(f"http://{line}")
    return "domain", canonical_domain(line.rstrip("/"))


def blocked(locators: Sequence[str], paths: tuple[str, ...]) -> pa.Array:
    """Whether each locator is a URL on one of the lists; null for all of them without any list.

    Args:
        locators: of documents; what is no URL is on no list.
        paths: the lists.
    """
    if not paths:
        return pa.nulls(len(locators), pa.bool_())
    lists = load_block_lists(paths)
    return pa.array([_is_blocked(locator, lists) for locator in locators], pa.bool_())


def _is_blocked(locator: str, lists: BlockList) -> bool:
    parts = host_and_url(locator)
    if parts is None:
        return False
    host, url = parts
    if lists.urls.size and _holds(lists.urls, url):
        return True
    while host:
        if _holds(lists.domains, host):
            return True
        host = host.partition(".")[2]
    return False


def _holds(hashes: npt.NDArray[np.uint64], value: str) -> bool:
    wanted = np.uint64(_hashed(value))
    place = int(np.searchsorted(hashes, wanted))
    return place < hashes.size and bool(hashes[place] == wanted)
