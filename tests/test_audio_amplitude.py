"""Peak and power, and what is done to waves that are all but silent."""

import warnings

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.audio.amplitude import at_power_of, faded_in, peak_of
from noise_scheduler.contract import run
from noise_scheduler.extras import MissingExtraError
from noise_scheduler.testing import example_samples

SPEECH = example_samples("audio")[0][1]


def test_the_peak_is_that_of_all_channels_and_either_sign():
    assert peak_of(np.array([[0.1, -0.75], [0.5, 0.0]], np.float32)) == 0.75
    assert peak_of(np.full(3, -0.5, np.float32)) == 0.5
    assert peak_of(np.zeros(3, np.float32)) == 0
    assert peak_of(np.full(3, 1e-40, np.float32)) == 0


def test_power_is_that_of_the_wave_unless_there_is_silence():
    noisy = at_power_of(SPEECH, 3 * SPEECH[::-1])
    assert np.mean(noisy.astype(float) ** 2) == pytest.approx(np.mean(SPEECH.astype(float) ** 2), rel=1e-5)
    assert not at_power_of(SPEECH, np.zeros_like(SPEECH)).any()


def test_it_is_mixed_over_the_lowest_twentieth_of_levels():
    noisy = np.ones_like(SPEECH)
    assert faded_in(SPEECH, noisy, 0.05) is noisy
    assert faded_in(SPEECH, noisy, 0.02) == pytest.approx(0.6 * SPEECH + 0.4, abs=1e-6)


@pytest.mark.parametrize("name", registry.names("audio/*"))
@pytest.mark.parametrize("peak", [1e-20, 1e-32, 1e-40])
def test_what_is_all_but_silent_stays_finite(name, peak):
    wave = (SPEECH.astype(float) / np.abs(SPEECH).max() * peak).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for level in (0.01, 0.5, 1.0):
            rng = np.random.Generator(np.random.Philox(1))
            try:
                noisy, _ = run(registry.build(name), name, wave, level, rng, {"sample_rate": 16000})
            except MissingExtraError as missing:
                pytest.skip(str(missing))
            assert np.isfinite(noisy).all()
