"""What becomes of private data, kind by kind: from the setting over columns and rules to the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from dataprep import schema as s
from dataprep.annotate.arrow_pass import AnnotateSettings
from dataprep.annotate.task import ReadTask, TaskResult, run_read_task
from dataprep.config import PrepareConfig, PrivateDataConfig
from dataprep.filter.rules import EXPLANATIONS, PRIVATE_DATA_RULES, RULE_REASONS, RULES, Rows, rules_in_force
from dataprep.pipeline import annotate_settings, stage_settings
from dataprep.plan import InputPlan
from dataprep.report.numbers import build_report
from dataprep.sources.record import Split

KINDS = ["email", "ip_address", "phone_number", "iban", "payment_card", "national_id"]
NOTHING = InputPlan((), (), ())


def prepare_config(**normalise: Any) -> PrepareConfig:
    return PrepareConfig.model_validate(
        {
            "run_dir": "run",
            "sources": [{"name": "s", "format": "jsonl", "paths": ["x"]}],
            "normalise": normalise,
        }
    )


def test_settings_columns_and_rules_know_the_same_kinds() -> None:
    assert list(PrivateDataConfig.model_fields) == list(s.PRIVATE_DATA) == list(PRIVATE_DATA_RULES) == KINDS


@pytest.mark.parametrize(
    ("normalise", "kept", "dropped"),
    [
        ({}, [], []),
        ({"private_data": "keep"}, KINDS, []),
        ({"private_data": "drop"}, [], KINDS),
        ({"private_data_by_kind": {"iban": "drop", "ip_address": "keep"}}, ["ip_address"], ["iban"]),
        ({"private_data": "keep", "private_data_by_kind": {"email": "replace"}}, KINDS[1:], []),
    ],
)
def test_a_kind_has_its_own_policy_or_the_common_one(
    normalise: dict[str, Any], kept: list[str], dropped: list[str]
) -> None:
    config = prepare_config(**normalise).normalise

    assert (config.private_data_with("keep"), config.private_data_with("drop")) == (kept, dropped)


@pytest.mark.parametrize(
    ("normalise", "message"),
    [
        ({"private_data": "hide"}, "Input should be 'replace', 'keep' or 'drop'"),
        ({"private_data_by_kind": {"emails": "keep"}}, r"emails\n  Extra inputs are not permitted"),
        ({"private_data_by_kind": {"email": True}}, "Input should be 'replace', 'keep' or 'drop'"),
    ],
)
def test_a_policy_or_kind_that_does_not_exist_is_refused(normalise: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        prepare_config(**normalise)


@pytest.mark.parametrize(
    ("normalise", "replaces", "kept"),
    [
        ({}, True, ()),
        ({"private_data": "keep"}, False, tuple(KINDS)),
        ({"private_data": "drop", "private_data_by_kind": {"email": "keep"}}, True, ("email",)),
    ],
)
def test_text_is_only_kept_where_the_policy_is_to_keep_it(
    normalise: dict[str, Any], replaces: bool, kept: tuple[str, ...]
) -> None:
    settings = annotate_settings(prepare_config(**normalise))

    assert (settings.replace_private_data, settings.kept_private_data) == (replaces, kept)


def test_dropping_what_was_replaced_does_not_read_the_text_again() -> None:
    replaced = stage_settings(prepare_config(), NOTHING)
    dropped = stage_settings(prepare_config(private_data_by_kind={"iban": "drop"}), NOTHING)
    kept = stage_settings(prepare_config(private_data_by_kind={"iban": "keep"}), NOTHING)

    assert dropped["annotate"] == replaced["annotate"] != kept["annotate"]
    assert dropped["dedup"] != replaced["dedup"]


def test_rules_for_private_data_are_in_force_where_asked_for_and_come_last() -> None:
    config = prepare_config(private_data_by_kind={"payment_card": "drop", "email": "drop"})

    reasons = [rule.reason for rule in rules_in_force(config)]

    assert rules_in_force(prepare_config()) == RULES
    assert reasons[-2:] == ["private_email", "private_payment_card"]
    assert reasons[:-2] == [rule.reason for rule in RULES]


def test_every_rule_for_private_data_is_a_known_and_explained_reason() -> None:
    reasons = {f"private_{kind}" for kind in KINDS}

    assert {rule.reason for rule in PRIVATE_DATA_RULES.values()} == reasons
    assert reasons < set(EXPLANATIONS)
    assert reasons < RULE_REASONS


def test_a_document_with_what_is_to_be_dropped_is_rejected_and_others_are_not() -> None:
    rule = PRIVATE_DATA_RULES["iban"]
    batch = pa.RecordBatch.from_pydict({"num_ibans": pa.array([0, 1, 3, None], pa.int32())})

    rejected = rule.rejects(Rows(batch, {}, np.zeros(4, np.int64)))

    assert rejected.tolist() == [False, True, True, False]


def test_a_task_counts_what_it_found_per_source_and_kind(tmp_path: Path) -> None:
    texts = ["Write to a@example.org or b@example.org.", "To c@example.org: DE89 3704 0044 0532 0130 00", "–"]
    path = tmp_path / "x"
    path.write_text("".join(json.dumps({"text": text, "url": "u"}) + "\n" for text in texts))
    settings = AnnotateSettings(
        repair_mojibake=True,
        replace_private_data=True,
        language_model=None,
        language_max_bytes=1200,
        num_bands=4,
        rows_per_band=2,
        seed=1,
    )

    result = run_read_task(
        ReadTask(5, (Split("web", "mc4", "x", str(path)),)),
        run_dir=str(tmp_path / "run"),
        settings=settings,
        batch_bytes=30,
    )

    assert result.private_data == {
        ("web", "email", "found"): 3,
        ("web", "email", "documents"): 2,
        ("web", "iban", "found"): 1,
        ("web", "iban", "documents"): 1,
    }
    assert TaskResult.from_json(result.to_json()) == result


def test_the_report_lists_what_was_found_per_source_and_kind(tmp_path: Path) -> None:
    entry = {"read": 3, "kept": 3, "dropped": {}, "quarantined": 0}
    ledger = {
        "schema_version": s.SCHEMA_VERSION,
        "total": entry,
        "by_source": {"web": entry},
        "by_locale": {"en": entry},
        "by_file": {"web/x": entry},
    }
    counts = {
        "documents": 3,
        "private_data": [["web", "email", "documents", 2], ["web", "email", "found", 5]],
    }
    (tmp_path / "documents").mkdir()
    stage = {"stage": "annotate", "elapsed_s": 1.0, "counts": counts}
    (tmp_path / "documents" / "_stage.json").write_text(json.dumps(stage))
    (tmp_path / "ledger.json").write_text(json.dumps(ledger))

    inputs = build_report(str(tmp_path))["inputs"]

    assert inputs["private_data"] == [{"source": "web", "kind": "email", "found": 5, "documents": 2}]
