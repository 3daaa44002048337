"""Takes documents out of a finished run, in place: only the files that hold them are written again. No Spark in here.

Deduplication itself is not touched: a removed document stays a known text. Its fate becomes `removal_request`, unless
a rule had rejected it before; its rows leave the shards; its text is emptied in `documents/`, and its excerpts in
`rejected_sample/` and in the record of the deduplication.

The record is written first, as pending and with the whole plan; then the files, each atomically; then the record, as
done. Every step gives the same bytes when it is repeated, so a removal that was killed is finished by doing all steps
again. The manifest names the record by its hash, which is known before the record is written.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.ledger import Key, LedgerError, build_ledger, check_ledger
from dataprep.parts import COMPRESSION, PartWriter, part_name, regrouped
from dataprep.removals import tombstones
from dataprep.removals.plan import (
    STAGE_FOLDERS,
    Row,
    fates_fingerprint,
    leaves_its_fate,
    locators_and_texts,
    number,
    part_batches,
    rows_by_part,
    run_config,
)
from dataprep.removals.requests import RemovalError, Requests, load_requests, parse_requests
from dataprep.shards.balance import plan_after_removal
from dataprep.shards.cells import CellCounter
from dataprep.shards.writer import SHARD_OPTIONS
from dataprep.stages import RECORD_NAME

_WITH_EXCERPTS: Final = ("largest_buckets", "capped_examples")  # in the record of the deduplication
_COMPARISON: Final = ("compare.json", "compare.html")
_NAMES_SHOWN: Final = 5  # in a message
_OF_THE_PLAN: Final = ("tombstones_added", "fates_are_current")  # what only the pending record says


def begin(run_dir: str, record: Row) -> None:
    """Write a plan as the pending record: from here on the removal can only be finished."""
    files.write_json(files.join(run_dir, record["name"]), record)


def complete(run_dir: str, record: Row, write_report: Callable[[], object]) -> Row:
    """Do what a pending record says, from whatever point it had come to, and finish the record.

    Args:
        run_dir: the run folder.
        record: its pending record.
        write_report: writes the report of the run folder again.

    Returns:
        The finished record.

    Raises:
        LedgerError: the ledger does not balance afterwards.
    """
    _remove_temporaries(run_dir, record)
    documents = record["documents"]
    tombstones_sha256 = tombstones.write_tombstones(run_dir, record["name"], _tombstones(record))
    _withhold_excerpts(run_dir, documents)
    for part, rows_N in rows_by_part(each for each in documents if each["text_erased"]).items():
        _overwrite(files.join(run_dir, "documents", part_name(part)), s.TEXT, rows_N, "")
    for part, rows_N in rows_by_part(each for each in documents if leaves_its_fate(each)).items():
        _overwrite(files.join(run_dir, "fates", part_name(part)), s.DROP_REASON, rows_N, s.REMOVAL_REQUEST)
    config = run_config(run_dir)
    funnel = _write_fates_record(run_dir, config, is_current=record["fates_are_current"])
    shards = [
        {**shard, "after": _rewrite_shard(run_dir, shard, documents, config.shards.row_group_rows)}
        for shard in record["shards"]
    ]
    manifest = _manifest(run_dir, config, shards)
    ledger = _write_ledger(run_dir, funnel, manifest)
    files.write_json(files.join(run_dir, "plan.json"), manifest["plan"])
    done = {key: value for key, value in record.items() if key not in _OF_THE_PLAN} | {
        "status": tombstones.DONE,
        "shards": shards,
        "shards_after": len(manifest["files"]),
        "kept_after": ledger["total"]["kept"],
        "tombstones_sha256": tombstones_sha256,
    }
    own = {"record": record["name"], "sha256": files.bytes_sha256(files.json_bytes(done))}
    earlier = [entry for entry in manifest.get("removals", []) if entry["record"] != record["name"]]
    manifest["removals"] = [*earlier, own]
    _write_shards_record(run_dir, manifest)
    write_report()
    files.write_json(files.join(run_dir, record["name"]), done)
    return done


def finish_pending(run_dir: str, write_report: Callable[[], object]) -> Row | None:
    """Finish a removal that was interrupted; its finished record, or null if there was none."""
    record = tombstones.pending_record(run_dir)
    return complete(run_dir, record, write_report) if record else None


def summary(record: Row) -> list[str]:
    """What a removal does or did, in lines for people."""
    documents = record["documents"]
    shards = record["shards"]
    lines = [
        f"{number(len(record['requests']), 'request')}, {number(len(documents), 'document')}, "
        f"{len(shards):,} of {number(record['shards_before'], 'shard')} rewritten, audit {record['name']}"
    ]
    copies = sum(document["copy_of"] is not None for document in documents)
    if copies:
        lines.append(f"{number(copies, 'document')} of these went as duplicates of what was asked for")
    if unmatched := record["unmatched"]:
        lines.append(f"{number(len(unmatched), 'request')} matched no document: {_some(unmatched)}")
    staying = sorted({document["kept_instead"] for document in documents} - {None})
    if staying:
        lines.append(
            f"{number(len(staying), 'document')} of which they were duplicates stay, since nobody asked for these; "
            f"ask by id if their text must go too: {_some(staying)}"
        )
    return lines


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")


def _remove_temporaries(run_dir: str, record: Row) -> None:
    """Delete half-written files of an interrupted try."""
    shard_folders = {f"shards/{shard['path'].rpartition('/')[0]}" for shard in record["shards"]}
    for name in sorted({"removals", "rejected_sample", "report", *STAGE_FOLDERS, *shard_folders}):
        files.remove_temporaries(files.join(run_dir, name))
    files.remove_temporaries(run_dir)


def _tombstones(record: Row) -> Iterator[Row]:
    """The lines of a removal: its new requests, then every document that went, so that its copies go in later runs."""
    yield from record["tombstones_added"]
    for document in record["documents"]:
        because = (
            document["requests"][0] if document["requests"] else f"duplicate of id:{document['copy_of']}"
        )
        yield {"id": document[s.DOC_ID], "because": because}


def _withhold_excerpts(run_dir: str, documents: list[Row]) -> None:
    """Empty the excerpts of removed documents wherever the report takes examples from.

    Comes before the texts are erased, because the record of the deduplication has excerpts without ids.
    """
    removed = {document[s.DOC_ID]: document[s.DROP_REASON] for document in documents}
    for path in files.list_files(files.join(run_dir, "rejected_sample"), ".parquet"):
        with files.open_binary(path) as file:
            table = pq.ParquetFile(file).read()
        rows = table.to_pylist()
        for row in rows:
            row[s.DROP_REASON] = removed.get(row[s.DOC_ID], row[s.DROP_REASON])
            if row[s.DOC_ID] in removed:
                row["excerpt"] = ""
            if row[s.KEPT_DOC_ID] in removed:
                row["kept_excerpt"] = ""
        writer = PartWriter(path)
        writer.write(pa.RecordBatch.from_pylist(rows, schema=table.schema))
        writer.commit()
    # A comparison is of the run as it was, and may show them; `make compare` makes it again.
    for name in _COMPARISON if documents else ():
        files.remove_tree(files.join(run_dir, "report", name))
    path = files.join(run_dir, "dedup", RECORD_NAME)
    dedup = files.read_json(path)
    shown = {name: dedup["counts"].get(name, []) for name in _WITH_EXCERPTS}
    excerpts = {
        item for rows in shown.values() for row in rows for item in row if item and isinstance(item, str)
    }
    withheld = _beginnings(run_dir, documents, excerpts)
    for name, rows in shown.items():
        dedup["counts"][name] = [
            ["" if isinstance(item, str) and item in withheld else item for item in row] for row in rows
        ]
    if withheld:
        files.write_json(path, dedup)


def _beginnings(run_dir: str, documents: list[Row], excerpts: set[str]) -> set[str]:
    """Those of the excerpts with which the text of one of the documents begins."""
    found: set[str] = set()
    for part, rows_N in rows_by_part(documents).items() if excerpts else ():
        for _, text in locators_and_texts(files.join(run_dir, "documents", part_name(part)), rows_N):
            found |= {excerpt for excerpt in excerpts if text.startswith(excerpt)}
    return found


def _overwrite(path: str, column: str, rows_N: npt.NDArray[np.int64], value: str) -> None:
    """Put a value into some rows of a column of a Parquet file; everything else stays, row groups and all."""
    with files.open_binary(path) as file:
        source = pq.ParquetFile(file)
        index = source.schema_arrow.get_field_index(column)
        field = source.schema_arrow.field(index)
        target = files.AtomicFile(path)
        try:
            with pq.ParquetWriter(target, source.schema_arrow, **_options(source.metadata)) as writer:
                first = 0
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group)
                    mask_N = np.zeros(table.num_rows, bool)
                    mask_N[rows_N[(rows_N >= first) & (rows_N < first + table.num_rows)] - first] = True
                    changed = pc.if_else(pa.array(mask_N), pa.scalar(value, field.type), table.column(index))
                    writer.write_table(table.set_column(index, field, changed), row_group_size=table.num_rows)
                    first += table.num_rows
            target.commit()
        except BaseException:
            target.discard()
            raise


def _options(metadata: pq.FileMetaData) -> dict[str, Any]:
    """Options that write a file again as it was: which columns have a dictionary, and which statistics."""
    dictionary: set[str] = set()
    statistics: set[str] = set()
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            dictionary |= {column.path_in_schema} if column.has_dictionary_page else set()
            statistics |= {column.path_in_schema} if column.is_stats_set else set()
    return {
        "compression": COMPRESSION,
        "use_dictionary": sorted(dictionary) or False,
        "write_statistics": sorted(statistics) or False,
    }


def _write_fates_record(run_dir: str, config: PrepareConfig, *, is_current: bool) -> list[Row]:
    """Count the fates again and bring the stage's record up to date; the funnel."""
    funnel, refused = _count_fates(run_dir)
    path = files.join(run_dir, "fates", RECORD_NAME)
    fates = files.read_json(path)
    fates["counts"] |= {"funnel": funnel, "removed_duplicates": _removed_duplicates(run_dir, refused)}
    if is_current:
        text = tombstones.tombstones_text(run_dir)
        own = Requests(parse_requests(text, tombstones.TOMBSTONES))
        fates["fingerprint"] = fates_fingerprint(fates, load_requests(config.removals) | own)
    files.write_json(path, fates)
    return funnel


