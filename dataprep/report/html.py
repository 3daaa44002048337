"""What the static pages share: templates, escaping, style and script inline, a policy that forbids every request."""

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dataprep.report.tables import duration, integer, number, percent, size
from dataprep.report.text import difference, unit_of, visible

Row = dict[str, Any]

TEMPLATES: Final = Path(__file__).parent


def compared(example: Row) -> Row | None:
    """Both texts of a duplicate, in pieces; null if the document is none."""
    if example["kept_excerpt"] is None or example["excerpt"] is None:
        return None
    left, right = difference(example["excerpt"], example["kept_excerpt"], unit_of(example["locale"]))
    return {"removed": left, "kept": right, "differs": any(changed for _, changed in [*left, *right])}


def _finalize(value: Any) -> Any:  # noqa: ANN401 (whatever a template prints)
    """Control characters shown in everything the template prints; Jinja escapes the result."""
    return visible(value) if type(value) is str else value


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(integer=integer, number=number, percent=percent, size=size, duration=duration)
    return environment


def render_page(template: str, **values: Any) -> str:  # noqa: ANN401 (whatever a template prints)
    """A page of a template, with `style`, `script` and `script_sha256` besides the values given.

    Everything from documents is escaped and its control characters are shown. A content security policy allows the
    page's own script by its hash and forbids every request, so that a mistake here could not run or fetch anything.
    """
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.html.j2", "script.html.j2")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (
        _environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), script_sha256=digest, **values)
    )
    return page.lstrip()
