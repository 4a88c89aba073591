"""Too few pixels, too few grey levels.

Counts of pixels and levels are integers. Between two of them one is drawn, with odds that make the mean exact, so that
the mean distortion moves without steps.

Public: `Downscale`, `Pixelate`, `BitDepth`, `RESAMPLERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..registry import register
from .byte_table import map_greys
from .rounding import stochastic_round

RESAMPLERS = ("linear", "cubic", "lanczos")
"""Interpolation by which a player or a network's input stage scales up: triangle, Keys' cubic, Lanczos over 8 px."""

_MOST_PIXELS = 1 << 22  # of which twice the sum of bytes is sure to fit into 32 bits
_IN_CACHE = 1 << 18  # values up to which OpenCV takes means of floats faster than of bytes

Pixels = npt.NDArray[np.uint8]


@register("image/downscale", stage="channel")
@dataclass(frozen=True, slots=True)
class Downscale:
    """Send the picture at a lower resolution: mean over areas on the way down, a player's resampler on the way up.

    The factor falls along `factor_range` from hardly visible to a handful of pixels; a clip keeps one resolution.
    Below level .05 the result dissolves into the picture. Achieved: `factor`, the root of the ratio of pixel counts,
    and `resampler`.
    Source: resolution ladders of adaptive streaming, ISO/IEC 23009-1; area mean as a box prefilter.
    """

    factor_range: Range = (0.9, 0.02)
    """Sent side over true side (mild, extreme), in (0, 1]; level moves along it in equal ratios."""
    resamplers: tuple[str, ...] = RESAMPLERS
    """Ways up to draw from: linear, cubic, lanczos."""

    def __post_init__(self) -> None:
        check_range("factor_range", self.factor_range, 1e-3, 1.0, falling=True)
        unknown = [name for name in self.resamplers if name not in RESAMPLERS]
        if unknown or not self.resamplers:
            raise ValueError(f"resamplers must be one or more of {', '.join(RESAMPLERS)}, not {self.resamplers!r}")

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float | str]]:
        """Coarsen an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        resampler = self.resamplers[int(rng.integers(len(self.resamplers)))]
        way_up = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}[resampler]

        def resampled(frame: Pixels, rows: int, columns: int) -> Pixels:
            large: Pixels = cv2.resize(_area_means(frame, rows, columns), frame.shape[1::-1], interpolation=way_up)
            return large

        noisy, factor = _coarsened(image, loglerp(self.factor_range, level), level, rng, resampled)
        return noisy, {"factor": factor, "resampler": resampler}


@register("image/pixelate", stage="channel", version=2)
@dataclass(frozen=True, slots=True)
class Pixelate:
    """Turn the picture into a mosaic, as editors do to make faces unrecognisable.

    The tiles, each of the mean colour of its pixels, grow along `tile_range`; where their mean side is no whole number,
    some are a pixel longer than others. A clip keeps one mosaic. Below level .05 the result dissolves into the picture.
    Achieved: `tile_px`, the mean side of a tile.
    Source: Hill et al., "On the (in)effectiveness of mosaicing and blurring as tools for document redaction", PETS
    2016; Hendrycks & Dietterich, "Benchmarking neural network robustness", ICLR 2019.
    """

    tile_range: Range = (0.005, 0.3)
    """Side of a tile (mild, extreme) as a fraction of the picture's shorter side; level moves along it in equal ratios,
    from one pixel where the mild end is less."""

    def __post_init__(self) -> None:
        check_range("tile_range", self.tile_range, 1e-4, 1.0)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Tile an image (H, W, C) or a clip (T, H, W, C), uint8."""
        side = min(image.shape[-3:-1])
        tile_px = loglerp((max(1.0, side * self.tile_range[0]), max(1.0, side * self.tile_range[1])), level)
        noisy, factor = _coarsened(image, 1 / tile_px, level, rng, _mosaic)
        return noisy, {"tile_px": 1 / factor}


@register("image/bit_depth", version=2)
@dataclass(frozen=True, slots=True)
class BitDepth:
    """Quantise every channel to few levels, equally spaced in grey levels and reaching from black to white.

    The bits fall along `bits_range`, from a change of one grey level to black, grey and white; bits of 2.6 are 2^2.6,
    that is 6 or 7, levels. The path does not go on to black or white: their threshold, at middle grey, shows much of
    what falls into the grey of three levels, so that faces lose less. Achieved: `quantiser_levels`.
    Source: uniform quantisation, e.g. Gonzalez & Woods, "Digital image processing", 2.4.
    """

    bits_range: Range = (7.0, 1.585)
    """Bits per value (mild, extreme), the binary logarithm of the number of levels, in [1, 8]; level moves along it
    linearly."""

    def __post_init__(self) -> None:
        check_range("bits_range", self.bits_range, 1.0, 8.0, falling=True)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Quantise an image (H, W, C) or a clip (T, H, W, C), uint8."""
        levels = stochastic_round(2 ** lerp(self.bits_range, level), rng)
        noisy = np.empty(image.shape, np.uint8)
        map_greys(np.ascontiguousarray(image), _nearest_of(levels), noisy)
        return noisy, {"quantiser_levels": levels}


