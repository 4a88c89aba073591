"""Mixtures: which noises hit a modality, one, several in their physical order, or none.

Public: `mixture`, `Mixture`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import registry
from .contract import Noise
from .distribution import Choice, check_weights
from .schedule import Number


@dataclass(frozen=True, slots=True)
class Mixture:
    """Noises with weights, and how many of them hit a sample at once.

    Several are drawn without replacement, each with a level of its own, and applied in the order of their stages
    (`noise_scheduler.registry.STAGES`): what the scene does, then the sensor, then the channel. Within a stage they
    keep the order in which they are listed.
    """

    noises: tuple[Noise, ...]
    """Registered noises."""
    weights: tuple[Number, ...]
    """One for each noise: a number ≥ 0 or a schedule of such."""
    count: int | Choice = 1
    """How many noises at once: a number, or `choice` among numbers, 0 included."""

    def __post_init__(self) -> None:
        noises = tuple(registry.build(noise) if isinstance(noise, str) else noise for noise in self.noises)
        if not noises:
            raise ValueError("a mixture needs at least one noise")
        if len(noises) != len(self.weights):
            raise ValueError(f"a mixture of {len(noises)} noises needs as many weights, not {len(self.weights)}")
        for noise in noises:
            registry.name_of(noise)
        object.__setattr__(self, "noises", noises)
        object.__setattr__(self, "weights", check_weights(self.weights, "a mixture"))
        if not isinstance(self.count, Choice):
            number = isinstance(self.count, int | float | np.number) and not isinstance(self.count, bool)
            if not number or self.count % 1:
                raise ValueError(f"count must be a whole number or a choice among such, not {self.count!r}")
            object.__setattr__(self, "count", int(self.count))
        for count in self.counts:
            if not 0 <= count <= len(noises) or count != int(count):
                raise ValueError(
                    f"count must be a whole number from 0 to the number of noises ({len(noises)}), not {count}"
                )

    @property
    def counts(self) -> tuple[float, ...]:
        """The numbers of noises that can hit at once."""
        return self.count.values if isinstance(self.count, Choice) else (self.count,)

    @property
    def pairs(self) -> tuple[tuple[Noise, Number], ...]:
        """(noise, weight) of each noise."""
        return tuple(zip(self.noises, self.weights, strict=True))


def mixture(noises: Any, *, count: int | Choice = 1) -> Mixture:
    """One, several or none of some noises.

    Args:
        noises: a noise, a list of noises or of (noise, weight), or a mapping from noise to weight. A noise is a
            registered name or an object from `build`; a weight is a number ≥ 0 or a schedule.
        count: how many hit at once: a number, or ``choice({0: 0.2, 1: 0.5, 2: 0.3})``.

    Raises:
        KeyError: a noise does not exist.
        ValueError: a weight is negative, all weights are zero, or count does not fit.
    """
    if isinstance(noises, Mapping):
        pairs: Iterable[tuple[Any, Number]] = list(noises.items())
    elif isinstance(noises, Sequence) and not isinstance(noises, str):
        pairs = [item if isinstance(item, tuple) and len(item) == 2 else (item, 1.0) for item in noises]
    else:
        pairs = [(noises, 1.0)]
    return Mixture(tuple(noise for noise, _ in pairs), tuple(weight for _, weight in pairs), count)


def physical_order(noises: Sequence[Noise]) -> tuple[int, ...]:
    """For each noise its place in the order of application."""
    stages = [registry.STAGES.index(registry.stage_of(registry.name_of(noise))) for noise in noises]
    order = sorted(range(len(noises)), key=lambda index: (stages[index], index))
    places = [0] * len(noises)
    for place, index in enumerate(order):
        places[index] = place
    return tuple(places)
