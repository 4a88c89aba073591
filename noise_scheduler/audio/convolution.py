"""Convolution of a wave with the response of a room, in memory that does not grow with the wave.

The wave is cut into blocks that are transformed some at once and added where they overlap; of one real block alone, a
transform takes up to three times as long, as the processor works on four numbers in one step.

Public: `convolved`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..extras import need

Wave = npt.NDArray[np.float32]

_SHORTEST_BLOCK = 1 << 13
_FITS_CACHE = 1 << 15  # samples of a transform
_AT_ONCE = 4  # transforms, or four times as many short ones


def convolved(wave: Wave, response: Wave, lead: int = 0) -> Wave:
    """The convolution of each channel with `response`, of the length of the wave.

    Args:
        wave: (samples,) or (channels, samples).
        response: (length,).
        lead: the sample of `response` that counts as time zero: what comes before it sounds earlier.
    """
    fft = need("scipy.fft", extra="audio")
    samples = wave.shape[-1]
    response = response[: samples + lead]
    step = -(-samples // _blocks(samples, len(response)))
    size = fft.next_fast_len(step + len(response) - 1, real=True)
    stride = step * (4 * _AT_ONCE if size <= _FITS_CACHE else _AT_ONCE)
    filter_spectrum = fft.rfft(response, size)
    out = np.zeros(wave.shape, np.float32)
    for channel, noisy in zip(wave.reshape(-1, samples), out.reshape(-1, samples), strict=True):
        for first in range(0, samples, stride):
            piece = channel[first : first + stride]
            blocks = np.zeros((-(-len(piece) // step), step), np.float32)
            blocks.reshape(-1)[: len(piece)] = piece
            spectrum = fft.rfft(blocks, size)
            spectrum *= filter_spectrum
            for row, wet in enumerate(fft.irfft(spectrum, size, overwrite_x=True)):
                start = first + row * step - lead
                there = noisy[max(0, start) : max(0, start + size)]
                there += wet[max(0, -start) :][: len(there)]
    return out


def _blocks(samples: int, response: int) -> int:
    """In how many blocks a wave is cut: as many as are transformed at once, or a multiple, unless they overlap much."""
    if 4 * response > 3 * samples:
        return 1
    return _AT_ONCE * max(1, round(samples / (_AT_ONCE * max(_SHORTEST_BLOCK, 2 * response))))
