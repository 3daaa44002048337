"""The few file operations a run needs, on local disks and on every store that fsspec speaks (s3://, hdfs://, …)."""

import hashlib
import json
import re
import uuid
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
from fsspec.core import url_to_fs


def join(folder: str, *names: str) -> str:
    """`folder/name/…`, for paths and URLs alike."""
    return "/".join([folder.rstrip("/"), *names])


def is_local(path: str) -> bool:
    """Whether the path is on this machine's file system."""
    return "://" not in path or path.startswith("file://")


class PathError(ValueError):
    """A path that the parts of a run would read in different ways."""


def resolved(path: str) -> str:
    """The one spelling of a folder that driver, executors and Spark agree on: an absolute path, or a URL.

    Raises:
        PathError: the path holds characters that Spark takes for a pattern.
    """
    if pattern := re.search(r"[*?{}\[\]]", path):
        raise PathError(
            f"{path} holds {pattern[0]!r}, which Spark takes for a pattern; choose a name without it."
        )
    if not is_local(path):
        return path
    return str(Path(path.removeprefix("file://")).expanduser().absolute())


def spark_path(path: str) -> str:
    """A path as Spark must be given it: a local one says so, or a cluster's default file system would be asked."""
    return f"file://{path}" if path.startswith("/") else path


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    fs, inner = url_to_fs(path)
    return bool(fs.exists(inner))


def list_files(folder: str, suffix: str) -> list[str]:
    """Paths of the files directly in a folder that end in `suffix`, sorted; none if there is no folder."""
    fs, inner = url_to_fs(folder)
    if not fs.exists(inner):
        return []
    names = sorted(PurePosixPath(path).name for path in fs.ls(inner, detail=False))
    return [join(folder, name) for name in names if name.endswith(suffix) and not name.startswith(".")]


def size_bytes(path: str) -> int:
    """Size of one file."""
    fs, inner = url_to_fs(path)
    return int(fs.size(inner))


def make_folder(path: str) -> None:
    """Create a folder and its parents; object stores need none."""
    fs, inner = url_to_fs(path)
    fs.makedirs(inner, exist_ok=True)


def remove_tree(path: str) -> None:
    """Delete a folder with everything in it, or nothing if it is not there."""
    fs, inner = url_to_fs(path)
    if fs.exists(inner):
        fs.rm(inner, recursive=True)


def remove_temporaries(folder: str) -> None:
    """Delete what a killed process left of its atomic files, directly in a folder; nothing if there is no folder."""
    fs, inner = url_to_fs(folder)
    if fs.exists(inner):
        for path in fs.ls(inner, detail=False):
            name = PurePosixPath(path).name
            if name.startswith(".") and name.endswith(".tmp"):
                fs.rm(path)


def open_binary(path: str, mode: str = "rb") -> IO[bytes]:
    """Open a file; writers should prefer `AtomicFile`."""
    opened: IO[bytes] = fsspec.open(path, mode).open()
    return opened


class AtomicFile:
    """A file that appears whole or not at all, with its SHA-256 and size.

    The bytes go to a temporary name beside the target; `commit` renames. A retried or speculative task therefore
    never leaves half a file under the final name, and whoever renames last leaves the same bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        folder, _, name = path.rpartition("/")
        self._fs, self._target = url_to_fs(path)
        make_folder(folder)
        self._temporary = f"{self._target.rpartition('/')[0]}/.{name}.{uuid.uuid4().hex}.tmp"
        self._file = self._fs.open(self._temporary, "wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False
        self.sha256 = ""

    def write(self, data: Any) -> int:  # noqa: ANN401 (any bytes-like object)
        """Append bytes."""
        view = memoryview(data)
        self._hash.update(view)
        self.size_bytes += view.nbytes
        self._file.write(view)
        return view.nbytes

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size_bytes

    def flush(self) -> None:
        """Nothing to do: the rename publishes the bytes."""

    def writable(self) -> bool:
        """True; pyarrow asks."""
        return True

    def readable(self) -> bool:
        """False; pyarrow asks."""
        return False

    def seekable(self) -> bool:
        """False; pyarrow asks."""
        return False

    def close(self) -> None:
        """Nothing to do: pyarrow closes the sink of a writer, `commit` or `discard` end the file."""

    def commit(self) -> str:
        """Publish the file under its name; its hex SHA-256."""
        self._file.close()
        self._fs.mv(self._temporary, self._target)
        self.closed = True
        self.sha256 = self._hash.hexdigest()
        return self.sha256

    def discard(self) -> None:
        """Throw the bytes away."""
        self._file.close()
        self._fs.rm(self._temporary)
        self.closed = True


def write_json(path: str, value: object) -> str:
    """Write JSON atomically, with sorted keys so that equal values give equal bytes; its hex SHA-256."""
    data = json_bytes(value)
    file = AtomicFile(path)
    file.write(data)
    return file.commit()


def json_bytes(value: object) -> bytes:
    """The bytes that `write_json` writes."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def read_json(path: str) -> Any:  # noqa: ANN401 (JSON)
    """The value of a JSON file."""
    with open_binary(path) as file:
        return json.load(file)


def bytes_sha256(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: str) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open_binary(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
