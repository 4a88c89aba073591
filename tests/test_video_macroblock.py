import numpy as np
import pytest
from video_clips import apply, check_pieces, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise
from noise_scheduler.video.macroblock import BLOCK_PX, _motion

NAME = "video/macroblock_loss"


def test_contract():
    check_noise(NAME)


def test_pieces_of_a_recording():
    check_pieces(NAME, panned(30, 50, 70), key_interval_s=0.6)
    check_pieces(NAME, panned(30, 40, 40), first_frame=1_000)


def test_damage_begins_at_a_loss_and_ends_at_key_frames():
    clip = panned(40, 80, 96)
    noisy, _ = apply(NAME, clip, 0.3, key_interval_s=0.4, seed=1)
    damaged = (noisy != clip).any((1, 2, 3))
    assert not damaged[::10].any()
    assert damaged[9::10].any()
    for group in damaged.reshape(4, 10):
        assert (np.diff(group.astype(int)) >= 0).all()  # once damaged, until the key frame


def test_what_is_lost_is_the_end_of_a_row_of_blocks():
    clip = panned(2, 80, 96, step=7)
    noisy, achieved = apply(NAME, clip, 0.8, seed=2)
    np.testing.assert_array_equal(noisy[0], clip[0])
    blocks = (noisy[1] != clip[1]).any(-1).reshape(5, BLOCK_PX, 6, BLOCK_PX).any((1, 3))
    assert 0 < blocks.sum() < 30
    for row in blocks:
        assert (np.diff(row.astype(int)) >= 0).all()
    assert achieved["lost_share"] == pytest.approx(blocks.sum() / 60)


def test_share_of_lost_slices():
    """Half of the slices that are hit go as a whole, of the others half on average."""
    shares = [apply(NAME, np.zeros((9, 160, 160, 1), np.uint8), 1.0, seed=seed, loss_rate_range=(0.4, 0.4))[1]
              for seed in range(20)]  # fmt: skip
    assert np.mean([a["lost_share"] for a in shares]) == pytest.approx(0.4 * 0.75 * 8 / 9, rel=0.07)


def test_a_still_picture_is_concealed_without_a_trace():
    still = np.repeat(panned(1, 48, 48), 6, 0)
    noisy, achieved = apply(NAME, still, 1.0)
    np.testing.assert_array_equal(noisy, still)
    assert achieved["lost_share"] > 0.3
    assert achieved["damaged_share"] == 0


def test_motion_is_found():
    clip = panned(2, 96, 96, step=8, seed=3)
    motion, intra = _motion(clip[0], clip[1], 6, 6)
    assert (motion[:, :-1] == (8, 0)).all(-1).mean() > 0.9
    assert not intra[:, :-1].any()
    assert _motion(clip[0], 255 - clip[1], 6, 6)[1].mean() > 0.5


def test_errors_leak_away_where_nothing_more_is_lost():
    """A lost flash of light stays missing, .97 of what was left in every frame, rounded towards nothing."""
    clip = np.full((12, 16, 16, 1), 60, np.uint8)
    clip[1:] = 76  # within reach of prediction
    seed = next(s for s in range(200) if hit_once(clip, s))
    noisy, _ = apply(NAME, clip, 1.0, seed=seed, loss_rate_range=(0.08, 0.08))
    errors = clip[1:].astype(float).mean((1, 2, 3)) - noisy[1:].astype(float).mean((1, 2, 3))
    assert errors[0] == 16
    np.testing.assert_array_equal(errors, 16 - np.arange(11))


def hit_once(clip, seed):
    _, achieved = apply(NAME, clip, 1.0, seed=seed, loss_rate_range=(0.08, 0.08))
    first, _ = apply(NAME, clip[:2], 1.0, seed=seed, loss_rate_range=(0.08, 0.08))
    return achieved["lost_share"] == pytest.approx(1 / 12) and (first[1] != clip[1]).all()


@pytest.mark.parametrize(("field", "value"), [("loss_rate_range", (0.5, 0.1)), ("key_interval_s", 0.0)])
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(NAME, **{field: value})
