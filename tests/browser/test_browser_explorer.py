"""The explorer of groups of duplicates, by keyboard alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browser_helpers import Look, View

GROUP = """
<section class="cluster" data-kinds="{kinds}" data-sources="{sources}">{text}</section>
"""


def shown(view: View) -> list[str]:
    """What can be seen of the groups."""
    texts: list[str] = view.page.evaluate(
        "[...document.querySelectorAll('.cluster')].filter(each => !each.hidden).map(each => each.textContent)"
    )
    return texts


def count(view: View) -> str:
    return str(view.page.evaluate("document.querySelector('.explorer output').textContent"))


@pytest.mark.parametrize("name", ["made_page", pytest.param("demo_page", marks=pytest.mark.spark)])
def test_controls_pick_groups_by_keyboard(request: pytest.FixtureRequest, look: Look, name: str) -> None:
    view = look(request.getfixturevalue(name))
    everything = shown(view)
    assert everything
    assert count(view) == f"{len(everything)} of {len(everything)} groups"

    # Down through the kinds: each shows some of the groups, and all of them are shown by one kind or another.
    view.press_on("[name=cluster-kind]", 0, "ArrowDown")
    of_kinds = [shown(view)]
    kinds = view.page.locator("[name=cluster-kind]").count()
    for _ in range(kinds - 2):
        view.page.keyboard.press("ArrowDown")
        of_kinds.append(shown(view))
    assert set().union(*of_kinds) == set(everything)
    assert of_kinds[0] == [text for text in everything if text in of_kinds[0]]
    view.page.keyboard.press("ArrowDown")  # round to all of them
    assert shown(view) == everything

    view.press_on(".explorer [type=search]", 0, "ArrowRight")
    view.page.keyboard.type("no such words anywhere")
    assert shown(view) == []
    assert count(view) == f"0 of {len(everything)} groups"
    view.page.keyboard.press("ControlOrMeta+a")
    view.page.keyboard.press("Delete")
    assert shown(view) == everything

    view.press_on(".explorer [type=checkbox]", 0, "Space")
    across = view.page.evaluate(
        "[...document.querySelectorAll('.cluster')].filter(each => Number(each.dataset.sources) > 1).length"
    )
    assert len(shown(view)) == across


def test_a_search_finds_texts_in_any_script(demo_page: Path, look: Look) -> None:
    view = look(demo_page)
    words: list[str] = view.page.evaluate(
        """() => [...document.querySelectorAll(".cluster [lang='ar'], .cluster [lang='ja'], .cluster [lang='hi']")]
          .map(each => each.textContent.trim().split(/\\s+/)[0])"""
    )
    assert words
    for word in words[:3]:
        view.press_on(".explorer [type=search]", 0, "ControlOrMeta+a")
        view.page.keyboard.insert_text(word)
        assert shown(view)
        assert all(word in text for text in shown(view))


def test_without_its_script_the_page_shows_every_group(
    demo_page: Path, look: Look, write_html: Callable[[str], Path]
) -> None:
    text = demo_page.read_text(encoding="utf-8")
    start = text.index("<script>")
    view = look(write_html(text[:start] + text[text.index("</script>", start) :]))

    assert shown(view)
    assert view.page.evaluate("document.querySelector('.explorer').hidden") is True
