import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import corrupt, run
from noise_scheduler.image import sensor
from noise_scheduler.image.low_light import srgb_to_linear
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("sensor_noise", "gaussian_noise", "speckle_noise", "impulse_noise", "banding", "dead_pixels")


def apply(name, image, level=1.0, seed=0, **fields):
    with stream(key_of(seed, "sensor"), 0, "test") as rng:
        return run(registry.build(f"image/{name}", **fields), f"image/{name}", image, level, rng, {})


def flat(grey, *shape):
    return np.full(shape, grey, np.uint8)


def noise_picture(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(f"image/{name}")


@pytest.mark.parametrize("iso", [400.0, 1600.0, 3200.0])
@pytest.mark.parametrize("grey", [120, 170, 210])
def test_sensor_noise_lies_on_the_photon_transfer_line(iso, grey):
    noisy, achieved = apply("sensor_noise", flat(grey, 300, 300, 1), iso_range=(iso, iso))
    white_e = 6000 * 100 / iso
    electrons = white_e * srgb_to_linear(noisy / 255.0)
    signal_e = white_e * float(srgb_to_linear(np.array(grey / 255)))
    code_step_e = white_e * float(np.diff(srgb_to_linear(np.array([grey - 0.5, grey + 0.5]) / 255))[0])
    assert electrons.mean() == pytest.approx(signal_e, rel=0.01)
    assert electrons.var() == pytest.approx(signal_e + 2**2 + code_step_e**2 / 12, rel=0.03)
    assert achieved["iso"] == iso
    assert achieved["snr_db"] == pytest.approx(10 * math.log10(signal_e**2 / (signal_e + 4)))


def test_sensor_noise_is_low_light_amplified_back():
    """At n times the ISO a sensor is one of 1/n the full well: the noise of `image/low_light` without its darkness."""
    image = noise_picture(90, 70, 3)
    amplified, _ = apply("sensor_noise", image, iso_range=(3200.0, 3200.0))
    with stream(key_of(0, "sensor"), 0, "test") as rng:
        low_light = registry.build(
            "image/low_light", exposure_ev_range=(0.0, 0.0), full_well_e=6000 / 32, read_noise_e=2
        )
        small_well, _ = low_light(image, 1.0, rng)
    np.testing.assert_array_equal(amplified, small_well)


def test_black_has_no_snr():
    assert "snr_db" not in apply("sensor_noise", flat(0, 20, 20, 3))[1]


@pytest.mark.parametrize("sigma", [0.3, 2.0, 25.0])
def test_gaussian_noise_is_normal_and_rounded(sigma):
    noisy, achieved = apply("gaussian_noise", flat(128, 400, 300, 3), sigma_range=(sigma, sigma))
    assert achieved["sigma"] == sigma
    noise = noisy.astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.01 * sigma)
    for value in (-1, 0, 1, 2):  # rounding gathers the normal law over a grey level
        edges = [(value + half) / sigma / math.sqrt(2) for half in (-0.5, 0.5)]
        expected = 0.5 * (math.erf(edges[1]) - math.erf(edges[0]))
        assert (noise == value).mean() == pytest.approx(expected, abs=0.003)
    assert np.abs(noise).max() > 3.5 * sigma - 0.5


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_gaussian_noise_of_a_few_values(width):
    """OpenCV takes small arrays for colours to be added everywhere."""
    noisy = np.stack(
        [apply("gaussian_noise", flat(128, 1, width, 1), seed=seed, sigma_range=(20.0, 20.0))[0] for seed in range(400)]
    )
    noise = noisy.reshape(400, width).astype(float) - 128
    np.testing.assert_allclose(noise.std(0), 20, rtol=0.15)
    assert np.abs(np.cov(noise.T).reshape(width, width) - np.diag(noise.var(0, ddof=1))).max() < 80


def test_gaussian_noise_is_clipped_not_wrapped():
    for grey in (0, 255):
        noisy, _ = apply("gaussian_noise", flat(grey, 100, 100, 1), sigma_range=(40.0, 40.0))
        assert (noisy == grey).mean() == pytest.approx(0.5, abs=0.03)
        assert np.abs(noisy.astype(float) - grey).mean() == pytest.approx(40 / math.sqrt(2 * math.pi), rel=0.05)


