"""Distributions whose parameters are schedules: how much, drawn anew for every sample.

A distribution is drawn from by its quantile function: one uniform number in [0, 1) gives one value, so the same
sample moves smoothly as the parameters do. Wherever a distribution fits, a number or a schedule does too. All use
only arithmetic that is exact on every machine.

Public: `uniform`, `beta`, `truncated_normal`, `choice` and the classes `Uniform`, `Beta`, `TruncatedNormal`,
`Choice`; `Distribution`, `Level`, `Draw`, `draw_at`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import Protocol

import numpy as np

from .clock import Clock
from .exact import Array, Table, exp, log, quantile, quantile_table
from .schedule import Number, Schedule, as_number, between, bounds, check_schedules, hull, value_at

Draw = Callable[[float], float]
"""A uniform number in [0, 1) → a value."""

_NODES = 1537
_REACH = 5.0  # of the tanh-sinh nodes: beta(0.1, ·) has 1e-10 of its mass beyond
_MOST_WEIGHT = 1e100
_SPREADS = 8.0  # standard deviations of a truncated normal that its table covers


class Distribution(Protocol):
    """A random value at every clock."""

    def quantile(self, clock: Clock) -> Draw: ...

    def bounds(self) -> tuple[float, float]: ...


Level = float | Schedule | Distribution


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform between `low` and `high`, each a number or a schedule."""

    low: Number
    high: Number

    def __post_init__(self) -> None:
        check_schedules(self, "low", "high")

    def quantile(self, clock: Clock) -> Draw:
        low, high = value_at(self.low, clock), value_at(self.high, clock)
        width, least, most = high - low, min(low, high), max(low, high)

        def draw(u: float) -> float:  # as `between`, which would take twice as long
            value = low + width * u
            return least if value < least else most if value > most else value

        return draw

    def bounds(self) -> tuple[float, float]:
        return hull(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Beta:
    """The beta distribution with the shapes `a` and `b` in [0.1, 100], stretched from `low` to `high`.

    All parameters may be schedules. Quantiles come from a table, correct to 1e-3 of the range.
    """

    a: Number
    b: Number
    _: KW_ONLY
    low: Number = 0.0
    high: Number = 1.0

    def __post_init__(self) -> None:
        check_schedules(self, "a", "b", "low", "high")
        for name in ("a", "b"):
            low, high = bounds(getattr(self, name))
            if not 0.1 <= low <= high <= 100:
                raise ValueError(f"{name} of a beta distribution must stay in [0.1, 100], not {getattr(self, name)!r}")

    def quantile(self, clock: Clock) -> Draw:
        table = _beta_table(value_at(self.a, clock), value_at(self.b, clock))
        low, high = value_at(self.low, clock), value_at(self.high, clock)
        return lambda u: between(low, high, quantile(table, u))

    def bounds(self) -> tuple[float, float]:
        return hull(self.low, self.high)


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """A normal distribution cut to [`low`, `high`]; `mean` and `std` are those before the cut.

    All parameters may be schedules; where they make the bounds cross, it is `high`. Quantiles come from a table,
    correct to 1e-3 of the range.
    """

    mean: Number
    std: Number
    _: KW_ONLY
    low: Number = 0.0
    high: Number = 1.0

    def __post_init__(self) -> None:
        check_schedules(self, "mean", "std", "low", "high")
        if bounds(self.std)[0] < 0:
            raise ValueError(f"std must be ≥ 0, not {self.std!r}")
        if bounds(self.low)[0] > bounds(self.high)[1]:
            raise ValueError(f"a normal distribution is cut to [low, high], not to [{self.low!r}, {self.high!r}]")

    def quantile(self, clock: Clock) -> Draw:
        low, high = value_at(self.low, clock), value_at(self.high, clock)
        table = _normal_table(value_at(self.mean, clock), value_at(self.std, clock), low, high)
        return lambda u: min(max(quantile(table, u), low), high)

    def bounds(self) -> tuple[float, float]:
        return hull(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, by weight."""

    values: tuple[float, ...]
    weights: tuple[Number, ...] = ()
    """One for each value; none for equal chance."""

    def __post_init__(self) -> None:
        lists = isinstance(self.values, tuple | list) and isinstance(self.weights, tuple | list)
        if lists and not self.weights:
            object.__setattr__(self, "weights", (1.0,) * len(self.values))
        if not lists or not self.values or len(self.values) != len(self.weights):
            raise ValueError(f"choice needs values and as many weights, not {self.values!r} and {self.weights!r}")
        values = tuple(as_number(value, "a value of choice") for value in self.values)
        if any(hasattr(value, "at") for value in values):
            raise TypeError("the values of choice are numbers; its weights may be schedules")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", check_weights(self.weights, "choice"))

    def quantile(self, clock: Clock) -> Draw:
        cumulative = cumulate((value_at(weight, clock) for weight in self.weights), "choice", clock)
        return lambda u: self.values[pick(cumulative, u)]

    def bounds(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


uniform, beta, truncated_normal = Uniform, Beta, TruncatedNormal


def choice(values: Mapping[float, Number] | Iterable[float]) -> Choice:
    """One of some values: ``choice({0.2: 1, 0.6: 3})`` by weight (numbers or schedules), a list with equal chance."""
    if isinstance(values, Mapping):
        return Choice(tuple(values), tuple(values.values()))
    return Choice(tuple(values))


def draw_at(level: Level, clock: Clock) -> Draw:
    """What turns a uniform number into a value of a number, schedule or distribution at a clock."""
    if hasattr(level, "quantile"):
        return level.quantile(clock)
    value = value_at(level, clock)
    return lambda _: value


def check_weights(weights: Iterable[Number], owner: str) -> tuple[Number, ...]:
    """The weights as floats and schedules.

    Raises:
        ValueError: one can be negative or infinite, or all are zero.
    """
    checked = tuple(as_number(weight, f"a weight of {owner}") for weight in weights)
    for weight in checked:
        if not 0 <= bounds(weight)[0] <= bounds(weight)[1] <= _MOST_WEIGHT:
            raise ValueError(f"{owner}: a weight must be ≥ 0 and ≤ {_MOST_WEIGHT:g}, not {weight!r}")
    if all(bounds(weight)[1] <= 0 for weight in checked):
        raise ValueError(f"{owner} needs a positive weight")
    return checked


def cumulate(weights: Iterable[float], owner: str, clock: Clock) -> list[float]:
    """Running sums of weights.

    Raises:
        ValueError: all weights are zero at this clock.
    """
    cumulative = list(accumulate(weights))
    if cumulative[-1] <= 0:
        raise ValueError(f"{owner}: all weights are zero at step {clock.step}; keep one of them positive")
    return cumulative


def pick(cumulative: list[float], u: float) -> int:
    """The index that a uniform number in [0, 1) falls on, by running sums of weights."""
    target = u * cumulative[-1]
    for index, total in enumerate(cumulative):
        if target < total:
            return index
    return cumulative.index(cumulative[-1])  # rounding: the weights are next to nothing


@lru_cache(maxsize=64)
def _beta_table(a: float, b: float) -> Table:
    nodes, values, log_value, log_rest, log_stretch = _beta_nodes()
    return quantile_table(nodes, values, a * log_value + b * log_rest + log_stretch)


@cache
def _beta_nodes() -> tuple[Array, Array, Array, Array, Array]:
    """Nodes t, x = 1 / (1 + exp(−π sinh t)), log x, log (1 − x) and log (dx/dt / (x (1 − x))) up to a constant.

    In t a beta density has no poles, and its nodes crowd where in x it may have them. Source: Takahasi & Mori,
    "Double exponential formulas for numerical integration", Publ. RIMS 9, 1974.
    """
    nodes = [_REACH * (2 * k / (_NODES - 1) - 1) for k in range(_NODES)]
    grow = [exp(t) for t in nodes]
    logit = [1.5707963267948966 * (g - 1 / g) for g in grow]
    log_value = [-_log1p_exp(-z) for z in logit]
    log_rest = [-_log1p_exp(z) for z in logit]
    columns = nodes, [exp(value) for value in log_value], log_value, log_rest, [log(g + 1 / g) for g in grow]
    first, second, third, fourth, fifth = map(np.array, columns)
    return first, second, third, fourth, fifth


def _log1p_exp(z: float) -> float:
    """log(1 + e^z)."""
    return max(z, 0.0) + log(1.0 + exp(-abs(z)))


@lru_cache(maxsize=64)
def _normal_table(mean: float, std: float, low: float, high: float) -> Table:
    mode = min(max(mean, low), high)
    first, last = max(mode - _SPREADS * std, low), min(mode + _SPREADS * std, high)
    if std < 1e-9 or last <= first or abs(mean - mode) > 1e6 * std:  # next to all of it in one point
        return [0.0, 1.0], [mode, mode]
    values = first + (last - first) * (np.arange(_NODES) / (_NODES - 1))
    from_mode = (values - mode) / std
    return quantile_table(values, values, -0.5 * from_mode * (from_mode + 2 * (mode - mean) / std))
