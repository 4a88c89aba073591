"""Generic perturbations that resemble no room, microphone or channel: filters, gains, gaps, noises, and mixtures.

They span what rooms and channels do without imitating any of it, so that a model can be trained on them and tested on
the rest, or the other way round. All filters have zero phase: nothing moves in time, and mixtures do not comb.

References: PRIME (Modas et al., ECCV 2022), AugMix (Hendrycks et al., ICLR 2020), SpecAugment (Park et al.,
Interspeech 2019).

Public: `RandomFilter`, registered as ``audio/random_filter``; `RandomGainCurve`, ``audio/random_gain_curve``;
`TimeFrequencyMask`, ``audio/time_frequency_mask``; `RandomNoise`, ``audio/random_noise``; `RandomChain`,
``audio/random_chain``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_number, check_range, fade_in, lerp, loglerp
from ..registry import register
from .amplitude import at_power_of
from .background import add_noise
from .colour import coloured
from .convolution import convolved
from .envelope import between_knots, knots_for, times_gain

Wave = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_LOWEST_HZ = 100.0  # below which a random response is flat
_KNOTS_PER_OCTAVE = 2
_POINTS_PER_KNOT = 8
_OF_KNOTS = math.sqrt(1.5)  # their deviation, when that of the straight lines between them is 1
_RESPONSE_S = 0.1  # length of a filter's response, half of it before the sound
_BIN_HZ = 4.0
_STEP_S = 0.001  # between the points of a gain curve, or more where it is slow
_EDGE_S, _EDGE_HZ = 0.005, 40.0  # from full to nothing at the edges of a mask
_MEL_BREAK_HZ = 700.0
_BAND_MASKS = 2
_MASKS_PER_S = 1.0
_CHAINS, _LONGEST_CHAIN = 3, 2
_WEAKEST = 0.7  # of the strength of a chain, the least that one of its primitives has


@register("audio/random_filter", stage="channel")
@dataclass(frozen=True, slots=True)
class RandomFilter:
    """Filter the wave by a random frequency response.

    The gain is a smooth random curve over the octaves whose standard deviation rises along `deviation_db_range`; the
    wave keeps its power. All channels are filtered alike.
    Achieved: `deviation_db`.
    Source: the spectral primitive of PRIME, Modas et al., ECCV 2022.
    """

    deviation_db_range: Range = (1.0, 60.0)
    """Standard deviation of the gain in dB (mild, extreme), in [0.001, 100]; level moves along it in equal ratios, and
    below level .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("deviation_db_range", self.deviation_db_range, 1e-3, 100.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Filter a wave (samples,) or (channels, samples), float32."""
        deviation_db = loglerp(self.deviation_db_range, level) * fade_in(level)
        hertz, curve = _response(rng, sample_rate)
        noisy = _filtered(wave, hertz, _gain(deviation_db * curve), sample_rate)
        return at_power_of(wave, noisy), {"deviation_db": deviation_db}


@register("audio/random_gain_curve", stage="channel")
@dataclass(frozen=True, slots=True)
class RandomGainCurve:
    """Let the volume wander at random.

    The gain is a smooth random curve over time whose standard deviation rises along `deviation_db_range`; the wave
    keeps its power. All channels wander alike.
    Achieved: `deviation_db`, in the mean over draws: a short wave may see more of it, or less.
    Source: the colour primitive of PRIME, Modas et al., ECCV 2022, taken over to sound.
    """

    deviation_db_range: Range = (1.0, 80.0)
    """Standard deviation of the gain in dB (mild, extreme), in [0.001, 200]; level moves along it in equal ratios, and
    below level .05 to nothing at 0."""
    time_constant_s: float = 0.15
    """Seconds over which the gain stays much the same, in [0.005, 100]."""

    def __post_init__(self) -> None:
        check_range("deviation_db_range", self.deviation_db_range, 1e-3, 200.0)
        check_number("time_constant_s", self.time_constant_s, 0.005, 100, "s")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Change the volume of a wave (samples,) or (channels, samples), float32."""
        deviation_db = loglerp(self.deviation_db_range, level) * fade_in(level)
        gain = _gain_over_time(rng, wave.shape[-1], deviation_db, self.time_constant_s, sample_rate)
        noisy = times_gain(wave, gain)
        return at_power_of(wave, noisy), {"deviation_db": deviation_db}


@register("audio/time_frequency_mask", stage="channel")
@dataclass(frozen=True, slots=True)
class TimeFrequencyMask:
    """Silence random spans of time and random bands of frequency.

    The share of the time–frequency plane that is masked rises along `masked_range`, half of it by spans and half by
    bands: two bands, wide and placed on the mel scale, and one span per second, with gaps of random length between
    them. A plane that is masked in whole rows and columns is a product of a gain over time and one over frequency, so
    it is the wave itself that is masked, without a short-time transform.
    Achieved: `masked`, the share of the plane.
    Source: SpecAugment, Park et al., Interspeech 2019.
    """

    masked_range: Range = (0.01, 0.98)
    """Share of the plane that is masked (mild, extreme), in [0, 1]; level moves straight along it, and below level .05
    to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("masked_range", self.masked_range, 0.0, 1.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Mask a wave (samples,) or (channels, samples), float32."""
        masked = lerp(self.masked_range, level) * fade_in(level)
        share = 1 - math.sqrt(1 - masked)  # of the time, and of the mel scale
        samples = wave.shape[-1]
        spans = _masks(rng, 1 + int(_MASKS_PER_S * samples / sample_rate), share) * samples
        kept = _over_time(samples, *_outside(spans, _EDGE_S * sample_rate, samples), sample_rate)
        top_mel = math.log1p(sample_rate / 2 / _MEL_BREAK_HZ)
        bands = _MEL_BREAK_HZ * np.expm1(_masks(rng, _BAND_MASKS, share) * top_mel)
        hertz, passed = _outside(bands, _EDGE_HZ, sample_rate / 2)
        return _filtered(times_gain(wave, kept), hertz, passed, sample_rate), {"masked": masked}


@register("audio/random_noise", stage="scene")
@dataclass(frozen=True, slots=True)
class RandomNoise:
    """Add noise of random colour and of random loudness over time, at a speech-active SNR.

    Spectrum and envelope of the noise are smooth random curves, over the octaves and over time. The SNR falls along
    `snr_db_range` with the level. All channels hear the same noise.
    Source: noise as a generic augmentation, Rusak et al., "A simple way to make neural networks robust against diverse
    image corruptions", ECCV 2020, with drawn spectrum and envelope; ITU-T P.56 for the speech level.
    """

    snr_db_range: Range = (45.0, -25.0)
    """SNR in dB (mild, extreme), in [-100, 100]."""
    spectrum_deviation_db: float = 12.0
    """Standard deviation of the noise's spectrum in dB, in [0, 60]; 0 is white."""
    envelope_deviation_db: float = 8.0
    """Standard deviation of the noise's loudness over time in dB, in [0, 60]; 0 is steady."""
    time_constant_s: float = 0.15
    """Seconds over which the loudness stays much the same, in [0.005, 100]."""

    def __post_init__(self) -> None:
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)
        for name in ("spectrum_deviation_db", "envelope_deviation_db"):
            check_number(name, getattr(self, name), 0, 60, "dB")
        check_number("time_constant_s", self.time_constant_s, 0.005, 100, "s")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        """Add noise to a wave (samples,) or (channels, samples), float32."""
        samples = wave.shape[-1]
        hertz, curve = _response(rng, sample_rate)
        gain = _gain(self.spectrum_deviation_db * curve)
        noise = coloured((samples,), sample_rate, rng, partial(_on_bins, hertz, gain))
        noise *= _gain_over_time(rng, samples, self.envelope_deviation_db, self.time_constant_s, sample_rate)
        return add_noise(wave, noise, lerp(self.snr_db_range, level), sample_rate)


