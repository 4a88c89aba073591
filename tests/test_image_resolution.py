from itertools import pairwise

import cv2
import numpy as np
import pytest

from noise_scheduler import registry, severity
from noise_scheduler.contract import run
from noise_scheduler.image.resolution import RESAMPLERS
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/downscale", "image/pixelate", "image/bit_depth")


def apply(name, image, level, seed=0, **fields):
    with stream(key_of(seed, "resolution"), 0, "test") as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {})


def noise_picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (7, 5, 3), (2, 3, 1, 1), (3, 5000, 1)])
def test_odd_sizes(name, shape):
    for level in (0.02, 1.0):
        noisy, _ = apply(name, noise_picture(*shape), level)
        assert noisy.shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_with_the_level(name):
    image = noise_picture(64, 48, 3)
    noisy, _ = apply(name, image, 1e-5)
    assert np.abs(noisy.astype(int) - image).max() <= 1


def test_pixelate_gives_the_means_of_its_tiles():
    image = noise_picture(60, 80, 3)
    noisy, achieved = apply("image/pixelate", image, 1.0, tile_range=(1 / 6, 1 / 6))
    means = image.reshape(6, 10, 8, 10, 3).mean((1, 3))
    assert achieved["tile_px"] == pytest.approx(10)
    assert np.abs(noisy - means.repeat(10, 0).repeat(10, 1)).max() <= 0.5


@pytest.mark.parametrize("side", [1 / 45, 1 / 11, 1 / 4])
def test_every_pixel_of_a_mosaic_has_the_mean_of_one_tile(side):
    """Also where the mean side of a tile is no whole number: tiles are then a pixel shorter or longer."""
    image = noise_picture(60, 83, 3)
    noisy, achieved = apply("image/pixelate", image, 1.0, tile_range=(side, side))
    cuts = [np.flatnonzero(np.abs(np.diff(noisy.astype(int), axis=axis)).any((1 - axis, 2))) + 1 for axis in (0, 1)]
    down, across = (np.array([0, *cut, length]) for cut, length in zip(cuts, image.shape[:2], strict=True))
    assert np.ptp(np.diff(down)) <= 1
    assert np.ptp(np.diff(across)) <= 1
    assert achieved["tile_px"] == pytest.approx(np.sqrt(60 * 83 / ((len(down) - 1) * (len(across) - 1))))
    for top, bottom in pairwise(down):
        for left, right in pairwise(across):
            tile = (slice(top, bottom), slice(left, right))
            assert np.abs(noisy[tile] - image[tile].mean((0, 1))).max() <= 0.5


def test_a_mosaic_of_a_huge_picture_does_not_overflow():
    image = np.full((4400, 4400, 1), 255, np.uint8)
    noisy, _ = apply("image/pixelate", image, 1.0, tile_range=(0.5, 0.5))
    assert (noisy == 255).all()


def test_larger_tiles_cost_more():
    """No dip where the side of a tile is a whole number."""
    image = cv2.GaussianBlur(noise_picture(96, 96, 1), (0, 0), 1.5).reshape(96, 96, 1)
    sides = np.arange(1.1, 5, 0.15)
    lost = [severity.image(image, apply("image/pixelate", image, 1.0, tile_range=(s / 96,) * 2)[0]) for s in sides]
    assert (np.diff(lost) > -0.02).all()
    assert lost[0] < 0.2 < 0.4 < lost[-1]


@pytest.mark.parametrize("name", ["image/pixelate", "image/downscale"])
def test_counts_of_pixels_are_right_in_the_mean(name):
    field = {"image/pixelate": "tile_range", "image/downscale": "factor_range"}[name]
    image = noise_picture(64, 64, 1)
    value = 1 / 6.4 if name == "image/downscale" else 0.1  # 10 of 64 pixels
    factors = set()
    for seed in range(40):
        _, achieved = apply(name, image, 1.0, seed, **{field: (value * 1.03,) * 2})
        factors.add(round(64 * (achieved.get("factor") or 1 / achieved["tile_px"]), 6))
    assert factors == ({10.0, 11.0} if name == "image/downscale" else {9.0, 10.0})


def test_downscale_by_linear_interpolation_between_area_means():
    image = noise_picture(40, 1, 1, seed=2)
    noisy, achieved = apply("image/downscale", image, 1.0, factor_range=(0.25, 0.25), resamplers=("linear",))
    means = image.reshape(10, 4).mean(1)
    expected = np.interp(np.arange(40), 4 * np.arange(10) + 1.5, means)
    assert achieved["factor"] == pytest.approx(0.5)  # the single column stays
    assert achieved["resampler"] == "linear"
    assert np.abs(noisy.reshape(-1) - expected).max() <= 1.01


def test_resamplers_are_all_drawn_and_differ():
    image = noise_picture(48, 48, 1)
    drawn = {}
    for seed in range(30):
        noisy, achieved = apply("image/downscale", image, 1.0, seed, factor_range=(0.25, 0.25))
        drawn[achieved["resampler"]] = noisy
    assert set(drawn) == set(RESAMPLERS)
    assert drawn["linear"].std() < drawn["cubic"].std()
    assert not np.array_equal(drawn["cubic"], drawn["lanczos"])


def test_a_clip_keeps_one_resolution():
    clip = noise_picture(4, 30, 40, 3)
    for name in ("image/downscale", "image/pixelate"):
        noisy, _ = apply(name, clip, 0.6)
        np.testing.assert_array_equal(noisy, np.stack([apply(name, frame, 0.6)[0] for frame in clip]))


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
def test_bit_depth_picks_the_nearest_of_equal_levels(bits):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    noisy, achieved = apply("image/bit_depth", image, 1.0, bits_range=(bits, bits))
    levels = np.linspace(0, 255, 2**bits)
    distance = np.abs(image.reshape(-1, 1) - levels)
    assert achieved["quantiser_levels"] == 2**bits
    assert len(np.unique(noisy)) == 2**bits
    assert np.abs(np.abs(noisy.reshape(-1) - image.reshape(-1).astype(float)) - distance.min(1)).max() <= 0.501


def test_bit_depth_between_integers():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    levels = [apply("image/bit_depth", image, 1.0, seed, bits_range=(2.6, 2.6))[1]["quantiser_levels"]
              for seed in range(500)]  # fmt: skip
    assert set(levels) == {6, 7}
    assert np.mean(levels) == pytest.approx(2**2.6, abs=0.07)


def test_bit_depth_goes_from_a_change_of_one_grey_level_to_three_levels():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    mildest, _ = apply("image/bit_depth", ramp, 1e-9)
    assert np.abs(mildest.astype(int) - ramp).max() == 1
    for seed in range(20):
        assert apply("image/bit_depth", ramp, 1.0, seed)[1]["quantiser_levels"] == 3


def test_bit_depth_takes_more_from_a_picture_the_fewer_levels_there_are():
    y, x = np.mgrid[:96, :96]
    image = np.rint(128 + 70 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)[..., None]
    lost = [severity.image(image, apply("image/bit_depth", image, 1.0, bits_range=(bits, bits))[0])
            for bits in np.log2([128, 64, 32, 16, 8, 5, 4, 3])]  # fmt: skip
    assert all(low < high for low, high in pairwise(lost))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("downscale", "factor_range", (0.1, 0.9)),
        ("downscale", "factor_range", (0.9, 0.0)),
        ("downscale", "resamplers", ("nearest",)),
        ("downscale", "resamplers", ()),
        ("pixelate", "tile_range", (0.0, 0.1)),
        ("bit_depth", "bits_range", (8.0, 0.5)),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(f"image/{name}", **{field: value})
