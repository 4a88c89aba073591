"""Convolution of a wave with the response of a room, in memory that does not grow with the wave.

A short response costs one short transform, and the wave many that fit the processor's cache (overlap-add); a long one
is done in a single transform, or in a few large ones where the wave is far longer.

Public: `convolved`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..extras import need

Wave = npt.NDArray[np.float32]

_SMALL_SIZES = (1 << 13, 1 << 15)  # samples of a transform, least and most
_LARGE_SIZE = 1 << 20
_ROWS = 16  # transforms at once


def convolved(wave: Wave, response: Wave, lead: int = 0) -> Wave:
    """The convolution of each channel with `response`, of the length of the wave.

    Args:
        wave: (samples,) or (channels, samples).
        response: (length,).
        lead: the sample of `response` that counts as time zero: what comes before it sounds earlier.
    """
    samples = wave.shape[-1]
    response = response[: samples + lead]
    length = samples + len(response) - 1
    small = min(max(_SMALL_SIZES[0], 1 << (4 * len(response) - 1).bit_length()), _SMALL_SIZES[1])
    if 8 * len(response) <= 3 * small < 3 * length:
        return _overlap_added(wave, response, lead, small, _ROWS)
    if 2 * len(response) <= _LARGE_SIZE < length:
        return _overlap_added(wave, response, lead, _LARGE_SIZE, 1)
    fft = need("scipy.fft", extra="audio")
    size = fft.next_fast_len(length, real=True)
    spectrum = fft.rfft(wave, size)
    spectrum *= fft.rfft(response, size)
    return np.ascontiguousarray(fft.irfft(spectrum, size, overwrite_x=True)[..., lead : lead + samples])


def _overlap_added(wave: Wave, response: Wave, lead: int, size: int, rows: int) -> Wave:
    """The same by transforms of `size` samples, `rows` at once."""
    fft = need("scipy.fft", extra="audio")
    samples = wave.shape[-1]
    filter_spectrum = fft.rfft(response, size)
    step = size - len(response) + 1
    out = np.zeros(wave.shape, np.float32)
    for channel, noisy in zip(wave.reshape(-1, samples), out.reshape(-1, samples), strict=True):
        for first in range(0, samples, rows * step):
            piece = channel[first : first + rows * step]
            blocks = np.zeros((-(-len(piece) // step), step), np.float32)
            blocks.reshape(-1)[: len(piece)] = piece
            spectrum = fft.rfft(blocks, size)
            spectrum *= filter_spectrum
            for row, wet in enumerate(fft.irfft(spectrum, size, overwrite_x=True)):
                start = first + row * step - lead
                there = noisy[max(0, start) : max(0, start + size)]
                there += wet[max(0, -start) :][: len(there)]
    return out
