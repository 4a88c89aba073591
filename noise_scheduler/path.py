"""Paths from mild to extreme in native units, along which the level of a noise moves.

Public: `lerp`, `loglerp`, `fade_in`, `check_range`, `check_number`, `check_flag`.
"""

from __future__ import annotations

import math

Range = tuple[float, float]
_FADE_LEVEL = 0.05


def lerp(ends: Range, position: float) -> float:
    """The point at `position` in [0, 1] on the straight line between `ends`."""
    return ends[0] + (ends[1] - ends[0]) * position


def loglerp(ends: Range, position: float) -> float:
    """The point at `position` in [0, 1] between two positive `ends`, equal steps being equal ratios."""
    return float(ends[0] * (ends[1] / ends[0]) ** position)


def fade_in(level: float) -> float:
    """What the mild end of a path is scaled by, so that it does not begin with a jump: 0 at level 0, 1 from .05 on."""
    return min(1.0, level / _FADE_LEVEL)


def check_range(name: str, ends: Range, low: float, high: float = math.inf, *, falling: bool = False) -> None:
    """Raise `ValueError` unless `ends` is a pair (mild, extreme) of numbers in [low, high].

    The extreme end is the greater one, or the lesser one where `falling`; equal ends fix the quantity.
    """
    pair = isinstance(ends, tuple) and len(ends) == 2 and all(map(_is_number, ends))
    if not pair or not all(low <= end <= high for end in ends):
        raise ValueError(f"{name} must be a pair (mild, extreme) of numbers in [{low:g}, {high:g}], not {ends!r}")
    if ends[0] < ends[1] if falling else ends[0] > ends[1]:
        raise ValueError(f"{name} runs from mild to extreme: write ({ends[1]:g}, {ends[0]:g}), not {ends!r}")


def check_number(
    name: str, value: float, low: float, high: float, unit: str = "", *, above: bool = False, whole: bool = False
) -> None:
    """Raise `ValueError` unless `value` is a number in [low, high], or in (low, high] where `above`.

    Args:
        name: of the field.
        value: what was given for it.
        low, high: the least and the greatest number.
        unit: for the message.
        above: whether `low` itself is too little.
        whole: whether it must be a whole number.
    """
    fits = (isinstance(value, int) if whole else True) and _is_number(value) and low <= value <= high
    if not fits or (above and value == low):
        kind = "whole number" if whole else "number"
        interval = f"{'(' if above else '['}{low:.10g}, {high:.10g}] {unit}".rstrip()
        raise ValueError(f"{name} must be a {kind} in {interval}, not {value!r}")


def check_flag(name: str, value: bool) -> None:
    """Raise `ValueError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
