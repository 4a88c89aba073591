import numpy as np
import pytest

from noise_scheduler.audio.level import DcOffset, Fading, Gain
from noise_scheduler.audio.speech_level import active_level_dbov
from noise_scheduler.testing import example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize(("loss_db", "floor_dbov"), [(10.0, -80.0), (40.0, -60.0), (70.0, -120.0)])
def test_gain_and_the_snr_that_is_left(loss_db, floor_dbov):
    noisy, achieved = Gain((loss_db, loss_db), floor_dbov)(SPEECH, 0.5, stream(), sample_rate=16000)
    assert achieved["gain_db"] == -loss_db
    quiet = SPEECH.astype(float) * 10 ** (-loss_db / 20)
    added_db = 10 * np.log10(np.mean((noisy - quiet) ** 2))
    assert achieved["snr_db"] == pytest.approx(active_level_dbov(SPEECH, 16000) - loss_db - added_db, abs=0.1)
    steps_db = 10 * np.log10(2.0**-30 / 12)
    expected = 10 * np.log10(10 ** (floor_dbov / 10) + 10 ** (steps_db / 10))
    if floor_dbov > -100:
        assert added_db == pytest.approx(expected, abs=0.2)


def test_a_quiet_recording_is_on_the_grid_of_16_bit_audio():
    noisy, _ = Gain()(SPEECH, 0.7, stream(), sample_rate=16000)
    assert np.array_equal(noisy * 2**15, np.rint(noisy * 2**15))
    assert len(np.unique(noisy)) > 2


def test_silence_becomes_the_noise_of_the_recorder_and_has_no_snr():
    noisy, achieved = Gain(noise_floor_dbov=-60.0)(np.zeros((2, 20000), np.float32), 0.5, stream(), sample_rate=16000)
    assert 10 * np.log10(np.mean(noisy**2, axis=1)) == pytest.approx(-60, abs=0.2)
    assert abs(np.corrcoef(noisy)[0, 1]) < 0.05
    assert "snr_db" not in achieved


def test_fades_are_smooth_stationary_and_as_deep_as_said():
    steady = np.ones((2, 16000 * 600), np.float32)
    noisy, achieved = Fading((40.0, 40.0), fades_per_s=0.5)(steady, 1.0, stream(), sample_rate=16000)
    assert np.array_equal(noisy[0], noisy[1])
    loss_db = -20 * np.log10(noisy[0, ::160])
    assert achieved["fade_db"] == pytest.approx(loss_db.max(), abs=0.05)
    assert achieved["mean_loss_db"] == pytest.approx(loss_db.mean(), abs=0.05)
    assert loss_db.min() >= 0
    quantiles = np.quantile(loss_db, [0.1, 0.25, 0.5, 0.75, 0.9])
    assert quantiles / 40 == pytest.approx([0.1, 0.25, 0.5, 0.75, 0.9], abs=0.06)
    assert np.abs(np.diff(loss_db)).max() < 3  # dB in 10 ms
    minima = np.sum((loss_db[1:-1] < loss_db[:-2]) & (loss_db[1:-1] <= loss_db[2:]))
    assert minima / 600 == pytest.approx(0.5, rel=0.4)


def test_offset_shifts_the_mean_and_clips_at_full_scale():
    wave = np.stack([SPEECH, -SPEECH])
    signs = set()
    for seed in range(8):
        noisy, achieved = DcOffset((0.3, 0.3))(wave, 0.5, stream(seed), sample_rate=16000)
        assert np.median(noisy - wave) == pytest.approx(achieved["offset"], abs=1e-6)
        assert np.abs(noisy).max() <= 1
        assert achieved["clipped_fraction"] == pytest.approx(np.mean(np.abs(wave + achieved["offset"]) > 1), abs=1e-6)
        signs.add(np.sign(achieved["offset"]))
    assert signs == {-1, 1}


def test_full_scale_follows_a_wave_that_exceeds_it():
    wave = 40 * SPEECH
    noisy, achieved = DcOffset((0.5, 0.5))(wave, 1.0, stream(), sample_rate=16000)
    peak = np.abs(wave).max()
    assert np.abs(noisy).max() <= peak
    assert np.median(noisy - wave) == pytest.approx(achieved["offset"] * peak, rel=1e-4)


@pytest.mark.parametrize(
    ("noise", "fields", "named"),
    [
        (Gain, {"loss_db_range": (10.0, 5.0)}, "loss_db_range"),
        (Gain, {"noise_floor_dbov": 3.0}, "noise_floor_dbov"),
        (Fading, {"fade_db_range": (-1.0, 5.0)}, "fade_db_range"),
        (Fading, {"fades_per_s": 0.0}, "fades_per_s"),
        (DcOffset, {"offset_range": (0.1, 3.0)}, "offset_range"),
    ],
)
def test_bad_fields_are_refused(noise, fields, named):
    with pytest.raises(ValueError, match=named):
        noise(**fields)
