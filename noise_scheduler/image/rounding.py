"""Integer settings on a continuous path: qualities, counts of pixels, grey levels and blocks.

Public: `stochastic_round`.
"""

from __future__ import annotations

import math


def stochastic_round(value: float, draw: float) -> int:
    """One of the two integers around `value`, with odds that make `value` the mean; it never falls as `value` rises.

    Args:
        value: any number.
        draw: evenly random in [0, 1). One draw for all frames of a clip keeps a setting that drifts from flickering.
    """
    return math.floor(value + draw)
