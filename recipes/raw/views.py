"""Views: one modality of the corpus, clean or under scheduled noise, and its views encoded.

The noise of a view is that of its utterance's plan at the view's step, cut down to the one modality, so that
the modalities can be worked on apart and still make up the plans' conditions when put together. Where the noise of a
modality follows another one (`noise_scheduler.tied`), that one is hit too, and then left out.

Public: `OneModality`, `loader`, `encode_clean`, `encode_views`, `present_views`, `evaluation_scheduler`, `view_steps`,
`curve_noises`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.batch import collate, present
from models.encoders import Encoder
from noise_scheduler import NoiseScheduler, build, fixed, names, uniform
from noise_scheduler.condition import Fixed
from noise_scheduler.record import Record
from noise_scheduler.registry import name_of
from noise_scheduler.tied import followed, hears, untied
from noise_scheduler.torch_data import StepSampler, decode, encode
from recipes.corpora.cache import Cache
from recipes.jobs import Report
from recipes.raw.protocols import EVALUATION_SEED
from recipes.raw.settings import MODALITIES, RawSettings

_KINDS = {"audio": ("audio",), "video": ("image", "video"), "text": ("text",)}
"""Modality → the kinds of noise that it takes."""


class OneModality(Dataset[dict[str, Any]]):
    """One modality of some rows of the cache, under a scheduler if one is given; takes `StepSampler`'s indices."""

    def __init__(self, cache: Cache, rows: np.ndarray, modality: str, scheduler: NoiseScheduler | None) -> None:
        self.cache, self.rows, self.modality, self.scheduler = cache, rows, modality, scheduler

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, code: int) -> dict[str, Any]:
        index, step = decode(code)
        sample: Mapping[str, Any] = self.cache[int(self.rows[index])]
        level = 0.0
        if self.scheduler is not None:
            sample, record = self.scheduler.apply(sample, _plan(self.scheduler, sample["id"], step, self.modality))
            level = record.level(self.modality)
        return {self.modality: sample[self.modality], "label": sample["label"], "level": {self.modality: level}}


def _plan(scheduler: NoiseScheduler, id: str | int, step: int, modality: str) -> Record:
    """What happens to one modality of a sample, with what its noise follows."""
    mixture = scheduler.noises.get(modality)
    return scheduler.plan(id, step).only(modality, followed(mixture.noises[0]) if mixture else "")


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
    level = uniform(*settings.evaluation.noisy_levels)
    if not held_out:
        noises = {m: _without_missing(mixture.pairs) for m, mixture in trained.noises.items()}
        return replace(trained, noises=noises, level=level, condition=_everywhere(trained))
    # Through the configuration, so that a held-out noise is written as a trained one is.
    other = NoiseScheduler.from_dict({"noises": settings.held_out, "seed": EVALUATION_SEED, "total_steps": 1})
    for kind in settings.kinds[1:]:
        for modality, mixture in settings.scheduler(kind, seed=0, total_steps=1).noises.items():
            seen = {name_of(noise) for noise in mixture.noises}
            if both := sorted(seen & {name_of(noise) for noise in other.noises[modality].noises}):
                raise ValueError(f"held_out.{modality}: {both[0]!r} is trained on by the {kind} encoders")
    return replace(other, level=level, condition=_everywhere(other))


def _everywhere(scheduler: NoiseScheduler) -> Fixed:
    """All modalities are hit; those that follow another one are where that one is."""
    return fixed(tuple(m for m, mixture in scheduler.noises.items() if not followed(mixture.noises[0])))


def _without_missing(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(noise, weight) for noise, weight in pairs if not name_of(noise).endswith("/missing")]


def curve_noises(settings: RawSettings, modality: str) -> dict[str, Any]:
    """Name → noise object: what the curves of a modality are drawn for.

    The types of validation and test, held-out ones last, each on its own even if it follows another modality; then,
    where the settings ask for all, every other one that is registered for the modality and has levels.
    """
    schedulers = [evaluation_scheduler(settings)]
    if settings.held_out:
        schedulers.append(evaluation_scheduler(settings, held_out=True))
    noises = [noise for scheduler in schedulers for noise in scheduler.noises[modality].noises]
    if settings.evaluation.curves == "all":
        listed = {name_of(noise) for noise in noises}
        others = [name for kind in _KINDS[modality] for name in names(f"{kind}/*") if name not in listed]
        noises += [noise for noise in map(build, others) if getattr(noise, "graded", True)]
    return {name_of(noise): untied(noise) for noise in noises if not hears(noise)}


def encode_clean(encoders: Mapping[str, Encoder], cache: Cache, rows: np.ndarray, modality: str) -> dict[str, Tensor]:
    """``clean_present`` (N,) bool and per encoder ``KIND/clean`` (N, D) float32."""
    features, there, _ = _encode(encoders, clean_samples(cache, rows, modality), modality)
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
        plans = [_plan(scheduler, cache.ids[row], step, modality) for row in rows]
        hit = torch.tensor([index for index, plan in enumerate(plans) if plan.only(modality).hits])
        if len(hit):
            dataset = OneModality(cache, rows, modality, scheduler)
            noisy = (dataset[encode(int(index), step)] for index in hit)
            features, present[hit, view], level[hit, view] = _encode(encoders, noisy, modality)
            for kind in encoders:
                views[kind][hit, view] = features[kind]
        report(view + 1, count)
    return {f"{name}_present": present, f"{name}_level": level} | {f"{k}/{name}": v for k, v in views.items()}


def present_views(
    clean: Mapping[str, Tensor], cache: Cache, rows: np.ndarray, modality: str, absent: NoiseScheduler, views: int
) -> Tensor:
    """(N, V) bool: in which of V views of each row the modality is there, if it is there in the clean row.

    Args:
        clean: what `encode_clean` gave for the rows.
        absent: a scheduler that hits what is to be absent.
    """
    hit = [[bool(absent.plan(cache.ids[row], view).only(modality).hits) for view in range(views)] for row in rows]
    return clean["clean_present"][:, None] & ~torch.tensor(hit)


def clean_samples(cache: Cache, rows: np.ndarray, modality: str) -> Iterator[Mapping[str, Any]]:
    """The clean samples of some rows, this modality alone."""
    clean = OneModality(cache, rows, modality, None)
    return (clean[encode(index, 0)] for index in range(len(rows)))


@torch.inference_mode()
def _encode(
    encoders: Mapping[str, Encoder], samples: Iterator[Mapping[str, Any]], modality: str, batch_size: int = 48
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Features (n, D) per encoder, which samples hold anything, (n,) bool, and levels of noise, (n,) float32."""
    for encoder in encoders.values():
        encoder.eval()
    features: dict[str, list[Tensor]] = {kind: [] for kind in encoders}
    there: list[Tensor] = []
    level: list[Tensor] = []
    while chunk := list(islice(samples, batch_size)):
        batch = collate(chunk)
        there.append(present(batch)[modality])
        assert batch.level is not None
        level.append(batch.level[:, MODALITIES.index(modality)])
        for kind, encoder in encoders.items():
            features[kind].append(encoder.encode(batch))
    return {kind: torch.cat(parts) for kind, parts in features.items()}, torch.cat(there), torch.cat(level)
