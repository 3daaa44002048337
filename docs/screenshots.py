"""Pictures of the demo's report for the README: `python -m docs.screenshots`, after `make demo`.

The demo's texts are the project's own, so the pictures hold nobody else's. Needs Chromium.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from benchmarks.browser import NoBrowserError, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTH: Final = 1280
MARGIN: Final = 6
COLOURS: Final = 256  # flat colours and the edges of letters need no more, and the file is much smaller
LANGUAGE: Final = "en"


def main(argv: Sequence[str] | None = None) -> None:
    """Take the pictures and print where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", metavar="FILE", default="runs/demo/report/index.html", help="the page")
    parser.add_argument("--output", metavar="DIR", default="docs/images", help="folder for the pictures")
    args = parser.parse_args(argv)
    report, output = Path(args.report).resolve(), Path(args.output)
    if not report.exists():
        sys.exit(f"error: {report} does not exist; make demo writes it.")
    try:
        with open_browser() as browser:
            pictures = take(browser, report)
    except NoBrowserError as error:
        sys.exit(f"error: {error}")
    output.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        path = output / f"report-{name}.png"
        path.write_bytes(small(picture))
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def take(browser: "Browser", report: Path) -> dict[str, bytes]:
    """The top of the page, and a language's removed documents beside what stays, as PNG by name."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=1)
    page.goto(report.as_uri())
    top = clipped(page, "body", "section[aria-labelledby=inputs] .scroll", whole_width=True)
    page.locator(f"a[href='#removed-{LANGUAGE}']").first.click()
    pairs = clipped(page, f"#removed-{LANGUAGE}", f"#removed-{LANGUAGE} article:nth-of-type(2)")
    page.close()
    return {"top": top, "pairs": pairs}


def clipped(page: "Page", first: str, last: str, *, whole_width: bool = False) -> bytes:
    """The page from the top of one element to the bottom of another, with a margin."""
    above, below = (page.locator(each).first.bounding_box() for each in (first, last))
    if above is None or below is None:
        raise ValueError(f"the page shows no {first if above is None else last}")
    scrolled = page.evaluate("scrollY")
    left = 0 if whole_width else above["x"] - MARGIN
    top = max(0, above["y"] + scrolled - MARGIN)
    bottom = below["y"] + below["height"] + scrolled + MARGIN
    right = WIDTH if whole_width else above["x"] + above["width"] + MARGIN
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type] (a dict of the same keys)


def small(picture: bytes) -> bytes:
    """The same picture with a palette."""
    target = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(target, "png", optimize=True)
    return target.getvalue()


if __name__ == "__main__":
    main()
