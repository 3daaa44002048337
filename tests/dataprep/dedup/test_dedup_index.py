import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep import files
from dataprep.dedup import index
from dataprep.dedup.candidates import KEY_RECORD
from dataprep.dedup.index import (
    KEYS,
    SECOND,
    TEXTS,
    Segment,
    SignatureIndexError,
    commit,
    key_columns,
    known_buckets,
    known_seconds,
    known_texts,
    record_path,
    segments_before,
    write_slot,
)

LARGEST = 2**64 - 1
ALL = (0, 2**64)
SEGMENT = 2**53

Text = tuple[tuple[int, int], int]  # content hash, node
Bucket = tuple[int, int, int, int, int]  # key as an unsigned number, rank, id, node, size

# Numbers around the bounds of 2, 3 and 5 slots come up often, so that runs share them.
EDGES = [-(-(slot << 32) // slots) << 32 for slots in (2, 3, 5) for slot in range(1, slots)]
numbers = st.sampled_from([0, 1, LARGEST, *EDGES, *(edge - 1 for edge in EDGES)]) | st.integers(0, LARGEST)
few_numbers = st.sampled_from([0, EDGES[0] - 1, EDGES[0], LARGEST])  # so that texts share half of their hash
slot_numbers = st.sampled_from([1, 2, 3, 5])


class Run(NamedTuple):
    """One run of an index: its tables, and into how many slots they are cut."""

    texts: list[tuple[int, int]]
    buckets: list[tuple[int, int, int]]  # key, id, size
    slots: int


runs = st.lists(
    st.builds(
        Run,
        st.lists(st.tuples(few_numbers, st.sampled_from([0, 1, LARGEST])), unique=True, max_size=8),
        st.lists(st.tuples(numbers, numbers, st.integers(1, 9)), unique_by=lambda row: row[0], max_size=8),
        slot_numbers,
    ),
    max_size=3,
)


def slot_of(number: int, slots: int) -> int:
    return (number >> 32) * slots >> 32


def signed(values: list[int]) -> np.ndarray[Any, Any]:
    return np.array(values, np.uint64).view(np.int64)


def texts_of(number: int, run: Run) -> list[Text]:
    return [(text, number * SEGMENT + at) for at, text in enumerate(run.texts)]


def buckets_of(number: int, run: Run) -> list[Bucket]:
    """Ranks begin with the number of the segment, as `nodes.ranks` makes them."""
    return [
        (key, number * 2**51 + at, identity, number * SEGMENT + at, size)
        for at, (key, identity, size) in enumerate(run.buckets)
    ]


def written(folder: Path, number: int, run: Run) -> Segment:
    """The run's tables, written slot by slot."""
    segment = Segment(
        number, str(folder / f"run-{number}"), dict.fromkeys([TEXTS, KEYS, SECOND], run.slots), ""
    )
    for slot in range(run.slots):
        texts = sorted(row for row in texts_of(number, run) if slot_of(row[0][0], run.slots) == slot)
        write_slot(
            segment.table(TEXTS),
            slot,
            {
                "hash_high": signed([high for (high, _), _ in texts]),
                "hash_low": signed([low for (_, low), _ in texts]),
                "node": np.array([node for _, node in texts], np.int64),
            },
        )
        buckets = sorted(row for row in buckets_of(number, run) if slot_of(row[0], run.slots) == slot)
        records = np.zeros(len(buckets), KEY_RECORD)
        for name, at in (("rank", 1), ("id", 2), ("node", 3)):
            records[name] = [row[at] for row in buckets]
        records["key"] = signed([row[0] for row in buckets])
        write_slot(
            segment.table(KEYS), slot, key_columns(records, np.array([row[4] for row in buckets], np.int64))
        )
        write_slot(segment.table(SECOND), slot, key_columns(records, np.ones(len(buckets), np.int64)))
    return segment


@given(each=runs, slots=slot_numbers)
def test_every_text_is_found_in_its_slot_with_the_earliest_document_that_has_it(
    each: list[Run], slots: int
) -> None:
    expected: dict[tuple[int, int], int] = {}
    for number, run in enumerate(each):
        for text, node in texts_of(number, run):
            expected.setdefault(text, node)

    with tempfile.TemporaryDirectory() as folder:
        segments = [written(Path(folder), number, run) for number, run in enumerate(each)]
        for slot in range(slots):
            bounds = (-(-(slot << 32) // slots) << 32, -(-((slot + 1) << 32) // slots) << 32)
            known = known_texts(segments, bounds)
            mine = sorted(text for text in expected if slot_of(text[0], slots) == slot)
            assert [tuple(text) for text in known.hash.tolist()] == mine
            assert known.node.tolist() == [expected[text] for text in mine]


@given(each=runs, slots=slot_numbers)
def test_buckets_of_all_runs_have_the_earliest_centre_and_their_sizes_together(
    each: list[Run], slots: int
) -> None:
    first: dict[int, Bucket] = {}
    size: dict[int, int] = {}
    for number, run in enumerate(each):
        for bucket in buckets_of(number, run):
            first.setdefault(bucket[0], bucket)
            size[bucket[0]] = size.get(bucket[0], 0) + bucket[4]

    with tempfile.TemporaryDirectory() as folder:
        segments = [written(Path(folder), number, run) for number, run in enumerate(each)]
        for slot in range(slots):
            bounds = (-(-(slot << 32) // slots) << 32, -(-((slot + 1) << 32) // slots) << 32)
            mine = sorted(key for key in first if slot_of(key, slots) == slot)
            centres = [(signed([key]).item(), *first[key][1:4]) for key in mine]
            for found, sizes in (
                (known_buckets(segments, bounds), [size[key] for key in mine]),
                (known_seconds(segments, bounds), [1] * len(mine)),
            ):
                assert found.key.tolist() == [centre[0] for centre in centres]
                assert found.centre.tolist() == centres
                assert found.size.tolist() == sizes


def test_large_tables_are_cut_into_row_groups_and_slots_without_rows_have_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_GROUP_ROWS", 4)

    write_slot(str(tmp_path), 3, {"key": np.arange(10)})
    write_slot(str(tmp_path), 4, {"key": np.arange(0)})

    assert [path.name for path in tmp_path.iterdir()] == ["part-000003.parquet"]
    table = pq.ParquetFile(tmp_path / "part-000003.parquet")
    assert table.num_row_groups == 3
    assert table.read()["key"].to_pylist() == list(range(10))


# --- the chain of segments --------------------------------------------------------------------------------------------

SETTINGS = {"num_bands": 20, "seed": 1}
SLOTS = {TEXTS: 2, KEYS: 3, SECOND: 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of three runs, which lie beside it."""
    for number in range(3):
        add(tmp_path, number)
    return tmp_path


def add(folder: Path, number: int, **content: Any) -> None:
    """Run a run: look at the index, write the tables, add the segment."""
    run_dir = folder / f"run-{number}"
    before = segments_before(str(folder / "index"), str(run_dir), SETTINGS)
    for table in ("documents", "dedup/segment/texts"):
        (run_dir / table).mkdir(parents=True, exist_ok=True)
    commit(
        str(folder / "index"),
        before,
        run_dir=str(run_dir),
        settings=SETTINGS,
        content={"slots": SLOTS, "run": f"run {number}"} | content,
    )


def changed(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def before(folder: Path, run: str = "run-3", settings: dict[str, Any] | None = None) -> list[Segment]:
    return segments_before(str(folder / "index"), str(folder / run), settings or SETTINGS)


def test_without_an_index_or_before_its_first_run_there_are_no_segments(tmp_path: Path) -> None:
    assert segments_before(str(tmp_path / "index"), str(tmp_path), SETTINGS) == []


def test_a_run_is_deduplicated_against_all_runs_before_it(folder: Path) -> None:
    found = before(folder)

    assert [(segment.number, segment.run_dir, segment.slots) for segment in found] == [
        (number, str(folder / f"run-{number}"), SLOTS) for number in range(3)
    ]
    assert found[1].documents_dir == str(folder / "run-1" / "documents")
    assert found[1].table(KEYS) == str(folder / "run-1" / "dedup" / "segment" / "keys")
    assert len({segment.digest for segment in found}) == 3


def test_the_last_run_may_be_made_again_and_does_not_count_for_itself(folder: Path) -> None:
    record = json.loads((folder / "index" / "segment-0002.json").read_text())

    assert [segment.number for segment in before(folder, "run-2")] == [0, 1]
    add(folder, 2)
    assert json.loads((folder / "index" / "segment-0002.json").read_text()) == record
    add(folder, 2, run="with other settings")
    assert before(folder)[2].digest != record["digest"]


def test_a_run_that_others_build_on_cannot_be_made_again(folder: Path) -> None:
    with pytest.raises(SignatureIndexError) as error:
        before(folder, "run-1")

    assert str(error.value) == (
        f"{folder}/index/segment-0001.json is of this run, and later segments of the index build on it; this run "
        "cannot be made again without them: choose another run_dir, or delete this segment's record and all after it."
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: changed(index / "segment-0001.json", previous="another"),
        lambda index: changed(index / "segment-0001.json", version=index_version() + 1),
        lambda index: changed(index / "segment-0000.json", digest="made again"),
    ],
    ids=["another predecessor", "another version", "predecessor made again"],
)
def test_segments_that_do_not_follow_from_one_another_are_refused(
    spoil: Callable[[Path], None], folder: Path
) -> None:
    spoil(folder / "index")

    with pytest.raises(SignatureIndexError) as error:
        before(folder)

    assert str(error.value) == (
        f"{folder}/index/segment-0001.json does not follow from the segment before it (another version, or that one "
        "was made again); delete this record and all after it, and run again what they came from."
    )


def index_version() -> int:
    return index.INDEX_VERSION


@pytest.mark.parametrize(
    ("settings", "differing"),
    [
        ({"num_bands": 14, "seed": 1}, "num_bands"),
        ({"num_bands": 14, "seed": 2}, "num_bands, seed"),
        ({"num_bands": 20, "seed": 1, "slice_fraction": 0.5}, "slice_fraction"),
        ({"num_bands": 20}, "seed"),
    ],
)
def test_an_index_of_other_signatures_is_refused_by_what_differs(
    settings: dict[str, Any], differing: str, folder: Path
) -> None:
    with pytest.raises(SignatureIndexError) as error:
        before(folder, settings=settings)

    assert str(error.value) == (
        f"{folder}/index/segment-0000.json was made with other signatures than this run would make (they differ in "
        f"{differing}); use the same settings, or another dedup_index."
    )


@pytest.mark.parametrize("gone", ["documents", "dedup/segment/texts"])
def test_a_run_whose_folder_is_gone_is_named(gone: str, folder: Path) -> None:
    files.remove_tree(str(folder / "run-1" / gone))

    with pytest.raises(SignatureIndexError) as error:
        before(folder)

    assert str(error.value) == (
        f"{folder}/index/segment-0001.json needs the run it was made from, but {folder}/run-1/{gone} is gone; "
        "restore it, run it again, or start another index."
    )


def test_a_full_index_takes_no_further_run_but_its_last_one_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MAX_SEGMENTS", 3)

    with pytest.raises(
        SignatureIndexError, match="index holds 3 segments, and no more fit; start another index"
    ):
        before(folder)
    assert len(before(folder, "run-2")) == 2
    monkeypatch.setattr(index, "MAX_SEGMENTS", 4)
    assert len(before(folder)) == 3


def test_a_place_that_another_run_has_taken_meanwhile_is_not_taken_again(folder: Path) -> None:
    path = folder / "index" / "segment-0002.json"
    record = path.read_bytes()

    with pytest.raises(SignatureIndexError) as error:
        commit(
            str(folder / "index"),
            before(folder)[:2],
            run_dir=str(folder / "run-3"),
            settings=SETTINGS,
            content={"slots": SLOTS},
        )

    assert str(error.value) == (
        f"another run has written {path} meanwhile; run this one again, it then takes that one into account."
    )
    assert path.read_bytes() == record


def test_records_are_numbered() -> None:
    assert record_path("s3://bucket/index", 12) == "s3://bucket/index/segment-0012.json"
