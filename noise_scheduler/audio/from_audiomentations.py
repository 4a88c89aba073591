"""Effects of audiomentations as noises: filters of the scene and the microphone, converters, dynamics, misplaced sound.

The library is imported when the first of these noises is called (it takes a second). It is made for one level: what it
draws, such as where a resonance lies, comes from the sample's own stream (`noise_scheduler.wrap`).

Public: `Muffled`, registered as ``audio/muffled``; `Boomy`, ``audio/boomy``; `Resonance`, ``audio/resonance``;
`BandStop`, ``audio/band_stop``; `Aliasing`, ``audio/aliasing``; `Limiter`, ``audio/limiter``; `Shift`, ``audio/shift``.

Reference: Jordal et al., "audiomentations", https://github.com/iver56/audiomentations
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..extras import need
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..wrap import wrap

_EXTRA = "audiomentations"

_CLOTH_HZ = (600.0, 2000.0)
_NEAR_HZ = (150.0, 400.0)
_SHELF_Q = (0.5, 0.9)
_RESONANCE_HZ, _RESONANCE_Q = (250.0, 3400.0), (2.0, 6.0)
_BAND_HZ, _BAND_ROLLOFF_DB = (400.0, 2500.0), 24
_HIGHEST = 0.45  # of the sampling rate, of the centre of a filter
_ATTACK_S, _RELEASE_S = (0.001, 0.01), (0.05, 0.4)
_MIXED_LEVEL = 0.3


@wrap("audio/muffled", stage="scene")
@dataclass(frozen=True, slots=True)
class Muffled:
    """Take the treble away, as a mask, a scarf or a pocket does.

    The loss grows along `loss_db_range`, above a frequency between 600 and 2000 Hz.
    Source: `HighShelfFilter` of audiomentations; shelving filter of Bristow-Johnson, "Audio EQ cookbook", W3C.
    """

    loss_db_range: Range = (2.0, 120.0)
    """Loss of the highest frequencies in dB (mild, extreme), in [0.001, 120]; level moves along it in equal ratios, and
    below level .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("loss_db_range", self.loss_db_range, 1e-3, 120.0)

    def transform(self, level: float, sample_rate: float) -> Any:
        """A shelf of the loss that belongs to a level."""
        gain_db = -loglerp(self.loss_db_range, level) * fade_in(level)
        low_hz, high_hz = _below_nyquist(_CLOTH_HZ, sample_rate)
        return _audiomentations().HighShelfFilter(low_hz, high_hz, gain_db, gain_db, *_SHELF_Q, p=1)


@wrap("audio/boomy", stage="capture")
@dataclass(frozen=True, slots=True)
class Boomy:
    """Lift the bass, as a directional microphone does right before the mouth (the proximity effect).

    The gain grows along `gain_db_range`, below a frequency between 150 and 400 Hz.
    Source: `LowShelfFilter` of audiomentations; shelving filter of Bristow-Johnson, "Audio EQ cookbook", W3C.
    """

    gain_db_range: Range = (2.0, 100.0)
    """Gain of the lowest frequencies in dB (mild, extreme), in [0.001, 120]; level moves along it in equal ratios, and
    below level .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("gain_db_range", self.gain_db_range, 1e-3, 120.0)

    def transform(self, level: float, sample_rate: float) -> Any:
        """A shelf of the gain that belongs to a level."""
        gain_db = loglerp(self.gain_db_range, level) * fade_in(level)
        low_hz, high_hz = _below_nyquist(_NEAR_HZ, sample_rate)
        return _audiomentations().LowShelfFilter(low_hz, high_hz, gain_db, gain_db, *_SHELF_Q, p=1)


@wrap("audio/resonance", stage="scene")
@dataclass(frozen=True, slots=True)
class Resonance:
    """Let one frequency ring, as a small loudspeaker, a tin or a helmet does.

    The gain at a resonance between 250 and 3400 Hz grows along `gain_db_range`.
    Source: `PeakingFilter` of audiomentations; peaking filter of Bristow-Johnson, "Audio EQ cookbook", W3C.
    """

    gain_db_range: Range = (3.0, 120.0)
    """Gain at the resonance in dB (mild, extreme), in [0.001, 120]; level moves along it in equal ratios, and below
    level .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("gain_db_range", self.gain_db_range, 1e-3, 120.0)

    def transform(self, level: float, sample_rate: float) -> Any:
        """A resonance of the gain that belongs to a level."""
        gain_db = loglerp(self.gain_db_range, level) * fade_in(level)
        low_hz, high_hz = _below_nyquist(_RESONANCE_HZ, sample_rate)
        return _audiomentations().PeakingFilter(low_hz, high_hz, gain_db, gain_db, *_RESONANCE_Q, p=1)


