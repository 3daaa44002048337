"""Which thresholds are in force: defaults < thresholds file < `rules` < `rules_by_locale`. No Spark in here.

A thresholds file holds what `make calibrate` computed from reference corpora (see calibrate.py): per locale the
thresholds, the documents they rest on, and the locale's stop words. `thresholds: builtin` is the file shipped in this
folder, `none` none at all, anything else a path. What a configuration says in `rules` is the user's word and counts for
every locale, null included; what it does not say leaves the file its say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from dataprep import files
from dataprep.annotate.language_id import LanguageSettings, identify
from dataprep.config import LanguageIdConfig, PrepareConfig, RulesConfig, StrictConfig, settings_sha256
from dataprep.kernels.arrow_buffers import buffers
from dataprep.locales import LOCALES

SCHEMA_VERSION: Final = 1
BUILTIN: Final = "builtin"
NONE: Final = "none"
# These only hold for the language identification they come from.
LANGUAGE_THRESHOLDS: Final = ("min_language_score", "min_line_language_fraction")
Origin = Literal["default", "file", "rules", "rules_by_locale"]
Value = float | bool | str | None


class ThresholdsError(ValueError):
    """A thresholds file cannot be used; the message says what to change."""


class OfLocale(StrictConfig):
    """What a file says of one locale, or of all locales of one kind of unit.

    Attributes:
        documents: reference documents that the numbers rest on; 0 for values of all locales together.
        thresholds: names and values, as in `rules`.
        stop_words: the most frequent words of the reference, the commonest first.
    """

    documents: int = Field(ge=0)
    thresholds: dict[str, float | None]
    stop_words: list[str] = Field(default_factory=list)


class ThresholdsFile(StrictConfig):
    """A thresholds file.

    Attributes:
        schema_version: of this layout.
        origin: one sentence for people: what it was computed from.
        reference: fingerprint of the reference documents (SHA-256 of their content hashes), their sources, how many.
        code_sha256: digest of the code that computed it.
        language_identification: digest of what the language identification said of a few probes.
        settings: how it was computed.
        locales: by locale.
        units: for locales without reference documents, by what a word is: `word` or `char`.
    """

    schema_version: Literal[1]
    origin: str
    reference: dict[str, Any]
    code_sha256: str
    language_identification: str
    settings: dict[str, Any]
    locales: dict[str, OfLocale]
    units: dict[str, OfLocale] = Field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the contents."""
        return settings_sha256(self.model_dump(mode="json"))

    def of(self, locale: str) -> OfLocale | None:
        """What the file says of a locale; of its kind of unit where the reference had none of it."""
        unit = LOCALES[locale].unit if locale in LOCALES else ""
        return self.locales.get(locale) or self.units.get(unit)


@cache
def _read(path: str) -> ThresholdsFile:
    if path == BUILTIN:
        found = resources.files("dataprep.filter") / "thresholds.json"
        return ThresholdsFile.model_validate_json(found.read_bytes())
    try:
        with files.open_binary(path) as file:
            text = file.read()
    except OSError as error:
        raise ThresholdsError(
            f"the thresholds file {path} cannot be read ({error.strerror or error}); correct `thresholds`, or make "
            "the file with `make calibrate`."
        ) from error
    try:
        return ThresholdsFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ThresholdsError(
            f"{path} is no thresholds file of schema_version {SCHEMA_VERSION} ({where}: {first['msg']}); make it "
            "with `make calibrate`."
        ) from error


def load_thresholds(name: str) -> ThresholdsFile | None:
    """The file that `thresholds` names: null for `none`.

    Raises:
        ThresholdsError: the file is missing, is none, or names a threshold or locale that there is not, or a value out
            of bounds.
    """
    if name == NONE:
        return None
    loaded = _read(name)
    for locale, of_locale in [*loaded.locales.items(), *loaded.units.items()]:
        if locale not in LOCALES and locale not in loaded.units:
            raise ThresholdsError(
                f"{name} names the unknown locale {locale}; correct it or make the file again."
            )
        _checked(name, locale, of_locale.thresholds)
    return loaded


def _checked(name: str, locale: str, thresholds: Mapping[str, float | None]) -> None:
    try:
        RulesConfig.model_validate(thresholds)
    except ValidationError as error:
        first = error.errors()[0]
        raise ThresholdsError(
            f"{name}, locale {locale}: {first['loc'][0]}: {first['msg']}; correct it or make the file again."
        ) from error


