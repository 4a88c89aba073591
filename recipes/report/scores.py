"""Scores of the report: bars at its top, tables of every condition, and what is left of the clean score.

Public: `overview`, `score_tables`, `robustness_tables`, `averaged`.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import charts, robustness
from .markup import condition_label, figure, number, score_table, text
from .results import Results, Summary, condition_groups

_DONE = {
    "noisy": "the named modalities noisy, the others clean",
    "heldout": "the same under types of noise that nothing was trained on",
    "missing": "the named modalities absent, the others clean",
    "missing_rate": "this share of all modalities absent, at least one of each utterance kept",
    "unequal_rate": "each modality absent at its own rate, at least one of each utterance kept",
    "dropped": "this share of the frames, of the sound and of the words lost at once",
    "scene": "all noise of a scene at once",
}
"""Group of conditions → what is done."""
_TITLES = {
    "noisy": "Noisy, mean of six conditions",
    "heldout": "Held-out types of noise, mean of six conditions",
    "missing": "Missing, mean of six conditions",
    "missing_rate": "Missing, mean over rates",
    "unequal_rate": "Missing at unequal rates, mean over them",
    "dropped": "Dropped data, mean over rates",
    "scene": "Scenes, mean over them",
}


def overview(results: Results) -> str:
    """The headline of every method on clean data and on the mean of each group of conditions, as bars. Markup."""
    chance, metric = results["task"]["chance"], results["metrics"][0]
    means = [(_TITLES.get(group, f"{group}, mean"), f"{group}/mean") for group in _groups(results)]
    bars = "".join(
        charts.bar_group(
            title,
            [
                (method["label"], method["scores"][condition][metric["name"]], charts.colour(index))
                for index, method in enumerate(results["methods"])
            ],
            chance,
        )
        for title, condition in (("Clean", "clean"), *means)
    )
    caption = (
        f"{metric['label']} in per cent, {averaged(results, 'mean', ', the standard deviation as a thin line')}; "
        f"the dotted mark is chance ({number(100 * chance, 0)} %)."
    )
    return figure(f'<div class="bar-groups">{bars}</div>', caption)


def score_tables(results: Results) -> str:
    """A table for every metric and group of conditions. Markup."""
    tables = []
    for metric in results["metrics"]:
        label, unit = text(metric["label"]), " in per cent" if metric["percent"] else ""
        scale, decimals = (100.0, 1) if metric["percent"] else (1.0, 3)
        tables.append(f"<h3>{label}</h3><p>{label}: {text(metric['meaning'])}.</p>")
        for place, (group, parts) in enumerate(_groups(results).items()):
            first = () if place else ("clean",)
            conditions = (*first, *(f"{group}/{part}" for part in parts))
            rows: list[tuple[str, list[Summary | None]]] = [
                (charts.swatch(index, method), [method["scores"][c][metric["name"]] for c in conditions])
                for index, method in enumerate(results["methods"])
            ]
            head = ["Method", *(condition_label(part) for part in (*first, *parts))]
            done = f": {_DONE[group]}" if group in _DONE else ""
            caption = f"{label}{unit} – {text(group.replace('_', ' '))}{done}"
            lowest = not metric["higher_is_better"]
            tables.append(score_table(caption, head, rows, scale=scale, decimals=decimals, lowest=lowest))
    note = (
        "<p>a, v, t: audio, video, text. <i>Mean</i> is the mean of a table's conditions (of the six, where avt stands "
        "beside them), <i>pooled</i> takes all their test views as one set. Cells: "
        f"{averaged(results, 'mean ± standard deviation')}; the best of a column is bold.</p>"
    )
    return note + "".join(tables)


def robustness_tables(results: Results) -> str:
    """Relative performance and, where there are references for it, effective robustness. Markup."""
    metric, groups = text(results["metrics"][0]["label"]), _groups(results)
    head = ["Method", *(text(group.replace("_", " ")) for group in groups)]

    def shown(caption: str, figures: Mapping[str, robustness.ByMethod]) -> str:
        rows: list[tuple[str, list[Summary | None]]] = [
            (charts.swatch(index, method), [figures[group].get(method["name"]) for group in groups])
            for index, method in enumerate(results["methods"])
        ]
        return score_table(caption, head, rows)

    content = shown(
        f"Relative performance: {metric} on the mean of a group's conditions over {metric} on clean data, in per cent",
        {group: robustness.relative(results, group) for group in groups},
    )
    effective = {group: robustness.effective(results, group) for group in groups}
    if any(effective.values()):
        content += shown(
            f"Effective robustness: points of {metric} on the mean of a group's conditions beyond what {metric} on "
            "clean data predicts, by a line (on logits) through all runs of the methods trained on clean data",
            effective,
        )
    return content


def _groups(results: Results) -> dict[str, tuple[str, ...]]:
    """The groups of conditions of a run with their parts, known ones first."""
    found = condition_groups(results["methods"][0])
    return {group: found[group] for group in dict.fromkeys([*(g for g in _DONE if g in found), *found])}


def averaged(results: Results, what: str, more: str = "") -> str:
    """What the figures of a run are means of, for a caption; of a single run nothing is averaged."""
    count = len(results["protocol"]["runs"])
    return "one run" if count == 1 else f"{what} over {count} runs{more}"
