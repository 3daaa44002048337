"""The tombstones of a run folder: requests that it has honoured, and the records that prove it. No Spark in here.

`removals/0001.json` is the record of the first removal, `0002.json` of the second. `removals/tombstones.jsonl` holds
their requests, each followed by a line per document that went with it, and is itself a removal list. Every later run
in this folder honours it; a run in another folder does when it names the file in `removals`.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from dataprep import files
from dataprep.removals.requests import KEYS, RemovalError, Requests, load_requests, parse_requests

FOLDER: Final = "removals"
TOMBSTONES: Final = "tombstones.jsonl"
PENDING: Final = "pending"
DONE: Final = "done"


def tombstones_path(run_dir: str) -> str:
    """Path of the tombstones of a run folder."""
    return files.join(run_dir, FOLDER, TOMBSTONES)


def record_name(number: int) -> str:
    """Path of a record inside the run folder."""
    return f"{FOLDER}/{number:04d}.json"


def record_names(run_dir: str) -> list[str]:
    """Paths of all records inside the run folder, in the order of their removals."""
    found = files.list_files(files.join(run_dir, FOLDER), ".json")
    return [f"{FOLDER}/{path.rpartition('/')[2]}" for path in found]


def pending_record(run_dir: str) -> dict[str, Any] | None:
    """The record of a removal that was interrupted; null if there is none. Only the last one can be."""
    names = record_names(run_dir)
    if not names:
        return None
    record: dict[str, Any] = files.read_json(files.join(run_dir, names[-1]))
    return record if record["status"] == PENDING else None


def own_requests(run_dir: str) -> Requests:
    """What this run folder has been asked to remove so far.

    Raises:
        RemovalError: a removal was interrupted, or the tombstones are not those that the last removal left.
    """
    names = record_names(run_dir)
    if not names:
        path = tombstones_path(run_dir)
        return load_requests([path]) if files.exists(path) else Requests()
    record = files.read_json(files.join(run_dir, names[-1]))
    if record["status"] == PENDING:
        raise RemovalError(
            f"the removal {names[-1]} of {run_dir} was interrupted; finish it with make remove."
        )
    text = tombstones_text(run_dir)
    if files.bytes_sha256(text.encode()) != record["tombstones_sha256"]:
        raise RemovalError(
            f"{tombstones_path(run_dir)} is not as {names[-1]} left it, so what was removed could come back without "
            "its text; restore the file, or prepare in a new folder."
        )
    return Requests(parse_requests(text, tombstones_path(run_dir)))


def honoured_requests(lists: list[str], run_dir: str) -> Requests:
    """All requests that a run honours: those of the lists in its configuration, and its own tombstones.

    Raises:
        RemovalError: a list cannot be used; or as `own_requests`.
    """
    return load_requests(lists) | own_requests(run_dir)


def manifest_records(run_dir: str) -> list[dict[str, str]]:
    """What the manifest says of the removals: name and hex SHA-256 of every record."""
    return [
        {"record": name, "sha256": files.file_sha256(files.join(run_dir, name))}
        for name in record_names(run_dir)
    ]


def fates_inputs(settings_sha256: str, requests: Requests) -> dict[str, str | None]:
    """What the stage that decides on fates depends on: everything before it, and the requests it honours.

    Args:
        settings_sha256: hash of its settings and inputs but for the requests; kept in its record, so that a removal
            can say of the record that it honours more requests without reading the input again.
        requests: all requests that it honours.
    """
    return {"settings": settings_sha256, "removals": requests.sha256}


def tombstones_text(run_dir: str) -> str:
    """The tombstones as they are; empty if there are none."""
    path = tombstones_path(run_dir)
    if not files.exists(path):
        return ""
    with files.open_binary(path) as file:
        return file.read().decode()


def write_tombstones(run_dir: str, name: str, lines: Iterable[dict[str, str]]) -> str:
    """Put a removal's lines at the end of the tombstones, in place of what an interrupted try put there.

    Args:
        run_dir: the run folder.
        name: path of the removal's record; every line is marked with it.
        lines: its requests and the documents that went.

    Returns:
        Hex SHA-256 of the file.
    """
    before = tombstones_text(run_dir).split("\n")
    kept = [line for line in before if line and not _is_of(line, name)]
    added = [_line(line | {"record": name}) for line in lines]
    file = files.AtomicFile(tombstones_path(run_dir))
    file.write("".join(f"{line}\n" for line in [*kept, *added]).encode())
    return file.commit()


def _line(values: dict[str, str]) -> str:
    """One line, with its keys in one order, wherever the values come from."""
    return json.dumps({key: values[key] for key in KEYS if key in values}, ensure_ascii=False)


def _is_of(line: str, name: str) -> bool:
    return line.startswith("{") and json.loads(line).get("record") == name
