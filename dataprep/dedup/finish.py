"""The last step: verified pairs and copies of whole clusters in; decisions, clusters and their counts out.

It runs in as many tasks as the clusters are spread over, mostly one. All of a cluster, and all copies of its documents,
are in one task, so what the tasks count adds up.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from dataprep import files
from dataprep import schema as s
from dataprep.dedup.exact import run_starts
from dataprep.dedup.keep import KEEPER, REMOVED, resolved_pairs
from dataprep.dedup.nodes import part_of, row_of, segment_of
from dataprep.dedup.set_store import SetsOf
from dataprep.dedup.verify import CENTRE, PAIRS_SCHEMA, Thresholds
from dataprep.parts import ROWS_PER_GROUP, PartWriter, part_name

KIND: Final = "kind"
PAIR: Final = "pair"  # rows of a task's input: a candidate pair of this run,
EARLIER: Final = "earlier"  # what an earlier run made of a document,
COPY: Final = "copy"  # a copy (`node`) of the text of a document (`centre`)
FINISH_SCHEMA: Final = f"{KIND} string, {PAIRS_SCHEMA}"
HISTOGRAM_BINS: Final = 20
DECISIONS: Final = pa.schema(
    [
        (s.DOC_ID, pa.string()),
        (s.KEPT_DOC_ID, pa.string()),
        (s.RULE, pa.string()),
        (s.JACCARD, pa.float64()),
        (s.CONTAINMENT, pa.float64()),
        (s.BANDS_MATCHED, pa.int32()),
        (s.CLUSTER_ID, pa.string()),
        (s.PART, pa.int32()),
        (s.ROW, pa.int32()),
        (s.SOURCE, pa.string()),
        ("kept_source", pa.string()),
        ("kept_segment", pa.int32()),
    ]
)


def finish(
    out_dir: str,
    counts_dir: str,
    sets_of: SetsOf,
    thresholds: Thresholds,
    own_from: int,
    *,
    number: int | None = None,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task that settles its clusters, and writes `decisions/`, `clusters/` and its counts, named after its number.

    Args:
        out_dir: folder of `decisions/` and `clusters/`.
        counts_dir: folder for the counts.
        sets_of: fetches shingle sets.
        thresholds: when a document is a duplicate.
        own_from: first node of this run.
        number: number of the task; null: that of its partition in Spark.

    Returns:
        A function from rows of FINISH_SCHEMA to rows of `keep.RESOLVED_SCHEMA`.
    """

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = [batch for batch in batches if batch.num_rows]
        if not held:
            return
        task = number
        if task is None:
            context = TaskContext.get()
            assert context is not None
            task = context.partitionId()
        rows = pa.Table.from_batches(held)
        pairs = _distinct(rows.filter(pc.equal(rows[KIND], PAIR)))
        similar = thresholds.similar(_floats(pairs[s.JACCARD]), _floats(pairs[s.CONTAINMENT]))
        edges = pa.concat_tables(
            [pairs.filter(pa.array(similar)), rows.filter(pc.equal(rows[KIND], EARLIER))]
        )
        every = resolved_pairs(edges, sets_of, thresholds)
        resolved = every.filter(pc.greater_equal(every[s.NODE], own_from))
        decided = decisions(rows.filter(pc.equal(rows[KIND], COPY)), every, own_from)
        _write(files.join(out_dir, "decisions", part_name(task)), decided.select(DECISIONS.names))
        clusters = resolved.select(
            [s.DOC_ID, s.CLUSTER_ID, s.KEPT_DOC_ID, s.JACCARD, s.CONTAINMENT, s.BANDS_MATCHED, REMOVED]
        )
        _write(files.join(out_dir, "clusters", part_name(task)), clusters.sort_by(s.DOC_ID))
        # Without verification every pair counts as similar, but none is verified.
        verified = similar & thresholds.verify
        counts = _counts(pairs, verified, resolved, decided, int(segment_of(np.array([own_from]))[0]))
        files.write_json(files.join(counts_dir, f"{task}.json"), counts)
        yield from resolved.combine_chunks().to_batches()

    return work


