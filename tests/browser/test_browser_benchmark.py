"""What the benchmark of the report says of a page is what is on it."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench_report import Contents, Timings, page, timings
from benchmarks.common import Measured

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TABLE = (
    "<table id='{name}'><thead><tr><th><button onclick='{click}'>a</button></tr></thead>"
    "<tbody>{rows}</tbody></table>"
)


def test_a_page_is_measured_with_everything_open_and_its_largest_table_sorted(
    chromium: "Browser", tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    wait = "const end = performance.now() + 60; while (performance.now() < end);"
    small = TABLE.format(name="small", click="", rows="<tr><td>1</td></tr>")
    large = TABLE.format(name="large", click=wait, rows="<tr><td>1</td></tr>" * 9)
    path.write_text(f"<p>text</p>{small}<details><summary>more</summary>{large}</details>", encoding="utf-8")

    contents, measured = timings(chromium, path)

    assert (contents.tables, contents.largest, contents.largest_cells) == (2, "large", 10)
    assert contents.elements == 38
    assert measured.first_paint_ms > 0
    assert measured.load_ms > 0
    assert measured.open_ms > 0
    assert measured.sort_ms > 60


def test_the_table_has_medians_sizes_and_targets(made_run: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_bytes(b"x" * 1_230_000)
    (report / "report.json").write_bytes(b"x" * 450_000)
    (tmp_path / "ledger.json").write_bytes((made_run / "ledger.json").read_bytes())
    contents = Contents(20, 9_000, "table-reasons", 500)
    opened = [
        ("Chromium 1", contents, Timings(100.0 * n, 200.0 * n, 10.0 * n, 1_000.0 * n)) for n in (1, 9, 2)
    ]
    writes = [Measured(seconds, peak, "") for seconds, peak in ((3.0, 10**9), (8.0, 2 * 10**9), (4.0, 10**9))]

    shown = page(tmp_path, writes, opened, "command", 0.5)

    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if "|" in line
    ]
    figures = {name: (figure, target) for name, figure, target in cells[2:]}
    assert figures == {
        "writing the report, s": ("4.0", ""),
        "peak memory, GB": ("2.00", ""),
        "index.html, MB": ("1.23", "< 5"),
        "report.json, MB": ("0.45", ""),
        "loading, to the first text, s": ("0.20", ""),
        "loading, to the load event, s": ("0.40", "< 2"),
        "opening everything, s": ("0.02", ""),
        "sorting the largest table, s": ("2.00", ""),
    }
    assert "2,198 records" in shown
    assert "`reasons` with 500 cells" in shown
