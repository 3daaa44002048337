"""Deduplication by number of documents, and on input made to break it: `python -m benchmarks.bench_dedup_scale`.

Writes a corpus of short web pages and deduplicates growing prefixes of it, then writes corpora that hurt (one page over
and over, one boilerplate, chains, a few words, a single huge document, garbage), each beside ordinary pages of the same
number and size. Every run is annotated first and deduplicated in a process of its own, with two gigabytes of heap.
"""

import argparse
import datetime
import itertools
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.dataset as ds
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
from dataprep import files
from dataprep.kernels.fused import warm_up
from dataprep.pipeline import ANNOTATE, DEDUP, STAGES
from dataprep.sample.markov import Chain, Pieces
from dataprep.sample.reference import shingles
from dataprep.sample.sentences import load
from dataprep.stages import RECORD_NAME, RunFolder, Stage, StageRecord

SIZES: Final = (250_000, 500_000, 1_000_000, 2_000_000)
HEAP: Final = "2g"
SEED: Final = 1
MAX_GROWTH: Final = 1.15
MAX_ADVERSARIAL: Final = 3.0

FILE_DOCUMENTS: Final = 50_000
PAGE_WORDS: Final = (60, 150)
COPIED_FRACTION: Final = 0.12
# A copy goes back to the document at this power of a uniform number, times its own position: the x-th document of N has
# about 0.06 (N / x)^(2/3) copies, so cluster sizes follow a power law of exponent 2.5.
COPIED_POSITION_POWER: Final = 3.0
EXACT_FRACTION: Final = 0.5  # of copies; in the others 1 to 3 words are replaced
MAX_REPLACED_WORDS: Final = 3

SECTION: Final = """\
## Growth and hard input

`{command}` on {date}; {facts};
load average {load:.1f} at the start. Every run has `measure: dedup`, the default preset, a heap of {heap} for driver
and executor, and a process of its own per stage.

{scale}

{adversarial}

- *Stage* is the wall time of deduplication from signatures on disk to decisions on disk, {best}, with the Spark
  session already there, and so is every other time but that of *process*, which adds Python's imports, loading the
  kernels and starting the JVM.
- *Peak memory*: largest sum of resident memory over a process and its descendants (JVM and Python workers), five
  samples a second; pages that processes share count once for each."""

SCALE: Final = """\
Prefixes of one corpus of pages of {low} to {high} random English words, of which {copied:.0%} are copies of earlier
ones, half of them exact and half with 1 to 3 words replaced; clusters follow a power law (the largest here:
{largest:,} documents).

{table}

*Growth* is the time of the row over that of the row above it, divided by the growth in documents: 1 is linear, and at
most {max_growth} is asked for."""

ADVERSARIAL: Final = """\
Each corpus beside ordinary pages (as above) of the same number of documents and bytes, but for *a few words*, whose
counterpart has pages of usual length. At most {max_ratio:g} times its time is asked for.

{table}

{answers}"""


# --- corpora ----------------------------------------------------------------------------------------------------------


