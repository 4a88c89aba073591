"""Schedules: a number as a function of the clock, and the algebra that joins them.

A schedule has a value at every clock and knows the bounds that it keeps. Wherever a schedule fits, a plain number
does too. All are frozen, serialisable values, and use only operations that are exact on every machine
(`noise_scheduler.exact`), so plans are equal everywhere. The curves themselves are in `noise_scheduler.curves`.

Public: `Schedule`, `maximum`; `Then`, `Clamp`, `Scale`, `Repeat`, `Maximum`; `Number`, `value_at`, `bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .clock import Clock, Time, parse_time


class Schedule:
    """A value at every clock; joined to others by its methods."""

    __slots__ = ()

    def at(self, clock: Clock) -> float:
        """The value at a clock."""
        raise NotImplementedError

    def bounds(self) -> tuple[float, float]:
        """The least and greatest value that it can take."""
        raise NotImplementedError

    def then(self, following: Number, *, at: Time) -> Then:
        """This schedule before the time `at`, `following` from then on.

        `following` starts its own clock there: its step 0 is the first step from `at` on, and its 100 % is what is
        left of the training.
        """
        return Then(self, following, at)

    def clamp(self, low: Number = 0.0, high: Number = 1.0) -> Clamp:
        """This schedule, held in [`low`, `high`]."""
        return Clamp(self, low, high)

    def scale(self, factor: Number) -> Scale:
        """This schedule times `factor`."""
        return Scale(self, factor)

    def repeat(self, every: Time) -> Repeat:
        """This schedule from its start again after every `every`, which is its 100 %."""
        return Repeat(self, every)


Number = float | Schedule


@dataclass(frozen=True, slots=True)
class Then(Schedule):
    """`first` before the time `switch`, `second` from then on, by a clock that starts there."""

    first: Number
    second: Number
    switch: Time

    def __post_init__(self) -> None:
        check_schedules(self, "first", "second")
        parse_time(self.switch)

    def at(self, clock: Clock) -> float:
        later = clock.after(self.switch)
        return value_at(self.first, clock) if later is None else value_at(self.second, later)

    def bounds(self) -> tuple[float, float]:
        return hull(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Clamp(Schedule):
    """`schedule`, held between `low` and `high`; `high` wins where they cross."""

    schedule: Number
    low: Number = 0.0
    high: Number = 1.0

    def __post_init__(self) -> None:
        check_schedules(self, "schedule", "low", "high")

    def at(self, clock: Clock) -> float:
        return min(max(value_at(self.schedule, clock), value_at(self.low, clock)), value_at(self.high, clock))

    def bounds(self) -> tuple[float, float]:
        value, low, high = map(bounds, (self.schedule, self.low, self.high))
        return min(max(value[0], low[0]), high[0]), min(max(value[1], low[1]), high[1])


@dataclass(frozen=True, slots=True)
class Scale(Schedule):
    """`schedule` times `factor`."""

    schedule: Number
    factor: Number

    def __post_init__(self) -> None:
        check_schedules(self, "schedule", "factor")

    def at(self, clock: Clock) -> float:
        return value_at(self.schedule, clock) * value_at(self.factor, clock)

    def bounds(self) -> tuple[float, float]:
        corners = [value * factor for value in bounds(self.schedule) for factor in bounds(self.factor)]
        return min(corners), max(corners)


@dataclass(frozen=True, slots=True)
class Repeat(Schedule):
    """`schedule` from its start again after every `every` (rounded to whole steps, at least one)."""

    schedule: Number
    every: Time

    def __post_init__(self) -> None:
        check_schedules(self, "schedule")
        check_period(self.every)

    def at(self, clock: Clock) -> float:
        return value_at(self.schedule, clock.within(self.every))

    def bounds(self) -> tuple[float, float]:
        return bounds(self.schedule)


@dataclass(frozen=True, slots=True)
class Maximum(Schedule):
    """The greatest of several values."""

    values: tuple[Number, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.values, tuple | list) or not self.values:
            raise ValueError(f"maximum needs at least one number or schedule, not {self.values!r}")
        object.__setattr__(self, "values", tuple(as_number(value, "maximum") for value in self.values))

    def at(self, clock: Clock) -> float:
        return max(value_at(value, clock) for value in self.values)

    def bounds(self) -> tuple[float, float]:
        lows, highs = zip(*map(bounds, self.values), strict=True)
        return max(lows), max(highs)


def maximum(*values: Number) -> Maximum:
    """The greatest of several numbers or schedules at every clock."""
    return Maximum(values)


def value_at(value: Number, clock: Clock) -> float:
    """The value of a number or schedule at a clock."""
    return value.at(clock) if hasattr(value, "at") else float(value)


def bounds(value: Any) -> tuple[float, float]:
    """The least and greatest value that a number, schedule or distribution can take.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value), float(value)
    if isinstance(value, bool) or not hasattr(value, "bounds"):
        raise TypeError(f"expected a number, a schedule or a distribution, not {value!r}")
    low, high = value.bounds()
    return low, high


def hull(*values: Number) -> tuple[float, float]:
    """The bounds of whatever lies between these."""
    lows, highs = zip(*map(bounds, values), strict=True)
    return min(lows), max(highs)


def between(start: float, end: float, share: float) -> float:
    """The point at `share` from `start` to `end`; exactly `end` at 1, and never beyond either by rounding."""
    if share >= 1.0:
        return end
    return min(max(start + (end - start) * share, min(start, end)), max(start, end))


def as_number(value: Any, name: str) -> Number:
    """`value` as a float or a schedule.

    Raises:
        TypeError: it is neither.
        ValueError: it is not finite.
    """
    if hasattr(value, "quantile"):
        raise TypeError(
            f"{name} must be a number or a schedule, not the distribution {value!r}: join the curves within it, as in "
            "uniform(a.then(b, at='30%'), 1)"
        )
    low, high = bounds(value)
    if not float("-inf") < low <= high < float("inf"):
        raise ValueError(f"{name} must be finite, not {value!r}")
    return value if hasattr(value, "at") else low


def check_schedules(owner: object, *names: str) -> None:
    """Raise unless these fields are numbers, stored as floats from here on, or schedules."""
    for name in names:
        object.__setattr__(owner, name, as_number(getattr(owner, name), name))


def check_period(time: Time) -> None:
    """Raise `ValueError` unless `time` is a time longer than nothing."""
    if parse_time(time)[0] <= 0:
        raise ValueError(f"a period must be longer than 0, not {time!r}")
