"""Shards that the data pipeline wrote, as the stream of training reads them."""

import base64
import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from utterance_helpers import ENCRYPTED, KEY, KEY_ID, configured, record, rows, run, tokenizer, write

from dataprep import files
from dataprep import schema as s
from dataprep.config import BalanceConfig
from dataprep.kms import EnvironmentKms as WritingKms
from dataprep.shards.balance import plan_of_files
from dataprep.shards.writer import shard_path, write_shard
from dataprep.utterances.config import UtterancesConfig

pytest.importorskip("torch", reason="the extra `training` is not installed")

from training import keys, manifest, shard_reader
from training.stream import TokenStream
from training.stream_config import StreamConfig

SEQ_LEN = 16
END = 999
SIZES = {"de-DE": 300, "en-US": 500, "th-TH": 60}  # documents


def test_names_and_versions_are_those_of_the_data_pipeline() -> None:
    assert manifest.SCHEMA_VERSION == s.SCHEMA_VERSION
    assert manifest.PLAN_SCHEMA_VERSION == s.PLAN_SCHEMA_VERSION
    names = {
        shard_reader.INPUT_IDS,
        shard_reader.NUM_TOKENS,
        shard_reader.SOURCE,
        shard_reader.FORM,
        shard_reader.CLUSTER_SIZE,
    }
    assert names <= set(s.SHARD.names)
    assert shard_reader.WEIGHT in s.UTTERANCE_SHARD.names


Written = dict[str, list[dict[str, Any]]]


