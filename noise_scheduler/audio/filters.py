"""Band limits: Butterworth low pass, high pass and band pass of zero phase.

The filters have the magnitude of a Butterworth filter (−3 dB at the cut-off, `order` × 6 dB per octave beyond it) and
zero phase: nothing is delayed, at the price of a faint ringing before transients as well as after them. They are
applied by fast convolution, so that their cost hardly depends on their order. Beyond the ends of the wave there is
silence.

A cut-off cannot lie beyond .95 of the Nyquist frequency. Over the lowest twentieth of the levels the filter fades in.

Public: `LowPass`, registered as ``audio/low_pass``; `HighPass`, registered as ``audio/high_pass``; `BandPass`,
registered as ``audio/band_pass``; `filtered`, `overlap_save`.

References:
    Butterworth, "On the theory of filter amplifiers", Wireless Engineer 7 (1930).
    Oppenheim and Schafer, "Discrete-time signal processing", 3rd ed. (2010), 8.7.3: overlap-save.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_number, check_range, fade_in, loglerp
from ..registry import register

Wave = npt.NDArray[np.float32]
Response = Callable[[Wave], Wave]

_HIGHEST = 0.95  # of the Nyquist frequency
_DECAY = math.log(1e4)  # the impulse response is cut off where it has fallen by 80 dB
_SHORTEST_BLOCK = 1024


@register("audio/low_pass", stage="channel")
@dataclass(frozen=True, slots=True)
class LowPass:
    """Take the high frequencies away: sound through a wall, a coat or a cheap channel.

    The cut-off falls along `cutoff_hz_range`, which begins at .95 of the Nyquist frequency where that is lower.
    Achieved: `cutoff_hz`, where the response is −3 dB.
    Source: Butterworth 1930.
    """

    cutoff_hz_range: Range = (16000.0, 60.0)
    """Cut-off in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    order: int = 6
    """Order of the filter: the response falls by 6 dB × order per octave; in [1, 24]."""

    def __post_init__(self) -> None:
        check_range("cutoff_hz_range", self.cutoff_hz_range, 1.0, 1e6, falling=True)
        check_number("order", self.order, 1, 24, whole=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        cutoff_hz = loglerp(_within(self.cutoff_hz_range, sample_rate), level)
        noisy = filtered(wave, lambda hz: _low(hz, cutoff_hz, self.order), level, cutoff_hz, self.order, sample_rate)
        return noisy, {"cutoff_hz": cutoff_hz}


@register("audio/high_pass", stage="channel")
@dataclass(frozen=True, slots=True)
class HighPass:
    """Take the low frequencies away: the tinny sound of a small loudspeaker.

    The cut-off rises along `cutoff_hz_range`, which ends at .95 of the Nyquist frequency where that is lower.
    Achieved: `cutoff_hz`, where the response is −3 dB.
    Source: Butterworth 1930.
    """

    cutoff_hz_range: Range = (40.0, 6000.0)
    """Cut-off in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    order: int = 6
    """Order of the filter: the response falls by 6 dB × order per octave; in [1, 24]."""

    def __post_init__(self) -> None:
        check_range("cutoff_hz_range", self.cutoff_hz_range, 1.0, 1e6)
        check_number("order", self.order, 1, 24, whole=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        cutoff_hz = loglerp(_within(self.cutoff_hz_range, sample_rate), level)
        noisy = filtered(wave, lambda hz: _high(hz, cutoff_hz, self.order), level, cutoff_hz, self.order, sample_rate)
        return noisy, {"cutoff_hz": cutoff_hz}


@register("audio/band_pass", stage="channel")
@dataclass(frozen=True, slots=True)
class BandPass:
    """Leave a band only, as the telephone does: at half of the path it is the telephone band, 300–3400 Hz.

    The band's lower edge rises along `low_hz_range` and its upper edge falls along `high_hz_range`; an edge beyond .95
    of the Nyquist frequency lies there.
    Achieved: `low_hz` and `high_hz`, where the response is −3 dB.
    Source: ITU-T G.120 and G.712 for the telephone band; Butterworth 1930.
    """

    low_hz_range: Range = (70.0, 1285.7)
    """Lower edge in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    high_hz_range: Range = (8500.0, 1360.0)
    """Upper edge in Hz (mild, extreme), in [1, 1e6]; level moves along it in equal ratios."""
    order: int = 6
    """Order at each edge: the response falls by 6 dB × order per octave; in [1, 24]."""

    def __post_init__(self) -> None:
        check_range("low_hz_range", self.low_hz_range, 1.0, 1e6)
        check_range("high_hz_range", self.high_hz_range, 1.0, 1e6, falling=True)
        if self.low_hz_range[1] >= self.high_hz_range[1]:
            raise ValueError(
                f"low_hz_range must end below high_hz_range, not at {self.low_hz_range[1]:g} Hz "
                f"with the other at {self.high_hz_range[1]:g} Hz"
            )
        check_number("order", self.order, 1, 24, whole=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        highest = _HIGHEST * sample_rate / 2
        low_hz, high_hz = (min(loglerp(ends, level), highest) for ends in (self.low_hz_range, self.high_hz_range))

        def response(hz: Wave) -> Wave:
            return _high(hz, low_hz, self.order) * _low(hz, high_hz, self.order)

        return filtered(wave, response, level, low_hz, self.order, sample_rate), {"low_hz": low_hz, "high_hz": high_hz}


def filtered(wave: Wave, response: Response, level: float, lowest_hz: float, order: int, sample_rate: float) -> Wave:
    """The wave through a Butterworth filter of zero phase.

    Args:
        wave: (samples,) or (channels, samples), left as it is.
        response: gives the magnitude at frequencies in Hz.
        level: of the noise; below .05 the filter is mixed with the wave as it was.
        lowest_hz: lowest cut-off of the filter, which says how long it rings.
        order: of the filter.
        sample_rate: in Hz.
    """
    # The slowest pole of a Butterworth filter decays by exp(−ω sin(π / 2N) t).
    decay_per_sample = 2 * math.pi * lowest_hz / sample_rate * math.sin(math.pi / (2 * order))
    share = np.float32(fade_in(level))

    def magnitude(size: int) -> Wave:
        return 1 - share + share * response(np.arange(size // 2 + 1, dtype=np.float32) * np.float32(sample_rate / size))

    return overlap_save(wave, magnitude, math.ceil(_DECAY / decay_per_sample))


def overlap_save(wave: Wave, magnitude: Callable[[int], Wave], ringing: int) -> Wave:
    """The wave convolved with an even impulse response, block by block.

    Args:
        wave: (samples,) or (channels, samples), left as it is; there is silence before and after it.
        magnitude: gives the spectrum of the response, which is real, at the size // 2 + 1 bins of an FFT of `size`.
        ringing: samples that the response reaches before and after its middle.
    """
    fft = need("scipy.fft", extra="audio")
    samples = wave.shape[-1]
    size = max(_SHORTEST_BLOCK, 1 << (8 * ringing - 1).bit_length())
    size = min(size, fft.next_fast_len(samples + 2 * ringing, real=True))
    hop = size - 2 * ringing
    blocks = -(-samples // hop)
    padded = np.zeros((*wave.shape[:-1], blocks * hop + 2 * ringing), np.float32)
    padded[..., ringing : ringing + samples] = wave
    overlapping = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[..., ::hop, :]
    spectrum = fft.rfft(overlapping)
    spectrum *= magnitude(size)
    blockwise = fft.irfft(spectrum, size, overwrite_x=True)[..., ringing : ringing + hop]
    return np.ascontiguousarray(blockwise.reshape(*wave.shape[:-1], -1)[..., :samples])


def _low(hz: Wave, cutoff_hz: float, order: int) -> Wave:
    with np.errstate(over="ignore"):
        magnitude: Wave = 1 / np.sqrt(1 + (hz / np.float32(cutoff_hz)) ** (2 * order))
    return magnitude


def _high(hz: Wave, cutoff_hz: float, order: int) -> Wave:
    with np.errstate(over="ignore", divide="ignore"):
        magnitude: Wave = 1 / np.sqrt(1 + (np.float32(cutoff_hz) / hz) ** (2 * order))
    return magnitude


def _within(ends: Range, sample_rate: float) -> Range:
    highest = _HIGHEST * sample_rate / 2
    return min(ends[0], highest), min(ends[1], highest)
