import itertools
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark import TaskContext
from pyspark.sql import SparkSession

from dataprep.dedup import exchange
from dataprep.dedup.exchange import (
    PACKED,
    PACKED_SCHEMA,
    SLOT,
    Sender,
    exchanged,
    num_slots,
    received,
    slot_bounds,
    slots_of,
)

LARGEST = 2**64 - 1
RECORD = np.dtype([("key", "<u8"), ("number", "<i4")])

# The ends of the range, and the keys around every bound of 2, 3, 4, 7 and 1000 slots.
BOUNDS = [-(-(slot << 32) // slots) << 32 for slots in (2, 3, 4, 7, 1000) for slot in range(1, slots)]
keys = st.sampled_from([0, LARGEST, *BOUNDS, *(bound - 1 for bound in BOUNDS)]) | st.integers(0, LARGEST)
slot_numbers = st.sampled_from([1, 2, 3, 4, 7, 1000, 2**21])


def numbered(wanted: list[int]) -> np.ndarray:
    """A record per key, numbered."""
    records = np.zeros(len(wanted), RECORD)
    records["key"] = wanted
    records["number"] = np.arange(len(wanted))
    return records


@given(wanted=st.lists(keys), slots=slot_numbers)
def test_every_key_lies_within_the_bounds_of_its_slot(wanted: list[int], slots: int) -> None:
    found = slots_of(np.array(wanted, np.uint64), slots).tolist()

    for key, slot in zip(wanted, found, strict=True):
        least, beyond = slot_bounds(slot, slots)
        assert 0 <= slot < slots
        assert least <= key < beyond


@pytest.mark.parametrize("slots", [1, 2, 3, 7, 1000])
def test_the_slots_cut_all_keys_into_ranges_of_nearly_equal_width(slots: int) -> None:
    bounds = [slot_bounds(slot, slots) for slot in range(slots)]

    assert (bounds[0][0], bounds[-1][1]) == (0, 2**64)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))
    assert all(
        abs((beyond - least) - 2**64 / slots) <= 2**32 + 2**64 / slots * 1e-9 for least, beyond in bounds
    )


@pytest.mark.parametrize(
    ("rows", "row_bytes", "parallelism", "slots"),
    [
        (0, 28, 2, 2),
        (1_000, 28, 1, 1),
        (1 << 26, 1, 1, 1),
        ((1 << 26) + 1, 1, 1, 2),
        (40_000_000, 32, 2, 20),  # 1.28 GB at 64 MiB each
    ],
)
def test_slots_are_as_many_as_cores_and_bounded_memory_need(
    rows: int, row_bytes: int, parallelism: int, slots: int
) -> None:
    assert num_slots(rows, row_bytes, parallelism) == slots


@given(
    batches=st.lists(st.lists(keys, max_size=6)), slots=st.sampled_from([1, 3, 7]), held=st.integers(1, 99)
)
def test_what_is_sent_is_received_by_slot_in_the_order_sent(
    batches: list[list[int]], slots: int, held: int
) -> None:
    everything = numbered([key for batch in batches for key in batch])
    sender, sent, start = Sender(slots), list[pa.RecordBatch](), 0
    with patch.object(exchange, "_HELD_BYTES", held):
        for batch in batches:
            some = everything[start : start + len(batch)]
            sent += sender.add(some, some["key"])
            start += len(batch)
        sent += sender.flush()
    assert not list(sender.flush())

    slot_of = slots_of(everything["key"], slots)
    for slot in range(slots):
        mine = [batch for batch in sent if batch.column(SLOT).to_pylist() == [slot]]
        found, records = received(mine, RECORD)
        expected = everything[slot_of == slot]
        assert found == (slot if len(expected) else None)
        assert records.tolist() == expected.tolist()
    assert all(batch.num_rows == 1 for batch in sent)


def test_a_sender_holds_records_until_they_are_many() -> None:
    sender = Sender(1)
    with patch.object(exchange, "_HELD_BYTES", 4 * RECORD.itemsize):
        some = numbered([1, 2])
        assert not list(sender.add(some, some["key"]))
        (batch,) = sender.add(some, some["key"])

    assert len(batch.column(PACKED)[0].as_buffer()) == 4 * RECORD.itemsize


def test_several_values_of_one_batch_are_received_together() -> None:
    whole = numbered([5, 6, 7])
    batch = pa.RecordBatch.from_arrays(
        [pa.array([4, 4], pa.int32()), pa.array([whole[:2].tobytes(), whole[2:].tobytes()], pa.binary())],
        [SLOT, PACKED],
    )

    slot, records = received([batch], RECORD)

    assert slot == 4
    assert records.tolist() == whole.tolist()


def test_a_partition_with_two_slots_is_a_bug() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1, 2], pa.int32()), pa.array([b"", b""], pa.binary())], [SLOT, PACKED]
    )

    with pytest.raises(AssertionError, match="the slots 1 and 2"):
        received([batch], RECORD)


def test_spark_brings_all_records_of_a_slot_to_its_partition(spark: SparkSession) -> None:
    slots = 5
    wanted = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(3_000)]

    def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sender = Sender(slots)
        for batch in batches:
            number_N = batch.column("id").to_numpy()
            records = np.zeros(len(number_N), RECORD)
            records["key"] = number_N.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            records["number"] = number_N
            yield from sender.add(records, records["key"])
        yield from sender.flush()

    def receive(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        slot, records = received(batches, RECORD)
        assert context is not None
        columns = {
            "partition": [context.partitionId()],
            "slot": pa.array([slot], pa.int32()),
            "numbers": [records["number"].tolist()],
            "keys": [records["key"].view(np.int64).tolist()],
        }
        yield pa.RecordBatch.from_pydict(columns)

    packed = spark.range(0, 3_000, numPartitions=7).mapInArrow(send, PACKED_SCHEMA)
    rows = (
        exchanged(packed, slots)
        .mapInArrow(receive, "partition long, slot int, numbers array<long>, keys array<long>")
        .collect()
    )

    assert [(row["partition"], row["slot"]) for row in sorted(rows)] == [
        (slot, slot) for slot in range(slots)
    ]
    for row in rows:
        least, beyond = slot_bounds(row["slot"], slots)
        assert sorted(row["numbers"]) == [at for at, key in enumerate(wanted) if least <= key < beyond]
        assert [key % 2**64 for key in row["keys"]] == [wanted[at] for at in row["numbers"]]
