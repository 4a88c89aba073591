"""Frames that never arrive.

Public: `FrameDrop`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..image.frames import frame_streams
from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .timing import Pixels, check_seconds, frames_in, last_arrived, shown


@register("video/frame_drop", stage="channel")
@dataclass(frozen=True, slots=True)
class FrameDrop:
    """Lose frames in bursts; in place of a lost frame the last one that arrived stays on show.

    A Gilbert–Elliott chain with a good state, where every frame arrives, and a bad one, where none does. The loss rate
    rises along `loss_rate_range` and the mean length of a burst along `mean_burst_ms_range`, never shorter than
    independent losses of that rate would give. The chain is drawn anew, from its stationary law, every `refresh_s`,
    and the frame with which that begins always arrives.
    Achieved: `loss_rate`, the share of the clip's frames that are lost.
    Source: Gilbert, "Capacity of a burst-noise channel", Bell Syst. Tech. J. 1960; Elliott, same, 1963.
    """

    loss_rate_range: Range = (0.01, 0.97)
    """Share of frames lost (mild, extreme); level moves along it linearly, below level .05 it shrinks further, to
    nothing at 0."""
    mean_burst_ms_range: Range = (40.0, 600.0)
    """Mean length of a burst of losses (mild, extreme), ms; level moves along it linearly."""
    refresh_s: float = 4.0
    """Seconds from one frame that surely arrives to the next; the longest hold."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 0.0, 0.999)
        check_range("mean_burst_ms_range", self.mean_burst_ms_range, 0.0, 1e6)
        check_seconds("refresh_s", self.refresh_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return frames_in(self.refresh_s, fps)

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Lose frames of a clip (T, H, W, C), uint8."""
        loss_rate = lerp(self.loss_rate_range, level) * fade_in(level)
        burst = max(lerp(self.mean_burst_ms_range, level) * fps / 1000, 1 / (1 - loss_rate))
        period = self.memory(fps)
        begins = max(0, first_frame - period)
        end = first_frame + len(clip)
        offset = int(period * rng.random())
        first_part, last_part = (begins + offset) // period, (end - 1 + offset) // period
        streams = frame_streams(rng, last_part + 1 - first_part, first_part)
        arrived = np.concatenate([_arrived(stream.random(period), loss_rate, burst) for stream in streams])
        arrived = arrived[begins + offset - first_part * period :][: end - begins]
        source = last_arrived(arrived, begins)[first_frame - begins :]
        lost = ~arrived[first_frame - begins :]
        return shown(clip, source, first_frame), {"loss_rate": float(lost.mean())}


def _arrived(draws: npt.NDArray[np.float64], loss_rate: float, burst: float) -> npt.NDArray[np.bool_]:
    """Which frames arrive between two refreshes, one uniform number each; bursts of losses last `burst` frames.

    As bursts are never shorter than with independent losses, a bad state is at least as likely after a bad one as
    after a good one: a number below the one chance decides for bad, one above the other for good, whatever came before.
    """
    to_bad, stay_bad = loss_rate / (1 - loss_rate) / burst, 1 - 1 / burst
    bad = draws < to_bad
    decided = bad | (draws >= stay_bad)
    bad[0], decided[0] = draws[0] < loss_rate, True
    arrived = ~bad[last_arrived(decided, 0)]
    arrived[0] = True
    return arrived
