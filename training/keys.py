"""Keys of encrypted shards (Parquet modular encryption), for reading alone.

Each file holds its keys, wrapped, and the name of the master key that unwraps them. What the master key is and where
it stands is the matter of a client; the manifest names its kind.
"""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow.parquet.encryption as pe

from training.manifest import StreamError

_NONCE_BYTES: Final = 12  # NIST SP 800-38D, section 5.2.1.1
_KEY_BYTES: Final = (16, 24, 32)
_AWS_CONTEXT: Final = {"magister": "parquet"}  # what the data pipeline wraps keys with

KmsClientFactory = Callable[[], pe.KmsClient]


class EnvironmentKms(pe.KmsClient):  # type: ignore[misc]
    """Master keys in environment variables, by name, as base64. Unwraps only.

    A wrapped key is base64 of nonce and AES-GCM ciphertext, with the name as associated data.
    """

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """Refuses: nothing is written here.

        Raises:
            StreamError: always.
        """
        raise StreamError("training only reads encrypted shards; it wraps no key.")

    def unwrap_key(self, wrapped_key: str | bytes, master_key_identifier: str) -> bytes:
        """The key in `wrapped_key`.

        Raises:
            StreamError: the variable is not set, holds no key, or another one.
        """
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise StreamError(
                "encrypted shards need the package cryptography: pip install cryptography"
            ) from error
        sealed = base64.b64decode(wrapped_key)
        name = master_key_identifier.encode()
        try:
            return AESGCM(_master_key(master_key_identifier)).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name
            )
        except InvalidTag as error:
            raise StreamError(
                f"the key in the environment variable {master_key_identifier} is not the one that the shards were "
                "encrypted with; set it to that key."
            ) from error


def _master_key(name: str) -> bytes:
    value = os.environ.get(name)
    if not value:
        raise StreamError(
            f"the shards are encrypted with the key {name}, but the environment variable {name} is not set; export it."
        )
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _KEY_BYTES:
        raise StreamError(
            f"the environment variable {name} must hold 16, 24 or 32 bytes as base64, but holds something else."
        )
    return key


class AwsKms(pe.KmsClient):  # type: ignore[misc]
    """Master keys in AWS KMS, by key id, alias or ARN. Unwraps only.

    Credentials, region and endpoint come from where every AWS tool has them; an ARN's region goes first.
    """

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """Refuses: nothing is written here.

        Raises:
            StreamError: always.
        """
        raise StreamError("training only reads encrypted shards; it wraps no key.")

    def unwrap_key(self, wrapped_key: str | bytes, master_key_identifier: str) -> bytes:
        """The key in `wrapped_key`.

        Raises:
            StreamError: AWS cannot be reached or refuses, or its library is not there.
        """
        try:
            import botocore.exceptions as refusals
            import botocore.session
        except ImportError as error:
            raise StreamError(
                "shards whose keys AWS KMS keeps need the package botocore: pip install botocore"
            ) from error
        arn = master_key_identifier.split(":")
        region = arn[3] if arn[0] == "arn" and len(arn) > 3 else None
        try:
            client = botocore.session.get_session().create_client("kms", region_name=region)
            answer = client.decrypt(
                KeyId=master_key_identifier,
                CiphertextBlob=base64.b64decode(wrapped_key),
                EncryptionContext=_AWS_CONTEXT,
            )
        except (refusals.BotoCoreError, refusals.ClientError) as error:
            told = " ".join(str(error).split())
            raise StreamError(
                f"AWS KMS did not unwrap a key with {master_key_identifier} ({told}); check its region, and that your "
                "credentials may use it."
            ) from error
        return bytes(answer["Plaintext"])


CLIENTS: Final[dict[str, KmsClientFactory]] = {"env": EnvironmentKms, "aws": AwsKms}


class Decryption:
    """Makes the properties that open one encrypted file; keeps unwrapped keys for some minutes.

    Args:
        encryption: `encryption` of the manifest: `format`, `kms`, `key_id`.
        client: makes the client to unwrap with; null: that of `CLIENTS` for the manifest's `kms`.

    Raises:
        StreamError: there is no client for this `kms`.
    """

    def __init__(self, encryption: Mapping[str, Any], client: KmsClientFactory | None = None) -> None:
        kms = str(encryption["kms"])
        found = client or CLIENTS.get(kms)
        if found is None:
            raise StreamError(
                f"the shards' keys are kept by {kms!r}, for which there is no client here; "
                "give the stream one that unwraps them: kms_client=…"
            )
        self._factory = pe.CryptoFactory(lambda _: found())
        self._connection = pe.KmsConnectionConfig(kms_instance_id=kms)

    def properties(self) -> Any:  # noqa: ANN401 (not exported by pyarrow)
        """Properties of one file to be read; the file names its master key."""
        return self._factory.file_decryption_properties(self._connection, pe.DecryptionConfiguration())
