"""Severity of sound: against a plain computation in double precision, its ends, and what makes no difference."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter, resample_poly

from noise_scheduler import SampleError, corrupt, severity
from noise_scheduler.severity import speech
from noise_scheduler.testing import example_samples

RATE = 16000


def voice(seconds=2.0, rate=RATE, seed=0, floor=1e-4):
    """Harmonics of a gliding pitch through a moving resonance, with syllables and pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    pitch = 130 + 25 * np.sin(2 * np.pi * (0.7 + 0.1 * seed) * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    peak = 900 + 600 * np.sin(2 * np.pi * 1.3 * t + seed)
    wave = sum(np.sin(k * phase) / (1 + ((k * pitch - peak) / 400) ** 2) for k in range(1, 40))
    wave *= np.clip(np.sin(2 * np.pi * 2.2 * t + seed) + 0.4, 0, None)
    return (0.2 * wave + floor * rng.standard_normal(len(t))).astype(np.float32)


def log_mel(wave):
    """40 mel bands of 60 to 7800 Hz, a frame at a time, in dB from 50 below the 99th percentile."""
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7800 / 700), 42)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(257) * RATE / 512
    frames = []
    for start in range(0, len(wave) - 399, 160):
        power = np.abs(np.fft.rfft(np.float64(wave[start : start + 400]) * np.hanning(400), 512)) ** 2
        bands = [
            power @ np.interp(bins, (low, middle, high), (0, 1, 0))
            for low, middle, high in zip(hertz, hertz[1:], hertz[2:], strict=False)
        ]
        frames.append(10 * np.log10(np.array(bands) + 1e-12))
    level = np.array(frames).T
    return np.clip(level - np.percentile(level, 99), -50, 5) + 50


def plain_nsim(clean, noisy):
    """Mean over frames, weighted by the clean ones' level, half of each band's difference taken off."""
    a, b = log_mel(clean), log_mel(noisy)
    share = a.mean(0) / a.mean(0).sum()
    b = b - 0.5 * ((b - a) * share).sum(1, keepdims=True)

    def smooth(x):
        return gaussian_filter(x, 1.5, mode="reflect", truncate=2.5)

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    cov = smooth(a * b) - mean_a * mean_b
    c1, c2 = 0.5**2, 1.5**2
    level = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    likeness = level * (2 * cov + c2) / (var_a + var_b + c2)
    return float(likeness.mean(0) @ share)


@pytest.mark.parametrize(
    ("noise", "level"),
    [("audio/white_noise", 0.1), ("audio/white_noise", 0.9), ("audio/reverb", 0.6), ("audio/high_pass", 0.5)],
)
def test_audio_severity_is_the_loss_of_nsim(noise, level):
    clean = voice()
    noisy = corrupt(clean, noise, level=level, sample_rate=RATE, profile="none")
    assert severity.audio(clean, noisy, sample_rate=RATE) == pytest.approx(1 - plain_nsim(clean, noisy), abs=1e-3)


def test_ends():
    clean = voice()
    lost = severity.audio(clean, np.zeros_like(clean), sample_rate=RATE)
    assert severity.audio(clean, clean, sample_rate=RATE) == pytest.approx(0, abs=1e-6)
    assert 0.5 < lost < 1
    assert severity.audio(clean, voice(seed=3), sample_rate=RATE) > 0.4


def test_gain_and_polarity_make_no_difference():
    clean = voice()
    for gain in (-1.0, 0.02, 4.0):
        assert severity.audio(clean, np.float32(gain) * clean, sample_rate=RATE) < 2e-3, gain


def test_noise_counts_where_something_is_said():
    clean = voice()
    clean[RATE // 2 : RATE] *= 1e-3  # a pause
    hiss = 0.05 * np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    in_pause = np.zeros_like(clean)
    in_pause[RATE // 2 : RATE] = hiss[RATE // 2 : RATE]
    in_speech = np.zeros_like(clean)
    in_speech[RATE : RATE + RATE // 2] = hiss[RATE : RATE + RATE // 2]
    lost = [severity.audio(clean, clean + noise, sample_rate=RATE) for noise in (in_pause, in_speech)]
    assert 0 < lost[0] < 0.5 * lost[1]


def test_half_of_a_steady_colour_is_forgiven(monkeypatch):
    clean = voice(floor=3e-3)
    coloured = lfilter([1, -0.9], [1], clean).astype(np.float32)  # 6 dB an octave
    charged = severity.audio(clean, coloured, sample_rate=RATE)
    monkeypatch.setattr(speech, "_FORGIVEN", 0.0)
    assert charged < 0.6 * severity.audio(clean, coloured, sample_rate=RATE)
    monkeypatch.setattr(speech, "_FORGIVEN", 1.0)
    assert charged > 1.5 * severity.audio(clean, coloured, sample_rate=RATE)


def test_rises_with_noise_and_with_delay():
    clean = voice()
    rng = np.random.default_rng(1)
    hiss = rng.standard_normal(clean.shape).astype(np.float32)
    found = [severity.audio(clean, clean + np.float32(a) * hiss, sample_rate=RATE) for a in np.geomspace(1e-4, 1, 9)]
    assert all(low < high for low, high in pairwise(found))
    late = [severity.audio(clean, np.roll(clean, shift), sample_rate=RATE) for shift in (0, 16, 160, 320)]
    assert late[1] < 0.03
    assert late[2] < late[3]


def test_a_silent_wave_has_nothing_to_lose():
    silent = np.zeros(RATE, np.float32)
    assert severity.audio(silent, voice(1.0), sample_rate=RATE) == 0


def test_channels_count_alike():
    left, right = voice(seed=0), voice(seed=1)
    noisy = corrupt(left, "audio/white_noise", level=0.8, sample_rate=RATE)
    both = severity.audio(np.stack([left, right]), np.stack([noisy, right]), sample_rate=RATE)
    assert both == pytest.approx(severity.audio(left, noisy, sample_rate=RATE) / 2, abs=1e-6)


def test_sample_rates_agree():
    clean = voice(rate=48000, floor=1e-3)
    noisy = corrupt(clean, "audio/reverb", level=0.5, sample_rate=48000)
    at_16k = [resample_poly(wave, 1, 3).astype(np.float32) for wave in (clean, noisy)]
    assert severity.audio(clean, noisy, sample_rate=48000) == pytest.approx(
        severity.audio(*at_16k, sample_rate=RATE), abs=0.02
    )
    for rate in (8000, 22050, 44100):
        wave = voice(rate=rate)
        assert (
            0.05
            < severity.audio(wave, corrupt(wave, "audio/reverb", level=0.5, sample_rate=rate), sample_rate=rate)
            < 0.7
        )


def test_edge_samples():
    for label, x, context in example_samples("audio"):
        rng = np.random.default_rng(0)
        noisy = (x + 0.1 * rng.standard_normal(x.shape)).astype(np.float32)
        assert 0 <= severity.audio(x, noisy, **context) <= 1, label
        assert severity.audio(x, x, **context) == pytest.approx(0, abs=1e-6), label


def test_mistakes_name_the_remedy():
    clean = voice(0.2)
    with pytest.raises(SampleError, match="sample_rate"):
        severity.against("audio", clean)
    with pytest.raises(SampleError, match="float32"):
        severity.audio(clean, clean.astype(np.float64), sample_rate=RATE)
    with pytest.raises(ValueError, match="one shape"):
        severity.audio(clean, clean[:-1], sample_rate=RATE)
