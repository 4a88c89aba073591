"""Severity of noises that move sound in time or pitch: similarity after alignment, and what was lost or hurried.

Such a noise is run on the wave with two channels more, so quiet (-120 dB) that nothing hears them: a ramp, the time
code, and a tone. What becomes of the ramp says, to a fraction of a sample, when each moment of the noisy wave was said;
what becomes of the tone, at which pitch. The noise says so with ``severity_measure: ClassVar[str] = "time_aligned"``.
What is kept of the clean wave is the product of

- the share of it that is still heard at some time, frames counting as in `noise_scheduler.severity.speech`;
- what is left of that: the structural similarity to the clean frames that were said at that time, in bands moved to
  the new pitch, times 1 / (1 + (ln rate / ln 3)²) and 1 / (1 + (ln pitch / ln 2)²). The rate is that at which they are
  played over a tenth of a second: three times as fast, or a third as fast, halves what is left, and so does an octave
  up or down. Listeners follow time-compressed speech about that far (Dupoux and Green, "Perceptual adjustment to
  highly compressed speech", JEP: HPP 1997), and speech whose frequencies are moved up or down somewhat less far (Fu
  and Shannon, "Recognition of spectrally degraded and frequency-shifted vowels in acoustic and electric hearing",
  JASA 1999); so do recognisers (``python -m benchmarks.harm_speech``).

Public: `time_coded`, `against_time_coded`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .speech import Likeness, frames, picture_of, shares_of

_CODE = np.float32(1e-6)  # of the first moment; of the last one twice as much
_CODED = 0.9  # below this share of it there is no code: silence, or what a noise has filled in
_TONE = 2 * math.pi / 32  # radians a sample: its frequency may be halved or doubled four times
_HALF_KEPT_RATE, _HALF_KEPT_PITCH = math.log(3.0), math.log(2.0)
_SLOWEST = 0.05  # rate, and lowest pitch
_REACH = 4  # frames to either side, over which the rate is measured

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Measure = Callable[[Any], float]


def time_coded(wave: Floats) -> Floats:
    """A wave (samples,) or (channels, samples) float32 with the time code and the tone as its last two channels."""
    samples = wave.shape[-1]
    code = np.linspace(_CODE, 2 * _CODE, samples, dtype=np.float32)
    tone = _CODE * np.cos(_TONE * np.arange(samples)).astype(np.float32)
    return np.concatenate([np.atleast_2d(wave), code[None], tone[None]])


def against_time_coded(clean: Floats, *, sample_rate: float) -> Measure:
    """Severity in [0, 1] of what a noise made of a `time_coded` wave, given that wave without the code."""
    waves = np.atleast_2d(clean)

    def severity(noisy: Floats) -> float:
        said = _said(noisy[-2].astype(np.float64))
        pitch = _pitch(noisy[-1].astype(np.float64), np.isfinite(said))
        return float(np.mean([_lost(*both, said, pitch, sample_rate) for both in zip(waves, noisy[:-2], strict=True)]))

    return severity


def _said(code: Doubles) -> Doubles:
    """Which clean sample each noisy one is, NaN for those that are none."""
    return np.where(code > _CODED * _CODE, (code / _CODE - 1) * (len(code) - 1), np.nan)


def _pitch(tone: Doubles, there: npt.NDArray[np.bool_]) -> float:
    """Factor on the frequency of the tone, 1 where nothing is left of it: x[n - 1] + x[n + 1] = 2 cos ω x[n]."""
    inside = there[:-2] & there[1:-1] & there[2:]
    middle, beside = tone[1:-1][inside], (tone[:-2] + tone[2:])[inside]
    if not middle.any():
        return 1.0
    cosine = float(middle @ beside) / (2 * float(middle @ middle))
    return max(math.acos(min(1.0, max(-1.0, cosine))) / _TONE, _SLOWEST)


def _lost(clean: Floats, noisy: Floats, said: Doubles, pitch: float, sample_rate: float) -> float:
    shares = shares_of(picture_of(clean, sample_rate, pitch=1.0))
    if not shares.any():
        return 0.0
    hop, window = frames(sample_rate)
    shown = picture_of(noisy, sample_rate, pitch=pitch)
    count, latest = shown.shape[1], max(0, len(clean) - window)
    firsts = np.arange(count) * hop
    centres = np.minimum(firsts + window // 2, len(said) - 1)
    starts = said[centres] - (centres - firsts)  # of the clean frame that each noisy one shows
    heard = (starts > -hop) & (starts < latest + hop)
    if not heard.any():
        return 1.0
    places = np.clip(np.rint(starts[heard]), 0, latest).astype(np.intp)
    there = Likeness(picture_of(clean, sample_rate, places, pitch=1.0))
    left = np.maximum(there.of_frames(shown[:, heard]), 0)
    left = left / (1 + (np.log(_rates(starts, hop)[heard]) / _HALF_KEPT_RATE) ** 2)
    left = left / (1 + (math.log(pitch) / _HALF_KEPT_PITCH) ** 2)
    return max(0.0, 1 - _played(shares, said, sample_rate) * float(there.shares @ left))


def _played(shares: Doubles, said: Doubles, sample_rate: float) -> float:
    """How much of the clean wave is heard at some time, in [0, 1]: of its frames what lies between moments played."""
    hop, window = frames(sample_rate)
    borders = np.r_[0, np.arange(1, len(shares)) * hop + (window - hop) / 2, len(said) - 1]
    moments = np.r_[0, np.sort(said[np.isfinite(said)]), len(said) - 1]
    before = np.interp(moments, borders, np.r_[0, np.cumsum(shares)])
    return float(np.diff(before)[np.diff(moments) < hop].sum())


def _rates(starts: Doubles, hop: int) -> Doubles:
    """Clean samples for one noisy sample, around each frame; 1 where only one side of it was ever said."""
    index = np.arange(len(starts))
    after, before = np.minimum(index + _REACH, len(starts) - 1), np.maximum(index - _REACH, 0)
    rate = np.abs(starts[after] - starts[before]) / (hop * np.maximum(after - before, 1))
    return np.where(np.isfinite(rate) & (after > before), np.maximum(rate, _SLOWEST), 1.0)
