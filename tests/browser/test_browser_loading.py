"""Pages of reports load whole, in silence, and alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from browser_helpers import DESKTOP, PHONE, Look

# Per plot: how many shapes and labels it draws, and those that stick out of it. Matplotlib lays text out with a font of
# its own, so labels may be a little wider here. What is clipped may begin outside.
PLOTS: Final = """() => [...document.querySelectorAll('svg.plot')].map(svg => {
  const frame = svg.getBoundingClientRect();
  const view = svg.viewBox.baseVal, scale = frame.width / view.width;
  const outside = [];
  let shapes = 0, labels = 0;
  for (const each of svg.querySelectorAll('path, use, rect, circle, line, polyline, polygon, text')) {
    if (each.closest('defs, clipPath') || each.closest('[clip-path]')) { shapes += !each.closest('defs'); continue; }
    const isText = each.tagName === 'text', slack = isText ? 12 * scale : 1;
    const box = each.getBoundingClientRect();
    isText ? labels++ : shapes++;
    if (box.left < frame.left - slack || box.right > frame.right + slack ||
        box.top < frame.top - slack || box.bottom > frame.bottom + slack)
      outside.push(`${each.tagName} ${each.id || each.textContent}`);
  }
  return {name: svg.getAttribute('aria-label'), width: frame.width, height: frame.height,
          view: [view.width, view.height], shapes, labels, outside};
})"""

# Texts that reach beyond the window, if the page scrolls sideways; what scrolls in a box of its own is left out.
TOO_WIDE: Final = """() => {
  const root = document.documentElement, right = root.clientWidth, found = [];
  if (root.scrollWidth <= right) return found;
  const boxed = each => each !== document.body &&
    (getComputedStyle(each).overflowX !== 'visible' || boxed(each.parentElement));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  while (texts.nextNode()) {
    range.selectNodeContents(texts.currentNode);
    const parent = texts.currentNode.parentElement;
    if (range.getBoundingClientRect().right > right + 1 && !boxed(parent))
      found.push(`${parent.tagName} ${texts.currentNode.data.slice(0, 40)}`);
  }
  return found.length ? found : [`something is ${root.scrollWidth} wide`];
}"""


def test_a_page_asks_for_nothing_but_itself_and_has_nothing_to_complain_of(
    any_page: Path, look: Look
) -> None:
    view = look(any_page)
    view.open_details()
    view.page.evaluate("document.querySelectorAll('thead button').forEach(each => each.click())")
    view.page.evaluate("document.fonts.ready")

    assert view.requests == [any_page.as_uri()]
    assert view.complaints == []


def test_a_request_a_warning_and_an_exception_would_be_seen(
    look: Look, write_html: Callable[[str], Path]
) -> None:
    path = write_html(
        "<img src='http://127.0.0.1:9/pixel.png'><script>console.warn('careful'); throw new Error('broken');</script>"
    )

    view = look(path)

    assert view.requests == [path.as_uri(), "http://127.0.0.1:9/pixel.png"]
    assert {"careful", "broken"} <= set(view.complaints)


def test_plots_are_drawn_whole(any_page: Path, look: Look) -> None:
    view = look(any_page)
    view.open_details()

    for width in (DESKTOP, PHONE):
        view.at_width(width)
        plots = view.page.evaluate(PLOTS)
        assert all(plot["width"] > 200 and plot["height"] > 50 for plot in plots)
        assert all(plot["view"][0] > 0 and plot["view"][1] > 0 for plot in plots)
        assert all(plot["shapes"] > 3 and plot["labels"] > 3 for plot in plots)
        assert {plot["name"]: plot["outside"] for plot in plots if plot["outside"]} == {}


def test_pages_of_runs_with_duplicates_have_plots(made_page: Path, look: Look) -> None:
    assert look(made_page).page.locator("svg.plot").count() >= 5


def test_a_shape_outside_its_plot_would_be_seen(look: Look, write_html: Callable[[str], Path]) -> None:
    path = write_html(
        "<svg class=plot viewBox='0 0 100 50' width=300><path d='M0 0 H90 V40'/><path id=wide d='M0 0 H190'/></svg>"
    )

    (plot,) = look(path).page.evaluate(PLOTS)

    assert plot["outside"] == ["path wide"]


def test_the_page_never_scrolls_sideways(any_page: Path, look: Look) -> None:
    view = look(any_page)
    for opened in (False, True):
        if opened:
            view.open_details()
        for width in (DESKTOP, PHONE):
            view.at_width(width)
            assert view.page.evaluate(TOO_WIDE) == []


def test_an_overlong_word_would_be_seen(look: Look, write_html: Callable[[str], Path]) -> None:
    path = write_html(f"<p>short<p>{'long' * 100}")

    assert look(path, width=PHONE).page.evaluate(TOO_WIDE) == ["P " + "long" * 10]
