"""Settings of the data pipeline: what is accepted, what is refused, what a hash covers."""

from typing import Any

import pytest
from pydantic import ValidationError

from dataprep.config import PrepareConfig, RulesConfig, settings_sha256

SOURCE = {"name": "web", "format": "jsonl", "paths": ["*.jsonl"]}


def prepare_config(**settings: Any) -> PrepareConfig:
    return PrepareConfig.model_validate({"run_dir": "run", "sources": [SOURCE], **settings})


def test_a_run_folder_and_a_source_are_all_that_is_needed() -> None:
    config = prepare_config()

    assert (config.sources[0].priority, config.sources[0].language, config.locales) == (1, None, None)
    assert config.near_dedup.min_jaccard == 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"run_dri": "x"}, r"run_dri\n  Extra inputs are not permitted"),
        ({"rules": {"min_wrods": 5}}, r"rules\.min_wrods\n  Extra inputs are not permitted"),
        ({"run_dir": ""}, "at least 1 character"),
        ({"sources": []}, "at least 1 item"),
        ({"sources": [SOURCE, SOURCE]}, "two sources are called web; names must be unique"),
        ({"sources": [SOURCE | {"format": "warc"}]}, "Input should be 'mc4', 'cc100'"),
        ({"sources": [SOURCE | {"name": "my/web"}]}, "should match pattern"),
        ({"sources": [SOURCE | {"paths": []}]}, "at least 1 item"),
        ({"sources": [SOURCE | {"priority": 128}]}, "less than or equal to 127"),
        ({"locales": []}, "the list is empty; name at least one locale or leave the key out"),
        ({"language_id": {"restrict_to": ["en", "xx"]}}, r"unknown locale\(s\) xx; known: af am ar"),
        ({"language_id": {"restrict_to": []}}, "at least 1 item"),
        ({"language_id": {"prior_correction": 1.1}}, "less than or equal to 1"),
        ({"rules": {"code_mixed": "maybe"}}, "'keep' or 'drop'"),
        ({"rules_by_locale": {"hi": {"code_mixed": "maybe"}}}, "'keep' or 'drop'"),
        ({"locales": ["en", "xx", "qq"]}, r"unknown locale\(s\) qq, xx; known: af am ar"),
        ({"rules": {"min_alpha_fraction": 1.5}}, "less than or equal to 1"),
        ({"rules_by_locale": {"xx": {}}}, "rules_by_locale names the unknown locale xx"),
        ({"rules_by_locale": {"de": {"min_wrods": 5}}}, "min_wrods\n  Extra inputs"),
        ({"rules_by_locale": {"de": {"min_words": -1}}}, "greater than or equal to 0"),
        ({"near_dedup": {"min_jaccard": 0}}, "greater than 0"),
        ({"line_dedup": {"min_documents": 1}}, "greater than or equal to 2"),
        ({"line_dedup": {"min_line_characters": 0}}, "greater than or equal to 1"),
        ({"line_dedup": {"min_words_left": 0}}, "greater than or equal to 1"),
        ({"line_dedup": True}, "LineDedupConfig"),
        (
            {"sources": [SOURCE | {"line_dedup": {}}]},
            r"sources\.0\.line_dedup\n  Input should be a valid boolean",
        ),
        ({"tokenizer": {"character_coverage": 0.95}}, r"greater than or equal to 0\.98"),
        ({"shards": {"validation_fraction": 1.0}}, "less than 1"),
        ({"balance": {"alpha": 1.1}}, "less than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_wrong(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        prepare_config(**settings)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        prepare_config().run_dir = "other"  # type: ignore[misc]


def test_locales_are_sorted_and_each_once() -> None:
    assert prepare_config(locales=["th", "en", "th"]).locales == ["en", "th"]


def test_a_locale_has_the_common_thresholds_with_its_own_changes() -> None:
    config = prepare_config(
        rules={"min_words": 50}, rules_by_locale={"de": {"min_alpha_fraction": 0.5, "max_words": None}}
    )

    assert config.rules_for("en") == RulesConfig(min_words=50)
    assert config.rules_for("de") == RulesConfig(min_words=50, min_alpha_fraction=0.5, max_words=None)


def test_algorithm_settings_are_those_asked_for_as_plain_values() -> None:
    settings = prepare_config(locales=["en"]).algorithm("locales", "balance")

    assert (settings["locales"], settings["balance"]["alpha"]) == (["en"], 0.3)
    assert sorted(settings) == ["balance", "locales"]


def test_the_hash_of_settings_depends_on_values_and_not_on_the_order_of_keys() -> None:
    base = settings_sha256({"a": 1, "b": ["é"]})

    assert settings_sha256({"b": ["é"], "a": 1}) == base
    assert settings_sha256({"b": ["è"], "a": 1}) != base
    # SHA-256 of b"{}", as any tool gives it.
    assert settings_sha256({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
