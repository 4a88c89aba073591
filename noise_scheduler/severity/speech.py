"""Severity of sound: how far a wave's auditory picture has lost the structure of the clean one.

1 - NSIM (Hines & Harte, "Speech intelligibility prediction using a Neurogram Similarity Index Measure", Speech
Communication 2012), NSIM being the structural similarity (Wang et al., IEEE TIP 2004) of two pictures of the sound:
here of its level in dB in 40 mel bands up to 7.8 kHz, 100 times a second, from 50 dB below the loudest hundredth of
the cells upwards. Each wave is compared with its own loudest cells, so that gain and polarity make no difference. A
delay is charged heavily: 20 ms cost .4.

Public: `against_audio`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need

_WINDOW_S, _HOP_S, _FFT_S = 0.025, 0.010, 0.032
_BANDS = 40
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7800.0
_HIGHEST_SHARE = 0.4875  # of a sample rate that does not reach 7.8 kHz
_RANGE_DB, _ABOVE_DB = 50.0, 5.0  # below and above the loudest cells
_LOUDEST = 99.0  # percentile
_SILENT = 1e-12  # power in a band, of a wave in [-1, 1]
_SIGMA, _RADIUS = 1.5, 4  # of the similarity's window, cells
_C1, _C2 = (0.01 * _RANGE_DB) ** 2, (0.03 * _RANGE_DB) ** 2
_FRAMES_AT_ONCE = 24  # a product small enough for BLAS not to share it among threads, which costs more than it brings

Floats = npt.NDArray[np.float32]
Measure = Callable[[Any], float]


def against_audio(clean: Floats, *, sample_rate: float) -> Measure:
    """1 - NSIM of waves (samples,) or (channels, samples) float32 against a clean one, the mean over channels."""
    channels = [_Clean(channel, float(sample_rate)) for channel in np.atleast_2d(clean)]
    return lambda noisy: float(
        np.mean([one.severity(wave) for one, wave in zip(channels, np.atleast_2d(noisy), strict=True)])
    )


class _Clean:
    """What is known of a channel of the clean wave."""

    def __init__(self, wave: Floats, sample_rate: float) -> None:
        self.rate = sample_rate
        self.picture = _picture(wave, sample_rate)
        self.mean, square = _smooth(np.stack([self.picture, self.picture * self.picture]))
        self.variance = np.maximum(square - self.mean * self.mean, 0)

    def severity(self, wave: Floats) -> float:
        if not self.picture.any():
            return 0.0
        noisy = _picture(wave, self.rate)
        mean, square, product = _smooth(np.stack([noisy, noisy * noisy, self.picture * noisy]))
        variance = np.maximum(square - mean * mean, 0)
        level = (2 * self.mean * mean + _C1) / (self.mean * self.mean + mean * mean + _C1)
        structure = (2 * (product - self.mean * mean) + _C2) / (self.variance + variance + _C2)
        return min(1.0, max(0.0, 1 - float((level * structure).mean(dtype=np.float64))))


def _picture(wave: Floats, sample_rate: float) -> Floats:
    """(bands, frames), dB above the level that lies 50 dB below the loudest cells."""
    fft = need("scipy.fft", extra="audio")
    window, size, bank = _analysis(sample_rate)
    hop = max(1, round(_HOP_S * sample_rate))
    if len(wave) < len(window):
        wave = np.pad(wave, (0, len(window) - len(wave)))
    frames = np.lib.stride_tricks.sliding_window_view(wave, len(window))[::hop]
    power = np.empty((len(frames), _BANDS), np.float32)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        spectrum = fft.rfft(frames[part] * window, size, axis=1)
        np.matmul(spectrum.real**2 + spectrum.imag**2, bank, out=power[part])
    power += np.float32(_SILENT)
    level = np.log10(power, out=power)
    level *= 10
    lowest = np.percentile(level, _LOUDEST) - _RANGE_DB
    level -= np.float32(max(lowest, 10 * math.log10(_SILENT)))
    return np.clip(level.T, 0, _RANGE_DB + _ABOVE_DB)


@lru_cache(maxsize=16)
def _analysis(sample_rate: float) -> tuple[Floats, int, Floats]:
    """Window, length of the transform, and triangular mel filters (frequencies, bands)."""
    length = max(2, round(_WINDOW_S * sample_rate))
    size = need("scipy.fft", extra="audio").next_fast_len(max(length, round(_FFT_S * sample_rate)), real=True)
    highest = min(_HIGHEST_HZ, _HIGHEST_SHARE * sample_rate)
    lowest = min(_LOWEST_HZ, highest / 2)
    mel = np.linspace(math.log1p(lowest / 700), math.log1p(highest / 700), _BANDS + 2)
    edges = 700 * np.expm1(mel)
    frequencies = np.arange(size // 2 + 1) * sample_rate / size
    rise = (frequencies[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - frequencies[:, None]) / np.diff(edges)[1:]
    bank = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    return np.hanning(length).astype(np.float32), size, bank


def _smooth(pictures: Floats) -> Floats:
    """Gaussian means in windows of 9 x 9 cells, mirrored at the borders; (pictures, bands, frames)."""
    taps = np.exp(-0.5 * (np.arange(_RADIUS + 1) / _SIGMA) ** 2)
    taps = (taps / (2 * taps.sum() - 1)).astype(np.float32)
    _, bands, frames = pictures.shape
    rows = np.pad(pictures, ((0, 0), (_RADIUS, _RADIUS), (0, 0)), mode="symmetric")
    pictures = _weighted([rows[:, shift : shift + bands] for shift in range(2 * _RADIUS + 1)], taps)
    columns = np.pad(pictures, ((0, 0), (0, 0), (_RADIUS, _RADIUS)), mode="symmetric")
    return _weighted([columns[..., shift : shift + frames] for shift in range(2 * _RADIUS + 1)], taps)


def _weighted(shifted: list[Floats], taps: Floats) -> Floats:
    """The sum of pictures, the middle one having the first weight, and those beside it the next ones."""
    total: Floats = taps[0] * shifted[_RADIUS]
    for distance in range(1, _RADIUS + 1):
        total += taps[distance] * (shifted[_RADIUS - distance] + shifted[_RADIUS + distance])
    return total
