"""What shards hold, in the classes that the balance plan tells apart: locale, source, form, and number of duplicates.

The counts are made as a shard is written, and are exact. They do not depend on how the balance is set, so another
plan never reads a shard.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep import schema as s

CLUSTERS: Final = "clusters"  # of a shard's counts: class of the cluster sizes


class Stratum(NamedTuple):
    """Documents that are drawn alike.

    Attributes:
        locale: locale.
        source: source.
        form: written or spoken.
        clusters: class of their cluster sizes: the largest of them, a power of two; see `cluster_class`.
    """

    locale: str
    source: str
    form: str
    clusters: int


class Size(NamedTuple):
    """How much there is of something."""

    documents: int
    tokens: int


def cluster_class(sizes_N: Any) -> Any:  # noqa: ANN401 (integers, alone or as an array)
    """The smallest power of two that is at least the cluster size: 1, 2, 4 for 3 and 4, 8 for 5 to 8."""
    return 1 << np.ceil(np.log2(sizes_N)).astype(np.int64)


class CellCounter:
    """Counts the rows of one shard per source, form and class of cluster sizes."""

    def __init__(self) -> None:
        self._rows: Counter[tuple[str, str, int]] = Counter()
        self._tokens: Counter[tuple[str, str, int]] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows that have at least the columns `source`, `form`, `cluster_size` and `num_tokens` of a shard."""
        classes = pa.array(cluster_class(batch.column(s.CLUSTER_SIZE).to_numpy()))
        columns = [batch.column(s.SOURCE), batch.column(s.FORM), classes, batch.column(s.NUM_TOKENS)]
        table = pa.Table.from_arrays(columns, [s.SOURCE, s.FORM, CLUSTERS, s.NUM_TOKENS])
        groups = table.group_by([s.SOURCE, s.FORM, CLUSTERS])
        for group in groups.aggregate([(s.NUM_TOKENS, "sum"), ([], "count_all")]).to_pylist():
            key = group[s.SOURCE], group[s.FORM], group[CLUSTERS]
            self._rows[key] += group["count_all"]
            self._tokens[key] += group[f"{s.NUM_TOKENS}_sum"]

    def counts(self) -> list[dict[str, Any]]:
        """The `cells` of the shard in the manifest: `source`, `form`, `clusters`, `rows` and `tokens`, sorted."""
        return [
            {
                s.SOURCE: key[0],
                s.FORM: key[1],
                CLUSTERS: key[2],
                "rows": rows,
                "tokens": self._tokens[key],
            }
            for key, rows in sorted(self._rows.items())
        ]


def sizes_of_files(files: Iterable[Mapping[str, Any]], split: str = "train") -> dict[Stratum, Size]:
    """Documents and tokens per stratum, from the entries of a manifest; sorted, without empty strata.

    Raises:
        KeyError: an entry has no `cells`.
    """
    documents: Counter[Stratum] = Counter()
    tokens: Counter[Stratum] = Counter()
    for entry in files:
        if entry["split"] != split:
            continue
        for cell in entry["cells"]:
            stratum = Stratum(entry["locale"], cell[s.SOURCE], cell[s.FORM], cell[CLUSTERS])
            documents[stratum] += cell["rows"]
            tokens[stratum] += cell["tokens"]
    return {
        stratum: Size(documents[stratum], tokens[stratum]) for stratum in sorted(tokens) if tokens[stratum]
    }