def _count_fates(run_dir: str) -> tuple[list[Row], npt.NDArray[np.int64]]:
    """The funnel as the stage counts it, and the places (part, row in one number) of documents refused on request."""
    keys = [s.SOURCE, s.FILE, s.LOCALE, s.DROP_REASON]
    documents: Counter[tuple[str, str, str, str | None]] = Counter()
    text_bytes: Counter[tuple[str, str, str, str | None]] = Counter()
    refused: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for path in files.list_files(files.join(run_dir, "fates"), ".parquet"):
        for batch in part_batches(path, [*keys, "text_bytes", s.PART, s.ROW]):
            table = pa.Table.from_batches([batch])
            for group in (
                table.group_by(keys).aggregate([([], "count_all"), ("text_bytes", "sum")]).to_pylist()
            ):
                key = tuple(group[name] for name in keys)
                documents[key] += group["count_all"]
                text_bytes[key] += group["text_bytes_sum"]
            asked = table.filter(pc.equal(table[s.DROP_REASON], s.REMOVAL_REQUEST))
            refused.append(_places(asked))
    in_order = sorted(documents, key=lambda key: (*key[:3], key[3] is not None, key[3] or ""))
    funnel = [
        dict(zip(keys, key, strict=True)) | {"documents": documents[key], "text_bytes": text_bytes[key]}
        for key in in_order
    ]
    return funnel, np.concatenate(refused)


