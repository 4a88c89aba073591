"""Time and pitch scaling: a wave read at another rate, and a wave made longer or shorter at its own pitch.

`resampled` reads a wave at any constant rate by band-limited interpolation with a Kaiser-windowed sinc, in runs of 16
samples at a time: a run is the product of a window of the wave with a matrix, which depends on where between two
samples the run begins, and is interpolated between five such places. The error is below −60 dB up to .3 of the sampling
rate, and −38 dB at .4.

`stretched` is WSOLA: windows of 32 ms are laid over each other at another distance than they were taken from, each from
where it best continues the one before. The match is looked for at a rate near 16 kHz, over 6 ms to either side, in
windows at their nominal places for all of them at once; what is used of it is how far apart two consecutive windows
should lie.

Public: `resampled`, `stretched`.

References:
    Smith, "Digital audio resampling", CCRMA, Stanford University.
    Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..extras import need

Wave = npt.NDArray[np.float32]

_LOBES = 8  # of the sinc, on either side
_NODES = 0.5 - 0.5 * np.cos(np.pi * np.arange(5) / 4)  # Chebyshev's, for a polynomial in the place where a run begins
_POLYNOMIALS = np.linalg.inv(np.vander(_NODES, increasing=True))  # each is 1 at its node and 0 at the others
_RUN = 16
_KAISER_BETA = 5.5
_PASSBAND = 0.97
_BLOCK = 1 << 15

_WINDOW_S = 0.032
_SEARCH_S = 0.00625  # to either side: together the period of 80 Hz
_HOMING = 0.3  # of the likeness is taken off at the ends of the search, so that windows stay near their places
_SEARCH_RATE_HZ = 16000.0
_WINDOWS_AT_ONCE = 64


def resampled(wave: Wave, rate: float, length: int) -> Wave:
    """The wave read at `rate` input samples for one output sample, from its first sample on; silence after its end.

    Args:
        wave: (samples,) or (channels, samples).
        rate: above 1 is faster and higher; in (0, 16].
        length: samples of the result.
    """
    cutoff = min(1.0, 1 / rate) * (_PASSBAND if rate > 1 else 1.0)
    half = math.ceil(_LOBES / cutoff)
    kernels = _kernels(rate, cutoff, half)
    samples = wave.shape[-1]
    heard = min(length, math.ceil((samples - 1 + half) / rate))  # what is read beyond is silence
    result = np.zeros((*wave.shape[:-1], length), np.float32)
    position = np.arange(0, heard, _RUN) * rate
    first_of_all = position.astype(np.int64)
    share_of_all = _shares(position - first_of_all)
    for start in range(0, heard, _BLOCK):
        stop = min(start + _BLOCK, heard)
        runs = slice(start // _RUN, -(-stop // _RUN))
        first, share = first_of_all[runs], share_of_all[runs]
        low = int(first[0]) - half + 1
        source = _excerpt(wave, low, low + int(first[-1] - first[0]) + kernels.shape[0])
        windows = np.lib.stride_tricks.sliding_window_view(source, kernels.shape[0], axis=-1)[..., first - first[0], :]
        at_nodes = (windows @ kernels).reshape(*windows.shape[:-1], len(_NODES), _RUN)
        read = np.einsum("...rnk,rn->...rk", at_nodes, share)
        result[..., start:stop] = read.reshape(*wave.shape[:-1], -1)[..., : stop - start]
    return result


def stretched(wave: Wave, rate: float, length: int, sample_rate: float) -> Wave:
    """The wave played at `rate` times its speed, at its own pitch; silence after its end.

    Args:
        wave: (samples,) or (channels, samples); all channels are cut at the same places.
        rate: above 1 is faster.
        length: samples of the result.
        sample_rate: of the wave, in Hz.
    """
    hop = max(1, round(_WINDOW_S / 2 * sample_rate))
    windows = -(-length // hop) + 1  # the first one lies half before the beginning
    nominal = np.rint((np.arange(windows) - 1) * (hop * rate)).astype(np.int64)
    starts = nominal + _continued(wave, nominal, hop, sample_rate)
    rise = np.sin(np.pi / 2 * (np.arange(hop, dtype=np.float32) + np.float32(0.5)) / hop) ** 2
    result = np.empty((*wave.shape[:-1], windows - 1, hop), np.float32)
    for begin in range(0, windows - 1, _WINDOWS_AT_ONCE):
        chunk = starts[begin : begin + _WINDOWS_AT_ONCE + 1]
        low = int(chunk.min())
        pieces = np.lib.stride_tricks.sliding_window_view(_excerpt(wave, low, int(chunk.max()) + 2 * hop), hop, axis=-1)
        out = result[..., begin : begin + len(chunk) - 1, :]
        np.multiply(pieces[..., chunk[:-1] + hop - low, :], rise[::-1], out=out)
        out += pieces[..., chunk[1:] - low, :] * rise
    return np.ascontiguousarray(result.reshape(*wave.shape[:-1], -1)[..., :length])


def _continued(wave: Wave, nominal: npt.NDArray[np.int64], hop: int, sample_rate: float) -> npt.NDArray[np.int64]:
    """How far from its nominal place each window should be taken, to continue the one before."""
    step = max(1, round(sample_rate / _SEARCH_RATE_HZ))
    coarse = wave.reshape(-1, wave.shape[-1]).sum(0) if wave.ndim > 1 else wave
    coarse = coarse[: len(coarse) // step * step].reshape(-1, step).sum(1) if step > 1 else coarse
    overlap, reach = max(1, hop // step), max(1, round(_SEARCH_S * sample_rate / step))
    places = nominal // step
    homing = 1 - np.float32(_HOMING) * np.linspace(-1, 1, 2 * reach + 1, dtype=np.float32) ** 2
    offset, offsets = 0, [0]
    for begin in range(0, len(places) - 1, _WINDOWS_AT_ONCE):
        for likeness in _likeness(coarse, places[begin : begin + _WINDOWS_AT_ONCE + 1], overlap, reach):
            # likeness[2 reach + d]: of this window's place being d further from its nominal one than the last window's
            offset = int((likeness[reach - offset : 3 * reach - offset + 1] * homing).argmax()) - reach
            offsets.append(offset)
    return np.array(offsets, np.int64) * step


def _likeness(coarse: Wave, places: npt.NDArray[np.int64], overlap: int, reach: int) -> Wave:
    """Normalised correlation of what follows each window with where the next one might begin, (windows − 1, lags)."""
    fft = need("scipy.fft", extra="audio")
    lags, low = 4 * reach + 1, int(places[0]) - 2 * reach
    source = _excerpt(coarse, low, int(places[-1]) + 2 * reach + 2 * overlap + 1)
    span = overlap + lags - 1
    size = fft.next_fast_len(span, real=True)
    following = np.zeros((len(places) - 1, size), np.float32)
    following[:, :overlap] = np.lib.stride_tricks.sliding_window_view(source, overlap)[places[:-1] + overlap - low]
    candidates = np.lib.stride_tricks.sliding_window_view(source, span)[places[1:] - 2 * reach - low]
    spectrum = fft.rfft(candidates, size)
    spectrum *= fft.rfft(following).conj()
    likeness: Wave = fft.irfft(spectrum, size, overwrite_x=True)[:, :lags]
    sums = np.concatenate([[0.0], np.cumsum(np.square(source, dtype=np.float64))])
    energy = np.lib.stride_tricks.sliding_window_view(sums[overlap:] - sums[:-overlap], lags)
    power = energy[places[1:] - 2 * reach - low].astype(np.float32)
    power += np.float32(1e-6) * (power.max(1, keepdims=True) + np.float32(1e-20))
    likeness /= np.sqrt(power)
    return likeness


def _excerpt(wave: Wave, start: int, stop: int) -> Wave:
    """Samples from `start` up to `stop`, with silence where the wave has none."""
    samples = wave.shape[-1]
    if start >= 0 and stop <= samples:
        return wave[..., start:stop]
    excerpt = np.zeros((*wave.shape[:-1], stop - start), np.float32)
    first, last = max(0, start), min(samples, stop)
    if first < last:
        excerpt[..., first - start : last - start] = wave[..., first:last]
    return excerpt


def _kernels(rate: float, cutoff: float, half: int) -> Wave:
    """What a window of samples is multiplied by, to read a run of samples from it, (window, nodes × run).

    Kaiser-windowed sincs of `cutoff` (1: half the sampling rate), each of sum 1.
    """
    window = math.ceil((_RUN - 1) * rate) + 2 * half + 1
    read_at = half - 1 + _NODES[:, None] + np.arange(_RUN) * rate
    i0 = need("scipy.special", extra="audio").i0
    distance = np.arange(window)[:, None, None] - read_at
    reached = np.abs(distance) < half
    near = distance[reached]
    kernels = np.zeros(distance.shape)
    kernels[reached] = np.sinc(cutoff * near) * i0(_KAISER_BETA * np.sqrt(1 - (near / half) ** 2))
    normalised: Wave = (kernels / kernels.sum(0)).reshape(window, -1).astype(np.float32)
    return normalised


def _shares(place: npt.NDArray[np.float64]) -> Wave:
    """Share of each node in what lies between the nodes, (places, nodes), after Lagrange."""
    powers = np.ones((len(_NODES), len(place)))
    for before, power in pairwise(powers):
        np.multiply(before, place, out=power)
    shares: Wave = (powers.T @ _POLYNOMIALS).astype(np.float32)
    return shares
