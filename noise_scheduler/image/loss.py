"""Parts of a coded picture that never arrive: macro-blocks and slices of them, and what a decoder puts in their place.

The picture is a grid of square macro-blocks, coded row by row from the left. What is lost is a priority list of blocks
of which the first so many are lost, so that a higher level loses what a lower one does, and more. On a clip, a loss
lasts until the next refresh (an intra frame), when another list is drawn and the share lost has drifted, without
inertia, as a network's load lets it. In place of a lost block, concealment shows the reference: the last frame before
the refresh, with its own losses filled from around them. It therefore needs the frames since then (`memory`); where a
clip begins without them, its first frame is the reference.

Public: `BlockLoss`, `GridLoss`, `BLOCK_FILLS`, `SLICE_FILLS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .drift import Held, check_time_constant, factors
from .frames import frame_streams
from .rounding import stochastic_round

BLOCK_FILLS = ("conceal", "grey")
"""In place of a lost block: the reference, itself filled with the mean colours of the nearest received neighbours,
weighted by 1 / distance; or mid-grey, where the decoder conceals nothing. A picture is its own reference."""
SLICE_FILLS = ("conceal", "grey", "green", "black")
"""In place of a lost slice: the reference, itself filled with the pixel row received last above a gap, drawn downwards;
mid-grey; the green of a YUV buffer of zeros; black. A picture is its own reference."""

_LOG_ODDS_DRIFT = 0.5
_COLOURS = {"grey": (128, 128, 128), "green": (0, 135, 0), "black": (0, 0, 0)}
_LUMA = (0.299, 0.587, 0.114)

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.intp]


@register("image/block_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class BlockLoss:
    """Lose packets of macro-blocks, each a short run in coding order, and fill the holes as a decoder does.

    The share of lost blocks rises along `lost_range` from less than one block to almost all. Achieved: `lost_share`,
    the mean over all frames given, and `fill`.
    Source: concealment by the weighted mean of neighbours as in FFmpeg's error_resilience.c; review in Wang & Zhu,
    "Error control and concealment for video communication", Proc. IEEE 1998.
    """

    lost_range: Range = (0.004, 0.97)
    """Share of the blocks that is lost (mild, extreme); level moves along it linearly, below level .05 it shrinks
    further, to nothing at 0."""
    block_size: float = 1 / 14
    """Side of a macro-block as a fraction of the picture's shorter side; 1/14 is 16 px of 224. At least one pixel."""
    run_blocks: float = 4.0
    """Mean number of blocks in a packet, at least 1; lengths are geometric."""
    fills: tuple[str, ...] = BLOCK_FILLS
    """What to put in place, drawn once per sample: conceal, grey."""
    refresh_s: float = 0.4
    """On a clip, seconds from one refresh to the next."""
    time_constant_s: float | Held = 2.0
    """On a clip, seconds over which the odds of a loss stay much the same, or "held"."""

    def __post_init__(self) -> None:
        _check_fields(self.lost_range, self.block_size, self.fills, BLOCK_FILLS, self.refresh_s)
        check_time_constant(self.time_constant_s)
        if not 1 <= self.run_blocks < math.inf:
            raise ValueError(f"run_blocks must be at least 1 and finite, not {self.run_blocks!r}")

    def memory(self, fps: float) -> int:
        """How many frames before a frame its concealment may show."""
        return math.ceil(self.refresh_s * fps) + 1 if "conceal" in self.fills else 0

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float | str]]:
        """Lose blocks of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        grid = _Grid.of(frames.shape, self.block_size)
        share = lerp(self.lost_range, level) * fade_in(level)
        fill = self.fills[int(rng.integers(len(self.fills)))]

        def lost_in(period: np.random.Generator, share: float) -> Mask:
            run_starts = period.random(grid.blocks) * self.run_blocks < 1
            of_runs = period.random(grid.blocks)
            priority = of_runs[np.maximum.accumulate(np.where(run_starts, np.arange(grid.blocks), 0))]
            return grid.most_urgent(priority, stochastic_round(share * grid.blocks, period))

        timing = _Timing(fps, first_frame, self.refresh_s, self.time_constant_s)
        noisy, lost_share = _lossy(frames, grid, timing, share, fill, rng, lost_in, _from_neighbours)
        return noisy.reshape(image.shape), {"lost_share": lost_share, "fill": fill}


@register("image/grid_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class GridLoss:
    """Lose slices, whole rows of macro-blocks or what follows the error in them, and fill the gaps.

    The share of lost blocks rises along `lost_range` from less than one block to all but about a slice. One slice after
    another goes, in random order, the last of them from its end towards its start. Achieved: `lost_share`, the mean
    over all frames given, and `fill`.
    Source: slice loss of H.264 over IP, Wenger, "H.264/AVC over IP", IEEE TCSVT 2003; restart intervals of ITU-T T.81.
    """

    lost_range: Range = (0.004, 0.93)
    """Share of the blocks that is lost (mild, extreme); level moves along it linearly, below level .05 it shrinks
    further, to nothing at 0."""
    block_size: float = 1 / 14
    """Side of a macro-block as a fraction of the picture's shorter side; 1/14 is 16 px of 224. At least one pixel."""
    slice_rows: int = 1
    """Rows of macro-blocks in a slice."""
    fills: tuple[str, ...] = SLICE_FILLS
    """What to put in place, drawn once per sample: conceal, grey, green, black."""
    refresh_s: float = 0.4
    """On a clip, seconds from one refresh to the next."""
    time_constant_s: float | Held = 2.0
    """On a clip, seconds over which the odds of a loss stay much the same, or "held"."""

    def __post_init__(self) -> None:
        _check_fields(self.lost_range, self.block_size, self.fills, SLICE_FILLS, self.refresh_s)
        check_time_constant(self.time_constant_s)
        if not isinstance(self.slice_rows, int) or self.slice_rows < 1:
            raise ValueError(f"slice_rows must be an integer of at least 1, not {self.slice_rows!r}")

    def memory(self, fps: float) -> int:
        """How many frames before a frame its concealment may show."""
        return math.ceil(self.refresh_s * fps) + 1 if "conceal" in self.fills else 0

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float | str]]:
        """Lose slices of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        grid = _Grid.of(frames.shape, self.block_size)
        share = lerp(self.lost_range, level) * fade_in(level)
        fill = self.fills[int(rng.integers(len(self.fills)))]
        slice_of = np.arange(grid.blocks) // (grid.columns * self.slice_rows)

        def lost_in(period: np.random.Generator, share: float) -> Mask:
            priority = period.permutation(slice_of[-1] + 1)[slice_of] - np.arange(grid.blocks) / grid.blocks
            return grid.most_urgent(priority, stochastic_round(share * grid.blocks, period))

        timing = _Timing(fps, first_frame, self.refresh_s, self.time_constant_s)
        noisy, lost_share = _lossy(frames, grid, timing, share, fill, rng, lost_in, _from_above)
        return noisy.reshape(image.shape), {"lost_share": lost_share, "fill": fill}


@dataclass(frozen=True, slots=True)
class _Grid:
    """Macro-blocks over a picture, the last row and column cut where they reach over its edge."""

    block_px: int
    height: int
    width: int

    @classmethod
    def of(cls, shape: tuple[int, ...], block_size: float) -> _Grid:
        height, width = shape[1:3]
        return cls(max(1, round(block_size * min(height, width))), height, width)

    @property
    def rows(self) -> int:
        return -(-self.height // self.block_px)

    @property
    def columns(self) -> int:
        return -(-self.width // self.block_px)

    @property
    def blocks(self) -> int:
        return self.rows * self.columns

    def most_urgent(self, priority: npt.NDArray[np.float64], count: int) -> Mask:
        """(rows, columns): true for the `count` blocks of least `priority`, in coding order where that is equal."""
        lost = np.zeros(self.blocks, np.bool_)
        lost[np.argsort(priority, kind="stable")[:count]] = True
        return lost.reshape(self.rows, self.columns)

    def replaced(self, frame: Pixels, substitute: Pixels, lost: Mask) -> Pixels:
        """`frame` with `substitute` in the lost blocks."""
        cv2 = need("cv2", extra="image")
        down, across = np.arange(self.height) // self.block_px, np.arange(self.width) // self.block_px
        mask = np.ascontiguousarray(lost.view(np.uint8).take(across, axis=1).take(down, axis=0))
        noisy = frame.copy()
        cv2.copyTo(substitute, mask, noisy)
        return noisy


@dataclass(frozen=True, slots=True)
class _Timing:
    """When the frames of a clip are, and when the decoder is refreshed."""

    fps: float
    first_frame: int
    refresh_s: float
    time_constant_s: float | Held

    def periods(self, frames: int) -> tuple[list[int], float]:
        """The number of each frame's period between refreshes, and a period's length in seconds."""
        period_s = max(self.refresh_s, 1 / self.fps)
        seconds = np.arange(self.first_frame, self.first_frame + frames) / self.fps
        return np.floor(seconds / period_s + 1e-9).astype(np.int64).tolist(), period_s


def _lossy(
    frames: Pixels,
    grid: _Grid,
    timing: _Timing,
    share: float,
    fill: str,
    rng: np.random.Generator,
    lost_in: Callable[[np.random.Generator, float], Mask],
    conceal: Callable[[Pixels, Mask, _Grid], Pixels],
) -> tuple[Pixels, float]:
    """A clip after its losses, and the share lost.

    Args:
        lost_in: what is lost in a period, of its random stream and the share lost then.
        conceal: a picture for the holes of a reference, of itself and what it lost.
    """
    period_of, period_s = timing.periods(len(frames))
    earliest = period_of[0]
    count = period_of[-1] + 1 - earliest
    odds = factors(
        rng,
        count,
        fps=1 / period_s,
        time_constant_s=timing.time_constant_s,
        log_size=_LOG_ODDS_DRIFT,
        first_frame=earliest,
        inertia=False,
    )
    lost_by_period = {
        period: lost_in(stream, share * factor / (1 - share + share * factor))
        for period, factor, stream in zip(
            range(earliest, earliest + count), odds.tolist(), frame_streams(rng, count, earliest), strict=True
        )
    }
    noisy = np.empty_like(frames)
    substitute = _flat(frames[0], fill) if fill != "conceal" else frames[0]
    shares = 0.0
    for index, period in enumerate(period_of):
        lost = lost_by_period[period]
        if fill == "conceal" and (index == 0 or period != period_of[index - 1]):
            reference = max(0, index - 1)
            lost_before = lost_by_period[period_of[reference]]
            around = conceal(frames[reference], lost_before, grid)
            substitute = grid.replaced(frames[reference], around, lost_before)
        its_own = fill == "conceal" and index == 0
        noisy[index] = substitute if its_own else grid.replaced(frames[index], substitute, lost)
        shares += float(lost.mean()) / len(frames)
    return noisy, shares


def _from_neighbours(frame: Pixels, lost: Mask, grid: _Grid) -> Pixels:
    """A picture of the mean colours around: per lost block the mean of the nearest received blocks to its left and
    right, above and below, weighted by 1 / distance, with soft edges."""
    cv2 = need("cv2", extra="image")
    size = grid.block_px
    padded = cv2.copyMakeBorder(
        frame, 0, grid.rows * size - grid.height, 0, grid.columns * size - grid.width, cv2.BORDER_REPLICATE
    )
    means = cv2.resize(padded, (grid.columns, grid.rows), interpolation=cv2.INTER_AREA)
    means = means.reshape(grid.rows, grid.columns, -1).astype(np.float32)
    row, column = np.nonzero(lost)
    if row.size:
        left, above = _last_received(lost)[row, column], _last_received(lost.T)[column, row]
        right = grid.columns - 1 - _last_received(lost[:, ::-1])[row, grid.columns - 1 - column]
        below = grid.rows - 1 - _last_received(lost.T[:, ::-1])[column, grid.rows - 1 - row]
        rows, columns = np.stack([row, row, above, below]), np.stack([left, right, column, column])
        there = (rows >= 0) & (rows < grid.rows) & (columns >= 0) & (columns < grid.columns)
        weight = (there / (np.abs(rows - row) + np.abs(columns - column))).astype(np.float32)[..., None]
        total = (weight * means[np.where(there, rows, 0), np.where(there, columns, 0)]).sum(0)
        weights = weight.sum(0)
        means[row, column] = np.where(weights > 0, total / np.maximum(weights, 1e-9), 128)
    whole = (grid.columns * size, grid.rows * size)
    smooth: Pixels = cv2.resize(np.rint(means).astype(np.uint8), whole, interpolation=cv2.INTER_LINEAR)
    return smooth[: grid.height, : grid.width].reshape(frame.shape)


def _from_above(frame: Pixels, lost: Mask, grid: _Grid) -> Pixels:
    """A picture whose lost blocks continue the last pixel row received above them, grey at the top."""
    filled = frame.copy()
    above = _flat(frame[:1], "grey")[0]
    across = np.arange(grid.width) // grid.block_px
    for row, lost_here in enumerate(lost):
        strip = filled[row * grid.block_px : (row + 1) * grid.block_px]
        last = frame[min((row + 1) * grid.block_px, grid.height) - 1]
        if not lost_here.any():
            above = last
            continue
        strip[...] = above
        if not lost_here.all():
            above = np.where(lost_here.take(across)[:, None], above, last)
    return filled


def _last_received(lost: Mask) -> Integers:
    """(rows, columns): column of the nearest received block at or before each block; −1 without one."""
    return np.maximum.accumulate(np.where(lost, -1, np.arange(lost.shape[1])), axis=1)


def _flat(frame: Pixels, colour: str) -> Pixels:
    rgb = _COLOURS[colour]
    value = rgb if frame.shape[2] == 3 else (round(sum(w * c for w, c in zip(_LUMA, rgb, strict=True))),)
    flat = np.empty_like(frame)
    flat[...] = np.tile(np.array(value, np.uint8), (frame.shape[1], 1))  # whole rows are copied much faster
    return flat


def _check_fields(
    lost_range: Range, block_size: float, fills: tuple[str, ...], known: tuple[str, ...], refresh_s: float
) -> None:
    check_range("lost_range", lost_range, 0.0, 1.0)
    if not 0 < block_size <= 1:
        raise ValueError(f"block_size must be in (0, 1] of the shorter side, not {block_size!r}")
    if not fills or any(fill not in known for fill in fills):
        raise ValueError(f"fills must be one or more of {', '.join(known)}, not {fills!r}")
    if not 0 < refresh_s < math.inf:
        raise ValueError(f"refresh_s must be positive and finite, not {refresh_s!r}")
