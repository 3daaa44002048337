"""`make plan`: what other settings would give a finished run, without Spark, and without a change."""

from pathlib import Path

import pytest
import yaml

from dataprep.config import BalanceConfig
from dataprep.files import write_json
from dataprep.shards.balance import plan_of_files
from jobs.plan import main


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A manifest of two locales, three shards, and the job's arguments."""

    def shard(split: str, locale: str, source: str, form: str, tokens: int) -> dict[str, object]:
        cells = [{"source": source, "form": form, "clusters": 1, "rows": tokens // 100, "tokens": tokens}]
        return {"split": split, "locale": locale, "cells": cells}

    files = [
        shard("train", "en", "web", "written", 9_000_000),
        shard("train", "hi", "subtitles", "spoken", 1_000_000),
        shard("validation", "hi", "web", "written", 50_000),
    ]
    plan = plan_of_files(files, BalanceConfig(alpha=0.5))
    (tmp_path / "run" / "shards").mkdir(parents=True)
    write_json(str(tmp_path / "run" / "shards" / "manifest.json"), {"files": files, "plan": plan})
    settings = {
        "run_dir": str(tmp_path / "run"),
        "sources": [{"name": name, "format": "cc100", "paths": ["x"]} for name in ("web", "subtitles")],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    return ["--config", str(tmp_path / "config.yaml")]


def cells(line: str) -> list[str]:
    return line.split()


def test_the_plan_of_other_settings_stands_beside_that_of_the_run(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    main([*arguments, "--set", "balance.method=unimax", "--set", "balance.max_repeats=2"])

    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "unimax: 10,000,000 tokens are drawn from 10,000,000; the run has temperature, alpha 0.5"
    )
    # documents, tokens, natural share, method, now, target, expected tokens, repeats
    assert " ".join(cells(lines[2])) == "en 90,000 9,000,000 90.000% 50.000% 75.000% 80.000% 8,000,000 0.889"
    assert " ".join(cells(lines[3])) == "hi 10,000 1,000,000 10.000% 50.000% 25.000% 20.000% 2,000,000 2.000"
    assert cells(lines[5])[0:2] == ["web", "90,000"]
    assert cells(lines[8])[0:2] == ["written", "90,000"]
    assert lines[-2:] == ["Quotas that move shares:", "  locale hi: max_repeats 2"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_phases_are_shown_with_the_shares_of_their_steps(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    phases = "[{share: 0.5, alpha: 1.0}, {share: 0.5, alpha: 0.5, alpha_end: 0.0, steps: 2}]"

    main([*arguments, "--set", f"balance.phases={phases}"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("temperature, alpha 1 to 0.125: ")
    assert [cells(line) for line in lines[-4:]] == [
        ["phase", "from", "token", "tokens", "alpha", "en", "hi"],
        ["1", "0", "5,000,000", "1.000", "90.000%", "10.000%"],
        ["2", "5,000,000", "2,500,000", "0.375", "69.508%", "30.492%"],
        ["2", "7,500,000", "2,500,000", "0.125", "56.823%", "43.177%"],
    ]


def test_a_quota_that_cannot_be_ends_the_job_with_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--set", "balance.locales.hi={min_share: 0.9, max_repeats: 8}"])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: balance: locale hi: min_share 0.9 needs 9 M tokens, but 1 M × 8 repeats give 8 M; shortfall 1 M "
        "tokens: lower min_share, raise max_repeats, or add text.\n"
    )


def test_a_dry_run_shows_the_settings_and_plans_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*arguments, "--dry-run", "--set", "balance.alpha=0.7"])

    out = capsys.readouterr().out
    assert yaml.safe_load(out)["balance"]["alpha"] == 0.7
    assert out.splitlines()[-1].endswith("manifest.json; nothing was planned")


def test_a_folder_without_a_run_is_named_with_what_to_do(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--set", f"run_dir={tmp_path}/none"])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/none holds no finished run; run make prepare with this configuration first.\n"
    )


def test_a_run_of_an_earlier_version_is_refused_with_what_to_do(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run" / "shards" / "manifest.json"
    write_json(str(path), {"files": [{"split": "train", "locale": "en"}], "plan": {}})

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert (
        "has no tokens per source and form, which earlier versions did not count; run make shards first."
        in (capsys.readouterr().err)
    )
