from itertools import pairwise

import numpy as np
import pytest
from video_clips import apply, check_pieces, numbered, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise
from noise_scheduler.video.frame_loss import _arrived


def lost_frames(clip):
    """Which frames of a noisy numbered clip are not their own."""
    return clip[:, 0, 0, 0] != numbered(len(clip))[:, 0, 0, 0]


def bursts(lost):
    """Lengths of the runs of true in a sequence."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lost.astype(int), [0]])))
    return edges[1::2] - edges[::2]


def test_contract():
    check_noise("video/frame_drop")


def test_pieces_of_a_recording():
    check_pieces("video/frame_drop", panned(60, 8, 8), refresh_s=1.0)
    check_pieces("video/frame_drop", panned(120, 4, 4))
    check_pieces("video/frame_drop", panned(40, 4, 4), first_frame=100_003)


@pytest.mark.parametrize(("loss_rate", "burst_ms"), [(0.05, 100.0), (0.3, 250.0), (0.6, 400.0)])
def test_loss_rate_and_mean_length_of_bursts(loss_rate, burst_ms):
    """Against the stationary law of the chain; one forced arrival in 1,000 frames is left."""
    lengths, shares = [], []
    for seed in range(200):
        noisy, achieved = apply(
            "video/frame_drop", numbered(250), 1.0, seed=seed, refresh_s=40.0,
            loss_rate_range=(loss_rate, loss_rate), mean_burst_ms_range=(burst_ms, burst_ms),
        )  # fmt: skip
        lost = lost_frames(noisy)
        shares.append(lost.mean())
        assert achieved["loss_rate"] == pytest.approx(shares[-1], abs=2 / 250)  # a lost first frame shows itself
        lengths += list(bursts(lost)[1:-1])  # those that the ends of the clip may cut left out
    assert np.mean(shares) == pytest.approx(loss_rate, rel=0.1)
    assert np.mean(lengths) == pytest.approx(burst_ms / 40, rel=0.15)


def test_without_bursts_losses_are_independent():
    arrived = _arrived(np.random.default_rng(0).random(200_000), 0.3, 1 / 0.7)
    lost = ~arrived
    assert lost.mean() == pytest.approx(0.3, abs=0.005)
    assert lost[1:][lost[:-1]].mean() == pytest.approx(0.3, abs=0.01)


def test_a_lost_frame_shows_the_last_that_arrived():
    noisy, _ = apply("video/frame_drop", numbered(200), 0.6, seed=4)
    shown = noisy[:, 0, 0, 0].astype(int)
    lost = lost_frames(noisy)
    assert 20 < lost.sum() < 180
    assert (shown[1:][lost[1:]] == shown[:-1][lost[1:]]).all()


def test_higher_levels_lose_what_lower_ones_lose():
    masks = [lost_frames(apply("video/frame_drop", numbered(200), level)[0]) for level in (0.2, 0.5, 0.9)]
    for few, many in pairwise(masks):
        assert not (few & ~many).any()


def test_a_refresh_surely_arrives():
    noisy, _ = apply("video/frame_drop", numbered(250), 1.0, refresh_s=1.0, loss_rate_range=(0.999, 0.999))
    assert max(bursts(lost_frames(noisy))) <= 24
    assert registry.build("video/frame_drop", refresh_s=1.0).memory(25) == 25


@pytest.mark.parametrize(
    ("field", "value"),
    [("loss_rate_range", (0.5, 0.1)), ("loss_rate_range", (0.1, 1.0)), ("mean_burst_ms_range", (-1.0, 3.0)),
     ("refresh_s", 0.0)],
)  # fmt: skip
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build("video/frame_drop", **{field: value})
