"""The steps of a recipe of released features, and its command line.

Read and check the release; per run train the clean teacher and every method's model on the sequences; judge all on the
test part of the fold; write RUN/results.json, RUN/report.html and RUN/tables, and what it took into RUN/resources.json.

The same settings and seeds give the same results.json on one machine, whatever --workers says.

Public: `main`, `run`, `plans_of`.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from noise_scheduler import NoiseScheduler, fixed
from recipes import command
from recipes.command import check_free, claimed_folder, finish
from recipes.corpora.features import FeatureCorpus
from recipes.jobs import Job, run_jobs
from recipes.released.jobs import check_methods, method_job, teacher_job
from recipes.released.plan import RunPlan
from recipes.released.recipe import Recipe
from recipes.released.results import merge
from recipes.released.sequences import scales_job
from recipes.released.settings import ReleasedSettings
from recipes.settings import SettingsError


def main(recipe: Recipe, arguments: Sequence[str] | None = None) -> int:
    """Run a recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    started = partial(run, recipe)
    return command.main(
        recipe.name, recipe.description, recipe.config, recipe.demo_path, ReleasedSettings, started, arguments
    )


def run(recipe: Recipe, settings: ReleasedSettings, options: argparse.Namespace, console: Console) -> None:
    """The recipe, from the release to the report."""
    started, out = time.perf_counter(), Path(options.out)
    check_free(out, options.resume)
    if options.data is None:
        recipe.demo(recipe.demo_path)
    corpus = recipe.read(options.data or recipe.demo_path, options.cache, skip_bad=options.skip_bad)
    for note in corpus.notes:
        console.print(note, highlight=False)
    plans = plans_of(recipe, corpus, settings, out)
    _try(plans[0])
    with claimed_folder(out, settings, plans[0].corpus_digest):
        _train(settings, plans, options.workers, console)
        report = finish(out, merge(recipe, plans), [], time.perf_counter() - started, options.workers)
    console.print(f"[bold]Report:[/] {report}")


def _train(settings: ReleasedSettings, plans: Sequence[RunPlan], workers: int, console: Console) -> None:
    """All jobs of all runs: the standardisation of each fold, the teachers and the methods."""
    if settings.data.standardise:
        folds = {plan.fold.name: plan for plan in plans}.values()
        jobs = [_job(plan.fold.name, "scales", plan.scales, scales_job, plan) for plan in folds]
        run_jobs("Standardisation", jobs, workers, console)
    widths = sorted({method.teacher_hidden for method in settings.rows})
    teachers = [
        _job(plan.name, f"teacher{hidden}", plan.teacher(hidden) / "config.json", teacher_job, plan, hidden)
        for hidden in widths
        for plan in plans
    ]
    run_jobs("Clean teachers", teachers, workers, console)
    methods = [
        _job(plan.name, name, plan.work / f"{name}.json", method_job, plan, name)
        for name in settings.methods
        for plan in plans
    ]
    run_jobs("Methods", methods, workers, console)


def plans_of(recipe: Recipe, corpus: FeatureCorpus, settings: ReleasedSettings, out: Path) -> list[RunPlan]:
    """The runs, fold by fold. Raises SettingsError where a fold does not exist."""
    digest, task, plans = _digest(corpus), recipe.task(corpus), []
    for number in settings.run.test_folds:
        if not 1 <= number <= len(corpus.folds):
            raise SettingsError(f"run.test_folds: there is no fold {number}, the release has {len(corpus.folds)}")
        fold = corpus.folds[number - 1]
        plans += [RunPlan(seed, fold, out, task, settings, corpus, digest) for seed in settings.run.seeds]
    return plans


def _digest(corpus: FeatureCorpus) -> str:
    """16 hexadecimal digits that stand for ids, labels, folds and all features."""
    found = hashlib.blake2b(digest_size=8)
    found.update("\n".join(corpus.ids).encode())
    found.update(np.ascontiguousarray(corpus.labels).tobytes())
    for fold in corpus.folds:
        for rows in (fold.train, fold.val, fold.test):
            found.update(rows.tobytes() + b"|")
    for row in range(len(corpus)):
        for values in corpus[row]["features"].values():
            found.update(values.tobytes())
    return found.hexdigest()


def _try(plan: RunPlan) -> None:
    """Build every method and run every noise once, so that a wrong setting stops the recipe before any training."""
    try:
        check_methods(plan.settings, plan.task, plan.corpus)
    except ValueError as error:
        raise SettingsError(f"fusion_options: {error}") from error
    features = plan.corpus[0]["features"]
    for modality, noises in plan.settings.scheduler(seed=0, total_steps=1).noises.items():
        for noise in noises.noises:
            try:
                NoiseScheduler({modality: noise}, condition=fixed((modality,)))(features, id=0)
            except (ValueError, OSError, ImportError) as error:
                raise SettingsError(f"noise.noises.{modality}: {error}") from error


def _job(where: str, name: str, result: Path, function: Any, *arguments: Any) -> Job:
    return Job(f"{where}, {name}", function, arguments, result.exists())
