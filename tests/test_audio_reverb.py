import itertools
import math

import numpy as np
import pytest

from noise_scheduler.audio import reverb
from noise_scheduler.audio.reverb import ROOMS, Reverb, room_response
from noise_scheduler.testing import example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def schroeder_rt60(response: np.ndarray, sample_rate: float) -> float:
    """RT60 from T30: a line through the backward-integrated energy between −5 and −35 dB (ISO 3382)."""
    energy = np.cumsum(response[::-1].astype(float) ** 2)[::-1]
    decay_db = 10 * np.log10(energy / energy[0])
    used = (decay_db <= -5) & (decay_db >= -35)
    slope, _ = np.polyfit(np.flatnonzero(used) / sample_rate, decay_db[used], 1)
    return -60 / slope


@pytest.mark.parametrize(("rt60_s", "sample_rate"), [(0.1, 16000), (0.3, 44100), (0.8, 16000), (3.0, 8000)])
def test_every_room_has_the_declared_rt60_and_drr(rt60_s, sample_rate):
    for room in range(ROOMS):
        response = room_response(room, rt60_s, 7.0, sample_rate).astype(float)
        assert response[0] == 1
        assert -10 * math.log10((response[1:] ** 2).sum()) == pytest.approx(7.0, abs=0.01)
        assert schroeder_rt60(response[1:], sample_rate) == pytest.approx(rt60_s, rel=0.1)


def test_early_reflections_are_those_of_a_shoebox():
    """Allen and Berkley's sum over all images, written out, against the images of the room simulator."""
    size, source, microphone = np.array([4.1, 3.3, 2.5]), np.array([1.0, 2.1, 1.2]), np.array([3.0, 0.9, 1.6])
    rate, length = 16000, 960
    expected = np.zeros(length)
    direct = np.linalg.norm(source - microphone)
    for cell in itertools.product(range(-8, 9), repeat=3):
        for mirrored in itertools.product((0, 1), repeat=3):
            n, p = np.array(cell), np.array(mirrored)
            distance = np.linalg.norm((1 - 2 * p) * source + 2 * n * size - microphone)
            bounces = int(np.abs(2 * n - p).sum())
            delay = round((distance - direct) / 343.0 * rate)
            if delay < length:
                expected[delay] += (-1) ** bounces * direct / distance
    assert reverb._image_sources(size, source, microphone, rate)[:length] == pytest.approx(expected, abs=1e-6)


def test_diffuse_tail_continues_the_power_of_the_images():
    ratios = []
    for room in range(ROOMS):
        undamped = reverb._undamped_response(room, 1, 16000.0).astype(float)
        ratios.append(np.mean(undamped[480:800] ** 2) / np.mean(undamped[960:] ** 2))
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_rooms_differ_and_are_drawn_from_the_stream():
    responses = [room_response(room, 0.5, 0.0, 16000)[1:] for room in range(ROOMS)]
    for one, other in itertools.combinations(responses, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.3
    drawn = {Reverb()(SPEECH, 0.5, stream(seed), sample_rate=16000)[1]["room"] for seed in range(120)}
    assert drawn == set(range(ROOMS))


def test_a_room_stays_the_same_as_rt60_grows():
    short, long = (reverb._undamped_response(3, seconds, 16000.0) for seconds in (1, 3))
    assert np.array_equal(short, long[: len(short)])


def test_wave_is_convolved_and_keeps_its_power():
    wave = stream(3).standard_normal((2, 3000), dtype=np.float32)
    noisy, achieved = Reverb((0.2, 0.4), (5.0, 0.0))(wave, 0.5, stream(), sample_rate=8000)
    assert achieved["rt60_s"] == pytest.approx(math.sqrt(0.2 * 0.4))
    assert achieved["drr_db"] == 2.5
    response = room_response(achieved["room"], achieved["rt60_s"], 2.5, 8000).astype(float)
    wet = np.stack([np.convolve(channel.astype(float), response)[:3000] for channel in wave])
    wet *= np.sqrt((wave.astype(float) ** 2).sum() / (wet**2).sum())
    assert noisy == pytest.approx(wet, abs=1e-4)


def test_direct_sound_is_not_delayed():
    click = np.zeros(8000, np.float32)
    click[1000] = 1
    noisy, _ = Reverb()(click, 0.3, stream(), sample_rate=16000)
    assert np.argmax(np.abs(noisy)) == 1000
    assert np.abs(noisy[:1000]).max() < 1e-5


def test_silence_stays_silent():
    noisy, _ = Reverb()(np.zeros(2000, np.float32), 1.0, stream(), sample_rate=16000)
    assert not noisy.any()


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"rt60_s": (0.0, 1.0)}, "rt60_s"), ({"rt60_s": (0.3, 40.0)}, "rt60_s"), ({"drr_db": (99.0, 0.0)}, "drr_db")],
)
def test_a_bad_range_is_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Reverb(**fields)