def _places(table: pa.Table) -> npt.NDArray[np.int64]:
    part_N, row_N = (table[name].to_numpy().astype(np.int64) for name in (s.PART, s.ROW))
    places: npt.NDArray[np.int64] = part_N << 32 | row_N
    return places


def _removed_duplicates(run_dir: str, refused: npt.NDArray[np.int64]) -> dict[str, int]:
    """Per rule, the duplicates whose fate is a request: what deduplication counts and the ledger does not."""
    counts: Counter[str] = Counter()
    for path in files.list_files(files.join(run_dir, "dedup", "decisions"), ".parquet"):
        for batch in part_batches(path, [s.RULE, s.PART, s.ROW]):
            table = pa.Table.from_batches([batch])
            counts.update(table[s.RULE].filter(pa.array(np.isin(_places(table), refused))).to_pylist())
    return dict(sorted(counts.items()))


def _rewrite_shard(run_dir: str, shard: Row, documents: Iterable[Row], row_group_rows: int) -> Row | None:
    """A shard without the documents: rows, tokens, bytes, hash and cells; null if none is left and the file is gone."""
    path = files.join(run_dir, "shards", shard["path"])
    removed = pa.array([each[s.DOC_ID] for each in documents if each["shard"] == shard["path"]], pa.string())
    expected = shard["before"]["rows"] - shard["documents"]
    if not expected:
        files.remove_tree(path)
        return None
    rows = tokens = 0
    cells = CellCounter()

    def left(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.filter(pc.invert(pc.is_in(batch.column(s.DOC_ID), value_set=removed)))

    writer = PartWriter(path, **SHARD_OPTIONS)
    try:
        with files.open_binary(path) as file:
            batches = pq.ParquetFile(file).iter_batches(batch_size=row_group_rows)
            for batch in regrouped(left(batches), s.SHARD, row_group_rows):
                writer.write(batch)
                cells.add(batch)
                rows += batch.num_rows
                tokens += pc.sum(batch.column(s.NUM_TOKENS)).as_py()
        if rows != expected:
            raise RemovalError(
                f"{shard['path']} of {run_dir} would keep {rows:,} rows, but {expected:,} were expected; "
                "prepare the run in a new folder, with the list in `removals`."
            )
        written = writer.commit()
    except BaseException:
        writer.discard()
        raise
    assert written is not None, f"{path}: a shard without rows"
    return {
        "rows": rows,
        "tokens": tokens,
        "bytes": written.size_bytes,
        "sha256": written.sha256,
        "cells": cells.counts(),
    }


def _manifest(run_dir: str, config: PrepareConfig, shards: list[Row]) -> Row:
    """The manifest with the shards as they are now, and the plan that follows from them."""
    manifest: Row = files.read_json(files.join(run_dir, "shards", "manifest.json"))
    after = {shard["path"]: shard["after"] for shard in shards}
    manifest["files"] = [
        entry | (after.get(entry["path"]) or {})
        for entry in manifest["files"]
        if after.get(entry["path"], entry) is not None
    ]
    manifest["plan"] = plan_after_removal(manifest["files"], config.balance)
    return manifest


def _write_ledger(run_dir: str, funnel: list[Row], manifest: Row) -> Row:
    """The ledger, counted again from the fates and checked against what was read and what the shards hold."""
    annotate = files.read_json(files.join(run_dir, "documents", RECORD_NAME))["counts"]
    kept: Counter[Key] = Counter()
    dropped: list[tuple[Key, str, int]] = []
    for row in funnel:
        key = row[s.SOURCE], row[s.FILE], row[s.LOCALE]
        if row[s.DROP_REASON] is None:
            kept[key] += row["documents"]
        else:
            dropped.append((key, row[s.DROP_REASON], row["documents"]))
    lines_path = files.join(run_dir, "lines", RECORD_NAME)
    lines = files.read_json(lines_path)["counts"]["by_source"] if files.exists(lines_path) else {}
    built = build_ledger(
        read=_counter(annotate["read"]),
        quarantined=_counter(annotate["quarantined"]),
        dropped=dropped,
        kept=kept,
        lines=lines,
    )
    try:
        check_ledger(built)
    except LedgerError as error:
        raise LedgerError(
            f"the ledger of {run_dir} would not balance after the removal, so its fates are damaged; "
            "prepare the run in a new folder, with the list in `removals`."
        ) from error
    rows: Counter[str] = Counter()
    for entry in manifest["files"]:
        rows[entry["locale"]] += entry["rows"]
    expected = {locale: entry["kept"] for locale, entry in built["by_locale"].items() if entry["kept"]}
    if rows != expected:
        wrong = sorted(locale for locale in rows | expected if rows[locale] != expected.get(locale, 0))
        raise LedgerError(
            f"the shards of {run_dir} do not hold the documents that its fates keep (locale {wrong[0]}: "
            f"{rows[wrong[0]]:,} rows, {expected.get(wrong[0], 0):,} kept); prepare the run in a new folder, "
            "with the list in `removals`."
        )
    files.write_json(files.join(run_dir, "ledger.json"), built)
    return built


def _counter(rows: list[list[Any]]) -> Counter[Key]:
    return Counter({(source, file, locale): count for source, file, locale, count in rows})


def _write_shards_record(run_dir: str, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, and the record of the stage that vouches for it."""
    digest = files.write_json(files.join(run_dir, "shards", "manifest.json"), manifest)
    path = files.join(run_dir, "shards", RECORD_NAME)
    entries = manifest["files"]
    record = files.read_json(path)
    record["counts"] |= {
        "manifest_sha256": digest,
        "files": len(entries),
        "documents": sum(entry["rows"] for entry in entries),
        "tokens": sum(entry["tokens"] for entry in entries),
        "locales": len({entry["locale"] for entry in entries}),
    }
    files.write_json(path, record)
