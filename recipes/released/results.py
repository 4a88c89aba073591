"""From the runs' judgements to results.json; `recipes.report.results` documents the schema.

Public: `merge`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipes.files import read_json
from recipes.metrics import area_under_curve, summary
from recipes.raw.methods import Method
from recipes.raw.results import latent_summary
from recipes.released.plan import RunPlan
from recipes.released.recipe import Recipe
from recipes.report.results import SCHEMA
from recipes.task import Task

_MOST_GROUPS_SHOWN = 20


def merge(recipe: Recipe, plans: Sequence[RunPlan]) -> dict[str, Any]:
    """The contents of results.json from the files that the jobs of `plans` wrote."""
    settings, task, corpus = plans[0].settings, plans[0].task, plans[0].corpus
    scheduler = settings.scheduler(seed=plans[0].seed, total_steps=plans[0].total_steps)
    methods = settings.rows
    judged = {method.name: [read_json(plan.work / f"{method.name}.json") for plan in plans] for method in methods}
    classes = Counter(task.class_of(corpus.labels).tolist())
    of_whom = Counter(corpus.groups)
    return {
        "schema": SCHEMA,
        "recipe": recipe.name,
        "corpus": {
            "name": f"{corpus.name}, synthetic" if corpus.synthetic else corpus.name,
            "synthetic": corpus.synthetic,
            "utterances": len(corpus),
            "per_class": {name: classes[index] for index, name in enumerate(task.classes)},
            "per_session": dict(sorted(of_whom.items())) if len(of_whom) <= _MOST_GROUPS_SHOWN else {},
            "left_out": list(corpus.left_out),
            "notes": list(corpus.notes),
            "faces": {},
        },
        "corpus_digest": plans[0].corpus_digest,
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
            "noisy_levels": [0.0, 1.0] if settings.evaluation.steps else [],
            "views": len(settings.evaluation.steps) * len(settings.evaluation.noise_types),
            "curve_levels": [],
        },
        "scheduler": scheduler.to_dict(),
        "scheduler_digest": scheduler.digest,
        "held_out": {},
        "methods": [_method(method, judged[method.name], task) for method in methods],
        "unimodal": {},
        "curves": _curves(plans, judged),
        "claims": [],
    }


def _selection(task: Task) -> str:
    return (
        f"Weights of the epoch with the best {task.selection} on the validation part, the mean of clean data and of "
        "the noise that the method is trained under."
    )


def _method(method: Method, runs: Sequence[Mapping[str, Any]], task: Task) -> dict[str, Any]:
    return {
        "name": method.name,
        "label": method.label,
        "encoders": "the same, together with the fusion",
        "training": method.training,
        "parameters": runs[0]["parameters"],
        "scores": {
            condition: {m["name"]: summary([run["scores"][condition][m["name"]] for run in runs]) for m in task.metrics}
            for condition in runs[0]["scores"]
        },
        "confusion": {
            condition: np.sum([run["confusion"][condition] for run in runs], axis=0).tolist()
            for condition in runs[0]["confusion"]
        },
        "calibration_error": {
            condition: summary([run["calibration_error"][condition] for run in runs])
            for condition, value in runs[0]["calibration_error"].items()
            if value is not None
        },
        "reliability": {},
        "latent": latent_summary([run["latent"] for run in runs]),
    }


def _curves(plans: Sequence[RunPlan], judged: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The headline against T, and against the rates of missing modalities and of lost steps."""
    evaluation, headline = plans[0].settings.evaluation, plans[0].task.headline
    lines: list[tuple[str, str, list[tuple[float, str]]]] = []
    for kind in evaluation.noise_types:
        points = [(float(steps), f"T={steps} {kind}/mean") for steps in sorted(evaluation.steps)]
        lines.append((f"feature/beta_schedule, {kind}", "T", points))
    lines.append(("feature/missing", "rate", [(rate, f"missing_rate/{rate:g}") for rate in evaluation.missing_rates]))
    lines.append(("feature/step_loss", "rate", [(rate, f"dropped/{rate:g}") for rate in evaluation.loss_rates]))
    curves = []
    for noise, scale, points in lines:
        conditions = {0.0: "clean"} | {float(level): condition for level, condition in points}
        if len(conditions) < 2:
            continue
        levels, methods = list(conditions), {}
        for name, runs in judged.items():
            values = [[run["scores"][condition][headline] for condition in conditions.values()] for run in runs]
            methods[name] = {
                "score": [summary(at) for at in zip(*values, strict=True)],
                "area": summary([area_under_curve(levels, line) for line in values]),
            }
        curves.append({"modality": "all", "noise": noise, "scale": scale, "levels": levels, "methods": methods})
    return curves
