"""Slices of coded frames that are lost, and the damage that prediction carries on.

Public: `MacroblockLoss`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..image.frames import frame_streams
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .timing import Pixels, check_seconds, frames_in

BLOCK_PX = 16
"""Side of a macroblock of H.264."""
_COARSE_PX = 4  # motion is searched in steps of this many pixels
_REACH = 4  # and up to this many steps
_INTRA_LEVELS = 20.0  # mean difference, in grey levels, from which on a block is coded for itself
_LEAK = 0.97  # share of an error that the next frame inherits; the loop filter takes the rest
_STILL_BIAS = 1.0  # grey levels by which a moved block must match better than a still one

Motion = npt.NDArray[np.float32]
_Value = TypeVar("_Value", bound=np.generic)


@register("video/macroblock_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class MacroblockLoss:
    """Lose slices of predicted frames; the decoder conceals them, and its errors move on until the next key frame.

    A slice is a row of 16 × 16 macroblocks, of which all or what follows the error is lost. In its place the decoder
    shows its own last picture, moved as the slice above moved. Received blocks are predicted from that damaged
    picture: error and motion go on together, a little weaker in every frame. Blocks unlike anything before are coded
    for themselves and mend; key frames arrive whole. The loss rate rises along `loss_rate_range`.
    Achieved: `lost_share`, of the blocks, and `damaged_share`, of the pixels: those off by more than 8 levels.
    Source: temporal concealment of Wang & Zhu, "Error control and concealment for video communication", Proc. IEEE
    1998; Wenger, "H.264/AVC over IP", IEEE TCSVT 2003; error propagation with leakage of Stuhlmüller et al., "Analysis
    of video transmission over lossy channels", IEEE JSAC 2000.
    """

    loss_rate_range: Range = (0.02, 0.95)
    """Share of the slices that is hit (mild, extreme); level moves along it in equal ratios, below level .05 it shrinks
    further, to nothing at 0."""
    key_interval_s: float = 2.0
    """Seconds from one key frame to the next; the first frame of a recording is one."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 1e-6, 1.0)
        check_seconds("key_interval_s", self.key_interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return frames_in(self.key_interval_s, fps) - 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Lose slices of a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="video")
        loss_rate = loglerp(self.loss_rate_range, level) * fade_in(level)
        interval = frames_in(self.key_interval_s, fps)
        height, width = clip.shape[1:3]
        rows, columns = -(-height // BLOCK_PX), -(-width // BLOCK_PX)
        noisy = np.empty(clip.shape, np.uint8)
        lost_blocks = damaged = 0
        intact = True  # since the last key frame
        for index, stream in enumerate(frame_streams(rng, len(clip), first_frame)):
            hit, begin = stream.random((2, rows))
            frame = np.ascontiguousarray(clip[index])
            if index == 0 or (first_frame + index) % interval == 0:
                noisy[index], intact = frame, True
                continue
            lost = (hit < loss_rate)[:, None] & (np.arange(columns) >= columns * (2 * begin[:, None] - 1))
            intact &= not lost.any()
            if intact:
                noisy[index] = frame
                continue
            before = np.ascontiguousarray(clip[index - 1])
            motion, intra = _motion(before, frame, rows, columns)
            guessed = np.concatenate([np.zeros_like(motion[:1]), motion[:-1]])
            places = _places(np.where(lost[..., None], guessed, motion), height, width)
            here = cv2.remap(noisy[index - 1], places, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            there = cv2.remap(before, places, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            error = cv2.subtract(here, there, dtype=cv2.CV_16S)
            error[_pixels(intra, height, width)] = 0
            inherited = (error * np.float32(_LEAK)).astype(np.int16)  # towards zero, so that errors end
            decoded = cv2.add(frame, inherited.reshape(frame.shape), dtype=cv2.CV_8U)
            mask = _pixels(lost.astype(np.uint8), height, width)
            cv2.copyTo(here, mask, decoded)
            noisy[index] = decoded.reshape(frame.shape)
            lost_blocks += int(lost.sum())
            damaged += int(np.count_nonzero(cv2.absdiff(noisy[index], frame).reshape(frame.shape).max(-1) > 8))
        achieved = {
            "lost_share": lost_blocks / (len(clip) * rows * columns),
            "damaged_share": damaged / (len(clip) * height * width),
        }
        return noisy, achieved


def _motion(before: Pixels, frame: Pixels, rows: int, columns: int) -> tuple[Motion, npt.NDArray[np.bool_]]:
    """From where in `before`, as (x, y) in pixels, each macroblock of `frame` is predicted best, (rows, columns, 2),
    and which of them are not predicted well by that, (rows, columns)."""
    cv2 = need("cv2", extra="video")
    cells = BLOCK_PX // _COARSE_PX
    small, smaller = (_coarse(picture, rows * cells, columns * cells) for picture in (before, frame))
    margin = cv2.copyMakeBorder(small, *[_REACH] * 4, cv2.BORDER_REPLICATE)
    steps = sorted(np.ndindex(2 * _REACH + 1, 2 * _REACH + 1), key=lambda at: math.dist(at, (_REACH, _REACH)))
    cost = np.empty((len(steps), rows, columns), np.float32)
    for row, (down, right) in zip(cost, steps, strict=True):
        moved = margin[down : down + smaller.shape[0], right : right + smaller.shape[1]]
        row[...] = cv2.resize(cv2.absdiff(moved, smaller), (columns, rows), interpolation=cv2.INTER_AREA)
    cost[0] -= _STILL_BIAS
    offsets = _COARSE_PX * (np.array(steps, np.float32)[:, ::-1] - _REACH)
    return offsets[cost.argmin(0)], cost.min(0) > _INTRA_LEVELS


def _coarse(picture: Pixels, height: int, width: int) -> npt.NDArray[np.float32]:
    """Luma of a picture, whole macroblocks of it, in cells."""
    cv2 = need("cv2", extra="video")
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.shape[2] == 3 else picture[..., 0]
    below, right = height * _COARSE_PX - luma.shape[0], width * _COARSE_PX - luma.shape[1]
    whole = cv2.copyMakeBorder(luma, 0, below, 0, right, cv2.BORDER_REPLICATE)
    cells: npt.NDArray[np.float32] = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return cells.astype(np.float32)


def _places(motion: Motion, height: int, width: int) -> npt.NDArray[np.float32]:
    """(H, W, 2): the place, as (x, y), that each pixel is predicted from."""
    places = _pixels(motion, height, width)
    places[..., 0] += np.arange(width, dtype=np.float32)
    places[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return places


def _pixels(blocks: npt.NDArray[_Value], height: int, width: int) -> npt.NDArray[_Value]:
    """Values of macroblocks (rows, columns, …) for each of their pixels."""
    down, across = np.arange(height) // BLOCK_PX, np.arange(width) // BLOCK_PX
    return np.ascontiguousarray(blocks.take(across, axis=1).take(down, axis=0))
