"""Input made to break deduplication, in small: right answers, worked out by hand or in plain Python.

The sizes that hurt are in `benchmarks/bench_dedup_scale.py`.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dedup_runs import (
    DedupRun,
    Removal,
    dedup_settings,
    expected,
    read_run,
    run_dedup_in,
    run_dedup_of,
    write_jsonl,
)
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig
from dataprep.dedup import exchange
from dataprep.local_tasks import LocalTasks
from dataprep.pipeline import DEDUP, Pipeline
from dataprep.plan import plan_input
from dataprep.sample.reference import jaccard, shingles, similarity

COPIES = 1_500
PAGES = 400
CHAIN = 60

Rows = list[dict[str, Any]]


def words(prefix: str, count: int, start: int = 0) -> str:
    return " ".join(f"{prefix}{start + at:04}" for at in range(count))


def pages(name: str, shared: int, own: int, count: int = PAGES) -> dict[str, str]:
    """Pages of a shared block and `own` words each; any two have (shared - 4) of (shared - 4 + 2 own) shingles."""
    return {
        f"{name} {number}": f"{words(name, shared)} {words(f'{name}{number}own', own)}"
        for number in range(count)
    }


def windows(name: str, count: int, size: int, step: int) -> dict[str, str]:
    """A window of `size` words that slides on by `step` words from document to document."""
    return {f"{name} {number}": words(name, size, number * step) for number in range(count)}


def rotated(name: str, count: int) -> str:
    """Ten words over and over, from the given one on: all have the same ten shingles."""
    cycle = [f"{name}{number}" for number in range(10)] * 5
    return " ".join(cycle[count : count + 30])


def few_words(count: int, seed: int) -> dict[str, str]:
    """Documents of no to four words out of six, in spellings that differ in white space."""
    draw = random.Random(seed)
    return {
        f"few {number}": "".join(
            draw.choice(("ja", "nein", "gut", "na", "ach", "so")) + draw.choice((" ", "  ", "\n"))
            for _ in range(draw.randint(0, 4))
        )
        for number in range(count)
    }


LONG = random.Random(1).choices([f"long{number}" for number in range(50_000)], k=150_000)
ABOVE = pages("above", 184, 22)  # 180 / 224
BELOW = pages("below", 184, 23)  # 180 / 226
CHAINED = windows("chain", CHAIN, 104, 8)  # 92 / 108 to the next, 84 / 116 to the one after it
FEW = few_words(300, 1)
CORPORA = {
    "copies": {f"copy {number}": words("copy", 80) for number in range(COPIES)},
    "pages": {**ABOVE, **BELOW},
    "chains": CHAINED,
    "few": FEW,
    "rotated": {f"rotated {number}": rotated("r", number) for number in range(10)},
    "long": {
        "long": " ".join(LONG),
        "long, cut": " ".join(LONG[:140_000]),
        "long, half": " ".join(LONG[:75_000]),
    },
}


@pytest.fixture(scope="module")
def with_spark(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DedupRun:
    return run_dedup_of(spark, tmp_path_factory.mktemp("adversarial"), CORPORA)


@pytest.fixture(scope="module")
def without_spark(local: LocalTasks, tmp_path_factory: pytest.TempPathFactory) -> DedupRun:
    return run_dedup_of(local, tmp_path_factory.mktemp("adversarial"), CORPORA)


@pytest.fixture(params=["with_spark", "without_spark"])
def run(request: pytest.FixtureRequest) -> DedupRun:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, DedupRun)
    return found


@pytest.fixture(scope="module")
def local() -> Iterator[LocalTasks]:
    tasks = LocalTasks(2)
    yield tasks
    tasks.close()


def kept_of(run: DedupRun, corpus: dict[str, str]) -> set[str]:
    return run.kept() & set(corpus)


def test_every_decision_is_that_of_plain_python(run: DedupRun) -> None:
    found = expected(run)

    assert run.removed() == found.removed
    assert {run.names[row["doc_id"]]: row["bands_matched"] for row in run.decisions} == found.bands


def test_of_many_copies_of_a_page_one_stays(run: DedupRun) -> None:
    (kept,) = kept_of(run, CORPORA["copies"])

    ids = {row["locator"]: row["doc_id"] for row in run.documents}
    assert ids[kept] == min(ids[name] for name in CORPORA["copies"])
    removed = {name: removal for name, removal in run.removed().items() if name in CORPORA["copies"]}
    assert removed == dict.fromkeys(set(CORPORA["copies"]) - {kept}, Removal(kept, "exact", 1.0))


def test_pages_that_share_just_enough_boilerplate_are_one(run: DedupRun) -> None:
    assert jaccard(ABOVE["above 0"], ABOVE["above 1"]) == 180 / 224

    removed = [removal for name, removal in run.removed().items() if name in ABOVE]
    assert len(removed) >= 0.97 * (PAGES - 1)  # the others share no band with one that stays
    assert {(removal.rule, removal.jaccard) for removal in removed} == {("near", 180 / 224)}
    assert not {removal.kept for removal in removed} & set(run.removed())


def test_pages_that_share_just_too_little_boilerplate_all_stay(run: DedupRun) -> None:
    assert jaccard(BELOW["below 0"], BELOW["below 1"]) == 180 / 226

    assert kept_of(run, BELOW) == set(BELOW)


def test_of_a_chain_those_stay_that_are_like_none_that_stays(run: DedupRun) -> None:
    assert jaccard(CHAINED["chain 0"], CHAINED["chain 1"]) == 92 / 108
    assert jaccard(CHAINED["chain 0"], CHAINED["chain 2"]) == 84 / 116

    # All are as long as the others: the ids order them. Greedily, each goes if a neighbour stays.
    ids = {row["locator"]: row["doc_id"] for row in run.documents}
    stay = set[int]()
    for number in sorted(range(CHAIN), key=lambda number: ids[f"chain {number}"]):
        if not {number - 1, number + 1} & stay:
            stay.add(number)
    assert kept_of(run, CHAINED) == {f"chain {number}" for number in stay}
    assert CHAIN / 3 <= len(stay) <= CHAIN / 2
    assert run.counts["transitive_only"] > 0


def test_documents_of_a_few_words_are_duplicates_only_if_they_have_the_same(run: DedupRun) -> None:
    stay = [" ".join(FEW[name].split()) for name in kept_of(run, FEW)]

    assert sorted(stay) == sorted({" ".join(text.split()) for text in FEW.values()})
    assert "" in stay
    assert {removal.rule for name, removal in run.removed().items() if name in FEW} == {"exact"}


def test_the_same_shingles_in_another_order_are_the_same_but_no_copy(run: DedupRun) -> None:
    texts = CORPORA["rotated"]
    assert len({shingles(text) for text in texts.values()}) == 1

    (kept,) = kept_of(run, texts)
    assert {removal for name, removal in run.removed().items() if name in texts} == {
        Removal(kept, "near", 1.0)
    }


def test_a_long_document_is_compared_as_a_whole(run: DedupRun) -> None:
    texts = CORPORA["long"]
    assert len(texts["long"]) > 1_000_000

    sets = [shingles(texts[name]) for name in ("long", "long, cut")]
    assert kept_of(run, texts) == {"long", "long, half"}
    assert run.removed()["long, cut"] == Removal("long", "near", similarity(*sets))


# --- the way the work is cut up ---------------------------------------------------------------------------------------


def by_name(run: DedupRun) -> list[tuple[Any, ...]]:
    """Decisions without the place of the document, which depends on how the input was read."""
    columns = (
        "doc_id",
        "kept_doc_id",
        "rule",
        "jaccard",
        "containment",
        "bands_matched",
        "cluster_id",
        "kept_source",
    )
    return sorted(tuple(row[name] for name in columns) for row in run.decisions)


def engine_counts(run: DedupRun) -> dict[str, Any]:
    """What the stage counts; all of it is said of the corpus, nothing of how the work was cut up."""
    return run.counts


def test_many_small_tasks_and_components_by_joins_decide_the_same(
    with_spark: DedupRun, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TASK_BYTES", 60_000)
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        other = run_dedup_of(
            spark, tmp_path, CORPORA, engine={"local_components_edges": 0, "split_bytes": 300_000}
        )
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", str(before))

    assert len({row["part"] for row in other.documents}) > len({row["part"] for row in with_spark.documents})
    assert by_name(other) == by_name(with_spark)
    assert engine_counts(other) == engine_counts(with_spark)


def test_processes_of_one_machine_decide_what_spark_decides_and_leave_nothing_else_behind(
    with_spark: DedupRun, without_spark: DedupRun
) -> None:
    assert by_name(without_spark) == by_name(with_spark)
    assert engine_counts(without_spark) == engine_counts(with_spark)
    assert {path.name for path in (without_spark.folder / "dedup").iterdir()} == {
        path.name for path in (with_spark.folder / "dedup").iterdir()
    }


def test_many_small_slots_on_one_core_decide_the_same(
    without_spark: DedupRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TASK_BYTES", 60_000)
    tasks = LocalTasks(1)
    engine = {"split_bytes": 300_000, "shuffle_partitions": 7}

    other = run_dedup_of(tasks, tmp_path, CORPORA, engine=engine)

    tasks.close()
    assert len({row["part"] for row in other.documents}) > 1
    assert by_name(other) == by_name(without_spark)
    assert engine_counts(other) == engine_counts(without_spark)


def test_more_pairs_than_one_task_settles_are_settled_by_spark(
    spark: SparkSession, without_spark: DedupRun, local: LocalTasks, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "input" / "chains.jsonl", CHAINED)
    settings = dedup_settings(tmp_path, ["chains"], engine={"local_components_edges": 0})
    config = PrepareConfig.model_validate(settings)

    Pipeline(lambda: spark, config, plan_input(config), lambda _: None, lambda *_: None, local).prepare(DEDUP)

    removed = read_run(config).removed()
    assert removed == {name: why for name, why in without_spark.removed().items() if name in CHAINED}


# --- settings ---------------------------------------------------------------------------------------------------------


def test_buckets_over_the_cap_are_counted_and_shown_and_nothing_in_them_goes_unseen(
    spark: SparkSession, tmp_path: Path
) -> None:
    run = run_dedup_of(spark, tmp_path, {"pages": ABOVE}, near_dedup={"max_bucket_size": 25})
    found = expected(run)

    assert run.removed() == found.removed
    assert len(run.kept()) > 0.7 * PAGES
    assert run.counts["capped_comparisons"] == found.skipped > PAGES
    assert run.counts["capped_buckets"] > 0
    assert {(size, size - skipped) for size, skipped, _ in run.counts["capped_examples"]} == {
        (size, 25) for size, _, _ in run.counts["capped_examples"]
    }
    assert all(text.startswith("above0000 above0001") for _, _, text in run.counts["capped_examples"])


def test_the_fineweb_preset_removes_whole_components_unseen(spark: SparkSession, tmp_path: Path) -> None:
    run = run_dedup_of(
        spark, tmp_path, {"chains": CHAINED, "pages": BELOW, "few": FEW}, near_dedup={"preset": "fineweb"}
    )

    assert run.removed() == expected(run).removed
    assert {row["jaccard"] for row in run.decisions if row["rule"] == "near"} == {None}
    assert len(kept_of(run, CHAINED)) <= 5  # of 60 that differ as wholes: what unverified links do
    assert len(kept_of(run, BELOW)) < PAGES / 2
    assert (run.counts["verify"], run.counts["verified_pairs"]) == (False, 0)


def test_the_audit_preset_finds_nearly_all_in_a_tenth_of_the_texts(
    spark: SparkSession, tmp_path: Path
) -> None:
    corpora = {"above": pages("above", 184, 22, 3_000), "copies": CORPORA["copies"], "below": BELOW}

    run = run_dedup_of(spark, tmp_path, corpora, near_dedup={"preset": "audit"})

    assert run.removed() == expected(run).removed
    # The slice is a binomial sample of the 3,000 texts: 300, within five standard deviations.
    near = sum(removal.rule == "near" for removal in run.removed().values())
    assert 218 <= near <= 382
    assert not set(run.removed()) & set(BELOW)


def test_a_document_that_lies_within_another_goes_where_containment_is_asked_for(
    spark: SparkSession, tmp_path: Path
) -> None:
    texts = {"whole": words("w", 104), "part": words("w", 64, 20), "other": words("o", 70)}
    texts |= {"part and more": f"{words('w', 60)} {words('more', 20)}"}
    near_dedup = {"num_bands": 32, "rows_per_band": 4, "min_containment": 0.9}

    run = run_dedup_of(spark, tmp_path, {"web": texts}, near_dedup=near_dedup)

    # 60 shingles, all of the other's 100; of `part and more`, 56 of 76 are.
    assert run.removed() == {"part": Removal("whole", "contained", 60 / 100)}
    assert [row["containment"] for row in run.decisions] == [1.0]


# --- garbage ----------------------------------------------------------------------------------------------------------


def test_broken_records_are_quarantined_and_the_others_deduplicated(
    spark: SparkSession, tmp_path: Path
) -> None:
    good = {"good": words("g", 60), "copy of good": words("g", 60), "emoji": "\U0001f600 " + words("e", 60)}
    write_jsonl(tmp_path / "input" / "web.jsonl", good)
    plain = words("g", 60).encode()
    lines = [
        b'{"url": "lone high surrogate", "text": "\\ud800 ' + plain + b'"}',
        b'{"url": "lone low surrogate", "text": "\\udc00 ' + plain + b'"}',
        b'{"url": "halves in the wrong order", "text": "\\ude00\\ud83d ' + plain + b'"}',
        b'{"url": "surrogate as UTF-8", "text": "\xed\xa0\x80 ' + plain + b'"}',
        b'{"url": "cut in two", "text": "\xe0\xa4 ' + plain + b'"}',
        b'{"url": "overlong", "text": "\xc0\xaf ' + plain + b'"}',
        b"\xff\xfe\x00",
        b'{"url": "pair", "text": "\\ud83d\\ude00 ' + words("e", 60).encode() + b'"}',
        b'{"url": "zero bytes", "text": "\\u0000' + plain + b'\\u0000"}',
        b'{"url": "noncharacters", "text": "\\uffff\\ufdd0 ' + words("n", 60).encode() + b'"}',
        b'{"url": "no text", "text": null}',
        b'{"url": "nothing", "text": ""}',
        b'{"url": "marks only", "text": "\\u0301\\u0301\\u0301"}',
    ]
    (tmp_path / "input" / "web-broken.jsonl").write_bytes(b"\n".join(lines))

    run = run_dedup_in(spark, dedup_settings(tmp_path, ["web"]))

    reasons = [(row["reason"], row["sample"][:8]) for row in run.quarantine]
    assert sorted(reason for reason, _ in reasons) == 3 * ["invalid_json"] + 4 * ["invalid_utf8"] + [
        "missing_text"
    ]
    assert set(run.names.values()) == {
        *good, "pair", "zero bytes", "noncharacters", "nothing", "marks only"
    }  # fmt: skip
    removed = run.removed()
    assert run.removed() == expected(run).removed
    assert {frozenset((name, removal.kept)) for name, removal in removed.items()} >= {
        frozenset(("emoji", "pair"))
    }
    assert len({"good", "copy of good", "zero bytes"} - set(removed)) == 1
    assert {"noncharacters", "nothing", "marks only"} <= run.kept()
