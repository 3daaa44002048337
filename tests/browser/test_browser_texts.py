"""Texts of documents on the pages of reports: inert whatever they hold, in their own direction, differences exact."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from browser_helpers import Look, View, report_fixtures, write_page

from dataprep.locales import LOCALES

# What each of these would do if it became markup: set `window.hacked` to the name of the field that let it in.
ATTACKS: Final = {
    "script": "<script>window.hacked='{field}'</script>",
    "image": "<img src=x onerror=\"window.hacked='{field}'\">",
    "breakout": "\"'></details></blockquote></svg><svg onload=\"window.hacked='{field}'\">",
    "style": "</style></script><script>window.hacked='{field}'</script>",
    "address": "javascript:void(window.hacked='{field}')",
}
EXAMPLE_FIELDS: Final = (
    *("excerpt", "locator", "file", "source", "doc_id", "locale", "signal"),
    *("kept_excerpt", "kept_locator", "kept_source"),
)
BROKEN_IN: Final = """() => {
  const all = [...document.querySelectorAll('*')], isHandler = name => name.startsWith('on');
  return {
    hacked: window.hacked,
    loaded: all.filter(each => each.matches('img, iframe, object, embed, link')).length,
    scripts: document.scripts.length,
    handlers: all.flatMap(each => each.getAttributeNames().filter(isHandler)),
    addresses: all.map(each => each.getAttribute('href')).filter(href => href && !href.startsWith('#')),
  };
}"""
NOTHING: Final = {"hacked": None, "loaded": 0, "scripts": 1, "handlers": [], "addresses": []}

# Where a piece of a compared text ends inside what readers see as one character.
SPLIT: Final = """() => {
  const segmenter = new Intl.Segmenter(undefined, {granularity: 'grapheme'}), split = [];
  for (const quote of document.querySelectorAll('blockquote:has(del, ins)')) {
    const bounds = new Set([...segmenter.segment(quote.textContent)].map(each => each.index));
    let at = 0;
    for (const piece of quote.childNodes) {
      if (at && !bounds.has(at)) split.push(`${quote.lang}: ${piece.textContent.slice(0, 10)}`);
      at += piece.textContent.length;
    }
  }
  return split;
}"""


def attacked(field: str, names: tuple[str, ...] = tuple(ATTACKS)) -> str:
    """Every attack, one after the other."""
    return " ".join(ATTACKS[name].format(field=field) for name in names)


def replace_in(path: Path, found: str, field: str) -> str:
    """Put the attacks into a file of JSON in place of a text that is there; the attacks."""
    attack, text = attacked(field), path.read_text(encoding="utf-8")
    assert found in text
    path.write_text(text.replace(found, json.dumps(attack)[1:-1]), encoding="utf-8")
    return attack


@pytest.fixture(scope="module")
def attacks(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> tuple[Path, list[str]]:
    """The page of a run with attacks wherever a document, a file name or a person can put text; and the attacks."""
    run_dir, made = tmp_path_factory.mktemp("hostile"), report_fixtures()
    made.write_run(run_dir)
    placed = []
    # Every second example is a pair, so that both ways of showing a text are taken; few are shown of any one reason.
    rows = []
    for number, (field, reason) in enumerate(zip(EXAMPLE_FIELDS, made.EXPLANATIONS, strict=False)):
        placed.append(attacked(field))
        row = {"kept_excerpt": "Read much more", "kept_source": "mc4"} if number % 2 else {}
        if field.startswith("kept_") and field != "kept_excerpt":
            row = {"kept_excerpt": "Read much more", "kept_source": "mc4"}
        ordinary = made.example(reason, f"{number:02}", "Read more", value=1.0)
        rows.append(ordinary | row | {field: placed[-1]})
    sample = run_dir / "rejected_sample"
    made.write_rows(rows, made.EXAMPLE_SCHEMA, sample / "part-0.parquet")
    (sample / "part-1.parquet").unlink()
    quarantine = {"offset": 0}
    for field in ("source", "file", "locale", "reason", "sample"):
        placed.append(
            attacked(f"quarantine_{field}", ("script", "image"))
        )  # what is shown of a record is short
        quarantine[field] = placed[-1].encode() if field == "sample" else placed[-1]  # type: ignore[assignment]
    made.write_rows([quarantine], made.QUARANTINE_SCHEMA, run_dir / "quarantine" / "part-0.parquet")
    removed, kept = (attacked(f"pair_{which}") + made.TEXTS[1] for which in ("removed", "kept"))
    placed += [attacked("pair_removed"), attacked("pair_kept")]
    made.write_removals(run_dir, [removed, kept, *made.TEXTS[2:]], made.REMOVALS)
    placed += [
        replace_in(run_dir / "ledger.json", "curly_braces", "reason"),
        replace_in(run_dir / "dedup" / "_stage.json", "We value", "capped_example"),
        replace_in(run_dir / "lines" / "_stage.json", "<b>All rights reserved</b>", "line"),
        replace_in(run_dir / "decontamination" / "_stage.json", "paragraphs", "evaluation_set"),
        replace_in(run_dir / "overturned" / "keeps.jsonl", "a poem", "keep_reason"),
        replace_in(run_dir / "fates" / "_stage.json", "Computed from <public> texts.", "origin"),
    ]
    settings = (run_dir / "config.yaml").read_text(encoding="utf-8")
    placed.append("<script>window.hacked=`settings`</script>")
    (run_dir / "config.yaml").write_text(settings.replace("runs/demo", placed[-1]), encoding="utf-8")
    return write_page(folder / "hostile.html", run_dir), placed


def click_on_everything(view: View) -> None:
    """Open, sort and follow all there is."""
    view.open_details()
    view.page.evaluate("document.querySelectorAll('a, button, summary').forEach(each => each.click())")
    view.open_details()
    view.page.evaluate("new Promise(requestAnimationFrame)")


def test_nothing_in_a_text_or_a_name_becomes_part_of_the_page(
    attacks: tuple[Path, list[str]], look: Look
) -> None:
    path, placed = attacks
    view = look(path)
    click_on_everything(view)

    assert view.page.evaluate(BROKEN_IN) == NOTHING
    assert view.requests == [path.as_uri()]
    assert view.complaints == []
    shown = view.page.evaluate("document.body.textContent")
    assert [attack for attack in placed if attack not in shown] == []


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_that_comes_through_would_be_seen(
    look: Look, write_html: Callable[[str], Path], name: str
) -> None:
    attack = ATTACKS[name].format(field="here")
    body = (
        f'<a href="{attack}">go</a>'
        if name == "address"
        else f"<style></style><blockquote>{attack}</blockquote>"
    )

    view = look(write_html(body))
    click_on_everything(view)

    view.page.wait_for_function("window.hacked === 'here'")
    assert view.page.evaluate(BROKEN_IN) != NOTHING


def test_the_policy_of_the_page_stops_what_escaping_would_let_through(
    made_page: Path, look: Look, tmp_path: Path
) -> None:
    path = tmp_path / "unescaped.html"
    attack = attacked("unescaped", ("script", "image", "breakout"))
    page = made_page.read_text(encoding="utf-8")
    path.write_text(page.replace("Skip to the report", f"Skip to the report{attack}", 1), encoding="utf-8")

    view = look(path)
    click_on_everything(view)

    assert view.page.evaluate("window.hacked") is None
    # The script, the image, and what each of the other two would do on an event.
    assert sum("Content Security Policy" in text for text in view.complaints) >= 3


def pairs(view: View, locale: str) -> list[tuple[Any, Any]]:
    """The two texts of every pair of a locale: what was removed, and what stays."""
    found = view.page.locator(f"div.pair:has(blockquote[lang='{locale}'])").all()
    return [(pair.locator("blockquote").first, pair.locator("blockquote").last) for pair in found]


@pytest.mark.parametrize(
    ("locale", "removed", "kept", "direction"),
    [
        ("ar", ["الشمالي"], ["الجنوبي"], "rtl"),
        ("ja", ["北"], ["南"], "ltr"),
        ("th", ["เหนือ"], ["ใต้"], "ltr"),
    ],
)
def test_differences_are_marked_exactly_and_texts_run_their_own_way(
    made_page: Path, look: Look, locale: str, removed: list[str], kept: list[str], direction: str
) -> None:
    view = look(made_page)
    view.open_details()

    ((left, right),) = pairs(view, locale)

    assert left.locator("del").all_text_contents() == removed
    assert right.locator("ins").all_text_contents() == kept
    for text in (left, right):
        assert text.get_attribute("dir") == "auto"
        assert text.evaluate("each => getComputedStyle(each).direction") == direction
    plain = "each => [...each.childNodes].map(node => node.nodeType === 3 ? node.data : '').join('')"
    same = [each.evaluate(plain) for each in (left, right)]
    assert same[0] == same[1] != ""


def test_names_do_not_turn_the_text_around_them(made_page: Path, look: Look) -> None:
    view = look(made_page)

    assert view.page.evaluate("getComputedStyle(document.querySelector('main')).direction") == "ltr"
    assert view.page.locator("table bdi").count() > 20
    assert view.page.locator("td, tbody th").evaluate_all(
        "all => all.filter(each => getComputedStyle(each).direction !== 'ltr').length"
    ) == 0  # fmt: skip


# Pairs that differ in a mark, or right beside one.
MARKED: Final = [
    ("th", "น้ำใจ", "น้าใจ"),  # U+0E33 stands above and beside its consonant
    ("th", "ก่า ก่อ", "ก้า ก่อ"),
    ("lo", "ນ້ຳ ດີ", "ນ້າ ດີ"),
    ("km", "ខ្មែរ", "ខ្មេរ"),
    ("my", "မြန်မာ", "မြန်မား"),
    ("ja", "が ハ\uff9e", "か ハ\uff9f"),  # half-width marks
    ("ja", "か\u3099き", "か\u309aき"),
    ("zh", "家👨‍👩‍👧！", "家👨‍👩‍👦！"),
    ("zh", "好👍🏽", "好👍🏿"),
    ("hi", "हिन्दी में क्षमा", "हिन्दी मे क्षमा"),
    ("ar", "كِتَابٌ جديد", "كَتَابٌ جديد"),
]  # fmt: skip


def test_no_character_is_cut_between_its_letter_and_its_marks(
    look: Look, tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> None:
    assert {locale for locale, _, _ in MARKED} <= set(LOCALES)
    run_dir, made = tmp_path_factory.mktemp("marks"), report_fixtures()
    made.write_run(run_dir)
    rows = [  # one for each reason, since few are shown of any
        made.duplicate(reason, left, right, locale=locale) | {"drop_reason": reason}
        for reason, (locale, left, right) in zip(made.EXPLANATIONS, MARKED, strict=True)
    ]
    made.write_rows(rows, made.EXAMPLE_SCHEMA, run_dir / "rejected_sample" / "part-0.parquet")
    view = look(write_page(folder / "marks.html", run_dir))

    assert view.page.locator("div.pair:has(del, ins)").count() >= len(MARKED)
    assert view.page.evaluate(SPLIT) == []


def test_texts_of_all_pages_are_cut_between_characters(any_page: Path, look: Look) -> None:
    assert look(any_page).page.evaluate(SPLIT) == []


def test_a_cut_before_a_mark_would_be_seen(look: Look, write_html: Callable[[str], Path]) -> None:
    path = write_html("<blockquote lang=th>ก<del>่</del>า</blockquote><blockquote>e<ins>d</ins></blockquote>")

    assert look(path).page.evaluate(SPLIT) == ["th: ่"]
