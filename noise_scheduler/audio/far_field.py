"""A talker who moves away from the microphone: less direct sound, the same room, duller and nearer to the noise.

The sample is taken as heard at the near end of the path. With distance d the direct sound falls by 6 dB per doubling,
while the reverberation, which is everywhere in the room, stays: the ratio of both is 20 lg(r_c / d) with the critical
distance r_c = .057 √(V / RT60). Air swallows high frequencies along the way, d for the direct sound and
d + c RT60 / 13.8 on the mean for the reverberation. The noise of microphone and room does not depend on d.

Public: `FarField`, registered as ``audio/far_field``; `air_absorption_db_per_m`, `critical_distance_m`.

References:
    Kuttruff, "Room acoustics", chapter 5: critical distance, diffuse field.
    ISO 9613-1:1993, "Attenuation of sound during propagation outdoors, part 1: absorption by the atmosphere".
    Reverberation as in `noise_scheduler.audio.reverb`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import check_number, check_range, loglerp
from ..registry import register
from .background import NOMINAL_SPEECH_POWER, white
from .convolution import convolved
from .reverb import ROOMS, room_response
from .speech_level import active_power, energy

Wave = npt.NDArray[np.float32]

_SPEED_OF_SOUND = 343.0
_LEAD_S = 0.002  # the absorption has no delay, so its response also reaches a little before the direct sound


@register("audio/far_field", stage="scene")
@dataclass(frozen=True, slots=True)
class FarField:
    """Move the talker away from the microphone: reverberant, softer, duller, and nearer to the noise floor.

    The distance rises in equal ratios along `distance_m_range`. Reverberation time is drawn from `rt60_s` for every
    sample, and the pattern of reflections from the bank of rooms. The record says distance, DRR, RT60 and the
    speech-active SNR of the reverberant speech over the noise. All channels hear the same room; the noise of each is
    its own.

    Source: diffuse-field room acoustics (Kuttruff), air absorption after ISO 9613-1 at 101.325 kPa.
    """

    distance_m_range: tuple[float, float] = (0.03, 12.0)
    """Distance from talker to microphone in metres at level 0, where the sample was recorded, and at 1; [0.01, 200]."""
    rt60_s: tuple[float, float] = (0.4, 1.2)
    """Shortest and longest reverberation time in seconds, of which one is drawn in equal ratios; in [0.1, 10]."""
    volume_m3: float = 500.0
    """Volume of the room in cubic metres; in [10, 100000]."""
    humidity_percent: float = 50.0
    """Relative humidity of the air; in [1, 100]."""
    temperature_c: float = 20.0
    """Temperature of the air in degrees Celsius; in [-20, 50]."""
    near_snr_db: float = 48.0
    """Speech-active SNR in dB at the near end of the path, over the white noise floor; in [-100, 200]."""

    def __post_init__(self) -> None:
        check_range("distance_m_range", self.distance_m_range, 0.01, 200.0)
        check_range("rt60_s", self.rt60_s, 0.1, 10.0)
        check_number("volume_m3", self.volume_m3, 10, 100_000, "m³")
        check_number("humidity_percent", self.humidity_percent, 1, 100, "%")
        check_number("temperature_c", self.temperature_c, -20, 50, "°C")
        check_number("near_snr_db", self.near_snr_db, -100, 200, "dB")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        distance_m = loglerp(self.distance_m_range, level)
        rt60_s, room = loglerp(self.rt60_s, rng.random()), int(rng.integers(ROOMS))
        response, lead, drr_db = self._response(distance_m, rt60_s, room, sample_rate)
        noisy = convolved(wave, response, lead)

        noise_power = (active_power(wave, sample_rate) or NOMINAL_SPEECH_POWER) * 10 ** (-self.near_snr_db / 10)
        achieved = {"distance_m": distance_m, "drr_db": drr_db, "rt60_s": rt60_s, "room": room}
        speech_power = active_power(noisy, sample_rate)
        if speech_power > 0:
            achieved["snr_db"] = 10 * math.log10(speech_power / noise_power)
        noise = white(wave.shape, rng)
        noise *= np.float32(math.sqrt(noise_power * noise.size / energy(noise)))
        noisy += noise
        return noisy, achieved

    def _response(self, distance_m: float, rt60_s: float, room: int, sample_rate: float) -> tuple[Wave, int, float]:
        """The response from the near end of the path to the microphone, where its time zero is, and its DRR in dB."""
        fft = need("scipy.fft", extra="audio")
        ratio_db = 20 * math.log10(critical_distance_m(self.volume_m3, rt60_s) / distance_m)
        tail = room_response(room, rt60_s, ratio_db, sample_rate)
        tail[0] = 0
        lead = math.ceil(_LEAD_S * sample_rate)
        size = fft.next_fast_len(len(tail) + 2 * lead, real=True)
        hertz = np.arange(size // 2 + 1) * (sample_rate / size)
        absorption = air_absorption_db_per_m(hertz, self.humidity_percent, self.temperature_c) * (-math.log(10) / 20)
        absorption_per_m = absorption.astype(np.float32)

        late = fft.rfft(tail, size)
        late *= np.exp(absorption_per_m * np.float32(distance_m + _SPEED_OF_SOUND * rt60_s / 13.8))
        direct = np.exp(absorption_per_m * np.float32(distance_m)).astype(np.complex64)
        direct_energy, late_energy = (_spectral_energy(part, size) for part in (direct, late))
        response: Wave = np.roll(fft.irfft(direct + late, size), lead)[: len(tail) + 2 * lead]
        response *= np.float32(self.distance_m_range[0] / distance_m)
        return response, lead, 10 * math.log10(direct_energy / max(late_energy, 1e-30))


def critical_distance_m(volume_m3: float, rt60_s: float) -> float:
    """Where direct and reverberant sound of a source without directivity are equally strong (Kuttruff)."""
    return 0.057 * math.sqrt(volume_m3 / rt60_s)


def air_absorption_db_per_m(hertz: Any, humidity_percent: float, temperature_c: float) -> npt.NDArray[np.float64]:
    """Pure-tone attenuation of air in dB per metre, ISO 9613-1 equations 3 to 5, at 101.325 kPa.

    Args:
        hertz: frequencies.
        humidity_percent: relative humidity.
        temperature_c: temperature of the air, in degrees Celsius.
    """
    kelvin = 273.15 + temperature_c
    warmth = kelvin / 293.15
    saturation = 10 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151)
    molar = humidity_percent * saturation  # concentration of water vapour, in percent
    oxygen = 24 + 4.04e4 * molar * (0.02 + molar) / (0.391 + molar)  # relaxation frequencies, in Hz
    nitrogen = warmth**-0.5 * (9 + 280 * molar * math.exp(-4.17 * (warmth ** (-1 / 3) - 1)))
    square = np.square(np.asarray(hertz, dtype=np.float64))
    relaxation = 0.01275 * math.exp(-2239.1 / kelvin) / (oxygen + square / oxygen)
    relaxation = relaxation + 0.1068 * math.exp(-3352.0 / kelvin) / (nitrogen + square / nitrogen)
    return np.asarray(8.686 * square * (1.84e-11 * warmth**0.5 + warmth**-2.5 * relaxation))


def _spectral_energy(spectrum: npt.NDArray[np.complex64], size: int) -> float:
    """Energy in time of a real signal, from its half spectrum (Parseval)."""
    return energy(np.abs(spectrum)) * 2 / size
