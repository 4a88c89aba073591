"""Robustness curves of several runs: charts of the lines that all share, and the areas under them.

Public: `curve_charts`, `area_tables`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, cast

from recipes.comparison import UNIT, Entry, folds_of, origin, values_of
from recipes.metrics import Metric
from recipes.metrics.robustness import relative_performance
from recipes.metrics.statistics import mean_interval, summary
from recipes.report.charts import COLOURS, curve_chart, curve_heading, legend
from recipes.report.markup import figure, text
from recipes.report.results import Curve
from recipes.tables import Cell, Column, Row, Table

_Key = tuple[str, str, str, tuple[float, ...]]
"""Modality, noise, scale and levels: what makes two curves the same test."""
_Lines = dict[_Key, dict[str, Any]]


def curve_charts(found: Sequence[Entry]) -> str:
    """A chart for every noise whose curve all entries have at the same levels, with the methods' key. Markup."""
    drawn = found[:COLOURS]
    shared, metric, chance = _shared(drawn), _headline(drawn), drawn[0].run.results["task"]["chance"]
    if not shared[0]:
        return "<p>The runs share no curve: none is of the same noise, scale, levels and metric in all.</p>"
    points = [summary(values_of(point)) for lines in shared for line in lines.values() for point in line["score"]]
    ends = [chance, *(point["mean"] + sign * point["std"] for point in points for sign in (-1, 1))]
    margin = 0.05 * (max(ends) - min(ends))
    bounds = min(ends) - margin, max(ends) + margin
    order = {entry.name: index for index, entry in enumerate(drawn)}
    content = legend([entry.label for entry in drawn])
    for modality in dict.fromkeys(key[0] for key in shared[0]):
        charts = "".join(
            curve_chart(_merged(drawn, shared, key), order, chance, bounds, metric)
            for key in shared[0]
            if key[0] == modality
        )
        content += f'<h4>{curve_heading(modality)}</h4><div class="multiples">{charts}</div>\n'
    left_out = ", ".join(text(entry.label) for entry in found[COLOURS:])
    caption = (
        f"{text(metric['label'])} against the level of one noise on one modality while the others are clean. Lines are "
        "means, bands one standard deviation; all charts share their axes, and the dashed line is chance."
        + (f" Not drawn, for want of colours (choose by --methods): {left_out}." if left_out else "")
    )
    return figure(content, caption)


def area_tables(found: Sequence[Entry]) -> list[Table]:
    """One table, or none if no curve is shared: mean area, what is kept of the clean score, area of every curve."""
    shared, metric = _shared(found), _headline(found)
    if not shared[0]:
        return []
    heads = ["mean", "kept of clean", *(noise for _, noise, _, _ in shared[0])]
    return [
        Table(
            f"Area under the curve: mean {metric['label']} in per cent over levels",
            tuple(Column(head, scale=100.0) for head in heads),
            tuple(Row(entry.label, _areas(entry, lines)) for entry, lines in zip(found, shared, strict=True)),
            notes=(
                f"Mean ± standard deviation over the runs, [95 % confidence interval of the mean, {UNIT}]",
                "Kept of clean: the mean area over the score at the lowest level",
            ),
            **origin(found),
        )
    ]


def _headline(found: Sequence[Entry]) -> Metric:
    """The metric of the curves: the first of a run, a share of which more is better."""
    return found[0].run.metrics[0]


def _shared(found: Sequence[Entry]) -> list[_Lines]:
    """Each entry's lines of the curves that all of them have, in the order of the first."""
    metric = _headline(found)
    every = [_lines(entry) if entry.run.metrics[0] == metric else {} for entry in found]
    keys = [key for key in every[0] if all(key in lines for lines in every)]
    return [{key: lines[key] for key in keys} for lines in every]


def _lines(entry: Entry) -> _Lines:
    return {
        (curve["modality"], curve["noise"], curve["scale"], tuple(curve["levels"])): curve["methods"][name]
        for curve in entry.run.results["curves"]
        if (name := entry.method["name"]) in curve["methods"]
    }


def _merged(drawn: Sequence[Entry], shared: Sequence[_Lines], key: _Key) -> Curve:
    """One curve with a line for every entry."""
    modality, noise, scale, levels = key
    methods = {
        entry.name: {"score": [summary(values_of(point)) for point in lines[key]["score"]]}
        for entry, lines in zip(drawn, shared, strict=True)
    }
    curve = {"modality": modality, "noise": noise, "scale": scale, "levels": list(levels), "methods": methods}
    return cast(Curve, curve)


def _areas(entry: Entry, lines: _Lines) -> tuple[Cell | None, ...]:
    def cell(values: Sequence[float]) -> Cell:
        found = summary(values)
        std = found["std"] if len(values) > 1 else None
        return Cell(found["mean"], std, mean_interval(values, folds_of(entry.run.units)))

    areas = [values_of(line["area"]) for line in lines.values()]
    mean = [statistics.fmean(run) for run in zip(*areas, strict=True)]
    starts = [
        statistics.fmean(run) for run in zip(*(values_of(line["score"][0]) for line in lines.values()), strict=True)
    ]
    kept = [relative_performance(*pair) for pair in zip(starts, mean, strict=True)] if min(starts) > 0 else None
    return (cell(mean), cell(kept) if kept else None, *map(cell, areas))
