"""Labels of documents and lines against the fastText library, with and without the prior taken back."""

from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.kernels.fasttext_model import Model, load, predict
from dataprep.kernels.language_lines import label_lines, prior_factors

from .references import as_batch
from .test_fasttext_model import KINDS, WHOLE, anything, builtin, encoded, real_sentences

TOLERANCE = 1e-3
FLAT = 0.6


def library_distribution(library: Any, text: str) -> dict[str, float]:
    """Every label's probability by the library, for the text on one line."""
    found = library.f.predict(text.replace("\n", " ") + "\n", 1 << 20, -1.0, "strict")
    return {label: score for score, label in found}


def corrected(model: Model, library: Any, text: str, strength: float) -> dict[str, float]:
    """The library's distribution divided by the training counts to the power of `strength`, scaled to 1."""
    scores = library_distribution(library, text)
    raised = {
        label: scores.get(label, 0.0) / max(count, 1) ** strength
        for label, count in zip(model.labels, model.counts, strict=True)
    }
    total = sum(raised.values())
    return {label: score / total for label, score in raised.items()}


def best(scores: dict[str, float]) -> tuple[str, float]:
    label = max(scores, key=lambda name: scores[name])
    return label, scores[label]


@settings(max_examples=200)
@given(st.lists(anything, min_size=1, max_size=5))
def test_without_correction_a_document_has_the_labels_it_has_alone(documents: list[str]) -> None:
    model, _ = builtin()
    flat = prior_factors(model, 0.0)

    found = label_lines(model, flat, *as_batch(documents), max_bytes=WHOLE, k=3)
    labels, scores = predict(model, *as_batch(documents), max_bytes=WHOLE, k=3)

    assert np.allclose(found.scores_NK, scores, rtol=0, atol=TOLERANCE)
    clear = scores[:, 0] - scores[:, 1] > TOLERANCE
    assert found.labels_NK[clear, 0].tolist() == labels[clear, 0].tolist()
    assert ((found.labels_NK[:, 0] < 0) == (labels[:, 0] < 0)).all()


# The library adds 1e-5 to every probability before it takes logarithms, which a strength of 1 would make thousands of.
@pytest.mark.parametrize("strength", [0.0, 0.4, FLAT])
def test_the_corrected_score_is_the_librarys_over_the_training_frequency(strength: float) -> None:
    model, library = builtin()
    documents = list(real_sentences()[::7])

    found = label_lines(model, prior_factors(model, strength), *as_batch(documents), max_bytes=WHOLE, k=1)

    expected = [best(corrected(model, library, text, strength)) for text in documents]
    assert np.allclose(found.scores_NK[:, 0], [score for _, score in expected], rtol=0, atol=0.02)
    names = [model.labels[label] for label in found.labels_NK[:, 0]]
    clear = [score > 0.55 for _, score in expected]
    assert [name for name, sure in zip(names, clear, strict=True) if sure] == [
        label for (label, _), sure in zip(expected, clear, strict=True) if sure
    ]


@pytest.mark.parametrize("strength", [0.0, FLAT])
def test_a_line_has_the_label_it_has_alone(strength: float) -> None:
    model, library = builtin()
    texts = [" ".join(real_sentences()[number : number + 30]) for number in range(0, 456, 19)]
    lines = [text.encode()[:900].decode(errors="ignore") for text in texts]
    pages = ["\n".join(lines[number : number + 6]) for number in range(0, 24, 6)]

    found = label_lines(model, prior_factors(model, strength), *as_batch(pages), max_bytes=5600, k=8)

    expected = [best(corrected(model, library, line, strength)) for line in lines]
    labels = found.line_labels_NM[:, :6].ravel()
    sizes = [len(line.encode()) for line in lines]
    clear = [score > 0.55 for _, score in expected]
    assert (found.line_labels_NM[:, 6:] == -1).all()
    assert found.line_bytes_NM[:, :6].ravel().tolist() == sizes
    assert sum(clear) > 15
    assert [model.labels[label] for label, sure in zip(labels, clear, strict=True) if sure] == [
        label for (label, _), sure in zip(expected, clear, strict=True) if sure
    ]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_model_labels_documents_and_their_lines(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(encoded(kind))
    model, library = load(str(path)), fasttext.load_model(str(path))
    documents = ["the a não мир 水", "the " * 40 + "\n" + "水 " * 60, "", "a"]

    found = label_lines(model, prior_factors(model, 0.0), *as_batch(documents), max_bytes=WHOLE, k=3)

    wanted = [library.f.predict(text.replace("\n", " ") + "\n", 3, 0.0, "strict") for text in documents]
    expected = [[score for score, _ in scores] for scores in wanted]
    shown = [row[: len(scores)].tolist() for row, scores in zip(found.scores_NK, expected, strict=True)]
    assert [np.allclose(a, b, rtol=0, atol=TOLERANCE) for a, b in zip(shown[:2], expected[:2], strict=True)]
    assert found.labels_NK[2].tolist() == [-1, -1, -1]
    assert (found.line_labels_NM[0, :2] >= 0).tolist() == [True, False]
    assert found.line_labels_NM[2, 0] == -1


def test_short_lines_are_judged_together_and_long_ones_alone() -> None:
    model, _ = builtin()
    english = "The museum opens at nine o'clock in the morning, and children may go in without paying anything at all."
    german = "Das Museum öffnet um neun Uhr morgens, und Kinder dürfen hinein, ohne auch nur einen Cent zu bezahlen."
    page = "\n".join([english, german, "Menu", "Home", "News", english])

    found = label_lines(model, prior_factors(model, FLAT), *as_batch([page]), max_bytes=800, k=8)

    names = [model.labels[label] for label in found.line_labels_NM[0] if label >= 0]
    assert names == ["__label__en", "__label__de", "__label__en"]
    assert found.line_bytes_NM[0, :3].tolist() == [len(english), len(german.encode()), len(english) + 15]


@pytest.mark.parametrize(("max_bytes", "k"), [(0, 1), (1, 0)])
def test_what_is_no_setting_is_refused(max_bytes: int, k: int) -> None:
    model, _ = builtin()

    with pytest.raises(ValueError, match="at least 1"):
        label_lines(model, prior_factors(model, 0.0), *as_batch(["a"]), max_bytes=max_bytes, k=k)


def test_factors_grow_as_labels_become_rarer_and_do_nothing_at_strength_0() -> None:
    model, _ = builtin()
    english, slovenian = (model.labels.index(f"__label__{code}") for code in ("en", "sl"))

    half = prior_factors(model, 0.5)

    # lid.176 saw 5,469,676 English texts, more than of any other language, and 71,411 Slovenian ones.
    assert half[english] == 1.0
    assert half[slovenian] == pytest.approx(8.7519, abs=1e-3)
    assert set(prior_factors(model, 0.0).tolist()) == {1.0}
