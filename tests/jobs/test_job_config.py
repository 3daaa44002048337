from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from dataprep.config import PrepareConfig
from jobs.config import ConfigError, load_config


class Part(BaseModel):
    """One entry of a list of settings."""

    model_config = ConfigDict(extra="forbid")
    name: str
    weight: float = 1.0


class Settings(BaseModel):
    """A small configuration with a nested group and a list."""

    model_config = ConfigDict(extra="forbid")
    title: str
    share: float = Field(default=0.5, ge=0, le=1)
    parts: list[Part] = []
    names: dict[str, int | None] = {}


Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration file; its path."""

    def written(text: str) -> str:
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


def test_a_file_gives_its_settings_and_the_defaults_of_the_others(write: Write) -> None:
    path = write("title: गाँव\nparts: [{name: a, weight: 2}]\n")

    settings = load_config(path, [], Settings)

    assert settings == Settings(title="गाँव", share=0.5, parts=[Part(name="a", weight=2.0)], names={})


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("title=new", {"title": "new"}),
        ("share=0.25", {"share": 0.25}),
        ("parts.1.weight=3", {"parts": [{"name": "a", "weight": 1.0}, {"name": "b", "weight": 3.0}]}),
        ("parts.0={name: c}", {"parts": [{"name": "c", "weight": 1.0}, {"name": "b", "weight": 1.0}]}),
        ("parts=[]", {"parts": []}),
        ("names.x=7", {"names": {"x": 7}}),
        ("names.x=null", {"names": {"x": None}}),
        ("title=a=b", {"title": "a=b"}),
    ],
)
def test_an_override_replaces_one_setting_and_no_other(
    write: Write, override: str, expected: dict[str, object]
) -> None:
    path = write("title: old\nparts: [{name: a}, {name: b}]\n")
    unchanged: dict[str, object] = {
        "title": "old",
        "share": 0.5,
        "parts": [{"name": "a", "weight": 1.0}, {"name": "b", "weight": 1.0}],
        "names": {},
    }

    settings = load_config(path, [override], Settings)

    assert settings.model_dump() == unchanged | expected


def test_of_two_overrides_of_a_setting_the_later_one_counts(write: Write) -> None:
    path = write("title: old\n")

    settings = load_config(path, ["share=0.1", "share=0.2"], Settings)

    assert settings.share == 0.2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("share", "--set expects key=value, for example near_dedup.num_bands=24; got 'share'."),
        ("=1", "--set expects key=value, for example near_dedup.num_bands=24; got '=1'."),
        ("parts.5.name=x", "--set parts.5.name=x: there is no setting parts.5.name in this configuration."),
        ("parts.x=1", "--set parts.x=1: there is no setting parts.x in this configuration."),
        ("title.x=1", "--set title.x=1: there is no setting title.x in this configuration."),
        ("title.x.y=1", "--set title.x.y=1: there is no setting title.x.y in this configuration."),
        ("share=[1", "--set share=[1: the value is not valid YAML."),
    ],
)
def test_an_override_that_cannot_be_applied_is_named(write: Write, override: str, message: str) -> None:
    path = write("title: old\nparts: [{name: a}]\n")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [override], Settings)

    assert str(raised.value) == message


def test_environment_variables_are_put_into_values_as_text(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGISTER_TEST_ROOT", "/data: {x}")
    path = write("title: ${MAGISTER_TEST_ROOT}/in\nparts: [{name: '${MAGISTER_TEST_ROOT}'}]\n")

    settings = load_config(path, [], Settings)

    assert settings.title == "/data: {x}/in"
    assert settings.parts == [Part(name="/data: {x}")]


def test_an_unset_variable_is_named_with_both_ways_out(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAGISTER_TEST_ROOT", raising=False)
    path = write("title: ${MAGISTER_TEST_ROOT}\n")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], Settings)

    assert str(raised.value) == (
        "the configuration uses the environment variable MAGISTER_TEST_ROOT, which is not set; export it, "
        "or override the setting with --set (input_root=… for the root folder of the corpora)."
    )


def test_a_setting_that_is_overridden_needs_no_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAGISTER_TEST_ROOT", raising=False)
    path = write("title: ${MAGISTER_TEST_ROOT}\n")

    settings = load_config(path, ["title=here"], Settings)

    assert settings.title == "here"


def test_all_problems_are_listed_at_once(write: Write) -> None:
    path = write("share: 1.4\nbands: 3\nparts: [{name: a, wight: 2}, {weight: x}]\n")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], Settings)

    first, *problems = str(raised.value).split("\n  ")
    assert first == f"{path} has 6 problem(s):"
    assert sorted(problems) == [
        "bands: there is no such setting",
        "parts.0.wight: there is no such setting",
        "parts.1.name: this setting is required",
        "parts.1.weight: Input should be a valid number, unable to parse string as a number (got 'x')",
        "share: Input should be less than or equal to 1 (got 1.4)",
        "title: this setting is required",
    ]


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("locales: [en, xx]", "locales: unknown locale(s) xx; known: af "),
        ("locales: []", "locales: the list is empty; name at least one locale or leave the key out"),
        ("near_dedup: {bands: 3}", "near_dedup.bands: there is no such setting"),
        (
            "rules_by_locale: {xx: {min_words: 1}}",
            "rules_by_locale names the unknown locale xx",
        ),
        ("rules_by_locale: {ja: {min_wrds: 1}}", "min_wrds: "),
    ],
)
def test_the_settings_of_the_pipeline_are_checked_before_anything_runs(
    write: Write, rest: str, problem: str
) -> None:
    path = write(f"run_dir: r\nsources: [{{name: a, format: cc100, paths: [x]}}]\n{rest}\n")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], PrepareConfig)

    first, _, told = str(raised.value).partition("\n  ")
    assert first == f"{path} has 1 problem(s):"
    assert problem in told


def test_two_sources_of_one_name_are_refused(write: Write) -> None:
    source = "{name: web, format: cc100, paths: [x]}"
    path = write(f"run_dir: r\nsources: [{source}, {source}]\n")

    with pytest.raises(ConfigError, match="two sources are called web; names must be unique"):
        load_config(path, [], PrepareConfig)


def test_text_that_is_no_yaml_is_told_in_one_line_with_the_place(write: Write) -> None:
    path = write("title: [a\nshare: 1\n")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], Settings)

    message = str(raised.value)
    assert message.startswith(f"{path} is not valid YAML: ")
    assert "line 2" in message
    assert "\n" not in message


@pytest.mark.parametrize(("text", "kind"), [("- a\n", "list"), ("just words\n", "str"), ("42\n", "int")])
def test_a_file_that_is_no_mapping_says_what_it_is(write: Write, text: str, kind: str) -> None:
    path = write(text)

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], Settings)

    assert str(raised.value) == f"{path} must be a mapping of settings; it holds a {kind}."


def test_an_empty_file_lacks_what_is_required(write: Write) -> None:
    path = write("")

    with pytest.raises(ConfigError, match=r"has 1 problem\(s\):\n  title: this setting is required$"):
        load_config(path, [], Settings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.yaml")

    with pytest.raises(ConfigError) as raised:
        load_config(path, [], Settings)

    assert str(raised.value) == (
        f"cannot read the configuration {path}: No such file or directory; pass an existing file with --config."
    )


def test_no_is_norwegian_and_not_a_boolean(write: Write) -> None:
    path = write("title: no\nparts: [{name: yes}]\n")

    settings = load_config(path, [], Settings)

    assert (settings.title, settings.parts[0].name) == ("no", "yes")


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("title: été".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"latin.yaml is not UTF-8 text; save it as UTF-8"):
        load_config(str(path), [], Settings)
