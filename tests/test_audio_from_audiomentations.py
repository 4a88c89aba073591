import numpy as np
import pytest

from noise_scheduler.audio import from_audiomentations as noises
from noise_scheduler.contract import corrupt
from noise_scheduler.extras import MissingExtraError, need
from noise_scheduler.testing import example_samples

pytest.importorskip("audiomentations")

RATE = 16000
SPEECH = example_samples("audio")[0][1]
NAMES = ("muffled", "boomy", "resonance", "band_stop", "aliasing", "limiter", "shift")


def noisy(wave: np.ndarray, noise: object, seed: int = 0) -> np.ndarray:
    return corrupt(wave, noise, level=1.0, seed=seed, sample_rate=RATE, profile="none")


def response_db(noise: object, hertz: np.ndarray, seed: int = 0) -> np.ndarray:
    click = np.zeros(4 * RATE, np.float32)
    click[1] = 1  # the first sample sets the filters' state
    response = noisy(click, noise, seed).astype(float)
    return np.interp(hertz, np.fft.rfftfreq(len(click), 1 / RATE), 20 * np.log10(np.abs(np.fft.rfft(response))))


def test_every_channel_is_transformed():
    stereo = np.stack([SPEECH, 0.5 * SPEECH])
    for name in set(NAMES) - {"limiter"}:  # which levels
        made = noisy(stereo, f"audio/{name}")
        np.testing.assert_allclose(made[1], 0.5 * made[0], atol=1e-4)


def test_muffled_speech_loses_its_treble():
    for seed in range(3):
        low, high = response_db(noises.Muffled((30.0, 30.0)), np.array([40.0, 7900.0]), seed)
        assert low == pytest.approx(0, abs=1)
        assert high == pytest.approx(-30, abs=1)


def test_boomy_speech_gains_bass():
    for seed in range(3):
        low, high = response_db(noises.Boomy((24.0, 24.0)), np.array([5.0, 6000.0]), seed)
        assert low == pytest.approx(24, abs=1)
        assert high == pytest.approx(0, abs=0.5)


def test_a_resonance_rings_at_one_frequency():
    hertz = np.geomspace(50, 7500, 2000)
    peaks = set()
    for seed in range(4):
        gain_db = response_db(noises.Resonance((20.0, 20.0)), hertz, seed)
        assert gain_db.max() == pytest.approx(20, abs=0.2)
        assert 250 <= hertz[gain_db.argmax()] <= 3400
        assert gain_db[[0, -1]] == pytest.approx([0, 0], abs=1)
        peaks.add(int(gain_db.argmax()))
    assert len(peaks) == 4


def test_a_band_stop_has_the_declared_width():
    hertz = np.linspace(100, 7900, 20000)
    for seed in range(3):
        gain_db = response_db(noises.BandStop((0.8, 0.8)), hertz, seed)
        stopped = hertz[gain_db < -3]
        centre = (stopped[0] + stopped[-1]) / 2
        assert (stopped[-1] - stopped[0]) / centre == pytest.approx(0.8, rel=0.03)
        assert 400 <= centre <= 2500


def test_aliasing_folds_what_is_too_high():
    tone = (0.3 * np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(noisy(tone, noises.Aliasing((0.25, 0.25)))))  # at 4 kHz, 3 kHz are 1 kHz
    assert spectrum.argmax() == pytest.approx(1000, abs=2)


def test_a_limiter_levels_what_is_loud():
    wave = (0.5 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    wave[RATE:] *= 0.1
    limited = noisy(wave, noises.Limiter((-20.0, -20.0)))
    loud, soft = np.abs(limited[RATE // 2 : RATE]).max(), np.abs(limited[-RATE // 2 :]).max()
    assert loud / soft == pytest.approx(1, abs=0.2)


def test_a_shift_moves_the_wave_either_way():
    wave = np.arange(1, 8001, dtype=np.float32) / 8000
    moved = {round(float(noisy(wave, noises.Shift((0.1, 0.1)), seed)[4000] * 8000)) for seed in range(12)}
    assert moved == {4001 - 800, 4001 + 800}
    late = next(x for seed in range(12) if not (x := noisy(wave, noises.Shift((0.1, 0.1)), seed))[0])
    assert not late[:800].any()
    np.testing.assert_array_equal(late[800:], wave[:-800])


def test_the_extra_is_named_where_the_library_is_missing(monkeypatch):
    need.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "audiomentations", None)
    try:
        with pytest.raises(MissingExtraError, match=r"noise-scheduler\[audiomentations\]"):
            noises.Shift().transform(0.123)
    finally:
        need.cache_clear()


@pytest.mark.parametrize(
    ("noise", "fields"),
    [
        (noises.Muffled, {"loss_db_range": (-3.0, 3.0)}),
        (noises.Boomy, {"gain_db_range": (0.0, 3.0)}),
        (noises.Resonance, {"gain_db_range": (9.0, 3.0)}),
        (noises.BandStop, {"width_range": (0.1, 2.0)}),
        (noises.Aliasing, {"rate_range": (0.1, 0.5)}),
        (noises.Limiter, {"threshold_db_range": (1.0, -3.0)}),
        (noises.Shift, {"shift_range": (0.0, 0.5)}),
    ],
)
def test_bad_fields_are_refused(noise, fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        noise(**fields)
