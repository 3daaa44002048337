"""Deduplication from start to end: documents that passed the rules in, decisions and their statistics out.

documents ─ by content hash → copies collapsed ─ by band key → stars
          ─ by part → shingles ─ by centre → exact similarities ─→ pairs                  one Spark job
pairs, copies ─ by cluster → the keep rule ─→ decisions                                   one Spark job

One machine does the same work without Spark (local_exchange.py), unless there is an index of earlier runs.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dataprep import files
from dataprep import schema as s
from dataprep.config import PrepareConfig
from dataprep.dedup import index
from dataprep.dedup.candidates import KEY_RECORD
from dataprep.dedup.components import COMPONENT, connected_components
from dataprep.dedup.exact import document_records
from dataprep.dedup.exchange import PACKED_SCHEMA, SLOT, Step, Task, chained, exchanged, num_slots
from dataprep.dedup.finish import (
    COPY,
    EARLIER,
    FINISH_SCHEMA,
    KIND,
    PAIR,
    added_counts,
    arrow_schema,
    finish,
    finish_files,
)
from dataprep.dedup.index import Segment
from dataprep.dedup.keep import KEEPER, REMOVED, RESOLVED_SCHEMA
from dataprep.dedup.local_exchange import chained_on_disk
from dataprep.dedup.nodes import first_node, part_of, row_of
from dataprep.dedup.set_store import SetsOf, stored_sets
from dataprep.dedup.tasks import (
    COPIES_SCHEMA,
    LARGEST_BUCKETS,
    Work,
    collapse_copies,
    find_stars,
    send_documents,
    send_keys,
    write_segment_seconds,
    write_segment_texts,
)
from dataprep.dedup.verify import (
    CENTRE,
    PAIRS_SCHEMA,
    Thresholds,
    compare_stars,
    send_sets,
    sent_sets,
    sets_of_rows,
    shingle_sets,
)
from dataprep.filter.rules import rule_set
from dataprep.local_tasks import LocalTasks
from dataprep.parts import PartWriter, part_name, part_number, texts_at

_EXCERPT_CHARACTERS: Final = 300
_PAIRS_GROUP_BYTES: Final = 16 << 20
_SECOND_FIELDS: Final = f"band_key long, rank long, id long, {s.NODE} long"
_OWN_TEXT_FIELDS: Final = (
    f"{SLOT} int, hash_high long, hash_low long, {s.NODE} long, rank long, id long, {s.DOC_ID} string, "
    f"{s.SOURCE} string"
)


@dataclass(frozen=True, slots=True)
class Index:
    """The signature index of a run.

    Attributes:
        before: segments of earlier runs.
        settings: what makes signatures comparable; see `pipeline.signature_settings`.
        fingerprint: hash of everything that this run's result depends on.
    """

    before: list[Segment]
    settings: dict[str, Any]
    fingerprint: str


def run_dedup(
    spark: Callable[[], SparkSession],
    config: PrepareConfig,
    run_dir: str,
    *,
    documents: int,
    partitions: int,
    signature_index: Index | None = None,
    local: LocalTasks | None = None,
) -> dict[str, Any]:
    """Write `dedup/pairs`, `dedup/clusters` and `dedup/decisions`; the counts for the stage record.

    Every intermediate table goes to Parquet under `dedup/work`, which is removed at the end: plans stay short, and
    nothing is computed twice.

    Args:
        spark: gives the session; not called where `local` can do all of it.
        config: settings.
        run_dir: run folder with `documents/` and `dedup/signatures/`.
        documents: rows in `documents/`.
        partitions: tasks of a shuffle.
        signature_index: what `config.dedup_index` holds; the run is added to it.
        local: processes of this machine, which do without Spark what they can; null: Spark does everything.
    """
    return _Deduplication(spark, config, run_dir, documents, partitions, signature_index, local).run()


def without_spark(config: PrepareConfig) -> bool:
    """Whether one machine can deduplicate without Spark: no tables of an index to join.

    Only more pairs than `engine.local_components_edges` call for it then, in the end.
    """
    return config.dedup_index is None


class _Deduplication:
    """One run of deduplication: its settings, its folders, and its steps."""

    def __init__(
        self,
        spark: Callable[[], SparkSession],
        config: PrepareConfig,
        run_dir: str,
        documents: int,
        partitions: int,
        signature_index: Index | None,
        local: LocalTasks | None,
    ) -> None:
        self._spark = spark
        self._local = local if without_spark(config) else None
        self._config = config
        self._settings = config.near_dedup
        self._run_dir = run_dir
        self._documents = documents
        self._partitions = partitions
        self._index = signature_index
        before = signature_index.before if signature_index else []
        self._segment = len(before)
        self._documents_dirs = [each.documents_dir for each in before] + [self._at("documents")]
        cores = self._local.cores if self._local else spark().sparkContext.defaultParallelism
        bands = self._settings.num_bands
        priorities = {source.name: source.priority for source in config.sources}
        work_dir = self._at("dedup", "work")
        # One machine keeps shingles where all its tasks see them; elsewhere they are sent.
        here = local is not None and files.is_local(work_dir) and config.near_dedup.verify
        self._store = files.join(work_dir, "sets") if here else None
        self._work = Work(
            signatures_dir=self._at("dedup", "signatures"),
            work_dir=work_dir,
            segment_dir=self._at(index.FOLDER) if signature_index else None,
            segment=self._segment,
            before=tuple(before),
            sources={name: (number, priorities[name]) for number, name in enumerate(sorted(priorities))},
            num_bands=bands,
            slice_fraction=self._settings.slice_fraction,
            cap=self._settings.max_bucket_size,
            text_slots=num_slots(documents, document_records(bands).itemsize, cores),
            key_slots=num_slots(documents * bands, KEY_RECORD.itemsize, cores),
            fetch_slots=partitions,
        )

    def run(self) -> dict[str, Any]:
        """All steps; the counts."""
        self._pairs()
        texts = self._text_counts()
        with ThreadPoolExecutor(1) as pool:
            buckets = pool.submit(self._bucket_counts)  # reads the texts of a few examples, meanwhile
            resolved = self._finished(texts["exact_copies"])
        counts = files.list_files(files.join(self._work.work_dir, "finish-counts"), ".json")
        added = added_counts([files.read_json(path) for path in counts])
        if self._index is not None:
            assert resolved is not None
            self._write_segment(self._index, resolved)
        settings = self._settings
        result = {
            **texts,
            **added,
            **buckets.result(),
            "earlier_segments": self._segment,
            "preset": settings.preset,
            "verify": settings.verify,
            "num_bands": settings.num_bands,
            "rows_per_band": settings.rows_per_band,
            "min_jaccard": settings.min_jaccard,
            "min_containment": settings.min_containment,
            "slice_fraction": settings.slice_fraction,
            "max_bucket_size": settings.max_bucket_size,
        }
        files.remove_tree(self._work.work_dir)
        return result

    # --- steps -----------------------------------------------------------------------------------------------------

    def _pairs(self) -> None:
        """Collapse copies, fill buckets, draw stars, compare: `dedup/pairs` written, by one job."""
        work = self._work
        steps = [
            Step(self._send(), work.text_slots),
            Step(collapse_copies(work), work.key_slots),
            Step(find_stars(work), work.fetch_slots),
            Step(
                send_sets(
                    self._documents_dirs,
                    work.fetch_slots,
                    read_texts=self._settings.verify,
                    store=self._store,
                ),
                work.fetch_slots,
            ),
        ]
        seconds_dir = files.join(work.work_dir, "seconds") if self._index is not None else None
        sets_of = sent_sets if self._store is None else sets_of_rows(self._sets_of())
        compare = compare_stars(self._thresholds(), seconds_dir, sets_of=sets_of)
        target = self._at("dedup", "pairs")
        if self._local is None:
            pairs = chained(self._part_numbers(), steps).mapInArrow(compare, PAIRS_SCHEMA)
            pairs.write.parquet(files.spark_path(target))
            return
        files.make_folder(target)
        with self._local_folder() as folder:
            chained_on_disk(self._local, folder, self._parts(), steps, _write_pairs(compare, target))

    def _sets_of(self) -> SetsOf:
        """Shingle sets by node: from the disk of this machine, or from the texts."""
        from_texts = shingle_sets(self._documents_dirs)
        return from_texts if self._store is None else stored_sets(self._store, from_texts)

    @contextmanager
    def _local_folder(self) -> Iterator[str]:
        """A folder on this machine for what its tasks exchange: in the run folder, if that is here."""
        if files.is_local(self._work.work_dir):
            yield files.join(self._work.work_dir, "exchange")
            return
        with TemporaryDirectory(prefix="magister-") as folder:
            yield folder

    def _parts(self) -> list[int]:
        return [part_number(path) for path in files.list_files(self._at("documents"), ".parquet")]

    def _send(self) -> Task:
        """The first step: all documents with their signatures, packed by content hash."""
        rules = rule_set(self._config) if self._config.measure == "all" else None
        return send_documents(self._work, self._at("documents"), rules)

    def _part_numbers(self) -> DataFrame:
        """What the first step works on, one row per task."""
        spark = self._spark()
        parts = [(part,) for part in self._parts()]
        return spark.createDataFrame(spark.sparkContext.parallelize(parts, len(parts)), f"{s.PART} int")

    def _thresholds(self) -> Thresholds:
        settings = self._settings
        return Thresholds(settings.min_jaccard, settings.min_containment, settings.verify)

    def _finished(self, num_copies: int) -> DataFrame | None:
        """Settle the clusters: `dedup/decisions` and `dedup/clusters` written; rows of RESOLVED_SCHEMA for an index."""
        work_dir = self._work.work_dir
        for name in ("decisions", "clusters"):
            files.make_folder(self._at("dedup", name))
        small = (
            _rows_of(self._at("dedup", "pairs")) + num_copies <= self._config.engine.local_components_edges
        )
        if small and self._index is None:
            # One task, which reads the tables itself: planning a query would take longer than the work.
            read = finish_files(
                self._finish(number=0), self._at("dedup", "pairs"), files.join(work_dir, "copies")
            )
            if self._local is not None:
                self._local.run([""], _drained(read))
            else:
                number = self._spark().createDataFrame([(0,)], "number int").coalesce(1)
                number.mapInArrow(read, RESOLVED_SCHEMA).agg(F.count(F.lit(1))).collect()
            return None
        pairs = self._read(self._at("dedup", "pairs"), PAIRS_SCHEMA)
        copies = self._copies()
        rows = pairs.withColumn(KIND, F.lit(PAIR))
        earlier = self._touched(pairs, copies)
        if earlier is not None:
            rows = rows.unionByName(earlier.withColumn(KIND, F.lit(EARLIER)))
        rows = rows.unionByName(copies.withColumn(KIND, F.lit(COPY)), allowMissingColumns=True)
        rows = rows.select(*[field.split()[0] for field in FINISH_SCHEMA.split(", ")])
        if small:
            routed = rows.coalesce(1)
        else:
            edges = pairs.where(self._similar()).select(s.NODE, CENTRE)
            if earlier is not None:
                edges = edges.unionByName(earlier.select(s.NODE, CENTRE))
            ends = edges.select(F.col(s.NODE).alias("left"), F.col(CENTRE).alias("right"))
            components = connected_components(ends, files.join(work_dir, "components"))
            named = components.withColumnRenamed(s.NODE, CENTRE)
            # A pair that is not similar is only counted, a copy goes with what it is a copy of.
            routed = (
                rows.join(named, CENTRE, how="left")
                .repartition(self._partitions, F.coalesce(COMPONENT, CENTRE))
                .drop(COMPONENT)
                .select(*rows.columns)
            )
        return self._written(routed.mapInArrow(self._finish(), RESOLVED_SCHEMA), work_dir, "resolved")

    def _finish(self, number: int | None = None) -> Task:
        return finish(
            self._at("dedup"),
            files.join(self._work.work_dir, "finish-counts"),
            self._sets_of(),
            self._thresholds(),
            first_node(self._segment),
            number=number,
        )

    def _similar(self) -> Column:
        """Whether a pair is verified."""
        settings = self._settings
        if not settings.verify:
            return F.lit(True)
        enough = F.col(s.JACCARD) >= settings.min_jaccard
        if settings.min_containment is not None:
            enough |= F.col(s.CONTAINMENT) >= settings.min_containment
        return enough

    def _copies(self) -> DataFrame:
        """Copies of texts, with what represents each, as pairs."""
        copies = self._read(files.join(self._work.work_dir, "copies"), COPIES_SCHEMA)
        if (known := self._earlier()) is not None:
            named = known.select(
                F.col(s.NODE).alias("representative"),
                F.col(s.DOC_ID).alias("earlier_id"),
                F.col(s.SOURCE).alias("earlier_source"),
            )
            copies = (
                copies.join(named, "representative", how="left")
                .withColumn("representative_id", F.coalesce("earlier_id", "representative_id"))
                .withColumn("representative_source", F.coalesce("earlier_source", "representative_source"))
            )
        return copies.select(
            s.NODE,
            F.col("representative").alias(CENTRE),
            s.DOC_ID,
            s.SOURCE,
            F.col("representative_id").alias(f"centre_{s.DOC_ID}"),
            F.col("representative_source").alias(f"centre_{s.SOURCE}"),
        )

    def _touched(self, pairs: DataFrame, copies: DataFrame) -> DataFrame | None:
        """What earlier runs made of the documents that this run's meet, as pairs with who stayed in their place."""
        known = self._earlier()
        if known is None:
            return None
        own = first_node(self._segment)
        met = pairs.where(self._similar()).select(CENTRE).unionByName(copies.select(CENTRE))
        wanted = met.where(F.col(CENTRE) < own).select(F.col(CENTRE).alias(s.NODE)).distinct()
        return _as_pairs(known.where(F.col(KEEPER).isNotNull()).join(wanted, s.NODE, how="left_semi"))

    def _earlier(self) -> DataFrame | None:
        """Documents of earlier runs that represent a text; null where there are none."""
        if self._index is None or not self._index.before:
            return None
        tables = [self._read(each.table(index.TEXTS), index.TEXT_FIELDS) for each in self._index.before]
        return reduce(DataFrame.unionByName, tables)

    def _write_segment(self, signature_index: Index, resolved: DataFrame) -> None:
        """Add this run to the index: its texts with what became of them, and second centres; keys are there already."""
        work = self._work
        names = [field.split()[0] for field in index.TEXT_FIELDS.split(", ")]
        own = self._read(files.join(work.work_dir, index.TEXTS), _OWN_TEXT_FIELDS)
        outcome = resolved.where(REMOVED).select(s.NODE, *[name for name in names if name not in own.columns])
        texts = own.join(outcome, s.NODE, how="left").select(SLOT, *names)
        texts = texts.repartitionById(work.text_slots, SLOT).mapInArrow(
            write_segment_texts(work), "rows long"
        )
        seconds = self._read(files.join(work.work_dir, "seconds"), _SECOND_FIELDS)
        seconds = exchanged(seconds.mapInArrow(send_keys(work.key_slots), PACKED_SCHEMA), work.key_slots)
        texts.unionByName(seconds.mapInArrow(write_segment_seconds(work), "rows long")).agg(
            F.sum("rows")
        ).collect()
        for name in (index.TEXTS, index.KEYS, index.SECOND):
            files.make_folder(self._at(index.FOLDER, name))
        slots = {index.TEXTS: work.text_slots, index.KEYS: work.key_slots, index.SECOND: work.key_slots}
        assert self._config.dedup_index is not None
        index.commit(
            self._config.dedup_index,
            signature_index.before,
            run_dir=self._run_dir,
            settings=signature_index.settings,
            content={"slots": slots, "documents": self._documents, "run": signature_index.fingerprint},
        )

    # --- figures ---------------------------------------------------------------------------------------------------

    def _text_counts(self) -> dict[str, Any]:
        """What the tasks that collapsed the copies counted, summed over slots."""
        totals = Counter[str]()
        shared: dict[int, Counter[str]] = {}
        for path in files.list_files(files.join(self._work.work_dir, "copies-counts"), ".json"):
            counts = files.read_json(path)
            for bits, texts, documents in counts.pop("same_text"):
                shared.setdefault(bits, Counter()).update(texts=texts, documents=documents)
            totals.update(counts)
        names = self._work.source_names
        same_text = [
            [
                "+".join(name for number, name in enumerate(names) if bits >> number & 1),
                count["texts"],
                count["documents"],
            ]
            for bits, count in shared.items()
        ]
        keys = ("documents", "exact_copies", "exact_clusters", "short_documents")
        return {key: totals[key] for key in keys} | {"same_text": sorted(same_text)}

    def _bucket_counts(self) -> dict[str, Any]:
        """The largest buckets with the beginning of a text, one per document, and those over the cap."""
        rows: list[dict[str, Any]] = []
        for path in files.list_files(files.join(self._work.work_dir, "buckets"), ".parquet"):
            with files.open_binary(path) as file:
                rows += pq.read_table(file).to_pylist()
        rows.sort(key=lambda row: (-row["size"], row["band_key"]))
        over = [row for row in rows if row["skipped"]]
        largest: dict[int, int] = {}
        for row in rows:
            if len(largest) == LARGEST_BUCKETS:
                break
            largest.setdefault(row[s.NODE], row["size"])
        texts = self._texts(list(largest))
        capped: dict[int, tuple[int, int]] = {}
        for row in over[:LARGEST_BUCKETS]:
            capped.setdefault(row[s.NODE], (row["size"], row["skipped"]))
        capped_texts = self._texts(list(capped))
        return {
            # By size and text: equal sizes must not follow the order of keys of other documents.
            "largest_buckets": sorted(
                ([size, texts[node]] for node, size in largest.items()), key=lambda row: (-row[0], row[1])
            ),
            "capped_buckets": len(over),
            "capped_comparisons": sum(row["skipped"] for row in over),
            "capped_examples": [[*sizes, capped_texts[node]] for node, sizes in capped.items()],
        }

    def _texts(self, places: Sequence[int]) -> dict[int, str]:
        """Beginnings of the texts of nodes of this run."""
        if not places:
            return {}
        nodes = np.array(places, np.int64)
        own = list(zip(part_of(nodes).tolist(), row_of(nodes).tolist(), strict=True))
        found = texts_at(self._at("documents"), own)
        return {node: found[place][:_EXCERPT_CHARACTERS] for node, place in zip(places, own, strict=True)}

    # --- tables -------------------------------------------------------------------------------------------------------

    def _at(self, *names: str) -> str:
        return files.join(self._run_dir, *names)

    def _written(self, frame: DataFrame, *path: str) -> DataFrame:
        """The frame, written to Parquet and read back."""
        target = files.spark_path(files.join(*path))
        frame.write.parquet(target)
        return self._spark().read.schema(frame.schema).parquet(target)

    def _read(self, path: str, schema: str) -> DataFrame:
        """A table whose files tasks wrote by themselves; empty where none had a row."""
        if not files.list_files(path, ".parquet"):
            return self._spark().createDataFrame([], schema)
        return self._spark().read.schema(schema).parquet(files.spark_path(path))


