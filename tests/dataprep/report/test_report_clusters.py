"""Groups of duplicates to look at: which are chosen, what is said of them, and which texts are never shown."""

import re
from pathlib import Path
from typing import Any

import pytest
from report_helpers import SHARED, TEXTS, write_removals

from dataprep.report import clusters
from dataprep.report.clusters import duplicate_clusters
from dataprep.report.numbers import build_report
from dataprep.report.page import render

# Three groups: 0 stays for 1 to 3, 4 for 5 across sources, and 6 for 7, through which 8 is linked.
GROUP_TEXTS = [
    SHARED, SHARED + " one", SHARED, SHARED + " three",
    "A page of the web.", "A page of the web!",
    "alpha beta gamma delta epsilon zeta", "alpha beta gamma delta epsilon eta", "beta gamma delta epsilon eta theta",
]  # fmt: skip
GROUP_REMOVALS = [(1, 0, 0.9, 4), (2, 0, 1.0, 0), (3, 0, 0.95, 2), (5, 4, 1.0, 0), (7, 6, 0.82, 3)]
RULES = ["near", "exact", "near", "exact", "near"]
SOURCES = ["web", "web", "web", "web", "books", "web", "news", "news", "news"]
LOCALES = ["en", "en", "de", "en", "fr", "fr", "en", "en", "en"]


def write_groups(folder: Path, **changed: Any) -> list[str]:
    fields = {"rules": RULES, "sources": SOURCES, "locales": LOCALES, "linked": {8: 6}, "segment": 0}
    return write_removals(folder, GROUP_TEXTS, GROUP_REMOVALS, **(fields | changed))


