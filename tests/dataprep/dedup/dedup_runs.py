"""Deduplication run as `make dedup` runs it, on literal texts, and the same decisions taken in plain Python.

The plain version takes texts and band keys from the run folder and shares nothing else with the code under test:
documents one after the other, dictionaries for buckets, Python sets of shingles.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from dataprep.config import PrepareConfig
from dataprep.files import read_json
from dataprep.local_tasks import LocalTasks
from dataprep.pipeline import DEDUP, Pipeline
from dataprep.plan import plan_input
from dataprep.sample.reference import shingles, similarity

Texts = Mapping[str, str]  # by the name of the document


class Removal(NamedTuple):
    """Why a document is gone.

    Attributes:
        kept: name of the document that stays in its place.
        rule: exact, near or contained.
        jaccard: similarity of the two; null where nobody looked.
    """

    kept: str
    rule: str
    jaccard: float | None


@dataclass(frozen=True, slots=True, repr=False)  # a failure report must not print the corpus
class DedupRun:
    """A finished run.

    Attributes:
        folder: the run folder.
        config: its settings.
        documents: rows of `documents/`, with their `band_keys`.
        decisions: rows of `dedup/decisions/`.
        counts: what the stage counted.
        quarantine: rows of `quarantine/`.
    """

    folder: Path
    config: PrepareConfig
    documents: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    counts: dict[str, Any]
    quarantine: list[dict[str, Any]]

    @property
    def names(self) -> dict[str, str]:
        """Names of documents by doc_id."""
        return {row["doc_id"]: row["locator"] for row in self.documents}

    def removed(self, *others: "DedupRun") -> dict[str, Removal]:
        """Decisions by name; kept documents may be of other runs."""
        names = {key: name for run in (self, *others) for key, name in run.names.items()}
        assert len({(row["part"], row["row"]) for row in self.decisions}) == len(self.decisions)
        return {
            names[row["doc_id"]]: Removal(names[row["kept_doc_id"]], row["rule"], row["jaccard"])
            for row in self.decisions
        }

    def kept(self) -> set[str]:
        """Names of the documents that stay."""
        return set(self.names.values()) - set(self.removed_names())

    def removed_names(self) -> set[str]:
        """Names of the documents that go."""
        return {self.names[row["doc_id"]] for row in self.decisions}


def write_jsonl(path: Path, texts: Texts) -> None:
    """One line per document; its name becomes its locator."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"".join(orjson.dumps({"url": name, "text": text}) + b"\n" for name, text in texts.items())
    )


def dedup_settings(
    folder: Path, sources: Sequence[str], *, priorities: Mapping[str, int] | None = None, **settings: Any
) -> dict[str, Any]:
    """Settings of a run of `folder/input/<source>*.jsonl` into `folder/run`."""
    return {
        "run_dir": str(folder / "run"),
        "input_root": str(folder / "input"),
        "measure": "dedup",
        "sources": [
            {
                "name": name,
                "format": "jsonl",
                "paths": [f"{name}*.jsonl"],
                "language": "en",
                "priority": (priorities or {}).get(name, 1),
            }
            for name in sources
        ],
        **settings,
    }


def run_dedup_of(
    spark: SparkSession | LocalTasks,
    folder: Path,
    corpora: Mapping[str, Texts],
    *,
    priorities: Mapping[str, int] | None = None,
    **settings: Any,
) -> DedupRun:
    """Write the sources' texts and run the pipeline on them up to the decisions.

    Args:
        spark: the session, or processes of this machine that do without.
        folder: for input and run folder.
        corpora: source → its texts.
        priorities: source → priority.
        settings: further keys of the configuration.
    """
    for source, texts in corpora.items():
        write_jsonl(folder / "input" / f"{source}.jsonl", texts)
    return run_dedup_in(spark, dedup_settings(folder, list(corpora), priorities=priorities, **settings))


def run_dedup_in(spark: SparkSession | LocalTasks, settings: dict[str, Any]) -> DedupRun:
    """Run the pipeline with these settings up to the decisions, and read what it wrote."""
    config = PrepareConfig.model_validate(settings)
    local = spark if isinstance(spark, LocalTasks) else None

    def session() -> SparkSession:
        assert isinstance(spark, SparkSession), "Spark was asked for where it is not needed"
        return spark

    plan = plan_input(config)
    Pipeline(session, config, plan, lambda _: None, lambda *_: None, local).prepare(DEDUP)
    return read_run(config)


def read_run(config: PrepareConfig) -> DedupRun:
    """A finished run, read back."""
    folder = Path(config.run_dir)
    documents = _rows(folder / "documents")
    for row, signature in zip(documents, _rows(folder / "dedup" / "signatures"), strict=True):
        assert (row["part"], row["row"]) == (signature["part"], signature["row"])
        row["band_keys"] = signature["band_keys"]
    return DedupRun(
        folder,
        config,
        documents,
        _rows(folder / "dedup" / "decisions"),
        read_json(str(folder / "dedup" / "_stage.json"))["counts"],
        _rows(folder / "quarantine"),
    )


def _rows(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]


# --- the same in plain Python -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    place: tuple[int, int, int, int, str]  # in the keep order
    text: str
    keys: tuple[int, ...]
    shingles: frozenset[str]


class Expected(NamedTuple):
    """What becomes of a corpus.

    Attributes:
        removed: by name.
        bands: of each removed one, in how many buckets it met the one that stays; null for exact copies.
        skipped: how many documents lay beyond the cap, summed over buckets.
        second: pairs, the later document first, that only a second representative found.
        inherited: removed documents that none that stays was compared with at first.
        transitive: documents that stay although others like them go.
    """

    removed: dict[str, Removal]
    bands: dict[str, int | None]
    skipped: int
    second: set[tuple[str, str]]
    inherited: set[str]
    transitive: set[str]


