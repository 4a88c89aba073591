import numpy as np
import pytest

from noise_scheduler.rng import key_of, stream
from noise_scheduler.video.timing import check_seconds, frames_in, last_arrived, shown, start_times


def starts_at(time_s, interval_s, lookback_s):
    with stream(key_of(1, "timing"), 0, "test") as rng:
        return start_times(rng, np.asarray(time_s, float), interval_s=interval_s, lookback_s=lookback_s)


def test_one_event_in_each_interval():
    starts_s, draws, numbers = starts_at([0, 200], 2.0, 3.0)
    assert (np.diff(numbers) == 1).all()
    gaps = np.diff(starts_s)
    assert len(starts_s) == pytest.approx(100, abs=5)
    assert gaps.min() > 1
    assert gaps.max() < 3
    assert gaps.mean() == pytest.approx(2, abs=0.05)
    assert draws.mean() == pytest.approx(0.5, abs=0.1)
    assert starts_s[0] < -3
    assert starts_s[-1] > 197


def test_a_piece_meets_the_events_of_the_whole():
    whole_s, whole_draws, whole_numbers = starts_at([0, 60], 1.5, 4.0)
    for begin, end in ((0, 10), (7.3, 7.3), (20, 31), (59, 60)):
        part_s, part_draws, part_numbers = starts_at([begin, end], 1.5, 4.0)
        meant = (whole_s > begin - 4) & (whole_s <= end)
        kept = (part_s > begin - 4) & (part_s <= end)
        np.testing.assert_array_equal(part_s[kept], whole_s[meant])
        np.testing.assert_array_equal(part_draws[kept], whole_draws[meant])
        np.testing.assert_array_equal(part_numbers[kept], whole_numbers[meant])


def test_frames_on_show():
    arrived = np.array([False, True, False, False, True])
    source = last_arrived(arrived, 10)
    np.testing.assert_array_equal(source, [10, 11, 11, 11, 14])
    clip = np.arange(12, 15, dtype=np.uint8).reshape(3, 1, 1, 1)
    np.testing.assert_array_equal(shown(clip, source[2:], 12).ravel(), [12, 12, 14])


def test_lengths_of_time():
    assert frames_in(2.0, 12.5) == 25
    assert frames_in(0.001, 25) == 1
    with pytest.raises(ValueError, match="pause_s"):
        check_seconds("pause_s", 0.0)
