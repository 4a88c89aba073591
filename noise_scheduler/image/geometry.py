"""Pixels in the wrong place: a crop that sits badly, a picture that is bent.

Positions are interpolated bilinearly.

Public: `DetectorJitter`, `ElasticWarp`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .drift import Held, check_time_constant, smooth_paths
from .light import grid_shape

_LOG_ZOOM = 0.4  # standard deviation of the logarithm of the zoom, per shorter side of shift
_TURN = 0.6  # standard deviation of the rotation, radians, per shorter side of shift
_VEER = 2.0  # standard deviation of the shift's direction on a clip, radians
_CELLS_PER_SIDE = 6
_MOST_CELLS = 36
_FIELD_GRID = 56

Doubles = npt.NDArray[np.float64]


@register("image/detector_jitter")
@dataclass(frozen=True, slots=True)
class DetectorJitter:
    """Shift, zoom and turn the crop, as a face or object detector does that finds its box badly.

    The jitter rises along `shift_range`: with a shift of .1 of the shorter side in x and in y go a zoom by a factor
    of 1.04 and a turn by 3.4°, each a standard deviation. The shift has just this size in every frame, in any
    direction; on a clip direction, zoom and turn wander smoothly. Beyond the picture the crop is black, as those that
    detectors cut out are.
    Achieved: `displacement_px`, the root mean square way that a pixel is moved, over picture and all frames given.
    Source: perturbed boxes as in Dutta et al., "Impact of eye detection error on face recognition performance", IET
    Biometrics 2015.
    """

    severity_measure: ClassVar[str] = "displacement"

    shift_range: Range = (0.0012, 0.6)
    """Shift (mild, extreme) in each direction, standard deviation as a fraction of the picture's shorter side. Level
    moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.4
    """On a clip, seconds over which the crop stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("shift_range", self.shift_range, 1e-5, 2.0)
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
        """Jitter the crop of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width = frames.shape[1:3]
        size = loglerp(self.shift_range, level) * fade_in(level)
        heading = rng.uniform(0, 2 * math.pi)
        veer, zoom, turn = smooth_paths(
            rng, 3, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame
        )
        heading = heading + _VEER * veer
        jitter = size * np.stack([math.sqrt(2) * np.cos(heading), math.sqrt(2) * np.sin(heading), zoom, turn], 1)
        noisy = np.empty_like(frames)
        moved = 0.0
        for frame, out, parts in zip(frames, noisy, jitter.tolist(), strict=True):
            to_frame = _crop(height, width, *parts)
            out[...] = cv2.warpAffine(
                frame,
                to_frame,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
            ).reshape(frame.shape)
            moved += _mean_square_displacement(to_frame, height, width) / len(frames)
        return noisy.reshape(image.shape), {"displacement_px": round(math.sqrt(moved), 6)}


@register("image/elastic_warp")
@dataclass(frozen=True, slots=True)
class ElasticWarp:
    """Bend the picture by a smooth random field of displacements, as hot air, water or a bad lens do.

    The root mean square displacement rises along `displacement_range`; the field keeps its direction over about a
    sixth of the picture, so that the extreme end folds it; beyond its border the picture goes on as its own mirror
    image. On a clip the field flows.
    Achieved: `displacement_px`, the root mean square way that a pixel is moved, in every frame.
    Source: Simard, Steinkraus & Platt, "Best practices for convolutional neural networks", ICDAR 2003.
    """

    severity_measure: ClassVar[str] = "displacement"

    displacement_range: Range = (0.0012, 0.15)
    """Root mean square displacement (mild, extreme) as a fraction of the picture's shorter side. Level moves along it
    in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.5
    """On a clip, seconds over which the field stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("displacement_range", self.displacement_range, 1e-5, 2.0)
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
        """Bend an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width = frames.shape[1:3]
        side = min(height, width)
        displacement_px = side * loglerp(self.displacement_range, level) * fade_in(level)
        rows, columns = (min(_MOST_CELLS, math.ceil(_CELLS_PER_SIDE * length / side) + 1) for length in (height, width))
        knots = smooth_paths(
            rng,
            2 * rows * columns,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            first_frame=first_frame,
        )
        knots = knots.T.reshape(len(frames), rows, columns, 2).astype(np.float32)
        grid_rows, grid_columns = grid_shape(height, width, _FIELD_GRID)

        here = np.empty((height, width, 2), np.float32)
        here[..., 0] = np.arange(width, dtype=np.float32)
        here[..., 1] = np.arange(height, dtype=np.float32)[:, None]
        noisy = np.empty_like(frames)
        for frame, knot, out in zip(frames, knots, noisy, strict=True):
            field = cv2.resize(knot, (grid_columns, grid_rows), interpolation=cv2.INTER_CUBIC)
            field *= np.float32(displacement_px / math.sqrt(2 * float(np.mean(field**2, dtype=np.float64))))
            places = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR).reshape(here.shape)
            places += here
            out[...] = cv2.remap(frame, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).reshape(
                frame.shape
            )
        return noisy.reshape(image.shape), {"displacement_px": displacement_px}


def _crop(height: int, width: int, x: float, y: float, zoom: float, turn: float) -> Doubles:
    """(2, 3): from a place in the crop, in pixels, to the place in the frame that is seen there."""
    side = min(height, width)
    scale, angle = math.exp(_LOG_ZOOM * zoom), _TURN * turn
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([width - 1, height - 1]) / 2
    offset = centre + side * np.array([x, y]) - linear @ centre
    return np.column_stack([linear, offset])


def _mean_square_displacement(to_frame: Doubles, height: int, width: int) -> float:
    """Mean of |A p − p|² over the pixels p of a picture, for an affine map A."""
    bend = to_frame[:, :2] - np.eye(2)
    centre = np.array([width - 1, height - 1]) / 2
    variance = np.array([width**2 - 1, height**2 - 1]) / 12
    shift = bend @ centre + to_frame[:, 2]
    return float((bend**2 @ variance).sum() + shift @ shift)
