import math

import numpy as np
import pytest

from noise_scheduler.audio.far_field import FarField, air_absorption_db_per_m, critical_distance_m
from noise_scheduler.testing import check_noise, example_samples
from tests.test_audio_reverb import schroeder_rt60
from tests.test_audio_speech_level import bursts, method_b

RATE = 16000
NOISELESS = {"near_snr_db": 200.0}


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def response(rate=RATE, level=1.0, seed=0, **fields):
    """What becomes of a click after a fifth of a second, from the click on, and what is said of it."""
    click = np.zeros(3 * rate, np.float32)
    click[rate // 5] = 1
    noisy, achieved = FarField(**NOISELESS | fields)(click, level, stream(seed), sample_rate=rate)
    return noisy.astype(float)[rate // 5 :], achieved


def fixed(distance_m):
    return {"distance_m_range": (distance_m, distance_m)}


def test_contract():
    check_noise("audio/far_field")


def test_air_absorbs_as_the_table_of_the_standard_says():
    """ISO 9613-2 table 2, made by the formula of part 1: dB per kilometre in octave bands from 63 Hz on."""
    hertz = 1000 * 2.0 ** np.arange(-4, 4)
    table = {
        (10, 70): [0.1, 0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117],
        (20, 70): [0.1, 0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6],
        (30, 70): [0.1, 0.3, 1.0, 3.1, 7.4, 12.7, 23.1, 59.3],
        (15, 20): [0.3, 0.6, 1.2, 2.7, 8.2, 28.2, 88.8, 202],
        (15, 50): [0.1, 0.5, 1.2, 2.2, 4.2, 10.8, 36.2, 129],
        (15, 80): [0.1, 0.3, 1.1, 2.4, 4.1, 8.3, 23.7, 82.8],
    }
    for (temperature_c, humidity), row in table.items():
        computed = 1000 * air_absorption_db_per_m(hertz, humidity, temperature_c)
        assert computed == pytest.approx(row, rel=0.02, abs=0.06)


@pytest.mark.parametrize("distance_m", [0.5, 8.0])
def test_reverberation_time_holds(distance_m):
    for seed in range(6):
        heard, achieved = response(seed=seed, **fixed(distance_m))
        assert 0.4 <= achieved["rt60_s"] <= 1.2
        late = heard[60:]  # behind the direct sound
        assert schroeder_rt60(late, RATE) == pytest.approx(achieved["rt60_s"], rel=0.1)


def test_direct_sound_falls_by_six_decibels_per_doubling_and_reverberation_stays():
    direct_db, late_db = [], []
    for level in (0.0001, 0.5, 0.99999):
        heard, _ = response(level=level, distance_m_range=(1.0, 4.0), volume_m3=5000.0)
        direct_db.append(10 * math.log10(np.sum(heard[:30] ** 2)))
        late_db.append(10 * math.log10(np.sum(heard[60:] ** 2)))
    assert np.diff(direct_db) == pytest.approx([-6.02, -6.02], abs=0.4)
    assert np.diff(late_db) == pytest.approx([0, 0], abs=0.3)


def test_ratio_is_that_at_the_critical_distance():
    volume_m3, rt60_s = 300.0, 0.8
    distance_m = critical_distance_m(volume_m3, rt60_s)
    assert distance_m == pytest.approx(math.sqrt(0.161 * volume_m3 / rt60_s / (16 * math.pi)), rel=0.01)  # Sabine
    fields = {"volume_m3": volume_m3, "rt60_s": (rt60_s, rt60_s)}
    heard, achieved = response(**fields, **fixed(distance_m))
    power = np.abs(np.fft.rfft(heard[40:])) ** 2
    low = slice(30, 1500)  # where air absorbs next to nothing: up to 500 Hz
    assert 10 * math.log10(1 / (power[low].mean())) == pytest.approx(0.0, abs=1.5)
    drr_db = 10 * math.log10(np.sum(heard[:20] ** 2) / np.sum(heard[20:] ** 2))
    assert achieved["drr_db"] == pytest.approx(drr_db, abs=0.5)


def test_far_sound_is_duller():
    def lost_db(distance_m):
        click = np.zeros(48000, np.float32)
        click[9600] = 1
        noise = FarField(volume_m3=100_000.0, rt60_s=(0.1, 0.1), **fixed(distance_m), **NOISELESS)
        direct = noise(click, 1.0, stream(quiet_start), sample_rate=48000)[0][9600 - 48 : 9600 + 48]
        spectrum = 20 * np.log10(np.abs(np.fft.rfft(direct.astype(float), 480)))
        return spectrum[10] - spectrum[150]  # 1 against 15 kHz

    quiet_start = next(
        seed for seed in range(99) if np.abs(response(48000, seed=seed, **fixed(1.0))[0][5:60]).max() < 1e-3
    )
    expected = np.diff(air_absorption_db_per_m([1000.0, 15000.0], 50.0, 20.0)) * 30
    assert lost_db(31.0) - lost_db(1.0) == pytest.approx(expected[0], abs=0.5)


def test_sound_is_not_delayed():
    heard, _ = response(**fixed(2.0))
    assert np.argmax(np.abs(heard[:100])) == 0


def test_noise_floor_is_fixed_and_its_snr_reported():
    wave = bursts(8000, 1.5, 0.3, 0.25)
    snrs, floors = [], []
    for level in (0.1, 0.5, 0.9):
        clean, _ = FarField(near_snr_db=200.0)(wave, level, stream(2), sample_rate=8000)
        noisy, achieved = FarField(near_snr_db=30.0)(wave, level, stream(2), sample_rate=8000)
        noise = noisy.astype(float) - clean
        floors.append(10 * math.log10(np.mean(noise**2)))
        assert achieved["snr_db"] == pytest.approx(method_b(clean, 8000) - floors[-1], abs=0.1)
        snrs.append(achieved["snr_db"])
    assert floors == pytest.approx([method_b(wave, 8000) - 30.0] * 3, abs=0.1)
    assert snrs[0] > snrs[1] > snrs[2]


def test_channels_hear_one_room_and_each_its_own_noise():
    voice = example_samples("audio")[0][1]
    left, right = FarField(near_snr_db=200.0)(np.stack([voice, voice]), 0.7, stream(), sample_rate=RATE)[0]
    assert left == pytest.approx(right, abs=1e-6)
    left, right = FarField(near_snr_db=0.0)(np.zeros((2, 8000), np.float32), 0.7, stream(), sample_rate=RATE)[0]
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"distance_m_range": (0.0, 5.0)}, "distance_m_range"),
        ({"rt60_s": (0.0, 5.0)}, "rt60_s"),
        ({"volume_m3": 1.0}, "volume_m3"),
        ({"humidity_percent": 0.0}, "humidity_percent"),
        ({"temperature_c": 100.0}, "temperature_c"),
        ({"near_snr_db": 500.0}, "near_snr_db"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        FarField(**fields)
