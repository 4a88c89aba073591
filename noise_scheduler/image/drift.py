"""Random paths over the frames of a recording: how a shaking camera turns, how a hand moves, how a quality drifts.

Every path is a function of the absolute time, the frame's number over the frame rate. The same stream therefore gives
the same movement at any frame rate, and a part of a clip gets its part of the path at no cost for what came before.
A path is a sum of random cosines (random Fourier features; Rahimi & Recht, NIPS 2007), whose frequencies are drawn
from the spectrum of the covariance wanted:

- exp(-(Δt / τ)² / 2) for what has inertia: movement, and the control loops of a camera (focus, exposure, white
  balance).
- exp(-|Δt| / τ) for what has none: rate control of a codec, loss in a network. It is the covariance of a first-order
  autoregression, which would have to be run from the recording's start to be the same in every part of a clip.

A noise's `time_constant_s` is this τ, or ``"held"``: its parameters stay as they are throughout. The word stands for an
infinite τ, which JSON does not know. Parameters that come and go in bursts are the scheduler's (`span=bursts(...)`).

Public: `smooth_paths`, `drifts`, `factors`, `check_time_constant`, `Held`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

Held = Literal["held"]

_COSINES = 8

Doubles = npt.NDArray[np.float64]


def smooth_paths(
    rng: np.random.Generator,
    paths: int,
    frames: int,
    *,
    fps: float,
    time_constant_s: float | Held,
    first_frame: int = 0,
    inertia: bool = True,
) -> Doubles:
    """Independent stationary paths of mean 0 and variance 1.

    Args:
        rng: the random stream; the number of draws depends on `paths` alone.
        paths: how many.
        frames: length of the clip, frames.
        fps: frames per second.
        time_constant_s: τ, seconds over which a path stays much the same, or "held".
        first_frame: number of the first frame in the whole recording: a piece of a clip gets its piece of the path.
        inertia: whether a path is smooth; without inertia it is a rough one.

    Returns:
        (paths, frames) float64.
    """
    waves = _waves(_draws(rng, paths, inertia), time_constant_s)
    return _sums(waves, _seconds(frames, fps, first_frame))


def drifts(
    rng: np.random.Generator,
    paths: int,
    frames: int,
    *,
    fps: float,
    time_constant_s: float | Held,
    first_frame: int = 0,
    inertia: bool = True,
) -> Doubles:
    """Paths as those of `smooth_paths`, given that they pass through 0 in the recording's first frame.

    What drifts so has its nominal value in a still image and at the start; its variance is 1 from about 2 τ on. Held
    paths are 0 throughout.

    Returns:
        (paths, frames) float64.
    """
    draws = _draws(rng, paths, inertia)
    if first_frame + frames == 1:
        return np.zeros((paths, 1))
    waves = _waves(draws, time_constant_s)
    seconds = _seconds(frames, fps, first_frame)
    drift: Doubles = _sums(waves, seconds) - _kept(seconds, time_constant_s, inertia) * _sums(waves, np.zeros(1))
    return drift


def factors(
    rng: np.random.Generator,
    frames: int,
    *,
    fps: float,
    time_constant_s: float | Held,
    log_size: float,
    first_frame: int = 0,
    inertia: bool = True,
) -> Doubles:
    """Positive factors of mean 1, one a frame, by which a strength drifts; 1 in the recording's first frame.

    Args:
        log_size: standard deviation of their logarithm from about τ on.
        rng, frames, fps, time_constant_s, first_frame, inertia: as `smooth_paths`.

    Returns:
        (frames,) float64.
    """
    if first_frame + frames == 1:
        _draws(rng, 1, inertia)
        return np.ones(1)
    (drift,) = drifts(
        rng, 1, frames, fps=fps, time_constant_s=time_constant_s, first_frame=first_frame, inertia=inertia
    )
    kept = _kept(_seconds(frames, fps, first_frame), time_constant_s, inertia)
    positive: Doubles = np.exp(log_size * drift - 0.5 * log_size**2 * (1 - kept**2))
    return positive


def check_time_constant(time_constant_s: float | Held) -> None:
    """Raise `ValueError` unless a time constant is positive and finite, or "held"."""
    if time_constant_s == "held":
        return
    if isinstance(time_constant_s, str) or not 0 < time_constant_s < math.inf:
        raise ValueError(
            f"time_constant_s must be positive and finite, or 'held' for what never changes, not {time_constant_s!r}"
        )


def _seconds(frames: int, fps: float, first_frame: int) -> Doubles:
    return np.arange(first_frame, first_frame + frames) / fps


def _draws(rng: np.random.Generator, paths: int, inertia: bool) -> tuple[Doubles, Doubles]:
    """Angular frequencies, in 1/τ, and phases, in turns, of the cosines of each path."""
    shape = (paths, 1, _COSINES)
    return rng.standard_normal(shape) if inertia else rng.standard_cauchy(shape), rng.random(shape)


def _waves(draws: tuple[Doubles, Doubles], time_constant_s: float | Held) -> tuple[Doubles, Doubles]:
    """Angular frequencies, in 1/s, and phases, in radians."""
    omega, turns = draws
    return omega / _tau(time_constant_s), 2 * np.pi * turns


def _sums(waves: tuple[Doubles, Doubles], seconds: Doubles) -> Doubles:
    """(paths, times) sums of cosines, of variance 1."""
    omega, phase = waves
    path: Doubles = math.sqrt(2 / _COSINES) * np.cos(omega * seconds[:, None] + phase).sum(-1)
    return path


def _kept(seconds: Doubles, time_constant_s: float | Held, inertia: bool) -> Doubles:
    """Covariance of a path with itself so many seconds before."""
    share = seconds / _tau(time_constant_s)
    kept: Doubles = np.exp(-0.5 * share**2 if inertia else -share)
    return kept


def _tau(time_constant_s: float | Held) -> float:
    return math.inf if time_constant_s == "held" else float(time_constant_s)
