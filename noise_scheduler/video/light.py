"""Light and exposure that change from frame to frame.

Grey levels are decoded to linear light with the sRGB transfer function (IEC 61966-2-1), where exposure is a factor,
and encoded again, clipped at white.

Public: `Flicker`, `ExposurePumping`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..image.exposure import dithered_index
from ..image.frames import frame_streams
from ..image.grain import look_up
from ..image.low_light import decode_steps, encode_steps, linear_to_srgb, srgb_to_linear
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..registry import register
from .timing import Doubles, Pixels, check_seconds, start_times

_DAMPING = 0.4  # of the exposure controller, as a share of critical damping: it overshoots by 25 %
_STEPS_REMEMBERED = 4
_DITHER_STEPS = 16


@register("video/flicker", stage="scene")
@dataclass(frozen=True, slots=True)
class Flicker:
    """Light the scene with a lamp on the mains: the picture pulses, and dark bands roll through it.

    The lamp goes bright and dark twice in a mains cycle, from a ripple to the short pulses of a dimmed LED: the
    logarithm of its light is a cosine whose swing rises along `depth_ev_range`, at a constant mean, with a short
    exposure. Frames sample it at `fps`, so the pulse is seen at the aliased frequency |lamp − k · fps| for the nearest
    k; rows are read one after another, which turns it into bands.
    Achieved: `depth_ev`; `modulation`, (max − min) / (max + min); `flicker_hz`, the aliased frequency.
    Source: per cent flicker of IEEE 1789; rolling-shutter bands as in Sheinin, Schechner & Kutulakos, "Computational
    imaging on the electric grid", CVPR 2017.
    """

    depth_ev_range: Range = (0.1, 20.0)
    """Brightest to darkest light of the lamp (mild, extreme), EV; level moves along it in equal ratios, below level .05
    it shrinks further, to nothing at 0."""
    mains_hz: tuple[float, ...] = (50.0, 60.0)
    """Frequencies of the mains, of which one is drawn per clip; the lamp has twice that."""
    mains_tolerance_hz: float = 0.2
    """Largest deviation of the mains, uniformly drawn per clip; with it, bands roll even where fps divides the lamp."""
    readout_ms: float = 20.0
    """Time from the reading of the first row to that of the last, at most a frame's; 0 for a global shutter."""

    def __post_init__(self) -> None:
        check_range("depth_ev_range", self.depth_ev_range, 1e-3, 60.0)
        if not self.mains_hz or not all(0 < hz < math.inf for hz in self.mains_hz):
            raise ValueError(f"mains_hz must be one or more positive frequencies, not {self.mains_hz!r}")
        if not 0 <= self.mains_tolerance_hz < min(self.mains_hz):
            raise ValueError(f"mains_tolerance_hz must be in [0, mains_hz), not {self.mains_tolerance_hz!r}")
        if not 0 <= self.readout_ms < math.inf:
            raise ValueError(f"readout_ms must be at least 0 and finite, not {self.readout_ms!r}")

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Light a clip (T, H, W, C), uint8."""
        depth_ev = loglerp(self.depth_ev_range, level) * fade_in(level)
        mains_hz = self.mains_hz[int(rng.integers(len(self.mains_hz)))]
        lamp_hz = 2 * (mains_hz + self.mains_tolerance_hz * rng.uniform(-1, 1))
        phase = rng.random()
        height = clip.shape[1]
        row_s = min(self.readout_ms / 1000, 1 / fps) * np.arange(height) / height
        time_s = np.arange(first_frame, first_frame + len(clip))[:, None] / fps + row_s
        swing = depth_ev * math.log(2) / 2
        gains = np.exp(swing * np.cos(2 * np.pi * (lamp_hz * time_s + phase))) / np.i0(swing)
        noisy = np.empty(clip.shape, np.uint8)
        for out, frame, gain in zip(noisy, clip, gains.astype(np.float32), strict=True):
            steps = decode_steps(np.ascontiguousarray(frame))
            steps *= gain[:, None, None]
            out[...] = encode_steps(steps)
        achieved = {
            "depth_ev": depth_ev,
            "modulation": math.tanh(swing),
            "flicker_hz": abs(lamp_hz - fps * round(lamp_hz / fps)),
        }
        return noisy, achieved


@register("video/exposure_pumping")
@dataclass(frozen=True, slots=True)
class ExposurePumping:
    """Let the automatic exposure hunt: it steps too far, overshoots, swings back, and does not settle.

    The controller aims too high and too low in turn, by half to all of half the swing, and follows its aim as a damped
    oscillator does, which takes it up to a quarter of the swing beyond. The swing rises along `swing_ev_range`. What is
    brightened is dithered within its 8-bit steps.
    Achieved: `swing_ev`, and `exposure_ev`, the root mean square change over the clip.
    Source: closed-loop exposure control of Kuno, Sugiura & Matoba, "A new automatic exposure system for digital still
    cameras", IEEE TCE 1998; step response of a second-order system.
    """

    swing_ev_range: Range = (0.1, 5.5)
    """Between the highest and the lowest aim (mild, extreme), EV; level moves along it linearly, below level .05 it
    shrinks further, to nothing at 0."""
    interval_s: float = 1.0
    """Mean time from one step of the aim to the next, s; it varies by half of that."""
    lag_s: float = 0.08
    """Time constant of the controller, s, at most a sixth of the interval; it swings with a period of 6.9 of these."""

    def __post_init__(self) -> None:
        check_range("swing_ev_range", self.swing_ev_range, 0.0, 60.0)
        check_seconds("interval_s", self.interval_s)
        if not 0 < self.lag_s <= self.interval_s / 6:
            raise ValueError(f"lag_s must be in (0, interval_s / 6], {self.interval_s / 6:g}, not {self.lag_s!r}")

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Change the exposure of a clip (T, H, W, C), uint8."""
        swing_ev = lerp(self.swing_ev_range, level) * fade_in(level)
        time_s = np.arange(first_frame, first_frame + len(clip)) / fps
        exposures_ev = swing_ev * self._hunting(rng, time_s)
        noisy = np.empty(clip.shape, np.uint8)
        streams = frame_streams(rng, len(clip), first_frame)
        for out, frame, exposure_ev, stream in zip(noisy, clip, exposures_ev, streams, strict=True):
            light = np.minimum(_dithered_light() * 2.0**exposure_ev, 1)
            codes = np.rint(255 * linear_to_srgb(light)).astype(np.uint8)
            out[...] = look_up(dithered_index(frame, stream), codes).reshape(frame.shape)
        exposure_ev = float(np.sqrt(np.mean(exposures_ev**2)))
        return noisy, {"swing_ev": swing_ev, "exposure_ev": exposure_ev}

    def _hunting(self, rng: np.random.Generator, time_s: Doubles) -> Doubles:
        """(T,): exposure over swing. After each step of the aim, what is left of the last few steps rings on."""
        lookback_s = 1.5 * (_STEPS_REMEMBERED + 1) * self.interval_s
        starts_s, draws, numbers = start_times(rng, time_s, interval_s=self.interval_s, lookback_s=lookback_s)
        up = (numbers + rng.integers(2)) % 2 == 0
        aims = np.where(up, 1, -1) * (0.25 + 0.25 * draws)
        latest = np.searchsorted(starts_s, time_s, side="right")[:, None] - 1 - np.arange(_STEPS_REMEMBERED)
        steps = aims[latest] - aims[latest - 1]
        followed = steps * self._response(time_s[:, None] - starts_s[latest])
        exposure: Doubles = aims[latest[:, -1] - 1] + followed.sum(1)
        return exposure

    def _response(self, since_s: Doubles) -> Doubles:
        """How far a controller is on the way to its aim some seconds after a step: a damped second-order system."""
        swing = math.sqrt(1 - _DAMPING**2)
        angle = swing * since_s / self.lag_s
        decay = np.exp(-_DAMPING * since_s / self.lag_s)
        response: Doubles = 1 - decay * (np.cos(angle) + _DAMPING / swing * np.sin(angle))
        return response


@cache
def _dithered_light() -> Doubles:
    """Linear light in [0, 1] of the sixteenths of grey levels that `dithered_index` counts, (4096,)."""
    sixteenths = (np.arange(256 * _DITHER_STEPS) + 0.5) / _DITHER_STEPS - 0.5
    table = srgb_to_linear(np.clip(sixteenths / 255, 0, 1))
    table.setflags(write=False)
    return table