def _distinct(pairs: pa.Table) -> pa.Table:
    """Each pair once, with the buckets of all stars that proposed it, by node and centre."""
    node_E, centre_E = pairs[s.NODE].to_numpy(), pairs[CENTRE].to_numpy()
    order = np.lexsort((centre_E, node_E))
    starts = np.flatnonzero(run_starts(node_E[order], centre_E[order]))
    bands = pairs[s.BANDS_MATCHED].to_numpy()[order]
    matched = np.add.reduceat(bands, starts) if len(starts) else bands
    place = pairs.schema.get_field_index(s.BANDS_MATCHED)
    return pairs.take(pa.array(order[starts])).set_column(
        place, s.BANDS_MATCHED, pa.array(matched, pa.int32())
    )


def finish_files(
    task: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], pairs_dir: str, copies_dir: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The task that `finish` gives, fed from files instead of by Spark.

    Args:
        task: result of `finish`.
        pairs_dir: Parquet files of `verify.PAIRS_SCHEMA`.
        copies_dir: Parquet files of `tasks.COPIES_SCHEMA`.
    """
    schema = arrow_schema(PAIRS_SCHEMA)

    def rows() -> Iterator[pa.RecordBatch]:
        for path in files.list_files(pairs_dir, ".parquet"):
            with files.open_binary(path) as file:
                yield from _of_kind(PAIR, pq.read_table(file), schema)
        for path in files.list_files(copies_dir, ".parquet"):
            with files.open_binary(path) as file:
                copies = pq.read_table(file)
            names = {
                s.NODE: s.NODE,
                CENTRE: "representative",
                s.DOC_ID: s.DOC_ID,
                s.SOURCE: s.SOURCE,
                f"centre_{s.DOC_ID}": "representative_id",
                f"centre_{s.SOURCE}": "representative_source",
            }
            yield from _of_kind(
                COPY, pa.table({name: copies[column] for name, column in names.items()}), schema
            )

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            pass
        yield from task(rows())

    return work


def _of_kind(kind: str, table: pa.Table, schema: pa.Schema) -> list[pa.RecordBatch]:
    """Rows of FINISH_SCHEMA; columns that the kind does not have are null."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    kinds = pa.array([kind] * len(table), pa.string())
    batches: list[pa.RecordBatch] = pa.table([kinds, *columns], names=[KIND, *schema.names]).to_batches()
    return batches


def arrow_schema(fields: str) -> pa.Schema:
    """The Arrow schema of a list of `name type`."""
    types = {"long": pa.int64(), "int": pa.int32(), "double": pa.float64(), "string": pa.string()}
    return pa.schema([(name, types[kind]) for name, kind in (field.split() for field in fields.split(", "))])


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return values


def decisions(copies: pa.Table, resolved: pa.Table, own_from: int) -> pa.Table:
    """One row per removed document of this run, in the order of doc_id, part and row.

    A copy of a document that is itself removed as a near duplicate is as similar to the kept document as that one
    is, its shingles being the same; it is recorded so, because the kept document is never one that was removed.

    Args:
        copies: rows of FINISH_SCHEMA of kind `copy`.
        resolved: result of `keep.resolved_pairs`; documents of earlier runs that a copy may be of among them.
        own_from: first node of this run.

    Returns:
        The columns of DECISIONS, and `keeper`.
    """
    size = len(copies)
    columns = {
        KEEPER: copies[CENTRE],
        s.KEPT_DOC_ID: copies[f"centre_{s.DOC_ID}"],
        "kept_source": copies[f"centre_{s.SOURCE}"],
        s.JACCARD: pa.array(np.ones(size)),
        s.CONTAINMENT: pa.array(np.ones(size)),
        s.BANDS_MATCHED: pa.nulls(size, pa.int32()),
        s.RULE: pa.array(["exact"] * size, pa.string()),
        s.CLUSTER_ID: copies[f"centre_{s.DOC_ID}"],
    }
    if len(resolved):
        ordered = resolved.sort_by(s.NODE)
        node_R, centre_C = ordered[s.NODE].to_numpy(), copies[CENTRE].to_numpy()
        at_C = np.minimum(np.searchsorted(node_R, centre_C), len(node_R) - 1)
        known = pa.array(node_R[at_C] == centre_C)
        of = ordered.take(pa.array(at_C))
        went = pc.and_(known, of[REMOVED])
        # Of a representative that went everything is taken over; of one that is linked only transitively, its cluster.
        columns = {
            name: pc.if_else(known if name == s.CLUSTER_ID else went, of[name], value)
            for name, value in columns.items()
        }
    named = {name: copies[name] for name in (s.NODE, s.DOC_ID, s.SOURCE)}
    of_copies = pa.table({**named, **columns})
    near = resolved.filter(pc.and_(resolved[REMOVED], pc.greater_equal(resolved[s.NODE], own_from)))
    every = pa.concat_tables([of_copies, near.select(of_copies.column_names)])
    node = every[s.NODE].to_numpy()
    keeper = every[KEEPER].to_numpy()
    places = {
        s.PART: part_of(node).astype(np.int32),
        s.ROW: row_of(node).astype(np.int32),
        "kept_segment": segment_of(keeper).astype(np.int32),
    }
    for name, values in places.items():
        every = every.append_column(name, pa.array(values))
    return every.sort_by([(s.DOC_ID, "ascending"), (s.PART, "ascending"), (s.ROW, "ascending")])


