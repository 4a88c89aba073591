import io
import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image import coding
from noise_scheduler.image.rounding import stochastic_round
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise, example_samples

Image = pytest.importorskip("PIL.Image")

NAMES = ("image/jpeg", "image/webp")
FORMATS = {
    "image/jpeg": {"format": "JPEG", "subsampling": "4:2:0"},
    "image/webp": {"format": "WEBP", "method": 4},
}


def apply(name, image, level, seed=0, first_frame=0, **fields):
    with stream(key_of(seed, "coding"), 0, "test") as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"first_frame": first_frame})


def picture(height, width, channels):
    y, x = np.mgrid[:height, :width] / 9
    waves = 128 + 60 * np.stack([np.sin(x + y * c) + np.sign(np.cos(x * y / 9 - c)) for c in range(channels)], -1)
    return np.clip(waves, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name, draws=4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (7, 5, 3), (2, 3, 1, 1), (3, 5000, 1)])
def test_odd_sizes(name, shape):
    noisy, achieved = apply(name, np.full(shape, 77, np.uint8), 1.0)
    assert noisy.shape == shape
    assert np.abs(noisy.astype(int) - 77).max() < 40
    assert achieved["bits_per_pixel"] > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", [5, 40, 90])
def test_same_as_another_library_at_the_same_quality(name, quality):
    image = picture(96, 120, 3)
    noisy, achieved = apply(name, image, 0.5, quality_range=(quality, quality))
    file = io.BytesIO()
    Image.fromarray(image).save(file, quality=quality, **FORMATS[name])
    other = np.asarray(Image.open(file).convert("RGB"))
    assert achieved["quality"] == quality
    assert np.abs(noisy.astype(int) - other).mean() < 0.5
    assert achieved["bits_per_pixel"] == pytest.approx(8 * len(file.getvalue()) / image[..., 0].size, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_ends_and_rate(name):
    image = picture(64, 80, 3)
    mild, extreme = apply(name, image, 1e-9)[1], apply(name, image, 1.0)[1]
    declared = registry.build(name).quality_range[0]
    assert declared - 1 <= mild["quality"] <= declared
    assert extreme["quality"] == 1
    assert extreme["bits_per_pixel"] < 0.3 * mild["bits_per_pixel"]


def test_scale_of_the_jpeg_tables_moves_in_equal_ratios():
    """Entry 0 of the coded luma table is 16 · scale / 100 by T.81, Annex K."""
    for quality in (90, 70, 50, 30, 10):
        file = io.BytesIO()
        Image.fromarray(picture(8, 8, 1)[..., 0]).save(file, format="JPEG", quality=quality)
        entry = Image.open(file).quantization[0][0]
        assert entry == math.floor(16 * coding._table_scale(quality) / 100 + 0.5)
        assert coding._quality_of_scale(coding._table_scale(quality)) == pytest.approx(quality)
    qualities = [np.mean([apply("image/jpeg", picture(8, 8, 1), level, seed)[1]["quality"] for seed in range(200)])
                 for level in (0.25, 0.5, 0.75)]  # fmt: skip
    ends = np.array([4.0, 5000.0])
    scales = [ends[0] ** (1 - t) * ends[1] ** t for t in (0.25, 0.5, 0.75)]
    expected = [100 - scales[0] / 2, 5000 / scales[1], 5000 / scales[2]]
    np.testing.assert_allclose(qualities, expected, atol=0.15)


def test_webp_quality_moves_in_equal_steps_of_the_quantiser():
    for quality in (1, 20, 74.9, 75.1, 95, 100):
        assert coding._quality_of_fineness(coding._fineness(quality)) == pytest.approx(quality)
    assert coding._fineness(100) == pytest.approx(1)
    assert coding._fineness(75) == pytest.approx(0.5 ** (1 / 3))


@pytest.mark.parametrize("name", NAMES)
def test_colours_stay_in_their_channels(name):
    image = np.zeros((32, 32, 3), np.uint8) + np.array([200, 120, 30], np.uint8)
    noisy, _ = apply(name, image, 0.3)
    assert np.abs(noisy.astype(int) - image).max() <= 6


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_coded_one_by_one_at_a_quality_that_is_held(name):
    clip = next(x for label, x, _ in example_samples("image") if label == "clip")
    noisy, achieved = apply(name, clip, 0.6, time_constant_s="held")
    alone = [apply(name, frame, 0.6) for frame in clip]
    np.testing.assert_array_equal(noisy, np.stack([frame for frame, _ in alone]))
    assert achieved["bits_per_pixel"] == pytest.approx(np.mean([a["bits_per_pixel"] for _, a in alone]))


@pytest.mark.parametrize("name", NAMES)
def test_quality_drifts_over_a_clip_or_is_held(name):
    def qualities(**fields):
        return [
            apply(name, np.zeros((8, 8, 1), np.uint8), 0.5, 1, frame, **fields)[1]["quality"] for frame in range(99)
        ]

    held, drifting = qualities(time_constant_s="held"), qualities()
    assert len(set(held)) == 1
    assert drifting[0] == held[0]
    assert np.std(drifting) > 1
    assert 0 < np.abs(np.diff(drifting)).mean() < np.std(drifting)


@pytest.mark.parametrize(("name", "side"), [("image/jpeg", 65500), ("image/webp", 16383)])
def test_too_long_a_side_is_named(name, side):
    assert apply(name, np.zeros((1, side, 1), np.uint8), 0.5)[0].shape == (1, side, 1)
    with pytest.raises(ValueError, match="at most"):
        apply(name, np.zeros((side + 1, 1, 3), np.uint8), 0.5)


def test_stochastic_rounding():
    rng = np.random.default_rng(0)
    drawn = [stochastic_round(2.3, rng) for _ in range(4000)]
    assert set(drawn) == {2, 3}
    assert np.mean(drawn) == pytest.approx(2.3, abs=0.03)
    assert {stochastic_round(5.0, rng) for _ in range(50)} == {5}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [(5.0, 50.0), (95.0, 0.0), (120.0, 1.0)])
def test_bad_fields_are_named(name, value):
    with pytest.raises(ValueError, match="quality_range"):
        registry.build(name, quality_range=value)
