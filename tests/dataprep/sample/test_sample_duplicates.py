"""Corpora in which every duplicate is planted: what is planted is there, and nothing else is."""

import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dataprep.sample.duplicates import Plan, write_planted
from dataprep.sources import mc4, parquet
from dataprep.sources.record import Document, Split

Row = dict[str, Any]


def written(folder: Path) -> list[Row]:
    """The rows of the truth, each with its text."""
    texts = {
        row["id"]: row["text"]
        for path in sorted((folder / "documents").iterdir())
        for row in pq.read_table(path).to_pylist()
    }
    truth = pq.read_table(folder / "truth.parquet").to_pylist()
    assert list(texts) == [row["id"] for row in truth]
    return [{**row, "text": texts[row["id"]]} for row in truth]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """An English corpus of 2 MB."""
    folder = tmp_path_factory.mktemp("planted")
    write_planted(str(folder), total_bytes=2_000_000, seed=3, files=3)
    return written(folder)


def word_shingles(text: str) -> set[tuple[str, ...]]:
    """Word 5-grams of English text, by a definition of their own: an apostrophe may be inside a word."""
    words = re.findall(r"\w+(?:['’]\w+)*", text.lower())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def jaccard(left: str, right: str) -> float:
    one, two = word_shingles(left), word_shingles(right)
    return len(one & two) / len(one | two)


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_planted(str(tmp_path / name), total_bytes=100_000, seed=seed, files=2, languages=["de", "zh"])

    one, two, other = (
        {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in (tmp_path / name).rglob("*.parquet")
        }
        for name in ("one", "two", "other")
    )
    assert one == two
    assert sorted(one) == ["documents/part-00000.parquet", "documents/part-00001.parquet", "truth.parquet"]
    assert all(one[name] != other[name] for name in one)


def test_the_truth_is_right_by_another_measure(corpus: list[Row]) -> None:
    texts = {row["id"]: row["text"] for row in corpus}

    wrong = [
        row["id"]
        for row in corpus
        if abs(jaccard(texts[row["cluster"]], row["text"]) - row["jaccard"]) > 1e-12
        or len(row["text"].encode()) != row["bytes"]
    ]

    assert wrong == []
    assert {row["kind"] for row in corpus} == {"single", "original", "exact", "near", "look-alike"}


def test_kinds_are_what_their_similarity_says(corpus: list[Row]) -> None:
    originals = {row["id"]: row["text"] for row in corpus if row["kind"] in ("original", "single")}
    found = defaultdict(list)
    for row in corpus:
        found[row["kind"]].append(row)

    assert all(row["text"] == originals[row["cluster"]] for row in found["exact"])
    assert all(0.8 <= row["jaccard"] < 1 and row["level"] in (0.85, 0.9, 0.95) for row in found["near"])
    assert all(row["jaccard"] <= 0.75 and row["level"] in (0.5, 0.6, 0.7) for row in found["look-alike"])
    assert all(row["level"] is None for row in found["exact"] + found["original"] + found["single"])
    assert all(row["cluster"] == row["id"] for row in found["original"] + found["single"])
    clusters = Counter(row["cluster"] for row in corpus)
    assert all(clusters[row["id"]] == 1 for row in found["single"])
    assert all(clusters[row["id"]] > 1 for row in found["original"])


def test_similarities_are_close_to_the_levels_aimed_at(corpus: list[Row]) -> None:
    by_level = defaultdict(list)
    for row in corpus:
        by_level[row["level"]].append(row["jaccard"])
    del by_level[None]

    means = {level: float(np.mean(found)) for level, found in by_level.items()}

    assert sorted(means) == [0.5, 0.6, 0.7, 0.85, 0.9, 0.95]
    assert {level: mean for level, mean in means.items() if abs(mean - level) > 0.02} == {}


def test_documents_of_different_clusters_are_unlike(corpus: list[Row]) -> None:
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    sizes = []
    for number, row in enumerate(corpus):
        sizes.append(len(shingles := word_shingles(row["text"])))
        for shingle in shingles:
            holders[shingle].append(number)
    shared = Counter(pair for numbers in holders.values() for pair in itertools.combinations(numbers, 2))

    nearest = max(
        count / (sizes[one] + sizes[two] - count)
        for (one, two), count in shared.items()
        if corpus[one]["cluster"] != corpus[two]["cluster"]
    )

    assert nearest < 0.3


def test_an_original_comes_before_what_is_made_from_it(corpus: list[Row]) -> None:
    assert all(row["cluster"] <= row["id"] for row in corpus)


