"""Which thresholds are in force, and where they come from. No Spark."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataprep.config import LanguageIdConfig, PrepareConfig
from dataprep.filter.thresholds import (
    SCHEMA_VERSION,
    ThresholdsError,
    described,
    identification_digest,
    in_force,
    load_thresholds,
    stop_words,
    thresholds_sha256,
)
from dataprep.locales import LOCALES

FILE: dict[str, Any] = {
    "schema_version": 1,
    "origin": "Made up for a test.",
    "reference": {"documents": 12},
    "code_sha256": "",
    "language_identification": "",
    "settings": {},
    "locales": {
        "de": {
            "documents": 12,
            "thresholds": {"min_words": 33, "max_digit_fraction": 0.25, "min_language_score": 0.45},
            "stop_words": ["der", "und"],
        }
    },
    "units": {"char": {"documents": 0, "thresholds": {"max_digit_fraction": 0.125}}},
}


def written(folder: Path, **changes: Any) -> str:
    path = folder / "thresholds.json"
    path.write_text(json.dumps({**FILE, **changes}))
    return str(path)


def config(path: str, **settings: Any) -> PrepareConfig:
    source = {"name": "s", "format": "jsonl", "paths": ["x"]}
    return PrepareConfig.model_validate({"run_dir": "r", "sources": [source], "thresholds": path, **settings})


def test_a_later_word_comes_before_an_earlier_one(tmp_path: Path) -> None:
    settings = config(
        written(tmp_path),
        rules={"max_words": 5, "min_words": 40},
        rules_by_locale={"de": {"max_words": 7}, "fr": {"max_digit_fraction": None}},
    )

    german, french, japanese = (in_force(settings)[locale] for locale in ("de", "fr", "ja"))

    assert (german.rules.max_digit_fraction, german.origins["max_digit_fraction"]) == (0.25, "file")
    assert (german.rules.min_words, german.origins["min_words"]) == (40, "rules")
    assert (german.rules.max_words, german.origins["max_words"]) == (7, "rules_by_locale")
    assert (german.rules.min_alpha_fraction, german.origins["min_alpha_fraction"]) == (0.6, "default")
    assert (french.rules.max_digit_fraction, french.origins["max_digit_fraction"]) == (
        None,
        "rules_by_locale",
    )
    assert (japanese.rules.max_digit_fraction, japanese.documents) == (0.125, 0)
    assert german.documents == 12


def test_what_rules_say_counts_even_as_the_defaults_have_it_and_nothing_else_does(tmp_path: Path) -> None:
    settings = config(written(tmp_path), rules={"min_words": 20, "max_digit_fraction": None})

    again = PrepareConfig.model_validate(settings.model_dump())

    assert settings.model_dump()["rules"] == {"min_words": 20, "max_digit_fraction": None}
    for found in (in_force(settings)["de"], in_force(again)["de"]):
        assert (found.rules.min_words, found.rules.max_digit_fraction) == (20, None)
        assert found.origins["max_digit_fraction"] == "rules"
        assert found.origins["min_alpha_fraction"] == "default"


def test_a_configuration_without_rules_leaves_the_file_its_say(tmp_path: Path) -> None:
    settings = config(written(tmp_path))

    again = PrepareConfig.model_validate(settings.model_dump())

    assert in_force(settings)["de"].rules.min_words == in_force(again)["de"].rules.min_words == 33


def test_thresholds_on_language_scores_only_hold_for_the_identification_they_are_from(tmp_path: Path) -> None:
    own = identification_digest(LanguageIdConfig())
    (tmp_path / "other").mkdir()

    of_own = in_force(config(written(tmp_path, language_identification=own)))["de"]
    of_other = in_force(config(written(tmp_path / "other", language_identification="another")))["de"]

    assert of_own.rules.min_language_score == 0.45
    assert (of_other.rules.min_language_score, of_other.origins["min_language_score"]) == (0.4, "default")
    assert of_other.rules.max_digit_fraction == 0.25


def test_without_a_file_the_settings_count(tmp_path: Path) -> None:
    settings = config("none", rules={"max_digit_fraction": 0.5})

    assert in_force(settings)["de"].rules == settings.rules
    assert stop_words(settings) == {}
    assert thresholds_sha256(settings) is None


def test_stop_words_are_those_of_the_file(tmp_path: Path) -> None:
    assert stop_words(config(written(tmp_path))) == {"de": ["der", "und"]}


def test_the_hash_is_of_the_contents_and_not_of_the_path_or_the_spelling(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one, other = written(tmp_path), written(tmp_path / "a", origin="Another.")
    (tmp_path / "indented.json").write_text(json.dumps(FILE, indent=4))

    hashes = [thresholds_sha256(config(path)) for path in (one, str(tmp_path / "indented.json"), other)]

    assert hashes[0] == hashes[1] != hashes[2]


def test_a_report_is_told_what_differs_from_the_defaults_and_why(tmp_path: Path) -> None:
    found = described(config(written(tmp_path), rules={"max_words": 5}), ["de", "xx"])

    assert (found["origin"], found["reference_documents"]) == ("Made up for a test.", 12)
    assert found["by_locale"] == [
        {"locale": "de", "threshold": "max_digit_fraction", "value": 0.25, "origin": "file", "documents": 12},
        {"locale": "de", "threshold": "max_words", "value": 5, "origin": "rules", "documents": None},
        {"locale": "de", "threshold": "min_words", "value": 33, "origin": "file", "documents": 12},
    ]
    assert {"threshold": "min_words", "value": 20} in found["defaults"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "no thresholds file of schema_version 1"),
        ({"locales": {"xx": {"documents": 1, "thresholds": {}}}}, "unknown locale xx"),
        ({"locales": {"de": {"documents": 1, "thresholds": {"max_dogs": 1}}}}, "locale de: max_dogs"),
        (
            {"locales": {"de": {"documents": 1, "thresholds": {"max_digit_fraction": 2}}}},
            "max_digit_fraction",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ThresholdsError, match=message):
        load_thresholds(written(tmp_path, **changes))


def test_a_missing_file_is_named_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ThresholdsError, match=r"absent\.json cannot be read .*make calibrate"):
        load_thresholds(str(tmp_path / "absent.json"))


def test_the_file_in_the_package_speaks_of_the_locales_of_the_table() -> None:
    file = load_thresholds("builtin")

    assert file is not None
    assert set(file.locales) <= set(LOCALES)
    assert set(file.units) == {"word", "char"}
    assert all(each.stop_words for locale, each in file.locales.items() if locale != "ms")
    assert "Computed" in file.origin
    assert file.schema_version == SCHEMA_VERSION