class Author:
    """Writes random English words; the same seed gives the same words."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._chain = Chain.of("en", load()["en"])
        self._words = np.array(self._chain.vocabulary, dtype=object)

    @cached_property
    def word_bytes(self) -> float:
        """Mean UTF-8 bytes of a word and the blank behind it."""
        return len(self.text(self.pieces(np.array([100_000]))[0]).encode()) / 100_000

    def pieces(self, lengths: npt.NDArray[np.int64]) -> list[Pieces]:
        """Documents of the given numbers of words, as numbers."""
        total = int(lengths.sum())
        sentences = self._chain.lengths(total // int(self._chain.median_pieces) + 10, self.rng)
        while sentences.sum() < total:
            sentences = np.concatenate([sentences, sentences])
        walked = self._chain.walk(sentences, self.rng)[:total].astype(np.uint16)
        return np.split(walked, np.cumsum(lengths)[:-1])

    def page(self) -> str:
        """One page of a hundred words."""
        return self.text(self.pieces(np.array([100]))[0])

    def edited(self, pieces: Pieces) -> Pieces:
        """A near copy."""
        changed = pieces.copy()
        places = self.rng.integers(0, len(pieces), int(self.rng.integers(1, MAX_REPLACED_WORDS + 1)))
        changed[places] = self.rng.integers(0, len(self._words), len(places))
        return changed

    def text(self, pieces: Pieces) -> str:
        """What the numbers spell."""
        return " ".join(self._words[pieces].tolist())


def ordinary(count: int, seed: int, *, mean_bytes: float | None = None) -> Iterator[str]:
    """Pages with copies among them.

    Args:
        count: number of pages.
        seed: of every random choice.
        mean_bytes: mean UTF-8 length; null: PAGE_WORDS uniformly.
    """
    author = Author(seed)
    low, high = PAGE_WORDS
    if mean_bytes is not None:
        mean_words = mean_bytes / author.word_bytes
        low, high = max(5, int(mean_words * 0.6)), max(6, int(mean_words * 1.4))
    held: list[Pieces] = []
    for start in range(0, count, FILE_DOCUMENTS):
        size = min(FILE_DOCUMENTS, count - start)
        fresh = author.pieces(author.rng.integers(low, high + 1, size))
        copied = author.rng.random(size) < COPIED_FRACTION
        positions = (
            np.arange(start, start + size) * author.rng.random(size) ** COPIED_POSITION_POWER
        ).astype(np.int64)
        exact = author.rng.random(size) < EXACT_FRACTION
        for number in range(size):
            pieces = fresh[number]
            if copied[number] and held:
                pieces = held[positions[number]]
                if not exact[number]:
                    pieces = author.edited(pieces)
            held.append(pieces)
            yield author.text(pieces)


def copies(count: int) -> Iterator[str]:
    """One page over and over."""
    page = Author(SEED).page()
    return (page for _ in range(count))


def boilerplate(count: int, shared: int, own: int) -> Iterator[str]:
    """Pages of `shared` words that all have, and `own` words of each."""
    author = Author(SEED)
    block = author.text(author.pieces(np.array([shared]))[0])
    return (f"{block} {' '.join(f'p{number}w{at}' for at in range(own))}" for number in range(count))


CHAIN_LENGTH: Final = 60
CHAIN_WORDS: Final = 104
CHAIN_STEP: Final = 8


def chains(count: int) -> Iterator[str]:
    """Windows of words that slide on: 92 of 108 shingles are those of the next, 84 of 116 those of the one after it."""
    for number in range(count):
        chain, place = divmod(number, CHAIN_LENGTH)
        words = range(place * CHAIN_STEP, place * CHAIN_STEP + CHAIN_WORDS)
        yield " ".join(f"c{chain:04}w{at:04}" for at in words)


def few_words(count: int) -> Iterator[str]:
    """Documents of one to four words."""
    author = Author(SEED)
    return map(author.text, author.pieces(author.rng.integers(1, 5, count)))


def one_long(count: int, long_bytes: int) -> Iterator[str]:
    """Ordinary pages, one huge document, and the same document with its last hundredth cut off."""
    words = [f"w{number:07}" for number in range(long_bytes // 9)]
    yield " ".join(words)
    yield from ordinary(count - 2, SEED)
    yield " ".join(words[: len(words) - len(words) // 100])


def garbage(count: int) -> Iterator[bytes]:
    """Lines with an empty text, with half of a surrogate pair, and with bytes that are no UTF-8, in turn."""
    author = Author(SEED)
    page = author.page()
    kinds = (
        lambda: orjson.dumps({"text": ""}),
        lambda: orjson.dumps({"text": page}).replace(b'":"', b'":"\\ud83d '),
        lambda: b'{"text":"' + author.rng.bytes(len(page)).translate(None, b'\n\r"\\') + b'\xff"}',
    )
    return (kinds[number % 3]() for number in range(count))


def write_lines(folder: Path, lines: Iterator[bytes], *, per_file: int = FILE_DOCUMENTS) -> list[Path]:
    """Lines as JSON files of `per_file` lines each."""
    folder.mkdir(parents=True)
    paths: list[Path] = []
    while held := list(itertools.islice(lines, per_file)):
        paths.append(folder / f"part-{len(paths):05}.jsonl")
        paths[-1].write_bytes(b"\n".join(held) + b"\n")
    return paths


def as_lines(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts as lines of JSON, named by their number."""
    return (orjson.dumps({"url": f"d{number:09}", "text": text}) for number, text in enumerate(texts))


