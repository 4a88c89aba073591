import math
from itertools import pairwise

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image import weather  # noqa: F401  registers the noises
from noise_scheduler.image.low_light import srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/fog", "image/rain", "image/snow")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "weather"), 0, name) as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def seen_and_added(name, shape, level, **options):
    """(t, L (1 − t)) of every value, from what the weather does to a chessboard and to its negative, lit alike."""
    board = np.broadcast_to(150 * (np.indices(shape[:2]).sum(0) % 2)[..., None], shape).astype(np.uint8)
    noisy, achieved = apply(name, board, level, **options)
    negative, _ = apply(name, 150 - board, level, **options)
    bright, dark = (srgb_to_linear(np.where(side, noisy, negative) / 255.0) for side in (board > 0, board == 0))
    return (bright - dark) / srgb_to_linear(150 / 255.0), dark, achieved


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.3, 0.6, 0.9])
def test_light_is_that_of_koschmieder(name, level):
    image = np.random.default_rng(0).integers(0, 180, (60, 80, 3), dtype=np.uint8)
    light, board_light = (srgb_to_linear(greys / 255.0).mean() for greys in (image, np.array([0, 150])))
    seen, added, _ = seen_and_added(name, image.shape, level)
    noisy, _ = apply(name, image, level)
    expected = srgb_to_linear(image / 255.0) * seen + added * light / board_light
    np.testing.assert_allclose(srgb_to_linear(noisy / 255.0), expected, atol=0.012)
    sky = (added * (1 - seen)).sum((0, 1)) / ((1 - seen) ** 2).sum((0, 1))
    np.testing.assert_allclose(added, sky * (1 - seen), atol=0.02)  # one colour of sky
    assert 0.5 < sky.min() * 0.2 / board_light <= sky.max() * 0.2 / board_light < 1.06


