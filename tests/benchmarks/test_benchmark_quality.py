"""The junk that is planted, and how scores are summed."""

import random

import pytest

from benchmarks.bench_quality import Score, pick
from benchmarks.junk import KINDS, WRONG_SCRIPT, clean, planted

ENGLISH = [
    "The mill by the river was built of stone. The children went there every day, and the miller told them stories.",
    "On the bridge stood a man with a basket full of apples. He was waiting for the bus to the town behind the hills.",
]
JAPANESE = [
    "川のそばの水車小屋は石でできていた。子どもたちは毎日そこへ行き、主人の話を聞いた。橋の上には男が立っていた。"
]


def test_the_same_seed_plants_the_same_junk_and_another_one_other() -> None:
    one, again, other = (planted("en", ENGLISH, JAPANESE, seed=seed, per_kind=2) for seed in (1, 1, 2))

    assert one == again != other
    assert [kind for kind, _ in one] == [kind for kind in (*KINDS, WRONG_SCRIPT) for _ in range(2)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("locale", "texts"), [("en", ENGLISH), ("ja", JAPANESE)])
def test_every_kind_can_be_made_of_any_script(kind: str, locale: str, texts: list[str]) -> None:
    draw = random.Random(3)

    text = KINDS[kind](clean(locale, texts, draw), draw)

    assert text.strip()
    assert text not in texts


def test_scores_are_summed_over_what_is_asked_for() -> None:
    scores = {
        ("clean", "udhr", "de"): Score(10, 1),
        ("clean", "ntrex", "de"): Score(10, 2),
        ("clean", "ntrex", "fr"): Score(5, 5),
        ("menu", "junk", "de"): Score(7, 7),
    }

    german = pick(scores, kinds=["clean"], sources=["udhr", "ntrex"], locale="de")
    news = pick(scores, kinds=["clean"], sources=["ntrex"])

    assert (german.documents, german.dropped, german.fraction) == (20, 3, 0.15)
    assert (news.documents, news.dropped) == (15, 7)
    assert Score().fraction == 0.0
