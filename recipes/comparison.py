"""What runs have in common, where they differ, and whether their methods differ by more than chance.

Nothing here knows the metrics, conditions or methods of a recipe: all are read from the runs' results.json. Runs
are paired by (fold, seed), and folds are the unit of every interval and test, since the seeds of a fold share its
test speakers; where runs share a single fold, its seeds are the unit.

Public: `Run`, `read_runs`, `same_corpus`, `differences`, `Entry`, `entries`, `common`, `Comparison`, `compare`,
`values_of`, `folds_of`, `UNIT`.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipes.files import read_json
from recipes.metrics import Metric
from recipes.metrics.statistics import Paired, holm, paired
from recipes.report.results import SCHEMA, ResultsError

UNIT = "folds as the unit, or seeds where there is one fold"


@dataclass(frozen=True)
class Run:
    """A finished run: the folder's name and its results.json."""

    name: str
    results: dict[str, Any]

    @property
    def metrics(self) -> list[Metric]:
        """As the run lists them, the headline first."""
        metrics: list[Metric] = self.results["metrics"]
        return metrics

    @property
    def units(self) -> list[tuple[str, int]]:
        """(fold, seed) of each value, in the order of the values."""
        return [(run["fold"], run["seed"]) for run in self.results["protocol"]["runs"]]

    @property
    def corpus(self) -> str:
        """Name of the corpus, with its digest."""
        return f"{self.results['corpus']['name']} ({self.results['corpus_digest']})"


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Read the folders of runs; a run is called by its folder's name, or by the path given if two are alike.

    Raises:
        ResultsError: a folder given twice, no folder, no run, a run that is not finished, of another schema, or
            without what a comparison needs.
    """
    resolved = [folder.resolve() for folder in folders]
    for folder in folders:
        if resolved.count(folder.resolve()) > 1:
            raise ResultsError(f"{folder} is given twice; a run is not compared with itself")
    names = [folder.name for folder in resolved]
    return [
        _read(folder, name if names.count(name) == 1 else str(folder))
        for folder, name in zip(folders, names, strict=True)
    ]


def _read(folder: Path, name: str) -> Run:
    file = folder / "results.json"
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such folder; give folders that a recipe wrote (--out)")
    if not file.is_file():
        if (folder / "settings.json").is_file():
            raise ResultsError(f"{folder}: the run is not finished; go on with it by its recipe's --resume")
        raise ResultsError(f"{folder}: no run, it holds no results.json; give a folder that a recipe wrote (--out)")
    try:
        results = read_json(file)
    except ValueError as error:
        raise ResultsError(f"{file}: not JSON ({error}); run the recipe again to write it anew") from error
    found = results.get("schema") if isinstance(results, dict) else None
    if found != SCHEMA:
        raise ResultsError(f"{file}: schema {found!r}, but schema {SCHEMA} is compared; run the recipe again")
    try:
        _check(results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks the key {error}" if isinstance(error, KeyError) else error
        raise ResultsError(f"{file}: {what}; run the recipe again to write the file anew") from error
    return Run(name, results)


def _check(results: dict[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError unless all that is compared is there and fits together.

    Less is asked than by `recipes.report`: any conditions will do, and what is not compared may be missing.
    """
    protocol, runs = results["protocol"], results["protocol"]["runs"]
    texts = {
        "corpus.name": results["corpus"]["name"],
        "corpus_digest": results["corpus_digest"],
        "scheduler_digest": results["scheduler_digest"],
        "protocol.name": protocol["name"],
        "protocol.selection": protocol["selection"],
    }
    for place, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{place} must be a string, not {value!r}")
    if not isinstance(protocol["selected_on_test"], bool):
        raise TypeError("protocol.selected_on_test must be true or false")
    units = [(run["fold"], run["seed"]) for run in runs]
    if not units or len(set(units)) != len(units):
        raise ValueError(f"protocol.runs must name one or more runs, each of its own fold and seed, not {units}")
    names = [method["name"] for method in results["methods"]]
    if not names or len(set(names)) != len(names) or not results["metrics"]:
        raise ValueError(f"methods must be one or more of different names, not {names}, and metrics one or more")
    for metric in results["metrics"]:
        for key in typing.get_type_hints(Metric):
            metric[key]
    figures = [
        (f"method {method['name']!r}, {condition}, {metric['name']}", scores[metric["name"]])
        for method in results["methods"]
        for condition, scores in method["scores"].items()
        for metric in results["metrics"]
    ]
    for curve in results["curves"]:
        place = f"curve {curve['modality']}, {curve['noise']}, {curve['scale']}"
        for name, line in curve["methods"].items():
            if len(line["score"]) != len(curve["levels"]):
                raise ValueError(f"{place}, {name!r}: {len(line['score'])} points for {len(curve['levels'])} levels")
            figures += [(f"{place}, {name!r}", score) for score in (*line["score"], line["area"])]
    for place, score in figures:
        values = score["values"]
        if len(values) != len(runs) or not all(map(math.isfinite, values)):
            raise ValueError(f"{place}: need {len(runs)} finite values, one per run, not {str(values)[:60]}")


