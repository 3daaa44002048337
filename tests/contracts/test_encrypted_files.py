"""Encrypted shards as a trainer reads them: with pyarrow and the key, and nothing of this project.

`decrypted` is the reader of docs/design/0005-utterances.md.
"""

import base64
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from utterance_helpers import ENCRYPTED, KEY, KEY_ID, configured, record, rows, run, tokenizer, write

from dataprep.kms import KmsError, crypto_factory
from dataprep.utterances.config import UtterancesConfig

TEXTS = [
    f"tell zebedee number {word}"
    for word in ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"]
]


class _Key(pe.KmsClient):  # type: ignore[misc]
    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        raise NotImplementedError("this client only reads")

    def unwrap_key(self, wrapped_key: str | bytes, master_key_identifier: str) -> bytes:
        sealed = base64.b64decode(wrapped_key)
        master = AESGCM(base64.b64decode(os.environ[master_key_identifier]))
        return master.decrypt(sealed[:12], sealed[12:], master_key_identifier.encode())


def decrypted(path: Path) -> pq.ParquetFile:
    factory = pe.CryptoFactory(lambda _: _Key())
    properties = factory.file_decryption_properties(pe.KmsConnectionConfig(), pe.DecryptionConfiguration())
    return pq.ParquetFile(path, decryption_properties=properties)


@pytest.fixture(scope="module")
def encrypted_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("encrypted")
    said = [record(text, user) for text in TEXTS for user in ("anna", "bert")]
    write(folder / "in/a.jsonl", [*said, '{"text": "zebedee is broken"', record("zebedee alone", "anna")])
    os.environ[KEY_ID] = KEY
    config = configured(folder, tokenizer(folder), min_sources=2, encryption=ENCRYPTED)
    run(config)
    yield config
    del os.environ[KEY_ID]


def parquet_files(config: UtterancesConfig) -> list[Path]:
    return sorted(Path(config.run_dir).rglob("*.parquet"))


def test_every_file_of_rows_is_encrypted_and_no_file_holds_a_word_that_was_said(
    encrypted_run: UtterancesConfig,
) -> None:
    found = parquet_files(encrypted_run)

    assert {path.relative_to(encrypted_run.run_dir).parts[0] for path in found} == {
        "documents",
        "quarantine",
        "shards",
    }
    assert all(path.read_bytes()[:4] == path.read_bytes()[-4:] == b"PARE" for path in found)
    everything = {
        path: path.read_bytes() for path in Path(encrypted_run.run_dir).rglob("*") if path.is_file()
    }
    assert len(everything) > len(found)
    assert not [path for path, data in everything.items() if b"zebedee" in data or b"foxtrot" in data]


def test_a_reader_with_the_key_needs_nothing_of_this_project(encrypted_run: UtterancesConfig) -> None:
    shard = next(path for path in parquet_files(encrypted_run) if "split=train" in str(path))
    documents = next(path for path in parquet_files(encrypted_run) if "documents" in str(path))

    file = decrypted(shard)

    assert file.schema_arrow.names == [
        "doc_id", "source", "input_ids", "num_tokens", "cluster_size", "form", "domain", "frequency", "weight",
    ]  # fmt: skip
    assert file.read().column("frequency").to_pylist() == [2] * file.metadata.num_rows
    assert set(decrypted(documents).read().column("text").to_pylist()) <= set(TEXTS)


def test_the_same_rows_come_out_as_without_encryption(
    encrypted_run: UtterancesConfig, tmp_path: Path
) -> None:
    plain = encrypted_run.model_copy(update={"run_dir": str(tmp_path / "plain"), "encryption": None})
    run(plain)

    assert rows(plain, "shards") == rows(encrypted_run, "shards")
    assert rows(plain, "documents") == rows(encrypted_run, "documents")
    assert not Path(plain.run_dir, "access.jsonl").exists()


def test_the_key_metadata_names_the_key_and_holds_it_wrapped(encrypted_run: UtterancesConfig) -> None:
    data = parquet_files(encrypted_run)[0].read_bytes()
    start = data.index(b'{"keyMaterialType"')
    material = json.loads(data[start : data.index(b"}", start) + 1])

    assert material["masterKeyID"] == KEY_ID
    assert (material["keyMaterialType"], material["kmsInstanceID"]) == ("PKMT1", "env")
    assert material["doubleWrapping"] is True
    assert KEY.encode() not in data


def test_nobody_reads_a_file_without_the_key(encrypted_run: UtterancesConfig) -> None:
    with pytest.raises(OSError, match="encrypted metadata"):
        pq.read_table(parquet_files(encrypted_run)[0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            base64.b64encode(b"x" * 32).decode(),
            f"the key in the environment variable {KEY_ID} is not the one",
        ),
        ("", f"the environment variable {KEY_ID} is not set"),
    ],
)
def test_a_wrong_or_missing_key_is_one_clear_sentence(
    encrypted_run: UtterancesConfig, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ID, value)
    crypto_factory.cache_clear()  # it keeps keys for some minutes

    with pytest.raises(KmsError, match=message) as raised:
        rows(encrypted_run, "shards")
    assert "\n" not in str(raised.value)
    crypto_factory.cache_clear()


def test_every_decrypting_read_is_in_the_log_before_it_happens(encrypted_run: UtterancesConfig) -> None:
    log = Path(encrypted_run.run_dir, "access.jsonl")
    before = log.read_text().splitlines()

    rows(encrypted_run, "documents")

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert log.read_text().splitlines()[: len(before)] == before
    assert {line["purpose"] for line in lines[: len(before)]} >= {"count utterances", "encode shards"}
    last = lines[-1]
    assert (last["purpose"], last["key_id"], last["run"]) == ("test", KEY_ID, encrypted_run.run_dir)
    assert (last["user"], last["uid"], last["pid"]) == (
        pwd.getpwuid(os.getuid()).pw_name,
        os.getuid(),
        os.getpid(),
    )
    assert all(name.startswith("documents/part-") for name in last["files"])
    assert last["time"].endswith("+00:00")
