"""Contamination: matches are summed up as sets would, and documents go for what they hold, by thresholds alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels.references import as_batch, units
from pyspark.sql import SparkSession

from dataprep import schema as s
from dataprep.config import PrepareConfig, RulesConfig
from dataprep.filter.decontaminate import Matches, index_items, matches_of
from dataprep.filter.evaluation_sets import EvaluationSet
from dataprep.kernels.overlap import ANCHOR_WORDS, WHOLE_LINE, matching_runs
from dataprep.pipeline import FATES, Pipeline
from dataprep.plan import plan_input
from dataprep.schema import DECONTAMINATION, EVALUATION_ITEMS

ITEM = "please remind my grandmother that the night ferry leaves the old harbour at seven"
OTHER_ITEM = "the ticket office beside the lighthouse opens every morning when the fog has gone away"
HINDI = "मेरी दादी को याद दिलाना कि रात की नाव रविवार शाम सात बजे पुराने बंदरगाह से निकलती है"
CHINESE = "请提醒我的祖母，夜班渡轮星期天晚上七点从老港口出发，别忘了带上雨伞和热茶。"
THAI = "ช่วยเตือนคุณยายของฉันว่าเรือข้ามฟากกลางคืนจะออกจากท่าเรือเก่าตอนหนึ่งทุ่มวันอาทิตย์"
ARABIC = "ذكّر جدتي أن العبّارة الليلية تغادر الميناء القديم في الساعة السابعة مساء يوم الأحد من فضلك الآن"


def page(text: str, name: str) -> str:
    """A document of its own with a text in it."""
    own = " ".join(f"{name}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    return f"{own} {own[::-1]}.\nBefore it {text} after it."


def evaluation_set(name: str, *texts: str) -> EvaluationSet:
    return EvaluationSet(name, [f"{name}:{number}" for number in range(len(texts))], list(texts), "00")


def measured(documents: list[str], *sets: EvaluationSet) -> Matches:
    items = index_items(sets, ngram=13, repair_mojibake=True, kept_private_data=())
    return matches_of(matching_runs(*as_batch(documents), items.overlap), items.overlap, items.set_of)


vocabulary = st.sampled_from(
    ("one two three four five six", "seven eight nine ten", "x", "漢字かな交じり文", "नमस्ते जी", "yes")
)
phrases = st.lists(vocabulary, min_size=1, max_size=6).map(" ".join)
lines = st.lists(phrases, min_size=1, max_size=4).map("\n".join)


@given(st.lists(phrases, min_size=1, max_size=5), st.lists(lines, max_size=4), st.integers(1, 3))
def test_matches_are_what_sets_of_places_say(texts: list[str], documents: list[str], number: int) -> None:
    sets = [evaluation_set(f"set{n}", *texts[n::number]) for n in range(number)]
    items = index_items(sets, ngram=7, repair_mojibake=False, kept_private_data=tuple(s.PRIVATE_DATA))
    runs = matching_runs(*as_batch(documents), items.overlap)
    rows = list(zip(*(column.tolist() for column in runs[:7]), strict=True))

    found = matches_of(runs, items.overlap, items.set_of)

    sizes = np.diff(items.overlap.starts).tolist()
    keys = sorted({row[:2] for row in rows})
    assert list(zip(found.document.tolist(), found.item.tolist(), strict=True)) == keys
    for place, (document, item) in enumerate(keys):
        own = [row for row in rows if row[:2] == (document, item)]
        of_set = [row for row in rows if row[0] == document and items.set_of[row[1]] == items.set_of[item]]
        anchor = ANCHOR_WORDS * int(items.overlap.scales[item])
        starts = {
            place for row in own if row[6] != WHOLE_LINE for place in range(row[4], row[5] - anchor + 1)
        }
        anchors = {int(items.overlap.anchor_at[items.overlap.starts[item] + start]) for start in starts} - {
            -1
        }
        wholes = {len(items.overlap.anchors.keys) + item for row in own if row[6] == WHOLE_LINE}
        assert found.match_length[place] == max(
            sizes[item] if row[6] == WHOLE_LINE else row[6] for row in own
        )
        assert found.item_found[place] == len({at for row in own for at in range(row[4], row[5])})
        assert found.document_found[place] == len({at for row in own for at in range(row[2], row[3])})
        assert found.set_found[place] == len({at for row in of_set for at in range(row[2], row[3])})
        assert found.set_items[place] == len({row[1] for row in of_set})
        assert found.is_whole[place] == bool(wholes)
        assert found.num_units[place] == len(units(documents[document]))
        bounds = found.gram_starts[place : place + 2]
        assert set(found.grams[bounds[0] : bounds[1]].tolist()) == anchors | wholes


def test_items_get_the_normal_form_of_documents_and_equal_ones_are_indexed_once() -> None:
    sets = [
        evaluation_set("a", "Cafe\u0301 au lait", "CAFÉ, au lait!", "Mail me@example.org", "***"),
        evaluation_set("b", "café au lait"),
    ]

    items = index_items(sets, ngram=13, repair_mojibake=True, kept_private_data=())

    assert items.rows == [(0, "a:0", 0), (0, "a:1", 0), (0, "a:2", 1), (0, "a:3", -1), (1, "b:0", 2)]
    assert (items.ids, items.set_of.tolist()) == (["a:0", "a:2", "b:0"], [0, 0, 1])
    assert measured(["mail <email>"], sets[0]).is_whole.tolist() == [True]


def test_no_runs_give_no_matches() -> None:
    found = measured(["nothing of the kind", ""], evaluation_set("a", ITEM))

    assert [len(column) for column in found] == [0] * 9 + [1, 0]


class Run(NamedTuple):
    """What a run left, read before the next one.

    Attributes:
        ran: stages that were not skipped.
        reasons: drop reason of each document, by its locator.
        matches: rows of `decontamination/`, by locator and item.
        items: rows of `decontamination/items/`.
        counts: of the records of decontamination (null without) and fates.
        rejected: rows of `rejected_sample/` of contaminated documents.
    """

    ran: list[str]
    reasons: dict[str, str | None]
    matches: dict[tuple[str, str], dict[str, Any]]
    items: list[dict[str, Any]]
    counts: list[dict[str, Any] | None]
    rejected: list[dict[str, Any]]


QUOTE = "as everybody in the harbour says every morning the early bird gets the best herring of all"
DOCUMENTS = {
    "verbatim": page(ITEM, "ab"),
    "changed": page(ITEM.upper().replace(" ", ",  ").replace("FERRY", "BARGE"), "cd"),
    "split": page(ITEM.replace(" the ", "\nthe "), "ef"),
    "half": page(" ".join(ITEM.split()[:7]), "gh"),
    "item": OTHER_ITEM,
    "short-within": page("turn it off", "ij"),
    "short-line": page("so he said:\nTurn it off!\nand she did", "kl"),
    "short-alone": "turn it\noff",
    "hindi": page(HINDI, "mn"),
    "chinese": page(CHINESE, "op"),
    "thai": page(THAI, "qr"),
    "arabic": page(ARABIC, "st"),
    "boilerplate-line": page("of another source", "uv"),
    **{f"quote{number}": page(QUOTE, f"w{number}") for number in range(4)},
}
NO_RULES: dict[str, Any] = dict.fromkeys(RulesConfig.model_fields) | {
    "drop_lorem_ipsum": False,
    "drop_blocked_urls": False,
    "code_mixed": "keep",
}


def run(spark: SparkSession, root: Path, **decontaminate: Any) -> Run:
    config = PrepareConfig.model_validate(
        {
            "run_dir": str(root / "run"),
            "input_root": str(root),
            "sources": [{"name": "notes", "format": "jsonl", "paths": ["notes-*.jsonl"], "language": "en"}],
            "rules": NO_RULES,
            "thresholds": "none",
            "decontaminate": {"rules": {"max_documents": 3}} | decontaminate,
        }
    )
    ran: list[str] = []
    pipeline = Pipeline(
        lambda: spark,
        config,
        plan_input(config),
        lambda _: None,
        lambda record, skipped: None if skipped else ran.append(record.stage),
    )
    pipeline.prepare(FATES)
    folder = root / "run"
    documents = pq.read_table(folder / "documents", columns=["locator", "part", "row"]).to_pylist()
    locators = {(row["part"], row["row"]): row["locator"] for row in documents}
    fates = pq.read_table(folder / "fates").to_pylist()
    paths = sorted((folder / "decontamination").glob("part-*.parquet"))
    rows = [row for path in paths for row in pq.read_table(path).cast(DECONTAMINATION).to_pylist()]
    items = folder / "decontamination" / "items" / "part-000000.parquet"
    records = [folder / name / "_stage.json" for name in ("decontamination", "fates")]
    sample = pq.read_table(folder / "rejected_sample").to_pylist()
    return Run(
        ran,
        {locators[row["part"], row["row"]]: row["drop_reason"] for row in fates},
        {(locators[row["part"], row["row"]], row["item"].rpartition("/")[2]): row for row in rows},
        pq.read_table(items).cast(EVALUATION_ITEMS).to_pylist() if items.exists() else [],
        [json.loads(path.read_text())["counts"] if path.exists() else None for path in records],
        [row for row in sample if row["drop_reason"] == "contaminated"],
    )


@pytest.fixture(scope="module")
def runs(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One folder: with sets; with other thresholds; with other sets; with none."""
    root = tmp_path_factory.mktemp("decontamination")
    for half in (0, 1):  # two files, so that a quote's documents lie in different tasks
        records = [{"id": name, "text": text} for name, text in list(DOCUMENTS.items())[half::2]]
        text = "".join(json.dumps(record) + "\n" for record in records)
        (root / f"notes-{half}.jsonl").write_text(text)
    utterances = [
        ITEM,
        OTHER_ITEM,
        "turn it off",
        HINDI,
        CHINESE,
        THAI,
        ARABIC,
        ITEM.title(),
        "never said at all",
    ]
    (root / "utterances.jsonl").write_text("".join(json.dumps({"utt": text}) + "\n" for text in utterances))
    (root / "paragraphs.txt").write_text(f"{QUOTE} and nobody else says it like this in any other town\n")
    utterance_set = {"name": "utterances", "paths": ["utterances.jsonl"], "fields": ["utt"]}
    paragraph_set = {"name": "paragraphs", "paths": ["paragraphs.txt"]}
    sets = [utterance_set, paragraph_set]
    return {
        "first": run(spark, root, sets=sets),
        "loose": run(spark, root, sets=[utterance_set, paragraph_set | {"rules": {"max_documents": None}}]),
        "other": run(spark, root, sets=[paragraph_set]),
        "none": run(spark, root),
    }


