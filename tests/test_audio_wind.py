import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio.wind import Wind, gusts
from noise_scheduler.testing import check_noise


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def wind_of(noise: Wind, shape: tuple[int, ...], rate: int, seed: int = 0) -> np.ndarray:
    return noise(np.zeros(shape, np.float32), 1.0, stream(seed), sample_rate=rate)[0].astype(float)


def test_contract():
    check_noise("audio/wind")


@pytest.mark.parametrize("rate", [8000, 44100])
def test_spectrum_falls_with_the_five_thirds_power(rate):
    hertz, density = signal.welch(wind_of(Wind(), (8 * rate,), rate), rate, nperseg=rate // 2)
    used = (hertz > 200) & (hertz < 3000)
    slope, _ = np.polyfit(np.log10(hertz[used]), np.log10(density[used]), 1)
    assert slope == pytest.approx(-5 / 3, abs=0.08)
    assert density[hertz < 15].max() < 1e-2 * density.max()


def test_gusts_have_the_declared_strength_and_time_scale():
    rate = 200
    speeds = np.array([gusts(4000, 0.25, 0.5, rate, stream(seed)) for seed in range(150)], float)
    assert speeds.mean() == pytest.approx(1, abs=0.02)
    assert speeds.std() == pytest.approx(0.25, rel=0.05)
    lag = rate // 2  # one time constant
    correlation = np.mean((speeds[:, :-lag] - 1) * (speeds[:, lag:] - 1)) / speeds.var()
    assert correlation == pytest.approx(np.exp(-1), abs=0.05)
    assert speeds.min() >= 0.1 - 1e-6


def test_level_follows_the_square_of_the_wind_speed():
    """The log level over 50 ms varies four times as much, in power, as the log of the speed: 40 dB per decade."""
    spreads = []
    for intensity in (0.05, 0.1, 0.2):
        noise = wind_of(Wind(corner_hz=1000.0, turbulence_intensity=intensity, gust_s=2.0), (60 * 8000,), 8000)
        blocks = 5 * np.log10(np.mean(noise.reshape(-1, 4000) ** 2, 1))  # dB of the square root of the pressure
        spreads.append(np.std(blocks))
    expected = 20 / np.log(10) * np.array([0.05, 0.1, 0.2])
    assert spreads[2] == pytest.approx(expected[2], rel=0.25)
    assert spreads[0] < spreads[1] < spreads[2]


def test_microphones_share_gusts_but_not_turbulence():
    left, right = wind_of(Wind(turbulence_intensity=0.5), (2, 60 * 4000), 4000)
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.1
    levels = [np.log(np.mean(channel.reshape(-1, 2000) ** 2, 1)) for channel in (left, right)]
    assert np.corrcoef(*levels)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"corner_hz": 5.0}, "corner_hz"),
        ({"turbulence_intensity": 1.5}, "turbulence_intensity"),
        ({"gust_s": 0.0}, "gust_s"),
        ({"snr_db_range": (0.0, 10.0)}, "snr_db_range"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Wind(**fields)
