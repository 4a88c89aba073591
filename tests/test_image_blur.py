import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import corrupt, run
from noise_scheduler.image.blur import filter_line, line_kernel
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

LENGTHS = (0.0, 0.3, 1.0, 4.7, 11.3, 27.0, 90.0)
ANGLES = (0.0, 13.0, 45.0, 90.0, 121.5, 179.0)


def moments(kernel):
    """Covariance of a kernel in (x, y up) and its mean."""
    height, width = kernel.shape
    y, x = np.mgrid[:height, :width].astype(float)
    points = np.stack([x - width // 2, height // 2 - y]).reshape(2, -1)
    weights = kernel.reshape(-1).astype(float)
    mean = points @ weights
    return mean, (points * weights) @ points.T - np.outer(mean, mean)


def by_definition(frame, kernel):
    """Correlation as a sum of shifted copies of the mirrored picture, in float64."""
    up, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    height, width = frame.shape[:2]
    padded = np.pad(frame.astype(float), ((up, up), (left, left), (0, 0)), "reflect")
    return sum(
        kernel[i, j] * padded[i : i + height, j : j + width]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


def picture(height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_contract():
    check_noise("image/motion_blur")


@pytest.mark.parametrize("length_px", LENGTHS)
@pytest.mark.parametrize("angle_deg", ANGLES)
def test_kernel_is_a_centred_line_of_energy_one(length_px, angle_deg):
    kernel = line_kernel(length_px, angle_deg)
    mean, covariance = moments(kernel)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel >= 0).all()
    assert kernel.shape[0] % 2 == kernel.shape[1] % 2 == 1
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    direction = np.array([math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))])
    across = np.array([-direction[1], direction[0]])
    # A uniform line has variance L² / 12; tents and sharpened samples add less than 1/2 px².
    assert -1e-3 <= direction @ covariance @ direction - length_px**2 / 12 <= 0.5
    assert -1e-3 <= across @ covariance @ across <= 0.25


@pytest.mark.parametrize("angle_deg", [5.0, 30.0, 77.0, 100.0, 160.0])
def test_kernel_points_where_the_angle_says(angle_deg):
    _, covariance = moments(line_kernel(30.0, angle_deg))
    measured = math.degrees(0.5 * math.atan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1])) % 180
    assert measured == pytest.approx(angle_deg, abs=0.5)


def test_kernel_changes_smoothly_with_a_sub_pixel_length():
    peaks = [line_kernel(length_px, 0.0).max() for length_px in (0.0, 0.1, 0.2, 0.4, 0.8)]
    assert peaks[0] == 1
    np.testing.assert_allclose(peaks, [1, 0.975, 0.95, 0.9, 0.8], atol=0.01)  # 1 − L / 4 by integrating the tent


@pytest.mark.parametrize("length_px", [0.7, 6.0, 14.0, 27.0, 61.3])
@pytest.mark.parametrize("angle_deg", [0.0, 38.0, 90.0, 133.0])
def test_filtering_in_pieces_equals_the_definition(length_px, angle_deg):
    for channels in (1, 3):
        frame = picture(80, 90, channels)
        kernel = line_kernel(length_px, angle_deg)
        blurred = filter_line(frame, kernel)
        assert blurred.shape == frame.shape
        assert np.abs(blurred - by_definition(frame, kernel)).max() <= 0.6


def test_a_flat_picture_stays_as_it_is():
    for value in (0, 128, 255):
        frame = np.full((64, 48, 3), value, np.uint8)
        assert (filter_line(frame, line_kernel(33.0, 50.0)) == value).all()


def test_length_follows_the_size_of_the_picture():
    noise = registry.build("image/motion_blur")
    for size in (32, 224):
        with stream(key_of(0, 0), 0, "a") as rng:
            _, achieved = run(noise, "image/motion_blur", picture(size, size + 9, 3), 1.0, rng, {})
        assert achieved["length_px"] == pytest.approx(0.2 * size)
        assert 0 <= achieved["angle_deg"] < 180


def test_clip_is_blurred_differently_but_smoothly_over_time():
    point = np.zeros((12, 61, 61, 1), np.uint8)
    point[:, 30, 30] = 255
    noise = registry.build("image/motion_blur", length_range=(0.3, 0.3))
    spreads = []
    for seed in range(8):
        noisy = corrupt(point, noise, level=1.0, seed=seed, fps=25.0).astype(float)
        steps = np.abs(np.diff(noisy, axis=0)).sum((1, 2, 3))
        far = np.abs(noisy[0] - noisy[-1]).sum()
        assert (steps > 0).any()
        spreads.append(steps.mean() / far)
    assert np.mean(spreads) < 0.7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("length_range", (0.0, 0.1)),
        ("length_range", (0.1, 2.0)),
        ("time_constant_s", 0.0),
        ("time_constant_s", math.nan),
    ],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("image/motion_blur", **{field: value})
