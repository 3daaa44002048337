"""The signature index: what earlier runs have seen, so that a new crawl is deduplicated against it without reading it.

An index is a folder of **segments**, one per run, in the order of the runs. A segment holds the content hashes, the
band keys and the decisions of its run, and the path of its run folder: only the texts of candidates are fetched from
there. Documents of earlier segments come first in the keep order, so nothing that was kept is ever taken back, and a
run over A followed by one over B keeps what one run over A and B keeps, if A's sources have the better priority. (Not
without verification: there a new document may join two clusters that both stayed.)

    index/segment-0000.json                   settings, run folder, digest of the segment before; written last
    run/dedup/segment/texts/part-N.parquet    content hash, document, and who stays in its place if it was removed
                      keys/part-N.parquet     band key, first document of the bucket, number of documents
                      second/part-N.parquet   band key, first document of the bucket that is unlike its first

All tables are cut into slots by the upper bits of their key and sorted within, so a task reads the slots it needs.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import files
from dataprep.config import settings_sha256
from dataprep.dedup.candidates import KEY_RECORD, Buckets
from dataprep.dedup.exact import Known
from dataprep.dedup.nodes import MAX_SEGMENTS, Longs
from dataprep.parts import PartWriter, part_name

INDEX_VERSION: Final = 1
FOLDER: Final = "dedup/segment"  # of a run folder
TEXTS: Final = "texts"
TEXT_FIELDS: Final = (  # what a representative of a text is, and then who stays in its place, if it was removed
    "hash_high long, hash_low long, node long, rank long, id long, doc_id string, source string, keeper long, "
    "keeper_rank long, keeper_id long, kept_doc_id string, kept_source string, jaccard double, containment double, "
    "bands_matched int, rule string"
)
KEYS: Final = "keys"
SECOND: Final = "second"
_GROUP_ROWS: Final = 1 << 18


class SignatureIndexError(ValueError):
    """The index cannot be used; the message says what to do."""


class Segment(NamedTuple):
    """One run in an index.

    Attributes:
        number: position in the index.
        run_dir: the run folder that holds its tables and its documents.
        slots: into how many parts its tables are cut: {table: slots}.
        digest: of everything in it; names it in fingerprints.
    """

    number: int
    run_dir: str
    slots: dict[str, int]
    digest: str

    @property
    def documents_dir(self) -> str:
        """Folder of its documents files."""
        return files.join(self.run_dir, "documents")

    def table(self, name: str) -> str:
        """Folder of one of its tables."""
        return files.join(self.run_dir, FOLDER, name)


def segments_before(index: str, run_dir: str, settings: dict[str, Any]) -> list[Segment]:
    """The segments that a run is deduplicated against: all but its own, which must be the last.

    Args:
        index: folder of the index; if it is not there yet, it has no segment.
        run_dir: folder of the run.
        settings: what makes signatures comparable.

    Raises:
        SignatureIndexError: the segments do not follow from one another, their signatures differ from this run's, the
            run folder of one is gone, or later runs build on this one.
    """
    found: list[Segment] = []
    previous: str | None = None
    for number in range(MAX_SEGMENTS):
        path = record_path(index, number)
        if not files.exists(path):
            break
        record = files.read_json(path)
        if record["run_dir"] == run_dir:
            if files.exists(record_path(index, number + 1)):
                raise SignatureIndexError(
                    f"{path} is of this run, and later segments of the index build on it; this run cannot be made "
                    "again without them: choose another run_dir, or delete this segment's record and all after it."
                )
            break
        if record["previous"] != previous or record["version"] != INDEX_VERSION:
            raise SignatureIndexError(
                f"{path} does not follow from the segment before it (another version, or that one was made again); "
                "delete this record and all after it, and run again what they came from."
            )
        if record["settings"] != settings:
            every = settings.keys() | record["settings"].keys()
            differing = sorted(key for key in every if record["settings"].get(key) != settings.get(key))
            raise SignatureIndexError(
                f"{path} was made with other signatures than this run would make (they differ in "
                f"{', '.join(differing)}); use the same settings, or another dedup_index."
            )
        segment = Segment(number, record["run_dir"], record["slots"], record["digest"])
        for folder in (segment.documents_dir, segment.table(TEXTS)):
            if not files.exists(folder):
                raise SignatureIndexError(
                    f"{path} needs the run it was made from, but {folder} is gone; restore it, run it again, or "
                    "start another index."
                )
        found.append(segment)
        previous = segment.digest
    if len(found) >= MAX_SEGMENTS:
        raise SignatureIndexError(
            f"{index} holds {len(found)} segments, and no more fit; start another index."
        )
    return found


def record_path(index: str, number: int) -> str:
    """Record of a segment."""
    return files.join(index, f"segment-{number:04d}.json")


def commit(
    index: str, before: list[Segment], *, run_dir: str, settings: dict[str, Any], content: dict[str, Any]
) -> None:
    """Write the record of a run's segment, which makes it part of the index.

    Args:
        index: folder of the index.
        before: the segments that the run was deduplicated against.
        run_dir: folder of the run, which holds the tables.
        settings: what makes signatures comparable.
        content: `slots` of the tables, and whatever tells this run from another one.

    Raises:
        SignatureIndexError: another run has taken the place meanwhile.
    """
    path = record_path(index, len(before))
    if files.exists(path) and files.read_json(path)["run_dir"] != run_dir:
        raise SignatureIndexError(
            f"another run has written {path} meanwhile; run this one again, it then takes that one into account."
        )
    record = {
        "version": INDEX_VERSION,
        "run_dir": run_dir,
        "settings": settings,
        "previous": before[-1].digest if before else None,
        **content,
    }
    files.write_json(path, {**record, "digest": settings_sha256(record)})


def write_slot(folder: str, slot: int, columns: dict[str, Any]) -> None:
    """Write one slot of a table, sorted as the columns are given; nothing where there are no rows."""
    batch = pa.RecordBatch.from_pydict(columns)
    if batch.num_rows:
        # Hashes do not compress.
        writer = PartWriter(files.join(folder, part_name(slot)), use_dictionary=False, compression="none")
        for start in range(0, batch.num_rows, _GROUP_ROWS):
            writer.write(batch.slice(start, _GROUP_ROWS))
        writer.commit()


def key_columns(records: Any, size: Longs) -> dict[str, Any]:  # noqa: ANN401 (KEY_RECORDs)
    """Columns of the tables of keys, for `write_slot`. Unsigned numbers are stored as signed ones of the same bits."""
    names = ("key", "rank", "id", "node")
    return {name: np.ascontiguousarray(records[name]).view(np.int64) for name in names} | {"size": size}


def known_texts(segments: list[Segment], bounds: tuple[int, int]) -> Known:
    """Texts whose content hash begins with a number in [bounds); each by the earliest segment that has it."""
    hashes, nodes = [np.zeros((0, 2), np.uint64)], [np.zeros(0, np.int64)]
    for segment in segments:
        table = _read(segment, TEXTS, "hash_high", bounds, ["hash_high", "hash_low", "node"])
        halves = [table[name].to_numpy().view(np.uint64) for name in ("hash_high", "hash_low")]
        hashes.append(np.stack(halves, axis=1))
        nodes.append(table["node"].to_numpy())
    every, node = np.concatenate(hashes), np.concatenate(nodes)
    order = np.lexsort((node, every[:, 1], every[:, 0]))
    every, node = every[order], node[order]
    first = np.ones(len(node), np.bool_)
    first[1:] = (every[1:] != every[:-1]).any(axis=1)
    return Known(every[first], node[first])


def known_buckets(segments: list[Segment], bounds: tuple[int, int]) -> Buckets:
    """Buckets whose band key, as an unsigned number, lies in [bounds): first document and number of all documents."""
    records, sizes = _key_records(segments, KEYS, bounds)
    starts = np.ones(len(records), np.bool_)
    starts[1:] = records["key"][1:] != records["key"][:-1]
    first = np.flatnonzero(starts)
    total = np.add.reduceat(sizes, first) if len(first) else np.zeros(0, np.int64)
    return Buckets(records["key"][first], records[first], total)


def known_seconds(segments: list[Segment], bounds: tuple[int, int]) -> Buckets:
    """Second centres of buckets: the first document that is unlike the first; `size` is 1."""
    records, sizes = _key_records(segments, SECOND, bounds)
    starts = np.ones(len(records), np.bool_)
    starts[1:] = records["key"][1:] != records["key"][:-1]
    return Buckets(records["key"][starts], records[starts], sizes[starts])


def _key_records(segments: list[Segment], table: str, bounds: tuple[int, int]) -> tuple[Any, Longs]:
    """KEY_RECORDs of all segments, by key and then by segment, and the `size` beside each."""
    records, sizes = [np.zeros(0, KEY_RECORD)], [np.zeros(0, np.int64)]
    for segment in segments:
        read = _read(segment, table, "key", bounds, ["key", "rank", "id", "node", "size"])
        of_segment = np.empty(read.num_rows, KEY_RECORD)
        for name in ("key", "rank", "id", "node"):
            of_segment[name] = read[name].to_numpy().view(KEY_RECORD[name])
        records.append(of_segment)
        sizes.append(read["size"].to_numpy())
    every, size = np.concatenate(records), np.concatenate(sizes)
    order = np.lexsort((every["rank"], every["key"].view(np.uint64)))
    return every[order], size[order]


def _read(segment: Segment, table: str, key: str, bounds: tuple[int, int], columns: list[str]) -> pa.Table:
    """Rows of a table of a segment whose key lies in [bounds), from the slots that may hold some."""
    slots = segment.slots[table]
    low, high = bounds[0] >> 32, (bounds[1] - 1) >> 32
    wanted = range((low * slots) >> 32, ((high * slots) >> 32) + 1)
    tables = []
    for slot in wanted:
        path = files.join(segment.table(table), part_name(slot))
        if not files.exists(path):
            continue
        with files.open_binary(path) as file:
            read = pq.read_table(file, columns=columns)
        keys = read[key].to_numpy().view(np.uint64)
        start, end = np.searchsorted(keys, np.array([bounds[0], bounds[1] - 1], np.uint64), side="left")
        end += int(np.searchsorted(keys[end:], np.uint64(bounds[1] - 1), side="right"))
        tables.append(read.slice(int(start), int(end - start)).combine_chunks())
    if not tables:
        return pa.table({name: pa.array([], pa.int64()) for name in columns})
    return pa.concat_tables(tables).combine_chunks()
