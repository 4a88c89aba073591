"""Charts of the report as inline markup that follows the page's colours, in light and dark.

Lines and bands are drawn by matplotlib's object interface into SVG whose colours are then replaced by the
page's CSS variables; bars and strips are plain HTML, so that they fit any width.

Public: `COLOURS`, `colour`, `swatch`, `curve_chart`, `curve_heading`, `level_chart`, `legend`, `bar_group`,
`claim_strip`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from noise_scheduler.survey import Survey
from recipes.metrics import Metric

from .markup import mean_std, number, percent, text
from .results import Claim, Curve, Method, Summary

_MARKERS = "os^DvPX*"
COLOURS = 8
"""Methods that can be told apart in a chart."""
_PAGE_COLOURS = {f"#0a0b{index:02x}": f"var(--c{index})" for index in range(COLOURS)} | {
    "#0d0e01": "currentColor",
    "#0d0e02": "var(--rule)",
    "#0d0e03": "var(--muted)",
}
"""Stand-ins that matplotlib takes for colours → what the page puts in their place."""
_INK, _RULE, _MUTED = "#0d0e01", "#0d0e02", "#0d0e03"
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.grid": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
}


def colour(index: int) -> str:
    """The CSS colour of a method, by its place in the list."""
    return f"var(--c{index % COLOURS})"


def swatch(index: int, method: Method) -> str:
    """A method's label behind its colour. Markup."""
    return f'<i class="swatch" style="background:{colour(index)}"></i>{text(method["label"])}'


