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
from ..path import Range, check_flag, check_range, loglerp
from ..registry import register
from .amplitude import faded_in
from .filters import overlap_save

Wave = npt.NDArray[np.float32]

_ZERO_CROSSINGS, _BETA, _ROLL_OFF = 32, 8.6, 0.92


@register("audio/resample", stage="channel")
@dataclass(frozen=True, slots=True)
class Resample:
    """Bring the wave to a low sampling rate and back to its own: nothing above half of the low rate survives.

    The rate falls along `rate_hz_range`, which begins at .95 of the wave's own rate where that is lower. Over the
    lowest twentieth of the levels it is mixed with the wave as it was.

    Good converters fold nothing down and leave no images, so that the way there and back is the filter of both, and is
    computed as such. A cheap one drops samples without a filter and joins the others by straight lines.

    Achieved: `rate_hz`.

    Source: band-limited interpolation by a Kaiser-windowed sinc (Smith, "Digital audio resampling home page", 2002),
    with 32 zero crossings, β = 8.6 and a roll-off of .92: flat up to .84 of half the rate, −80 dB beyond half the rate.
    """

    rate_hz_range: Range = (44100.0, 160.0)
    """Sampling rate in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    alias: bool = False
    """Whether the converter is a cheap one: what lies above half of the rate is folded down."""

    def __post_init__(self) -> None:
        check_range("rate_hz_range", self.rate_hz_range, 1.0, 1e6, falling=True)
        check_flag("alias", self.alias)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        highest = 0.95 * sample_rate
        rate_hz = loglerp((min(self.rate_hz_range[0], highest), min(self.rate_hz_range[1], highest)), level)
        low_and_back = _dropped_and_joined if self.alias else _there_and_back
        noisy = low_and_back(wave, rate_hz / sample_rate)
        return faded_in(wave, noisy, level), {"rate_hz": rate_hz}


def resampled(wave: Wave, from_hz: float, to_hz: float) -> Wave:
    """The wave at another sampling rate: ceil(samples × to_hz / from_hz) samples, nothing delayed."""
    ratio = Fraction(to_hz / from_hz).limit_denominator(10_000)
    if ratio == 1:
        return wave
    resample = need("scipy.signal", extra="audio").resample_poly
    return np.ascontiguousarray(resample(wave, ratio.numerator, ratio.denominator, axis=-1), np.float32)


def _there_and_back(wave: Wave, ratio: float) -> Wave:
    """The wave through the filter of a converter to `ratio` times its rate, once on the way there and once back."""
    half = math.ceil(_ZERO_CROSSINGS / (ratio * _ROLL_OFF))
    places = np.arange(half + 1)
    taper = need("scipy.special", extra="audio").i0(_BETA * np.sqrt(1 - (places / half) ** 2))
    response = np.sinc(places * ratio * _ROLL_OFF) * taper
    response /= response[0] + 2 * response[1:].sum()

    def magnitude(size: int) -> Wave:
        even = np.zeros(size, np.float32)
        np.add.at(even, places % size, response)
        np.add.at(even, -places[1:] % size, response[1:])
        spectrum: Wave = need("scipy.fft", extra="audio").rfft(even).real
        return np.square(spectrum)

    return overlap_save(wave, magnitude, 2 * half)


def _dropped_and_joined(wave: Wave, ratio: float) -> Wave:
    """Every 1/ratio-th sample, rounded to the nearest, and straight lines between them."""
    samples = wave.shape[-1]
    kept = np.rint(np.arange(math.ceil(samples * ratio) + 1) / ratio).astype(np.int64)
    held = wave[..., np.minimum(kept, samples - 1)]
    channels = [np.interp(np.arange(samples), kept, channel) for channel in held.reshape(-1, held.shape[-1])]
    return np.asarray(channels, dtype=np.float32).reshape(wave.shape)
