"""`make utterances`: its messages, and one whole run in processes of its own."""

import base64
import json
from pathlib import Path

import pytest
import yaml

from dataprep.sample.utterances import LOCALES, phrase, write_utterances
from dataprep.shards.tokenizer import train
from dataprep.utterances.config import UtterancesConfig
from jobs.config import load_config
from jobs.utterances import main

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "utterances").glob("*.yaml"))
KEY_ID = "UTTERANCE_JOB_KEY"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MASTER", "local[2]")
    monkeypatch.setenv(KEY_ID, base64.b64encode(b"j" * 16).decode())
    write_utterances(tmp_path / "in", 2_000, locales=LOCALES[:3])
    texts = (phrase(locale, rank) for locale in LOCALES[:3] for rank in range(60))
    model = train(texts, vocab_size=600, character_coverage=0.99, num_sentinels=1)
    (tmp_path / "tokenizer.model").write_bytes(model)
    path = tmp_path / "utterances.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "run_dir": str(tmp_path / "run"),
                "input_root": str(tmp_path / "in"),
                "sources": [{"name": "assistant", "format": "utterances", "paths": ["*.jsonl.gz"]}],
                "min_sources": 2,
                "tokenizer": str(tmp_path / "tokenizer.model"),
                "encryption": {"key_id": KEY_ID},
            }
        )
    )
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_of_utterances_loads(path: Path) -> None:
    assert load_config(str(path), [], UtterancesConfig).encryption is not None


def test_a_run_ends_with_a_table_of_unique_and_up_sampled_utterances(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--config", str(config)])

    run_dir = config.parent / "run"
    shown = capsys.readouterr().err
    assert "locale               said       unique   up-sampled   validation   share" in shown
    assert all(locale in shown for locale in LOCALES[:3])
    plan = json.loads((run_dir / "plan.json").read_text())
    assert set(plan["locales"]) == set(LOCALES[:3])
    manifest = json.loads((run_dir / "shards/manifest.json").read_text())
    assert manifest["encryption"] == {"format": "parquet modular encryption", "kms": "env", "key_id": KEY_ID}
    assert {stage["stage"] for stage in json.loads((run_dir / "run.json").read_text())["stages"]} == {
        "utterances",
        "shards",
    }
    assert (run_dir / "access.jsonl").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encryption.key_id=NO_SUCH_KEY", "the environment variable NO_SUCH_KEY is not set"),
        ("tokenizer=nowhere.model", "the SentencePiece model nowhere.model cannot be read"),
        ("sources.0.paths=[none.jsonl]", "matches no file"),
        ("min_sources=0", "min_sources: Input should be greater than or equal to 1"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_folder(
    config: Path, override: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), "--set", override])

    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "reading" not in shown
    assert not (config.parent / "run").exists()


def test_a_dry_run_shows_the_settings_and_writes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--config", str(config), "--dry-run"])

    assert "key_id: UTTERANCE_JOB_KEY" in capsys.readouterr().out
    assert not (config.parent / "run").exists()
