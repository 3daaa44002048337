import itertools
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.dedup.nodes import Longs
from dataprep.dedup.set_store import SetWriter, stored_sets

Hashes = np.ndarray
nodes = st.integers(0, 2**62)
sets = st.lists(st.integers(0, 2**64 - 1), max_size=5)


def ragged(wanted: list[list[int]]) -> tuple[Hashes, Longs]:
    values = np.array([value for each in wanted for value in each], np.uint64)
    return values, np.cumsum([0, *map(len, wanted)])


def unwanted(node_N: Longs) -> tuple[Hashes, Longs]:
    raise AssertionError(f"asked elsewhere for {node_N}")


@given(written=st.dictionaries(nodes, st.tuples(st.integers(0, 3), sets)), data=st.data())
def test_sets_are_fetched_as_they_were_written_by_whichever_task(
    written: dict[int, tuple[int, list[int]]], data: st.DataObject
) -> None:
    asked = data.draw(st.lists(st.sampled_from(sorted(written)))) if written else []
    with tempfile.TemporaryDirectory() as folder:
        for task in range(4):
            writer = SetWriter(folder, task)
            for node, (number, found) in written.items():  # one at a time, as row groups come
                if number == task:
                    writer.write(np.array([node]), *ragged([found]))
            writer.commit()

        values, starts = stored_sets(folder, unwanted)(np.array(asked, np.int64))

        fetched = [values[begin:end].tolist() for begin, end in itertools.pairwise(starts.tolist())]
        assert fetched == [written[node][1] for node in asked]


def test_documents_that_no_task_wrote_are_fetched_elsewhere(tmp_path: Path) -> None:
    writer = SetWriter(str(tmp_path), 0)
    writer.write(np.array([5]), *ragged([[7]]))
    writer.commit()

    values, starts = stored_sets(str(tmp_path), lambda node_N: ragged([[int(n) + 1] for n in node_N]))(
        np.array([5, 6])
    )

    assert (values.tolist(), starts.tolist()) == ([6, 7], [0, 1, 2])


def test_a_task_that_runs_twice_leaves_one_file(tmp_path: Path) -> None:
    broken = SetWriter(str(tmp_path), 0)
    broken.write(np.array([5]), *ragged([[1, 2, 3]]))
    again = SetWriter(str(tmp_path), 0)
    again.write(np.array([5]), *ragged([[7]]))
    again.commit()

    values, _ = stored_sets(str(tmp_path), unwanted)(np.array([5, 5]))

    assert values.tolist() == [7, 7]
    assert sorted(path.name for path in tmp_path.glob("0.*")) == ["0.npy", "0.sets"]
