"""Views: one modality of the corpus, clean or under scheduled noise, and its views encoded.

The noise of a view is that of its utterance's plan at the view's step, cut down to the one modality, so that
the modalities can be worked on apart and still make up the plans' conditions when put together.

Public: `OneModality`, `loader`, `encode_clean`, `encode_views`, `evaluation_scheduler`, `view_steps`, `curve_noises`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.batch import collate, present
from models.encoders import Encoder
from noise_scheduler import NoiseScheduler, fixed, uniform
from noise_scheduler.registry import name_of
from noise_scheduler.torch_data import StepSampler, decode, encode
from recipes.corpora.cache import Cache
from recipes.jobs import Report
from recipes.raw.settings import MODALITIES, RawSettings

EVALUATION_SEED = 2**32
"""Seed of the noise in validation and test, the same for all methods and runs; no training run uses it."""


class OneModality(Dataset[dict[str, Any]]):
    """One modality of some rows of the cache, under a scheduler if one is given; takes `StepSampler`'s indices."""

    def __init__(self, cache: Cache, rows: np.ndarray, modality: str, scheduler: NoiseScheduler | None) -> None:
        self.cache, self.rows, self.modality, self.scheduler = cache, rows, modality, scheduler

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, code: int) -> dict[str, Any]:
        index, step = decode(code)
        sample: Mapping[str, Any] = self.cache[int(self.rows[index])]
        if self.scheduler is not None:
            record = self.scheduler.plan(sample["id"], step).only(self.modality)
            sample, _ = self.scheduler.apply(sample, record)
        return {self.modality: sample[self.modality], "label": sample["label"]}


def loader(
    cache: Cache,
    rows: np.ndarray,
    modality: str,
    scheduler: NoiseScheduler | None,
    *,
    batch_size: int,
    sampler: StepSampler | Sequence[int],
) -> DataLoader[Any]:
    """Batches of `OneModality` in the order of `sampler`, whose items are indices with steps."""
    return DataLoader(
        OneModality(cache, rows, modality, scheduler), batch_size=batch_size, sampler=sampler, collate_fn=collate
    )


def view_steps(views: int, total_steps: int) -> list[int]:
    """The steps of the bank's views: the middles of `views` equal parts of a training."""
    return [int((view + 0.5) * total_steps / views) for view in range(views)]


def evaluation_scheduler(settings: RawSettings, *, held_out: bool = False) -> NoiseScheduler:
    """The noise of validation and test: a type on each modality, at the levels of the settings.

    The types are those of `settings.noise` without ``missing``, or the held-out ones, equally likely.

    Raises:
        ValueError: a modality has no noise but ``missing``, or a held-out type is trained on.
    """
    trained = settings.scheduler(seed=EVALUATION_SEED, total_steps=1)
    level, condition = uniform(*settings.evaluation.noisy_levels), fixed(MODALITIES)
    if not held_out:
        noises = {m: _without_missing(mixture.pairs) for m, mixture in trained.noises.items()}
        return replace(trained, noises=noises, level=level, condition=condition)
    # Through the configuration, so that a held-out noise is written as a trained one is.
    other = NoiseScheduler.from_dict({"noises": settings.held_out, "seed": EVALUATION_SEED, "total_steps": 1})
    for kind in settings.kinds[1:]:
        for modality, mixture in settings.scheduler(kind, seed=0, total_steps=1).noises.items():
            seen = {name_of(noise) for noise in mixture.noises}
            if both := sorted(seen & {name_of(noise) for noise in other.noises[modality].noises}):
                raise ValueError(f"held_out.{modality}: {both[0]!r} is trained on by the {kind} encoders")
    return replace(other, level=level, condition=condition)


def _without_missing(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(noise, weight) for noise, weight in pairs if not name_of(noise).endswith("/missing")]


