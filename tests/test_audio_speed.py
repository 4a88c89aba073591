import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.audio.speed import ClockDrift, Pitch, Speed, Tempo
from noise_scheduler.testing import example_samples

RATE = 16000
NOISES = ("audio/pitch", "audio/speed", "audio/tempo", "audio/clock_drift")
SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def peak_hz(wave: np.ndarray) -> float:
    """The strongest frequency, by a parabola through the logarithm of the spectrum."""
    size = 1 << 17
    spectrum = np.log(np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size)) + 1e-9)
    top = int(spectrum.argmax())
    left, middle, right = spectrum[top - 1 : top + 2]
    return (top + (left - right) / (left - 2 * middle + right) / 2) * RATE / size


@pytest.mark.parametrize("semitones", [0.5, 3.0, 12.0])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_pitch_moves_by_semitones_and_time_does_not(semitones, direction):
    noise = Pitch((semitones, semitones), direction)
    shifted, achieved = noise(tone(500), 1.0, stream(), sample_rate=RATE)
    sign = 1 if direction == "up" else -1
    assert achieved == {"semitones": sign * semitones}
    assert peak_hz(shifted[2000:14000]) == pytest.approx(500 * 2 ** (sign * semitones / 12), rel=0.004)
    burst = np.zeros(RATE, np.float32)
    burst[9000:9800] = tone(500)[:800]
    shifted, _ = noise(burst, 1.0, stream(), sample_rate=RATE)
    centre = (np.arange(RATE) * shifted**2).sum() / (shifted**2).sum()
    assert centre / RATE == pytest.approx(9400 / RATE, abs=0.02)


def test_speed_moves_pitch_and_time():
    wave = np.concatenate([tone(400, 0.5), tone(1000, 0.5)])
    faster, achieved = Speed((0.25, 0.25), "up")(wave, 1.0, stream(), sample_rate=RATE)
    assert achieved == {"speed": 1.25}
    assert peak_hz(faster[:6000]) == pytest.approx(500, rel=1e-3)
    assert peak_hz(faster[6800:12400]) == pytest.approx(1250, rel=1e-3)
    assert np.abs(faster[12850:]).max() == 0
    slower, achieved = Speed((0.25, 0.25), "down")(wave, 1.0, stream(), sample_rate=RATE)
    assert achieved == {"speed": 0.8}
    assert peak_hz(slower[:9500]) == pytest.approx(320, rel=1e-3)
    assert peak_hz(slower[10200:]) == pytest.approx(800, rel=1e-3)


def test_tempo_moves_time_alone():
    wave = np.concatenate([tone(400, 0.5), tone(1000, 0.5)])
    faster, achieved = Tempo((0.25, 0.25), "up")(wave, 1.0, stream(), sample_rate=RATE)
    assert achieved == {"tempo": 1.25}
    assert peak_hz(faster[:6000]) == pytest.approx(400, rel=2e-3)
    assert peak_hz(faster[7000:12400]) == pytest.approx(1000, rel=2e-3)
    assert np.abs(faster[13200:]).max() == 0
    slower, _ = Tempo((0.25, 0.25), "down")(wave, 1.0, stream(), sample_rate=RATE)
    assert peak_hz(slower[:9500]) == pytest.approx(400, rel=2e-3)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_drift_is_the_slip_that_is_heard(direction):
    wave = stream(1).standard_normal(10 * RATE, dtype=np.float32)
    noisy, achieved = ClockDrift((300.0, 300.0), direction)(wave, 1.0, stream(), sample_rate=RATE)
    sign = 1 if direction == "up" else -1
    assert achieved["drift_ppm"] == sign * 300
    assert achieved["slip_ms"] == pytest.approx(sign * 3.0)
    for second in (2, 9):
        place = second * RATE
        lags = range(-60, 61)
        likeness = [np.dot(noisy[place : place + 800], wave[place + lag : place + lag + 800]) for lag in lags]
        assert lags[int(np.argmax(likeness))] == pytest.approx(sign * 300e-6 * (place + 400), abs=1)


def test_both_directions_are_drawn():
    for noise, key in ((Pitch(), "semitones"), (ClockDrift(), "drift_ppm")):
        signs = {np.sign(noise(SPEECH, 0.5, stream(seed), sample_rate=RATE)[1][key]) for seed in range(12)}
        assert signs == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("noise", "fields", "named"),
    [
        (Pitch, {"semitones_range": (0.0, 3.0)}, "semitones_range"),
        (Speed, {"change_range": (0.5, 0.1)}, "change_range"),
        (Tempo, {"change_range": (0.1, 9.0)}, "change_range"),
        (ClockDrift, {"drift_ppm_range": (1.0, 1e6)}, "drift_ppm_range"),
        (Pitch, {"direction": "left"}, "direction must be one of 'either', 'up', 'down', not 'left'"),
    ],
)
def test_bad_fields_are_refused(noise, fields, named):
    with pytest.raises(ValueError, match=named):
        noise(**fields)


def test_noises_that_may_change_the_label_say_so():
    flagged = {name for name in NOISES if getattr(registry.build(name), "affects_label", False)}
    assert flagged == {"audio/pitch", "audio/speed", "audio/tempo"}
    assert all("emotion label" in " ".join(registry.describe(name).doc.split()) for name in flagged)
