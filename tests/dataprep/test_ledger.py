"""The ledger: read = kept + dropped + quarantined, and every way in which it can fail to be."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.ledger import Key, LedgerError, build_ledger, check_ledger

WEB_EN, WEB_DE, BOOKS_EN = ("web", "a", "en"), ("web", "b", "de"), ("books", "a", "en")
READ = {WEB_EN: 10, WEB_DE: 4, BOOKS_EN: 3}
QUARANTINED = {WEB_EN: 1}
DROPPED = [(WEB_EN, "empty", 2), (WEB_EN, "near_duplicate", 1), (WEB_DE, "empty", 1)]
KEPT = {WEB_EN: 6, WEB_DE: 3, BOOKS_EN: 3}

KEYS = st.tuples(
    st.sampled_from(["web", "books"]), st.sampled_from("abc"), st.sampled_from(["en", "de", "und"])
)
FATES = st.lists(st.tuples(KEYS, st.sampled_from(["kept", "quarantined", "empty", "near_duplicate"])))


def ledger(
    read: dict[Key, int] = READ,
    quarantined: dict[Key, int] = QUARANTINED,
    dropped: list[tuple[Key, str, int]] = DROPPED,
    kept: dict[Key, int] = KEPT,
) -> dict[str, Any]:
    return build_ledger(read=read, quarantined=quarantined, dropped=dropped, kept=kept)


def test_a_ledger_that_balances_has_every_group() -> None:
    actual = ledger()

    check_ledger(actual)
    assert actual == {
        "schema_version": 1,
        "total": {"read": 17, "kept": 12, "dropped": {"empty": 3, "near_duplicate": 1}, "quarantined": 1},
        "by_source": {
            "books": {"read": 3, "kept": 3, "dropped": {}, "quarantined": 0},
            "web": {"read": 14, "kept": 9, "dropped": {"empty": 3, "near_duplicate": 1}, "quarantined": 1},
        },
        "by_locale": {
            "de": {"read": 4, "kept": 3, "dropped": {"empty": 1}, "quarantined": 0},
            "en": {"read": 13, "kept": 9, "dropped": {"empty": 2, "near_duplicate": 1}, "quarantined": 1},
        },
        "by_file": {
            "books/a": {"read": 3, "kept": 3, "dropped": {}, "quarantined": 0},
            "web/a": {"read": 10, "kept": 6, "dropped": {"empty": 2, "near_duplicate": 1}, "quarantined": 1},
            "web/b": {"read": 4, "kept": 3, "dropped": {"empty": 1}, "quarantined": 0},
        },
    }


@pytest.mark.parametrize(
    ("wrong", "lines"),
    [
        (
            {"kept": KEPT | {WEB_DE: 2}},
            [
                "total: 17 read ≠ 11 kept + 4 dropped + 1 quarantined (+1)",
                "by_source web: 14 read ≠ 8 kept + 4 dropped + 1 quarantined (+1)",
                "by_locale de: 4 read ≠ 2 kept + 1 dropped + 0 quarantined (+1)",
                "by_file web/b: 4 read ≠ 2 kept + 1 dropped + 0 quarantined (+1)",
            ],
        ),
        (
            {"kept": KEPT | {BOOKS_EN: 4}},
            [
                "total: 17 read ≠ 13 kept + 4 dropped + 1 quarantined (-1)",
                "by_source books: 3 read ≠ 4 kept + 0 dropped + 0 quarantined (-1)",
                "by_locale en: 13 read ≠ 10 kept + 3 dropped + 1 quarantined (-1)",
                "by_file books/a: 3 read ≠ 4 kept + 0 dropped + 0 quarantined (-1)",
            ],
        ),
        (
            {"dropped": [*DROPPED, (BOOKS_EN, "empty", 1)]},
            [
                "total: 17 read ≠ 12 kept + 5 dropped + 1 quarantined (-1)",
                "by_source books: 3 read ≠ 3 kept + 1 dropped + 0 quarantined (-1)",
                "by_locale en: 13 read ≠ 9 kept + 4 dropped + 1 quarantined (-1)",
                "by_file books/a: 3 read ≠ 3 kept + 1 dropped + 0 quarantined (-1)",
            ],
        ),
        (
            {"quarantined": {}},
            [
                "total: 17 read ≠ 12 kept + 4 dropped + 0 quarantined (+1)",
                "by_source web: 14 read ≠ 9 kept + 4 dropped + 0 quarantined (+1)",
                "by_locale en: 13 read ≠ 9 kept + 3 dropped + 0 quarantined (+1)",
                "by_file web/a: 10 read ≠ 6 kept + 3 dropped + 0 quarantined (+1)",
            ],
        ),
        (
            # A kept document that is booked on the wrong file: total and source hide it.
            {"kept": {WEB_EN: 7, ("web", "b", "en"): -1, WEB_DE: 3, BOOKS_EN: 3}},
            [
                "by_file web/a: 10 read ≠ 7 kept + 3 dropped + 1 quarantined (-1)",
                "by_file web/b: 4 read ≠ 2 kept + 1 dropped + 0 quarantined (+1)",
            ],
        ),
        (
            # A kept document that is booked on the wrong locale of the right file.
            {"kept": {WEB_EN: 5, ("web", "a", "de"): 1, WEB_DE: 3, BOOKS_EN: 3}},
            [
                "by_locale de: 4 read ≠ 4 kept + 1 dropped + 0 quarantined (-1)",
                "by_locale en: 13 read ≠ 8 kept + 3 dropped + 1 quarantined (+1)",
            ],
        ),
    ],
    ids=["kept lost", "kept twice", "dropped twice", "quarantine lost", "wrong file", "wrong locale"],
)
def test_every_line_that_does_not_balance_is_named_with_its_numbers(
    wrong: dict[str, Any], lines: list[str]
) -> None:
    with pytest.raises(LedgerError) as error:
        check_ledger(ledger(**wrong))

    assert str(error.value).splitlines() == [
        "the ledger does not balance: read must equal kept + dropped + quarantined, but",
        *(f"  {line}" for line in lines),
        "The shards have been removed; the counts are in ledger.unbalanced.json of the run folder. "
        "Delete the folder and prepare it again; if that does not help, report it with this file.",
    ]


def test_of_many_wrong_lines_ten_are_shown() -> None:
    read = {("web", str(number), "en"): 1 for number in range(20)}

    with pytest.raises(LedgerError, match=r"by_file web/14: .*\n  … and 13 more\n"):
        check_ledger(ledger(read, {}, [], {}))


@given(FATES)
def test_a_ledger_of_one_fate_per_record_balances(fates: list[tuple[Key, str]]) -> None:
    read = Counter(key for key, _ in fates)
    kept = Counter(key for key, fate in fates if fate == "kept")
    quarantined = Counter(key for key, fate in fates if fate == "quarantined")
    dropped = [(key, fate, 1) for key, fate in fates if fate not in ("kept", "quarantined")]

    actual = ledger(read, quarantined, dropped, kept)

    check_ledger(actual)
    assert actual["total"]["read"] == len(fates)


@given(FATES.filter(bool), st.data())
def test_a_record_without_a_fate_is_always_found(fates: list[tuple[Key, str]], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(fates))
    read = Counter(key for key, _ in fates)
    kept = Counter(key for key, _ in fates) - Counter([lost[0]])

    with pytest.raises(LedgerError, match=rf"by_file {lost[0][0]}/{lost[0][1]}: .*\(\+1\)"):
        check_ledger(ledger(read, {}, [], kept))


LINES = {
    "web": {"read": 90, "kept": 70, "removed": 15, "dropped": 5, "characters_removed": 400, "documents": 9},
    "books": {"read": 30, "kept": 30, "removed": 0, "dropped": 0, "characters_removed": 0, "documents": 3},
}


def with_lines(**web: int) -> dict[str, Any]:
    lines = LINES | {"web": LINES["web"] | web}
    return build_ledger(read=READ, quarantined=QUARANTINED, dropped=DROPPED, kept=KEPT, lines=lines)


def test_lines_are_counted_per_source_and_in_total_beside_the_documents() -> None:
    actual = with_lines()

    check_ledger(actual)
    assert actual["by_source"]["web"].pop("lines") == {
        "read": 90, "kept": 70, "removed": 15, "dropped": 5, "characters_removed": 400,
    }  # fmt: skip
    assert actual["by_source"]["books"].pop("lines")["read"] == 30
    assert actual["total"].pop("lines") == {
        "read": 120, "kept": 100, "removed": 15, "dropped": 5, "characters_removed": 400,
    }  # fmt: skip
    assert actual == ledger()


@pytest.mark.parametrize(
    ("web", "equation"),
    [
        ({"read": 91}, "91 read ≠ 70 kept + 15 removed + 5 dropped (+1)"),
        ({"kept": 71}, "90 read ≠ 71 kept + 15 removed + 5 dropped (-1)"),
        ({"removed": 14}, "90 read ≠ 70 kept + 14 removed + 5 dropped (+1)"),
        ({"dropped": 0}, "90 read ≠ 70 kept + 15 removed + 0 dropped (+5)"),
    ],
)
def test_lines_that_do_not_balance_are_named_with_their_numbers(web: dict[str, int], equation: str) -> None:
    with pytest.raises(LedgerError) as error:
        check_ledger(with_lines(**web))

    lines = [line.strip() for line in str(error.value).splitlines() if ", lines:" in line]
    assert len(lines) == 2
    assert lines[0].startswith("total, lines: ")
    assert lines[1] == f"by_source web, lines: {equation}"
