import numpy as np
import pytest

from noise_scheduler.audio.hum import Hum
from noise_scheduler.testing import check_noise


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def hum_of(noise: Hum, seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return noise(np.zeros(int(seconds * rate), np.float32), 1.0, stream(seed), sample_rate=rate)[0].astype(float)


def test_contract():
    check_noise("audio/hum")


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_harmonics_have_the_fixed_levels(rate):
    noise = Hum(mains_hz=(50.0,), harmonics_db=(0.0, -10.0, -3.0, -25.0), drift_hz=0.0)
    hum = hum_of(noise, 2.0, rate)
    power = np.abs(np.fft.rfft(hum)) ** 2
    lines = power[[100, 200, 300, 400]]  # two seconds: lines of half a hertz
    assert 10 * np.log10(lines / lines[0]) == pytest.approx([0, -10, -3, -25], abs=0.05)
    assert lines.sum() > (1 - 1e-6) * power.sum()


def test_harmonics_above_the_nyquist_frequency_are_left_out():
    hum = hum_of(Hum(mains_hz=(60.0,), harmonics_db=(0.0,) * 60, drift_hz=0.0), 1.0, 4000)
    power = np.abs(np.fft.rfft(hum)) ** 2
    heard = np.flatnonzero(power > 1e-6 * power.max())
    assert list(heard) == [60 * k for k in range(1, 33)]


def test_drawn_hum_is_made_of_harmonics_of_either_grid():
    grids, shapes = set(), []
    for seed in range(20):
        noisy, achieved = Hum(drift_hz=0.0)(np.zeros(16000, np.float32), 1.0, stream(seed), sample_rate=16000)
        grids.add(achieved["mains_hz"])
        power = np.abs(np.fft.rfft(noisy.astype(float))) ** 2
        lines = power[:: int(achieved["mains_hz"])][1:21]
        assert lines.sum() > 0.9999 * power.sum()
        shapes.append(lines / lines.sum())
    assert grids == {50.0, 60.0}
    odd_shares = [shape[::2].sum() for shape in shapes]
    assert min(odd_shares) < 0.5 < 0.9 < max(odd_shares)


def test_frequency_drifts_by_what_is_declared_without_jumps():
    rate, drift_hz = 2000, 0.5
    deviations = []
    for seed in range(30):
        hum = hum_of(Hum(mains_hz=(50.0,), harmonics_db=(0.0,), drift_hz=drift_hz), 20.0, rate, seed)
        crossings = np.flatnonzero((hum[:-1] < 0) & (hum[1:] >= 0))
        places = crossings - hum[crossings] / (hum[crossings + 1] - hum[crossings])
        deviations.append(rate / np.diff(places) - 50.0)
        slope = np.abs(np.diff(hum)).max()
        assert slope < 1.05 * 2 * np.pi * 51.5 / rate * np.abs(hum).max()
    assert np.sqrt(np.mean(np.concatenate(deviations) ** 2)) == pytest.approx(drift_hz, rel=0.2)


def test_ten_minutes_stay_in_phase():
    rate = 400
    hum = hum_of(Hum(mains_hz=(50.0,), harmonics_db=(0.0,), drift_hz=0.0), 600.0, rate)
    spectrum = np.abs(np.fft.rfft(hum))
    assert np.argmax(spectrum) == 50 * 600
    assert spectrum[50 * 600] > 0.999 * np.sqrt((spectrum**2).sum())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"mains_hz": (16.7,)}, "mains_hz"),
        ({"mains_hz": ()}, "mains_hz"),
        ({"harmonics_db": (0.0, float("inf"))}, "harmonics_db"),
        ({"drift_hz": -1.0}, "drift_hz"),
        ({"snr_db_range": (0.0, 10.0)}, "snr_db_range"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Hum(**fields)
