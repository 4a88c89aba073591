import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio.resampling import Resample, resampled
from noise_scheduler.testing import check_noise


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def sine(hz: float, sample_rate: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * sample_rate)) / sample_rate).astype(np.float32)


def power_db(wave: np.ndarray) -> float:
    return 10 * np.log10(np.mean(wave[1000:-1000].astype(float) ** 2) + 1e-12)


def test_contract_with_aliases():
    check_noise(Resample(alias=True))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 48000])
def test_what_lies_below_half_of_the_rate_stays_and_the_rest_goes(sample_rate):
    noise = Resample((3000.0, 3000.0))
    _, achieved = noise(np.ones(10, np.float32), 0.5, stream(), sample_rate=sample_rate)
    half = achieved["rate_hz"] / 2
    assert achieved["rate_hz"] == pytest.approx(3000, rel=0.01)
    for hz, kept in ((0.5 * half, True), (0.8 * half, True), (1.05 * half, False), (2.2 * half, False)):
        wave = sine(hz, sample_rate)
        noisy, _ = noise(wave, 0.5, stream(), sample_rate=sample_rate)
        if kept:
            assert noisy[1000:-1000] == pytest.approx(wave[1000:-1000], abs=0.05)
        else:
            assert power_db(noisy) < power_db(wave) - 40


def test_a_cheap_converter_folds_high_frequencies_down():
    """A sine of 1800 Hz sampled at 2000 Hz looks like one of 200 Hz."""
    wave = sine(1800, 16000)
    noisy, achieved = Resample((2000.0, 2000.0), alias=True)(wave, 0.5, stream(), sample_rate=16000)
    assert achieved["rate_hz"] == 2000
    spectrum = np.abs(np.fft.rfft(noisy))
    assert np.argmax(spectrum) == 200
    assert spectrum[200] > 0.9 * np.abs(np.fft.rfft(wave)).max()


@pytest.mark.parametrize("alias", [False, True])
@pytest.mark.parametrize("sample_rate", [8000, 44100])
def test_nothing_is_delayed(alias, sample_rate):
    wave = stream(1).standard_normal(sample_rate, dtype=np.float32)
    for level in (0.1, 0.4, 0.6):
        noisy, _ = Resample(alias=alias)(wave, level, stream(), sample_rate=sample_rate)
        assert abs(np.argmax(signal.correlate(noisy, wave)) - (len(wave) - 1)) <= 1e-3 * sample_rate


def test_channels_are_resampled_alike():
    wave = stream(2).standard_normal((3, 4000), dtype=np.float32)
    for noise in (Resample(), Resample(alias=True)):
        noisy, _ = noise(wave, 0.5, stream(), sample_rate=16000)
        alone, _ = noise(wave[1], 0.5, stream(), sample_rate=16000)
        assert noisy[1] == pytest.approx(alone, abs=1e-6)


def test_resampled_has_the_length_of_the_new_rate():
    for from_hz, to_hz, length in ((8000, 8000, 1000), (7000, 3000, 429), (16000, 44100, 2757), (11025.5, 22051, 2000)):
        assert resampled(np.ones(1000, np.float32), from_hz, to_hz).shape == (length,)


def test_resampling_keeps_a_tone_and_removes_what_would_alias():
    t = np.arange(44100) / 44100
    tones = (np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 11000 * t)).astype(np.float32)
    low = resampled(tones, 44100, 16000.0)
    assert len(low) == 16000
    expected = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert low[500:-500] == pytest.approx(expected[500:-500], abs=0.01)


def test_bad_fields_are_refused():
    with pytest.raises(ValueError, match="rate_hz_range"):
        Resample((1000.0, 2000.0))
