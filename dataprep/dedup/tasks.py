"""The tasks of deduplication that run on packed records: documents → copies → buckets → stars.

Each is a function for `DataFrame.mapInArrow`. What a task finds out besides the records it sends on goes to a file of
its own, named after its slot, so that a task that runs twice leaves one file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dataprep import files
from dataprep import schema as s
from dataprep.dedup import index
from dataprep.dedup.candidates import KEY_RECORD, Stars, stars
from dataprep.dedup.exact import NO_COPY, Known, document_records, exact_copies, run_starts
from dataprep.dedup.exchange import SLOT, Records, Sender, Task, packed_slots, received, slot_bounds, spread
from dataprep.dedup.index import Segment
from dataprep.dedup.nodes import Longs, ids_to_words, nodes, ranks, words_to_ids
from dataprep.dedup.verify import IS_CENTRE, IS_MEMBER, IS_SECOND, REQUEST
from dataprep.filter.marked import marked_part
from dataprep.filter.rules import RuleSet
from dataprep.kernels.bands import may_repeat, scatter_bands
from dataprep.parts import PartWriter, part_name

COPIES_SCHEMA: Final = (
    f"{s.NODE} long, {s.DOC_ID} string, {s.SOURCE} string, representative long, representative_id string, "
    "representative_source string"
)
LARGEST_BUCKETS: Final = 20
_DOCUMENTS_AT_A_TIME: Final = 1 << 16  # whose band keys are laid out at once
_DOCUMENT_COLUMNS: Final = (
    s.DOC_ID, s.CONTENT_HASH, s.SOURCE, s.QUALITY, "num_chars", s.FILE, s.PART, s.ROW,
)  # fmt: skip
_REJECTED: Final = 1  # flags of a document's record
_EMPTY: Final = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What the tasks of one run share.

    Attributes:
        signatures_dir: `dedup/signatures/` of the run.
        work_dir: folder for what the tasks find out.
        segment_dir: folder of the run's own tables for a signature index; null if it is not to be in one.
        segment: number of the run in the index.
        before: segments of earlier runs.
        sources: name → (ordinal, priority).
        num_bands: band keys per document.
        slice_fraction: share of texts that take part.
        cap: documents of a bucket that are compared.
        text_slots: slots of documents by content hash.
        key_slots: slots of band keys.
        fetch_slots: slots of documents whose texts are fetched, by part.
    """

    signatures_dir: str
    work_dir: str
    segment_dir: str | None
    segment: int
    before: tuple[Segment, ...]
    sources: Mapping[str, tuple[int, int]]
    num_bands: int
    slice_fraction: float
    cap: int
    text_slots: int
    key_slots: int
    fetch_slots: int
    source_names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_names", sorted(self.sources, key=lambda name: self.sources[name][0]))

    def document_dtype(self) -> np.dtype[Any]:
        """Layout of documents; see `exact.document_records`."""
        return document_records(self.num_bands)


def send_documents(work: Work, documents_dir: str, rules: RuleSet | None) -> Task:
    """Documents with their signatures, packed by content hash.

    Takes the numbers of documents files. Rejected documents travel too, without taking part, because sources may share
    them.

    Args:
        work: what the tasks share.
        documents_dir: `documents/` of the run.
        rules: what rejects documents; null where nothing does.
    """

    def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sender = Sender(work.text_slots)
        signatures = _Signatures(work)
        for numbers in batches:
            for part in numbers.column(s.PART).to_pylist():
                for batch in marked_part(documents_dir, part, _DOCUMENT_COLUMNS, rules):
                    records = _document_batch(batch, work, signatures)
                    if work.slice_fraction < 1:
                        # Not by the half of the hash that decides the slot, or the first slots would get them all.
                        position = records["hash"][:, 1].astype(np.float64)
                        records = records[position < work.slice_fraction * 2.0**64]
                    yield from sender.add(records, records["hash"][:, 0])
        yield from sender.flush()

    return send


