import itertools
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dedup_helpers import write_documents
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dataprep.dedup.exchange import PACKED_SCHEMA, Records, Sender, Step, chained, exchanged, spread
from dataprep.dedup.verify import (
    IS_CENTRE,
    IS_MEMBER,
    IS_SECOND,
    PAIRS_SCHEMA,
    REQUEST,
    Thresholds,
    compare_stars,
    documents_at,
    packed_sets,
    send_sets,
    shingle_sets,
    unpacked_sets,
)
from dataprep.sample.reference import jaccard, shingles

SEGMENT = 2**53
PART = 2**32
LARGEST = 2**64 - 1

# A text and one made from it, per script: a word replaced, left out or put in; case, marks or punctuation changed.
PAIRS = {
    "Latin": (
        "The ferry leaves the island at seven, and the last bus waits for it by the old harbour wall.",
        "The ferry leaves the island at eight, and the last BUS waits for it by the old harbour wall!",
    ),
    "Latin with apostrophes": (
        "L'été, qu'on attend depuis l'hiver, n'arrive jamais quand on l'espère au bord de la mer.",
        "L'été, qu'on attend depuis l'hiver, n'arrive pas quand on l'espère au bord de la mer.",
    ),
    "Cyrillic": (
        "Утром мы пошли на рынок за хлебом и яблоками, а потом долго сидели у реки и молчали.",
        "Утром мы пошли на рынок за хлебом и грушами, а потом долго сидели у реки и молчали.",
    ),
    "Arabic": (
        "ذهب الأولاد إلى المدرسة في الصباح الباكر ثم عادوا إلى البيت مع غروب الشمس متعبين جدا",
        "ذهب الأولاد إلى المدرسة في الصباح ثم عادوا إلى البيت مع غروب الشمس متعبين جدا",
    ),
    "Hebrew": (
        "הילדים הלכו לים בבוקר, אכלו אבטיח על החוף וחזרו הביתה לפני שירד הגשם הראשון של הסתיו.",
        "הילדים הלכו לים בבוקר, אכלו אבטיח קר על החוף וחזרו הביתה לפני שירד הגשם הראשון של הסתיו.",
    ),
    "Devanagari": (
        "सुबह हम बाज़ार गए और वहाँ से ताज़ी सब्ज़ियाँ, दूध और रोटी लेकर धीरे धीरे घर लौट आए।",
        "सुबह हम बाज़ार गए और वहाँ से ताज़ी सब्ज़ियाँ, दही और रोटी लेकर धीरे धीरे घर लौट आए।",
    ),
    "Tamil": (
        "காலையில் நாங்கள் சந்தைக்குச் சென்று பழங்கள் வாங்கி மாலையில் பேருந்தில் வீட்டுக்குத் திரும்பி வந்தோம்",
        "காலையில் நாங்கள் சந்தைக்குச் சென்று காய்கள் வாங்கி மாலையில் பேருந்தில் வீட்டுக்குத் திரும்பி வந்தோம்",
    ),
    "Han": (
        "早上我们去市场买了新鲜的蔬菜和水果,然后坐在河边喝茶,一直聊到太阳下山才回家。",
        "早上我们去市场买了新鲜的蔬菜和面包,然后坐在河边喝茶,一直聊到太阳下山才回家。",
    ),
    "Kana": (
        "あさ早く市場へ行って、野菜とくだものを買い、川のそばでお茶を飲みながらゆっくり話しました。",
        "あさ早く市場へ行って、野菜とくだものを買い、海のそばでお茶を飲みながらゆっくり話しました。",
    ),
    "Hangul": (
        "아침에 우리는 시장에 가서 채소와 과일을 사고 강가에 앉아 해가 질 때까지 이야기를 나누었다",
        "아침에 우리는 시장에 가서 채소와 빵을 사고 강가에 앉아 해가 질 때까지 이야기를 나누었다",
    ),
    "Thai": (
        "ตอนเช้าเราไปตลาดเพื่อซื้อผักและผลไม้สดแล้วนั่งดื่มชาริมแม่น้ำจนพระอาทิตย์ตกดินจึงกลับบ้าน",
        "ตอนเช้าเราไปตลาดเพื่อซื้อผักและขนมปังสดแล้วนั่งดื่มชาริมแม่น้ำจนพระอาทิตย์ตกดินจึงกลับบ้าน",
    ),
    "no word in common": (
        "One two three four five six seven eight nine ten.",
        "Eins zwei drei vier fünf sechs sieben acht neun zehn.",
    ),
    "the same but for case and punctuation": (
        "Ja, das ist so. Wirklich, ganz ehrlich!",
        "ja das ist so wirklich ganz EHRLICH",
    ),
    "shorter than a shingle": ("Zwei Worte", "Zwei Wörter"),
    "nothing to compare": ("…", "!!!"),
}

