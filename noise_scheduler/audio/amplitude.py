"""Peak and power of waves, and the mixture with which a noise fades in.

Public: `peak_of`, `at_power_of`, `faded_in`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..path import fade_in
from .speech_level import energy

Wave = npt.NDArray[np.float32]

_SILENT = 1e-30  # what is divided by a peak this low overflows in single precision


def peak_of(wave: Wave) -> float:
    """The greatest magnitude over all channels; 0 for silence, to which peaks below 1e-30 are counted."""
    peak = max(float(wave.max()), -float(wave.min()))
    return peak if peak > _SILENT else 0.0


def at_power_of(wave: Wave, noisy: Wave) -> Wave:
    """`noisy`, scaled in place to the power of `wave`; silence stays silent."""
    after = energy(noisy)
    if after > 0:
        noisy *= np.float32(math.sqrt(energy(wave) / after))
    return noisy


def faded_in(wave: Wave, noisy: Wave, level: float) -> Wave:
    """`noisy`, at the lowest levels (`noise_scheduler.path.fade_in`) mixed with the wave as it was."""
    share = np.float32(fade_in(level))
    return noisy if share == 1 else wave + share * (noisy - wave)