def test_documents_go_for_the_items_they_hold_and_for_nothing_less(runs: dict[str, Run]) -> None:
    gone = {name for name, reason in runs["first"].reasons.items() if reason == "contaminated"}

    assert gone == {
        "verbatim",
        "changed",
        "split",
        "item",
        "short-alone",
        "hindi",
        "chinese",
        "thai",
        "arabic",
    }
    assert len(runs["first"].reasons) == len(DOCUMENTS)


def test_the_table_says_how_much_of_which_item_a_document_has(runs: dict[str, Run]) -> None:
    matches = runs["first"].matches

    names = (
        "match_length",
        "item_units",
        "unit_scale",
        "item_coverage",
        "documents",
        "is_whole",
        "set_items",
    )
    told = {key: tuple(row[name] for name in names) for key, row in matches.items()}
    item = "utterances.jsonl:0:utt"
    # The word that "changed" lacks is in two documents, the rest of the item in three.
    assert told["verbatim", item] == (14, 14, 1, 1.0, 2, False, 1)
    assert told["changed", item] == (13, 14, 1, pytest.approx(13 / 14), 3, False, 1)
    assert ("half", item) not in told
    assert told["item", "utterances.jsonl:1:utt"] == (15, 15, 1, 1.0, 1, True, 1)
    assert told["short-line", "utterances.jsonl:2:utt"] == (3, 3, 1, 1.0, 2, True, 1)
    assert matches["short-alone", "utterances.jsonl:2:utt"]["set_coverage"] == 1.0
    assert matches["short-line", "utterances.jsonl:2:utt"]["set_coverage"] < 0.05
    assert told["chinese", "utterances.jsonl:4:utt"][:3] == (34, 34, 2)
    assert told["thai", "utterances.jsonl:5:utt"][2:4] == (3, 1.0)
    assert told["quote0", "paragraphs.txt:0"][:5] == (17, 28, 1, pytest.approx(17 / 28), 4)