def _write_pairs(compare: Task, folder: str) -> Callable[[int, Iterator[pa.RecordBatch]], int]:
    """What ends the chain on one machine: the pairs of a slot, written as Spark would."""
    schema = arrow_schema(PAIRS_SCHEMA)

    def write(slot: int, batches: Iterator[pa.RecordBatch]) -> int:
        writer = PartWriter(files.join(folder, part_name(slot)), group_bytes=_PAIRS_GROUP_BYTES)
        rows = 0
        for pairs in compare(batches):
            writer.write(pairs.select(schema.names).cast(schema))
            rows += pairs.num_rows
        writer.commit()
        return rows

    return write


def _drained(task: Task) -> Callable[[str], str]:
    """A local task that runs a task for what it writes."""

    def run(payload: str) -> str:
        for _ in task(iter(())):
            pass
        return payload

    return run


def _rows_of(folder: str) -> int:
    """Rows of a folder of Parquet files, from their footers."""
    rows = 0
    for path in files.list_files(folder, ".parquet"):
        with files.open_binary(path) as file:
            rows += pq.read_metadata(file).num_rows
    return rows


def _as_pairs(earlier: DataFrame) -> DataFrame:
    """Removed documents of earlier runs as verified pairs with the documents that stayed in their place."""
    return earlier.select(
        s.NODE,
        F.col(KEEPER).alias(CENTRE),
        s.DOC_ID,
        s.SOURCE,
        F.col(s.KEPT_DOC_ID).alias(f"centre_{s.DOC_ID}"),
        F.col("kept_source").alias(f"centre_{s.SOURCE}"),
        "rank",
        "id",
        F.col("keeper_rank").alias("centre_rank"),
        F.col("keeper_id").alias("centre_id"),
        s.BANDS_MATCHED,
        s.JACCARD,
        s.CONTAINMENT,
    )
