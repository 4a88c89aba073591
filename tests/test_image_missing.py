import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import corrupt
from noise_scheduler.testing import check_noise


def test_contract():
    check_noise("image/missing")


@pytest.mark.parametrize("shape", [(5, 4, 3), (2, 5, 4, 1)])
@pytest.mark.parametrize("level", [1e-6, 1.0])
def test_any_level_gives_zeros_of_the_same_shape(shape, level):
    image = np.full(shape, 200, np.uint8)
    noisy = corrupt(image, "image/missing", level=level)
    assert noisy.shape == shape
    assert noisy.dtype == np.uint8
    assert not noisy.any()
    assert (image == 200).all()


def test_says_that_it_is_all_or_nothing():
    assert registry.build("image/missing").graded is False
