"""Handling noise: the thumps and the rustle of a microphone that is held, moved or worn under clothes.

Public: `Handling`, registered as ``audio/handling``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import check_number, check_range, lerp
from ..registry import register
from .background import add_noise, white
from .colour import coloured
from .envelope import between_knots, first_order, knots_for
from .speech_level import energy
from .struck import lay, thumps

Wave = npt.NDArray[np.float32]

_GRAIN_S = 0.004
_RUSTLE_S = 0.25  # time constant of the movement of the hand
_RUSTLE_BAND_HZ = (400.0, 4000.0)


@register("audio/handling")
@dataclass(frozen=True, slots=True)
class Handling:
    """Add the noise of a held microphone, thumps and rustle, at a speech-active SNR.

    The SNR falls along `snr_db_range` with the level. Thumps are blows against the housing, which ring in a few low
    modes; at least one is in every sample. Rustle is friction of skin or cloth: grains of band-passed noise of
    irregular strength, in stretches of some tenths of a second. All channels hear the same.

    Source: modal synthesis of the blows (van den Doel and Pai, "The sounds of physical shapes", Presence 7, 1998);
    ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (50.0, -35.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""
    thumps_per_second: float = 2.0
    """Mean number of thumps per second; in [0.01, 50]."""
    rustle_db: float = -6.0
    """Energy of the rustle over that of the thumps in dB; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)
        check_number("thumps_per_second", self.thumps_per_second, 0.01, 50)
        check_number("rustle_db", self.rustle_db, -100, 100, "dB")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        samples = wave.shape[-1]
        blows, count = self._thumps(samples, sample_rate, rng)
        rustle = _rustle(samples, sample_rate, rng)
        loudness = energy(rustle)
        if loudness > 0:
            rustle *= np.float32(math.sqrt(energy(blows) / loudness * 10 ** (self.rustle_db / 10)))
            blows += rustle
        noisy, achieved = add_noise(wave, blows, lerp(self.snr_db_range, level), sample_rate)
        return noisy, {**achieved, "thumps": count}

    def _thumps(self, samples: int, sample_rate: float, rng: np.random.Generator) -> tuple[Wave, int]:
        bank = thumps(float(sample_rate))
        count = max(1, int(self.thumps_per_second * samples / sample_rate + rng.random()))
        noise = np.zeros(samples, np.float32)
        for which, when, strength in rng.random((count, 3)):
            lay(noise, bank[int(which * len(bank))], int(when * samples), 0.2 + 0.8 * float(strength))
        return noise, count


def _rustle(samples: int, sample_rate: float, rng: np.random.Generator) -> Wave:
    """Band-passed noise in grains, loud where the hand moves."""
    step = max(1, round(_GRAIN_S * sample_rate))
    knots = knots_for(step, samples)
    movement = first_order(knots, _GRAIN_S, _RUSTLE_S, rng)
    grains = np.square(white((knots,), rng)) * np.maximum(movement, 0)
    noise = coloured((samples,), sample_rate, rng, _rustle_spectrum, _RUSTLE_BAND_HZ[0] / 4)
    noise *= between_knots(grains, step, samples)
    return noise


def _rustle_spectrum(hertz: Wave) -> Wave:
    """Amplitudes of a band, falling by 12 dB per octave on both sides."""
    low, high = _RUSTLE_BAND_HZ
    square = np.square(hertz)
    gain: Wave = square / ((square + np.float32(low**2)) * (1 + square * np.float32(1 / high**2)))
    return gain
