"""Everything on the pages of reports can be done by keyboard, and one sees where one is."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from browser_helpers import HEIGHT, Look, View

# What the page offers to the Tab key, in the order of the page; what is closed or hidden is left out. Of a group of
# radio buttons Tab reaches the checked one, and the arrows the others.
OFFERED: Final = """() => {
  window.stops = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled)
    .filter(each => each.type !== 'radio' || each.checked);
  return window.stops.map(each => `${each.localName} ${each.textContent.trim().slice(0, 30)}`);
}"""

# Notes every element that gets the focus, as its place in the above (−1: not among them), and whether one sees it.
WATCH: Final = """() => {
  window.visited = [];
  addEventListener('focusin', ({target}) => {
    const style = getComputedStyle(target), box = target.getBoundingClientRect();
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
    const onScreen = box.width > 0 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
    window.visited.push([window.stops.indexOf(target), outlined && onScreen]);
  });
}"""

# Sorts every table by every column, twice, and says where `aria-sort` or the order of the rows is wrong.
SORT_ALL: Final = """() => {
  const wrong = [];
  const value = cell => cell.dataset.value === undefined ? cell.textContent.trim()
    : cell.dataset.value === '' ? -Infinity : Number(cell.dataset.value);
  const compare = (a, b) => typeof a === 'number' && typeof b === 'number'
    ? Math.sign(a - b) || 0 : new Intl.Collator().compare(String(a), String(b));
  let sorted = 0;
  for (const table of document.querySelectorAll('table')) {
    const body = table.tBodies[0], before = new Set(body.rows);
    for (const head of table.tHead.rows[0].cells) {
      const button = head.querySelector('button');
      if (!button) continue;
      for (const [direction, sign] of [['descending', -1], ['ascending', 1]]) {
        button.click();
        sorted++;
        const values = [...body.rows].map(row => value(row.cells[head.cellIndex]));
        const marked = [...table.querySelectorAll('[aria-sort]')];
        if (marked.length !== 1 || marked[0] !== head || head.ariaSort !== direction)
          wrong.push(`${table.id} ${head.textContent}: aria-sort`);
        if (values.some((each, at) => at && sign * compare(values[at - 1], each) > 0))
          wrong.push(`${table.id} ${head.textContent}: ${direction}`);
      }
    }
    if (body.rows.length !== before.size || [...body.rows].some(row => !before.has(row)))
      wrong.push(`${table.id}: other rows`);
  }
  return [sorted, wrong];
}"""

ACTIVE: Final = "document.activeElement"


def walk(view: View) -> tuple[list[str], list[tuple[int, bool]]]:
    """What Tab should reach, and what it reaches in a round through the page."""
    offered: list[str] = view.page.evaluate(OFFERED)
    view.page.evaluate(WATCH)
    for _ in offered:
        view.page.keyboard.press("Tab")
    return offered, [(place, seen) for place, seen in view.page.evaluate("window.visited")]


@pytest.mark.parametrize("opened", [False, True])
def test_tab_goes_through_everything_in_order_and_one_sees_where_it_is(
    made_page: Path, look: Look, *, opened: bool
) -> None:
    view = look(made_page)
    if opened:
        view.open_details()

    offered, visited = walk(view)

    kinds = {each.split()[0] for each in offered}
    assert offered[0] == "a Skip to the report"
    assert {"a", "button", "summary", "div", "input"} <= kinds
    assert [place for place, _ in visited] == list(range(len(offered)))
    assert [offered[place] for place, seen in visited if not seen] == []


def test_a_stop_that_one_does_not_see_would_be_noticed(look: Look, write_html: Callable[[str], Path]) -> None:
    path = write_html(
        "<style>.bare { outline: none }</style><a href=#x>1</a><button class=bare>2</button>"
        "<a href=#x tabindex=-1>3</a><button style='position: fixed; left: -99rem'>4</button><input id=x>"
    )

    offered, visited = walk(look(path))

    assert [each.split()[0] for each in offered] == ["a", "button", "a", "button", "input"]
    assert visited[:4] == [(0, True), (1, False), (3, False), (4, True)]


def test_the_skip_link_leads_past_the_contents(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.page.keyboard.press("Tab")
    assert view.page.evaluate(f"{ACTIVE}.className") == "skip"
    assert view.page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]

    view.page.keyboard.press("Enter")
    view.page.keyboard.press("Tab")

    assert view.page.evaluate(f"!!{ACTIVE}.closest('main')")


def test_the_contents_lead_to_their_headings(any_page: Path, look: Look) -> None:
    view = look(any_page)
    targets = view.page.locator("nav a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert len(targets) >= 9

    for number, target in enumerate(targets):
        view.press_on("nav a", number, "Enter")
        heading = view.page.locator(f"h2{target}")
        place = heading.evaluate("each => each.getBoundingClientRect().top")
        at_the_end = "Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight - 1"
        assert place >= 0
        assert place < 60 or view.page.evaluate(at_the_end)


def test_enter_and_space_sort_every_table(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.open_details()
    tables = view.page.evaluate(
        "[...document.querySelectorAll('table:has(thead button)')].map(each => each.id)"
    )
    assert len(tables) > 10

    for table in tables:
        buttons, sorts = f"#{table} thead button", f"#{table} [aria-sort]"
        last = view.page.locator(buttons).count() - 1
        for column, key in ((0, "Enter"), (last, " ")):
            for direction in ("descending", "ascending"):
                view.press_on(buttons, column, key)
                sorted_by = view.page.locator(sorts)
                assert sorted_by.evaluate_all("all => all.map(each => [each.cellIndex, each.ariaSort])") == [
                    [column, direction]
                ]


def test_sorted_tables_are_in_order_in_every_column(any_page: Path, look: Look) -> None:
    view = look(any_page)

    number, wrong = view.page.evaluate(SORT_ALL)

    assert number > 20 or view.page.locator("tbody tr").count() < 30
    assert wrong == []


def test_every_filter_of_rows_leaves_the_rows_that_hold_its_text(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.open_details()
    labels = view.page.locator("label.filter:has(+ .scroll > table)")
    assert labels.count() > 0

    for label in labels.all():
        rows = label.locator("+ .scroll > table > tbody > tr")
        texts = [text.lower() for text in rows.all_text_contents()]
        wanted = rows.last.locator("> *").first.inner_text().split("\n")[0]
        box = label.locator("input")
        box.press_sequentially(wanted.upper())

        hidden = rows.evaluate_all("all => all.map(each => !each.checkVisibility())")

        assert hidden == [wanted.lower() not in text for text in texts]
        assert sum(hidden) > 0
        assert not hidden[-1]
        box.fill("no row has this")
        assert rows.evaluate_all("all => all.every(each => !each.checkVisibility())")
        box.fill("")
        assert rows.evaluate_all("all => all.every(each => each.checkVisibility())")


def test_enter_opens_and_space_closes_everything_that_opens(made_page: Path, look: Look) -> None:
    view = look(made_page)
    closed = "document.querySelectorAll('details:not([open])').length"
    number = view.page.locator("summary").count()
    assert view.page.evaluate(closed) == number > 20

    for summary in range(number):
        view.press_on("summary", summary, "Enter")
    assert view.page.evaluate(closed) == 0
    for summary in reversed(range(number)):  # what is inside first
        view.press_on("summary", summary, " ")
    assert view.page.evaluate(closed) == number


def test_a_link_in_a_table_opens_what_it_points_to_every_time(demo_page: Path, look: Look) -> None:
    view = look(demo_page)
    into_details = "table a[href^='#example-'], table a[href^='#removed-']"
    targets = view.page.locator(into_details).evaluate_all(
        "all => all.map(each => each.getAttribute('href'))"
    )
    assert any(target.startswith("#example-") for target in targets)
    assert any(target.startswith("#removed-") for target in targets)
    place = "id => { const box = document.getElementById(id).getBoundingClientRect(); return [box.top, box.bottom]; }"

    for number, target in enumerate(targets):
        for _ in range(1 if number else 2):  # the second time, the address is there already
            view.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
            view.press_on(into_details, number, "Enter")
            opened = view.page.evaluate(
                "[...document.querySelectorAll('details[open]')].map(each => `#${each.id}`)"
            )
            assert opened == [target]
        top, bottom = view.page.evaluate(place, target[1:])
        assert 0 <= top < HEIGHT
        assert bottom > top + 40


def test_an_address_with_a_target_opens_it(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.page.goto("about:blank")

    view.page.goto(f"{made_page.as_uri()}#removed-en")

    assert view.page.locator("#removed-en > article").first.is_visible()
