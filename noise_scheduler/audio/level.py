"""Recordings at the wrong level: too quiet, fading in and out, or with an offset.

Public: `Gain`, registered as ``audio/gain``; `Fading`, registered as ``audio/fading``; `DcOffset`, registered as
``audio/dc_offset``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_number, check_range, lerp
from ..registry import register
from .amplitude import peak_of
from .background import white
from .envelope import between_knots, knots_for, times_gain
from .speech_level import active_power, energy

Wave = npt.NDArray[np.float32]

_GRID = np.float32(2**15)  # steps of 16-bit audio per unit
_STEPS_PER_S, _STEPS_PER_KNOT = 125.0, 4.0  # at least
_STEPS_PER_FADE = 4.0


@register("audio/gain")
@dataclass(frozen=True, slots=True)
class Gain:
    """Record too quietly: the wave sinks into the recorder's own noise and into the steps of 16-bit audio.

    The loss of level rises along `loss_db_range`; the noise, white and independent in each channel, stays where it is.
    The result is not amplified again.

    Achieved: `gain_db`, `snr_db` (speech-active level over the RMS level of all that was added; not for silence).

    Source: noise floor and quantisation of a recorder (AES17-2020); ITU-T P.56 for the speech level.
    """

    loss_db_range: Range = (1.0, 80.0)
    """Loss of level in dB (mild, extreme), in [0, 120]; level moves along it linearly."""
    noise_floor_dbov: float = -80.0
    """RMS level of the recorder's noise in dB relative to a square wave at full scale, in [-140, 0]."""

    def __post_init__(self) -> None:
        check_range("loss_db_range", self.loss_db_range, 0.0, 120.0)
        check_number("noise_floor_dbov", self.noise_floor_dbov, -140, 0, "dB")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        gain_db = -lerp(self.loss_db_range, level)
        gain = 10 ** (gain_db / 20)
        quiet = wave * (np.float32(gain) * _GRID)  # in steps
        noisy = white(wave.shape, rng)
        noisy *= np.float32(10 ** (self.noise_floor_dbov / 20)) * _GRID
        noisy += quiet
        np.rint(noisy, out=noisy)
        added = energy(np.subtract(noisy, quiet, out=quiet)) / wave.size / float(_GRID) ** 2
        noisy *= 1 / _GRID
        speech = active_power(wave, sample_rate) * gain**2
        achieved = {"gain_db": gain_db}
        if speech > 0 and added > 0:
            achieved["snr_db"] = 10 * math.log10(speech / added)
        return noisy, achieved


@register("audio/fading", stage="channel")
@dataclass(frozen=True, slots=True)
class Fading:
    """Let the level wander slowly: a speaker who turns away, a radio link that fades.

    The deepest fades grow along `fade_db_range`. The gain in dB wanders smoothly between 0 and that depth, is at any
    moment equally likely to be anywhere between, and is the same for all channels.

    Achieved: `fade_db` (deepest loss in the sample), `mean_loss_db`.

    Source: slow (log-normal) fading of radio channels, Rappaport, "Wireless Communications", 2nd ed., 2002, ch. 4,
    here with a bounded depth.
    """

    fade_db_range: Range = (1.0, 200.0)
    """Depth of the deepest fades in dB (mild, extreme), in [0, 200]; level moves along it in equal steps."""
    fades_per_s: float = 0.5
    """Fades per second, in (0, 50]."""

    def __post_init__(self) -> None:
        check_range("fade_db_range", self.fade_db_range, 0.0, 200.0)
        check_number("fades_per_s", self.fades_per_s, 0, 50, "per second", above=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        step = max(1, round(sample_rate / max(_STEPS_PER_S, _STEPS_PER_KNOT * _STEPS_PER_FADE * self.fades_per_s)))
        steps = knots_for(step, wave.shape[-1])
        loss_db = lerp(self.fade_db_range, level) * _wandering(steps, self.fades_per_s * step / sample_rate, rng)
        gain = between_knots(np.exp(loss_db * (math.log(10) / -20)).astype(np.float32), step, wave.shape[-1])
        return times_gain(wave, gain), {"fade_db": float(loss_db.max()), "mean_loss_db": float(loss_db.mean())}


@register("audio/dc_offset")
@dataclass(frozen=True, slots=True)
class DcOffset:
    """Shift the zero line, as a faulty sound card does; what passes full scale is clipped.

    The offset grows along `offset_range`; its sign is drawn and is the same for all channels. Full scale is 1, or the
    wave's peak where that is beyond 1.

    Achieved: `offset`, `clipped_fraction`.

    Source: offset error and saturation of an analogue-to-digital converter (IEEE Std 1241).
    """

    offset_range: Range = (0.002, 1.4)
    """Offset as a share of full scale (mild, extreme), in [0, 2]; level moves along it linearly."""

    def __post_init__(self) -> None:
        check_range("offset_range", self.offset_range, 0.0, 2.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        full_scale = max(1.0, peak_of(wave))
        offset = lerp(self.offset_range, level) * (1 - 2 * int(rng.integers(2)))
        shifted = wave + np.float32(offset * full_scale)
        noisy = np.clip(shifted, np.float32(-full_scale), np.float32(full_scale))
        return noisy, {"offset": offset, "clipped_fraction": float(np.count_nonzero(noisy != shifted) / wave.size)}


def _wandering(steps: int, fades_per_step: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A smooth stationary curve of values uniform in [0, 1]: interpolated normal draws through their distribution."""
    knots_per_step = _STEPS_PER_FADE * fades_per_step
    at = rng.random() + np.arange(steps) * knots_per_step
    before = at.astype(np.int64)
    share = at - before
    draws = rng.standard_normal(int(before[-1]) + 4)
    # Cubic B-spline through independent draws: continuous curvature, and a variance that is divided out.
    square, left = share * share, 1 - share
    cube = square * share
    weights = np.stack([left * left * left, 3 * cube - 6 * square + 4, 3 * (share + square - cube) + 1, cube])
    curve = np.einsum("ij,ij->j", weights, draws[before + np.arange(4)[:, None]])
    curve /= np.sqrt(np.einsum("ij,ij->j", weights, weights))
    return np.asarray(need("scipy.special", extra="audio").ndtr(curve))
