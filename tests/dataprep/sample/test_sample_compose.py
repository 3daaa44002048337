"""Drawing, editing and keeping apart the documents of the sample."""

import random

import pytest

from dataprep.sample import reference
from dataprep.sample.compose import Composer, CompositionError, Draft, Index, clusters, with_spacing
from dataprep.sample.sentences import TOPICS, Sentences, load

SENTENCES = load()


def composer(code: str, seed: int = 1) -> Composer:
    return Composer(code, SENTENCES[code], random.Random(seed), Index())


def test_the_index_finds_the_most_similar_document_besides_the_one_left_out() -> None:
    index = Index()
    same = Draft("mc4", "en", (), "a b c d e f g")
    half = Draft("mc4", "en", (), "a b c d e f x")
    index.add(same)
    index.add(half)

    actual = [
        index.nearest("a b c d e f g"),
        index.nearest("a b c d e f g", besides=same),
        index.nearest("q r s t u"),
    ]

    assert actual == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("code", ["de", "ja", "th", "ta"])
def test_new_documents_have_6_to_12_sentences_in_2_to_4_lines_and_are_unlike(code: str) -> None:
    maker = composer(code)

    drafts = [maker.fresh("cc100") for _ in range(40)]

    assert {len(draft.sentences) for draft in drafts} <= set(range(6, 13))
    assert {draft.text.count("\n") + 1 for draft in drafts} == {2, 3, 4}
    assert [draft for draft in drafts if len(set(draft.sentences)) < len(draft.sentences)] == []
    similarities = [
        reference.jaccard(left.text, right.text)
        for place, left in enumerate(drafts)
        for right in drafts[:place]
    ]
    assert max(similarities) < 0.4


def test_too_few_sentences_for_another_document_are_an_error_that_names_the_language() -> None:
    lines = tuple(
        " ".join(f"{letter}{number}" for letter in "abcdefghijklmnopqrst") + "." for number in range(10)
    )
    tiny = Sentences(dict.fromkeys(TOPICS, lines), (), ())
    maker = Composer("en", tiny, random.Random(1), Index())

    with pytest.raises(CompositionError, match=r"^en: no room for one more document"):
        [maker.fresh("mc4") for _ in range(300)]


@pytest.mark.parametrize("code", ["en", "zh", "th", "ar", "ko"])
def test_near_copies_and_look_alikes_lie_on_their_side_of_the_threshold(code: str) -> None:
    maker = composer(code)
    originals = [draft for draft in (maker.fresh("mc4") for _ in range(20)) if maker.can_be_edited(draft)][:8]

    copies = [(draft, *maker.near_copy(draft, "cc100")) for draft in originals[:4]]
    others = [(draft, *maker.look_alike(draft, "cc100")) for draft in originals[4:]]

    assert [reference.jaccard(draft.text, copy.text) for draft, copy, _ in copies] == [
        found for *_, found in copies
    ]
    assert all(0.85 <= jaccard <= 0.97 for *_, jaccard in copies)
    assert [reference.jaccard(draft.text, copy.text) for draft, copy, _ in others] == [
        found for *_, found in others
    ]
    assert all(0.45 <= jaccard <= 0.72 for *_, jaccard in others)


@pytest.mark.parametrize("code", ["en", "zh", "th"])
def test_a_spaced_copy_differs_in_white_space_only_and_keeps_its_lines(code: str) -> None:
    draft = composer(code).fresh("cc100")

    copy = with_spacing(draft, "mc4", random.Random(1))

    assert copy.text != draft.text
    assert copy.text.split() == draft.text.split()
    assert [line.split() for line in copy.text.split("\n")] == [
        line.split() for line in draft.text.split("\n")
    ]


def test_clusters_keep_marks_with_their_character() -> None:
    assert clusters("น้ำ हि a") == ["น้", "ำ", " ", "हि", " ", "a"]
