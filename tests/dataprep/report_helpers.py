"""Run folders with removed duplicates, for the tests of reports."""

import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# Two removals of near duplicates: 16 of 17 shingles in common, and none.
SHARED = " ".join(f"word{number}" for number in range(20))
TEXTS = [
    SHARED + " end",
    SHARED,
    "Nothing here is <i>like</i> the other text at all, it seems.",
    "A text of its own.",
]
REMOVALS = [(0, 1, 0.95, 3), (2, 3, 0.9, 1)]  # row removed, row that stays, similarity on record, bands


def write_removals(
    folder: Path,
    texts: list[str],
    removals: list[tuple[int, int, float | None, int]],
    *,
    locales: list[str] | None = None,
    segment: int = 2,
    seed: int = 0,
    requested: Collection[int] = (),
    rules: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    linked: Mapping[int, int] | None = None,
    clusters: Mapping[int, int] | None = None,
) -> list[str]:
    """Documents, fates, decisions and clusters of duplicates, as the stages leave them.

    Args:
        folder: run folder.
        texts: of the documents, in their order.
        removals: row removed, row that stays, similarity on record, bands.
        locales: of the documents; null: en.
        segment: of what stays.
        seed: of the ids, which are random.
        requested: rows that were asked to be removed.
        rules: of the removals; null: near.
        sources: of the documents; null: mc4 for removed ones, wikipedia for those that stay.
        linked: rows that are kept though linked, with the first row of their group.
        clusters: rows removed whose group is not that of what stays, with the first row of their group.

    Returns:
        The ids.
    """
    linked, clusters = linked or {}, clusters or {}
    draw = random.Random(seed)
    ids = [f"{draw.getrandbits(128):032x}" for _ in texts]
    rows = {"part": [0] * len(texts), "row": list(range(len(texts))), "doc_id": ids}
    places = pa.table(
        rows | {"locale": locales or ["en"] * len(texts)},
        pa.schema(
            [("part", pa.int32()), ("row", pa.int32()), ("doc_id", pa.string()), ("locale", pa.string())]
        ),
    )
    decided = {
        "doc_id": [ids[removed] for removed, *_ in removals],
        "kept_doc_id": [ids[kept] for _, kept, *_ in removals],
        "rule": rules or ["near"] * len(removals),
        "jaccard": [jaccard for *_, jaccard, _ in removals],
        "containment": [jaccard for *_, jaccard, _ in removals],
        "bands_matched": [bands for *_, bands in removals],
        "cluster_id": [ids[clusters.get(removed, kept)] for removed, kept, *_ in removals],
        "part": [0] * len(removals),
        "row": [removed for removed, *_ in removals],
        "source": [sources[removed] if sources else "mc4" for removed, *_ in removals],
        "kept_source": [sources[kept] if sources else "wikipedia" for _, kept, *_ in removals],
        "kept_segment": [segment] * len(removals),
    }
    types = {
        "jaccard": pa.float64(),
        "containment": pa.float64(),
        "bands_matched": pa.int32(),
        "part": pa.int32(),
        "row": pa.int32(),
    }
    types |= {"kept_segment": pa.int32(), "removed": pa.bool_()}
    decisions = pa.table(
        {name: pa.array(values, types.get(name, pa.string())) for name, values in decided.items()}
    )
    gone = {removed for removed, *_ in removals}
    reasons = ["near_duplicate" if number in gone else None for number in range(len(texts))]
    reasons = ["removal_request" if number in requested else why for number, why in enumerate(reasons)]
    of_source = sources or ["mc4" if number in gone else "wikipedia" for number in range(len(texts))]
    places = places.append_column("source", pa.array(of_source, pa.string()))
    near = [number for number, rule in enumerate(decided["rule"]) if rule != "exact"]
    members = {
        "doc_id": [decided["doc_id"][number] for number in near] + [ids[row] for row in linked],
        "cluster_id": [decided["cluster_id"][number] for number in near]
        + [ids[row] for row in linked.values()],
        "removed": [True] * len(near) + [False] * len(linked),
    }
    for name, table in (
        (
            "documents",
            places.append_column("text", pa.array(texts))
            .append_column("num_bytes", pa.array([len(text.encode()) for text in texts]))
            .append_column(
                "locator", pa.array([f"https://example.org/{number}" for number in range(len(texts))])
            ),
        ),
        ("fates", places.append_column("drop_reason", pa.array(reasons, pa.string()))),
        ("dedup/decisions", decisions),
        (
            "dedup/clusters",
            pa.table(
                {name: pa.array(values, types.get(name, pa.string())) for name, values in members.items()}
            ),
        ),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name / "part-000000.parquet")
    return ids
