"""What a fusion sees in training and under which conditions it is judged, from the banks of encoded views.

Conditions: ``clean``; ``noisy/S`` (the modalities S are noisy, the others clean), ``heldout/S`` (the same, with types
of noise that nothing was trained on) and ``missing/S`` (the modalities S are absent) for the six S = a, v, t, av, at,
vt; and those of `recipes.raw.protocols`, such as ``missing_rate/0.3``. ``…/mean`` is the mean over a group's parts,
``…/pooled`` takes them as one test set.

Public: `Bank`, `Inputs`, `SIX`, `SUBSETS`, `views_of`, `conditions`, `groups`, `clean_views`, `scheduled_views`,
`zero_vector_views`, `inputs`, `predict`, `selection`, `judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.batch import MODALITIES
from models.fusion import FusionOutput
from models.model import EmotionModel
from noise_scheduler import six_conditions
from noise_scheduler.rng import key_of, stream
from recipes.task import Task

Bank = Mapping[str, Mapping[str, Tensor]]
"""Modality → ``clean`` (N, D), ``clean_present`` (N,) and views: ``NAME_present`` (N, V) and, unless they are but clean
or absent, ``NAME`` (N, V, D) and ``NAME_level`` (N, V)."""
SUBSETS = {"noisy": "views", "heldout": "heldout"}
"""Groups whose conditions are subsets of noisy modalities → name of their views in a bank."""


class Inputs(NamedTuple):
    """What a fusion is given."""

    features: dict[str, Tensor]
    """Per modality (N, D)."""
    present: dict[str, Tensor]
    """Per modality (N,) bool."""
    level: dict[str, Tensor]
    """Per modality (N,) float32: the level of its noise, 0 where it is clean or absent."""


Views = Callable[[int, int, Tensor], Inputs]
"""(step, draw, rows) → one training view of each row."""

SIX = {"".join(modality[0] for modality in subset): subset for subset in six_conditions().subsets(MODALITIES)}


def views_of(condition: str) -> str:
    """Name in a bank of the views of a condition of `recipes.raw.protocols`."""
    return condition.replace("/", ":")


def conditions(bank: Bank) -> tuple[str, ...]:
    """All conditions that a bank has views for."""
    return ("clean", *(f"{group}/{part}" for group, parts in groups(bank).items() for part in parts))


def groups(bank: Bank) -> dict[str, tuple[str, ...]]:
    """The groups of conditions that a bank has views for, and their parts."""
    held = bank[MODALITIES[0]]
    found = {group: tuple(SIX) for group, name in SUBSETS.items() if name in held} | {"missing": tuple(SIX)}
    for name in sorted(held):
        group, _, part = name.partition(":")
        if part.endswith("_present"):
            found[group] = (*found.get(group, ()), part.removesuffix("_present"))
    return found


def clean_views(bank: Bank) -> Views:
    """Training on clean data only."""

    def views(step: int, draw: int, rows: Tensor) -> Inputs:
        return Inputs(
            {m: bank[m]["clean"][rows] for m in MODALITIES},
            {m: bank[m]["clean_present"][rows] for m in MODALITIES},
            {m: torch.zeros(len(rows)) for m in MODALITIES},
        )

    return views


def scheduled_views(bank: Bank, view_steps: list[int], seed: int) -> Views:
    """Training under scheduled noise: each row shows one of its views whose planned step has been reached."""

    def views(step: int, draw: int, rows: Tensor) -> Inputs:
        reached = max(1, sum(planned <= step for planned in view_steps))
        with stream(key_of(seed, "views"), step, "view", draw) as rng:
            view = torch.from_numpy(rng.integers(0, reached, len(rows)))
        return Inputs(
            {m: bank[m]["views"][rows, view] for m in MODALITIES},
            {m: bank[m]["views_present"][rows, view] for m in MODALITIES},
            {m: bank[m]["views_level"][rows, view] for m in MODALITIES},
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
        shown = clean(step, draw, rows)
        with stream(key_of(seed, "zero vectors"), step, "subset", draw) as rng:
            absent = dropped[torch.from_numpy(rng.integers(0, len(subsets), len(rows)))]
        return shown._replace(present={m: shown.present[m] & ~absent[:, i] for i, m in enumerate(MODALITIES)})

    return views


def inputs(bank: Bank, condition: str) -> Inputs:
    """What all rows give under a condition; one with V views has V inputs per row, row by row."""
    group, _, part = condition.partition("/")
    hit = SIX.get(part, MODALITIES if part else ())
    name = SUBSETS.get(group, views_of(condition))
    views = 1 if group in ("clean", "missing") else bank[MODALITIES[0]][f"{name}_present"].shape[1]
    features, present, level = {}, {}, {}
    for modality in MODALITIES:
        held = bank[modality]
        keys = (name, f"{name}_present", f"{name}_level") if modality in hit else ()
        noisy = {key: held[key].flatten(0, 1) for key in keys if key in held}
        features[modality] = noisy.get(name, held["clean"].repeat_interleave(views, 0))
        present[modality] = noisy.get(f"{name}_present", held["clean_present"].repeat_interleave(views, 0))
        level[modality] = noisy.get(f"{name}_level", torch.zeros(len(features[modality])))
        if group == "missing" and modality in hit:
            present[modality] = torch.zeros_like(present[modality])
    return Inputs(features, present, level)


@torch.inference_mode()
def predict(model: EmotionModel, bank: Bank, condition: str) -> FusionOutput:
    """The model's output for all rows under a condition."""
    shown = inputs(bank, condition)
    return model.fuse(shown.features, shown.present)


def selection(model: EmotionModel, bank: Bank, labels: np.ndarray, task: Task, judged_on: Sequence[str]) -> float:
    """How good a model is on validation data: the mean over conditions, ``…/mean`` being the mean of a group."""
    values = []
    for condition in judged_on:
        group, _, part = condition.partition("/")
        members = [f"{group}/{member}" for member in groups(bank)[group]] if part == "mean" else [condition]
        outputs = [predict(model, bank, member).logits.numpy() for member in members]
        values.append(np.mean([task.select(one, labels.repeat(len(one) // len(labels))) for one in outputs]))
    return float(np.mean(values))


def judge(model: EmotionModel, bank: Bank, labels: np.ndarray, task: Task) -> dict[str, dict[str, Any]]:
    """Per condition ``outputs``, ``label`` and, under ``scores``, what the task says; mean and pooled too."""
    judged: dict[str, dict[str, Any]] = {}
    for condition in conditions(bank):
        outputs = predict(model, bank, condition).logits.numpy()
        label = labels.repeat(len(outputs) // len(labels))
        judged[condition] = {"outputs": outputs, "label": label, "scores": task.score(outputs, label)}
    for group, parts in groups(bank).items():
        members = [judged[f"{group}/{part}"] for part in parts]
        outputs, label = (np.concatenate([one[name] for one in members]) for name in ("outputs", "label"))
        judged[f"{group}/pooled"] = {"outputs": outputs, "label": label, "scores": task.score(outputs, label)}
        means = {name: float(np.mean([one["scores"][name] for one in members])) for name in members[0]["scores"]}
        judged[f"{group}/mean"] = {"scores": means}
    return judged
