"""Star-shaped things to hold before a camera: their outlines, their size for a given area, their surface.

An occluder is a polygon of equal steps of the angle about its centre, so that hand, bar, sheet and blob share one fast
way of being drawn at any size.

Public: `SHAPES`, `Outline`, `Surface`, `covered_share`, `lay_over`, `paths_from_start`,
`check_shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from .drift import smooth_paths
from .grain import table_normals

SHAPES = ("bar", "blob", "hand", "sheet")
"""Outlines: a straight band across the picture (arm, strap, pole); a smooth random shape; a hand with fingers and
forearm; a rounded rectangle (phone, book, paper)."""

_ANGLES = 1024
_FAR = 1e4
_SUBPIXEL_BITS = 8
_LEAST_SIDE = 64  # pixels; a smaller picture's mask is drawn larger, up to _MOST_DRAWN pixels, and reduced
_MOST_DRAWN = 1 << 16
_GRID = 32  # points a side by which a size is first guessed
_TILE = 64
_SHADED_SIDE = 112  # pixels of the shorter side at which colours are worked out
_SKIN = ("f6ede4", "f3e7db", "eadaba", "d7bd96", "b98a63", "a07e56", "825c43", "604134", "3a312a", "292420")
_THINGS = ("17171a", "23272f", "3b2f2a", "4a4f55", "2b3a4f", "7a2a26", "5b6650", "8d8478", "cfcac0", "e8e6e1")

_PALM = 0.95
_FINGERS = np.array(
    [(-0.98, 1.9, 0.27), (-0.38, 2.75, 0.22), (-0.07, 3.0, 0.23), (0.24, 2.8, 0.22), (0.55, 2.25, 0.19)]
)
"""Lean in radians, reach and half width of thumb, index, middle, ring and little finger."""

Pixels = npt.NDArray[np.uint8]
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
    """An outline in units of its size, y down."""

    radius: Doubles
    """Over equal steps of the angle."""
    points: Doubles
    """(N, 2): corners of the polygon."""

    @classmethod
    def draw(cls, shape: str, rng: np.random.Generator) -> Outline:
        """An outline of one of `SHAPES`."""
        cosine, sine = _circle()
        if shape == "bar":
            # Many short edges, because OpenCV rounds the ends of each to whole rows.
            way = np.geomspace(0.1, _FAR, 128)
            edge = np.stack([np.concatenate([way[::-1], -way]), np.ones(256)], 1)
            return cls(1 / np.maximum(np.abs(sine), 1 / _FAR), np.concatenate([edge, -edge]))
        if shape == "sheet":
            half_height = rng.uniform(0.5, 1)
            radius = (np.abs(cosine) ** 12 + np.abs(sine / half_height) ** 12) ** (-1 / 12)
        elif shape == "blob":
            order = np.arange(1, 8)[:, None]
            size = rng.normal(0, 0.32, (7, 1)) / order
            turned = order * _angles() + rng.uniform(0, 2 * math.pi, (7, 1))
            radius = np.exp((size * np.cos(turned)).sum(0))
        else:
            radius = _hand(rng)
        points = radius[:, None] * np.stack([cosine, sine], 1)
        if shape == "hand":  # the ray along the forearm ends in its two far corners
            down = _ANGLES // 4
            aside = points[down - 1, 0]
            ends = np.array([[aside, _FAR], [-aside, _FAR]])
            points = np.concatenate([points[:down], ends, points[down + 1 :]])
        return cls(radius, points)

    def mask(
        self, height: int, width: int, pose: Doubles, scale_px: float, edge_px: float, opacity: float = 1.0
    ) -> Pixels:
        """How far every pixel of a picture is covered, (H, W), 255 being wholly.

        Args:
            height, width: of the picture.
            pose: centre x and y in pixels, and turn in radians.
            scale_px: size.
            edge_px: width of the soft edge.
            opacity: of the thing, below 1 where it is thinner than a pixel.
        """
        cv2 = need("cv2", extra="image")
        x, y, turn = pose
        finer = max(1, min(math.ceil(_LEAST_SIDE / min(height, width)), math.isqrt(_MOST_DRAWN // (height * width))))
        reach = 2 * (height + width)
        along = np.clip(self.points * scale_px, -reach, reach)
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        corners = (along @ rotation + (x + 0.5, y + 0.5)) * finer - 0.5
        mask = np.zeros((height * finer, width * finer), np.uint8)
        fixed_point = np.rint(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed_point], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        window = 2 * round((edge_px * finer - 1) / 2) + 1
        if window > 1:
            mask = cv2.blur(mask, (window, window), borderType=cv2.BORDER_REPLICATE)
        if finer > 1:
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
        return mask if opacity == 1 else cv2.convertScaleAbs(mask, alpha=opacity).reshape(height, width)

    def fit(
        self, area: float, height: int, width: int, pose: Doubles, edge_px: float, part: tuple[slice, slice]
    ) -> tuple[float, float, Pixels]:
        """The size at which a share `area` of some rows and columns is covered, to about a thousandth; and the mask.

        What would be thinner than the thinnest that is drawn is drawn transparent.

        Returns:
            Size in pixels, opacity, mask (H, W).
        """
        rows, columns = part
        y, x = (
            np.linspace(span.start, span.stop, 2 * _GRID + 1)[1::2] - 0.5 - centre
            for span, centre in ((rows, pose[1]), (columns, pose[0]))
        )
        turns = (np.arctan2(y[:, None], x) - pose[2]) / (2 * math.pi)
        reaches = np.hypot(y[:, None], x) / self.radius[(turns * _ANGLES).astype(np.intp) % _ANGLES]
        # The share covered at a scale is about that of the points that the outline has reached.
        reaches = np.sort(reaches, axis=None)
        scale = float(np.interp(area, (np.arange(reaches.size) + 0.5) / reaches.size, reaches))
        near = np.searchsorted(reaches, (0.9 * scale, 1.1 * scale))
        growth = max(float(near[1] - near[0]) / reaches.size / 0.2, 0.1 * area) / scale
        tolerance = 1e-3 * area if area < 1 else 0.0
        best, tried = (math.inf, scale, np.empty((0, 0), np.uint8)), (0.0, 0.0)
        for _ in range(6):
            mask = self.mask(height, width, pose, scale, edge_px)
            covered = covered_share(mask[rows, columns])
            best = min(best, (abs(area - covered), scale, mask), key=lambda found: found[0])
            if best[0] <= tolerance:
                break
            if tried[0] and (covered - tried[1]) * (scale - tried[0]) > 0:
                growth = (covered - tried[1]) / (scale - tried[0])
            tried = scale, covered
            scale = min(max(scale + (area - covered) / growth, 0.5 * scale), 2 * scale)
        _, scale, mask = best
        covered = covered_share(mask[rows, columns])
        if covered <= 1.02 * area:
            return scale, 1.0, mask
        opacity = area / covered
        return scale, opacity, self.mask(height, width, pose, scale, edge_px, opacity)


def check_shapes(shapes: Sequence[str], valid: Sequence[str]) -> None:
    """Raise `ValueError` unless `shapes` are one or more of the `valid` ones."""
    if not shapes or any(shape not in valid for shape in shapes):
        raise ValueError(f"shapes must be one or more of {', '.join(valid)}, not {shapes!r}")


def covered_share(mask: Pixels) -> float:
    """The mean of a mask, in [0, 1]."""
    cv2 = need("cv2", extra="image")
    return float(cv2.sumElems(mask)[0]) / (255 * mask.size)


@cache
def _angles() -> Doubles:
    return np.arange(_ANGLES, dtype=np.float64) * (2 * math.pi / _ANGLES)


@cache
def _circle() -> tuple[Doubles, Doubles]:
    """Cosines and sines of the angles."""
    return np.cos(_angles()), np.sin(_angles())


def _hand(rng: np.random.Generator) -> Doubles:
    """Radius of a palm, a forearm downwards and fingers: straight sides, round tips."""
    side, spread, length = rng.choice((-1.0, 1.0)), rng.uniform(0.7, 1.2), rng.uniform(0.8, 1.05)
    lean, reach, half_width = _FINGERS.T[:, :, None]
    direction = np.vstack([side * spread * lean - math.pi / 2, [[math.pi / 2]]])
    half_width = np.vstack([half_width, [[rng.uniform(0.6, 0.75)]]])
    centre = np.vstack([reach * length, [[_FAR]]]) - half_width
    cosines, sines = _circle()
    cosine = cosines * np.cos(direction) + sines * np.sin(direction)
    sine = np.abs(sines * np.cos(direction) - cosines * np.sin(direction))
    away = centre * sine
    tip = centre * cosine + np.sqrt(np.maximum(half_width**2 - away * away, 0))
    straight = half_width / np.maximum(sine, half_width / _FAR)
    ahead = np.where(away < half_width * cosine, tip, straight)
    radius: Doubles = np.where(cosine > 0, ahead, 0).max(0)
    return np.maximum(radius, _PALM)


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
        tile = np.ones((1, 1), np.float32)
        for cells, share in ((4, 1.5), (16, 0.5), (_TILE, 0.5)):
            tile = cv2.resize(tile, (cells, cells), interpolation=cv2.INTER_CUBIC)
            tile += np.float32(contrast * share) * table_normals(rng, cells * cells).reshape(cells, cells)
        colour = tuple(rgb) if channels == 3 else (float(rgb @ (0.299, 0.587, 0.114)),)
        return cls(colour, tile, 0.0 if shape == "sheet" else 0.35)

    def paint(self, frame: Pixels, mask: Pixels, pose: Doubles, scale_px: float) -> None:
        """Paint this surface over `frame` (H, W, C), contiguous, wholly where `mask` (H, W) is 255.

        Round things darken towards their edge.
        """
        cv2 = need("cv2", extra="image")
        height, width = mask.shape
        x, y, turn = pose
        side = min(height, width)
        coarser = max(1, side // _SHADED_SIDE)
        rows, columns = -(-height // coarser), -(-width // coarser)
        step_x, step_y = width / columns, height / rows
        zoom = _TILE / (1.5 * side)
        cosine, sine = zoom * math.cos(turn), zoom * math.sin(turn)
        from_x, from_y = x + 0.5 - step_x / 2, y + 0.5 - step_y / 2
        to_tile = np.array(
            [
                [cosine * step_x, sine * step_y, _TILE / 2 - cosine * from_x - sine * from_y],
                [-sine * step_x, cosine * step_y, _TILE / 2 + sine * from_x - cosine * from_y],
            ]
        )
        shade = cv2.warpAffine(
            self.tile,
            to_tile,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        if self.roundness:  # a blurred mask is 1/2 at the edge and 1 well inside
            window = 2 * int(min(0.3 * scale_px, 0.2 * side) / coarser) + 1
            inside = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_LINEAR).astype(np.float32)
            inside = cv2.blur(inside, (window, window), borderType=cv2.BORDER_REPLICATE)
            rim = np.minimum(2 - np.float32(2 / 255) * inside, 1)
            shade *= 1 - np.float32(self.roundness) * rim * rim
        layer = cv2.merge([cv2.convertScaleAbs(shade, alpha=value) for value in self.colour])
        layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR).reshape(frame.shape)
        lay_over(frame, layer, mask)


def lay_over(frame: Pixels, layer: Pixels, mask: Pixels) -> None:
    """Lay `layer` over `frame` (H, W, C), contiguous, as far as `mask` (H, W) says, mixed where it is not 0 or 255."""
    cv2 = need("cv2", extra="image")
    cv2.copyTo(layer, cv2.inRange(mask, 255, 255), frame)
    mixed = np.flatnonzero(mask - np.uint8(1) < 254)  # neither 0, which wraps to 255, nor 255
    pixels, over = (picture.reshape(-1, frame.shape[2]) for picture in (frame, layer))
    share = mask.reshape(-1)[mixed].astype(np.uint16)[:, None]
    pixels[mixed] = (pixels.take(mixed, 0) * (255 - share) + over.take(mixed, 0) * share + 127) // 255
