"""Star-shaped things to hold before a camera: their outlines, their size for a given area, their surface.

An occluder is a table of its outline's radius over the angle, so that hand, bar, sheet and blob share one fast and
exact way of being drawn at any size.

Public: `SHAPES`, `Outline`, `Surface`, `solve_scale`, `cover`, `paths_from_start`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from .drift import smooth_paths

SHAPES = ("bar", "blob", "hand", "sheet")
"""Outlines: a straight band across the picture (arm, strap, pole); a smooth random shape; a hand with fingers and
forearm; a rounded rectangle (phone, book, paper)."""

_ANGLES = 4096
_FAR = 1e4
_TILE = 128
_SKIN = ("f6ede4", "f3e7db", "eadaba", "d7bd96", "b98a63", "a07e56", "825c43", "604134", "3a312a", "292420")
_THINGS = ("17171a", "23272f", "3b2f2a", "4a4f55", "2b3a4f", "7a2a26", "5b6650", "8d8478", "cfcac0", "e8e6e1")

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def paths_from_start(
    rng: np.random.Generator, paths: int, frames: int, *, fps: float, time_constant_s: float, first_frame: int = 0
) -> Doubles:
    """`smooth_paths` as ways from where they are at frame 0 of the recording: (paths, frames) float64."""
    state = rng.bit_generator.state
    start = smooth_paths(rng, paths, 1, fps=fps, time_constant_s=time_constant_s)
    rng.bit_generator.state = state
    drift = smooth_paths(rng, paths, frames, fps=fps, time_constant_s=time_constant_s, first_frame=first_frame)
    return drift - start


@dataclass(frozen=True, slots=True)
class Outline:
    """An outline's radius over equal steps of the angle from its own x axis (y down), in units of its size."""

    radius: Doubles
    facing: Doubles
    """Cosine between the ray and the outline's normal."""

    @classmethod
    def draw(cls, shape: str, rng: np.random.Generator) -> Outline:
        """An outline of one of `SHAPES`."""
        radius = _radius_of(shape, rng)
        bend = np.gradient(np.log(np.concatenate([radius[-1:], radius, radius[:1]])), 2 * math.pi / _ANGLES)[1:-1]
        # Along a finger the rays graze the outline, and a soft edge taken from so steep a slant would grow whiskers.
        return cls(radius, np.maximum(1 / np.hypot(1, bend), 0.4 if shape == "hand" else 0.0))

    def lines(self, height: int, width: int, pose: Doubles, edge_px: float) -> tuple[Floats, Floats]:
        """(slope, offset), each (H, W): clip(slope · scale + offset, 0, 1) is how far a pixel is covered at a scale.

        The distance to the outline is taken along the ray from the centre and foreshortened to the outline's normal.

        Args:
            height, width: of the picture.
            pose: centre x and y in pixels, and turn in radians.
            edge_px: width of the soft edge.
        """
        cv2 = need("cv2", extra="image")
        facing = self.facing / edge_px
        centre_x, centre_y, turn = pose
        x = np.broadcast_to(np.arange(width, dtype=np.float32) - np.float32(centre_x), (height, width))
        y = np.broadcast_to((np.arange(height, dtype=np.float32) - np.float32(centre_y))[:, None], (height, width))
        # OpenCV misreads the zero strides of a broadcast array of one column.
        distance, angle = cv2.cartToPolar(np.ascontiguousarray(x), np.ascontiguousarray(y))
        cell = (angle * np.float32(_ANGLES / (2 * math.pi)) + np.float32(-turn / (2 * math.pi) % 1 * _ANGLES)).astype(
            np.int32
        ) & (_ANGLES - 1)
        slope = (self.radius * facing).astype(np.float32).take(cell, mode="clip")
        offset = facing.astype(np.float32).take(cell, mode="clip")
        offset *= -distance
        offset += 0.5
        return slope, offset


def _radius_of(shape: str, rng: np.random.Generator) -> Doubles:
    angle: Doubles = np.arange(_ANGLES, dtype=np.float64) * (2 * math.pi / _ANGLES)
    radius: Doubles
    if shape == "bar":
        return np.maximum(_capsule(angle, 0, _FAR, 1), _capsule(angle, math.pi, _FAR, 1))
    if shape == "sheet":
        half_height = rng.uniform(0.5, 1)
        radius = (np.abs(np.cos(angle)) ** 12 + np.abs(np.sin(angle) / half_height) ** 12) ** (-1 / 12)
        return radius
    if shape == "blob":
        order = np.arange(1, 8)[:, None]
        size = rng.normal(0, 0.32, (7, 1)) / order
        radius = np.exp((size * np.cos(order * angle + rng.uniform(0, 2 * math.pi, (7, 1)))).sum(0))
        return radius
    up = -math.pi / 2
    side, spread, length = rng.choice((-1.0, 1.0)), rng.uniform(0.7, 1.2), rng.uniform(0.8, 1.05)
    radius = np.maximum(0.95, _capsule(angle, -up, _FAR, rng.uniform(0.6, 0.75)))
    for lean, reach, half_width in (
        (-0.98, 1.9, 0.27), (-0.38, 2.75, 0.22), (-0.07, 3.0, 0.23), (0.24, 2.8, 0.22), (0.55, 2.25, 0.19)
    ):  # thumb, index, middle, ring and little finger  # fmt: skip
        finger = _capsule(angle, up + side * spread * lean, reach * length, half_width)
        radius = np.maximum(radius, finger)
    return radius


