import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import corrupt, run
from noise_scheduler.image.grain import table_normals
from noise_scheduler.image.low_light import (
    LINEAR_STEPS,
    decode_steps,
    encode_steps,
    linear_to_srgb,
    reading_tables,
    srgb_to_linear,
)
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise


def apply(image, level, seed=0, **fields):
    with stream(key_of(seed, "low light"), 0, "test") as rng:
        return run(registry.build("image/low_light", **fields), "image/low_light", image, level, rng, {})


def quantiser_variance(mean_e, full_well_e):
    """Variance that rounding to 8-bit sRGB adds around a mean, electrons²."""
    code = np.round(255 * linear_to_srgb(np.array(mean_e / full_well_e)))
    step = full_well_e * float(srgb_to_linear((code + 0.5) / 255) - srgb_to_linear((code - 0.5) / 255))
    return step**2 / 12


def test_contract():
    check_noise("image/low_light")


def test_srgb_transfer_functions():
    encoded = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(encoded)), encoded, atol=1e-6)
    np.testing.assert_allclose(srgb_to_linear(np.array([0, 0.04, 0.5, 1])), [0, 0.0030960, 0.2140411, 1], atol=1e-6)


def test_linear_light_in_steps_goes_back_to_the_same_picture():
    image = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    np.testing.assert_allclose(decode_steps(image), LINEAR_STEPS * srgb_to_linear(image / 255) + 0.5, rtol=1e-6)
    np.testing.assert_array_equal(encode_steps(decode_steps(image)), image)
    np.testing.assert_array_equal(encode_steps(np.array([-9.0, 1e6], np.float32)), [0, 255])
    turned = decode_steps(image)[::-1, :, :1]
    np.testing.assert_array_equal(encode_steps(turned), image[::-1, :, :1])


@pytest.mark.parametrize(("read_noise_e", "ev"), [(1.0, -1.0), (2.0, -2.0), (2.0, -3.0), (4.0, -1.0)])
def test_variance_lies_on_the_photon_transfer_line(read_noise_e, ev):
    full_well_e = 300.0
    measured = 0
    for grey in (110, 150, 200, 240):
        image = np.full((400, 400, 1), grey, np.uint8)
        signal_e = full_well_e * 2**ev * float(srgb_to_linear(np.array(grey / 255)))
        variance_e = signal_e + read_noise_e**2
        if signal_e < 4 * math.sqrt(variance_e):
            continue  # clipped at zero
        measured += 1
        noisy, _ = apply(image, 1.0, exposure_ev_range=(ev, ev), full_well_e=full_well_e, read_noise_e=read_noise_e)
        electrons = full_well_e * srgb_to_linear(noisy / 255.0)
        assert electrons.mean() == pytest.approx(signal_e, rel=0.01)
        expected = variance_e + quantiser_variance(signal_e, full_well_e)
        assert electrons.var() == pytest.approx(expected, rel=0.03)
    assert measured >= 1


@pytest.mark.parametrize("signal_e", [0.0, 0.5, 2.0, 10.0, 100.0])
@pytest.mark.parametrize("read_noise_e", [1.0, 4.0])
def test_quadratic_of_a_normal_has_the_moments_of_poisson_plus_gauss(signal_e, read_noise_e):
    tables = reading_tables(np.full(256, signal_e), read_noise_e, LINEAR_STEPS)  # one electron per table step
    base, spread, skew = (float(table[0]) for table in tables)
    z = np.random.default_rng(0).standard_normal(1_000_000)
    reading = base + spread * z + skew * z * z
    rng = np.random.default_rng(1)
    truth = rng.poisson(signal_e, z.size) + read_noise_e * rng.standard_normal(z.size)
    sd = truth.std()
    assert reading.mean() == pytest.approx(signal_e, abs=0.01 * sd)
    assert reading.var() == pytest.approx(signal_e + read_noise_e**2, rel=0.01)
    skewness, true_skewness = (float((((v - v.mean()) / sd) ** 3).mean()) for v in (reading, truth))
    assert skewness == pytest.approx(true_skewness, abs=0.03)
    levels = np.array([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    np.testing.assert_allclose(np.quantile(reading, levels), np.quantile(truth, levels), atol=0.08 * sd)


def test_exposure_falls_by_the_declared_ev():
    image = np.full((200, 200, 3), 255, np.uint8)
    noisy, achieved = apply(image, 1.0, exposure_ev_range=(-0.1, -6.0))
    assert achieved["exposure_ev"] == pytest.approx(-6.0)
    assert np.log2(srgb_to_linear(noisy / 255.0).mean()) == pytest.approx(-6.0, abs=0.02)
    signal_e = 2000 * 2**-6.0
    assert achieved["snr_db"] == pytest.approx(10 * math.log10(signal_e**2 / (signal_e + 16)), abs=1e-6)


def test_black_has_no_snr_and_only_positive_read_noise():
    noisy, achieved = apply(np.zeros((100, 100, 3), np.uint8), 0.5)
    assert "snr_db" not in achieved
    assert 0 < noisy.mean() < 10
    assert (noisy == 0).mean() == pytest.approx(0.5, abs=0.06)


def test_vanishes_with_the_level():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    noisy, _ = apply(image, 1e-5)
    assert np.abs(noisy.astype(int) - image).max() <= 1
    assert (noisy == image).mean() > 0.99


def test_grain_is_fresh_in_every_frame_channel_and_pixel():
    clip = np.full((6, 64, 64, 3), 180, np.uint8)
    noisy = corrupt(clip, "image/low_light", level=0.7, fps=25.0).astype(float)
    noisy -= noisy.mean()
    frames = noisy.reshape(6, -1)
    correlation = np.corrcoef(frames) - np.eye(6)
    assert np.abs(correlation).max() < 0.05
    channels = np.corrcoef(noisy.reshape(-1, 3).T) - np.eye(3)
    assert np.abs(channels).max() < 0.05
    neighbours = (noisy[:, :, 1:] * noisy[:, :, :-1]).mean() / noisy.var()
    assert abs(neighbours) < 0.03


def test_a_large_picture_is_worked_in_blocks_of_fresh_noise():
    noisy = corrupt(np.full((512, 1024, 1), 200, np.uint8), "image/low_light", level=0.5).astype(float)
    top, bottom = noisy[:128].ravel(), noisy[128:256].ravel()  # 131,072 values each
    assert abs(np.corrcoef(top, bottom)[0, 1]) < 0.02


def test_table_normals_are_normal():
    draws = table_normals(np.random.default_rng(0), 1_000_003)
    assert draws.shape == (1_000_003,)
    assert draws.dtype == np.float32
    assert draws.mean() == pytest.approx(0, abs=0.005)
    assert draws.var() == pytest.approx(1, abs=0.005)
    assert (draws**4.0).mean() == pytest.approx(3, abs=0.05)
    assert (np.abs(draws) > 3).mean() == pytest.approx(0.0027, abs=0.0003)


@pytest.mark.parametrize(
    ("field", "value"),
    [("exposure_ev_range", (0.0, 1.0)), ("full_well_e", 0.0), ("read_noise_e", 0.5), ("read_noise_e", math.inf)],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("image/low_light", **{field: value})
