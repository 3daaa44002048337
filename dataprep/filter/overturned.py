"""Decisions that reviewers have overturned: documents that were dropped and are to be kept. No Spark in here.

`overturned/keeps.jsonl` in the run folder has a line per document: its id, why it was dropped, who wants it kept, why,
and when that was said. The next `make prepare` in the folder decides on fates anew and keeps these documents, whatever
dropped them; only a removal request is stronger.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.config import settings_sha256

FOLDER: Final = "overturned"
KEEPS: Final = "keeps.jsonl"
# Somebody ordered these, or nothing is there to keep.
_FINAL: Final = {
    s.REMOVAL_REQUEST: "it was asked to be removed",
    "locale_not_selected": "its locale is not among those that the configuration asks for",
    "empty": "it has no text",
}
_SHOWN: Final = 3  # ids in a message
_BATCH_ROWS: Final = 1 << 16

Row = dict[str, Any]


class OverturnError(ValueError):
    """A decision cannot be overturned; the message says why."""


def keeps_path(run_dir: str) -> str:
    """Path of the record of overturned decisions."""
    return files.join(run_dir, FOLDER, KEEPS)


def read_keeps(run_dir: str) -> list[Row]:
    """The overturned decisions, in the order in which they were recorded.

    Raises:
        OverturnError: the record was damaged.
    """
    path = keeps_path(run_dir)
    if not files.exists(path):
        return []
    with files.open_binary(path) as file:
        lines = file.read().decode().splitlines()
    try:
        found = [json.loads(line) for line in lines if line.strip()]
        return [
            {name: each[name] for name in ("doc_id", "drop_reason", "by", "reason", "at")} for each in found
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise OverturnError(f"{path} is damaged ({error!r}); restore it, or remove the line.") from error


def keeps_sha256(keeps: Sequence[Row]) -> str | None:
    """Digest of which documents are to be kept; null for none. Who said so and when changes no fate."""
    return settings_sha256(sorted(each["doc_id"] for each in keeps)) if keeps else None


def plan_keeps(run_dir: str, doc_ids: Sequence[str], *, by: str, reason: str, at: str) -> list[Row]:
    """The lines that would be added for these documents; those that are recorded already are left out.

    Args:
        run_dir: folder of a run that has decided on fates.
        doc_ids: documents to keep.
        by: who wants it.
        reason: why.
        at: when, ISO 8601.

    Raises:
        OverturnError: no document, name or reason is given; an id is unknown, kept already, or dropped for good.
    """
    if not doc_ids:
        raise OverturnError('no document is named; give ids of dropped documents: make keep IDS="id id" …')
    for value, what in ((by, "BY=your name"), (reason, "REASON=…")):
        if not value.strip():
            raise OverturnError(f"a decision is overturned by somebody for a reason; add {what}.")
    known = {each["doc_id"] for each in read_keeps(run_dir)}
    wanted = [each for each in dict.fromkeys(doc_ids) if each not in known]
    fates = _fates_of(run_dir, wanted)
    unknown = [each for each in wanted if each not in fates]
    if unknown:
        raise OverturnError(
            f"the run has no document {_names(unknown)}; take ids from its report or from fates/."
        )
    kept = [each for each in wanted if None in fates[each]]
    if kept:
        raise OverturnError(f"{_names(kept)} is kept already.")
    for each in wanted:
        for final, why in _FINAL.items():
            if final in fates[each]:
                raise OverturnError(f"{each} cannot be kept: {why}.")
    return [
        {"doc_id": each, "drop_reason": fates[each][0], "by": by.strip(), "reason": reason.strip(), "at": at}
        for each in wanted
    ]


def write_keeps(run_dir: str, added: Sequence[Row]) -> None:
    """Put lines at the end of the record, which appears anew as a whole."""
    lines = [json.dumps(each, ensure_ascii=False) for each in (*read_keeps(run_dir), *added)]
    file = files.AtomicFile(keeps_path(run_dir))
    file.write("".join(f"{line}\n" for line in lines).encode())
    file.commit()


def current_fates(run_dir: str, doc_ids: Sequence[str]) -> dict[str, list[str | None]]:
    """Drop reasons of documents as the fates have them now, one per record with the id; null for kept ones."""
    return _fates_of(run_dir, doc_ids)


def _fates_of(run_dir: str, doc_ids: Sequence[str]) -> dict[str, list[str | None]]:
    wanted = pa.array(sorted(doc_ids), pa.string())
    found: dict[str, list[str | None]] = {}
    for path in files.list_files(files.join(run_dir, "fates"), ".parquet") if doc_ids else []:
        with files.open_binary(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=[s.DOC_ID, s.DROP_REASON]):
                hits = batch.filter(pc.is_in(batch.column(s.DOC_ID), wanted)).to_pydict()
                for doc_id, reason in zip(hits[s.DOC_ID], hits[s.DROP_REASON], strict=True):
                    found.setdefault(doc_id, []).append(reason)
    return found


def _names(doc_ids: Sequence[str]) -> str:
    more = f" and {len(doc_ids) - _SHOWN} more" if len(doc_ids) > _SHOWN else ""
    return ", ".join(doc_ids[:_SHOWN]) + more