def _capsule(angle: Doubles, direction: float, length: float, half_width: float) -> Doubles:
    """Radius of a finger from the origin: straight sides `half_width` off its axis, round tip at `length`."""
    away = np.abs((angle - direction + math.pi) % (2 * math.pi) - math.pi)
    sine, cosine = np.sin(away), np.cos(away)
    centre = length - half_width
    tip = centre * cosine + np.sqrt(np.maximum(half_width**2 - (centre * sine) ** 2, 0))
    side = half_width / np.maximum(sine, half_width / _FAR)
    on_tip = centre * sine < half_width * cosine
    return np.where(away < math.pi / 2, np.where(on_tip, tip, side), half_width)


def cover(lines: tuple[Floats, Floats], scale: float) -> Floats:
    """How far every pixel is covered at a scale, given `Outline.lines`."""
    slope, offset = lines
    covered = slope * np.float32(scale)
    covered += offset
    return np.clip(covered, 0, 1, out=covered)


def solve_scale(slope: Floats, offset: Floats, area: float) -> float:
    """The scale at which the mean coverage is `area`, by Newton's method kept inside a shrinking bracket."""
    few_slope, few_offset = (lines.reshape(-1)[:: 1 + lines.size // 4096] for lines in (slope, offset))
    scale = float(np.quantile((0.5 - few_offset) / few_slope, area))
    if slope.size > 4 * few_slope.size:
        scale = _newton(few_slope, few_offset, area, scale, 1e-4)
    return _newton(slope, offset, area, scale, 1e-6)


def _newton(slope: Floats, offset: Floats, area: float, scale: float, tolerance: float) -> float:
    low, high = -math.inf, math.inf
    coverage = np.empty_like(slope)
    for _ in range(100):
        np.multiply(slope, np.float32(scale), out=coverage)
        coverage += offset
        np.clip(coverage, 0, 1, out=coverage)
        error = float(coverage.mean(dtype=np.float64)) - area
        if abs(error) <= tolerance * area:
            break
        low, high = (low, scale) if error > 0 else (scale, high)
        edge = np.flatnonzero((coverage > 0) & (coverage < 1))
        growth = float(slope.reshape(-1)[edge].sum(dtype=np.float64)) / slope.size
        scale = scale - error / growth if growth > 0 else math.nan
        if not low < scale < high:  # nothing on the edge, or a step too far
            if math.isinf(low) or math.isinf(high):
                scale = high - 1 - abs(high) if math.isinf(low) else low + 1 + abs(low)
            else:
                scale = (low + high) / 2
    return scale


@dataclass(frozen=True, slots=True)
class Surface:
    """Colour, texture and shading of an occluder."""

    colour: tuple[float, ...]
    tile: Floats
    roundness: float

    @classmethod
    def draw(cls, shape: str, rng: np.random.Generator, channels: int) -> Surface:
        cv2 = need("cv2", extra="image")
        skin = shape == "hand" or (shape in ("bar", "blob") and rng.random() < 0.4)
        palette = _SKIN if skin else _THINGS
        rgb = np.array(list(bytes.fromhex(palette[int(rng.integers(len(palette)))])), np.float64)
        rgb *= rng.uniform(0.75, 1.0)
        contrast = 0.03 if skin else rng.uniform(0.02, 0.08)
        tile = np.ones((_TILE, _TILE), np.float32)
        for cells, share in ((4, 1.5), (16, 0.5), (64, 0.5)):
            waves = rng.standard_normal((cells, cells), dtype=np.float32)
            tile += np.float32(contrast * share) * cv2.resize(waves, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
        colour = tuple(rgb) if channels == 3 else (float(rgb @ (0.299, 0.587, 0.114)),)
        return cls(colour, tile, 0.0 if shape == "sheet" else 0.35)

    def paint(
        self,
        frame: npt.NDArray[np.uint8],
        alpha: Floats,
        pose: Doubles,
        scale_px: float,
    ) -> npt.NDArray[np.uint8]:
        """`frame` (H, W, C) seen where `alpha` (H, W) is 0, this surface where it is 1.

        Round things darken towards their edge.
        """
        cv2 = need("cv2", extra="image")
        height, width = alpha.shape
        x, y, turn = pose
        zoom = _TILE / (1.5 * min(height, width))
        cosine, sine = zoom * math.cos(turn), zoom * math.sin(turn)
        to_tile = np.array(
            [
                [cosine, sine, _TILE / 2 - cosine * x - sine * y],
                [-sine, cosine, _TILE / 2 + sine * x - cosine * y],
            ]
        )
        shade = cv2.warpAffine(
            self.tile,
            to_tile,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        if self.roundness:  # a blurred mask is 1/2 at the edge and 1 well inside
            reach = 2 * int(min(0.3 * scale_px, 0.2 * min(height, width))) + 1
            inside = cv2.blur(alpha, (reach, reach), borderType=cv2.BORDER_REPLICATE)
            rim = np.minimum(2 - 2 * inside, 1)
            shade *= 1 - np.float32(self.roundness) * rim * rim
        layer = cv2.merge([cv2.convertScaleAbs(shade, alpha=value) for value in self.colour])
        painted: npt.NDArray[np.uint8] = cv2.blendLinear(frame, layer, 1 - alpha, alpha)
        return painted.reshape(frame.shape)
