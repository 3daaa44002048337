"""Deduplication by this project and by its peers, on the same corpora: `python -m benchmarks.bench_dedup`.

Writes two corpora with planted truth, runs every tool in an environment of its own, one after the other, and scores
what each removed. Tools whose speed makes a large corpus pointless get the slice only.
"""

import argparse
import datetime
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import yaml

from benchmarks.common import (
    Measured,
    machine_facts,
    markdown_table,
    module_command,
    publish,
    run_measured,
    work_folder,
)
from benchmarks.dedup_score import DEFINITIONS, Member, Score, score
from dataprep.kernels.fused import warm_up
from dataprep.sample import duplicates
from dataprep.sample.duplicates import DOCUMENTS_DIR, LOOK_ALIKE, TRUTH_FILE, write_planted

INPUT_FILES: Final = 8
SEED: Final = 1
CORES: Final = 2
PEERS_DIR: Final = Path(__file__).parent / "peers"
PROJECT: Final = "this project"
TEXT_DEDUP_RATIO: Final = 10.0
DATATROVE_RATIO: Final = 50.0

SECTION: Final = """\
## Beside its peers

`{command}` on {date}; {facts}; load average {load:.1f} at the start. Every tool once, whole
process from start to end, one after the other, in one run.

{corpora}

{tools}

{ratios}

What each tool was told, and what it does:

{settings}

Definitions:

- *s* is the wall time of the whole process with everything it starts, from an empty cache: imports, JVM, reading,
  writing. *MB/s* are 10^6 UTF-8 bytes of text per such second.
- *Peak memory*: largest sum of resident memory over a process and its descendants, five samples a second; pages that
  processes share count once for each.
{definitions}
- The corpora had just been written, and this project's kernels were compiled before: neither a slow disk nor
  compilation is in here."""

