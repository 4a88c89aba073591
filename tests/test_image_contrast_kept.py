import numpy as np
import pytest

from noise_scheduler.image.contrast_kept import departure_borne

GREY = np.arange(256) / 255
TRIED = 0.01 * 160 ** ((np.arange(8) + 0.5) / 8)


def noise_picture(*shape, low=0, high=256, seed=0):
    return np.random.default_rng(seed).integers(low, high, shape, dtype=np.uint8)


def geometric_mean(share):
    """The point so far from .01 to 1.6, in equal ratios."""
    return 0.01 * 160**share


@pytest.mark.parametrize("channels", [1, 3])
def test_a_curve_that_turns_over_is_borne_up_to_where_it_does(channels):
    image = noise_picture(20, 20, channels)
    for slope in (1.0, 3.0, 10.0):
        bend = np.repeat(-slope * (GREY[:, None] - 0.5), channels, 1)
        assert departure_borne(image, bend) == pytest.approx(1 / slope, rel=0.4)  # of a grid whose steps are 1.89


def test_folds_where_a_picture_holds_no_grey_levels_cost_nothing():
    bend = np.where(GREY < 0.5, 0, np.sin(40 * GREY))[:, None]
    assert departure_borne(noise_picture(30, 40, 1, high=120), bend) == pytest.approx(1.6, rel=0.01)
    assert departure_borne(noise_picture(30, 40, 1, low=140), bend) < 0.3


def test_a_flat_picture_bears_the_middle():
    for value in (0, 77, 255):
        flat = np.full((20, 30, 3), value, np.uint8)
        assert departure_borne(flat, np.ones((256, 3))) == pytest.approx(geometric_mean(0.5))


@pytest.mark.parametrize(("shape", "step"), [((20, 31, 3), 1), ((60, 60, 3), 3), ((40, 50, 1), 2), ((9, 13, 3), 1)])
def test_is_the_mean_of_squared_correlations_in_windows(shape, step):
    rng = np.random.default_rng(3)
    image = noise_picture(*shape, seed=1)
    bend = np.sin(np.pi * np.arange(1, 6) * GREY[:, None]) @ rng.normal(0, 1, (5, shape[2]))
    luma = np.array([0.299, 0.587, 0.114]) if shape[2] == 3 else np.ones(1)
    seen = image[::step, ::step]
    clean = seen @ luma
    kept = []
    for departure in TRIED:
        curves = 255 * np.clip(GREY[:, None] + departure * bend, 0, 1)
        bent = sum(luma[channel] * curves[seen[..., channel], channel] for channel in range(shape[2]))
        explained = whole = 0.0
        a, b = np.pad(clean, 1, "reflect"), np.pad(bent, 1, "reflect")
        for row in range(clean.shape[0]):
            for column in range(clean.shape[1]):
                x, y = (z[row : row + 3, column : column + 3].ravel() for z in (a, b))
                covariance = max(np.cov(x, y, bias=True)[0, 1], 0)
                explained += covariance**2 / ((x.var() + 0.3) * (y.var() + 0.3))
                whole += (x.var() / (x.var() + 0.3)) ** 2
        kept.append(explained / whole)
    assert departure_borne(image, bend) == pytest.approx(geometric_mean(np.mean(kept)), rel=0.002)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 1), (2, 2, 1)])
def test_any_size(shape):
    bend = np.sin(9 * GREY)[:, None].repeat(shape[2], 1)
    assert 0.01 <= departure_borne(noise_picture(*shape), bend) <= 1.6
