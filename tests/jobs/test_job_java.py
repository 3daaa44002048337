import io
import json
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jobs.java import JavaError, ensure_java, fetch_java, find_java, java_version, main

JAVA_17 = "#!/bin/sh\necho 'openjdk version \"17.0.12\" 2024-07-16' >&2\n"
JAVA_21 = "#!/bin/sh\necho 'openjdk version \"21\" 2023-09-19' >&2\n"
JAVA_8 = "#!/bin/sh\necho 'java version \"1.8.0_412\"' >&2\n"
GARBAGE = "#!/bin/sh\nprintf 'caf\\351, and no number\\n' >&2\n"
FAILING = "#!/bin/sh\necho 'openjdk version \"17.0.12\"' >&2\nexit 1\n"

Serve = Callable[[dict[str, bytes]], str]


def install(home: Path, script: str) -> Path:
    """A Java home whose `java` is the script."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(script)
    java.chmod(0o755)
    return home


def archive(script: str) -> bytes:
    """A JDK as vendors pack it: one folder, with the script as its `bin/java`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("jdk-17.0.12+7/bin/java")
        member.size, member.mode = len(script), 0o755
        tar.addfile(member, io.BytesIO(script.encode()))
    return packed.getvalue()


def index(url: str) -> bytes:
    """A list of JDKs with three versions; the archive of 17.0.12 is at the URL."""
    versions = {
        "1.11.0.24": "tgz+http://127.0.0.1:9/old",
        "1.17.0.12": f"tgz+{url}",
        "1.21.0.4": "tgz+http://127.0.0.1:9/new",
    }
    return json.dumps({"linux": {"amd64": {"jdk@temurin": versions}}}).encode()


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java, no proxy between the test and its server, and a fixed platform to ask a JDK for."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CJDK_OS", "linux")
    monkeypatch.setenv("CJDK_ARCH", "amd64")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve files from the loopback address; everything else is refused with 403."""
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(403 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def start(files: dict[str, bytes]) -> str:
        answers.update(files)
        return f"http://127.0.0.1:{server.server_port}"

    yield start

    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("script", "version"),
    [(JAVA_17, 17), (JAVA_21, 21), (JAVA_8, 8), (GARBAGE, None), (FAILING, None)],
    ids=["17", "21", "1.8", "garbage", "exit 1"],
)
def test_the_major_version_is_what_a_working_java_says(
    tmp_path: Path, script: str, version: int | None
) -> None:
    home = install(tmp_path / "jdk", script)

    assert java_version(home) == version


def test_a_folder_without_java_has_no_version(tmp_path: Path) -> None:
    assert java_version(tmp_path) is None


def test_java_home_comes_before_the_path_and_the_path_before_the_fetched_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = install(tmp_path / "named", JAVA_17)
    on_path = install(tmp_path / "on_path", JAVA_17)
    fetched = install(tmp_path / "fetched", JAVA_17)
    (tmp_path / "java_home").write_text(f"{fetched}\n")

    only_fetched = find_java(tmp_path)
    monkeypatch.setenv("PATH", str(on_path / "bin"))
    with_path = find_java(tmp_path)
    monkeypatch.setenv("JAVA_HOME", str(named))
    with_java_home = find_java(tmp_path)

    assert [only_fetched, with_path, with_java_home] == [fetched, on_path, named]


def test_a_java_on_the_path_is_followed_to_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = install(tmp_path / "jdk-21", JAVA_21)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(tmp_path / "links"))

    assert find_java(tmp_path) == home


@pytest.mark.parametrize("unusable", [JAVA_8, GARBAGE, FAILING], ids=["too old", "garbage", "exit 1"])
def test_an_unusable_java_home_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unusable: str
) -> None:
    on_path = install(tmp_path / "on_path", JAVA_17)
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "named", unusable)))
    monkeypatch.setenv("PATH", str(on_path / "bin"))

    assert find_java(tmp_path) == on_path


def test_a_machine_without_java_has_none(tmp_path: Path) -> None:
    assert find_java(tmp_path) is None


def test_java_is_fetched_into_the_environment_and_found_there_afterwards(
    tmp_path: Path, serve: Serve
) -> None:
    environment = tmp_path / "environment"
    environment.mkdir()
    url = serve({"/jdk-17.tar.gz": archive(JAVA_17)})
    serve({"/index.json": index(f"{url}/jdk-17.tar.gz")})

    home = fetch_java(environment, index_url=f"{url}/index.json")

    assert home.is_relative_to(environment)
    assert java_version(home) == 17
    assert find_java(environment) == home


@pytest.mark.parametrize("served", ["nothing", "only the index"])
def test_a_server_that_refuses_ends_in_a_sentence_that_says_what_to_do(
    tmp_path: Path, serve: Serve, served: str
) -> None:
    url = serve({})
    serve({"/index.json": index(f"{url}/jdk-17.tar.gz")} if served == "only the index" else {})

    with pytest.raises(JavaError) as raised:
        fetch_java(tmp_path, index_url=f"{url}/index.json")

    message = str(raised.value)
    assert message.startswith(
        "Spark needs Java 17 or later; none was found in JAVA_HOME or on the PATH, and fetching one failed ("
    )
    assert "403" in message
    assert message.endswith("). Install a JDK 17+ and set JAVA_HOME to it.")
    assert "\n" not in message
    assert find_java(tmp_path) is None


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"{}"], ids=["no JSON", "no JDK in it"])
def test_an_index_that_offers_no_jdk_ends_in_the_same_sentence(
    tmp_path: Path, serve: Serve, body: bytes
) -> None:
    url = serve({"/index.json": body})

    with pytest.raises(JavaError, match=r"^Spark needs Java 17 or later; .* set JAVA_HOME to it\.$"):
        fetch_java(tmp_path, index_url=f"{url}/index.json")


def test_a_fetched_java_that_does_not_run_is_refused_and_forgotten(tmp_path: Path, serve: Serve) -> None:
    url = serve({"/jdk-17.tar.gz": archive(FAILING)})
    serve({"/index.json": index(f"{url}/jdk-17.tar.gz")})

    with pytest.raises(JavaError, match=r"the JDK in .* does not run on this machine"):
        fetch_java(tmp_path, index_url=f"{url}/index.json")

    assert not (tmp_path / "java_home").exists()


def test_a_java_that_is_there_is_used_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = install(tmp_path / "jdk", JAVA_21)
    monkeypatch.setenv("JAVA_HOME", str(home))

    used = ensure_java()

    assert used == home
    assert capsys.readouterr().out == ""


def test_set_up_says_that_it_fetches_and_ends_with_one_sentence_when_it_cannot(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("CJDK_INDEX_URL", f"{serve({})}/index.json")  # refused: only https is trusted

    with pytest.raises(SystemExit, match=r"^error: Spark needs Java 17 or later; .* set JAVA_HOME to it\.$"):
        main()

    assert capsys.readouterr().out == (
        f"No Java 17+ on this machine: fetching a JDK 17 into {tmp_path}/jdk …\n"
    )
