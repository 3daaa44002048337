"""The report of a large run: `python -m benchmarks.bench_report --folder DIR`.

Writes a corpus and runs the whole pipeline on it, unless the folder holds that run already. Then writes the report in a
process of its own, and opens the page in Chromium, started anew each time.
"""

import argparse
import datetime
import os
import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from benchmarks.bench_dedup_scale import run_process
from benchmarks.browser import NoBrowserError, open_browser
from benchmarks.common import (
    Measured,
    machine_facts,
    markdown_table,
    module_command,
    publish,
    run_measured,
)
from dataprep.files import read_json
from dataprep.sample.scale import write_mc4

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SOURCES: Final = 4
FILES_PER_SOURCE: Final = 2
SEED: Final = 1
DOCUMENT_BYTES: Final = 2_770  # mean of the generated documents
WRITES: Final = 3
MAX_PAGE_BYTES: Final = 5_000_000
MAX_LOAD_MS: Final = 2_000.0

PAGE: Final = """\
# The report of a large run

`{command}` on {date}; {facts}; {browser}, without a window;
load average {load:.1f} at the start.

The run: {read:,} records in {sources} source(s) and {locales} locales, {kept:,} kept, {dropped:,} dropped
for {reasons} reasons. The page has {tables} tables, {elements:,} elements;
the largest table is `{largest}` with {cells:,} cells.

{table}

- *Writing* is the wall time of `python -m jobs.report` with the start of Python, the median of {writes}. *Peak memory*:
  largest resident memory of that process, five samples a second.
- *Loading* and what follows are medians of {repeats}, each in a browser started for it, with the file in the memory of
  the operating system: from the start of the navigation to the first text on the screen, and to the end of the load
  event.
- *Opening* is from opening all that can be opened, *sorting* from the click on the last heading of the largest table,
  to the frame after the one that shows it."""

# Milliseconds since the start of the navigation; the frame is there when the one after it begins.
LOADED: Final = """async () => {
  const painted = new Promise(done => new PerformanceObserver(list => {
    const entry = list.getEntriesByName('first-contentful-paint')[0];
    if (entry) done(entry.startTime);
  }).observe({type: 'paint', buffered: true}));
  return [await painted, performance.getEntriesByType('navigation')[0].loadEventEnd];
}"""
SIZES: Final = """() => {
  const cells = table => table.querySelectorAll('td, th').length;
  const tables = [...document.querySelectorAll('table')].sort((a, b) => cells(b) - cells(a));
  return [tables.length, document.querySelectorAll('*').length, tables[0].id, cells(tables[0])];
}"""
OPEN_AND_SORT: Final = """async id => {
  const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  await frame();
  const begin = performance.now();
  document.querySelectorAll('details').forEach(each => { each.open = true; });
  await frame();
  const opened = performance.now();
  const table = document.getElementById(id), button = [...table.querySelectorAll('thead button')].at(-1);
  button.click();
  await frame();
  return [opened - begin, performance.now() - opened];
}"""


@dataclass(frozen=True, slots=True)
class Timings:
    """What a browser needs for a page, in milliseconds."""

    first_paint_ms: float
    load_ms: float
    open_ms: float
    sort_ms: float


@dataclass(frozen=True, slots=True)
class Contents:
    """What is on a page: how many tables and elements, and the table with most cells."""

    tables: int
    elements: int
    largest: str
    largest_cells: int


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000, help="about so many are generated")
    parser.add_argument(
        "--folder", metavar="DIR", default="runs/bench-report", help="for corpora and runs, kept"
    )
    parser.add_argument(
        "--run", metavar="DIR", help="a finished run to report on, instead of one that is made"
    )
    parser.add_argument("--repeats", type=int, default=5, help="how often the page is opened")
    parser.add_argument("--output", metavar="FILE", help="Markdown file to write the page to as well")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    if args.run is not None:
        run, options = Path(args.run).resolve(), ["--run", "DIR"]
        config = run / "config.yaml"
    else:
        folder = Path(args.folder).resolve() / f"{args.documents}-documents"
        run, options = folder / "run", ["--documents", str(args.documents)]
        config = finished_run(folder, args.documents)
    command = module_command("jobs.report", "--config", str(config))
    writes = [run_measured(command, {}) for _ in range(WRITES)]
    report = run / "report" / "index.html"
    try:
        opened = [open_once(report) for _ in range(args.repeats)]
    except NoBrowserError as error:
        sys.exit(f"error: {error}")
    shown = shlex.join(["python", "-m", "benchmarks.bench_report", *options])
    publish(page(run, writes, opened, shown, load), args.output)


