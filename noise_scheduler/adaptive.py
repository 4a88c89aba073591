"""Adaptive schedules: rules by which a value follows what the model achieves.

The rules are schedules of the configuration, frozen and serialisable; their values are decided by
`noise_scheduler.feedback` from metrics, with arithmetic that is exact on every machine.

Public: `keep_in_band`, `self_paced`, `balance` and the classes `KeepInBand`, `SelfPaced`, `Balance`; `Adaptive`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np

from .clock import Clock
from .schedule import Schedule, between


class Adaptive(Schedule):
    """A schedule whose value is decided from metrics; see `Feedback`."""

    __slots__ = ()
    start: float

    def at(self, clock: Clock) -> float:
        return clock.decisions.get(self, self.start)

    def follows(self) -> tuple[str, ...]:
        """The keys of the metrics that it follows."""
        raise NotImplementedError

    def decide(self, value: float, metrics: Mapping[str, float]) -> float:
        """The value after these metrics, `value` being the present one."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class KeepInBand(Adaptive):
    """A value that keeps a metric within a band: harder by `change` while it is better, easier while it is worse."""

    metric: str
    """Key of the metrics given to `Feedback.update`."""
    low: float
    high: float
    """The band, from `low` to `high`."""
    _: KW_ONLY
    start: float = 0.0
    """The value before the first decision."""
    change: float = 0.05
    """How far one decision moves the value."""
    least: float = 0.0
    most: float = 1.0
    """Bounds of the value."""
    higher_is_better: bool = True
    """False for losses and error rates."""

    def __post_init__(self) -> None:
        _floats(self, "low", "high", "start", "change", "least", "most")
        if self.low > self.high:
            raise ValueError(f"the band runs from low to high, not from {self.low:g} to {self.high:g}")
        _check_steps(self)

    def follows(self) -> tuple[str, ...]:
        return (self.metric,)

    def decide(self, value: float, metrics: Mapping[str, float]) -> float:
        metric = metrics[self.metric]
        better, worse = metric > self.high, metric < self.low
        if not self.higher_is_better:
            better, worse = worse, better
        return min(max(value + self.change * (better - worse), self.least), self.most)

    def bounds(self) -> tuple[float, float]:
        return self.least, self.most


@dataclass(frozen=True, slots=True)
class SelfPaced(Adaptive):
    """From `start` to `end` as the best `metric` so far goes from `worst` to `best`; never back.

    For a loss, `worst` is the greater one.

    Source: after Kumar, Packer & Koller, "Self-paced learning for latent variable models", NeurIPS 2010.
    """

    metric: str
    _: KW_ONLY
    worst: float
    best: float
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _floats(self, "worst", "best", "start", "end")
        if self.worst == self.best:
            raise ValueError("worst and best must differ")

    def follows(self) -> tuple[str, ...]:
        return (self.metric,)

    def decide(self, value: float, metrics: Mapping[str, float]) -> float:
        share = (metrics[self.metric] - self.worst) / (self.best - self.worst)
        reached = between(self.start, self.end, min(max(share, 0.0), 1.0))
        return max(value, reached) if self.end >= self.start else min(value, reached)

    def bounds(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Balance(Adaptive):
    """Harder on the modality that the model leans on.

    With r the share that `modality` has in the sum of all `reliance` metrics (what the score loses without a
    modality; losses below 0 count as 0), the value moves by `change` × (M r − 1) / (M − 1) for M modalities: up by
    `change` where the model leans on this one alone, not at all where it leans on all alike.

    Source: after the modulation by relative contribution of Peng et al., "Balanced multimodal learning via
    on-the-fly gradient modulation", CVPR 2022.
    """

    modality: str
    """One of the modalities of `reliance`."""
    reliance: Mapping[str, str] | tuple[tuple[str, str], ...]
    """Modality → key of the metric that says how much the score loses without that modality."""
    _: KW_ONLY
    start: float = 0.0
    change: float = 0.1
    least: float = 0.0
    most: float = 1.0

    def __post_init__(self) -> None:
        items = tuple(self.reliance.items()) if isinstance(self.reliance, Mapping) else self.reliance
        if not isinstance(items, tuple | list) or not all(isinstance(i, tuple | list) and len(i) == 2 for i in items):
            raise ValueError(f"reliance is a mapping from modality to metric, not {self.reliance!r}")
        pairs = tuple((str(name), str(metric)) for name, metric in items)
        object.__setattr__(self, "reliance", pairs)
        _floats(self, "start", "change", "least", "most")
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"balance needs one metric for each modality, not several for one of {names}")
        if len(names) < 2 or self.modality not in names:
            raise ValueError(
                f"balance needs the reliance on {self.modality!r} and on at least one other modality, not on {names}"
            )
        _check_steps(self)

    def follows(self) -> tuple[str, ...]:
        return tuple(dict(self.reliance).values())

    def decide(self, value: float, metrics: Mapping[str, float]) -> float:
        losses = {name: max(metrics[metric], 0.0) for name, metric in dict(self.reliance).items()}
        total = 0.0
        for loss in losses.values():  # not sum(): its rounding differs between Python versions
            total += loss
        if total == 0:
            return value
        count = len(losses)
        lean = (count * losses[self.modality] / total - 1.0) / (count - 1)
        return min(max(value + self.change * lean, self.least), self.most)

    def bounds(self) -> tuple[float, float]:
        return self.least, self.most


keep_in_band, self_paced, balance = KeepInBand, SelfPaced, Balance


def _floats(schedule: Adaptive, *names: str) -> None:
    for name in names:
        value = getattr(schedule, name)
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, not {value!r}")
        object.__setattr__(schedule, name, float(value))


def _check_steps(schedule: KeepInBand | Balance) -> None:
    if not schedule.least <= schedule.start <= schedule.most:
        raise ValueError(f"start must lie within [{schedule.least:g}, {schedule.most:g}], not {schedule.start:g}")
    if schedule.change <= 0:
        raise ValueError(f"change must be > 0, not {schedule.change:g}")
