"""As much of S3 and of AWS KMS as reading encrypted shards needs, on the loopback address."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Store(BaseHTTPRequestHandler):
    """GET and HEAD of the files of a folder under /bucket/, ranges included; no listing."""

    protocol_version = "HTTP/1.1"
    folder: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.folder / self.path.partition("?")[0].removeprefix("/bucket/").replace("%3D", "=")
        self.asked.append(f"{self.command} {self.headers.get('Range', '')}".strip())
        if not path.is_file():
            self._send(404, b"", {})
            return
        data = path.read_bytes()
        if span := self.headers.get("Range"):
            first, last = span.removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1]
            told = {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
            self._send(206, part, told)
        else:
            self._send(200, data if body else b"", {"Content-Length": str(len(data))})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "ETag": '"1"', **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Kms(BaseHTTPRequestHandler):
    """Unwraps a key that is reversed behind the name of its master key; refuses every other context."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sealed = base64.b64decode(body["CiphertextBlob"])
        named = body["KeyId"].encode() + b"\0"
        if body.get("EncryptionContext") != {"magister": "parquet"} or not sealed.startswith(named):
            self._answer(400, {"__type": "InvalidCiphertextException", "message": "another context"})
        else:
            self._answer(200, {"Plaintext": base64.b64encode(sealed.removeprefix(named)[::-1]).decode()})

    def _answer(self, status: int, value: dict[str, str]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def s3_store(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Address of a store that has a folder's files in the bucket `bucket`, and the requests it gets."""
    asked: list[str] = []
    with _serving(type("Store", (_Store,), {"folder": folder, "asked": asked})) as address:
        yield address, asked


@contextmanager
def aws_kms() -> Iterator[str]:
    """Address of the key service."""
    with _serving(_Kms) as address:
        yield address
