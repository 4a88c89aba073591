"""Too little light: a short exposure and what the sensor adds to it.

Pixel values are decoded to linear light with the sRGB transfer function (IEC 61966-2-1), counted in electrons,
and encoded back to 8 bits.

Public: `LowLight`, `reading_tables`, `readings`, `expose`, `grey_shares`, `mean_light`, `srgb_to_linear`,
`linear_to_srgb`, `decoded`, `encoded`, `steps_of_grey`, `decode_steps`, `encode_steps`, `LINEAR_STEPS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .drift import Held, check_time_constant, factors
from .frames import frame_streams
from .grain import code_normals, look_up, normal_codes, paired

LINEAR_STEPS = 65535
"""Steps of linear light in the table `encoded`; twenty of them make the smallest 8-bit step of sRGB."""

_LOG_DRIFT = 0.1
_BLOCK = 1 << 16  # values worked on at a time, so that they stay in the cache
_COUNTED = 1 << 15  # values of a frame that are counted at least, if it has so many

Doubles = npt.NDArray[np.float64]
ReadingTables = tuple[Doubles, Doubles, Doubles]


@register("image/low_light", version=3)
@dataclass(frozen=True, slots=True)
class LowLight:
    """Cut the exposure in linear light and add Poisson-Gaussian sensor noise, fresh in every frame.

    Exposure falls along `exposure_ev_range`, one EV being a factor of two; the electrons that are left carry shot
    noise (variance = mean) and read noise, are clipped at zero and at the full well, and are quantised to 8-bit
    sRGB without being brightened again. Below level .05 noise and exposure cut fade away together. Mean, variance
    and skewness of shot noise are those of the Poisson law; its single electrons are smeared out by the read noise.
    On a clip the exposure drifts smoothly around the level's, as light and a camera's control do.
    Achieved: `exposure_ev`, that of the level, and, unless the picture is black, `snr_db`, 10 lg(Σ signal² / Σ
    variance) in electrons at that exposure.
    Source: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE
    TIP 2008; photon transfer as in EMVA 1288.
    """

    exposure_ev_range: Range = (-0.1, -8.0)
    """Change of exposure (mild, extreme), EV; level moves along it linearly."""
    full_well_e: float = 2000.0
    """Electrons of a white pixel at 0 EV; about 2,000 for the small pixel of a webcam at raised gain."""
    read_noise_e: float = 4.0
    """Standard deviation of the read noise, electrons, at least 1."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds over which the exposure stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("exposure_ev_range", self.exposure_ev_range, -20.0, 0.0, falling=True)
        if not 10 <= self.full_well_e < math.inf:
            raise ValueError(f"full_well_e must be at least 10 electrons and finite, not {self.full_well_e!r}")
        if not 1 <= self.read_noise_e < math.inf:
            raise ValueError(f"read_noise_e must be at least 1 electron and finite, not {self.read_noise_e!r}")
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Darken an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        fade = fade_in(level)
        exposure_ev = lerp(self.exposure_ev_range, level) * fade
        streams = frame_streams(rng, len(frames), first_frame)
        drift = factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            log_size=_LOG_DRIFT,
            first_frame=first_frame,
        )
        noisy = np.empty_like(frames)
        counts = np.zeros(256)
        for out, frame, factor, fresh in zip(noisy, frames, drift, streams, strict=True):
            frame_e = self.full_well_e * 2.0 ** (exposure_ev * factor) * decoded()
            expose(frame, readings(*reading_tables(frame_e, self.read_noise_e, self.full_well_e, fade)), fresh, out)
            counts += grey_shares(frame)

        signal_e = self.full_well_e * 2.0**exposure_ev * decoded()
        achieved = {"exposure_ev": exposure_ev}
        signal_power = float(counts @ signal_e**2)
        if signal_power > 0:
            noise_power = float(counts @ (signal_e + self.read_noise_e**2)) * fade**2
            achieved["snr_db"] = 10 * math.log10(signal_power / noise_power)
        return noisy.reshape(image.shape), achieved


