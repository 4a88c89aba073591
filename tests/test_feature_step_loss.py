import itertools

import numpy as np
import pytest

from noise_scheduler.feature.step_loss import StepLoss


def stream():
    return np.random.Generator(np.random.Philox(3))


@pytest.mark.parametrize("level", [0.2, 0.7])
def test_steps_are_lost_whole_at_the_rate_of_the_level(level):
    noisy, achieved = StepLoss()(np.ones((4000, 3), np.float32), level, stream())
    lost = (noisy == 0).all(axis=1)
    assert np.array_equal(lost, (noisy == 0).any(axis=1))
    assert achieved["lost_share"] == lost.mean() == pytest.approx(level, abs=0.03)


def test_what_is_lost_stays_lost_as_the_level_rises_and_all_is_lost_at_1():
    x = np.ones((500, 2), np.float32)
    lost = [StepLoss()(x, level, stream())[0][:, 0] == 0 for level in (0.1, 0.4, 0.9, 1.0)]
    for fewer, more in itertools.pairwise(lost):
        assert (fewer <= more).all()
    assert lost[-1].all()
