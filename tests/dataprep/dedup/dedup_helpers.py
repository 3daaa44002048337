"""What the tests of deduplication share: documents tables on disk, made of literal texts."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.annotate.arrow_pass import AnnotateSettings, annotate_documents
from dataprep.sources.record import Document

SETTINGS = AnnotateSettings(
    everything=True,
    repair_mojibake=False,
    replace_private_data=False,
    language_model=None,
    language_max_bytes=1200,
    num_bands=20,
    rows_per_band=8,
    seed=1,
)


def write_documents(folder: Path, texts: Mapping[tuple[str, str], str], *, part: int = 0) -> None:
    """Annotate texts, named by source and locator, and write them as one part of a run folder."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "dedup" / "signatures").mkdir(parents=True, exist_ok=True)
    documents, signatures = [], []
    for row, ((source, locator), text) in enumerate(texts.items()):
        annotated = annotate_documents(
            [Document(locator, text, "en")],
            source=source,
            file="file",
            part=part,
            first_row=row,
            settings=SETTINGS,
        )
        documents.append(annotated.documents)
        signatures.append(annotated.signatures)
    name = f"part-{part:06d}.parquet"
    pq.write_table(pa.Table.from_batches(documents), folder / "documents" / name)
    pq.write_table(pa.Table.from_batches(signatures), folder / "dedup" / "signatures" / name)


class TaskStandIn:
    """Stands for the context of a Spark task, the eighth of its stage, where a test calls a task by itself."""

    @staticmethod
    def get() -> "TaskStandIn":
        return TaskStandIn()

    def partitionId(self) -> int:  # noqa: N802 (Spark's name)
        return 7