def test_members_of_clusters_are_spread_over_the_corpus(corpus: list[Row]) -> None:
    places = [int(row["id"][1:]) for row in corpus if row["kind"] in ("exact", "near", "look-alike")]

    thirds = np.bincount(np.array(places) * 3 // len(corpus), minlength=3)

    assert thirds.min() > 0.1 * len(places)


@pytest.mark.parametrize("total_bytes", [10, 50_000, 3_000_000])
def test_text_has_about_the_size_asked_for(tmp_path: Path, total_bytes: int) -> None:
    write_planted(str(tmp_path), total_bytes=total_bytes, seed=1, files=1)

    sizes = pq.read_table(tmp_path / "truth.parquet")["bytes"].to_pylist()

    assert abs(sum(sizes) - total_bytes) < max(15_000, 0.05 * total_bytes)


def test_files_are_of_about_equal_size(tmp_path: Path) -> None:
    write_planted(str(tmp_path), total_bytes=2_000_000, seed=1, files=4)

    sizes = [
        sum(len(text.encode()) for text in pq.read_table(path)["text"].to_pylist())
        for path in sorted((tmp_path / "documents").iterdir())
    ]

    assert len(sizes) == 4
    assert all(400_000 < size < 600_000 for size in sizes)


def test_of_more_files_than_documents_the_last_are_empty(tmp_path: Path) -> None:
    write_planted(str(tmp_path), total_bytes=10, seed=1, files=3)

    rows = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "documents").iterdir())]

    assert rows == [1, 0, 0]


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of a gigabyte."""
    return Plan.drawn(1_000_000_000, np.array([0.5, 0.3, 0.2]), np.random.default_rng(1))


def test_a_planned_gigabyte_has_the_shares_of_kinds_and_languages(plan: Plan) -> None:
    count = plan.sizes.size
    shares = {kind: float(np.mean(plan.kinds == kind)) for kind in ("exact", "near", "look-alike")}

    assert 340_000 < count < 390_000
    # 30 % are in clusters of 10 on average, one of which is the original; the others are halved.
    assert shares == pytest.approx({"exact": 0.135, "near": 0.135, "look-alike": 0.04}, abs=0.012)
    assert np.bincount(plan.voices) / count == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


def test_sizes_of_clusters_follow_a_power_law_up_to_a_thousand(plan: Plan) -> None:
    members = plan.kinds != "look-alike"
    sizes = np.bincount(plan.originals[members])
    clusters = sizes[sizes > 1]

    # P(size) is proportional to size**-2 from 2 to 1,000; the sum of these is 0.6439.
    assert np.mean(clusters == 2) == pytest.approx(0.25 / 0.6439, abs=0.03)
    assert np.mean(clusters == 4) == pytest.approx(0.0625 / 0.6439, abs=0.02)
    assert np.mean(clusters >= 100) == pytest.approx(0.00905 / 0.6439, rel=0.3)
    assert 800 < clusters.max() <= 1000


def test_lengths_are_log_normal(plan: Plan) -> None:
    logarithms = np.log(plan.sizes[plan.originals == np.arange(plan.sizes.size)])

    assert np.exp(np.median(logarithms)) == pytest.approx(2000, rel=0.02)
    assert np.std(logarithms) == pytest.approx(0.8, rel=0.02)
    assert np.mean(np.abs(logarithms - np.mean(logarithms)) < 0.8) == pytest.approx(0.683, abs=0.01)


def test_what_is_written_is_as_long_as_planned(corpus: list[Row]) -> None:
    sizes = [row["bytes"] for row in corpus if row["kind"] == "single"]

    assert 1_700 < np.median(sizes) < 2_300


def test_the_sources_read_both_forms_and_find_the_ids(tmp_path: Path) -> None:
    found = {}
    for form, read in (("parquet", parquet.read), ("mc4", mc4.read)):
        write_planted(str(tmp_path / form), total_bytes=60_000, seed=1, files=2, form=form)  # type: ignore[arg-type]
        found[form] = [
            (document.locator.rsplit("/")[-1], document.text)
            for path in sorted((tmp_path / form / "documents").iterdir())
            for document in read(Split("s", form, path.name, str(path)))
            if isinstance(document, Document)
        ]

    assert found["parquet"] == found["mc4"]
    assert [name for name, _ in found["mc4"]] == [f"d{number:09}" for number in range(len(found["mc4"]))]


def test_every_language_has_near_copies(tmp_path: Path) -> None:
    write_planted(str(tmp_path), total_bytes=3_000_000, seed=1, files=1, languages=["hi", "ja", "th"])

    rows = written(tmp_path)

    near = [row for row in rows if row["kind"] == "near"]
    assert {row["language"] for row in near} == {"hi", "ja", "th"}
    assert np.mean([abs(row["jaccard"] - row["level"]) for row in near]) < 0.02
    language = {row["id"]: row["language"] for row in rows}
    assert all(language[row["cluster"]] == row["language"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"languages": ["xx", "en"]}, "got xx"),
        ({"languages": []}, "got none"),
        ({"total_bytes": 0}, "must be at least 1; got 0 and 1"),
        ({"files": 0}, "must be at least 1; got 10 and 0"),
    ],
    ids=["unknown language", "no language", "no bytes", "no files"],
)
def test_impossible_arguments_are_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"total_bytes": 10, "seed": 1, "files": 1}

    with pytest.raises(ValueError, match=message):
        write_planted(str(tmp_path), **{**given, **arguments})
