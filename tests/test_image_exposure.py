import math

import numpy as np
import pytest
from scipy import ndimage

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image import exposure
from noise_scheduler.image.low_light import linear_to_srgb, srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/over_exposure", "image/contrast_loss", "image/backlight")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "exposure"), 0, "test") as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def encode(light):
    return 255 * linear_to_srgb(np.clip(light, 0, 1))


def noise_picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (7, 5, 3), (2, 3, 1, 1), (5, 40000, 1)])
def test_odd_sizes(name, shape):
    noisy, _ = apply(name, noise_picture(*shape), 1.0)
    assert noisy.shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_with_the_level(name):
    image = noise_picture(64, 64, 3)
    noisy, _ = apply(name, image, 1e-5)
    assert np.abs(noisy.astype(int) - image).max() <= 1
    assert (noisy == image).mean() > 0.97


@pytest.mark.parametrize("rise", [0.2, 0.8, 2.0])
def test_over_exposure_multiplies_linear_light_and_clips(rise):
    image = np.repeat(np.arange(256, dtype=np.uint8), 3 * 400).reshape(256, 400, 3)
    noisy, achieved = apply("image/over_exposure", image, 1.0, headroom_range=(rise, rise))
    grey = image[..., 0].astype(float)
    detail = np.abs(ndimage.laplace(grey, mode="mirror")) + 20
    judged = slice(None, None, 102_400 // 16_384)  # of its rows, as the picture is large
    darkness = -np.log2(np.maximum(srgb_to_linear(grey / 255), 1 / 1024))
    headroom = np.average(darkness[judged], weights=detail[judged])
    assert achieved["exposure_ev"] == pytest.approx(rise * headroom, abs=1e-5)
    ev = achieved["exposure_ev"]
    assert achieved["clipped_share"] == pytest.approx((noisy == 255).mean(), abs=1e-6)
    grey = np.arange(256) + np.linspace(-0.5, 0.5, 1001)[:, None]  # half a step of dither either way
    expected = np.rint(encode(srgb_to_linear(np.clip(grey, 0, 255) / 255) * 2**ev))
    np.testing.assert_allclose(noisy.mean((1, 2)), expected.mean(0), atol=1.5)
    assert (noisy.min((1, 2)) >= expected.min(0)).all()
    assert (noisy.max((1, 2)) <= expected.max(0)).all()


def test_a_dark_frame_is_exposed_by_more_ev():
    clip = np.stack([np.full((20, 30, 3), grey, np.uint8) for grey in (20, 90, 250)])
    alone = [apply("image/over_exposure", frame, 0.4)[1]["exposure_ev"] for frame in clip]
    assert alone[0] > 2 * alone[1] > 4 * alone[2] > 0
    assert apply("image/over_exposure", clip, 0.4)[1]["exposure_ev"] == pytest.approx(np.mean(alone), abs=1e-5)


def test_dither_fills_the_steps_of_a_brightened_gradient():
    gradient = np.broadcast_to(np.arange(10, 30, dtype=np.uint8).repeat(20)[None, :, None], (200, 400, 3))
    noisy, achieved = apply("image/over_exposure", gradient, 1.0, headroom_range=(0.6, 0.6))
    bands = len(np.unique(encode(srgb_to_linear(np.arange(10, 30) / 255) * 2 ** achieved["exposure_ev"]).round()))
    assert len(np.unique(noisy)) > 3 * bands


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_loss_keeps_the_mean_light_and_shrinks_the_rest(channels):
    image = noise_picture(60, 50, channels, seed=4)
    for contrast in (0.9, 0.4, 0.1):
        noisy, achieved = apply("image/contrast_loss", image, 1.0, contrast_range=(contrast, contrast))
        light = srgb_to_linear(image / 255)
        expected = encode(contrast * light + (1 - contrast) * light.mean((0, 1)))
        assert achieved["contrast"] == pytest.approx(contrast)
        assert np.abs(noisy - expected).max() <= 0.53  # half a grey level and half a table step


def test_backlight_changes_exposure_by_the_declared_difference():
    image = np.full((200, 600, 3), 100, np.uint8)
    noisy, achieved = apply("image/backlight", image, 1.0, contrast_ev_range=(3.0, 3.0))
    light = srgb_to_linear(noisy / 255).mean(-1)
    ev = np.log2(light / float(srgb_to_linear(np.array(100 / 255))))
    assert achieved["contrast_ev"] == 3
    assert ev.min() == pytest.approx(-1.5, abs=0.06)
    assert ev.max() == pytest.approx(1.5, abs=0.06)
    y, x = np.unravel_index(ev.argmin(), ev.shape)
    assert 0.35 < x / 600 < 0.65
    assert 0.35 < y / 200 < 0.65
    assert np.abs(np.diff(ev, axis=1)).max() < 0.15  # smooth: a grey level here is .02 EV


def test_backlight_reaches_half_way_at_its_radius():
    image = np.full((301, 301, 1), 120, np.uint8)
    noisy, _ = apply("image/backlight", image, 1.0, contrast_ev_range=(4.0, 4.0), radius=0.2)
    dark = noisy[..., 0] < 120
    assert dark.mean() == pytest.approx(math.pi * 0.2 * 0.2 * 1.3, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_clip_changes_smoothly(name):
    clip = np.broadcast_to(noise_picture(1, 40, 40, 3) // 3 + 20, (20, 40, 40, 3))
    steps, far = [], []
    for seed in range(6):
        noisy, _ = apply(name, clip, 0.4, seed=seed)
        means = noisy.astype(float).reshape(20, 10, 4, 10, 4, 3).mean((2, 4, 5)).reshape(20, -1)
        steps.append(np.abs(np.diff(means, axis=0)).mean())
        far.append(np.abs(means[:10] - means[10:]).mean())
    assert 0 < np.mean(steps) < 0.35 * np.mean(far)


def test_index_of_a_table_of_sixteenths():
    values = np.arange(256, dtype=np.uint8).repeat(301)[:-1]
    index = exposure.dithered_index(values, np.random.default_rng(0))
    np.testing.assert_array_equal(index >> 4, values)
    shares = np.bincount(index & 15, minlength=16) / values.size
    np.testing.assert_allclose(shares, 1 / 16, rtol=0.05)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("over_exposure", "headroom_range", (2.0, 1.0)),
        ("over_exposure", "time_constant_s", 0),
        ("contrast_loss", "contrast_range", (0.1, 0.9)),
        ("contrast_loss", "contrast_range", (0.9, 0.0)),
        ("backlight", "contrast_ev_range", (-1.0, 1.0)),
        ("backlight", "radius", 0.0),
        ("backlight", "time_constant_s", math.nan),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(f"image/{name}", **{field: value})