# Texts of 30 words, each 3 words further on: neighbours have 23 of 29 shingles in common, the next but one 20 of 32.
WINDOWS = {
    f"window {at}": " ".join(f"w{number}" for number in range(3 * at, 3 * at + 30)) for at in range(12)
}
STAR = {f"{at} words": " ".join(f"w{number}" for number in range(at)) for at in range(30, 60)}
ALL_SIMILAR = Thresholds(0.0, None, verify=True)


class Bucket(NamedTuple):
    """What a bucket proposes: its centre, and the nodes that are compared with it."""

    key: int
    centre: int
    members: list[int]


def place_of(node: int) -> tuple[int, int]:
    """Rank and id of a node; few ranks, and ids from both halves of their range."""
    return node % 2, (node * 0x9E3779B97F4A7C15) % 2**64


def requests_of(buckets: list[Bucket], seconds: dict[int, int] | None = None) -> Records:
    """REQUEST records, in no helpful order; `seconds` are what earlier runs found unlike, by key."""
    rows = []
    for key, centre, members in buckets:
        rows += [(member, centre, IS_MEMBER, key) for member in members]
        rows += [(centre, centre, IS_CENTRE, 0)]
        rows += [(seconds[key], centre, IS_SECOND, key)] if seconds and key in seconds else []
    records = np.zeros(len(rows), REQUEST)
    fetch, centres, roles, keys = np.array(rows[::-1], np.int64).reshape(-1, 4).T
    places = np.array([place_of(node) for node in fetch.tolist()], np.uint64).reshape(-1, 2)
    for name, values in (("fetch", fetch), ("centre", centres), ("role", roles), ("key", keys)):
        records[name] = values
    records["rank"], records["id"] = places.T
    return records


def packed(requests: Records, slots: int) -> list[pa.RecordBatch]:
    """Requests as they arrive: packed, by the part of the document."""
    sender = Sender(slots)
    return [*sender.add(requests, spread(requests["fetch"] >> 32)), *sender.flush()]


def contained(text: str, other: str) -> float:
    """Share of a text's shingles that another has, in plain Python."""
    own = shingles(text)
    return len(own & shingles(other)) / len(own) if own else 0.0


def documents_dirs(folders: list[Path]) -> list[str]:
    return [str(folder / "documents") for folder in folders]


# --- on Spark ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two segments: one text of each pair in each, and two more parts in the second."""
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    write_documents(first, {("wiki", name): texts[0] for name, texts in PAIRS.items()})
    write_documents(second, {("web", name): texts[1] for name, texts in PAIRS.items()})
    write_documents(second, {("news", name): text for name, text in STAR.items()}, part=1)
    write_documents(second, {("web", name): text for name, text in WINDOWS.items()}, part=2)
    return [first, second]


def ids_of(folder: Path, part: int) -> list[Any]:
    """The doc_ids of a part, by row."""
    ids: list[Any] = pq.read_table(folder / "documents" / f"part-{part:06d}.parquet")["doc_id"].to_pylist()
    return ids


STAR_NODES = [SEGMENT + PART + row for row in range(len(STAR))]
*OTHERS, LARGEST_OF_STAR = STAR_NODES
STARS = [
    *(Bucket(key, key, [SEGMENT + key]) for key in range(len(PAIRS))),
    # Two buckets propose the star's first document, one the others. The second one is a member of a further star,
    # and the centre of a third.
    Bucket(100, LARGEST_OF_STAR, OTHERS),
    Bucket(-101, LARGEST_OF_STAR, OTHERS[:1]),
    Bucket(102, OTHERS[5], [OTHERS[1]]),
    Bucket(103, OTHERS[1], [OTHERS[7]]),
]


