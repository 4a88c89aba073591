"""Views: one modality of the corpus, clean or under scheduled noise, and the bank of its encoded views.

The noise of a view is that of its utterance's plan at the view's step, cut down to the one modality, so that
the modalities can be worked on apart and still make up the plans' conditions when put together.

Public: `OneModality`, `loader`, `encode_bank`, `evaluation_scheduler`, `view_steps`, `curve_noises`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from recipes.iemocap_settings import MODALITIES, EvaluationSettings

EVALUATION_SEED = 2**32
"""Seed of the noise in validation and test, the same for all methods and runs; no training run uses it."""
_CONTEXT = {"audio": "sample_rate", "video": "fps"}

Report = Callable[[int, int], None]


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


def evaluation_scheduler(trained: NoiseScheduler, settings: EvaluationSettings) -> NoiseScheduler:
    """The noise of validation and test: one of the types trained on, on each modality, at the levels of the settings.

    Raises:
        ValueError: a modality has no noise but ``missing``.
    """
    noises = {
        modality: [(noise, weight) for noise, weight in noises.pairs if not name_of(noise).endswith("/missing")]
        for modality, noises in trained.noises.items()
    }
    return replace(
        trained,
        noises=noises,
        level=uniform(*settings.noisy_levels),
        condition=fixed(MODALITIES),
        seed=EVALUATION_SEED,
    )


def curve_noises(scheduler: NoiseScheduler, modality: str) -> dict[str, Any]:
    """Name → noise object: what the curves of a modality are drawn for."""
    return {name_of(noise): noise for noise in scheduler.noises[modality].noises}


def encode_bank(
    encoders: Mapping[str, Encoder],
    cache: Cache,
    rows: np.ndarray,
    modality: str,
    schedulers: Sequence[tuple[NoiseScheduler, int]],
    report: Report,
) -> dict[str, Tensor]:
    """Encode the clean rows and one view of each row per (scheduler, step).

    Returns:
        ``clean_present`` (N,) and ``views_present`` (N, V) bool; per encoder ``KIND/clean`` (N, D) and
        ``KIND/views`` (N, V, D) float32. A view that its plan leaves clean is copied from the clean row.
    """
    total = len(schedulers) + 1
    clean, clean_present = _encode(encoders, clean_samples(cache, rows, modality), modality)
    report(1, total)
    views = {kind: features[:, None].repeat(1, len(schedulers), 1) for kind, features in clean.items()}
    views_present = clean_present[:, None].repeat(1, len(schedulers))
    for view, (scheduler, step) in enumerate(schedulers):
        plans = [scheduler.plan(cache.ids[row], step).only(modality) for row in rows]
        hit = torch.tensor([index for index, plan in enumerate(plans) if plan.hits])
        if len(hit):
            dataset = OneModality(cache, rows, modality, scheduler)
            noisy = (dataset[encode(int(index), step)] for index in hit)
            features, there = _encode(encoders, noisy, modality)
            views_present[hit, view] = there
            for kind in encoders:
                views[kind][hit, view] = features[kind]
        report(view + 2, total)
    bank = {"clean_present": clean_present, "views_present": views_present}
    for kind in encoders:
        bank[f"{kind}/clean"], bank[f"{kind}/views"] = clean[kind], views[kind]
    return bank


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
