"""The report's plots as inline SVG. Text takes the page's colour and font, so that one plot serves light and dark."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from xml.sax.saxutils import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, PercentFormatter

from dataprep.report.numbers import candidate_probability
from dataprep.report.text import visible

Row = dict[str, Any]

MAX_SOURCES: Final = 40  # bars that stay legible in one plot; the table beside it has all sources
MAX_REASONS: Final = 8  # colours that stay distinct; the rest is drawn as one
LINEAR_DOCUMENTS: Final = 100  # in the highest bin; with more, small bins show only on a logarithmic axis
MIN_LOG_SHARE: Final = 1e-6  # left end of the share axis at most; smaller shares are drawn there

WIDTH_INCHES: Final = 8.0
INK: Final = "#0a0b0c"  # stands for the page's text colour while Matplotlib draws

# Mid-tones: each has a contrast of at least 3 : 1 against both page backgrounds, where it stands beside them.
KEPT: Final = "#2f9184"
REJECTED: Final = "#c4703f"
NEUTRAL: Final = "#848b93"
REASON_COLOURS: Final = (
    "#c4703f", "#7d6fc4", "#b0862b", "#c75d86", "#4a88c7", "#8a8f3c", "#a3665c", "#6f9a55",
)  # fmt: skip

_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.14,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
_NO_METADATA: Final = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def _style(name: str) -> Iterator[None]:
    # The salt makes the identifiers inside the SVG, and with them the page, the same on every run.
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        yield


def _axes(height_inches: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()


def _svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an `<svg>` element for an HTML page: no prolog, no name spaces, identifiers of its own."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg).replace("url(#", f"url(#{name}-")
    # Releases of Matplotlib differ in how they write the font: together, or size and family apart.
    svg = re.sub(r"font: (?:[\w-]+ )*([\d.]+px) [^;\"]+", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]+;? ?", "", svg)
    svg = svg.replace(INK, "currentColor")
    view_box = re.search(r'viewBox="[^"]*"', svg)
    assert view_box is not None, "Matplotlib writes a viewBox"
    label = escape(title, {'"': "&quot;"})
    opening = f'<svg class="plot" {view_box[0]} role="img" aria-label="{label}">'
    return re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)


def fates_by_source(sources: list[Row], by_source: list[Row], reasons: list[Row]) -> str:
    """Stacked bars: of each source's records, the fractions kept, dropped by reason, and quarantined.

    Args:
        sources: `inputs.sources` of the report.
        by_source: `drops.by_source`.
        reasons: `drops.reasons`, the most frequent first.

    Returns:
        An `<svg>` element; empty if nothing was read.
    """
    drawn = sorted((row for row in sources if row["read"]), key=lambda row: -row["read"])[:MAX_SOURCES]
    if not drawn:
        return ""
    named = [row["reason"] for row in reasons][:MAX_REASONS]
    documents = {(row["source"], row["reason"]): row["documents"] for row in by_source}
    series = [("kept", KEPT, [row["kept"] for row in drawn])]
    for colour, reason in zip(REASON_COLOURS, named, strict=False):
        series.append((reason, colour, [documents.get((row["source"], reason), 0) for row in drawn]))
    if len(reasons) > len(named):
        shown = [sum(documents.get((row["source"], reason), 0) for reason in named) for row in drawn]
        rest = [row["dropped"] - part for row, part in zip(drawn, shown, strict=True)]
        others = len(reasons) - len(named)
        series.append((reasons[-1]["reason"] if others == 1 else f"{others} other reasons", NEUTRAL, rest))
    if any(row["quarantined"] for row in drawn):
        series.append(("quarantined", "#d0473f", [row["quarantined"] for row in drawn]))
    name = "plot-fates"
    with _style(name):
        legend_rows = -(-len(series) // 4)
        figure, axes = _axes(0.9 + 0.34 * len(drawn) + 0.22 * legend_rows)
        left = [0.0] * len(drawn)
        for label, colour, values in series:
            width = [value / row["read"] for value, row in zip(values, drawn, strict=True)]
            axes.barh(range(len(drawn)), width, left=left, color=colour, height=0.66, label=visible(label))
            left = [start + part for start, part in zip(left, width, strict=True)]
        axes.set_yticks(range(len(drawn)), [visible(row["source"]) for row in drawn])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("of the records read")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.0, handleheight=1.0)
        return _svg(figure, name, "Fate of each source's records as fractions of the records read")


def cluster_sizes(bins: list[Row]) -> str:
    """Bars of the number of duplicate groups per size range, on a logarithmic axis; empty if there are none."""
    if not bins:
        return ""
    name = "plot-clusters"
    labels = [
        str(row["smallest"]) if row["smallest"] == row["largest"] else f"{row['smallest']}–{row['largest']}"
        for row in bins
    ]
    with _style(name):
        figure, axes = _axes(2.7)
        bars = axes.bar(range(len(bins)), [row["clusters"] for row in bins], color=KEPT, width=0.7)
        axes.bar_label(bars, [f"{row['clusters']:,}" for row in bins], padding=2, fontsize=8)
        axes.set_yscale("log")
        axes.set_ylim(0.7, 3 * max(row["clusters"] for row in bins))
        axes.set_xlim(-0.7, max(len(bins), 6) - 0.3)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.minorticks_off()
        axes.set_xticks(range(len(bins)), labels)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_xlabel("documents in the group")
        axes.set_ylabel("groups (log scale)")
        return _svg(figure, name, "Number of duplicate groups by size")


def _threshold(axes: Axes, min_jaccard: float) -> None:
    axes.axvline(min_jaccard, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    axes.annotate(
        f"threshold {min_jaccard:g}",
        (min_jaccard, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8,
    )


def jaccard_histogram(bins: list[Row], min_jaccard: float | None) -> str:
    """Bars of candidate pairs by exact Jaccard similarity with the threshold; empty if there are no pairs."""
    if not any(row["pairs"] for row in bins):
        return ""
    name = "plot-jaccard"
    bound = 0.0 if min_jaccard is None else min_jaccard
    with _style(name):
        figure, axes = _axes(2.7)
        axes.bar(
            [row["lower"] for row in bins],
            [row["pairs"] for row in bins],
            width=0.046,
            align="edge",
            # A bin that the threshold cuts counts as below: only what surely reaches it gets the other colour.
            color=[KEPT if row["lower"] >= bound - 1e-9 else NEUTRAL for row in bins],
        )
        if min_jaccard is not None:
            _threshold(axes, min_jaccard)
        axes.set_xlim(min(0.0, bins[0]["lower"]), 1.05)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.grid(axis="y")
        axes.set_xlabel("exact Jaccard similarity of a candidate pair")
        axes.set_ylabel("pairs")
        return _svg(figure, name, "Candidate pairs by exact Jaccard similarity, with the threshold")


def s_curve(
    num_bands: int | None, rows_per_band: int | None, min_jaccard: float | None, points: Sequence[Row] = ()
) -> str:
    """Curve of the probability that a pair becomes a candidate, with the threshold; empty without settings.

    Args:
        num_bands: LSH bands.
        rows_per_band: hashes of each.
        min_jaccard: threshold in [0, 1].
        points: `recall.planted.points` of the report.
    """
    if num_bands is None or rows_per_band is None or min_jaccard is None:
        return ""
    name = "plot-s-curve"
    similarity = [step / 200 for step in range(201)]
    probability = [candidate_probability(j, num_bands, rows_per_band) for j in similarity]
    at_threshold = candidate_probability(min_jaccard, num_bands, rows_per_band)
    with _style(name):
        figure, axes = _axes(2.7)
        axes.fill_between(
            similarity,
            probability,
            1.0,
            where=[j >= min_jaccard for j in similarity],
            color=REJECTED,
            alpha=0.35,
            linewidth=0,
        )
        axes.plot(similarity, probability, color=KEPT, linewidth=2.2)
        axes.plot([min_jaccard], [at_threshold], marker="o", color=KEPT, markersize=6)
        if points:
            axes.errorbar(
                [row["jaccard"] for row in points],
                [row["probability"] for row in points],
                yerr=[
                    [row["probability"] - row["lower"] for row in points],
                    [row["upper"] - row["probability"] for row in points],
                ],
                fmt="s",
                color=INK,
                markersize=3.5,
                elinewidth=1.0,
            )
        # The curve keeps clear of the upper left corner with any setting that anyone would choose.
        axes.text(0.02, 0.9, f"at the threshold: {at_threshold:.1%}", transform=axes.transAxes)
        _threshold(axes, min_jaccard)
        axes.set_xlim(0, 1.0)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid()
        axes.set_xlabel("Jaccard similarity J of two documents")
        axes.set_ylabel("probability")
        return _svg(
            figure, name, f"Probability of becoming a candidate, {num_bands} bands of {rows_per_band} rows"
        )


def signal_histogram(rule: Row, name: str) -> str:
    """Documents by the signal of a rule, those that it rejects in front; empty if no document has a value.

    Bins stand at equal distances, whatever their widths; what lies outside their range stands apart. The dashed line
    is the default threshold, the marks at the top are those of the locales, and the band is their span.

    Args:
        rule: of `signals.rules` of the report.
        name: begins the identifiers in the SVG.
    """
    inside = [row for row in rule["bins"] if row["lower"] is not None and row["upper"] is not None]
    if not inside:
        return ""
    edges = [row["lower"] for row in inside] + [inside[-1]["upper"]]
    right = len(inside)
    is_log = rule["scale"] == "log"
    scaled = np.log(edges) if is_log else np.array(edges)

    def position(value: float) -> float:
        if value < edges[0] or value > edges[-1]:
            return -1.4 if value < edges[0] else right + 1.4
        return float(np.interp(np.log(value) if is_log else value, scaled, range(right + 1)))

    with _style(name):
        figure, axes = _axes(1.9)
        most = max(row["documents"] for row in rule["bins"])
        bottom = 0.5 if most > LINEAR_DOCUMENTS else 0.0
        for key, colour in (("documents", NEUTRAL), ("rejected", REJECTED)):
            heights = [row[key] for row in rule["bins"]]
            stairs = [heights[0], 0, *heights[1:-1], 0, heights[-1]]
            places = [-1.9, -0.9, *range(right + 1), right + 0.9, right + 1.9]
            axes.stairs(
                [max(each, bottom) for each in stairs], places, baseline=bottom, fill=True, color=colour
            )
        if bottom:
            axes.set_yscale("log")
            axes.yaxis.minorticks_off()
        axes.set_ylim(bottom, most * (3 if bottom else 1.15))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        _thresholds_of(axes, rule, position)
        locator = LogLocator() if is_log else MaxNLocator(7)
        ticks = [each for each in locator.tick_values(edges[0], edges[-1]) if edges[0] <= each <= edges[-1]]
        ends = (
            [-1.4] * bool(rule["bins"][0]["documents"]),
            [right + 1.4] * bool(rule["bins"][-1]["documents"]),
        )
        axes.set_xticks(
            [*ends[0], *(position(each) for each in ticks), *ends[1]],
            ["less"] * len(ends[0]) + [f"{each:,.6g}" for each in ticks] + ["more"] * len(ends[1]),
        )
        axes.set_xlim(-2.1, right + 2.1)
        axes.tick_params(axis="y", left=False)
        axes.grid(axis="y")
        axes.set_xlabel(f"{rule['signal']}{' (log scale)' if is_log else ''}")
        axes.set_ylabel(f"documents{' (log scale)' if bottom else ''}")
        title = f"Documents by {rule['signal']}, and those that the rule {rule['rule']} rejects"
        return _compact(_svg(figure, name, title))


def _compact(svg: str) -> str:
    """The same picture in about half the bytes, for plots of which a page has dozens: to a tenth of a point."""
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # nothing refers to groups
    svg = re.sub(r'(<use [^>]*?) style="[^"]*"', r"\1", svg)  # what they use has the style
    svg = re.sub(r'<path d="[^"]*" style="fill: none"/>', "", svg)  # backgrounds
    # Inside tags only: labels are numbers too. Coordinates have many decimals, opacities have two.
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d)\d{3,}", r"\1", tag[0]), svg)
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><")


def _thresholds_of(axes: Axes, rule: Row, position: Callable[[float], float]) -> None:
    """The default as a line; the thresholds of the locales as marks at the top, and their span as a band."""
    marks = [position(row["value"]) for row in rule["locale_thresholds"]]
    if marks:
        axes.axvspan(marks[0], marks[-1], color=INK, alpha=0.08, linewidth=0)
        # One line with gaps, since every line of its own makes the page longer.
        across = [each for mark in marks for each in (mark, mark, np.nan)]
        heights = [0.9, 1.0, np.nan] * len(marks)
        axes.plot(across, heights, color=INK, linewidth=1.0, transform=axes.get_xaxis_transform())
    if rule["default"] is not None:
        axes.axvline(position(rule["default"]), color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"default {rule['default']:,g}",
            (position(rule["default"]), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
        )


def balance(locales: list[Row]) -> str:
    """Two points per locale, its share before and after balancing, on a logarithmic axis; empty without locales."""
    drawn = sorted(
        (row for row in locales if row["natural_share"] > 0 or row["target_share"] > 0),
        key=lambda row: (-row["natural_share"], row["locale"]),
    )
    if not drawn:
        return ""
    name = "plot-balance"
    before = [max(row["natural_share"], MIN_LOG_SHARE) for row in drawn]
    after = [max(row["target_share"], MIN_LOG_SHARE) for row in drawn]
    rows = range(len(drawn))
    with _style(name):
        figure, axes = _axes(1.15 + 0.21 * len(drawn))
        axes.hlines(rows, before, after, color=NEUTRAL, linewidth=1.6)
        axes.plot(
            before, rows, "o", color=NEUTRAL, markersize=6, label="before: share of the tokens there are"
        )
        axes.plot(after, rows, "o", color=KEPT, markersize=6, label="after: share of the tokens drawn")
        axes.set_xscale("log")
        axes.set_xlim(min(*before, *after) / 1.5, min(1.0, max(*before, *after) * 1.5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda _value, _: ""))
        axes.set_yticks(rows, [visible(row["locale"]) for row in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel("share of tokens (log scale)")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.0)
        return _svg(figure, name, "Share of each locale before and after balancing")
