"""Exact verification: the Jaccard similarity, and the containment, of the shingle sets of every candidate pair.

Only candidates are read again: a task fetches their texts by row and shingles them with the kernel that made the
signatures, so the similarity is exact for the sets that the signature estimates. The sets then meet at the centre of
their star, where each is compared as it comes by. Documents that turn out to be unlike the centre are compared a second
time while they are there: with the first of their bucket that is unlike it too.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep import files
from dataprep import schema as s
from dataprep.dedup.candidates import KEY_RECORD, Buckets, Stars, stars
from dataprep.dedup.exact import run_starts
from dataprep.dedup.exchange import (
    Records,
    TableSender,
    Task,
    in_order,
    received,
    received_rows,
    spread,
)
from dataprep.dedup.nodes import Longs, part_of, row_of, segment_of
from dataprep.dedup.set_store import SetsOf, SetWriter
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.jaccard import similarity_pairs
from dataprep.kernels.runs import empty_runs, taken_runs
from dataprep.kernels.tokenise import shingle_hashes
from dataprep.parts import PartWriter, part_name, texts_of

CENTRE: Final = "centre"
ROLE: Final = "role"
FETCH: Final = "fetch"  # node whose text is fetched
IS_CENTRE: Final = 0  # roles: the order in which a star's documents arrive
IS_SECOND: Final = 1  # an earlier run's first document of a bucket that is unlike the centre
IS_MEMBER: Final = 2
# A document of a star on its way to its text: once per bucket and role, the centre included.
REQUEST: Final = np.dtype(
    [("fetch", "<i8"), ("centre", "<i8"), ("role", "<i4"), ("rank", "<u8"), ("id", "<u8"), ("key", "<i8")]
)
PAIRS_SCHEMA: Final = (
    f"{s.NODE} long, {CENTRE} long, {s.DOC_ID} string, {s.SOURCE} string, centre_{s.DOC_ID} string, "
    f"centre_{s.SOURCE} string, rank long, id long, centre_rank long, centre_id long, {s.BANDS_MATCHED} int, "
    f"{s.JACCARD} double, {s.CONTAINMENT} double"
)
_KEYS: Final = "keys"  # band keys of the buckets in which a document met the centre, as bytes
_SHINGLES: Final = "shingles"  # 64-bit hashes as bytes
_BATCH_ROWS: Final = 4_096

# Shingle sets of rows: 64-bit hashes, ascending within each row, and where each row's begin.
RowSets = Callable[[pa.RecordBatch], tuple[npt.NDArray[np.uint64], Longs]]


class Thresholds(NamedTuple):
    """When a document is a duplicate of one that stays.

    Attributes:
        min_jaccard: Jaccard similarity from which it is.
        min_containment: share of its shingles that the other has, from which it is; null: never by this.
        verify: false: every pair counts, and all of a component but its first document goes.
    """

    min_jaccard: float
    min_containment: float | None
    verify: bool

    @property
    def containment(self) -> float:
        """`min_containment` as a number that nothing reaches where there is none."""
        return 2.0 if self.min_containment is None else self.min_containment

    def similar(self, jaccard_E: npt.NDArray[Any], containment_E: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Whether each pair is verified."""
        if not self.verify:
            return np.ones(len(jaccard_E), np.bool_)
        found: npt.NDArray[np.bool_] = (jaccard_E >= self.min_jaccard) | (containment_E >= self.containment)
        return found


