"""A frame rate that falls and varies.

Public: `VariableFrameRate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .timing import Pixels, last_arrived, shown

_SWINGS = 4


@register("video/variable_frame_rate")
@dataclass(frozen=True, slots=True)
class VariableFrameRate:
    """Take fewer pictures per second, at a rate that varies, and hold each until the next.

    So do cameras that expose for longer in the dark, coders that skip frames to keep their bit rate, and busy
    computers. The mean rate falls along `rate_share_range`; the rate swings smoothly around it, as a sum of cosines.
    Achieved: `frame_rate_hz`, new pictures per second of the clip, its first one among them.
    Source: temporal resolution of ITU-T P.910 and P.1204; variable frame rate of WebRTC's degradation preferences.
    """

    rate_share_range: Range = (0.97, 0.04)
    """New pictures per frame of the clip (mild, extreme); .04 of 25 fps is 1 Hz. Level moves along it in equal
    ratios, below level .05 it goes on to 1."""
    largest_swing: float = 0.6
    """Largest deviation of the rate from its mean, as a share of it."""
    swing_s_range: Range = (2.0, 10.0)
    """Shortest and longest period of the swings, s."""

    def __post_init__(self) -> None:
        check_range("rate_share_range", self.rate_share_range, 1e-3, 1.0, falling=True)
        check_range("swing_s_range", self.swing_s_range, 1e-3, 1e6)
        if not 0 <= self.largest_swing <= 0.95:
            raise ValueError(f"largest_swing must be in [0, .95] of the rate, not {self.largest_swing!r}")

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return math.ceil(1 / (self.rate_share_range[1] * (1 - self.largest_swing))) + 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Hold frames of a clip (T, H, W, C), uint8."""
        fade = fade_in(level)
        share = 1 - (1 - loglerp(self.rate_share_range, level)) * fade
        start = rng.random()
        shortest_s, longest_s = self.swing_s_range
        periods = fps * shortest_s * (longest_s / shortest_s) ** rng.random(_SWINGS)
        phases = 2 * np.pi * rng.random(_SWINGS)

        begins = max(0, first_frame - self.memory(fps))
        numbers = np.arange(begins - 1, first_frame + len(clip))
        turns = 2 * np.pi * numbers[:, None] / periods + phases
        ahead = (fade * self.largest_swing / _SWINGS * periods / (2 * np.pi) * np.sin(turns)).sum(1)
        pictures = np.floor(share * (numbers + ahead) + start)
        new = pictures[1:] != pictures[:-1]
        source = last_arrived(new, begins)[first_frame - begins :]
        taken = 1 + np.count_nonzero(new[first_frame - begins + 1 :])
        return shown(clip, source, first_frame), {"frame_rate_hz": float(taken * fps / len(clip))}