def _write(path: str, table: pa.Table) -> None:
    writer = PartWriter(path)
    for batch in table.combine_chunks().to_batches(max_chunksize=ROWS_PER_GROUP):
        writer.write(batch)
    writer.commit()


def _counts(
    pairs: pa.Table, verified: npt.NDArray[np.bool_], resolved: pa.Table, decided: pa.Table, segment: int
) -> dict[str, Any]:
    """Numbers of one task, to be added to those of the others."""
    jaccard = pairs[s.JACCARD].drop_null().to_numpy()
    bins = np.minimum((jaccard * HISTOGRAM_BINS).astype(np.int64), HISTOGRAM_BINS - 1)
    kinds = decided.select([s.SOURCE, "kept_source", s.RULE]).group_by([s.SOURCE, "kept_source", s.RULE])
    _, sizes = np.unique(decided[KEEPER].to_numpy(), return_counts=True)
    linked = len(resolved) - int(pc.sum(resolved[REMOVED]).as_py() or 0)
    return {
        "candidate_pairs": len(pairs),
        "verified_pairs": int(verified.sum()),
        "transitive_only": linked,
        "components": pc.count_distinct(resolved[s.CLUSTER_ID]).as_py(),
        "earlier_removed": int((decided["kept_segment"].to_numpy() < segment).sum()),
        "decisions": len(decided),
        "jaccard_histogram": np.bincount(bins, minlength=HISTOGRAM_BINS).tolist(),
        "overlap": [
            [row[s.SOURCE], row["kept_source"], row[s.RULE], row["count_all"]]
            for row in kinds.aggregate([([], "count_all")]).to_pylist()
        ],
        "cluster_sizes": sorted([int(size) + 1, count] for size, count in Counter(sizes.tolist()).items()),
    }


def added_counts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of all tasks together."""
    totals = Counter[str]()
    histogram = np.zeros(HISTOGRAM_BINS, np.int64)
    overlap, sizes, by_rule = Counter[tuple[str, str, str]](), Counter[int](), Counter[str]()
    for part in parts:
        histogram += np.array(part.pop("jaccard_histogram"), np.int64)
        for source, kept_source, rule, count in part.pop("overlap"):
            overlap[source, kept_source, rule] += count
            by_rule[rule] += count
        for size, count in part.pop("cluster_sizes"):
            sizes[size] += count
        totals.update(part)
    names = (
        "candidate_pairs",
        "verified_pairs",
        "transitive_only",
        "components",
        "earlier_removed",
        "decisions",
    )
    return {
        **{name: totals[name] for name in names},
        "exact_removed": by_rule["exact"],
        "near_removed": by_rule["near"],
        "contained_removed": by_rule["contained"],
        "jaccard_histogram": [
            [number / HISTOGRAM_BINS, count] for number, count in enumerate(histogram.tolist())
        ],
        "overlap": [[*key, count] for key, count in sorted(overlap.items())],
        "cluster_sizes": [[size, count] for size, count in sorted(sizes.items())],
    }
