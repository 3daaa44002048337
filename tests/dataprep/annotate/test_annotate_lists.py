"""Word lists and block lists by path: which files, which entries, which documents."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.annotate.block_lists import BlockListError, blocked, load_block_lists
from dataprep.annotate.lists import ListError, Lists, read_words, resolve_lists
from dataprep.config import ListsConfig, PrepareConfig
from dataprep.pipeline import annotate_settings, stage_settings
from dataprep.plan import InputPlan
from dataprep.sources.record import Document

LDNOOBW_LOCALES = 25  # lists of LDNOOBW whose language the table has


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def config(**settings: Any) -> PrepareConfig:
    source = {"name": "s", "format": "jsonl", "paths": ["x"]}
    return PrepareConfig.model_validate({"run_dir": "r", "sources": [source], **settings})


def columns(document: Document, **lists: Any) -> dict[str, Any]:
    """The columns of one document that lists decide."""
    settings = annotate_settings(config(thresholds="none", lists=lists))
    found = annotate_documents([document], source="s", file="f", part=0, first_row=0, settings=settings)
    names = ("url_is_blocked", "num_listed_words", "num_stop_words", "perplexity")
    return {name: found.documents.column(name)[0].as_py() for name in names}


def test_a_listed_word_is_counted_in_its_own_language_only(tmp_path: Path) -> None:
    words = {"de": write(tmp_path / "de", "# Kommentar\nböses Wort\n\nSchuft\n")}

    german = columns(Document("a", "Ein BÖSES  Wort, du Schuft!", "de"), words=words)
    french = columns(Document("a", "Ein böses Wort, du Schuft!", "fr"), words=words)

    assert german["num_listed_words"] == 2
    assert french["num_listed_words"] is None


def test_without_lists_their_signals_are_null() -> None:
    found = columns(Document("https://a.example/", "Ein gutes Wort.", "de"))

    assert found == {
        "url_is_blocked": None,
        "num_listed_words": None,
        "num_stop_words": None,
        "perplexity": None,
    }


def test_a_pattern_finds_the_files_that_are_there_under_any_code_of_the_locale(tmp_path: Path) -> None:
    for name in ("de", "fil", "cmn", "xx"):
        write(tmp_path / name, "Wort")

    found = resolve_lists(ListsConfig(words=str(tmp_path / "{locale}")), {})

    assert [(locale, Path(path).name) for locale, path in found.words] == [
        ("de", "de"),
        ("tl", "fil"),
        ("zh", "cmn"),
    ]


@pytest.mark.parametrize(
    ("locale", "entries", "usable"),
    [
        ("ja", "悪\n悪い\nバ\nsex\n", ("悪い", "sex")),
        ("zh", "坏\n坏词", ("坏词",)),
        ("th", "กา\nหยาบ", ("หยาบ",)),
        ("hi", "ग\nगलत", ("ग", "गलत")),
    ],
)
def test_entries_too_short_to_be_told_from_parts_of_words_are_left_out(
    tmp_path: Path, locale: str, entries: str, usable: tuple[str, ...]
) -> None:
    assert read_words(locale, write(tmp_path / locale, entries)) == usable


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("list.txt", "must hold {locale}"),
        ("nowhere/{locale}", "no file matches"),
        ({"xx": "list.txt"}, "unknown locale xx"),
        ({"de": "nowhere"}, "nowhere of lists.words is missing"),
    ],
)
def test_lists_that_are_not_there_are_named(words: str | dict[str, str], message: str) -> None:
    with pytest.raises(ListError, match=message):
        resolve_lists(ListsConfig(words=words), {})


def test_a_word_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "de").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ListError, match="is not UTF-8 text"):
        resolve_lists(ListsConfig(words={"de": str(tmp_path / "de")}), {})


@pytest.mark.parametrize(
    ("locator", "expected"),
    [
        ("https://example.com/", True),
        ("http://www.EXAMPLE.com:80/page?a=1", True),
        ("https://notexample.com/", False),
        ("https://xn--bcher-kva.example/x", True),
        ("https://a.example/bad/", True),
        ("http://a.example/bad/#top", True),
        ("https://a.example/bad", False),
        ("https://a.example/other", False),
        ("https://b.example/p?q=1", True),
        ("https://b.example/p?q=2", False),
        ("Example.com", False),
        ("file.txt:17", False),
        ("", False),
    ],
)
def test_domains_block_their_subdomains_and_urls_one_page(
    tmp_path: Path, locator: str, expected: bool
) -> None:
    entries = "# list\nexample.com\ndomain:bücher.example  # in its own script\na.example/bad/\nurl:https://b.example/p?q=1\n"
    lists = (write(tmp_path / "list", entries),)

    assert blocked([locator], lists).to_pylist() == [expected]


names = st.sampled_from(["a", "b", "ab", "c-d"])
hosts = st.lists(names, min_size=2, max_size=4).map(".".join)


@given(st.lists(hosts, max_size=5), st.lists(hosts, min_size=1, max_size=5))
def test_a_host_is_blocked_exactly_if_it_or_a_parent_is_listed(
    tmp_path_factory: pytest.TempPathFactory, listed: list[str], asked: list[str]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list"
    path.write_text("\n".join(listed))

    found = blocked([f"https://{host}/" for host in asked], (str(path),)).to_pylist()

    assert found == [any(host == each or host.endswith(f".{each}") for each in listed) for host in asked]


def test_lines_that_no_host_can_be_are_counted_and_left_out(tmp_path: Path) -> None:
    good = "\n".join(f"h{number}.example" for number in range(200))

    found = load_block_lists((write(tmp_path / "list", f"{good}\n-bad-\n"),))

    assert (len(found.domains), found.unusable) == (200, 1)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BlockListError, match=r"3 of 3 lines .* neither domain nor URL"):
        load_block_lists((write(tmp_path / "list", "one\ntwo words\ncom\n"),))


def test_a_missing_block_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(BlockListError, match=r"absent cannot be read .*lists\.urls"):
        load_block_lists((str(tmp_path / "absent"),))


def test_lists_count_by_their_contents(tmp_path: Path) -> None:
    def annotate_hash(text: str, name: str) -> Any:
        settings = config(lists={"words": {"de": write(tmp_path / name, text)}})
        return stage_settings(settings, InputPlan((), (), ()))["annotate"]["lists"]

    assert annotate_hash("a", "one") == annotate_hash("a", "two") != annotate_hash("b", "three")


@pytest.mark.realdata
def test_public_word_lists_can_be_read_and_matched(realdata: Path) -> None:
    pattern = str(realdata / "wordlists" / "ldnoobw" / "{locale}")

    found = resolve_lists(ListsConfig(words=pattern), {})
    counts = {locale: len(read_words(locale, path)) for locale, path in found.words}
    first = read_words("en", dict(found.words)["en"])[0]
    listed = columns(Document("a", f"Nothing. {first.upper()}.", "en"), words=pattern)

    assert len(counts) == LDNOOBW_LOCALES
    assert min(counts.values()) > 0
    assert listed["num_listed_words"] == 1


def test_no_lists_are_equal() -> None:
    assert Lists() == resolve_lists(ListsConfig(), {})
