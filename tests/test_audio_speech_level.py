import math

import numpy as np
import pytest

from noise_scheduler.audio.speech_level import active_level_dbov, active_power, energy
from noise_scheduler.testing import example_samples


def method_b(wave: np.ndarray, sample_rate: float) -> float:
    """ITU-T P.56 method B as the standard and sv56 write it: sample by sample, fixed thresholds."""
    g = math.exp(-1 / (sample_rate * 0.03))
    hangover = math.ceil(0.2 * sample_rate)
    thresholds = 2.0 ** np.arange(-15, 0)
    active, hang = np.zeros(15, int), np.full(15, hangover)
    p = q = energy = 0.0
    for value in wave.astype(float):
        energy += value * value
        p = g * p + (1 - g) * abs(value)
        q = g * q + (1 - g) * p
        above = q >= thresholds
        hang[above] = -1
        counted = hang < hangover
        active += counted
        hang += counted
    levels = 10 * np.log10(energy / np.maximum(active, 1))
    margins = levels - 20 * np.log10(thresholds)
    j = next(j for j in range(15) if active[j] == 0 or margins[j] <= 15.9)
    share = (margins[j - 1] - 15.9) / (margins[j - 1] - margins[j])
    return float(levels[j - 1] + share * (levels[j] - levels[j - 1]))


def bursts(sample_rate: int, seconds: float, on_s: float, off_s: float, seed: int = 0) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    t = np.arange(int(sample_rate * seconds)) / sample_rate
    speaking = t % (on_s + off_s) < on_s
    return (0.1 * rng.standard_normal(len(t)) * speaking).astype(np.float32)


@pytest.mark.parametrize(
    ("wave", "sample_rate"),
    [
        (example_samples("audio")[0][1], 16000),
        (bursts(8000, 2.0, 0.3, 0.25), 8000),
        (bursts(8000, 2.0, 0.25, 0.6, seed=1) + bursts(8000, 2.0, 2.0, 0.0, seed=2) / 300, 8000),
        (bursts(11025, 1.5, 0.4, 0.2, seed=3), 11025),
    ],
)
def test_agrees_with_the_standard_sample_by_sample(wave, sample_rate):
    assert active_level_dbov(wave, sample_rate) == pytest.approx(method_b(wave, sample_rate), abs=0.03)


def test_long_pauses_do_not_lower_the_level():
    speech = bursts(16000, 3.0, 3.0, 0.0)
    with_pause = np.concatenate([speech, np.zeros(16000 * 12, np.float32)])
    rms_falls_by = 10 * math.log10(np.mean(speech**2) / np.mean(with_pause**2))
    assert rms_falls_by > 6.9
    assert active_level_dbov(with_pause, 16000) == pytest.approx(active_level_dbov(speech, 16000), abs=0.6)


def test_a_faint_noise_floor_does_not_count_as_speech():
    speech = np.concatenate([bursts(16000, 2.0, 2.0, 0.0), np.zeros(16000 * 6, np.float32)])
    floor = 1e-4 * np.random.Generator(np.random.Philox(5)).standard_normal(len(speech), dtype=np.float32)
    assert active_level_dbov(speech + floor, 16000) == pytest.approx(active_level_dbov(speech, 16000), abs=0.05)


def test_level_follows_gain():
    wave = bursts(16000, 2.0, 0.3, 0.25)
    for gain_db in (-60.0, -17.3, 0.5, 12.0, 90.0):
        scaled = wave * np.float32(10 ** (gain_db / 20))
        assert active_level_dbov(scaled, 16000) == pytest.approx(active_level_dbov(wave, 16000) + gain_db, abs=0.1)


def test_silence_has_no_power():
    assert active_power(np.zeros(8000, np.float32), 16000) == 0
    assert active_level_dbov(np.zeros((2, 1), np.float32), 16000) == -math.inf


def test_constant_has_its_own_level():
    assert active_level_dbov(np.full(32000, 0.5, np.float32), 16000) == pytest.approx(-6.02, abs=0.05)


def test_one_sample_and_one_click():
    assert active_level_dbov(np.full(1, 0.25, np.float32), 16000) == pytest.approx(-12.04, abs=0.01)
    click = np.zeros(16000, np.float32)
    click[100] = 1.0
    assert -45 < active_level_dbov(click, 16000) < -33


def test_channels_are_averaged_in_power():
    wave = bursts(16000, 1.0, 0.3, 0.2)
    assert active_power(np.stack([wave, wave]), 16000) == pytest.approx(active_power(wave, 16000), rel=1e-6)
    assert active_power(np.stack([wave, 0 * wave]), 16000) == pytest.approx(active_power(wave, 16000) / 2, rel=0.02)


@pytest.mark.parametrize("sample_rate", [0.5, 700, 22050.0, 192000])
def test_any_sample_rate(sample_rate):
    rng = np.random.Generator(np.random.Philox(1))
    wave = rng.standard_normal(5000, dtype=np.float32)
    assert math.isfinite(active_level_dbov(wave, sample_rate))


@pytest.mark.parametrize("shape", [(1,), (1023,), (1024,), (5000,), (2, 3000)])
def test_energy_is_the_sum_of_squares(shape):
    wave = np.random.Generator(np.random.Philox(3)).standard_normal(shape, dtype=np.float32)
    assert energy(wave) == pytest.approx(np.square(wave, dtype=np.float64).sum(), rel=1e-6)
