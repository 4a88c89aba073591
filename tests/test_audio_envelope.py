import numpy as np
import pytest

from noise_scheduler.audio.envelope import between_knots, first_order, knots_for, times_gain


@pytest.mark.parametrize("samples", [1, 4, 5, 11, 12])
def test_lines_run_straight_between_the_knots(samples):
    knots = np.array([1.0, 0.5, 0.0, 1.0], np.float32)
    assert knots_for(4, samples) <= 4
    curve = between_knots(knots, 4, samples)
    assert curve == pytest.approx(np.interp(np.arange(samples), [0, 4, 8, 12], knots), abs=1e-6)


def test_a_first_order_process_has_variance_one_and_the_declared_memory():
    rng = np.random.Generator(np.random.Philox(4))
    process = first_order(200_000, 0.01, 0.2, rng).astype(float)
    assert process.std() == pytest.approx(1, rel=0.05)
    assert np.mean(process[20:] * process[:-20]) == pytest.approx(np.exp(-1), abs=0.05)
    starts = [first_order(1, 0.01, 0.2, rng)[0] for _ in range(2000)]
    assert np.std(starts) == pytest.approx(1, rel=0.06)  # from the first value on


@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_a_gain_is_the_same_in_all_channels_and_leaves_the_wave_as_it_was(shape):
    wave = np.arange(12, dtype=np.float32)[: np.prod(shape)].reshape(shape)
    before, gain = wave.copy(), np.linspace(0, 1, 6, dtype=np.float32)
    expected = wave * gain
    assert times_gain(wave, gain) == pytest.approx(expected)
    assert (wave == before).all()