def write_run(folder: Path, balance: BalanceConfig) -> Written:
    """Two training shards per locale and one of validation, written by the pipeline's writer; the rows per locale.

    A document's ids all are its number, so that every token tells where it is from.
    """
    rng = np.random.default_rng(0)
    entries, written, number = [], {}, 0
    for locale, size in SIZES.items():
        written[locale] = [
            {
                "id": number + row,
                "tokens": int(tokens),
                "source": "news" if row % 5 == 0 else "web",
                "size": 1 + 2 * (row % 2),
            }
            for row, tokens in enumerate(rng.integers(0, 40, size))
        ]
        number += size
        for split, shard, of_shard in [
            ("train", 0, written[locale][: size // 2]),
            ("train", 1, written[locale][size // 2 : size - 5]),
            ("validation", 0, written[locale][size - 5 :]),
        ]:
            path = shard_path(locale, split, shard)
            entry = write_shard(str(folder / path), iter([encoded(of_shard)]), 37)
            entries.append({**entry, "path": path, "split": split, "locale": locale})
    value = {
        "schema_version": s.SCHEMA_VERSION,
        "vocab_size": 1000,
        "tokenizer_sha256": "t",
        "files": entries,
    }
    files.write_json(str(folder / "manifest.json"), value | {"plan": plan_of_files(entries, balance)})
    return written


def encoded(documents: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows as the writer is given them."""
    ids = [np.full(row["tokens"], row["id"], "<i4").tobytes() for row in documents]
    columns = [
        pa.array([f"{row['id']:032x}" for row in documents]),
        pa.array([row["source"] for row in documents]),
        pa.array(["a"] * len(documents)),
        pa.array(ids, pa.large_binary()),
        pa.array([row["size"] for row in documents], pa.int32()),
        pa.array(["written"] * len(documents)),
    ]
    return pa.RecordBatch.from_arrays(columns, ["doc_id", "source", "file", "ids", "cluster_size", "form"])


def streamed(folder: Path, sequences: int) -> Counter[int]:
    """How often each id is in the first so many sequences, a multiple of 100."""
    config = StreamConfig(shards=str(folder), seq_len=SEQ_LEN, batch_sequences=100, verify="sha256")
    counts: Counter[int] = Counter()
    for batch in islice(TokenStream(config), sequences // 100):
        counts.update(batch["input_ids"].ravel().tolist())
    return counts


def test_an_epoch_holds_the_documents_that_were_written(tmp_path: Path) -> None:
    written = write_run(tmp_path, BalanceConfig(method="natural"))
    config = StreamConfig(shards=str(tmp_path), seq_len=SEQ_LEN, batch_sequences=1, verify="sha256")
    stream = TokenStream(config)
    read: dict[str, list[int]] = {locale: [] for locale in SIZES}

    for batch in islice(stream, 2_000):
        read[stream.locales[int(batch["locale_ids"][0])]] += batch["input_ids"].ravel().tolist()

    for locale, of_locale in written.items():
        expected = {row["id"]: row["tokens"] for row in of_locale[:-5] if row["tokens"]}
        assert Counter(read[locale][: sum(expected.values())]) == expected


def test_validation_holds_the_documents_that_were_written(tmp_path: Path) -> None:
    written = write_run(tmp_path, BalanceConfig(method="natural"))
    stream = TokenStream(StreamConfig(shards=str(tmp_path), seq_len=SEQ_LEN, batch_sequences=2, end_id=END))

    for locale, of_locale in written.items():
        read = [
            token
            for batch in stream.validation([locale])
            for token in batch["input_ids"][batch["segment_ids"] >= 0].tolist()
        ]
        assert read == [token for row in of_locale[-5:] for token in [row["id"]] * row["tokens"] + [END]]


@pytest.mark.parametrize(
    "balance",
    [
        {"method": "temperature", "alpha": 0.3},
        {"method": "uniform", "sources": {"news": {"min_share": 0.5}}},
        {"method": "temperature", "alpha": 0.5, "duplicates": "rehydrate"},
        {
            "method": "temperature",
            "phases": [
                {"share": 0.5, "alpha": 1.0},
                {"share": 0.5, "alpha": 1.0, "alpha_end": 0.2, "steps": 4},
            ],
        },
        {
            "method": "temperature",
            "phases": [
                {"share": 0.6, "alpha": 0.5},
                {"share": 0.4, "alpha": 0.5, "locales": ["th-TH"]},
            ],
        },
    ],
)
def test_over_the_budget_every_cell_gets_the_tokens_of_the_plan(
    tmp_path: Path, balance: dict[str, Any]
) -> None:
    written = write_run(tmp_path, BalanceConfig.model_validate({"budget_tokens": 80_000, **balance}))
    plan = json.loads((tmp_path / "manifest.json").read_text())["plan"]
    cell_of = {
        row["id"]: (locale, row["source"], row["size"]) for locale, of in written.items() for row in of
    }

    counts = streamed(tmp_path, 80_000 // SEQ_LEN)

    tokens: Counter[tuple[Any, ...]] = Counter()
    for number, times in counts.items():
        locale, source, size = cell_of[number]
        for part in [(locale,), (locale, source), (locale, source, {1: 1, 3: 4}[size])]:
            tokens[part] += times
    for locale, entry in plan["locales"].items():
        assert tokens[locale,] == pytest.approx(entry["expected_tokens"], abs=4 * SEQ_LEN)
    for cell in plan["cells"]:
        key, expected = (cell["locale"], cell["source"]), cell["expected_tokens"]
        # A cell without a quota of its own has its part of what was read of the locale's last epoch.
        assert tokens[key] == pytest.approx(expected, abs=200)
        for of_class in cell["clusters"]:
            due = expected * of_class["share_of_cell"]
            assert tokens[*key, of_class["clusters"]] == pytest.approx(due, abs=4 * SEQ_LEN)


@pytest.fixture(scope="module")
def encrypted_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UtterancesConfig]:
    folder = tmp_path_factory.mktemp("encrypted")
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"]
    said = [
        record(f"call number {word}", f"user {user}")
        for number, word in enumerate(words)
        for user in range(2 + 3 * number)
    ]
    write(folder / "in/a.jsonl", said)
    os.environ[KEY_ID] = KEY
    config = configured(
        folder, tokenizer(folder), min_sources=2, encryption=ENCRYPTED, shards={"validation_fraction": 0.3}
    )
    run(config)
    yield config
    del os.environ[KEY_ID]


@pytest.mark.parametrize("mode", ["packed", "bucketed"])
def test_encrypted_utterances_come_as_often_as_their_weight(
    encrypted_run: UtterancesConfig, mode: str
) -> None:
    shards = rows(encrypted_run, "shards/locale=en-US/split=train")
    expected = Counter({tuple(row["input_ids"]): row["weight"] for row in shards})
    assert max(expected.values()) > 1
    config = StreamConfig.model_validate(
        {
            "shards": f"{encrypted_run.run_dir}/shards",
            "mode": mode,
            "seq_len": 32,
            "batch_sequences": 1,
            "batch_multiple": 1,
            "window_documents": expected.total(),
            "end_id": 1_400_000,
            "pad_id": 1_400_001,
            "verify": "sha256",
        }
    )

    read: list[int] = []
    for batch in islice(TokenStream(config), 100):
        read += [token for token in batch["input_ids"].ravel().tolist() if token != 1_400_001]
    documents, document = [], []
    for token in read:
        document.append(token)
        if token == 1_400_000:
            documents.append(tuple(document[:-1]))
            document = []

    assert Counter(documents[: expected.total()]) == expected


def test_the_reading_client_unwraps_what_the_writing_one_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", base64.b64encode(b"q" * 16).decode())

    wrapped = WritingKms().wrap_key(b"0123456789abcdef", "A_KEY")

    assert keys.EnvironmentKms().unwrap_key(wrapped, "A_KEY") == b"0123456789abcdef"
