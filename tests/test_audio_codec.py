import numpy as np
import pytest
from scipy import signal

import noise_scheduler.audio.codec as codec
from noise_scheduler.registry import build

av = pytest.importorskip("av")
NAMES = ["audio/mp3", "audio/aac", "audio/opus", "audio/amr_nb"]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def voice(sample_rate: int, seconds: float = 2.0) -> np.ndarray:
    """Syllables: glottal pulses of a wandering pitch through two resonances that move."""
    rng = stream(9)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    phase = np.cumsum(130 + 25 * np.sin(2 * np.pi * 1.3 * t) + 10 * np.sin(2 * np.pi * 3.1 * t)) / sample_rate
    pulses = np.diff(np.floor(phase), prepend=0) + 0.05 * rng.standard_normal(len(t))
    wave = np.zeros_like(t)
    for start in range(0, len(t), sample_rate // 5):
        piece = pulses[start : start + sample_rate // 5] * np.hanning(min(sample_rate // 5, len(t) - start))
        for hz in rng.uniform([400, 1000], [800, 2200]):
            poles = signal.iirpeak(hz, 6, fs=sample_rate)
            wave[start : start + sample_rate // 5] += signal.lfilter(*poles, piece)
    return (0.4 * wave / np.abs(wave).max()).astype(np.float32)


def delay_ms(noisy: np.ndarray, wave: np.ndarray, sample_rate: int) -> float:
    """Place of the peak of the cross-correlation, positive where the output is late."""
    correlation = signal.correlate(noisy.astype(float), wave.astype(float))
    return (int(np.argmax(correlation)) - (len(wave) - 1)) / sample_rate * 1000


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("name", NAMES)
def test_delay_and_level_are_those_of_the_wave(name, sample_rate):
    wave = voice(sample_rate)
    for level in (0.2, 0.6, 1.0):
        if name == "audio/opus" and level == 1:
            continue  # libopus below 6 kbit/s loses the shape of the wave
        noisy, _ = build(name)(wave, level, stream(), sample_rate=sample_rate)
        assert abs(delay_ms(noisy, wave, sample_rate)) <= 1
        assert 10 * np.log10(np.mean(noisy**2) / np.mean(wave**2)) == pytest.approx(0, abs=4.5)


@pytest.mark.parametrize("kbps", [8.0, 24.0, 64.0])
@pytest.mark.parametrize("name", ["audio/mp3", "audio/aac", "audio/opus"])
def test_bit_rate_is_the_wanted_one(name, kbps):
    _, achieved = build(name, bit_rate_kbps_range=(kbps, kbps))(voice(48000, 4), 0.5, stream(), sample_rate=48000)
    assert achieved["bit_rate_kbps"] == pytest.approx(kbps, rel=0.1 if name == "audio/aac" else 0.02)


def test_amr_has_eight_bit_rates_and_their_mean_is_exact():
    wave = voice(8000, 0.3)
    noise = build("audio/amr_nb", bit_rate_kbps_range=(7.0, 7.0))
    drawn = [noise(wave, 0.5, stream(seed), sample_rate=8000)[1]["bit_rate_kbps"] for seed in range(60)]
    # A packet is whole bytes, its header among them: 6.7 kbit/s are 18 bytes every 20 ms, 7.4 are 20.
    assert sorted(set(drawn)) == pytest.approx([7.2, 8.0])
    assert np.mean(np.isclose(drawn, 8.0)) == pytest.approx((7 - 6.7) / 0.7, abs=0.2)


@pytest.mark.parametrize("kbps", [8.0, 11.0, 40.0, 63.0, 64.0])
def test_drawn_rungs_have_the_wanted_mean(kbps):
    drawn = [codec._drawn(codec._MP3_KBPS, kbps, stream(seed)) for seed in range(2000)]
    assert set(drawn) <= {kbps // 8 * 8, kbps // 8 * 8 + 8}
    assert np.mean(drawn) == pytest.approx(kbps, abs=0.4)


def test_low_bit_rates_are_coded_at_low_sampling_rates():
    assert codec._coding_rate(codec._MP3, 64, 48000) == 48000
    assert codec._coding_rate(codec._MP3, 40, 48000) == 32000
    assert codec._coding_rate(codec._MP3, 8, 48000) == 8000
    assert codec._coding_rate(codec._OPUS, 8, 44100) == 48000
    assert codec._coding_rate(codec._OPUS, 8, 11025) == 12000
    assert codec._coding_rate(codec._AMR_NB, 8, 16000) == 8000
    assert codec._coding_rate(codec._AAC, 64, 5000) == 8000


def test_more_bits_are_nearer_to_the_wave():
    wave = voice(16000)
    for name in ("audio/mp3", "audio/aac"):
        errors = []
        for kbps in (64.0, 32.0, 16.0, 8.0):
            noisy, _ = build(name, bit_rate_kbps_range=(kbps, kbps))(wave, 0.5, stream(), sample_rate=16000)
            errors.append(np.mean((noisy - wave) ** 2) / np.mean(wave**2))
        assert errors == sorted(errors)
        assert errors[0] < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_waves_beyond_full_scale_are_not_clipped(name):
    wave = voice(16000, 1)
    noise = build(name)
    normal, _ = noise(wave / np.abs(wave).max(), 0.3, stream(), sample_rate=16000)
    loud, _ = noise(np.float32(4) * wave / np.abs(wave).max(), 0.3, stream(), sample_rate=16000)
    assert loud == pytest.approx(4 * normal, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_channels_are_coded_for_themselves(name):
    wave = np.stack([voice(16000, 0.5), voice(16000, 0.5)[::-1], np.zeros(8000, np.float32)])
    noise = build(name)
    noisy, _ = noise(wave, 0.5, stream(), sample_rate=16000)
    for channel, alone in zip(noisy, wave, strict=True):
        assert channel == pytest.approx(noise(alone, 0.5, stream(), sample_rate=16000)[0], abs=1e-6)
    assert np.abs(noisy[2]).max() < 1e-3


def test_a_codec_that_was_not_built_in_is_named():
    with pytest.raises(ValueError, match=r"built without 'libnosuchcodec'.*wheel of PyAV"):
        codec._context("libnosuchcodec", "w")


@pytest.mark.parametrize("name", NAMES)
def test_bad_fields_are_refused(name):
    with pytest.raises(ValueError, match="bit_rate_kbps_range"):
        build(name, bit_rate_kbps_range=(5.0, 6.0))
    with pytest.raises(ValueError, match="bit_rate_kbps_range"):
        build(name, bit_rate_kbps_range=(1000.0, 10.0))