def test_other_thresholds_read_no_text_and_other_sets_redo_the_stage(runs: dict[str, Run]) -> None:
    assert [each.ran for each in runs.values()] == [
        ["annotate", "dedup", "decontaminate", "fates"],
        ["fates"],
        ["decontaminate", "fates"],
        ["fates"],
    ]


def test_what_many_documents_share_condemns_only_where_a_set_says_so(runs: dict[str, Run]) -> None:
    def gone(name: str) -> Counter[str]:
        return Counter(doc[:5] for doc, reason in runs[name].reasons.items() if reason == "contaminated")

    assert (gone("first")["quote"], gone("loose")["quote"], gone("other")["quote"]) == (0, 4, 0)
    assert sum(gone("loose").values()) == sum(gone("first").values()) + 4


def test_every_item_has_a_row_with_the_documents_it_was_found_in(runs: dict[str, Run]) -> None:
    items = {row["item"]: row for row in runs["first"].items}

    assert {name: row["documents"] for name, row in items.items()} == {
        **{f"utterances.jsonl:{number}:utt": n for number, n in enumerate([3, 1, 2, 1, 1, 1, 1, 3, 0])},
        "paragraphs.txt:0": 4,
    }
    assert items["utterances.jsonl:7:utt"]["same_as"] == "utterances.jsonl:0:utt"
    assert items["utterances.jsonl:0:utt"]["same_as"] is None


def test_the_records_count_items_and_documents_per_set(runs: dict[str, Run]) -> None:
    measured_counts, fates = runs["first"].counts

    assert measured_counts is not None
    assert fates is not None
    assert (measured_counts["documents"], measured_counts["documents_matched"]) == (17, 14)
    assert [
        {key: value for key, value in each.items() if key != "sha256"} for each in measured_counts["sets"]
    ] == [
        {"name": "utterances", "items": 9, "distinct_items": 8, "items_found": 7, "documents_matched": 10},
        {"name": "paragraphs", "items": 1, "distinct_items": 1, "items_found": 1, "documents_matched": 4},
    ]
    assert fates["contaminated"] == {"utterances": 9}
    assert runs["none"].counts[0] is None


def test_examples_of_contaminated_documents_name_the_set_and_its_threshold(runs: dict[str, Run]) -> None:
    shown = {(row["signal"], row["threshold"]) for row in runs["first"].rejected}

    assert shown == {("item_coverage of utterances", 0.5)}
    assert all(row["value"] > 0.9 and row["excerpt"] for row in runs["first"].rejected)
