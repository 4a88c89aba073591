import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import corrupt, run
from noise_scheduler.image import focus
from noise_scheduler.image.low_light import srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("gaussian_blur", "defocus", "zoom_blur", "glass_blur")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "focus"), 0, "test") as rng:
        return run(registry.build(f"image/{name}", **fields), f"image/{name}", image, level, rng, {"fps": fps})


def edges(height, width, channels=3, seed=0):
    """Steps, bars and grain, float32 in [0, 255]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    bars = 255 * ((x // 13 + y // 29) % 2)[..., None]
    return np.clip(bars + rng.normal(0, 20, (height, width, channels)), 0, 255).astype(np.float32)


def mirrored(frame, kernel):
    """Correlation as a sum of shifted copies of the picture, mirrored at its edge, in float64."""
    up, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    height, width = frame.shape[:2]
    padded = np.pad(frame.astype(float), ((up, up), (left, left), (0, 0)), "symmetric")
    total = np.zeros(frame.shape)
    for i, j in zip(*np.nonzero(kernel), strict=True):
        total += kernel[i, j] * padded[i : i + height, j : j + width]
    return total


def spread(response):
    """Variances along x and y of what becomes of a point."""
    y, x = np.mgrid[: response.shape[0], : response.shape[1]]
    weights = response.astype(float) / response.sum()
    return tuple(float((weights * (axis - (weights * axis).sum()) ** 2).sum()) for axis in (x, y))


def spot(size, sigma):
    """A Gaussian spot in the middle, smooth enough for a coarser grid."""
    offset = np.arange(size) - size // 2
    line = np.exp(-0.5 * (offset / sigma) ** 2)
    return (100 * line[:, None] * line)[..., None].astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(f"image/{name}")


@pytest.mark.parametrize("sigma_px", [0.6, 0.8, 2.0, 4.9, 5.1, 7.0, 13.0, 24.0])
def test_gaussian_equals_the_definition(sigma_px):
    for shape in ((96, 131, 3), (64, 64, 1)):
        frame = edges(*shape)
        offsets = np.arange(-math.ceil(5 * sigma_px), math.ceil(5 * sigma_px) + 1)
        line = np.exp(-0.5 * (offsets / sigma_px) ** 2)[None]
        expected = mirrored(mirrored(frame, line / line.sum()), line.T / line.sum())
        error = np.abs(focus.gaussian(frame, sigma_px) - expected)
        assert error.max() < 2.5  # of 255, where a wide Gaussian is worked at a reduced size
        assert error.mean() < 0.4


@pytest.mark.parametrize("sigma_px", [0.05, 0.2, 0.4, 0.6, 2.0, 5.0, 11.0, 24.0])
def test_gaussian_has_its_standard_deviation(sigma_px):
    own_px = 20 if sigma_px > 1 else 1
    for variance in spread(focus.gaussian(spot(400, own_px), sigma_px)[..., 0]):
        assert variance - own_px**2 == pytest.approx(sigma_px**2, rel=0.03 if sigma_px > 1 else 0.1)


@pytest.mark.parametrize("radius_px", [2.0, 3.7, 6.0, 11.5])
def test_disc_kernel_is_a_uniform_disc(radius_px):
    kernel = focus.disc_kernel(radius_px, radius_px)
    y, x = np.indices(kernel.shape) - np.array(kernel.shape)[:, None, None] // 2
    distance = np.hypot(x, y)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    inside = kernel[distance < radius_px - 0.5]
    np.testing.assert_allclose(inside, 1 / (math.pi * radius_px**2), rtol=0.05)
    assert not kernel[distance > radius_px + 0.5].any()
    for variance in spread(kernel):
        assert 0 <= variance - radius_px**2 / 4 <= 0.17  # the edge is soft over a pixel


def test_disc_grows_smoothly_from_a_point():
    point = np.zeros((9, 9, 1), np.float32)
    point[4, 4] = 1
    peaks = [float(focus.filter_disc(point, radius).max()) for radius in (0.0, 0.3, 0.6, 0.9, 0.999, 1.0, 1.2)]
    assert peaks[0] == 1
    assert peaks == sorted(peaks, reverse=True)
    disc = 1 / (3 + 4 * (1.5 - math.sqrt(2)))  # a whole pixel, four halves and four corners
    np.testing.assert_allclose(peaks[1:6], [1 - a * (1 - disc) for a in (0.3, 0.6, 0.9, 0.999, 1.0)], rtol=1e-5)


@pytest.mark.parametrize("radius_px", [1.2, 4.0, 5.6, 6.9])
def test_small_discs_are_exact(radius_px):
    for shape in ((41, 77, 3), (40, 7, 1), (3, 50, 1)):
        frame = edges(*shape)
        expected = mirrored(frame, focus.disc_kernel(radius_px, radius_px))
        np.testing.assert_allclose(focus.filter_disc(frame, radius_px), expected, atol=0.01)


@pytest.mark.parametrize("radius_px", [7.5, 11.0, 15.0, 28.0])
def test_large_discs_keep_shape_and_size(radius_px):
    light = spot(281, 16)
    response = focus.filter_disc(light, radius_px)[..., 0]
    assert response.sum() == pytest.approx(light.sum(), rel=0.002)
    for variance in spread(response):
        assert variance - 16**2 == pytest.approx(radius_px**2 / 4, rel=0.04)
    frame = edges(150, 170)
    expected = mirrored(frame, focus.disc_kernel(radius_px, radius_px))
    error = np.abs(focus.filter_disc(frame, radius_px) - expected)
    assert error.max() < 16  # of 255; the edge of the disc is softer
    assert error.mean() < 4


def test_defocus_keeps_the_light_of_a_bright_spot():
    image = np.full((101, 101, 3), 30, np.uint8)
    image[48:53, 48:53] = 255
    noisy, achieved = apply("defocus", image, 1.0, radius_range=(0.08, 0.08))
    assert achieved["radius_px"] == pytest.approx(8.08)
    light, light_before = (srgb_to_linear(picture / 255.0).mean() for picture in (noisy, image))
    assert light == pytest.approx(light_before, rel=0.02)
    share = 25 / (math.pi * 8.08**2)
    dark = srgb_to_linear(np.array(30 / 255))
    assert srgb_to_linear(noisy[50, 50] / 255.0).mean() == pytest.approx(share + (1 - share) * dark, rel=0.1)


@pytest.mark.parametrize("zoom", [0.01, 0.1, 0.4, 1.0])
def test_zoom_is_the_mean_over_magnifications(zoom):
    y, x = np.mgrid[:90, :120].astype(float)

    def scene(x, y):  # smooth, so that interpolation does not matter
        return 128 + 80 * np.sin(x / 7) * np.cos(y / 9)

    centre_x, centre_y = 55.3, 48.8
    scales = np.exp(-math.log1p(zoom) * (np.arange(2000) + 0.5) / 2000)
    expected = np.mean([scene(centre_x + s * (x - centre_x), centre_y + s * (y - centre_y)) for s in scales], axis=0)
    mean = focus.zoom_mean(scene(x, y).astype(np.float32)[..., None], zoom, centre_x, centre_y)[..., 0]
    assert np.abs(mean - expected).max() < 3


def test_zoom_leaves_its_centre_sharp():
    frame = edges(128, 128)
    change = np.abs(focus.zoom_mean(frame, 0.3, 64, 64) - frame)
    assert change[62:67, 62:67].mean() < 0.3 * change[:20].mean()


def ramp(height=200, width=200):
    """A clip frame whose grey levels are x coordinates, and one of y coordinates."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return x[..., None], y[..., None]


