"""The steps of a recipe of the raw path, and its command line.

Read and check the corpus; decode it once into a memory-mapped cache; per fold and modality train an encoder on clean
data, then on clean and on noisy data for as long; encode a bank of scheduled noisy views; per run train the clean
teacher and every method's fusion on it; judge all on the test speakers; write RUN/results.json and RUN/report.html, and
what it took into RUN/resources.json.

The same settings and seeds give the same results.json on one machine, whatever --workers says.

Public: `main`, `run`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from noise_scheduler import NoiseScheduler, fixed
from noise_scheduler.tied import followed
from recipes import command
from recipes.command import check_free, claimed_folder, finish
from recipes.corpora import cache as raw_cache
from recipes.corpora.cache import Cache
from recipes.jobs import Job, run_jobs
from recipes.raw.jobs import adapted_job, done_files, encoder_job, finetune_job, fusion_job, teacher_job
from recipes.raw.methods import FINETUNED
from recipes.raw.methods import methods as methods_of
from recipes.raw.plan import RunPlan
from recipes.raw.protocols import noises
from recipes.raw.recipe import Corpus, Recipe
from recipes.raw.results import merge
from recipes.raw.settings import MODALITIES, RawSettings
from recipes.raw.views import curve_noises, evaluation_scheduler
from recipes.resources import write_stage
from recipes.settings import SettingsError


def main(recipe: Recipe, arguments: Sequence[str] | None = None) -> int:
    """Run a recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    started = partial(run, recipe)
    return command.main(
        recipe.name, recipe.description, recipe.config, recipe.demo_folder, RawSettings, started, arguments
    )


def run(recipe: Recipe, settings: RawSettings, options: argparse.Namespace, console: Console) -> None:
    """The recipe, from the corpus to the report."""
    started, out = time.perf_counter(), Path(options.out)
    check_free(out, options.resume)
    if options.data is None:
        recipe.demo(recipe.demo_folder)
    corpus = recipe.read(options.data or recipe.demo_folder, skip_bad=options.skip_bad)
    for note in corpus.notes:
        console.print(note, highlight=False)
    there, began = set(options.cache.glob("*")), time.perf_counter()
    cache = raw_cache.build(
        corpus,
        options.cache,
        frames=settings.data.frames,
        size=settings.data.frame_size,
        jobs=max(1, options.workers),
        skip_bad=options.skip_bad,
    )
    decoding_s = (time.perf_counter() - began) * max(1, options.workers)
    _try_noises(cache, settings)
    plans = _plans(recipe, corpus, cache, settings, out)
    with claimed_folder(out, settings, cache.folder.name):
        if not there & {cache.folder, cache.folder.with_name(f"{cache.folder.name}.parts")}:  # else little was decoded
            write_stage(out / "work" / "decoding.stage.json", "decoding", decoding_s, len(cache))
        _train(settings, plans, options.workers, console)
        results, gallery = merge(recipe, corpus, cache, plans), _gallery(recipe, cache, plans[0])
        report = finish(out, results, gallery, time.perf_counter() - started, options.workers)
    for claim in results["claims"]:
        measured = f"{claim['measured']['mean']:+.1f} ± {claim['measured']['std']:.1f}"
        console.print(
            f"{'✓' if claim['holds'] else '✗'} {claim['text']}: {measured} ({claim['required']})", highlight=False
        )
    console.print(f"[bold]Report:[/] {report}")


def _train(settings: RawSettings, plans: Sequence[RunPlan], workers: int, console: Console) -> None:
    """All jobs of all runs: encoders, teachers, fusions and what goes on from them."""
    folds = {plan.encoder_name: plan for plan in plans}.values()
    encoders = [_job(p, p.encoder_name, m, encoder_job, p, m) for m in ("video", "audio", "text") for p in folds]
    run_jobs("Encoders and banks of noisy views", encoders, workers, console)
    students = {method.teacher: method for method in methods_of(settings.methods)}
    teachers = [_job(p, p.name, name, teacher_job, p, student) for name, student in students.items() for p in plans]
    run_jobs("Clean teachers", teachers, workers, console)
    adapted = [method.name for method in methods_of(settings.methods) if method.adapts]
    trained = [name for name in settings.methods if name not in adapted]
    fusions = [_job(p, p.name, name, fusion_job, p, name) for name in trained for p in plans]
    run_jobs("Fusions", fusions, workers, console)
    adaptations = [_job(p, p.name, name, adapted_job, p, name) for name in adapted for p in plans]
    run_jobs("Adaptation to the test clips", adaptations, workers, console)
    if settings.finetune.epochs:
        finetunes = [_job(p, p.name, FINETUNED.name, finetune_job, p) for p in plans]
        run_jobs("End-to-end fine-tuning", finetunes, workers, console)


