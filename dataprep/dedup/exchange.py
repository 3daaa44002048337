"""Records that change tasks: packed into a few large binary values, shuffled by Spark, unpacked as one NumPy array.

Deduplication moves twenty band keys per document. As rows of a DataFrame they would cost a hundred instructions of the
JVM each, on the way out of Python and back into it again; packed, Spark moves a few megabytes at a time and does what
it is good at: spilling, fetching, retrying.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame

Records = npt.NDArray[Any]

SLOT: Final = "slot"
PACKED: Final = "packed"
PACKED_SCHEMA: Final = f"{SLOT} int, {PACKED} binary"
_TASK_BYTES: Final = 64 << 20  # what a task gets to sort at a time
_HELD_BYTES: Final = 64 << 20  # what a task gathers before it sends


def num_slots(rows: int, row_bytes: int, parallelism: int) -> int:
    """Into how many tasks records are spread: bounded memory for each, and work for all cores."""
    return max(1, parallelism, -(-rows * row_bytes // _TASK_BYTES))


def slots_of(key_N: npt.NDArray[np.uint64], slots: int) -> npt.NDArray[np.int32]:
    """The slot of each uniform 64-bit key: ranges of equal width, so that slot order is key order."""
    return (((key_N >> np.uint64(32)) * np.uint64(slots)) >> np.uint64(32)).astype(np.int32)


def slot_bounds(slot: int, slots: int) -> tuple[int, int]:
    """Least key of a slot and least key beyond it."""
    return -(-(slot << 32) // slots) << 32, -(-((slot + 1) << 32) // slots) << 32


class Sender:
    """Gathers records and yields them, packed by slot, whenever enough are held.

    Attributes:
        slots: number of slots.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._held: list[tuple[Records, npt.NDArray[np.int32]]] = []
        self._held_bytes = 0

    def add(self, records: Records, key_N: npt.NDArray[np.uint64]) -> Iterator[pa.RecordBatch]:
        """Take records, each with the key that decides its slot."""
        if len(records):
            self._held.append((records, slots_of(key_N, self.slots)))
            self._held_bytes += records.nbytes
        if self._held_bytes >= _HELD_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Everything that is held."""
        if not self._held:
            return
        records = np.concatenate([each for each, _ in self._held])
        slot_N = np.concatenate([each for _, each in self._held])
        self._held, self._held_bytes = [], 0
        order = np.argsort(slot_N, kind="stable")
        records = records[order]
        present, first = np.unique(slot_N[order], return_index=True)
        last = np.append(first[1:], len(records))
        for slot, start, end in zip(present.tolist(), first.tolist(), last.tolist(), strict=True):
            yield pa.RecordBatch.from_arrays(
                [pa.array([slot], pa.int32()), pa.array([records[start:end].tobytes()], pa.binary())],
                [SLOT, PACKED],
            )


def exchanged(packed: DataFrame, slots: int) -> DataFrame:
    """The packed records with all of a slot in one partition, one slot per partition."""
    return packed.repartitionById(slots, SLOT)


def received(batches: Iterable[pa.RecordBatch], dtype: np.dtype[Any]) -> tuple[int | None, Records]:
    """The slot of this partition and its records; no slot where there are none."""
    slot: int | None = None
    pieces: list[Records] = []
    for batch in batches:
        for number, value in zip(batch.column(SLOT).to_pylist(), batch.column(PACKED), strict=True):
            assert slot in (None, number), f"a partition holds the slots {slot} and {number}"
            slot = number
            pieces.append(np.frombuffer(value.as_buffer(), dtype))
    return slot, np.concatenate(pieces) if pieces else np.zeros(0, dtype)
