import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image.colour import planckian_rgb
from noise_scheduler.image.low_light import linear_to_srgb, srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise


def apply(image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "colour"), 0, "test") as rng:
        return run(registry.build("image/colour_cast", **fields), "image/colour_cast", image, level, rng, {"fps": fps})


def black_body_rgb(temperature_k):
    """Planck's law through the colour matching functions as fitted by Wyman, Sloan & Shirley (JCGT 2013)."""
    nm = np.arange(380, 781.0)

    def lobe(scale, peak, below, above):
        return scale * np.exp(-0.5 * ((nm - peak) * np.where(nm < peak, below, above)) ** 2)

    x = lobe(0.362, 442.0, 0.0624, 0.0374) + lobe(1.056, 599.8, 0.0264, 0.0323) + lobe(-0.065, 501.1, 0.0490, 0.0382)
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    power = nm**-5 / np.expm1(1.4388e7 / (nm * temperature_k))
    xyz = np.array([power @ x, power @ y, power @ z]) / (power @ y)
    primaries = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                          [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    return np.linalg.solve(primaries, xyz)


def test_contract():
    check_noise("image/colour_cast")


@pytest.mark.parametrize("temperature_k", [2000, 2300, 2856, 3500, 4500, 6500, 10000])
def test_light_of_a_black_body(temperature_k):
    np.testing.assert_allclose(planckian_rgb(temperature_k), black_body_rgb(temperature_k), rtol=0.02, atol=0.02)
    assert planckian_rgb(temperature_k) @ (0.2126, 0.7152, 0.0722) == pytest.approx(1)


def test_a_grey_card_takes_the_colour_of_the_lamp_and_keeps_its_luma():
    image = np.full((8, 8, 3), 110, np.uint8)
    seen = set()
    for seed in range(12):
        noisy, achieved = apply(image, 1.0, seed=seed, temperature_k_range=(3200.0, 3200.0))
        red, green, blue = light = srgb_to_linear(noisy[0, 0] / 255)
        ratio = black_body_rgb(3200) / black_body_rgb(6500)
        expected = ratio if achieved["cast"] == "warm" else 1 / ratio
        assert red / green == pytest.approx(expected[0] / expected[1], rel=0.07)
        assert blue / green == pytest.approx(expected[2] / expected[1], rel=0.07)
        assert light @ (0.2126, 0.7152, 0.0722) == pytest.approx(float(srgb_to_linear(np.array(110 / 255))), rel=0.02)
        assert achieved["temperature_k"] == pytest.approx(3200)
        seen.add(achieved["cast"])
    assert seen == {"warm", "cool"}


def test_channels_are_multiplied_in_linear_light_and_clipped():
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, 2)
    noisy, _ = apply(ramp, 1.0, temperature_k_range=(3200.0, 3200.0))
    for channel in range(3):
        codes = noisy[:, 0, channel]
        middle = int(np.flatnonzero((codes > 80) & (codes < 200))[0])
        gain = float(srgb_to_linear(codes[middle] / 255.0) / srgb_to_linear(np.array(middle / 255)))
        expected = 255 * linear_to_srgb(np.clip(gain * srgb_to_linear(np.arange(256) / 255), 0, 1))
        assert np.abs(codes - expected).max() < 2.5


def test_temperature_moves_in_mired_and_vanishes():
    image = np.full((4, 4, 3), 90, np.uint8)
    for level, mired in ((1.0, 500.0), (0.5, (500 + 1e6 / 6400) / 2)):
        assert 1e6 / apply(image, level)[1]["temperature_k"] == pytest.approx(mired)
    noisy, achieved = apply(image, 1e-4)
    assert achieved["temperature_k"] == pytest.approx(6500, abs=2)
    assert (noisy == image).all()


def test_grey_pictures_stay():
    image = np.random.default_rng(0).integers(0, 256, (9, 8, 1), dtype=np.uint8)
    np.testing.assert_array_equal(apply(image, 1.0)[0], image)


def test_clip_wanders_smoothly_around_the_error():
    clip = np.full((50, 4, 4, 3), 90, np.uint8)
    tints = []
    for seed in range(6):
        noisy, _ = apply(clip, 0.5, seed=seed)
        tint = noisy[:, 0, 0, 0].astype(int) - noisy[:, 0, 0, 2]
        assert (np.sign(tint) == np.sign(tint[0])).all()
        assert np.abs(np.diff(tint)).max() <= 6
        tints.append(len(np.unique(tint)))
    assert np.mean(tints) > 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature_k_range", (2000.0, 6000.0)),
        ("temperature_k_range", (6000.0, 1000.0)),
        ("time_constant_s", math.inf),
    ],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("image/colour_cast", **{field: value})