@wrap("audio/band_stop", stage="channel", blend=fade_in)
@dataclass(frozen=True, slots=True)
class BandStop:
    """Take a band out of the middle, as noise suppressors and combs of reflections do.

    The width of the band, around a centre between 400 and 2500 Hz, grows along `width_range`.
    Source: `BandStopFilter` of audiomentations; Butterworth filter of order 4.
    """

    width_range: Range = (0.1, 1.98)
    """Width of the band as a share of its centre frequency (mild, extreme), in [0.001, 1.99]; level moves along it in
    equal ratios. Below level .05 the clean wave is mixed in, to itself at 0."""

    def __post_init__(self) -> None:
        check_range("width_range", self.width_range, 1e-3, 1.99)

    def transform(self, level: float, sample_rate: float) -> Any:
        """A filter of the width that belongs to a level."""
        width = loglerp(self.width_range, level)
        low_hz, high_hz = _below_nyquist(_BAND_HZ, sample_rate)
        rolloff = _BAND_ROLLOFF_DB
        return _audiomentations().BandStopFilter(low_hz, high_hz, width, width, rolloff, rolloff, p=1)


@wrap("audio/aliasing", stage="capture", blend=lambda level: min(1.0, level / _MIXED_LEVEL))
@dataclass(frozen=True, slots=True)
class Aliasing:
    """Sample the wave too seldom without a filter before it, as bad converters do: what is too high comes back too low.

    The rate falls along `rate_range`; straight lines between the samples bring the wave back.
    Source: `Aliasing` of audiomentations.
    """

    rate_range: Range = (0.95, 0.03)
    """Rate of the samples that are kept as a share of the wave's own (mild, extreme), in [0.001, 1]; level moves along
    it in equal ratios. Below level .3 the clean wave is mixed in, to itself at 0."""

    def __post_init__(self) -> None:
        check_range("rate_range", self.rate_range, 1e-3, 1.0, falling=True)

    def transform(self, level: float, sample_rate: float) -> Any:
        """A converter of the rate that belongs to a level."""
        kept_hz = max(2.0, loglerp(self.rate_range, level) * sample_rate)
        return _audiomentations().Aliasing(kept_hz, kept_hz, p=1)


@wrap("audio/limiter", stage="capture")
@dataclass(frozen=True, slots=True)
class Limiter:
    """Press all that is loud down to one loudness, as automatic gain controls do: pumping, and pauses drawn up.

    The threshold falls along `threshold_db_range`; attack (1–10 ms) and release (50–400 ms) are drawn.
    Source: `Limiter` of audiomentations, which follows the peaks of the wave with look-ahead.
    """

    threshold_db_range: Range = (-1.0, -36.0)
    """Threshold in dB relative to the highest peak (mild, extreme), in [-120, 0]; level moves straight along it, and
    below level .05 to 0."""

    def __post_init__(self) -> None:
        check_range("threshold_db_range", self.threshold_db_range, -120.0, 0.0, falling=True)

    def transform(self, level: float) -> Any:
        """A limiter of the threshold that belongs to a level."""
        need("numpy_audio_limiter", extra=_EXTRA)
        threshold_db = lerp(self.threshold_db_range, level) * fade_in(level)
        return _audiomentations().Limiter(threshold_db, threshold_db, *_ATTACK_S, *_RELEASE_S, p=1)


@wrap("audio/shift", stage="channel")
@dataclass(frozen=True, slots=True)
class Shift:
    """Let the wave begin too late, or too early: what falls off one end is lost, and silence stands at the other.

    The shift grows along `shift_range`.
    Source: `Shift` of audiomentations, without rollover.
    """

    severity_measure: ClassVar[str] = "time_aligned"

    shift_range: Range = (0.0002, 0.9)
    """Shift as a share of the wave's length (mild, extreme), in [1e-6, 1]; level moves along it in equal ratios, and
    below level .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("shift_range", self.shift_range, 1e-6, 1.0)

    def transform(self, level: float) -> Any:
        """A shift, either way, of the length that belongs to a level."""
        library = _audiomentations()
        share = loglerp(self.shift_range, level) * fade_in(level)
        return library.OneOf([library.Shift(by, by, rollover=False, fade_duration=0.0, p=1) for by in (-share, share)])


def _below_nyquist(hertz: tuple[float, float], sample_rate: float) -> tuple[float, float]:
    """A range of frequencies, cut where a filter of this rate could not have its centre."""
    return min(hertz[0], _HIGHEST * sample_rate), min(hertz[1], _HIGHEST * sample_rate)


def _audiomentations() -> Any:
    return need("audiomentations", extra=_EXTRA)
