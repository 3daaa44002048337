import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dataprep.config import ReportConfig
from dataprep.report.numbers import build_report
from dataprep.report.page import render
from dataprep.report.tables import duration, integer, number, percent, size

Rows = list[dict[str, Any]]
VOID = {"meta", "br", "input", "link", "img", "hr"}


class Page(HTMLParser):
    """What a browser would see: elements with attributes, the text inside them, and tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[dict[str, str | None], str]] = []
        self.scripts: list[str] = []
        self.errors: list[str] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.errors.append(f"</{tag}> closes {self._open[-1][0] if self._open else 'nothing'}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "script":
            self.scripts.append(data)
        quotes = [attributes for tag, attributes in self._open if tag == "blockquote"]
        if quotes:
            self.texts.append((quotes[0], data))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_page_is_well_formed_with_unique_identifiers(html: str) -> None:
    page = Page(html)

    identifiers = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert html.startswith("<!DOCTYPE html>")
    assert page.errors == []
    assert [name for name, times in identifiers.items() if times > 1] == []


def test_links_inside_the_page_lead_somewhere(html: str) -> None:
    page = Page(html)

    identifiers = {attributes.get("id") for _, attributes in page.elements}
    targets = {attributes["href"] or "" for _, attributes in page.elements if "href" in attributes}
    assert {target for target in targets if not target.startswith("#")} == set()
    assert {target for target in targets if target[1:] not in identifiers} == set()


def test_page_fetches_nothing(html: str) -> None:
    page = Page(html)

    loading = [
        name for _, attributes in page.elements for name in attributes if name in {"src", "srcset", "data"}
    ]
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert loading == []
    assert page.count("link") == page.count("iframe") == page.count("base") == page.count("img") == 0
    assert "url(" not in style
    assert "@import" not in style
    assert not any("://" in (value or "") for _, attributes in page.elements for value in attributes.values())


def test_policy_allows_the_one_script_by_its_hash_and_no_request(html: str) -> None:
    page = Page(html)

    digest = base64.b64encode(hashlib.sha256("".join(page.scripts).encode()).digest()).decode()
    policies = [attributes["content"] or "" for _, attributes in page.elements if "http-equiv" in attributes]
    assert page.count("script") == 1
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"script-src 'sha256-{digest}'" in policies[0]


HOSTILE = "</details></blockquote><script>alert('x')</script><img src=x onerror=alert(1)>\"'&amp;"


@pytest.mark.parametrize(
    "field",
    ["excerpt", "locator", "file", "source", "doc_id", "locale", "signal", "kept_excerpt", "kept_locator"],
)
def test_nothing_of_a_document_becomes_markup(
    run_dir: Path, write_examples: Callable[[Rows], None], field: str
) -> None:
    write_examples(
        [{"kept_excerpt": "Read much more", "kept_source": "mc4", "value": 1.0} | {field: HOSTILE}]
    )

    html = render(build_report(str(run_dir)))

    page = Page(html)
    assert page.errors == []
    assert page.count("script") == 1
    assert page.count("img") == 0


def test_hostile_names_in_ledger_quarantine_and_buckets_stay_text(
    run_dir: Path, write_quarantine: Callable[[Rows], None]
) -> None:
    ledger = (run_dir / "ledger.json").read_text()
    (run_dir / "ledger.json").write_text(ledger.replace("curly_braces", json.dumps(HOSTILE)[1:-1]))
    stage = (run_dir / "dedup" / "_stage.json").read_text()
    (run_dir / "dedup" / "_stage.json").write_text(stage.replace("We value", json.dumps(HOSTILE)[1:-1]))
    hostile = {
        "source": HOSTILE,
        "file": HOSTILE,
        "locale": HOSTILE,
        "reason": HOSTILE,
        "sample": HOSTILE.encode(),
    }
    write_quarantine([hostile | {"offset": 0}])

    page = Page(render(build_report(str(run_dir), {HOSTILE: HOSTILE})))

    assert page.errors == []
    assert page.count("script") == 1
    assert page.count("img") == 0


def test_escaped_text_reads_as_it_was(html: str) -> None:
    texts = [text for _, text in Page(html).texts]

    assert "function f() { return { a: 1 }; }\n</details><script>alert(1)</script>" in texts


def test_control_characters_of_documents_are_visible(
    run_dir: Path, write_examples: Callable[[Rows], None]
) -> None:
    write_examples([{"excerpt": "a\x00b\u202ec", "locator": "x\x1by"}])

    html = render(build_report(str(run_dir)))

    assert "a␀b⟨U+202E⟩c" in html
    assert "x␛y" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", html)


@pytest.mark.parametrize(
    ("locale", "word"), [("ar", "المنارة القديمة"), ("ur", "مزید پڑھیں"), ("he", "אחד"), ("th", "ประภาคาร")]
)
def test_texts_name_their_language_and_find_their_direction(html: str, locale: str, word: str) -> None:
    attributes = [attributes for attributes, text in Page(html).texts if word in text]

    assert attributes
    assert all(found == {"dir": "auto", "lang": locale} for found in attributes)


def test_duplicates_stand_side_by_side_with_their_differences_marked(html: str) -> None:
    assert "on the <del>northern</del> cliff and was built by hand in <del>1871.</del>" in html
    assert "on the <ins>southern</ins> cliff and was built by hand in <ins>1872.</ins>" in html
    assert "古い灯台は<del>北</del>の崖" in html
    assert "الجرف <del>الشمالي</del> منذ" in html


def test_each_table_has_a_caption_and_each_heading_a_definition(html: str) -> None:
    page = Page(html)

    headings = [
        attributes for tag, attributes in page.elements if tag == "th" and attributes.get("scope") == "col"
    ]
    assert page.count("table") == page.count("caption") == 33
    assert all(attributes.get("title") for attributes in headings)
    assert all(attributes.get("scope") in {"row", "col"} for tag, attributes in page.elements if tag == "th")


def test_keyboard_reaches_the_content_and_the_scrolling_tables(html: str) -> None:
    page = Page(html)

    regions = [attributes for _, attributes in page.elements if attributes.get("role") == "region"]
    first_link = next(attributes for tag, attributes in page.elements if tag == "a")
    assert first_link == {"class": "skip", "href": "#content"}
    assert len(regions) == 33
    assert all(attributes["tabindex"] == "0" and attributes["aria-labelledby"] for attributes in regions)


def test_plots_have_labels_and_take_the_colour_of_the_page(html: str) -> None:
    plots = [attributes for tag, attributes in Page(html).elements if tag == "svg"]

    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert len(plots) == 7
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in plots)
    assert "currentColor" in drawn
    assert not re.search(r"#000000|#ffffff|fill: (?:black|white)|xmlns|DejaVu", drawn)


def test_numbers_are_grouped_and_the_verdict_is_written_out(html: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))

    assert "The ledger balances: every record that was read is accounted for." in text
    assert "2,198 read = 1,626 kept + 565 dropped + 7 quarantined" in text
    assert "910,000" in text


def test_lines_that_documents_share_have_their_part_of_the_page(html: str) -> None:
    assert "Lines that documents share" in html
    assert "<bdi>&lt;b&gt;All rights reserved&lt;/b&gt; © 2024</bdi>" in html
    assert "<bdi>جميع الحقوق محفوظة</bdi>" in html


def test_a_run_without_line_deduplication_does_not_speak_of_it(
    run_dir: Path, write_json: Callable[..., None]
) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    for entry in (ledger["total"], *ledger["by_source"].values()):
        entry.pop("lines", None)
    write_json(ledger, "ledger.json")

    assert "Lines that documents share" not in render(build_report(str(run_dir)))


def test_an_unbalanced_ledger_is_said_first(run_dir: Path) -> None:
    ledger = json.loads((run_dir / "ledger.json").read_text())
    ledger["total"]["read"] += 1
    (run_dir / "ledger.json").write_text(json.dumps(ledger))

    html = render(build_report(str(run_dir)))

    assert "The ledger does not balance." in html
    assert "Off by 1 record." in html
    assert "The ledger balances" not in html


def test_a_run_without_duplicates_or_quarantine_renders(
    run_dir: Path, write_json: Callable[..., None]
) -> None:
    entry = {"read": 3, "kept": 3, "dropped": {}, "quarantined": 0}
    write_json(
        {"schema_version": 1, "total": entry, "by_source": {"mc4": entry}, "by_locale": {"en": entry},
         "by_file": {"mc4/a": entry}},
        "ledger.json",
    )  # fmt: skip
    counts = json.loads((run_dir / "dedup" / "_stage.json").read_text())
    for name, value in counts["counts"].items():
        counts["counts"][name] = [] if isinstance(value, list) else 0
    counts["counts"] |= {"num_bands": 20, "rows_per_band": 8, "min_jaccard": 0.8}
    write_json(counts, "dedup", "_stage.json")
    for path in [*(run_dir / "quarantine").iterdir(), *(run_dir / "rejected_sample").iterdir()]:
        path.unlink()

    page = render(build_report(str(run_dir)))

    assert "No document was dropped." in page
    assert "No duplicate was removed." in page
    assert "Nothing was quarantined." in page
    assert Page(page).errors == []


def test_a_run_that_read_nothing_renders(tmp_path: Path, write_json: Callable[..., None]) -> None:
    empty = {"read": 0, "kept": 0, "dropped": {}, "quarantined": 0}
    write_json(
        {"schema_version": 1, "total": empty, "by_source": {}, "by_locale": {}, "by_file": {}}, "ledger.json"
    )

    page = render(build_report(str(tmp_path)))

    assert "The run folder has no balance plan." in page
    assert "The run folder has no shards." in page
    assert Page(page).errors == []


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (integer(1234567), "1,234,567"), (integer(None), "—"),
        (percent(0.1234), "12.3 %"), (percent(0), "0.0 %"), (percent(0.0001), "< 0.1 %"),
        (percent(0.99996), "> 99.9 %"), (percent(1), "100.0 %"), (percent(None), "—"),
        (size(999), "999 B"), (size(1000), "1.0 kB"), (size(999_960), "1.0 MB"), (size(5_300_000_000), "5.3 GB"),
        (duration(12.34), "12.3 s"), (duration(59.96), "1 min 00 s"), (duration(3725), "1 h 02 min"),
        (number(0.31), "0.31"), (number(12345.6), "12,346"), (number(None), "—"),
    ],
)  # fmt: skip
def test_values_are_written_for_people(shown: str, text: str) -> None:
    assert shown == text


def test_band_values_over_the_bound_are_shown_with_their_text_as_text(html: str) -> None:
    assert "Band values that too many documents share" in html
    assert "88 documents, 38 of them not compared" in html
    assert "Accept &lt;b&gt;all&lt;/b&gt; cookies." in html


def test_documents_dropped_for_earlier_runs_are_counted(html: str) -> None:
    assert "Like documents of earlier runs" in html


def test_thresholds_in_force_are_shown_with_their_origin(html: str) -> None:
    assert "Thresholds in force" in html
    assert "Computed from &lt;public&gt; texts." in html
    assert "off, rules_by_locale" in html
    assert re.search(r'data-value="0.25">0.25</td>', html)


def test_alarms_stand_in_the_verdict_and_wrong_removals_beside_what_stays(html: str) -> None:
    assert "<strong>⚠ 2 alarms</strong>" in html
    assert (
        "One group of duplicates holds 40 of the 1,830 documents compared (2.2 %), more than 2.0 %." in html
    )
    assert "1 are not similar enough: precision 50.0 %" in html
    assert "similarity 0.000 counted again, 0.900 on record" in html
    assert "&lt;i&gt;like&lt;/i&gt;" in html


def test_overturned_decisions_name_who_wants_what_kept_and_why(html: str) -> None:
    row = html[html.index("Decisions that reviewers have overturned") :]

    for shown in (
        "0" * 32,
        "short_lines",
        "&lt;b&gt;Ada&lt;/b&gt;",
        "a poem",
        "2026-03-01T09:00:00+00:00",
        "not yet",
    ):
        assert shown in row


def test_the_count_of_a_locales_near_duplicates_leads_to_pairs_of_them(html: str) -> None:
    page = Page(html)

    links = [attributes["href"] for tag, attributes in page.elements if tag == "a" and "href" in attributes]
    groups = [
        attributes["id"] for tag, attributes in page.elements if tag == "details" and "id" in attributes
    ]
    assert "#removed-en" in links
    assert "removed-en" in groups
    assert "2 of 2 removed near duplicates" in html


def test_cost_stands_with_the_timings_where_a_core_has_a_price(run_dir: Path, html: str) -> None:
    priced = render(build_report(str(run_dir), settings=ReportConfig(price_per_core_hour=36.0)))

    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", priced))
    assert "Cores 16 Core-hours 0.5067 Cost 18.24 at 36 a core-hour" in text
    assert "Core-hours" in html
    assert "a core-hour" not in html


def test_declared_and_detected_languages_and_the_languages_of_duplicates_have_their_tables(html: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))

    assert "Declared and detected languages that differ, the most frequent pairs first" in text
    assert "th lo 1 100.0 % no" in text
    assert "Declare no language 1" in text
    assert "Duplicates of documents in another locale, the most frequent pairs first" in text
    assert "en de 1" in text
    assert "Every source and locale: what was read in, and what is left" in text


def test_a_run_whose_rules_cannot_be_looked_at_says_why(run_dir: Path) -> None:
    (run_dir / "config.yaml").unlink()

    page = render(build_report(str(run_dir)))

    assert '<p class="quiet">The run folder has no config.yaml.</p>' in page
    assert Page(page).errors == []


def test_a_page_with_every_rule_stays_small(run_dir: Path) -> None:
    report = build_report(str(run_dir))
    (words, _) = report["signals"]["rules"]
    words["examples_rejected"] = words["examples_not_rejected"] = [
        words["examples_rejected"][0] | {"excerpt": "語" * 300}
    ] * 3
    words["locale_thresholds"] = [{"value": 18 + n / 40, "locales": 1} for n in range(60)]
    report["signals"]["rules"] = [words | {"rule": f"rule_{n}"} for n in range(45)]

    html = render(report)

    section = html[html.index("Rule by rule") : html.index('<section aria-labelledby="duplicates"')]
    assert len(section.encode()) < 700_000
