"""Wrong exposure: too much light, light against the lens, and light astray inside it.

Grey levels are decoded to linear light with the sRGB transfer function (IEC 61966-2-1), where exposure is a factor
and stray light a sum, and encoded again. Where a picture is brightened, its own 8-bit steps would show as bands: they
are filled with a uniform dither of ± half a step, fresh in every frame, as a sensor's noise fills them.

Public: `OverExposure`, `ContrastLoss`, `Backlight`, `dithered_index`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..registry import register
from .byte_table import map_greys
from .drift import Held, check_time_constant, drifts, factors
from .frames import frame_streams
from .grain import look_up, paired, random_bytes
from .light import bands
from .low_light import LINEAR_STEPS, decoded, encode_steps, encoded, mean_light, srgb_to_linear

_LOG_DRIFT = 0.15
_LEAST_LIGHT = 2.0**-10  # that counts in the log-average; sRGB's second grey level has 2^-10.7
_LEAST_HEADROOM_EV = 0.5
_FLAT_DETAIL = 20  # what a flat place counts beside one whose Laplacian of luma is as many grey levels
_JUDGED = 1 << 14  # pixels of a frame that are looked at for its headroom, at least, if it has so many
_DITHER_STEPS = 16
_BLOCK = 1 << 16

Pixels = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]


@register("image/over_exposure")
@dataclass(frozen=True, slots=True)
class OverExposure:
    """Expose too long: linear light is multiplied and what lies above white is lost, each channel for itself.

    Exposure rises along `headroom_range`, from a change that few would notice to a picture that is all but white: a
    dark picture bears more than a bright one, so that the unit is each frame's headroom, the EV up to white from the
    log-average of its light, in which detail counts more. On a clip the exposure hunts smoothly around that.
    Achieved: `exposure_ev`, about which it hunts, one EV being a factor of two, and `clipped_share`, the share of
    values that are white afterwards.
    Source: log-average luminance as the key of a scene in Reinhard et al., "Photographic tone reproduction for digital
    images", SIGGRAPH 2002; clipping of Hasinoff, "Saturation (imaging)", in Computer vision, a reference guide, 2014.
    """

    headroom_range: Range = (0.02, 3.0)
    """Change of exposure (mild, extreme) as a multiple of the frame's headroom; at 1 the average is white. Level moves
    along it linearly, below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds over which the exposure stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("headroom_range", self.headroom_range, 0.0, 10.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Brighten an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        rise = lerp(self.headroom_range, level) * fade_in(level)
        noisy = np.empty(frames.shape, np.uint8)
        drift = _drift(rng, len(frames), fps, first_frame, self.time_constant_s)
        streams = frame_streams(rng, len(frames), first_frame)
        exposure_ev = 0.0
        for out, frame, factor, fresh in zip(noisy, frames, drift, streams, strict=True):
            frame_ev = rise * _headroom_ev(frame)
            exposure_ev += frame_ev / len(frames)
            light = np.minimum(_dithered_steps() * 2.0 ** (frame_ev * factor), 1)
            codes = encode_steps((LINEAR_STEPS * light + 0.5).astype(np.float32))
            for values, into in _blocks(frame, out):
                look_up(dithered_index(values, fresh), codes, out=into)
        clipped = np.count_nonzero(noisy == 255) / noisy.size
        achieved = {
            "exposure_ev": round(exposure_ev, 6),
            "clipped_share": round(clipped, 6),
        }
        return noisy.reshape(image.shape), achieved


@register("image/contrast_loss")
@dataclass(frozen=True, slots=True)
class ContrastLoss:
    """Veil the picture with stray light, as a dirty lens, a reflecting pane or flare does, at the same exposure.

    Linear light becomes c · light + (1 − c) · the picture's mean light, per channel. The contrast c falls along
    `contrast_range` from hardly visible to a single flat colour. On a clip the veil comes and goes smoothly. Achieved:
    `contrast`, the c that this is about.
    Source: veiling glare of ISO 9358; contrast reduction of Hendrycks & Dietterich, "Benchmarking neural network
    robustness", ICLR 2019, here in linear light.
    """

    contrast_range: Range = (0.95, 0.01)
    """Share c of the image-forming light (mild, extreme); level moves along it in equal ratios, below level .05 the
    veil fades further, to nothing at 0."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds over which the veil stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("contrast_range", self.contrast_range, 1e-4, 1.0, falling=True)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Flatten an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        log_contrast = math.log(loglerp(self.contrast_range, level)) * fade_in(level)
        contrasts = np.exp(log_contrast * _drift(rng, len(frames), fps, first_frame, self.time_constant_s))
        noisy = np.empty_like(frames)
        for out, frame, contrast in zip(noisy, frames, contrasts, strict=True):
            light = contrast * decoded()[:, None] + (1 - contrast) * mean_light(frame)
            codes = encode_steps((LINEAR_STEPS * light + 0.5).astype(np.float32))
            map_greys(frame, codes, out)
        return noisy.reshape(image.shape), {"contrast": math.exp(log_contrast)}


@register("image/backlight")
@dataclass(frozen=True, slots=True)
class Backlight:
    """Put the light behind the subject: the middle of the picture falls dark, its surround burns out.

    Exposure changes smoothly from a fall around a point near the middle to an equal rise far from it, in linear light
    with clipping. The difference rises along `contrast_ev_range` from hardly visible to a black figure on white. On a
    clip the dark place wanders smoothly. Achieved: `contrast_ev`, and `clipped_share`, the share of values that
    are white afterwards.
    Source: backlit scenes of Li & Wu, "Learning-based restoration of backlit images", IEEE TIP 2018.
    """

    contrast_ev_range: Range = (0.1, 30.0)
    """Difference of exposure between surround and subject (mild, extreme), EV; level moves along it linearly, below
    level .05 it shrinks further, to nothing at 0."""
    radius: float = 0.42
    """Half the width of the dark place as a fraction of the picture's shorter side; its height is 1.3 times that."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds in which the dark place moves by about a tenth of the picture's shorter side,
    or "held"."""

    def __post_init__(self) -> None:
        check_range("contrast_ev_range", self.contrast_ev_range, 0.0, 40.0)
        if not 0.05 <= self.radius <= 10:
            raise ValueError(f"radius must be in [.05, 10] of the shorter side, not {self.radius!r}")
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Light an image (H, W, C) or a clip (T, H, W, C), uint8, from behind."""
        frames = image.reshape(-1, *image.shape[-3:])
        height, width = frames.shape[1:3]
        side = min(height, width)
        contrast_ev = lerp(self.contrast_ev_range, level) * fade_in(level)
        middle = rng.uniform(0.4, 0.6, 2)
        drift = drifts(rng, 2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        centres = middle * (width, height) - 0.5 + 0.1 * side * drift.T
        streams = frame_streams(rng, len(frames), first_frame)
        noisy = np.empty(frames.shape, np.uint8)
        for out, frame, (centre_x, centre_y), fresh in zip(noisy, frames, centres, streams, strict=True):
            across = ((np.arange(width) - centre_x) / (self.radius * side)) ** 2
            down = ((np.arange(height) - centre_y) / (1.3 * self.radius * side)) ** 2
            for rows in bands(frame.shape):
                shade = _subject_share(across, down[rows])
                shade *= np.float32(-contrast_ev * math.log(2))
                shade += np.float32(0.5 * contrast_ev * math.log(2))
                _expose(frame[rows], np.exp(shade, out=shade), fresh, out[rows])
        clipped = np.count_nonzero(noisy == 255) / noisy.size
        achieved = {"contrast_ev": contrast_ev, "clipped_share": round(clipped, 6)}
        return noisy.reshape(image.shape), achieved


def dithered_index(frame: Pixels, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Where every value of a picture stands in a table of sixteenths of a grey level, a random sixteenth each.

    Args:
        frame: uint8 of any shape.
        rng: the random stream, one draw.

    Returns:
        16 · grey level + (0 … 15), flat.
    """
    index = paired(frame.reshape(-1), random_bytes(rng, frame.size))
    index >>= 4
    return index


def _expose(frame: Pixels, gain: npt.NDArray[np.float32], rng: np.random.Generator, out: Pixels) -> None:
    """Write `frame` into `out` with its linear light times a `gain` per pixel, (H, W), clipped at white."""
    cv2 = need("cv2", extra="image")
    light = look_up(dithered_index(frame, rng), _dithered_floats())
    gains = gain if frame.shape[2] == 1 else cv2.cvtColor(gain, cv2.COLOR_GRAY2RGB)
    # As rows, for OpenCV takes an array of four values for a colour.
    steps = cv2.multiply(light[None], gains.reshape(1, -1), scale=LINEAR_STEPS, dtype=cv2.CV_16U)
    look_up(steps.reshape(out.shape), encoded(), out=out)


def _blocks(*arrays: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Flat parts of arrays of equal size, small enough to stay in the cache."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _BLOCK):
        yield tuple(array[start : start + _BLOCK] for array in flat)


def _headroom_ev(frame: Pixels) -> float:
    """EV from the log-average of a frame's light up to white, at least .5; detail counts more."""
    cv2 = need("cv2", extra="image")
    frame = np.ascontiguousarray(frame)
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.shape[2] == 3 else frame
    grey = grey.reshape(frame.shape[:2])
    every = max(1, grey.size // _JUDGED)
    rows = np.ascontiguousarray(grey[::every])
    detail = np.abs(cv2.Laplacian(grey, cv2.CV_16S).reshape(grey.shape)[::every]) + _FLAT_DETAIL
    below_white = cv2.LUT(rows, _below_white()).reshape(-1)
    return max(_LEAST_HEADROOM_EV, float(detail.reshape(-1) @ below_white) / int(detail.sum()))


def _subject_share(across: Doubles, down: Doubles) -> npt.NDArray[np.float32]:
    """(H, W): 1 at the centre, 1/2 on the ellipse where across + down = 1, towards 0 outside."""
    squared = across.astype(np.float32)[None, :] + down.astype(np.float32)[:, None]
    np.minimum(squared, np.float32(1e6), out=squared)
    squared *= squared
    squared += 1
    share: npt.NDArray[np.float32] = np.reciprocal(squared, out=squared)
    return share


def _drift(
    rng: np.random.Generator, frames: int, fps: float, first_frame: int, time_constant_s: float | Held
) -> Doubles:
    return factors(rng, frames, fps=fps, time_constant_s=time_constant_s, first_frame=first_frame, log_size=_LOG_DRIFT)


@cache
def _below_white() -> npt.NDArray[np.float32]:
    """EV from each grey level up to white, (256,)."""
    table = (-np.log2(np.maximum(decoded(), _LEAST_LIGHT))).astype(np.float32)
    table.setflags(write=False)
    return table


@cache
def _dithered_steps() -> Doubles:
    """Linear light in [0, 1] of the sixteenths around each grey level, (4096,)."""
    sixteenths = (np.arange(256 * _DITHER_STEPS) + 0.5) / _DITHER_STEPS - 0.5
    table = srgb_to_linear(np.clip(sixteenths / 255, 0, 1))
    table.setflags(write=False)
    return table


@cache
def _dithered_floats() -> npt.NDArray[np.float32]:
    table = _dithered_steps().astype(np.float32)
    table.setflags(write=False)
    return table
