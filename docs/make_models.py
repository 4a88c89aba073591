"""The page that compares the models: docs/models.md, from a finished run of `recipes.compare_models`.

    python -m recipes.compare_models --out runs/compare_models
    python -m docs.make_models runs/compare_models

Every figure of the page is read from the run; its words are below and say nothing that depends on a figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from noise_scheduler.files import write_whole
from recipes.comparison import Entry, compare, entries, read_runs, values_of
from recipes.files import read_json
from recipes.metrics.statistics import mean_interval, summary
from recipes.tables import TEST_SET, Cell, Column, Row, Table, to_markdown

PAGE = Path(__file__).parent / "models.md"
REFERENCE = "concat"
CONDITIONS = {"clean": "clean", "noisy/mean": "seen", "heldout/mean": "held-out types", "missing/mean": "missing"}

OPENING = """\
# The models, compared

Written by `python -m docs.make_models` from a run of `python -m recipes.compare_models`
({corpus}; {runs} runs: {folds} folds × {seeds} seeds). {synthetic}

All methods share folds, seeds, encoders of a kind, views, epochs, batches, learning rates and the rule that selects an
epoch; nothing is tuned per method. *Seen* is the mean of the six conditions in which one or two of three modalities are
noisy, with types that were trained on; *held-out types* the same with types that nothing was trained on or selected by;
*missing* the mean of the six in which modalities are absent. Selection: {selection} {test_set}
"""
SECTIONS = {
    "Scores": "",
    "Against concatenation trained alike": "Differences in points, paired by fold and seed. With so few folds the "
    "intervals are wide; they are the honest ones, since the seeds of a fold share its speakers. What an adapted "
    "method says of an utterance depends on the others of its batch.",
    "What was to hold": "Folds are the unit; the interval is Student's t at 95 %.",
    "The six conditions": "",
    "Levels": "Each noise alone on its modality, the others clean; the mean over the types.",
    "Does the auto-encoder work?": "A dimension is active if its posterior mean varies over the data. R² is the share "
    "of the variance of the clean teacher's joint representation that the decoder gives back; beside it, unmended, "
    "stands what the teacher itself makes of the same noisy input, and 0 is the mean predictor.",
    "Confidence and reliability": "ECE: expected calibration error over 15 bins. Reliability: rank correlation of what "
    "a model says of a modality with how clean that modality is, over each noise at levels 0, .25, .5, .75 and 1.",
    "Cost": "On encoded views: weights of the fusion, processor seconds of training with its validations, and time per "
    "utterance in a batch of the whole test fold.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_models", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished run of recipes.compare_models")
    options = parser.parse_args(arguments)
    write_whole(PAGE, page(options.run).encode())


def page(folder: Path) -> str:
    """The whole page."""
    (run,) = read_runs([folder])
    results, found = run.results, entries([run])
    units = results["protocol"]["runs"]
    opening = OPENING.format(
        corpus=results["corpus"]["name"],
        runs=len(units),
        folds=len({unit["fold"] for unit in units}),
        seeds=len({unit["seed"] for unit in units}),
        selection=results["protocol"]["selection"],
        test_set=TEST_SET[results["protocol"]["selected_on_test"]],
        synthetic="The data are synthetic: the figures show that the machinery works and say nothing about people."
        if results["corpus"]["synthetic"]
        else "",
    )
    tables = {
        "Scores": [_scores(found, CONDITIONS, "UA in per cent, mean ± standard deviation over runs")],
        "Against concatenation trained alike": [_gains(found)],
        "What was to hold": [_claims(results["claims"])],
        "The six conditions": [
            _scores(found, {f"{group}/{part}": part for part in ("a", "v", "t", "av", "at", "vt", "pooled")}, title)
            for group, title in (("noisy", "Seen"), ("heldout", "Held-out types"), ("missing", "Missing"))
        ],
        "Levels": [_levels(results, held_out) for held_out in (False, True)],
        "Does the auto-encoder work?": [_latent(results["methods"])],
        "Confidence and reliability": [_calibration(results["methods"]), _reliability(results["methods"])],
        "Cost": [_cost(folder, results)],
    }
    parts = [opening]
    for title, words in SECTIONS.items():
        parts += [f"## {title}\n", *([f"{words}\n"] if words else []), *map(to_markdown, tables[title])]
    return "\n".join(parts)


def _scores(found: Sequence[Entry], conditions: dict[str, str], title: str) -> Table:
    metric = found[0].run.metrics[0]["name"]
    rows = []
    for entry in found:
        scores = [entry.method["scores"][condition][metric] for condition in conditions]
        rows.append(Row(entry.label, tuple(_cell(values_of(score)) for score in scores)))
    return Table(title, tuple(Column(label, scale=100.0) for label in conditions.values()), tuple(rows))


def _gains(found: Sequence[Entry]) -> Table:
    ordered = sorted(found, key=lambda entry: entry.method["name"] != REFERENCE)
    compared = compare(ordered, ordered[0].run.metrics[:1], list(CONDITIONS))
    rows: dict[str, list[Cell | None]] = {}
    for one in compared:
        assert one.paired is not None
        interval = (one.paired.low, one.paired.high)
        cell = Cell(one.paired.mean, None, interval, "*" if one.significant else "")
        rows.setdefault(one.entry.label, []).append(cell)
    return Table(
        f"Difference from {ordered[0].label}, [95 % interval, folds as the unit]",
        tuple(Column(label, None, 100.0, 1, sign=True) for label in CONDITIONS.values()),
        tuple(Row(label, tuple(cells)) for label, cells in rows.items()),
        notes=("* p < .05 by the paired t test after Holm over the methods of a column",),
    )


def _claims(claims: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for claim in claims:
        values = claim["measured"]["values"]
        bound = float(claim["required"].removeprefix(">= ").split()[0])
        verdict = "✓" if claim["holds"] else "✗"
        cells = (Cell(claim["measured"]["mean"], None, mean_interval(values)), Cell(bound))
        rows.append(Row(f"{verdict} {claim['text']}", cells))
    columns = (Column("measured", None, sign=True), Column("at least", None, sign=True))
    return Table("Points of UA", columns, tuple(rows), first="Claim")


def _levels(results: dict[str, Any], held_out: bool) -> Table:
    unseen = {_name(noise) for noises in results["held_out"].values() for noise in noises}
    curves = [curve for curve in results["curves"] if (curve["noise"] in unseen) == held_out]
    levels = curves[0]["levels"]
    rows = []
    for method in results["methods"]:
        lines = [curve["methods"][method["name"]] for curve in curves]
        points = [_mean_of(line["score"][index] for line in lines) for index in range(len(levels))]
        rows.append(Row(method["label"], (*map(_cell, points), _cell(_mean_of(line["area"] for line in lines)))))
    columns = [Column(f"level {level:g}", scale=100.0) for level in levels]
    which = "Held-out types" if held_out else "Seen types"
    names = ", ".join(sorted({curve["noise"] for curve in curves}))
    return Table(f"{which} ({names})", (*columns, Column("area", scale=100.0)), tuple(rows))


def _latent(methods: Sequence[dict[str, Any]]) -> Table:
    conditions = {
        "clean": "clean",
        "noisy/pooled": "seen",
        "heldout/pooled": "held-out types",
        "missing/pooled": "missing",
    }
    rows = []
    for method in methods:
        if (latent := method["latent"]) is None:
            continue
        cells: list[Cell | None] = [Cell(latent["active"]["mean"] / latent["size"]), Cell(latent["kl_nats"]["mean"])]
        for condition in conditions:
            for name in ("reconstruction_r2", "unmended_r2"):
                score = latent[name].get(condition)
                cells.append(None if score is None else Cell(score["mean"]))
        rows.append(Row(method["label"], tuple(cells)))
    columns = [Column("active dimensions, %", None, 100.0, 0), Column("KL, nats", None)]
    for label in conditions.values():
        columns += [Column(f"R² {label}", None, 1.0, 2), Column("unmended", None, 1.0, 2)]
    return Table("Means over runs", tuple(columns), tuple(rows))


def _calibration(methods: Sequence[dict[str, Any]]) -> Table:
    conditions = list(methods[0]["calibration_error"])
    rows = [
        Row(method["label"], tuple(_cell(values_of(method["calibration_error"][c])) for c in conditions))
        for method in methods
    ]
    columns = tuple(Column(c.partition("/")[0], higher_is_better=False, scale=100.0) for c in conditions)
    return Table("ECE in per cent", columns, tuple(rows))


def _reliability(methods: Sequence[dict[str, Any]]) -> Table:
    telling = [method for method in methods if method["reliability"]]
    places = [(group, modality) for group, found in telling[0]["reliability"].items() for modality in found]
    rows = [
        Row(m["label"], tuple(_cell(values_of(m["reliability"][group][modality])) for group, modality in places))
        for m in telling
    ]
    names = {"noisy": "seen", "heldout": "held-out"}
    columns = tuple(Column(f"{modality}, {names[group]}", None, 1.0, 2) for group, modality in places)
    return Table("Rank correlation", columns, tuple(rows))


def _cost(folder: Path, results: dict[str, Any]) -> Table:
    rows = []
    for method in results["methods"]:
        runs = [folder / "work" / unit["fold"] / f"seed{unit['seed']}" for unit in results["protocol"]["runs"]]
        files = [run / f"{method['name']}.time.json" for run in runs]
        if not files[0].exists():  # an adapted method: the weights of the one that it adapts
            continue
        times = [read_json(file) for file in files]
        training, inference = (_cell([time[name] for time in times]) for name in ("training_cpu_s", "inference_us"))
        rows.append(Row(method["label"], (Cell(method["parameters"] / 1000), training, inference)))
    columns = (
        Column("weights, thousands", None, decimals=0),
        Column("training, processor s", None),
        Column("inference, µs per utterance", None),
    )
    return Table("Mean ± standard deviation over runs", columns, tuple(rows))


def _mean_of(scores: Iterable[dict[str, Any]]) -> list[float]:
    """Run by run, the mean of several figures."""
    runs = zip(*map(values_of, scores), strict=True)
    return [sum(values) / len(values) for values in runs]


def _cell(values: Sequence[float]) -> Cell:
    found = summary(values)
    return Cell(found["mean"], found["std"] if len(values) > 1 else None)


def _name(noise: Any) -> str:
    return str(noise["noise"]) if isinstance(noise, dict) else str(noise)


if __name__ == "__main__":
    main()
