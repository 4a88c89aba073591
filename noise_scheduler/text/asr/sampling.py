"""Draws from weighted lists by a uniform number.

Public: `Draw`, `cumulated`, `drawn`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate

Draw = Callable[[], float]
"""Gives uniform numbers in [0, 1)."""


def cumulated(weights: Iterable[float]) -> list[float]:
    """Running sums of weights divided by their total: `bisect` with a uniform number gives a place; empty for none."""
    sums = list(accumulate(weights))
    return [*(value / sums[-1] for value in sums[:-1]), 1.0] if sums else []  # the last one just so, for any draw


def drawn(weights: Iterable[float], draw: Draw) -> int:
    """The place of one of the weights, drawn in proportion to them."""
    sums = list(accumulate(weights))
    return min(bisect(sums, draw() * sums[-1]), len(sums) - 1)
