"""Documents leave a finished run: the same shards as if the run had known, whatever kills the removal on its way."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from dataprep import files
from dataprep.config import PrepareConfig
from dataprep.files import read_json
from dataprep.ledger import check_ledger
from dataprep.pipeline import STAGES, Pipeline
from dataprep.plan import plan_input
from dataprep.removals.plan import check_finished, plan_removal
from dataprep.removals.requests import RemovalError, load_requests
from dataprep.removals.takedown import begin, complete, finish_pending, summary
from dataprep.sample.sentences import load
from dataprep.shards.tokenizer import train
from dataprep.shards.writer import write_shard
from dataprep.stages import StageRecord

Row = dict[str, Any]

SENTENCES = [line for lines in load()["en"].written.values() for line in lines]
SENTENCES_DE = [line for lines in load()["de"].written.values() for line in lines]
UNWANTED = ["a.example/exact", "a.example/near", "sub.a.example/alone", "b.example/one", "c.example/short"]
LIST = """# requests of the tests
domain:A.example.
{"url": "https://B.example:443/one#top", "reason": "the author asked", "requested_at": "2026-03-01"}
url:https://c.example/short
url:https://nowhere.example/
"""


def text(seed: int, sentences: list[str] = SENTENCES, length: int = 20) -> str:
    return "\n".join(random.Random(seed).sample(sentences, length))


def changed(original: str) -> str:
    """A near duplicate: one sentence of twenty is another."""
    lines = original.split("\n")
    return "\n".join([*lines[:9], "This line stands in no other document of the whole corpus.", *lines[10:]])


def corpus() -> dict[str, list[tuple[str, str]]]:
    """URLs and texts per file. The second file is the less preferred source, and has the copies."""
    web = [
        ("https://a.example/exact", text(1)),
        ("https://a.example/near", text(2)),
        ("https://sub.a.example/alone", text(3)),
        ("http://b.example/one", text(4)),
        ("https://b.example/two", text(5)),
        ("https://c.example/short", "The ferry leaves the island at seven and comes back before noon."),
        ("https://c.example/kept", text(6)),
        *((f"https://other.example/{n}", text(100 + n)) for n in range(12)),
    ]
    mirror = [
        ("https://mirror.example/exact", text(1)),
        ("https://mirror.example/near", changed(text(2))),
        ("https://a.example/copy-of-kept", text(6)),
        *((f"https://mirror.example/{n}", text(200 + n, SENTENCES_DE)) for n in range(8)),
    ]
    return {"web": web, "mirror": mirror}


@dataclass(frozen=True)
class Folder:
    """The corpus, a tokenizer, and two runs: on everything, and told of the list before it decided on fates.

    Attributes:
        root: where all of it is.
        told: stages of the second run, and whether each was skipped: it starts from a copy of the first.
    """

    root: Path
    told: dict[str, bool]

    def settings(self, run: str, **changed: Any) -> PrepareConfig:
        values: dict[str, Any] = {
            "run_dir": str(self.root / run),
            "input_root": str(self.root / "input"),
            "sources": [
                {"name": name, "format": "jsonl", "paths": [f"{name}.jsonl"], "priority": priority}
                for priority, name in enumerate(corpus())
            ],
            "tokenizer": {"model": str(self.root / "tokenizer.model")},
            "shards": {"validation_fraction": 0.3, "shard_bytes": 10_000, "row_group_rows": 2},
            **changed,
        }
        return PrepareConfig.model_validate(values)


def prepare(spark: SparkSession, config: PrepareConfig) -> list[tuple[str, bool]]:
    """Run the pipeline; its stages, and whether each was skipped. Writes what a removal reads beside the stages."""
    ended: list[tuple[str, bool]] = []

    def end(record: StageRecord, skipped: bool) -> None:
        ended.append((record.stage, skipped))

    folder = Path(config.run_dir)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config.model_dump_json())
    Pipeline(lambda: spark, config, plan_input(config), lambda _: None, end).prepare()
    return ended


@pytest.fixture(scope="module")
def folder(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Made once for all tests."""
    root = tmp_path_factory.mktemp("takedown")
    (root / "input").mkdir()
    for name, documents in corpus().items():
        lines = [json.dumps({"url": url, "text": body}) for url, body in documents]
        (root / "input" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    model = train(SENTENCES + SENTENCES_DE, vocab_size=700, character_coverage=0.9999, num_sentinels=0)
    (root / "tokenizer.model").write_bytes(model)
    (root / "list.txt").write_text(LIST, encoding="utf-8")
    made = Folder(root, {})
    prepare(spark, made.settings("all"))
    shutil.copytree(root / "all", root / "told")
    return Folder(root, dict(prepare(spark, made.settings("told", removals=[str(root / "list.txt")]))))


@pytest.fixture
def run(folder: Folder) -> Iterator[Path]:
    """A copy of the run on everything, under the path of its configuration."""
    path = folder.root / "copy"
    shutil.copytree(folder.root / "all", path, copy_function=shutil.copy2)
    (path / "config.yaml").write_text(folder.settings("copy").model_dump_json())
    yield path
    shutil.rmtree(path)


def write_report(run: Path) -> Callable[[], None]:
    """Stands for the report: the real one draws for a second."""

    def write() -> None:
        digest = hashlib.sha256((run / "shards" / "manifest.json").read_bytes())
        (run / "report").mkdir(exist_ok=True)
        files.write_json(str(run / "report" / "report.json"), digest.hexdigest())

    return write


def remove(run: Path, *lists: Path) -> Row | None:
    """As the job does."""
    finish_pending(str(run), write_report(run))
    paths = [str(path) for path in lists]
    plan = plan_removal(str(run), load_requests(paths), paths)
    if plan is None:
        return None
    return apply(run, plan)


def apply(run: Path, plan: Row) -> Row:
    begin(str(run), plan)
    return complete(str(run), plan, write_report(run))


def removed(run: Path, folder: Folder) -> Row:
    record = remove(run, folder.root / "list.txt")
    assert record is not None
    return record


def rows(run: Path, name: str) -> list[Row]:
    return [
        row
        for path in sorted((run / name).glob("*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def shard_rows(run: Path) -> dict[str, Row]:
    """Rows of the shards that the manifest names, by id, with locale and split."""
    manifest = read_json(str(run / "shards" / "manifest.json"))
    return {
        row["doc_id"]: row | {key: entry[key] for key in ("locale", "split")}
        for entry in manifest["files"]
        for row in pq.ParquetFile(run / "shards" / entry["path"]).read().to_pylist()
    }


def contents(run: Path) -> dict[str, str]:
    """Hash of every file of a run."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


def urls(run: Path, reason: str | None) -> set[str]:
    """Locators, without their scheme, of the documents with a fate."""
    return {
        document["locator"].partition("://")[2]
        for document, fate in zip(rows(run, "documents"), rows(run, "fates"), strict=True)
        if fate["drop_reason"] == reason
    }


def test_what_is_asked_for_and_its_duplicates_are_refused_by_both_ways(run: Path, folder: Folder) -> None:
    expected = {
        "a.example/exact", "a.example/near", "sub.a.example/alone", "b.example/one",
        "mirror.example/exact", "mirror.example/near", "a.example/copy-of-kept",
    }  # fmt: skip

    removed(run, folder)

    assert urls(run, "removal_request") == expected
    assert urls(folder.root / "told", "removal_request") == expected
    assert urls(run, "too_few_words") == {"c.example/short"}
    assert "c.example/kept" in urls(run, None)
    assert "b.example/two" in urls(run, None)


def test_the_shards_are_those_of_a_run_that_was_told_before(run: Path, folder: Folder) -> None:
    removed(run, folder)

    left = shard_rows(run)

    assert left == shard_rows(folder.root / "told")
    assert len(left) == len(shard_rows(folder.root / "all")) - 4


def test_fates_ledger_and_plan_are_those_of_a_run_that_was_told_before(run: Path, folder: Folder) -> None:
    told = folder.root / "told"

    removed(run, folder)

    assert rows(run, "fates") == rows(told, "fates")
    assert read_json(str(run / "ledger.json")) == read_json(str(told / "ledger.json"))
    assert read_json(str(run / "plan.json")) == read_json(str(told / "plan.json"))
    check_ledger(read_json(str(run / "ledger.json")))
    counts = [read_json(str(each / "fates" / "_stage.json"))["counts"] for each in (run, told)]
    assert counts[0] == counts[1]
    assert counts[0]["removed_duplicates"] == {"exact": 2, "near": 1}


def test_only_shards_that_hold_a_removed_document_are_written_again(run: Path, folder: Folder) -> None:
    before = contents(run)
    gone = shard_rows(run).keys() - shard_rows(folder.root / "told").keys()
    holding = {
        str(path.relative_to(run))
        for path in run.rglob("locale=*/split=*/*.parquet")
        if gone & set(pq.ParquetFile(path).read()["doc_id"].to_pylist())
    }

    removed(run, folder)

    after = contents(run)
    assert {name for name in before if "locale=" in name and after.get(name) != before[name]} == holding
    assert 0 < len(holding) < sum("locale=" in name for name in before)


def test_a_shard_that_was_written_again_has_the_bytes_that_the_writer_gives_what_is_left(
    run: Path, folder: Folder, tmp_path: Path
) -> None:
    record = removed(run, folder)

    again = [shard for shard in record["shards"] if shard["after"]]
    assert again
    for shard in again:
        left = pq.ParquetFile(run / "shards" / shard["path"]).read().to_pylist()
        encoded = {
            "doc_id": [row["doc_id"] for row in left],
            "source": [row["source"] for row in left],
            "file": [""] * len(left),
            "ids": [np.array(row["input_ids"], np.int32).tobytes() for row in left],
            "cluster_size": pa.array([row["cluster_size"] for row in left], pa.int32()),
            "form": [row["form"] for row in left],
        }
        written = write_shard(
            str(tmp_path / shard["path"]), iter([pa.RecordBatch.from_pydict(encoded)]), row_group_rows=2
        )
        del written["kept"]
        assert shard["after"] == written


def test_the_manifest_describes_the_files_as_they_are_and_names_the_record_by_its_hash(
    run: Path, folder: Folder
) -> None:
    removed(run, folder)

    manifest = read_json(str(run / "shards" / "manifest.json"))
    files_now = sorted(str(path.relative_to(run / "shards")) for path in (run / "shards").rglob("*.parquet"))
    assert [entry["path"] for entry in manifest["files"]] == files_now
    for entry in manifest["files"]:
        path = run / "shards" / entry["path"]
        table = pq.ParquetFile(path).read()
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (entry["bytes"], entry["rows"]) == (path.stat().st_size, table.num_rows)
        assert entry["tokens"] == sum(table["num_tokens"].to_pylist())
    record = hashlib.sha256((run / "removals" / "0001.json").read_bytes()).hexdigest()
    assert manifest["removals"] == [{"record": "removals/0001.json", "sha256": record}]
    assert manifest["plan"] == read_json(str(run / "plan.json"))
    stage = read_json(str(run / "shards" / "_stage.json"))["counts"]
    assert (
        stage["manifest_sha256"]
        == hashlib.sha256((run / "shards" / "manifest.json").read_bytes()).hexdigest()
    )
    assert (stage["files"], stage["documents"]) == (len(files_now), len(shard_rows(run)))


def test_the_record_says_what_was_asked_for_and_what_was_done(run: Path, folder: Folder) -> None:
    entries = {entry["path"]: entry for entry in read_json(str(run / "shards" / "manifest.json"))["files"]}
    before = shard_rows(run)
    ids = {row["locator"].partition("://")[2]: row["doc_id"] for row in rows(run, "documents")}

    record = removed(run, folder)

    assert record == read_json(str(run / "removals" / "0001.json"))
    assert record["status"] == "done"
    assert record["lists"] == [
        {"path": str(folder.root / "list.txt"), "sha256": hashlib.sha256(LIST.encode()).hexdigest()}
    ]
    assert record["requests"] == [
        {"domain": "A.example.", "documents": 4},
        {
            "url": "https://B.example:443/one#top",
            "reason": "the author asked",
            "requested_at": "2026-03-01",
            "documents": 1,
        },
        {"url": "https://c.example/short", "documents": 1},
        {"url": "https://nowhere.example/", "documents": 0},
    ]
    assert record["unmatched"] == ["url:https://nowhere.example/"]
    documents = {each["locator"].partition("://")[2]: each for each in record["documents"]}
    assert {url: each["copy_of"] for url, each in documents.items() if each["copy_of"]} == {
        "mirror.example/exact": ids["a.example/exact"],
        "mirror.example/near": ids["a.example/near"],
    }
    assert {url: each["kept_instead"] for url, each in documents.items() if each["kept_instead"]} == {
        "a.example/copy-of-kept": ids["c.example/kept"]
    }
    assert {url: (each["drop_reason_before"], each["drop_reason"]) for url, each in documents.items()} == {
        "a.example/exact": (None, "removal_request"),
        "a.example/near": (None, "removal_request"),
        "sub.a.example/alone": (None, "removal_request"),
        "b.example/one": (None, "removal_request"),
        "c.example/short": ("too_few_words", "too_few_words"),
        "mirror.example/exact": ("exact_duplicate", "removal_request"),
        "mirror.example/near": ("near_duplicate", "removal_request"),
        "a.example/copy-of-kept": ("exact_duplicate", "removal_request"),
    }
    assert documents["b.example/one"]["requests"] == ["url:https://B.example:443/one#top"]
    assert documents["b.example/one"]["source"] == "web"
    assert documents["b.example/one"]["file"] == "web.jsonl"
    assert {each["doc_id"] for each in documents.values() if each["shard"]} == before.keys() - shard_rows(
        run
    ).keys()
    for shard in record["shards"]:
        assert shard["before"]["sha256"] == entries[shard["path"]]["sha256"]
        assert shard["before"]["rows"] - (shard["after"] or {"rows": 0})["rows"] == shard["documents"]
    assert record["kept_before"] - record["kept_after"] == 4


def test_the_summary_says_it_in_lines(run: Path, folder: Folder) -> None:
    record = removed(run, folder)

    (kept,) = {each["kept_instead"] for each in record["documents"]} - {None}
    touched, total = len(record["shards"]), record["shards_before"]
    assert summary(record) == [
        f"4 requests, 8 documents, {touched} of {total} shards rewritten, audit removals/0001.json",
        "2 documents of these went as duplicates of what was asked for",
        "1 request matched no document: url:https://nowhere.example/",
        "1 document of which they were duplicates stay, since nobody asked for these; "
        f"ask by id if their text must go too: {kept}",
    ]


def test_the_text_of_what_was_removed_is_nowhere_in_the_run_folder(run: Path, folder: Folder) -> None:
    before = {row["locator"].partition("://")[2]: row for row in rows(run, "documents")}
    gone = [*UNWANTED, "mirror.example/exact", "mirror.example/near", "a.example/copy-of-kept"]

    removed(run, folder)

    after = {row["locator"].partition("://")[2]: row for row in rows(run, "documents")}
    assert {url for url in after if after[url]["text"] == "" != before[url]["text"]} == set(gone)
    assert [{**row, "text": ""} for row in after.values()] == [{**row, "text": ""} for row in before.values()]
    # The text of the copy stays with the document that nobody asked for.
    shown = (
        json.dumps(rows(run, "rejected_sample"), default=str) + (run / "dedup" / "_stage.json").read_text()
    )
    for url in UNWANTED:
        assert json.dumps(before[url]["text"][:100])[1:-1] not in shown
    assert {row["locator"].partition("://")[2] for row in rows(run, "rejected_sample")} >= {"c.example/short"}


def test_a_comparison_with_the_run_as_it_was_goes(run: Path, folder: Folder) -> None:
    (run / "report").mkdir(exist_ok=True)
    for name in ("compare.json", "compare.html", "notes.txt"):
        (run / "report" / name).write_text(text(1))

    removed(run, folder)

    assert sorted(path.name for path in (run / "report").iterdir()) == ["notes.txt", "report.json"]


def test_a_run_that_was_told_before_shows_nothing_of_it_either(folder: Folder) -> None:
    sample = rows(folder.root / "told", "rejected_sample")

    assert {row["drop_reason"] for row in sample} == {"removal_request", "too_few_words"}
    assert {row["excerpt"] for row in sample} == {""}


def test_documents_files_keep_their_row_groups_and_settings(run: Path, folder: Folder) -> None:
    def layout(path: Path) -> list[Any]:
        metadata = pq.ParquetFile(path).metadata
        return [
            (group, column.path_in_schema, column.num_values, column.has_dictionary_page, column.is_stats_set)
            for group in range(metadata.num_row_groups)
            for column in map(metadata.row_group(group).column, range(metadata.num_columns))
        ]

    paths = sorted((run / "documents").glob("*.parquet"))
    before = [layout(path) for path in paths]

    removed(run, folder)

    assert [layout(path) for path in paths] == before
    assert pq.read_schema(paths[0]) == pq.read_schema(folder.root / "all" / "documents" / paths[0].name)


def test_the_same_requests_again_change_nothing(run: Path, folder: Folder) -> None:
    removed(run, folder)
    before = contents(run)

    assert remove(run, folder.root / "list.txt") is None

    assert contents(run) == before


def test_a_further_request_is_a_further_record(run: Path, folder: Folder, tmp_path: Path) -> None:
    removed(run, folder)
    (tmp_path / "more.txt").write_text("url:https://other.example/3\nurl:http://b.example/one\n")

    record = remove(run, tmp_path / "more.txt")

    assert record is not None
    assert [each["locator"] for each in record["documents"]] == ["https://other.example/3"]
    assert record["requests"] == [
        {"url": "https://other.example/3", "documents": 1},
        {"url": "http://b.example/one", "documents": 1},
    ]
    manifest = read_json(str(run / "shards" / "manifest.json"))
    assert [entry["record"] for entry in manifest["removals"]] == ["removals/0001.json", "removals/0002.json"]
    for entry in manifest["removals"]:
        assert entry["sha256"] == hashlib.sha256((run / entry["record"]).read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (run / "removals" / "tombstones.jsonl").read_text().splitlines()]
    assert [line["url"] for line in lines if "url" in line] == [
        "https://B.example:443/one#top", "https://c.example/short", "https://nowhere.example/",
        "https://other.example/3",
    ]  # fmt: skip
    assert [line for line in lines if line["record"] == "removals/0002.json"] == [
        {"url": "https://other.example/3", "record": "removals/0002.json"},
        {
            "id": record["documents"][0]["doc_id"],
            "because": "url:https://other.example/3",
            "record": "removals/0002.json",
        },
    ]


def test_a_request_that_matches_nothing_is_remembered_all_the_same(run: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("domain:not-yet.example\n")
    before = contents(run)

    record = remove(run, tmp_path / "list.txt")

    assert record is not None
    assert (record["documents"], record["shards"]) == ([], [])
    assert [request.name for request in load_requests([str(run / "removals" / "tombstones.jsonl")])] == [
        "domain:not-yet.example"
    ]
    after = contents(run)
    assert {name for name in before if after[name] != before[name]} == {
        "fates/_stage.json", "rejected_sample/part-000000.parquet", "report/report.json", "shards/_stage.json",
        "shards/manifest.json",
    } & {name for name in before if after[name] != before[name]}  # fmt: skip
    assert remove(run, tmp_path / "list.txt") is None


def test_removing_a_whole_shard_deletes_its_file(run: Path, tmp_path: Path) -> None:
    manifest = read_json(str(run / "shards" / "manifest.json"))
    entry = next(entry for entry in manifest["files"] if entry["split"] == "validation")
    ids = pq.ParquetFile(run / "shards" / entry["path"]).read()["doc_id"].to_pylist()
    (tmp_path / "list.txt").write_text("".join(f"id:{doc_id.upper()}\n" for doc_id in ids))

    record = remove(run, tmp_path / "list.txt")

    assert record is not None
    (shard,) = record["shards"]
    assert (shard["path"], shard["after"]) == (entry["path"], None)
    assert not (run / "shards" / entry["path"]).exists()
    assert record["shards_after"] == record["shards_before"] - 1 == len(manifest["files"]) - 1


def test_a_request_for_everything_is_refused_before_anything_is_changed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        "".join(f"domain:{n}.example\n" for n in ("a", "b", "c", "other", "mirror"))
    )
    before = contents(run)

    with pytest.raises(RemovalError, match="would leave no document in the train split of"):
        remove(run, tmp_path / "list.txt")

    assert contents(run) == before


def test_a_folder_without_a_finished_run_is_refused(run: Path) -> None:
    (run / "shards" / "_stage.json").unlink()

    with pytest.raises(RemovalError, match=r"holds no finished run \(shards/_stage.json is missing\)"):
        check_finished(str(run))


def test_tombstones_that_were_tampered_with_are_noticed(run: Path, folder: Folder) -> None:
    removed(run, folder)
    (run / "removals" / "tombstones.jsonl").write_text("")

    with pytest.raises(RemovalError, match=r"tombstones.jsonl is not as removals/0001.json left it"):
        remove(run, folder.root / "list.txt")


class Killed(BaseException):
    """Stands for `kill -9`: nothing after it happens."""


def test_a_removal_that_is_killed_anywhere_is_finished_to_the_same_bytes(
    run: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [str(folder.root / "list.txt")]
    plan = plan_removal(str(run), load_requests(lists), lists)
    assert plan is not None
    copy = run.with_name("killed")
    steps = [0]
    last: list[int | None] = [None]

    def killed_at(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any) -> Any:
            steps[0] += 1
            if steps[0] == last[0]:
                raise Killed
            return function(*arguments)

        return step

    monkeypatch.setattr(files.AtomicFile, "commit", killed_at(files.AtomicFile.commit))
    monkeypatch.setattr(files, "remove_tree", killed_at(files.remove_tree))
    monkeypatch.setattr(files.AtomicFile, "discard", lambda _: None)  # the killed clean nothing up
    shutil.copytree(run, copy)
    apply(run, plan)
    expected, total = contents(run), steps[0]
    shutil.rmtree(run)
    shutil.copytree(copy, run)

    for point in range(2, total + 1):
        steps[0], last[0] = 0, point
        with pytest.raises(Killed):
            apply(run, plan)
        last[0] = None
        assert finish_pending(str(run), write_report(run)) is not None
        assert contents(run) == expected, f"killed at step {point} of {total}"
        assert finish_pending(str(run), write_report(run)) is None
        shutil.rmtree(run)
        shutil.copytree(copy, run)

    assert total > 15
    shutil.rmtree(copy)


def test_an_interrupted_removal_is_finished_before_anything_else_is_asked(run: Path, folder: Folder) -> None:
    lists = [str(folder.root / "list.txt")]
    plan = plan_removal(str(run), load_requests(lists), lists)
    assert plan is not None

    begin(str(run), plan)

    with pytest.raises(
        RemovalError, match=r"the removal removals/0001.json of .* was interrupted; finish it"
    ):
        plan_removal(str(run), load_requests(lists), lists)


def test_the_next_prepare_has_nothing_to_do(run: Path, folder: Folder, spark: SparkSession) -> None:
    removed(run, folder)
    before = contents(run)

    ended = prepare(spark, folder.settings("copy"))
    with_list = prepare(spark, folder.settings("copy", removals=[str(folder.root / "list.txt")]))

    skipped = [stage.name for stage in STAGES if stage.name not in ("lines", "decontaminate")]
    assert ended == with_list == [(name, True) for name in skipped]
    assert contents(run) | {"config.yaml": ""} == before | {"config.yaml": ""}


@pytest.mark.slow
def test_a_prepare_that_makes_fates_and_duplicates_again_honours_the_tombstones(
    run: Path, folder: Folder, spark: SparkSession
) -> None:
    removed(run, folder)

    ended = prepare(spark, folder.settings("copy", near_dedup={"min_jaccard": 0.7}))

    assert dict(ended) == {
        "annotate": True,
        "dedup": False,
        "fates": False,
        "tokenizer": False,
        "shards": False,
    }
    assert shard_rows(run) == shard_rows(folder.root / "told")
    manifest = read_json(str(run / "shards" / "manifest.json"))
    assert [entry["record"] for entry in manifest["removals"]] == ["removals/0001.json"]


def test_a_changed_list_redoes_the_fates_and_what_follows_but_reads_nothing(folder: Folder) -> None:
    assert folder.told == {
        "annotate": True, "dedup": True, "fates": False, "tokenizer": False, "shards": False
    }  # fmt: skip


def test_a_removal_empties_the_texts_of_a_run_that_was_told_before(folder: Folder, tmp_path: Path) -> None:
    run = tmp_path / "told"
    shutil.copytree(folder.root / "told", run)
    before = shard_rows(run)

    record = removed(run, folder)

    assert record["shards"] == []
    assert len(record["documents"]) == 8
    assert shard_rows(run) == before
    assert "" in {row["text"] for row in rows(run, "documents")}
