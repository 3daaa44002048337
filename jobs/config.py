"""From a YAML file and `--set key=value` to a validated configuration, or to one message that lists every problem."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Config = TypeVar("Config", bound=BaseModel)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ConfigError(ValueError):
    """The configuration cannot be used; the message lists every problem."""


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are true and false: in YAML 1.1 `no`, the code of Norwegian, is one too."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _yaml(text: str) -> Any:  # noqa: ANN401 (YAML)
    return yaml.load(text, _Loader)


def load_config(path: str, overrides: Sequence[str], cls: type[Config]) -> Config:
    """The configuration in a YAML file, with overrides, validated.

    Args:
        path: YAML file; `${NAME}` in a value is replaced by that environment variable.
        overrides: `key=value` with dotted keys (`near_dedup.num_bands=24`, `sources.0.language=de`); values are YAML.
        cls: the configuration's class.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a variable is unset, or a value is not valid.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror}; pass an existing file with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    try:
        values = _yaml(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must be a mapping of settings; it holds a {type(values).__name__}.")
    for override in overrides:
        _set(values, override)
    try:
        return cls.model_validate(_expanded(values))
    except ValidationError as error:
        problems = [_sentence(problem) for problem in error.errors()]
        raise ConfigError(f"{path} has {len(problems)} problem(s):\n  " + "\n  ".join(problems)) from error


def _set(values: dict[str, Any], override: str) -> None:
    """Apply one `key=value`; lists are addressed by number."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set expects key=value, for example near_dedup.num_bands=24; got {override!r}.")
    *path, last = key.split(".")
    node: Any = values
    try:
        for name in path:
            node = node[int(name)] if isinstance(node, list) else node.setdefault(name, {})
        if isinstance(node, list):
            node[int(last)] = _yaml(text)
        else:
            node[last] = _yaml(text)
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise ConfigError(f"--set {override}: there is no setting {key} in this configuration.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is not valid YAML.") from error


def _expanded(value: Any) -> Any:  # noqa: ANN401 (YAML)
    """The value with environment variables put in."""
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    return _VARIABLE.sub(_variable, value) if isinstance(value, str) else value


def _variable(match: re.Match[str]) -> str:
    try:
        return os.environ[match[1]]
    except KeyError:
        raise ConfigError(
            f"the configuration uses the environment variable {match[1]}, which is not set; export it, "
            "or override the setting with --set (input_root=… for the root folder of the corpora)."
        ) from None


def _sentence(problem: Any) -> str:  # noqa: ANN401 (pydantic's ErrorDetails)
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{key}: there is no such setting"
    if problem["type"] == "missing":
        return f"{key}: this setting is required"
    message = problem["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(problem["input"], dict | list) else f" (got {problem['input']!r})"
    return f"{key}: {message}{shown}" if key else message
