"""Severity of sound: how far a wave's auditory picture has lost the structure of the clean one.

1 - NSIM (Hines & Harte, "Speech intelligibility prediction using a Neurogram Similarity Index Measure", Speech
Communication 2012), NSIM being the structural similarity (Wang et al., IEEE TIP 2004) of two pictures of the sound:
here of its level in dB in 40 mel bands up to 7.8 kHz, 100 times a second, from 50 dB below the loudest hundredth of
the cells upwards. Each wave is compared with its own loudest cells, so that gain and polarity make no difference.

Two things differ from the mean over all cells, for what recognisers lose (``python -m benchmarks.harm_speech``). A
frame counts as much as its level, the mean over bands, stands above the lowest one in the clean wave: noise in a pause
hides no word. And of the mean difference of each band over those frames, the colour that a room, a line or a
microphone gives to all of the speech, half is taken off first: listeners and recognisers make up for much of it
(Watkins, "Central, auditory mechanisms of perceptual compensation for spectral-envelope distortion", JASA 1991;
cepstral mean normalisation).

A delay is charged heavily, 20 ms with .4, although recognisers do not mind it: `noise_scheduler.severity.time_code` has
the measure of noises that move sound in time or pitch.

Public: `against_audio`, `Likeness`, `picture_of`, `shares_of`, `frames`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need

WINDOW_S, HOP_S, _FFT_S = 0.025, 0.010, 0.032
_FINER = 4  # times as long a transform, where bands are moved
_BANDS = 40
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7800.0
_HIGHEST_SHARE = 0.4875  # of a sample rate that does not reach 7.8 kHz
_RANGE_DB, _ABOVE_DB = 50.0, 5.0  # below and above the loudest cells
_LOUDEST = 99.0  # percentile
_SILENT = 1e-12  # power in a band, of a wave in [-1, 1]
_SIGMA, _RADIUS = 1.5, 4  # of the similarity's window, cells
_FORGIVEN = 0.5  # of each band's mean difference
_C1, _C2 = (0.01 * _RANGE_DB) ** 2, (0.03 * _RANGE_DB) ** 2
_FRAMES_AT_ONCE = 24  # a product small enough for BLAS not to share it among threads, which costs more than it brings

Floats = npt.NDArray[np.float32]
Measure = Callable[[Any], float]


def against_audio(clean: Floats, *, sample_rate: float) -> Measure:
    """1 - NSIM of waves (samples,) or (channels, samples) float32 against a clean one, the mean over channels."""
    channels = [Likeness(picture_of(channel, sample_rate)) for channel in np.atleast_2d(clean)]

    def severity(noisy: Floats) -> float:
        waves = np.atleast_2d(noisy)
        return float(np.mean([_lost(one, wave, sample_rate) for one, wave in zip(channels, waves, strict=True)]))

    return severity


def _lost(clean: Likeness, wave: Floats, sample_rate: float) -> float:
    if not clean.shares.any():
        return 0.0
    return min(1.0, max(0.0, 1 - float(clean.shares @ clean.of_frames(picture_of(wave, sample_rate)))))


class Likeness:
    """Of noisy pictures of a sound to a clean one, the parts of which that depend on it alone are computed once."""

    def __init__(self, picture: Floats) -> None:
        self.picture = picture
        self.shares = shares_of(picture)
        self.mean, square = _smooth(np.stack([picture, picture * picture]))
        self.variance = np.maximum(square - self.mean * self.mean, 0)

    def of_frames(self, noisy: Floats) -> Floats:
        """Structural similarity of each frame, the mean over its bands, (frames,), in [-1, 1]."""
        colour = (noisy - self.picture) @ self.shares
        noisy = noisy - (_FORGIVEN * colour).astype(np.float32)[:, None]
        mean, square, product = _smooth(np.stack([noisy, noisy * noisy, self.picture * noisy]))
        variance = np.maximum(square - mean * mean, 0)
        level = (2 * self.mean * mean + _C1) / (self.mean * self.mean + mean * mean + _C1)
        structure = (2 * (product - self.mean * mean) + _C2) / (self.variance + variance + _C2)
        likeness: Floats = (level * structure).mean(0)
        return likeness


def shares_of(picture: Floats) -> npt.NDArray[np.float64]:
    """How much each frame of a picture counts, its level above the lowest one; of sum 1, all 0 where it is silent."""
    levels: npt.NDArray[np.float64] = picture.mean(0, dtype=np.float64)
    levels /= max(levels.sum(), 1e-9)
    return levels


def frames(sample_rate: float) -> tuple[int, int]:
    """Samples from one frame of a picture of sound to the next, and in each of them."""
    return max(1, round(HOP_S * sample_rate)), max(2, round(WINDOW_S * sample_rate))


def picture_of(
    wave: Floats, sample_rate: float, starts: npt.NDArray[np.intp] | None = None, *, pitch: float | None = None
) -> Floats:
    """(bands, frames), dB above the level that lies 50 dB below the loudest cells.

    Args:
        wave: (samples,).
        sample_rate: of it, Hz.
        starts: the first sample of each frame; None for one every 10 ms.
        pitch: factor on the frequencies of all bands, to look at a sound at another pitch; the spectrum is finer then,
            even where it is 1, so that what bands hold does not depend on where they lie.
    """
    fft = need("scipy.fft", extra="audio")
    window, size, bank = _analysis(sample_rate, pitch)
    if len(wave) < len(window):
        wave = np.pad(wave, (0, len(window) - len(wave)))
    cuts = np.lib.stride_tricks.sliding_window_view(wave, len(window))
    cuts = cuts[:: frames(sample_rate)[0]] if starts is None else cuts[starts]
    power = np.empty((len(cuts), _BANDS), np.float32)
    for start in range(0, len(cuts), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        spectrum = fft.rfft(cuts[part] * window, size, axis=1)
        np.matmul(spectrum.real**2 + spectrum.imag**2, bank, out=power[part])
    power += np.float32(_SILENT)
    level = np.log10(power, out=power)
    level *= 10
    lowest = np.percentile(level, _LOUDEST) - _RANGE_DB
    level -= np.float32(max(lowest, 10 * math.log10(_SILENT)))
    return np.clip(level.T, 0, _RANGE_DB + _ABOVE_DB)


@lru_cache(maxsize=16)
def _analysis(sample_rate: float, pitch: float | None) -> tuple[Floats, int, Floats]:
    """Window, length of the transform, and triangular mel filters (frequencies, bands)."""
    length = frames(sample_rate)[1]
    least = max(length, round(_FFT_S * sample_rate * (1 if pitch is None else _FINER)))
    size = need("scipy.fft", extra="audio").next_fast_len(least, real=True)
    highest = min(_HIGHEST_HZ, _HIGHEST_SHARE * sample_rate)
    lowest = min(_LOWEST_HZ, highest / 2)
    mel = np.linspace(math.log1p(lowest / 700), math.log1p(highest / 700), _BANDS + 2)
    edges = (pitch or 1.0) * 700 * np.expm1(mel)
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
