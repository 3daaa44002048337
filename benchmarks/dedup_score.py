"""Precision and recall of a deduplication on a corpus with planted truth.

By exact Jaccard similarity of the texts, not by the label of a document: which of two copies stays is up to the tool.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Final

from dataprep.sample import reference

MIN_JACCARD: Final = 0.8

DEFINITIONS: Final = """\
- *Removed*: documents of the corpus that are not in the output.
- *Right*: a removed document with a Jaccard similarity of at least 0.8 to a document of its cluster that stays.
  *Precision* is right ÷ removed.
- *Missed*: documents that would still have to go until no two of a cluster that stay have a similarity of 0.8 or more:
  in the order of the corpus, each that has one to an earlier document of its cluster that stays and was not missed.
  *Recall* is right ÷ (right + missed).
- *Look-alikes removed*: planted documents with a similarity of at most 0.75 to the original of their cluster that
  were removed and not right.
- Similarity is that of the sets of word 5-grams, computed on the texts in plain Python
  (`dataprep/sample/reference.py`), by none of the tools."""


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a cluster.

    Attributes:
        id: of the document.
        text: as in the corpus.
        is_look_alike: whether it was planted as one.
    """

    id: str
    text: str
    is_look_alike: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of documents; see `DEFINITIONS`.

    Attributes:
        removed: removed in all.
        right: of them, rightly.
        missed: kept, but duplicates of what is kept.
        look_alikes: look-alikes removed, not rightly.
    """

    removed: int
    right: int
    missed: int
    look_alikes: int

    @property
    def precision(self) -> float | None:
        """In [0, 1]; null if nothing was removed."""
        return self.right / self.removed if self.removed else None

    @property
    def recall(self) -> float | None:
        """In [0, 1]; null if there was nothing to remove."""
        due = self.right + self.missed
        return self.right / due if due else None


def score(clusters: Iterable[Sequence[Member]], removed: Set[str]) -> Score:
    """Score what a tool removed.

    Args:
        clusters: members of every cluster of two and more, in the order of the corpus. Documents in none are unlike
            every other, so that removing one is never right.
        removed: ids of all documents that were removed, inside and outside of clusters.
    """
    right = missed = look_alikes = 0
    for members in clusters:
        kept = [member for member in members if member.id not in removed]
        gone = [member for member in members if member.id in removed]
        is_similar = _similarity_test()
        wrong = [member for member in gone if not any(is_similar(member.text, stays.text) for stays in kept)]
        right += len(gone) - len(wrong)
        look_alikes += sum(member.is_look_alike for member in wrong)
        distinct: list[Member] = []
        for member in kept:
            if any(is_similar(member.text, earlier.text) for earlier in distinct):
                missed += 1
            else:
                distinct.append(member)
    return Score(len(removed), right, missed, look_alikes)


def _similarity_test() -> Callable[[str, str], bool]:
    """Whether two texts are duplicates; remembers their shingles, so make a new one per cluster."""
    known: dict[str, frozenset[str]] = {}

    def shingles(text: str) -> frozenset[str]:
        if text not in known:
            known[text] = reference.shingles(text)
        return known[text]

    def is_similar(left: str, right: str) -> bool:
        if left == right:
            return True
        one, two = shingles(left), shingles(right)
        # The smaller set over the larger bounds the similarity from above.
        if min(len(one), len(two)) < MIN_JACCARD * max(len(one), len(two)):
            return False
        return reference.similarity(one, two) >= MIN_JACCARD

    return is_similar
