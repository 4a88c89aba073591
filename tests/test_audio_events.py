import math

import numpy as np
import pytest
import soundfile
from scipy import signal

from noise_scheduler.audio import recordings
from noise_scheduler.audio.events import Events
from noise_scheduler.audio.struck import KINDS, sounds
from noise_scheduler.testing import check_noise
from tests.test_audio_speech_level import bursts, method_b

RATE = 8000
SPEECH = bursts(RATE, 1.5, 0.3, 0.25)


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture
def folder(tmp_path):
    """Two events behind half a second of near silence, one of them far too long."""
    quiet = np.full(RATE // 2, 1e-4)
    short = np.concatenate([quiet, 0.5 * np.exp(-np.arange(RATE) / 400)])
    soundfile.write(tmp_path / "bang.wav", short, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "siren.wav", np.concatenate([quiet, np.full(8 * RATE, 0.2)]), RATE, subtype="FLOAT")
    yield tmp_path
    recordings._cache.clear()
    recordings.recordings.cache_clear()


def test_contract(folder):
    check_noise("audio/events")
    check_noise(Events(folder=str(folder)))


def test_rate_per_second_holds_in_the_mean():
    noise, long = Events(events_per_second_range=(1.3, 1.3)), np.zeros(4 * RATE, np.float32)
    counts = [noise(long, 0.5, stream(seed), sample_rate=RATE)[1]["events"] for seed in range(200)]
    assert np.mean(counts) / 4 == pytest.approx(1.3, abs=0.05)


def test_a_single_event_has_the_declared_peak_over_speech():
    noise = Events(events_per_second_range=(0.001, 0.001), peak_to_speech_db_range=(0.0, 20.0))
    speech_dbov = method_b(SPEECH, RATE)
    peaks = []
    for seed in range(20):
        noisy, achieved = noise(SPEECH, 0.5, stream(seed), sample_rate=RATE)
        assert achieved["events"] == 1
        assert achieved["peak_to_speech_db"] == 10.0
        peaks.append(20 * math.log10(np.abs(noisy.astype(float) - SPEECH).max()) - speech_dbov)
    assert max(peaks) == pytest.approx(10.0, abs=0.1)  # of one near the end the peak may be cut off
    assert np.median(peaks) == pytest.approx(10.0, abs=0.1)


def test_share_of_time_is_that_of_what_is_heard(folder):
    (folder / "bang.wav").unlink()
    noise, silence = Events(folder=str(folder), events_per_second_range=(0.001, 0.001)), np.zeros(5 * RATE, np.float32)
    for seed in range(5):
        noisy, achieved = noise(silence, 1.0, stream(seed), sample_rate=RATE)
        loud = np.abs(noisy) > 0.03 * np.abs(noisy).max()
        assert achieved["event_share"] == pytest.approx(loud.mean(), abs=0.005)
        assert achieved["event_share"] < 0.61


def test_recordings_begin_at_their_onset_and_end_softly(folder):
    noise, silence = Events(folder=str(folder), events_per_second_range=(0.001, 0.001)), np.zeros(8 * RATE, np.float32)
    lengths = set()
    for seed in range(12):
        noisy, _ = noise(silence, 1.0, stream(seed), sample_rate=RATE)
        heard = np.flatnonzero(noisy)
        onset = np.abs(noisy[heard[0] : heard[0] + 8]).max()
        assert onset > 0.5 * np.abs(noisy).max()
        if heard[-1] < len(noisy) - 1:
            assert np.abs(noisy[heard[-1] - 2 :]).max() < 0.02 * np.abs(noisy).max()
            lengths.add(round((heard[-1] - heard[0]) / RATE, 1))
    assert lengths == {1.0, 3.0}


def test_a_higher_level_adds_events_to_those_of_a_lower_one():
    noise = Events(events_per_second_range=(1.0, 10.0), peak_to_speech_db_range=(10.0, 10.0))
    few, many = (noise(SPEECH, level, stream(3), sample_rate=RATE)[1] for level in (0.1, 1.0))
    assert few["events"] < many["events"]
    assert few["event_share"] < many["event_share"]


@pytest.mark.parametrize("rate", [8000, 44100])
def test_bank_holds_distinct_sounds_of_every_kind(rate):
    bank = sounds(float(rate))
    assert {sound.kind for sound in bank} == set(KINDS)
    for sound in bank:
        assert np.isfinite(sound.wave).all()
        assert np.abs(sound.wave).max() == 1
        assert 0.001 < sound.length / rate < 1.3
        assert np.abs(sound.wave[-3:]).max() < 0.01
    starts = [np.resize(sound.wave, 2000) for sound in bank]
    alike = np.corrcoef(starts) - np.eye(len(starts))
    assert np.abs(alike).max() < 0.8


def test_sounds_are_the_same_at_every_rate():
    """The door's modes and rattle, and the pitch of the cough; of what is noise only the loudness over time."""

    def at_8_khz(sound, rate):
        wave = np.pad(sound.wave.astype(float), (0, rate // 10))
        return signal.resample_poly(wave, 1, rate // 8000)[:8000]

    for low, high in zip(sounds(16000.0), sounds(48000.0), strict=True):
        pair = [at_8_khz(low, 16000), at_8_khz(high, 48000)]
        size = min(map(len, pair))
        if low.kind in ("knocks", "phone"):
            assert np.corrcoef([wave[:size] for wave in pair])[0, 1] > 0.98
        elif low.kind == "cough":  # voiced around .28 s: harmonics of one pitch
            voiced = [np.abs(np.fft.rfft(wave[1900:2700] * np.hanning(800), 16000)) ** 2 for wave in pair]
            pitches = [200 + int(np.argmax(power[200:540])) for power in voiced]  # bins of .5 Hz, 100 to 270 Hz
            assert abs(pitches[0] - pitches[1]) <= 12
        elif low.kind == "door":
            powers = [np.convolve(wave[:size] ** 2, np.ones(80) / 80, "same") for wave in pair]
            assert np.corrcoef(powers)[0, 1] > 0.9


def test_the_record_names_what_was_heard(folder):
    _, achieved = Events(folder=str(folder))(SPEECH, 1.0, stream(), sample_rate=RATE)
    assert set(achieved["sounds"].split(", ")) == {"bang.wav", "siren.wav"}
    _, achieved = Events()(SPEECH, 1.0, stream(), sample_rate=RATE)
    assert set(achieved["sounds"].split(", ")) <= set(KINDS)


def test_clicks_are_short_and_dishes_higher_than_doors():
    def centroid(sound):
        power = np.abs(np.fft.rfft(sound.wave)) ** 2
        return (power * np.fft.rfftfreq(len(sound.wave), 1 / 16000)).sum() / power.sum()

    bank = sounds(16000.0)
    by_kind = {kind: [sound for sound in bank if sound.kind == kind] for kind in KINDS}
    assert max(sound.length for sound in by_kind["click"]) < 0.16 * 16000
    assert min(map(centroid, by_kind["dishes"])) > 2 * max(map(centroid, by_kind["door"]))


def test_a_bad_range_is_refused():
    with pytest.raises(ValueError, match="events_per_second_range"):
        Events(events_per_second_range=(0.0, 3.0))
    with pytest.raises(ValueError, match="peak_to_speech_db_range"):
        Events(peak_to_speech_db_range=(10.0, -10.0))
