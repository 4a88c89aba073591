"""What other libraries have for the noises of sound, each with one parameter that sets its strength.

A transform is built once and called as its users do: audiomentations on a float32 array (samples,), torchaudio on a
tensor (1, samples), torch-audiomentations on a tensor (1, 1, samples). Peers that need recordings of noise or of rooms
get them from a folder that `material` writes; those of torch-audiomentations 0.12 cannot read files with torchaudio
2.11 and are left out, and so is its `PitchShift`, which finds no shift of a given size.

Public: `PEERS`, `FIELDS`, `LIBRARIES`, `material`, `to_input`, `to_wave`.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import audiomentations as A
import numpy as np
import soundfile
import torch
import torch_audiomentations as U
import torchaudio.functional as F
import torchaudio.transforms as T

from benchmarks.measure import Peer
from noise_scheduler.audio.reverb import room_response

LIBRARIES = ("audiomentations", "torchaudio", "torch-audiomentations")
NOTE = "A audiomentations, T torchaudio, U torch-audiomentations"

_ROOM_RATE, _LONGEST_RT60_S = 16000, 3.0
_FLOOR = 1e-4  # RMS of a recorder's noise, as `audio/gain` has it

warnings.filterwarnings("ignore", module="torch_audiomentations")
warnings.filterwarnings("ignore", message="Possible clipped samples")


@cache
def material() -> Path:
    """A folder with recordings of noise (``noise``) and of events (``events``), removed at the end of the process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rng = np.random.Generator(np.random.Philox(0))
    for kind, seconds in (("noise", 30.0), ("events", 0.6)):
        (folder / kind).mkdir()
        for number in range(4):
            spectrum = np.fft.rfft(rng.standard_normal(int(seconds * 16000)))
            spectrum /= np.sqrt(1 + np.arange(len(spectrum)))
            sound = np.fft.irfft(spectrum)
            if kind == "events":
                sound *= np.exp(-np.arange(len(sound)) / 1600)
            soundfile.write(folder / kind / f"{number}.wav", 0.5 * sound / np.abs(sound).max(), 16000)
    return folder


@cache
def room(position: float) -> Path:
    """A folder with the response of a room, from dry at 0 to as reverberant as our own path ends at 1."""
    folder = material() / f"room_{position:.6f}"
    folder.mkdir()
    rt60_s = 0.1 * (_LONGEST_RT60_S / 0.1) ** position
    soundfile.write(folder / "room.wav", 0.5 * room_response(3, rt60_s, 20 - 40 * position, _ROOM_RATE), _ROOM_RATE)
    return folder


def to_input(letter: str, wave: np.ndarray) -> Any:
    """A wave (samples,) float32 as the library of a letter wants it."""
    if letter == "A":
        return wave
    return torch.from_numpy(wave)[None] if letter == "T" else torch.from_numpy(wave)[None, None]


def to_wave(letter: str, output: Any, samples: int) -> np.ndarray:
    """A wave (samples,) float32 from what that library gave, cut or filled with silence."""
    if letter != "A":
        output = output.detach().numpy()
    wave = np.asarray(output, np.float32).reshape(-1)[:samples]
    return np.pad(wave, (0, samples - len(wave)))


def _a(name: str, fields: Callable[[float], dict[str, Any]], mild: float, strong: float, **more: Any) -> Peer:
    def make(value: float, rate: int) -> Callable[[Any], Any]:
        transform = getattr(A, name)(p=1, **fields(value))
        return lambda wave: transform(wave, rate)

    return Peer(f"A.{name}", make, mild, strong, **more)


def _u(name: str, fields: Callable[[float], dict[str, Any]], mild: float, strong: float, **more: Any) -> Peer:
    def make(value: float, rate: int) -> Callable[[Any], Any]:
        transform = getattr(U, name)(p=1, output_type="dict", sample_rate=rate, **fields(value))
        return lambda wave: transform(wave, sample_rate=rate).samples

    return Peer(f"U.{name}", make, mild, strong, **more)


def _t(name: str, call: Callable[[Any, float, int], Any], mild: float, strong: float, **more: Any) -> Peer:
    def make(value: float, rate: int) -> Callable[[Any], Any]:
        return lambda wave: call(wave, value, rate)

    return Peer(f"T.{name}", make, mild, strong, **more)


def _both(names: tuple[str, str], value: Any) -> dict[str, Any]:
    return dict.fromkeys(names, value)


def _snr(value: float) -> dict[str, Any]:
    return _both(("min_snr_db", "max_snr_db"), value)


def _snr_in(value: float) -> dict[str, Any]:
    return _both(("min_snr_in_db", "max_snr_in_db"), value)


