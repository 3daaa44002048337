"""Rule by rule: what is counted, which documents are shown, and which never are."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signal_helpers import document, write_documents

from dataprep.report import signals
from dataprep.report.plots import signal_histogram
from dataprep.report.signals import Tally, bounds, evenly, rule_by_rule

CONFIG = "run_dir: runs/x\nsources: [{name: mc4, format: mc4, paths: [a]}]\n"
RECORDED = {"defaults": [{"threshold": "min_words", "value": 20}], "by_locale": []}
RECORDED_LINES = {"defaults": [{"threshold": "max_short_line_fraction", "value": 0.67}], "by_locale": []}
Row = dict[str, Any]


def looked_at(folder: Path, config: str = CONFIG, recorded: Row | None = None) -> Row:
    return rule_by_rule(str(folder), config, RECORDED if recorded is None else recorded)


def rule(found: Row, name: str) -> Row:
    (row,) = [row for row in found["rules"] if row["rule"] == name]
    return row


def ids(examples: list[Row]) -> list[str]:
    return [example["doc_id"] for example in examples]


def short(doc_id: str, words: int, locale: str = "en", **changed: Any) -> Row:
    return document(doc_id, locale, "too_few_words" if words < 20 else None, num_units=words, **changed)


def test_documents_are_counted_by_their_signal_and_by_whether_the_rule_rejects_them(tmp_path: Path) -> None:
    words = {"a": 18, "b": 19, "c": 20, "d": 23}
    rows = [short(doc_id, number) for doc_id, number in words.items()]
    write_documents(tmp_path, [*rows, document("e", num_units=None)])

    found = looked_at(tmp_path)

    assert (found["reason"], found["documents"], found["of_documents"]) == (None, 5, 5)
    words_rule = rule(found, "too_few_words")
    assert (words_rule["rejected"], words_rule["credited"], words_rule["without_value"]) == (2, 2, 1)
    assert (words_rule["smallest"], words_rule["largest"], words_rule["scale"]) == (18, 23, "linear")
    assert [(row["lower"], row["upper"], row["documents"], row["rejected"]) for row in words_rule["bins"]] == [
        (None, 18, 0, 0), (18, 19, 1, 1), (19, 20, 1, 1), (20, 21, 1, 0), (21, 22, 0, 0), (22, 23, 0, 0),
        (23, None, 1, 0),
    ]  # fmt: skip


def test_a_rule_counts_what_it_rejects_whatever_rule_has_the_credit(tmp_path: Path) -> None:
    write_documents(
        tmp_path,
        [
            short("a", 10, short_line_fraction=0.9),
            document("b", fate="short_lines", short_line_fraction=0.9),
            document("c", fate="near_duplicate"),
        ],
    )

    found = looked_at(tmp_path)

    counts = [(row["rule"], row["rejected"], row["credited"]) for row in found["rules"]]
    assert counts == [("short_lines", 2, 1), ("too_few_words", 1, 1)]


def test_examples_are_the_nearest_to_the_threshold_of_their_own_locale(tmp_path: Path) -> None:
    recorded = {
        "defaults": [{"threshold": "min_words", "value": 20}],
        "by_locale": [
            {"locale": "de", "threshold": "min_words", "value": 30},
            {"locale": "fr", "threshold": "min_words", "value": None},
        ],
    }
    rejected = [
        short("e1", 18), short("e2", 19), document("d1", "de", "too_few_words", num_units=29),
        document("d2", "de", "too_few_words", num_units=28), short("i1", 12, "it"),
    ]  # fmt: skip
    kept = [
        document("d3", "de", num_units=31), short("e3", 20), short("e4", 21), short("i2", 45, "it"),
        document("f1", "fr", num_units=3),
    ]  # fmt: skip
    write_documents(tmp_path, [*rejected, *kept])

    found = rule(looked_at(tmp_path, recorded=recorded), "too_few_words")

    shown = [(row["doc_id"], row["value"], row["threshold"]) for row in found["examples_rejected"]]
    assert shown == [("d1", 29, 30), ("e2", 19, 20), ("i1", 12, 20)]
    assert ids(found["examples_not_rejected"]) == ["e3", "d3", "i2"]
    assert (found["default"], found["lowest_threshold"], found["highest_threshold"]) == (20, 20, 30)
    assert found["locale_thresholds"] == [{"value": 20, "locales": 2}, {"value": 30, "locales": 1}]


def test_of_few_locales_several_documents_are_shown_and_of_equal_ones_the_smallest_id(tmp_path: Path) -> None:
    write_documents(tmp_path, [short(doc_id, 19) for doc_id in "gfeca"])
    write_documents(tmp_path, [short("b", 19), short("0", 18), short("z", 200)], part=1)

    found = rule(looked_at(tmp_path), "too_few_words")

    assert ids(found["examples_rejected"]) == ["a", "b", "c"]
    assert ids(found["examples_not_rejected"]) == ["z"]


def test_what_a_rule_does_not_look_at_is_never_just_not_rejected(tmp_path: Path) -> None:
    write_documents(
        tmp_path,
        [
            document("a", fate="short_lines", short_line_fraction=0.7),
            document("b", form="spoken", short_line_fraction=0.68),
            document("c", "th", short_line_fraction=0.68),
            document("d", short_line_fraction=0.5),
        ],
    )

    found = rule(looked_at(tmp_path), "short_lines")

    assert ids(found["examples_not_rejected"]) == ["d"]
    assert found["rejected"] == 1


@pytest.mark.parametrize(
    ("name", "beyond", "within", "value"),
    [
        (
            "wrong_language",
            {"detected": "fr", "detected_score": 0.9},
            {"detected": "fr", "detected_score": 0.5},
            0.5,
        ),
        ("curly_braces", {"curly_brace": 5, "num_chars": 2000}, {"curly_brace": 4, "num_chars": 2000}, 2.0),
    ],
)
def test_rules_of_other_kinds_have_a_near_side_too(
    name: str, beyond: Row, within: Row, value: float, tmp_path: Path
) -> None:
    write_documents(tmp_path, [document("a", fate=name, **beyond), document("b", **within), document("c")])

    found = rule(looked_at(tmp_path), name)

    assert ids(found["examples_rejected"]) == ["a"]
    assert found["examples_not_rejected"][0]["doc_id"] == "b"
    assert found["examples_not_rejected"][0]["value"] == value


def test_a_switch_has_examples_of_what_it_rejects_and_no_near_side(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("a", fate="lorem_ipsum", lorem_ipsum=True), document("b")])

    found = rule(looked_at(tmp_path), "lorem_ipsum")

    assert ids(found["examples_rejected"]) == ["a"]
    assert found["examples_not_rejected"] == []
    assert (found["default"], found["examples_rejected"][0]["threshold"]) == (None, None)


def test_locales_that_were_not_asked_for_are_a_rule_without_a_signal(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("a", "fr", "locale_not_selected"), document("b")])

    found = rule(looked_at(tmp_path, CONFIG + "locales: [en]\n"), "locale_not_selected")

    assert (found["rejected"], found["credited"], found["signal"], found["bins"]) == (1, 1, None, [])


def test_rules_that_reject_nothing_say_how_near_they_came(tmp_path: Path) -> None:
    write_documents(
        tmp_path, [document("a", num_units=33), document("b", num_units=900), document("c", "th")]
    )

    found = looked_at(tmp_path)

    idle = {row["rule"]: row for row in found["idle"]}
    assert found["rules"] == []
    assert (idle["too_few_words"]["closest"], idle["too_few_words"]["closest_threshold"]) == (33, 20)
    assert (idle["too_few_words"]["smallest"], idle["too_few_words"]["largest"]) == (33, 900)
    assert (idle["digits"]["lowest_threshold"], idle["digits"]["closest"]) == (None, None)


# --- what must not be shown -------------------------------------------------------------------------------------------


def test_a_text_that_was_asked_to_be_removed_is_never_shown(tmp_path: Path) -> None:
    write_documents(
        tmp_path,
        [
            short("a", 10),
            short("b", 11),
            # Nearer to the threshold than all others, on both sides; a reviewer had wanted to keep the latter.
            *(
                document(f"c{n}", fate="removal_request", num_units=20, text=f"private words {n}")
                for n in range(3)
            ),
            *(
                document(f"e{n}", fate="removal_request", num_units=19, text=f"private words {n}")
                for n in range(3)
            ),
            document("d", num_units=21),
        ],
    )

    found = looked_at(tmp_path)

    words_rule = rule(found, "too_few_words")
    assert ids(words_rule["examples_rejected"]) == ["b", "a"]
    assert ids(words_rule["examples_not_rejected"]) == ["d"]
    assert sum(row["documents"] for row in words_rule["bins"]) == 9
    assert "private words" not in str(found)


@pytest.mark.parametrize("request_line", ["id:" + "a" * 32, "url:https://example.org/" + "a" * 32])
@pytest.mark.parametrize("is_own", [True, False])
def test_what_a_rule_rejected_and_somebody_asked_for_is_not_shown_either(
    request_line: str, is_own: bool, tmp_path: Path
) -> None:
    write_documents(tmp_path, [short("a" * 32, 19, text="private words"), short("b", 18)])
    name = "removals/tombstones.jsonl" if is_own else "list.txt"
    (tmp_path / "removals").mkdir()
    (tmp_path / name).write_text(request_line + "\n")
    named = "" if is_own else f"removals: [{tmp_path / name}]\n"

    found = looked_at(tmp_path, CONFIG + named)

    assert ids(rule(found, "too_few_words")["examples_rejected"]) == ["b"]
    assert "private words" not in str(found)


def test_copies_of_a_text_that_was_asked_for_are_not_shown(tmp_path: Path) -> None:
    write_documents(
        tmp_path,
        [
            short("a", 19, text="private words"),
            document("c", fate="removal_request", text="private words"),
            short("b", 18),
        ],
    )

    found = looked_at(tmp_path)

    assert "private words" not in str(found)
    assert ids(rule(found, "too_few_words")["examples_rejected"]) == ["b"]


def test_without_the_removal_lists_no_text_is_shown(tmp_path: Path) -> None:
    write_documents(tmp_path, [short("a", 19)])

    found = looked_at(tmp_path, CONFIG + "removals: [/nowhere/list.txt]\n")

    assert rule(found, "too_few_words")["rejected"] == 1
    assert rule(found, "too_few_words")["examples_rejected"] == []
    assert found["excerpts"].startswith("A removal list of the run cannot be read")


def test_excerpts_are_cut_and_empty_texts_left_out(tmp_path: Path) -> None:
    write_documents(tmp_path, [short("a", 19, text="x" * 5000), short("b", 19, text="")])

    (example,) = rule(looked_at(tmp_path), "too_few_words")["examples_rejected"]

    assert example["excerpt"] == "x" * 300 + "…"


# --- when nothing can be said -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "recorded", "reason"),
    [
        ("", RECORDED, "The run folder has no config.yaml."),
        (CONFIG, {}, "The run left no record of the thresholds in force."),
        (CONFIG + "measure: dedup\n", RECORDED, "The run measured no signals (measure: dedup)."),
        (CONFIG + "nonsense: 1\n", RECORDED, "This version cannot read the settings of the run: "),
        (
            CONFIG,
            {"defaults": [{"threshold": "min_nonsense", "value": 20}], "by_locale": []},
            "This version cannot read the settings of the run: ",
        ),
    ],
)
def test_a_run_that_cannot_be_looked_at_says_why(
    config: str, recorded: Row, reason: str, tmp_path: Path
) -> None:
    write_documents(tmp_path, [short("a", 19)])

    found = looked_at(tmp_path, config, recorded)

    assert found["reason"].startswith(reason)
    assert (found["rules"], found["idle"], found["documents"]) == ([], [], 0)


@pytest.mark.parametrize(
    "row",
    [
        document("a", fate="too_few_words", num_units=20),
        document("a", fate="short_lines", num_units=19),
        document("a", fate="near_duplicate", num_units=19),
        document("a", fate=None, num_units=19),
    ],
)
def test_a_run_whose_fates_its_rules_do_not_give_is_not_shown(row: Row, tmp_path: Path) -> None:
    write_documents(tmp_path, [row])

    found = looked_at(tmp_path)

    assert found["reason"].startswith("The rules of this version do not give the documents the fates")
    assert found["rules"] == []


def test_reviewers_may_keep_what_a_rule_rejects(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("a", fate=None, num_units=19), short("b", 19)])
    (tmp_path / "overturned").mkdir()
    (tmp_path / "overturned" / "keeps.jsonl").write_text(
        '{"doc_id": "a", "drop_reason": "too_few_words", "by": "Ada", "reason": "a poem", "at": "2026"}\n'
    )

    assert rule(looked_at(tmp_path), "too_few_words")["rejected"] == 2


def test_documents_without_a_column_that_a_rule_needs_are_named(tmp_path: Path) -> None:
    write_documents(tmp_path, [short("a", 19)])
    path = tmp_path / "documents" / "part-000000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["perplexity"]), path)

    assert looked_at(tmp_path)["reason"] == (
        "The documents of the run have no perplexity: they were measured by another version."
    )


# --- large runs -------------------------------------------------------------------------------------------------------


def test_of_a_large_run_evenly_spaced_row_groups_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "MAX_DOCUMENTS", 20)
    for part in range(4):
        rows = [short(f"{part}{number}", 10 + number) for number in range(20)]
        write_documents(tmp_path, rows, part=part, row_group_rows=5)

    found = looked_at(tmp_path)

    assert (found["documents"], found["of_documents"], found["reason"]) == (20, 80, None)
    # The first row group of every file: 10 to 14 words.
    assert rule(found, "too_few_words")["rejected"] == 20
    assert rule(found, "too_few_words")["largest"] == 14


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 500))
def test_row_groups_are_a_part_of_all_in_their_order(rows: list[int], most: int) -> None:
    groups = [signals._Group("file", number, 0, count) for number, count in enumerate(rows)]

    chosen = evenly(groups, most)

    numbers = [group.number for group in chosen]
    assert numbers == sorted(set(numbers))
    assert len(chosen) >= 1
    assert chosen == groups or sum(rows) > most


VALUES = st.lists(
    st.one_of(st.floats(0, 1e6, width=32), st.integers(0, 5).map(float), st.just(float("nan"))), max_size=60
)


@given(VALUES, st.lists(st.floats(0, 1e6, width=32), max_size=5), st.booleans(), st.randoms())
def test_every_document_is_in_one_bin_or_has_no_value(
    values: list[float], thresholds: list[float], whole: bool, draw: Any
) -> None:
    values_N = np.array(np.floor(values) if whole else values, np.float32)
    rejected_N = np.array([draw.random() < 0.5 for _ in values], np.bool_)
    edges, scale = bounds(values_N.astype(np.float64), np.array(thresholds, np.float32), whole=whole)
    nothing = np.zeros(len(edges) + 1, np.int64)

    tally = Tally(edges, scale, nothing, nothing.copy())
    tally.count(values_N, rejected_N)

    assert tally.documents.sum() + tally.without_value == len(values)
    assert tally.rejected.sum() + tally.rejected_without_value == rejected_N.sum()
    assert (tally.rejected <= tally.documents).all()
    assert len(edges) <= 32
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize(
    ("values", "thresholds", "whole", "first", "last", "scale"),
    [
        ([0.0, 0.0, 1.0], [], False, 0.0, 0.99, "linear"),
        ([0.2, 0.3], [0.9], False, 0.2005, 0.9, "linear"),
        ([1.0, 1000.0], [], False, 5.995, 995.005, "log"),
        ([0.0, 0.0, 2000.0], [], True, 1.0, 1981.0, "log"),
        ([0.0, 60.0], [], True, 0.0, 60.0, "linear"),
        ([3.0, 3.0], [], True, 3.0, 4.0, "linear"),
        ([0.5, 0.5], [], False, 0.5, 0.5, "linear"),
    ],
)
def test_bins_reach_over_the_bulk_of_the_values_and_the_thresholds(
    values: list[float], thresholds: list[float], whole: bool, first: float, last: float, scale: str
) -> None:
    edges, found = bounds(np.array(values), np.array(thresholds), whole=whole)

    assert (edges[0], edges[-1]) == pytest.approx((first, last), rel=1e-9)
    assert found == scale


@pytest.mark.parametrize(("value", "whole"), [(1.0, False), (0.1234567, False), (0.0, False), (3.0, True)])
def test_the_value_that_most_documents_have_is_in_the_range(value: float, whole: bool) -> None:
    edges, _ = bounds(np.full(9, value), np.array([0.5]) if not whole else np.zeros(0), whole=whole)

    assert edges[0] <= value < edges[-1]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_examples_on_the_page_are_text(html: str) -> None:
    part = html[html.index('id="rule-too_few_words"') :]

    assert "&lt;b&gt;Too&lt;/b&gt; short␀&lt;script&gt;alert(1)&lt;/script&gt;" in part
    assert "num_units is 19; the bound is 20" in part
    assert "Just not rejected" in part


def test_plots_of_rules_are_labelled(html: str) -> None:
    part = html[html.index('id="rule-digits"') : html.index("rules reject no document")]

    assert 'aria-label="Documents by digit_fraction, and those that the rule digits rejects"' in part
    assert ">digit_fraction</text>" in part
    assert "digit_fraction is 0.16; the bound is 0.15" in part


def test_the_plot_names_the_default_with_all_its_digits(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("a", fate="short_lines", short_line_fraction=0.7), document("b")])

    svg = signal_histogram(rule(looked_at(tmp_path, recorded=RECORDED_LINES), "short_lines"), "plot")

    assert ">default 0.67<" in svg
    assert len(svg) < 9000
