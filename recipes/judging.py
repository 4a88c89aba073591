"""Everything that the report says of one model in one run.

Public: `judge_model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.diagnostics import active_dimensions, reconstruction_r2
from models.model import EmotionModel
from recipes.conditions import CONDITIONS, Bank, judge, predict
from recipes.corpora.iemocap import LABELS
from recipes.iemocap_settings import MODALITIES
from recipes.metrics import confusion, scores
from recipes.run_plan import RunPlan, load_bank
from recipes.views import curve_noises, evaluation_scheduler


def judge_model(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel, kind: str, labels: np.ndarray, folder: Path | None = None
) -> dict[str, Any]:
    """Everything that the report says of one model in one run."""
    label, classes = labels[plan.test], len(LABELS)
    test, curves = load_bank(plan, kind, "test", folder), load_bank(plan, kind, "curves", folder)
    judged = judge(model, test, label, classes)
    result: dict[str, Any] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "scores": {name: {k: one[k] for k in ("ua", "wa", "macro_f1")} for name, one in judged.items()},
        "confusion": {
            name: confusion(judged[name]["predicted"], judged[name]["label"], classes)
            for name in ("clean", "noisy/pooled")
        },
        "curves": _curves(plan, model, test, curves, label),
        "latent": None,
    }
    if predict(model, test, "clean").mean is not None:
        clean_test = load_bank(plan, "clean", "test")
        result["latent"] = _latent(model, teacher, test, clean_test)
    return result


def _curves(plan: RunPlan, model: EmotionModel, test: Bank, curves: Bank, label: np.ndarray) -> dict[str, Any]:
    """Noise → UA at each level of the settings, only its modality being noisy."""
    settings = plan.settings.evaluation
    result: dict[str, list[float]] = {}
    scheduler = evaluation_scheduler(plan.settings.scheduler(seed=plan.seed, total_steps=1), settings)
    for modality in MODALITIES:
        views = iter(range(curves[modality]["views"].shape[1]))
        for noise in curve_noises(scheduler, modality):
            result[noise] = []
            for _ in settings.curve_levels:
                view = next(views)
                noisy = dict(curves[modality]) | {
                    "clean": curves[modality]["views"][:, view],
                    "clean_present": curves[modality]["views_present"][:, view],
                }
                predicted = predict(model, {**test, modality: noisy}, "clean").logits.argmax(1).numpy()
                result[noise].append(scores(predicted, label, len(LABELS))["ua"])
    return result


def _latent(model: EmotionModel, teacher: EmotionModel, test: Bank, clean_test: Bank) -> dict[str, Any]:
    """Is the auto-encoder at work: active dimensions, KL, and R² of the reconstruction of the clean teacher's view."""
    target = predict(teacher, clean_test, "clean").joint
    result: dict[str, Any] = {"reconstruction_r2": {}}
    six = [condition for condition in CONDITIONS if condition.startswith("noisy/")]
    for name, conditions in (("clean", ["clean"]), ("noisy/pooled", six)):
        outputs = [predict(model, test, condition) for condition in conditions]
        reconstruction = torch.cat([_given(output.reconstruction) for output in outputs])
        repeated = target.repeat_interleave(len(reconstruction) // len(target) // len(conditions), 0)
        result["reconstruction_r2"][name] = reconstruction_r2(reconstruction, repeated.repeat(len(conditions), 1))
        mean = torch.cat([_given(output.mean)["product"] for output in outputs])
        result |= {
            "size": mean.shape[1],
            "active": active_dimensions(mean),
            "kl_nats": float(torch.cat([_given(output.kl) for output in outputs]).mean()),
        }
    return result


def _given(value: Any) -> Any:
    assert value is not None
    return value
