"""IEMOCAP: train and judge emotion recognition from raw audio, video and text under scheduled noise.

    python -m recipes.iemocap --data DIR --out RUN [--resume] [--skip-bad] [--workers N] [--section.key=value …]

DIR is a copy of the release (the folder with Session1 … Session5) or a demo corpus from `recipes.demo_corpus`.
Steps: read and check the corpus; decode it once into a memory-mapped cache; per run and modality train an encoder
on clean data, then on clean and on noisy data for as long; encode a bank of scheduled noisy views; train the clean
teacher, the noise-scheduled NMER model and the baselines on it; judge all on the test speakers; write RUN/results.json
and RUN/report.html. With finetune.epochs > 0 the NMER model is then trained end to end under online noise.

The demo corpus takes about six minutes on two cores. A killed run goes on with --resume. The same settings and
seeds give the same results.json on one machine, whatever --workers says.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from noise_scheduler import NoiseScheduler, fixed
from recipes import settings as settings_files
from recipes.corpora import CorpusError
from recipes.corpora import cache as raw_cache
from recipes.corpora import iemocap as reader
from recipes.corpora.cache import Cache, CacheError
from recipes.corpora.iemocap import Corpus
from recipes.files import read_json, write_json
from recipes.iemocap_jobs import done_files, encoder_job, finetune_job, fusion_job
from recipes.iemocap_settings import IemocapSettings
from recipes.jobs import Job, run_jobs
from recipes.report import write_report
from recipes.results import merge
from recipes.run_plan import RunPlan
from recipes.settings import SettingsError
from recipes.views import evaluation_scheduler

CONFIG = Path(__file__).parent / "configs" / "iemocap.toml"
_PACKAGES = (
    "numpy",
    "torch",
    "lightning",
    "torchmetrics",
    "opencv-python-headless",
    "scipy",
    "av",
    "nlpaug",
    "pyroomacoustics",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.iemocap", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the corpus: the folder with Session1 … Session5")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run, made if need be")
    parser.add_argument("--config", type=Path, default=CONFIG, help="settings, TOML (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="folder of decoded corpora (default: cache beside RUN)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; 0 works in this one")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was broken off")
    parser.add_argument("--skip-bad", action="store_true", help="leave out what cannot be read, and list it")
    options, overrides = parser.parse_known_args(arguments)
    console = Console()
    try:
        settings = settings_files.load(IemocapSettings, options.config, overrides)
        run(settings, options, console)
    except (CorpusError, CacheError, SettingsError, RunError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; the same command with --resume goes on from here.", highlight=False)
        return 130
    return 0


class RunError(ValueError):
    """The run's folder cannot be used; the message names it and the remedy."""


def run(settings: IemocapSettings, options: argparse.Namespace, console: Console) -> None:
    """The recipe, from the corpus to the report."""
    out: Path = options.out
    _check_free(out, options.resume)
    corpus = reader.read(options.data, skip_bad=options.skip_bad)
    for note in corpus.notes:
        console.print(note, highlight=False)
    cache = raw_cache.build(
        corpus,
        options.cache or out.parent / "cache",
        frames=settings.data.frames,
        size=settings.data.frame_size,
        jobs=max(1, options.workers),
        skip_bad=options.skip_bad,
    )
    _try_noises(cache, settings)
    plans = _plans(corpus, cache, settings, out)
    _claim_folder(out, settings, cache)

    encoders = [_job(plan, m, encoder_job, (plan, m)) for m in ("video", "audio", "text") for plan in plans]
    run_jobs("Encoders and banks of noisy views", encoders, options.workers, console)
    fusions = [_job(plan, "fusion", fusion_job, (plan,)) for plan in plans]
    run_jobs("Teacher, NMER and baselines", fusions, options.workers, console)
    if settings.finetune.epochs:
        finetunes = [_job(plan, "finetune", finetune_job, (plan,)) for plan in plans]
        run_jobs("End-to-end fine-tuning", finetunes, options.workers, console)

    results = merge(corpus, cache, plans, settings)
    write_json(out / "results.json", results)
    report = write_report(out, _gallery(cache, plans[0]))
    for claim in results["claims"]:
        measured = f"{claim['measured']['mean']:+.1f} ± {claim['measured']['std']:.1f}"
        console.print(
            f"{'✓' if claim['holds'] else '✗'} {claim['text']}: {measured} ({claim['required']})", highlight=False
        )
    console.print(f"[bold]Report:[/] {report}")


