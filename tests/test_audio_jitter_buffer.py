import numpy as np
import pytest

from noise_scheduler.audio.jitter_buffer import JitterBuffer
from noise_scheduler.testing import example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def chirp(seconds: float, sample_rate: int) -> np.ndarray:
    """A sine whose frequency tells where in the wave one is."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    return np.sin(2 * np.pi * (200 * t + 0.5 * 300 / seconds * t**2)).astype(np.float32)


def measured_delays_ms(noisy: np.ndarray, wave: np.ndarray, sample_rate: int, longest_ms: float) -> np.ndarray:
    """By cross-correlation of 40 ms every 20 ms with all that came before."""
    window, step, reach = int(0.04 * sample_rate), int(0.02 * sample_rate), int(longest_ms / 1000 * sample_rate)
    delays = []
    for start in range(0, len(wave) - window, step):
        past = np.lib.stride_tricks.sliding_window_view(wave[max(0, start - reach) : start + window], window)
        scores = past @ noisy[start : start + window] / np.linalg.norm(past, axis=1)
        delays.append((len(past) - 1 - int(np.argmax(scores))) / sample_rate * 1000)
    return np.array(delays)


def test_the_sound_is_late_by_what_is_reported():
    wave = stream(4).standard_normal(16000 * 4, dtype=np.float32)  # noise resembles itself nowhere
    noisy, achieved = JitterBuffer((1.0, 1.0), (60.0, 60.0))(wave, 0.5, stream(1), sample_rate=16000)
    delays = measured_delays_ms(noisy, wave, 16000, 300)
    assert delays.mean() == pytest.approx(achieved["delay_ms"], abs=6)
    assert delays.max() < 300
    assert 0.1 < achieved["changed_fraction"] < 1


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
@pytest.mark.parametrize("samples", [1.0, 1.013])
def test_beginning_and_end_are_in_time(sample_rate, samples):
    wave = stream(2).standard_normal((2, int(4 * samples * sample_rate)), dtype=np.float32)
    for seed in range(4):
        noisy, achieved = JitterBuffer()(wave, 1.0, stream(seed), sample_rate=sample_rate)
        assert achieved["delay_ms"] > 20
        edge = int(0.008 * sample_rate)
        assert np.array_equal(noisy[:, :edge], wave[:, :edge])
        assert np.array_equal(noisy[:, -edge:], wave[:, -edge:])


def test_delay_follows_the_network():
    wave = np.tile(chirp(5, 16000), 2)
    delays = []
    for jitter_ms in (10.0, 50.0, 200.0):
        noise = JitterBuffer((1.0, 1.0), (jitter_ms, jitter_ms))
        delays.append(np.mean([noise(wave, 0.5, stream(seed), sample_rate=16000)[1]["delay_ms"] for seed in range(6)]))
    assert delays[0] == pytest.approx(10, rel=0.5)
    assert delays[0] < delays[1] < delays[2] < 200


def test_a_periodic_sound_stays_whole():
    """Pitch periods are repeated and left out so that a steady tone has no click: no step is larger than its own."""
    tone = np.sin(2 * np.pi * 125 * np.arange(32000) / 16000).astype(np.float32)
    noisy, achieved = JitterBuffer((1.0, 1.0), (50.0, 50.0))(tone, 0.5, stream(3), sample_rate=16000)
    assert achieved["changed_fraction"] > 0.1
    middle = slice(3200, -3200)
    assert np.abs(np.diff(noisy[middle])).max() < 1.25 * np.abs(np.diff(tone)).max()
    assert np.std(noisy[middle]) == pytest.approx(np.std(tone), rel=0.03)


def test_channels_are_cut_alike():
    wave = np.stack([SPEECH, -0.5 * SPEECH])
    noisy, _ = JitterBuffer()(wave, 0.9, stream(), sample_rate=16000)
    assert noisy[1] == pytest.approx(-0.5 * noisy[0], abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"late_share_range": (0.5, 1.5)}, "late_share_range"), ({"jitter_ms_range": (50.0, 10.0)}, "jitter_ms_range")],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        JitterBuffer(**fields)
