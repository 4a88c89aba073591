"""Voices: espeak-ng through ctypes, coloured by mood in rate, pitch, intonation, loudness, spectrum and pauses.

espeak-ng keeps its state in C globals, and that state outlives each sentence and even espeak_Terminate: the same
sentence sounds the same only after the same sentences before it. So every `Espeak` loads a copy of the library of its
own, and the corpus makes one per dialog.

Public: `SAMPLE_RATE`, `Espeak`, `Voice`, `voice_of`, `speak`, `room_noise`.
Reference: espeak-ng, src/include/espeak-ng/speak_lib.h; cues of vocal emotion after Scherer 2003,
doi:10.1016/S0167-6393(02)00084-5.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import espeakng_loader
import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from recipes.demo.script import Speaker, stream

SAMPLE_RATE = 16_000
SPEECH_RMS_DB = -27.0
Wave = npt.NDArray[np.float32]

RATE, PITCH, RANGE, WORD_GAP = 1, 3, 4, 7
_SYNCHRONOUS, _UTF8 = 2, 1

# Class → change of log2 rate, pitch (espeak units of about 1 %), intonation range, loudness dB, spectral tilt dB per
# octave above 1 kHz, and pause between words in 10 ms.
MOOD = {
    "neu": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "hap": np.array([0.14, 30.0, 38.0, 3.0, 0.5, 0.0]),
    "ang": np.array([0.26, 2.0, 6.0, 9.0, 4.5, 0.0]),
    "sad": np.array([-0.30, -14.0, -30.0, -6.0, -2.5, 7.0]),
}
SPREAD = np.array([0.07, 5.0, 7.0, 1.6, 0.6, 1.2])
"""Standard deviation within a mood."""
VARIANTS = {"F": ("f1", "f2", "f3", "f4", "f5"), "M": ("m1", "m2", "m3", "m6", "m7")}
ACCENTS = ("en-us", "en", "en-us", "en-gb-x-rp", "en-us")


class Espeak:
    """A private copy of the espeak-ng library, in its first state."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory(prefix="espeak-", ignore_cleanup_errors=True) as folder:
            self._lib = ctypes.CDLL(shutil.copy(espeakng_loader.get_library_path(), folder))
        self.rate = int(self._lib.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0))
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not start; reinstall the package espeakng-loader")
        # espeak-ng draws breath noise from a seed taken from the clock; a fixed one makes it repeatable.
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._chunks: list[npt.NDArray[np.int16]] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._receive = callback(self._on_samples)  # kept, or the C side calls into freed memory
        self._lib.espeak_SetSynthCallback(self._receive)

    def _on_samples(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def __call__(self, text: str, voice: str, parameters: Mapping[int, int]) -> Wave:
        """Return the speech at `self.rate` Hz, in [-1, 1]."""
        self._chunks.clear()
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice!r}; reinstall the package espeakng-loader")
        for number, value in parameters.items():
            self._lib.espeak_SetParameter(number, value, 0)
        data = text.encode() + b"\0"
        self._lib.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        self._lib.espeak_Synchronize()
        if not self._chunks:
            raise RuntimeError(f"espeak-ng said nothing for {text!r} in voice {voice!r}")
        return (np.concatenate(self._chunks) / 32768.0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Voice:
    """How one speaker talks when neutral."""

    name: str
    """espeak-ng voice with variant, such as en-us+f2."""
    rate_wpm: float
    pitch: float
    """espeak units, 0 to 99."""
    intonation: float
    """espeak units, 0 to 99."""
    gain_db: float


def voice_of(speaker: Speaker, seed: int) -> Voice:
    """Return the voice of a speaker: accent and variant by number, the rest drawn."""
    rng = stream(seed, "voice", speaker.name)
    round_, cast = divmod(speaker.session - 1, 5)
    variant = VARIANTS[speaker.sex][cast]
    return Voice(
        name=f"{ACCENTS[(cast + round_) % 5]}+{variant}",
        rate_wpm=rng.uniform(178, 202),
        pitch=rng.uniform(38, 50),
        intonation=rng.uniform(40, 54),
        gain_db=rng.uniform(-1.5, 1.5),
    )


def speak(espeak: Espeak, text: str, voice: Voice, weights: Mapping[str, float], rng: np.random.Generator) -> Wave:
    """Say `text` in the mood given by class weights; returns 16 kHz float32 samples, shape (n,)."""
    mood = sum((weight * MOOD[name] for name, weight in weights.items()), np.zeros(6))
    rate, pitch, intonation, gain_db, tilt_db, pause = mood + SPREAD * rng.standard_normal(6)
    raw = espeak(
        text,
        voice.name,
        {
            RATE: int(np.clip(voice.rate_wpm * 2.0**rate, 90, 320)),
            PITCH: int(np.clip(voice.pitch + pitch, 0, 99)),
            RANGE: int(np.clip(voice.intonation + intonation, 0, 99)),
            WORD_GAP: int(np.clip(pause, 0, 15)),
        },
    )
    wave = _tilt(signal.resample_poly(raw, SAMPLE_RATE, espeak.rate), tilt_db)
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    wave = wave[loud[0] : loud[-1] + 1]
    level = SPEECH_RMS_DB + voice.gain_db + gain_db
    wave = wave * (10 ** (level / 20) / np.sqrt(np.mean(wave**2)))
    return _limit(wave).astype(np.float32)


def room_noise(samples: int, rng: np.random.Generator) -> Wave:
    """Return faint noise of a quiet room, about -66 dB, falling towards high frequencies; shape (samples,)."""
    white = rng.standard_normal(samples, dtype=np.float32)
    return np.asarray(signal.lfilter([1.0], [1.0, -0.9], white) * (10 ** (-66 / 20) * 0.44), np.float32)


def _tilt(wave: npt.NDArray[np.float64], db_per_octave: float) -> npt.NDArray[np.float64]:
    """Tilt the spectrum around 1 kHz; flat below 250 Hz."""
    size = int(fft.next_fast_len(len(wave), real=True))
    octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / SAMPLE_RATE), 250.0) / 1000.0)
    spectrum = fft.rfft(wave, size) * 10 ** (db_per_octave * octaves / 20)
    return np.asarray(fft.irfft(spectrum, size)[: len(wave)])


def _limit(wave: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bend peaks above 0.7 softly, so that shouting never clips."""
    size = np.abs(wave)
    bent = 0.7 + 0.29 * np.tanh((size - 0.7) / 0.29)
    return np.where(size > 0.7, np.sign(wave) * bent, wave)