def curve_noises(settings: RawSettings, modality: str) -> dict[str, Any]:
    """Name → noise object: what the curves of a modality are drawn for, held-out types last."""
    schedulers = [evaluation_scheduler(settings)]
    if settings.held_out:
        schedulers.append(evaluation_scheduler(settings, held_out=True))
    return {name_of(noise): noise for scheduler in schedulers for noise in scheduler.noises[modality].noises}


def encode_clean(encoders: Mapping[str, Encoder], cache: Cache, rows: np.ndarray, modality: str) -> dict[str, Tensor]:
    """``clean_present`` (N,) bool and per encoder ``KIND/clean`` (N, D) float32."""
    features, there = _encode(encoders, clean_samples(cache, rows, modality), modality)
    return {"clean_present": there} | {f"{kind}/clean": values for kind, values in features.items()}


def encode_views(
    encoders: Mapping[str, Encoder],
    clean: Mapping[str, Tensor],
    cache: Cache,
    rows: np.ndarray,
    modality: str,
    schedulers: Sequence[tuple[NoiseScheduler, int]],
    report: Report,
    name: str = "views",
) -> dict[str, Tensor]:
    """One view of each row per (scheduler, step); `clean` is what `encode_clean` gave for the rows.

    Returns:
        ``NAME_present`` (N, V) bool, ``NAME_level`` (N, V) float32 and per encoder ``KIND/NAME`` (N, V, D) float32. A
        view that its plan leaves clean is copied from the clean row and has level 0.
    """
    count = len(schedulers)
    views = {kind: clean[f"{kind}/clean"][:, None].repeat(1, count, 1) for kind in encoders}
    present = clean["clean_present"][:, None].repeat(1, count)
    level = torch.zeros(len(rows), count)
    for view, (scheduler, step) in enumerate(schedulers):
        plans = [scheduler.plan(cache.ids[row], step).only(modality) for row in rows]
        level[:, view] = torch.tensor([plan.level(modality) for plan in plans])
        hit = torch.tensor([index for index, plan in enumerate(plans) if plan.hits])
        if len(hit):
            dataset = OneModality(cache, rows, modality, scheduler)
            noisy = (dataset[encode(int(index), step)] for index in hit)
            features, there = _encode(encoders, noisy, modality)
            present[hit, view] = there
            for kind in encoders:
                views[kind][hit, view] = features[kind]
        report(view + 1, count)
    return {f"{name}_present": present, f"{name}_level": level} | {f"{k}/{name}": v for k, v in views.items()}


def clean_samples(cache: Cache, rows: np.ndarray, modality: str) -> Iterator[Mapping[str, Any]]:
    """The clean samples of some rows, this modality alone."""
    clean = OneModality(cache, rows, modality, None)
    return (clean[encode(index, 0)] for index in range(len(rows)))


@torch.inference_mode()
def _encode(
    encoders: Mapping[str, Encoder], samples: Iterator[Mapping[str, Any]], modality: str, batch_size: int = 48
) -> tuple[dict[str, Tensor], Tensor]:
    """Features (n, D) per encoder, and which samples hold anything, (n,) bool."""
    features: dict[str, list[Tensor]] = {kind: [] for kind in encoders}
    there: list[Tensor] = []
    for encoder in encoders.values():
        encoder.eval()
    chunk: list[Mapping[str, Any]] = []
    for sample in samples:
        chunk.append(sample)
        if len(chunk) == batch_size:
            _encode_chunk(encoders, chunk, modality, features, there)
            chunk = []
    if chunk:
        _encode_chunk(encoders, chunk, modality, features, there)
    return {kind: torch.cat(parts) for kind, parts in features.items()}, torch.cat(there)


def _encode_chunk(
    encoders: Mapping[str, Encoder],
    chunk: Sequence[Mapping[str, Any]],
    modality: str,
    features: Mapping[str, list[Tensor]],
    there: list[Tensor],
) -> None:
    batch = collate(chunk)
    there.append(present(batch)[modality])
    for kind, encoder in encoders.items():
        features[kind].append(encoder(batch))