def displacement(level, seed=0, **fields):
    """What the pane does, in pixels, read off the ramps away from the border."""
    inner = slice(40, 160)
    fields_read = [apply("glass_blur", r, level, seed, **fields)[0].astype(float) - r for r in ramp()]
    return [field[inner, inner, 0] for field in fields_read]


def test_pane_displaces_by_what_it_says():
    squares = []
    for seed in range(4):
        _, achieved = apply("glass_blur", ramp()[0], 1.0, seed, displacement_range=(0.02, 0.02))
        assert achieved["displacement_px"] == pytest.approx(4)
        squares += [np.mean(field**2) for field in displacement(1.0, seed, displacement_range=(0.02, 0.02))]
    assert math.sqrt(np.mean(squares)) == pytest.approx(4, rel=0.06)


def test_ripples_have_their_size():
    """The correlation falls to 1/e over a ripple; linear interpolation between cells widens it a little."""
    ripple_px = 12
    products, power = [], []
    for seed in range(6):
        for field in displacement(1.0, seed, ripple=ripple_px / 200, displacement_range=(0.03, 0.03)):
            products += [(field[:, ripple_px:] * field[:, :-ripple_px]).mean()]
            products += [(field[ripple_px:] * field[:-ripple_px]).mean()]
            power.append((field**2).mean())
    assert np.mean(products) / np.mean(power) == pytest.approx(math.exp(-1), abs=0.1)


def test_a_clip_is_seen_through_one_drifting_pane():
    clip = np.stack([edges(96, 96).astype(np.uint8)] * 6)
    still = corrupt(clip, "image/glass_blur", level=0.6, fps=1e6)
    assert np.abs(still[0].astype(int) - still[-1]).mean() < 0.2
    moving = corrupt(clip, "image/glass_blur", level=0.6, fps=5.0).astype(float)
    assert np.abs(moving[0] - moving[-1]).mean() > 5


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus", "zoom_blur"])
def test_strength_wanders_smoothly_over_a_clip(name):
    clip = np.stack([edges(64, 64, 1).astype(np.uint8)] * 8)
    steps, far = [], []
    for seed in range(8):
        noisy = corrupt(clip, f"image/{name}", level=0.7, seed=seed, fps=25.0).astype(float)
        steps.append(np.abs(np.diff(noisy, axis=0)).mean())
        far.append(np.abs(noisy[0] - noisy[-1]).mean())
    assert 0 < np.mean(steps) < 0.4 * np.mean(far)


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_with_the_level_and_leaves_flat_pictures_alone(name):
    image = edges(64, 80).astype(np.uint8)
    noisy = corrupt(image, f"image/{name}", level=1e-5)
    assert np.abs(noisy.astype(int) - image).max() <= 1
    for grey in (0, 3, 128, 255):
        flat = np.full((33, 47, 3), grey, np.uint8)
        for level in (0.3, 0.6, 1.0):
            assert (corrupt(flat, f"image/{name}", level=level) == grey).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 1), (300, 1, 3), (2, 3, 1), (3, 1, 1, 1), (2, 5, 1, 3)])
def test_small_sizes(name, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for level in (0.01, 0.5, 1.0):
        assert corrupt(image, f"image/{name}", level=level).shape == shape


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("gaussian_blur", "sigma_range", (0.1, 0.01)),
        ("defocus", "radius_range", (0.0, 0.01)),
        ("zoom_blur", "zoom_range", (0.1, 100.0)),
        ("glass_blur", "displacement_range", (0.1, 2.0)),
        ("glass_blur", "ripple", 0.0),
        ("glass_blur", "time_constant_s", math.inf),
        ("defocus", "time_constant_s", 0.0),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(f"image/{name}", **{field: value})