@pytest.fixture(scope="module")
def compared(spark: SparkSession, folders: list[Path]) -> dict[tuple[int, int], dict[str, Any]]:
    """Pairs as Spark compares them, four rows to a batch, by their nodes."""
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = str(spark.conf.get(name))
    spark.conf.set(name, "4")
    try:
        rows_of = pa.Table.from_batches(packed(requests_of(STARS), 3)).to_pylist()
        requests = spark.createDataFrame([(row["slot"], row["packed"]) for row in rows_of], PACKED_SCHEMA)
        by_part = exchanged(requests, 3)
        sets = chained(by_part, [Step(send_sets(documents_dirs(folders), 3, read_texts=True), 3)])
        pairs = sets.mapInArrow(compare_stars(ALL_SIMILAR), PAIRS_SCHEMA)
        rows = [row.asDict() for row in pairs.collect()]
    finally:
        spark.conf.set(name, before)
    assert len({(row["node"], row["centre"]) for row in rows}) == len(rows)
    return {(row["node"], row["centre"]): row for row in rows}


def test_every_member_of_every_star_is_compared_with_its_centre(
    compared: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert set(compared) == {(member, centre) for _, centre, members in STARS for member in members}


@pytest.mark.parametrize("name", PAIRS)
def test_similarity_and_containment_are_those_of_plain_sets_of_shingles(
    name: str, compared: dict[tuple[int, int], dict[str, Any]]
) -> None:
    row = list(PAIRS).index(name)
    found = compared[SEGMENT + row, row]

    assert found["jaccard"] == jaccard(*PAIRS[name])
    assert found["containment"] == contained(PAIRS[name][1], PAIRS[name][0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no word in common", 0.0),
        ("the same but for case and punctuation", 1.0),
        ("shorter than a shingle", 0.0),
        ("nothing to compare", 0.0),
        ("Cyrillic", 8 / 18),  # 17 words give 13 shingles, of which a replaced word in the middle touches 5
    ],
)
def test_the_similarity_is_the_one_worked_out_by_hand(
    name: str, expected: float, compared: dict[tuple[int, int], dict[str, Any]]
) -> None:
    row = list(PAIRS).index(name)

    assert compared[SEGMENT + row, row]["jaccard"] == expected


def test_a_star_goes_over_several_batches(compared: dict[tuple[int, int], dict[str, Any]]) -> None:
    texts = list(STAR.values())
    for row, node in enumerate(OTHERS):
        found = compared[node, LARGEST_OF_STAR]
        # 59 words have 55 shingles, of which a text of fewer words has the first.
        assert (found["jaccard"], found["containment"]) == ((26 + row) / 55, 1.0)
        assert found["jaccard"] == jaccard(texts[row], texts[-1])
        assert found["bands_matched"] == (2 if row == 0 else 1)


def test_a_document_may_be_in_several_stars_and_a_centre_itself(
    compared: dict[tuple[int, int], dict[str, Any]],
) -> None:
    assert compared[OTHERS[1], OTHERS[5]]["jaccard"] == 27 / 31
    assert compared[OTHERS[7], OTHERS[1]]["jaccard"] == 27 / 33
    assert compared[OTHERS[7], OTHERS[1]]["containment"] == 27 / 33


def test_both_ends_are_named_with_their_places(
    compared: dict[tuple[int, int], dict[str, Any]], folders: list[Path]
) -> None:
    row = list(PAIRS).index("Thai")
    places = [np.array(place_of(node), np.uint64).view(np.int64).tolist() for node in (SEGMENT + row, row)]
    found = compared[SEGMENT + row, row]

    assert (found["doc_id"], found["centre_doc_id"]) == (
        ids_of(folders[1], 0)[row],
        ids_of(folders[0], 0)[row],
    )
    assert (found["source"], found["centre_source"]) == ("web", "wiki")
    assert [found["rank"], found["id"], found["centre_rank"], found["centre_id"]] == places[0] + places[1]


# --- second attempts, task by task ------------------------------------------------------------------------------------


def run_tasks(
    folders: list[Path],
    requests: Records,
    thresholds: Thresholds,
    *,
    rows: int,
    seconds_dir: Path | None = None,
) -> list[dict[str, Any]]:
    """What the two tasks make of requests, one slot each, with so many rows to a batch of the second."""
    dirs = documents_dirs(folders)
    sets = list(send_sets(dirs, 1, read_texts=thresholds.verify)(iter(packed(requests, 1))))
    with patch("dataprep.dedup.verify._BATCH_ROWS", rows):
        task = compare_stars(thresholds, str(seconds_dir) if seconds_dir else None)
        return [row for batch in task(iter(sets)) for row in batch.to_pylist()]


def plain_pairs(
    buckets: list[Bucket], seconds: dict[int, int], thresholds: Thresholds
) -> tuple[Counter[tuple[int, int, int]], dict[int, int]]:
    """Buckets that propose each pair (star, node, centre), and the first document unlike the centre, by new key."""
    texts = list(WINDOWS.values())
    pairs, unlike_first = Counter[tuple[int, int, int]](), dict[int, int]()
    for key, centre, members in buckets:
        pairs.update((centre, member, centre) for member in members)
        unlike = sorted(
            (
                each
                for each in members
                if jaccard(texts[row(each)], texts[row(centre)]) < thresholds.min_jaccard
            ),
            key=lambda node: (*place_of(node), node),
        )
        if key not in seconds and unlike:
            unlike_first[key] = unlike.pop(0)
        pairs.update((centre, each, seconds.get(key, unlike_first.get(key, -1))) for each in unlike)
    return pairs, unlike_first


def row(node: int) -> int:
    return node % PART


FIRST_WINDOW = SEGMENT + 2 * PART
windows = st.integers(FIRST_WINDOW, FIRST_WINDOW + 8)
earlier_windows = st.integers(FIRST_WINDOW + 9, FIRST_WINDOW + 11)
band_keys = st.sampled_from([-(2**63), -5, -1, 0, 3, 2**63 - 1])


@st.composite
def bucketed(draw: st.DrawFn) -> tuple[list[Bucket], dict[int, int]]:
    """Buckets of windows, and for some of them a document of an earlier run that was unlike the centre."""
    buckets = []
    for key in draw(st.lists(band_keys, unique=True, min_size=1)):
        centre, *members = draw(st.lists(windows, unique=True, min_size=2, max_size=8))
        buckets.append(Bucket(key, centre, members))
    return buckets, draw(st.dictionaries(st.sampled_from([each.key for each in buckets]), earlier_windows))


@given(drawn=bucketed(), rows=st.integers(1, 9))
def test_documents_unlike_their_centre_are_compared_with_the_first_of_their_bucket_that_is(
    drawn: tuple[list[Bucket], dict[int, int]], rows: int, folders: list[Path]
) -> None:
    thresholds = Thresholds(0.6, None, verify=True)
    buckets, seconds = drawn
    expected, unlike_first = plain_pairs(buckets, seconds, thresholds)
    texts = list(WINDOWS.values())

    with tempfile.TemporaryDirectory() as seconds_dir:
        found = run_tasks(
            folders, requests_of(buckets, seconds), thresholds, rows=rows, seconds_dir=Path(seconds_dir)
        )
        written = [each for path in Path(seconds_dir).iterdir() for each in pq.read_table(path).to_pylist()]

    by_pair = Counter[tuple[int, int]]()
    for (_, node, centre), count in expected.items():
        by_pair[node, centre] += count
    told = Counter[tuple[int, int]]()
    for pair in found:
        told[pair["node"], pair["centre"]] += pair["bands_matched"]
        assert pair["jaccard"] == jaccard(texts[row(pair["node"])], texts[row(pair["centre"])])
    assert told == by_pair
    assert len(found) == len(expected)  # once per star
    assert {each["band_key"]: each["node"] for each in written} == unlike_first
    assert len(written) == len(unlike_first)
    for each in written:
        assert [each["rank"], each["id"] % 2**64] == list(place_of(each["node"]))


def test_without_verification_no_text_is_read_and_nothing_is_compared_a_second_time(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataprep.dedup.verify.shingle_hashes", None)
    near, far = FIRST_WINDOW + 5, FIRST_WINDOW + 6
    buckets = [Bucket(1, FIRST_WINDOW, [near, far]), Bucket(2, FIRST_WINDOW, [far])]

    found = run_tasks(folders, requests_of(buckets), Thresholds(0.8, None, verify=False), rows=2)

    columns = ("node", "centre", "bands_matched", "jaccard", "containment", "source")
    assert sorted(tuple(pair[name] for name in columns) for pair in found) == [
        (near, FIRST_WINDOW, 1, None, None, "web"),
        (far, FIRST_WINDOW, 2, None, None, "web"),
    ]
    assert list(found[0]) == [field.split()[0] for field in PAIRS_SCHEMA.split(", ")]


def test_a_document_that_its_centre_contains_is_not_compared_a_second_time(folders: list[Path]) -> None:
    # Of the first texts of the star the largest contains all; their similarity to it is below the threshold.
    bucket = Bucket(1, LARGEST_OF_STAR, OTHERS[:3])

    alone = run_tasks(folders, requests_of([bucket]), Thresholds(0.8, 1.0, verify=True), rows=9)
    again = run_tasks(folders, requests_of([bucket]), Thresholds(0.8, None, verify=True), rows=9)

    assert [pair["centre"] for pair in alone] == [LARGEST_OF_STAR] * 3
    assert len(again) == 5


def test_a_star_without_its_centre_is_a_bug(folders: list[Path]) -> None:
    requests = requests_of([Bucket(1, OTHERS[0], OTHERS[1:3])])
    members = requests[requests["role"] == IS_MEMBER]

    with pytest.raises(AssertionError, match="a star without its centre"):
        run_tasks(folders, members, ALL_SIMILAR, rows=1)


# --- documents and their shingles -------------------------------------------------------------------------------------


def test_documents_are_found_by_node_over_segments_parts_and_row_groups(
    folders: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "documents").mkdir()
    table = pq.read_table(folders[1] / "documents" / "part-000002.parquet")
    pq.write_table(table, tmp_path / "documents" / "part-000000.parquet", row_group_size=5)
    wanted = [3, SEGMENT + 1, SEGMENT + 4, SEGMENT + 5, SEGMENT + 11]

    read = list(documents_at(np.array(wanted), documents_dirs([folders[0], tmp_path])))

    positions = [position for positions, *_ in read for position in positions.tolist()]
    texts = [text for _, _, _, column in read for text in column.to_pylist()]
    sources = [source for _, _, column, _ in read for source in column.to_pylist()]
    windows = list(WINDOWS.values())
    assert positions == [0, 1, 2, 3, 4]
    assert texts == [list(PAIRS.values())[3][0], *(windows[at] for at in (1, 4, 5, 11))]
    assert sources == ["wiki", "web", "web", "web", "web"]


def test_shingle_sets_come_in_the_order_asked_for(folders: list[Path]) -> None:
    texts = list(STAR.values())
    asked = [STAR_NODES[4], list(PAIRS).index("nothing to compare"), STAR_NODES[0], FIRST_WINDOW]

    hashes, starts = shingle_sets(documents_dirs(folders))(np.array(asked))

    sets = [hashes[start:end].tolist() for start, end in itertools.pairwise(starts.tolist())]
    assert [len(each) for each in sets] == [len(shingles(texts[4])), 0, len(shingles(texts[0])), 26]
    assert all(each == sorted(set(each)) for each in sets)
    # 34 words begin with 30 words.
    assert set(sets[2]) < set(sets[0])
    assert sets[2] == sets[3]


def test_no_nodes_have_no_shingle_sets(folders: list[Path]) -> None:
    hashes, starts = shingle_sets(documents_dirs(folders))(np.zeros(0, np.int64))

    assert (hashes.tolist(), starts.tolist()) == ([], [0])


@given(wanted=st.lists(st.lists(st.integers(0, LARGEST), max_size=4)), data=st.data())
def test_packed_sets_are_read_back_also_from_a_slice(wanted: list[list[int]], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(wanted)))
    starts = np.cumsum([0, *map(len, wanted)])
    flat = np.array([each for one in wanted for each in one], np.uint64)

    values, found = unpacked_sets(packed_sets(flat, starts).slice(start))

    assert [values[first:end].tolist() for first, end in itertools.pairwise(found.tolist())] == wanted[start:]


def test_a_document_that_is_not_where_its_node_says_is_an_error(folders: list[Path]) -> None:
    wanted = np.array([0, len(PAIRS)])  # one row beyond the last

    with pytest.raises(RuntimeError, match="should hold 2 documents that are to be compared, but holds 1"):
        list(documents_at(wanted, documents_dirs(folders)))
