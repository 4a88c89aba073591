"""Compare runs: side-by-side tables, robustness curves, and whether the differences are more than chance.

    python -m recipes.compare RUN_A RUN_B … [--methods NAME …] [--out FOLDER] [--force]

RUN is a folder that a recipe wrote. Every method is compared with the same method of RUN_A, or with the first method
of RUN_A where RUN_A has none of its name; a single RUN compares its methods with its first. Without --out the tables
are printed as Markdown; FOLDER gets comparison.html (all of it), tables.md, .tex, .csv, .html and significance.csv.

Runs of different corpora, tasks or protocols are refused: --force compares them, and says so first of all.
It takes some seconds.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from noise_scheduler.files import write_whole
from recipes.comparison import (
    UNIT,
    Comparison,
    Entry,
    Run,
    common,
    compare,
    differences,
    entries,
    folds_of,
    origin,
    read_runs,
    values_of,
)
from recipes.comparison_curves import area_tables, curve_charts
from recipes.metrics import Metric
from recipes.metrics.statistics import mean_interval, summary
from recipes.report import ResultsError
from recipes.report.markup import document, table, text
from recipes.report.page import SYNTHETIC
from recipes.tables import Cell, Column, Row, Table, to_html, to_markdown, write_tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; gives the exit code: 0 done, 2 wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="these alone (default: all)")
    parser.add_argument("--out", type=Path, help="folder of the comparison, made if need be (default: print)")
    parser.add_argument("--force", action="store_true", help="compare in spite of other corpora or protocols")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        if options.out is not None and options.out.exists() and not options.out.is_dir():
            raise ResultsError(f"{options.out} is a file; give --out a folder")
        runs = read_runs(options.runs)
        grave, known = differences(runs)
        if grave and not options.force:
            raise ResultsError(f"{'; '.join(grave)}. Compare runs of one test, or give --force")
        found = entries(runs, options.methods)
        metrics, conditions, partial = common(found)
    except ResultsError as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 2
    if partial:
        known.append(f"only some of the methods have {', '.join(partial)}: left out")
    for note in [*grave, *known]:
        console.print(f"[bold yellow]Note:[/] {escape(note)}.", highlight=False, soft_wrap=True)

    compared = compare(found, metrics, conditions)
    scores = [
        made
        for metric in metrics
        for group, members in _groups(conditions).items()
        for made in (
            _score_table(found, metric, group, members, compared),
            _gains(found, metric, group, members, compared),
        )
        if made.rows
    ]
    tables = [*scores, *area_tables(found)]
    if options.out is None:
        print("\n".join(map(to_markdown, tables)))
        return 0
    write_tables(options.out, "tables", tables)
    write_whole(options.out / "significance.csv", _significance(compared).encode())
    page = _page(runs, found, metrics, tables, compared, grave, known)
    write_whole(options.out / "comparison.html", page.encode())
    print(options.out / "comparison.html")
    return 0


def _groups(conditions: Sequence[str]) -> dict[str, list[str]]:
    """Conditions by what stands before the slash; those without one, such as clean, stand first in every group."""
    plain = [condition for condition in conditions if "/" not in condition]
    groups: dict[str, list[str]] = {}
    for condition in conditions:
        if "/" in condition:
            groups.setdefault(condition.partition("/")[0], list(plain)).append(condition)
    return groups or {"": plain}


def _score_table(
    found: Sequence[Entry], metric: Metric, group: str, conditions: Sequence[str], compared: Sequence[Comparison]
) -> Table:
    marked = {(c.metric["name"], c.condition, c.entry.name) for c in compared if c.significant}

    def cell(entry: Entry, condition: str) -> Cell:
        values = values_of(entry.method["scores"][condition][metric["name"]])
        star = "*" if (metric["name"], condition, entry.name) in marked else ""
        return Cell(*_spread(values), mean_interval(values, folds_of(entry.run.units)), star)

    counts = sorted({len(entry.run.units) for entry in found})
    if counts == [1]:
        notes = ["One run each, so that there is no deviation and no interval over runs"]
    else:
        runs = f"{' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} runs"
        notes = [f"Mean ± standard deviation over {runs}, [95 % confidence interval of the mean, {UNIT}]"]
    if marked:
        first = found[0]
        alone = all(entry.run is first.run for entry in found)
        reference = first.label if alone else f"the same method of {first.run.name}, or else from {first.label}"
        notes.append(f"* differs from {reference}: {_TESTED}")
    return Table(
        _title(metric, group),
        tuple(_column(metric, condition) for condition in conditions),
        tuple(Row(entry.label, tuple(cell(entry, condition) for condition in conditions)) for entry in found),
        notes=tuple(notes),
        **origin(found),
    )


_TESTED = "p < 0.05 by the paired t test after Holm over the methods of a column"


def _gains(
    found: Sequence[Entry], metric: Metric, group: str, conditions: Sequence[str], compared: Sequence[Comparison]
) -> Table:
    """What every method gains over its reference; a row for each that shares runs with it."""
    rows: dict[str, dict[str, Cell]] = {}
    for one in compared:
        if one.metric is metric and one.condition in conditions and one.paired is not None:
            interval = (one.paired.low, one.paired.high)
            label = f"{one.entry.label} against {one.reference.label}, {one.paired.units} {one.units}"
            cell = Cell(one.paired.mean, None, interval, "*" if one.significant else "")
            rows.setdefault(label, {})[one.condition] = cell
    return Table(
        f"Difference in {_title(metric, group)}",
        tuple(_column(metric, condition, difference=True) for condition in conditions),
        tuple(Row(label, tuple(cells[condition] for condition in conditions)) for label, cells in rows.items()),
        notes=(
            f"Paired by fold and seed, [95 % confidence interval, Student's t, {UNIT}]",
            f"* {_TESTED}",
            f"{'Higher' if metric['higher_is_better'] else 'Lower'} is better",
        ),
        first="Comparison",
        **origin(found),
    )


def _title(metric: Metric, group: str) -> str:
    return metric["label"] + (" in per cent" if metric["percent"] else "") + (f" – {group}" if group else "")


def _column(metric: Metric, condition: str, *, difference: bool = False) -> Column:
    scale, decimals = (100.0, 1) if metric["percent"] else (1.0, 3)
    label = condition.partition("/")[2] or condition
    return Column(label, None if difference else metric["higher_is_better"], scale, decimals, sign=difference)


def _spread(values: Sequence[float]) -> tuple[float, float | None]:
    found = summary(values)
    return found["mean"], found["std"] if len(values) > 1 else None


def _significance(compared: Sequence[Comparison]) -> str:
    """Every test as a line of CSV, figures in the metric's own unit."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = "metric,condition,method,reference,units,unit,difference,low,high"
    writer.writerow([*head.split(","), "t_p", "t_p_holm", "sign_flip_p", "sign_flip_p_holm", "wilcoxon_p"])
    for one in compared:
        place = (one.metric["name"], one.condition, one.entry.name, one.reference.name)
        if one.paired is None:
            writer.writerow((*place, 0, "not paired", *[""] * 8))
            continue
        found = one.paired
        figures = (found.mean, found.low, found.high, found.t_p, one.t_holm, found.sign_flip_p, one.sign_flip_holm)
        shown = [f"{figure:.6g}" for figure in (*figures, found.wilcoxon_p) if figure is not None]
        writer.writerow((*place, found.units, one.units, *shown))
    return stream.getvalue()


