"""Sudden sounds: doors, knocks, clicks, telephones, coughs, dishes, or what a folder holds.

Public: `Events`, registered as ``audio/events``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..path import check_range, lerp, loglerp
from ..registry import register
from .background import NOMINAL_SPEECH_POWER
from .recordings import check_folder, kept, listed, mono, parts, recordings
from .resampling import resampled
from .speech_level import active_power, energy
from .struck import Sound, lay, sound_of, sounds

Wave = npt.NDArray[np.float32]

_ONSET = 0.01  # of the peak: an event begins 40 dB below it
_LONGEST_S = 3.0
_FADE_S = 0.05


@register("audio/events", stage="scene")
@dataclass(frozen=True, slots=True)
class Events:
    """Let sudden sounds break in at random times: more often and louder as the level rises.

    Their number per second rises in equal ratios along `events_per_second_range`, their peaks in equal steps along
    `peak_to_speech_db_range`. Every sample gets at least one. Each is drawn from `folder`, or else from a bank of
    synthetic doors, knocks, clicks, telephones, coughs and dishes; of a recording the first 3 s from its onset on are
    heard. All channels hear the same. The record says how many there were, which (kinds, or names of files), the share
    of time until they had decayed by 30 dB, and the speech-active SNR over the whole sample.

    Source: sound events placed on a background as in Salamon et al., "Scaper: a library for soundscape synthesis and
    augmentation", WASPAA 2017; modal synthesis (van den Doel and Pai 1998); ITU-T P.56 for the speech level.
    """

    folder: str = ""
    """Folder with recordings of one event each (WAV, FLAC, OGG), searched with its subfolders; empty for the bank."""
    events_per_second_range: tuple[float, float] = (0.2, 6.0)
    """Events per second at level 0 and at level 1; in [0.001, 50]."""
    peak_to_speech_db_range: tuple[float, float] = (-30.0, 45.0)
    """Peak amplitude of an event over the active speech level (RMS), in dB, at level 0 and 1; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_folder(self.folder)
        check_range("events_per_second_range", self.events_per_second_range, 0.001, 50.0)
        check_range("peak_to_speech_db_range", self.peak_to_speech_db_range, -100.0, 100.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        samples = wave.shape[-1]
        expected = loglerp(self.events_per_second_range, level) * samples / sample_rate
        count = max(1, int(expected + rng.random()))
        peak_db = lerp(self.peak_to_speech_db_range, level)
        speech_power = active_power(wave, sample_rate) or NOMINAL_SPEECH_POWER
        gain = math.sqrt(speech_power) * 10 ** (peak_db / 20)

        draw = self._source(sample_rate)
        noise, heard, kinds = np.zeros(samples, np.float32), np.zeros(samples, bool), []
        for which, when in rng.random((count, 2)):  # a higher level adds events to those of a lower one
            sound, start = draw(float(which)), int(when * samples)
            lay(noise, sound, start, gain)
            heard[start : start + sound.length] = True
            kinds.append(sound.kind)
        achieved: dict[str, float | str] = {"events": count, "sounds": listed(kinds)}
        achieved |= {"event_share": float(heard.mean()), "peak_to_speech_db": peak_db}
        noise_power = energy(noise) / samples
        if noise_power > 0:
            achieved["snr_db"] = 10 * math.log10(speech_power / noise_power)
        return wave + noise, achieved

    def _source(self, sample_rate: float) -> Callable[[float], Sound]:
        """What gives the sound for a number in [0, 1)."""
        if not self.folder:
            bank = sounds(float(sample_rate))
            return lambda which: bank[int(which * len(bank))]
        files = recordings(self.folder)
        return lambda which: _recorded(files, which * len(files), float(sample_rate))


def _recorded(files: tuple[Path, ...], place: float, sample_rate: float) -> Sound:
    """The sound at `place` among the recordings: the whole part says which file, the rest where in it."""
    file = files[int(place)]
    part = int(place % 1 * parts(file)[0])
    return Sound(*kept(file, part, sample_rate, _event))


def _event(file: Path, frames: Wave, native_rate: float, sample_rate: float) -> Sound:
    """A recording from its onset on, faded out where it is too long."""
    wave = resampled(mono(file, frames), native_rate, sample_rate)
    onset = int(np.argmax(np.abs(wave) >= _ONSET * np.abs(wave).max()))
    end = onset + math.ceil(_LONGEST_S * sample_rate)
    event = wave[onset:end].copy()
    if end < len(wave):
        fade = math.ceil(_FADE_S * sample_rate)
        event[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound_of(event, file.name)
