"""Wind at the microphone: low-frequency turbulence that comes in gusts.

Public: `Wind`, registered as ``audio/wind``; `gusts`.

References:
    Morgan and Raspet, "Investigation of the mechanisms of low-frequency wind noise generation outdoors", JASA 92
    (1992): the noise is the stagnation pressure of the turbulence, ρ U u.
    Raspet, Webster and Dillion, "Framework for wind noise studies", JASA 119 (2006): f^−5/3 in the inertial range.
    Nelke and Vary, "Measurement, analysis and simulation of wind noise signals for mobile communication devices",
    IWAENC 2014: gusts as slow changes of the level of noise of a fixed falling spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import check_number, check_range, lerp
from ..registry import register
from .background import add_noise
from .colour import coloured
from .envelope import between_knots, first_order, knots_for

Wave = npt.NDArray[np.float32]

_EXPONENT = 5 / 3
_LOW_CUT_HZ = 20.0
_KNOT_S = 0.02


@register("audio/wind", stage="capture")
@dataclass(frozen=True, slots=True)
class Wind:
    """Add the rumble of gusty wind in the microphone at a speech-active SNR.

    The SNR falls along `snr_db_range` with the level. The power of the noise falls with f^−5/3 above `corner_hz`; its
    pressure rises with the square of the wind's speed, whose gusts all channels share. The turbulence itself is
    another one at each microphone.

    Source: Morgan and Raspet (1992); Raspet, Webster and Dillion (2006); ITU-T P.56 for the speech level.
    """

    snr_db_range: tuple[float, float] = (50.0, -30.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""
    corner_hz: float = 40.0
    """Frequency in Hz above which the spectrum falls: mean wind speed over size of the eddies; in [20, 1000]."""
    turbulence_intensity: float = 0.35
    """Standard deviation of the wind speed over its mean; in [0, 1]."""
    gust_s: float = 1.0
    """Integral time scale of the gusts in seconds; in [0.05, 60]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)
        check_number("corner_hz", self.corner_hz, 20, 1000, "Hz")
        check_number("turbulence_intensity", self.turbulence_intensity, 0, 1)
        check_number("gust_s", self.gust_s, 0.05, 60, "s")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        speeds = gusts(wave.shape[-1], self.turbulence_intensity, self.gust_s, sample_rate, rng)
        noise = coloured(wave.shape, sample_rate, rng, self._spectrum, _LOW_CUT_HZ)
        noise *= np.square(speeds, out=speeds)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)

    def _spectrum(self, hertz: Wave) -> Wave:
        """Amplitudes of a von Kármán spectrum, flat below the corner."""
        relative = np.square(hertz * np.float32(1 / self.corner_hz))
        relative += 1
        amplitudes: Wave = np.exp(np.log(relative) * np.float32(-_EXPONENT / 4))
        return amplitudes


def gusts(samples: int, intensity: float, time_s: float, sample_rate: float, rng: np.random.Generator) -> Wave:
    """The speed of the wind over its mean, never below a tenth: a first-order process, as in Dryden's model of gusts.

    Args:
        samples: how many values.
        intensity: standard deviation of the speed over its mean.
        time_s: integral time scale, in seconds.
        sample_rate: of the values, in Hz.
        rng: where it is drawn from.
    """
    step = max(1, round(_KNOT_S * sample_rate))
    change = first_order(knots_for(step, samples), _KNOT_S, time_s, rng)
    return between_knots(np.maximum(1 + np.float32(intensity) * change, np.float32(0.1)), step, samples)
