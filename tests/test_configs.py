"""Every configuration of the project loads, and the demo's is made for the project's own sample corpora."""

from pathlib import Path

import pytest

from dataprep.config import CalibrateConfig, PrepareConfig
from dataprep.sample.sentences import load
from jobs.config import ConfigError, load_config

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs" / "dataprep").rglob("*.yaml"))


def test_there_are_configurations() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_configuration_loads(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTER_REALDATA", str(tmp_path))
    monkeypatch.setenv("MAGISTER_REFERENCE", str(tmp_path))
    kind = CalibrateConfig if path.name.startswith("calibrate") else PrepareConfig

    config = load_config(str(path), [], kind)

    assert str(tmp_path) in config.input_root or "MAGISTER_REALDATA" not in path.read_text(encoding="utf-8")


def test_the_real_samples_are_only_found_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAGISTER_REALDATA", raising=False)

    with pytest.raises(ConfigError, match="MAGISTER_REALDATA, which is not set"):
        load_config(str(ROOT / "configs/dataprep/realdata.yaml"), [], PrepareConfig)


def test_the_demo_keeps_every_language_of_the_sample_corpora() -> None:
    written = {code for code, sentences in load().items() if sentences.all_written}

    config = load_config(str(ROOT / "configs/dataprep/demo.yaml"), [], PrepareConfig)

    assert set(config.locales or []) == written
