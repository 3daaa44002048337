"""Crawls deduplicated one after the other against an index keep what one run over all of them keeps."""

import hashlib
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from dedup_runs import (
    DedupRun,
    Expected,
    Removal,
    dedup_settings,
    expected,
    run_dedup_in,
    run_dedup_of,
    write_jsonl,
)
from pyspark.sql import SparkSession

from dataprep.files import read_json, write_json
from dataprep.pipeline import DEDUP, STAGES
from dataprep.stages import RunFolder
from jobs import dedup as dedup_job

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    # Few short bands propose pairs that have little in common, and miss others: many buckets whose first document is
    # unlike the others, many documents that are first compared with one that goes.
    "short bands": {"num_bands": 6, "rows_per_band": 2, "min_jaccard": 0.6, "min_containment": 0.9},
    "small buckets": {"num_bands": 8, "rows_per_band": 3, "min_jaccard": 0.7, "max_bucket_size": 5},
}
CRAWLS = ("a", "b", "c")
# Each crawl has two sources; of all runs, the earlier has the better priorities.
PRIORITIES = {f"{crawl}-{rank}": 2 * number + rank for number, crawl in enumerate(CRAWLS) for rank in (0, 1)}


def words(prefix: str, *replaced: int, size: int = 60) -> str:
    """Words, so `size` - 4 shingles; every replaced word, if far from the others and the ends, changes 5 of them."""
    return " ".join(f"new{at}" if at in replaced else f"{prefix}{at}" for at in range(size))


# 56 shingles: one word replaced leaves 51 of 61 (0.836), two 46 of 66 (0.697).
BY_HAND: dict[str, dict[str, str]] = {
    "a-0": {
        "kept": words("k"),
        "chain 1": words("ch"),
        "short": "Mehr nicht.",
        "nothing": "",
        "unlike": words("u"),
    },
    "a-1": {
        "removed": words("k", 30),
        "copy inside": words("k"),
        "empty": "",
    },
    "b-0": {
        "copy of kept": words("k").replace(" ", "\n", 9),
        "copy of removed": words("k", 30),
        "near removed and not kept": words("k", 30, 50),
        "near kept": words("k", 10),
        "chain 2": words("ch", 20),
        "copy of short": "Mehr  nicht.",
        "empty again": " \n ",
        "new": words("n"),
    },
    "b-1": {"copy of new": words("n"), "second copy of removed": words("k", 30), "near new": words("n", 40)},
    "c-0": {
        "chain 3": words("ch", 20, 40),
        "copy of near new": words("n", 40),
        "copy of what b kept": words("k", 30, 50),
        "third copy of removed": words("k", 30),
        "near what b kept": words("k", 30, 50, 10),
    },
    "c-1": {"copy of what c removed": words("k", 30, 50, 10)},
}