@dataclass(frozen=True, slots=True)
class InForce:
    """The thresholds of one locale, and where each comes from.

    Attributes:
        rules: all of them.
        origins: by name.
        documents: reference documents behind those that come from the file.
    """

    rules: RulesConfig
    origins: Mapping[str, Origin]
    documents: int


# A few sentences of our own; what the language identification says of them tells one from another.
_PROBES: Final = (
    "The bridge over the river is closed until spring.",
    "Die Brücke über den Fluss bleibt bis zum Frühling gesperrt.",
    "Мост через реку закрыт до весны.",
    "नदी पर बना पुल वसंत तक बंद है।",
    "川にかかる橋は春まで通れません。",
    "สะพานข้ามแม่น้ำปิดจนถึงฤดูใบไม้ผลิ",
    "الجسر فوق النهر مغلق حتى الربيع.",
    "A ponte sobre o rio fica fechada até à primavera.",
)


@cache
def _identification_digest(settings: LanguageSettings) -> str:
    said = identify(*buffers(pa.array(_PROBES)), [None] * len(_PROBES), settings)
    scores = [round(float(score), 2) for score in said.detected_score]
    return settings_sha256([said.detected, scores])[:16]


def identification_digest(config: LanguageIdConfig) -> str:
    """A name for the language identification, 16 hex digits: equal as long as it says the same of a few probes."""
    restrict_to = None if config.restrict_to is None else tuple(config.restrict_to)
    return _identification_digest(
        LanguageSettings(config.model, config.max_bytes, config.prior_correction, restrict_to)
    )


def in_force(config: PrepareConfig) -> dict[str, InForce]:
    """The thresholds in force per locale of the table.

    The file's thresholds on language scores count only if they were computed with the run's own language
    identification.

    Raises:
        ThresholdsError: the thresholds file cannot be used.
    """
    file = load_thresholds(config.thresholds)
    defaults, wanted = RulesConfig().model_dump(), config.rules.model_dump(exclude_unset=True)
    other_scores = file is not None and file.language_identification != identification_digest(
        config.language_id
    )
    result = {}
    for locale in LOCALES:
        found = file.of(locale) if file else None
        computed: dict[str, Value] = dict(found.thresholds) if found else {}
        if other_scores:
            for name in LANGUAGE_THRESHOLDS:
                computed.pop(name, None)
        layers: list[tuple[Origin, Mapping[str, Value]]] = [
            ("default", defaults),
            ("file", computed),
            ("rules", wanted),
            ("rules_by_locale", config.rules_by_locale.get(locale, {})),
        ]
        values: dict[str, Value] = {}
        origins: dict[str, Origin] = {}
        for origin, layer in layers:
            values |= layer
            origins |= dict.fromkeys(layer, origin)
        result[locale] = InForce(RulesConfig.model_validate(values), origins, found.documents if found else 0)
    return result


def stop_words(config: PrepareConfig) -> dict[str, list[str]]:
    """Stop words per locale, from the thresholds file."""
    file = load_thresholds(config.thresholds)
    return {
        locale: of_locale.stop_words
        for locale, of_locale in (file.locales if file else {}).items()
        if of_locale.stop_words
    }


def thresholds_sha256(config: PrepareConfig) -> str | None:
    """Hex SHA-256 of the thresholds file's contents; null without one."""
    file = load_thresholds(config.thresholds)
    return file.sha256 if file else None


def described(config: PrepareConfig, locales: Iterable[str]) -> dict[str, Any]:
    """What a report says of the thresholds: the file, the defaults, and per locale what differs from them, and why.

    Args:
        config: settings.
        locales: those of the run; others than the table's are left out.
    """
    file = load_thresholds(config.thresholds)
    return {
        "file": config.thresholds,
        "sha256": file.sha256 if file else None,
        "origin": file.origin if file else None,
        "reference_documents": file.reference.get("documents") if file else None,
        "defaults": [
            {"threshold": name, "value": value} for name, value in RulesConfig().model_dump().items()
        ],
        "by_locale": [
            {
                "locale": locale,
                "threshold": name,
                "value": getattr(found.rules, name),
                "origin": origin,
                "documents": found.documents if origin == "file" else None,
            }
            for locale, found in in_force(config).items()
            if locale in set(locales)
            for name, origin in sorted(found.origins.items())
            if origin != "default"
        ],
    }