def expected(*runs: DedupRun) -> Expected:
    """Decisions on the documents of runs in their order, as if they were one corpus; settings of the last one."""
    settings = runs[-1].config.near_dedup
    ordered = sorted(_documents(runs, settings.slice_fraction), key=lambda document: document.place)
    first: dict[str, _Document] = {}
    for document in ordered:
        first.setdefault(" ".join(document.text.split()), document)
    originals = list(first.values())  # in the keep order, as they were put in
    position = {document.name: number for number, document in enumerate(originals)}
    rules = _Rules(originals, settings.min_jaccard, settings.min_containment, settings.verify)
    edges, second, skipped = _edges(originals, rules, settings.max_bucket_size)
    bands: dict[str, int | None] = {}
    keepers = _kept_in_order(edges, rules, len(originals)) if settings.verify else _whole_components(edges)
    names = [document.name for document in originals]
    removed: dict[str, Removal] = {}
    for document in ordered:
        original = first[" ".join(document.text.split())]
        number = position[original.name]
        if number in keepers:
            kept = keepers[number]
            removed[document.name] = Removal(originals[kept].name, *rules.rule(number, kept))
            bands[document.name] = edges[number].get(kept, 0)
        elif document is not original:
            removed[document.name] = Removal(original.name, "exact", 1.0)
            bands[document.name] = None
    return Expected(
        removed,
        bands,
        skipped,
        {(names[member], names[other]) for member, other in second},
        {names[number] for number, kept in keepers.items() if kept not in edges.get(number, ())},
        {names[number] for number in edges if number not in keepers},
    )


def _documents(runs: Iterable[DedupRun], slice_fraction: float) -> list[_Document]:
    found = []
    for segment, run in enumerate(runs):
        priorities = {source.name: source.priority for source in run.config.sources}
        for row in run.documents:
            # The hash is uniform: its second half, as a share of all numbers, is the document's place in the slice.
            if int.from_bytes(row["content_hash"][8:], "little") >= slice_fraction * 2**64:
                continue
            keys = row["band_keys"]
            found.append(
                _Document(
                    row["locator"],
                    (
                        segment,
                        priorities[row["source"]],
                        -round(1000 * row["quality"]),
                        -len(row["text"]),
                        row["doc_id"],
                    ),
                    row["text"],
                    () if keys is None else tuple(np.frombuffer(keys, "<i8").tolist()),
                    shingles(row["text"]),
                )
            )
    return found


class _Rules(NamedTuple):
    """When one document is a duplicate of another; both by number."""

    documents: Sequence[_Document]
    min_jaccard: float
    min_containment: float | None
    verify: bool

    def similar(self, member: int, other: int) -> bool:
        return (
            not self.verify
            or self._jaccard(member, other) >= self.min_jaccard
            or self._contained(member, other)
        )

    def rule(self, member: int, other: int) -> tuple[str, float | None]:
        if not self.verify:
            return "near", None
        jaccard = self._jaccard(member, other)
        return ("near" if jaccard >= self.min_jaccard else "contained"), jaccard

    def _jaccard(self, member: int, other: int) -> float:
        return similarity(self.documents[member].shingles, self.documents[other].shingles)

    def _contained(self, member: int, other: int) -> bool:
        own, others = self.documents[member].shingles, self.documents[other].shingles
        return self.min_containment is not None and len(own & others) / len(own) >= self.min_containment


def _edges(
    originals: Sequence[_Document], rules: _Rules, cap: int
) -> tuple[dict[int, Counter[int]], set[tuple[int, int]], int]:
    """Duplicates among the pairs that the buckets propose: later document → earlier one → by how many buckets.

    Also which of them only second representatives propose, and how many documents are beyond the cap.
    """
    buckets: dict[int, list[int]] = defaultdict(list)
    for number, document in enumerate(originals):
        for key in document.keys:
            buckets[key].append(number)
    edges: dict[int, Counter[int]] = defaultdict(Counter)
    first, second = set[tuple[int, int]](), set[tuple[int, int]]()
    for bucket in buckets.values():
        like, unlike = _star(bucket[:cap], rules)
        like_second, _ = _star(unlike, rules)
        first |= like
        second |= like_second
        for member, other in like | like_second:
            edges[member][other] += 1
    return edges, second - first, sum(max(0, len(bucket) - cap) for bucket in buckets.values())


def _star(bucket: Sequence[int], rules: _Rules) -> tuple[set[tuple[int, int]], list[int]]:
    """Documents that are like the first of a bucket, paired with it; and those that are not."""
    like, unlike = set[tuple[int, int]](), []
    for member in bucket[1:]:
        if rules.similar(member, bucket[0]):
            like.add((member, bucket[0]))
        else:
            unlike.append(member)
    return like, unlike


def _kept_in_order(edges: Mapping[int, Counter[int]], rules: _Rules, size: int) -> dict[int, int]:
    """Removed document → the one that stays, one document after the other."""
    keepers: dict[int, int] = {}
    for document in range(size):
        like = sorted(edges.get(document, ()))
        staying = [other for other in like if other not in keepers]
        if staying:
            keepers[document] = staying[0]
            continue
        for other in sorted({keepers[each] for each in like}):
            if rules.similar(document, other):
                keepers[document] = other
                break
    return keepers


def _whole_components(edges: Mapping[int, Counter[int]]) -> dict[int, int]:
    """Every document of a connected component → its first one."""
    label: dict[int, int] = {}

    def root(node: int) -> int:
        while label.setdefault(node, node) != node:
            node = label[node]
        return node

    for document, others in edges.items():
        for other in others:
            low, high = sorted((root(document), root(other)))
            label[high] = low
    return {document: root(document) for document in list(label) if root(document) != document}
