"""Encrypted Parquet files of a run, and the log of who read them.

A `Vault` gives writers the properties that encrypt, opens what was encrypted, and appends a line to the access log
before it does: JSON with `time user uid host pid run key_id purpose files`. The log says what our code was asked to
read; the log of a key management service says who was given the key.
"""

import datetime
import fcntl
import json
import os
import platform
import pwd
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from dataprep import files
from dataprep.kms import decryption_properties, encryption_properties

ACCESS_LOG: Final = "access.jsonl"
_ENCRYPTED: Final = b"PARE"  # how a Parquet file with an encrypted footer begins and ends


@dataclass(frozen=True, slots=True)
class Vault:
    """How a run's files are encrypted; travels to tasks.

    Attributes:
        run: the run folder, as the log names it.
        kms: key of `kms.CLIENTS`; null writes and reads plain files and logs nothing.
        key_id: the master key.
        access_log: path of the log; a local file is appended to, on an object store every line is an object beside it.
    """

    run: str
    kms: str | None = None
    key_id: str = ""
    access_log: str = ""

    def options(self) -> dict[str, Any]:
        """Options of a `PartWriter`; for one file, whose keys they hold."""
        if self.kms is None:
            return {}
        return {"encryption_properties": encryption_properties(self.kms, self.key_id)}

    def opened(self, paths: Sequence[str], purpose: str) -> Iterator[pq.ParquetFile]:
        """The files, opened one after the other; one line of the log for all of them, before the first.

        Args:
            paths: files of the run.
            purpose: what they are read for.

        Raises:
            KmsError: the key is missing, wrong or refused.
        """
        if self.kms is not None and paths:
            self._log(paths, purpose)
        for path in paths:
            with files.open_binary(path) as file:
                options = (
                    {} if self.kms is None else {"decryption_properties": decryption_properties(self.kms)}
                )
                yield pq.ParquetFile(file, **options)

    def _log(self, paths: Sequence[str], purpose: str) -> None:
        line = json.dumps(
            {
                "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
                "user": _user(),
                "uid": os.getuid(),
                "host": platform.node(),
                "pid": os.getpid(),
                "run": self.run,
                "key_id": self.key_id,
                "purpose": purpose,
                "files": [path.removeprefix(self.run + "/") for path in paths],
            },
            ensure_ascii=False,
        )
        if not files.is_local(self.access_log):
            target = files.AtomicFile(f"{self.access_log}.d/{uuid.uuid4().hex}.jsonl")
            target.write(f"{line}\n".encode())
            target.commit()
            return
        path = Path(self.access_log.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX)  # lines of several tasks do not mix
            log.write(f"{line}\n".encode())


def _user() -> str:
    """Name of the user of this process; its number where it has none, as in some containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name  # not from the environment, where anybody may write
    except KeyError:
        return str(os.getuid())


def is_encrypted(path: str) -> bool:
    """Whether a file is Parquet with an encrypted footer."""
    with files.open_binary(path) as file:
        return file.read(len(_ENCRYPTED)) == _ENCRYPTED
