import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image.occluders import SHAPES
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise


def apply(image, level, seed=0, fps=25.0, first_frame=0, **fields):
    noise = registry.build("image/occlusion", **fields)
    with stream(key_of(seed, "occlusion"), 0, "test") as rng:
        return run(noise, "image/occlusion", image, level, rng, {"fps": fps, "first_frame": first_frame})


def seen_share(shape, level, **options):
    """How much of every pixel is still seen, from what the same thing does to a white and to a black picture."""
    white, achieved = apply(np.full(shape, 255, np.uint8), level, **options)
    black, _ = apply(np.zeros(shape, np.uint8), level, **options)
    return (white.astype(float) - black) / 255, achieved


def test_contract():
    check_noise("image/occlusion")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.003, 0.05, 0.3, 0.74, 0.97])
def test_covered_area_is_exact(shape, area):
    for size in ((1, 1, 3), (7, 5, 3), (1, 33, 1), (33, 1, 1), (64, 64, 3), (120, 200, 1)):
        for seed in range(4):
            seen, achieved = seen_share(size, 1.0, seed=seed, shapes=(shape,), area_range=(area, area))
            assert achieved["occluded_area"] == pytest.approx(area, rel=0.02, abs=0.01 if min(size) < 64 else 0.0003)
            assert achieved["shape"] == shape
            assert 1 - seen.mean() == pytest.approx(achieved["occluded_area"], abs=0.003)


def test_covers_everything_when_asked():
    seen, achieved = seen_share((40, 50, 3), 1.0, area_range=(1.0, 1.0))
    assert achieved["occluded_area"] == pytest.approx(1, abs=1e-4)
    assert seen.max() < 0.6


def test_level_moves_the_area_and_vanishes():
    for level, area in ((1.0, 0.85), (0.5, 0.43), (0.025, 0.5 * (0.01 + 0.84 * 0.025))):
        assert apply(np.zeros((50, 60, 3), np.uint8), level)[1]["occluded_area"] == pytest.approx(area, rel=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_thing_is_opaque_in_one_piece_and_leaves_the_rest_alone(shape):
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    for seed in range(4):
        options = {"seed": seed, "shapes": (shape,), "area_range": (0.25, 0.25)}
        seen, _ = seen_share(image.shape, 1.0, **options)
        noisy, _ = apply(image, 1.0, **options)
        assert (np.abs(noisy.astype(int) - image)[seen > 0.999] <= 1).all()
        solid = (seen.mean(-1) < 0.5).astype(np.uint8)
        assert (seen < 0.01).mean() > 0.15
        _, _, stats, _ = cv2.connectedComponentsWithStats(solid)
        assert stats[1:, cv2.CC_STAT_AREA].max() > 0.97 * solid.sum()
        assert ((seen > 0.02) & (seen < 0.98)).mean() < 0.2


def test_clip_keeps_one_rigid_thing_on_a_smooth_path():
    for seed in range(6):
        seen, achieved = seen_share((12, 96, 96, 3), 1.0, seed=seed, shapes=("sheet",), area_range=(0.1, 0.1))
        hidden = 1 - seen.mean(-1)
        assert hidden[0].mean() == pytest.approx(0.1, abs=0.003)
        assert achieved["occluded_area"] == pytest.approx(hidden.mean(), abs=0.003)
        steps = np.abs(np.diff(hidden, axis=0)).mean((1, 2))
        assert 0 < steps.max() < 0.1  # moves, and by less than its own size per frame


def test_movement_is_the_same_at_any_frame_rate():
    """The twelve-frame clip at 25 Hz spans the time of the six-frame clip at 12.5 Hz: the same total movement."""
    travel = []
    for frames, fps in ((13, 25.0), (7, 12.5)):
        total = 0.0
        for seed in range(10):
            seen, _ = seen_share((frames, 64, 64, 1), 1.0, seed=seed, fps=fps, shapes=("sheet",), area_range=(0.1, 0.1))
            total += float(np.abs(seen[-1] - seen[0]).mean())
        travel.append(total)
    assert travel[0] == pytest.approx(travel[1], rel=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_clip_is_the_same_whole_and_in_pieces(shape):
    clip = np.random.default_rng(0).integers(0, 256, (9, 60, 48, 3), dtype=np.uint8)
    whole, _ = apply(clip, 0.4, shapes=(shape,))
    pieces = [apply(clip[a:b], 0.4, shapes=(shape,), first_frame=a)[0] for a, b in ((0, 1), (1, 5), (5, 9))]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))
    still, _ = apply(clip[0], 0.4, shapes=(shape,))
    np.testing.assert_array_equal(whole[0], still)


def test_held_clip_frames_of_a_still_scene_differ_only_by_movement():
    clip = np.full((2, 64, 64, 3), 90, np.uint8)
    noisy, _ = apply(clip, 0.5, fps=1e6)
    assert np.abs(noisy[0].astype(int) - noisy[1]).max() <= 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("area_range", (0.0, 0.5)),
        ("area_range", (0.1, 1.5)),
        ("shapes", ()),
        ("shapes", ("cat",)),
        ("time_constant_s", 0),
    ],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("image/occlusion", **{field: value})


def test_colour_of_a_grey_picture_is_grey():
    noisy, _ = apply(np.full((32, 32, 1), 128, np.uint8), 1.0, seed=3)
    assert noisy.shape == (32, 32, 1)
    assert not math.isclose(float(noisy.mean()), 128)