def _document_batch(batch: pa.RecordBatch, work: Work, signatures: "_Signatures") -> Records:
    records = np.zeros(batch.num_rows, work.document_dtype())
    part_N, row_N = batch.column(s.PART).to_numpy(), batch.column(s.ROW).to_numpy()
    records["hash"] = np.frombuffer(b"".join(batch.column(s.CONTENT_HASH).to_pylist()), "<u8").reshape(-1, 2)
    sources = batch.column(s.SOURCE).dictionary_encode()
    of_source = np.array([work.sources[name] for name in sources.dictionary.to_pylist()])
    ordinal_N, priority_N = of_source[sources.indices.to_numpy()].T
    records["rank"] = ranks(
        work.segment, priority_N, batch.column(s.QUALITY).to_numpy(), batch.column("num_chars").to_numpy()
    )
    records["id"] = ids_to_words(batch.column(s.DOC_ID))
    names = batch.column(s.FILE).dictionary_encode()
    hashed = [xxhash.xxh64_intdigest(name.encode()) for name in names.dictionary.to_pylist()]
    records["file"] = np.array(hashed, np.uint64)[names.indices.to_numpy()]
    records["node"] = nodes(work.segment, part_N, row_N)
    records["source"] = ordinal_N
    empty = batch.column("num_chars").to_numpy() == 0
    rejected = batch.column(s.DROP_REASON).is_valid().to_numpy(zero_copy_only=False)
    records["rejected"] = rejected | (empty.astype(np.uint16) << 1)
    for part in np.unique(part_N):
        of_part = np.flatnonzero(part_N == part)
        keys, signed = signatures.of(int(part))
        records["keys"][of_part] = keys[row_N[of_part]]
        records["signed"][of_part] = signed[row_N[of_part]]
    return records