def _try_noises(cache: Cache, settings: RawSettings) -> None:
    """Run every noise once, so that what it lacks (a folder, a package) stops the recipe before any training."""
    sample = cache[0]
    _try_each(sample, settings.scheduler(seed=0, total_steps=1), "noise.noises")
    try:
        evaluation_scheduler(settings)
    except ValueError as error:
        raise SettingsError(f"noise.noises: nothing to judge by once `missing` is left out: {error}") from error
    if settings.held_out:
        try:
            evaluation_scheduler(settings, held_out=True)
        except (KeyError, ValueError) as error:
            raise SettingsError(str(error.args[0])) from error
    for condition, by_modality in noises(settings.protocol, settings.data.frames).items():
        for modality, scheduler in by_modality.items():
            if modality in scheduler.noises:
                _try_each(sample, scheduler, f"protocol: {condition}", modality)
    for modality in MODALITIES:
        for noise in curve_noises(settings, modality).values():
            _try_each(sample, NoiseScheduler({modality: noise}), "evaluation.curves")


def _try_each(sample: Mapping[str, Any], scheduler: NoiseScheduler, where: str, *modalities: str) -> None:
    """Run every noise of a scheduler on a sample, each with the one that it follows, of some modalities or of all."""
    for modality in modalities or scheduler.noises:
        for noise in scheduler.noises[modality].noises:
            follows = followed(noise)
            alone = {modality: noise} | ({follows: scheduler.noises[follows].noises[0]} if follows else {})
            try:
                NoiseScheduler(alone, condition=fixed((follows or modality,)))(sample, id=0)
            except (ValueError, OSError, ImportError) as error:
                raise SettingsError(f"{where}.{modality}: {error}") from error


def _plans(recipe: Recipe, corpus: Corpus, cache: Cache, settings: RawSettings, out: Path) -> list[RunPlan]:
    """The runs, fold by fold, so that all seeds of a fold stand together."""
    by_id = {utterance.id: utterance for utterance in corpus.utterances}
    try:
        folds = recipe.folds([by_id[name] for name in cache.ids], settings.data.folds)
    except ValueError as error:
        raise SettingsError(f"data.folds: {error}") from error
    plans = []
    for number in settings.run.test_folds:
        if not 1 <= number <= len(folds):
            raise SettingsError(f"run.test_folds: there is no fold {number}, the corpus has {len(folds)}")
        fold = folds[number - 1]
        plans += [
            RunPlan(seed, fold, out, recipe.task, settings, cache.folder, recipe.corpus, corpus.synthetic)
            for seed in settings.run.seeds
        ]
    return plans


def _job(plan: RunPlan, where: str, name: str, function: Any, *arguments: Any) -> Job:
    done = all(file.exists() for file in done_files(plan)[name])
    return Job(f"{where}, {name}", function, arguments, done)


def _gallery(recipe: Recipe, cache: Cache, plan: RunPlan) -> list[Any]:
    """One utterance of each of up to three classes from the first test fold: the median in length."""
    chosen: list[Any] = []
    of = recipe.task.class_of(cache.labels)
    for label in sorted({int(of[row]) for row in plan.fold.test}, reverse=True)[:3][::-1]:
        same = [int(row) for row in plan.fold.test if of[row] == label]
        same.sort(key=lambda row: (len(cache[row]["audio"]), cache.ids[row]))
        chosen += [{**cache[row], "label": label} for row in same[len(same) // 2 : len(same) // 2 + 1]]
    return chosen
