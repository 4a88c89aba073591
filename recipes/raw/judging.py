"""Everything that the report says of one model in one run.

Public: `judge_model`, `judge_unimodal`, `intervals`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.encoders import UnimodalClassifier
from models.fusion import FusionOutput
from models.model import EmotionModel
from noise_scheduler.registry import name_of
from recipes.corpora.cache import Cache
from recipes.latent import latent
from recipes.metrics.robustness import spearman
from recipes.metrics.statistics import bootstrap_interval
from recipes.raw.bank import load_bank
from recipes.raw.conditions import SIX, Bank, groups, judge, predict
from recipes.raw.plan import RunPlan
from recipes.raw.settings import MODALITIES
from recipes.raw.views import curve_noises, evaluation_scheduler
from recipes.task import Task

_RESAMPLES = 1000


def judge_model(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel, kind: str, labels: np.ndarray, folder: Path | None = None
) -> dict[str, Any]:
    """Everything that the report says of one model in one run; `folder` holds its own bank, if it has one."""
    label = labels[plan.fold.test]
    test, curves = load_bank(plan, kind, "test", folder), load_bank(plan, kind, "curves", folder)
    judged = judge(model, test, label, plan.task)
    whole = [(name, judged[name]) for name in ("clean", *(f"{group}/pooled" for group in groups(test)))]
    return {
        "parameters": sum(p.numel() for p in model.fusion.parameters()),
        "scores": {name: one["scores"] for name, one in judged.items()},
        "intervals": intervals(judged, plan.task, np.random.default_rng(plan.seed)),
        "confusion": {
            name: plan.task.confusion(judged[name]["outputs"], judged[name]["label"])
            for name in ("clean", "noisy/pooled")
        },
        "curves": _curves(plan, model, test, curves, label),
        "calibration_error": {name: plan.task.calibration_error(one["outputs"], one["label"]) for name, one in whole},
        "reliability": _reliability(plan, model, test, curves),
        "latent": _latent(model, teacher, test, test if folder is None else load_bank(plan, kind, "test")),
    }


def intervals(
    judged: Mapping[str, Mapping[str, Any]], task: Task, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of the headline over test utterances, each resampled with all its views.

    Args:
        judged: what `recipes.raw.conditions.judge` gives.
        rng: where the resamples come from.

    Returns:
        Condition → (low, high), for ``clean`` and the means over six conditions; empty for a single utterance.
    """
    rows = len(judged["clean"]["label"])
    if rows < 2:
        return {}
    found = {}
    for name in ("clean", "noisy/mean", "heldout/mean", "missing/mean"):
        if name not in judged:
            continue
        group, _, mean = name.partition("/")
        members = [judged[f"{group}/{initials}"] for initials in SIX] if mean else [judged[name]]
        tallies = [task.tally(member["outputs"], member["label"]) for member in members]
        # (utterances, conditions, …): the counts of an utterance's views, summed
        counts = np.stack([tally.reshape(rows, -1, *tally.shape[1:]).sum(1) for tally in tallies], axis=1)

        def headline(drawn: np.ndarray) -> float:
            return float(np.mean([task.headline_of(sums) for sums in drawn.sum(0)]))

        found[name] = bootstrap_interval(headline, counts, rng=rng, resamples=_RESAMPLES)
    return found


