"""What a fusion sees in training and under which conditions it is judged, from the banks of encoded views.

Conditions: ``clean``; ``noisy/S`` (the modalities S are noisy, the others clean) and ``missing/S`` (the
modalities S are absent) for the six S = a, v, t, av, at, vt; ``…/mean`` is the mean of the six, ``…/pooled`` the
six taken as one test set.

Public: `Bank`, `CONDITIONS`, `clean_views`, `scheduled_views`, `zero_vector_views`, `inputs`, `predict`, `judge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.fusion import FusionOutput
from models.model import EmotionModel
from noise_scheduler import six_conditions
from noise_scheduler.rng import key_of, stream
from recipes.iemocap_settings import MODALITIES
from recipes.metrics import scores
from recipes.training import Views

Bank = Mapping[str, Mapping[str, Tensor]]
"""Modality → ``clean`` (N, D), ``views`` (N, V, D), ``clean_present`` (N,), ``views_present`` (N, V)."""
Inputs = tuple[dict[str, Tensor], dict[str, Tensor]]

SIX = {"".join(modality[0] for modality in subset): subset for subset in six_conditions().subsets(MODALITIES)}
CONDITIONS = ("clean", *(f"{kind}/{initials}" for kind in ("noisy", "missing") for initials in SIX))


def clean_views(bank: Bank) -> Views:
    """Training on clean data only."""

    def views(step: int, draw: int, rows: Tensor) -> Inputs:
        return {m: bank[m]["clean"][rows] for m in MODALITIES}, {m: bank[m]["clean_present"][rows] for m in MODALITIES}

    return views


def scheduled_views(bank: Bank, view_steps: list[int], seed: int) -> Views:
    """Training under scheduled noise: each row shows one of its views whose planned step has been reached."""

    def views(step: int, draw: int, rows: Tensor) -> Inputs:
        reached = max(1, sum(planned <= step for planned in view_steps))
        with stream(key_of(seed, "views"), step, "view", draw) as rng:
            view = torch.from_numpy(rng.integers(0, reached, len(rows)))
        return (
            {m: bank[m]["views"][rows, view] for m in MODALITIES},
            {m: bank[m]["views_present"][rows, view] for m in MODALITIES},
        )

    return views


def zero_vector_views(bank: Bank, seed: int) -> Views:
    """Training on clean data with modalities set to zero: none, or one of the six subsets, equally likely.

    Source: the missing-modality training of MMIN (Zhao et al., ACL 2021).
    """
    subsets = [(), *SIX.values()]
    dropped = torch.tensor([[m in subset for m in MODALITIES] for subset in subsets])
    clean = clean_views(bank)

    def views(step: int, draw: int, rows: Tensor) -> Inputs:
        features, present = clean(step, draw, rows)
        with stream(key_of(seed, "zero vectors"), step, "subset", draw) as rng:
            absent = dropped[torch.from_numpy(rng.integers(0, len(subsets), len(rows)))]
        return features, {m: present[m] & ~absent[:, i] for i, m in enumerate(MODALITIES)}

    return views


def inputs(bank: Bank, condition: str) -> Inputs:
    """Features and presence of all rows under a condition; a noisy one has V inputs per row, row by row."""
    kind, _, initials = condition.partition("/")
    hit = SIX.get(initials, ())
    views = bank[MODALITIES[0]]["views"].shape[1] if kind == "noisy" else 1
    features, present = {}, {}
    for modality in MODALITIES:
        held = bank[modality]
        if kind == "noisy" and modality in hit:
            features[modality] = held["views"].flatten(0, 1)
            present[modality] = held["views_present"].flatten()
        else:
            features[modality] = held["clean"].repeat_interleave(views, 0)
            present[modality] = held["clean_present"].repeat_interleave(views, 0)
        if kind == "missing" and modality in hit:
            present[modality] = torch.zeros_like(present[modality])
    return features, present


@torch.inference_mode()
def predict(model: EmotionModel, bank: Bank, condition: str) -> FusionOutput:
    """The model's output for all rows under a condition."""
    return model.fuse(*inputs(bank, condition))


def judge(model: EmotionModel, bank: Bank, labels: np.ndarray, classes: int) -> dict[str, dict[str, Any]]:
    """Per condition ``predicted``, ``label`` and the scores of `recipes.metrics.scores`; mean and pooled too."""
    judged: dict[str, dict[str, Any]] = {}
    for condition in CONDITIONS:
        predicted = predict(model, bank, condition).logits.argmax(1).numpy()
        label = labels.repeat(len(predicted) // len(labels))
        judged[condition] = {"predicted": predicted, "label": label} | scores(predicted, label, classes)
    for kind in ("noisy", "missing"):
        six = [judged[f"{kind}/{initials}"] for initials in SIX]
        pooled = {name: np.concatenate([one[name] for one in six]) for name in ("predicted", "label")}
        judged[f"{kind}/pooled"] = pooled | scores(pooled["predicted"], pooled["label"], classes)
        judged[f"{kind}/mean"] = {name: float(np.mean([one[name] for one in six])) for name in ("ua", "wa", "macro_f1")}
    return judged
