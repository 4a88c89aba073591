import numpy as np
import pytest
import soundfile
from scipy import signal

from noise_scheduler.audio import babble, recordings
from noise_scheduler.audio.babble import Babble
from noise_scheduler.testing import check_noise
from tests.test_audio_speech_level import bursts


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture
def folder(tmp_path):
    """Five tones that come and go, at very different levels."""
    t = np.arange(3 * 16000) / 16000
    for number, gain in enumerate((1.0, 0.3, 0.1, 0.03, 0.01)):
        tone = gain * np.sin(2 * np.pi * (500 + 1000 * number) * t) * (t % 0.6 < 0.4)
        soundfile.write(tmp_path / f"{number}.wav", 0.5 * tone, 16000, subtype="FLOAT")
    yield tmp_path
    recordings._cache.clear()
    recordings.recordings.cache_clear()


def test_contract(folder):
    check_noise("audio/babble")
    check_noise(Babble(folder=str(folder)))


def test_talkers_of_a_folder_are_different_ones_and_equally_loud(folder):
    noise = Babble(folder=str(folder), talkers=5, snr_db_range=(0.0, 0.0))
    added = noise(np.zeros(48000, np.float32), 1.0, stream(), sample_rate=16000)[0]
    hertz, power = signal.welch(added.astype(float), 16000, nperseg=1600)
    bands = [power[np.abs(hertz - centre) < 100].sum() for centre in range(500, 5000, 1000)]
    assert 10 * np.log10(np.array(bands) / np.mean(bands)) == pytest.approx(np.zeros(5), abs=1.0)


def test_more_talkers_than_recordings_are_possible(folder):
    added, achieved = Babble(folder=str(folder), talkers=30)(
        bursts(16000, 1.0, 0.3, 0.2), 1.0, stream(), sample_rate=16000
    )
    assert achieved["talkers"] == 30
    assert sorted(achieved["recordings"].split(", ")) == [f"{number}.wav" for number in range(5)]
    assert np.isfinite(added).all()


def test_own_speech_is_heard_backwards_at_other_speeds():
    rate, t = 16000, np.arange(32000) / 16000
    falling = signal.chirp(t, 2000, 2.0, 1000).astype(np.float32)
    noise = Babble(talkers=1, snr_db_range=(0.0, 0.0))
    slopes, middles = [], []
    for seed in range(12):
        noisy, _ = noise(falling, 1.0, stream(seed), sample_rate=rate)
        hertz, _, power = signal.spectrogram(noisy.astype(float) - falling, rate, nperseg=1024)
        track = hertz[power.argmax(0)]
        steps = np.diff(track)
        slopes.append(np.median(steps[np.abs(steps) < 200]))
        middles.append(np.median(track))
    assert min(slopes) >= 0
    assert np.mean(slopes) > 0
    assert 0.75 * 1000 < min(middles) < 1500 < max(middles) < 1.3 * 2000
    assert max(middles) / min(middles) > 1.15


def test_playing_faster_raises_a_tone_without_a_seam_between_chunks():
    rate, speed = 16000, 1.25
    tone = np.sin(2 * np.pi * 400 * np.arange(16000) / rate).astype(np.float32)  # whole periods: loops by itself
    voices = np.zeros(50_000, np.float32)
    babble._add_talker(voices, tone, 1234, speed)
    expected = np.sin(2 * np.pi * 400 * (1234 + speed * np.arange(50_000)) / rate)
    assert voices == pytest.approx(expected, abs=0.005)


def test_own_speech_is_looped_without_a_click():
    """Cut off in the middle of a loud vowel, as utterances are: no step is larger than the vowel has them."""
    tone = np.sin(2 * np.pi * 203.3 * np.arange(8130) / 16000).astype(np.float32)
    assert abs(tone[-1] - tone[0]) > 0.5
    for seed in range(8):
        noisy, _ = Babble(talkers=1, snr_db_range=(0.0, 0.0))(tone, 1.0, stream(seed), sample_rate=16000)
        added = noisy.astype(float) - tone
        assert np.abs(np.diff(added)).max() < 2.2 * np.pi * 203.3 * 1.25 / 16000 * np.abs(added).max()


def test_more_talkers_are_less_like_one_voice():
    wave = bursts(16000, 4.0, 0.3, 0.3)
    depths = []
    for talkers in (1, 4, 16):
        noise = Babble(talkers=talkers, snr_db_range=(0.0, 0.0))
        added = noise(wave, 1.0, stream(2), sample_rate=16000)[0].astype(float) - wave
        blocks = np.sqrt(np.mean(added[: len(added) // 800 * 800].reshape(-1, 800) ** 2, 1))
        depths.append(blocks.std() / blocks.mean())
    assert depths[0] > depths[1] > depths[2]


def test_all_channels_hear_the_same_even_where_they_cancel():
    voice = bursts(8000, 1.0, 0.3, 0.2)
    noisy, _ = Babble()(np.stack([voice, -voice]), 1.0, stream(), sample_rate=8000)
    left, right = noisy - np.stack([voice, -voice])
    assert np.abs(left).max() > 0.1
    assert left == pytest.approx(right, abs=1e-5)


def test_silence_without_a_folder_stays_silent():
    noisy, achieved = Babble()(np.zeros(800, np.float32), 1.0, stream(), sample_rate=8000)
    assert not noisy.any()
    assert "snr_db" not in achieved


@pytest.mark.parametrize("talkers", [0, 101, 2.5])
def test_a_bad_number_of_talkers_is_refused(talkers):
    with pytest.raises(ValueError, match="talkers must be a whole number"):
        Babble(talkers=talkers)
