"""Things that stand between the camera and the scene.

Public: `Occlusion`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .drift import check_time_constant
from .occluders import SHAPES, Outline, Surface, check_shapes, covered_share, paths_from_start

Doubles = npt.NDArray[np.float64]


@register("image/occlusion", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Occlusion:
    """Cover a given share of the picture with an opaque, soft-edged thing.

    The covered area rises along `area_range`. Size is solved for the area that falls inside the frame, edge pixels
    counting in part. On a clip one rigid thing moves and turns along a smooth path; at frame 0 of the recording it
    covers just that area. Achieved: `occluded_area` in [0, 1], the mean over the frames, and the `shape` drawn.
    Source: skin tones after the Monk skin tone scale (2022); as an all-shapes form of random erasing (Zhong et al.,
    AAAI 2020).
    """

    area_range: Range = (0.01, 0.85)
    """Covered share of the picture (mild, extreme); level moves along it linearly, below level .05 it shrinks
    further, to nothing at 0."""
    shapes: tuple[str, ...] = SHAPES
    """Outlines to draw from: bar, blob, hand, sheet."""
    time_constant_s: float = 0.6
    """On a clip, seconds in which the thing moves by about a sixth of the picture's shorter side."""

    def __post_init__(self) -> None:
        check_range("area_range", self.area_range, 1e-4, 1.0)
        check_shapes(self.shapes, SHAPES)
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
        """Cover an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        area = lerp(self.area_range, level) * fade_in(level)
        shape = self.shapes[int(rng.integers(len(self.shapes)))]
        outline = Outline.draw(shape, rng)
        start, path = _path(rng, frames.shape, shape, fps, first_frame, self.time_constant_s)
        edge_px = max(1.0, rng.uniform(0.004, 0.02) * min(frames.shape[1:3]))
        surface = Surface.draw(shape, rng, frames.shape[-1])

        height, width = frames.shape[1:3]
        whole = slice(0, height), slice(0, width)
        scale_px, opacity, mask_at_start = outline.fit(area, height, width, start, edge_px, whole)
        noisy = np.array(frames, order="C")
        achieved_area = 0.0
        for out, pose in zip(noisy, path, strict=True):
            there = np.array_equal(pose, start)
            mask = mask_at_start if there else outline.mask(height, width, pose, scale_px, edge_px, opacity)
            surface.paint(out, mask, pose, scale_px)
            achieved_area += covered_share(mask) / len(frames)
        return noisy.reshape(image.shape), {"occluded_area": round(achieved_area, 6), "shape": shape}


def _path(
    rng: np.random.Generator,
    clip_shape: tuple[int, ...],
    shape: str,
    fps: float,
    first_frame: int,
    time_constant_s: float,
) -> tuple[Doubles, Doubles]:
    """Centre x and y in pixels, and turn in radians: at the start of the recording (3,) and in every frame (T, 3)."""
    frames, height, width = clip_shape[:3]
    side = min(height, width)
    drift = paths_from_start(rng, 3, frames, fps=fps, time_constant_s=time_constant_s, first_frame=first_frame)
    centre_x, centre_y = rng.uniform(0.1, 0.9, 2) * (width, height) - 0.5
    # A forearm comes from below or from the side, rarely from above.
    angle = rng.normal(0, 0.8) if shape == "hand" else rng.uniform(0, 2 * math.pi)
    start = np.array([centre_x, centre_y, angle])
    return start, start + drift.T * (side / 6, side / 6, 0.2)