def shared_templates(seed: int, size: int) -> list[str]:
    """Texts made from one another: copied, edited, cut, joined; or of a few words."""
    draw = random.Random(seed)
    vocabulary = [f"v{seed}x{number}" for number in range(300)]
    texts = [draw.choices(vocabulary, k=draw.randint(15, 70)) for _ in range(size // 15)]
    while len(texts) < size:
        way = draw.random()
        text = list(draw.choice(texts))
        if way < 0.12:
            texts.append(draw.choices(vocabulary, k=draw.randint(1, 6)))
            continue
        if way < 0.22:
            texts.append(text)
            continue
        if way < 0.35:
            text = text[draw.randrange(len(text) // 3 + 1) :]
        elif way < 0.42:
            text += draw.choice(texts)[:20]
        for _ in range(draw.choice((1, 1, 2, 3, 5))):
            if text:
                text[draw.randrange(len(text))] = draw.choice(vocabulary)
        texts.append(text)
    draw.shuffle(texts)
    return [" ".join(text) for text in texts]


def boilerplate(seed: int, size: int) -> list[str]:
    """Texts of which any two are just like enough for the default, 92 of 114 shingles: bands miss some of the pairs."""
    return [f"{words(f'{seed}b', size=96)} {words(f'{seed}o{number}x', size=11)}" for number in range(size)]


def corpora(*seeds: int, size: int = 400) -> dict[str, dict[str, str]]:
    """Source → name → text; texts made from one another lie in all crawls. By hand, and for every seed."""
    found = {source: dict(texts) for source, texts in BY_HAND.items()}
    for seed in seeds:
        draw = random.Random(seed)
        for number, text in enumerate([*shared_templates(seed, size), *boilerplate(seed, size // 4)]):
            found[draw.choice(list(found))][f"{seed}/{number}"] = text
    return found


def of_crawl(crawl: str, every: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The sources of one crawl."""
    return {source: texts for source, texts in every.items() if source.startswith(crawl)}


class Crawls(NamedTuple):
    """One after the other, and all at once.

    Attributes:
        folder: of runs and index.
        runs: of crawls a, b and c.
        at_once: one run over all of them.
        expected: worked out in plain Python.
    """

    folder: Path
    runs: dict[str, DedupRun]
    at_once: DedupRun
    expected: Expected

    def removed(self) -> dict[str, Removal]:
        """Decisions of all three runs."""
        every = tuple(self.runs.values())
        return {name: removal for run in every for name, removal in run.removed(*every).items()}


def run_crawls(
    spark: SparkSession, folder: Path, every: Mapping[str, Mapping[str, str]], near_dedup: dict[str, Any]
) -> dict[str, DedupRun]:
    """Run the crawls one after the other."""
    return {
        crawl: run_dedup_of(
            spark,
            folder / crawl,
            of_crawl(crawl, every),
            # Alone, a crawl need not know of the others: the segments put them into their order.
            priorities={source: int(source[-1]) for source in every},
            near_dedup=near_dedup,
            dedup_index=str(folder / "index"),
        )
        for crawl in CRAWLS
    }


@pytest.fixture(scope="module", params=["default", "short bands"])
def crawls(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Crawls:
    folder = tmp_path_factory.mktemp("crawls")
    every = corpora(1, 2)
    near_dedup = SETTINGS[request.param]
    runs = run_crawls(spark, folder, every, near_dedup)
    at_once = run_dedup_of(spark, folder / "at once", every, priorities=PRIORITIES, near_dedup=near_dedup)
    return Crawls(folder, runs, at_once, expected(at_once))


def crawl_of(name: str) -> str:
    """The crawl that a document written by hand is in."""
    return next(source[0] for source, texts in BY_HAND.items() if name in texts)


def test_one_run_over_all_decides_as_plain_python_does(crawls: Crawls) -> None:
    assert crawls.at_once.removed() == crawls.expected.removed


def test_one_after_the_other_they_keep_what_one_run_over_all_keeps(crawls: Crawls) -> None:
    kept = set().union(*(run.kept() for run in crawls.runs.values()))

    assert kept == crawls.at_once.kept()


def test_they_remove_the_others_for_the_same_documents_by_the_same_rule(crawls: Crawls) -> None:
    assert crawls.removed() == crawls.at_once.removed()


def test_the_corpora_have_what_is_hard_across_crawls(crawls: Crawls) -> None:
    found = crawls.expected
    where = {name: crawl for crawl, run in crawls.runs.items() for name in run.names.values()}

    across = {name for name, removal in found.removed.items() if where[name] != where[removal.kept]}
    assert {found.removed[name].rule for name in across} >= {"exact", "near"}
    assert {name for name in found.transitive if where[name] == "c"}
    if crawls.at_once.config.near_dedup.rows_per_band == 8:
        assert found.inherited & across
    else:
        assert {pair for pair in found.second if where[pair[0]] != where[pair[1]]}
        assert "contained" in {found.removed[name].rule for name in across}


@pytest.mark.parametrize(
    ("name", "kept", "rule", "jaccard"),
    [
        ("removed", "kept", "near", 51 / 61),
        ("copy inside", "kept", "exact", 1.0),
        ("copy of kept", "kept", "exact", 1.0),
        ("copy of removed", "kept", "near", 51 / 61),
        ("second copy of removed", "kept", "near", 51 / 61),
        ("third copy of removed", "kept", "near", 51 / 61),
        ("near kept", "kept", "near", 51 / 61),
        ("chain 2", "chain 1", "near", 51 / 61),
        ("copy of short", "short", "exact", 1.0),
        ("empty again", "nothing", "exact", 1.0),
        ("copy of new", "new", "exact", 1.0),
        ("near new", "new", "near", 51 / 61),
        ("copy of near new", "new", "near", 51 / 61),
        ("copy of what b kept", "near removed and not kept", "exact", 1.0),
        ("near what b kept", "near removed and not kept", "near", 51 / 61),
        ("copy of what c removed", "near removed and not kept", "near", 51 / 61),
    ],
)
@pytest.mark.parametrize("crawls", ["default"], indirect=True)
def test_a_document_is_removed_for_the_one_that_stays_wherever_that_is(
    name: str, kept: str, rule: str, jaccard: float, crawls: Crawls
) -> None:
    run = crawls.runs[crawl_of(name)]
    (row,) = [row for row in run.decisions if run.names[row["doc_id"]] == name]

    assert crawls.removed()[name] == (kept, rule, jaccard)
    assert row["kept_segment"] == CRAWLS.index(crawl_of(kept))
    assert row["kept_source"] in of_crawl(crawl_of(kept), BY_HAND)


@pytest.mark.parametrize("crawls", ["default"], indirect=True)
def test_what_is_like_a_removed_document_only_stays(crawls: Crawls) -> None:
    stay = {"kept", "near removed and not kept", "chain 1", "chain 3", "new", "unlike"}

    assert stay <= crawls.at_once.kept()
    assert not stay & set(crawls.removed())


def test_every_kept_segment_is_the_one_that_the_kept_document_is_in(crawls: Crawls) -> None:
    segment_of = {key: number for number, crawl in enumerate(CRAWLS) for key in crawls.runs[crawl].names}

    for run in crawls.runs.values():
        assert [row["kept_segment"] for row in run.decisions] == [
            segment_of[row["kept_doc_id"]] for row in run.decisions
        ]


def test_what_goes_for_an_earlier_crawl_is_counted(crawls: Crawls) -> None:
    for number, run in enumerate(crawls.runs.values()):
        earlier = sum(row["kept_segment"] < number for row in run.decisions)

        assert run.counts["earlier_segments"] == number
        assert run.counts["earlier_removed"] == earlier
        assert bool(earlier) == bool(number)


# --- a crawl that is run again ----------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, but for records of when and how it was run, and tables that Spark wrote."""
    told = {"_stage.json", "run.json", "config.yaml", ".lock", "spark.log"}
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in told and path.parent.name != "pairs"
    }


@pytest.fixture(scope="module")
def two(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of crawls a and b of what is written by hand, and their index."""
    folder = tmp_path_factory.mktemp("two")
    for crawl in ("a", "b"):
        run_dedup_in(spark, settings_of(folder, crawl, write=True))
    return folder


def settings_of(folder: Path, crawl: str, *, write: bool = False, **settings: Any) -> dict[str, Any]:
    """Settings of a crawl of what is written by hand."""
    sources = of_crawl(crawl, BY_HAND)
    if write:
        for source, texts in sources.items():
            write_jsonl(folder / crawl / "input" / f"{source}.jsonl", texts)
    return dedup_settings(
        folder / crawl,
        list(sources),
        priorities=PRIORITIES,
        dedup_index=str(folder / "index"),
        **settings,
    )


def test_the_last_crawl_can_be_run_again_with_the_same_result(spark: SparkSession, two: Path) -> None:
    before = contents(two)
    RunFolder(str(two / "b" / "run"), STAGES).clear_from(DEDUP)
    assert "b/run/dedup/decisions/part-000000.parquet" not in contents(two)

    again = run_dedup_in(spark, settings_of(two, "b"))

    assert contents(two) == before
    assert again.counts["earlier_removed"] == 7


def unusable(two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, Any]) -> str:
    """What `jobs.dedup` says when it ends with code 2; no file of the earlier runs may change."""
    before = contents(two)
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")

    with pytest.raises(SystemExit) as ended:
        dedup_job.main(["--config", str(path)])

    assert ended.value.code == 2
    assert contents(two) == before
    return capsys.readouterr().err.rpartition("error: ")[2].replace(str(two), "").replace(str(tmp_path), "")


@pytest.fixture
def third(two: Path, tmp_path: Path) -> dict[str, Any]:
    """Settings of a third crawl, with an index of its own that names the two."""
    shutil.copytree(two / "index", tmp_path / "index")
    return {**settings_of(tmp_path, "c", write=True), "dedup_index": str(tmp_path / "index")}


def edit(index: str, number: int, **fields: Any) -> None:
    """Change a record of an index."""
    path = f"{index}/segment-{number:04d}.json"
    write_json(path, {**read_json(path), **fields})


def test_other_signatures_are_refused(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], third: dict[str, Any]
) -> None:
    said = unusable(two, tmp_path, capsys, {**third, "near_dedup": {"num_bands": 14, "seed": 2}})

    assert said == (
        "/index/segment-0000.json was made with other signatures than this run would make (they differ in num_bands, "
        "seed); use the same settings, or another dedup_index.\n"
    )
    assert not Path(third["run_dir"]).exists()


def test_a_segment_without_its_run_is_refused(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], third: dict[str, Any]
) -> None:
    edit(third["dedup_index"], 1, run_dir="/gone")

    said = unusable(two, tmp_path, capsys, third)

    assert said == (
        "/index/segment-0001.json needs the run it was made from, but /gone/documents is gone; restore it, run it "
        "again, or start another index.\n"
    )
    assert not Path(third["run_dir"]).exists()


def test_a_segment_that_was_made_again_is_refused_with_all_that_build_on_it(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], third: dict[str, Any]
) -> None:
    edit(third["dedup_index"], 0, digest="of another run")

    said = unusable(two, tmp_path, capsys, third)

    assert said == (
        "/index/segment-0001.json does not follow from the segment before it (another version, or that one was made "
        "again); delete this record and all after it, and run again what they came from.\n"
    )


def test_a_crawl_that_others_build_on_cannot_be_run_again(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = unusable(two, tmp_path, capsys, settings_of(two, "a"))

    assert said == (
        "/index/segment-0000.json is of this run, and later segments of the index build on it; this run cannot be "
        "made again without them: choose another run_dir, or delete this segment's record and all after it.\n"
    )


# --- more of the same -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "seed"), [("default", 11), ("short bands", 12), ("small buckets", 13)])
def test_many_more_documents_one_after_the_other_as_in_plain_python(
    settings: str, seed: int, spark: SparkSession, tmp_path: Path
) -> None:
    runs = run_crawls(spark, tmp_path, corpora(seed, seed + 100, seed + 200, size=600), SETTINGS[settings])

    every = tuple(runs.values())
    removed = {name: removal for run in every for name, removal in run.removed(*every).items()}
    assert removed == expected(*every).removed
