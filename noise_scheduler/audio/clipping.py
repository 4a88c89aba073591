"""Overdriven recordings: the wave is amplified beyond what the recorder can hold.

Public: `Clipping`, registered as ``audio/clipping``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_range, lerp
from ..registry import register
from .amplitude import at_power_of, faded_in, peak_of

Wave = npt.NDArray[np.float32]

SHAPES = ("hard", "soft")


@register("audio/clipping")
@dataclass(frozen=True, slots=True)
class Clipping:
    """Cut the peaks off, as an overdriven input does; what is left keeps its power, so that it sounds no softer.

    The overdrive rises along `overdrive_db_range`: by so much the wave's peak exceeds the clipping point, over all
    channels. No sample exceeds the wave's own peak.

    Achieved: `overdrive_db`, `clipped_fraction` (share of the samples beyond the clipping point).

    Source: hard clipping as of a converter at full scale; soft clipping by tanh, the usual model of an analogue stage
    (Zölzer (ed.), "DAFX: Digital Audio Effects", 2nd ed., 2011, ch. 4).
    """

    overdrive_db_range: Range = (2.0, 55.0)
    """Overdrive in dB (mild, extreme), in [0, 100]; level moves along it linearly."""
    shape: str = "hard"
    """``"hard"`` for a flat top at the clipping point, ``"soft"`` for one that bends gradually towards it (tanh)."""

    def __post_init__(self) -> None:
        check_range("overdrive_db_range", self.overdrive_db_range, 0.0, 100.0)
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be 'hard' or 'soft', not {self.shape!r}")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        overdrive_db = lerp(self.overdrive_db_range, level)
        limit = np.float32(peak_of(wave) * 10 ** (-overdrive_db / 20))
        if limit == 0:  # digital silence
            return wave.copy(), {"overdrive_db": overdrive_db, "clipped_fraction": 0.0}
        noisy = np.clip(wave, -limit, limit)
        clipped = float(np.count_nonzero(noisy != wave) / wave.size)
        if self.shape == "soft":
            # Faded in, since tanh bends even what stays below the limit.
            noisy = faded_in(wave, limit * np.tanh(wave / limit), level)
        return at_power_of(wave, noisy), {"overdrive_db": overdrive_db, "clipped_fraction": clipped}
