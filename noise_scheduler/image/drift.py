"""Smooth random paths over the frames of a clip: how a shaking camera turns, how a hand moves.

A path is a stationary Gaussian-like process with the covariance exp(-(Δt / τ)² / 2), drawn as a sum of random
cosines (random Fourier features; Rahimi & Recht, NIPS 2007). It is a function of the time in seconds, so the
same stream gives the same movement at any frame rate.

Public: `smooth_paths`, `check_time_constant`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_COSINES = 8


def smooth_paths(
    rng: np.random.Generator, paths: int, frames: int, *, fps: float, time_constant_s: float, first_frame: int = 0
) -> npt.NDArray[np.float64]:
    """Independent smooth paths of unit variance.

    Args:
        rng: the random stream; the number of draws depends on `paths` alone.
        paths: how many.
        frames: length of the clip, frames.
        fps: frames per second.
        time_constant_s: τ, seconds over which a path stays much the same.
        first_frame: number of the first frame in the whole recording: a piece of a clip gets its piece of the path.

    Returns:
        (paths, frames) float64.
    """
    omega = rng.standard_normal((paths, 1, _COSINES)) / time_constant_s
    phase = rng.uniform(0, 2 * np.pi, (paths, 1, _COSINES))
    time_s = np.arange(first_frame, first_frame + frames)[:, None] / fps
    path: npt.NDArray[np.float64] = np.sqrt(2 / _COSINES) * np.cos(omega * time_s + phase).sum(-1)
    return path


def check_time_constant(time_constant_s: float) -> None:
    """Raise `ValueError` unless a time constant is positive and finite."""
    if not 0 < time_constant_s < math.inf:
        raise ValueError(f"time_constant_s must be positive and finite, not {time_constant_s!r}")