def reading_tables(signal_e: Doubles, read_noise_e: float, full_well_e: float, fade: float = 1.0) -> ReadingTables:
    """What a sensor reads of a number of electrons, as base + spread z + skew z² of a normal z.

    A quadratic of a normal (Cornish & Fisher) matches the first three moments of Poisson plus Gauss: mean λ,
    variance λ + σ² and, by skew = λ / 6(λ + σ²), third moment λ.

    Args:
        signal_e: expected electrons λ per grey level, (256,).
        read_noise_e: standard deviation σ of the read noise, electrons.
        full_well_e: electrons of a white reading.
        fade: share of the noise that is added.

    Returns:
        (base, spread, skew), each (256,) in table steps, of which `LINEAR_STEPS` are white.
    """
    variance = signal_e + read_noise_e**2
    skew = signal_e / (6 * variance)
    spread = np.sqrt(variance - 2 * skew**2)
    step_e = full_well_e / LINEAR_STEPS
    return (signal_e - fade * skew) / step_e, fade * spread / step_e, fade * skew / step_e


def readings(base: Doubles, spread: Doubles, skew: Doubles) -> npt.NDArray[np.uint8]:
    """The grey level that is read for every grey level and every normal deviate of `code_normals`, (65536,)."""
    normals = code_normals()
    steps = skew.astype(np.float32)[:, None] * normals
    steps += spread.astype(np.float32)[:, None]
    steps *= normals
    steps += (base + 0.5).astype(np.float32)[:, None]
    return encode_steps(steps).reshape(-1)


def expose(
    frame: npt.NDArray[np.uint8],
    table: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    out: npt.NDArray[np.uint8],
) -> None:
    """Write what is read of every value of `frame` into `out`.

    Args:
        frame, out: contiguous uint8 of one shape.
        table: what is read for every grey level and every normal deviate, as from `readings`.
        rng: the random stream.
    """
    flat, noisy = frame.reshape(-1), out.reshape(-1)
    codes = normal_codes(rng, flat.size)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        look_up(paired(flat[block], codes[block]), table, out=noisy[block])


def grey_shares(frame: npt.NDArray[np.uint8]) -> Doubles:
    """Share of each grey level in a picture, all channels together, (256,); of a large one, in every nth row."""
    rows = _every_nth_row(frame)
    counts = need("cv2", extra="image").calcHist([rows.reshape(len(rows), -1)], [0], None, [256], [0, 256])
    shares: Doubles = counts.reshape(256) / float(rows.size)
    return shares


def mean_light(frame: npt.NDArray[np.uint8]) -> Doubles:
    """Mean linear light in [0, 1] of each channel of a picture (H, W, C), (C,); of a large one, in every nth row."""
    cv2 = need("cv2", extra="image")
    steps = cv2.LUT(_every_nth_row(frame), steps_of_grey())
    return np.array(cv2.mean(steps)[: frame.shape[2]]) / LINEAR_STEPS


def _every_nth_row(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(frame[:: max(1, frame.size // _COUNTED)])


def srgb_to_linear(encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Linear light in [0, 1] of sRGB values in [0, 1]."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sRGB values in [0, 1] of linear light in [0, 1]."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode_steps(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Linear light of a picture (H, W, C) in steps of the table `encoded`, half a step added for `encode_steps`."""
    cv2 = need("cv2", extra="image")
    light = (LINEAR_STEPS * decoded() + 0.5).astype(np.float32)
    steps: npt.NDArray[np.float32] = cv2.LUT(image, light).reshape(image.shape)
    return steps


def encode_steps(steps: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Grey levels of linear light in table steps, half a step added; contiguous `steps` are overwritten."""
    flat = np.ascontiguousarray(steps).reshape(-1)
    greys = np.empty(flat.size, np.uint8)
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        np.clip(part, 0, LINEAR_STEPS, out=part)
        look_up(part.astype(np.uint16), encoded(), out=greys[start : start + _BLOCK])
    return greys.reshape(steps.shape)


@cache
def decoded() -> npt.NDArray[np.float64]:
    """Linear light in [0, 1] of the 256 grey levels."""
    table = srgb_to_linear(np.arange(256) / 255)
    table.setflags(write=False)
    return table


@cache
def steps_of_grey() -> npt.NDArray[np.uint16]:
    """`decoded` in steps of the table `encoded`, (256,)."""
    table = np.rint(LINEAR_STEPS * decoded()).astype(np.uint16)
    table.setflags(write=False)
    return table


@cache
def encoded() -> npt.NDArray[np.uint8]:
    """Grey level of each step of linear light, (LINEAR_STEPS + 1,)."""
    table = np.rint(255 * linear_to_srgb(np.arange(LINEAR_STEPS + 1) / LINEAR_STEPS)).astype(np.uint8)
    table.setflags(write=False)
    return table