def _colour(db_per_octave: float) -> Peer:
    decay = _both(("min_f_decay", "max_f_decay"), db_per_octave)
    return _a("AddColorNoise", lambda v: {**_snr(v), **decay}, 60, -40)


def _colour_on_torch(exponent: float) -> Peer:
    decay = _both(("min_f_decay", "max_f_decay"), exponent)
    return _u("AddColoredNoise", lambda v: {**_snr_in(v), **decay}, 60, -40)


def _cutoff(value: float) -> dict[str, Any]:
    return _both(("min_cutoff_freq", "max_cutoff_freq"), value)


def _steep(value: float) -> dict[str, Any]:
    return {**_cutoff(value), "min_rolloff": 48, "max_rolloff": 48}


def _band(value: float, centre: str, rolloff: dict[str, int]) -> dict[str, Any]:
    """Around 1.3 kHz, ever narrower."""
    return {
        **_both((f"min_{centre}", f"max_{centre}"), 1300.0),
        **_both(("min_bandwidth_fraction", "max_bandwidth_fraction"), value),
        **rolloff,
    }


def _almost(width: float) -> dict[str, float]:
    """Ranges of torch-audiomentations may not be empty."""
    return {"max_center_frequency": 1300.1, "min_bandwidth_fraction": width - 1e-4}


def _add_noise(wave: Any, snr_db: float, rate: int) -> Any:
    return F.add_noise(wave, torch.randn_like(wave), torch.tensor([snr_db]))


def _mu_law(wave: Any, bits: float, rate: int) -> Any:
    levels = max(2, round(2**bits))
    return F.mu_law_decoding(F.mu_law_encoding(wave, levels), levels)


def _resample(wave: Any, low_rate: float, rate: int) -> Any:
    return F.resample(F.resample(wave, rate, int(low_rate)), int(low_rate), rate)


def _make_resample(value: float, rate: int) -> Callable[[Any], Any]:
    low = max(2, int(value))
    down = A.Resample(low, low, p=1)
    up = A.Resample(rate, rate, p=1)
    return lambda wave: up(down(wave, rate), low)


def _make_convolve(value: float, rate: int) -> Callable[[Any], Any]:
    response, native = soundfile.read(room(value) / "room.wav", dtype="float32")
    response = F.resample(torch.from_numpy(response), native, rate)[None]
    return lambda wave: F.fftconvolve(wave, response)[..., : wave.shape[-1]]


