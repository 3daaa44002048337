"""Fixtures of the utterance track."""

from pathlib import Path

import pytest
from utterance_helpers import KEY, KEY_ID, tokenizer


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a small SentencePiece model."""
    folder: Path = tmp_path_factory.mktemp("model")
    return tokenizer(folder)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The test key, in the environment; its id."""
    monkeypatch.setenv(KEY_ID, KEY)
    return KEY_ID
