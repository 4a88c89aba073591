"""Blurs of focus, of zooming and of what the camera looks through.

Defocus and zoom are formed in the lens, so they are computed in linear light (sRGB, IEC 61966-2-1), where bright spots
grow into discs and streaks. The Gaussian, which stands for no lens, and the pane of glass, which moves light without
mixing it, work on the picture's own grey levels. The border is mirrored.

Public: `GaussianBlur`, `Defocus`, `ZoomBlur`, `GlassBlur`, `gaussian`, `disc_kernel`, `filter_disc`, `zoom_mean`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .drift import Held, check_time_constant, drifts, factors
from .grain import table_normals
from .low_light import decode_steps, encode_steps

_LOG_FOCUS_DRIFT = 0.2
_LOG_ZOOM_DRIFT = 0.3
_LEAST_SIGMA_PX = 0.6
_PANE_DRIFT = 0.02  # of the shorter side
_DIRECT_AREA = 130  # OpenCV turns to the Fourier transform, several times slower, from this kernel size on

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Picture = TypeVar("Picture", Pixels, Floats)


@register("image/gaussian_blur", stage="channel")
@dataclass(frozen=True, slots=True)
class GaussianBlur:
    """Blur with a Gaussian, as a low-pass filter in scaling or coding does.

    The standard deviation rises along `sigma_range` from invisible to a tenth of the picture. On a clip it wanders
    smoothly around that. Achieved: `sigma_px`, what it wanders about.
    Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and
    perturbations", ICLR 2019 (among its additional corruptions).
    """

    sigma_range: Range = (0.001, 0.107)
    """Standard deviation (mild, extreme) as a fraction of the picture's shorter side; .107 is 24 px of 224. Level
    moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.5
    """On a clip, seconds over which the standard deviation stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("sigma_range", self.sigma_range, 1e-4, 1.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Blur an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        mean_sigma_px = min(frames.shape[1:3]) * loglerp(self.sigma_range, level) * fade_in(level)
        sigmas_px = mean_sigma_px * factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            first_frame=first_frame,
            log_size=_LOG_FOCUS_DRIFT,
        )
        noisy = np.empty_like(frames)
        for blurred, frame, sigma_px in zip(noisy, frames, sigmas_px, strict=True):
            blurred[...] = gaussian(frame, sigma_px)
        return noisy.reshape(image.shape), {"sigma_px": mean_sigma_px}


@register("image/defocus")
@dataclass(frozen=True, slots=True)
class Defocus:
    """Blur with the disc that a point out of focus is drawn as (the circle of confusion), in linear light.

    The disc's radius rises along `radius_range` from invisible to an eighth of the picture. On a clip it breathes
    smoothly around that, as an autofocus that hunts. Achieved: `radius_px`, what it breathes about.
    Source: geometric optics of a thin lens with a round aperture, e.g. Potmesil & Chakravarty, "A lens and aperture
    camera model for synthetic image generation", SIGGRAPH 1981.
    """

    radius_range: Range = (0.0015, 0.125)
    """Radius of the disc (mild, extreme) as a fraction of the picture's shorter side; .125 is 28 px of 224. Level
    moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.5
    """On a clip, seconds over which the radius stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("radius_range", self.radius_range, 1e-4, 1.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Blur an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        mean_radius_px = min(frames.shape[1:3]) * loglerp(self.radius_range, level) * fade_in(level)
        radii_px = mean_radius_px * factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            first_frame=first_frame,
            log_size=_LOG_FOCUS_DRIFT,
        )
        noisy = np.empty_like(frames)
        for blurred, frame, radius_px in zip(noisy, frames, radii_px, strict=True):
            blurred[...] = encode_steps(filter_disc(decode_steps(frame), radius_px))
        return noisy.reshape(image.shape), {"radius_px": mean_radius_px}


@register("image/zoom_blur")
@dataclass(frozen=True, slots=True)
class ZoomBlur:
    """Blur along rays from a point, as a lens that zooms in while the shutter is open, in linear light.

    The picture is the mean over magnifications from 1 to 1 + zoom about a point near the middle; the zoom rises along
    `zoom_range` from invisible to twofold. On a clip, zoom and point wander smoothly. Achieved: `zoom`, what it wanders
    about.
    Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and
    perturbations", ICLR 2019, whose zooms end at .11 to .33.
    """

    zoom_range: Range = (0.004, 1.0)
    """Growth of the magnification while the shutter is open (mild, extreme); 1 is a factor of two. Level moves along
    it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.5
    """On a clip, seconds over which zoom and point stay much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("zoom_range", self.zoom_range, 1e-4, 10.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Blur an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        height, width = frames.shape[1:3]
        mean_zoom = loglerp(self.zoom_range, level) * fade_in(level)
        zooms = mean_zoom * factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            first_frame=first_frame,
            log_size=_LOG_ZOOM_DRIFT,
        )
        sway = drifts(rng, 2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        middle = rng.uniform(0.4, 0.6, (2, 1)) + 0.02 * sway
        centres = np.clip(middle, 0, 1).T * (width - 1, height - 1)
        noisy = np.empty_like(frames)
        for blurred, frame, zoom, centre in zip(noisy, frames, zooms, centres, strict=True):
            blurred[...] = encode_steps(zoom_mean(decode_steps(frame), zoom, centre[0], centre[1]))
        return noisy.reshape(image.shape), {"zoom": mean_zoom}


@register("image/glass_blur", stage="scene")
@dataclass(frozen=True, slots=True)
class GlassBlur:
    """Look through a rippled pane: every point is seen from a little beside where it is.

    The displacement is a smooth random field with ripples of a fixed size; its strength rises along
    `displacement_range` from invisible to a scramble of the picture. On a clip it is one pane, which drifts slowly
    before the camera. Achieved: `displacement_px`, the root mean square along each axis.
    Source: the local shuffling of Hendrycks & Dietterich, "Benchmarking neural network robustness to common
    corruptions and perturbations", ICLR 2019, with the continuous field of real glass in its place.
    """

    displacement_range: Range = (0.0006, 0.06)
    """Root mean square displacement along each axis (mild, extreme) as a fraction of the picture's shorter side; .06
    is 13 px of 224. Level moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    ripple: float = 0.015
    """Size of a ripple as a fraction of the picture's shorter side: the distance at which the correlation of the
    displacement has fallen to 1/e. At least two pixels."""
    time_constant_s: float | Held = 1.0
    """On a clip, seconds over which the pane stays much where it is, or "held"."""

    def __post_init__(self) -> None:
        check_range("displacement_range", self.displacement_range, 1e-5, 1.0)
        if not 1e-3 <= self.ripple <= 1:
            raise ValueError(f"ripple must be in [0.001, 1], not {self.ripple!r}")
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Distort an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = image.reshape(-1, *image.shape[-3:])
        height, width = frames.shape[1:3]
        side = min(height, width)
        displacement_px = side * loglerp(self.displacement_range, level) * fade_in(level)
        cell_px = max(1.0, side * self.ripple / 2)
        pane = _pane(rng, math.ceil(height / cell_px) + 2, math.ceil(width / cell_px) + 2)
        pane *= np.float32(displacement_px)
        drift = drifts(rng, 2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        shifts = rng.random(2) + (_PANE_DRIFT * side / cell_px) * drift.T
        columns = np.arange(width, dtype=np.float32)
        rows = np.arange(height, dtype=np.float32)[:, None]
        noisy = np.empty_like(frames)
        for seen, frame, (shift_x, shift_y) in zip(noisy, frames, shifts, strict=True):
            to_cell = np.array([[1 / cell_px, 0, shift_x], [0, 1 / cell_px, shift_y]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            map_x, map_y = (
                cv2.warpAffine(part, to_cell, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
                for part in pane
            )
            map_x += columns
            map_y += rows
            moved = cv2.remap(frame, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            seen[...] = moved.reshape(frame.shape)
        return noisy.reshape(image.shape), {"displacement_px": displacement_px}


def gaussian(frame: Picture, sigma_px: float) -> Picture:
    """Filter a picture with a Gaussian cut off at three standard deviations; a wide one at a reduced size.

    Args:
        frame: (H, W, C) uint8 or float32.
        sigma_px: standard deviation ≥ 0, pixels. Below .6, where samples of a Gaussian miss its flanks, a part of the
            picture goes through a Gaussian of .6, such that the variance is right.

    Returns:
        (H, W, C), of the same type.
    """
    cv2 = need("cv2", extra="image")

    def blur(small: Picture, factor_x: float, factor_y: float) -> Picture:
        sigmas = [math.sqrt((sigma_px / f) ** 2 - _resampled(f)) for f in (factor_x, factor_y)]
        kernel_x, kernel_y = (
            cv2.getGaussianKernel(2 * round(3 * sigma) + 1, sigma, cv2.CV_32F)
            for sigma in (max(sigma, _LEAST_SIGMA_PX) for sigma in sigmas)
        )
        # Half as long as GaussianBlur takes for bytes, and rounded only once.
        blurred = cv2.sepFilter2D(small, -1, kernel_x, kernel_y, borderType=cv2.BORDER_REFLECT)
        return _mix(small, blurred, min(1.0, (sigma_px / _LEAST_SIGMA_PX) ** 2))

    factor = 2 ** int(math.log2(max(1.0, sigma_px / 2.4)))  # a power of two, which OpenCV reduces by in no time
    return _at_reduced_size(frame, factor, blur)


def disc_kernel(radius_x: float, radius_y: float) -> Floats:
    """The kernel of a disc, or an ellipse, its edge anti-aliased over a pixel.

    Args:
        radius_x, radius_y: half axes ≥ 1, pixels.

    Returns:
        (2r + 1, 2s + 1) float32 with sum 1.
    """
    x, y = (np.arange(-r, r + 1) for r in (math.ceil(radius_x - 0.5), math.ceil(radius_y - 0.5)))
    radius = math.sqrt(radius_x * radius_y)
    stretch_x, stretch_y = (radius / r for r in (radius_x, radius_y))
    weights = np.clip(radius + 0.5 - np.hypot(stretch_x * x, stretch_y * y[:, None]), 0, 1)
    kernel: Floats = (weights / weights.sum()).astype(np.float32)
    return kernel


def filter_disc(frame: Floats, radius_px: float) -> Floats:
    """Filter a picture with a disc; a large one at a reduced size.

    Args:
        frame: (H, W, C).
        radius_px: radius ≥ 0, pixels. Below 1, where a disc's samples miss its rim, that share of the picture goes
            through a disc of radius 1.

    Returns:
        (H, W, C).
    """

    def blur(small: Floats, factor_x: float, factor_y: float) -> Floats:
        # A disc has the variance radius² / 4 along each axis, to which its anti-aliased edge adds about .11.
        excess_x, excess_y = (4 * (_resampled(f) + 0.11) if f > 1 else 0.0 for f in (factor_x, factor_y))
        radius_x = math.sqrt((radius_px / factor_x) ** 2 - excess_x)
        radius_y = math.sqrt((radius_px / factor_y) ** 2 - excess_y)
        disc = disc_kernel(max(1.0, radius_x), max(1.0, radius_y))
        return _mix(small, _correlate(small, disc), min(1.0, radius_px))

    return _at_reduced_size(frame, int(radius_px / 3.5), blur)


def zoom_mean(frame: Floats, zoom: float, centre_x: float, centre_y: float) -> Floats:
    """The mean of a picture over magnifications from 1 to 1 + zoom, equal ratios counting equally.

    The mean of 2ⁿ magnifications is reached in n steps: each averages the picture with itself, magnified by a ratio
    that is squared from step to step. Neighbouring magnifications lie at most two pixels apart.

    Args:
        frame: (H, W, C).
        zoom: ≥ 0.
        centre_x, centre_y: what stays in place, pixels.

    Returns:
        (H, W, C).
    """
    cv2 = need("cv2", extra="image")
    height, width = frame.shape[:2]
    farthest = math.hypot(max(centre_x, width - 1 - centre_x), max(centre_y, height - 1 - centre_y))
    steps = max(1, math.ceil(math.log2(1 + farthest * math.log1p(zoom) / 2)))
    log_ratio = math.log1p(zoom) / (2**steps - 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mean = frame
    mean_store, magnified = np.empty((2, *frame.shape), np.float32)  # fresh memory would cost as much as the work
    for step in range(steps):
        scale = math.exp(-log_ratio * 2**step)
        back = np.array([[scale, 0, (1 - scale) * centre_x], [0, scale, (1 - scale) * centre_y]])
        magnified = cv2.warpAffine(
            mean, back, (width, height), dst=magnified, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        mean = cv2.addWeighted(mean, 0.5, magnified, 0.5, 0, dst=mean_store)
    return mean


def _at_reduced_size(frame: Picture, factor: int, blur: Callable[[Picture, float, float], Picture]) -> Picture:
    """`blur` a picture that has been shrunk by `factor`, or as much as its size allows, and enlarge it again."""
    cv2 = need("cv2", extra="image")
    height, width = frame.shape[:2]
    if factor < 2:
        return blur(frame, 1.0, 1.0).reshape(frame.shape)
    small_height, small_width = math.ceil(height / factor), math.ceil(width / factor)
    small = cv2.resize(frame, (small_width, small_height), interpolation=cv2.INTER_AREA)
    small = blur(small.reshape(small_height, small_width, -1), width / small_width, height / small_height)
    enlarged: Picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return enlarged.reshape(frame.shape)


def _mix(frame: Picture, blurred: Picture, share: float) -> Picture:
    """`share` of `blurred`, which is overwritten, and the rest of `frame`."""
    cv2 = need("cv2", extra="image")
    if share == 1:
        return blurred
    blurred = blurred.reshape(frame.shape)
    mixed: Picture = cv2.addWeighted(frame, 1 - share, blurred, share, 0, dst=blurred)
    return mixed


def _resampled(factor: float) -> float:
    """Variance that shrinking by area and enlarging linearly adds, in pixels of the small picture.

    A box of f pixels adds (f² − 1) / 12; a tent sampled between its centres adds (2 f² + 1) / 12.
    """
    return 0.25 if factor > 1 else 0.0


def _correlate(frame: Floats, kernel: Floats) -> Floats:
    """Correlate with a kernel, in bands of rows small enough for OpenCV's direct method, which skips zero weights."""
    cv2 = need("cv2", extra="image")
    if kernel.size < _DIRECT_AREA:
        filtered: Floats = cv2.filter2D(frame, -1, kernel, borderType=cv2.BORDER_REFLECT)
        return filtered.reshape(frame.shape)
    height = len(frame)
    pad_y, pad_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = cv2.copyMakeBorder(frame, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_REFLECT)
    total = np.zeros((height, *padded.shape[1:]), np.float32)
    band = (_DIRECT_AREA - 1) // kernel.shape[1]
    for row in range(0, len(kernel), band):
        part = kernel[row : row + band]
        reach = padded[row : row + height + len(part) - 1]
        total += cv2.filter2D(reach, -1, part, anchor=(pad_x, 0)).reshape(-1, *padded.shape[1:])[:height]
    return np.ascontiguousarray(total[:, pad_x : pad_x + frame.shape[1]]).reshape(frame.shape)


def _pane(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """(2, rows, columns): smooth normal fields with the correlation e^(−(d / 2)²), of unit variance when interpolated.

    Linear interpolation between neighbours of correlation r keeps (2 + r) / 3 of the variance along each axis.
    """
    cv2 = need("cv2", extra="image")
    white = table_normals(rng, 2 * rows * columns).reshape(2, rows, columns)
    gain = 3 / (2 + math.exp(-0.25)) / float((cv2.getGaussianKernel(9, 1.0) ** 2).sum())
    return np.stack([gain * cv2.GaussianBlur(part, (9, 9), 1.0, borderType=cv2.BORDER_REFLECT) for part in white])