def finished_run(folder: Path, documents: int) -> Path:
    """The configuration of a finished run; made first if it is not there."""
    config, corpus = folder / "config.yaml", folder / "corpus"
    if not config.exists():
        print(f"writing about {documents:,} documents into {corpus}", file=sys.stderr)
        write_mc4(
            str(corpus), total_bytes=documents * DOCUMENT_BYTES, seed=SEED, files=SOURCES * FILES_PER_SOURCE
        )
        names = sorted(path.name for path in corpus.iterdir())
        sources = [
            {
                "name": f"crawl-{number}",
                "format": "mc4",
                "paths": names[number::SOURCES],
                "priority": number + 1,
            }
            for number in range(SOURCES)
        ]
        settings = {"run_dir": str(folder / "run"), "input_root": str(corpus), "sources": sources}
        config.write_text(
            yaml.safe_dump(settings), encoding="utf-8"
        )  # last: it says that the corpus is whole
    if not (folder / "run" / "ledger.json").exists():
        print(f"running the pipeline; its log is {folder / 'prepare.log'}", file=sys.stderr)
        run_process("prepare", config)
    return config


def open_once(report: Path) -> tuple[str, Contents, Timings]:
    """Open a page in a browser started for it: the browser's name, what is on the page, and the times."""
    with open_browser() as browser:
        return f"Chromium {browser.version}", *timings(browser, report)


def timings(browser: "Browser", report: Path) -> tuple[Contents, Timings]:
    """Open a page in a new window, open all that can be opened, and sort the largest table."""
    window = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        window.goto(report.as_uri(), wait_until="load")
        first_paint_ms, load_ms = window.evaluate(LOADED)
        contents = Contents(*window.evaluate(SIZES))
        open_ms, sort_ms = window.evaluate(OPEN_AND_SORT, contents.largest)
    finally:
        window.close()
    return contents, Timings(first_paint_ms, load_ms, open_ms, sort_ms)


def page(
    run_dir: Path,
    writes: Sequence[Measured],
    opened: Sequence[tuple[str, Contents, Timings]],
    command: str,
    load: float,
) -> str:
    """The result as Markdown."""
    ledger = read_json(str(run_dir / "ledger.json"))
    total = ledger["total"]
    browser, contents, _ = opened[0]
    median = {
        field.name: statistics.median(getattr(each, field.name) for *_, each in opened)
        for field in fields(Timings)
    }
    report = run_dir / "report"
    page_bytes = (report / "index.html").stat().st_size
    rows = [
        ["writing the report, s", f"{statistics.median(each.wall_s for each in writes):.1f}", ""],
        ["peak memory, GB", f"{max(each.peak_bytes for each in writes) / 1e9:.2f}", ""],
        ["index.html, MB", f"{page_bytes / 1e6:.2f}", f"< {MAX_PAGE_BYTES / 1e6:g}"],
        ["report.json, MB", f"{(report / 'report.json').stat().st_size / 1e6:.2f}", ""],
        ["loading, to the first text, s", f"{median['first_paint_ms'] / 1e3:.2f}", ""],
        ["loading, to the load event, s", f"{median['load_ms'] / 1e3:.2f}", f"< {MAX_LOAD_MS / 1e3:g}"],
        ["opening everything, s", f"{median['open_ms'] / 1e3:.2f}", ""],
        ["sorting the largest table, s", f"{median['sort_ms'] / 1e3:.2f}", ""],
    ]
    return PAGE.format(
        command=command,
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("pyspark", "pyarrow", "matplotlib"),
        browser=browser,
        load=load,
        read=total["read"],
        kept=total["kept"],
        dropped=sum(total["dropped"].values()),
        reasons=len(total["dropped"]),
        sources=len(ledger["by_source"]),
        locales=len(ledger["by_locale"]),
        tables=contents.tables,
        elements=contents.elements,
        largest=contents.largest.removeprefix("table-"),
        cells=contents.largest_cells,
        table=markdown_table(["", "measured", "target"], rows),
        writes=WRITES,
        repeats=len(opened),
    )


if __name__ == "__main__":
    main()
