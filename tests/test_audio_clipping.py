import numpy as np
import pytest

from noise_scheduler.audio.clipping import Clipping
from noise_scheduler.contract import corrupt
from noise_scheduler.registry import build
from noise_scheduler.testing import check_noise, example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_contract_of_soft_clipping():
    check_noise(build("audio/clipping", shape="soft"))


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.6])
def test_clipped_fraction_is_that_of_a_known_amplitude_distribution(fraction):
    """Of uniform samples in ± 1, those beyond 1 − f are a share f."""
    wave = np.linspace(-1, 1, 100_001, dtype=np.float32)[stream(1).permutation(100_001)]
    overdrive_db = -20 * np.log10(1 - fraction)
    noisy, achieved = Clipping((overdrive_db, overdrive_db))(wave, 0.5, stream(), sample_rate=16000)
    assert achieved["clipped_fraction"] == pytest.approx(fraction, abs=1e-3)
    flat = np.isclose(np.abs(noisy), np.abs(noisy).max(), rtol=1e-6)
    assert flat.mean() == pytest.approx(fraction, abs=1e-3)


def test_hard_clipping_keeps_what_is_below_the_limit_in_proportion():
    noisy, _ = Clipping()(SPEECH, 0.4, stream(), sample_rate=16000)
    peak = np.abs(noisy).max()
    inside = np.abs(noisy) < 0.99 * peak
    ratios = noisy[inside & (SPEECH != 0)] / SPEECH[inside & (SPEECH != 0)]
    assert ratios == pytest.approx(ratios[0], rel=1e-4)


@pytest.mark.parametrize("shape", ["hard", "soft"])
@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
def test_power_is_kept_and_the_peak_is_not_exceeded(shape, level):
    wave = np.stack([SPEECH, 0.3 * SPEECH[::-1]])
    noisy, _ = Clipping(shape=shape)(wave, level, stream(), sample_rate=16000)
    assert np.mean(noisy.astype(float) ** 2) == pytest.approx(np.mean(wave.astype(float) ** 2), rel=1e-4)
    assert np.abs(noisy).max() <= np.abs(wave).max()


def test_hard_clipping_of_a_sine_makes_the_harmonics_of_a_square_wave():
    """A square wave has odd harmonics of amplitude 1/k."""
    sine = np.sin(2 * np.pi * 100 * np.arange(16000) / 16000).astype(np.float32)
    noisy, _ = Clipping((80.0, 80.0))(sine, 1.0, stream(), sample_rate=16000)
    spectrum = np.abs(np.fft.rfft(noisy))[100:1200:100]
    assert spectrum[::2] / spectrum[0] == pytest.approx(1 / np.arange(1, 12, 2), rel=0.05)
    assert spectrum[1::2].max() < 1e-3 * spectrum[0]


def test_it_does_not_depend_on_the_level_of_the_recording():
    loud, quiet = (
        corrupt(gain * SPEECH, "audio/clipping", level=0.5, sample_rate=16000)
        for gain in (np.float32(1), np.float32(2**-8))
    )
    assert quiet * 2**8 == pytest.approx(loud, abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "named"), [({"overdrive_db_range": (-1.0, 20.0)}, "overdrive_db_range"), ({"shape": "round"}, "shape")]
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Clipping(**fields)
