"""Babble: many people talking at once, none of whom can be followed.

Public: `Babble`, registered as ``audio/babble``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import check_number, check_range, lerp
from ..registry import register
from .background import add_noise
from .recordings import check_folder, draw_stretch, listed, recordings, seamless
from .speech_level import energy

Wave = npt.NDArray[np.float32]

_SLOWEST, _FASTEST = 0.8, 1.25  # of a voice's own speed and pitch: a fourth down, a third up
_CHUNK = 1 << 14
_QUIETEST = 1e-4  # of the power of one talker: what was drawn where all pause is not blown up beyond 40 dB


@register("audio/babble", stage="scene")
@dataclass(frozen=True, slots=True)
class Babble:
    """Add the voices of several talkers, equally loud, at a speech-active SNR.

    The SNR falls along `snr_db_range` with the level. Each talker is a stretch of an utterance from `folder`; without
    one it is the sample's own speech, mixed to one channel, backwards, from another point on and at another speed and
    pitch, which keeps the spectrum and the rhythm of speech and says nothing. All channels hear the same talkers. A
    silent sample without a folder stays silent. The record says how many talkers there were, and from which recordings.

    Source: babble as a sum of utterances of equal level as in Krishnamurthy and Hansen, "Babble noise: modeling,
    analysis, and applications", IEEE TASLP 17 (2009); ITU-T P.56 for the levels.
    """

    folder: str = ""
    """Folder with utterances (WAV, FLAC, OGG), searched with its subfolders; empty for the sample's own speech."""
    talkers: int = 6
    """How many talk at once; in [1, 100]."""
    snr_db_range: tuple[float, float] = (45.0, -20.0)
    """SNR in dB at level 0 and at level 1; in [-100, 100]."""

    def __post_init__(self) -> None:
        check_folder(self.folder)
        check_range("snr_db_range", self.snr_db_range, -100.0, 100.0, falling=True)
        check_number("talkers", self.talkers, 1, 100, whole=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        who: dict[str, float | str] = {"talkers": self.talkers}
        if self.folder:
            (voices, drawn), least_power = self._from_folder(wave.shape[-1], rng, sample_rate), _QUIETEST
            who["recordings"] = listed(drawn)
        else:
            voices, least_power = self._from_own_speech(wave, rng, sample_rate), 0.0
        noisy, achieved = add_noise(wave, voices, lerp(self.snr_db_range, level), sample_rate, least_power=least_power)
        return noisy, {**achieved, **who}

    def _from_folder(self, samples: int, rng: np.random.Generator, sample_rate: float) -> tuple[Wave, list[str]]:
        """The sum of the talkers, each with an active speech power of 1 over its recording, and the recordings."""
        files = recordings(self.folder)
        voices, drawn = np.zeros(samples, np.float32), []
        for file in rng.choice(len(files), self.talkers, replace=len(files) < self.talkers):
            talker = draw_stretch(self.folder, files[int(file)], samples, sample_rate, rng)
            drawn.append(talker.recording)
            if talker.active_power > 0:
                voices += talker.wave * np.float32(1 / math.sqrt(talker.active_power))
        return voices, drawn

    def _from_own_speech(self, wave: Wave, rng: np.random.Generator, sample_rate: float) -> Wave:
        """The sum of the talkers, all of the same level, for they all are the same speech."""
        speech: Wave = wave.reshape(-1, wave.shape[-1]).mean(0)[::-1].copy()
        if energy(speech) == 0 and wave.ndim > 1:  # channels in opposite phase
            speech = wave[0, ::-1].copy()
        starts, speeds = rng.random((2, self.talkers))
        voices = np.zeros_like(speech)
        speech = seamless(speech, sample_rate)
        for start, speed in zip(starts, _SLOWEST * (_FASTEST / _SLOWEST) ** speeds, strict=True):
            _add_talker(voices, speech, int(start * len(speech)), float(speed))
        return voices


def _add_talker(voices: Wave, speech: Wave, start: int, speed: float) -> None:
    """Add `speech`, looped from `start` on and played at `speed`, to `voices`; straight lines between samples.

    A sample's place is a whole number of 2^-16ths, and a chunk is a whole number of samples long, so that the places in
    all chunks are the same but for their beginning.
    """
    step = 4 * round(speed * (1 << 14))
    places = np.arange(_CHUNK, dtype=np.int32) * np.int32(step)
    before = (places >> 16).astype(np.intp)
    part = (places & 0xFFFF).astype(np.float32) * np.float32(1 / (1 << 16))
    per_chunk = _CHUNK * step >> 16
    looped = np.resize(speech, len(speech) + per_chunk + 2)
    for first in range(0, len(voices), _CHUNK):
        piece = voices[first : first + _CHUNK]
        source = looped[(start + first // _CHUNK * per_chunk) % len(speech) :]
        value = source.take(before[: len(piece)])
        rise = source[1:].take(before[: len(piece)])
        rise -= value
        rise *= part[: len(piece)]
        piece += value
        piece += rise
