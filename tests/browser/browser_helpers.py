"""What the tests that open pages in a browser share."""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from dataprep.filter.rules import EXPLANATIONS
from dataprep.report.numbers import build_report
from dataprep.report.page import render
from dataprep.sources.registry import MALFORMED_REASONS

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESKTOP: Final = 1280  # CSS pixels
PHONE: Final = 390
HEIGHT: Final = 900


@dataclass(frozen=True, slots=True)
class View:
    """A page as it is open in the browser.

    Attributes:
        page: for everything that playwright can do with it.
        requests: addresses it has asked for, the first being its own.
        complaints: errors and warnings of the console, and exceptions of its script.
    """

    page: "Page"
    requests: list[str]
    complaints: list[str]

    def in_scheme(self, scheme: Any, *, media: Any = "screen") -> None:
        """Look at the page in light or dark, on screen or as printed."""
        self.page.emulate_media(media=media, color_scheme=scheme)

    def at_width(self, width: int) -> None:
        """Make the window so many CSS pixels wide."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def press_on(self, selector: str, number: int, key: str) -> None:
        """Focus one of the elements that a selector finds, and press a key."""
        self.page.evaluate("([all, at]) => document.querySelectorAll(all)[at].focus()", [selector, number])
        self.page.keyboard.press(key)

    def open_details(self) -> None:
        """Open everything that can be opened."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


class Look(Protocol):
    """Opens a file in the browser."""

    def __call__(self, path: Path, *, width: int = DESKTOP, scheme: str = "light") -> View: ...


@cache
def report_fixtures() -> ModuleType:
    """The hand-made run folder of `tests/dataprep/report`: folders of tests are no packages to import from."""
    path = Path(__file__).parents[1] / "dataprep" / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("report_fixtures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_page(path: Path, run_dir: Path) -> Path:
    """The page of a run folder, written to a file elsewhere: other tests look at what is in the folder."""
    path.write_text(
        render(build_report(str(run_dir), {**EXPLANATIONS, **MALFORMED_REASONS})), encoding="utf-8"
    )
    return path
