import math
import re
from itertools import pairwise

import numpy as np
import pytest

from noise_scheduler import registry, severity
from noise_scheduler.contract import run
from noise_scheduler.image.contrast_kept import departure_borne
from noise_scheduler.image.primitives import _octaves_of_packed
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/random_filter", "image/random_tone", "image/random_spectrum", "image/random_mix")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "primitives"), 0, name) as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def picture(height, width, channels=3, seed=0):
    """Smooth blobs of middle contrast with a little texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / min(height, width)
    waves = sum(
        np.sin(2 * np.pi * (u * x + v * y) + phase) / (1 + abs(u) + abs(v))
        for u, v, phase in rng.uniform(-6, 6, (12, 3))
    )
    grey = 128 + 40 * waves[..., None] * rng.uniform(0.6, 1, channels) + rng.normal(0, 3, (height, width, channels))
    return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_distortion_rises_with_level_for_every_stream(name):
    image = picture(80, 96)
    for seed in range(10):
        distortion = [
            np.sqrt(np.mean((apply(name, image, level, seed=seed)[0].astype(float) - image) ** 2))
            for level in (0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
        ]
        assert all(low < high for low, high in pairwise(distortion)), seed


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width", "apart"), [(40, 30, 1), (70, 64, 2), (113, 125, 4)])
def test_filter_is_a_convolution_with_spaced_taps_of_the_declared_norm(height, width, apart, channels):
    options = {"kernel_norm_range": (0.4, 0.4)}
    reach = 2 * apart
    taps = np.arange(-reach, reach + 1, apart)
    for seed in range(4):
        point = np.full((height, width, channels), 100, np.uint8)
        middle = height // 2, width // 2
        point[middle] = 250
        response, achieved = apply("image/random_filter", point, 1.0, seed=seed, **options)
        difference = (response.astype(float) - point) / 150
        kernel = difference[np.ix_(middle[0] + taps, middle[1] + taps)][::-1, ::-1, 0]
        assert np.abs(difference).sum() == pytest.approx(channels * np.abs(kernel).sum())  # nothing but at the taps
        assert kernel.sum() == pytest.approx(0, abs=0.03)
        assert np.linalg.norm(kernel) == pytest.approx(achieved["kernel_norm"], rel=0.03)

        image = picture(height, width, channels) // 2 + 64
        padded = np.pad(image.astype(float), ((reach, reach), (reach, reach), (0, 0)), "reflect")
        seen = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(0, 1))[::apart, ::apart]
        expected = image + np.einsum("ij,ijchw->hwc", kernel, seen)
        noisy, _ = apply("image/random_filter", image, 1.0, seed=seed, **options)
        assert np.abs(noisy - expected).max() < 3
        close, _ = apply("image/random_filter", image, 1.0, seed=seed, taps_apart=0.0, **options)
        assert np.array_equal(close, noisy) == (apart == 1)


def test_channels_have_tone_curves_of_their_own_or_in_common():
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    own, _ = apply("image/random_tone", ramp, 0.5)
    common, _ = apply("image/random_tone", ramp, 0.5, common_share=1.0)
    assert np.ptp(common.astype(int), axis=2).max() == 0
    assert np.ptp(own.astype(int), axis=2).mean() > 5


def test_filter_and_spectrum_leave_a_flat_picture():
    for value in (0, 90, 255):
        flat = np.full((30, 40, 3), value, np.uint8)
        np.testing.assert_array_equal(apply("image/random_filter", flat, 1.0)[0], flat)
        np.testing.assert_array_equal(apply("image/random_spectrum", flat, 1.0)[0], flat)


@pytest.mark.parametrize("departure", [0.01, 0.04])
def test_tone_is_a_curve_per_channel_of_the_declared_departure(departure):
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    options = {"departure_range": (departure, departure), "per_picture": False}
    for seed in range(6):
        noisy, achieved = apply("image/random_tone", ramp, 1.0, seed=seed, **options)
        curves = noisy.reshape(256, 3).astype(float)
        assert (curves[0] == 0).all()
        assert (curves[-1] == 255).all()
        measured = math.sqrt(np.mean((curves / 255 - np.arange(256)[:, None] / 255) ** 2))
        assert achieved["departure"] == departure
        assert measured == pytest.approx(departure, rel=0.2)  # rounding, and clipping near black and white
        if departure == 0.01:
            assert (np.diff(curves, axis=0) >= 0).mean() > 0.99
        image = picture(30, 40)
        toned, _ = apply("image/random_tone", image, 1.0, seed=seed, **options)
        for channel in range(3):
            np.testing.assert_array_equal(toned[..., channel], curves[image[..., channel], channel])


@pytest.mark.parametrize("channels", [1, 3])
def test_tone_departs_by_a_multiple_of_what_the_picture_bears(channels):
    """Curves of a small departure, seen on a ramp, tell their shape; the picture bears what is computed from that."""
    ramp = np.repeat(np.arange(0, 65536, dtype=np.uint32).astype(np.uint8).reshape(256, 256, 1), channels, 2)
    image = picture(60, 80, channels)
    for seed in range(4):
        bent, _ = apply("image/random_tone", ramp, 1.0, seed, departure_range=(0.1, 0.1), per_picture=False)
        bend = (bent[0].astype(float) / 255 - np.arange(256)[:, None] / 255) / 0.1
        noisy, achieved = apply("image/random_tone", image, 1.0, seed, departure_range=(0.5, 0.5))
        assert achieved["departure"] == pytest.approx(0.5 * departure_borne(image, bend), rel=0.1)
        departures = (achieved["departure"],) * 2
        same, _ = apply("image/random_tone", image, 1.0, seed, departure_range=departures, per_picture=False)
        assert np.abs(same.astype(int) - noisy).max() <= 1


def test_tones_bent_by_what_a_picture_bears_cost_like_pictures_as_much():
    image = picture(96, 96)
    losses = {}
    for per_picture, departure in ((True, 0.5), (False, 0.17)):
        options = {"departure_range": (departure, departure), "per_picture": per_picture}
        losses[per_picture] = [
            [severity.image(clean, apply("image/random_tone", clean, 1.0, seed, **options)[0]) for seed in range(40)]
            for clean in (image, image // 6 + 110, 255 - image // 3)
        ]
    assert np.mean(losses[True]) == pytest.approx(np.mean(losses[False]), abs=0.05)
    assert np.std(losses[True]) < 0.75 * np.std(losses[False])


@pytest.mark.parametrize(("rows", "columns"), [(12, 16), (15, 16), (12, 9), (15, 25)])
def test_frequencies_of_the_packed_spectrum(rows, columns):
    """A wave of one frequency fills only cells of that frequency."""
    cv2 = pytest.importorskip("cv2")
    octaves = _octaves_of_packed(rows, columns)
    y, x = np.mgrid[:rows, :columns]
    for down in range(rows):
        for across in range(columns):
            wave = np.cos(2 * np.pi * (down * y / rows + across * x / columns) + 0.7)
            cells = octaves[np.abs(cv2.dft(wave.astype(np.float64))) > 1e-6]
            frequency = math.hypot(min(down, rows - down) / rows, min(across, columns - across) / columns)
            assert set(cells) == {min(144, round(16 * math.log2(max(1, 512 * frequency))))}


def test_spectrum_is_perturbed_by_the_declared_relative_error():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 196, (48, 60, 1), dtype=np.uint8)
    spectrum = np.fft.fft2(image[..., 0].astype(float))
    inner = np.abs(spectrum) > np.quantile(np.abs(spectrum), 0.3)
    inner[0, 0] = False
    powers, means = [], []
    for seed in range(60):
        noisy, achieved = apply("image/random_spectrum", image, 1.0, seed=seed, relative_error_range=(0.25, 0.25))
        assert achieved["relative_error"] == 0.25
        assert noisy.mean() == pytest.approx(image.mean(), abs=0.6)
        ratio = ((np.fft.fft2(noisy[..., 0].astype(float)) - spectrum) / spectrum)[inner]
        powers.append((np.abs(ratio) ** 2).mean())
        means.append(abs(ratio.mean()) / np.abs(ratio).mean())
        assert (ratio.real**2).mean() == pytest.approx((ratio.imag**2).mean(), rel=0.3)
    assert math.sqrt(np.mean(powers)) == pytest.approx(0.25, rel=0.25)
    assert np.mean(means) < 0.1


def test_mix_is_a_straight_line_from_the_clean_picture_to_a_fixed_target():
    image = picture(60, 70)
    for seed in range(6):
        target, achieved = apply("image/random_mix", image, 1.0, seed=seed)
        assert achieved["share"] == 1
        assert re.fullmatch(r"[ftsw]{1,2}( [ftsw]{1,2}){2}", achieved["chains"])
        for share in (0.1, 0.5, 0.8):
            noisy, _ = apply("image/random_mix", image, 1.0, seed=seed, share_range=(share, share))
            expected = image + share * (target.astype(float) - image)
            assert np.abs(noisy - expected).max() < 1.1


def test_target_of_a_mix_is_the_weighted_average_of_its_chains():
    """The same stream is drawn from by hand; the primitives of the chains then go on from it."""
    image = picture(40, 50)
    primitives = [
        registry.build("image/random_filter", kernel_norm_range=(0.02, 40.0), taps_apart=0.0),
        registry.build("image/random_tone", departure_range=(0.004, 4.0), per_picture=False, common_share=0.4),
        registry.build("image/random_spectrum"),
        registry.build("image/elastic_warp"),
    ]
    for seed in range(4):
        target, achieved = apply("image/random_mix", image, 1.0, seed=seed)
        with stream(key_of(seed, "primitives"), 0, "image/random_mix") as rng:
            weights = rng.dirichlet(np.ones(3))
            rng.integers(4, size=(3, 2)), rng.integers(1, 2, 3, endpoint=True)
            strengths = rng.uniform(0.7, 1.0, (3, 2))
            average = np.zeros(image.shape)
            for chain, letters in enumerate(achieved["chains"].split()):
                perturbed = image
                for letter, strength in zip(letters, strengths[chain], strict=False):
                    perturbed, _ = primitives["ftsw".index(letter)](perturbed, strength, rng, fps=25.0)
                average += weights[chain] * perturbed
        assert np.abs(target - average).max() < 0.51


def test_mixes_differ():
    chains = {apply("image/random_mix", picture(20, 20), 0.5, seed=seed)[1]["chains"] for seed in range(20)}
    assert len(chains) > 10
    assert set("".join(chains)) == set("ftsw ")


@pytest.mark.parametrize("name", ["image/random_filter", "image/random_spectrum"])
def test_a_larger_picture_looks_the_same(name):
    cv2 = pytest.importorskip("cv2")
    small = picture(224, 240)
    large = cv2.resize(small, (720, 672), interpolation=cv2.INTER_CUBIC)
    from_large = cv2.resize(apply(name, large, 0.6)[0], (240, 224), interpolation=cv2.INTER_AREA)
    difference = apply(name, small, 0.6)[0].astype(float) - small
    other = from_large.astype(float) - cv2.resize(large, (240, 224), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(difference.ravel(), other.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("name", NAMES[:3])
def test_clip_changes_smoothly_and_is_a_function_of_time(name):
    clip = np.stack([picture(64, 64)] * 13)
    fast, _ = apply(name, clip, 0.5, fps=25.0)
    slow, _ = apply(name, clip[:7], 0.5, fps=12.5)
    np.testing.assert_array_equal(fast[::2], slow)
    steps = np.sqrt((np.diff(fast.astype(float), axis=0) ** 2).mean((1, 2, 3)))
    far = math.sqrt(((fast[0].astype(float) - fast[-1]) ** 2).mean())
    assert 0 < steps.max() < 0.6 * far


@pytest.mark.parametrize("name", NAMES)
def test_any_size(name):
    for shape in ((1, 1, 3), (1, 300, 3), (300, 1, 1), (7, 5, 3), (11, 13, 1), (2, 3, 2, 1)):
        for level in (0.01, 1.0):
            noisy, _ = apply(name, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), level)
            assert noisy.shape == shape


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("image/random_filter", "kernel_norm_range", (0.0, 1.0)),
        ("image/random_filter", "time_constant_s", 0.0),
        ("image/random_tone", "departure_range", (0.5, 0.1)),
        ("image/random_spectrum", "relative_error_range", (0.1, math.inf)),
        ("image/random_mix", "share_range", (0.1, 1.2)),
        ("image/random_mix", "strength_range", (0.0, 1.0)),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
