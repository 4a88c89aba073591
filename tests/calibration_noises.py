"""Noises for test_calibration; a module of their own, so that its processes find them and other tests do not."""

from dataclasses import dataclass

import numpy as np

import noise_scheduler as ns


@ns.register("image/half_fog")
@dataclass(frozen=True, slots=True)
class HalfFog:
    """Mix with grey; the share is the square of the position."""

    grey: int = 128
    """Grey level."""

    def __call__(self, x, level, rng, *, fps=25.0, first_frame=0):
        share = 0.97 * level**2
        return np.rint((1 - share) * x + share * self.grey).astype(np.uint8)


@ns.register("image/whisper")
@dataclass(frozen=True, slots=True)
class Whisper:
    """One grey level at most."""

    def __call__(self, x, level, rng, *, fps=25.0, first_frame=0):
        return x ^ (rng.random(x.shape) < level).astype(np.uint8)
