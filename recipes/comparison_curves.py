"""Robustness curves of several runs: charts of the lines that all share, and the areas under them.

Public: `curve_charts`, `area_tables`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, cast

from recipes.comparison import Entry, curve_metric, folds_of, values_of
from recipes.metrics.classification import Metric
from recipes.metrics.robustness import relative_performance
from recipes.metrics.statistics import mean_interval, summary
from recipes.report.charts import curve_chart, legend
from recipes.report.markup import figure, text
from recipes.report.results import Curve
from recipes.tables import Cell, Column, Row, Table

_DRAWN = 8
"""Methods that a chart has colours and markers for."""
_Key = tuple[str, str, str, tuple[float, ...]]
"""Modality, noise, scale and levels: what makes two curves the same test."""
_Lines = dict[_Key, dict[str, Any]]


def curve_charts(found: Sequence[Entry], metrics: Sequence[Metric]) -> str:
    """A chart for every noise whose curve all entries have at the same levels, with the methods' key. Markup."""
    drawn = found[:_DRAWN]
    content = "".join(_charts(drawn, metric) for metric in metrics)
    if not content:
        return "<p>The runs share no curve: none is of the same noise, scale, levels and metric in all.</p>"
    left_out = ", ".join(text(entry.label) for entry in found[_DRAWN:])
    caption = (
        "A metric against the level of one noise on one modality while the others are clean. Lines are means, bands "
        "one standard deviation; the charts of a metric share their axes."
        + (f" Not drawn, for want of colours (choose by --methods): {left_out}." if left_out else "")
    )
    return legend([entry.label for entry in drawn]) + figure(content, caption)


def area_tables(found: Sequence[Entry], metrics: Sequence[Metric]) -> list[Table]:
    """Area under every shared curve, their mean, and for shares what is kept of the score without noise."""
    tables = []
    for metric in metrics:
        shared = _shared(found, metric)
        if not shared[0]:
            continue
        scale, decimals, unit = (100.0, 1, " in per cent") if metric["percent"] else (1.0, 3, "")
        keeps = metric["percent"] and metric["higher_is_better"]
        heads = ["mean", *(["kept of clean"] if keeps else []), *(noise for _, noise, _, _ in shared[0])]
        notes = ["Mean ± standard deviation over the runs, [95 % confidence interval of the mean, folds as the unit]"]
        if keeps:
            notes.append("Kept of clean: the mean area over the score at the lowest level")
        tables.append(
            Table(
                f"Area under the curve: mean {metric['label']}{unit} over levels",
                tuple(Column(head, metric["higher_is_better"], scale, decimals) for head in heads),
                tuple(Row(e.label, _areas(e, lines, metric, keeps)) for e, lines in zip(found, shared, strict=True)),
                notes=tuple(notes),
            )
        )
    return tables


def _shared(found: Sequence[Entry], metric: Metric) -> list[_Lines]:
    """Each entry's lines of the curves that all of them have, in the order of the first."""
    every = [_lines(entry, metric) for entry in found]
    keys = [key for key in every[0] if all(key in lines for lines in every)]
    return [{key: lines[key] for key in keys} for lines in every]


def _lines(entry: Entry, metric: Metric) -> _Lines:
    found = {}
    for curve in entry.run.results["curves"]:
        line = curve["methods"].get(entry.method["name"])
        if line is not None and curve_metric(line) == metric["name"]:
            found[curve["modality"], curve["noise"], curve["scale"], tuple(curve["levels"])] = line
    return found


def _charts(drawn: Sequence[Entry], metric: Metric) -> str:
    shared, name = _shared(drawn, metric), metric["name"]
    if not shared[0]:
        return ""
    labels = drawn[0].run.results.get("labels")
    chance = 1 / len(labels) if labels and name == "ua" else None  # a guess has a mean recall of one over the classes
    points = [summary(values_of(point)) for lines in shared for line in lines.values() for point in line[name]]
    ends = [point["mean"] + sign * point["std"] for point in points for sign in (-1, 1)]
    ends += [] if chance is None else [chance]
    margin = 0.05 * (max(ends) - min(ends)) or 0.05
    bounds = min(ends) - margin, max(ends) + margin
    order = {entry.name: index for index, entry in enumerate(drawn)}
    content = ""
    for modality in dict.fromkeys(key[0] for key in shared[0]):
        charts = "".join(
            curve_chart(_merged(drawn, shared, key, name), order, chance, bounds, metric)
            for key in shared[0]
            if key[0] == modality
        )
        title = f"{text(metric['label'])}, noise on {text(modality)} alone"
        content += f'<h4>{title}</h4><div class="multiples">{charts}</div>\n'
    return content


def _merged(drawn: Sequence[Entry], shared: Sequence[_Lines], key: _Key, metric: str) -> Curve:
    """One curve with a line for every entry, in the form that the chart takes."""
    modality, noise, scale, levels = key
    methods = {
        entry.name: {metric: [summary(values_of(point)) for point in lines[key][metric]]}
        for entry, lines in zip(drawn, shared, strict=True)
    }
    curve = {"modality": modality, "noise": noise, "scale": scale, "levels": list(levels), "methods": methods}
    return cast(Curve, curve)


def _areas(entry: Entry, lines: _Lines, metric: Metric, keeps: bool) -> tuple[Cell | None, ...]:
    def cell(values: Sequence[float]) -> Cell:
        found = summary(values)
        std = found["std"] if len(values) > 1 else None
        return Cell(found["mean"], std, mean_interval(values, folds_of(entry.run.units)))

    areas = [values_of(line["area"]) for line in lines.values()]
    mean = [statistics.fmean(run) for run in zip(*areas, strict=True)]
    kept: list[Cell | None] = []
    if keeps:
        clean = [values_of(line[metric["name"]][0]) for line in lines.values()]
        starts = [statistics.fmean(run) for run in zip(*clean, strict=True)]
        kept = (
            [cell([relative_performance(*pair) for pair in zip(starts, mean, strict=True)])] if min(starts) else [None]
        )
    return (cell(mean), *kept, *map(cell, areas))