@pytest.mark.parametrize("contrast", [0.05, 0.3, 0.7, 1.0])
def test_speckle_has_the_quantiles_of_gamma(contrast):
    noisy, achieved = apply("speckle_noise", flat(90, 300, 300, 1), contrast_range=(contrast, contrast))
    assert achieved["contrast"] == contrast
    light = srgb_to_linear(noisy / 255.0) / srgb_to_linear(np.array(90 / 255))
    assert light.mean() == pytest.approx(1, abs=0.01)
    looks = contrast**-2
    truth = np.random.default_rng(1).gamma(looks, 1 / looks, 200_000)
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(np.quantile(light, levels), np.quantile(truth, levels), atol=0.03)
    if contrast < 1:
        assert light.std() == pytest.approx(contrast, rel=0.03)


@pytest.mark.parametrize("contrast", [1e-6, 0.1, 1.0, 1.5, 2.0])
def test_speckle_keeps_the_mean_of_the_light(contrast):
    middle, slope = sensor._gamma_cube(contrast)
    factors = np.maximum(middle + slope * np.random.default_rng(0).standard_normal(2_000_000), 0) ** 3
    assert factors.mean() == pytest.approx(1, abs=0.005)
    assert factors.std() == pytest.approx(contrast, rel=0.1)


def test_speckle_leaves_black_black():
    assert not apply("speckle_noise", flat(0, 50, 50, 3))[0].any()


@pytest.mark.parametrize(("amount", "salt_share"), [(0.01, 0.5), (0.2, 0.25), (0.5, 1.0), (1.0, 0.0)])
def test_impulses_hit_their_share_in_all_colours(amount, salt_share):
    image = np.random.default_rng(0).integers(1, 255, (300, 250, 3), dtype=np.uint8)
    noisy, achieved = apply("impulse_noise", image, amount_range=(amount, amount), salt_share=salt_share)
    hit = (noisy != image).any(-1)
    assert hit.mean() == achieved["amount"] == pytest.approx(amount, rel=0.1)
    white, black = (noisy == 255).all(-1), (noisy == 0).all(-1)
    assert ((white | black) == hit).all()
    assert white.sum() / hit.sum() == pytest.approx(salt_share, abs=0.05)


@pytest.mark.parametrize("name", ["impulse_noise", "dead_pixels"])
def test_more_impulses_hit_the_same_places_and_others(name):
    image = flat(100, 64, 64, 1)
    few, many = (apply(name, image, level)[0] for level in (0.6, 0.9))
    assert (few != 100).any()
    assert (many[few != 100] == few[few != 100]).all()
    assert (many != 100).sum() > 2 * (few != 100).sum()


def banding_parts(noisy, grey):
    """Row and column means of the change of linear light, and what neither explains."""
    change = srgb_to_linear(noisy / 255.0) - srgb_to_linear(np.array(grey / 255))
    rows, columns = change.mean(-2, keepdims=True), change.mean(-3, keepdims=True)
    return rows, columns, change - rows - columns + change.mean((-3, -2), keepdims=True)


@pytest.mark.parametrize("row_share", [0.0, 0.5, 0.8, 1.0])
def test_banding_is_rows_plus_columns_in_linear_light(row_share):
    row_power, column_power = [], []
    for seed in range(6):
        noisy, achieved = apply(
            "banding", flat(188, 256, 256, 3), seed=seed, offset_range=(0.05, 0.05), row_share=row_share
        )
        assert achieved["offset"] == 0.05
        rows, columns, rest = banding_parts(noisy, 188)
        assert rest.std() < 0.005
        row_power.append(rows.var(-3).mean())
        column_power.append(columns.var(-2).mean())
    assert np.mean(row_power) == pytest.approx(row_share * 0.05**2, rel=0.15, abs=2e-6)
    assert np.mean(column_power) == pytest.approx((1 - row_share) * 0.05**2, rel=0.15, abs=2e-6)


def test_banding_keeps_columns_and_renews_rows_over_a_clip():
    clip = flat(188, 4, 128, 96, 3)
    fixed = apply("banding", clip, offset_range=(0.05, 0.05), row_share=0.0)[0]
    assert (fixed == fixed[:1]).all()
    assert fixed[0].std() > 5
    fresh = apply("banding", clip, offset_range=(0.05, 0.05), row_share=1.0)[0][:, :, 0, 0].astype(float)
    assert np.abs(np.corrcoef(fresh) - np.eye(4)).max() < 0.5