def differences(runs: Sequence[Run]) -> tuple[list[str], list[str]]:
    """In sentences: what makes comparing the runs wrong, and what a reader of the comparison must know."""
    grave: list[str] = []
    known: list[str] = []
    first = runs[0]
    for run in runs[1:]:
        pair = f"{first.name} and {run.name}"
        if not same_corpus(first, run):
            grave.append(f"{pair} differ in corpus: {first.corpus}, {run.corpus}")
        for key in ("task", "held_out"):
            asked, other = first.results.get(key), run.results.get(key)
            if asked and other and asked != other:
                grave.append(f"{pair} differ in {key}: {asked}, {other}")
        ours, theirs = first.results["protocol"], run.results["protocol"]
        for key in sorted((ours.keys() | theirs.keys()) - {"runs"}):
            if ours.get(key) != theirs.get(key):
                text = f"{pair} differ in protocol.{key}: {ours.get(key, 'none')}, {theirs.get(key, 'none')}"
                (known if key == "selection" else grave).append(text)
        if run.results["scheduler_digest"] != first.results["scheduler_digest"]:
            digests = f"{first.results['scheduler_digest']}, {run.results['scheduler_digest']}"
            known.append(
                f"{pair} differ in noise (schedulers {digests}): if the recipe takes the test noise from the schedule "
                "of training, their noisy conditions are not the same test"
            )
        shared = len(set(first.units) & set(run.units)) if same_corpus(first, run) else 0
        if shared < max(len(first.units), len(run.units)):
            what = f"share {shared} of {len(first.units)} and {len(run.units)} (fold, seed)"
            known.append(f"{pair} {what}: " + ("tests use these alone" if shared else "they are not paired"))
    return grave, known


@dataclass(frozen=True)
class Entry:
    """A method of a run: one row of every table."""

    run: Run
    method: dict[str, Any]
    label: str

    @property
    def name(self) -> str:
        """Unique among the entries."""
        return f"{self.run.name}/{self.method['name']}"


def entries(runs: Sequence[Run], methods: Sequence[str] = ()) -> list[Entry]:
    """The methods of all runs, the same method of each run side by side; only those named in `methods`, if any.

    Raises:
        ResultsError: a name that no run has.
    """
    names = list(dict.fromkeys(method["name"] for run in runs for method in run.results["methods"]))
    for name in methods:
        if name not in names:
            raise ResultsError(f"no run has a method {name!r}; there are {', '.join(names)}")
    found = []
    for name in methods or names:
        for run in runs:
            for method in run.results["methods"]:
                if method["name"] == name:
                    label = method.get("label", name)
                    found.append(Entry(run, method, f"{label} – {run.name}" if len(runs) > 1 else label))
    return found


