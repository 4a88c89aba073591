"""Integer settings on a continuous path: qualities, counts of pixels, grey levels and blocks.

Public: `stochastic_round`.
"""

from __future__ import annotations

import math

import numpy as np


def stochastic_round(value: float, rng: np.random.Generator) -> int:
    """One of the two integers around `value`, with odds that make `value` the mean; it never falls as `value` rises.

    Args:
        value: any number.
        rng: the random stream; one draw.
    """
    return math.floor(value + rng.random())
