import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio.handling import Handling
from noise_scheduler.audio.struck import thumps
from noise_scheduler.testing import check_noise


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def noise_of(noise: Handling, seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return noise(np.zeros(int(seconds * rate), np.float32), 1.0, stream(seed), sample_rate=rate)[0].astype(float)


def test_contract():
    check_noise("audio/handling")


def test_thumps_are_low_and_short():
    for sound in thumps(16000.0):
        power = np.abs(np.fft.rfft(sound.wave)) ** 2
        hertz = np.fft.rfftfreq(len(sound.wave), 1 / 16000)
        assert power[hertz < 300].sum() > 0.8 * power.sum()
        assert 0.02 < sound.length / 16000 < 0.3


@pytest.mark.parametrize("rate", [8000, 44100])
def test_rustle_has_the_declared_energy_over_the_thumps(rate):
    for rustle_db in (-10.0, 10.0):
        ratios = []
        for seed in range(4):
            noise = noise_of(Handling(rustle_db=rustle_db), 5.0, rate, seed)
            alone = noise_of(Handling(rustle_db=-100.0), 5.0, rate, seed)
            thumps_in_it = alone * (noise @ alone) / (alone @ alone)  # rustle is not correlated with them
            ratios.append(10 * np.log10(np.sum((noise - thumps_in_it) ** 2) / np.sum(thumps_in_it**2)))
        assert np.mean(ratios) == pytest.approx(rustle_db, abs=1.0)


def test_rustle_is_a_band_and_comes_in_stretches():
    noise = noise_of(Handling(rustle_db=60.0), 20.0, 16000)
    hertz, density = signal.welch(noise, 16000, nperseg=1024)
    middle = density[(hertz > 800) & (hertz < 2000)].mean()
    assert density[(hertz > 20) & (hertz < 120)].max() < 0.05 * middle
    assert density[hertz > 7500].max() < 0.3 * middle
    powers = np.sort(np.mean(noise.reshape(-1, 800) ** 2, 1))
    assert powers[: len(powers) // 4].max() < 0.05 * powers.mean()


def test_number_of_thumps_per_second():
    counts = [
        Handling(thumps_per_second=3.3)(np.zeros(16000, np.float32), 0.5, stream(seed), sample_rate=8000)[1]["thumps"]
        for seed in range(100)
    ]
    assert np.mean(counts) / 2 == pytest.approx(3.3, abs=0.1)
    assert Handling()(np.zeros(80, np.float32), 0.5, stream(), sample_rate=8000)[1]["thumps"] == 1


def test_all_channels_hear_the_same():
    left, right = Handling()(np.zeros((2, 8000), np.float32), 1.0, stream(), sample_rate=8000)[0]
    assert left.any()
    assert np.array_equal(left, right)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"thumps_per_second": 0.0}, "thumps_per_second"),
        ({"rustle_db": 200.0}, "rustle_db"),
        ({"snr_db_range": (0.0, 10.0)}, "snr_db_range"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Handling(**fields)
