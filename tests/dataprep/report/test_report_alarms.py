"""Alarms: each at its bound, with its figures in the sentence."""

from typing import Any

import pytest

from dataprep.config import ReportConfig
from dataprep.report.alarms import alarms

Row = dict[str, Any]


def entry(read: int, quarantined: int = 0, **dropped: int) -> Row:
    return {
        "read": read,
        "kept": read - quarantined - sum(dropped.values()),
        "dropped": dropped,
        "quarantined": quarantined,
    }


def ledger(**sources: Row) -> Row:
    return {"by_source": sources, "by_locale": {}}


def report(**changed: Any) -> Row:
    quiet = {"precision": 1.0, "lower": 0.98, "upper": 1.0, "wrong": 0, "compared": 200}
    return {
        "duplicates": {"documents": 1000, "largest_group": 20, "verify": True}
        | changed.pop("duplicates", {}),
        "precision": quiet | changed,
    }


def raised(found: Row, of: Row, **settings: Any) -> list[tuple[str, str]]:
    return [(row["alarm"], row["subject"]) for row in alarms(found, of, ReportConfig(**settings))]


def test_a_quiet_run_raises_none() -> None:
    assert raised(report(), ledger(web=entry(1000, 50, too_few_words=450))) == []


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (entry(1000, 1, too_few_words=500), [("lost", "source web")]),
        (entry(1000, too_few_words=500), []),
        (entry(99, too_few_words=99), []),
        (entry(1000, locale_not_selected=900), []),
        (entry(1000, locale_not_selected=800, too_few_words=101), [("lost", "source web")]),
        (entry(1000, removal_request=600), []),
        (entry(1000, 51), [("quarantine", "source web")]),
    ],
)
def test_losses_and_quarantine_beyond_their_bounds(of: Row, expected: list[tuple[str, str]]) -> None:
    assert raised(report(), ledger(web=of)) == expected


def test_a_locale_may_raise_one_too_and_the_sentence_names_the_commonest_reason() -> None:
    of = {"by_source": {}, "by_locale": {"hi": entry(400, short_lines=41, too_few_words=200)}}

    (found,) = alarms(report(), of, ReportConfig())

    assert found["value"] == pytest.approx(241 / 400)
    assert found["sentence"] == (
        "The locale hi lost 60.2 % of its 400 records, more than 50.0 %; most of them to too_few_words (200)."
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"duplicates": {"largest_group": 21}}, [("cluster", "largest group of duplicates")]),
        ({"duplicates": {"largest_group": 21, "documents": 99}}, []),
        ({"duplicates": {"largest_group": None, "documents": None}}, []),
        ({"wrong": 1, "precision": 0.995}, [("precision", "near duplicates")]),
        ({"wrong": 1, "precision": 0.995, "duplicates": {"verify": False}}, []),
        (
            {"wrong": 20, "precision": 0.9, "upper": 0.98, "duplicates": {"verify": False}},
            [("precision", "near duplicates")],
        ),
        ({"wrong": 3, "precision": 0.98, "upper": 0.995, "duplicates": {"verify": False}}, []),
        ({"precision": None, "lower": None, "upper": None, "compared": 0}, []),
    ],
)
def test_large_groups_and_low_precision(changed: Row, expected: list[tuple[str, str]]) -> None:
    assert raised(report(**changed), ledger()) == expected


def test_the_settings_move_the_bounds() -> None:
    of = ledger(web=entry(1000, 30, too_few_words=200))

    assert raised(report(), of, max_lost_fraction=0.2, max_quarantined_fraction=0.02) == [
        ("lost", "source web"),
        ("quarantine", "source web"),
    ]
    assert raised(report(), ledger(web=entry(50, 50)), min_documents=50) == [
        ("lost", "source web"),
        ("quarantine", "source web"),
    ]
