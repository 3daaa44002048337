"""Perplexity under a tiny model that the tests write themselves."""

import math
from pathlib import Path

import pyarrow as pa
import pytest

from dataprep.annotate.lists import Lists, resolve_lists
from dataprep.annotate.perplexity import (
    LanguageModelError,
    ccnet_normal_form,
    check_models,
    perplexities,
    perplexity,
)
from dataprep.config import ListsConfig

# log10 probabilities: p(the | <s>) = 0.5, p(end | the) = 0.25, p(</s> | end) = 0.5; everything else backs off.
ARPA = """\
\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
-99\t<s>\t0
-1.0\t</s>
-1.0\tthe\t0
-1.0\tend\t0

\\2-grams:
-0.30103\t<s> the
-0.60206\tthe end
-0.30103\tend </s>

\\end\\
"""


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    pytest.importorskip("kenlm", reason="the optional extra `perplexity` is not installed")
    (tmp_path / "en.arpa").write_text(ARPA)
    return resolve_lists(ListsConfig(perplexity=str(tmp_path / "{locale}.arpa")), {})


def test_perplexity_is_that_of_the_probabilities_worked_out_by_hand(lists: Lists) -> None:
    # 0.5 · 0.25 · 0.5 over three tokens, the end of the line included.
    assert perplexity("The end", "en", lists) == pytest.approx((1 / 16) ** (-1 / 3), rel=1e-4)


def test_lines_are_sentences_and_blank_ones_count_nothing(lists: Lists) -> None:
    once = perplexity("the end", "en", lists)

    assert perplexity("the end\n\nthe end", "en", lists) == pytest.approx(once)


def test_unknown_words_surprise(lists: Lists) -> None:
    assert perplexity("what is this", "en", lists) == pytest.approx(10.0, rel=1e-4)


def test_locales_without_a_model_and_texts_without_words_have_none(lists: Lists) -> None:
    found = perplexities(pa.array(["the end", "das Ende", " \n"]), ["en", "de", "en"], lists)

    assert found.type == pa.float32()
    assert found.to_pylist()[1:] == [None, None]
    assert math.isfinite(found[0].as_py())


def test_a_file_that_is_no_model_is_named(lists: Lists, tmp_path: Path) -> None:
    (tmp_path / "de.arpa").write_text("no model")

    with pytest.raises(LanguageModelError, match="is no KenLM model"):
        check_models(Lists(perplexity=(("de", str(tmp_path / "de.arpa")),)))
    check_models(lists)


def test_without_models_nothing_is_imported() -> None:
    assert perplexities(pa.array(["a", "b"]), ["en", "de"], Lists()).to_pylist() == [None, None]


def test_text_is_brought_to_the_form_that_ccnet_scores() -> None:
    assert ccnet_normal_form("Été 2024 — „Ça“ 、\tx\n") == 'ete 0000  -  "ca" ,x\n'
