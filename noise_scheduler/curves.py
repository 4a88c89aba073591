"""The curves: constant, linear, cosine, exponential, polynomial, piecewise, step-wise, cyclic.

Those with two ends run from `start` at the time `since` to `end` at the time `until`, and are flat before and after.
Times are steps (``500``), epochs (``"3ep"``) or a share of the training (``"60%"``); ends may be schedules.

Public: `constant`, `linear`, `cosine`, `exponential`, `polynomial`, `piecewise`, `stepwise`, `cyclic` and the
classes of these names.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise

from .clock import Clock, Time, parse_time
from .exact import exp, half_cosine, log, power
from .schedule import Number, Schedule, as_number, between, bounds, check_period, check_schedules, hull, value_at

Points = tuple[tuple[Time, Number], ...]


@dataclass(frozen=True, slots=True)
class Constant(Schedule):
    """The same value at every step."""

    value: float

    def __post_init__(self) -> None:
        check_schedules(self, "value")
        if hasattr(self.value, "at"):
            raise TypeError(f"a constant is a number, not the schedule {self.value!r}")

    def at(self, clock: Clock) -> float:
        return self.value

    def bounds(self) -> tuple[float, float]:
        return self.value, self.value


@dataclass(frozen=True, slots=True)
class _Ramp(Schedule):
    """From `start` (up to the time `since`) to `end` (from `until` on); what lies between is the subclass's."""

    start: Number
    end: Number
    _: KW_ONLY
    since: Time = 0
    until: Time = "100%"

    def __post_init__(self) -> None:
        since, until = parse_time(self.since), parse_time(self.until)
        if since[1] == until[1] and since[0] > until[0]:
            raise ValueError(f"a curve runs from since to until, not from {self.since!r} to {self.until!r}")
        check_schedules(self, "start", "end")

    def at(self, clock: Clock) -> float:
        first, last = clock.steps(self.since), clock.steps(self.until)
        if clock.step >= last:
            share = 1.0
        elif clock.step <= first:
            share = 0.0
        else:
            share = (clock.step - first) / (last - first)
        return self.between(value_at(self.start, clock), value_at(self.end, clock), share)

    def between(self, start: float, end: float, share: float) -> float:
        """The value at a share of the time from `since` (0) to `until` (1)."""
        raise NotImplementedError

    def bounds(self) -> tuple[float, float]:
        return hull(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Linear(_Ramp):
    """A straight line from `start` (up to the time `since`) to `end` (from `until` on).

    `start` and `end` are numbers or schedules; times are steps (``500``), epochs (``"3ep"``) or a share of the
    training (``"60%"``). The other curves between two ends take the same.
    """

    def between(self, start: float, end: float, share: float) -> float:
        return between(start, end, share)


@dataclass(frozen=True, slots=True)
class Cosine(_Ramp):
    """Half a period of a cosine from `start` to `end`: slow, fast, slow."""

    def between(self, start: float, end: float, share: float) -> float:
        return between(start, end, half_cosine(share))


@dataclass(frozen=True, slots=True)
class Exponential(_Ramp):
    """From `start` to `end`, both in [1e-100, 1e100], by equal ratios in equal times."""

    def __post_init__(self) -> None:
        _Ramp.__post_init__(self)
        low, high = hull(self.start, self.end)
        if low <= 0:
            raise ValueError("an exponential curve runs between positive values; use polynomial from or to 0")
        if low < 1e-100 or high > 1e100:
            raise ValueError(f"the ends of an exponential curve must stay in [1e-100, 1e100], not [{low:g}, {high:g}]")

    def between(self, start: float, end: float, share: float) -> float:
        if share == 1.0:
            return end  # which rounding would miss
        return min(max(start * exp(log(end / start) * share), min(start, end)), max(start, end))


@dataclass(frozen=True, slots=True)
class Polynomial(_Ramp):
    """From `start` to `end` as (share of the way)^`exponent`: below 1 fast first, above 1 slow first.

    The exponent is a number in [0.01, 100].
    """

    exponent: float = field(kw_only=True)

    def __post_init__(self) -> None:
        _Ramp.__post_init__(self)
        if hasattr(self.exponent, "at") or not 0.01 <= bounds(self.exponent)[0] <= 100:
            raise ValueError(f"exponent must be a number in [0.01, 100], not {self.exponent!r}")

    def between(self, start: float, end: float, share: float) -> float:
        return between(start, end, min(power(share, self.exponent), 1.0))


@dataclass(frozen=True, slots=True)
class Piecewise(Schedule):
    """Straight lines between milestones (time, value), flat before the first and after the last."""

    points: Points

    def __post_init__(self) -> None:
        _check_points(self)

    def at(self, clock: Clock) -> float:
        times = [clock.steps(time) for time, _ in self.points]
        passed = [index for index, time in enumerate(times) if time <= clock.step]
        if not passed:
            return value_at(self.points[0][1], clock)
        last = passed[-1]
        value = value_at(self.points[last][1], clock)
        if last == len(times) - 1:
            return value
        share = (clock.step - times[last]) / (times[last + 1] - times[last])
        return between(value, value_at(self.points[last + 1][1], clock), share)

    def bounds(self) -> tuple[float, float]:
        return hull(*(value for _, value in self.points))


@dataclass(frozen=True, slots=True)
class Stepwise(Schedule):
    """The value of the last milestone (time, value) passed; before the first, its value."""

    points: Points

    def __post_init__(self) -> None:
        _check_points(self)

    def at(self, clock: Clock) -> float:
        value = self.points[0][1]
        for time, following in self.points:
            if clock.steps(time) <= clock.step:
                value = following
        return value_at(value, clock)

    def bounds(self) -> tuple[float, float]:
        return hull(*(value for _, value in self.points))


@dataclass(frozen=True, slots=True)
class Cyclic(Schedule):
    """From `low` in a straight line to `high` in the middle of each period and back.

    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017 (the triangular policy).
    """

    low: Number
    high: Number
    _: KW_ONLY
    period: Time

    def __post_init__(self) -> None:
        check_schedules(self, "low", "high")
        check_period(self.period)

    def at(self, clock: Clock) -> float:
        inner = clock.within(self.period)
        length = inner.total_steps or 1
        share = 2 * min(inner.step, length - inner.step) / length
        return between(value_at(self.low, clock), value_at(self.high, clock), share)

    def bounds(self) -> tuple[float, float]:
        return hull(self.low, self.high)


constant, linear, cosine, exponential = Constant, Linear, Cosine, Exponential
polynomial, cyclic = Polynomial, Cyclic


def piecewise(*points: tuple[Time, Number]) -> Piecewise:
    """Straight lines between milestones: ``piecewise((0, 0.1), ("3ep", 0.5), ("60%", 1.0))``."""
    return Piecewise(points)


def stepwise(*points: tuple[Time, Number]) -> Stepwise:
    """Steps at milestones: ``stepwise((0, 0.1), ("3ep", 0.5), ("60%", 1.0))``."""
    return Stepwise(points)


def _check_points(curve: Piecewise | Stepwise) -> None:
    pairs = isinstance(curve.points, tuple | list) and all(
        isinstance(p, tuple | list) and len(p) == 2 for p in curve.points
    )
    if not pairs or not curve.points:
        raise ValueError(f"milestones are pairs (time, value) such as ('3ep', 0.5), not {curve.points!r}")
    times = [parse_time(time) for time, _ in curve.points]
    for before, after in pairwise(times):
        if before[1] == after[1] and before[0] >= after[0]:
            raise ValueError(f"milestones must come in the order of their times, not {curve.points!r}")
    points = tuple((time, as_number(value, "the value of a milestone")) for time, value in curve.points)
    object.__setattr__(curve, "points", points)