def judge_unimodal(
    plan: RunPlan, cache: Cache, classifiers: Mapping[str, UnimodalClassifier], bank: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Scores of each encoder with its own classifier on clean and noisy test data."""
    label = cache.labels[plan.fold.test]
    result: dict[str, Any] = {}
    for kind, classifier in classifiers.items():
        result[kind] = {}
        for condition, features in (("clean", bank[f"test/{kind}/clean"]), ("noisy", bank[f"test/{kind}/views"])):
            with torch.inference_mode():
                vectors = features.flatten(0, -2)[:, : classifier.encoder.out_dim]
                outputs = classifier.classify(vectors).numpy()
            result[kind][condition] = plan.task.score(outputs, label.repeat(len(outputs) // len(label)))
    return result


def _curves(plan: RunPlan, model: EmotionModel, test: Bank, curves: Bank, label: np.ndarray) -> dict[str, Any]:
    """Noise → headline at each level of the settings, only its modality being noisy."""
    result: dict[str, list[float]] = {}
    for modality in MODALITIES:
        for noise, view in _curve_views(plan, curves, modality):
            outputs = predict(model, {**test, modality: view}, "clean").logits.numpy()
            result.setdefault(noise, []).append(plan.task.score(outputs, label)[plan.task.headline])
    return result


def _curve_views(plan: RunPlan, curves: Bank, modality: str) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """(noise, its view of a modality) per noise and level, in their order; the view stands where the clean rows do."""
    levels = len(plan.settings.evaluation.curve_levels)
    noises = [noise for noise in curve_noises(plan.settings, modality) for _ in range(levels)]
    for view, noise in enumerate(noises):
        names = {"clean": "views", "clean_present": "views_present", "clean_level": "views_level"}
        yield noise, dict(curves[modality]) | {new: curves[modality][name][:, view] for new, name in names.items()}


def _reliability(plan: RunPlan, model: EmotionModel, test: Bank, curves: Bank) -> dict[str, dict[str, float]] | None:
    """Group → modality → rank correlation of its reliability with how clean it is.

    Over the test rows under every noise of the group at level 0 and the levels of the curves, which span the scale;
    rows in which the modality is absent do not count. None for a model that gives no reliability.
    """
    if predict(model, test, "clean").reliability is None:
        return None
    held_out = set()
    if plan.settings.held_out:
        unseen = evaluation_scheduler(plan.settings, held_out=True)
        held_out = {name_of(noise) for mixture in unseen.noises.values() for noise in mixture.noises}
    found: dict[str, dict[str, tuple[list[Tensor], list[Tensor]]]] = {}
    for modality in MODALITIES:
        clean = dict(test[modality]) | {"clean_level": torch.zeros(len(test[modality]["clean"]))}
        seen = set()
        for noise, view in _curve_views(plan, curves, modality):
            group = found.setdefault("heldout" if noise in held_out else "noisy", {})
            reliability, level = group.setdefault(modality, ([], []))
            for shown in [view] if noise in seen else [clean, view]:
                there = shown["clean_present"]
                said = _given(predict(model, {**test, modality: shown}, "clean").reliability)
                reliability.append(said[modality][there])
                level.append(shown["clean_level"][there])
            seen.add(noise)
    return {
        group: {
            modality: spearman(torch.cat(reliability).numpy(), 1 - torch.cat(level).numpy())
            for modality, (reliability, level) in by_modality.items()
        }
        for group, by_modality in found.items()
    }


def _latent(model: EmotionModel, teacher: EmotionModel, test: Bank, shown: Bank) -> dict[str, Any] | None:
    """What `recipes.latent` says; `shown`: the test rows by the teacher's encoders, which fine-tuning leaves behind."""
    if predict(model, test, "clean").mean is None:  # else all conditions would be predicted for nothing
        return None
    target = predict(teacher, shown, "clean").joint
    said, unmended, wanted = {}, {}, {}
    sets = {f"{group}/pooled": [f"{group}/{part}" for part in parts] for group, parts in groups(test).items()}
    for name, conditions in ({"clean": ["clean"]} | sets).items():
        said[name] = FusionOutput.join([predict(model, test, condition) for condition in conditions])
        unmended[name] = torch.cat([predict(teacher, shown, condition).joint for condition in conditions])
        views = len(unmended[name]) // len(target) // len(conditions)
        wanted[name] = target.repeat_interleave(views, 0).repeat(len(conditions), 1)
    return latent(said, unmended, wanted, "noisy/pooled")


def _given(value: Any) -> Any:
    assert value is not None
    return value
