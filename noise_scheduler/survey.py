"""What a scheduler does over a training run, found by planning many samples at many steps.

Public: `survey`, `Survey`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .registry import name_of
from .scheduler import NoiseScheduler
from .tied import followed

Array = npt.NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 95)
_STEPS_WITHOUT_LENGTH = 1000


@dataclass(frozen=True)
class Survey:
    """The distribution of noise that a scheduler gives over a training run."""

    steps: npt.NDArray[np.int64]
    """(points,) planned steps at which it was looked at."""
    total_steps: int | None
    """Length of the training, where the scheduler knows it."""
    levels: dict[str, Array]
    """Modality → (5, points): the `PERCENTILES` of the level where the modality is hit, NaN where it never is, and
    where it follows another one: its level is not planned."""
    all_levels: Array
    """(5, points): the same over all hits of all modalities."""
    types: dict[str, dict[str, Array]]
    """Modality → noise → (points,) share of the plans in which this noise hits the modality."""
    conditions: dict[str, Array]
    """Modalities hit, joined by ``+`` and ``""`` for none, → (points,) share of the plans."""
    durations: dict[str, Array]
    """Modality → (points,) mean share of the duration that is hit where the modality is hit, NaN where it never is."""
    plans: int
    """How many plans this was counted over."""
    follows: dict[str, str]
    """Modality → the one that it follows (`noise_scheduler.tied`), for those that do."""

    @property
    def progress(self) -> Array:
        """(points,) per cent of the training where its length is known, else steps."""
        if self.total_steps is None:
            return self.steps.astype(np.float64)
        result: Array = 100.0 * self.steps / max(1, self.total_steps - 1)
        return result

    @property
    def axis(self) -> str:
        """What `progress` counts."""
        return "training step" if self.total_steps is None else "progress of training (%)"

    def type_shares(self, modality: str) -> dict[str, float]:
        """Noise → its share of a modality's hits, over the whole training."""
        counts = {noise: float(share.sum()) for noise, share in self.types[modality].items()}
        total = sum(counts.values())
        return {noise: count / total if total else 0.0 for noise, count in sorted(counts.items())}

    def hit_shares(self) -> list[float]:
        """Share of the plans that hit 0, 1, 2 … modalities, over the whole training."""
        shares = [0.0] * (len(self.types) + 1)
        for name, share in self.conditions.items():
            shares[len(name.split("+")) if name else 0] += float(share.mean())
        return shares


def survey(
    scheduler: NoiseScheduler,
    *,
    points: int = 31,
    samples: int = 1200,
    watch: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Survey:
    """Plan the same samples at steps all over a training run and count what comes out.

    Where the scheduler does not know `total_steps`, the first thousand steps are looked at. Adaptive schedules stay
    at their start.

    Args:
        scheduler: what is looked at.
        points: steps at which it is, at most.
        samples: planned at each of them.
        watch: gives the steps on one by one as they are done, for a progress bar.
    """
    last = (scheduler.total_steps or _STEPS_WITHOUT_LENGTH) - 1
    steps = np.unique(np.linspace(0, last, points).round().astype(np.int64))
    noises = {m: list(dict.fromkeys(name_of(noise) for noise in scheduler.noises[m].noises)) for m in scheduler.noises}
    levels = {m: np.full((len(PERCENTILES), len(steps)), np.nan) for m in noises}
    all_levels = np.full((len(PERCENTILES), len(steps)), np.nan)
    durations = {m: np.full(len(steps), np.nan) for m in noises}
    types = {m: {noise: np.zeros(len(steps)) for noise in names} for m, names in noises.items()}
    conditions: dict[str, Array] = {}
    for point, step in enumerate(watch(steps.tolist())):
        clock, hits = scheduler.clock(step), Counter[str]()
        seen: dict[str, list[tuple[float, float]]] = {m: [] for m in noises}
        for id in range(samples):
            record = scheduler.plan(id, clock)
            for modality, noise in {(hit.modality, hit.noise) for hit in record.hits}:
                types[modality][noise][point] += 1 / samples
            for hit in record.hits:
                if hit.level == 0:
                    continue
                seen[hit.modality].append((hit.level, sum(b - a for a, b in hit.spans) if hit.spans else 1.0))
            hits["+".join(dict.fromkeys(hit.modality for hit in record.hits))] += 1
        for name, count in hits.items():
            conditions.setdefault(name, np.zeros(len(steps)))[point] = count / samples
        for modality, values in seen.items():
            if values:
                levels[modality][:, point] = np.percentile([level for level, _ in values], PERCENTILES)
                durations[modality][point] = np.mean([duration for _, duration in values])
        together = [level for values in seen.values() for level, _ in values]
        if together:
            all_levels[:, point] = np.percentile(together, PERCENTILES)
    ordered = dict(sorted(conditions.items(), key=lambda item: (item[0].count("+") + bool(item[0]), item[0])))
    follows = {m: target for m in noises if (target := followed(scheduler.noises[m].noises[0]))}
    plans = samples * len(steps)
    return Survey(steps, scheduler.total_steps, levels, all_levels, types, ordered, durations, plans, follows)
