"""Every noise of sound on ten minutes of it: finite, of the same length, in a bounded multiple of its memory."""

import tracemalloc

import numpy as np
import pytest

from noise_scheduler import corrupt
from noise_scheduler.testing import example_samples
from tests.golden_outputs import names

RATE = 16000
SECONDS = 600
MOST_COPIES = 16  # of the wave, at once


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in names() if name.startswith("audio/")])
def test_ten_minutes(name):
    _, second, _ = example_samples("audio")[0]
    wave = np.tile(second, SECONDS)
    tracemalloc.start()
    try:
        noisy = corrupt(wave, name, level=0.6, seed=1, sample_rate=RATE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert noisy.shape == wave.shape
    assert np.isfinite(noisy).all()
    assert not np.array_equal(noisy[-RATE * 60 :], wave[-RATE * 60 :]), "the last minute is as it was"
    assert peak < MOST_COPIES * wave.nbytes, f"{peak / wave.nbytes:.1f} times the memory of the wave"
