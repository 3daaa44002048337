"""The configuration as a report may show it: without what opens doors."""

import re
from typing import Any, Final

import yaml

REDACTED: Final = "[not shown]"

# Spark and Hadoop take credentials as ordinary settings, and a report is made to be passed on.
_SECRET_KEY: Final = re.compile(
    r"secret|password|passwd|credential|access[._-]?key|account[._-]?key|[._-]token$", re.I
)
_USER_IN_URL: Final = re.compile(r"://[^/@\s]+@")


def public_settings(text: str) -> str:
    """The YAML text with the values of secret settings, and user names in URLs, replaced; empty stays empty."""
    if not text:
        return ""
    shown: str = yaml.safe_dump(_public(yaml.safe_load(text)), sort_keys=False, allow_unicode=True, width=100)
    return shown


def _public(value: Any) -> Any:  # noqa: ANN401 (YAML)
    if isinstance(value, dict):
        return {
            key: REDACTED if _SECRET_KEY.search(str(key)) and item is not None else _public(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_public(item) for item in value]
    return _USER_IN_URL.sub(f"://{REDACTED}@", value) if isinstance(value, str) else value
