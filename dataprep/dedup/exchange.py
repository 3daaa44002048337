"""Records that change tasks: packed into binary values, moved slot by slot, unpacked as one NumPy array.

Deduplication moves twenty band keys per document. As rows of a DataFrame they would cost a hundred instructions of the
JVM each, on the way out of Python and back into it again; packed, Spark moves thousands at a time and does what it is
good at: spilling, fetching, retrying. On one machine the same values go through files (local_exchange.py).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame

Records = npt.NDArray[Any]
Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

SLOT: Final = "slot"
PACKED: Final = "packed"
PACKED_SCHEMA: Final = f"{SLOT} int, {PACKED} binary"
_TASK_BYTES: Final = 64 << 20  # what a task gets to sort at a time
_VALUE_BYTES: Final = 1 << 19  # of one packed value
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
            yield from _packed(slot, records[start:end])


def packed_slots(rows: npt.NDArray[Any], bounds: npt.NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """Records that lie in the order of their slots, packed.

    Args:
        rows: the records.
        bounds: where each slot's begin, and the end.
    """
    for slot, (start, end) in enumerate(itertools.pairwise(bounds.tolist())):
        yield from _packed(slot, rows[start:end])


def _packed(slot: int, rows: npt.NDArray[Any]) -> Iterator[pa.RecordBatch]:
    """Records of one slot as values of bounded size: the collectors of the JVM handle large arrays badly."""
    at_a_time = max(1, len(rows) * _VALUE_BYTES // max(1, rows.nbytes))
    for start in range(0, len(rows), at_a_time):
        value = pa.array([rows[start : start + at_a_time].tobytes()], pa.binary())
        yield pa.RecordBatch.from_arrays([pa.array([slot], pa.int32()), value], [SLOT, PACKED])


class Step(NamedTuple):
    """One task of a chain: it gets all of one slot of what the step before sent, and sends packed records on.

    Attributes:
        task: the work.
        slots: over how many slots it spreads what it sends.
    """

    task: Task
    slots: int


class MappedBatches:
    """The batches of a slot whose values lie in files that are mapped into memory: nothing need be copied to hold them.

    An iterator like any other, for the tasks that take their batches one by one.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)

    def __iter__(self) -> "MappedBatches":
        return self

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)


def exchanged(packed: DataFrame, slots: int) -> DataFrame:
    """The packed records with all of a slot in one partition, one slot per partition."""
    return packed.repartitionById(slots, SLOT)


def chained(rows: DataFrame, steps: Sequence[Step]) -> DataFrame:
    """What the last step sends, by its slots; Spark moves the records between the steps. Lazy."""
    for step in steps:
        rows = exchanged(rows.mapInArrow(step.task, PACKED_SCHEMA), step.slots)
    return rows


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


def spread(number_N: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint64]:
    """Uniform keys from numbers that lie close together: Fibonacci hashing (Knuth, volume 3, section 6.4)."""
    return number_N.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


class TableSender:
    """As `Sender`, for rows with values of any length: packed as Arrow streams.

    Attributes:
        slots: number of slots.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._held: list[pa.RecordBatch] = []
        self._slots: list[npt.NDArray[np.int32]] = []
        self._held_bytes = 0

    def add(self, rows: pa.RecordBatch, key_N: npt.NDArray[np.uint64]) -> Iterator[pa.RecordBatch]:
        """Take rows, each with the key that decides its slot."""
        if rows.num_rows:
            self._held.append(rows)
            self._slots.append(slots_of(key_N, self.slots))
            self._held_bytes += rows.nbytes
        if self._held_bytes >= _HELD_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Everything that is held."""
        if not self._held:
            return
        rows = pa.Table.from_batches(self._held)
        slot_N = np.concatenate(self._slots)
        self._held, self._slots, self._held_bytes = [], [], 0
        for slot in np.unique(slot_N).tolist():
            some = rows.take(pa.array(np.flatnonzero(slot_N == slot)))
            at_a_time = max(1, some.num_rows * _VALUE_BYTES // max(1, some.nbytes))
            for start in range(0, some.num_rows, at_a_time):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, some.schema) as stream:
                    stream.write_table(some.slice(start, at_a_time))
                value = pa.array([sink.getvalue().to_pybytes()], pa.binary())
                yield pa.RecordBatch.from_arrays([pa.array([slot], pa.int32()), value], [SLOT, PACKED])


@contextmanager
def received_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int | None, list[pa.RecordBatch]]]:
    """The slot of this partition and its rows, as they were sent; no slot where there are none.

    They lie in a file that is mapped into memory: a slot larger than expected costs disk, not memory.
    """
    if isinstance(batches, MappedBatches):
        values = [
            (number, value.as_buffer())
            for batch in batches
            for number, value in zip(batch.column(SLOT).to_pylist(), batch.column(PACKED), strict=True)
        ]
        yield (values[0][0] if values else None), _streamed(value for _, value in values)
        return
    slot: int | None = None
    with NamedTemporaryFile(prefix="magister-") as file:
        bounds = [0]
        for batch in batches:
            for number, value in zip(batch.column(SLOT).to_pylist(), batch.column(PACKED), strict=True):
                slot = number
                file.write(value.as_buffer())
                bounds.append(file.tell())
        file.flush()
        if slot is None:
            yield None, []
            return
        with pa.memory_map(file.name) as mapped:
            whole = mapped.read_buffer()
            yield (
                slot,
                _streamed(whole.slice(start, end - start) for start, end in itertools.pairwise(bounds)),
            )


def _streamed(values: Iterable[pa.Buffer]) -> list[pa.RecordBatch]:
    """The batches of Arrow streams."""
    return [batch for value in values for batch in pa.ipc.open_stream(value)]


def in_order(
    pieces: list[pa.RecordBatch], order: npt.NDArray[np.int64], rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of many batches in another order, some at a time; only these are copied into memory.

    Args:
        pieces: batches of one schema.
        order: position of each row that is wanted, counted over all pieces.
        rows: how many at a time.
    """
    first = np.append(0, np.cumsum([piece.num_rows for piece in pieces]))
    for start in range(0, len(order), rows):
        wanted = order[start : start + rows]
        by_place = np.argsort(wanted)
        ordered = wanted[by_place]
        bounds = np.searchsorted(ordered, first)
        found = [
            piece.take(pa.array(ordered[low:high] - first[number]))
            for number, (piece, (low, high)) in enumerate(
                zip(pieces, itertools.pairwise(bounds.tolist()), strict=True)
            )
            if low < high
        ]
        back = np.empty(len(wanted), np.int64)
        back[by_place] = np.arange(len(wanted))
        (batch,) = pa.Table.from_batches(found).combine_chunks().to_batches()
        yield batch.take(pa.array(back))