CORPUS_LINE: Final = """\
- **{megabytes:,} MB**: {documents:,} documents, {mb:,.1f} MB of English text in {files} zstd Parquet files.
  {clusters:,} originals have {exact:,} exact and {near:,} near copies (similarity {near_min:.2f} to {near_max:.2f}) and
  {alike:,} look-alikes ({alike_min:.2f} to {alike_max:.2f}); the largest cluster has {largest:,} members, the
  median document {median:,} bytes."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus on disk.

    Attributes:
        megabytes: text asked for, in 10^6 bytes.
        folder: as `write_planted` wrote it.
        truth: its truth, a column per name.
    """

    megabytes: int
    folder: Path
    truth: pa.Table

    @property
    def documents(self) -> Path:
        """Folder of the Parquet files."""
        return self.folder / DOCUMENTS_DIR

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of all texts."""
        return int(sum(self.truth["bytes"].to_pylist()))

    def clusters(self) -> list[list[Member]]:
        """Members of every cluster of two and more, in the order of the corpus."""
        ids, clusters, kinds = (self.truth[name].to_pylist() for name in ("id", "cluster", "kind"))
        members: dict[str, list[tuple[str, str]]] = {}
        for name, cluster, kind in zip(ids, clusters, kinds, strict=True):
            members.setdefault(cluster, []).append((name, kind))
        members = {cluster: found for cluster, found in members.items() if len(found) > 1}
        wanted = pa.array([name for found in members.values() for name, _ in found])
        table = ds.dataset(self.documents).to_table(filter=ds.field("id").isin(wanted))
        texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
        return [
            [Member(name, texts[name], kind == LOOK_ALIKE) for name, kind in found]
            for found in members.values()
        ]


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to deduplicate.

    Attributes:
        name: of its rows.
        environment: name of the virtual environment and of its requirements in `peers/`; null: this interpreter.
        command: arguments after the interpreter, from the folder of documents and an empty folder to work in.
        kept: ids of the documents that stay, from the same two folders, after the command.
        settings: what it was told, one sentence or two.
        env: environment variables, from the folder to work in.
        full: whether it gets the full corpus, besides the slice.
    """

    name: str
    environment: str | None
    command: Callable[[Path, Path], list[str]]
    kept: Callable[[Path, Path], set[str]]
    settings: str
    env: Callable[[Path], dict[str, str]] = field(default=lambda work: {})
    full: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One tool on one corpus."""

    tool: Tool
    corpus: Corpus
    measured: Measured
    score: Score

    @property
    def megabytes_per_s(self) -> float:
        """Speed in 10^6 bytes of text per second of the whole process."""
        return self.corpus.text_bytes / self.measured.wall_s / 1e6


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="text of the full corpus, in 10^6 bytes")
    parser.add_argument(
        "--slice-megabytes", type=int, default=100, help="text of the corpus that every tool gets"
    )
    parser.add_argument(
        "--environments", default=".peers", metavar="DIR", help="virtual environments, made if missing"
    )
    parser.add_argument("--keep", metavar="DIR", help="new folder for corpora and outputs, kept afterwards")
    parser.add_argument("--output", metavar="FILE", help="Markdown file to write the section to as well")
    parser.add_argument("--tools", nargs="+", choices=[tool.name for tool in TOOLS], help="only these")
    args = parser.parse_args(argv)
    tools = [tool for tool in TOOLS if args.tools is None or tool.name in args.tools]
    environments = Path(args.environments).absolute()
    for tool in tools:
        interpreter(tool, environments)
    load = os.getloadavg()[0]
    with work_folder(args.keep) as folder:
        corpora = [corpus(folder, size) for size in sorted({args.slice_megabytes, args.megabytes})]
        results = measure(tools, corpora, environments=environments, folder=folder)
        command = shlex.join(
            ["python", "-m", "benchmarks.bench_dedup", *(argv if argv is not None else sys.argv[1:])]
        )
        publish(section(results, command=command, load=load, environments=environments), args.output)


def corpus(folder: Path, megabytes: int) -> Corpus:
    """Write a corpus of the given size."""
    path = folder / f"corpus-{megabytes}"
    write_planted(str(path), total_bytes=megabytes * 1_000_000, seed=SEED, files=INPUT_FILES)
    return Corpus(megabytes, path, pq.read_table(path / TRUTH_FILE))


def measure(
    tools: Sequence[Tool], corpora: Sequence[Corpus], *, environments: Path, folder: Path
) -> list[Result]:
    """Run every tool on every corpus it gets, one after the other; `corpora` by size."""
    if any(tool.environment is None for tool in tools):
        warm_up()
    results = []
    for place in corpora:
        clusters: list[list[Member]] = []
        for tool in tools:
            if place is not corpora[0] and not tool.full:
                continue
            work = (folder / f"{tool.name}-{place.megabytes}".replace(" ", "-")).absolute()
            work.mkdir(parents=True)
            measured = run(tool, place, work, interpreter(tool, environments))
            clusters = clusters or place.clusters()
            removed = set(place.truth["id"].to_pylist()) - tool.kept(place.documents.absolute(), work)
            results.append(Result(tool, place, measured, score(clusters, removed)))
            print(f"{tool.name}, {place.megabytes} MB: {measured.wall_s:.1f} s", file=sys.stderr)
    return results


def run(tool: Tool, place: Corpus, work: Path, python: str) -> Measured:
    """Run a tool; what it writes to the terminal goes to `tool.log` in its folder.

    Raises:
        SystemExit: the tool failed.
    """
    command = [python, *tool.command(place.documents.absolute(), work)]
    log = work / "tool.log"
    logged = ["sh", "-c", 'exec "$@" 2> "$0"', str(log), *command]
    try:
        return run_measured(logged, tool.env(work))
    except subprocess.CalledProcessError as error:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        sys.exit(f"error: {tool.name} ended with exit code {error.returncode}; the end of its log:\n{tail}")


def interpreter(tool: Tool, environments: Path) -> str:
    """The Python that runs a tool; its environment is made if it is missing or its requirements have changed."""
    if tool.environment is None:
        return sys.executable
    folder = environments / tool.environment
    python, ready = folder / "bin" / "python", folder / "requirements.txt"
    wanted = (PEERS_DIR / f"{tool.environment}.txt").read_text(encoding="utf-8")
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        print(f"setting up {folder} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([str(python), *install, "-r", str(PEERS_DIR / f"{tool.environment}.txt")], check=True)
        ready.write_text(wanted, encoding="utf-8")
    return str(python)


def project_command(documents: Path, work: Path) -> list[str]:
    """This project's `make dedup`, with a configuration that measures only what deduplication needs."""
    source = {"name": "corpus", "format": "parquet", "paths": ["*.parquet"], "language": "en"}
    settings = {
        "run_dir": str(work / "run"),
        "input_root": str(documents),
        "measure": "dedup",
        "sources": [source],
    }
    config = work / "config.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return module_command("jobs.dedup", "--config", str(config))[1:]


