import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataprep.config import NearDedupConfig, ReportConfig
from dataprep.report.definitions import DEFINITIONS
from dataprep.report.numbers import ReportError, build_report, candidate_probability
from dataprep.report.recall import Planted, planted_recall
from dataprep.report.write import write_report

Rows = list[dict[str, Any]]


def leaf_paths(value: Any, path: str = "") -> Iterator[str]:
    """Paths of everything that is neither an object nor a list, as the definitions spell them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaf_paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from leaf_paths(item, path)
    else:
        yield path


def test_verdict_states_the_equation_with_its_numbers(run_dir: Path) -> None:
    verdict = build_report(str(run_dir))["verdict"]

    assert (verdict["read"], verdict["kept"], verdict["dropped"], verdict["quarantined"]) == (
        2198,
        1626,
        565,
        7,
    )
    assert verdict["difference"] == 0
    assert verdict["balanced"] is True
    assert verdict["consistent"] is True
    assert [check["check"] for check in verdict["checks"]] == [
        "total", "sources", "locales", "files", "sources_sum", "locales_sum", "files_sum", "quarantine_folder",
        "lines", "fates", "dedup", "shards",
    ]  # fmt: skip


def test_one_lost_record_unbalances_the_ledger_and_is_named(run_dir: Path) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    ledger["by_file"]["wikipedia/hewiki.xml.bz2"]["read"] += 1
    (run_dir / "ledger.json").write_text(json.dumps(ledger))

    verdict = build_report(str(run_dir))["verdict"]

    failed = {check["check"]: check["failures"] for check in verdict["checks"] if not check["passed"]}
    assert verdict["balanced"] is False
    assert failed == {
        "files": [{"entry": "wikipedia/hewiki.xml.bz2", "expected": 93, "found": 92}],
        "files_sum": [{"entry": "read", "expected": 2198, "found": 2199}],
    }


def test_a_total_that_does_not_add_up_shows_its_difference(run_dir: Path) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    ledger["total"]["kept"] -= 5
    (run_dir / "ledger.json").write_text(json.dumps(ledger))

    verdict = build_report(str(run_dir))["verdict"]

    assert verdict["difference"] == 5
    assert verdict["balanced"] is False


@pytest.mark.parametrize(
    ("file", "change", "check", "failure"),
    [
        ("dedup", {"near_removed": 126}, "dedup", {"entry": "near_duplicate", "expected": 127, "found": 126}),
        ("fates", {"funnel": []}, "fates", {"entry": "mc4: curly_braces", "expected": 40, "found": 0}),
    ],
)
def test_a_stage_that_disagrees_with_the_ledger_is_inconsistent(
    run_dir: Path, file: str, change: dict[str, Any], check: str, failure: dict[str, Any]
) -> None:
    record = json.loads((run_dir / file / "_stage.json").read_text())
    record["counts"] |= change
    (run_dir / file / "_stage.json").write_text(json.dumps(record))

    verdict = build_report(str(run_dir))["verdict"]

    failed = {row["check"]: row["failures"] for row in verdict["checks"] if not row["passed"]}
    assert (verdict["balanced"], verdict["consistent"]) == (True, False)
    assert list(failed) == [check]
    assert failure in failed[check]


def test_a_quarantine_folder_with_too_few_records_is_inconsistent(run_dir: Path) -> None:
    (run_dir / "quarantine" / "part-0.parquet").unlink()

    verdict = build_report(str(run_dir))["verdict"]

    failed = {check["check"]: check["failures"] for check in verdict["checks"] if not check["passed"]}
    assert failed == {"quarantine_folder": [{"entry": "quarantined", "expected": 7, "found": 5}]}


def test_sources_show_what_went_in(run_dir: Path) -> None:
    inputs = build_report(str(run_dir))["inputs"]

    assert (inputs["files"], inputs["read"], inputs["documents"]) == (8, 2198, 2191)
    assert (inputs["text_bytes"], inputs["repaired"]) == (6_112_200, 13)
    rows = [
        (row["source"], row["files"], row["read"], row["text_bytes"], row["quarantined"])
        for row in inputs["sources"]
    ]
    assert rows == [
        ("mc4", 5, 1510, 3_146_800, 3),
        ("opensubtitles", 1, 242, 217_900, 4),
        ("wikipedia", 2, 446, 2_747_500, 0),
    ]


def test_reasons_come_with_counts_fractions_and_explanations(
    run_dir: Path, explanations: dict[str, str]
) -> None:
    drops = build_report(str(run_dir), explanations)["drops"]

    assert [(row["reason"], row["documents"]) for row in drops["reasons"]] == [
        ("too_few_words", 252), ("near_duplicate", 127), ("exact_duplicate", 77), ("curly_braces", 40),
        ("uncertain_language", 24), ("too_few_characters", 21), ("short_lines", 14), ("symbols", 6), ("bullets", 4),
    ]  # fmt: skip
    assert drops["reasons"][3]["explanation"] == "Program code rather than prose (C4 section 2.2)."
    assert drops["reasons"][3]["text_bytes"] == 60_000
    assert drops["reasons"][3]["fraction_of_read"] == pytest.approx(0.018198, abs=1e-6)  # 40 / 2198
    assert {
        "source": "wikipedia",
        "reason": "short_lines",
        "documents": 14,
        "fraction_of_read": 14 / 446,
    } in drops["by_source"]
    assert {"locale": "ur", "reason": "too_few_words", "documents": 12, "fraction_of_read": 0.2} in drops[
        "by_locale"
    ]


def test_a_reason_without_explanation_says_so(run_dir: Path) -> None:
    reasons = build_report(str(run_dir))["drops"]["reasons"]

    assert reasons[0]["explanation"] == "No explanation is on record for this reason."


@pytest.mark.parametrize(
    ("jaccard", "num_bands", "rows_per_band", "probability"),
    [(0.0, 20, 8, 0.0), (1.0, 20, 8, 1.0), (0.5, 1, 1, 0.5), (0.5, 2, 2, 0.4375), (0.8, 20, 8, 0.974599)],
)
def test_candidate_probability_follows_the_s_curve(
    jaccard: float, num_bands: int, rows_per_band: int, probability: float
) -> None:
    assert candidate_probability(jaccard, num_bands, rows_per_band) == pytest.approx(probability, abs=1e-6)


def test_duplicates_show_rates_sizes_and_similarities(run_dir: Path) -> None:
    duplicates = build_report(str(run_dir))["duplicates"]

    assert duplicates["exact_fraction"] == pytest.approx(0.042077, abs=1e-6)  # 77 / 1830
    assert duplicates["near_fraction"] == pytest.approx(0.069399, abs=1e-6)  # 127 / 1830
    assert duplicates["verified_fraction"] == 0.4
    assert duplicates["transitive_only"] == 9
    assert duplicates["cluster_sizes"] == [
        {"smallest": 2, "largest": 2, "clusters": 61, "documents": 122},
        {"smallest": 3, "largest": 3, "clusters": 22, "documents": 66},
        {"smallest": 4, "largest": 4, "clusters": 8, "documents": 32},
        {"smallest": 5, "largest": 8, "clusters": 6, "documents": 36},
        {"smallest": 9, "largest": 16, "clusters": 1, "documents": 11},
        {"smallest": 33, "largest": 64, "clusters": 1, "documents": 40},
    ]
    assert duplicates["jaccard_histogram"][-1] == {"lower": 0.95, "upper": 1.0, "pairs": 48}
    assert duplicates["overlap"][2] == {
        "removed_source": "mc4", "kept_source": "wikipedia", "rule": "near", "documents": 30,
    }  # fmt: skip


def test_examples_are_at_most_five_per_reason_and_source_and_follow_the_document_id(
    run_dir: Path, write_examples: Callable[[Rows], None]
) -> None:
    write_examples([{"doc_id": doc_id} for doc_id in "gbfaecd"] + [{"doc_id": "z", "source": "wikipedia"}])

    group = build_report(str(run_dir))["examples"]["reasons"][0]

    assert [(row["source"], row["doc_id"]) for row in group["examples"]] == [
        ("mc4", "a"), ("wikipedia", "z"), ("mc4", "b"), ("mc4", "c"), ("mc4", "d"), ("mc4", "e"),
    ]  # fmt: skip
    assert (group["documents"], group["shown"]) == (252, 6)


def test_many_sources_leave_every_source_an_example_and_the_page_small(
    run_dir: Path, write_examples: Callable[[Rows], None]
) -> None:
    write_examples([{"source": f"source-{n % 18:02}", "doc_id": f"{n:03}"} for n in range(90)])

    examples = build_report(str(run_dir))["examples"]["reasons"][0]["examples"]

    assert len(examples) == 20
    assert len({row["source"] for row in examples}) == 18


def test_long_excerpts_are_cut_and_values_that_are_no_numbers_become_null(
    run_dir: Path, write_examples: Callable[[Rows], None]
) -> None:
    write_examples([{"excerpt": "x" * 5000, "value": float("nan"), "threshold": float("inf")}])

    shown = build_report(str(run_dir))["examples"]["reasons"][0]["examples"][0]

    assert shown["excerpt"] == "x" * 800 + "…"
    assert (shown["value"], shown["threshold"]) == (None, None)


def test_quarantine_counts_everything_and_shows_the_first_five_by_offset_whatever_the_files(
    run_dir: Path, write_quarantine: Callable[[Rows], None]
) -> None:
    record = {
        "source": "mc4",
        "file": "en/a.json.gz",
        "locale": None,
        "reason": "invalid_json",
        "sample": b"{\xff",
    }
    write_quarantine([record | {"offset": offset} for offset in (70, 10, 60, 20, 50, 30, 40)])

    quarantine = build_report(str(run_dir))["quarantine"]

    assert quarantine["records"] == 7
    assert quarantine["by_source"][0]["records"] == 7
    assert [row["offset"] for row in quarantine["by_source"][0]["examples"]] == [10, 20, 30, 40, 50]
    assert quarantine["by_source"][0]["examples"][0]["sample"] == "{\\xff"


def test_shards_add_up_per_locale_and_split(run_dir: Path) -> None:
    shards = build_report(str(run_dir))["shards"]

    assert (shards["files"], shards["rows"], shards["tokens"], shards["bytes"]) == (
        14,
        1626,
        1_138_200,
        2_439_000,
    )
    assert shards["by_locale"][0] == {
        "locale": "ar", "name": "Arabic", "split": "train", "files": 1, "rows": 209, "tokens": 146_300,
        "bytes": 313_500,
    }  # fmt: skip


def test_a_skipped_stage_shows_the_time_its_output_took(run_dir: Path) -> None:
    timings = build_report(str(run_dir))["timings"]

    assert timings["elapsed_s"] == pytest.approx(114.0)
    assert timings["stages"][1] == {
        "stage": "dedup",
        "elapsed_s": 0.1,
        "skipped": True,
        "recorded_elapsed_s": 8.25,
    }


def test_cores_and_hours_make_the_cost_once_a_core_has_a_price(run_dir: Path) -> None:
    without = build_report(str(run_dir))["timings"]
    timings = build_report(str(run_dir), settings=ReportConfig(price_per_core_hour=0.05))["timings"]

    # 16 cores for 114 seconds.
    assert (without["cores"], without["price_per_core_hour"], without["cost"]) == (16, None, None)
    assert without["core_hours"] == timings["core_hours"] == pytest.approx(0.506667, abs=1e-6)
    assert timings["cost"] == pytest.approx(0.0253333, abs=1e-7)


def test_a_run_that_recorded_no_cores_has_no_cost(run_dir: Path, write_json: Callable[..., None]) -> None:
    run = json.loads((run_dir / "run.json").read_text())
    del run["cores"]
    write_json(run, "run.json")

    timings = build_report(str(run_dir), settings=ReportConfig(price_per_core_hour=0.05))["timings"]

    assert (timings["cores"], timings["core_hours"], timings["cost"]) == (None, None, None)


def test_the_funnel_of_a_source_and_locale_ends_in_its_tokens(run_dir: Path) -> None:
    rows = build_report(str(run_dir))["flow"]["by_source_and_locale"]

    assert [(row["source"], row["locale"]) for row in rows[:3]] == [
        ("mc4", "en"), ("wikipedia", "en"), ("mc4", "ar"),
    ]  # fmt: skip
    assert rows[0] == {
        "source": "mc4", "locale": "en", "documents": 960, "kept": 620, "dropped": 340, "kept_fraction": 620 / 960,
        "text_bytes": 1_609_000, "kept_text_bytes": 1_240_000, "tokens": 644_000,
    }  # fmt: skip


def test_the_price_of_a_core_is_no_setting_of_alarms(run_dir: Path) -> None:
    report = build_report(str(run_dir), settings=ReportConfig(price_per_core_hour=0.05))

    assert "price_per_core_hour" not in report["alarms"]["settings"]


def test_lines_that_documents_share_are_counted_per_source(run_dir: Path) -> None:
    lines = build_report(str(run_dir))["lines"]

    assert (lines["read"], lines["kept"], lines["removed"], lines["dropped"]) == (30_000, 29_487, 483, 30)
    assert (lines["boilerplate"], lines["documents_changed"], lines["documents_dropped"]) == (77, 122, 8)
    assert lines["removed_fraction"] == 0.0161
    assert lines["by_source"][1] == {
        "source": "wikipedia", "documents": 400, "documents_changed": 2, "documents_dropped": 0, "read": 9_000,
        "kept": 8_997, "removed": 3, "dropped": 0, "characters_removed": 90, "removed_fraction": 3 / 9_000,
    }  # fmt: skip
    assert lines["most_frequent"][1] == {"documents": 40, "line": "جميع الحقوق محفوظة"}


@pytest.mark.parametrize(
    ("entry", "failures"),
    [
        (
            ("by_source", "mc4"),
            [{"entry": "mc4", "expected": 21_000, "found": 20_999},
             {"entry": "sum of kept", "expected": 29_487, "found": 29_486}],
        ),
        (
            ("total",),
            [{"entry": "total", "expected": 30_000, "found": 29_999},
             {"entry": "sum of kept", "expected": 29_486, "found": 29_487}],
        ),
    ],
)  # fmt: skip
def test_a_lost_line_unbalances_the_ledger(
    run_dir: Path, entry: tuple[str, ...], failures: Rows, write_json: Callable[..., None]
) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    of_entry = ledger
    for key in entry:
        of_entry = of_entry[key]
    of_entry["lines"]["kept"] -= 1
    write_json(ledger, "ledger.json")

    verdict = build_report(str(run_dir))["verdict"]

    failed = {check["check"]: check["failures"] for check in verdict["checks"] if not check["passed"]}
    assert verdict["balanced"] is False
    assert failed == {"lines": failures}


def test_a_run_without_line_deduplication_has_no_numbers_of_lines(
    run_dir: Path, write_json: Callable[..., None]
) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    for entry in (ledger["total"], *ledger["by_source"].values()):
        entry.pop("lines", None)
    write_json(ledger, "ledger.json")
    shutil.rmtree(run_dir / "lines")

    report = build_report(str(run_dir))

    assert (report["lines"]["read"], report["lines"]["by_source"], report["missing_inputs"]) == (None, [], [])
    assert "lines" not in [check["check"] for check in report["verdict"]["checks"]]


def test_every_number_has_a_definition_and_every_definition_a_use(run_dir: Path) -> None:
    report = build_report(str(run_dir))
    copy = Planted("en", "an original", "a copy", 0.8)
    report["recall"]["planted"] = planted_recall([copy], [(True, True)], NearDedupConfig())

    del report["definitions"], report["run"]["versions"]
    paths = set(leaf_paths(report))
    parents = {path.rsplit(".", depth)[0] for path in paths for depth in (1, 2, 3)}
    assert paths - set(DEFINITIONS) == set()
    assert set(DEFINITIONS) - paths - parents - {"definitions", "run.versions", "missing_inputs"} == {
        "verdict.checks.failures", "verdict.checks.failures.entry", "verdict.checks.failures.expected",
        "verdict.checks.failures.found",
    }  # fmt: skip


def test_every_section_has_a_definition(run_dir: Path) -> None:
    report = build_report(str(run_dir))

    assert set(report) - set(DEFINITIONS) == set()


def test_missing_files_are_named_and_leave_their_sections_empty(run_dir: Path) -> None:
    for name in ("documents", "dedup", "fates", "shards", "rejected_sample", "quarantine"):
        shutil.rmtree(run_dir / name)
    for name in ("run.json", "plan.json", "config.yaml"):
        (run_dir / name).unlink()

    report = build_report(str(run_dir))

    assert report["missing_inputs"] == [
        "config.yaml", "dedup/_stage.json", "documents/_stage.json", "fates/_stage.json", "plan.json", "run.json",
        "shards/_stage.json", "shards/manifest.json",
    ]  # fmt: skip
    assert report["duplicates"]["documents"] is None
    assert (
        report["balance"]["locales"] == report["shards"]["by_locale"] == report["examples"]["reasons"] == []
    )
    assert report["settings"]["yaml"] == ""


def test_a_folder_without_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"no ledger\.json; run the pipeline"):
        build_report(str(tmp_path))


def test_a_ledger_of_another_version_is_refused(run_dir: Path) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    (run_dir / "ledger.json").write_text(json.dumps(ledger | {"schema_version": 2}))

    with pytest.raises(ReportError, match=r"schema_version 2; this report reads 1\."):
        build_report(str(run_dir))


def test_secrets_of_the_configuration_are_not_shown(run_dir: Path) -> None:
    shown = build_report(str(run_dir))["settings"]["yaml"]

    assert "hunter2" not in shown
    assert "spark.hadoop.fs.s3a.secret.key: '[not shown]'" in shown
    assert "vocab_size: 8000" in shown


def test_writing_twice_gives_the_same_bytes_and_returns_what_is_in_the_file(
    run_dir: Path, explanations: dict[str, str]
) -> None:
    first = write_report(str(run_dir), explanations)
    written = {path.name: path.read_bytes() for path in (run_dir / "report").iterdir()}

    write_report(str(run_dir), explanations)

    assert {path.name: path.read_bytes() for path in (run_dir / "report").iterdir()} == written
    assert sorted(written) == ["index.html", "report.json"]
    assert json.loads(written["report.json"]) == first


def test_thresholds_are_those_that_the_run_recorded(run_dir: Path) -> None:
    found = build_report(str(run_dir))

    assert found["thresholds"]["by_locale"][0] == {
        "locale": "de",
        "threshold": "max_digit_fraction",
        "value": 0.15,
        "origin": "file",
        "documents": 185,
    }
    assert found["perplexity"] == {"by_locale": [{"locale": "de", "bucket": "head", "documents": 77}]}


def test_a_run_that_recorded_no_thresholds_can_be_reported_on(run_dir: Path) -> None:
    stage = json.loads((run_dir / "fates" / "_stage.json").read_text())
    del stage["counts"]["thresholds"], stage["counts"]["perplexity"]
    (run_dir / "fates" / "_stage.json").write_text(json.dumps(stage))

    found = build_report(str(run_dir))

    assert found["thresholds"]["by_locale"] == found["perplexity"]["by_locale"] == []