@pytest.mark.parametrize("name", NAMES)
def test_sky_is_as_bright_as_the_scene_asks(name):
    """Of a flat picture and its weather at full cover, the sky alone is left, up to white; there is always some."""
    options = {"optical_depth_range": (99.0, 99.0)} if name == "image/fog" else {"cover_range": (0.95, 0.95)}
    skies = []
    for grey in (0, 20, 60, 90, 120, 255):
        noisy, _ = apply(name, np.full((64, 64, 1), grey, np.uint8), 1.0, **options)
        skies.append(srgb_to_linear(noisy.max() / 255.0))
    light = np.maximum(srgb_to_linear(np.array([0, 20, 60, 90, 120, 255]) / 255.0), 0.02)
    np.testing.assert_allclose(skies[1:5] / light[1:5], skies[3] / light[3], rtol=0.12)
    assert 0.05 < skies[0] == pytest.approx(skies[1], abs=0.01)
    assert skies[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_every_pixel_is_hidden_more_as_level_rises(name):
    for seed in range(4):
        hidden = [seen_and_added(name, (64, 72, 3), level, seed=seed)[1] for level in (0.02, 0.1, 0.4, 0.7, 1.0)]
        assert all((low <= high + 1e-9).all() for low, high in pairwise(hidden))


def test_fog_has_the_optical_depth_it_says():
    depths = []
    for seed in range(12):
        seen, _, achieved = seen_and_added("image/fog", (96, 96, 1), 1.0, seed=seed, optical_depth_range=(1.0, 1.0))
        assert achieved["optical_depth"] == 1.0
        assert seen.mean() == pytest.approx(achieved["transmission"], abs=0.005)
        depth = -np.log(np.maximum(seen, 1e-3))
        assert 0.25 < np.log(depth).std() < 0.65  # patchy
        assert np.abs(np.diff(seen, axis=0)).max() < 0.1  # and smooth
        depths.append(depth.mean())
    assert np.mean(depths) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(("name", "depth_over_opacity"), [("image/rain", 1.3298), ("image/snow", 1.5026)])
@pytest.mark.parametrize("cover", [0.05, 0.2])
def test_optical_depth_is_that_of_particles_thrown_at_random(name, depth_over_opacity, cover):
    """Mean depth of a Boolean model: −ln(1 − cover) of opacity, each particle a little deeper than it is opaque.

    A streak has the depth .6 and 1 − e^−.6 of opacity; of flakes, that is the mean over the areas of three distances.
    Haze adds half of −ln(1 − cover).
    """
    depths = []
    for seed in range(12):
        seen, _, achieved = seen_and_added(name, (320, 360, 1), 1.0, seed=seed, cover_range=(cover, cover))
        assert 1 - seen.mean() == pytest.approx(achieved["cover"], abs=0.01)
        depths.append(-np.log(np.maximum(seen, 1e-3)).mean())
    assert np.mean(depths) == pytest.approx(-math.log1p(-cover) * (0.5 + depth_over_opacity), rel=0.06)


def test_streaks_lean_as_they_say():
    for seed in range(6):
        black = np.zeros((200, 200, 1), np.uint8)
        noisy, achieved = apply("image/rain", black, 1.0, seed=seed, cover_range=(0.05, 0.05))
        down, right = np.gradient(noisy[..., 0].astype(float))
        normal = 0.5 * math.atan2(2 * (down * right).mean(), (right**2).mean() - (down**2).mean())  # y down
        assert math.degrees(normal) == pytest.approx(achieved["lean_deg"], abs=8)


@pytest.mark.parametrize("name", NAMES)
def test_movement_is_a_function_of_time(name):
    image = np.full((5, 64, 64, 3), 60, np.uint8)
    fast, _ = apply(name, image, 0.6, fps=50.0)
    slow, _ = apply(name, image[:3], 0.6, fps=25.0)
    np.testing.assert_array_equal(fast[::2], slow)
    assert (fast[0] != fast[4]).any()


@pytest.mark.parametrize(("name", "fps", "level"), [("image/snow", 30.0, 0.5), ("image/rain", 250.0, 0.6)])
def test_particles_fall(name, fps, level):
    """The pattern of one frame is found lower in the next."""
    falls = []
    for seed in range(8):
        clip, _ = apply(name, np.zeros((2, 128, 128, 1), np.uint8), level, seed=seed, fps=fps)
        first, second = (frame[..., 0].astype(float) - frame.mean() for frame in clip)
        scores = [(first[20:100, 20:100] * second[20 + dy : 100 + dy, 20:100]).mean() for dy in range(-8, 9)]
        falls.append(int(np.argmax(scores)) - 8)
    # Far flakes sink 1.3 px in a frame, near ones 3.8 px; far drops fall 1.5 px, near ones 4.9 px.
    assert min(falls) >= 0
    assert 1 < np.mean(falls) < 4
    assert max(falls) <= 5


@pytest.mark.parametrize("name", ["image/rain", "image/snow"])
def test_cover_rises_to_the_end_in_a_long_picture(name):
    cover = [apply(name, np.zeros((20, 400, 1), np.uint8), level)[1]["cover"] for level in (0.7, 0.8, 0.9, 1.0)]
    assert all(high > 1.1 * low for low, high in pairwise(cover))


@pytest.mark.parametrize(("name", "level"), [(name, level) for name in NAMES for level in (0.01, 1.0)])
def test_any_size(name, level):
    for shape in ((1, 1, 3), (1, 300, 3), (300, 1, 1), (7, 5, 3), (2, 3, 2, 1)):
        noisy, _ = apply(name, np.full(shape, 100, np.uint8), level)
        assert noisy.shape == shape


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("image/fog", "optical_depth_range", (0.0, 1.0)),
        ("image/fog", "wind_per_s", -1.0),
        ("image/rain", "cover_range", (0.5, 0.1)),
        ("image/snow", "cover_range", (0.1, 1.0)),
        ("image/snow", "time_constant_s", 0.0),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
