"""The clock of a training run: a schedule is told the time, it never counts.

Public: `Clock`, `Time`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

Time = int | float | str
"""A point in training: steps (``500``), epochs (``"3ep"``) or a share of the whole (``"60%"``)."""

_END_OF_TIME = 2**53
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ep|%)")


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment of training.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is negative, or a length is not positive.
    """

    step: int
    """The planned optimiser step, from 0."""
    steps_per_epoch: int | None = None
    """Optimiser steps in an epoch; only times in epochs need it."""
    total_steps: int | None = None
    """Optimiser steps in the whole training; only times in per cent need it."""
    decisions: Mapping[Any, float] = field(default_factory=dict, hash=False)
    """Adaptive schedule → the value decided for it (`noise_scheduler.feedback`); where none is, it starts out."""

    def __post_init__(self) -> None:
        for name, least in (("step", 0), ("steps_per_epoch", 1), ("total_steps", 1)):
            value = getattr(self, name)
            if value is None and name != "step":
                continue
            try:
                object.__setattr__(self, name, operator.index(value))
            except TypeError:
                raise TypeError(f"{name} must be an integer, not {value!r}") from None
            if not least <= value < _END_OF_TIME:
                raise ValueError(f"{name} must be ≥ {least} and < 2**53, not {value}")

    def steps(self, time: Time) -> float:
        """`time` in steps of this clock.

        Raises:
            ValueError: the clock does not know the length that the time's unit refers to.
        """
        amount, unit = parse_time(time)
        if unit == "ep":
            return _steps_of(time, self._known("steps_per_epoch", time), 1)
        if unit == "%":
            return _steps_of(time, self._known("total_steps", time), 100)
        return amount

    def after(self, time: Time) -> Clock | None:
        """The clock of what begins at `time`: step 0 is the first step then, 100 % what is left; None before it."""
        start = math.ceil(self.steps(time))
        if self.step < start:
            return None
        left = None if self.total_steps is None else max(1, self.total_steps - start)
        return Clock(self.step - start, self.steps_per_epoch, left, self.decisions)

    def within(self, period: Time) -> Clock:
        """The clock of what begins anew after every `period`, which is its 100 %."""
        length = max(1, round(self.steps(period)))
        return Clock(self.step % length, self.steps_per_epoch, length, self.decisions)

    def _known(self, length: str, time: Time) -> int:
        value: int | None = getattr(self, length)
        if value is None:
            raise ValueError(f"the time {time!r} needs {length}: give {length}= to NoiseScheduler or to Clock")
        return value


def parse_time(time: Time) -> tuple[float, str]:
    """(amount, unit) of a time; the unit is ``""`` for steps, ``"ep"`` or ``"%"``.

    Raises:
        ValueError: not a time.
    """
    if isinstance(time, str) and (match := _TIME.fullmatch(time)):
        return float(match[1]), match[2]
    if isinstance(time, int | float | np.integer) and not isinstance(time, bool) and 0 <= time < float("inf"):
        if 0 < time < 1:
            raise ValueError(f"the time {time} is less than a step; a share of the training is '{100 * time:g}%'")
        return float(time), ""
    raise ValueError(f"a time is steps (500), epochs ('3ep') or a share of training ('60%'), not {time!r}")


@lru_cache(maxsize=4096)
def _steps_of(time: str, length: int, parts: int) -> float:
    """A time that counts in `parts` of a `length`, rounded once: ``"0.07ep"`` of 100 steps are 7, not a bit more."""
    match = _TIME.fullmatch(time)
    assert match is not None
    return float(Fraction(match[1]) * length / parts)
