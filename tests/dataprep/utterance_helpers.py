"""What the tests of the utterance track share: records, a run in this process, and rows read back."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark import cloudpickle

from dataprep import files
from dataprep.sample.utterances import LOCALES, phrase
from dataprep.shards.tokenizer import train
from dataprep.utterances.config import UtterancesConfig
from dataprep.utterances.run import UtteranceRun, plan_utterances, vault_of

KEY_ID = "UTTERANCE_TEST_KEY"
KEY = base64.b64encode(b"k" * 32).decode()
ENCRYPTED = {"kms": "env", "key_id": KEY_ID}


def tokenizer(folder: Path) -> str:
    """A small SentencePiece model."""
    path = folder / "tokenizer.model"
    if not path.exists():
        texts = (phrase(locale, rank) for locale in LOCALES for rank in range(80))
        path.write_bytes(train(texts, vocab_size=1_500, character_coverage=0.9999, num_sentinels=1))
    return str(path)


def record(text: str, user: str | None = None, **fields: Any) -> dict[str, Any]:
    """One record in the window that ends on 2026-03-31."""
    made = {"text": text, "locale": "en-US", "timestamp": "2026-03-01T10:00:00Z", **fields}
    return made if user is None else made | {"user": user}


def write(path: Path, records: Sequence[dict[str, Any] | str]) -> None:
    """JSON lines; a string is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def configured(tmp_path: Path, model: str, **settings: Any) -> UtterancesConfig:
    """A configuration over the files in `tmp_path/in`."""
    values: dict[str, Any] = {
        "run_dir": str(tmp_path / "run"),
        "input_root": str(tmp_path / "in"),
        "sources": [{"name": "a", "format": "utterances", "paths": ["*.jsonl*"]}],
        "window": {"end": "2026-03-31"},
        "min_sources": 1,
        "tokenizer": model,
        "encryption": None,
        "shards": {"validation_fraction": 0.2},
    }
    return UtterancesConfig.model_validate(values | settings)


def in_turn(payloads: Sequence[str], work: Callable[[str], str]) -> list[str]:
    """Tasks one after the other, in this process; what they do must be fit to travel to another."""
    travelled: Callable[[str], str] = cloudpickle.loads(cloudpickle.dumps(work))
    return [travelled(payload) for payload in payloads]


def run(config: UtterancesConfig, *, cores: int = 2) -> None:
    """The whole track."""
    UtteranceRun(config, plan_utterances(config), in_turn, cores, lambda _: None, lambda *_: None).prepare()


def rows(config: UtterancesConfig, folder: str) -> list[dict[str, Any]]:
    """Rows of all Parquet files below a folder of the run, in the order of their paths."""
    paths = sorted(str(path) for path in Path(config.run_dir, folder).rglob("*.parquet"))
    return [row for file in vault_of(config).opened(paths, "test") for row in file.read().to_pylist()]


def ledger(config: UtterancesConfig) -> dict[str, Any]:
    """The ledger of the run."""
    value: dict[str, Any] = files.read_json(files.join(config.run_dir, "ledger.json"))
    return value


def plain_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a file that is not encrypted."""
    yield from pq.read_table(path).to_pylist()