def project_kept(documents: Path, work: Path) -> set[str]:
    """Locators, which are the ids, of the documents that no decision removes."""
    del documents
    decided = ds.dataset(work / "run" / "dedup" / "decisions", format="parquet", exclude_invalid_files=True)
    removed = set(decided.to_table(columns=["doc_id"])["doc_id"].to_pylist())
    read = ds.dataset(work / "run" / "documents", format="parquet", exclude_invalid_files=True)
    table = read.to_table(columns=["doc_id", "locator"])
    pairs = zip(table["doc_id"].to_pylist(), table["locator"].to_pylist(), strict=True)
    return {locator for doc_id, locator in pairs if doc_id not in removed}


def text_dedup_command(hash_function: str) -> Callable[[Path, Path], list[str]]:
    """text-dedup's own command, with one of its hash functions."""

    def command(documents: Path, work: Path) -> list[str]:
        options = {
            "path": "parquet",
            "data_files": str(documents / "*.parquet"),
            "split": "train",
            "cache_dir": str(work / "cache"),
            "output": str(work / "kept"),
            "column": "text",
            "ngram": "5",
            "threshold": "0.8",
            "hash_func": hash_function,
            "num_proc": str(CORES),
        }
        flags = itertools.chain.from_iterable((f"--{name}", value) for name, value in options.items())
        return ["-m", "text_dedup.minhash", *flags]

    return command


def text_dedup_kept(documents: Path, work: Path) -> set[str]:
    """Ids in the data set that text-dedup saves: Arrow streams."""
    del documents
    kept: set[str] = set()
    for path in sorted((work / "kept").glob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            kept.update(pa.ipc.open_stream(file).read_all()["id"].to_pylist())
    return kept


def datatrove_command(documents: Path, work: Path) -> list[str]:
    """Datatrove's four steps, chained by a script, since it has no command for them."""
    return [str(PEERS_DIR / "datatrove_minhash.py"), str(documents), str(work), "--cores", str(CORES)]


def datasketch_command(documents: Path, work: Path) -> list[str]:
    """The loop."""
    return [str(PEERS_DIR / "datasketch_loop.py"), str(documents), str(work)]


def parquet_kept(documents: Path, work: Path) -> set[str]:
    """Ids in what a tool wrote as Parquet: `kept.parquet` or `kept/*.parquet`."""
    del documents
    paths = sorted(map(str, work.glob("kept*/**/*.parquet"))) or [str(work / "kept.parquet")]
    return set(ds.dataset(paths).to_table(columns=["id"])["id"].to_pylist())


def offline(work: Path) -> dict[str, str]:
    """Keeps the Hugging Face libraries from asking the network and from finding results of an earlier run."""
    return {"HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hf")}


TOOLS: Final = (
    Tool(
        PROJECT,
        None,
        project_command,
        project_kept,
        "`jobs.dedup` with `measure: dedup` and the defaults: 20 bands of 8 rows, word 5-grams, every removal verified"
        " by exact Jaccard of at least 0.8. Writes documents, signatures, clusters and decisions.",
        env=lambda work: {"MASTER": f"local[{CORES}]"},
        full=True,
    ),
    Tool(
        "text-dedup, xxh3",
        "text-dedup",
        text_dedup_command("xxh3"),
        text_dedup_kept,
        "`text_dedup.minhash --ngram 5 --threshold 0.8`, 250 permutations, from which it chooses the bands;"
        " `--hash_func xxh3`, which it recommends as the faster one; two processes. Removes whole connected"
        " components, unverified.",
        env=offline,
        full=True,
    ),
    Tool(
        "text-dedup, sha1",
        "text-dedup",
        text_dedup_command("sha1"),
        text_dedup_kept,
        "the same with `--hash_func sha1`, its default.",
        env=offline,
    ),
    Tool(
        "datatrove",
        "datatrove",
        datatrove_command,
        parquet_kept,
        "its four MinHash steps with its defaults: 14 bands of 8 rows, 5-grams of its English tokeniser (spaCy); a task"
        " per file, two workers. Removes whole connected components, unverified.",
        env=offline,
    ),
    Tool(
        "datasketch loop",
        "datasketch",
        datasketch_command,
        parquet_kept,
        "`MinHashLSH` with 20 bands of 8 rows; query, then insert what matched nothing; one process. Removes every"
        " document that shares a band with an earlier one that stays, unverified.",
    ),
)


