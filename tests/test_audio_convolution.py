import numpy as np
import pytest

from noise_scheduler.audio import convolution
from noise_scheduler.audio.convolution import convolved


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def expected(wave: np.ndarray, response: np.ndarray, lead: int) -> np.ndarray:
    channels = [np.convolve(channel.astype(float), response.astype(float)) for channel in np.atleast_2d(wave)]
    padded = [np.pad(channel, (0, lead)) for channel in channels]
    return np.stack(padded)[:, lead : lead + wave.shape[-1]].reshape(wave.shape)


@pytest.mark.parametrize("lead", [0, 7])
@pytest.mark.parametrize("shape", [(1,), (3,), (2000,), (2, 1777)])
@pytest.mark.parametrize("length", [8, 300, 4000])
@pytest.mark.parametrize(("shortest", "fits"), [(1 << 13, 1 << 15), (64, 1 << 15), (64, 100), (16, 16)])
def test_agrees_with_the_sum_written_out_in_few_blocks_and_in_many(monkeypatch, shape, length, lead, shortest, fits):
    monkeypatch.setattr(convolution, "_SHORTEST_BLOCK", shortest)
    monkeypatch.setattr(convolution, "_FITS_CACHE", fits)
    wave = stream(1).standard_normal(shape, dtype=np.float32)
    response = stream(2).standard_normal(length, dtype=np.float32)
    wet = convolved(wave, response, lead)
    assert wet.shape == wave.shape
    assert wet.dtype == np.float32
    assert wet == pytest.approx(expected(wave, response, lead), abs=1e-3)
