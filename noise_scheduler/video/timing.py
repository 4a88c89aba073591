"""What happens when in a recording, and which frame is on show meanwhile.

Everything is a function of the random stream and of absolute frame numbers or times, so that a piece of a recording
gets its part of what happens to the whole.

Public: `start_times`, `last_arrived`, `shown`, `frames_in`, `check_seconds`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..image.frames import frame_streams

Pixels = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def start_times(
    rng: np.random.Generator, time_s: Doubles, *, interval_s: float, lookback_s: float
) -> tuple[Doubles, Doubles, Integers]:
    """When events begin that come once in each interval, in its first half, from long before the recording on.

    Args:
        rng: the random stream; three draws.
        time_s: times of frames, seconds, rising from 0 or later.
        interval_s: mean time from one event to the next.
        lookback_s: for how long an event matters.

    Returns:
        Times of the events that matter at `time_s`, in order and perhaps a few more, (events,) s; for each of them
        a draw in [0, 1); and their numbers, counted from long before the recording.
    """
    offset = math.ceil(lookback_s / interval_s) + 1 + rng.random()
    first = max(0, math.floor((time_s[0] - lookback_s) / interval_s + offset) - 1)
    count = math.floor(time_s[-1] / interval_s + offset) + 1 - first
    draws = np.array([stream.random(2) for stream in frame_streams(rng, count, first)])
    numbers = np.arange(first, first + count)
    starts_s = (numbers + draws[:, 0] / 2 - offset) * interval_s
    return starts_s, draws[:, 1], numbers


def last_arrived(arrived: npt.NDArray[np.bool_], first: int) -> Integers:
    """Number of the last frame that arrived by each frame, of frames numbered from `first`; `first` before any did."""
    numbers = np.arange(first, first + len(arrived))
    latest: Integers = np.maximum.accumulate(np.where(arrived, numbers, first))
    return latest


def shown(clip: Pixels, source: Integers, first_frame: int) -> Pixels:
    """The frames with the numbers `source`; the first frame of the clip, which has number `first_frame`, for older."""
    return clip[np.maximum(source - first_frame, 0)]


def frames_in(seconds: float, fps: float) -> int:
    """Length of a time in whole frames, at least one."""
    return max(1, round(seconds * fps))


def check_seconds(name: str, seconds: float) -> None:
    """Raise `ValueError` unless a length of time is positive and finite."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {seconds!r}")
