"""Anti-aliased strokes on RGB pictures, points in pixels with fractions.

Public: `curve`, `ellipse`, `fill`, `fill_grey`, `line`, `disc`, `BEZIER_T`.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

_SHIFT = 4
"""Fractional bits of the coordinates that OpenCV takes."""
BEZIER_T = np.linspace(0, 1, 17)[:, None]


def curve(a: Points, b: Points, c: Points) -> Points:
    """Quadratic Bézier curve in 17 points."""
    t = BEZIER_T
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c


def ellipse(centre: Points, rx: float, ry: float, start: float = 0, stop: float = 360) -> Points:
    t = np.deg2rad(np.linspace(start, stop, 40))
    return centre + np.stack([rx * np.cos(t), ry * np.sin(t)], 1)


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def fill(image: Image, points: Points, colour: npt.ArrayLike) -> None:
    cv2.fillPoly(image, [_fixed(points)], np.asarray(colour, float).tolist(), cv2.LINE_AA, _SHIFT)


def fill_grey(mask: Image, points: Points) -> None:
    cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _SHIFT)


def line(image: Image, points: Points, colour: npt.ArrayLike, width: int) -> None:
    cv2.polylines(image, [_fixed(points)], False, np.asarray(colour, float).tolist(), width, cv2.LINE_AA, _SHIFT)


def disc(image: Image, centre: Points, radius: float, colour: npt.ArrayLike) -> None:
    x, y = _fixed(centre)
    cv2.circle(image, (int(x), int(y)), round(radius * 16), np.asarray(colour, float).tolist(), -1, cv2.LINE_AA, _SHIFT)
