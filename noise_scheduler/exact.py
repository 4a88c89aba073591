"""Elementary functions that give the same bits on every machine.

`math.exp`, `math.log`, `math.cos` and their NumPy twins may differ in the last bit between C libraries and
instruction sets. Plans must not, so schedules and distributions use these: only + − × ÷, comparison and powers of
two, each of which IEEE 754 rounds in one way. All are within 4 units in the last place of the true value,
but for `power`, whose error grows with the logarithm of its result.

Public: `exp`, `log`, `power`, `half_cosine`; `quantile_table`, `quantile`, `Table`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
FloatOrArray = TypeVar("FloatOrArray", float, Array)
Table = tuple[list[float], list[float]]
"""Cumulative probabilities, rising from 0 to 1, and the values at which they are reached."""

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490  # ln 2 in two parts; the first has 32 significant bits
_LN2_LOW = 1.90821492927058770002e-10
_EXP = [1.0 / math.factorial(n) for n in range(15)]
_ATANH = [1.0 / n for n in range(1, 25, 2)]
_SINE = [(-1.0) ** n / math.factorial(2 * n + 1) for n in range(10)]
_HALF_PI = 1.5707963267948966


def exp(x: float) -> float:
    """e to the power of `x`, for x in [-700, 700]."""
    n = math.floor(x * _LOG2_E + 0.5)
    return math.ldexp(_polynomial(_EXP, (x - n * _LN2_HIGH) - n * _LN2_LOW), n)


def log(x: float) -> float:
    """The natural logarithm of `x` > 0."""
    mantissa, exponent = math.frexp(x)
    if mantissa < 0.70710678:
        mantissa, exponent = 2 * mantissa, exponent - 1
    f = (mantissa - 1) / (mantissa + 1)
    return exponent * _LN2_HIGH + (2 * f * _polynomial(_ATANH, f * f) + exponent * _LN2_LOW)


def power(base: float, exponent: float) -> float:
    """`base` ≥ 0 to the power of `exponent` > 0."""
    return exp(exponent * log(base)) if base > 0 else 0.0


def half_cosine(share: float) -> float:
    """(1 − cos(π·share)) / 2: from 0 to 1 without a corner, for share in [0, 1]."""
    if share > 0.5:
        return 1.0 - half_cosine(1.0 - share)
    angle = _HALF_PI * share
    sine = angle * _polynomial(_SINE, angle * angle)
    return sine * sine


def quantile_table(nodes: Array, values: Array, log_density: Array) -> Table:
    """The distribution with a density, as a table to look quantiles up in.

    Args:
        nodes: (n,) rising; the variable that is integrated over, by the trapezoid rule.
        values: (n,) rising; the distribution's value at each node.
        log_density: (n,) logarithm of the density over `nodes`, up to a constant.
    """
    density = _exp_array(np.maximum(log_density - log_density.max(), -700.0))
    cumulative = np.concatenate(([0.0], ((density[1:] + density[:-1]) * (nodes[1:] - nodes[:-1])).cumsum()))
    return (cumulative / cumulative[-1]).tolist(), values.tolist()


def quantile(table: Table, u: float) -> float:
    """The value below which a share `u` in [0, 1) of a tabulated distribution lies; linear between nodes."""
    cumulative, values = table
    high = bisect_right(cumulative, u)
    low = high - 1
    share = (u - cumulative[low]) / (cumulative[high] - cumulative[low])
    return values[low] + (values[high] - values[low]) * share


def _exp_array(x: Array) -> Array:
    """`exp` of an array, bit for bit."""
    n = np.floor(x * _LOG2_E + 0.5)
    return np.ldexp(_polynomial(_EXP, (x - n * _LN2_HIGH) - n * _LN2_LOW), n.astype(np.int32))


def _polynomial(coefficients: Sequence[float], x: FloatOrArray) -> FloatOrArray:
    result = coefficients[-1] + 0 * x
    for coefficient in coefficients[-2::-1]:
        result = result * x + coefficient
    return result
