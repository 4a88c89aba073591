"""Blurs of the lens and of movement.

Kernels are correlated in the picture's own grey levels (gamma-encoded, as camera pipelines that stabilise
and encode video do), with the border mirrored without repeating the edge pixel (reflect-101).

Public: `MotionBlur`, `line_kernel`, `filter_line`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .drift import Held, check_time_constant, drifts, factors

_ANGLE_DRIFT_DEG = 25.0
_LOG_LENGTH_DRIFT = 0.35
_SHARPNESS = 3  # of the change from one pixel to the next across a line, 1 being linear interpolation
_DIRECT_AREA = 130  # OpenCV turns to the Fourier transform, 10 times slower for lines, from this kernel size on


@register("image/motion_blur", version=2)
@dataclass(frozen=True, slots=True)
class MotionBlur:
    """Blur along a straight line of random angle, as a camera that moves while the shutter is open.

    The line's length rises along `length_range` from invisible to a fifth of the picture. On a clip,
    angle and length wander smoothly. Achieved: `length_px`, the mean length in pixels, and `angle_deg`, the angle in
    [0, 180) that it wanders about, counter-clockwise from the horizontal.
    Source: linear motion kernel of uniform velocity, e.g. Gonzalez & Woods, "Digital image processing", 5.6.
    """

    length_range: Range = (0.0018, 0.2)
    """Length of the line (mild, extreme) as a fraction of the picture's shorter side; .2 is 45 px of 224. Level
    moves along it in equal ratios; below level .05 the line shrinks further, to nothing at 0."""
    time_constant_s: float | Held = 0.3
    """On a clip, seconds over which angle and length stay much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("length_range", self.length_range, 1e-4, 1.0)
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
        """Blur an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        mean_length_px = min(frames.shape[1:3]) * loglerp(self.length_range, level) * fade_in(level)
        mean_angle_deg = float(rng.uniform(0, 180))
        time_constant_s = self.time_constant_s
        (turn,) = drifts(rng, 1, len(frames), fps=fps, time_constant_s=time_constant_s, first_frame=first_frame)
        angles_deg = mean_angle_deg + _ANGLE_DRIFT_DEG * turn
        lengths_px = mean_length_px * factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=time_constant_s,
            log_size=_LOG_LENGTH_DRIFT,
            first_frame=first_frame,
        )
        noisy = np.empty_like(frames)
        for blurred, frame, length_px, angle_deg in zip(noisy, frames, lengths_px, angles_deg, strict=True):
            blurred[...] = filter_line(frame, line_kernel(length_px, angle_deg))
        return noisy.reshape(image.shape), {"length_px": mean_length_px, "angle_deg": mean_angle_deg}


def line_kernel(length_px: float, angle_deg: float) -> npt.NDArray[np.float32]:
    """The kernel of a straight line through the centre, anti-aliased.

    Along its longer axis the line is sampled with tents. Across, a sample belongs to the nearest pixel or, near the
    middle between two, to both.

    Args:
        length_px: any length ≥ 0; towards 0 the kernel becomes a single 1.
        angle_deg: counter-clockwise from the horizontal, as seen in the picture (rows run down).

    Returns:
        (2r + 1, 2s + 1) float32 with sum 1, point-symmetric, r and s as small as the line allows.
    """
    angle = math.radians(angle_deg)
    x, y = math.cos(angle), -math.sin(angle)
    if abs(y) > abs(x):
        return np.ascontiguousarray(line_kernel(length_px, -90 - angle_deg).T)
    half = max(abs(x) * length_px / 2, 1e-9)
    reach = math.ceil(half - 1e-9)
    column = np.arange(-reach, reach + 1)
    # The integral of the tent around each column from one end of the line to the other.
    ends = np.clip(np.stack([-half - column, half - column]), -1, 1)
    weight = np.diff(ends - 0.5 * ends * np.abs(ends), axis=0)[0] / (2 * half)
    row = column * (y / x)
    above = np.floor(row)
    below_share = np.clip(_SHARPNESS * (row - above - 0.5) + 0.5, 0, 1)
    radius = int(np.abs(np.concatenate([above[below_share < 1], above[below_share > 0] + 1])).max())
    kernel = np.zeros((2 * radius + 3, 2 * reach + 1), np.float32)
    top = above.astype(np.intp) + radius
    kernel[top, column + reach] = weight * (1 - below_share)
    kernel[top + 1, column + reach] += weight * below_share
    kernel = kernel[: 2 * radius + 1]
    return 0.5 * (kernel + kernel[::-1, ::-1])


def filter_line(frame: npt.NDArray[np.uint8], kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Correlate a picture with a line kernel.

    A long line is filtered in pieces, each small enough for OpenCV's direct method, which skips zero weights;
    they are summed in steps of 1/64 grey level.

    Args:
        frame: (H, W, C) uint8.
        kernel: from `line_kernel`.

    Returns:
        (H, W, C) uint8.
    """
    cv2 = need("cv2", extra="image")
    if kernel.size < _DIRECT_AREA:
        blurred: npt.NDArray[np.uint8] = cv2.filter2D(frame, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        return blurred.reshape(frame.shape)
    height, width = frame.shape[:2]
    pad_y, pad_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = cv2.copyMakeBorder(frame, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_REFLECT_101)
    total = np.full(frame.shape, 32, np.int16)
    for row, column, piece in _pieces(kernel):
        reach = padded[row : row + height + piece.shape[0] - 1, column : column + width + piece.shape[1] - 1]
        part = cv2.filter2D(reach, cv2.CV_16S, 64 * piece, anchor=(0, 0))
        total += part[:height, :width].reshape(frame.shape)
    total >>= 6
    exact: npt.NDArray[np.uint8] = np.clip(total, 0, 255).astype(np.uint8)
    return exact


def _pieces(kernel: npt.NDArray[np.float32]) -> list[tuple[int, int, npt.NDArray[np.float32]]]:
    """(first row, first column, weights) of the parts of a line kernel, cut across its longer axis."""
    if kernel.shape[0] > kernel.shape[1]:
        return [(row, column, part.T) for column, row, part in _pieces(kernel.T)]
    height, width = kernel.shape
    step = width
    while step * (math.ceil(step * height / width) + 2) >= _DIRECT_AREA:
        step -= 1
    pieces = []
    for column in range(0, width, step):
        part = kernel[:, column : column + step]
        rows = np.flatnonzero(part.any(1))
        pieces.append((int(rows[0]), column, np.ascontiguousarray(part[rows[0] : rows[-1] + 1])))
    return pieces
