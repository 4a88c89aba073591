"""Playback that stalls: frozen pictures, and frames that come late and are caught up with.

Public: `Freeze`, `Stutter`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .timing import Doubles, Integers, Pixels, check_seconds, shown, start_times

_CATCH_UP = 2.0  # speed of the picture while it catches up


@register("video/freeze", stage="channel")
@dataclass(frozen=True, slots=True)
class Freeze:
    """Freeze the picture for seconds, then jump to the present.

    A stall begins once in every `interval_s`; its length rises along `stall_s_range`. At 1.5 intervals and more the
    picture is always frozen and only jumps from stall to stall.
    Achieved: `stall_s`, and `frozen_share`, the share of the clip's frames that are not those of their time.
    Source: stalling of ITU-T P.1203.3.
    """

    stall_s_range: Range = (0.05, 2.4)
    """Length of a stall (mild, extreme), s; level moves along it linearly, below level .05 it shrinks further,
    to nothing at 0."""
    interval_s: float = 2.0
    """Mean time from the begin of one stall to the begin of the next, s; it varies by half of that."""

    def __post_init__(self) -> None:
        check_range("stall_s_range", self.stall_s_range, 1e-3, 3600.0)
        check_seconds("interval_s", self.interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return math.ceil(min(self.stall_s_range[1], 1.5 * self.interval_s) * fps) + 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Freeze frames of a clip (T, H, W, C), uint8."""
        stall_s = lerp(self.stall_s_range, level) * fade_in(level)
        numbers = np.arange(first_frame, first_frame + len(clip))
        time_s = numbers / fps
        lookback_s = min(self.stall_s_range[1], 1.5 * self.interval_s)
        starts_s, _, _ = start_times(rng, time_s, interval_s=self.interval_s, lookback_s=lookback_s)
        latest_s = starts_s[np.maximum(np.searchsorted(starts_s, time_s, side="right") - 1, 0)]
        frozen = (latest_s <= time_s) & (time_s < latest_s + stall_s)
        source = np.where(frozen, _on_show(latest_s, fps), numbers)
        achieved = {"stall_s": stall_s, "frozen_share": float(np.mean(np.maximum(source, first_frame) < numbers))}
        return shown(clip, source, first_frame), achieved


@register("video/stutter", stage="channel")
@dataclass(frozen=True, slots=True)
class Stutter:
    """Hold a frame too long, then play those that piled up at double speed until the present is reached.

    A hiccup begins once in every `interval_s`, and its hold rises along `hold_s_range`, each between half and all of
    that. While it catches up, the picture shows every second frame. Where hiccups overlap, the longest lag counts.
    Achieved: `late_share`, the share of late frames, and `lag_ms`, the mean lag over the clip.
    Source: delay variation of ITU-T Y.1540 played out without a buffer.
    """

    hold_s_range: Range = (0.04, 1.5)
    """Longest hold (mild, extreme), s; level moves along it linearly, below level .05 it shrinks further, to
    nothing at 0."""
    interval_s: float = 1.5
    """Mean time from the begin of one hiccup to the begin of the next, s; it varies by half of that."""

    def __post_init__(self) -> None:
        check_range("hold_s_range", self.hold_s_range, 1e-3, 3600.0)
        check_seconds("interval_s", self.interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return math.ceil(self.hold_s_range[1] * fps) + 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Delay frames of a clip (T, H, W, C), uint8."""
        hold_s = lerp(self.hold_s_range, level) * fade_in(level)
        numbers = np.arange(first_frame, first_frame + len(clip))
        time_s = numbers / fps
        lookback_s = self.hold_s_range[1] * _CATCH_UP / (_CATCH_UP - 1)
        starts_s, draws, _ = start_times(rng, time_s, interval_s=self.interval_s, lookback_s=lookback_s)
        holds_s = hold_s * (1 + draws) / 2
        ends_s = starts_s + holds_s * _CATCH_UP / (_CATCH_UP - 1)
        lag_s = np.zeros(len(clip))
        for start_s, end_s, hold_s in zip(starts_s, ends_s, holds_s, strict=True):
            frames = slice(*np.searchsorted(time_s, (start_s, end_s)))
            since_s = time_s[frames] - start_s
            lags_s = np.minimum(since_s, _CATCH_UP * hold_s - (_CATCH_UP - 1) * since_s)
            lag_s[frames] = np.maximum(lag_s[frames], lags_s)
        source = np.where(lag_s > 0, _on_show(time_s - lag_s, fps), numbers)
        late = numbers - np.maximum(source, first_frame)
        achieved = {"late_share": float(np.mean(late > 0)), "lag_ms": float(late.mean() / fps * 1000)}
        return shown(clip, source, first_frame), achieved


def _on_show(time_s: Doubles, fps: float) -> Integers:
    """Number of the frame that is on show at a time; a time that rounding put just before a frame counts as its."""
    return np.floor(time_s * fps + 1e-6).astype(np.int64)
