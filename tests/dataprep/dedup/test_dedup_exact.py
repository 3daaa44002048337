import pyarrow as pa
import pytest
from dedup_helpers import SETTINGS
from pyspark.sql import Row, SparkSession

from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.dedup.exact import add_keep_key, exact_copies
from dataprep.sources.record import Document

PRIORITIES = {"wiki": 1, "web": 2}
COLUMNS = (
    "name string, content_hash binary, source string, quality float, num_chars long, doc_id string, "
    "file string, part int, row int"
)
# Two copies of each text; the name of the one that must stay begins with "keep".
COPIES = [
    ("keep: source first", b"priority", "wiki", 0.1, 10, "f", "a", 0, 0),
    ("better, but of the other source", b"priority", "web", 0.9, 99, "0", "a", 0, 1),
    ("keep: quality next", b"quality", "web", 0.9, 10, "f", "a", 0, 2),
    ("longer, but of less quality", b"quality", "web", 0.8, 99, "0", "a", 0, 3),
    ("keep: length next", b"length", "web", 0.5, 11, "f", "a", 0, 4),
    ("shorter, with the lower id", b"length", "web", 0.5, 10, "0", "a", 0, 5),
    ("higher id", b"id", "web", 0.5, 10, "f", "a", 0, 6),
    ("keep: lower id", b"id", "web", 0.5, 10, "0", "a", 0, 7),
    ("same id, later file", b"file", "web", 0.5, 10, "1", "b", 0, 0),
    ("keep: same id, earlier file", b"file", "web", 0.5, 10, "1", "a", 1, 1),
    ("same id, later part", b"part", "web", 0.5, 10, "2", "a", 2, 0),
    ("keep: same id, earlier part", b"part", "web", 0.5, 10, "2", "a", 1, 5),
    ("same id, later row", b"row", "web", 0.5, 10, "3", "a", 0, 9),
    ("keep: same id, earlier row", b"row", "web", 0.5, 10, "3", "a", 0, 8),
]
ALONE = ("keep: no copy", b"alone", "web", 0.5, 10, "4", "a", 0, 10)


@pytest.fixture(scope="module")
def numbered(spark: SparkSession) -> list[Row]:
    documents = spark.createDataFrame([*COPIES, ALONE], COLUMNS)
    return exact_copies(add_keep_key(documents, PRIORITIES)).collect()


def test_priority_then_quality_then_length_then_id_then_place_decide_which_copy_stays(
    numbered: list[Row],
) -> None:
    first = {row["name"] for row in numbered if row["copy"] == 1}

    assert first == {name for name, *_ in [*COPIES, ALONE] if name.startswith("keep")}
    assert len(first) == 8


def test_the_others_name_the_copy_that_stays_and_its_source(numbered: list[Row]) -> None:
    others = {row["name"]: row for row in numbered if row["copy"] > 1}

    other = others["better, but of the other source"]
    twin = others["same id, later row"]

    assert (other["representative_id"], other["representative_source"], other["copy"]) == ("f", "wiki", 2)
    assert (twin["representative_id"], twin["representative_source"], twin["copy"]) == ("3", "web", 2)


def test_copies_are_counted_and_a_text_without_copy_stands_for_itself(numbered: list[Row]) -> None:
    copies = {row["name"]: (row["copy"], row["copies"]) for row in numbered}

    assert copies["keep: no copy"] == (1, 1)
    assert {pair for name, pair in copies.items() if name != "keep: no copy"} == {(1, 2), (2, 2)}


def test_texts_are_copies_when_only_their_white_space_differs(spark: SparkSession) -> None:
    texts = {
        "plain": "ein Haus am See",
        "lines": "ein Haus\n\n am\tSee\n",
        "no-break space": "ein\u00a0Haus am\u3000See",
        "joined": "einHaus am See",
        "upper case": "Ein Haus am See",
        "other script": "บ้าน ริม ทะเลสาบ",
    }
    documents = [Document(locator, text, "de") for locator, text in texts.items()]
    annotated = annotate_documents(documents, source="web", file="f", part=0, first_row=0, settings=SETTINGS)
    columns = ["locator", "source", "quality", "num_chars", "doc_id", "content_hash", "file", "part", "row"]
    frame = spark.createDataFrame(pa.Table.from_batches([annotated.documents.select(columns)]))

    rows = exact_copies(add_keep_key(frame, PRIORITIES)).select("locator", "copies").collect()

    assert {row["locator"]: row["copies"] for row in rows} == {
        "plain": 3,
        "lines": 3,
        "no-break space": 3,
        "joined": 1,
        "upper case": 1,
        "other script": 1,
    }