def send_sets(
    documents_dirs: Sequence[str], slots: int, *, read_texts: bool, store: str | None = None
) -> Task:
    """Every document of a star with its name, source and shingles, and its buckets as one value, by star.

    Takes packed REQUEST records, by `exchange.spread` of the part of their `fetch`: every row group is read once, by
    the task that has its part.

    Args:
        documents_dirs: folder of documents files of each segment.
        slots: over how many slots the stars are spread.
        read_texts: false: shingles are not wanted, and no text is read.
        store: local folder that the shingles are written to, instead of being sent; see `set_store`.
    """

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        slot, requests = received(batches, REQUEST)
        if slot is None:
            return
        stored = SetWriter(store, slot) if store is not None else None
        rows, keys = _by_document(requests)
        fetch_N = rows["fetch"]
        node_M, first_M = np.unique(fetch_N, return_index=True)
        repeats_M = np.diff(np.append(first_M, len(fetch_N)))
        sender = TableSender(slots)
        for position_K, names, sources, *texts in documents_at(node_M, documents_dirs, with_text=read_texts):
            # A document may be in several stars; it is read and shingled once.
            of_row = np.repeat(np.arange(len(position_K)), repeats_M[position_K])
            within = np.arange(len(of_row)) - np.repeat(
                np.cumsum(repeats_M[position_K]) - repeats_M[position_K], repeats_M[position_K]
            )
            wanted = first_M[position_K][of_row] + within
            sets = shingle_hashes(*buffers(texts[0])) if read_texts else empty_runs(len(names))
            if stored is not None:
                stored.write(node_M[position_K], *sets)
            some, which = rows[wanted], pa.array(of_row)
            columns = {
                FETCH: some["fetch"],
                CENTRE: some["centre"],
                ROLE: some["role"],
                "rank": some["rank"].view(np.int64),
                "id": some["id"].view(np.int64),
            }
            batch = {name: pa.array(np.ascontiguousarray(values)) for name, values in columns.items()}
            batch |= {
                _KEYS: keys.take(pa.array(wanted)),
                s.DOC_ID: names.take(which),
                s.SOURCE: sources.take(which),
            }
            if stored is None:
                batch[_SHINGLES] = packed_sets(*taken_runs(*sets, of_row))
            yield from sender.add(pa.RecordBatch.from_pydict(batch), spread(some["centre"]))
        yield from sender.flush()
        if stored is not None:
            stored.commit()

    return read


def _by_document(requests: Records) -> tuple[Records, pa.Array]:
    """Requests with the band keys of equal document, star and role gathered, by document; and the keys."""
    ordered = requests[np.lexsort((requests["key"], requests["role"], requests["centre"], requests["fetch"]))]
    starts = np.flatnonzero(run_starts(*[ordered[name] for name in ("fetch", "centre", "role")]))
    bounds = np.append(starts, len(ordered)).astype(np.int64)
    return ordered[starts], packed_sets(np.ascontiguousarray(ordered["key"]).view(np.uint64), bounds)


def documents_at(
    node_N: Longs, documents_dirs: Sequence[str], *, with_text: bool = True
) -> Iterator[tuple[Any, ...]]:
    """Documents by node, a row group at a time.

    Args:
        node_N: ascending.
        documents_dirs: folder of documents files of each segment.
        with_text: whether texts are wanted too.

    Yields:
        Positions in `node_N`, doc_ids, sources and texts.

    Raises:
        RuntimeError: a document is not where its node says; its similarity must not be missed in silence.
    """
    columns = (s.DOC_ID, s.SOURCE, s.TEXT) if with_text else (s.DOC_ID, s.SOURCE)
    file_N = node_N >> 32
    for file in np.unique(file_N):
        low, high = np.searchsorted(file_N, [file, file + 1])
        first = node_N[low : low + 1]
        path = files.join(documents_dirs[int(segment_of(first)[0])], part_name(int(part_of(first)[0])))
        found = 0
        for rows_K, *read in texts_of(path, row_of(node_N[low:high]), columns):
            found += len(rows_K)
            yield rows_K + low, *read
        if found != high - low:
            raise RuntimeError(
                f"{path} should hold {high - low} documents that are to be compared, but holds {found}."
            )


def shingle_sets(documents_dirs: Sequence[str]) -> SetsOf:
    """A function that fetches the shingle sets of nodes: hashes, and where each node's begin, in the order asked."""

    def fetch(node_N: Longs) -> tuple[npt.NDArray[np.uint64], Longs]:
        order_N = np.argsort(node_N)
        hashes: list[npt.NDArray[np.uint64]] = [np.zeros(0, np.uint64)]
        sizes: list[Longs] = [np.zeros(0, np.int64)]
        for _, _, _, texts in documents_at(node_N[order_N], documents_dirs):
            found, starts = shingle_hashes(*buffers(texts))
            hashes.append(found)
            sizes.append(np.diff(starts))
        starts_N1 = np.append(0, np.cumsum(np.concatenate(sizes)))
        place_N = np.empty(len(order_N), np.int64)
        place_N[order_N] = np.arange(len(order_N))
        return taken_runs(np.concatenate(hashes), starts_N1, place_N)

    return fetch


def packed_sets(values: npt.NDArray[np.uint64], starts_N1: Longs) -> pa.Array:
    """Ragged 64-bit numbers as binary values."""
    packed = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(starts_N1) - 1,
        [None, pa.py_buffer(starts_N1.astype(np.int64) * 8), pa.py_buffer(np.ascontiguousarray(values))],
    )
    return packed.cast(pa.binary())


def unpacked_sets(packed: pa.Array) -> tuple[npt.NDArray[np.uint64], Longs]:
    """Numbers and starts of a column of packed sets."""
    wide = packed.cast(pa.large_binary())
    _, offset_buffer, data = wide.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    values = (
        np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].view(np.uint64)
        if data
        else np.zeros(0, np.uint64)
    )
    return values, (offsets - offsets[0]) // 8


