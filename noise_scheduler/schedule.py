"""Schedules and distributions: how much, as a function of the clock.

A *schedule* has a value at every clock. A *distribution* draws a value; its parameters may be schedules.
Wherever a schedule fits, a plain number does too. All are frozen, serialisable values, and use only
operations that are exact on every machine (+ − × ÷), so plans are equal everywhere.

Public: `constant`, `linear`, `uniform`; `Schedule`, `Distribution`, `value_at`, `draw`, `bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .clock import Clock, Time, parse_time


class Schedule(Protocol):
    """A value at every clock."""

    def at(self, clock: Clock) -> float: ...

    def bounds(self) -> tuple[float, float]: ...


class Distribution(Protocol):
    """A random value at every clock."""

    def draw(self, clock: Clock, u: float) -> float: ...

    def bounds(self) -> tuple[float, float]: ...


Number = float | Schedule
Level = float | Schedule | Distribution


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value at every step."""

    value: float

    def at(self, clock: Clock) -> float:
        return self.value

    def bounds(self) -> tuple[float, float]:
        return self.value, self.value


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line from `start` at time `since` to `end` at time `until`, flat before and after."""

    start: Number
    end: Number
    since: Time = 0
    until: Time = "100%"

    def __post_init__(self) -> None:
        since, until = parse_time(self.since), parse_time(self.until)
        if since[1] == until[1] and since[0] > until[0]:
            raise ValueError(f"a line runs from since to until, not from {self.since!r} to {self.until!r}")
        _check_schedules(self, "start", "end")

    def at(self, clock: Clock) -> float:
        since, until = clock.steps(self.since), clock.steps(self.until)
        if clock.step >= until:
            share = 1.0
        elif clock.step <= since:
            share = 0.0
        else:
            share = (clock.step - since) / (until - since)
        return _between(value_at(self.start, clock), value_at(self.end, clock), share)

    def bounds(self) -> tuple[float, float]:
        return _hull(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform between `low` and `high`, each a number or a schedule."""

    low: Number
    high: Number

    def __post_init__(self) -> None:
        _check_schedules(self, "low", "high")

    def draw(self, clock: Clock, u: float) -> float:
        return _between(value_at(self.low, clock), value_at(self.high, clock), u)

    def bounds(self) -> tuple[float, float]:
        return _hull(self.low, self.high)


def constant(value: float) -> Constant:
    """`value` at every step."""
    return Constant(value)


def linear(start: Number, end: Number, *, since: Time = 0, until: Time = "100%") -> Linear:
    """A straight line from `start` (up to `since`) to `end` (from `until` on).

    Args:
        start, end: numbers or schedules.
        since, until: steps (``500``), epochs (``"3ep"``) or a share of training (``"60%"``).
    """
    return Linear(start, end, since, until)


def uniform(low: Number, high: Number) -> Uniform:
    """A draw between `low` and `high`, each a number or a schedule."""
    return Uniform(low, high)


def value_at(value: Number, clock: Clock) -> float:
    """The value of a number or schedule at a clock."""
    return value.at(clock) if hasattr(value, "at") else float(value)


def draw(level: Level, clock: Clock, u: float) -> float:
    """The value of a number, schedule or distribution at a clock, for a uniform draw `u` in [0, 1)."""
    return level.draw(clock, u) if hasattr(level, "draw") else value_at(level, clock)


def bounds(value: Level) -> tuple[float, float]:
    """The least and greatest value that a number, schedule or distribution can take.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value), float(value)
    if isinstance(value, bool) or not hasattr(value, "bounds"):
        raise TypeError(f"expected a number, a schedule or a distribution, not {value!r}")
    return value.bounds()


def _check_schedules(owner: object, *names: str) -> None:
    """Raise unless these fields are numbers, stored as floats from here on, or schedules."""
    for name in names:
        value = getattr(owner, name)
        if hasattr(value, "draw"):
            raise TypeError(f"{name} must be a number or a schedule, not the distribution {value!r}")
        if not hasattr(value, "at"):
            object.__setattr__(owner, name, float(bounds(value)[0]))


def _between(start: float, end: float, share: float) -> float:
    """The point at `share` from `start` to `end`; rounding never takes it beyond either."""
    return min(max(start + (end - start) * share, min(start, end)), max(start, end))


def _hull(*values: Number) -> tuple[float, float]:
    lows, highs = zip(*map(bounds, values), strict=True)
    return min(lows), max(highs)
