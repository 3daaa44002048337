"""Pages of reports, and the browser that they are opened in: one for all tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_helpers import DESKTOP, HEIGHT, Look, View, report_fixtures, write_page
from pipeline_helpers import SampleRun, real_pipeline, sample_run

from benchmarks.browser import NoBrowserError, open_browser
from dataprep.pipeline import TOKENIZER_MODEL, Pipeline

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["real_pipeline", "sample_run"]

_LOADING_MS = 180_000  # a machine that does other things too may take long; speed is the benchmark's matter


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that opens a browser, so that `pytest -m "not browser"` needs none."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """The browser of all tests."""
    opened = open_browser()
    try:
        browser = opened.__enter__()
    except NoBrowserError as error:
        pytest.skip(str(error))
    yield browser
    opened.__exit__(None, None, None)


@pytest.fixture(scope="session")
def tab(chromium: "Browser") -> "Page":
    """The window of all tests: a new one for each would take longer than most of them."""
    page = chromium.new_page()
    page.set_default_timeout(30_000)  # a machine may be busy
    return page


@pytest.fixture
def look(tab: "Page") -> Iterator[Look]:
    """Opens a file in the window, with nothing left of what was done there before."""
    views: list[View] = []

    def complain(text: str) -> None:
        views[-1].complaints.append(text)

    listeners: dict[Any, Callable[[Any], None]] = {
        "request": lambda request: views[-1].requests.append(request.url),
        "pageerror": lambda error: complain(str(error)),
        "console": lambda said: complain(said.text) if said.type in {"error", "warning"} else None,
    }

    def look(path: Path, *, width: int = DESKTOP, scheme: Any = "light") -> View:
        tab.set_viewport_size({"width": width, "height": HEIGHT})
        tab.emulate_media(media="screen", color_scheme=scheme)
        views.append(View(tab, [], []))
        tab.goto(path.as_uri(), timeout=_LOADING_MS)
        return views[-1]

    tab.goto("about:blank")
    for event, listener in listeners.items():
        tab.on(event, listener)
    yield look
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages lie."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-made run folder: two alarms, duplicates in four scripts, every section filled."""
    run_dir = tmp_path_factory.mktemp("made")
    report_fixtures().write_run(run_dir)
    return run_dir


@pytest.fixture(scope="session")
def made_page(made_run: Path, folder: Path) -> Path:
    """The page of the hand-made run folder."""
    return write_page(folder / "made.html", made_run)


@pytest.fixture(scope="session")
def unbalanced_page(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """The page of a run whose ledger does not balance."""
    run_dir = tmp_path_factory.mktemp("unbalanced")
    report_fixtures().write_run(run_dir)
    ledger = json.loads((run_dir / "ledger.json").read_text())
    ledger["total"]["read"] += 1
    (run_dir / "ledger.json").write_text(json.dumps(ledger))
    return write_page(folder / "unbalanced.html", run_dir)


@pytest.fixture(scope="session")
def empty_page(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """The page of a run that read nothing: every section says so."""
    run_dir = tmp_path_factory.mktemp("empty")
    total = {"read": 0, "kept": 0, "dropped": {}, "quarantined": 0}
    ledger = {"schema_version": 1, "total": total, "by_source": {}, "by_locale": {}, "by_file": {}}
    (run_dir / "ledger.json").write_text(json.dumps(ledger))
    return write_page(folder / "empty.html", run_dir)


@pytest.fixture(scope="session")
def demo_page(sample_run: SampleRun, folder: Path) -> Path:
    """The page of the run on the sample corpora."""
    return write_page(folder / "demo.html", sample_run.folder)


@pytest.fixture(scope="session")
def real_page(real_pipeline: Pipeline, sample_run: SampleRun, folder: Path) -> Path:
    """The page of the run on the real samples, with the tokeniser of the other run: training one takes longest."""
    config = real_pipeline.config
    model = str(sample_run.folder / TOKENIZER_MODEL)
    config = config.model_copy(update={"tokenizer": config.tokenizer.model_copy(update={"model": model})})
    job = Pipeline(real_pipeline.spark, config, real_pipeline.plan, lambda _: None, lambda *_: None)
    job.prepare()
    return write_page(folder / "real.html", Path(config.run_dir))


@pytest.fixture(
    params=[
        "made",
        "empty",
        pytest.param("demo", marks=pytest.mark.spark),
        pytest.param("real", marks=[pytest.mark.spark, pytest.mark.realdata, pytest.mark.slow]),
    ]
)
def any_page(request: pytest.FixtureRequest, chromium: "Browser") -> Path:
    """Each page in turn. The browser comes first, so that no run is made for tests that skip without one."""
    path: Path = request.getfixturevalue(f"{request.param}_page")
    return path


@pytest.fixture
def write_html(tmp_path: Path) -> Callable[[str], Path]:
    """A page of the test's own."""

    def write(body: str) -> Path:
        path = tmp_path / "own.html"
        path.write_text(f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>own</title>{body}", "utf-8")
        return path

    return write