def by_id(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {group["cluster_id"]: group for group in found["shown"]}


def test_groups_are_chosen_as_four_kinds_and_stand_there_once(tmp_path: Path) -> None:
    ids = write_groups(tmp_path)

    found = duplicate_clusters(str(tmp_path), 0.8)

    assert (found["groups"], found["across_sources"], found["linked"]) == (3, 1, 1)
    # The threshold is 0.8: of the two groups with near duplicates 0.82 is nearer than 0.9.
    assert [(group["cluster_id"], group["kinds"]) for group in found["shown"]] == [
        (ids[0], ["largest", "borderline"]),
        (ids[6], ["largest", "linked", "borderline"]),
        (ids[4], ["largest", "across_sources"]),
    ]


def test_a_group_is_counted_with_its_copies_by_source_and_by_locale(tmp_path: Path) -> None:
    ids = write_groups(tmp_path)

    groups = by_id(duplicate_clusters(str(tmp_path), 0.8))

    counts = {
        name: [groups[ids[first]][name] for first in (0, 4, 6)] for name in ("documents", "removed", "kept")
    }
    assert counts == {"documents": [4, 2, 3], "removed": [3, 1, 1], "kept": [1, 1, 1]}
    assert [groups[ids[first]]["linked"] for first in (0, 4, 6)] == [0, 0, 1]
    assert groups[ids[4]]["by_source"] == [
        {"source": "books", "removed": 0, "stay": 1},
        {"source": "web", "removed": 1, "stay": 0},
    ]
    assert groups[ids[6]]["by_source"] == [{"source": "news", "removed": 1, "stay": 2}]
    assert groups[ids[0]]["by_locale"] == [{"locale": "en", "documents": 3}, {"locale": "de", "documents": 1}]
    assert groups[ids[0]]["looked_up"] == 4


def test_removed_documents_stand_beside_what_stays_the_nearest_to_the_threshold_first(tmp_path: Path) -> None:
    ids = write_groups(tmp_path)

    examples = by_id(duplicate_clusters(str(tmp_path), 0.8))[ids[0]]["examples"]

    assert [(each["doc_id"], each["rule"], each["jaccard"]) for each in examples] == [
        (ids[1], "near", 0.9),
        (ids[3], "near", 0.95),
        (ids[2], "exact", 1.0),
    ]
    assert examples[0] == {
        "doc_id": ids[1], "rule": "near", "jaccard": 0.9, "containment": 0.9, "bands_matched": 4, "source": "web",
        "locale": "en", "locator": "https://example.org/1", "excerpt": SHARED + " one", "kept_doc_id": ids[0],
        "kept_is_earlier": False, "kept_source": "web", "kept_locale": "en", "kept_locator": "https://example.org/0",
        "kept_excerpt": SHARED,
    }  # fmt: skip


def test_a_linked_document_stands_beside_what_stays_with_its_similarity_counted(tmp_path: Path) -> None:
    ids = write_groups(tmp_path)

    linked = by_id(duplicate_clusters(str(tmp_path), 0.8))[ids[6]]["examples"][-1]

    # Two runs of five words each, none in common.
    assert (linked["doc_id"], linked["rule"], linked["jaccard"]) == (ids[8], "linked", 0.0)
    assert (linked["source"], linked["kept_doc_id"], linked["excerpt"]) == ("news", ids[6], GROUP_TEXTS[8])


def test_of_many_documents_four_are_shown_of_every_source_the_nearest_first(tmp_path: Path) -> None:
    texts = [f"{SHARED} {number}" for number in range(30)]
    removals = [(number, 0, 0.8 + number / 200, 3) for number in range(1, 30)]
    sources = ["web"] * 28 + ["books", "news"]
    ids = write_removals(tmp_path, texts, removals, sources=sources, segment=0)

    (group,) = duplicate_clusters(str(tmp_path), 0.8)["shown"]

    assert group["removed"] == 29
    assert [each["doc_id"] for each in group["examples"]] == [ids[1], ids[28], ids[29], ids[2]]


def test_a_group_with_more_stays_counts_each_of_them_once(tmp_path: Path) -> None:
    # 1 went for 0 and 4 for 3, all in one group, to which 3 is linked.
    texts = [SHARED, SHARED + " a", "x", SHARED + " b", SHARED + " c"]
    removals = [(1, 0, 0.9, 1), (4, 3, 0.9, 1)]
    ids = write_removals(tmp_path, texts, removals, clusters={4: 0}, linked={3: 0}, segment=0)

    (group,) = duplicate_clusters(str(tmp_path), 0.8)["shown"]

    assert group["cluster_id"] == ids[0]
    assert (group["documents"], group["removed"], group["kept"], group["linked"]) == (4, 2, 1, 1)


@pytest.mark.parametrize("rows", [2_000_000, 3])
def test_the_first_groups_of_every_kind_are_shown_without_gaps(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "ROWS_AT_A_TIME", rows)
    # Groups of 2 to 31 documents; the smallest ones are nearest to the threshold.
    texts, removals, firsts = [], [], []
    for size in range(2, 32):
        first = len(texts)
        firsts.append(first)
        texts += [f"{SHARED} {size} {number}" for number in range(size)]
        removals += [(first + number, first, 0.8 + size / 1000, 1) for number in range(1, size)]
    ids = write_removals(tmp_path, texts, removals, sources=["web"] * len(texts), segment=0)

    found = duplicate_clusters(str(tmp_path), 0.8)

    assert (found["groups"], found["across_sources"], found["linked"]) == (30, 0, 0)
    sizes = {ids[first]: size for first, size in zip(firsts, range(2, 32), strict=True)}
    kinds = [(sizes[group["cluster_id"]], group["kinds"]) for group in found["shown"]]
    assert kinds == [
        *((size, ["largest"]) for size in range(31, 23, -1)),
        *((size, ["borderline"]) for size in range(2, 10)),
    ]


def test_equal_groups_are_ordered_by_their_ids(tmp_path: Path) -> None:
    texts = [f"{SHARED} {number // 2}" for number in range(40)]
    removals = [(number + 1, number, 0.9, 1) for number in range(0, 40, 2)]
    ids = write_removals(tmp_path, texts, removals, sources=["web"] * 40, segment=0)

    first, second = (duplicate_clusters(str(tmp_path), 0.8) for _ in range(2))

    shown = [group["cluster_id"] for group in first["shown"]]
    assert shown == sorted(ids[::2])[:16]
    assert first == second


def test_of_a_large_group_a_sample_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "LOOKED_UP", 5)
    texts = [f"{SHARED} {number}" for number in range(30)]
    removals = [(number, 0, 0.9, 3) for number in range(1, 20)]
    linked = dict.fromkeys(range(20, 30), 0)
    write_removals(tmp_path, texts, removals, linked=linked, segment=0)

    (group,) = duplicate_clusters(str(tmp_path), 0.8)["shown"]

    assert (group["documents"], group["looked_up"]) == (30, 11)
    assert group["by_locale"] == [{"locale": "en", "documents": 11}]


@pytest.mark.parametrize("requested", [0, 2, 3])
def test_a_group_with_a_document_that_was_asked_to_be_removed_shows_no_text(
    requested: int, tmp_path: Path
) -> None:
    # 0 stays, 3 is a near duplicate, 2 a copy of what stays.
    ids = write_groups(tmp_path, requested=[requested])

    found = duplicate_clusters(str(tmp_path), 0.8)

    withheld = by_id(found)[ids[0]]
    assert (withheld["is_withheld"], withheld["examples"], withheld["documents"]) == (True, [], 4)
    assert SHARED not in str(found)
    assert f"https://example.org/{requested}" not in str(found)
    assert not by_id(found)[ids[4]]["is_withheld"]


def test_a_linked_document_that_was_asked_to_be_removed_withholds_its_group(tmp_path: Path) -> None:
    ids = write_groups(tmp_path, requested=[8])

    group = by_id(duplicate_clusters(str(tmp_path), 0.8))[ids[6]]

    assert (group["is_withheld"], group["examples"]) == (True, [])


def test_a_request_for_one_of_many_that_are_not_looked_up_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "LOOKED_UP", 1)
    removals = [(number, 0, 1.0, 0) for number in range(1, 50)]
    for requested in (1, 25, 49):
        folder = tmp_path / str(requested)
        write_removals(
            folder, [SHARED] * 50, removals, rules=["exact"] * 49, segment=0, requested=[requested]
        )

        (group,) = duplicate_clusters(str(folder), 0.8)["shown"]

        assert group["is_withheld"]


