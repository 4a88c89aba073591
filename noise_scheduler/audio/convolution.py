"""Convolution of a wave with a room, in memory that does not grow with the wave.

Public: `convolved`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..extras import need

Wave = npt.NDArray[np.float32]

_BLOCK = 1 << 20


def convolved(wave: Wave, response: Wave, lead: int = 0) -> Wave:
    """The convolution of each channel with `response`, of the length of the wave.

    Args:
        wave: (samples,) or (channels, samples).
        response: (length,).
        lead: the sample of `response` that counts as time zero: what comes before it sounds earlier.
    """
    samples = wave.shape[-1]
    response = response[: samples + lead]
    if samples <= _BLOCK:
        return np.ascontiguousarray(_whole(wave, response)[..., lead : lead + samples])
    out = np.zeros(wave.shape, np.float32)
    for start in range(0, samples, _BLOCK):
        piece = _whole(wave[..., start : start + _BLOCK], response)
        first = max(0, start - lead)  # overlap-add: the piece reaches into what follows it
        there = out[..., first : start - lead + piece.shape[-1]]
        skipped = first - (start - lead)
        there += piece[..., skipped : skipped + there.shape[-1]]
    return out


def _whole(wave: Wave, response: Wave) -> Wave:
    fft = need("scipy.fft", extra="audio")
    length = wave.shape[-1] + len(response) - 1
    size = fft.next_fast_len(length, real=True)
    spectrum = fft.rfft(wave, size)
    spectrum *= fft.rfft(response, size)
    full: Wave = fft.irfft(spectrum, size, overwrite_x=True)[..., :length]
    return full
