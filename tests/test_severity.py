"""Severity: the measures against a plain computation of the paper's formulae, their ends, and what they rank."""

import math

import numpy as np
import pytest
from scipy.ndimage import correlate1d

from noise_scheduler import build, corrupt, severity
from noise_scheduler.testing import example_samples


def scene(height=96, width=120, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    shapes = 120 + 60 * np.sin(x / 9 + y / 17) + 40 * np.sign(np.sin(x / 6) * np.cos(y / 8))
    return np.clip(shapes[..., None] + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def plain_vif(clean, noisy):
    """VIF in double precision, written from the paper with scipy's correlation."""
    luma = np.array([0.299, 0.587, 0.114])
    clean, noisy = np.rint(clean @ luma), np.rint(noisy @ luma)
    left = whole = 0.0
    for scale in range(1, 5):
        size = 2 ** (5 - scale) + 1
        taps = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * (size / 5) ** 2))
        taps /= taps.sum()

        def smooth(x, taps=taps):
            return correlate1d(correlate1d(x, taps, 0, mode="mirror"), taps, 1, mode="mirror")

        if scale > 1:
            clean, noisy = smooth(clean)[::2, ::2], smooth(noisy)[::2, ::2]
        variance = np.maximum(smooth(clean**2) - smooth(clean) ** 2, 0)
        noisy_variance = np.maximum(smooth(noisy**2) - smooth(noisy) ** 2, 0)
        covariance = smooth(clean * noisy) - smooth(clean) * smooth(noisy)
        gain = np.maximum(covariance, 0) / (variance + 1e-9)
        rest = np.maximum(noisy_variance - gain * np.maximum(covariance, 0), 0)
        left += np.log2(1 + gain**2 * variance / (rest + 2)).sum()
        whole += np.log2(1 + variance / 2).sum()
    return left / whole


@pytest.mark.parametrize("noise", ["image/motion_blur", "image/gaussian_noise", "image/fog", "image/jpeg"])
def test_image_severity_is_the_squared_loss_of_vif(noise):
    clean = scene()
    noisy = corrupt(clean, noise, level=0.5)
    assert severity.image(clean, noisy) == pytest.approx((1 - plain_vif(clean, noisy)) ** 2, abs=2e-3)


def test_ends():
    clean = scene()
    assert severity.image(clean, clean) == pytest.approx(0, abs=1e-9)
    assert severity.image(clean, np.full_like(clean, 90)) == pytest.approx(1, abs=1e-6)
    assert severity.image(clean, scene(seed=1)) < 0.5 < severity.image(clean, clean[::-1])


def test_a_picture_without_structure_has_nothing_to_lose():
    flat = np.full((40, 30, 3), 77, np.uint8)
    assert severity.image(flat, scene(40, 30)) == 0


def test_sizes_and_channels():
    for label, x, _ in example_samples("image"):
        measure = severity.image if x.ndim == 3 else severity.video
        assert 0 <= measure(x, 255 - x) <= 1, label
        assert measure(x, x) == pytest.approx(0, abs=1e-9), label


def test_more_contrast_is_not_a_loss():
    clean = (scene() // 4 + 90).astype(np.uint8)
    assert severity.image(clean, ((clean.astype(int) - 90) * 2 + 60).astype(np.uint8)) < 1e-9


def test_a_frozen_clip_loses_its_movement():
    picture = scene(64, 160)
    moving = np.stack([picture[:, t : t + 64] for t in range(0, 48, 4)])
    frozen = np.repeat(moving[:1], len(moving), 0)
    still = np.repeat(moving[:1], len(moving), 0)
    assert severity.video(still, still) == pytest.approx(0, abs=1e-9)
    assert severity.video(moving, frozen) > 0.5
    half = moving.copy()
    half[6:] = moving[5]
    assert 0.1 < severity.video(moving, half) < severity.video(moving, frozen)


def test_video_severity_of_one_frame_is_that_of_the_picture():
    clean = scene()
    noisy = corrupt(clean, "image/gaussian_noise", level=0.4)
    assert severity.video(clean[None], noisy[None]) == pytest.approx(severity.image(clean, noisy))


def test_clips_of_different_length_raise():
    clip = np.stack([scene()] * 3)
    with pytest.raises(ValueError, match="shape"):
        severity.video(clip, clip[:2])
    with pytest.raises(ValueError, match="shape"):
        severity.image(clip[0], clip[0, :50])


def mapped(linear, shift=(0.0, 0.0), height=160, width=200):
    """`ramps` seen through a map from the noisy to the clean picture, mirrored beyond the border."""
    cv2 = pytest.importorskip("cv2")
    centre = np.array([width - 1, height - 1]) / 2
    offset = centre + np.array(shift) * (width, height) - np.array(linear) @ centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mapping = np.column_stack([linear, offset])
    return cv2.warpAffine(
        severity.ramps((height, width, 3)), mapping, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )


@pytest.mark.parametrize(
    ("linear", "shift", "kept"),
    [
        (np.eye(2), (0, 0), 1),
        (np.eye(2), (0.25, 0), 0.75),
        (np.eye(2), (0.2, -0.3), 0.8 * 0.7),
        (0.8 * np.eye(2), (0, 0), 0.64),  # zoomed in: the rim is lost
        (1.2 * np.eye(2), (0, 0), 1),  # zoomed out: mirror images around it
        ([[0.0, -0.5], [0.5, 0.0]], (0, 0), 0.25),
        ([[0.8, 0], [0, 0.6]], (0, 0), 0.48 / (1 + 2 * (1 / 7) ** 2 / 0.3**2)),  # against a zoom of .7
        ([[0.7, 0.2], [0, 0.7]], (0, 0), 0.49 / (1 + 2 * 0.02 / 0.3**2)),  # a shear, against zoom and turn
    ],
)
def test_displacement_is_what_is_lost_of_the_area_and_by_strain(linear, shift, kept):
    assert 1 - math.sqrt(severity.displacement(mapped(linear, shift))) == pytest.approx(kept, abs=0.03)


def test_displacement_of_a_clip_is_that_of_what_its_frames_keep():
    still, moved = mapped(np.eye(2)), mapped(np.eye(2), (0.5, 0))
    assert severity.displacement(np.stack([still, moved])) == pytest.approx(0.25**2, abs=0.02)
    assert severity.displacement(still[:, ::-1]) == 1
    np.testing.assert_array_equal(severity.ramps((2, 160, 200, 1)), [severity.ramps((160, 200, 3))] * 2)


def test_noises_that_move_pixels_are_tried_on_ramps():
    clean = scene()
    measure = severity.against("image", clean)
    assert severity.trial(build("image/jpeg"), clean, measure) == (clean, measure)
    for name in ("image/detector_jitter", "image/elastic_warp", "image/lens_distortion"):
        probe, measured = severity.trial(build(name), clean, measure)
        np.testing.assert_array_equal(probe, severity.ramps(clean.shape))
        assert measured is severity.displacement
