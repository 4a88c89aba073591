"""Gaussian noise of any spectrum, and the coloured noises: pink, brown, blue.

The colours are named by the slope of their power spectral density: pink −3 dB per octave (f^−1), brown −6 (f^−2), blue
+3 (f). Noise is drawn as a spectrum and transformed once; of long waves in blocks of half a million samples, which
are joined by equal-power crossfades, so that memory beyond the wave itself stays bounded.

Public: `PinkNoise`, `BrownNoise`, `BlueNoise`, registered as ``audio/pink_noise``, ``audio/brown_noise``,
``audio/blue_noise``; `coloured`.

References:
    Timmer and König, "On generating power law noise", Astronomy and Astrophysics 300 (1995).
    ITU-T P.56 for the speech level.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import check_number, check_range, lerp
from ..registry import register
from .background import add_noise, white

Wave = npt.NDArray[np.float32]
Gain = Callable[[Wave], Wave]
"""From frequencies in Hz, rising from above 0, to the amplitude of the noise there."""

_BLOCK = 1 << 19
_CROSSFADE = 1 << 15
_SHORTEST_S = 0.2  # a shorter wave gets the beginning of noise of this length, so that it has low frequencies too


@register("audio/pink_noise")
@dataclass(frozen=True, slots=True)
class PinkNoise:
    """Add pink noise (−3 dB per octave) at a speech-active SNR, independent in each channel.

    The SNR falls along `snr_db_range` with the level. Below `low_cut_hz` there is none.

    Source: Timmer and König (1995); ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (45.0, -20.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""
    low_cut_hz: float = 20.0
    """Lowest frequency of the noise in Hz; in [1, 1000]."""

    def __post_init__(self) -> None:
        _check(self.snr_db_range, self.low_cut_hz)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        noise = coloured(wave.shape, sample_rate, rng, _pink, self.low_cut_hz)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)


@register("audio/brown_noise")
@dataclass(frozen=True, slots=True)
class BrownNoise:
    """Add brown noise (−6 dB per octave) at a speech-active SNR, independent in each channel.

    The SNR falls along `snr_db_range` with the level. Most of its power lies just above `low_cut_hz`, below speech,
    so that it takes more of it than of other colours to drown speech.

    Source: Timmer and König (1995); ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (40.0, -30.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""
    low_cut_hz: float = 20.0
    """Lowest frequency of the noise in Hz; in [1, 1000]."""

    def __post_init__(self) -> None:
        _check(self.snr_db_range, self.low_cut_hz)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        noise = coloured(wave.shape, sample_rate, rng, _brown, self.low_cut_hz)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)


@register("audio/blue_noise")
@dataclass(frozen=True, slots=True)
class BlueNoise:
    """Add blue noise (+3 dB per octave) at a speech-active SNR, independent in each channel.

    The SNR falls along `snr_db_range` with the level.

    Source: Timmer and König (1995); ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (52.0, -15.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        noise = coloured(wave.shape, sample_rate, rng, np.sqrt)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)


def coloured(
    shape: tuple[int, ...], sample_rate: float, rng: np.random.Generator, gain: Gain, low_cut_hz: float = 0.0
) -> Wave:
    """Gaussian noise whose amplitude spectrum is that of standard white noise times `gain`.

    Args:
        shape: (samples,) or (channels, samples); channels are independent.
        sample_rate: in Hz.
        rng: where it is drawn from.
        gain: from frequencies in Hz to amplitudes.
        low_cut_hz: below this frequency there is no noise; an offset there never is.
    """
    samples = shape[-1]
    if samples <= _BLOCK:
        return _block(shape, sample_rate, rng, gain, low_cut_hz)
    noise = np.zeros(shape, np.float32)
    turn = (np.arange(_CROSSFADE, dtype=np.float32) + np.float32(0.5)) * np.float32(math.pi / 2 / _CROSSFADE)
    for start in range(0, samples - _CROSSFADE, _BLOCK - _CROSSFADE):
        end = min(start + _BLOCK, samples)
        block = _block((*shape[:-1], end - start), sample_rate, rng, gain, low_cut_hz)
        if start > 0:
            block[..., :_CROSSFADE] *= np.sin(turn)
        if end < samples:
            block[..., -_CROSSFADE:] *= np.cos(turn)
        noise[..., start:end] += block
    return noise


def _block(shape: tuple[int, ...], sample_rate: float, rng: np.random.Generator, gain: Gain, low_cut_hz: float) -> Wave:
    fft = need("scipy.fft", extra="audio")
    size = fft.next_fast_len(max(shape[-1], math.ceil(_SHORTEST_S * sample_rate)), real=True)
    spectrum = white((*shape[:-1], 2 * (size // 2 + 1)), rng)
    amplitudes = _kept_amplitudes if gain in (_pink, _brown, np.sqrt) else _amplitudes
    spectrum *= amplitudes(gain, size, sample_rate, low_cut_hz)
    noise: Wave = fft.irfft(spectrum.view(np.complex64), size, overwrite_x=True)
    return np.ascontiguousarray(noise[..., : shape[-1]])


def _amplitudes(gain: Gain, size: int, sample_rate: float, low_cut_hz: float) -> Wave:
    """What the real and the imaginary part of each bin of an FFT of `size` are multiplied by, one after the other."""
    bins = size // 2 + 1
    amplitudes = np.zeros(2 * bins, np.float32)
    lowest = max(1, math.ceil(low_cut_hz * size / sample_rate))
    hertz = np.arange(lowest, bins, dtype=np.float32)
    hertz *= np.float32(sample_rate / size)
    real, imaginary = amplitudes[2 * lowest :: 2], amplitudes[2 * lowest + 1 :: 2]
    np.multiply(gain(hertz), np.float32(math.sqrt(size / 2)), out=real)
    imaginary[:] = real
    return amplitudes


_kept_amplitudes = lru_cache(maxsize=8)(_amplitudes)  # of at most 2 MB each


def _pink(hertz: Wave) -> Wave:
    gain: Wave = np.reciprocal(np.sqrt(hertz))
    return gain


def _brown(hertz: Wave) -> Wave:
    gain: Wave = np.reciprocal(hertz)
    return gain


def _check(snr_db_range: tuple[float, float], low_cut_hz: float) -> None:
    check_range("snr_db_range", snr_db_range, -100.0, 100.0, falling=True)
    check_number("low_cut_hz", low_cut_hz, 1, 1000, "Hz")
