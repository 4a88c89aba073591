"""Severity: the measures against a plain computation of their definition, their ends, and what they rank."""

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


def plain_severity(clean, noisy):
    """One minus the explained share, in double precision, by place: the noisy band's regression on the clean one."""
    luma = np.array([0.299, 0.587, 0.114])
    clean, noisy = np.rint(clean @ luma), np.rint(noisy @ luma)

    def mean(x, side):
        taps = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * 1.4**2))
        taps /= taps.sum()
        return correlate1d(correlate1d(x, taps, 0, mode="mirror"), taps, 1, mode="mirror")

    explained = whole = 0.0
    for band in range(5):
        coarse, noisy_coarse = mean(clean, 9), mean(noisy, 9)
        x, y = clean - coarse, noisy - noisy_coarse
        variance = mean(x * x, 7) - mean(x, 7) ** 2
        slope = np.maximum(mean(x * y, 7) - mean(x, 7) * mean(y, 7), 0) / np.maximum(variance, 1e-12)
        total = mean(y * y, 7) - mean(y, 7) ** 2
        seen = variance > 0.003
        explained += 3**band * (slope**2 * variance / (total + 0.3))[seen].sum()
        whole += 3**band * (variance / (variance + 0.3))[seen].sum()
        clean, noisy = coarse[::2, ::2], noisy_coarse[::2, ::2]
    return 1 - explained / whole


@pytest.mark.parametrize("noise", ["image/motion_blur", "image/gaussian_noise", "image/fog", "image/jpeg"])
def test_image_severity_is_the_contrast_that_is_not_explained(noise):
    clean = scene()
    noisy = corrupt(clean, noise, level=0.5)
    assert severity.image(clean, noisy) == pytest.approx(plain_severity(clean, noisy), abs=2e-3)


def test_severity_of_white_noise_is_that_of_its_share_of_the_variance():
    """Over texture of one variance, signal / (signal + noise) is explained."""
    rng = np.random.default_rng(0)
    clean = 128 + 12 * rng.standard_normal((512, 512, 1))
    noise = 12 * rng.standard_normal(clean.shape)
    both = [np.rint(np.clip(x, 0, 255)).astype(np.uint8) for x in (clean, clean + noise)]
    # Half of the variance is explained; windows of some ten independent values find a little more by chance.
    assert 0.40 < severity.image(*both) < 0.5


def test_local_damage_counts_by_its_area():
    clean = scene(256, 256)
    for share in (0.25, 0.5, 0.75):
        noisy = clean.copy()
        noisy[: round(256 * share)] = 128
        assert severity.image(clean, noisy) == pytest.approx(share, abs=0.05)


def test_ends():
    clean = scene()
    assert severity.image(clean, clean) == pytest.approx(0, abs=1e-6)
    assert severity.image(clean, np.full_like(clean, 90)) == pytest.approx(1, abs=1e-6)
    assert severity.image(clean, scene(seed=1)) < 0.5 < severity.image(clean, clean[::-1])


def test_a_picture_without_structure_has_nothing_to_lose():
    flat = np.full((40, 30, 3), 77, np.uint8)
    assert severity.image(flat, scene(40, 30)) == 0


def test_sizes_and_channels():
    for label, x, _ in example_samples("image"):
        measure = severity.image if x.ndim == 3 else severity.video
        assert 0 <= measure(x, 255 - x) <= 1, label
        assert measure(x, x) == pytest.approx(0, abs=1e-6), label


def test_more_contrast_is_not_a_loss():
    clean = (scene() // 4 + 90).astype(np.uint8)
    assert severity.image(clean, ((clean.astype(int) - 90) * 2 + 60).astype(np.uint8)) < 1e-9


def test_a_frozen_clip_loses_its_movement():
    picture = scene(64, 160)
    moving = np.stack([picture[:, t : t + 64] for t in range(0, 48, 4)])
    frozen = np.repeat(moving[:1], len(moving), 0)
    still = np.repeat(moving[:1], len(moving), 0)
    assert severity.video(still, still) == pytest.approx(0, abs=1e-6)
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