def sent_sets(rows: pa.RecordBatch) -> tuple[npt.NDArray[np.uint64], Longs]:
    """The shingles that rows carry with them."""
    return unpacked_sets(rows.column(_SHINGLES))


def sets_of_rows(sets_of: SetsOf) -> RowSets:
    """The shingles of rows, fetched by their nodes."""
    return lambda rows: sets_of(rows.column(FETCH).to_numpy())


def compare_stars(
    thresholds: Thresholds, seconds_dir: str | None = None, *, sets_of: RowSets = sent_sets
) -> Task:
    """Candidate pairs with names, sources and exact similarities, from what `send_sets` sent: rows of PAIRS_SCHEMA.

    A pair comes once per star it is in; `containment` is the share of the node's shingles that the centre has,
    `bands_matched` the number of buckets of the star that proposed the pair. Without verification similarities are
    null.

    Args:
        thresholds: which pairs are similar; the others' members are compared a second time.
        seconds_dir: where the task writes down the first document of each bucket that is unlike the centre; null:
            nowhere.
        sets_of: gives the shingles of rows.
    """

    def compare(packed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with received_rows(packed) as (slot, pieces):
            if slot is not None:
                yield from _compared_rows(slot, _by_star(pieces))

    def _compared_rows(slot: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seconds: list[Records] = []
        if not thresholds.verify:
            nothing = Thresholds(0.0, None, verify=True)
            for pairs in _star_pairs(batches, nothing, seconds, sets_of):
                unknown = pa.nulls(pairs.num_rows, pa.float64())
                named = pairs.drop_columns([s.JACCARD, s.CONTAINMENT])
                yield named.append_column(s.JACCARD, unknown).append_column(s.CONTAINMENT, unknown)
            return
        yield from _star_pairs(batches, thresholds, seconds, sets_of)
        if seconds_dir is not None and seconds:
            _write_seconds(files.join(seconds_dir, part_name(slot)), np.concatenate(seconds))

    return compare


def _by_star(pieces: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows star by star: the centre, second centres of earlier runs, then the members in the keep order."""
    columns = [
        np.concatenate([piece.column(name).to_numpy() for piece in pieces])
        for name in (CENTRE, ROLE, "rank", "id", FETCH)
    ]
    columns[2:4] = [column.view(np.uint64) for column in columns[2:4]]  # ranks and ids are unsigned
    yield from in_order(pieces, np.lexsort(columns[::-1]), _BATCH_ROWS)


def _write_seconds(path: str, records: Records) -> None:
    writer = PartWriter(path, use_dictionary=False, compression="none")
    names = [("band_key", "key"), ("rank", "rank"), ("id", "id"), (s.NODE, "node")]
    writer.write(
        pa.RecordBatch.from_pydict(
            {column: np.ascontiguousarray(records[name]).view(np.int64) for column, name in names}
        )
    )
    writer.commit()


def _star_pairs(
    batches: Iterator[pa.RecordBatch], thresholds: Thresholds, seconds: list[Records], sets_of: RowSets
) -> Iterator[pa.RecordBatch]:
    """Compare every member with its centre, and those unlike it with the first of their bucket that is.

    Args:
        batches: documents of stars, by star, the centre first, members in the keep order; a star may go over several
            batches: then its centre and the second centres of its buckets are carried on, one per band at most.
        thresholds: which pairs are similar.
        seconds: receives KEY_RECORDs of the first documents of buckets that are unlike the centre.
        sets_of: gives the shingles of rows.
    """
    carried: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = _joined([*carried, batch])
        centre_N, role_N = rows.column(CENTRE).to_numpy(), rows.column(ROLE).to_numpy()
        own_N = np.maximum.accumulate(np.where(role_N == IS_CENTRE, np.arange(len(role_N)), -1))
        assert own_N[0] == 0, "a star without its centre"
        assert (centre_N[own_N] == centre_N).all(), "a star without its centre"
        again = role_N == IS_SECOND
        member = np.flatnonzero(role_N == IS_MEMBER)
        if len(member):
            centre = own_N[member]
            jaccard, contained = similarity_pairs(*sets_of(rows), member, centre)
            yield _pairs(rows, member, centre, _keys_of(rows, member), jaccard, contained)
            again[member] = ~thresholds.similar(jaccard, contained)
        carried = [rows.slice(int(own_N[-1]), 1)]
        if again.any():
            unlike = rows.filter(pa.array(again))
            second, found = _second_stars(unlike)
            records = found.first[found.total == found.size]
            seconds.append(_at_nodes(records, unlike))
            if len(found.member):
                yield _second_pairs(unlike, found, sets_of)
            carried += _carried(unlike, np.concatenate([second, records]), int(centre_N[-1]))


def _second_stars(rows: pa.RecordBatch) -> tuple[Records, Stars]:
    """Group the documents that are unlike their centre by bucket.

    Returns:
        KEY_RECORDs of the second centres that are known already, and the stars; nodes are numbers of rows.
    """
    keys, starts = unpacked_sets(rows.column(_KEYS))
    row = np.repeat(np.arange(rows.num_rows), np.diff(starts))
    records = np.empty(len(keys), KEY_RECORD)
    records["key"] = keys.view(np.int64)
    records["rank"] = rows.column("rank").to_numpy().view(np.uint64)[row]
    records["id"] = rows.column("id").to_numpy().view(np.uint64)[row]
    records["node"] = row
    is_second = rows.column(ROLE).to_numpy()[row] == IS_SECOND
    second = records[is_second]
    second = second[np.argsort(second["key"].view(np.uint64), kind="stable")]
    known = Buckets(second["key"], second, np.ones(len(second), np.int64))
    return second, stars(records[~is_second], cap=len(records) + 2, known=known)


def _at_nodes(records: Records, rows: pa.RecordBatch) -> Records:
    """KEY_RECORDs whose nodes are numbers of rows, with the nodes of these rows."""
    named = records.copy()
    named["node"] = rows.column(FETCH).to_numpy()[records["node"]]
    return named


def _second_pairs(rows: pa.RecordBatch, found: Stars, sets_of: RowSets) -> pa.RecordBatch:
    """Compare the documents of each bucket that are unlike its centre with its second one."""
    edges = np.stack([found.member["node"], found.centre["node"]], axis=1)
    distinct, bands = np.unique(edges, axis=0, return_counts=True)
    member, centre = distinct[:, 0], distinct[:, 1]
    jaccard, contained = similarity_pairs(*sets_of(rows), member, centre)
    return _pairs(rows, member, centre, bands, jaccard, contained)


def _carried(rows: pa.RecordBatch, second: Records, centre: int) -> list[pa.RecordBatch]:
    """Rows of the second centres of one star, each with the keys of the buckets that it is the second centre of."""
    second = second[rows.column(CENTRE).to_numpy()[second["node"]] == centre]
    if not len(second):
        return []
    second = second[np.argsort(second["node"], kind="stable")]
    starts = np.flatnonzero(run_starts(second["node"]))
    taken = rows.take(pa.array(np.ascontiguousarray(second["node"][starts])))
    keys = packed_sets(second["key"].view(np.uint64), np.append(starts, len(second)))
    columns = {name: taken.column(name) for name in taken.schema.names}
    columns |= {ROLE: pa.array(np.full(len(starts), IS_SECOND, np.int32)), _KEYS: keys}
    return [pa.RecordBatch.from_pydict(columns)]


def _pairs(
    rows: pa.RecordBatch,
    member: Longs,
    centre: Longs,
    bands: Longs,
    jaccard: npt.NDArray[np.float64],
    contained: npt.NDArray[np.float64],
) -> pa.RecordBatch:
    """Rows of PAIRS_SCHEMA from the rows of members and of those they were compared with."""
    names = rows.select([name for name in rows.schema.names if name not in (_SHINGLES, _KEYS)])
    members, centres = names.take(pa.array(member)), names.take(pa.array(centre))
    return pa.RecordBatch.from_pydict(
        {
            s.NODE: members.column(FETCH),
            CENTRE: centres.column(FETCH),
            s.DOC_ID: members.column(s.DOC_ID),
            s.SOURCE: members.column(s.SOURCE),
            f"centre_{s.DOC_ID}": centres.column(s.DOC_ID),
            f"centre_{s.SOURCE}": centres.column(s.SOURCE),
            "rank": members.column("rank"),
            "id": members.column("id"),
            "centre_rank": centres.column("rank"),
            "centre_id": centres.column("id"),
            s.BANDS_MATCHED: pa.array(bands.astype(np.int32)),
            s.JACCARD: pa.array(jaccard),
            s.CONTAINMENT: pa.array(contained),
        }
    )


def _keys_of(rows: pa.RecordBatch, member: Longs) -> Longs:
    """Number of buckets in which each member met its centre."""
    counts: Longs = np.diff(unpacked_sets(rows.column(_KEYS))[1])[member]
    return counts


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch
