"""Pages of reports can be read: contrast in both colour schemes, structure for those who listen, paper."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from browser_helpers import PHONE, Look, View

MIN_CONTRAST: Final = 4.5  # WCAG 2.2, success criterion 1.4.3

# Every visible text whose colour is too close to what lies behind it. Backgrounds and opacities of all ancestors are
# laid over one another. Behind the text of a plot is the page, its shapes aside.
FAINT: Final = """least => {
  const number = /[\\d.]+/g;
  const rgba = text => {
    const [r, g, b, a = 1] = text.match(number).map(Number);
    return text.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => a * part + (1 - a) * below[at]);
  const luminance = colour => colour
    .map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const paper = document.createElement('div');
  paper.style.backgroundColor = 'canvas';
  document.body.append(paper);
  const canvas = rgba(getComputedStyle(paper).backgroundColor).slice(0, 3);
  paper.remove();
  const behind = element => element === null ? canvas
    : over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
  const opacity = element => element === null ? 1
    : Number(getComputedStyle(element).opacity) * opacity(element.parentElement);
  const ratio = element => {
    const style = getComputedStyle(element), ground = behind(element);
    const [r, g, b, a] = rgba(element.ownerSVGElement ? style.fill : style.color);
    const ink = over([r, g, b, a * opacity(element)], ground);
    const [dark, light] = [luminance(ink), luminance(ground)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const seen = new Set(), kinds = new Set(), faint = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || seen.has(element) || element.closest('script, style')) continue;
    seen.add(element);
    if (!element.checkVisibility({visibilityProperty: true})) continue;
    const kind = element.ownerSVGElement ? 'plot' : element.closest('td, th') ? 'cell' : element.localName;
    kinds.add(kind);
    const found = ratio(element);
    if (found < least) faint.add(`${element.localName}.${element.getAttribute('class') ?? ''} ${found.toFixed(2)}`);
  }
  return {kinds: [...kinds], faint: [...faint]};
}"""

STRUCTURE: Final = """() => {
  const all = selector => [...document.querySelectorAll(selector)];
  return {
    lang: document.documentElement.lang,
    title: document.title,
    mains: all('main, [role=main]').length,
    headings: all('h1, h2, h3, h4, h5, h6').map(each => [Number(each.localName[1]), each.textContent.trim()]),
    captions: all('table').map(each => each.caption ? each.caption.textContent.trim() : ''),
    unscoped: all('th').filter(each => !['row', 'col'].includes(each.scope)).map(each => each.textContent),
    twice: all('[id]').map(each => each.id).filter((id, at, ids) => ids.indexOf(id) !== at),
    nowhere: all('a[href^="#"]').map(each => each.getAttribute('href'))
      .filter(href => !document.getElementById(decodeURIComponent(href.slice(1)))),
  };
}"""


def nameless(view: View) -> list[str]:
    """Everything that takes the focus and has no name in the browser's own accessibility tree, by its role."""
    session = view.page.context.new_cdp_session(view.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    found = []
    for node in nodes:
        properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        focusable = not node["ignored"] and properties.get("focusable")
        if focusable and not str(node.get("name", {}).get("value", "")).strip():
            found.append(node["role"]["value"])
    return found


def jumps(headings: list[tuple[int, str]]) -> list[str]:
    """Headings more than one level below the one before; the first must be of level 1."""
    levels = [0, *(level for level, _ in headings)]
    return [text for before, (level, text) in zip(levels, headings, strict=False) if level > before + 1]


def assert_contrast(view: View) -> None:
    """Every text stands out, on screen and paper, in light and dark."""
    view.open_details()
    for media in ("screen", "print"):
        for scheme in ("light", "dark"):
            view.in_scheme(scheme, media=media)
            found = view.page.evaluate(FAINT, MIN_CONTRAST)
            assert {"p", "h1", "h2", "summary"} <= set(found["kinds"])
            assert (media, scheme, found["faint"]) == (media, scheme, [])


def test_every_text_stands_out_from_what_is_behind_it(any_page: Path, look: Look) -> None:
    assert_contrast(look(any_page))


def test_bad_news_stands_out_too(unbalanced_page: Path, look: Look) -> None:
    view = look(unbalanced_page)
    assert view.page.locator(".failed").count() > 1

    assert_contrast(view)


def test_texts_of_all_kinds_are_looked_at(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.open_details()

    found = view.page.evaluate(FAINT, 99.0)

    assert {"plot", "cell", "caption", "figcaption", "blockquote", "del", "ins", "code"} <= set(
        found["kinds"]
    )
    assert any(each.startswith("text. ") for each in found["faint"])


@pytest.mark.parametrize(
    ("style", "ratio"),
    [
        ("color: #777", "4.48"), ("color: #767676", None), ("color: #000; opacity: .5", "3.98"),
        ("background: rgb(0 0 0 / 50%); color: #000", "5.28"),
        ("background: color-mix(in srgb, #000 50%, transparent); color: #000", "5.28"),
    ],
)  # fmt: skip
def test_a_faint_text_would_be_seen(
    look: Look, write_html: Callable[[str], Path], style: str, ratio: str | None
) -> None:
    path = write_html(f"<body style='background: #fff'><p style='{style}'>faint</p>")

    found = look(path).page.evaluate(FAINT, 5.5 if ratio == "5.28" else MIN_CONTRAST)

    assert found["faint"] == ([] if ratio is None else [f"p. {ratio}"])


def test_headings_landmarks_tables_and_links_are_in_order(any_page: Path, look: Look) -> None:
    page = look(any_page).page.evaluate(STRUCTURE)

    assert page["lang"] == "en"
    assert page["title"]
    assert page["mains"] == 1
    assert [level for level, _ in page["headings"]].count(1) == 1
    assert jumps(page["headings"]) == []
    assert all(text for _, text in page["headings"])
    assert all(page["captions"])
    assert page["unscoped"] == page["twice"] == page["nowhere"] == []


def test_a_heading_that_skips_a_level_would_be_seen() -> None:
    assert jumps([(1, "a"), (2, "b"), (3, "c"), (2, "d"), (4, "e")]) == ["e"]
    assert jumps([(2, "a")]) == ["a"]


def test_everything_that_takes_the_focus_has_a_name(any_page: Path, look: Look) -> None:
    view = look(any_page, width=PHONE)  # where plots scroll too, and so take the focus
    view.open_details()

    assert nameless(view) == []


def test_a_button_without_a_name_would_be_seen(look: Look, write_html: Callable[[str], Path]) -> None:
    path = write_html("<button></button><button>named</button><input type=search><label>in <input></label>")

    assert nameless(look(path)) == ["button", "searchbox"]


def test_paper_shows_everything_and_no_controls(made_page: Path, look: Look) -> None:
    view = look(made_page)
    details = view.page.locator("details")

    view.page.pdf()

    assert details.evaluate_all("all => all.filter(each => !each.open).length") == 0
    view.page.emulate_media(media="print")
    for controls in view.page.locator("nav, .skip, .filter").all():
        assert not controls.is_visible()
    cut = ".scroll, figure"
    assert view.page.locator(cut).evaluate_all(
        "all => all.filter(each => getComputedStyle(each).maxHeight !== 'none').length"
    ) == 0  # fmt: skip


def test_paper_is_white_whatever_the_screen(made_page: Path, look: Look) -> None:
    view = look(made_page)
    view.in_scheme("dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert view.page.evaluate(background) != "rgb(255, 255, 255)"

    view.in_scheme("dark", media="print")

    assert view.page.evaluate(background) == "rgb(255, 255, 255)"