class _Signatures:
    """Band keys of the documents files a task meets, one file at a time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._part = -1
        self._held: tuple[Longs, npt.NDArray[np.bool_]] = (np.zeros((0, 0), np.int64), np.zeros(0, np.bool_))

    def of(self, part: int) -> tuple[Longs, npt.NDArray[np.bool_]]:
        """Keys int64[documents, bands] of a part, and whether each document has any."""
        if part != self._part:
            with files.open_binary(files.join(self._work.signatures_dir, part_name(part))) as file:
                column = pq.read_table(file, columns=[s.BAND_KEYS])[s.BAND_KEYS].combine_chunks()
            values = np.frombuffer(column.buffers()[1], np.int64) if len(column) else np.zeros(0, np.int64)
            keys = values[: len(column) * self._work.num_bands].reshape(len(column), -1)
            self._held = keys, column.is_valid().to_numpy(zero_copy_only=False)
            self._part = part
        return self._held


def collapse_copies(work: Work) -> Task:
    """Representatives of each text send their band keys on; copies are written down, and what sources share counted."""

    def collapse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        slot, records = received(batches, work.document_dtype())
        if slot is None:
            return
        shared = _same_text(records[records["rejected"] & _EMPTY == 0])
        records = records[records["rejected"] & _REJECTED == 0]
        bounds = slot_bounds(slot, work.text_slots)
        known = index.known_texts(list(work.before), bounds)
        copies = exact_copies(records, known)
        is_copy = (copies.representative != np.arange(len(records))) | (copies.known != NO_COPY)
        _write_copies(work, slot, records, copies.representative, copies.known, known, is_copy)
        representatives = records[~is_copy]
        if work.segment_dir is not None:
            _write_texts(work, slot, representatives)
        signed = representatives[representatives["signed"] == 1]
        groups = np.unique(
            np.where(copies.known == NO_COPY, copies.representative, -1 - copies.known)[is_copy]
        )
        files.write_json(
            files.join(work.work_dir, "copies-counts", f"{slot}.json"),
            {
                "documents": len(records),
                "exact_copies": int(is_copy.sum()),
                "exact_clusters": len(groups),
                "short_documents": len(representatives) - len(signed),
                "same_text": shared,
            },
        )
        for start in range(0, len(signed), _DOCUMENTS_AT_A_TIME):
            some = signed[start : start + _DOCUMENTS_AT_A_TIME]
            rows, starts = scatter_bands(
                some["keys"],
                np.ascontiguousarray(some["rank"]),
                np.ascontiguousarray(some["id"][:, 0]),
                np.ascontiguousarray(some["node"]),
                work.key_slots,
            )
            yield from packed_slots(rows, starts)

    return collapse


def _same_text(records: Records) -> list[list[int]]:
    """Texts that more than one document has, rejected ones included: [source bits, texts, documents]."""
    order = np.lexsort((records["hash"][:, 1], records["hash"][:, 0]))
    starts = np.flatnonzero(run_starts(records["hash"][order, 0], records["hash"][order, 1]))
    if not len(starts):
        return []
    size = np.diff(np.append(starts, len(order)))
    bit = np.uint64(1) << (records["source"][order].astype(np.uint64) % np.uint64(64))
    bits = np.bitwise_or.reduceat(bit, starts)[size > 1]
    kinds, which = np.unique(bits, return_inverse=True)
    documents = np.bincount(which, weights=size[size > 1], minlength=len(kinds)).astype(np.int64)
    texts = np.bincount(which, minlength=len(kinds))
    return [list(row) for row in zip(kinds.tolist(), texts.tolist(), documents.tolist(), strict=True)]


def _write_copies(
    work: Work,
    slot: int,
    records: Records,
    representative: Longs,
    in_known: Longs,
    known: Known,
    is_copy: npt.NDArray[np.bool_],
) -> None:
    """The copies of this slot; who represents a text of an earlier run is looked up in its segment later."""
    if not is_copy.any():
        return
    which = np.flatnonzero(is_copy)
    first = representative[which]
    earlier = in_known[which] != NO_COPY
    node = np.where(earlier, known.node[in_known[which]] if len(known.node) else 0, records["node"][first])
    source = pa.array(work.source_names)
    batch = pa.RecordBatch.from_pydict(
        {
            s.NODE: np.ascontiguousarray(records["node"][which]),
            s.DOC_ID: words_to_ids(records["id"][which]),
            s.SOURCE: source.take(pa.array(records["source"][which].astype(np.int64))),
            "representative": node,
            "representative_id": words_to_ids(records["id"][first]),
            "representative_source": source.take(pa.array(records["source"][first].astype(np.int64))),
        }
    )
    writer = PartWriter(files.join(work.work_dir, "copies", part_name(slot)))
    writer.write(batch)
    writer.commit()


def _write_texts(work: Work, slot: int, own: Records) -> None:
    """The representatives of this slot, for the index; who stays in their place is joined to them at the end."""
    source = pa.array(work.source_names)
    numbers = {
        "hash_high": own["hash"][:, 0],
        "hash_low": own["hash"][:, 1],
        s.NODE: own["node"],
        "rank": own["rank"],
        "id": own["id"][:, 0],
    }
    index.write_slot(
        files.join(work.work_dir, index.TEXTS),
        slot,
        {
            SLOT: np.full(len(own), slot, np.int32),
            **{name: np.ascontiguousarray(values).view(np.int64) for name, values in numbers.items()},
            s.DOC_ID: words_to_ids(own["id"]),
            s.SOURCE: source.take(pa.array(own["source"].astype(np.int64))),
        },
    )


def write_segment_texts(work: Work) -> Task:
    """Rows of `slot` and `index.TEXT_FIELDS`, all of a slot's, written as one slot of the segment's texts."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = [batch for batch in batches if batch.num_rows]
        if not held or work.segment_dir is None:
            return
        table = pa.Table.from_batches(held)
        slot = int(table[SLOT][0].as_py())
        high, low = (table[name].to_numpy().view(np.uint64) for name in ("hash_high", "hash_low"))
        ordered = table.drop_columns([SLOT]).take(pa.array(np.lexsort((low, high)))).combine_chunks()
        columns = {name: ordered[name].chunk(0) for name in ordered.column_names}
        index.write_slot(files.join(work.segment_dir, index.TEXTS), slot, columns)
        yield pa.RecordBatch.from_pydict({"rows": pa.array([table.num_rows], pa.int64())})

    return write


