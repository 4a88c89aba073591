"""A random stream for each frame of a clip, so that grain is fresh in every frame and the same however a clip is cut.

Public: `frame_streams`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..rng import stream


def frame_streams(rng: np.random.Generator, frames: int, first_frame: int = 0) -> Iterator[np.random.Generator]:
    """The generators of consecutive frames; each is to be used before the next one is asked for.

    Args:
        rng: the random stream of the noise; two draws.
        frames: how many.
        first_frame: number of the first of them in the whole recording; a frame's generator depends on its number.
    """
    key = (int(rng.bit_generator.random_raw()), int(rng.bit_generator.random_raw()))
    for frame in range(first_frame, first_frame + frames):
        with stream(key, 0, "frame", frame) as generator:
            yield generator
