"""Another speed, tempo or pitch, and a clock that drifts. The wave keeps its sample count in all of them.

What is played faster ends early, and silence follows; of what is played slower, the end is cut off. Time stamps of
words, where they are known, move by the factor in the record.

Pitch and speed carry emotion and identity: training on them at levels that a listener notices may change what the
label means. Their classes say so (`affects_label`).

Public: `Pitch`, registered as ``audio/pitch``; `Speed`, registered as ``audio/speed``; `Tempo`, registered as
``audio/tempo``; `ClockDrift`, registered as ``audio/clock_drift``.

`noise_scheduler.audio.time_scale` has the resampling and the stretching.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .time_scale import resampled, stretched

Wave = npt.NDArray[np.float32]

DIRECTIONS = ("either", "up", "down")


@register("audio/pitch", stage="source", version=2)
@dataclass(frozen=True, slots=True)
class Pitch:
    """Shift the pitch of the voice, formants and all, at its own tempo. May change an emotion label.

    The shift grows along `semitones_range`, upwards or downwards.
    Achieved: `semitones`, negative for downwards.
    Source: resampling and WSOLA, Verhelst and Roelands, ICASSP 1993.
    """

    affects_label: ClassVar[bool] = True
    severity_measure: ClassVar[str] = "time_aligned"

    semitones_range: Range = (0.05, 16.0)
    """Shift (mild, extreme) in semitones, in [0.001, 36]; level moves along it in equal ratios, and below level .05 to
    nothing at 0."""
    direction: str = "either"
    """ "up", "down" or "either", one of the two being drawn for each sample."""

    def __post_init__(self) -> None:
        check_range("semitones_range", self.semitones_range, 0.001, 36.0)
        _check_direction(self.direction)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Shift a wave (samples,) or (channels, samples), float32."""
        semitones = loglerp(self.semitones_range, level) * fade_in(level) * _sign(self.direction, rng)
        rate = 2 ** (semitones / 12)
        samples = wave.shape[-1]
        read = resampled(wave, rate, math.ceil(samples / rate))
        return stretched(read, 1 / rate, samples, sample_rate), {"semitones": semitones}


@register("audio/speed", stage="source", version=2)
@dataclass(frozen=True, slots=True)
class Speed:
    """Play the wave faster or slower, as a tape does: tempo and pitch change together. May change an emotion label.

    The change grows along `change_range`. Faster speech is followed by silence; slower speech loses its end.
    Achieved: `speed`, 1 being unchanged.
    Source: speed perturbation, Ko, Peddinti, Povey and Khudanpur, "Audio augmentation for speech recognition",
    Interspeech 2015.
    """

    affects_label: ClassVar[bool] = True
    severity_measure: ClassVar[str] = "time_aligned"

    change_range: Range = (0.002, 1.0)
    """Change of speed (mild, extreme), in [1e-5, 7]: at .1 the wave is played 1.1 times as fast, or 1.1 times as slow.
    Level moves along it in equal ratios, and below level .05 to nothing at 0."""
    direction: str = "either"
    """ "up" (faster), "down" (slower) or "either", one of the two being drawn for each sample."""

    def __post_init__(self) -> None:
        check_range("change_range", self.change_range, 1e-5, 7.0)
        _check_direction(self.direction)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Play a wave (samples,) or (channels, samples), float32, at another speed."""
        speed = _speed(self.change_range, level, self.direction, rng)
        return resampled(wave, speed, wave.shape[-1]), {"speed": speed}


@register("audio/tempo", stage="source")
@dataclass(frozen=True, slots=True)
class Tempo:
    """Let the speaker talk faster or slower at the same pitch. May change what an emotion label means.

    The change grows along `change_range`. Faster speech is followed by silence; slower speech loses its end, and is
    therefore slowed down by the square root only.
    Achieved: `tempo`, 1 being unchanged.
    Source: WSOLA, Verhelst and Roelands, ICASSP 1993.
    """

    affects_label: ClassVar[bool] = True
    severity_measure: ClassVar[str] = "time_aligned"

    change_range: Range = (0.002, 5.0)
    """Change of tempo (mild, extreme), in [1e-5, 7]: at .21 the speech is 1.21 times as fast, or 1.1 times as slow.
    Level moves along it in equal ratios, and below level .05 to nothing at 0."""
    direction: str = "either"
    """ "up" (faster), "down" (slower) or "either", one of the two being drawn for each sample."""

    def __post_init__(self) -> None:
        check_range("change_range", self.change_range, 1e-5, 7.0)
        _check_direction(self.direction)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Stretch or compress a wave (samples,) or (channels, samples), float32."""
        tempo = _speed(self.change_range, level, self.direction, rng)
        tempo = tempo if tempo > 1 else math.sqrt(tempo)
        return stretched(wave, tempo, wave.shape[-1], sample_rate), {"tempo": tempo}


@register("audio/clock_drift", stage="channel")
@dataclass(frozen=True, slots=True)
class ClockDrift:
    """Let the recorder's clock run fast or slow: sound slips against time, the further the longer it goes on.

    The drift grows along `drift_ppm_range`: crystals are off by 20–100 ppm, sound cards in use by up to some hundreds.
    Achieved: `drift_ppm`, positive where the sound comes too early, and `slip_ms`, how far it is off at the end.
    Source: sampling rate offset, Miyabe, Ono and Makino, "Blind compensation of interchannel sampling frequency
    mismatch for ad hoc microphone array", Signal Processing 107 (2015).
    """

    severity_measure: ClassVar[str] = "time_aligned"

    drift_ppm_range: Range = (300.0, 1e5)
    """Drift (mild, extreme) in millionths, in [0.1, 500000]; level moves along it in equal ratios, and below level .05
    to nothing at 0."""
    direction: str = "either"
    """ "up" (the sound comes too early), "down" (too late) or "either", one of the two being drawn for each sample."""

    def __post_init__(self) -> None:
        check_range("drift_ppm_range", self.drift_ppm_range, 0.1, 5e5)
        _check_direction(self.direction)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Resample a wave (samples,) or (channels, samples), float32, by a little."""
        ppm = loglerp(self.drift_ppm_range, level) * fade_in(level) * _sign(self.direction, rng)
        samples = wave.shape[-1]
        noisy = resampled(wave, 1 + ppm * 1e-6, samples)
        return noisy, {"drift_ppm": ppm, "slip_ms": 1e-3 * ppm * samples / sample_rate}


def _speed(change: Range, level: float, direction: str, rng: np.random.Generator) -> float:
    factor = 1 + loglerp(change, level) * fade_in(level)
    return factor if _sign(direction, rng) > 0 else 1 / factor


def _sign(direction: str, rng: np.random.Generator) -> float:
    upwards = rng.random() < 0.5
    return 1.0 if direction == "up" or (direction == "either" and upwards) else -1.0


def _check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(map(repr, DIRECTIONS))}, not {direction!r}")
