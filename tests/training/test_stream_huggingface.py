"""The example that trains with the Trainer of transformers: a few steps, and a resumed run."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from shard_maker import plan_of, write_locale, write_manifest

pytest.importorskip("torch", reason="the extra `training` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("accelerate", reason="accelerate, which the Trainer needs, is not installed")

EXAMPLE = Path(__file__).parents[2] / "examples" / "huggingface_trainer.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("huggingface_trainer", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_few_steps_and_a_resumed_run_read_the_same_sequences(example: ModuleType, tmp_path: Path) -> None:
    documents = [[1 + (row * 7 + place) % 50 for place in range(row % 40)] for row in range(60)]
    entries = write_locale(tmp_path / "shards", "de-DE", [documents])
    tokens = sum(map(len, documents))
    write_manifest(tmp_path / "shards", entries, plan_of({"de-DE": 1.0}, {"de-DE": tokens}), vocab_size=64)
    folder = str(tmp_path / "shards")

    whole = example.train(folder, str(tmp_path / "whole"), steps=4, seq_len=16, sequences=2)
    resumed = example.train(
        folder,
        str(tmp_path / "resumed"),
        steps=4,
        seq_len=16,
        sequences=2,
        resume=str(tmp_path / "whole/checkpoint-2"),
    )

    losses = [[log["loss"] for log in run.state.log_history if "loss" in log] for run in (whole, resumed)]
    assert len(losses[0]) == 4
    # A resumed history holds the steps before it too.
    assert losses[1][-2:] == pytest.approx(losses[0][-2:], abs=1e-4)
    for step, sample in ((2, 4), (4, 8)):
        state = json.loads((tmp_path / f"whole/checkpoint-{step}/stream.json").read_text())
        assert state["sample"] == sample
