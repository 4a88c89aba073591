import numpy as np
import pytest

from noise_scheduler.audio.quantisation import BitDepth, MuLaw
from noise_scheduler.registry import build
from noise_scheduler.testing import check_noise, example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_contract_with_dither():
    check_noise(BitDepth(dither=True))


@pytest.mark.parametrize("bits", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("noise", [BitDepth, MuLaw])
def test_so_many_bits_so_many_values(noise, bits):
    wave = np.linspace(-0.7, 0.7, 200_000, dtype=np.float32)
    noisy, achieved = noise((float(bits), float(bits)))(wave, 0.5, stream(), sample_rate=16000)
    assert achieved == {"bits": bits}
    assert len(np.unique(noisy)) == 2**bits
    assert np.abs(noisy).max() <= 0.7
    assert np.all(np.diff(noisy) >= 0)


@pytest.mark.parametrize("bits", [4, 7, 10])
def test_error_of_even_steps_is_6_02_db_per_bit(bits):
    """A full-scale uniform signal has a ratio to its quantisation error of 6.02 dB per bit (Bennett 1948)."""
    wave = stream(1).uniform(-1, 1, 100_000).astype(np.float32)
    noisy, _ = BitDepth((float(bits), float(bits)))(wave, 1.0, stream(), sample_rate=16000)
    ratio_db = 10 * np.log10(np.mean(wave.astype(float) ** 2) / np.mean((noisy.astype(float) - wave) ** 2))
    assert ratio_db == pytest.approx(6.02 * bits, abs=0.2)


def test_dither_makes_the_error_independent_of_the_wave():
    """Without it a soft sine turns into a square wave; with it the harmonics vanish in hiss."""
    loud_click = np.zeros(1, np.float32) + 1
    sine = 0.06 * np.sin(2 * np.pi * 100 * np.arange(64000) / 16000).astype(np.float32)
    wave = np.concatenate([sine, loud_click])
    third = []
    for dither in (False, True):
        noisy, _ = BitDepth((4.0, 4.0), dither=dither)(wave, 1.0, stream(), sample_rate=16000)
        spectrum = np.abs(np.fft.rfft(noisy[:64000]))
        third.append(spectrum[1200] / spectrum[400])
    assert third[0] > 0.25
    assert third[1] < 0.05


def test_eight_bits_are_as_good_as_g711_says():
    """Over 30 dB of levels of a sine, the ratio to the error stays at 36 dB or more (ITU-T G.712 asks for 33)."""
    sine = np.sin(2 * np.pi * 1004 * np.arange(16000) / 16000)
    for level_db in (0, -10, -20, -30):
        wave = np.append(sine * 10 ** (level_db / 20), 1).astype(np.float32)
        noisy, _ = MuLaw((8.0, 8.0))(wave, 1.0, stream(), sample_rate=16000)
        error = (noisy - wave)[:-1].astype(float)
        assert 10 * np.log10(np.mean(wave[:-1].astype(float) ** 2) / np.mean(error**2)) >= 36


def test_eight_bits_are_within_a_step_of_the_segments_of_g711():
    """The standard's quantiser, in units of its 14-bit input: segments of 16 steps that double from one to the next."""
    wave = stream(2).uniform(-1, 1, 20_000).astype(np.float32) ** 3
    wave[0] = 1
    biased = np.minimum(np.abs(wave.astype(float)) * 8158, 8157.9) + 33
    segment = np.floor(np.log2(biased)) - 5
    step = 2.0 ** (segment + 1)
    decoded = np.sign(wave) * ((np.floor(biased / step) + 0.5) * step - 33) / 8158
    noisy, _ = MuLaw((8.0, 8.0))(wave, 1.0, stream(), sample_rate=8000)
    assert np.abs(noisy - decoded).max() < 0.04
    assert np.all(np.abs(noisy - decoded) <= 1.5 * step / 8158)


@pytest.mark.parametrize("noise", [BitDepth(), MuLaw()])
def test_it_does_not_depend_on_the_level_of_the_recording(noise):
    loud, quiet = (
        noise(gain * SPEECH, 0.6, stream(), sample_rate=16000)[0] for gain in (np.float32(1), np.float32(2**-9))
    )
    assert quiet * 2**9 == pytest.approx(loud, abs=1e-6)


@pytest.mark.parametrize("name", ["audio/bit_depth", "audio/mu_law"])
def test_bad_fields_are_refused(name):
    with pytest.raises(ValueError, match="bits_range"):
        build(name, bits_range=(0.5, 8.0))
    with pytest.raises(ValueError, match="mild to extreme"):
        build(name, bits_range=(2.0, 8.0))
