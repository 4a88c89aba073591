"""Quantities that change slowly beside a wave: random at knots, straight in between.

Public: `first_order`, `between_knots`, `times_gain`, `knots_for`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..extras import need
from .background import white

Wave = npt.NDArray[np.float32]


def first_order(knots: int, knot_s: float, time_s: float, rng: np.random.Generator) -> Wave:
    """A Gaussian process of variance 1 with autocorrelation exp(−t / `time_s`), sampled every `knot_s` seconds."""
    keep = math.exp(-knot_s / time_s)
    change = white((knots,), rng)
    change[1:] *= np.float32(math.sqrt(1 - keep**2))
    smooth = need("scipy.signal", extra="audio").lfilter
    process: Wave = smooth(np.ones(1, np.float32), np.array([1, -keep], np.float32), change)
    return process


def between_knots(knots: Wave, step: int, samples: int) -> Wave:
    """Straight lines through `knots`, which stand `step` samples apart, at the first `samples` samples.

    Args:
        knots: ``knots_for(step, samples)`` values, or more.
        step: samples from knot to knot.
        samples: how many values are wanted.
    """
    ramp = np.arange(step, dtype=np.float32) / np.float32(step)
    lines: Wave = np.stack([knots[:-1], np.diff(knots)], 1) @ np.stack([np.ones_like(ramp), ramp])
    return lines.reshape(-1)[:samples]


def times_gain(wave: Wave, gain: Wave) -> Wave:
    """The wave times a gain (samples,) that is the same in all channels; of one channel, in the gain's memory."""
    return np.multiply(wave, gain, out=gain if wave.ndim == 1 else None)


def knots_for(step: int, samples: int) -> int:
    """How many knots reach over `samples` samples."""
    return -(-samples // step) + 1