@register("audio/random_chain", stage="channel")
@dataclass(frozen=True, slots=True)
class RandomChain:
    """Replace the wave by the average of three random chains of primitives.

    Each chain applies one or two of filter, gain curve, mask and noise; the chains are averaged with random weights.
    What each primitive is applied at is a level of its own, up to 30 % below one that rises along `strength_range`.
    Achieved: `strength`, and `chains`, the primitives by their first letters (t for the mask).
    Source: AugMix, Hendrycks et al., ICLR 2020, with the primitives of PRIME, Modas et al., ECCV 2022.
    """

    strength_range: Range = (0.02, 1.0)
    """Greatest level of the primitives (mild, extreme), in [0.001, 1]; level moves straight along it, and below level
    .05 to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("strength_range", self.strength_range, 1e-3, 1.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        """Perturb a wave (samples,) or (channels, samples), float32."""
        strength = lerp(self.strength_range, level) * fade_in(level)
        weights = rng.dirichlet(np.ones(_CHAINS))
        choices = rng.integers(len(_PRIMITIVES), size=(_CHAINS, _LONGEST_CHAIN))
        lengths = rng.integers(1, _LONGEST_CHAIN, _CHAINS, endpoint=True)
        strengths = strength * rng.uniform(_WEAKEST, 1, (_CHAINS, _LONGEST_CHAIN))
        noisy = np.zeros_like(wave)
        for chain in range(_CHAINS):
            perturbed = wave
            for choice, of_one in zip(choices[chain, : lengths[chain]], strengths[chain], strict=False):
                perturbed, _ = _PRIMITIVES[choice]()(perturbed, float(of_one), rng, sample_rate=sample_rate)
            noisy += perturbed * np.float32(weights[chain])
        letters = " ".join(
            "".join("fgtn"[choice] for choice in chain[:length]) for chain, length in zip(choices, lengths, strict=True)
        )
        return noisy, {"strength": strength, "chains": letters}


_PRIMITIVES = (RandomFilter, RandomGainCurve, TimeFrequencyMask, RandomNoise)


def _response(rng: np.random.Generator, sample_rate: float) -> tuple[Doubles, Doubles]:
    """A smooth random curve over the octaves, of mean 0 and variance 1: (frequencies in Hz, values)."""
    octaves = max(1.0, math.log2(sample_rate / 2 / _LOWEST_HZ))
    knots = 2 + math.ceil(octaves * _KNOTS_PER_OCTAVE)
    points = np.arange((knots - 1) * _POINTS_PER_KNOT + 1) / _POINTS_PER_KNOT
    curve = np.interp(points, np.arange(knots), rng.standard_normal(knots))
    curve -= curve.mean()
    curve /= max(1e-9, float(curve.std()))
    hertz = sample_rate / 2 * 2 ** (points / (knots - 1) * octaves - octaves)
    return hertz, curve


def _gain(decibels: Doubles) -> Doubles:
    """Amplitude factors, the greatest of them 1."""
    factors: Doubles = 10 ** ((decibels - decibels.max()) / 20)
    return factors


def _gain_over_time(
    rng: np.random.Generator, samples: int, deviation_db: float, time_constant_s: float, sample_rate: float
) -> Wave:
    """A smooth random gain (samples,), the greatest of which is 1."""
    deviation_db *= _OF_KNOTS
    time_constant = time_constant_s * sample_rate
    knots = 2 + math.ceil(samples / time_constant)
    points = np.arange((knots - 1) * _POINTS_PER_KNOT + 1) / _POINTS_PER_KNOT
    curve = np.interp(points, np.arange(knots), rng.standard_normal(knots))
    step_s = max(_STEP_S, time_constant_s / (4 * _POINTS_PER_KNOT))
    return _over_time(samples, points * time_constant, _gain(deviation_db * curve), sample_rate, step_s)


def _over_time(samples: int, times: Doubles, values: Doubles, sample_rate: float, step_s: float = _STEP_S) -> Wave:
    """A gain (samples,) that is given at some times, in samples, and linear between them."""
    step = max(1, round(step_s * sample_rate))
    knots = np.interp(np.arange(knots_for(step, samples)) * step, times, values)
    return between_knots(knots.astype(np.float32), step, samples)


def _on_bins(hertz: Doubles, gain: Doubles, bins: Wave) -> Wave:
    """A gain that is given at some frequencies at the frequencies of all bins, by straight lines over up to 4 Hz."""
    spacing = float(bins[-1] - bins[0]) / (len(bins) - 1) if len(bins) > 1 else _BIN_HZ
    step = max(1, int(_BIN_HZ / spacing))
    knots = np.interp(float(bins[0]) + np.arange(knots_for(step, len(bins))) * (step * spacing), hertz, gain)
    return between_knots(knots.astype(np.float32), step, len(bins))


def _filtered(wave: Wave, hertz: Doubles, gain: Doubles, sample_rate: float) -> Wave:
    """The wave through a zero-phase filter, its gain given at some frequencies and linear between them."""
    fft = need("scipy.fft", extra="audio")
    half = max(1, round(_RESPONSE_S / 2 * sample_rate))
    bins = np.interp(np.arange(half + 1) * (sample_rate / (2 * half)), hertz, gain)
    response = np.roll(fft.irfft(bins, 2 * half), half)
    response *= np.hanning(2 * half + 1)[:-1]
    return convolved(wave, response.astype(np.float32), half)


def _masks(rng: np.random.Generator, count: int, share: float) -> Doubles:
    """Beginnings and ends (count, 2) of intervals in [0, 1] that do not touch and cover a share of it."""
    widths = share * rng.dirichlet(np.full(count, 4.0))
    gaps = (1 - share) * rng.dirichlet(np.ones(count + 1))
    ends = np.cumsum(gaps[:-1] + widths)
    return np.stack([ends - widths, ends], 1)


def _outside(intervals: Doubles, edge: float, end: float) -> tuple[Doubles, Doubles]:
    """A gain of 0 inside intervals of [0, `end`] and 1 outside, as the points of a polyline.

    The slopes are centred on the ends of the intervals, and are at most as long as the intervals and the gaps allow.
    """
    ends = intervals.reshape(-1)
    room = np.diff(np.concatenate([[-np.inf], ends, [np.inf]]))
    half = np.minimum(edge, np.minimum(room[:-1], room[1:])) / 2
    places = np.stack([ends - half, ends + half], 1).reshape(-1)
    values = np.tile([1.0, 0.0, 0.0, 1.0], len(intervals))
    return np.concatenate([[-edge], places, [end + edge]]), np.concatenate([[1.0], values, [1.0]])
