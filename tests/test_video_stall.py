from itertools import pairwise

import numpy as np
import pytest
from video_clips import apply, check_pieces, numbered, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise

NAMES = ("video/freeze", "video/stutter")


def shown(name, frames, level, **fields):
    noisy, achieved = apply(name, numbered(frames), level, **fields)
    return noisy[:, 0, 0, 0].astype(int), achieved


def holds(numbers):
    """(number of the frame, on show for how many) of each frame that is held."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(numbers) != 0]))
    lengths = np.diff([*first, len(numbers)])
    return [(int(numbers[at]), int(length)) for at, length in zip(first, lengths, strict=True) if length > 1]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_pieces_of_a_recording(name):
    check_pieces(name, panned(120, 4, 4))
    check_pieces(name, panned(60, 4, 4), first_frame=90_001, fps=29.97)


@pytest.mark.parametrize("stall_s", [0.2, 0.6, 0.9])
def test_freezes_last_as_long_as_asked(stall_s):
    """At 25 fps, of an event that begins within a frame, that frame and the frames of the following seconds."""
    lengths = []
    for seed in range(20):
        numbers, achieved = shown("video/freeze", 250, 1.0, seed=seed, stall_s_range=(stall_s, stall_s))
        assert achieved["stall_s"] == stall_s
        assert achieved["frozen_share"] == pytest.approx(np.mean(numbers != np.arange(250)))
        lengths += [length - 1 for number, length in holds(numbers) if 0 < number < 200]
    assert len(lengths) == pytest.approx(20 * 4, rel=0.1)
    assert np.mean(lengths) == pytest.approx(25 * stall_s, abs=0.3)
    assert np.ptp(lengths) <= 1


def test_after_a_freeze_the_picture_is_of_the_present():
    numbers, _ = shown("video/freeze", 250, 0.4)
    moving = np.diff(numbers) > 0
    assert 0 < np.count_nonzero(~moving) < 200
    np.testing.assert_array_equal(numbers[1:][moving], np.arange(1, 250)[moving])


def test_frozen_share_of_time():
    shares = [shown("video/freeze", 250, 1.0, seed=seed, stall_s_range=(0.5, 0.5))[1]["frozen_share"]
              for seed in range(60)]  # fmt: skip
    assert np.mean(shares) == pytest.approx(0.25, abs=0.02)


def test_longer_stalls_freeze_what_shorter_ones_freeze():
    runs = [shown("video/freeze", 250, level)[0] for level in (0.1, 0.4, 0.7, 1.0)]
    for short, long in pairwise(runs):
        assert (long <= short).all()


def test_stutter_holds_then_plays_every_second_frame_until_the_present():
    numbers, achieved = shown("video/stutter", 250, 1.0, hold_s_range=(0.4, 0.4), interval_s=1.6)
    steps = np.diff(numbers)
    assert set(steps) <= {0, 1, 2, 3}
    lag = np.arange(250) - numbers
    assert lag.max() in range(8, 11)
    assert (lag == 0).mean() > 0.3
    held, fast = np.count_nonzero(steps == 0), np.count_nonzero(steps >= 2)
    assert held == pytest.approx(fast, abs=12)
    assert achieved["late_share"] == pytest.approx(np.mean(lag > 0))
    assert achieved["lag_ms"] == pytest.approx(lag.mean() * 40)


def test_no_picture_goes_back_in_time():
    for name in NAMES:
        for seed in range(10):
            assert (np.diff(shown(name, 250, 1.0, seed=seed)[0]) >= 0).all()


def test_a_still_clip_stays_as_it_is():
    still = np.full((30, 5, 3, 3), 90, np.uint8)
    for name in NAMES:
        np.testing.assert_array_equal(apply(name, still, 1.0)[0], still)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("video/freeze", "stall_s_range", (2.0, 1.0)), ("video/freeze", "interval_s", 0.0),
     ("video/stutter", "hold_s_range", (0.0, 1.0)), ("video/stutter", "interval_s", float("inf"))],
)  # fmt: skip
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