# --- runs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One corpus, annotated and deduplicated.

    Attributes:
        run_dir: the run folder.
        annotate: the stage's record, of the fastest repetition.
        dedup: likewise.
        process: the process of that repetition.
        peak_bytes: largest of all repetitions.
    """

    run_dir: Path
    annotate: StageRecord
    dedup: StageRecord
    process: Measured
    peak_bytes: int

    @property
    def documents(self) -> int:
        """Documents read."""
        return int(self.annotate.counts["documents"])

    @property
    def removed(self) -> int:
        """Documents removed."""
        return int(self.dedup.counts["decisions"])


def measure(paths: Sequence[Path], folder: Path, *, annotations: int, repeats: int) -> Run:
    """Annotate files of JSON lines, and deduplicate them.

    Args:
        paths: the files, all in one folder.
        folder: new folder for the run.
        annotations: how often annotation is measured.
        repeats: how often deduplication is measured.
    """
    folder.mkdir(parents=True)
    run_dir, config = folder / "run", folder / "config.yaml"
    source = {"name": "pages", "format": "jsonl", "paths": [path.name for path in paths], "language": "en"}
    config.write_text(
        yaml.safe_dump(
            {
                "run_dir": str(run_dir),
                "input_root": str(paths[0].parent),
                "measure": "dedup",
                "sources": [source],
                "engine": {"driver_memory": HEAP, "executor_memory": HEAP},
            }
        ),
        encoding="utf-8",
    )
    annotated = [stage_run(ANNOTATE, config, run_dir)[0] for _ in range(annotations)]
    done = [stage_run(DEDUP, config, run_dir) for _ in range(repeats)]
    best, process = min(done, key=lambda each: each[0].elapsed_s)
    result = Run(
        run_dir,
        min(annotated, key=lambda each: each.elapsed_s),
        best,
        process,
        max(each.peak_bytes for _, each in done),
    )
    print(
        f"{folder.name}: {result.documents:,} documents, "
        f"annotate {', '.join(f'{each.elapsed_s:.1f}' for each in annotated)} s, "
        f"dedup {', '.join(f'{each.elapsed_s:.1f}' for each, _ in done)} s, {result.removed:,} removed",
        file=sys.stderr,
    )
    return result


def stage_run(stage: Stage, config: Path, run_dir: Path) -> tuple[StageRecord, Measured]:
    """Run a stage in a process of its own, whether it was run before or not."""
    files.remove_tree(str(run_dir / stage.folder / RECORD_NAME))
    process = run_process(stage.name, config)
    done = RunFolder(str(run_dir), STAGES).record(stage)
    assert done is not None, f"{stage.name} left no record"
    return done, process


def run_process(name: str, config: Path) -> Measured:
    """Run one of `pipeline_processes`; what it writes to the terminal goes to a file beside its configuration.

    Raises:
        SystemExit: it failed.
    """
    log = config.with_name(f"{name}.log")
    command = module_command(
        "benchmarks.pipeline_processes", name, str(config), str(log.with_suffix(".spark.log"))
    )
    try:
        return run_measured(["sh", "-c", 'exec "$@" 2> "$0"', str(log), *command], {})
    except subprocess.CalledProcessError as error:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        sys.exit(f"error: {name} ended with exit code {error.returncode}; the end of its log:\n{tail}")


# --- right answers ----------------------------------------------------------------------------------------------------


class Decision(NamedTuple):
    """One row of the decision ledger, by the numbers of the documents."""

    removed: int
    kept: int
    rule: str
    jaccard: float


def decisions(run: Run) -> list[Decision]:
    """The decision ledger of a run; every document is named in it by its number."""
    number = {
        key: int(name[1:]) if name[1:].isdigit() else -1
        for key, name in zip(*_columns(run.run_dir / "documents", "doc_id", "locator"), strict=True)
    }
    columns = _columns(run.run_dir / "dedup" / "decisions", "doc_id", "kept_doc_id", "rule", "jaccard")
    return [
        Decision(number[removed], number[kept], rule, jaccard)
        for removed, kept, rule, jaccard in zip(*columns, strict=True)
    ]


def _columns(folder: Path, *names: str) -> list[list[Any]]:
    if not list(folder.glob("*.parquet")):
        return [[] for _ in names]
    table = ds.dataset(folder, format="parquet", exclude_invalid_files=True).to_table(columns=list(names))
    return [table[name].to_pylist() for name in names]


def none_kept_that_goes(found: Sequence[Decision]) -> bool:
    """Whether all that is kept in place of something stays."""
    return not {each.kept for each in found} & {each.removed for each in found}


def check_copies(run: Run) -> str:
    """One page stays, the others go for it."""
    found = decisions(run)
    kinds = {(each.kept, each.rule, each.jaccard) for each in found}
    right = len(found) == run.documents - 1 and len(kinds) == 1 and {each.rule for each in found} == {"exact"}
    return told(right, f"{len(found):,} of {run.documents:,} removed, all for the one that stays")


def check_boilerplate(shared: int, own: int) -> Callable[[Run], str]:
    """Pages like enough all go but one, as far as the bands find them; the others all stay."""
    similarity = (shared - 4) / (shared - 4 + 2 * own)

    def check(run: Run) -> str:
        found = decisions(run)
        verified = all(each.jaccard == similarity for each in found) and none_kept_that_goes(found)
        share = len(found) / (run.documents - 1)
        right = verified and (share >= 0.97 if similarity >= 0.8 else not found)
        return told(right, f"similarity {similarity:.3f}: {len(found):,} of {run.documents:,} removed")

    return check


def check_chains(run: Run) -> str:
    """Who is removed is next to the one that stays; nearly nobody stays who is next to one that stays."""
    found = decisions(run)
    verified = none_kept_that_goes(found) and all(
        abs(each.removed - each.kept) == 1
        and each.removed // CHAIN_LENGTH == each.kept // CHAIN_LENGTH
        and each.jaccard == 92 / 108
        for each in found
    )
    stays = np.ones(run.documents, np.bool_)
    stays[[each.removed for each in found]] = False
    side_by_side = stays[1:] & stays[:-1] & (np.arange(1, run.documents) % CHAIN_LENGTH != 0)
    missed = int(side_by_side.sum())
    right = verified and missed <= 0.01 * run.documents
    return told(
        right, f"{len(found):,} of {run.documents:,} removed, each next to one that stays; {missed:,} missed"
    )


def check_few_words(run: Run) -> str:
    """Of equal texts one stays; of texts that differ in case or punctuation alone nothing else may go."""
    names, texts = _columns(run.run_dir / "documents", "locator", "text")
    text_of = {int(name[1:]): " ".join(text.split()) for name, text in zip(names, texts, strict=True)}
    found = decisions(run)
    gone = {each.removed for each in found}
    stay = [text for number, text in text_of.items() if number not in gone]
    right = (
        len(stay) == len(set(stay))
        and all(
            text_of[each.removed] == text_of[each.kept]
            if each.rule == "exact"
            else shingles(text_of[each.removed]) == shingles(text_of[each.kept])
            for each in found
        )
        and none_kept_that_goes(found)
    )
    different = len(set(text_of.values()))
    return told(
        right,
        f"of {different:,} different ones {len(stay):,} stay, each once; the others have the same words as one of them",
    )


def check_long(long_bytes: int) -> Callable[[Run], str]:
    """The cut document goes for the whole one."""

    def check(run: Run) -> str:
        size = long_bytes // 9
        similarity = (size - size // 100 - 4) / (size - 4)
        of_long = [each for each in decisions(run) if {each.removed, each.kept} & {0, run.documents - 1}]
        right = of_long == [Decision(run.documents - 1, 0, "near", similarity)]
        return told(right, f"its cut copy is removed at similarity {similarity:.4f}")

    return check


def check_garbage(run: Run) -> str:
    """Broken lines are quarantined, of the empty texts one stays."""
    quarantined = sum(row[-1] for row in run.annotate.counts["quarantined"])
    broken = run.documents + quarantined - -(-(run.documents + quarantined) // 3)
    right = quarantined == broken and run.removed == run.documents - 1
    return told(
        right, f"{quarantined:,} quarantined; of {run.documents:,} empty texts {run.removed:,} removed"
    )


def told(right: bool, sentence: str) -> str:
    """A check's line of the page."""
    return f"{sentence}: {'right' if right else 'WRONG'}"


