import numpy as np
import pytest
from video_clips import apply, check_pieces, numbered, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise

NAME = "video/variable_frame_rate"


def new_pictures(noisy):
    return np.flatnonzero(np.diff(noisy[:, 0, 0, 0].astype(int))) + 1


def test_contract():
    check_noise(NAME)


def test_pieces_of_a_recording():
    check_pieces(NAME, panned(60, 8, 8))
    check_pieces(NAME, panned(50, 4, 4), rate_share_range=(0.9, 0.1), first_frame=7_001)


@pytest.mark.parametrize("share", [0.8, 0.4, 0.1])
def test_rate(share):
    rates = []
    for seed in range(30):
        noisy, achieved = apply(NAME, numbered(250), 1.0, seed=seed, rate_share_range=(share, share))
        rates.append(achieved["frame_rate_hz"])
        assert rates[-1] == pytest.approx((1 + len(new_pictures(noisy))) / 10)
    assert np.mean(rates) == pytest.approx(25 * share, rel=0.08)


def test_what_is_new_is_of_the_present_and_holds_vary():
    noisy, _ = apply(NAME, numbered(250), 1.0, rate_share_range=(0.2, 0.2))
    new = new_pictures(noisy)
    np.testing.assert_array_equal(noisy[new, 0, 0, 0], new)
    assert np.std(np.diff(new)) > 0.5


def test_a_steady_rate_is_sample_and_hold():
    noisy, achieved = apply(NAME, numbered(200), 1.0, rate_share_range=(0.25, 0.25), largest_swing=0.0)
    assert set(np.diff(new_pictures(noisy))) == {4}
    assert achieved["frame_rate_hz"] == pytest.approx(6.25, abs=0.2)


def test_holds_stay_within_memory():
    holds = []
    for seed in range(30):
        noisy, _ = apply(NAME, numbered(250), 1.0, seed=seed, rate_share_range=(0.1, 0.1), largest_swing=0.9)
        holds += list(np.diff(new_pictures(noisy)))
    assert 25 < max(holds) <= registry.build(NAME, rate_share_range=(0.1, 0.1), largest_swing=0.9).memory(25)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate_share_range", (0.1, 0.9)), ("largest_swing", 1.0), ("swing_s_range", (0.0, 3.0))],
)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(NAME, **{field: value})
