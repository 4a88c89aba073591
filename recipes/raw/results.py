"""From the runs' judgements to results.json: means, standard deviations and what the project claims.

`recipes.report` documents the schema. Nothing in it depends on time, machine load or number of processes.

Public: `merge`, `latent_summary`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noise_scheduler.calibration import scale_of
from recipes.corpora.cache import Cache
from recipes.files import read_json
from recipes.metrics import area_under_curve, summary
from recipes.raw.methods import FINETUNED, Method
from recipes.raw.methods import methods as methods_of
from recipes.raw.plan import RunPlan
from recipes.raw.protocols import rate_curves
from recipes.raw.recipe import Claim, Corpus, Recipe
from recipes.raw.settings import MODALITIES
from recipes.raw.views import curve_noises
from recipes.report.markup import number
from recipes.report.results import SCHEMA
from recipes.task import Task


def merge(recipe: Recipe, corpus: Corpus, cache: Cache, plans: Sequence[RunPlan]) -> dict[str, Any]:
    """The contents of results.json from the files that the jobs of `plans` wrote."""
    settings, task = plans[0].settings, recipe.task
    scheduler = settings.scheduler(seed=plans[0].seed, total_steps=1000)
    methods = [*methods_of(settings.methods), *([FINETUNED] if settings.finetune.epochs else [])]
    judged = {method.name: [read_json(plan.work / f"{method.name}.json") for plan in plans] for method in methods}
    unimodal = _unimodal(plans, task)
    return {
        "schema": SCHEMA,
        "recipe": recipe.name,
        "corpus": _corpus(recipe, corpus, cache),
        "corpus_digest": cache.folder.name,
        "task": {"name": task.name, "outputs": list(task.outputs), "chance": round(task.chance, 6)},
        "metrics": list(task.metrics),
        "labels": list(task.classes),
        "protocol": {
            "name": settings.protocol.name,
            "runs": [
                {
                    "seed": plan.seed,
                    "fold": plan.fold.name,
                    "train": len(plan.fold.train),
                    "validation": len(plan.fold.val),
                    "test": len(plan.fold.test),
                }
                for plan in plans
            ],
            "selection": _selection(task),
            "selected_on_test": False,
            "noisy_levels": list(settings.evaluation.noisy_levels),
            "views": settings.evaluation.views,
            "curve_levels": [0.0, *settings.evaluation.curve_levels],
        },
        "scheduler": scheduler.to_dict(),
        "scheduler_digest": scheduler.digest,
        "held_out": settings.held_out,
        "methods": [_method(method, judged[method.name], task) for method in methods],
        "unimodal": unimodal,
        "curves": _curves(plans, judged) + rate_curves(settings.protocol, judged, task.headline),
        "claims": _claims(recipe.claims, plans, judged, unimodal, task),
    }


def _selection(task: Task) -> str:
    return (
        f"Weights of the epoch with the best mean {task.selection} on the validation speakers, under the "
        "conditions that the method is trained for."
    )


def _corpus(recipe: Recipe, corpus: Corpus, cache: Cache) -> dict[str, Any]:
    labels = Counter(recipe.task.class_of(cache.labels).tolist())
    sessions = Counter(cache.sessions.tolist())
    crops = cache.meta["crop"]
    return {
        "name": f"{recipe.corpus} layout, synthetic demo corpus" if corpus.synthetic else recipe.corpus,
        "synthetic": corpus.synthetic,
        "utterances": len(cache),
        "per_class": {name: labels[index] for index, name in enumerate(recipe.task.classes)},
        "per_session": {str(session): sessions[session] for session in sorted(sessions)},
        "left_out": sorted({*corpus.left_out, *cache.left_out}),
        "notes": list(corpus.notes),
        "faces": {"detector": crops["detector"], "fallback": crops["square"]},
    }


def _method(method: Method, runs: Sequence[Mapping[str, Any]], task: Task) -> dict[str, Any]:
    return {
        "name": method.name,
        "label": method.label,
        "encoders": method.encoders,
        "training": method.training,
        "parameters": runs[0]["parameters"],
        "scores": {
            condition: {m["name"]: summary([run["scores"][condition][m["name"]] for run in runs]) for m in task.metrics}
            for condition in runs[0]["scores"]
        },
        "confusion": {
            condition: np.sum([run["confusion"][condition] for run in runs], axis=0).tolist()
            for condition in ("clean", "noisy/pooled")
        },
        "calibration_error": {
            condition: summary([run["calibration_error"][condition] for run in runs])
            for condition, value in runs[0]["calibration_error"].items()
            if value is not None
        },
        "reliability": {
            group: {m: summary([run["reliability"][group][m] for run in runs]) for m in MODALITIES}
            for group in runs[0]["reliability"] or {}
        },
        "latent": latent_summary([run["latent"] for run in runs]),
    }


def latent_summary(runs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    known = [run for run in runs if run is not None]
    if not known:
        return None
    return {
        "size": known[0]["size"],
        "active": summary([run["active"] for run in known]),
        "kl_nats": summary([run["kl_nats"] for run in known]),
    } | {
        name: {condition: summary([run[name][condition] for run in known]) for condition in known[0][name]}
        for name in ("reconstruction_r2", "unmended_r2")
    }


def _unimodal(plans: Sequence[RunPlan], task: Task) -> dict[str, Any]:
    folders = dict.fromkeys(plan.encoders for plan in plans)
    runs = {m: [read_json(folder / f"{m}.unimodal.json") for folder in folders] for m in MODALITIES}
    return {
        modality: {
            kind: {
                condition: {task.headline: summary([run[kind][condition][task.headline] for run in runs[modality]])}
                for condition in ("clean", "noisy")
            }
            for kind in plans[0].settings.kinds
        }
        for modality in MODALITIES
    }


def _curves(plans: Sequence[RunPlan], judged: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    settings, headline = plans[0].settings, plans[0].task.headline
    levels = [0.0, *settings.evaluation.curve_levels]
    curves = []
    for modality in MODALITIES:
        for noise, built in curve_noises(settings, modality).items():
            methods = {}
            for name, runs in judged.items():
                lines = [[run["scores"]["clean"][headline], *run["curves"][noise]] for run in runs]
                methods[name] = {
                    "score": [summary(values) for values in zip(*lines, strict=True)],
                    "area": summary([area_under_curve(levels, line) for line in lines]),
                }
            scale = scale_of(built, modality)  # modalities are called by their kinds
            curves.append({"modality": modality, "noise": noise, "scale": scale, "levels": levels, "methods": methods})
    return curves


def _claims(
    claims: Sequence[Claim],
    plans: Sequence[RunPlan],
    judged: Mapping[str, Sequence[Mapping[str, Any]]],
    unimodal: Mapping[str, Any],
    task: Task,
) -> list[dict[str, Any]]:
    """What of the recipe's claims can be checked in this run, in points of the headline, folds as the unit."""
    checked = []
    for claim in claims:
        if claim.method not in judged or claim.other not in judged:
            continue
        if claim.condition not in judged[claim.method][0]["scores"]:
            continue
        gains: dict[str, list[float]] = {}
        for plan, one, other in zip(plans, judged[claim.method], judged[claim.other], strict=True):
            pair = [100 * run["scores"][claim.condition][task.headline] for run in (one, other)]
            gains.setdefault(plan.fold.name, []).append(pair[0] - pair[1])
        measured = summary([float(np.mean(values)) for values in gains.values()])
        holds = measured["mean"] >= claim.bound
        why = "" if holds else f"{_shortfall(measured, claim.bound)} {_where_gained(unimodal, task)}"
        checked.append(
            {
                "text": claim.text,
                "required": f">= {claim.bound:g} points of {task.metrics[0]['label']}",
                "measured": measured,
                "holds": holds,
                "why": why,
            }
        )
    return checked


def _shortfall(measured: Mapping[str, Any], bound: float) -> str:
    """What can be said of a claim that is not reached: how far it is, and whether chance explains it."""
    runs = len(measured["values"])
    short = f"Short by {bound - measured['mean']:.1f} points"
    if runs < 2:
        return f"{short}; one fold says nothing about chance, more are needed (run.test_folds)."
    error = measured["std"] / runs**0.5
    if bound - measured["mean"] <= 2 * error:
        return f"{short} with a standard error of {error:.1f} over {runs} folds: within chance, more folds would tell."
    return f"{short} with a standard error of {error:.1f} over {runs} folds: more than chance explains."


def _where_gained(unimodal: Mapping[str, Any], task: Task) -> str:
    """What training under noise does for each modality alone, on noisy test data: where a gain can come from."""
    gains = {
        modality: 100
        * (kinds["noisy"]["noisy"][task.headline]["mean"] - kinds["clean"]["noisy"][task.headline]["mean"])
        for modality, kinds in unimodal.items()
    }
    shown = ", ".join(f"{modality} {number(gain, sign=True)}" for modality, gain in gains.items())
    return f"What training an encoder under noise gains on noisy data, each modality alone, in points: {shown}."
