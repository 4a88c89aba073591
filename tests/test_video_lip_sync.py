import numpy as np
import pytest
from video_clips import apply, check_pieces, numbered, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise

NAME = "video/lip_sync"


def test_contract():
    check_noise(NAME)


def test_pieces_of_a_recording():
    check_pieces(NAME, panned(40, 8, 8))


def test_a_late_picture():
    noisy, achieved = apply(NAME, numbered(50), 1.0, offset_ms_range=(200.0, 200.0))
    np.testing.assert_array_equal(noisy[:, 0, 0, 0], np.maximum(np.arange(50) - 5, 0))
    assert achieved["offset_ms"] == 200.0


def test_an_early_picture():
    noisy, achieved = apply(NAME, numbered(50), 1.0, offset_ms_range=(200.0, 200.0), directions=("early",))
    np.testing.assert_array_equal(noisy[:, 0, 0, 0], np.minimum(np.arange(50) + 5, 49))
    assert achieved["offset_ms"] == -200.0


def test_directions_are_drawn_evenly_and_recorded():
    offsets = [apply(NAME, numbered(2), 1.0, seed=seed, directions=("late", "early"))[1]["offset_ms"]
               for seed in range(200)]  # fmt: skip
    assert 70 < sum(offset > 0 for offset in offsets) < 130


def test_offsets_are_exact_in_the_mean():
    offsets = [apply(NAME, numbered(2), 1.0, seed=seed, offset_ms_range=(130.0, 130.0))[1]["offset_ms"]
               for seed in range(400)]  # fmt: skip
    assert set(offsets) == {120.0, 160.0}
    assert np.mean(offsets) == pytest.approx(130, abs=3)


def test_longer_than_the_clip():
    clip = numbered(3)
    noisy, achieved = apply(NAME, clip, 1.0)
    assert (noisy == 0).all()
    assert achieved["offset_ms"] >= 480


@pytest.mark.parametrize(
    ("field", "value"), [("offset_ms_range", (3.0, 1.0)), ("directions", ()), ("directions", ("sideways",))]
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(NAME, **{field: value})
