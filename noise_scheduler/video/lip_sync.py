"""A picture that does not come at the time of its sound.

Public: `LipSync`, `DIRECTIONS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image.rounding import stochastic_round
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .timing import Pixels

DIRECTIONS = ("late", "early")
"""A picture after its sound; a picture before it, which takes frames that are still to come."""


@register("video/lip_sync", stage="channel")
@dataclass(frozen=True, slots=True)
class LipSync:
    """Shift the clip against its sound by one offset, in whole frames.

    The offset rises along `offset_ms_range`; between two whole numbers of frames one is drawn, with odds that make the
    mean exact. Where no frame is left, the first or the last one stays on show.
    Achieved: `offset_ms`, positive where the picture is late (the sound is advanced), negative where it is early.
    Source: ITU-R BT.1359-1: noticed from +45 and −125 ms on, not acceptable from +90 and −185 ms on.
    """

    offset_ms_range: Range = (15.0, 500.0)
    """Size of the offset (mild, extreme), ms; level moves along it in equal ratios, below level .05 it shrinks further,
    to nothing at 0."""
    directions: tuple[str, ...] = ("late",)
    """Drawn once per clip: late, early. An early picture needs frames from after a piece of a recording, so with early
    among them only whole clips come out right."""

    def __post_init__(self) -> None:
        check_range("offset_ms_range", self.offset_ms_range, 1e-3, 1e6)
        if not self.directions or any(direction not in DIRECTIONS for direction in self.directions):
            raise ValueError(f"directions must be one or both of {', '.join(DIRECTIONS)}, not {self.directions!r}")

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return math.ceil(self.offset_ms_range[1] * fps / 1000) if "late" in self.directions else 0

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Shift a clip (T, H, W, C), uint8."""
        offset_ms = loglerp(self.offset_ms_range, level) * fade_in(level)
        sign = -1 if self.directions[int(rng.integers(len(self.directions)))] == "early" else 1
        late = sign * stochastic_round(offset_ms * fps / 1000, rng)
        source = np.clip(np.arange(len(clip)) - late, 0, len(clip) - 1)
        return clip[source], {"offset_ms": late * 1000 / fps}
