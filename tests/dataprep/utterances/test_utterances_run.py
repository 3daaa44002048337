"""The utterance track on records written out here: expected counts are counted by hand."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from utterance_helpers import configured, in_turn, ledger, record, rows, run, write

from dataprep import files
from dataprep.config import PrepareConfig
from dataprep.sample.utterances import LAST_DAY, LOCALES, write_utterances
from dataprep.utterances.config import UtterancesConfig
from dataprep.utterances.run import UtteranceRun, UtterancesError, plan_utterances
from dataprep.utterances.unique import split_of, weights


def by_text(config: UtterancesConfig) -> dict[str, dict[str, Any]]:
    return {row["text"]: row for row in rows(config, "documents")}


def test_spellings_of_one_utterance_are_one_with_their_counts_and_speakers(
    tmp_path: Path, model: str
) -> None:
    write(
        tmp_path / "in/a.jsonl",
        [record("Play  Music!", "anna", domain="music"), record("play music", "bert", count=4)],
    )
    write(tmp_path / "in/b.jsonl", [record("play music.", "anna", domain="audio"), record("Stop", "anna")])
    config = configured(tmp_path, model)

    run(config)

    found = by_text(config)
    assert set(found) == {"play music", "stop"}
    music = found["play music"]
    assert (music["frequency"], music["num_sources"], music["cluster_size"], music["weight"]) == (6, 2, 3, 2)
    assert (music["file"], music["domain"], music["form"], music["locale"]) == (
        "a.jsonl",
        "audio",
        "spoken",
        "en-US",
    )
    assert ledger(config)["total"] == {
        "read": 4,
        "kept": 2,
        "dropped": {"repeated_utterance": 2},
        "quarantined": 0,
    }
    assert ledger(config)["by_file"]["a/b.jsonl"]["dropped"] == {"repeated_utterance": 1}


def test_an_utterance_of_fewer_people_than_the_floor_leaves_no_text(tmp_path: Path, model: str) -> None:
    said = [record("call zebedee", "anna", count=100)] * 3
    said += [record("call zebedee", "bert")]
    said += [record("stop", user) for user in ("anna", "bert", "carl")]
    said += [record("go on", count=2), record("go on", "anna")]
    write(tmp_path / "in/a.jsonl", said)
    config = configured(tmp_path, model, min_sources=3)

    run(config)

    assert set(by_text(config)) == {"stop", "go on"}
    assert by_text(config)["go on"]["num_sources"] == 3
    assert ledger(config)["total"]["dropped"] == {"repeated_utterance": 3, "too_few_sources": 4}
    assert not Path(config.run_dir, "work").exists()
    everything = b"".join(path.read_bytes() for path in Path(config.run_dir).rglob("*") if path.is_file())
    assert b"zebedee" not in everything


def test_only_the_days_of_the_window_count(tmp_path: Path, model: str) -> None:
    times = [
        "2026-03-29T23:59:59Z",
        "2026-03-30",
        "2026-03-31T23:59:59Z",
        "2026-04-01T00:30:00+01:00",
        "2026-04-01",
    ]
    write(
        tmp_path / "in/a.jsonl",
        [record(f"say {word}", timestamp=time) for word, time in zip("abcde", times, strict=True)],
    )
    config = configured(tmp_path, model, window={"days": 2, "end": "2026-03-31"})

    run(config)

    assert set(by_text(config)) == {"say b", "say c", "say d"}
    assert ledger(config)["total"]["dropped"] == {"outside_window": 2}


def test_without_an_end_the_window_ends_with_the_newest_record(tmp_path: Path, model: str) -> None:
    write(
        tmp_path / "in/a.jsonl",
        [record("old", timestamp="2025-01-01"), "{broken", record("older", timestamp="2024-12-31")],
    )
    write(tmp_path / "in/b.jsonl", [record("new", timestamp="2025-01-02T22:00:00Z")])
    config = configured(tmp_path, model, window={"days": 2})

    run(config)

    assert set(by_text(config)) == {"old", "new"}
    stage = files.read_json(f"{config.run_dir}/documents/_stage.json")
    assert stage["counts"]["window"] == {"first_day": "2025-01-01", "last_day": "2025-01-02"}


def test_locales_are_chosen_by_language_or_with_their_region(tmp_path: Path, model: str) -> None:
    said = [record("one two", locale=locale) for locale in ("en-US", "en-GB", "de-DE", "de-AT", "nap-IT")]
    write(tmp_path / "in/a.jsonl", said)
    config = configured(tmp_path, model, locales=["en", "de_at", "nap-IT"])

    run(config)

    assert {row["locale"] for row in rows(config, "documents")} == {"en-US", "en-GB", "de-AT", "nap-IT"}
    assert ledger(config)["by_locale"]["de-DE"]["dropped"] == {"locale_not_selected": 1}


def test_broken_records_and_empty_ones_are_in_the_ledger(tmp_path: Path, model: str) -> None:
    write(
        tmp_path / "in/a.jsonl",
        [record("stop"), "{broken", record("?!"), record("x", timestamp="never"), record("")],
    )
    config = configured(tmp_path, model)

    run(config)

    assert ledger(config)["total"] == {"read": 5, "kept": 1, "dropped": {"empty": 2}, "quarantined": 2}
    assert sorted((row["reason"], row["offset"]) for row in rows(config, "quarantine")) == [
        ("invalid_json", 73),
        ("invalid_timestamp", 152),
    ]


def test_private_data_is_replaced_before_anything_is_counted(tmp_path: Path, model: str) -> None:
    write(
        tmp_path / "in/a.jsonl", [record("Mail anna@example.com", "a"), record("mail bert@example.org", "b")]
    )
    config = configured(tmp_path, model, min_sources=2)

    run(config)

    assert set(by_text(config)) == {"mail <email>"}


def test_the_shards_hold_each_utterance_once_in_the_order_of_its_id(tmp_path: Path, model: str) -> None:
    write(tmp_path / "in/a.jsonl", [record(f"say word {index % 90}", f"u{index}") for index in range(300)])
    config = configured(
        tmp_path, model, shards={"shard_bytes": 10_000, "row_group_rows": 7, "validation_fraction": 0.2}
    )
    config = config.model_copy(update={"shards": config.shards.model_copy(update={"shard_bytes": 200})})

    run(config)

    manifest = files.read_json(f"{config.run_dir}/shards/manifest.json")
    documents = {row["doc_id"]: row for row in rows(config, "documents")}
    shards = {entry["path"]: entry for entry in manifest["files"]}
    assert len(shards) > 4
    assert sum(entry["rows"] for entry in shards.values()) == len(documents) == 90
    found = rows(config, "shards")
    assert sorted(row["doc_id"] for row in found) == sorted(documents)
    assert all(row["num_tokens"] == len(row["input_ids"]) for row in found)
    assert {row["doc_id"]: (row["frequency"], row["weight"]) for row in found} == {
        doc_id: (row["frequency"], row["weight"]) for doc_id, row in documents.items()
    }
    train_ids = [row["doc_id"] for row in rows(config, "shards/locale=en-US/split=train")]
    assert train_ids == sorted(train_ids)
    assert all(
        files.file_sha256(f"{config.run_dir}/shards/{path}") == entry["sha256"]
        for path, entry in shards.items()
    )


def test_the_plan_counts_unique_and_up_sampled_utterances(tmp_path: Path, model: str) -> None:
    write(
        tmp_path / "in/a.jsonl",
        [record("stop", count=100), record("go", count=1), record("halt", count=9, locale="de-DE")],
    )
    config = configured(tmp_path, model, shards={"validation_fraction": 0.0})

    run(config)

    locales = files.read_json(f"{config.run_dir}/plan.json")["locales"]
    assert locales["en-US"]["utterances"] == {"unique": 2, "upsampled": 11, "frequency": 101, "validation": 0}
    assert locales["de-DE"]["utterances"] == {"unique": 1, "upsampled": 3, "frequency": 9, "validation": 0}
    assert locales["en-US"]["documents"] == 11


@pytest.mark.parametrize(
    ("law", "beta", "expected"),
    [("power", 0.5, [1, 1, 3, 10]), ("power", 1.0, [1, 2, 9, 50]), ("power", 0.0, [1, 1, 1, 1]),
     ("log", 0.5, [1, 2, 3, 6]), ("none", 0.5, [1, 1, 1, 1])],
)  # fmt: skip
def test_weights_grow_with_the_frequency_up_to_the_cap(law: str, beta: float, expected: list[int]) -> None:
    assert weights(np.array([1, 2, 9, 100]), law, beta, 50).tolist() == expected


@given(st.lists(st.integers(1, 10**12), min_size=2), st.floats(0, 1))
def test_weights_keep_the_order_of_frequencies(frequencies: list[int], beta: float) -> None:
    drawn = weights(np.sort(np.array(frequencies)), "power", beta, 1_000)

    assert (np.diff(drawn) >= 0).all()
    assert 1 <= drawn.min() <= drawn.max() <= 1_000


def test_equal_texts_of_two_locales_share_a_split() -> None:
    texts = [f"say word {index}" for index in range(2_000)]

    share = Counter(split_of(text, "text", 0.25) for text in texts)["validation"] / len(texts)

    assert 0.21 < share < 0.29  # four standard errors; the locale is no argument


@pytest.mark.parametrize(
    ("one", "other"),
    [("turn on the light", "the light turn on"), ("wi-fi on", "on wi fi"), ("play play it", "play it"),
     ("音楽 かけて", "かけて音楽"), ("l'ora", "l ora")],
)  # fmt: skip
def test_utterances_of_the_same_words_can_share_a_split(one: str, other: str) -> None:
    fractions = np.arange(1, 100) / 100

    splits = [[split_of(text, "words", fraction) for fraction in fractions] for text in (one, other)]
    apart = [split_of(one, "text", fraction) != split_of(other, "text", fraction) for fraction in fractions]

    assert splits[0] == splits[1]
    assert any(apart)


def test_no_text_is_in_both_splits_and_the_ledger_balances_on_a_generated_corpus(
    tmp_path: Path, model: str
) -> None:
    truth = write_utterances(tmp_path / "in", 6_000, days=98)
    config = configured(tmp_path, model, window={"days": 98, "end": LAST_DAY.isoformat()}, min_sources=3)

    run(config)

    total = ledger(config)["total"]
    assert total["read"] == truth.records
    assert total["quarantined"] == truth.malformed == 3
    assert total["dropped"]["outside_window"] == truth.outside
    assert {
        locale: entry["read"] for locale, entry in ledger(config)["by_locale"].items() if locale != "und"
    } == truth.per_locale
    documents = rows(config, "documents")
    splits = {
        split: {row["text"] for row in documents if row["split"] == split}
        for split in ("train", "validation")
    }
    assert splits["train"]
    assert splits["validation"]
    assert not splits["train"] & splits["validation"]
    assert all(row["num_sources"] >= 3 for row in documents)
    assert len({row["locale"] for row in documents}) == len(LOCALES) == 15


def test_the_shards_do_not_depend_on_how_the_work_was_cut(tmp_path: Path, model: str) -> None:
    write_utterances(tmp_path / "in", 3_000, locales=LOCALES[:4])
    first = configured(tmp_path, model, run_dir=str(tmp_path / "one"), window={"end": LAST_DAY.isoformat()})
    other = configured(
        tmp_path, model, run_dir=str(tmp_path / "many"), window={"end": LAST_DAY.isoformat()},
        engine={"split_bytes": 5_000, "batch_bytes": 1_000},
    )  # fmt: skip

    run(first, cores=1)
    run(other, cores=7)

    manifests = [files.read_json(f"{config.run_dir}/shards/manifest.json") for config in (first, other)]
    assert len(list(Path(first.run_dir, "documents").glob("*.parquet"))) == 1
    assert len(list(Path(other.run_dir, "documents").glob("*.parquet"))) == 7
    assert manifests[0] == manifests[1]
    assert ledger(first) == ledger(other)


def test_what_is_committed_is_not_done_again_and_a_changed_floor_redoes_it(
    tmp_path: Path, model: str
) -> None:
    write(tmp_path / "in/a.jsonl", [record("stop", "anna"), record("stop", "bert"), record("go", "anna")])
    config = configured(tmp_path, model, shards={"validation_fraction": 0.0})
    done: list[tuple[str, bool]] = []

    def prepare(config: UtterancesConfig) -> None:
        plan = plan_utterances(config)
        UtteranceRun(
            config, plan, in_turn, 1, lambda _: None, lambda r, skipped: done.append((r.stage, skipped))
        ).prepare()

    prepare(config)
    prepare(config)
    prepare(config.model_copy(update={"balance": config.balance.model_copy(update={"alpha": 1.0})}))
    prepare(config.model_copy(update={"min_sources": 2}))

    assert [skipped for _, skipped in done] == [False, False, True, True, True, False, False, False]
    assert set(by_text(config)) == {"stop"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"window": {"end": "2020-01-01"}},
            r"no utterance was kept \(2 outside_window\); the window is 2019-09-26 to 2020-01-01",
        ),
        ({"min_sources": 9}, r"no utterance was kept \(2 too_few_sources\).*min_sources is 9"),
        ({"shards": {"validation_fraction": 0.999999}}, "every utterance fell into validation"),
    ],
)
def test_a_run_that_keeps_nothing_says_why(
    tmp_path: Path, model: str, settings: dict[str, Any], message: str
) -> None:
    write(tmp_path / "in/a.jsonl", [record("stop", "anna"), record("go", "anna")])

    with pytest.raises(UtterancesError, match=message):
        run(configured(tmp_path, model, **settings))


def test_an_input_of_broken_records_says_what_a_record_is(tmp_path: Path, model: str) -> None:
    write(tmp_path / "in/a.jsonl", ["{broken"])

    with pytest.raises(
        UtterancesError, match=r"1 input file\(s\) hold no readable utterance; a record is \{text,"
    ):
        run(configured(tmp_path, model, window={"days": 5}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"locales": ["english!"]}, "english! is no BCP 47 code"),
        ({"locales": []}, "the list is no BCP 47 code"),
        ({"sources": [{"name": "a", "format": "jsonl", "paths": ["x"]}]}, "a: format must be utterances"),
        ({"encryption": {"kms": "paper", "key_id": "x"}}, "'env' or 'aws'"),
    ],
)
def test_a_wrong_setting_is_refused(
    tmp_path: Path, model: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        configured(tmp_path, model, **settings)


def test_encryption_must_be_answered(tmp_path: Path, model: str) -> None:
    values = json.loads(configured(tmp_path, model).model_dump_json(exclude={"encryption"}))

    with pytest.raises(ValueError, match="encryption\n  Field required"):
        UtterancesConfig.model_validate(values)


def test_the_main_job_refuses_utterances() -> None:
    with pytest.raises(ValueError, match="make utterances"):
        PrepareConfig(run_dir="r", sources=[{"name": "a", "format": "utterances", "paths": ["x"]}])  # type: ignore[list-item]
