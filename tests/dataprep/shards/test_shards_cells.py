"""Counts of what shards hold."""

import numpy as np
import pyarrow as pa
import pytest

from dataprep.shards.cells import CellCounter, Size, Stratum, cluster_class, sizes_of_files


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (2**30, 2**30), (2**30 + 1, 2**31), (2**31 - 1, 2**31)],
)  # fmt: skip
def test_the_class_of_a_cluster_is_the_power_of_two_that_holds_it(size: int, expected: int) -> None:
    assert cluster_class(np.array([size], np.int32)).tolist() == [expected]


def test_rows_and_tokens_add_up_over_batches() -> None:
    def batch(*rows: tuple[str, str, int, int]) -> pa.RecordBatch:
        sources, forms, sizes, tokens = (list(column) for column in zip(*rows, strict=True))
        return pa.RecordBatch.from_pydict(
            {
                "source": sources,
                "form": forms,
                "cluster_size": pa.array(sizes, pa.int32()),
                "num_tokens": pa.array(tokens, pa.int32()),
            }
        )

    counter = CellCounter()
    counter.add(batch(("web", "written", 3, 10), ("web", "written", 1, 5), ("tv", "spoken", 1, 2**31 - 1)))
    counter.add(batch(("web", "written", 4, 1), ("tv", "spoken", 1, 2**31 - 1)))

    assert counter.counts() == [
        {"source": "tv", "form": "spoken", "clusters": 1, "rows": 2, "tokens": 2**32 - 2},
        {"source": "web", "form": "written", "clusters": 1, "rows": 1, "tokens": 5},
        {"source": "web", "form": "written", "clusters": 4, "rows": 2, "tokens": 11},
    ]


def test_sizes_are_those_of_one_split_without_what_is_empty() -> None:
    cell = {"source": "web", "form": "written", "clusters": 1, "rows": 2, "tokens": 7}
    files = [
        {"split": "train", "locale": "en", "cells": [cell, cell | {"clusters": 2}]},
        {"split": "train", "locale": "en", "cells": [cell]},
        {"split": "train", "locale": "hi", "cells": [cell | {"tokens": 0}]},
        {"split": "validation", "locale": "en", "cells": [cell]},
    ]

    assert sizes_of_files(files) == {
        Stratum("en", "web", "written", 1): Size(4, 14),
        Stratum("en", "web", "written", 2): Size(2, 7),
    }
    assert sizes_of_files(files, "validation") == {Stratum("en", "web", "written", 1): Size(2, 7)}