def test_banding_has_bands_of_several_lines():
    """Correlation of lines d apart: (number of band widths' overlaps max(0, 1 − d / width)) / 3, in the same phase."""
    rng = np.random.default_rng(0)
    stripes = np.stack([sensor._stripes(rng, 400, 1)[:, 0] for _ in range(400)])
    assert stripes.var() == pytest.approx(1, abs=0.03)
    for lag in (1, 2, 4, 8, 16):
        expected = sum(max(0, 1 - lag / width) for width in (1, 4, 16)) / 3
        # The bands' phase is drawn once a call, so the mean over lines is the mean over phases.
        assert (stripes[:, lag:] * stripes[:, :-lag]).mean() == pytest.approx(expected, abs=0.03)


def bilinear_demosaic(mosaic):
    """RGGB by definition: the mean of the nearest photosites of each colour among the 3 × 3 neighbours."""
    height, width = mosaic.shape
    picture = np.zeros((height, width, 3))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            for colour in range(3):
                sites = [
                    (abs(dy) + abs(dx), mosaic[y + dy, x + dx])
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                    if (y + dy) % 2 + (x + dx) % 2 == colour
                ]
                nearest = min(distance for distance, _ in sites)
                picture[y, x, colour] = np.mean([value for distance, value in sites if distance == nearest])
    return picture


def test_dead_pixels_are_what_demosaicing_makes_of_failed_photosites():
    image = noise_picture(20, 26, 3) // 2 + 64
    rng = np.random.default_rng(1)
    failed = np.sort(rng.choice(20 * 26, 15, replace=False))
    row, column = np.divmod(failed, 26)
    reading = rng.choice(np.array([0, 255], np.uint8), 15)
    y, x = np.mgrid[:20, :26]
    mosaic = image[y, x, y % 2 + x % 2].astype(float)
    damaged = mosaic.copy()
    damaged[row, column] = reading
    expected = np.clip(image + bilinear_demosaic(damaged) - bilinear_demosaic(mosaic), 0, 255)
    found = sensor._demosaiced(image, row, column, reading).astype(float)
    assert np.abs(found - expected)[1:-1, 1:-1].max() <= 0.51


@pytest.mark.parametrize("channels", [1, 3])
def test_dead_pixels_stay_where_they_are(channels):
    clip = np.stack([noise_picture(60, 80, channels)] * 3)
    clip[1:] //= 2
    noisy, achieved = apply("dead_pixels", clip, amount_range=(0.02, 0.02), hot_share=1.0)
    assert achieved["amount"] == pytest.approx(0.02, rel=0.3)
    changed = (noisy != clip).any(-1)
    assert (changed[1] == changed[2]).all()
    assert (changed[0] != changed[1]).mean() < 0.01  # a photosite of 255 is hot unseen
    if channels == 1:
        assert (noisy[changed] == 255).all()
        assert changed[1].mean() == achieved["amount"]


@pytest.mark.parametrize("name", ["sensor_noise", "gaussian_noise", "speckle_noise"])
def test_grain_is_fresh_in_every_frame_and_channel(name):
    noisy = corrupt(flat(140, 4, 64, 64, 3), f"image/{name}", level=0.6).astype(float)
    noisy -= noisy.mean()
    assert np.abs(np.corrcoef(noisy.reshape(4, -1)) - np.eye(4)).max() < 0.05
    assert np.abs(np.corrcoef(noisy.reshape(-1, 3).T) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_with_the_level(name):
    image = noise_picture(64, 64, 3)
    noisy = corrupt(image, f"image/{name}", level=1e-5)
    assert np.abs(noisy.astype(int) - image).max() <= 1
    assert (noisy == image).mean() > 0.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 1), (300, 1, 3), (2, 3, 1), (3, 1, 1, 1), (2, 5, 1, 3)])
def test_small_sizes(name, shape):
    image = noise_picture(*shape)
    for level in (0.01, 0.5, 1.0):
        assert corrupt(image, f"image/{name}", level=level).shape == shape


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("sensor_noise", "iso_range", (100.0, 1e9)),
        ("sensor_noise", "full_well_e", 1.0),
        ("sensor_noise", "read_noise_e", 0.0),
        ("gaussian_noise", "sigma_range", (0.0, 10.0)),
        ("speckle_noise", "contrast_range", (0.1, 5.0)),
        ("impulse_noise", "amount_range", (0.1, 1.1)),
        ("impulse_noise", "salt_share", 1.5),
        ("banding", "offset_range", (0.2, 0.1)),
        ("banding", "row_share", -0.1),
        ("dead_pixels", "amount_range", (0.0, 0.1)),
        ("dead_pixels", "hot_share", 2.0),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(f"image/{name}", **{field: value})
