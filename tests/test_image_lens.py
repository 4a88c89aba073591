from itertools import pairwise

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image import lens  # noqa: F401  registers the noises
from noise_scheduler.image.low_light import srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/dirty_lens", "image/sun_flare", "image/shadow")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "lens"), 0, name) as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def light(name, image, level, **options):
    noisy, achieved = apply(name, image, level, **options)
    return srgb_to_linear(noisy / 255.0), achieved


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_pixel_departs_further_as_level_rises(name):
    image = np.random.default_rng(0).integers(0, 256, (64, 72, 3), dtype=np.uint8)
    for seed in range(4):
        changes = [
            np.abs(apply(name, image, level, seed=seed)[0].astype(int) - image)
            for level in (0.01, 0.04, 0.1, 0.4, 0.7, 1.0)
        ]
        assert all((low <= high).all() for low, high in pairwise(changes))
        assert changes[0].mean() < 2.5


@pytest.mark.parametrize("level", [0.4, 0.7, 0.9])
def test_dirt_takes_from_the_sharp_picture_and_returns_a_blur(level):
    """Of a fine chequerboard, its contrast is the light kept, and what stands in the black fields is scattered."""
    board = (255 * (np.indices((128, 128)).sum(0) % 2)).astype(np.uint8)
    image = np.repeat(board[..., None], 3, 2)
    seen, achieved = light("image/dirty_lens", image, level)
    white, black = (seen[board == value].mean(0) for value in (255, 0))
    kept = 1 - achieved["scattered"]
    np.testing.assert_allclose(white - black, kept, atol=0.02)
    returned = black / (0.5 * (1 - kept))
    assert (returned > 0.6).all()
    assert (returned < 1.1).all()
    assert returned[0] >= returned[1] - 0.02 >= returned[2] - 0.08  # dirt is brownish


def test_dirt_stands_still():
    frame = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    noisy, _ = apply("image/dirty_lens", np.stack([frame] * 4), 0.7)
    assert (noisy == noisy[:1]).all()


def test_flare_adds_the_light_it_says():
    for seed in range(6):
        seen, achieved = light(
            "image/sun_flare", np.zeros((96, 120, 3), np.uint8), 1.0, seed=seed, stray_light_range=(0.01, 0.01)
        )
        assert achieved["stray_light"] == pytest.approx(0.01)
        assert seen.mean() == pytest.approx(0.01, rel=0.05)
        image = np.random.default_rng(seed).integers(0, 200, seen.shape, dtype=np.uint8)
        both, _ = light("image/sun_flare", image, 1.0, seed=seed, stray_light_range=(0.01, 0.01))
        np.testing.assert_allclose(both, np.minimum(srgb_to_linear(image / 255.0) + seen, 1), atol=0.008)


def test_flare_falls_off_from_the_source_and_is_warm():
    inside = 0
    for seed in range(10):
        seen, _ = light(
            "image/sun_flare", np.zeros((96, 96, 3), np.uint8), 1.0, seed=seed, stray_light_range=(0.005, 0.005)
        )
        red, _, blue = seen.mean((0, 1))
        y, x = np.unravel_index(seen.mean(2).argmax(), (96, 96))
        distance = np.hypot(*(np.indices((96, 96)) - np.array([y, x])[:, None, None]))
        rings = [seen[(distance >= low) & (distance < low + 5)].mean() for low in (0, 5, 15)]
        assert rings[0] > rings[1] > rings[2]
        assert red > 0.85 * blue
        inside += 0 < x < 95 and 0 < y < 95
    assert inside >= 4


def test_source_wanders_smoothly():
    clip = np.zeros((12, 64, 64, 1), np.uint8)
    noisy, _ = apply("image/sun_flare", clip, 0.3, seed=3)
    steps = np.abs(np.diff(noisy.astype(float), axis=0)).mean((1, 2, 3))
    assert steps.max() < 0.7 * np.abs(noisy[0].astype(float) - noisy[-1]).mean()
    assert steps.min() > 0


@pytest.mark.parametrize("ev", [-1.0, -3.0])
@pytest.mark.parametrize("area", [0.3, 0.7])
def test_shadow_has_the_depth_and_area_it_says(ev, area):
    image = np.full((120, 160, 3), 220, np.uint8)
    for seed in range(5):
        seen, achieved = light(
            "image/shadow", image, 1.0, seed=seed, exposure_ev_range=(ev, ev), area_range=(area, area)
        )
        ratio = seen / srgb_to_linear(np.array(220 / 255))
        assert ratio.max() <= 1.0 + 1e-9
        assert np.log2(np.quantile(ratio[..., 1], 0.01)) == pytest.approx(ev, abs=0.06)
        dark = (1 - ratio[..., 1]) / (1 - 2.0**ev)
        assert dark.mean() == pytest.approx(achieved["shaded_area"], abs=0.01)
        assert (dark > 0.5).mean() == pytest.approx(area, abs=0.02)
        assert (ratio[..., 2] >= ratio[..., 0] - 1e-6).all()  # bluish


@pytest.mark.parametrize("level", [0.2, 0.5, 1.0])
def test_shadow_deepens_and_grows_along_its_ranges(level):
    areas = []
    for seed in range(8):
        _, achieved = apply("image/shadow", np.zeros((60, 80, 1), np.uint8), level, seed=seed)
        assert achieved["exposure_ev"] == pytest.approx(-0.05 - 7.95 * level)
        areas.append(achieved["shaded_area"])
    assert np.mean(areas) == pytest.approx(0.25 + 0.7 * level, abs=0.02)


def test_shadow_is_convex():
    image = np.full((120, 120, 1), 255, np.uint8)
    rng = np.random.default_rng(0)
    for seed in range(6):
        seen, _ = light("image/shadow", image, 1.0, seed=seed, exposure_ev_range=(-4.0, -4.0), area_range=(0.4, 0.4))
        dark = seen[..., 0] < 0.5
        places = np.argwhere(dark)
        first, second = places[rng.integers(len(places), size=(2, 400))]
        between = (first + second) // 2
        assert dark[between[:, 0], between[:, 1]].mean() > 0.99


@pytest.mark.parametrize("name", NAMES)
def test_any_size(name):
    for shape in ((1, 1, 3), (1, 300, 3), (300, 1, 1), (7, 5, 3), (2, 3, 2, 1)):
        for level in (0.01, 1.0):
            noisy, _ = apply(name, np.full(shape, 100, np.uint8), level)
            assert noisy.shape == shape


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("image/dirty_lens", "optical_depth_range", (0.0, 1.0)),
        ("image/sun_flare", "stray_light_range", (1.0, 0.1)),
        ("image/sun_flare", "time_constant_s", 0.0),
        ("image/shadow", "exposure_ev_range", (-1.0, 1.0)),
        ("image/shadow", "area_range", (0.0, 0.5)),
        ("image/shadow", "time_constant_s", float("nan")),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
