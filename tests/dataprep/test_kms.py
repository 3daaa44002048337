"""Keys: environment variables, and AWS KMS against a stub of it on the loopback address."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dataprep.kms import AwsKms, EnvironmentKms, KmsError, _aws_client, check_key

KEY = base64.b64encode(bytes(range(32))).decode()
ARN = "arn:aws:kms:eu-west-1:111122223333:key/utterances"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("A_KEY", KEY)
    return "A_KEY"


def test_a_wrapped_key_can_be_unwrapped_and_differs_each_time(key: str) -> None:
    client = EnvironmentKms()

    wrapped = [client.wrap_key(b"0123456789abcdef", key) for _ in range(2)]

    assert wrapped[0] != wrapped[1]
    assert [client.unwrap_key(each, key) for each in wrapped] == [b"0123456789abcdef"] * 2
    assert b"0123456789abcdef" not in base64.b64decode(wrapped[0])


def test_a_key_wrapped_under_one_name_is_not_unwrapped_under_another(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER", KEY)
    wrapped = EnvironmentKms().wrap_key(b"0123456789abcdef", key)

    with pytest.raises(KmsError):
        EnvironmentKms().unwrap_key(wrapped, "ANOTHER")


def test_a_wrong_key_is_told_in_one_sentence(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = EnvironmentKms().wrap_key(b"0123456789abcdef", key)
    monkeypatch.setenv(key, base64.b64encode(bytes(32)).decode())

    with pytest.raises(
        KmsError, match=r"^the key in the environment variable A_KEY is not the one that these files"
    ):
        EnvironmentKms().unwrap_key(wrapped, key)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the environment variable A_KEY is not set; export it"),
        ("", "the environment variable A_KEY is not set; export it"),
        ("no base64!", "must hold 16, 24 or 32 bytes as base64, but holds something else"),
        (base64.b64encode(b"short").decode(), "must hold 16, 24 or 32 bytes as base64"),
    ],
)
def test_a_missing_or_broken_key_is_told_in_one_sentence(
    value: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {key: text for key, text in os.environ.items() if key != "A_KEY"})
    os.environ |= {} if value is None else {"A_KEY": value}

    with pytest.raises(KmsError, match=message) as raised:
        check_key("env", "A_KEY")
    assert "\n" not in str(raised.value)


class _Stub(BaseHTTPRequestHandler):
    """As much of AWS KMS as two operations need: the "ciphertext" is the plaintext reversed behind the key's name."""

    calls: list[tuple[str, dict[str, object]]]
    refuse = False

    def do_POST(self) -> None:
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((operation, body))
        prefix = body["KeyId"].encode() + b"\0"
        if self.refuse:
            self._answer(400, {"__type": "AccessDeniedException", "message": "not allowed"})
        elif operation == "Encrypt":
            sealed = prefix + base64.b64decode(body["Plaintext"])[::-1]
            self._answer(200, {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": body["KeyId"]})
        else:
            sealed = base64.b64decode(body["CiphertextBlob"]).removeprefix(prefix)
            self._answer(200, {"Plaintext": base64.b64encode(sealed[::-1]).decode(), "KeyId": body["KeyId"]})

    def _answer(self, status: int, value: dict[str, str]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Stub]]:
    handler = type("Handler", (_Stub,), {"calls": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _aws_client.cache_clear()
    yield handler
    _aws_client.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_aws_wraps_and_unwraps_under_its_own_key_and_our_context(aws: type[_Stub]) -> None:
    client = AwsKms()

    wrapped = client.wrap_key(b"0123456789abcdef", ARN)

    assert base64.b64decode(wrapped) == ARN.encode() + b"\0fedcba9876543210"
    assert client.unwrap_key(wrapped, ARN) == b"0123456789abcdef"
    assert [operation for operation, _ in aws.calls] == ["Encrypt", "Decrypt"]
    assert all(body["EncryptionContext"] == {"magister": "parquet"} for _, body in aws.calls)
    assert _aws_client(ARN).meta.region_name == "eu-west-1"


def test_what_aws_refuses_is_told_in_one_sentence(aws: type[_Stub]) -> None:
    aws.refuse = True

    with pytest.raises(
        KmsError, match=r"AWS KMS did not encrypt with the key .*AccessDenied.*check the key id"
    ):
        check_key("aws", ARN)


def test_an_aws_that_cannot_be_reached_is_told_in_one_sentence(
    aws: type[_Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    _aws_client.cache_clear()

    with pytest.raises(KmsError, match="AWS KMS did not encrypt"):
        check_key("aws", ARN)
