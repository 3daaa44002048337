"""Key management for encrypted Parquet: whoever may unwrap a key here may read the files.

Files are encrypted by Parquet modular encryption: each has a random data key, wrapped by a random key-encryption key,
which the client below wraps with a master key that never leaves its place. All three stand, wrapped, in the file
(docs/design/0005-utterances.md). This module needs nothing of the rest of the package.
"""

import base64
import binascii
import os
from functools import cache
from typing import Any, Final

import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12  # NIST SP 800-38D, section 5.2.1.1
_KEY_BYTES: Final = (16, 24, 32)
_CONTEXT: Final = {"magister": "parquet"}  # authenticated by AWS with every key, and shown in its own log


class KmsError(ValueError):
    """A key is missing, wrong or refused; the message says what to do."""


class EnvironmentKms(pe.KmsClient):  # type: ignore[misc]
    """Master keys in environment variables, by name, as base64; for one machine and for tests.

    A key is wrapped by AES-GCM under the master key, with the name as associated data.
    """

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """The key, encrypted, as base64."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher(master_key_identifier).encrypt(nonce, key_bytes, master_key_identifier.encode())
        return base64.b64encode(nonce + sealed).decode()

    def unwrap_key(self, wrapped_key: str | bytes, master_key_identifier: str) -> bytes:
        """The key that `wrap_key` encrypted.

        Raises:
            KmsError: the variable is not set, holds no key, or another one.
        """
        sealed = base64.b64decode(wrapped_key)
        cipher = _cipher(master_key_identifier)
        try:
            return cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], master_key_identifier.encode()
            )
        except InvalidTag as error:
            raise KmsError(
                f"the key in the environment variable {master_key_identifier} is not the one that these files were "
                "encrypted with; set it to that key."
            ) from error


def _cipher(name: str) -> AESGCM:
    value = os.environ.get(name)
    if not value:
        raise KmsError(
            f"the files are encrypted with the key {name}, but the environment variable {name} is not set; "
            "export it (a new key: openssl rand -base64 32)."
        )
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _KEY_BYTES:
        raise KmsError(
            f"the environment variable {name} must hold 16, 24 or 32 bytes as base64, but holds something else; "
            "make a key with: openssl rand -base64 32."
        )
    return AESGCM(key)


class AwsKms(pe.KmsClient):  # type: ignore[misc]
    """Master keys in AWS KMS, by key id, alias or ARN; who may use them is decided, and logged, there.

    Credentials, region and endpoint come from where every AWS tool has them; an ARN's region goes first.
    """

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """The key, encrypted by AWS, as base64."""
        answer = _aws("encrypt", master_key_identifier, Plaintext=bytes(key_bytes))
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def unwrap_key(self, wrapped_key: str | bytes, master_key_identifier: str) -> bytes:
        """The key that `wrap_key` encrypted.

        Raises:
            KmsError: AWS cannot be reached or refuses.
        """
        answer = _aws("decrypt", master_key_identifier, CiphertextBlob=base64.b64decode(wrapped_key))
        return bytes(answer["Plaintext"])


def _aws(operation: str, key_id: str, **values: bytes) -> Any:  # noqa: ANN401 (botocore has no types)
    try:
        import botocore.exceptions
    except ImportError as error:
        raise KmsError(
            "encryption.kms: aws needs the package botocore: pip install -e '.[dataprep,kms]'"
        ) from error
    try:
        return getattr(_aws_client(key_id), operation)(KeyId=key_id, EncryptionContext=_CONTEXT, **values)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        told = " ".join(str(error).split())
        raise KmsError(
            f"AWS KMS did not {operation} with the key {key_id} ({told}); check the key id, its region, "
            "and that your credentials may use it."
        ) from error


@cache
def _aws_client(key_id: str) -> Any:  # noqa: ANN401
    import botocore.session

    arn = key_id.split(":")
    region = arn[3] if key_id.startswith("arn:") and len(arn) > 3 else None
    return botocore.session.get_session().create_client("kms", region_name=region)


CLIENTS: Final[dict[str, type[Any]]] = {"env": EnvironmentKms, "aws": AwsKms}


@cache
def crypto_factory() -> pe.CryptoFactory:
    """The factory of this process: keeps unwrapped keys for some minutes, so that a master key is asked for once."""
    return pe.CryptoFactory(lambda settings: CLIENTS[settings.kms_instance_id]())


def encryption_properties(kms: str, key_id: str) -> Any:  # noqa: ANN401 (not exported by pyarrow)
    """Properties of one file to be written: AES-GCM with 256 bits, footer and all columns.

    Args:
        kms: key of `CLIENTS`; stands in the file.
        key_id: the master key; stands in the file.
    """
    return crypto_factory().file_encryption_properties(
        pe.KmsConnectionConfig(kms_instance_id=kms),
        pe.EncryptionConfiguration(footer_key=key_id, uniform_encryption=True, data_key_length_bits=256),
    )


def decryption_properties(kms: str) -> Any:  # noqa: ANN401
    """Properties of one file to be read; the file names its master key."""
    return crypto_factory().file_decryption_properties(
        pe.KmsConnectionConfig(kms_instance_id=kms), pe.DecryptionConfiguration()
    )


def check_key(kms: str, key_id: str) -> None:
    """Wrap and unwrap a key once.

    Raises:
        KmsError: the master key cannot be used.
    """
    client, key = CLIENTS[kms](), os.urandom(32)
    if client.unwrap_key(client.wrap_key(key, key_id), key_id) != key:
        raise KmsError(f"{kms} gave back another key than it was given; the key {key_id} cannot be used.")
