"""Sudden sounds by modal synthesis: bodies that are struck ring in a few damped modes.

A sound is peak-normalised, begins at its first sample, and is the same sound at every sample rate, modes above the
Nyquist frequency and the exact course of noise aside, which is why noise is drawn last. The bank is made when first
used at a sample rate.

Public: `Sound`, `sound_of`, `sounds`, `thumps`, `lay`, `KINDS`.

References:
    van den Doel and Pai, "The sounds of physical shapes", Presence 7 (1998): modal synthesis of struck bodies.
    ITU-T E.180, supplement 2: the ringing tone of North America, 440 and 480 Hz.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..extras import need

Wave = npt.NDArray[np.float32]
_Signal = npt.NDArray[np.float64]

_VARIANTS = 4
_FADE_S = 0.05  # of what still rings at the end of a sound
_AUDIBLE = 0.03  # of the peak: what comes after the last sample above this counts as over


class Sound(NamedTuple):
    """A short sound of peak 1."""

    wave: Wave
    kind: str
    length: int
    """Samples until it has decayed by 30 dB."""


def sound_of(wave: npt.NDArray[np.floating], kind: str) -> Sound:
    """The wave, peak-normalised, with its audible length; a silent wave stays silent and has none."""
    peak = float(np.abs(wave).max())
    scaled = np.asarray(wave / peak if peak else wave, dtype=np.float32)
    audible = np.flatnonzero(np.abs(scaled) > _AUDIBLE)
    scaled.setflags(write=False)
    return Sound(scaled, kind, int(audible[-1]) + 1 if len(audible) else 0)


@lru_cache(maxsize=8)
def sounds(sample_rate: float) -> tuple[Sound, ...]:
    """The bank of sudden sounds of a home, several of each kind in `KINDS`."""
    return _bank(KINDS, sample_rate)


@lru_cache(maxsize=8)
def thumps(sample_rate: float) -> tuple[Sound, ...]:
    """Thumps of a hand against the body of a microphone."""
    return _bank({"thump": _thump}, sample_rate)


def lay(noise: Wave, sound: Sound, start: int, gain: float) -> None:
    """Add `sound`, times `gain`, to `noise` from sample `start` on; what reaches beyond the end is cut off."""
    place = noise[start : start + len(sound.wave)]
    place += sound.wave[: len(place)] * np.float32(gain)


def _bank(kinds: dict[str, Callable[[np.random.Generator, float], _Signal]], sample_rate: float) -> tuple[Sound, ...]:
    bank = []
    for number, (kind, make) in enumerate(kinds.items()):
        for variant in range(_VARIANTS):
            rng = np.random.Generator(np.random.Philox(key=[number, variant]))
            wave = make(rng, sample_rate)
            seconds_left = (len(wave) - np.arange(len(wave))) / sample_rate
            bank.append(sound_of(wave * np.minimum(1, seconds_left / _FADE_S), kind))
    return tuple(bank)


def _door_slam(rng: np.random.Generator, rate: float) -> _Signal:
    """The leaf and the wall ring low and short; the latch and the air make a burst of noise; the frame rattles."""
    leaf = _modes(rng.uniform(45, 260, 10), rng.uniform(0.04, 0.15, 10), rng.uniform(0.3, 1, 10), 0.8, rate)
    rattle = _strikes(rng, int(rng.integers(2, 5)), (0.03, 0.1), (300, 1800), (0.005, 0.02), 0.8, rate)
    burst = _band(rng, 0.8, rate, 80, 3000) * _decay(0.8, rate, 0.04)
    return _peak_one(leaf) + 0.7 * _peak_one(burst) + 0.2 * rattle


def _knocks(rng: np.random.Generator, rate: float) -> _Signal:
    """Three or four knocks on wood."""
    return _strikes(rng, int(rng.integers(3, 5)), (0.15, 0.22), (150, 900), (0.008, 0.03), 1.0, rate, same_body=True)


def _click(rng: np.random.Generator, rate: float) -> _Signal:
    """A key or a switch: down, and up again."""
    return _strikes(rng, 2, (0.06, 0.14), (1200, 6500), (0.001, 0.004), 0.25, rate)


def _phone(rng: np.random.Generator, rate: float) -> _Signal:
    """A telephone: two tones, shaken 20 times a second as by the clapper of a bell."""
    t = _times(1.2, rate)
    base, ratio = rng.uniform(440, 1200), rng.uniform(1.09, 1.26)
    tones = sum(
        np.sin(2 * np.pi * k * base * r * t) / k for k in (1, 2, 3) for r in (1, ratio) if k * base * r < rate / 2
    )
    clapper = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * rng.uniform(18, 24) * t))
    return np.asarray(tones * clapper * np.minimum(1, t / 0.005))


def _cough(rng: np.random.Generator, rate: float) -> _Signal:
    """A burst as the glottis opens, a noisy flow, and a voiced end, through the resonances of a vocal tract."""
    t = _times(0.45, rate)
    flow = np.exp(-t / 0.02) + 0.45 * np.exp(-((t - 0.12) ** 2) / 0.005)
    centres, pitch = rng.uniform((450, 1100, 2300), (750, 1700, 3200)), rng.uniform(110, 260)
    noise = sum(
        weight * _band(rng, 0.45, rate, centre / 1.3, centre * 1.3)
        for weight, centre in zip((1, 0.8, 0.5), centres, strict=True)
    )
    voice = sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 12) if k * pitch < rate / 2)
    voiced = 0.25 * voice * np.exp(-((t - 0.28) ** 2) / 0.004)
    return np.asarray((noise * flow + voiced) * np.minimum(1, t / 0.002))


def _dishes(rng: np.random.Generator, rate: float) -> _Signal:
    """Plates and cutlery: several quick strikes, high, inharmonic, ringing."""
    return _strikes(rng, int(rng.integers(3, 8)), (0.02, 0.15), (900, 7000), (0.02, 0.12), 0.9, rate)


def _thump(rng: np.random.Generator, rate: float) -> _Signal:
    """A finger or a bump against the housing: a dull body of a few low modes and a little knock."""
    body = _modes(rng.uniform(35, 170, 5), rng.uniform(0.015, 0.06, 5), rng.uniform(0.3, 1, 5), 0.35, rate)
    knock = _modes(rng.uniform(200, 900, 4), rng.uniform(0.003, 0.012, 4), rng.uniform(0.1, 0.4, 4), 0.35, rate)
    return body + knock


KINDS: dict[str, Callable[[np.random.Generator, float], _Signal]] = {
    "door": _door_slam,
    "knocks": _knocks,
    "click": _click,
    "phone": _phone,
    "cough": _cough,
    "dishes": _dishes,
}
"""The kinds of sound in the bank, and what makes them."""


def _strikes(
    rng: np.random.Generator,
    count: int,
    gap_s: tuple[float, float],
    hertz: tuple[float, float],
    decay_s: tuple[float, float],
    seconds: float,
    rate: float,
    *,
    same_body: bool = False,
) -> _Signal:
    """A body, or each time another one, struck `count` times."""
    wave = np.zeros(math.ceil(seconds * rate))
    place_s, modes = 0.0, 8
    for strike in range(count):
        if strike == 0 or not same_body:
            frequencies = np.exp(rng.uniform(math.log(hertz[0]), math.log(hertz[1]), modes))
            decays, amplitudes = rng.uniform(*decay_s, modes), rng.uniform(0.2, 1, modes)
        ringing = _modes(frequencies, decays, amplitudes, seconds, rate) * rng.uniform(0.5, 1)
        start = int(place_s * rate)
        wave[start:] += ringing[: len(wave) - start]
        place_s = min(place_s + rng.uniform(*gap_s), 0.9 * seconds)
    return wave


def _modes(hertz: _Signal, decays_s: _Signal, amplitudes: _Signal, seconds: float, rate: float) -> _Signal:
    """Damped sine waves from the blow on, those above the Nyquist frequency left out."""
    t = _times(seconds, rate)
    wave = np.zeros_like(t)
    for frequency, decay_s, amplitude in zip(hertz, decays_s, amplitudes, strict=True):
        if frequency < rate / 2:
            wave += amplitude * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency * t)
    return wave


def _band(rng: np.random.Generator, seconds: float, rate: float, low_hz: float, high_hz: float) -> _Signal:
    """Gaussian noise of a band, second order at both edges."""
    signal = need("scipy.signal", extra="audio")
    edges = [low_hz, min(high_hz, 0.45 * rate)]
    if edges[0] >= edges[1]:
        return np.zeros(math.ceil(seconds * rate))
    band = signal.butter(2, edges, "bandpass", fs=rate, output="sos")
    return np.asarray(signal.sosfilt(band, rng.standard_normal(math.ceil(seconds * rate))))


def _peak_one(wave: _Signal) -> _Signal:
    return wave / max(float(np.abs(wave).max()), 1e-9)


def _decay(seconds: float, rate: float, decay_s: float) -> _Signal:
    return np.asarray(np.exp(-_times(seconds, rate) / decay_s))


def _times(seconds: float, rate: float) -> _Signal:
    return np.arange(math.ceil(seconds * rate)) / rate
