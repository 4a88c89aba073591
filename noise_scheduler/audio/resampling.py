"""Low sampling rates: down and up again, with the filters of real converters or without any.

Public: `Resample`, registered as ``audio/resample``; `resampled`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register

Wave = npt.NDArray[np.float32]

_MOST_STEPS = 256


@register("audio/resample", stage="channel")
@dataclass(frozen=True, slots=True)
class Resample:
    """Bring the wave to a low sampling rate and back to its own: nothing above half of the low rate survives.

    The rate falls along `rate_hz_range`, which begins at .95 of the wave's own rate where that is lower. Over the
    lowest twentieth of the levels it is mixed with the wave as it was.
    Achieved: `rate_hz`.
    Source: polyphase resampling with a Kaiser window (Vaidyanathan, "Multirate systems and filter banks", 1993).
    """

    rate_hz_range: Range = (44100.0, 160.0)
    """Sampling rate in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    alias: bool = False
    """Whether the converter is a cheap one: samples are dropped without a filter, so that what lies above half of the
    rate is folded down, and the gaps are filled by straight lines."""

    def __post_init__(self) -> None:
        check_range("rate_hz_range", self.rate_hz_range, 1.0, 1e6, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        highest = 0.95 * sample_rate
        rate_hz = loglerp((min(self.rate_hz_range[0], highest), min(self.rate_hz_range[1], highest)), level)
        if self.alias:
            noisy = _dropped_and_joined(wave, rate_hz / sample_rate)
        else:
            ratio = Fraction(rate_hz / sample_rate).limit_denominator(_MOST_STEPS) or Fraction(1, _MOST_STEPS)
            rate_hz = float(ratio) * sample_rate
            noisy = resampled(resampled(wave, ratio), 1 / ratio)[..., : wave.shape[-1]]
        share = np.float32(fade_in(level))
        return wave + share * (noisy - wave), {"rate_hz": rate_hz}


def resampled(wave: Wave, ratio: Fraction) -> Wave:
    """The wave at `ratio` times its rate: ceil(samples × ratio) samples, nothing delayed."""
    if ratio == 1:
        return wave
    resample = need("scipy.signal", extra="audio").resample_poly
    result: Wave = resample(wave, ratio.numerator, ratio.denominator, axis=-1)
    return result


def _dropped_and_joined(wave: Wave, ratio: float) -> Wave:
    """Every 1/ratio-th sample, rounded to the nearest, and straight lines between them."""
    samples = wave.shape[-1]
    kept = np.rint(np.arange(math.ceil(samples * ratio) + 1) / ratio).astype(np.int64)
    held = wave[..., np.minimum(kept, samples - 1)]
    channels = [np.interp(np.arange(samples), kept, channel) for channel in held.reshape(-1, held.shape[-1])]
    return np.asarray(channels, dtype=np.float32).reshape(wave.shape)
