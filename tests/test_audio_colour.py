import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio import colour
from noise_scheduler.audio.colour import BlueNoise, BrownNoise, PinkNoise, coloured
from noise_scheduler.testing import check_noise

SLOPES = [(PinkNoise, -10.0), (BrownNoise, -20.0), (BlueNoise, 10.0)]  # dB per decade: −3, −6 and +3 dB per octave


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def noise_of(noise, samples, rate, seed=0):
    return noise(np.zeros(samples, np.float32), 1.0, stream(seed), sample_rate=rate)[0]


@pytest.mark.parametrize("name", ["audio/pink_noise", "audio/brown_noise", "audio/blue_noise"])
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize(("noise_class", "db_per_decade"), SLOPES)
def test_slope_of_the_spectrum(noise_class, db_per_decade, rate):
    hertz, density = signal.welch(noise_of(noise_class(), 6 * rate, rate), rate, "hann", nperseg=rate // 4)
    used = (hertz > 60) & (hertz < 0.45 * rate)
    slope, _ = np.polyfit(np.log10(hertz[used]), 10 * np.log10(density[used]), 1, w=hertz[used] ** -0.5)
    assert slope == pytest.approx(db_per_decade, abs=0.5)


@pytest.mark.parametrize("noise_class", [PinkNoise, BrownNoise])
def test_nothing_below_the_low_cut(noise_class):
    noise = noise_of(noise_class(low_cut_hz=100.0), 64000, 16000).astype(float)
    power = np.abs(np.fft.rfft(noise * np.hanning(64000))) ** 2
    assert power[: 95 * 4].sum() < 1e-6 * power.sum()
    assert power[105 * 4 : 210 * 4].sum() > 0.1 * power.sum()


def test_channels_are_independent():
    wave = np.zeros((2, 32000), np.float32)
    left, right = BlueNoise()(wave, 1.0, stream(), sample_rate=16000)[0]
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.05


def test_noise_is_normal_with_the_variance_of_its_spectrum():
    noise = coloured((200_000,), 8000, stream(1), np.ones_like).astype(float)
    assert noise.var() == pytest.approx(1, abs=0.02)
    assert np.mean(noise**4) / noise.var() ** 2 == pytest.approx(3, abs=0.1)


def test_long_waves_are_joined_from_blocks_without_a_seam(monkeypatch):
    monkeypatch.setattr(colour, "_BLOCK", 8000)
    monkeypatch.setattr(colour, "_CROSSFADE", 1000)
    draws = np.array([coloured((19_000,), 8000, stream(seed), np.sqrt) for seed in range(300)], float)
    powers = np.mean(draws**2, 0).reshape(-1, 500).mean(1)  # along the wave
    assert powers / powers.mean() == pytest.approx(np.ones(38), abs=0.05)
    _, density = signal.welch(draws, 8000, nperseg=256)
    shape = density.mean(0)[4:-4] / np.arange(4, 125)
    assert shape / shape.mean() == pytest.approx(np.ones(121), abs=0.1)


@pytest.mark.parametrize("samples", [1, 5, 160])
def test_a_short_wave_gets_noise_too(samples):
    assert noise_of(BrownNoise(), samples, 16000).any()


def test_bad_fields_are_refused():
    for noise_class, _ in SLOPES:
        with pytest.raises(ValueError, match="snr_db_range"):
            noise_class(snr_db_range=(0.0, 10.0))
    for noise_class in (PinkNoise, BrownNoise):
        with pytest.raises(ValueError, match="low_cut_hz"):
            noise_class(low_cut_hz=0.0)
