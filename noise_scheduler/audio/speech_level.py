"""Active speech level after ITU-T P.56 (method B): the level of the speech while somebody speaks.

Plain RMS over a recording falls with every pause in it. Method B smooths the rectified signal twice, counts how
long it stays above each of a ladder of thresholds (with a hangover, so that the gaps between syllables count as
speech), and finds the threshold that lies 15.9 dB below the mean level over the time that it calls active.

The counts are taken on means over about one millisecond, not on single samples; the standard itself accepts any
rate from 694 Hz. The thresholds are powers of two, as in the standard, but hang from the signal's own peak
instead of full scale, so that very quiet recordings are measured too. Levels are in dBov: a square wave of
amplitude 1 has 0 dBov.

Public: `active_level_dbov`, `active_power`, `energy`.

References:
    ITU-T P.56 (12/2011), "Objective measurement of active speech level", method B.
    ITU-T G.191, software tool sv56 (the reference implementation).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..extras import need

_TIME_CONSTANT_S = 0.03
_HANGOVER_S = 0.2
_MARGIN = 10**1.59  # the level lies 15.9 dB above the threshold of activity
_ENVELOPE_RATE_HZ = 1000.0
_LADDER_STEPS = 24  # thresholds 6 dB apart, downwards from the peak of the envelope
_SUMMED_AT_ONCE = 1024  # in single precision


def active_level_dbov(wave: npt.NDArray[np.float32], sample_rate: float) -> float:
    """The active speech level of (samples,) or (channels, samples) in dBov; −inf for digital silence."""
    power = active_power(wave, sample_rate)
    return 10 * math.log10(power) if power > 0 else -math.inf


def active_power(wave: npt.NDArray[np.float32], sample_rate: float) -> float:
    """The mean power of the wave over the time that speech is active, averaged over channels; 0 for silence.

    A click too short for any threshold to lie 15.9 dB below its level, which the standard leaves open, has its
    energy divided by the time of activity at the highest threshold.
    """
    total, envelope, block = _energy_and_envelope(wave, sample_rate)
    if total == 0 or not envelope.any():
        return 0.0
    top = math.frexp(float(envelope.max()))[1]
    excess_before = log_power_before = 0.0
    for octave, active_blocks in enumerate(_active_blocks(envelope, top, sample_rate / block)):
        log_power = math.log(total / (active_blocks * block))
        # Rises from the loudest threshold down.
        excess = log_power - 2 * (top - 1 - octave) * math.log(2) - math.log(_MARGIN)
        if excess > 0:
            share = excess_before / (excess_before - excess) if octave > 0 else 1.0
            return math.exp(log_power_before + share * (log_power - log_power_before))
        excess_before, log_power_before = excess, log_power
    return math.exp(log_power_before)


def energy(wave: npt.NDArray[np.float32]) -> float:
    """Sum of squares, by short products: the result of BLAS for long ones depends on the number of its threads."""
    flat = wave.reshape(-1)
    whole = flat.size // _SUMMED_AT_ONCE * _SUMMED_AT_ONCE
    blocks, rest = flat[:whole].reshape(-1, 1, _SUMMED_AT_ONCE), flat[whole:]
    sums = blocks @ blocks.swapaxes(1, 2)
    return float(sums.sum(dtype=np.float64)) + float(rest @ rest)


def _energy_and_envelope(
    wave: npt.NDArray[np.float32], sample_rate: float
) -> tuple[float, npt.NDArray[np.float64], int]:
    """Sum of squares per channel, the smoothed rectified wave, and the samples per point of the latter."""
    channels = wave.reshape(-1, wave.shape[-1])
    block = max(1, min(int(sample_rate / _ENVELOPE_RATE_HZ), channels.shape[1]))
    channels = channels[:, : channels.shape[1] // block * block]
    rectified = np.einsum("cij->i", np.abs(channels).reshape(len(channels), -1, block)) / (len(channels) * block)
    keep = math.exp(-block / (sample_rate * _TIME_CONSTANT_S))
    smooth = need("scipy.signal", extra="audio").lfilter
    envelope = smooth(np.array([(1 - keep) ** 2]), np.array([1, -2 * keep, keep**2]), rectified.astype(np.float64))
    return energy(channels) / len(channels), np.maximum(envelope, 0), block


def _active_blocks(envelope: npt.NDArray[np.float64], top: int, rate: float) -> list[int]:
    """How many points of the envelope are active at each threshold of the ladder, the loudest, 2^(top − 1), first."""
    octaves_down = np.minimum(top - np.frexp(envelope)[1], _LADDER_STEPS).astype(np.int8)
    octaves_down[envelope == 0] = _LADDER_STEPS
    reach, points = 1, math.ceil(_HANGOVER_S * rate) + 1
    while reach < points:  # each point, and the least of those before it that it lets hang over
        step = min(reach, points - reach)
        octaves_down[step:] = np.minimum(octaves_down[step:], octaves_down[:-step])
        reach += step
    counts = np.bincount(octaves_down, minlength=_LADDER_STEPS + 1)[:_LADDER_STEPS]
    found: list[int] = np.cumsum(counts).tolist()
    return found
