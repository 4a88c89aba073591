"""Mains hum: the fundamental of the power grid and its harmonics.

Public: `Hum`, registered as ``audio/hum``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import check_number, check_range, lerp
from ..registry import register
from .background import add_noise
from .envelope import first_order

Wave = npt.NDArray[np.float32]

_TABLE_BITS = 13
_TABLE = 1 << _TABLE_BITS  # values of one period
_HARMONICS = 20
_KNOT_S = 0.01
_DRIFT_TIME_S = 5.0  # of the grid's frequency
_FREQUENCIES_HZ = (40.0, 70.0)


@register("audio/hum")
@dataclass(frozen=True, slots=True)
class Hum:
    """Add mains hum with harmonics at a speech-active SNR, the same in all channels.

    The SNR falls along `snr_db_range` with the level. The frequency wanders slowly about that of the grid. Unless
    `harmonics_db` fixes them, the levels of 20 harmonics are drawn for every sample: they fall by 3 to 12 dB per
    octave, and either the even ones (rectifiers) or the odd ones (transformers, ground loops) stand out.

    Source: EN 50160 for the frequency of the grid, 1 % for 99.5 % of a year, a twentieth of that in usual operation;
    ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (45.0, -40.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""
    mains_hz: tuple[float, ...] = (50.0, 60.0)
    """Frequencies of grids in Hz, of which one is drawn for every sample; in [40, 70]."""
    harmonics_db: tuple[float, ...] = ()
    """Levels of the harmonics in dB, the fundamental first, in [-200, 200]; empty to draw them for every sample."""
    drift_hz: float = 0.02
    """Standard deviation of the frequency of the grid in Hz; in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)
        for name in ("mains_hz", "harmonics_db"):
            if not isinstance(getattr(self, name), tuple):
                raise ValueError(f"{name} must be a tuple of numbers, not {getattr(self, name)!r}")
        if not self.mains_hz:
            raise ValueError("mains_hz must name one frequency or more, such as (50.0, 60.0)")
        for frequency in self.mains_hz:
            check_number("mains_hz", frequency, *_FREQUENCIES_HZ, "Hz")
        for harmonic in self.harmonics_db:
            check_number("harmonics_db", harmonic, -200, 200, "dB")
        check_number("drift_hz", self.drift_hz, 0, 1, "Hz")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        mains_hz = self.mains_hz[int(rng.integers(len(self.mains_hz)))]
        period = _one_period(self._amplitudes(rng), mains_hz, sample_rate, rng)
        hum = _repeated(period, wave.shape[-1], mains_hz, self.drift_hz, sample_rate, rng)
        noisy, achieved = add_noise(wave, hum, lerp(self.snr_db_range, level), sample_rate)
        return noisy, {**achieved, "mains_hz": mains_hz}

    def _amplitudes(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        if self.harmonics_db:
            return np.asarray(10.0 ** (np.array(self.harmonics_db) / 20))
        number = np.arange(1, _HARMONICS + 1)
        slope, even_db = rng.uniform((0.5, -15.0), (2.0, 15.0))
        levels_db = -20 * slope * np.log10(number) + np.where(number % 2, -even_db, even_db) / 2
        return np.asarray(10.0 ** ((levels_db + 3 * rng.standard_normal(_HARMONICS)) / 20))


def _one_period(
    amplitudes: npt.NDArray[np.float64], mains_hz: float, sample_rate: float, rng: np.random.Generator
) -> Wave:
    """One period of the hum with harmonics of random phase, as far as the sample rate carries them."""
    carried = min(len(amplitudes), max(1, math.ceil(0.49 * sample_rate / mains_hz) - 1))
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex64)
    phases = 2 * math.pi * rng.random(len(amplitudes))[:carried]
    spectrum[1 : carried + 1] = amplitudes[:carried] * np.exp(1j * phases) * _TABLE / 2
    period: Wave = need("scipy.fft", extra="audio").irfft(spectrum, _TABLE)
    return period


def _repeated(
    period: Wave, samples: int, mains_hz: float, drift_hz: float, sample_rate: float, rng: np.random.Generator
) -> Wave:
    """The period over and over, at a frequency that is fixed from knot to knot; straight lines within the table.

    Phases are whole numbers of 2^-32nds of a period, so that they wrap around and stay exact however long the wave.
    """
    step = max(1, round(_KNOT_S * sample_rate))
    drift = first_order(-(-samples // step), _KNOT_S, _DRIFT_TIME_S, rng)
    periods_per_sample = (mains_hz + drift_hz * drift.astype(np.float64)) / sample_rate
    advance = np.floor(periods_per_sample % 1 * 2**32).astype(np.uint32)
    starts = np.concatenate([np.zeros(1, np.uint32), np.cumsum(advance[:-1] * np.uint32(step), dtype=np.uint32)])
    phases = np.add(starts[:, None], advance[:, None] * np.arange(step, dtype=np.uint32), dtype=np.uint32)
    phases = phases.reshape(-1)[:samples]

    part_bits = 32 - _TABLE_BITS
    before = (phases >> np.uint32(part_bits)).astype(np.intp)
    part = (phases & np.uint32((1 << part_bits) - 1)).astype(np.float32)
    part *= np.float32(1 / (1 << part_bits))
    rise: Wave = (np.roll(period, -1) - period).take(before)
    rise *= part
    rise += period.take(before)
    return rise
