"""Every sound that is added stands at the SNR that it declares and reports, by the standard as it is written."""

import math

import numpy as np
import pytest
import soundfile

from noise_scheduler import registry
from noise_scheduler.contract import run
from tests.test_audio_speech_level import bursts, method_b

NAMES = [
    "audio/babble",
    "audio/background",
    "audio/blue_noise",
    "audio/brown_noise",
    "audio/handling",
    "audio/hum",
    "audio/pink_noise",
    "audio/white_noise",
    "audio/wind",
]
WITH_FOLDER = ["audio/babble", "audio/background"]
SPEECH = {rate: bursts(rate, 1.2, 0.3, 0.25, seed=3) for rate in (8000, 22050)}
LEVEL_DBOV = {rate: method_b(wave, rate) for rate, wave in SPEECH.items()}


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings")
    for number in range(3):
        soundfile.write(path / f"talker{number}.wav", bursts(16000, 3.0, 0.4, 0.2, seed=number), 16000)
    return str(path)


def measured_snr_db(wave, noisy, rate):
    noise = noisy.astype(float) - wave
    return LEVEL_DBOV[rate] - 10 * math.log10(np.mean(noise**2))


@pytest.mark.parametrize("rate", SPEECH)
@pytest.mark.parametrize("name", NAMES)
def test_the_declared_snr_is_reached(name, rate):
    for level, snr_db in ((0.25, 22.5), (1.0, 0.0)):
        noise = registry.build(name, snr_db_range=(30.0, 0.0))
        noisy, achieved = run(noise, name, SPEECH[rate], level, stream(), {"sample_rate": rate})
        assert measured_snr_db(SPEECH[rate], noisy, rate) == pytest.approx(snr_db, abs=0.1)
        assert achieved["snr_db"] == pytest.approx(snr_db, abs=1e-6)


@pytest.mark.parametrize("name", WITH_FOLDER)
def test_recordings_stand_at_the_declared_snr(name, folder):
    noise = registry.build(name, folder=folder, snr_db_range=(20.0, 5.0))
    for seed in range(3):
        noisy, achieved = run(noise, name, SPEECH[22050], 1.0, stream(seed), {"sample_rate": 22050})
        assert measured_snr_db(SPEECH[22050], noisy, 22050) == pytest.approx(5.0, abs=0.1)
        assert achieved["snr_db"] == pytest.approx(5.0, abs=1e-6)


@pytest.mark.parametrize("rate", SPEECH)
def test_events_report_the_snr_that_they_come_to(rate):
    noise = registry.build("audio/events")
    for seed in range(3):
        noisy, achieved = run(noise, "audio/events", SPEECH[rate], 0.6, stream(seed), {"sample_rate": rate})
        assert measured_snr_db(SPEECH[rate], noisy, rate) == pytest.approx(achieved["snr_db"], abs=0.1)


def test_channels_share_one_level():
    wave = np.stack([SPEECH[8000], 0.25 * SPEECH[8000]])
    noisy, _ = registry.build("audio/pink_noise", snr_db_range=(10.0, 10.0))(wave, 1.0, stream(), sample_rate=8000)
    powers = np.mean((noisy.astype(float) - wave) ** 2, 1)
    assert 10 * math.log10(powers[0] / powers[1]) == pytest.approx(0, abs=1.0)
