"""Things worn on a face: a mask over mouth and nose, sunglasses over the eyes, as signed distances in a face's box.

Places are in shares of the box, x to the right and y down; distances are in box sides, positive inside. A thing grows
with its size: below 1 it is the natural thing made smaller about the mouth or the eyes, above 1 it spreads over the
rest of the face, as a scarf or a visor does.

Public: `WORN`, `Worn`, `WornPicture`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from .grain import table_normals

WORN = ("mask", "sunglasses")

_GRID = 64
_MOST_CELLS = 128
_LARGEST = 2.6  # size from which on the whole box is covered
_MOUTH, _EYES = (0.5, 0.74), (0.5, 0.4)
_PLEATS = (-0.09, 0.0, 0.09)
_CLOTHS = ("a9cbd8", "8fb9d3", "eef1f1", "eef1f1", "1b1c1f", "1b1c1f", "55585c", "d9b3b0", "34465e", "5a2730")
_RIMS = ("0f1012", "0f1012", "2a1a12", "4b2a17", "8d9094", "6d1f22")
_LENSES = ("08090a", "121415", "1d140e", "10180f", "10161f")

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Extent = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of the box."""


@dataclass(frozen=True, slots=True)
class Worn:
    """One mask or pair of sunglasses, of any size."""

    kind: str
    centre: tuple[float, float]
    breadth: float
    roundness: float
    transmission: float
    colours: Doubles
    """(2, C): of cloth or rim, and of the lenses."""
    pleated: bool
    grain: Floats

    @classmethod
    def draw(cls, kind: str, rng: np.random.Generator, channels: int) -> Worn:
        """A thing of one of the kinds `WORN`, of some colour and cut."""
        place = rng.normal(_MOUTH if kind == "mask" else _EYES, 0.012)
        breadth, roundness, transmission, pleated = rng.uniform((0.93, 0.4, 0.03, 0.0), (1.07, 1.0, 0.2, 1.0))
        outside, inside = (_CLOTHS, _CLOTHS) if kind == "mask" else (_RIMS, _LENSES)
        chosen = [palette[int(rng.integers(len(palette)))] for palette in (outside, inside)]
        rgb = np.array([list(bytes.fromhex(colour)) for colour in chosen], np.float64)
        return cls(
            kind,
            (float(place[0]), float(place[1])),
            float(breadth),
            float(roundness),
            float(transmission) if kind == "sunglasses" else 0.0,
            rgb if channels == 3 else rgb @ np.array([[0.299], [0.587], [0.114]]),
            bool(pleated < 0.6),
            table_normals(rng, 64 * 64).reshape(64, 64),
        )

    def size_for(self, area: float, transmission: float, edge: float) -> float:
        """The size that hides a share `area` of the box, with a soft edge of `edge` box sides; by false position."""
        at = _ticks(0, 1, _GRID)
        edge = max(edge, 0.5 / _GRID)

        def excess(size: float) -> float:
            outer, inner = self.distances(at, at[:, None], size)
            return float(_opacity(outer / edge, inner / edge, transmission).mean()) - area

        low, high, below, above = 0.0, _LARGEST, -area, excess(_LARGEST)
        size = high
        for _ in range(40):
            if above <= 0 or high - low < 1e-4:
                break
            size = high - above * (high - low) / (above - below)
            error = excess(size)
            if abs(error) <= 1e-3 * area:
                break
            if error > 0:
                high, above, below = size, error, below / 2
            else:
                low, below, above = size, error, above / 2
        return size

    def distances(self, x: Floats, y: Floats, size: float) -> tuple[Floats, Floats]:
        """Signed distances to the outline and to the rim of the lenses at places (x, y) of the box."""
        aside = np.abs(x - np.float32(self.centre[0])) / np.float32(self.breadth)
        down = y - np.float32(self.centre[1])
        small, grown = min(size, 1.0), max(size - 1.0, 0.0)
        if self.kind == "mask":
            # Higher on the nose than on the cheeks, narrower at the chin.
            lowered = down - np.float32(0.5) * aside * aside
            narrowed = aside * (1 + np.float32(0.4) * np.maximum(down, 0))
            top, bottom = -0.24 * small - 0.65 * grown, 0.22 * small + 0.25 * grown
            cloth = _box(
                narrowed,
                lowered,
                (-0.34 * small - 0.3 * grown, 0.34 * small + 0.3 * grown),
                (top, bottom),
                0.13 * small,
            )
            for start, end in (((0.3, -0.12), (0.52, -0.26)), ((0.27, 0.13), (0.52, -0.2))):
                np.maximum(cloth, _rod(aside, down, start, end, 0.009, small), out=cloth)
            return cloth, np.full_like(cloth, -1)
        sides = max(0.045 * small - 0.15 * grown, -0.05), 0.4 * small + 0.2 * grown
        heights = -0.105 * small - 0.45 * grown, 0.12 * small + 0.55 * grown
        lens = _box(aside, down, sides, heights, 0.11 * self.roundness * small)
        rim = lens - np.float32(0.018 * small)
        np.maximum(lens, _rod(aside, down, (0.0, -0.035), (0.07, -0.045), 0.014, small), out=lens)
        np.maximum(lens, _rod(aside, down, (0.39, -0.06), (0.6, -0.08), 0.013, small), out=lens)
        return lens, rim

    def picture(self, size: float, extent: Extent, cells: int) -> tuple[Floats, npt.NDArray[np.uint8]]:
        """Distances (G, K, 2) and colours (G, K, C) on a grid over `extent`, `cells` to a box side."""
        cv2 = need("cv2", extra="image")
        x = _ticks(extent[0], extent[2], cells)
        y = _ticks(extent[1], extent[3], cells)[:, None]
        outer, inner = self.distances(x, y, size)
        aside, down = (x - np.float32(self.centre[0])), (y - np.float32(self.centre[1]))
        grain = cv2.resize(self.grain, (x.size, y.size), interpolation=cv2.INTER_CUBIC)
        if self.kind == "mask":
            shade = (1 - np.float32(1.6) * aside * aside) * (1 - np.float32(0.25) * np.maximum(down, 0))
            shade += np.float32(0.05) * np.exp(-((aside / np.float32(0.07)) ** 2)) * (down < 0)
            shade -= np.float32(0.1) * np.exp(-(((outer - np.float32(0.022)) / np.float32(0.007)) ** 2))  # seam
            if self.pleated:
                fold = down - np.float32(0.25) * aside * aside
                for pleat in _PLEATS:
                    shade -= np.float32(0.14) * np.exp(-(((fold - np.float32(pleat)) / np.float32(0.01)) ** 2))
                    shade += np.float32(0.05) * np.exp(-(((fold - np.float32(pleat + 0.025)) / np.float32(0.015)) ** 2))
            shade += np.float32(0.012) * grain
            np.clip(shade, 0.35, 1.1, out=shade)
            layer = shade[..., None] * self.colours[0].astype(np.float32)
        else:
            in_lens = np.clip(inner * np.float32(cells), 0, 1)[..., None]
            gloss = 45 * np.exp(-(((aside + np.float32(0.8) * down - np.float32(0.02)) / np.float32(0.05)) ** 2))
            gloss += 30 * np.clip(np.float32(0.4) + 2 * down, 0, 1)  # the ground is brighter than the brow
            lens = self.colours[1].astype(np.float32) + gloss[..., None]
            rim = self.colours[0].astype(np.float32) * (1 + np.float32(0.05) * grain[..., None])
            layer = rim + in_lens * (lens - rim)
        return np.dstack([outer, inner]), np.clip(layer, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class WornPicture:
    """A worn thing of one size, ready to be laid over frames."""

    distances: Floats
    layer: npt.NDArray[np.uint8]
    transmission: float
    cells: int
    extent: Extent
    box_px: tuple[float, float, float, float]
    """Left, top, width and height."""
    edge_px: float

    @classmethod
    def of(
        cls,
        worn: Worn,
        area: float,
        box_px: tuple[float, float, float, float],
        extent: Extent,
        edge_px: float,
    ) -> WornPicture:
        """Size `worn` so that it hides a share `area` of a box in a picture; it is to be seen within `extent`."""
        side = math.sqrt(box_px[2] * box_px[3])
        transmission = min(worn.transmission, (1 - area) / 2)
        cells = min(max(8, math.ceil(max(box_px[2:]))), _MOST_CELLS)
        size = worn.size_for(area, transmission, edge_px / side)
        return cls(*worn.picture(size, extent, cells), transmission, cells, extent, box_px, edge_px)

    def alpha_and_layer(
        self, width: int, height: int, shift: Doubles, turn: float
    ) -> tuple[Floats, npt.NDArray[np.uint8]]:
        """Opacity (H, W) and colours (H, W, C), the thing moved by `shift` pixels and turned about the box's centre."""
        cv2 = need("cv2", extra="image")
        left, top, across, high = self.box_px
        cosine, sine = math.cos(turn), math.sin(turn)
        linear = np.array([[cosine / across, sine / across], [-sine / high, cosine / high]]) * self.cells
        centre = np.array([left + across / 2, top + high / 2]) - 0.5 + shift
        offset = self.cells * (0.5 - np.array(self.extent[:2])) - 0.5 - linear @ centre
        to_grid = np.column_stack([linear, offset])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        field, layer = (
            cv2.warpAffine(field, to_grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            for field in (self.distances, self.layer)
        )
        field *= np.float32(math.sqrt(across * high) / self.edge_px)
        alpha = _opacity(field[..., 0], field[..., 1], self.transmission)
        return alpha, layer.reshape(height, width, -1)


def _ticks(start: float, end: float, cells: int) -> Floats:
    return ((np.arange(round((end - start) * cells)) + 0.5) / cells + start).astype(np.float32)


def _opacity(outer: Floats, inner: Floats, transmission: float) -> Floats:
    """Share of the light that is hidden, from distances in widths of the soft edge."""
    alpha = np.clip(outer, 0, 1)
    if transmission:
        alpha -= np.float32(transmission) * np.clip(inner, 0, 1)
    return alpha


def _box(x: Floats, y: Floats, sides: tuple[float, float], heights: tuple[float, float], radius: float) -> Floats:
    """Signed distance to a rectangle with round corners."""
    out_x = np.abs(x - np.float32((sides[0] + sides[1]) / 2)) - np.float32((sides[1] - sides[0]) / 2 - radius)
    out_y = np.abs(y - np.float32((heights[0] + heights[1]) / 2)) - np.float32((heights[1] - heights[0]) / 2 - radius)
    inside: Floats = np.float32(radius) - np.minimum(np.maximum(out_x, out_y), 0)
    inside -= _length(np.maximum(out_x, 0), np.maximum(out_y, 0))
    return inside


def _rod(
    x: Floats, y: Floats, start: tuple[float, float], end: tuple[float, float], half_width: float, scale: float
) -> Floats:
    """Signed distance to a straight rod with round ends; ends and width are scaled."""
    (x0, y0), (x1, y1) = start, end
    along_x, along_y = (x1 - x0) * scale, (y1 - y0) * scale
    from_x, from_y = x - np.float32(x0 * scale), y - np.float32(y0 * scale)
    share: Floats = from_x * np.float32(along_x) + from_y * np.float32(along_y)
    share /= np.float32(along_x**2 + along_y**2)
    np.clip(share, 0, 1, out=share)
    aside = from_x - share * np.float32(along_x)
    below = from_y - share * np.float32(along_y)
    distance = _length(aside, below)
    return np.subtract(np.float32(half_width * scale), distance, out=distance)


def _length(x: Floats, y: Floats) -> Floats:
    square: Floats = x * x + y * y
    return np.sqrt(square, out=square)
