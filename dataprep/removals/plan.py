"""What a removal will do to a finished run: which documents leave it, and from which shards. No Spark in here.

What is removed is every document that a request is about, and every document that was dropped as a duplicate of one,
so that its text does not come back through a copy.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig, settings_sha256
from dataprep.filter.rules import RULE_REASONS
from dataprep.parts import part_name, part_number
from dataprep.removals import tombstones
from dataprep.removals.requests import RemovalError, Requests, load_requests
from dataprep.stages import RECORD_NAME

Row = dict[str, Any]
Place = tuple[int, int]  # part and row of a document

STAGE_FOLDERS: Final = ("documents", "dedup", "fates", "tokenizer", "shards")
_FATE_COLUMNS: Final = (s.DOC_ID, s.SOURCE, s.FILE, s.LOCALE, s.DROP_REASON, s.SPLIT)
_BATCH_ROWS: Final = 1 << 16


def check_finished(run_dir: str) -> None:
    """Check that a folder holds a finished run.

    Raises:
        RemovalError: it does not.
    """
    needed = [f"{folder}/{RECORD_NAME}" for folder in STAGE_FOLDERS]
    for name in [*needed, "config.yaml", "ledger.json", "shards/manifest.json"]:
        if not files.exists(files.join(run_dir, name)):
            raise RemovalError(
                f"{run_dir} holds no finished run ({name} is missing); run make prepare with this configuration first."
            )


def plan_removal(run_dir: str, requests: Requests, lists: Sequence[str]) -> Row | None:
    """What a removal will do, as its pending record; null if everything is already as the requests ask.

    Reads the run part by part: memory grows with the documents to remove, not with the run. Writes nothing.

    Args:
        run_dir: folder of a finished run.
        requests: what is asked for.
        lists: the files the requests came from.

    Raises:
        RemovalError: no document would be left to train on, an earlier removal is pending, or the folder is damaged.
    """
    own = tombstones.own_requests(run_dir)
    matched, counts = _matched(run_dir, requests)
    documents = _with_copies(run_dir, matched, requests)
    changed = [document for document in _described(run_dir, documents) if _changes(document)]
    added = [request for request in requests if request not in own]
    if not changed and not added:
        return None
    manifest = files.read_json(files.join(run_dir, "shards", "manifest.json"))
    shards = _locate(run_dir, manifest, changed)
    return {
        "schema_version": s.SCHEMA_VERSION,
        "name": tombstones.record_name(len(tombstones.record_names(run_dir)) + 1),
        "status": tombstones.PENDING,
        "recorded_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "lists": [{"path": path, "sha256": files.file_sha256(path)} for path in lists],
        "requests": [request.to_json() | {"documents": counts[request.name]} for request in requests],
        "unmatched": [request.name for request in requests if not counts[request.name]],
        "tombstones_added": [request.to_json() for request in added],
        "documents": changed,
        "shards": shards,
        "shards_before": len(manifest["files"]),
        "kept_before": files.read_json(files.join(run_dir, "ledger.json"))["total"]["kept"],
        "fates_are_current": _honours(run_dir, own),
    }


def _matched(run_dir: str, requests: Requests) -> tuple[dict[Place, Row], Counter[str]]:
    """Documents that a request is about, by place; and how many there are per request."""
    matched: dict[Place, Row] = {}
    counts: Counter[str] = Counter()
    for path in files.list_files(files.join(run_dir, "documents"), ".parquet"):
        part, row = part_number(path), 0
        for batch in part_batches(path, [s.DOC_ID, s.LOCATOR]):
            ids, locators = (batch.column(name).to_pylist() for name in (s.DOC_ID, s.LOCATOR))
            for doc_id, locator in zip(ids, locators, strict=True):
                if found := requests.matching(doc_id, locator):
                    names = [request.name for request in found]
                    matched[part, row] = {
                        s.DOC_ID: doc_id,
                        "requests": names,
                        "copy_of": None,
                        "kept_instead": None,
                    }
                    counts.update(names)
                row += 1
    return matched, counts


def _with_copies(run_dir: str, matched: dict[Place, Row], requests: Requests) -> dict[Place, Row]:
    """The matched documents and those that were dropped as their duplicates.

    A matched document may itself be a duplicate of one that nobody asked for: that one stays, and is named.
    """
    documents = dict(matched)
    asked_for = {row[s.DOC_ID] for row in matched.values()} | set(requests.ids)
    wanted = pa.array(sorted(asked_for), pa.string())
    for path in files.list_files(files.join(run_dir, "dedup", "decisions"), ".parquet"):
        for batch in part_batches(path, [s.DOC_ID, s.KEPT_DOC_ID, s.PART, s.ROW]):
            concerned = pc.or_(
                pc.is_in(batch.column(s.KEPT_DOC_ID), value_set=wanted),
                pc.is_in(batch.column(s.DOC_ID), value_set=wanted),
            )
            for row in batch.filter(concerned).to_pylist():
                place = row[s.PART], row[s.ROW]
                kept = row[s.KEPT_DOC_ID]
                if place not in matched:
                    documents[place] = {
                        s.DOC_ID: row[s.DOC_ID],
                        "requests": [],
                        "copy_of": kept,
                        "kept_instead": None,
                    }
                elif kept not in asked_for:
                    documents[place]["kept_instead"] = kept
    return documents


def _described(run_dir: str, documents: dict[Place, Row]) -> Iterator[Row]:
    """The documents with what the tables say of them, in the order of part and row."""
    parts: dict[int, list[int]] = {}
    for part, row in sorted(documents):
        parts.setdefault(part, []).append(row)
    for part, rows in parts.items():
        with files.open_binary(files.join(run_dir, "fates", part_name(part))) as file:
            fates = pq.read_table(file, columns=list(_FATE_COLUMNS)).take(pa.array(rows)).to_pylist()
        texts = locators_and_texts(files.join(run_dir, "documents", part_name(part)), np.array(rows))
        for row, fate, (locator, text) in zip(rows, fates, texts, strict=True):
            document = documents[part, row]
            if fate[s.DOC_ID] != document[s.DOC_ID]:
                raise RemovalError(
                    f"fates/{part_name(part)} and documents/{part_name(part)} of {run_dir} are out of step; "
                    "prepare the run in a new folder, with the list in `removals`."
                )
            before = fate.pop(s.DROP_REASON)
            yield {
                **document,
                **fate,
                s.LOCATOR: locator,
                s.PART: part,
                s.ROW: row,
                "shard": None,
                "drop_reason_before": before,
                s.DROP_REASON: before if before in RULE_REASONS else s.REMOVAL_REQUEST,
                "text_erased": bool(text),
            }


def leaves_its_fate(document: Row) -> bool:
    """Whether the document's fate becomes another."""
    return bool(document["drop_reason_before"] != document[s.DROP_REASON])


