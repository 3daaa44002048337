"""Shingle sets on the disk of one machine: each written once, by the task that read its text, mapped by the others.

A document is in two or three stars on average. Sent along with each of them, its set is most of what deduplication
moves; on one machine it need not move at all. A cluster, whose machines share no such disk, sends it.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataprep.dedup.nodes import Longs
from dataprep.kernels.runs import copy_runs

Hashes = npt.NDArray[np.uint64]
# Shingle sets of nodes: 64-bit hashes, ascending within each node, and where each node's begin.
SetsOf = Callable[[Longs], tuple[Hashes, Longs]]

_ENTRY: Final = np.dtype([("node", "<i8"), ("begin", "<i8"), ("size", "<i8")])


class SetWriter:
    """Writes the sets of one task. They can be fetched once it is committed."""

    def __init__(self, folder: str, number: int) -> None:
        self._path = Path(folder) / str(number)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: a task may run twice, even at the same time, and what it writes is the same each time.
        self._file = NamedTemporaryFile(dir=folder, suffix=".writing", delete=False)  # noqa: SIM115 (closed on commit)
        self._entries: list[npt.NDArray[Any]] = []
        self._written = 0

    def write(self, node_N: Longs, values: Hashes, starts_N1: Longs) -> None:
        """Append sets.

        Args:
            node_N: nodes, none of them written before.
            values: their sets, one after the other.
            starts_N1: where each begins, and the end.
        """
        entries = np.empty(len(node_N), _ENTRY)
        entries["node"], entries["size"] = node_N, np.diff(starts_N1)
        entries["begin"] = starts_N1[:-1] + self._written
        self._entries.append(entries)
        self._file.write(np.ascontiguousarray(values).data)
        self._written += len(values)

    def commit(self) -> None:
        """Publish them."""
        self._file.close()
        Path(self._file.name).rename(self._path.with_suffix(".sets"))
        with NamedTemporaryFile(dir=self._path.parent, suffix=".writing", delete=False) as file:
            np.save(file, np.concatenate([np.empty(0, _ENTRY), *self._entries]))
        Path(file.name).rename(self._path.with_suffix(".npy"))  # last: who finds it finds the sets


def stored_sets(folder: str, otherwise: SetsOf) -> SetsOf:
    """A function that fetches sets by node, in the order asked; reads the tables of contents when first called.

    Args:
        folder: what `SetWriter`s wrote to.
        otherwise: fetches them where some were not written: those of documents of earlier runs that no star of this
            run has.
    """
    held: list[tuple[Longs, Longs, npt.NDArray[Any], list[Hashes]]] = []

    def opened() -> tuple[Longs, Longs, npt.NDArray[Any], list[Hashes]]:
        paths = sorted(Path(folder).glob("*.npy"))
        tables = [np.load(path) for path in paths]
        entries = np.concatenate([np.empty(0, _ENTRY), *tables])
        file = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        order = np.argsort(entries["node"])
        return entries["node"][order], file[order], entries[order], [_mapped(path) for path in paths]

    def fetch(node_N: Longs) -> tuple[Hashes, Longs]:
        if not held:
            held.append(opened())
        known, file_M, entries, sets = held[0]
        at_N = np.searchsorted(known, node_N)
        if len(node_N) and (at_N.max(initial=0) >= len(known) or (known[at_N] != node_N).any()):
            return otherwise(node_N)
        size_N = entries["size"][at_N]
        starts_N1 = np.append(0, np.cumsum(size_N))
        values = np.empty(starts_N1[-1], np.uint64)
        for number, source in enumerate(sets):
            here = np.flatnonzero(file_M[at_N] == number)
            copy_runs(source, entries["begin"][at_N[here]], size_N[here], values, starts_N1[here])
        return values, starts_N1

    return fetch


def _mapped(contents: Path) -> Hashes:
    """The sets that a table of contents is of; a file of no byte cannot be mapped."""
    path = contents.with_suffix(".sets")
    if not path.stat().st_size:
        return np.zeros(0, np.uint64)
    # Not read-only: kernels are compiled for arrays that are not. What is written there, and nothing is, stays here.
    return np.asarray(np.memmap(path, "<u8", mode="c"))