def _check_free(out: Path, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file; give --out a folder")
    if not resume and out.is_dir() and any(out.iterdir()):
        raise RunError(f"{out} is not empty: go on with it by --resume, or give another --out")


def _claim_folder(out: Path, settings: IemocapSettings, cache: Cache) -> None:
    """Write down what the run is; refuse to go on with a run that was something else."""
    resolved = {"settings": settings_files.to_dict(settings), "corpus_digest": cache.folder.name}
    file = out / "settings.json"
    if file.exists():
        before = read_json(file)
        changed = sorted(_differences(before, resolved))
        if changed:
            raise RunError(f"{out} was started with other {', '.join(changed)}: give another --out, or what it had")
    else:
        write_json(file, resolved)
    packages = {name: importlib.metadata.version(name) for name in ("noise-scheduler", *_PACKAGES)}
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    write_json(out / "environment.json", machine | {"packages": packages})


def _differences(before: Any, after: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict) and name != "settings.noise":
        keys = sorted(before.keys() | after.keys())
        return [
            found
            for key in keys
            for found in _differences(before.get(key), after.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if before == after else [name]


def _try_noises(cache: Cache, settings: IemocapSettings) -> None:
    """Run every noise once, so that what it lacks (a folder, a package) stops the recipe before any training."""
    scheduler = settings.scheduler(seed=0, total_steps=1)
    sample = cache[0]
    for modality, noises in scheduler.noises.items():
        for noise in noises.noises:
            try:
                NoiseScheduler({modality: noise}, condition=fixed((modality,)))(sample, id=0)
            except (ValueError, OSError, ImportError) as error:
                raise SettingsError(f"noise.noises.{modality}: {error}") from error
    try:
        evaluation_scheduler(scheduler, settings.evaluation)
    except ValueError as error:
        raise SettingsError(f"noise.noises: nothing to judge by once `missing` is left out: {error}") from error


def _plans(corpus: Corpus, cache: Cache, settings: IemocapSettings, out: Path) -> list[RunPlan]:
    by_id = {utterance.id: utterance for utterance in corpus.utterances}
    folds = reader.folds([by_id[name] for name in cache.ids], settings.data.folds)
    plans = []
    for seed, number in zip(settings.run.seeds, settings.run.test_folds, strict=True):
        if not 1 <= number <= len(folds):
            raise SettingsError(f"run.test_folds: there is no fold {number}, the corpus has {len(folds)}")
        fold = folds[number - 1]
        plans.append(RunPlan(seed, fold.name, fold.train, fold.val, fold.test, cache.folder, out, settings))
    return plans


def _job(plan: RunPlan, name: str, function: Any, arguments: tuple[Any, ...]) -> Job:
    done = all(file.exists() for file in done_files(plan)[name])
    return Job(f"seed {plan.seed}, {name}", function, arguments, done)


def _gallery(cache: Cache, plan: RunPlan) -> list[Any]:
    """One utterance of each of three classes from the first test fold: the median in length."""
    chosen = []
    for label in (1, 2, 3):
        same = [int(row) for row in plan.test if cache.labels[row] == label]
        same.sort(key=lambda row: (len(cache[row]["audio"]), cache.ids[row]))
        chosen += [cache[row] for row in same[len(same) // 2 : len(same) // 2 + 1]]
    return chosen


if __name__ == "__main__":
    sys.exit(main())
