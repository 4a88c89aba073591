import numpy as np
import pytest

from noise_scheduler.image.light import bands, grid_shape, in_steps, plasma, relight, under_sky
from noise_scheduler.image.low_light import linear_to_srgb, srgb_to_linear


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("brightest", [20, 255])
def test_relight_is_the_formula_in_float(channels, per_channel, brightest):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, brightest + 1, (30, 40, channels), dtype=np.uint8)
    shape = (30, 40, channels) if per_channel else (30, 40)
    seen, added = rng.random((2, *shape), dtype=np.float32)
    added *= np.float32((brightest / 255) ** 2)
    one_each = (slice(None),) * 2 + (slice(None) if per_channel else None,)
    light = srgb_to_linear(frame / 255.0) * seen[one_each] + added[one_each]
    expected = 255 * linear_to_srgb(np.clip(light, 0, 1))
    assert (
        np.abs(relight(frame, in_steps(seen), in_steps(added)) - expected).max() < 0.62
    )  # half a grey level and half a table step


def test_relight_without_change_is_the_identity_and_leaves_its_input():
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    frame.setflags(write=False)
    np.testing.assert_array_equal(relight(frame), frame)
    all_seen, none = in_steps(np.ones((16, 16), np.float32)), in_steps(np.zeros((16, 16), np.float32))
    np.testing.assert_array_equal(relight(frame, all_seen, none), frame)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_hidden_shows_the_sky(channels):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (30, 40, channels), dtype=np.uint8)
    seen, sky = rng.random((30, 40, 1), dtype=np.float32), rng.random(channels, dtype=np.float32)
    expected = 255 * linear_to_srgb(srgb_to_linear(frame / 255.0) * seen + sky * (1 - seen))
    noisy = np.empty_like(frame)
    under_sky(frame, in_steps(seen[..., 0]), sky, noisy)
    assert np.abs(noisy - expected).max() < 0.62


def test_steps_are_clipped_and_rounded():
    field = np.array([-1.0, 0.0, 0.4 / 65535, 0.6 / 65535, 1.0, 7.0], np.float32)
    np.testing.assert_array_equal(in_steps(field), [0, 0, 0, 1, 65535, 65535])


@pytest.mark.parametrize("shape", [(700, 500, 3), (1, 300_000, 1), (5, 4, 3)])
def test_bands_cover_every_row_once(shape):
    rows = np.concatenate([np.arange(shape[0])[band] for band in bands(shape)])
    np.testing.assert_array_equal(rows, np.arange(shape[0]))
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    lit = relight(frame, np.full(shape[:2], 65535, np.uint16), np.zeros(shape, np.uint16))
    np.testing.assert_array_equal(lit, frame)


def test_plasma_is_smooth_with_unit_variance():
    fields = np.stack([plasma(np.random.default_rng(seed)) for seed in range(20)])
    np.testing.assert_allclose(fields.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(fields.std((1, 2)), 1, atol=1e-5)
    correlation = [(fields[:, :, lag:] * fields[:, :, : 64 - lag]).mean() for lag in (1, 4, 16)]
    assert 1 > correlation[0] > 0.9 > correlation[1] > correlation[2] + 0.2


@pytest.mark.parametrize(
    ("size", "expected"),
    [((224, 448), (100, 200)), ((50, 60), (50, 60)), ((1, 900), (1, 900)), ((4000, 100), (4000, 100))],
)
def test_grid_never_exceeds_the_picture(size, expected):
    assert grid_shape(*size, 100) == expected
