"""Settings of the balance: what cannot be meant is refused before anything runs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from dataprep.config import BalanceConfig, PrepareConfig

SOURCE = {"name": "web", "format": "cc100", "paths": ["*.txt"]}
PHASE = {"share": 1.0, "alpha": 0.3}


def prepare_config(balance: dict[str, Any], **settings: Any) -> PrepareConfig:
    return PrepareConfig.model_validate(
        {"run_dir": "runs/x", "sources": [SOURCE], "balance": balance, **settings}
    )


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        (
            {"method": "unimax"},
            "method unimax needs max_repeats: how often a document may be drawn, for example 4",
        ),
        (
            {"method": "fixed"},
            "method fixed needs shares, the share of every locale, and only that method has them",
        ),
        ({"shares": {"en": 1.0}}, "method fixed needs shares"),
        (
            {"method": "fixed", "shares": {"en": 0.5, "de": 0.4}},
            "shares must add up to 1, none below 0; they add up to 0.9",
        ),
        ({"method": "fixed", "shares": {"en": 1.5, "de": -0.5}}, "none below 0"),
        ({"method": "median"}, "Input should be 'temperature', 'unimax', 'natural', 'uniform' or 'fixed'"),
        ({"max_repeats": 0}, "greater than 0"),
        ({"budget_tokens": 0}, "greater than or equal to 1"),
        (
            {"locales": {"en": {"min_share": 0.3, "max_share": 0.2}}},
            "min_share 0.3 is above max_share 0.2; make it at most that",
        ),
        ({"locales": {"en": {"min_repeats": 3, "max_repeats": 2}}}, "min_repeats 3 is above max_repeats 2"),
        (
            {"locales": {"en": {"min_share": 0.7}, "de": {"min_share": 0.4}}},
            "min_share of locales add up to 1.1; lower them to 1 together",
        ),
        ({"locales": {"en": {"share": 0.7}}}, "Extra inputs are not permitted"),
        ({"forms": {"sung": {"min_share": 0.2}}}, "Input should be 'written' or 'spoken'"),
        ({"forms": {"spoken": {"min_share": 0.2, "max_share": 0.1}}}, "min_share 0.2 is above max_share 0.1"),
        (
            {"forms": {"spoken": {"within": "total", "locales": ["en"]}}},
            "locales only goes with within: locale",
        ),
        (
            {"phases": [PHASE], "method": "natural"},
            "phases are exponents of method temperature; method natural has none",
        ),
        ({"phases": [{"alpha": 0.3}]}, "a phase has either share or tokens; give one of them"),
        ({"phases": [PHASE | {"tokens": 5}]}, "a phase has either share or tokens; give one of them"),
        (
            {"phases": [PHASE, {"tokens": 5, "alpha": 0.3}]},
            "some phases have tokens and some a share; give all of them the same",
        ),
        (
            {"phases": [PHASE | {"share": 0.6}, PHASE | {"share": 0.6}]},
            "the shares of the phases must add up to 1; they add up to 1.2",
        ),
        (
            {"phases": [{"tokens": 5, "alpha": 0.3}], "budget_tokens": 6},
            "the phases have 5 tokens, but budget_tokens is 6; leave that out",
        ),
        (
            {"duplicate_weights": {2: 1.0}},
            "must start at 1 and go on at sizes of the series 2, 3, 5, 9, 17, ….* 1 is missing",
        ),
        ({"duplicate_weights": {1: 1.0, 4: 2.0}}, "4 is none"),
        ({"duplicate_weights": {1: 1.0, 3: 11.0}}, "less than or equal to 10"),
        ({"locales": {"xx": {}}}, "balance.locales names xx, but the run has only af am ar"),
        ({"sources": {"book": {}}}, "balance.sources names book, but the run has only web"),
        ({"method": "fixed", "shares": {"xx": 1.0}}, "balance.shares names xx"),
        ({"forms": {"spoken": {"locales": ["xx"]}}}, "balance.forms names xx"),
        ({"phases": [PHASE | {"locales": ["xx"]}]}, "balance.phases names xx"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_balance_is_refused_with_what_is_wrong(balance: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        prepare_config(balance)


def test_a_locale_that_the_run_leaves_out_cannot_have_a_quota() -> None:
    with pytest.raises(ValidationError, match=r"balance\.locales names de, but the run has only en hi"):
        prepare_config({"locales": {"de": {"min_share": 0.1}}}, locales=["hi", "en"])


def test_the_example_of_the_readme_is_a_balance() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```\n(balance:\n.*?)^```$", readme, re.MULTILINE | re.DOTALL)

    config = BalanceConfig.model_validate(yaml.safe_load(example)["balance"])

    assert (config.budget_tokens, len(config.phases), config.duplicates) == (300_000_000_000, 3, "rehydrate")


def test_the_settings_survive_their_way_through_json() -> None:
    config = BalanceConfig(duplicates="rehydrate", duplicate_weights={1: 1.0, 9: 2.5})

    assert BalanceConfig.model_validate_json(config.model_dump_json()) == config
