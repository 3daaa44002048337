"""Speed of the data pipeline beside its floors: `python -m benchmarks.bench_pipeline`.

Writes a corpus, runs the pipeline on it, and runs the two things that no pipeline can do without: a Spark copy of the
input and a SentencePiece encoding of what was kept. Each runs once, one after the other, in a fresh process.
"""

import argparse
import datetime
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
from dataprep import schema as s
from dataprep.filter.fates import TEXT_BYTES
from dataprep.kernels.fused import warm_up
from dataprep.pipeline import ANNOTATE, DEDUP, FATES, STAGES
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.scale import write_mc4
from dataprep.stages import RunFolder, StageRecord

INPUT_FILES: Final = 8
SEED: Final = 1
CORES: Final = 2
MAX_DECISIONS_RATIO: Final = 3.0
MAX_WHOLE_RATIO: Final = 2.0

PAGE: Final = """\
# Throughput of the data pipeline

`{command}` on {date}: one run on {facts};
Spark on local[{cores}], load average {load:.1f} at the start.

Corpus: {input_files} mC4 files of generated text in {languages} languages: {documents:,} documents, {text_mb:,.1f} MB,
{input_mb:,.1f} MB as .json.gz. The run removed {exact:,} exact and {near:,} near duplicates and kept
{kept:,} documents, {kept_mb:,.1f} MB.

{steps}

- *MB/s* are 10^6 UTF-8 bytes of normalised text per second of work: all text, or the kept text where it is encoded.
- *Work* begins when the Spark session is there; of the whole run it is the sum of its stages. *With start-up* adds
  Python's imports, loading the compiled kernels and the JVM; of a whole process it is its wall time.
- *Spark copy*: `read.json` with the schema given, written as zstd Parquet, with the session settings of the jobs.
- *SentencePiece*: the run's own tokeniser on the kept text in memory, a document at a time, ids thrown away.
- *Peak memory*: largest sum of resident memory over a process and its descendants (JVM, Python workers), five samples
  a second; pages that processes share count once for each.
- Kernels were compiled before, and the corpus had just been written: neither compilation nor a slow disk is in here.

{ratios}

Stages of the whole run:

{stages}
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One of `pipeline_processes`: how long it lived, how much memory it took, and what it says of itself."""

    measured: Measured
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured.

    Attributes:
        copy: the Spark copy.
        prepare: the whole run.
        encode: the encoding, by number of processes.
        stages: records of the stages of the whole run, by name.
        input_bytes: size of the input files.
        load: load average of the machine before anything was run.
    """

    copy: Process
    prepare: Process
    encode: dict[int, Process]
    stages: dict[str, StageRecord]
    input_bytes: int
    load: float


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table of steps.

    Attributes:
        name: what was done.
        work_s: seconds of work, without start-up.
        full_s: seconds with start-up; where a floor is given none, the same as `work_s`.
        text_bytes: text that went through.
        peak_bytes: peak memory, where the step is a process of its own.
    """

    name: str
    work_s: float
    full_s: float
    text_bytes: float
    peak_bytes: int | None = None


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="text of the corpus, in 10^6 bytes")
    parser.add_argument("--keep", metavar="DIR", help="new folder for corpus and run, kept afterwards")
    parser.add_argument("--output", metavar="FILE", help="Markdown file to write the page to as well")
    args = parser.parse_args(argv)
    options = ["--megabytes", str(args.megabytes), *(["--output", args.output] if args.output else [])]
    with work_folder(args.keep) as folder:
        results = measure(folder, megabytes=args.megabytes)
    command = shlex.join(["python", "-m", "benchmarks.bench_pipeline", *options])
    publish(page(results, command), args.output)


def measure(folder: Path, *, megabytes: int) -> Results:
    """Write the corpus and run every process, one after the other."""
    load = os.getloadavg()[0]
    corpus, run_dir = str(folder / "corpus"), str(folder / "run")
    write_mc4(corpus, total_bytes=megabytes * 1_000_000, seed=SEED, files=INPUT_FILES)
    warm_up()
    copy = run_process("copy", corpus, str(folder / "copy"))
    config = folder / "config.yaml"
    source = {"name": "mc4", "format": "mc4", "paths": ["*.json.gz"]}
    config.write_text(yaml.safe_dump({"run_dir": run_dir, "input_root": corpus, "sources": [source]}))
    prepare = run_process("prepare", str(config), str(folder / "spark.log"))
    run = RunFolder(run_dir, STAGES)
    return Results(
        copy,
        prepare,
        {processes: run_process("encode", run_dir, str(processes)) for processes in (1, CORES)},
        {stage.name: record for stage in STAGES if (record := run.record(stage)) is not None},
        sum(path.stat().st_size for path in Path(corpus).iterdir()),
        load,
    )