# --- cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """Input that hurts.

    Attributes:
        name: of its row.
        lines: its lines.
        count: how many there are.
        check: says whether the answers are right.
        usual_length: whether ordinary pages of usual length stand beside it, instead of such of its own.
    """

    name: str
    lines: Callable[[], Iterator[bytes]]
    count: int
    check: Callable[[Run], str]
    usual_length: bool = False


def cases(scale: float) -> list[Case]:
    """All cases, with `scale` times the documents that the page asks for."""
    many, pages, mixed = round(100_000 * scale), round(50_000 * scale), round(20_000 * scale)
    linked = max(1, pages // CHAIN_LENGTH) * CHAIN_LENGTH
    long_bytes = round(50_000_000 * scale)
    return [
        Case("one page over and over", lambda: as_lines(copies(many)), many, check_copies),
        Case(
            "90 % boilerplate",
            lambda: as_lines(boilerplate(pages, 180, 20)),
            pages,
            check_boilerplate(180, 20),
        ),
        Case(
            "88 % boilerplate",
            lambda: as_lines(boilerplate(pages, 180, 24)),
            pages,
            check_boilerplate(180, 24),
        ),
        Case("chains of 60", lambda: as_lines(chains(linked)), linked, check_chains),
        Case("a few words", lambda: as_lines(few_words(many)), many, check_few_words, usual_length=True),
        Case(
            f"one document of {long_bytes / 1e6:g} MB, twice",
            lambda: as_lines(one_long(mixed, long_bytes)),
            mixed,
            check_long(long_bytes),
        ),
        Case("empty texts and garbage", lambda: garbage(many), many, check_garbage),
    ]


class Pair(NamedTuple):
    """A case and the ordinary input beside it."""

    case: Case
    run: Run
    beside: Run
    size_bytes: int
    beside_bytes: int
    answer: str


def measure_case(case: Case, folder: Path, *, repeats: int) -> Pair:
    """Write and measure a case and its counterpart; nothing of them is left on disk."""
    hard = write_lines(folder / "hard", case.lines())
    size_bytes = sum(path.stat().st_size for path in hard)
    name = case.name.replace(" ", "-").replace("%", "percent")
    run = measure(hard, folder / name, annotations=repeats, repeats=repeats)
    answer = case.check(run)
    mean_bytes = None if case.usual_length else max(1.0, size_bytes / case.count - _LINE_BYTES)
    usual = write_lines(folder / "usual", as_lines(ordinary(case.count, SEED + 1, mean_bytes=mean_bytes)))
    beside = measure(usual, folder / "beside", annotations=repeats, repeats=repeats)
    beside_bytes = sum(path.stat().st_size for path in usual)
    files.remove_tree(str(folder))
    return Pair(case, run, beside, size_bytes, beside_bytes, answer)


_LINE_BYTES: Final = len(orjson.dumps({"url": "d000000000", "text": ""})) + 1


# --- the page ---------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="documents, ascending")
    parser.add_argument(
        "--adversarial-scale",
        type=float,
        default=1.0,
        help="times the documents of hard input; 0 leaves it out",
    )
    parser.add_argument("--cases", nargs="+", help="only the hard input whose name begins so")
    parser.add_argument(
        "--repeats", type=int, default=2, help="runs of each stage, of which the fastest counts"
    )
    parser.add_argument("--keep", metavar="DIR", help="new folder for corpora and runs, kept afterwards")
    parser.add_argument("--output", metavar="FILE", help="Markdown file to write the section to as well")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    warm_up()
    with work_folder(args.keep) as folder:
        runs = measure_sizes(args.sizes, folder / "scale", repeats=args.repeats)
        wanted = tuple(args.cases or [""])
        pairs = [
            measure_case(case, folder / f"case-{number}", repeats=args.repeats)
            for number, case in enumerate(cases(args.adversarial_scale) if args.adversarial_scale else [])
            if case.name.startswith(wanted)
        ]
    options = argv if argv is not None else sys.argv[1:]
    command = shlex.join(["python", "-m", "benchmarks.bench_dedup_scale", *options])
    publish(section(runs, pairs, command=command, load=load, repeats=args.repeats), args.output)


def measure_sizes(sizes: Sequence[int], folder: Path, *, repeats: int) -> list[Run]:
    """Write a corpus of the largest size and measure prefixes of it, whole files each."""
    if not sizes:
        return []
    per_file = math.gcd(FILE_DOCUMENTS, *sizes)
    paths = write_lines(folder / "corpus", as_lines(ordinary(max(sizes), SEED)), per_file=per_file)
    return [
        measure(paths[: size // per_file], folder / f"documents-{size}", annotations=1, repeats=repeats)
        for size in sizes
    ]


def section(runs: Sequence[Run], pairs: Sequence[Pair], *, command: str, load: float, repeats: int) -> str:
    """The result as a section of a Markdown page."""
    low, high = PAGE_WORDS
    scale = adversarial = ""
    if runs:
        scale = SCALE.format(
            low=low,
            high=high,
            copied=COPIED_FRACTION,
            largest=max(size for size, _ in runs[-1].dedup.counts["cluster_sizes"]),
            table=scale_table(runs),
            max_growth=MAX_GROWTH,
        )
    if pairs:
        adversarial = ADVERSARIAL.format(
            max_ratio=MAX_ADVERSARIAL,
            table=adversarial_table(pairs),
            answers="\n".join(f"- *{pair.case.name}*: {pair.answer}." for pair in pairs),
        )
    return SECTION.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("pyspark", "pyarrow", "numba"),
        load=load,
        heap=HEAP,
        scale=scale,
        adversarial=adversarial,
        best="once" if repeats == 1 else f"the fastest of {repeats}",
    )


def scale_table(runs: Sequence[Run]) -> str:
    """One row per size."""
    header = [
        "documents",
        "text, MB",
        "stage, s",
        "s per 0.25 M",
        "growth",
        "process, s",
        "peak memory, GB",
        "removed",
    ]
    rows = []
    for before, run in zip([None, *runs], runs, strict=False):
        seconds = run.dedup.elapsed_s
        growth = ""
        if before is not None:
            growth = f"{seconds / before.dedup.elapsed_s * before.documents / run.documents:.2f}"
        rows.append(
            [
                f"{run.documents:,}",
                f"{run.annotate.counts['text_bytes'] / 1e6:,.0f}",
                f"{seconds:.1f}",
                f"{seconds * 250_000 / run.documents:.1f}",
                growth,
                f"{run.process.wall_s:.1f}",
                f"{run.peak_bytes / 1e9:.2f}",
                f"{run.removed:,}",
            ]
        )
    return markdown_table(header, rows, text_columns=0)


def adversarial_table(pairs: Sequence[Pair]) -> str:
    """One row per case: its seconds, those of ordinary input, and their ratio, for both stages."""
    header = [
        "input", "documents", "MB", "annotate, s", "ordinary", "ratio", "dedup, s", "ordinary", "ratio",
        "peak memory, GB",
    ]  # fmt: skip
    rows = []
    for pair in pairs:
        cells = []
        for name in ("annotate", "dedup"):
            hard, usual = getattr(pair.run, name).elapsed_s, getattr(pair.beside, name).elapsed_s
            cells += [f"{hard:.1f}", f"{usual:.1f}", f"{hard / usual:.2f}"]
        rows.append(
            [
                pair.case.name,
                f"{pair.case.count:,}",
                f"{pair.size_bytes / 1e6:,.1f}",
                *cells,
                f"{pair.run.peak_bytes / 1e9:.2f}",
            ]
        )
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
