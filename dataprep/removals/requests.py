"""Removal requests: the lists people keep, and which documents they are about. No Spark in here.

A list is text, one request per line, in either spelling, mixed at will:

    id:0f3c…                                     32 hex digits, as in every table of a run
    url:https://example.com/a/page               one page
    domain:example.com                           a host and all its subdomains
    {"url": "https://…", "reason": "…", "requested_at": "2026-03-01", "reference": "ticket 17"}

Blank lines and what follows a `#` at the start of a line or after white space are comments (in plain lines).

Two URLs are the same page when they are equal after this, and nothing else (RFC 3986, section 6.2.2 and 6.2.3):

- the fragment, a user name and password, and an empty query go;
- scheme and host are lower case; `https` counts as `http`, since crawls and requests name the same page either way;
- the host is in its ASCII form (UTS 46, non-transitional), without a trailing dot; the ports 80 and 443 go (21 in ftp);
- in path and query, characters that a URL cannot hold are percent-encoded as UTF-8, unreserved characters that are
  percent-encoded are decoded, the other escapes are in upper case;
- `.` and `..` segments are resolved; an empty path is `/`.

A trailing slash, the order of the query and the case of the path count. Locators that are no URL (titles,
`file:offset`) are only reached by id.
"""

import datetime
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, Self, get_args
from urllib.parse import quote

import idna

from dataprep import files
from dataprep.config import settings_sha256

