"""The charts: fans of levels, areas of noises and of modalities hit, the share of the duration that is hit.

Drawn by matplotlib's object interface, with its own defaults whatever the user has set, and none of them changed.

Public: `figure`, `level_figure`, `drawn`, `svg`.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..survey import Survey
from .areas import Area, condition_areas, type_areas
from .colours import CLEAN, INK, LEVEL, MUTED, PAPER, RULE, Colour, Role, light, line_roles, noise_roles, subset_roles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

_WIDTH = 10.0
_ROW, _LINE = 1.75, 0.162  # inches: a row at least, a line of a legend
_BESIDE_LEGEND = 10  # letters of a modality's name
_MARKERS = "os^Dv"
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.1,
    "legend.handleheight": 0.8,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.35,
    "svg.fonttype": "none",
    "svg.hashsalt": "noise_scheduler",
}


def figure(survey: Survey, *, title: str = "") -> Figure:
    """Levels and noises of every modality, the modalities hit and, where spans are used, how long they are hit."""
    return drawn(survey, light, title)


def level_figure(survey: Survey, title: str) -> Figure:
    """The level over the training, all modalities together: 900 × 420 pixels at 180 dpi."""
    with _style():
        chart: Figure = need("matplotlib.figure", extra="cli").Figure(figsize=(5, 7 / 3), layout="constrained")
        axes = _axes(chart, 111, light, title)
        _fan(axes, survey, survey.all_levels, light)
        _fan_legend(axes, light)
        axes.set(xlabel=survey.axis, ylabel="noise level")
        return chart


def drawn(survey: Survey, colour: Colour, title: str = "") -> Figure:
    """`figure` in any colours."""
    with _style():
        return _drawn(survey, colour, title)


def svg(chart: Figure, label: str) -> str:
    """A figure as an inline element for a page: the page's font, as wide as its container.

    Args:
        chart: the figure.
        label: said by screen readers in its place.
    """
    buffer = io.StringIO()
    with _style():
        chart.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    markup = buffer.getvalue()
    view = re.search(r'viewBox="[^"]*"', markup)
    assert view is not None
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", markup, flags=re.DOTALL)
    markup = re.sub(r"font-family: [^;\"]*;?", "", markup)
    return re.sub(r"<svg[^>]*>", f'<svg {view[0]} role="img" aria-label="{html.escape(label)}">', markup, count=1)


def _style() -> AbstractContextManager[None]:
    context: AbstractContextManager[None] = need("matplotlib.style", extra="cli").context(["default", _STYLE])
    return context


def _drawn(survey: Survey, colour: Colour, title: str) -> Figure:
    modalities = list(survey.types)
    types = [type_areas(survey, modality) for modality in modalities]
    conditions = condition_areas(survey)
    lines = [sum(area.label.count("\n") + 1 for area in areas) for areas in (*types, conditions)]
    heights = [max(_ROW, _LINE * count + 0.55) for count in lines]
    spans = any(np.any(duration < 1 - 1e-9) for duration in survey.durations.values())
    engine = need("matplotlib.layout_engine", extra="cli").ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07, wspace=0.02)
    size = (_WIDTH, sum(heights) + 0.5 + 0.3 * bool(title))
    chart: Figure = need("matplotlib.figure", extra="cli").Figure(size, layout=engine)
    grid = chart.add_gridspec(len(heights), 2, height_ratios=heights)
    for row, modality in enumerate(modalities):
        # The legend stands beside the first title.
        name = _shortened(modality) if row == 0 else modality
        levels = _axes(chart, grid[row, 0], colour, f"{name}: levels")
        _fan(levels, survey, survey.levels[modality], colour, survey.follows.get(modality, ""))
        levels.set_ylabel("level where hit")
        if row == 0:
            _fan_legend(levels, colour)
        noises = _axes(chart, grid[row, 1], colour, f"{modality}: noises")
        _stack(chart, noises, survey, types[row], [*noise_roles(len(types[row]) - 1), CLEAN], colour)
    if spans:
        durations = _axes(chart, grid[-1, 0], colour, "share of the duration that is hit")
        _durations(chart, durations, survey, colour)
        durations.set_xlabel(survey.axis)
    else:
        levels.set_xlabel(survey.axis)
        noises.set_xlabel(survey.axis)
    subsets = _axes(chart, grid[-1, 1] if spans else grid[-1, :], colour, "modalities hit together")
    _stack(chart, subsets, survey, conditions, subset_roles([area.hits for area in conditions]), colour)
    subsets.set_xlabel(survey.axis)
    if title:
        chart.suptitle(_plain(title), x=0.01, ha="left", fontsize=12, fontweight="bold", color=colour(INK))
    return chart


def _axes(chart: Figure, place: Any, colour: Colour, title: str) -> Axes:
    axes: Axes = chart.add_subplot(place)
    axes.set_title(_plain(title), color=colour(INK))
    axes.set_facecolor("none")
    # Ticks are made when they are drawn: what they look like is said here, lest it be the user's settings then.
    axes.tick_params(
        color=colour(MUTED), labelcolor=colour(INK), labelsize=9, labelfontfamily="DejaVu Sans", width=0.8, length=3.5,
        pad=3.5, direction="out", grid_color=colour(RULE), grid_linewidth=0.6, grid_alpha=1, grid_linestyle="-",
    )  # fmt: skip
    axes.grid(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(colour(INK))
    for spine in axes.spines.values():
        spine.set_color(colour(MUTED))
    return axes


def _fan(axes: Axes, survey: Survey, levels: Array, colour: Colour, follows: str = "") -> None:
    """Percentiles of the level as bands around the median; gaps where nothing is hit."""
    at, levels = _drawable(survey, levels)
    lowest, low, median, high, highest = levels
    shade, found = colour(LEVEL), np.isfinite(median)
    axes.fill_between(at, lowest, highest, color=shade, alpha=0.16, linewidth=0)
    axes.fill_between(at, low, high, color=shade, alpha=0.32, linewidth=0)
    axes.plot(at, median, color=shade, linewidth=1.8)
    alone = found & ~np.append(False, found[:-1]) & ~np.append(found[1:], False)
    for ends, alpha in (((lowest, highest), 0.16), ((low, high), 0.32)):
        axes.vlines(at[alone], ends[0][alone], ends[1][alone], color=shade, alpha=alpha, linewidth=3)
    axes.plot(at[alone], median[alone], "o", color=shade, markersize=3)
    axes.set(ylim=(0, 1.02), xlim=(at[0], at[-1]), yticks=(0, 0.25, 0.5, 0.75, 1))
    if not found.any():
        label = _plain(f"follows {follows}") if follows else "never hit"
        axes.text(0.5, 0.5, label, transform=axes.transAxes, ha="center", va="center", color=colour(INK))


def _fan_legend(axes: Axes, colour: Colour) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shade = colour(LEVEL)
    handles = [
        Line2D([], [], color=shade, linewidth=1.8),
        Patch(facecolor=shade, alpha=0.45, linewidth=0),
        Patch(facecolor=shade, alpha=0.16, linewidth=0),
    ]
    labels = ["median", "25–75 %", "5–95 %"]
    axes.legend(
        handles, labels, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, columnspacing=1, borderpad=0.5,
        borderaxespad=0, labelcolor=colour(INK),
    )  # fmt: skip


def _stack(
    chart: Figure, axes: Axes, survey: Survey, areas: Sequence[Area], roles: Sequence[Role], colour: Colour
) -> None:
    """Areas upon each other in per cent of the plans, the legend beside them in the same order."""
    at, shares = _drawable(survey, 100 * np.stack([area.share for area in areas]))
    shades = [colour(role) for role in roles]
    filled = axes.stackplot(at, shares, colors=shades, edgecolor=colour(PAPER), linewidth=0.7)
    axes.set(ylim=(0, 100), xlim=(at[0], at[-1]), yticks=(0, 25, 50, 75, 100), ylabel="plans (%)")
    axes.legend(
        filled[::-1], [_plain(area.label) for area in reversed(areas)], loc="upper left", bbox_to_anchor=(1, 1),
        bbox_transform=_moved(chart, axes, 0.06, 0.04), borderaxespad=0, labelcolor=colour(INK),
    )  # fmt: skip


def _durations(chart: Figure, axes: Axes, survey: Survey, colour: Colour) -> None:
    for index, (modality, role) in enumerate(zip(survey.durations, line_roles(len(survey.durations)), strict=True)):
        at, durations = _drawable(survey, survey.durations[modality][None])
        axes.plot(
            at, 100 * durations[0], color=colour(role), label=_plain(modality), linewidth=1.5,
            marker=_MARKERS[index % len(_MARKERS)], markersize=4, markevery=(3 * index, max(1, len(at) // 6)),
            linestyle=_DASHES[index % len(_DASHES)],
        )  # fmt: skip
    axes.set(ylim=(0, 102), xlim=(at[0], at[-1]), yticks=(0, 25, 50, 75, 100), ylabel="mean (%)")
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=_moved(chart, axes, 0, -0.47), ncols=4,
        columnspacing=1.4, handlelength=2.6, borderaxespad=0, labelcolor=colour(INK),
    )  # fmt: skip


def _moved(chart: Figure, axes: Axes, right: float, up: float) -> Any:
    """The coordinates of `axes`, moved by some inches."""
    moved = need("matplotlib.transforms", extra="cli").ScaledTranslation(right, up, chart.dpi_scale_trans)
    return axes.transAxes + moved


def _drawable(survey: Survey, rows: Array) -> tuple[Array, Array]:
    """Where the points lie and what is there; a single point becomes two, so that there is something to see."""
    if len(survey.steps) > 1:
        return survey.progress, rows
    return np.array([0.0, 1.0 if survey.total_steps is None else 100.0]), np.repeat(rows, 2, axis=1)


def _plain(label: str) -> str:
    """Not read as mathematics."""
    return label.replace("$", r"\$")


def _shortened(label: str) -> str:
    return label if len(label) <= _BESIDE_LEGEND else label[: _BESIDE_LEGEND - 1] + "…"
