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

from ..path import Range, check_range, lerp
from ..registry import register

Wave = npt.NDArray[np.float32]

_MU = 255.0


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
    """Bits per sample (mild, extreme), in [1, 24]; level moves along it linearly, so that the step grows in equal
    ratios."""
    dither: bool = False
    """Whether triangular noise of ± one step is added before rounding: hiss in place of distortion."""

    def __post_init__(self) -> None:
        check_range("bits_range", self.bits_range, 1.0, 24.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        bits = lerp(self.bits_range, level)
        peak = _peak(wave)
        if peak == 0:
            return wave.copy(), {"bits": bits}
        steps = np.float32(2 ** (bits - 1))
        noisy = wave * (steps / peak)
        if self.dither:
            noisy += rng.random(wave.shape, dtype=np.float32)
            noisy -= rng.random(wave.shape, dtype=np.float32)
        np.floor(noisy, out=noisy)
        noisy += np.float32(0.5)
        highest = np.float32(max(math.ceil(steps) - 0.5, 0.5))
        np.clip(noisy, -highest, highest, out=noisy)
        noisy *= peak / steps
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
    """Bits per sample (mild, extreme), in [1, 16]; level moves along it linearly."""

    def __post_init__(self) -> None:
        check_range("bits_range", self.bits_range, 1.0, 16.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        bits = lerp(self.bits_range, level)
        peak = _peak(wave)
        if peak == 0:
            return wave.copy(), {"bits": bits}
        steps = 2 ** (bits - 1)
        # In double precision, so that no machine's logarithm moves a sample across the border of a step.
        companded = np.abs(wave).astype(np.float64)
        companded *= _MU / float(peak)
        np.log1p(companded, out=companded)
        companded *= steps / math.log1p(_MU)
        codes = companded.astype(np.int64)
        last = max(math.ceil(steps) - 1, 0)
        np.minimum(codes, last, out=codes)
        expanded = np.expm1((np.arange(last + 1) + 0.5) * (math.log1p(_MU) / steps)) / _MU * float(peak)
        return np.copysign(expanded.astype(np.float32).take(codes), wave), {"bits": bits}


def _peak(wave: Wave) -> np.float32:
    return np.float32(max(wave.max(), -wave.min()))
