"""Few bits per sample, evenly spaced or companded after the μ-law of G.711.

The steps are those of a recorder whose gain was set well: the wave's peak, over all channels, is its full scale. The
number of bits need not be whole; 2^bits is how often a step goes into the range from −peak to +peak.

Public: `BitDepth`, registered as ``audio/bit_depth``; `MuLaw`, registered as ``audio/mu_law``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_flag, check_range, lerp
from ..registry import register
from .amplitude import peak_of

Wave = npt.NDArray[np.float32]

_MU = 255.0
_GRID = 2**15  # magnitudes of 16-bit audio
_JUST_BELOW = 1 - 1e-6  # keeps the peak itself out of a step beyond the last


@register("audio/bit_depth", stage="channel")
@dataclass(frozen=True, slots=True)
class BitDepth:
    """Round the samples to few bits, as old samplers and cheap converters do.

    The number of bits falls along `bits_range`. The quantiser has no step at zero (mid-rise): at one bit only the sign
    is left.
    Achieved: `bits`.
    Source: uniform quantisation; Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither", JAES 40 (1992).
    """

    bits_range: Range = (14.0, 1.0)
    """Bits per sample (mild, extreme), in [1, 20]; level moves along it linearly, so that the step grows in equal
    ratios."""
    dither: bool = False
    """Whether triangular noise of ± one step is added before rounding: hiss in place of distortion."""

    def __post_init__(self) -> None:
        check_range("bits_range", self.bits_range, 1.0, 20.0, falling=True)
        check_flag("dither", self.dither)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        bits = lerp(self.bits_range, level)
        peak = peak_of(wave)
        if peak == 0:
            return wave.copy(), {"bits": bits}
        steps = 2 ** (bits - 1)
        noisy = wave * np.float32(_JUST_BELOW * steps / peak)
        if self.dither:
            noisy += rng.random(wave.shape, dtype=np.float32)
            noisy -= rng.random(wave.shape, dtype=np.float32)
            np.clip(noisy, np.float32(-_JUST_BELOW * steps), np.float32(_JUST_BELOW * steps), out=noisy)
        np.floor(noisy, out=noisy)
        noisy += np.float32(0.5)
        noisy *= np.float32(peak / steps)
        return noisy, {"bits": bits}


@register("audio/mu_law", stage="channel")
@dataclass(frozen=True, slots=True)
class MuLaw:
    """Round the samples to few bits on a logarithmic scale, as digital telephony does: steps grow with the sample.

    The number of bits falls along `bits_range`; 8 is what G.711 sends, here by the continuous law that its segments
    approximate. At one bit only the sign is left.
    Achieved: `bits`.
    Source: ITU-T G.711, μ-law (μ = 255).
    """

    bits_range: Range = (10.0, 1.0)
    """Bits per sample (mild, extreme), in [1, 14]; level moves along it linearly."""

    def __post_init__(self) -> None:
        check_range("bits_range", self.bits_range, 1.0, 14.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        bits = lerp(self.bits_range, level)
        peak = peak_of(wave)
        if peak == 0:
            return wave.copy(), {"bits": bits}
        magnitudes = np.abs(wave)
        magnitudes *= np.float32(_JUST_BELOW * _GRID / peak)
        table = (_expanded(bits) * peak).astype(np.float32)
        return np.copysign(table.take(magnitudes.astype(np.int16)), wave), {"bits": bits}


def _expanded(bits: float) -> npt.NDArray[np.float64]:
    """What each magnitude on the grid of 16-bit audio becomes, as a share of full scale."""
    steps = 2 ** (bits - 1)
    codes = np.arange(math.ceil(steps))
    borders = np.append(np.expm1(codes / steps * math.log1p(_MU)) / _MU * _GRID, _GRID)
    values = np.expm1((codes + 0.5) / steps * math.log1p(_MU)) / _MU
    return np.repeat(values, np.diff(np.rint(borders).astype(np.int64)))
