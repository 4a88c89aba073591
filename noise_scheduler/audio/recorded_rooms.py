"""Impulse responses recorded in rooms: the direct sound found, the noise at the end cut off, the decay measured.

Public: `RecordedRoom`, `recorded_room`, `schroeder_rt60`.

References:
    ISO 3382-2: the direct sound, the backward-integrated decay and T20.
    Naylor and Gaubitch (eds.), "Speech dereverberation", 2010: the direct-to-reverberant ratio.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .recordings import broken, kept
from .resampling import resampled
from .speech_level import energy

Wave = npt.NDArray[np.float32]

_LEAD_S = 0.001  # what is kept before the direct sound: the onset of the loudspeaker and the resampler
_DIRECT_S = 0.0025  # what counts as direct after it, as in the ACE challenge
_ONSET = 10**-0.5  # of the peak: a direct sound is at most 10 dB softer than the strongest reflection
_SMOOTHING_S = 0.01
_FLOOR_SHARE = 0.1  # of the recording, at its end, where the noise floor is looked for
_ABOVE_FLOOR = 4.0
_FADE_S = 0.005
_LONGEST_S = 10.0


class RecordedRoom(NamedTuple):
    """An impulse response, and what was measured of it."""

    response: Wave
    """(length,), with a direct sound of energy 1."""
    lead: int
    """The sample of the direct sound, at most 1 ms from the beginning."""
    direct_length: int
    """Samples, from the beginning, that count as direct sound."""
    rt60_s: float
    drr_db: float


def recorded_room(file: Path, sample_rate: float) -> RecordedRoom:
    """The response in a file, from the cache where it is there; of several channels the first.

    Raises:
        ValueError: the file cannot be read, is silent, or holds no reverberation.
    """
    return RecordedRoom(*kept(file, 0, float(sample_rate), _room))


def schroeder_rt60(response: Wave, sample_rate: float) -> float:
    """RT60 in seconds from a line through the backward-integrated energy from −5 to −25 dB (T20); 0 if too short."""
    remaining = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    if len(remaining) == 0 or remaining[0] == 0:
        return 0.0
    begin, end = (int(np.argmax(remaining <= remaining[0] * 10 ** (-down_db / 10))) for down_db in (5, 25))
    if end - begin < 2:
        return 0.0
    decay_db = 10 * np.log10(remaining[begin:end])
    slope = float(np.polyfit(np.arange(end - begin) / sample_rate, decay_db, 1)[0])
    return -60 / slope if slope < 0 else 0.0


def _room(file: Path, frames: Wave, native_rate: float, sample_rate: float) -> RecordedRoom:
    wave = resampled(frames[:, 0], native_rate, sample_rate)
    peak = float(np.abs(wave).max())
    if peak == 0:
        raise broken(file, "it is silent")
    onset = int(np.argmax(np.abs(wave) >= _ONSET * peak))
    direct = onset + int(np.argmax(np.abs(wave[onset : onset + math.ceil(_LEAD_S * sample_rate)])))
    begin = max(0, direct - int(_LEAD_S * sample_rate))
    response = wave[begin : direct + math.ceil(_LONGEST_S * sample_rate)]
    response = _without_noise_floor(response, sample_rate)
    lead = direct - begin
    direct_length = lead + math.ceil(_DIRECT_S * sample_rate)
    direct_energy, late_energy = energy(response[:direct_length]), energy(response[direct_length:])
    rt60_s = schroeder_rt60(response[direct_length:], sample_rate)
    if late_energy == 0 or rt60_s == 0:
        raise broken(file, "it is no impulse response of a room: nothing decays after its direct sound")
    response *= np.float32(1 / math.sqrt(direct_energy))
    return RecordedRoom(response, lead, direct_length, rt60_s, 10 * math.log10(direct_energy / late_energy))


def _without_noise_floor(response: Wave, sample_rate: float) -> Wave:
    """A copy that ends where the decay comes within 6 dB of the noise at the end of the recording."""
    step = max(1, round(_SMOOTHING_S * sample_rate))
    blocks = np.square(response[: len(response) // step * step], dtype=np.float64).reshape(-1, step).mean(1)
    if len(blocks) < 4:
        return response.copy()
    floor = float(np.mean(blocks[-math.ceil(len(blocks) * _FLOOR_SHARE) :]))
    above = np.flatnonzero(blocks > _ABOVE_FLOOR * floor)
    end = (int(above[-1]) + 1) * step if len(above) else len(response)
    cut = response[:end].copy()
    fade = min(round(_FADE_S * sample_rate), len(cut))
    if end < len(response):
        cut[len(cut) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return cut
