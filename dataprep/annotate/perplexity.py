"""Perplexity under an n-gram model of good text (CCNet, Wenzek et al. 2020, section 3.3), with KenLM (Heafield 2011).

A document is scored line by line, as sentences with their bounds; its perplexity is 10 to the mean negative log10
probability per token, ends of lines included. Models are given by path, ARPA or binary; so are the SentencePiece models
that cut the text into what they were trained on. The library is the optional extra `perplexity`, and is imported only
where a model is given.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import pyarrow as pa

from dataprep.annotate.lists import Lists

_DIGIT: Final = re.compile(r"\d")
# Characters that CCNet writes in ASCII.
_PUNCTUATION: Final = str.maketrans(
    {
        "，": ",", "。": ".", "、": ",", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"',
        "《": '"', "》": '"', "´": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";",
        "–": "-", "—": " - ", "．": ". ", "～": "~", "’": "'", "…": "...", "━": "-", "〈": "<", "〉": ">", "【": "[",
        "】": "]", "％": "%", "►": "-",
    }
)  # fmt: skip


class LanguageModelError(ValueError):
    """A perplexity model cannot be used; the message says what to do."""


def check_models(lists: Lists) -> None:
    """Load every model once on the driver, so that what is wrong is named before Spark starts.

    Raises:
        LanguageModelError: the library is missing, or a file is no model.
    """
    for _, path in lists.perplexity:
        _model(path)
    for _, path in lists.pieces:
        _pieces(path)


@cache
def _model(path: str) -> Any:  # noqa: ANN401 (kenlm has no types)
    try:
        import kenlm
    except ImportError as error:
        raise LanguageModelError(
            "lists.perplexity needs the library kenlm: pip install -e '.[dataprep,perplexity]' (it is compiled at "
            "installation, with CMake and a C++ compiler), or leave the setting out."
        ) from error
    try:
        return kenlm.Model(path)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise LanguageModelError(
            f"{path} is no KenLM model ({reason}); give an ARPA file or what build_binary made of one."
        ) from error


@cache
def _pieces(path: str) -> Any:  # noqa: ANN401 (sentencepiece has no types)
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as error:
        raise LanguageModelError(
            f"{path} is no SentencePiece model; correct lists.perplexity_pieces."
        ) from error


def ccnet_normal_form(text: str) -> str:
    """The text as CCNet's models expect it: lower case, no accents, digits as 0, ASCII punctuation.

    Only for scoring: accents mean marks of every script, vowel signs included.
    """
    decomposed = unicodedata.normalize("NFD", text.lower())
    bare = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    visible = "".join(
        character for character in bare if character == "\n" or unicodedata.category(character) != "Cc"
    )
    return _DIGIT.sub("0", visible).translate(_PUNCTUATION)


def perplexity(text: str, locale: str, lists: Lists) -> float | None:
    """Perplexity of a text under the model of its locale; null without a model, or without a token."""
    path = dict(lists.perplexity).get(locale)
    if path is None:
        return None
    pieces = dict(lists.pieces).get(locale)
    model = _model(path)
    score, tokens = 0.0, 0
    for line in (ccnet_normal_form(text) if lists.ccnet else text).split("\n"):
        words = _pieces(pieces).encode(line, out_type=str) if pieces else line.split()
        if words:
            score += model.score(" ".join(words))
            tokens += len(words) + 1
    return float(10.0 ** (-score / tokens)) if tokens else None


def perplexities(texts: pa.StringArray, locales: Sequence[str], lists: Lists) -> pa.Array:
    """Perplexity of each text under the model of its locale; float32, null without one.

    Args:
        texts: documents, no nulls.
        locales: their locales.
        lists: where the models are.
    """
    modelled = {locale for locale, _ in lists.perplexity}
    if not modelled.intersection(locales):
        return pa.nulls(len(texts), pa.float32())
    values = [
        perplexity(texts[index].as_py(), locale, lists) if locale in modelled else None
        for index, locale in enumerate(locales)
    ]
    return pa.array(values, pa.float32())
