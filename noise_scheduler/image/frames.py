"""A random stream for each frame of a clip, so that grain is fresh in every frame and the same however a clip is cut.

Public: `frame_streams`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..rng import Key, stream


def frame_streams(rng: np.random.Generator, frames: int, first_frame: int = 0) -> Iterator[np.random.Generator]:
    """The generators of consecutive frames; each is to be used before the next one is asked for.

    Args:
        rng: the random stream of the noise; two draws, at once.
        frames: how many.
        first_frame: number of the first of them in the whole recording; a frame's generator depends on its number.
    """
    key = (int(rng.bit_generator.random_raw()), int(rng.bit_generator.random_raw()))
    return _streams(key, range(first_frame, first_frame + frames))


def _streams(key: Key, numbers: range) -> Iterator[np.random.Generator]:
    for number in numbers:
        with stream(key, 0, "frame", number) as generator:
            yield generator
