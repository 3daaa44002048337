"""Shards on an object store, and encrypted ones."""

import base64
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet.encryption as pe
import pytest
from loopback_stores import aws_kms, s3_store
from shard_maker import plan_of, write_corpus, write_locale, write_manifest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from torch.utils.data import DataLoader

from training.keys import EnvironmentKms
from training.manifest import StreamError
from training.stream import TokenStream
from training.stream_config import StreamConfig

KEY_ID = "STREAM_TEST_KEY"
KEY = base64.b64encode(b"s" * 32).decode()


def batches(shards: str, workers: int = 0, **arguments: Any) -> list[list[list[int]]]:
    config = StreamConfig(shards=shards, seq_len=8, batch_sequences=4, verify="sha256")
    loader = DataLoader(TokenStream(config, **arguments), batch_size=None, num_workers=workers)
    return [batch["input_ids"].tolist() for batch in islice(loader, 10)]


@pytest.fixture
def memory_store(tmp_path: Path) -> Iterator[str]:
    """A store that is reached by URL alone, with the shards of `tmp_path`."""
    write_corpus(tmp_path, {"de-DE": [[9] * 9, [6] * 7], "fr-FR": [[5] * 7]})
    fs = fsspec.filesystem("memory")
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            fs.pipe_file(f"/bucket/{path.relative_to(tmp_path)}", path.read_bytes())
    yield "memory://bucket"
    fs.rm("/bucket", recursive=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_gives_the_batches_of_the_same_files_on_disk(
    memory_store: str, tmp_path: Path, workers: int
) -> None:
    assert batches(memory_store, workers) == batches(str(tmp_path))


def test_a_shard_missing_from_a_store_is_named(memory_store: str) -> None:
    fsspec.filesystem("memory").rm("/bucket/locale=fr-FR/split=train/part-00000.parquet")

    with pytest.raises(StreamError, match=r"memory://bucket/locale=fr-FR/.*part-00000.parquet is missing"):
        batches(memory_store)


def test_a_store_without_manifest(memory_store: str) -> None:
    with pytest.raises(StreamError, match=r"there is no memory://other/manifest.json"):
        batches("memory://other")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that nobody checks, and no look for others."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.mark.parametrize("workers", [0, 2])
def test_s3_gives_the_batches_of_the_same_files_on_disk(
    tmp_path: Path, aws: None, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs = pytest.importorskip("s3fs", reason="the extra `stores` is not installed")
    s3fs.S3FileSystem.clear_instance_cache()  # one of another test knows another address
    write_corpus(tmp_path, {"de-DE": [[9] * 9, [6] * 7], "fr-FR": [[5] * 7]})
    expected = batches(str(tmp_path))

    with s3_store(tmp_path) as (address, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        assert batches("s3://bucket", workers) == expected
        (tmp_path / "locale=fr-FR/split=train/part-00000.parquet").unlink()
        fsspec.filesystem("s3").invalidate_cache()
        with pytest.raises(StreamError, match=r"s3://bucket/locale=fr-FR/.*part-00000.parquet is missing"):
            batches("s3://bucket")

    assert any(line.startswith("GET bytes=") for line in asked)  # parts of files, not whole ones


class _Wrapping(EnvironmentKms):
    """Wraps a key as the data pipeline's documentation says."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        master, nonce = AESGCM(base64.b64decode(os.environ[master_key_identifier])), os.urandom(12)
        return base64.b64encode(
            nonce + master.encrypt(nonce, key_bytes, master_key_identifier.encode())
        ).decode()


class _WrappingAws(EnvironmentKms):
    """Wraps as the service of the tests does."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        return base64.b64encode(master_key_identifier.encode() + b"\0" + key_bytes[::-1]).decode()


def test_keys_that_aws_keeps_are_unwrapped_there(
    tmp_path: Path, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("botocore", reason="the extra `kms` is not installed")
    write_encrypted(tmp_path, _WrappingAws, "aws", "arn:aws:kms:eu-west-1:111122223333:key/said")

    with aws_kms() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", address)
        tokens = [token for batch in batches(str(tmp_path)) for row in batch for token in row]
    with pytest.raises(
        StreamError, match=r"AWS KMS did not unwrap a key with arn:aws:kms:eu-west-1.*check"
    ) as raised:
        batches(str(tmp_path))

    assert sorted(tokens[:63]) == [number for number in range(1, 10) for _ in range(7)]
    assert "\n" not in str(raised.value)


def write_encrypted(folder: Path, client: type[pe.KmsClient], kms: str, key_id: str) -> None:
    """Nine documents of seven tokens, each the document's number."""
    properties = pe.CryptoFactory(lambda _: client()).file_encryption_properties(
        pe.KmsConnectionConfig(kms_instance_id=kms),
        pe.EncryptionConfiguration(footer_key=key_id, uniform_encryption=True, data_key_length_bits=256),
    )
    documents = [[number] * 7 for number in range(1, 10)]
    entries = write_locale(folder, "de-DE", [documents], encryption_properties=properties)
    encryption = {"format": "parquet modular encryption", "kms": kms, "key_id": key_id}
    write_manifest(folder, entries, plan_of({"de-DE": 1.0}, {"de-DE": 63}), encryption=encryption)


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("cryptography")
    monkeypatch.setenv(KEY_ID, KEY)
    write_encrypted(tmp_path, _Wrapping, "env", KEY_ID)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_encrypted_shards_are_read_with_the_key(encrypted: Path, workers: int) -> None:
    assert next((encrypted / "locale=de-DE/split=train").iterdir()).read_bytes()[:4] == b"PARE"

    tokens = [token for batch in batches(str(encrypted), workers) for row in batch for token in row]

    assert sorted(tokens[:63]) == [number for number in range(1, 10) for _ in range(7)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "",
            f"the shards are encrypted with the key {KEY_ID}, but the environment variable {KEY_ID} is not set",
        ),
        (
            base64.b64encode(b"x" * 32).decode(),
            f"the key in the environment variable {KEY_ID} is not the one",
        ),
        ("c2hvcnQ=", f"the environment variable {KEY_ID} must hold 16, 24 or 32 bytes as base64"),
        ("not base64!", f"the environment variable {KEY_ID} must hold 16, 24 or 32 bytes as base64"),
    ],
)
def test_a_wrong_or_missing_key_is_one_clear_sentence(
    encrypted: Path, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ID, value)

    with pytest.raises(StreamError, match=message) as raised:
        batches(str(encrypted))
    assert "\n" not in str(raised.value)


def test_keys_of_another_service_need_a_client(encrypted: Path) -> None:
    path = encrypted / "manifest.json"
    path.write_text(path.read_text().replace('"kms": "env"', '"kms": "vault"'))

    with pytest.raises(
        StreamError, match=r"the shards' keys are kept by 'vault', for which there is no client"
    ):
        batches(str(encrypted))
    assert len(batches(str(encrypted), kms_client=EnvironmentKms)) == 10


def test_the_client_only_reads() -> None:
    with pytest.raises(StreamError, match=r"training only reads encrypted shards; it wraps no key."):
        EnvironmentKms().wrap_key(b"k", KEY_ID)