@lru_cache(maxsize=256)
def _nearest_of(levels: int) -> Pixels:
    """The nearest of so many equally spaced grey levels to each of 256."""
    steps = np.rint(np.arange(256) * ((levels - 1) / 255))
    table: Pixels = np.rint(steps * (255 / (levels - 1))).astype(np.uint8)
    table.setflags(write=False)
    return table


def _coarsened(
    image: Pixels, factor: float, level: float, rng: np.random.Generator, coarse: Callable[[Pixels, int, int], Pixels]
) -> tuple[Pixels, float]:
    """The picture or clip with as much detail as one scaled by `factor`, and the factor achieved."""
    cv2 = need("cv2", extra="image")
    frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
    height, width = frames.shape[1:3]
    draw = rng.random()
    rows, columns = (min(side, max(1, math.floor(side * factor + draw))) for side in (height, width))
    fade = fade_in(level)
    noisy = np.empty_like(frames)
    for out, frame in zip(noisy, frames, strict=True):
        seen = coarse(frame, rows, columns).reshape(frame.shape)
        out[...] = seen if fade == 1 else cv2.addWeighted(frame, 1 - fade, seen, fade, 0).reshape(frame.shape)
    return noisy.reshape(image.shape), math.sqrt(rows * columns / (height * width))


def _area_means(frame: Pixels, rows: int, columns: int) -> Pixels:
    """A picture of fewer pixels, each the mean over an area, whose border is exact to a tenth where areas are large."""
    cv2 = need("cv2", extra="image")
    height, width = frame.shape[:2]
    if 5 * rows <= height and 5 * columns <= width and not (height % 2 or width % 2):
        frame = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)  # the quickest of all
    floats = frame.size <= _IN_CACHE
    small = cv2.resize(frame.astype(np.float32) if floats else frame, (columns, rows), interpolation=cv2.INTER_AREA)
    means: Pixels = cv2.convertScaleAbs(small) if floats else small
    return means


def _mosaic(frame: Pixels, rows: int, columns: int) -> Pixels:
    """Every pixel the mean of its tile, of which there are rows × columns; sums of tiles from those of rectangles."""
    cv2 = need("cv2", extra="image")
    (height, width), channels = frame.shape[:2], frame.shape[2]
    down, across = _tiles(height, rows), _tiles(width, columns)
    depth = cv2.CV_32S if height * width < _MOST_PIXELS else cv2.CV_64F
    corners = cv2.integral(frame, sdepth=depth).reshape(height + 1, width + 1, channels)[down][:, across]
    strips = corners[1:] - corners[:-1]
    sums = strips[:, 1:] - strips[:, :-1]
    area = np.multiply.outer(np.diff(down), np.diff(across))[:, :, np.newaxis]
    means: Pixels = ((2 * sums + area) // (2 * area)).astype(np.uint8)
    return means.repeat(np.diff(across), axis=1).repeat(np.diff(down), axis=0)


def _tiles(length: int, count: int) -> npt.NDArray[np.int64]:
    """Where so many tiles begin, of lengths as like as whole numbers can be, and where the last ends."""
    return np.arange(count + 1) * length // count
