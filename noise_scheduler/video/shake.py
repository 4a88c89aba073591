"""A camera that is not held still.

Public: `CameraShake`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..image.drift import check_time_constant, smooth_paths
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .timing import Pixels

_TURN = 0.35  # rotation, radians, per shorter side of shift: 2° with a shift of .1


@register("video/camera_shake", version=2)
@dataclass(frozen=True, slots=True)
class CameraShake:
    """Move and turn the picture as an unsteady hand does, by fractions of a pixel and more.

    Shifts in x and y and a small rotation follow smooth random paths; their size rises along `shift_range`. Pixels are
    interpolated bilinearly, and beyond its border the picture goes on as its own mirror image.
    Achieved: `displacement_px`, the root mean square shift over the clip.
    Source: hand tremor and sway as in Hanning et al., "Stabilizing cell phone video using inertial measurement
    sensors", ICCV Workshops 2011.
    """

    severity_measure: ClassVar[str] = "displacement"

    shift_range: Range = (0.001, 0.5)
    """Shift (mild, extreme) in each direction, standard deviation as a fraction of the picture's shorter side. Level
    moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""
    time_constant_s: float = 0.12
    """Seconds over which the camera keeps its place; .12 s gives shaking of 1 to 3 Hz."""

    def __post_init__(self) -> None:
        check_range("shift_range", self.shift_range, 1e-5, 2.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Shake a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="video")
        height, width = clip.shape[1:3]
        side = min(height, width)
        shift = loglerp(self.shift_range, level) * fade_in(level)
        paths = shift * smooth_paths(
            rng, 3, len(clip), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame
        )
        noisy = np.empty(clip.shape, np.uint8)
        for out, frame, (x, y, turn) in zip(noisy, clip, paths.T, strict=True):
            to_frame = _moved(height, width, side * x, side * y, _TURN * turn)
            out[...] = cv2.warpAffine(
                np.ascontiguousarray(frame),
                to_frame,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            ).reshape(frame.shape)
        displacement_px = side * math.sqrt(float(np.mean(paths[0] ** 2 + paths[1] ** 2)))
        return noisy, {"displacement_px": displacement_px}


def _moved(height: int, width: int, x_px: float, y_px: float, angle: float) -> npt.NDArray[np.float64]:
    """(2, 3): from a place in the moved picture, in pixels, to the place in the frame that is seen there."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([width - 1, height - 1]) / 2
    shift = np.array([x_px, y_px])
    return np.column_stack([turn, centre + shift - turn @ centre])
