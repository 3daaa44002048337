"""The browser that tests, benchmarks and screenshots open pages in: the machine's own Chromium, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A container has no user name spaces to build a sandbox of, and the pages are our own files.
_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu")


class NoBrowserError(RuntimeError):
    """There is nothing to open a page in; the message says what to install."""


def find_browser() -> str:
    """Path of the first browser of `NAMES` on this machine.

    Raises:
        NoBrowserError: there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowserError(f"no browser found; install one of {', '.join(NAMES)}.")
    return found


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """A browser, closed at the end.

    Raises:
        NoBrowserError: the machine has no browser that starts, or the environment no playwright.
    """
    path = find_browser()
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowserError("playwright is not installed; it comes with the extra dev.") from error
    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        except Error as error:  # a distribution may name a browser so that only tells how to get one
            raise NoBrowserError(f"{path} does not start: {error.message.splitlines()[0]}") from error
        try:
            yield browser
        finally:
            browser.close()
