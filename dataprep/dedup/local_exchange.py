"""Chains of tasks on one machine, without Spark: what a step sends lies in files, by slot, until the next has read it.

The tasks, and so the results, are those that Spark runs. On one machine the JVM only costs: it takes as long to start
as the work on the first gigabyte, and copies every packed value four times on its way from one process to another.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from dataprep import files
from dataprep import schema as s
from dataprep.dedup.exchange import PACKED, SLOT, MappedBatches, Step, Task
from dataprep.local_tasks import LocalTasks

Piece = tuple[str, int, int]  # file, first byte, length: one packed value
Finish = Callable[
    [int, Iterator[pa.RecordBatch]], int
]  # what takes a slot and its batches at the end; gives a count


def chained_on_disk(
    tasks: LocalTasks, folder: str, numbers: Sequence[int], steps: Sequence[Step], last: Finish
) -> int:
    """Run a chain; the sum of what the last task gives.

    Every step ends before the next begins. What it sent goes through the page cache, and from disk if there is more
    than that holds; it is deleted as soon as the next step is done.

    Args:
        tasks: processes to run in.
        folder: local folder for what the steps send; made, and emptied step by step.
        numbers: what the first step works on: a task per number, which it gets as a row of the column `part`.
        steps: the steps.
        last: takes what the last of them sent, slot by slot.

    Raises:
        LocalTaskError: a process was killed.
    """
    payloads = [json.dumps({"number": number, "pieces": None}) for number in numbers]
    before: Path | None = None
    for number, step in enumerate(steps):
        place = Path(folder) / str(number)
        place.mkdir(parents=True)
        sent = [json.loads(answer) for answer in tasks.run(payloads, _sent(step.task, str(place)))]
        if before is not None:
            files.remove_tree(str(before))
        before = place
        slots: dict[int, list[Piece]] = {}
        for path, entries in sent:
            for slot, start, length in entries:
                slots.setdefault(slot, []).append((path, start, length))
        # The largest first, so that no core waits long for the last task.
        by_size = sorted(slots.items(), key=lambda item: (-sum(length for *_, length in item[1]), item[0]))
        payloads = [json.dumps({"number": slot, "pieces": pieces}) for slot, pieces in by_size]
    total = sum(map(int, tasks.run(payloads, _finished(last))))
    if before is not None:
        files.remove_tree(str(before))
    return total


def _sent(task: Task, place: str) -> Callable[[str], str]:
    """A local task that runs a step on one slot: writes what it sends to a file, and answers what lies where."""

    def run(payload: str) -> str:
        number, batches = _received(payload)
        path = f"{place}/{number}"
        entries: list[tuple[int, int, int]] = []
        with Path(path).open("wb") as file:
            for batch in task(batches):
                for slot, value in zip(batch.column(SLOT).to_pylist(), batch.column(PACKED), strict=True):
                    entries.append((slot, file.tell(), file.write(value.as_buffer())))
        return json.dumps([path, entries])

    return run


def _finished(last: Finish) -> Callable[[str], str]:
    def run(payload: str) -> str:
        return str(last(*_received(payload)))

    return run


def _received(payload: str) -> tuple[int, Iterator[pa.RecordBatch]]:
    """The slot of a task and its batches; at the first step, its number alone."""
    value = json.loads(payload)
    number, pieces = int(value["number"]), value["pieces"]
    if pieces is None:
        return number, iter([pa.RecordBatch.from_pydict({s.PART: pa.array([number], pa.int32())})])
    return number, MappedBatches(_mapped(number, pieces))


def _mapped(slot: int, pieces: Sequence[Piece]) -> Iterator[pa.RecordBatch]:
    """A batch per packed value, its bytes where the file is mapped."""
    mapped: dict[str, pa.Buffer] = {}
    for path, start, length in pieces:
        if path not in mapped:
            with pa.memory_map(path) as file:
                mapped[path] = file.read_buffer()
        bounds = pa.py_buffer(np.array([0, length], np.int32))
        value = pa.Array.from_buffers(pa.binary(), 1, [None, bounds, mapped[path].slice(start, length)])
        yield pa.RecordBatch.from_arrays([pa.array([slot], pa.int32()), value], [SLOT, PACKED])
