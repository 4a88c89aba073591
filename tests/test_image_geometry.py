import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image.geometry import _crop, _mean_square_displacement
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/detector_jitter", "image/elastic_warp")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "geometry"), 0, name) as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def displacement(name, level, frames=0, size=240, **options):
    """How far (x, y) every pixel was moved, read from a picture whose grey levels are its coordinates."""
    y, x = np.mgrid[:size, :size].astype(np.uint8)
    image = np.stack([x, y, x], -1)
    noisy, achieved = apply(name, np.stack([image] * frames) if frames else image, level, **options)
    return noisy[..., :2].astype(float) - image[..., :2], achieved


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_move_as_far_as_it_says(name):
    for seed in range(6):
        for level in (0.35, 0.5):  # so that the black beyond the picture stays out of sight
            moved, achieved = displacement(name, level, seed=seed)
            inner = moved[20:-20, 20:-20]
            measured = math.sqrt((inner**2).sum(-1).mean())
            assert measured == pytest.approx(achieved["displacement_px"], rel=0.2, abs=0.4)


def test_elastic_displacement_is_the_declared_one():
    for level, share in ((1.0, 0.15), (0.5, math.sqrt(0.15 * 0.0012)), (0.025, 0.5 * 0.0012 * 125**0.025)):
        _, achieved = apply("image/elastic_warp", np.zeros((64, 100, 3), np.uint8), level)
        assert achieved["displacement_px"] == pytest.approx(64 * share)


def test_jitter_is_a_similarity():
    """A shift, one zoom for both axes, and a turn: the linear part of the fitted map is [[a, −b], [b, a]]."""
    y, x = np.mgrid[40:200, 40:200].astype(float)
    places = np.column_stack([x.ravel(), y.ravel(), np.ones(x.size)])
    turns = []
    for seed in range(6):
        moved, _ = displacement("image/detector_jitter", 0.6, seed=seed)
        seen = moved[40:200, 40:200].reshape(-1, 2)
        fit, *_ = np.linalg.lstsq(places, seen, rcond=None)
        assert np.abs(places @ fit - seen).max() < 0.7  # rounding of grey levels, and of positions to 1/32 px
        assert fit[0, 0] == pytest.approx(fit[1, 1], abs=2e-3)
        assert fit[1, 0] == pytest.approx(-fit[0, 1], abs=2e-3)
        turns.append(fit[0, 1])
    assert np.std(turns) > 3e-3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (40, 90)])
def test_mean_square_displacement_is_that_over_all_pixels(height, width):
    to_frame = _crop(height, width, 0.1, -0.2, 0.3, 0.4)
    y, x = np.mgrid[:height, :width]
    places = np.stack([x.ravel(), y.ravel()]).astype(float)
    moved = to_frame[:, :2] @ places + to_frame[:, 2:] - places
    assert _mean_square_displacement(to_frame, height, width) == pytest.approx((moved**2).sum(0).mean())


def test_crop_turns_and_zooms_about_the_centre():
    to_frame = _crop(101, 201, 0.0, 0.0, 0.5, -0.7)
    np.testing.assert_allclose(to_frame @ [100, 50, 1], [100, 50])
    assert np.linalg.det(to_frame[:, :2]) == pytest.approx(math.exp(0.4 * 0.5) ** 2)


def test_warp_is_smooth_and_bends():
    for seed in range(4):
        moved, achieved = displacement("image/elastic_warp", 0.6, seed=seed)
        inner = moved[20:-20, 20:-20]
        assert np.abs(np.diff(inner, axis=0)).max() < 0.5 * achieved["displacement_px"] + 1
        assert inner.std((0, 1)).min() > 0.4 * achieved["displacement_px"] / math.sqrt(2)
        far = (inner[:, 100:] * inner[:, :-100]).mean() / (inner**2).mean()
        assert abs(far) < 0.6


@pytest.mark.parametrize("name", NAMES)
def test_clip_moves_smoothly(name):
    moved, achieved = displacement(name, 0.5, frames=20, seed=2)
    inner = moved[:, 20:-20, 20:-20]
    steps = np.sqrt((np.diff(inner, axis=0) ** 2).sum(-1).mean((1, 2)))
    assert 0 < steps.max() < 0.6 * achieved["displacement_px"] + 0.5
    assert math.sqrt((inner**2).sum(-1).mean()) == pytest.approx(achieved["displacement_px"], rel=0.15)
    assert np.sqrt(((inner[0] - inner[-1]) ** 2).sum(-1).mean()) > 2 * np.median(steps)


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_with_the_level(name):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    noisy, _ = apply(name, image, 1e-6)
    np.testing.assert_array_equal(noisy, image)


@pytest.mark.parametrize("name", NAMES)
def test_any_size(name):
    for shape in ((1, 1, 3), (1, 2000, 3), (300, 1, 1), (7, 5, 3), (2, 3, 2, 1)):
        for level in (0.01, 1.0):
            noisy, _ = apply(name, np.full(shape, 100, np.uint8), level)
            if name == "image/detector_jitter":  # black from beyond the picture
                assert noisy.shape == shape
                assert noisy.max() <= 100
            else:
                np.testing.assert_array_equal(noisy, 100)


def test_jitter_is_black_beyond_the_picture():
    noisy, achieved = apply("image/detector_jitter", np.full((200, 200, 3), 255, np.uint8), 0.9)
    black = (noisy == 0).mean()
    assert ((noisy > 0) & (noisy < 255)).mean() < 0.02
    # A shift by s of the side along both axes leaves 1 - (1 - s)² of it, if it does not zoom or turn.
    share = 0.0012 * 500**0.9
    assert 0.3 * share < black < 3 * share
    assert achieved["displacement_px"] > 0.5 * 200 * share


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("image/detector_jitter", "shift_range", (0.0, 0.1)),
        ("image/detector_jitter", "time_constant_s", 0.0),
        ("image/elastic_warp", "displacement_range", (0.2, 0.1)),
        ("image/elastic_warp", "time_constant_s", math.inf),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