def _page(
    runs: Sequence[Run],
    found: Sequence[Entry],
    metrics: Sequence[Metric],
    tables: Sequence[Table],
    compared: Sequence[Comparison],
    grave: Sequence[str],
    known: Sequence[str],
) -> str:
    refused = "".join(f"<p><b>Not the same test:</b> {text(note)}.</p>" for note in grave)
    banner = f'<aside class="banner" role="note">{refused}</aside>' if refused else ""
    if any(run.results["corpus"].get("synthetic") for run in runs):
        banner += SYNTHETIC
    tested = [one for one in compared if one.metric is metrics[0] and one.paired is not None]
    headline = (
        f"On {text(metrics[0]['label'])}, {sum(one.significant for one in tested)} of {len(tested)} comparisons differ "
        "by more than chance (p &lt; 0.05 after Holm)."
        if tested
        else "No two methods share runs, so that none are compared by a test."
    )
    sections = {
        "Runs": _runs(runs, known),
        "Scores": _SIGNIFICANCE + "".join(to_html(made) for made in tables),
        "Curves": curve_charts(found),
    }
    return document(f"Comparison: {', '.join(run.name for run in runs)}", sections, banner=banner, headline=headline)


_SIGNIFICANCE = (
    "<p>Methods are paired by fold and seed. Folds are the unit of intervals and tests, for the seeds of a fold share "
    "its test speakers. The t test takes differences of folds as independent and normal; the exact sign-flip test "
    "does not, but with n units its p cannot fall below 2 / 2<sup>n</sup>, so that it needs six folds to reach 0.05. "
    "Both, and Wilcoxon's, are in significance.csv.</p>"
)


def _runs(runs: Sequence[Run], known: Sequence[str]) -> str:
    rows = []
    for run in runs:
        folds, seeds = (sorted({unit[place] for unit in run.units}, key=str) for place in (0, 1))
        rows.append(
            [
                text(run.name),
                text(run.corpus),
                text(run.results["protocol"]["name"]),
                f"{len(run.units)}: folds {text(', '.join(map(str, folds)))}; seeds {text(', '.join(map(str, seeds)))}",
                f"<code>{text(run.results['scheduler_digest'])}</code>",
            ]
        )
    notes = "".join(f"<li>{text(note)}.</li>" for note in known)
    head = ["Run", "Corpus", "Protocol", "Runs", "Noise of training"]
    return table("What is compared", head, rows) + (f"<ul>{notes}</ul>" if notes else "")


if __name__ == "__main__":
    sys.exit(main())
