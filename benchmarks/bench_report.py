"""The report of a large run: how long it takes to write, how heavy the page is, and how fast a browser opens it.

    python -m benchmarks.bench_report --run runs/large                  # the report of a run that is there
    python -m benchmarks.bench_report --documents 1000000 --keep FOLDER   # a run on generated text first

The page is opened cold, in a browser of its own each time, and the median is told.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import orjson

from benchmarks.browser import find_browser, open_browser
from benchmarks.common import (
    machine_facts,
    markdown_table,
    module_command,
    publish,
    run_measured,
    work_folder,
)
from dataprep.sample.scale import write_mc4

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUNDS: Final = 5
MAX_PAGE_BYTES: Final = 5_000_000
MAX_LOAD_S: Final = 2.0
_BYTES_PER_DOCUMENT: Final = 2_700  # of write_mc4, in the mean
_FILES: Final = 16
_LARGEST_TABLE: Final = """
() => {
  const tables = [...document.querySelectorAll("table")];
  const rows = (table) => table.tBodies[0].rows.length;
  const largest = tables.sort((a, b) => rows(b) - rows(a))[0];
  const buttons = largest.querySelectorAll("thead button");
  const start = performance.now();
  buttons[buttons.length - 1].click();
  largest.getBoundingClientRect();
  return [rows(largest), performance.now() - start];
}
"""
_FILTER_GROUPS: Final = """
() => {
  const field = document.querySelector("input[type=search]");
  const start = performance.now();
  field.value = "a";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - start;
}
"""
_TIMES: Final = """
() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [navigation.loadEventEnd, paint ? paint.startTime : null];
}
"""


def main() -> None:
    """Run the command with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Measure the report of a large run.")
    parser.add_argument("--run", help="run folder with config.yaml; made if not given")
    parser.add_argument("--documents", type=int, default=1_000_000, help="of the run that is made, about")
    parser.add_argument("--keep", help="folder for the input and the run, which must not exist")
    parser.add_argument("--output", help="file for the page of results")
    args = parser.parse_args()
    if args.run is not None:
        publish(_results(Path(args.run)), args.output)
        return
    with work_folder(args.keep) as folder:
        print(f"writing about {args.documents:,} documents", file=sys.stderr)
        total = args.documents * _BYTES_PER_DOCUMENT
        write_mc4(str(folder / "mc4"), total_bytes=total, seed=0, files=_FILES)
        config = {
            "run_dir": str(folder / "run"),
            "input_root": str(folder),
            "sources": [{"name": "mc4", "format": "mc4", "paths": ["mc4/*.json.gz"]}],
        }
        (folder / "config.yaml").write_bytes(orjson.dumps(config))
        run_measured(module_command("jobs.prepare", "--config", str(folder / "config.yaml")), {})
        publish(_results(folder / "run"), args.output)


def _results(run: Path) -> str:
    """The page of results of one run."""
    written = run_measured(module_command("jobs.report", "--config", str(run / "config.yaml")), {})
    report = orjson.loads((run / "report" / "report.json").read_bytes())
    page = run / "report" / "index.html"
    opened = [_opened(page) for _ in range(ROUNDS)]
    load_s, paint_s, sort_s, filter_s = (median(column) for column in zip(*opened, strict=True))
    size = page.stat().st_size
    rows = [
        ("documents", f"{report['inputs']['documents']:,}"),
        ("writing the report, start-up included", f"{written.wall_s:.1f} s"),
        ("peak memory of that", f"{written.peak_bytes / 1e9:.1f} GB"),
        ("page", f"{size / 1e6:.2f} MB (at most {MAX_PAGE_BYTES / 1e6:.0f})"),
        ("until loaded, cold", f"{load_s:.2f} s (at most {MAX_LOAD_S:.0f})"),
        ("until the first text is seen", f"{paint_s:.2f} s"),
        ("sorting its largest table", f"{sort_s * 1000:.0f} ms"),
        ("filtering", f"{filter_s * 1000:.0f} ms"),
    ]
    return (
        f"{machine_facts('pyarrow', 'matplotlib', 'jinja2')}; {Path(find_browser()).name}\n\n"
        + markdown_table(("", "measured"), rows)
    )


def _opened(page: Path) -> tuple[float, float, float, float]:
    """Seconds until loaded, until the first text, and of sorting and filtering, in a browser that was never used."""
    with open_browser() as browser:
        tab: Page = browser.new_page()
        tab.goto(page.resolve().as_uri(), wait_until="load")
        tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        times: Any = tab.evaluate(_TIMES)
        _, sorting = tab.evaluate(_LARGEST_TABLE)
        filtering: Any = tab.evaluate(_FILTER_GROUPS)
        return times[0] / 1000, times[1] / 1000, sorting / 1000, filtering / 1000


if __name__ == "__main__":
    main()
