"""Background noise at a signal-to-noise ratio: white noise, or recordings from a folder.

The SNR is the active speech level after ITU-T P.56 (`noise_scheduler.audio.speech_level`) less the RMS level of
the noise over the sample, in dB. Where the input is digital silence, the noise has the level that it would have
beside speech of −26 dBov, the nominal level of ITU-T P.56 test material.

Recordings are mixed to one channel, resampled and closed into a loop with a short equal-power crossfade;
`noise_scheduler.audio.recordings` says how they are found, read and kept.

Public: `Background`, registered as ``audio/background``; `WhiteNoise`, registered as ``audio/white_noise``;
`add_noise`, `white`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import check_range, lerp
from ..registry import register
from .recordings import check_folder, draw_stretch, recordings
from .speech_level import active_power, energy

Wave = npt.NDArray[np.float32]

NOMINAL_SPEECH_POWER = 10**-2.6
_QUIETEST_EXCERPT = 1e-4  # of the power of its recording: a pause is not blown up beyond 40 dB


@register("audio/white_noise", version=2)
@dataclass(frozen=True, slots=True)
class WhiteNoise:
    """Add white Gaussian noise at a speech-active SNR, independent in each channel.

    The SNR falls along `snr_db_range` with the level. On real speech the default passes from hardly audible over a
    severity of .58 at 8 dB to one of .81.

    Source: ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (45.0, -10.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        noise = white(wave.shape, rng)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)


@register("audio/background", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Background:
    """Add a stretch of a recording from a folder, or white noise, at a speech-active SNR.

    The SNR falls along `snr_db_range` with the level. Recording and starting point are drawn anew for every
    sample; a recording shorter than the sample is looped without clicks. All channels hear the same noise. The
    record names the recording and where in it the stretch begins.

    Source: ITU-T P.56 for the speech level.
    """

    folder: str = ""
    """Folder with recordings (WAV, FLAC, OGG), searched with its subfolders; empty for white noise."""
    snr_db_range: tuple[float, float] = (45.0, -10.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_folder(self.folder)
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        if not self.folder:
            noisy, achieved = WhiteNoise(self.snr_db_range)(wave, level, rng, sample_rate=sample_rate)
            return noisy, {**achieved}
        files = recordings(self.folder)
        file = files[int(rng.integers(len(files)))]
        stretch = draw_stretch(self.folder, file, wave.shape[-1], sample_rate, rng)
        least_power = _QUIETEST_EXCERPT * stretch.power
        snr_db = lerp(self.snr_db_range, level)
        noisy, achieved = add_noise(wave, stretch.wave, snr_db, sample_rate, least_power=least_power)
        return noisy, {**achieved, "recording": stretch.recording, "start_s": stretch.start_s}


def add_noise(
    wave: Wave, noise: Wave, snr_db: float, sample_rate: float, *, least_power: float = 0.0
) -> tuple[Wave, dict[str, float]]:
    """`wave` + `noise` at a speech-active SNR.

    Args:
        wave: (samples,) or (channels, samples), left as it is.
        noise: of the same shape, or (samples,) for all channels; scaled in place.
        snr_db: the SNR, in dB.
        sample_rate: of both, in Hz.
        least_power: noise of less power than this is scaled as if it had this much, and is then softer.

    Returns:
        The noisy wave and the SNR in dB that was achieved.
    """
    speech_power = active_power(wave, sample_rate) or NOMINAL_SPEECH_POWER
    noise_power = energy(noise) / noise.size
    if noise_power == 0:
        return wave.copy(), {}
    assumed_power = max(noise_power, least_power)
    noise *= np.float32(math.sqrt(speech_power / assumed_power * 10 ** (-snr_db / 10)))
    noisy = np.add(wave, noise, out=noise) if noise.shape == wave.shape else wave + noise
    return noisy, {"snr_db": snr_db + 10 * math.log10(assumed_power / noise_power)}


def white(shape: tuple[int, ...], rng: np.random.Generator) -> Wave:
    """Standard normal noise of 65,536 different values (up to 4.3 σ), seven times as fast as exact draws."""
    count = math.prod(shape)
    words = rng.integers(0, 1 << 64, -(-count // 4), dtype=np.uint64)  # four draws each
    draws = words.astype("<u8", copy=False).view("<u2")[:count]
    noise: Wave = _normal_quantiles().take(draws, mode="clip").reshape(shape)  # all are in range; clipping is faster
    return noise


@cache
def _normal_quantiles() -> Wave:
    middles = (np.arange(1 << 16) + 0.5) / (1 << 16)
    return np.asarray(need("scipy.special", extra="audio").ndtri(middles), dtype=np.float32)
