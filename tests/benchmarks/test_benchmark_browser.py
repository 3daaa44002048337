from pathlib import Path

import pytest

from benchmarks.browser import NoBrowserError, find_browser, open_browser


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def test_the_first_browser_of_the_names_is_taken(programs: Path) -> None:
    put(programs, "chrome")
    wanted = put(programs, "chromium")

    assert find_browser() == wanted


def test_without_a_browser_the_error_names_what_to_install(programs: Path) -> None:
    with pytest.raises(
        NoBrowserError, match="install one of chromium, chromium-browser, google-chrome, chrome"
    ):
        find_browser()


def test_a_browser_that_does_not_start_is_no_browser(programs: Path) -> None:
    pytest.importorskip("playwright.sync_api")
    path = put(programs, "chromium")
    with pytest.raises(NoBrowserError, match=f"{path} does not start"), open_browser():
        pass
