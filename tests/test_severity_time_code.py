"""Severity of noises that move sound in time or pitch: against what was cut, delayed, hurried and shifted by hand."""

import numpy as np
import pytest

from noise_scheduler import build, severity
from noise_scheduler.contract import run
from noise_scheduler.rng import key_of, stream
from noise_scheduler.severity.time_code import against_time_coded, time_coded
from noise_scheduler.testing import example_samples

RATE = 16_000.0
MOVING = [f"audio/{name}" for name in ("speed", "tempo", "pitch", "clock_drift", "jitter_buffer", "shift")]


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """2 s of harmonics that come and go, each time at another pitch."""
    t = np.arange(2 * int(RATE)) / RATE
    pitch = 110 + 60 * np.floor(t * 4) / 8
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 25)) * np.clip(np.sin(2 * np.pi * 4 * t) + 0.5, 0, None)
    return (0.1 * wave).astype(np.float32)


@pytest.fixture(scope="module")
def tone() -> np.ndarray:
    """2 s of harmonics that stay as they are: it sounds the same at any time."""
    phase = 2 * np.pi * 200 * np.arange(2 * int(RATE)) / RATE
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 35))).astype(np.float32)


def lost(clean: np.ndarray, noisy: np.ndarray) -> float:
    return against_time_coded(clean, sample_rate=RATE)(noisy)


def later(coded: np.ndarray, samples: int) -> np.ndarray:
    delayed = np.zeros_like(coded)
    delayed[:, samples:] = coded[:, : coded.shape[1] - samples]
    return delayed


def test_code_is_two_quiet_channels_more(voice: np.ndarray) -> None:
    coded = time_coded(voice)
    assert coded.shape == (3, len(voice))
    assert coded.dtype == np.float32
    assert np.array_equal(coded[0], voice)
    assert coded[1].min() > 0
    assert np.abs(coded[1:]).max() < 1e-5
    assert (np.diff(coded[1]) > 0).all()
    spectrum = np.abs(np.fft.rfft(coded[2]))
    assert spectrum.argmax() == len(voice) // 32


def test_nothing_done_is_nothing_lost(voice: np.ndarray) -> None:
    assert lost(voice, time_coded(voice)) < 1e-6


@pytest.mark.parametrize("samples", [1, 7, 64, 400, 1000])
def test_waves_of_any_length(samples: int) -> None:
    wave = np.full(samples, 0.1, np.float32)
    assert lost(wave, time_coded(wave)) < 1e-4
    nothing_to_see = samples == 1  # the first sample of a window counts for nothing
    assert lost(wave, np.zeros((3, samples), np.float32)) == (0 if nothing_to_see else 1)


def test_delay_costs_only_what_it_pushes_out(voice: np.ndarray) -> None:
    delayed = later(time_coded(voice), 320)  # 20 ms of 2 s
    assert severity.audio(voice, delayed[0], sample_rate=RATE) > 0.2
    assert lost(voice, delayed) < 0.04


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_what_is_pushed_out_is_lost(tone: np.ndarray, share: float) -> None:
    assert lost(tone, later(time_coded(tone), round(share * len(tone)))) == pytest.approx(share, abs=0.06)


def test_what_is_cut_out_is_lost(tone: np.ndarray) -> None:
    coded = time_coded(tone)
    half = len(tone) // 2
    cut = np.zeros_like(coded)
    cut[:, : half // 2] = coded[:, : half // 2]
    cut[:, half // 2 : half] = coded[:, half + half // 2 :]
    assert lost(tone, cut) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("times", "kept"), [(1.5, 0.88), (2, 0.715), (3, 0.5), (4, 0.386)])
def test_hurried_sound_is_kept_in_part(tone: np.ndarray, times: float, kept: float) -> None:
    coded = time_coded(tone)
    played = round(len(tone) / times)
    noisy = np.zeros_like(coded)
    noisy[::2, :played] = coded[::2, :played]
    noisy[1, :played] = np.interp(np.arange(played) * times, np.arange(len(tone)), coded[1])
    assert 1 - lost(tone, noisy) == pytest.approx(kept, abs=0.05)


@pytest.mark.parametrize(("times", "kept"), [(0.5, 0.5), (0.8, 0.906), (1.1, 0.981), (1.5, 0.745), (2, 0.5)])
def test_sound_at_another_pitch_is_kept_in_part(times: float, kept: float) -> None:
    t = np.arange(2 * int(RATE)) / RATE

    def harmonics(factor: float) -> np.ndarray:
        at = [(k, 300 * factor * k) for k in range(1, 25) if 300 * factor * k < RATE / 2]
        wave = sum(np.exp(-(((k - 6) / 5) ** 2)) * np.sin(2 * np.pi * hertz * t) for k, hertz in at)
        return (0.1 * wave * (1 + np.sin(2 * np.pi * 4 * t))).astype(np.float32)

    noisy = time_coded(harmonics(times))
    noisy[2] = 1e-6 * np.cos(2 * np.pi * times / 32 * np.arange(len(t)))
    assert 1 - lost(harmonics(1), noisy) == pytest.approx(kept, abs=0.07)


def test_another_sound_at_the_right_time_is_lost(voice: np.ndarray) -> None:
    coded = time_coded(voice)
    coded[0] = np.random.Generator(np.random.Philox(0)).normal(0, 0.1, len(voice))
    assert lost(voice, coded) > 0.7


def test_channels_count_alike(voice: np.ndarray) -> None:
    both = np.stack([voice, voice])
    delayed = later(time_coded(both), 4000)
    assert lost(both, delayed) == pytest.approx(lost(voice, later(time_coded(voice), 4000)), abs=1e-6)


def test_silence_has_nothing_to_lose() -> None:
    silence = np.zeros(8000, np.float32)
    assert lost(silence, time_coded(silence)) == 0


@pytest.mark.parametrize("name", MOVING)
def test_a_noise_that_moves_sound_is_tried_on_the_coded_wave(name: str) -> None:
    """At the mild end next to nothing is lost, at the extreme end much more."""
    _, wave, context = example_samples("audio")[0]
    noise = build(name)
    assert severity.moves_sound(noise)
    probe, measure = severity.trial(noise, wave, severity.against("audio", wave, **context), **context)
    assert np.array_equal(probe, time_coded(wave))
    severities = []
    for position in (0.01, 1.0):
        with stream(key_of(0, name), 0, name) as rng:
            severities.append(measure(run(noise, name, probe, position, rng, context)[0]))
    assert severities[0] < 0.03 < severities[1] - severities[0]


def test_other_noises_are_tried_on_the_wave_itself(voice: np.ndarray) -> None:
    measure = severity.against("audio", voice, sample_rate=RATE)
    noise = build("audio/white_noise")
    assert not severity.moves_sound(noise)
    assert severity.trial(noise, voice, measure, sample_rate=RATE) == (voice, measure)
