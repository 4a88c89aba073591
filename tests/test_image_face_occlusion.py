from itertools import pairwise

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image.worn import Worn
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

SHAPES = ("hand", "mask", "sunglasses")


def apply(image, level, seed=0, fps=25.0, first_frame=0, **fields):
    noise = registry.build("image/face_occlusion", **fields)
    with stream(key_of(seed, "face"), 0, "test") as rng:
        return run(noise, "image/face_occlusion", image, level, rng, {"fps": fps, "first_frame": first_frame})


def hidden_share(shape, level, **options):
    """How much of every pixel is hidden, from what the same thing does to a white and to a black picture."""
    white, achieved = apply(np.full(shape, 255, np.uint8), level, **options)
    black, _ = apply(np.zeros(shape, np.uint8), level, **options)
    return 1 - (white.astype(float) - black).mean(-1) / 255, achieved


@pytest.mark.parametrize("shape", SHAPES)
def test_contract(shape):
    check_noise(registry.build("image/face_occlusion", shapes=(shape,)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.02, 0.16, 0.4, 0.85])
def test_area_is_that_of_the_pixels_in_the_box(shape, area):
    box = (0.25, 0.125, 0.75, 0.875)
    for seed in range(6):
        options = {"seed": seed, "shapes": (shape,), "area_range": (area, area), "face_box": box}
        hidden, achieved = hidden_share((160, 120, 3), 1.0, **options)
        in_box = hidden[20:140, 30:90].mean()
        assert achieved["occluded_area"] == pytest.approx(in_box, abs=0.004)
        assert in_box == pytest.approx(area, rel=0.08)
        assert achieved["shape"] == shape


@pytest.mark.parametrize(
    ("shape", "area", "low", "high"),
    [("mask", 0.25, (0.42, 0.66), (0.58, 0.82)), ("sunglasses", 0.14, (0.42, 0.34), (0.58, 0.46))],
)
def test_worn_things_sit_at_mouth_and_eyes(shape, area, low, high):
    box = (0.3, 0.2, 0.8, 0.8)
    for seed in range(8):
        options = {"seed": seed, "shapes": (shape,), "area_range": (area, area), "face_box": box}
        hidden, _ = hidden_share((200, 200, 1), 1.0, **options)
        rows, columns = np.nonzero(hidden > 0.5)
        x, y = (columns.mean() / 200 - 0.3) / 0.5, (rows.mean() / 200 - 0.2) / 0.6
        assert low[0] < x < high[0]
        assert low[1] < y < high[1]
        inside = hidden[40:160, 60:160].sum() / hidden.sum()
        assert inside > 0.97


def test_natural_mask_covers_mouth_and_nose_and_leaves_eyes_and_brow():
    for seed in range(8):
        hidden, _ = hidden_share((100, 100, 3), 1.0, seed=seed, shapes=("mask",), area_range=(0.3, 0.3))
        assert hidden[60:88, 35:65].min() > 0.99
        assert hidden[:42, 20:80].max() < 0.01


def test_sunglasses_cover_the_eyes_let_some_light_through_and_leave_the_mouth():
    for seed in range(8):
        hidden, _ = hidden_share((100, 100, 3), 1.0, seed=seed, shapes=("sunglasses",), area_range=(0.16, 0.16))
        for eye in (hidden[38:44, 24:34], hidden[38:44, 66:76]):
            assert eye.min() > 0.78
            assert eye.max() < 0.98
        assert hidden[62:].max() < 0.01


def test_distance_to_a_mask_is_the_distance_to_its_edge():
    """Where nothing is bent, along the axis of the face, distances are exact."""
    rng = np.random.default_rng(0)
    worn = Worn.draw("mask", rng, 3)
    y = np.linspace(0, 1, 201, dtype=np.float32)
    outer, _ = worn.distances(np.full_like(y, worn.centre[0]), y, 1.0)
    top, bottom = worn.centre[1] - 0.24, worn.centre[1] + 0.22
    np.testing.assert_allclose(outer, np.minimum(y - top, bottom - y), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_area_rises_with_level_from_nothing(shape):
    areas = []
    for level in (0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0):
        areas.append(apply(np.zeros((96, 80, 3), np.uint8), level, shapes=(shape,))[1]["occluded_area"])
    assert areas[0] < 0.001
    assert all(low < high for low, high in pairwise(areas))
    assert areas[-1] == pytest.approx(0.85, rel=0.05)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(1, 1, 3), (7, 5, 3), (1, 40, 1), (40, 1, 3), (2160, 3840, 3)])
def test_any_size(shape, size):
    image = np.full(size, 130, np.uint8)
    for box in ((0, 0, 1, 1), (0.999, 0.0, 1.0, 0.001)):
        noisy, achieved = apply(image, 0.6, shapes=(shape,), face_box=box)
        assert noisy.shape == size
        assert 0 <= achieved["occluded_area"] <= 1


def test_everything_is_hidden_when_asked():
    for shape in SHAPES:
        hidden, _ = hidden_share((60, 50, 3), 1.0, shapes=(shape,), area_range=(1.0, 1.0))
        assert hidden.mean() > 0.97


@pytest.mark.parametrize("shape", SHAPES)
def test_clip_is_the_same_whole_and_in_pieces_and_moves_little(shape):
    clip = np.random.default_rng(0).integers(0, 256, (9, 60, 48, 3), dtype=np.uint8)
    whole, _ = apply(clip, 0.4, shapes=(shape,))
    pieces = [apply(clip[a:b], 0.4, shapes=(shape,), first_frame=a)[0] for a, b in ((0, 1), (1, 5), (5, 9))]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))
    later, _ = apply(clip[:2], 0.4, shapes=(shape,), first_frame=100_000)
    assert not np.array_equal(later, whole[:2])
    hidden, _ = hidden_share((30, 60, 48, 3), 0.4, shapes=(shape,))
    steps = np.abs(np.diff(hidden, axis=0)).mean((1, 2))
    assert 0 < steps.max() < 0.05


def test_colour_of_a_grey_picture_is_the_luma_of_the_colours():
    for shape in ("mask", "sunglasses"):
        options = {"shapes": (shape,), "area_range": (0.5, 0.5)}
        grey, _ = apply(np.zeros((64, 64, 1), np.uint8), 1.0, **options)
        rgb, _ = apply(np.zeros((64, 64, 3), np.uint8), 1.0, **options)
        np.testing.assert_allclose(grey[..., 0], rgb @ (0.299, 0.587, 0.114), atol=4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("area_range", (0.0, 0.5)),
        ("shapes", ()),
        ("shapes", ("bar",)),
        ("face_box", (0.5, 0.0, 0.5, 1.0)),
        ("face_box", (0.0, 0.0, 1.0)),
        ("face_box", (0.0, 0.0, 100.0, 120.0)),
        ("time_constant_s", 0),
    ],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("image/face_occlusion", **{field: value})
