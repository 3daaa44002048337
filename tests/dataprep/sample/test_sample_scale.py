"""Benchmark corpora of any size."""

import gzip
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dataprep.sample.scale import write_mc4
from dataprep.sources.mc4 import language_of


def documents(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.iterdir())
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def word_shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def similar_pairs(texts: Iterable[str], threshold: float) -> int:
    """Pairs of texts whose word 5-grams have at least the given Jaccard similarity."""
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    sizes = []
    for number, text in enumerate(texts):
        sizes.append(len(shingles := word_shingles(text)))
        for shingle in shingles:
            holders[shingle].append(number)
    shared = Counter(pair for numbers in holders.values() for pair in itertools.combinations(numbers, 2))
    return sum(count / (sizes[one] + sizes[two] - count) >= threshold for (one, two), count in shared.items())


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_mc4(str(tmp_path / name), total_bytes=60_000, seed=seed, files=2, languages=["de", "zh"])

    one, two, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two", "other")
    )
    assert one == two
    assert sorted(one) == ["c4-train.00000-of-00002.json.gz", "c4-train.00001-of-00002.json.gz"]
    assert all(one[name] != other[name] for name in one)


def test_text_has_the_size_asked_for_and_documents_about_2_kb(tmp_path: Path) -> None:
    write_mc4(str(tmp_path), total_bytes=3_000_000, seed=1, files=3, languages=["en", "ru", "th"])

    sizes = sorted(len(row["text"].encode()) for row in documents(tmp_path))

    assert 3_000_000 <= sum(sizes) <= 3_400_000
    assert 1_600 <= sizes[len(sizes) // 2] <= 2_400


def test_every_file_mixes_the_languages_and_its_name_tells_none(tmp_path: Path) -> None:
    write_mc4(str(tmp_path), total_bytes=600_000, seed=1, files=2, languages=["en", "ja", "te"])

    found = {
        path.name: {
            json.loads(line)["url"].split("/")[3] for line in gzip.decompress(path.read_bytes()).splitlines()
        }
        for path in tmp_path.iterdir()
    }

    assert list(found.values()) == [{"en", "ja", "te"}] * 2
    assert [language_of(name) for name in found] == [None, None]


def test_about_a_twentieth_of_documents_are_exact_and_a_twentieth_near_duplicates(tmp_path: Path) -> None:
    write_mc4(str(tmp_path), total_bytes=1_500_000, seed=1, files=1, languages=["fr"])

    texts = [row["text"] for row in documents(tmp_path)]

    exact = len(texts) - len(set(texts))
    near = similar_pairs(dict.fromkeys(texts), 0.8)
    assert 0.02 <= exact / len(texts) <= 0.08
    assert 0.02 <= near / len(texts) <= 0.08


def test_urls_are_unique(tmp_path: Path) -> None:
    write_mc4(str(tmp_path), total_bytes=300_000, seed=1, files=2, languages=["ko"])

    urls = [row["url"] for row in documents(tmp_path)]

    assert len(set(urls)) == len(urls)


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
    given: dict[str, Any] = {"total_bytes": 10, "seed": 1, "files": 1, "languages": ["en"]}

    with pytest.raises(ValueError, match=message):
        write_mc4(str(tmp_path), **{**given, **arguments})
