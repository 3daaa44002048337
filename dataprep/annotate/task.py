"""What one executor task of the annotation does: read its splits, measure, write Parquet, report counts.

Plain Python and Arrow. Spark only spreads these tasks over the cluster, so the text never crosses the JVM.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from dataprep import files
from dataprep import schema as s
from dataprep.annotate.arrow_pass import AnnotateSettings, annotate_documents
from dataprep.locales import UNDETERMINED, canonical_language
from dataprep.parts import COMPRESSION, PartWriter, part_name
from dataprep.sources.record import Columns, Document, Malformed, Split
from dataprep.sources.registry import READERS

_LOW_CARDINALITY: Final = [
    *(s.SOURCE, s.FILE, s.LANGUAGE, s.LOCALE, s.DETECTED, s.SECOND_LANGUAGE, s.FORM, s.PART),
    f"{s.LANGUAGES}.list.element",
]
_COUNTERS: Final = ("read", "quarantined", "private_data")
_ROW_GROUP_BYTES: Final = 32 << 20
_MAX_BATCH_ROWS: Final = 8_192


@dataclass(frozen=True, slots=True)
class ReadTask:
    """The splits that one task reads, in order, and the number of the files it writes."""

    part: int
    splits: tuple[Split, ...]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task read and wrote.

    Attributes:
        part: number of its files.
        read: (source, file, locale) → records, malformed ones included.
        quarantined: (source, file, locale) → malformed records.
        documents: rows in its documents file.
        text_bytes: UTF-8 bytes of normalised text.
        repaired: documents whose encoding was repaired.
        private_data: (source, kind, what) → how much of that kind was found: `found`, or the `documents` that had it.
    """

    part: int
    read: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    quarantined: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    documents: int = 0
    text_bytes: int = 0
    repaired: int = 0
    private_data: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def to_json(self) -> str:
        """The result as one line, for the way back to the driver."""
        value: dict[str, Any] = asdict(self)
        for name in _COUNTERS:
            value[name] = [[*key, count] for key, count in getattr(self, name).items()]
        return json.dumps(value)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The result that `to_json` wrote."""
        value = json.loads(line)
        for name in _COUNTERS:
            value[name] = Counter({tuple(key): count for *key, count in value[name]})
        return cls(**value)


def run_read_task(
    task: ReadTask, *, run_dir: str, settings: AnnotateSettings, batch_bytes: int
) -> TaskResult:
    """Read, measure and write one task's share.

    Args:
        task: what to read.
        run_dir: run folder; the task writes `documents/`, `dedup/signatures/` and `quarantine/` parts under it,
            and `dedup/minhash/` ones if the signatures are MinHash objects.
        settings: algorithm settings of the pass.
        batch_bytes: about how much text is held in memory at a time; does not change what is written but for the
            size of row groups.

    Returns:
        The task's counts.
    """
    result = TaskResult(task.part)
    # Text that is only compared is read twice and then thrown away: speed over size.
    of_documents = COMPRESSION if settings.everything else "lz4"
    rows = text_bytes = repaired = 0
    name = part_name(task.part)
    documents = PartWriter(
        files.join(run_dir, "documents", name),
        group_bytes=_ROW_GROUP_BYTES,
        compression=of_documents,
        use_dictionary=_LOW_CARDINALITY,
        write_statistics=[s.PART, s.ROW],
    )
    signatures = PartWriter(
        files.join(run_dir, "dedup", "signatures", name),
        group_bytes=_ROW_GROUP_BYTES,
        compression="none",  # hashes do not compress
        use_dictionary=False,
    )
    minhashes = PartWriter(
        files.join(run_dir, "dedup", "minhash", name), group_bytes=_ROW_GROUP_BYTES, use_dictionary=False
    )
    quarantine = PartWriter(files.join(run_dir, "quarantine", name))
    writers = (documents, signatures, minhashes, quarantine)
    try:
        for split in task.splits:
            for batch, malformed in _batches(split, batch_bytes):
                if malformed:
                    quarantine.write(_quarantine_rows(split, malformed))
                    result.read.update(_malformed_keys(split, malformed))
                    result.quarantined.update(_malformed_keys(split, malformed))
                if not batch:
                    continue
                annotated = annotate_documents(
                    batch,
                    source=split.source,
                    file=split.file,
                    part=task.part,
                    first_row=rows,
                    settings=settings,
                )
                assert annotated.documents.num_rows == len(batch), (
                    f"{split.file}: the pass lost or made a document"
                )
                documents.write(annotated.documents)
                signatures.write(annotated.signatures)
                if annotated.minhashes is not None:
                    minhashes.write(annotated.minhashes)
                locales = annotated.documents.column(s.LOCALE).to_pylist()
                result.read.update((split.source, split.file, locale) for locale in locales)
                rows += len(batch)
                text_bytes += pc.sum(annotated.documents.column("num_bytes")).as_py()
                repaired += annotated.repaired
                if settings.everything:
                    result.private_data.update(_private_data(split.source, annotated.documents))
        for writer in writers:
            writer.commit()
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    return TaskResult(
        task.part, result.read, result.quarantined, rows, text_bytes, repaired, result.private_data
    )


def _batches(split: Split, batch_bytes: int) -> Iterator[tuple[list[Document] | Columns, list[Malformed]]]:
    """The split's records in batches of bounded size."""
    reader = READERS[split.format]
    documents: list[Document] = []
    malformed: list[Malformed] = []
    held = 0
    for record in (reader.read_columns or reader.read)(split):
        if isinstance(record, Columns):
            if documents or malformed:
                yield documents, malformed
                documents, malformed, held = [], [], 0
            yield record, []
            continue
        if isinstance(record, Document):
            documents.append(record)
            held += len(record.text)
        else:
            malformed.append(record)
            held += len(record.sample)
        if held >= batch_bytes or len(documents) + len(malformed) >= _MAX_BATCH_ROWS:
            yield documents, malformed
            documents, malformed, held = [], [], 0
    if documents or malformed:
        yield documents, malformed


def _private_data(source: str, documents: pa.RecordBatch) -> dict[tuple[str, str, str], int]:
    """What was found in a batch, by (source, kind, found or documents); nothing for kinds that were not."""
    counts = {}
    for kind, name in s.PRIVATE_DATA.items():
        column = documents.column(name)
        if found := pc.sum(column).as_py():
            counts[source, kind, "found"] = found
            counts[source, kind, "documents"] = pc.sum(pc.greater(column, 0)).as_py()
    return counts


def _malformed_keys(split: Split, malformed: list[Malformed]) -> list[tuple[str, str, str]]:
    return [(split.source, split.file, canonical_language(split.language) or UNDETERMINED)] * len(malformed)


def _quarantine_rows(split: Split, malformed: list[Malformed]) -> pa.RecordBatch:
    size = len(malformed)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([split.source] * size),
            pa.array([split.file] * size),
            pa.array([canonical_language(split.language) or UNDETERMINED] * size),
            pa.array([record.offset for record in malformed], pa.int64()),
            pa.array([record.reason for record in malformed]),
            pa.array([record.sample for record in malformed], pa.binary()),
        ],
        schema=s.QUARANTINE,
    )
