"""Things before a face: a mask over mouth and nose, sunglasses over the eyes, a hand at mouth or cheek.

Public: `FaceOcclusion`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .drift import check_time_constant
from .occluders import Outline, Surface, check_shapes, covered_share, paths_from_start
from .worn import WORN, Worn, WornPicture

_SHAPES = ("hand", *WORN)
_REACH = 0.5  # worn things stay within this share of the box around it
_SLACK = 0.1  # of the box, for slipping and turning

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]


@register("image/face_occlusion", stage="scene")
@dataclass(frozen=True, slots=True)
class FaceOcclusion:
    """Cover a given share of a face with a mask, with sunglasses or with a hand, each where it belongs.

    The covered area of `face_box` rises along `area_range`. A mask is about natural at .3, sunglasses at .16; both are
    smaller below, and above they spread over the rest of the face, as a scarf or a visor does. Lenses let some light
    through and count by what they hide. On a clip worn things slip a little, a hand moves and turns; at frame 0 of the
    recording the hand covers just the area, worn things nearly.
    Achieved: `occluded_area` of the box in [0, 1], the mean over the frames, and the `shape` drawn.
    Source: facial regions as in Erakin et al., "On recognizing occluded faces in the wild", BIOSIG 2021.
    """

    area_range: Range = (0.005, 0.85)
    """Covered share of the box (mild, extreme); level moves along it linearly, below level .05 it shrinks further, to
    nothing at 0."""
    shapes: tuple[str, ...] = _SHAPES
    """Things to draw from: hand, mask, sunglasses."""
    face_box: Box = (0.0, 0.0, 1.0, 1.0)
    """Left, top, right and bottom of an upright face, from the brow's top to the chin and from ear to ear, in shares of
    the picture's width and height. The default is a picture that is a face crop."""
    time_constant_s: float = 0.6
    """On a clip, seconds in which a hand moves by about an eighth of the box, worn things by a hundredth."""

    def __post_init__(self) -> None:
        check_range("area_range", self.area_range, 1e-4, 1.0)
        check_shapes(self.shapes, _SHAPES)
        box = self.face_box
        if not isinstance(box, tuple) or len(box) != 4 or not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise ValueError(f"face_box must be (left, top, right, bottom) in [0, 1] with an area, not {box!r}")
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float | str]]:
        """Cover the face of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        area = lerp(self.area_range, level) * fade_in(level)
        shape = self.shapes[int(rng.integers(len(self.shapes)))]
        drift = paths_from_start(
            rng, 3, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame
        ).T
        lay = _lay_hand if shape == "hand" else _lay_worn
        noisy, hidden = lay(frames, area, shape, self.face_box, drift, rng)
        return noisy.reshape(image.shape), {"occluded_area": round(hidden, 6), "shape": shape}


def _lay_hand(
    frames: npt.NDArray[np.uint8], area: float, shape: str, box: Box, drift: Doubles, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], float]:
    height, width = frames.shape[1:3]
    left, top, across, high = _in_pixels(box, height, width)
    rows, columns = _pixels_of((left, top, across, high), height, width)
    outline = Outline.draw(shape, rng)
    # The palm is before the mouth or at a cheek; the forearm comes from below.
    place = rng.normal(((0.5, 0.78), (0.22, 0.7), (0.78, 0.7))[int(rng.integers(3))], 0.04)
    start = np.array([left + across * place[0] - 0.5, top + high * place[1] - 0.5, rng.normal(0, 0.5)])
    side = min(across, high)
    path = start + drift * (side / 8, side / 8, 0.15)
    edge_px = max(1.0, rng.uniform(0.004, 0.015) * side)
    surface = Surface.draw(shape, rng, frames.shape[-1])

    scale_px, opacity, mask_at_start = outline.fit(area, height, width, start, edge_px, (rows, columns))
    noisy = np.array(frames, order="C")
    hidden = 0.0
    for out, pose in zip(noisy, path, strict=True):
        there = np.array_equal(pose, start)
        mask = mask_at_start if there else outline.mask(height, width, pose, scale_px, edge_px, opacity)
        surface.paint(out, mask, pose, scale_px)
        hidden += covered_share(mask[rows, columns]) / len(frames)
    return noisy, hidden


def _lay_worn(
    frames: npt.NDArray[np.uint8], area: float, shape: str, box: Box, drift: Doubles, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], float]:
    cv2 = need("cv2", extra="image")
    height, width = frames.shape[1:3]
    left, top, across, high = _in_pixels(box, height, width)
    side = math.sqrt(across * high)
    worn = Worn.draw(shape, rng, frames.shape[-1])
    roll = rng.normal(0, 0.05)
    edge_px = max(1.0, rng.uniform(0.004, 0.01) * side)
    # What is seen of the box and its surroundings.
    rows, columns = _pixels_of(
        (left - _REACH * across, top - _REACH * high, across * (1 + 2 * _REACH), high * (1 + 2 * _REACH)), height, width
    )
    extent = (
        (columns.start - left) / across - _SLACK,
        (rows.start - top) / high - _SLACK,
        (columns.stop - left) / across + _SLACK,
        (rows.stop - top) / high + _SLACK,
    )
    box_px = left - columns.start, top - rows.start, across, high
    laid = WornPicture.of(worn, area, box_px, extent, edge_px)
    box_rows, box_columns = _pixels_of(box_px, rows.stop - rows.start, columns.stop - columns.start)

    noisy = frames.copy()
    hidden = 0.0
    for out, (x, y, turn) in zip(noisy[:, rows, columns], drift, strict=True):
        alpha, layer = laid.alpha_and_layer(
            out.shape[1], out.shape[0], 0.012 * side * np.array([x, y]), roll + 0.03 * turn
        )
        under = np.ascontiguousarray(out)
        out[...] = cv2.blendLinear(under, layer, 1 - alpha, alpha).reshape(out.shape)
        hidden += float(alpha[box_rows, box_columns].mean(dtype=np.float64)) / len(frames)
    return noisy, hidden


def _in_pixels(box: Box, height: int, width: int) -> Box:
    """Left, top, width and height of the face in pixels, at least one by one."""
    across, high = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    return box[0] * width, box[1] * height, max(1.0, across), max(1.0, high)


def _pixels_of(box_px: Box, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a picture of which some part is in a box."""
    left, top, across, high = box_px
    rows = slice(max(0, math.floor(top)), min(height, math.ceil(top + high)))
    return rows, slice(max(0, math.floor(left)), min(width, math.ceil(left + across)))
