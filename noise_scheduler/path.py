"""Paths from mild to extreme in native units, along which the level of a noise moves.

Public: `lerp`, `loglerp`, `fade_in`, `check_range`.
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
    pair = isinstance(ends, tuple) and len(ends) == 2 and all(isinstance(end, int | float) for end in ends)
    if not pair or not all(low <= end <= high for end in ends):
        raise ValueError(f"{name} must be a pair (mild, extreme) of numbers in [{low:g}, {high:g}], not {ends!r}")
    if ends[0] < ends[1] if falling else ends[0] > ends[1]:
        raise ValueError(f"{name} runs from mild to extreme: write ({ends[1]:g}, {ends[0]:g}), not {ends!r}")
