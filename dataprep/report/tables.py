"""Tables of the page, and how their numbers are written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Row = dict[str, Any]

MISSING: Final = "—"
MAX_HEAT: Final = 0.5  # of the heat colour: numbers on top keep their contrast


def integer(value: float | None) -> str:
    """A count with thousands separators."""
    return MISSING if value is None else f"{value:,.0f}"


def number(value: float | str | None) -> str:
    """A measurement with up to four significant digits; a setting that is a word, as it is."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A fraction in per cent; a small one that is not zero never reads as zero, nor a large one as the whole."""
    if value is None:
        return MISSING
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    return f"{100 * value:.1f} %"


def size(value: float | None) -> str:
    """A number of bytes in decimal units."""
    if value is None:
        return MISSING
    scaled = float(value)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        # 999.95 rounds to 1000.0, which is one of the next unit.
        if scaled < 999.95 or unit == "TB":
            return f"{scaled:,.0f} B" if unit == "B" else f"{scaled:,.1f} {unit}"
        scaled /= 1000
    raise AssertionError("the loop returns at its last unit")


def duration(value: float | None) -> str:
    """Seconds, or minutes and hours where they read better."""
    if value is None:
        return MISSING
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        label: its heading.
        definition: path of its meaning in the report's definitions.
        format: turns a value into text; null for values that are text already.
        is_heading: whether its cells name their rows.
    """

    label: str
    definition: str
    format: Callable[[Any], str] | None = integer
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its value, a second line, its shading in [0, 1], and where on the page it leads."""

    value: Any
    detail: str | None = None
    heat: float = 0.0
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page.

    Attributes:
        key: unique on the page.
        caption: what the rows are.
        columns: headings and formats.
        rows: as many cells as columns each.
        upright: whether headings stand upright, for many narrow columns.
        total: a last row that sums up, if any.
    """

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    upright: bool = False
    total: Sequence[Cell] = field(default=())

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Heading and path of each definition once, in the order of the columns."""
        labels: dict[str, list[str]] = {}
        for column in self.columns:
            labels.setdefault(column.definition, []).append(column.label)
        return [
            (names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", path)
            for path, names in labels.items()
        ]


def table(
    key: str, caption: str, rows: Sequence[Row], path: str, columns: Sequence[tuple[str, str, Any]]
) -> Table:
    """A table whose columns are keys of its rows: (key, label, format), the first naming the row."""
    return Table(
        key,
        caption,
        [
            Column(label, f"{path}.{name}", form, is_heading=position == 0)
            for position, (name, label, form) in enumerate(columns)
        ],
        [[Cell(row[name]) for name, _, _ in columns] for row in rows],
    )


def shade(fraction: float | None) -> float:
    """The shading of a fraction in [0, 1]; the square root spreads the shades of small ones."""
    return MAX_HEAT * math.sqrt(min(1.0, fraction or 0.0))
