"""Light that is dimmed or added between the scene and the sensor, in linear light.

Public: `relight`, `bands`, `plasma`, `grid_shape`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from ..extras import need
from .low_light import LINEAR_STEPS, decoded, encode_steps

_BAND = 1 << 18  # values worked on at a time

Floats = npt.NDArray[np.float32]


def relight(frame: npt.NDArray[np.uint8], seen: Floats, added: Floats) -> npt.NDArray[np.uint8]:
    """`seen` times the light of a picture plus `added`, encoded back as sRGB and clipped at white.

    Args:
        frame: (H, W, C) uint8.
        seen: share of the light that is let through, (H, W) or (H, W, C) float32.
        added: light in units of white, (H, W) or (H, W, C) float32.

    Returns:
        (H, W, C) uint8; `frame` itself where `seen` is 1 and `added` 0.
    """
    cv2 = need("cv2", extra="image")
    lit = np.empty_like(frame)
    for rows in bands(frame.shape):
        steps = cv2.LUT(frame[rows], _steps_of_grey()).reshape(-1, *frame.shape[1:])
        steps *= _in_channels(seen[rows], frame.shape[2])
        steps += _in_channels(added[rows], frame.shape[2]) * np.float32(LINEAR_STEPS)
        steps += np.float32(0.5)
        lit[rows] = encode_steps(steps)
    return lit


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of a picture (H, W, C) in bands small enough for the cache."""
    step = max(1, _BAND // (shape[1] * shape[2]))
    for row in range(0, shape[0], step):
        yield slice(row, row + step)


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
    field = np.zeros((cells, cells), np.float32)
    for octave in range(octaves):
        waves = rng.standard_normal((3 << octave, 3 << octave), dtype=np.float32)
        field += np.float32(0.5**octave) * cv2.resize(waves, (cells, cells), interpolation=cv2.INTER_CUBIC)
    field -= field.mean()
    field /= field.std()
    return field


def grid_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a grid over a picture whose shorter side has at most `side` cells."""
    zoom = min(1.0, side / min(height, width))
    return max(1, round(zoom * height)), max(1, round(zoom * width))


def _in_channels(field: Floats, channels: int) -> Floats:
    cv2 = need("cv2", extra="image")
    if field.ndim == 3:
        return field
    repeated: Floats = cv2.merge([field] * channels).reshape(*field.shape, channels)
    return repeated


@cache
def _steps_of_grey() -> Floats:
    table = (LINEAR_STEPS * decoded()).astype(np.float32)
    table.setflags(write=False)
    return table