def common(found: Sequence[Entry]) -> tuple[list[Metric], list[str], list[str]]:
    """Metrics and conditions that all entries have, in the order of the first, and those that only some have.

    Raises:
        ResultsError: nothing in common.
    """
    scores = [entry.method["scores"] for entry in found]
    shared = [condition for condition in scores[0] if all(condition in other for other in scores)]
    names = [{metric["name"] for metric in entry.run.metrics} for entry in found]
    metrics = [metric for metric in found[0].run.metrics if all(metric["name"] in other for other in names)]
    if not shared or not metrics:
        raise ResultsError("the runs have no metric and condition in common: compare runs of the same recipe")
    every = dict.fromkeys(
        [*(c for other in scores for c in other), *(name for other in names for name in sorted(other))]
    )
    return metrics, shared, [name for name in every if name not in {*shared, *(metric["name"] for metric in metrics)}]


@dataclass(frozen=True)
class Comparison:
    """One method against its reference, on one metric under one condition."""

    metric: Metric
    condition: str
    entry: Entry
    reference: Entry
    units: str
    """What the units are: "folds" or "seeds"."""
    paired: Paired | None
    """None where fewer than two units are shared."""
    t_holm: float | None = None
    """p of the t test after Holm, over the methods compared on this metric under this condition."""
    sign_flip_holm: float | None = None

    @property
    def significant(self) -> bool:
        """At 0.05, by the t test after Holm."""
        return self.t_holm is not None and self.t_holm < 0.05


def compare(found: Sequence[Entry], metrics: Sequence[Metric], conditions: Sequence[str]) -> list[Comparison]:
    """Every entry against the same method of the first entry's run, or else against the first entry."""
    references = {entry.method["name"]: entry for entry in found if entry.run is found[0].run}
    result = []
    for metric in metrics:
        for condition in conditions:
            family = []
            for entry in found[1:]:
                reference = references.get(entry.method["name"], found[0])
                reference = found[0] if reference is entry else reference
                family.append(_compared(entry, reference, metric, condition))
            result += _corrected(family)
    return result


def values_of(score: dict[str, Any]) -> list[float]:
    """One value per run, in the order of the run's `units`."""
    values: list[float] = score["values"]
    return values


def folds_of(units: Sequence[tuple[str, int]]) -> list[Hashable] | None:
    """The fold of each run, to cluster by; None where there is one fold, so that its seeds are the unit."""
    folds: list[Hashable] = [fold for fold, _ in units]
    return folds if len(set(folds)) > 1 else None


def origin(found: Sequence[Entry]) -> dict[str, Any]:
    """How the figures of the entries came about, for a `recipes.tables.Table`: what their runs say, once each."""
    protocols = [entry.run.results["protocol"] for entry in found]
    return {
        "protocol": " / ".join(dict.fromkeys(protocol["name"] for protocol in protocols)),
        "selection": " / ".join(dict.fromkeys(protocol["selection"] for protocol in protocols)),
        "selected_on_test": any(protocol["selected_on_test"] for protocol in protocols),
    }


def same_corpus(one: Run, other: Run) -> bool:
    """Whether two runs were tested on the same data, by name and digest."""
    return one.corpus == other.corpus


def _compared(entry: Entry, reference: Entry, metric: Metric, condition: str) -> Comparison:
    ours, theirs = (
        dict(zip(one.run.units, values_of(one.method["scores"][condition][metric["name"]]), strict=True))
        for one in (entry, reference)
    )
    shared = [unit for unit in ours if unit in theirs and same_corpus(entry.run, reference.run)]
    clusters = folds_of(shared)
    found = None
    if len(shared) > 1:
        found = paired([ours[unit] for unit in shared], [theirs[unit] for unit in shared], clusters)
    return Comparison(metric, condition, entry, reference, "folds" if clusters else "seeds", found)


def _corrected(family: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with their p-values after Holm."""
    tested = [one.paired for one in family if one.paired is not None]
    t, flips = iter(holm([found.t_p for found in tested])), iter(holm([found.sign_flip_p for found in tested]))
    return [
        replace(one, t_holm=next(t), sign_flip_holm=next(flips)) if one.paired is not None else one for one in family
    ]