def test_what_stays_in_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    ids = write_groups(tmp_path, segment=1)

    example = by_id(duplicate_clusters(str(tmp_path), 0.8, own_segment=2))[ids[4]]["examples"][0]

    assert (example["excerpt"], example["kept_excerpt"]) == ("A page of the web!", None)
    assert (example["kept_is_earlier"], example["kept_source"], example["kept_locator"]) == (
        True,
        "books",
        None,
    )


@pytest.mark.parametrize("text", ["", "word " * 30_000])
def test_emptied_and_very_long_texts_are_not_shown(text: str, tmp_path: Path) -> None:
    write_removals(tmp_path, [text, SHARED], [(0, 1, 0.9, 3)], segment=0)

    ((example,),) = [group["examples"] for group in duplicate_clusters(str(tmp_path), 0.8)["shown"]]

    assert (example["excerpt"], example["kept_excerpt"]) == (None, SHARED)


def test_without_verification_no_group_is_borderline(tmp_path: Path) -> None:
    write_removals(tmp_path, TEXTS[:2], [(0, 1, None, 3)], segment=0)

    (group,) = duplicate_clusters(str(tmp_path), 0.8)["shown"]

    assert group["kinds"] == ["largest", "across_sources"]
    assert group["examples"][0]["jaccard"] is None


def test_a_run_without_decisions_has_no_groups(tmp_path: Path) -> None:
    assert duplicate_clusters(str(tmp_path), None) == {
        "groups": 0,
        "across_sources": 0,
        "linked": 0,
        "shown": [],
    }


# --- the page ---------------------------------------------------------------------------------------------------------

HOSTILE = "</details></blockquote><script>alert('x')</script><img src=x onerror=alert(1)>"


def page_of(run_dir: Path) -> str:
    """The part of the page that shows groups."""
    html = render(build_report(str(run_dir)))
    return html[html.index("Groups to look at</h3>") : html.index("<h3>Across sources</h3>")]


def write_two(run_dir: Path, removed: str, kept: str, locale: str = "en", **changed: Any) -> None:
    fields: dict[str, Any] = {"locales": [locale] * 2, "segment": 2}
    write_removals(run_dir, [removed, kept], [(0, 1, 0.9, 3)], **(fields | changed))


def test_texts_of_documents_stay_text(run_dir: Path) -> None:
    write_two(run_dir, f"one {HOSTILE}", f"two {HOSTILE}", sources=[HOSTILE, HOSTILE])

    section = page_of(run_dir)

    assert "<script>" not in section
    assert "<img" not in section
    assert section.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 4


def test_a_right_to_left_text_is_compared_word_by_word_and_names_its_language(run_dir: Path) -> None:
    write_two(run_dir, "المنارة القديمة تقف على الجرف الشمالي", "المنارة القديمة تقف على الجرف الجنوبي", "ar")

    section = page_of(run_dir)

    assert (
        '<blockquote dir="auto" lang="ar">المنارة القديمة تقف على الجرف <del>الشمالي</del></blockquote>'
        in section
    )
    assert "الجرف <ins>الجنوبي</ins></blockquote>" in section


def test_a_japanese_text_is_compared_character_by_character(run_dir: Path) -> None:
    write_two(run_dir, "古い灯台は北の崖に立っています。", "古い灯台は南の崖に立っています。", "ja")

    section = page_of(run_dir)

    assert (
        '<blockquote dir="auto" lang="ja">古い灯台は<del>北</del>の崖に立っています。</blockquote>' in section
    )
    assert "古い灯台は<ins>南</ins>の崖" in section


def test_a_withheld_group_says_so_in_a_sentence(run_dir: Path) -> None:
    write_two(run_dir, "private words", "private word", requested=[1])

    html = render(build_report(str(run_dir)))

    assert "A document of this group was asked to be removed. No text of the group is shown." in html
    assert "private word" not in html


def test_groups_open_by_keyboard_and_controls_wait_for_the_script(html: str) -> None:
    section = html[html.index("Groups to look at</h3>") :]

    assert re.search(r'<fieldset class="explorer" hidden>', section)
    assert len(re.findall(r'<input type="radio" name="cluster-kind"', section)) == 5
    assert len(re.findall(r'<details class="reason cluster" id="cluster-[0-9a-f]{32}"', section)) == 2
    assert 'data-kinds="largest across_sources borderline" data-sources="2"' in section
    assert "1 of 1 removed document shown" in section
    # Without the script nothing is hidden but the controls.
    assert section.count(" hidden>") == 1


def test_a_group_says_how_many_documents_are_shown_and_what_is_earlier(run_dir: Path) -> None:
    write_removals(
        run_dir, [SHARED, *(f"{SHARED} {number}" for number in range(9))],
        [(number, 0, 0.9, 1) for number in range(1, 10)], segment=1,
    )  # fmt: skip

    section = page_of(run_dir)

    assert "10 documents: 9 removed, 1 stays" in section
    assert "4 of 9 removed documents shown" in section
    assert section.count("In an earlier run.") == 4
    assert "(9 of 10 looked up)" in section
