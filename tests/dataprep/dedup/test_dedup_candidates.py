import pytest
from pyspark.sql import Row, SparkSession

from dataprep.dedup.candidates import buckets, candidate_pairs

COLUMNS = (
    "node long, keep_key struct<priority int, minus_quality float, minus_length long, doc_id string>, "
    "band_keys array<long>"
)
# node, (priority, quality, length), band keys. Keys 1-5 hold one question each.
DOCUMENTS = [
    (11, (1, 0.2, 10), [1, -7]),  # key 1: the source decides
    (10, (2, 0.9, 99), [1]),
    (12, (2, 0.9, 98), [1]),
    (13, (2, 0.9, 97), [1]),
    (21, (1, 0.801, 10), [2]),  # key 2: quality, in thousandths
    (20, (1, 0.8, 99), [2]),
    (31, (1, 0.5, 11), [3]),  # key 3: length
    (30, (1, 0.5, 10), [3]),
    (
        40,
        (1, 0.5, 10),
        [4, 5, 9_000_000_000_000_000_000],
    ),  # keys 4 and 5: the lower node; three bands in common
    (41, (1, 0.5, 10), [4, 5, 9_000_000_000_000_000_000]),
    (50, (1, 0.5, 10), [6]),  # alone in its bucket
    (60, (1, 0.5, 10), None),  # too short to have a signature
    (61, (1, 0.5, 10), None),
    (70, (127, 0.0, 10), [8]),  # key 8: the ends of the ranges
    (71, (0, 1.0, 400_000), [8]),
]


@pytest.fixture(scope="module")
def in_buckets(spark: SparkSession) -> list[Row]:
    rows = [
        (node, (priority, -quality, -length, f"{node:032x}"), keys)
        for node, (priority, quality, length), keys in DOCUMENTS
    ]
    return buckets(spark.createDataFrame(rows, COLUMNS)).collect()


@pytest.fixture(scope="module")
def pairs(spark: SparkSession, in_buckets: list[Row]) -> dict[tuple[int, int], int]:
    found = candidate_pairs(spark.createDataFrame(in_buckets)).collect()
    assert len({(row["node"], row["centre"]) for row in found}) == len(found)
    return {(row["node"], row["centre"]): row["bands_matched"] for row in found}


def test_a_bucket_holds_the_documents_with_its_key_and_their_number(in_buckets: list[Row]) -> None:
    members = {(row["band_key"], row["node"], row["bucket_size"]) for row in in_buckets}

    assert {member for member in members if member[0] == 1} == {(1, n, 4) for n in (10, 11, 12, 13)}
    assert len(members) == len(in_buckets)


def test_documents_alone_in_a_bucket_or_without_a_signature_are_in_none(in_buckets: list[Row]) -> None:
    assert not {50, 60, 61} & {row["node"] for row in in_buckets}
    assert not {-7, 6} & {row["band_key"] for row in in_buckets}


@pytest.mark.parametrize(
    ("key", "centre"),
    [(1, 11), (2, 21), (3, 31), (4, 40), (8, 71)],
    ids=["source priority", "quality", "length", "node", "ends of the ranges"],
)
def test_the_centre_is_the_document_that_the_keep_rule_keeps(
    key: int, centre: int, in_buckets: list[Row]
) -> None:
    assert {row["centre"] for row in in_buckets if row["band_key"] == key} == {centre}


def test_a_bucket_of_n_documents_gives_n_minus_one_pairs_with_its_centre(
    pairs: dict[tuple[int, int], int],
) -> None:
    assert pairs == {
        (10, 11): 1,
        (12, 11): 1,
        (13, 11): 1,
        (20, 21): 1,
        (30, 31): 1,
        (41, 40): 3,
        (70, 71): 1,
    }


def test_a_pair_with_bands_in_common_is_one_pair_that_counts_them(
    pairs: dict[tuple[int, int], int],
) -> None:
    assert pairs[41, 40] == 3
