"""The bank of a fold: every clean row and its scheduled noisy views, encoded once by every kind of encoder.

Fusions are trained on it, so that a table of many methods costs one pass of decoding, noise and encoding.

    train/KIND/…           clean rows and views of one kind, under the noise that this kind was trained on
    validation/…, test/…   clean rows and views under seen noise, as the settings say
    test/…                 views under held-out noise, and under the conditions of `recipes.raw.protocols`
    curves/…               test rows under every single noise at every level of the curves

Names inside a part are those of `recipes.raw.conditions.Bank`; features stand under ``KIND/``.

Public: `training_bank`, `evaluation_bank`, `load_bank`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from models.batch import MODALITIES
from models.encoders import Encoder
from noise_scheduler import NoiseScheduler, fixed
from recipes.corpora.cache import Cache
from recipes.files import read_tensors
from recipes.jobs import Report, shares
from recipes.raw.conditions import Bank, views_of
from recipes.raw.plan import RunPlan
from recipes.raw.protocols import absences, noises
from recipes.raw.views import (
    curve_noises,
    encode_clean,
    encode_views,
    evaluation_scheduler,
    present_views,
    view_steps,
)


def training_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: Mapping[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Clean rows by every kind of encoder; scheduled views by all but the clean one."""
    bank: dict[str, Tensor] = {}
    for (kind, encoder), part in zip(encoders.items(), shares(report, (1,) * len(encoders)), strict=True):
        encoded = encode_clean({kind: encoder}, cache, plan.fold.train, modality)
        if kind != "clean":
            total = plan.fusion_steps
            scheduler = plan.settings.scheduler(kind, seed=plan.encoder_seed, total_steps=total)
            views = [(scheduler, step) for step in view_steps(plan.settings.bank.views, total)]
            encoded |= encode_views({kind: encoder}, encoded, cache, plan.fold.train, modality, views, part)
        bank |= {f"train/{kind}/{name.removeprefix(f'{kind}/')}": tensor for name, tensor in encoded.items()}
    return bank


def evaluation_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: Mapping[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Views of validation and test rows under seen noise, and of the test rows under all else that is judged."""
    settings, protocol = plan.settings.evaluation, plan.settings.protocol
    seen = evaluation_scheduler(plan.settings)
    curves = [
        (NoiseScheduler({modality: noise}, level=level, condition=fixed((modality,)), seed=seen.seed), 0)
        for noise in curve_noises(plan.settings, modality).values()
        for level in settings.curve_levels
    ]
    work = [("validation", plan.fold.val, "views", _views(seen, settings.views))]
    work.append(("test", plan.fold.test, "views", _views(seen, settings.views)))
    if plan.settings.held_out:
        held_out = evaluation_scheduler(plan.settings, held_out=True)
        work.append(("test", plan.fold.test, "heldout", _views(held_out, settings.views)))
    for condition, noise in noises(protocol, plan.settings.data.frames).items():
        work.append(("test", plan.fold.test, views_of(condition), _views(noise[modality], settings.views)))
    work.append(("curves", plan.fold.test, "views", curves))

    bank: dict[str, Tensor] = {}
    parts = shares(report, [len(rows) * len(views) for _, rows, _, views in work])
    for (part, rows, name, views), share in zip(work, parts, strict=True):
        clean = _part(bank, part) or encode_clean(encoders, cache, rows, modality)
        encoded = clean | encode_views(encoders, clean, cache, rows, modality, views, share, name)
        bank.update({f"{part}/{key}": tensor for key, tensor in encoded.items()})
    for condition, absent in absences(protocol).items():
        there = present_views(_part(bank, "test"), cache, plan.fold.test, modality, absent, settings.views)
        bank[f"test/{views_of(condition)}_present"] = there
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


def _views(scheduler: NoiseScheduler, views: int) -> list[tuple[NoiseScheduler, int]]:
    return [(scheduler, step) for step in range(views)]


def _part(bank: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}/"): tensor for key, tensor in bank.items() if key.startswith(f"{part}/")}