def run_process(*arguments: str) -> Process:
    """Run one of `pipeline_processes` and measure it."""
    command = module_command("benchmarks.pipeline_processes", *arguments)
    measured = run_measured(command, {"MASTER": f"local[{CORES}]"})
    return Process(measured, json.loads(measured.output))


def page(results: Results, command: str) -> str:
    """The result as Markdown."""
    funnel = results.stages[FATES.name].counts["funnel"]
    kept = [row for row in funnel if row[s.DROP_REASON] is None]
    dedup = results.stages[DEDUP.name].counts
    copy, encoded, annotate, decisions, whole = steps(results)
    encode = encoded[-1]
    return PAGE.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("pyspark", "pyarrow", "numba", "sentencepiece"),
        cores=CORES,
        load=results.load,
        input_files=INPUT_FILES,
        languages=len(LANGUAGES),
        documents=sum(row["documents"] for row in funnel),
        text_mb=whole.text_bytes / 1e6,
        input_mb=results.input_bytes / 1e6,
        exact=dedup["exact_removed"],
        near=dedup["near_removed"],
        kept=sum(row["documents"] for row in kept),
        kept_mb=encode.text_bytes / 1e6,
        steps=step_table([copy, *encoded, annotate, decisions, whole]),
        ratios=markdown_table(
            ["ratio", "work", "with start-up", "target"],
            [
                ratio_row(annotate, [copy], None),
                ratio_row(decisions, [copy], MAX_DECISIONS_RATIO),
                ratio_row(whole, [copy, encode], MAX_WHOLE_RATIO),
            ],
        ),
        stages=stage_table(results),
    ).rstrip()


def steps(results: Results) -> tuple[Step, list[Step], Step, Step, Step]:
    """Copy, encodings, annotation, annotation with deduplication, and the whole run."""
    seconds = {name: record.elapsed_s for name, record in results.stages.items()}
    startup_s = results.prepare.figures["startup_s"]
    text_bytes = sum(row[TEXT_BYTES] for row in results.stages[FATES.name].counts["funnel"])
    decisions_s = seconds[ANNOTATE.name] + seconds[DEDUP.name]
    copied, prepared = results.copy.measured, results.prepare.measured
    return (
        Step("Spark copy", results.copy.figures["job_s"], copied.wall_s, text_bytes, copied.peak_bytes),
        [encode_step(processes, process) for processes, process in results.encode.items()],
        Step("annotate", seconds[ANNOTATE.name], startup_s + seconds[ANNOTATE.name], text_bytes),
        Step("raw to dedup decisions", decisions_s, startup_s + decisions_s, text_bytes),
        Step("whole run", sum(seconds.values()), prepared.wall_s, text_bytes, prepared.peak_bytes),
    )


def encode_step(processes: int, process: Process) -> Step:
    """The encoding. Loading the model and the text is not counted: a floor has to be low."""
    seconds = process.figures["encode_s"]
    name = f"SentencePiece, {processes} process{'es' if processes > 1 else ''}"
    return Step(name, seconds, seconds, process.figures["text_bytes"], process.measured.peak_bytes)


def step_table(rows: Sequence[Step]) -> str:
    """Seconds, speed and memory of every step."""
    return markdown_table(
        ["step", "work, s", "MB/s", "with start-up, s", "peak memory, GB"],
        [
            [
                step.name,
                f"{step.work_s:.1f}",
                f"{step.text_bytes / step.work_s / 1e6:.1f}",
                f"{step.full_s:.1f}",
                "" if step.peak_bytes is None else f"{step.peak_bytes / 1e9:.2f}",
            ]
            for step in rows
        ],
    )


def ratio_row(step: Step, floor: Sequence[Step], target: float | None) -> list[str]:
    """A step's time over the sum of its floors', without and with start-up."""
    below = " + ".join(each.name for each in floor)
    return [
        f"{step.name} ÷ {f'({below})' if len(floor) > 1 else below}",
        f"{step.work_s / sum(each.work_s for each in floor):.2f}",
        f"{step.full_s / sum(each.full_s for each in floor):.2f}",
        "" if target is None else f"≤ {target:g}",
    ]


def stage_table(results: Results) -> str:
    """Seconds of start-up, of every stage and of the rest, with their shares of the wall time."""
    wall_s = results.prepare.measured.wall_s
    seconds = {"start-up": results.prepare.figures["startup_s"]}
    seconds |= {name: record.elapsed_s for name, record in results.stages.items()}
    seconds["planning, report, shutdown"] = wall_s - sum(seconds.values())
    seconds["whole process"] = wall_s
    return markdown_table(
        ["stage", "s", "share"],
        [
            [name, f"{elapsed_s:.1f}", f"{100 * elapsed_s / wall_s:.0f} %"]
            for name, elapsed_s in seconds.items()
        ],
    )


if __name__ == "__main__":
    main()
