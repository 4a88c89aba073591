"""The bank of a fold: every clean row and its scheduled noisy views, encoded once by every kind of encoder.

Fusions are trained on it, so that a table of many methods costs one pass of decoding, noise and encoding.

    train/KIND/…           clean rows and views of one kind, under the noise that this kind was trained on
    validation/…, test/…   clean rows and views under seen noise, as the settings say; test rows under held-out noise
    curves/…               test rows under every single noise at every level of the curves

Names inside a part are those of `recipes.raw.conditions.Bank`; features stand under ``KIND/``.

Public: `training_bank`, `evaluation_bank`, `load_bank`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from models.batch import MODALITIES
from models.encoders import Encoder
from noise_scheduler import NoiseScheduler, fixed
from recipes.corpora.cache import Cache
from recipes.files import read_tensors
from recipes.jobs import Report, shares
from recipes.raw.conditions import Bank
from recipes.raw.plan import RunPlan
from recipes.raw.views import curve_noises, encode_clean, encode_views, evaluation_scheduler, view_steps


def training_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: Mapping[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Clean rows by every kind of encoder; scheduled views by all but the clean one."""
    bank: dict[str, Tensor] = {}
    for (kind, encoder), part in zip(encoders.items(), shares(report, (1,) * len(encoders)), strict=True):
        encoded = encode_clean({kind: encoder}, cache, plan.train, modality)
        if kind != "clean":
            total = plan.fusion_steps
            scheduler = plan.settings.scheduler(kind, seed=plan.encoder_seed, total_steps=total)
            views = [(scheduler, step) for step in view_steps(plan.settings.bank.views, total)]
            encoded |= encode_views({kind: encoder}, encoded, cache, plan.train, modality, views, part)
        bank |= {f"train/{kind}/{name.removeprefix(f'{kind}/')}": tensor for name, tensor in encoded.items()}
    return bank


def evaluation_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: Mapping[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Views of validation and test rows under seen and held-out noise, and of the test rows for the curves."""
    settings = plan.settings.evaluation
    seen = evaluation_scheduler(plan.settings)
    noises = curve_noises(plan.settings, modality)
    levels = len(noises) * len(settings.curve_levels) / settings.views
    parts = iter(shares(report, (1, 1, 1 if plan.settings.held_out else 0, levels)))
    bank: dict[str, Tensor] = {}

    def add(part: str, rows: np.ndarray, views: list[tuple[NoiseScheduler, int]], name: str = "views") -> None:
        clean = {key.removeprefix(f"{part}/"): tensor for key, tensor in bank.items() if key.startswith(f"{part}/")}
        clean = clean or encode_clean(encoders, cache, rows, modality)
        encoded = clean | encode_views(encoders, clean, cache, rows, modality, views, next(parts), name)
        bank.update({f"{part}/{key}": tensor for key, tensor in encoded.items()})

    add("validation", plan.validation, [(seen, step) for step in range(settings.views)])
    add("test", plan.test, [(seen, step) for step in range(settings.views)])
    if plan.settings.held_out:
        held_out = evaluation_scheduler(plan.settings, held_out=True)
        add("test", plan.test, [(held_out, step) for step in range(settings.views)], "heldout")
    else:
        next(parts)
    add(
        "curves",
        plan.test,
        [
            (NoiseScheduler({modality: noise}, level=level, condition=fixed((modality,)), seed=seen.seed), 0)
            for noise in noises.values()
            for level in settings.curve_levels
        ],
    )
    return bank


def load_bank(plan: RunPlan, kind: str, part: str, folder: Path | None = None) -> Bank:
    """A part (train, validation, test, curves) of the banks of all modalities, by one kind of encoder."""
    bank = {}
    for modality in MODALITIES:
        tensors = read_tensors((folder or plan.encoders) / f"{modality}.bank.safetensors")
        common = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{part}/")}
        own = {
            name.removeprefix(f"{part}/").removeprefix(f"{kind}/"): tensor
            for name, tensor in common.items()
            if name.count("/") == 1 or name.startswith(f"{part}/{kind}/")
        }
        bank[modality] = own
    return bank
