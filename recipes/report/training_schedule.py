"""What a schedule does over a training run, found by planning many samples at many steps.

Public: `Trained`, `sample_schedule`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noise_scheduler import NoiseScheduler

_POINTS = 31
_IDS = 1200
_STEPS_WITHOUT_LENGTH = 1000


@dataclass(frozen=True)
class Trained:
    """The distribution of noise that a scheduler gives over a training run."""

    at: npt.NDArray[np.float64]
    """Where training is looked at, in the unit of `axis`."""
    axis: str
    """What `at` counts."""
    percentiles: npt.NDArray[np.float64]
    """(5, points): the 5th, 25th, 50th, 75th and 95th percentile of the level where a modality is hit."""
    noise_shares: dict[str, dict[str, float]]
    """Modality → noise → share of that modality's hits, over the whole training."""
    hit_shares: list[float]
    """Share of the plans that hit 0, 1, 2 … modalities."""
    plans: int
    """How many plans this was counted over."""


def sample_schedule(scheduler: NoiseScheduler) -> Trained:
    """Plan the same samples at steps all over a training run and count what comes out.

    The axis is per cent of training where the scheduler knows `total_steps`, else the first thousand steps.
    """
    total = scheduler.total_steps
    steps = np.linspace(0, (total or _STEPS_WITHOUT_LENGTH) - 1, _POINTS).round().astype(int)
    modalities = list(scheduler.noises)
    noises: dict[str, Counter[str]] = {modality: Counter() for modality in modalities}
    hit_counts: Counter[int] = Counter()
    percentiles = np.zeros((5, _POINTS))
    for point, step in enumerate(steps.tolist()):
        levels = []
        for id in range(_IDS):
            hits = scheduler.plan(id, step).hits
            hit_counts[len(hits)] += 1
            for hit in hits:
                noises[hit.modality][hit.noise] += 1
                levels.append(hit.level)
        percentiles[:, point] = np.percentile(levels, (5, 25, 50, 75, 95)) if levels else 0.0
    return Trained(
        at=100.0 * steps / max(1, total - 1) if total else steps.astype(float),
        axis="progress of training (%)" if total else "training step",
        percentiles=percentiles,
        noise_shares={
            modality: {noise: count / max(1, counts.total()) for noise, count in sorted(counts.items())}
            for modality, counts in noises.items()
        },
        hit_shares=[hit_counts[number] / hit_counts.total() for number in range(len(modalities) + 1)],
        plans=hit_counts.total(),
    )