Kind = Literal["id", "url", "domain"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_DETAILS: Final = ("reason", "requested_at", "reference")  # what a request may say about itself
_NOTES: Final = ("because", "record")  # what a run adds to its own tombstones
KEYS: Final = (*KINDS, *_DETAILS, *_NOTES)
_DEFAULT_PORTS: Final = {"http": ("", "80", "443"), "https": ("", "80", "443"), "ftp": ("", "21")}
_SAME_SCHEME: Final = {"https": "http"}

# RFC 3986, appendix B, for URLs that have an authority.
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_PORT: Final = re.compile(r":([0-9]*)$")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LEGAL: Final = "%/?:@!$&'()*+,;=-._~[]"  # beside letters and digits, what stays as it is in path and query
_ID: Final = re.compile(r"[0-9a-f]{32}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NOT_IN_HOST: Final = re.compile(r"[\s/?#@:\[\]\\%]")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_HOSTS_REMEMBERED: Final = 1 << 16


class RemovalError(ValueError):
    """A removal list or a removal cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to remove documents.

    Attributes:
        kind: id, url or domain.
        value: what documents are compared with: the id, the URL or the host, in its one spelling.
        written: the value as the list has it.
        reason: why, in the words of the list; or null. Likewise `requested_at` (ISO 8601) and `reference`.
    """

    kind: Kind
    value: str
    written: str
    reason: str | None = None
    requested_at: str | None = None
    reference: str | None = None

    @classmethod
    def of(cls, kind: Kind, written: str, **details: str | None) -> Self:
        """The request for a value as people write it.

        Raises:
            ValueError: the value is no id, URL or domain; the message says what was expected and found.
        """
        return cls(kind, _CANONICAL[kind](written), written, **details)

    @property
    def name(self) -> str:
        """The request as a plain line has it."""
        return f"{self.kind}:{self.written}"

    def to_json(self) -> dict[str, str]:
        """The request as a line of a list has it; what is null is left out."""
        details = {name: getattr(self, name) for name in _DETAILS}
        return {self.kind: self.written} | {
            name: value for name, value in details.items() if value is not None
        }


class Requests:
    """A set of requests, and which documents they are about. Equal requests count once; the first is kept."""

    def __init__(self, requests: Iterable[Request] = ()) -> None:
        self._requests: dict[tuple[Kind, str], Request] = {}
        for request in requests:
            self._requests.setdefault((request.kind, request.value), request)
        self._url_hosts = {_host_of(request.value) for request in self if request.kind == "url"}
        self._has_hosts = any(request.kind != "id" for request in self)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests.values())

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, request: Request) -> bool:
        return (request.kind, request.value) in self._requests

    def __or__(self, other: "Requests") -> "Requests":
        return Requests([*self, *other])

    @property
    def ids(self) -> list[str]:
        """The ids asked for; documents of other runs may be among them."""
        return [value for kind, value in self._requests if kind == "id"]

    @property
    def sha256(self) -> str | None:
        """Hex SHA-256 of what is asked for, whatever the order, the spelling and the reasons; null for nothing."""
        return settings_sha256(sorted(self._requests)) if self._requests else None

    def matching(self, doc_id: str, locator: str) -> list[Request]:
        """The requests that are about a document, the id first, then the URL, then domains from narrow to wide.

        Args:
            doc_id: the document's id, in lower case as the tables have it.
            locator: its locator, URL or not.
        """
        found: list[tuple[Kind, str]] = [("id", doc_id)]
        if self._has_hosts and (parts := _split(locator)):
            host = parts.host
            if host in self._url_hosts:
                found.append(("url", parts.url))
            while host:
                found.append(("domain", host))
                host = host.partition(".")[2]
        return [self._requests[key] for key in found if key in self._requests]


@dataclass(frozen=True, slots=True)
class _Parts:
    """A URL, taken apart."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None

    @property
    def url(self) -> str:
        """The one spelling of the URL."""
        query = f"?{_escaped(self.query)}" if self.query else ""
        return f"{self.scheme}://{self.host}{self.port}{_without_dots(_escaped(self.path))}{query}"


def _split(locator: str) -> _Parts | None:
    """The parts of a URL, host and port already in their one spelling; null if it is none."""
    found = _URL.match(locator.strip())
    if found is None:
        return None
    scheme, host, port = _authority(found[1].lower(), found[2])
    return _Parts(scheme, host, port, found[3], found[4]) if host else None


@lru_cache(maxsize=_HOSTS_REMEMBERED)
def _authority(scheme: str, authority: str) -> tuple[str, str, str]:
    """Scheme, host and port (with its colon, or nothing) in their one spelling; crawls repeat them all the time."""
    host = authority.rpartition("@")[2]
    port = ""
    if found := _PORT.search(host):
        host = host[: found.start()]
        number = found[1].lstrip("0")
        port = "" if number in _DEFAULT_PORTS.get(scheme, ("",)) else f":{number}"
    return _SAME_SCHEME.get(scheme, scheme), canonical_host(host), port


def canonical_host(host: str) -> str:
    """A host in lower case and ASCII, without a trailing dot. Never fails: what is no name stays what it is.

    Names in other scripts take their ASCII form (UTS 46, non-transitional, as browsers do); a label that IDNA 2008
    does not allow, such as an emoji, is encoded all the same.
    """
    if host.isascii():
        return host.lower().rstrip(".")
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    except idna.IDNAError:
        mapped = ""
    # A full-width slash becomes a slash, which ends a host.
    host = mapped if mapped and not _NOT_IN_HOST.search(mapped) else host.lower()
    return ".".join(_ascii_label(label) for label in host.split(".")).rstrip(".")


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode()
    except idna.IDNAError:
        return f"xn--{label.encode('punycode').decode()}"


def _escaped(text: str) -> str:
    """A path or query with one spelling of its percent-encoding."""
    encoded = _ESCAPE.sub(_one_escape, text)
    return quote(encoded, safe=_LEGAL)


def _one_escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"


def _without_dots(path: str) -> str:
    """A path without `.` and `..` segments (RFC 3986, section 5.2.4); at least `/`."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def canonical_url(url: str) -> str:
    """The one spelling of a URL; see the head of this file.

    Raises:
        ValueError: it is no absolute URL with a host.
    """
    parts = _split(url)
    if parts is None or re.search(r"\s", url.strip()):
        raise ValueError(f"expected an absolute URL such as https://example.com/page, found {url!r}")
    return parts.url


def canonical_domain(domain: str) -> str:
    """The one spelling of a domain: a host of two labels or more, or an IP address.

    Raises:
        ValueError: it is a URL, a pattern, has a port, is a top-level domain, or no name at all.
    """
    host = canonical_host(domain.strip())
    if _is_address(bare := host.strip("[]")):
        return f"[{bare}]" if ":" in bare else bare
    if len(host) > 253 or host.rpartition(".")[2].isdigit() or _DOMAIN.fullmatch(host) is None:
        raise ValueError(
            "expected a domain of two labels or more, without scheme, port, path or *, such as example.com "
            f"(its subdomains are meant too), found {domain!r}"
        )
    return host


def host_and_url(locator: str) -> tuple[str, str] | None:
    """Host and URL of a locator in their one spelling; null if it is no URL."""
    parts = _split(locator)
    return (parts.host, parts.url) if parts else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _canonical_id(doc_id: str) -> str:
    value = doc_id.strip().lower()
    if _ID.fullmatch(value) is None:
        raise ValueError(f"expected a document id of 32 hex digits, found {doc_id!r}")
    return value


_CANONICAL: Final = {"id": _canonical_id, "url": canonical_url, "domain": canonical_domain}


def _host_of(url: str) -> str:
    parts = _split(url)
    return parts.host if parts else ""


def load_requests(paths: Sequence[str]) -> Requests:
    """All requests of some lists.

    Args:
        paths: files, or fsspec URLs of files.

    Raises:
        RemovalError: a file cannot be read, or a line is no request; the message names file and line.
    """
    return Requests(request for path in paths for request in _read(path))


def _read(path: str) -> Iterator[Request]:
    try:
        with files.open_binary(path) as file:
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        raise RemovalError(
            f"the removal list {path} cannot be read ({error.strerror or error}); correct `removals`."
        ) from error
    except UnicodeDecodeError as error:
        raise RemovalError(f"the removal list {path} is not UTF-8 text; save it as UTF-8.") from error
    yield from parse_requests(text, path)


def parse_requests(text: str, path: str) -> Iterator[Request]:
    """The requests of a list, in their order.

    Args:
        text: the list.
        path: its name, for messages.

    Raises:
        RemovalError: a line is no request.
    """
    for number, line in enumerate(text.split("\n"), 1):
        try:
            request = _json_line(line) if line.lstrip().startswith("{") else _plain_line(line)
        except ValueError as error:
            raise RemovalError(f"{path}, line {number}: {error}; correct or delete the line.") from error
        if request is not None:
            yield request


def _plain_line(line: str) -> Request | None:
    """The request of a plain line; null for a comment."""
    line = _COMMENT.sub("", line).strip()
    if not line:
        return None
    kind, colon, value = line.partition(":")
    if not colon or kind not in KINDS:
        raise ValueError(f"expected id:…, url:…, domain:… or a JSON object, found {line[:80]!r}")
    return Request.of(kind, value.strip())


def _json_line(line: str) -> Request:
    try:
        value: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"expected a JSON object, found broken JSON ({error.msg} at {error.pos})") from error
    keys = [kind for kind in KINDS if kind in value]
    if len(keys) != 1:
        found = " and ".join(keys) or "none"
        raise ValueError(f"expected exactly one of the keys id, url and domain, found {found}")
    unknown = sorted(set(value) - set(KEYS))
    if unknown:
        raise ValueError(f"expected the keys {keys[0]}, {', '.join(_DETAILS)}, found {', '.join(unknown)}")
    for name, item in value.items():
        _check_text(name, item, optional=name not in KINDS)
    if value.get("requested_at") is not None:
        _check_time(value["requested_at"])
    return Request.of(keys[0], value[keys[0]], **{name: value.get(name) for name in _DETAILS})


def _check_text(name: str, item: object, *, optional: bool) -> None:
    if item is None and optional:
        return
    if not isinstance(item, str):
        raise ValueError(f"expected text as {name}, found {json.dumps(item)[:80]}")
    if any("\ud800" <= character <= "\udfff" for character in item):
        raise ValueError(f"expected text as {name}, found half a surrogate pair")


def _check_time(value: str) -> None:
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"expected an ISO 8601 date or time as requested_at, found {value!r}") from error