def section(results: Sequence[Result], *, command: str, load: float, environments: Path) -> str:
    """The result as a section of a Markdown page."""
    used = {result.tool.name: result.tool for result in results}
    corpora = {result.corpus.megabytes: result.corpus for result in results}
    return SECTION.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("pyspark", "pyarrow", "numba"),
        load=load,
        corpora="\n".join(corpus_line(each) for each in corpora.values()),
        tools=tool_table(results),
        ratios=ratio_table(results),
        settings="\n".join(
            f"- **{name}** ({installed(tool, environments)}): {tool.settings}" for name, tool in used.items()
        ),
        definitions=DEFINITIONS,
    )


def installed(tool: Tool, environments: Path) -> str:
    """Version of a tool."""
    if tool.environment is None:
        return version("magister")
    ask = f"from importlib.metadata import version; print(version({tool.environment!r}))"
    answer = subprocess.run(
        [interpreter(tool, environments), "-c", ask], check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def corpus_line(place: Corpus) -> str:
    """What is in a corpus."""
    truth: dict[str, list[Any]] = place.truth.to_pydict()
    kinds = truth["kind"]
    similar = {
        kind: [jaccard for found, jaccard in zip(kinds, truth["jaccard"], strict=True) if found == kind]
        for kind in (duplicates.NEAR, LOOK_ALIKE)
    }
    sizes: dict[str, int] = {}
    for cluster in truth["cluster"]:
        sizes[cluster] = sizes.get(cluster, 0) + 1
    return CORPUS_LINE.format(
        megabytes=place.megabytes,
        documents=len(kinds),
        mb=place.text_bytes / 1e6,
        files=INPUT_FILES,
        clusters=kinds.count(duplicates.ORIGINAL),
        exact=kinds.count(duplicates.EXACT),
        near=len(similar[duplicates.NEAR]),
        near_min=min(similar[duplicates.NEAR], default=float("nan")),
        near_max=max(similar[duplicates.NEAR], default=float("nan")),
        alike=len(similar[LOOK_ALIKE]),
        alike_min=min(similar[LOOK_ALIKE], default=float("nan")),
        alike_max=max(similar[LOOK_ALIKE], default=float("nan")),
        largest=max(sizes.values()),
        median=sorted(truth["bytes"])[len(kinds) // 2],
    )


def tool_table(results: Sequence[Result]) -> str:
    """One row per tool and corpus."""
    header = [
        "tool",
        "corpus, MB",
        "s",
        "MB/s",
        "peak memory, GB",
        "removed",
        "precision",
        "recall",
        "look-alikes removed",
    ]
    return markdown_table(
        header,
        [
            [
                result.tool.name,
                f"{result.corpus.megabytes:,}",
                f"{result.measured.wall_s:.1f}",
                f"{result.megabytes_per_s:.2f}",
                f"{result.measured.peak_bytes / 1e9:.2f}",
                f"{result.score.removed:,}",
                _fraction(result.score.precision),
                _fraction(result.score.recall),
                f"{result.score.look_alikes:,}",
            ]
            for result in results
        ],
    )


def ratio_table(results: Sequence[Result]) -> str:
    """Speed of this project over that of each peer, where both were measured; targets where there are some."""
    mine = [result for result in results if result.tool.name == PROJECT]
    peers = [result for result in results if result.tool.name != PROJECT]
    rows = [
        [
            f"{PROJECT}, {own.corpus.megabytes:,} MB ÷ {peer.tool.name}, {peer.corpus.megabytes:,} MB",
            f"{own.megabytes_per_s / peer.megabytes_per_s:.1f}",
            _target(own, peer, largest=max(result.corpus.megabytes for result in mine)),
        ]
        for own in mine
        for peer in _nearest(own, peers)
    ]
    return markdown_table(["MB/s over MB/s", "ratio", "target"], rows) if rows else ""


def _nearest(own: Result, peers: Sequence[Result]) -> Iterator[Result]:
    """Of every peer, its run on the largest corpus that is no larger than ours."""
    for name in dict.fromkeys(peer.tool.name for peer in peers):
        runs = [peer for peer in peers if peer.tool.name == name]
        yield max(
            (peer for peer in runs if peer.corpus.megabytes <= own.corpus.megabytes),
            key=lambda peer: peer.corpus.megabytes,
        )


def _target(own: Result, peer: Result, *, largest: int) -> str:
    if own.corpus.megabytes < largest:
        return "> 1"
    if peer.tool.environment == "text-dedup":
        return f"≥ {TEXT_DEDUP_RATIO:g}"
    return f"≥ {DATATROVE_RATIO:g}" if peer.tool.environment == "datatrove" else ""


def _fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    main()
