"""Paths from mild to extreme in native units, along which the level of a noise moves.

Public: `lerp`, `loglerp`, `check_range`.
"""

from __future__ import annotations

import math

Range = tuple[float, float]


def lerp(ends: Range, position: float) -> float:
    """The point at `position` in [0, 1] on the straight line between `ends`."""
    return ends[0] + (ends[1] - ends[0]) * position


def loglerp(ends: Range, position: float) -> float:
    """The point at `position` in [0, 1] between two positive `ends`, equal steps being equal ratios."""
    return float(ends[0] * (ends[1] / ends[0]) ** position)


def check_range(name: str, ends: Range, low: float, high: float = math.inf) -> None:
    """Raise `ValueError` unless `ends` is a pair of numbers in [low, high]."""
    if len(ends) != 2 or not all(low <= end <= high for end in ends):
        raise ValueError(f"{name} must be a pair (mild, extreme) of numbers in [{low:g}, {high:g}], not {ends!r}")