def find_stars(work: Work) -> Task:
    """Requests for the stars of a slot's buckets; the largest buckets, and those over the cap, are written down."""

    def find(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        slot, records = received(batches, KEY_RECORD)
        if slot is None:
            return
        bounds = slot_bounds(slot, work.key_slots)
        known = index.known_buckets(list(work.before), bounds)
        if work.segment_dir is None:
            # Most keys are alone in their bucket. An index has to know them; without one they need not be sorted.
            records = records[may_repeat(np.ascontiguousarray(records["key"]).view(np.uint64))]
        found = stars(records, cap=work.cap, known=known)
        del records
        if work.segment_dir is not None:
            index.write_slot(
                files.join(work.segment_dir, index.KEYS), slot, index.key_columns(found.first, found.size)
            )
        noted = np.unique(np.concatenate([_largest_buckets(found), np.flatnonzero(found.skipped)]))
        if len(noted):
            writer = PartWriter(files.join(work.work_dir, "buckets", part_name(slot)))
            writer.write(
                pa.RecordBatch.from_pydict(
                    {
                        "band_key": found.key[noted],
                        s.NODE: np.ascontiguousarray(found.first["node"][noted]),
                        "size": found.total[noted],
                        "skipped": found.skipped[noted],
                    }
                )
            )
            writer.commit()
        member, centre = found.member, found.centre
        centres = centre[np.unique(centre["node"], return_index=True)[1]]
        requests = [
            _requests(member["node"], centre["node"], IS_MEMBER, member),
            _requests(centres["node"], centres["node"], IS_CENTRE, centres),
        ]
        if work.before:
            # What an earlier run compared the documents with that were unlike the centre.
            seconds = index.known_seconds(list(work.before), bounds)
            second = seconds.centre[np.isin(seconds.key, member["key"])]
            at = np.searchsorted(found.key.view(np.uint64), second["key"].view(np.uint64))
            requests.append(_requests(second["node"], found.centre_of["node"][at], IS_SECOND, second))
        sender = Sender(work.fetch_slots)
        for some in requests:
            yield from sender.add(some, spread(some["fetch"] >> 32))
        yield from sender.flush()

    return find


def _largest_buckets(found: Stars) -> Longs:
    """The largest buckets of different first documents: near copies share most of their buckets.

    By size, then by key, and one per document, so that the largest of all slots do not depend on how many there are.
    """
    shared = np.flatnonzero(found.total > 1)
    by_size = shared[np.lexsort((found.key[shared], -found.total[shared]))]
    _, largest_of_each = np.unique(found.first["node"][by_size], return_index=True)
    return by_size[np.sort(largest_of_each)[:LARGEST_BUCKETS]]


def _requests(fetch: Longs, centre: Longs, role: int, places: Records) -> Records:
    """REQUEST records of one role, with the places and keys of KEY_RECORDs."""
    records = np.empty(len(fetch), REQUEST)
    records["fetch"], records["centre"], records["role"] = fetch, centre, role
    for name in ("rank", "id", "key"):
        records[name] = places[name]
    return records


def send_keys(slots: int) -> Task:
    """Rows of `band_key`, `rank`, `id` and `node`, packed by band key."""

    def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sender = Sender(slots)
        for batch in batches:
            records = np.empty(batch.num_rows, KEY_RECORD)
            for name, column in (("key", "band_key"), ("rank", "rank"), ("id", "id"), ("node", s.NODE)):
                records[name] = batch.column(column).to_numpy().view(records.dtype[name])
            yield from sender.add(records, records["key"].view(np.uint64))
        yield from sender.flush()

    return send


def write_segment_seconds(work: Work) -> Task:
    """Packed second centres, all of a slot's, written as one slot of the segment's table."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        slot, records = received(batches, KEY_RECORD)
        if slot is None or work.segment_dir is None:
            return
        ordered = records[np.argsort(records["key"].view(np.uint64), kind="stable")]
        size = np.ones(len(ordered), np.int64)
        index.write_slot(files.join(work.segment_dir, index.SECOND), slot, index.key_columns(ordered, size))
        yield pa.RecordBatch.from_pydict({"rows": pa.array([len(ordered)], pa.int64())})

    return write