def legend(labels: Sequence[str]) -> str:
    """The key of the methods' colours and markers, in the order of the list."""
    glyphs = "●■▲◆▼✚✖★"
    items = (
        f'<li><span aria-hidden="true" style="color:{colour(i)}">{glyphs[i % len(glyphs)]}</span> {text(label)}</li>'
        for i, label in enumerate(labels)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def curve_chart(
    curve: Curve,
    order: Mapping[str, int],
    chance: float | None,
    value_range: tuple[float, float],
    metric: Metric,
) -> str:
    """A metric against the level of one noise, a line per method with its standard deviation as a band.

    Args:
        order: name of each method to be shown → its place in the list, which gives colour and marker.
        chance, value_range: in the metric's own unit; no line for chance if there is none.
    """
    scale, label = (100, f"{metric['label']} (%)") if metric["percent"] else (1, metric["label"])
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": curve["modality"] + curve["noise"]}):
        chart = Figure(figsize=(3.3, 2.5))
        axes = chart.add_subplot()
        levels = curve["levels"]
        for name, index in order.items():
            if name not in curve["methods"]:
                continue
            points = curve["methods"][name]["score"]
            mean = [scale * point["mean"] for point in points]
            std = [scale * (point["std"] or 0.0) for point in points]
            shade = f"#0a0b{index % COLOURS:02x}"
            low, high = ([m + sign * s for m, s in zip(mean, std, strict=True)] for sign in (-1, 1))
            axes.fill_between(levels, low, high, color=shade, alpha=0.15, linewidth=0)
            marker = _MARKERS[index % len(_MARKERS)]
            axes.plot(levels, mean, color=shade, marker=marker, markersize=4, linewidth=1.6)
        if chance is not None:
            axes.axhline(scale * chance, color=_MUTED, linestyle=(0, (4, 3)), linewidth=1)
            axes.annotate("chance", (levels[0], scale * chance), (0, 2), textcoords="offset points", fontsize=7.5)
        measured = "uncalibrated" if curve["scale"] == "native" else f"scale: {curve['scale']}"
        axis = curve["noise"] if curve["modality"] == "all" else f"noise level ({measured})"
        axes.set(xlabel=axis, ylabel=label, ylim=[scale * end for end in value_range])
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.set_title(curve["noise"])
        against = curve["noise"] if curve["modality"] == "all" else f"level of {curve['noise']}"
        return _svg(chart, f"{metric['label']} against the {against}")


def curve_heading(modality: str) -> str:
    """What stands above the curves of a modality, or of "all". Markup."""
    return "Against the scale of the protocol" if modality == "all" else f"Noise on {text(modality)} alone"


def level_chart(trained: Survey) -> str:
    """The distribution of the noise level against the progress of training, as a fan of percentiles."""
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": "levels"}):
        chart = Figure(figsize=(4.4, 2.6))
        axes = chart.add_subplot()
        lowest, low, median, high, highest = np.nan_to_num(trained.all_levels)
        at = trained.progress
        blue = "#0a0b00"
        axes.fill_between(at, lowest, highest, color=blue, alpha=0.15, linewidth=0)
        axes.fill_between(at, low, high, color=blue, alpha=0.3, linewidth=0)
        axes.plot(at, median, color=blue, linewidth=1.8)
        for name, line in (("5–95 %", highest), ("25–75 %", high), ("median", median)):
            axes.annotate(name, (at[-1], line[-1]), (5, -3), textcoords="offset points", fontsize=7.5)
        axes.set(xlabel=trained.axis, ylabel="noise level", ylim=(0, 1.02), xlim=(at[0], at[-1]))
        return _svg(chart, "Distribution of the noise level over training")


def bar_group(title: str, rows: Sequence[tuple[str, Summary | float, str]], chance: float | None = None) -> str:
    """Horizontal bars from 0 to 100 %: (label, share or summary, CSS colour); a mark where chance is."""
    mark = "" if chance is None else f'<i class="chance" style="left:{100 * chance:.1f}%" title="chance"></i>'
    bars = []
    for label, value, shade in rows:
        if isinstance(value, float | int):
            mean, whisker, shown = value, "", f"{number(100 * value, 0)} %"
        else:
            mean, std = value["mean"], value["std"] or 0.0
            left, right = max(0.0, mean - std), min(1.0, mean + std)
            whisker = f'<i class="whisker" style="left:{100 * left:.1f}%;width:{100 * (right - left):.1f}%"></i>'
            shown = percent(value)
        bars.append(
            f'<div class="bar"><span class="bar-name">{text(label)}</span><span class="track">'
            f'<i class="fill" style="width:{100 * mean:.1f}%;background:{shade}"></i>{whisker}{mark}</span>'
            f'<span class="bar-value">{shown}</span></div>'
        )
    return f'<div class="bars"><h4>{text(title)}</h4>{"".join(bars)}</div>\n'


def claim_strip(claim: Claim) -> str:
    """The runs of a claim as dots on a line, with the mean and, where it can be read, the required value."""
    values = claim["measured"]["values"]
    bound = re.search(r"[-−+]?\d+(?:\.\d+)?", claim["required"])
    required = [float(bound[0].replace("−", "-"))] if bound else []
    low, high = min([0.0, *values, *required]), max([0.0, *values, *required])
    margin = 0.08 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def mark(kind: str, value: float, title: str) -> str:
        return f'<i class="{kind}" style="left:{100 * (value - low) / (high - low):.1f}%" title="{text(title)}"></i>'

    marks = [mark("zero", 0.0, "0"), *(mark("required", value, f"required: {number(value)}") for value in required)]
    marks += [mark("run", value, f"one run: {number(value, sign=True)}") for value in values]
    marks.append(mark("mean", claim["measured"]["mean"], f"mean: {number(claim['measured']['mean'], sign=True)}"))
    shown = mean_std(claim["measured"], sign=True)
    return f'<span class="strip">{"".join(marks)}</span><span class="strip-value">{shown}</span>'


def _svg(chart: Figure, label: str) -> str:
    """The figure as an inline element: page colours, page font, scaled by its container."""
    buffer = io.StringIO()
    chart.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*;?", "", svg)
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None
    svg = re.sub(r"<svg[^>]*>", f'<svg {view[0]} role="img" aria-label="{text(label)}">', svg, count=1)
    return re.sub("|".join(_PAGE_COLOURS), lambda found: _PAGE_COLOURS[found[0]], svg)
