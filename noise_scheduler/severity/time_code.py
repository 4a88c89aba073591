"""Severity of noises that move sound in time: similarity after alignment, and what was lost or hurried.

Such a noise is run on the wave with a time code as one channel more, a ramp so quiet (-120 dB) that nothing hears it.
What becomes of the code says, to a fraction of a sample, when each moment of the noisy wave was said. The noise says
so with ``severity_measure: ClassVar[str] = "time_aligned"``. What is kept of the clean wave is the product of

- the share of its frames that are still heard at some time;
- what is left of those on average: their structural similarity to the clean frames that were said at that time
  (`noise_scheduler.severity.speech`), times 1 / (1 + (ln rate / ln 3)²), the rate being that at which they are played
  over a tenth of a second: three times as fast, or a third as fast, halves it. Listeners follow time-compressed speech
  about that far (Dupoux and Green, "Perceptual adjustment to highly compressed speech", JEP: HPP 1997), and so do
  recognisers (``python -m benchmarks.harm_speech``).

Public: `time_coded`, `against_time_coded`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .speech import Likeness, frames, picture_of

_CODE = np.float32(1e-6)  # of the first moment; of the last one twice as much
_CODED = 0.9  # below this share of it there is no code: silence, or what a noise has filled in
_HALF_KEPT = math.log(3.0)
_SLOWEST = 0.05
_REACH = 4  # frames to either side, over which the rate is measured

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Measure = Callable[[Any], float]


def time_coded(wave: Floats) -> Floats:
    """A wave (samples,) or (channels, samples) float32 with the time code as its last channel."""
    code = np.linspace(_CODE, 2 * _CODE, wave.shape[-1], dtype=np.float32)
    return np.concatenate([np.atleast_2d(wave), code[None]])


def against_time_coded(clean: Floats, *, sample_rate: float) -> Measure:
    """Severity in [0, 1] of what a noise made of a `time_coded` wave, given that wave without the code."""
    waves = np.atleast_2d(clean)

    def severity(noisy: Floats) -> float:
        said = _said(noisy[-1].astype(np.float64))
        return float(np.mean([_lost(*both, said, sample_rate) for both in zip(waves, noisy[:-1], strict=True)]))

    return severity


def _said(code: Doubles) -> Doubles:
    """Which clean sample each noisy one is, NaN for those that are none."""
    return np.where(code > _CODED * _CODE, (code / _CODE - 1) * (len(code) - 1), np.nan)


def _lost(clean: Floats, noisy: Floats, said: Doubles, sample_rate: float) -> float:
    if not clean.any():
        return 0.0
    hop, window = frames(sample_rate)
    shown = picture_of(noisy, sample_rate)
    count, latest = shown.shape[1], max(0, len(clean) - window)
    firsts = np.arange(count) * hop
    centres = np.minimum(firsts + window // 2, len(said) - 1)
    starts = said[centres] - (centres - firsts)  # of the clean frame that each noisy one shows
    heard = (starts > -hop) & (starts < latest + hop)
    if not heard.any():
        return 1.0
    places = np.clip(np.rint(np.where(heard, starts, 0)), 0, latest).astype(np.intp)
    likeness = Likeness(picture_of(clean, sample_rate, places) * heard).to(shown).mean(0)
    left = np.maximum(likeness, 0) / (1 + (np.log(_rates(starts, hop)) / _HALF_KEPT) ** 2)
    played = np.unique(np.clip(np.rint((said[np.isfinite(said)] - window / 2) / hop), 0, count - 1))
    kept: float = len(played) / count * min(1.0, float(left[heard].mean()))
    return 1 - kept


def _rates(starts: Doubles, hop: int) -> Doubles:
    """Clean samples for one noisy sample, around each frame; 1 where only one side of it was ever said."""
    index = np.arange(len(starts))
    after, before = np.minimum(index + _REACH, len(starts) - 1), np.maximum(index - _REACH, 0)
    rate = np.abs(starts[after] - starts[before]) / (hop * np.maximum(after - before, 1))
    return np.where(np.isfinite(rate) & (after > before), np.maximum(rate, _SLOWEST), 1.0)
