import math

import numpy as np
import pytest
import soundfile

from noise_scheduler.audio import recordings
from noise_scheduler.audio.recorded_rooms import recorded_room, schroeder_rt60
from noise_scheduler.audio.reverb import Reverb
from noise_scheduler.testing import check_noise, example_samples
from tests.test_audio_reverb import schroeder_rt60 as t30

SPEECH = example_samples("audio")[0][1]
RATE = 16000


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def measured_response(
    rt60_s: float, *, rate: int = RATE, before_s: float = 0.04, drr_db: float = 3.0, floor_db: float = -60.0, seed=1
) -> np.ndarray:
    """Silence until the sound arrives, the direct sound, 5 ms later noise that decays, and noise of the equipment."""
    t = np.arange(int(1.5 * rt60_s * rate)) / rate
    late = stream(seed).standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t >= 0.005)
    late *= math.sqrt(10 ** (-drr_db / 10) / np.sum(late**2))
    late[0] = 1.0
    response = np.concatenate([np.zeros(int(before_s * rate)), late])
    return 0.5 * (response + 10 ** (floor_db / 20) * stream(seed + 1).standard_normal(len(response)) / 8)


@pytest.fixture(autouse=True)
def _fresh_caches():
    yield
    recordings._cache.clear()
    recordings.recordings.cache_clear()
    recordings.parts.cache_clear()


def write(path, response, rate=RATE):
    soundfile.write(path, response, rate, subtype="FLOAT")
    return path


def test_contract(tmp_path):
    for number, rt60_s in enumerate((0.3, 1.0)):
        write(tmp_path / f"{number}.wav", measured_response(rt60_s, seed=number))
    check_noise(Reverb(folder=str(tmp_path)))


@pytest.mark.parametrize("rt60_s", [0.15, 0.5, 2.0])
@pytest.mark.parametrize("rate", [RATE, 44100])
def test_rt60_and_drr_are_measured_through_noise_and_resampling(tmp_path, rt60_s, rate):
    room = recorded_room(write(tmp_path / "room.wav", measured_response(rt60_s, rate=rate), rate), RATE)
    assert room.rt60_s == pytest.approx(rt60_s, rel=0.1)
    assert room.drr_db == pytest.approx(3.0, abs=0.3)
    assert room.lead <= 0.001 * RATE
    assert len(room.response) < 1.2 * rt60_s * RATE + 200  # without the noise after the decay


def test_schroeder_agrees_with_an_ideal_decay_and_refuses_none():
    t = np.arange(8000) / 8000
    decay = (10 ** (-3 * t / 0.4) * np.where(np.arange(8000) % 2, 1, -1)).astype(np.float32)
    assert schroeder_rt60(decay, 8000) == pytest.approx(0.4, rel=0.01)
    assert schroeder_rt60(np.zeros(0, np.float32), 8000) == 0
    assert schroeder_rt60(np.array([1.0, 0.0], np.float32), 8000) == 0


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_response_is_aligned_scaled_and_reported(tmp_path, rate):
    """On a click, whose output is the response itself."""
    write(tmp_path / "room.wav", measured_response(0.6, rate=rate), rate)
    click = np.zeros(2 * RATE, np.float32)
    click[4000] = 1
    for level, drr_db in ((0.25, 10.0), (0.75, -10.0)):
        noise = Reverb(drr_db=(20.0, -20.0), folder=str(tmp_path))
        noisy, achieved = noise(click, level, stream(), sample_rate=RATE)
        direct = int(np.argmax(np.abs(noisy[3900:4100]))) + 3900
        assert abs(direct - 4000) <= 0.001 * RATE
        energy = noisy.astype(float) ** 2
        drr = 10 * np.log10(energy[3980:4040].sum() / energy[4041:].sum())
        assert drr == pytest.approx(drr_db, abs=0.3)
        assert achieved["drr_db"] == drr_db
        assert t30(noisy[4041:], RATE) == pytest.approx(achieved["rt60_s"], rel=0.1)
        assert achieved["recording"] == "room.wav"


def test_a_reflection_stronger_than_the_direct_sound_is_not_taken_for_it(tmp_path):
    response = measured_response(0.4, drr_db=0.0)
    response[int(0.06 * RATE)] = 0.8  # 20 ms after the direct sound of .5
    write(tmp_path / "room.wav", response)
    click = np.zeros(RATE, np.float32)
    click[2000] = 1
    noisy, _ = Reverb(drr_db=(5.0, 5.0), folder=str(tmp_path))(click, 1.0, stream(), sample_rate=RATE)
    assert np.argmax(np.abs(noisy[1990:2011])) == 10
    assert np.abs(noisy[:1980]).max() < 0.02 * np.abs(noisy).max()


def test_of_several_channels_the_first_is_used(tmp_path):
    left = measured_response(0.3)
    write(tmp_path / "array.wav", np.stack([left, np.roll(left, 400)], 1))
    write(tmp_path / "mono.wav", left)
    array, single = (recorded_room(tmp_path / name, RATE) for name in ("array.wav", "mono.wav"))
    assert np.array_equal(array.response, single.response)


def test_wave_keeps_its_power_in_every_channel_together(tmp_path):
    write(tmp_path / "room.wav", measured_response(0.5))
    wave = np.stack([SPEECH, 0.3 * SPEECH])
    noisy, _ = Reverb(folder=str(tmp_path))(wave, 0.8, stream(), sample_rate=RATE)
    assert np.sum(noisy.astype(float) ** 2) == pytest.approx(np.sum(wave.astype(float) ** 2), rel=1e-4)
    assert noisy[1] == pytest.approx(0.3 * noisy[0], abs=1e-4)


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (np.zeros(4000), "silent"),
        (np.eye(1, 4000, 300)[0], "nothing decays"),
        (np.array([0.5]), "nothing decays"),
        (np.array([0.1, np.nan, 0.2]), "NaN"),
    ],
)
def test_what_is_no_impulse_response_names_itself(tmp_path, response, fault):
    write(tmp_path / "bad.wav", response)
    with pytest.raises(ValueError, match=rf"bad\.wav.*{fault}"):
        Reverb(folder=str(tmp_path))(SPEECH, 0.5, stream(), sample_rate=RATE)


def test_a_bad_folder_names_itself(tmp_path):
    with pytest.raises(ValueError, match="nowhere' does not exist"):
        Reverb(folder=str(tmp_path / "nowhere"))(SPEECH, 0.5, stream(), sample_rate=RATE)
    with pytest.raises(ValueError, match="folder must be the path"):
        Reverb(folder=("a", "b"))
