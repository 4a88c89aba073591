"""Light that is dimmed or added between the scene and the sensor, in linear light.

Light and shares of it are counted in 65,535ths here, as uint16, for which OpenCV is quick.

Public: `relight`, `in_steps`, `under_sky`, `bands`, `plasma`, `grid_shape`, `enlarged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from .grain import look_up
from .low_light import LINEAR_STEPS, encoded, steps_of_grey

_BAND = 1 << 17  # values worked on at a time

Pixels = npt.NDArray[np.uint8]
Steps = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]


def relight(frame: Pixels, seen: Steps | None = None, added: Steps | None = None, out: Pixels | None = None) -> Pixels:
    """`seen` times the light of a picture plus `added`, encoded back as sRGB and clipped at white.

    Args:
        frame: contiguous (H, W, C) uint8.
        seen: share of the light that is let through, (H, W) or (H, W, C), from `in_steps`; all of it if None.
        added: light in units of white, likewise; nothing if None.
        out: contiguous, where to write, or None.

    Returns:
        (H, W, C) uint8, as `frame` where `seen` is 1 and `added` 0.
    """
    cv2 = need("cv2", extra="image")
    lit = np.empty_like(frame) if out is None else out
    for rows in bands(frame.shape):
        light = cv2.LUT(frame[rows], steps_of_grey()).reshape(-1, *frame.shape[1:])
        if seen is not None:
            cv2.multiply(light, _in_channels(seen[rows], frame.shape[2]), dst=light, scale=1 / LINEAR_STEPS)
        if added is not None:
            cv2.add(light, _in_channels(added[rows], frame.shape[2]), dst=light)
        look_up(light, encoded(), out=lit[rows])
    return lit


def in_steps(field: Floats) -> Steps:
    """A field of light or of shares of it, rounded to 65,535ths and clipped to [0, 1]."""
    steps = field * np.float32(LINEAR_STEPS)
    steps += np.float32(0.5)
    np.clip(steps, 0, LINEAR_STEPS, out=steps)
    return steps.astype(np.uint16)


def under_sky(frame: Pixels, seen: Steps, sky: Floats, out: Pixels) -> None:
    """Write into `out` `seen` times the light of a picture plus that of the `sky`, (C,) of white, times the rest."""
    cv2 = need("cv2", extra="image")
    for rows in bands(frame.shape):
        part = seen[rows]
        added = cv2.merge([cv2.addWeighted(part, -light, part, 0, LINEAR_STEPS * light) for light in map(float, sky)])
        added = added.reshape(frame[rows].shape)
        relight(frame[rows], seen[rows], added, out[rows])


def enlarged(field: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """A field (rows, columns) or (rows, columns, C) at the size of the picture."""
    cv2 = need("cv2", extra="image")
    large: npt.NDArray[Any] = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    return large.reshape(height, width, *field.shape[2:])


def plasma(rng: np.random.Generator, cells: int = 64, octaves: int = 5) -> Floats:
    """A smooth fractal field of mean 0 and variance 1, each octave half as strong as the one before.

    Args:
        rng: the random stream.
        cells: rows and columns of the field.
        octaves: of 3, 6, 12 … random values a side.

    Returns:
        (cells, cells) float32.
    """
    cv2 = need("cv2", extra="image")
    field: Floats = rng.standard_normal((3, 3), dtype=np.float32)
    for octave in range(1, octaves):
        field = cv2.resize(field, (3 << octave, 3 << octave), interpolation=cv2.INTER_CUBIC)
        field += np.float32(0.5**octave) * rng.standard_normal(field.shape, dtype=np.float32)
    field = cv2.resize(field, (cells, cells), interpolation=cv2.INTER_CUBIC)
    field -= field.mean()
    field /= field.std()
    return field


def grid_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a grid over a picture whose shorter side has at most `side` cells."""
    zoom = min(1.0, side / min(height, width))
    return max(1, round(zoom * height)), max(1, round(zoom * width))


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of a picture (H, W, C) in bands small enough for the cache."""
    step = max(1, _BAND // (shape[1] * shape[2]))
    for row in range(0, shape[0], step):
        yield slice(row, row + step)


def _in_channels(field: Steps, channels: int) -> Steps:
    cv2 = need("cv2", extra="image")
    if field.ndim == 3:
        return field
    if channels == 3:
        repeated: Steps = cv2.cvtColor(field, cv2.COLOR_GRAY2RGB)  # the quickest way
        return repeated
    return field[..., None]
