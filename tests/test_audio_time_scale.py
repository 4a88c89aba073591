import numpy as np
import pytest

from noise_scheduler.audio.time_scale import resampled, stretched

RATE = 16000


def sine(cycles_per_sample: float, samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * cycles_per_sample * np.arange(samples)).astype(np.float32)


def voice(seconds: float, hertz: float = 140.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.1 * sum(np.sin(2 * np.pi * k * hertz * t) / k for k in range(1, 9))).astype(np.float32)


@pytest.mark.parametrize("rate", [0.4, 0.9999, 1.0007, 1.3, 2.5])
def test_a_sine_is_read_at_another_rate(rate):
    frequency, samples = 0.11, 30000  # over several blocks
    read = resampled(sine(frequency, samples), rate, 10000)
    expected = np.sin(2 * np.pi * frequency * rate * np.arange(10000))
    inside = slice(50, min(10000, int((samples - 50) / rate)))
    assert np.sqrt(np.mean((read - expected)[inside] ** 2)) < 2e-3


def test_what_would_fold_is_filtered_out():
    kept, folding = (np.std(resampled(sine(frequency, 20000), 2.0, 10000)) for frequency in (0.15, 0.35))
    assert kept == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert folding < 0.005


def test_rate_one_and_the_end_of_the_wave():
    wave = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    np.testing.assert_allclose(resampled(wave, 1.0, 5000), wave, atol=1e-6)
    np.testing.assert_allclose(stretched(wave, 1.0, 5000, RATE), wave, atol=1e-6)
    assert not resampled(wave, 1.0, 6000)[5050:].any()
    assert not stretched(wave, 2.0, 5000, RATE)[3500:].any()


def test_channels_are_moved_together():
    wave = np.stack([voice(0.5), np.random.default_rng(1).normal(0, 0.1, 8000)]).astype(np.float32)
    for made in (resampled(wave, 1.21, 6000), resampled(wave, 0.8, 6000)):
        assert made.shape == (2, 6000)
    for channel in range(2):
        np.testing.assert_array_equal(resampled(wave, 1.21, 6000)[channel], resampled(wave[channel], 1.21, 6000))
    twice = stretched(np.stack([wave[0], 2 * wave[0]]), 0.7, 9000, RATE)
    np.testing.assert_allclose(twice[1], 2 * twice[0], atol=1e-6)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.05, 1.7])
def test_a_stretched_voice_keeps_its_pitch_and_stays_whole(rate):
    """Its energy stays on the harmonics: where windows did not match, it would spread between them."""
    samples = RATE
    made = stretched(voice(2 * rate + 0.5), rate, samples, RATE)[2000:14000]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    hertz = np.fft.rfftfreq(len(made), 1 / RATE)
    harmonic = np.abs((hertz + 70) % 140 - 70) < 8
    assert spectrum[harmonic].sum() > 0.98 * spectrum.sum()
    assert hertz[spectrum.argmax()] == pytest.approx(140, abs=2)
    assert np.std(made) == pytest.approx(np.std(voice(1)), rel=0.05)


@pytest.mark.parametrize(("rate", "sample_rate"), [(0.6, 16000), (1.4, 44100), (1.25, 8000)])
def test_events_come_when_they_should(rate, sample_rate):
    wave = np.random.default_rng(2).normal(0, 1e-3, 4 * sample_rate).astype(np.float32)
    for second in (1, 2, 3):
        wave[second * sample_rate :][:400] += voice(0.05)[:400]
    made = stretched(wave, rate, int(4 / rate * sample_rate), sample_rate)
    power = np.convolve(made**2, np.ones(400), "same")
    for second in (1, 2, 3):
        around = int(second / rate * sample_rate) + np.arange(-sample_rate // 4, sample_rate // 4)
        assert (around[power[around].argmax()] - 200) / sample_rate == pytest.approx(second / rate, abs=0.026)


@pytest.mark.parametrize("samples", [1, 2, 37, 700])
def test_a_few_samples(samples):
    wave = np.random.default_rng(3).standard_normal(samples).astype(np.float32)
    for rate in (0.3, 1.0, 3.0):
        for made in (resampled(wave, rate, samples), stretched(wave, rate, samples, RATE)):
            assert made.shape == wave.shape
            assert np.isfinite(made).all()
            assert np.abs(made).max() <= 1.5 * np.abs(wave).max()