def _changes(document: Row) -> bool:
    return bool(document["text_erased"]) or leaves_its_fate(document)


def _locate(run_dir: str, manifest: Row, documents: list[Row]) -> list[Row]:
    """The shards that hold documents to remove, as they are; sets the `shard` of these documents.

    Raises:
        RemovalError: a document is not in the shards, or none would be left in the train split.
    """
    kept: dict[tuple[str, str], dict[str, Row]] = {}
    for document in documents:
        if document["drop_reason_before"] is None:
            kept.setdefault((document[s.LOCALE], document[s.SPLIT]), {})[document[s.DOC_ID]] = document
    shards: list[Row] = []
    left: Counter[str] = Counter()
    for entry in manifest["files"]:
        wanted = kept.get((entry["locale"], entry["split"]), {})
        found = list(_ids_in(files.join(run_dir, "shards", entry["path"]), list(wanted))) if wanted else []
        for doc_id in found:
            wanted.pop(doc_id)["shard"] = entry["path"]
        if found:
            before = {name: entry[name] for name in ("rows", "tokens", "bytes", "sha256")}
            shards.append({"path": entry["path"], "documents": len(found), "before": before})
        left[entry["split"]] += entry["rows"] - len(found)
    if missing := sorted(doc_id for wanted in kept.values() for doc_id in wanted):
        raise RemovalError(
            f"{number(len(missing), 'kept document')} to remove cannot be found in the shards of {run_dir} "
            f"({missing[0]} is one), so the folder is damaged; prepare the run in a new folder, with the list in "
            "`removals`."
        )
    if not left["train"]:
        raise RemovalError(
            f"the requests would leave no document in the train split of {run_dir}; delete the run folder instead."
        )
    return shards


def _ids_in(path: str, ids: list[str]) -> Iterator[str]:
    """Those of the ids that a shard holds."""
    wanted = pa.array(ids, pa.string())
    for batch in part_batches(path, [s.DOC_ID]):
        column = batch.column(s.DOC_ID)
        yield from column.filter(pc.is_in(column, value_set=wanted)).to_pylist()


def _honours(run_dir: str, own: Requests) -> bool:
    """Whether the fates on record honour exactly the lists of the run's configuration and its tombstones."""
    fates = files.read_json(files.join(run_dir, "fates", RECORD_NAME))
    if (
        "settings_sha256" not in fates["counts"]
    ):  # made before there were removals: to be made again in any case
        return False
    try:
        requests = load_requests(run_config(run_dir).removals) | own
    except RemovalError:
        return False
    return bool(fates["fingerprint"] == fates_fingerprint(fates, requests))


def fates_fingerprint(fates: Row, requests: Requests) -> str:
    """The fingerprint of a record of the fates, if these were all the requests that it honours."""
    return settings_sha256(tombstones.fates_inputs(fates["counts"]["settings_sha256"], requests))


def run_config(run_dir: str) -> PrepareConfig:
    """The resolved configuration that the run was made with."""
    with files.open_binary(files.join(run_dir, "config.yaml")) as file:
        return PrepareConfig.model_validate(yaml.safe_load(file.read().decode()))


def part_batches(path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file, in batches of bounded size."""
    with files.open_binary(path) as file:
        yield from pq.ParquetFile(file).iter_batches(batch_size=_BATCH_ROWS, columns=columns)


def rows_by_part(documents: Iterable[Row]) -> dict[int, npt.NDArray[np.int64]]:
    """Rows of the documents per part."""
    parts: dict[int, list[int]] = {}
    for document in documents:
        parts.setdefault(document[s.PART], []).append(document[s.ROW])
    return {part: np.array(rows) for part, rows in sorted(parts.items())}


def locators_and_texts(path: str, rows_N: npt.NDArray[np.int64]) -> Iterator[tuple[str, str]]:
    """Locator and text of some rows of a documents file, ascending, one row group at a time."""
    with files.open_binary(path) as file:
        source = pq.ParquetFile(file)
        first = 0
        for group in range(source.num_row_groups):
            last = first + source.metadata.row_group(group).num_rows
            wanted = rows_N[(rows_N >= first) & (rows_N < last)] - first
            if len(wanted):
                table = source.read_row_group(group, columns=[s.LOCATOR, s.TEXT]).take(pa.array(wanted))
                yield from zip(table[s.LOCATOR].to_pylist(), table[s.TEXT].to_pylist(), strict=True)
            first = last


def number(count: int, name: str) -> str:
    """A count with its noun."""
    return f"{count:,} {name}" + ("" if count == 1 else "s")
