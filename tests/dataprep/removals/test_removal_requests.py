"""Removal lists: what a line may say, and which documents it is about."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.removals.requests import (
    RemovalError,
    Request,
    Requests,
    canonical_domain,
    canonical_host,
    canonical_url,
    load_requests,
    parse_requests,
)

ID = "0123456789abcdef0123456789abcdef"
OTHER_ID = "f" * 32

SAME_PAGE = {
    "scheme and host in capitals": ("HTTP://Example.COM/Page", "http://example.com/Page"),
    "https": ("https://example.com/a", "http://example.com/a"),
    "port of http": ("http://example.com:80/a", "http://example.com/a"),
    "port of https": ("https://example.com:443/a", "https://example.com/a"),
    "port without a number": ("http://example.com:/a", "http://example.com/a"),
    "port with zeros": ("http://example.com:0080/a", "http://example.com/a"),
    "fragment": ("http://example.com/a#part", "http://example.com/a"),
    "fragment after the host": ("http://example.com#part", "http://example.com/"),
    "user": ("http://me:secret@example.com/a", "http://example.com/a"),
    "empty path": ("http://example.com", "http://example.com/"),
    "empty query": ("http://example.com/a?", "http://example.com/a"),
    "trailing dots": ("http://example.com../a", "http://example.com/a"),
    "trailing dot": ("http://example.com./a", "http://example.com/a"),
    "white space around": (" http://example.com/a ", "http://example.com/a"),
    "international host": ("http://Bücher.example/", "http://xn--bcher-kva.example/"),
    "host in capitals of another script": ("http://ПРИМЕР.example/", "http://пример.example/"),
    "full-width host": ("http://ｅｘａｍｐｌｅ。com/", "http://example.com/"),
    "sharp s is a letter of its own": ("http://faß.example/", "http://xn--fa-hia.example/"),
    "emoji host": ("http://💩.la/", "http://xn--ls8h.la/"),
    "path in another script": (
        "http://example.com/日本",
        "http://example.com/%E6%97%A5%E6%9C%AC",
    ),
    "escapes in small letters": ("http://example.com/%e6%97%a5", "http://example.com/%E6%97%A5"),
    "escaped letters": ("http://example.com/%7Eme/%61", "http://example.com/~me/a"),
    "query in another script": ("http://example.com/?q=é", "http://example.com/?q=%C3%A9"),
    "space in the path": ("http://example.com/a%20b", "http://example.com/a%20b"),
    "dot segments": ("http://example.com/a/b/c/./../../g", "http://example.com/a/g"),
    "dots that are escaped": ("http://example.com/a/%2E%2e/b", "http://example.com/b"),
    "dots at the end": ("http://example.com/a/b/..", "http://example.com/a/"),
    "dots above the root": ("http://example.com/../a", "http://example.com/a"),
    "percent sign that is no escape": ("http://example.com/100%", "http://example.com/100%25"),
}

OTHER_PAGE = {
    "case of the path": ("http://example.com/A", "http://example.com/a"),
    "trailing slash": ("http://example.com/a/", "http://example.com/a"),
    "query": ("http://example.com/a?x=1", "http://example.com/a"),
    "order of the query": ("http://example.com/a?x=1&y=2", "http://example.com/a?y=2&x=1"),
    "port": ("http://example.com:8080/a", "http://example.com/a"),
    "scheme": ("ftp://example.com/a", "http://example.com/a"),
    "subdomain": ("http://www.example.com/a", "http://example.com/a"),
    "escaped slash": ("http://example.com/a%2Fb", "http://example.com/a/b"),
    "escaped percent sign": ("http://example.com/%2541", "http://example.com/A"),
    "double slash": ("http://example.com//a", "http://example.com/a"),
}

IN_DOMAIN = {
    "the host": "https://example.com/a",
    "a subdomain": "https://www.example.com/a",
    "a deep subdomain": "https://a.b.c.example.com",
    "capitals": "HTTPS://WWW.EXAMPLE.COM/a",
    "a port": "http://example.com:8080/a",
    "a trailing dot": "http://example.com.:8080/a",
    "a user": "http://me@example.com/a",
    "another scheme": "ftp://files.example.com/a",
    "an underscore": "http://_dmarc.example.com/",
}

NOT_IN_DOMAIN = {
    "a longer name": "https://notexample.com/a",
    "the name in front": "https://example.com.evil.org/a",
    "the name in the path": "https://other.org/example.com",
    "the name in the query": "https://other.org/?u=http://example.com/",
    "the name as a user": "https://example.com@other.org/",
    "a parent": "https://com/",
    "a title": "example.com",
    "a file": "mc4/example.com.gz:17",
    "a broken address": "http://[example.com/",
}


def requests(*lines: str) -> Requests:
    return Requests(parse_requests("\n".join(lines), "list.txt"))


@pytest.mark.parametrize(("left", "right"), SAME_PAGE.values(), ids=SAME_PAGE)
def test_two_spellings_of_one_page_are_the_same_url(left: str, right: str) -> None:
    assert canonical_url(left) == canonical_url(right)


@pytest.mark.parametrize(("left", "right"), OTHER_PAGE.values(), ids=OTHER_PAGE)
def test_what_may_be_another_page_is_another_url(left: str, right: str) -> None:
    assert canonical_url(left) != canonical_url(right)


def test_the_one_spelling_of_a_url_is_itself_a_url() -> None:
    assert canonical_url("HTTPS://me@Bücher.Example:443/a/../日 本?q=1#x".replace(" ", "%20")) == (
        "http://xn--bcher-kva.example/%E6%97%A5%20%E6%9C%AC?q=1"
    )


@pytest.mark.parametrize("locator", IN_DOMAIN.values(), ids=IN_DOMAIN)
def test_a_domain_is_its_host_and_every_host_below_it(locator: str) -> None:
    assert requests("domain:Example.com.").matching(ID, locator)


@pytest.mark.parametrize("locator", NOT_IN_DOMAIN.values(), ids=NOT_IN_DOMAIN)
def test_a_domain_is_no_other_host(locator: str) -> None:
    assert requests("domain:example.com").matching(ID, locator) == []


@pytest.mark.parametrize(
    "written", ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE"]
)
@pytest.mark.parametrize(
    "host", ["bücher.example", "www.Bücher.example", "xn--bcher-kva.example", "www.xn--bcher-kva.example"]
)
def test_an_international_domain_matches_in_both_of_its_forms(written: str, host: str) -> None:
    assert requests(f"domain:{written}").matching(ID, f"https://{host}/a")


@pytest.mark.parametrize(
    ("written", "locator", "found"),
    [
        ("192.0.2.7", "http://192.0.2.7:8080/a", True),
        ("192.0.2.7", "http://10.192.0.2.7/a", True),  # no address, but a host whose name ends so
        ("2001:db8::1", "http://[2001:DB8::1]/a", True),
        ("[2001:db8::1]", "http://[2001:db8::1]:81/a", True),
        ("2001:db8::1", "http://[2001:db8::2]/a", False),
    ],
)
def test_an_address_is_a_domain(written: str, locator: str, found: bool) -> None:
    assert bool(requests(f"domain:{written}").matching(ID, locator)) == found


def test_a_document_is_found_by_id_by_url_and_by_domain_in_this_order() -> None:
    several = requests(
        f"id:{ID.upper()}", "domain:example.com", "domain:a.example.com", "url:https://a.example.com/x"
    )

    found = several.matching(ID, "http://A.example.com/x#y")

    assert [request.name for request in found] == [
        f"id:{ID.upper()}",
        "url:https://a.example.com/x",
        "domain:a.example.com",
        "domain:example.com",
    ]
    assert several.matching(OTHER_ID, "A title") == []


def test_a_list_may_mix_both_spellings_and_hold_comments() -> None:
    text = (
        "\ufeff# what was asked for\r\n"
        "\r\n"
        f"id:{ID}  # by hand\r\n"
        "  url: https://example.com/a#b\r\n"
        '{"domain": "example.org", "reason": "why", "requested_at": "2026-03-01T10:00:00Z", "reference": null}\r\n'
    ).removeprefix("\ufeff")

    found = list(parse_requests(text, "list.txt"))

    assert found == [
        Request("id", ID, ID),
        Request("url", "http://example.com/a", "https://example.com/a#b"),
        Request("domain", "example.org", "example.org", "why", "2026-03-01T10:00:00Z"),
    ]


def test_the_lines_of_a_run_s_own_tombstones_are_requests() -> None:
    line = f'{{"id": "{ID}", "because": "url:https://example.com/a", "record": "removals/0001.json"}}'

    assert [request.name for request in requests(line)] == [f"id:{ID}"]


def test_a_request_goes_into_a_line_and_comes_back() -> None:
    request = Request.of("url", "https://example.com/ä", reason="why", requested_at="2026-03-01")

    assert request.to_json() == {
        "url": "https://example.com/ä",
        "reason": "why",
        "requested_at": "2026-03-01",
    }


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("example.com", "expected id:…, url:…, domain:… or a JSON object, found 'example.com'"),
        (
            "https://example.com/a",
            "expected id:…, url:…, domain:… or a JSON object, found 'https://example.com/a'",
        ),
        ("id:123", "expected a document id of 32 hex digits, found '123'"),
        (
            "url:example.com/a",
            "expected an absolute URL such as https://example.com/page, found 'example.com/a'",
        ),
        ("url:https:///a", "expected an absolute URL such as https://example.com/page, found 'https:///a'"),
        (
            "url:http://a.b/c d",
            "expected an absolute URL such as https://example.com/page, found 'http://a.b/c d'",
        ),
        *(
            (
                f"domain:{domain}",
                "expected a domain of two labels or more, without scheme, port, path or *, such as example.com "
                f"(its subdomains are meant too), found '{domain}'",
            )
            for domain in (
                "com",
                "",
                "*.example.com",
                "example.com:80",
                "https://a.b/",
                "a..b",
                "1.2.3",
                "a b.c",
            )
        ),
        (
            '{"url": "https://a.b/", "id": "x"}',
            "expected exactly one of the keys id, url and domain, found id and url",
        ),
        ('{"reason": "why"}', "expected exactly one of the keys id, url and domain, found none"),
        ('{"url": 7}', "expected text as url, found 7"),
        ('{"url": null}', "expected text as url, found null"),
        ('{"domain": "a.b", "reason": ["x"]}', 'expected text as reason, found ["x"]'),
        (
            '{"domain": "a.b", "why": "x"}',
            "expected the keys domain, reason, requested_at, reference, found why",
        ),
        ('{"domain": "a.b"', "expected a JSON object, found broken JSON (Expecting ',' delimiter at 16)"),
        (
            '{"domain": "a.b", "requested_at": "yesterday"}',
            "expected an ISO 8601 date or time as requested_at, found 'yesterday'",
        ),
        ('{"url": "https://a.b/\\ud800"}', "expected text as url, found half a surrogate pair"),
    ],
)
def test_a_line_that_is_no_request_is_named_with_its_number(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"# a list\ndomain:example.org\n{line}\n", encoding="utf-8")

    with pytest.raises(RemovalError) as error:
        load_requests([str(path)])

    assert str(error.value) == f"{path}, line 3: {sentence}; correct or delete the line."


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin1.txt").write_bytes(b"domain:b\xfccher.example\n")

    with pytest.raises(RemovalError, match=r"none\.txt cannot be read \(No such file or directory\)"):
        load_requests([str(tmp_path / "none.txt")])
    with pytest.raises(RemovalError, match=r"latin1\.txt is not UTF-8 text; save it as UTF-8\."):
        load_requests([str(tmp_path / "latin1.txt")])


def test_a_list_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfdomain:example.com\r\n")

    assert len(load_requests([str(tmp_path / "list.txt")])) == 1


def test_the_hash_of_requests_is_that_of_what_they_ask_for() -> None:
    one = requests("domain:example.com", "url:https://example.org/a")
    same = requests(
        "# again",
        '{"url": "http://example.org:80/a#x", "reason": "why"}',
        "domain:EXAMPLE.com.",
        "domain:example.com",
    )

    assert one.sha256 == same.sha256
    assert len(same) == 2
    assert one.sha256 != requests("domain:example.com").sha256
    assert requests().sha256 is None


def test_the_union_of_requests_has_each_once() -> None:
    both = requests("domain:example.com") | requests("domain:example.com", "domain:example.org")

    assert [request.name for request in both] == ["domain:example.com", "domain:example.org"]


# --- properties -------------------------------------------------------------------------------------------------------

LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
TOP = st.sampled_from(["com", "example", "org"])
HOST = st.tuples(st.lists(LABEL, min_size=1, max_size=3), TOP).map(
    lambda parts: ".".join([*parts[0], parts[1]])
)
SEGMENT = st.text(string.ascii_letters + string.digits + "-_~", min_size=1, max_size=6)
PATH = st.lists(SEGMENT, max_size=4).map(lambda segments: "/" + "/".join(segments))
ANY_URL = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "ftp"]),
    st.text(max_size=12).filter(lambda text: not set(text) & set("/?#")),
    st.sampled_from(["", ":", ":80", ":8080"]),
    st.text(max_size=20).map(lambda text: "/" + text),
    st.sampled_from(["", "?a=b", "#c", "?d#e"]),
)


@given(ANY_URL)
def test_the_one_spelling_of_any_url_is_its_own(url: str) -> None:
    try:
        once = canonical_url(url)
    except ValueError:
        return

    assert canonical_url(once) == once
    assert once.isascii()


@given(st.text(max_size=30))
def test_no_host_fails_and_its_one_spelling_is_its_own(host: str) -> None:
    once = canonical_host(host)

    assert once.isascii()
    assert canonical_host(once) == once


@given(st.text(max_size=60))
def test_no_locator_fails(locator: str) -> None:
    assert requests("domain:example.com", "url:http://example.com/").matching(ID, f"http://{locator}") in (
        [],
        list(requests("domain:example.com")),
        list(requests("url:http://example.com/", "domain:example.com")),
    )


@given(HOST, PATH, st.randoms())
def test_case_port_fragment_scheme_and_escapes_do_not_change_a_page(
    host: str, path: str, random: object
) -> None:
    choice = random.choice  # type: ignore[attr-defined]
    scheme = choice(["http", "https", "HTTPS"])
    shouted = "".join(choice([character.upper(), character]) for character in host)
    port = choice(["", ":80", ":443", ":"])
    escaped = "".join(choice([f"%{ord(c):02x}", c]) if c != "/" else c for c in path)
    fragment = choice(["", "#x", "#/a?b"])

    assert (
        canonical_url(f"{scheme}://{shouted}{choice(['', '.'])}{port}{escaped}{fragment}")
        == f"http://{host}{path}"
    )


@given(HOST, HOST)
def test_a_host_is_in_a_domain_when_the_labels_of_the_domain_end_its_own(host: str, domain: str) -> None:
    labels, of_domain = host.split("."), domain.split(".")
    expected = labels[-len(of_domain) :] == of_domain

    for name, inside in (
        (host, expected),
        (f"www.{domain}", True),
        (f"x{domain}", f"x{domain}".endswith(f".{domain}")),
    ):
        assert bool(requests(f"domain:{domain}").matching(ID, f"https://{name}/a")) == inside


@given(HOST)
def test_the_one_spelling_of_a_domain_is_the_host_of_its_urls(host: str) -> None:
    assert canonical_url(f"https://{host.upper()}./") == f"http://{canonical_domain(host)}/"