def _make_spec_augment(value: float, rate: int) -> Callable[[Any], Any]:
    """One band and one span of up to a share of the plane, on the short-time transform and back."""
    size = 512 * rate // 16000
    there = T.Spectrogram(n_fft=size, hop_length=size // 4, power=None)
    back = T.InverseSpectrogram(n_fft=size, hop_length=size // 4)
    bands, spans = T.FrequencyMasking(max(1, int(value * size / 2))), T.TimeMasking(max(1, int(value * 5 * 500 / 8)))
    return lambda wave: back(_masked(there(wave), bands, spans), wave.shape[-1])


def _masked(spectrum: Any, bands: Any, spans: Any) -> Any:
    kept = spans(bands(torch.ones_like(spectrum, dtype=torch.float32)))
    return spectrum * kept


def _make_quiet(value: float, rate: int) -> Callable[[Any], Any]:
    """A recording that is too quiet has the noise and the 16 bits of its recorder: a gain alone would not be heard."""
    parts = [
        A.Gain(-value, -value, p=1),
        A.AddGaussianNoise(_FLOOR, _FLOOR, p=1),
        A.BitCrush(min_bit_depth=16, max_bit_depth=16, p=1),
    ]
    chain = A.Compose(parts)
    return lambda wave: chain(wave, rate)


def _quiet(wave: Any, loss_db: float, rate: int) -> Any:
    noisy = F.gain(wave, -loss_db) + _FLOOR * torch.randn_like(wave)
    return torch.round(noisy * 2**15) / 2**15


FIELDS: dict[str, Callable[[], dict[str, Any]]] = {
    "background": lambda: {"folder": str(material() / "noise")},
    "events": lambda: {"folder": str(material() / "events")},
}
"""Fields of ours that are not left at their defaults."""

PEERS: dict[str, tuple[Peer, ...]] = {
    "white_noise": (
        _a("AddGaussianSNR", _snr, 60, -30),
        _a("AddGaussianNoise", lambda v: _both(("min_amplitude", "max_amplitude"), v), 1e-5, 1, ratios=True),
        _t("add_noise", _add_noise, 60, -30),
        _colour_on_torch(0.0),
    ),
    "pink_noise": (_colour(-3.01), _colour_on_torch(1.0)),
    "brown_noise": (_colour(-6.02), _colour_on_torch(2.0)),
    "blue_noise": (_colour(3.01), _colour_on_torch(-1.0)),
    "background": (_a("AddBackgroundNoise", lambda v: {"sounds_path": material() / "noise", **_snr(v)}, 60, -40),),
    "events": (
        _a(
            "AddShortNoises",
            lambda v: {
                "sounds_path": material() / "events",
                "min_time_between_sounds": 0.3,
                "max_time_between_sounds": 1.0,
                **_snr(v),
            },
            60,
            -50,
        ),
    ),
    "reverb": (
        _a("ApplyImpulseResponse", lambda v: {"ir_path": room(v)}, 0, 1),
        Peer("T.fftconvolve", _make_convolve, 0, 1),
    ),
    "clipping": (
        _a(
            "ClippingDistortion",
            lambda v: _both(("min_percentile_threshold", "max_percentile_threshold"), int(v)),
            0,
            99,
            whole=True,
        ),
        _a("TanhDistortion", lambda v: _both(("min_distortion", "max_distortion"), v), 0, 1),
    ),
    "gain": (
        Peer("A.Gain, AddGaussianNoise, BitCrush", _make_quiet, 0.1, 60, ratios=True),
        _t("gain, randn, round", _quiet, 0.1, 60, ratios=True),
    ),
    "fading": (
        _a(
            "GainTransition",
            lambda v: {"min_gain_db": -v, "max_gain_db": v, "min_duration": 0.2, "max_duration": 2.0},
            1,
            120,
            ratios=True,
        ),
    ),
    "low_pass": (
        _a("LowPassFilter", _steep, 7500, 60, ratios=True),
        _t("lowpass_biquad", lambda wave, hz, rate: F.lowpass_biquad(wave, rate, hz), 7500, 20, ratios=True),
        _u("LowPassFilter", _cutoff, 7500, 60, ratios=True),
    ),
    "high_pass": (
        _a("HighPassFilter", _steep, 30, 7000, ratios=True),
        _t("highpass_biquad", lambda wave, hz, rate: F.highpass_biquad(wave, rate, hz), 30, 7900, ratios=True),
        _u("HighPassFilter", _cutoff, 30, 7000, ratios=True),
    ),
    "band_pass": (
        _a("BandPassFilter", lambda v: _band(v, "center_freq", {"min_rolloff": 24, "max_rolloff": 24}), 1.99, 0.02),
        _t("bandpass_biquad", lambda wave, q, rate: F.bandpass_biquad(wave, rate, 1300, q), 0.05, 50, ratios=True),
        _u("BandPassFilter", lambda v: {**_band(v, "center_frequency", {}), **_almost(v)}, 1.99, 0.05),
    ),
    "bit_depth": (_a("BitCrush", lambda v: _both(("min_bit_depth", "max_bit_depth"), v), 14, 1, whole=True),),
    "mu_law": (_t("mu_law_encoding", _mu_law, 10, 1),),
    "resample": (
        Peer("A.Resample", _make_resample, 15000, 200, ratios=True),
        _t("resample", _resample, 15000, 200, ratios=True, whole=True),
    ),
    "mp3": (_a("Mp3Compression", lambda v: _both(("min_bitrate", "max_bitrate"), int(8 * v)), 8, 1, whole=True),),
    "dropouts": (_a("TimeMask", lambda v: _both(("min_band_part", "max_band_part"), v), 0.005, 1, ratios=True),),
    "pitch": (
        _a("PitchShift", lambda v: _both(("min_semitones", "max_semitones"), v), 0.05, 14, ratios=True),
        _t("pitch_shift", lambda wave, steps, rate: F.pitch_shift(wave, rate, steps), 0.1, 14, ratios=True),
    ),
    "tempo": (_a("TimeStretch", lambda v: _both(("min_rate", "max_rate"), 1 + v), 0.001, 1, ratios=True),),
    "speed": (
        _t(
            "resample (speed)",
            lambda wave, percent, rate: F.resample(wave, 100 + round(percent), 100),
            1,
            100,
            ratios=True,
            whole=True,
        ),
    ),
    "random_filter": (
        _a("SevenBandParametricEQ", lambda v: {"min_gain_db": -v, "max_gain_db": v}, 1, 90, ratios=True),
    ),
    "random_noise": (
        _a("AddColorNoise", lambda v: {**_snr(v), "min_f_decay": -6, "max_f_decay": 6}, 60, -40),
        _u("AddColoredNoise", lambda v: {**_snr_in(v), "min_f_decay": -2, "max_f_decay": 2}, 60, -40),
    ),
    "time_frequency_mask": (Peer("T.FrequencyMasking, TimeMasking", _make_spec_augment, 0.01, 1),),
}
"""Noise without its kind → its peers."""
