import math

import numpy as np
import pytest

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image import loss
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise

NAMES = ("image/block_loss", "image/grid_loss")


def apply(name, image, level, seed=0, fps=25.0, **fields):
    with stream(key_of(seed, "loss"), 0, "test") as rng:
        return run(registry.build(name, **fields), name, image, level, rng, {"fps": fps})


def noise_picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def lost_blocks(name, level, seed=0, **fields):
    """(14, 20) mask of what is lost of a white picture."""
    white = np.full((112, 160, 1), 255, np.uint8)
    noisy, achieved = apply(name, white, level, seed, fills=("grey",), **fields)
    blocks = noisy.reshape(14, 8, 20, 8)
    lost = (blocks == 128).all((1, 3))
    assert (lost | (blocks == 255).all((1, 3))).all()
    assert achieved["lost_share"] == pytest.approx(lost.mean())
    return lost


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fill", ["conceal", "grey"])
def test_contract(name, fill):
    check_noise(registry.build(name, fills=(fill,)))


@pytest.mark.parametrize("name", NAMES)
def test_contract_as_built(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 9, 1), (9, 1, 3), (7, 5, 3), (2, 3, 1, 1), (3, 5000, 1), (3, 50, 41, 3)]
)
def test_odd_sizes(name, shape):
    for fill in ("conceal", "grey"):
        for share in (0.3, 1.0):
            noisy, achieved = apply(name, noise_picture(*shape), 1.0, lost_range=(share, share), fills=(fill,))
            assert noisy.shape == shape
            blocks = achieved["lost_share"] * math.prod(shape[-3:-1])
            assert share == 0.3 or achieved["lost_share"] == 1
            assert blocks >= 0


@pytest.mark.parametrize("name", NAMES)
def test_lost_share_is_right_in_the_mean_and_grows_by_adding_blocks(name):
    for level in (0.02, 0.3, 0.8):
        extreme = {"image/block_loss": 0.97, "image/grid_loss": 0.93}[name]
        expected = (0.004 + (extreme - 0.004) * level) * min(1, level / 0.05)
        shares = [lost_blocks(name, level, seed).mean() for seed in range(60)]
        assert np.mean(shares) == pytest.approx(expected, abs=0.0008)
        assert np.ptp(shares) <= 1.001 / 280
    for seed in range(5):
        previous = np.zeros((14, 20), bool)
        for level in (0.05, 0.2, 0.5, 0.9):
            lost = lost_blocks(name, level, seed)
            assert not (previous & ~lost).any()
            previous = lost


@pytest.mark.parametrize("run_blocks", [1.0, 5.0])
def test_packets_are_runs_of_geometric_length(run_blocks):
    """Of two neighbours both or none are lost where they share a packet, which has the odds 1 − 1 / mean length."""
    share, together = 0.3, []
    for seed in range(150):
        flat = lost_blocks("image/block_loss", 1.0, seed, lost_range=(share, share), run_blocks=run_blocks).reshape(-1)
        together.append((flat[1:] & flat[:-1]).mean())
    expected = share * (1 - 1 / run_blocks) + share**2 / run_blocks
    assert np.mean(together) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("slice_rows", [1, 3])
def test_slices_go_as_a_whole_but_one_that_goes_from_its_end(slice_rows):
    partial = 0
    for seed in range(20):
        lost = lost_blocks("image/grid_loss", 0.45, seed, slice_rows=slice_rows)
        for first in range(0, 14, slice_rows):
            part = lost[first : first + slice_rows].reshape(-1)
            assert (np.diff(part.astype(int)) >= 0).all()
            partial += part.any() and not part.all()
    assert 10 <= partial <= 20


def test_concealment_by_neighbours_as_by_a_loop():
    image = noise_picture(48, 64, 3, seed=1) // 2
    image[:, 32:] += 100
    lost = np.random.default_rng(3).random((6, 8)) < 0.5
    grid = loss._Grid(8, 48, 64)
    filled = loss._from_neighbours(image, lost, grid)
    means = np.rint(image.reshape(6, 8, 8, 8, 3).mean((1, 3)))
    expected = means.copy()
    for row, column in np.argwhere(lost):
        weighted, weights = np.zeros(3), 0.0
        for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            y, x, distance = row + down, column + across, 1
            while 0 <= y < 6 and 0 <= x < 8 and lost[y, x]:
                y, x, distance = y + down, x + across, distance + 1
            if 0 <= y < 6 and 0 <= x < 8:
                weighted, weights = weighted + means[y, x] / distance, weights + 1 / distance
        expected[row, column] = weighted / weights if weights else 128
    # Interpolated linearly between the centres of blocks, which lie between the pixels 3 and 4.
    centres = filled.reshape(6, 8, 8, 8, 3)[:, 3:5, :, 3:5].astype(float).mean((1, 3))
    np.testing.assert_allclose(centres, smoothed(expected), atol=1.1)


def smoothed(means):
    """Mean of linear interpolation at the four pixels ± 1/16 block around each centre, the border repeated."""
    padded = np.pad(means, ((1, 1), (1, 1), (0, 0)), "edge")
    rows = padded[1:-1] * 15 / 16 + (padded[:-2] + padded[2:]) / 32
    return rows[:, 1:-1] * 15 / 16 + (rows[:, :-2] + rows[:, 2:]) / 32


def test_concealment_of_slices_draws_the_last_row_downwards():
    image = noise_picture(40, 56, 3)
    lost = np.random.default_rng(5).random((5, 7)) < 0.5
    noisy = loss._Grid(8, 40, 56)
    filled = noisy.replaced(image, loss._from_above(image, lost, noisy), lost)
    expected = image.copy()
    for y in range(40):
        for x in range(56):
            if lost[y // 8, x // 8]:
                expected[y, x] = expected[y - 1, x] if y and not (lost[: y // 8 + 1, x // 8]).all() else 128
    np.testing.assert_array_equal(filled, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_last_row_of_blocks_that_is_cut_may_be_lost_in_part(name):
    for height, width in ((37, 51), (45, 33), (31, 64)):
        image = noise_picture(height, width, 3)
        for seed in range(12):
            noisy, achieved = apply(name, image, 0.9, seed, fills=("conceal",))
            lost = (noisy != image).any(-1).mean()
            assert lost == pytest.approx(achieved["lost_share"], abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_received_blocks_are_untouched_and_everything_lost_is_flat_without_neighbours(name):
    image = noise_picture(56, 56, 3)
    noisy, achieved = apply(name, image, 0.5, fills=("conceal",))
    same = (noisy == image).all(-1).reshape(14, 4, 14, 4).all((1, 3))
    assert 1 - same.mean() == pytest.approx(achieved["lost_share"], abs=0.02)
    noisy, _ = apply(name, image, 1.0, lost_range=(1.0, 1.0), fills=("conceal",))
    assert (noisy == 128).all()


@pytest.mark.parametrize("name", NAMES)
def test_on_a_clip_lost_blocks_stand_still_until_the_next_refresh(name):
    clip = noise_picture(20, 42, 42, 3)
    noisy, _ = apply(name, clip, 0.5, fills=("conceal",), refresh_s=0.4)
    same = (noisy == clip).all(-1).reshape(20, 14, 3, 14, 3).all((2, 4))
    held = (noisy[1:] == noisy[:-1]).all(-1).reshape(19, 14, 3, 14, 3).all((2, 4))
    for first in (0, 10):
        assert (same[first : first + 10] == same[first]).all()
        assert (held[first : first + 9] == ~same[first]).all()
    assert (same[0] != same[10]).any()
    # Of the reference, frame 9, blocks show what was received, and what was not as it is filled from around them.
    lost, before = (np.kron(~same[frame], np.ones((3, 3), bool)) for frame in (10, 0))
    np.testing.assert_array_equal(noisy[10][lost & ~before], clip[9][lost & ~before])
    grid = loss._Grid.of(clip.shape, 1 / 14)
    filled = {"image/block_loss": loss._from_neighbours, "image/grid_loss": loss._from_above}[name]
    around = filled(clip[9], ~same[0], grid)
    np.testing.assert_array_equal(noisy[10][lost & before], around[lost & before])


def test_refreshes_come_at_the_same_times_at_any_frame_rate():
    def periods(frames, fps, first_frame=0, refresh_s=0.4):
        return loss._Timing(fps, first_frame, refresh_s, "held").periods(frames)[0]

    assert periods(1, 25.0) == [0]
    assert periods(25, 25.0) == [0] * 10 + [1] * 10 + [2] * 5
    assert periods(50, 50.0) == [0] * 20 + [1] * 20 + [2] * 10
    assert periods(4, 25.0, first_frame=998) == [99, 99, 100, 100]
    assert periods(3, 1.0) == periods(3, 1.0, refresh_s=1e-9) == [0, 1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_memory_reaches_the_last_frame_before_the_refresh(name):
    for fps, refresh_s in ((25.0, 0.4), (12.5, 0.9), (29.97, 0.333), (5.0, 0.1)):
        noise = registry.build(name, refresh_s=refresh_s)
        periods, _ = loss._Timing(fps, 0, refresh_s, "held").periods(2000)
        longest = max(np.diff(np.flatnonzero(np.diff(periods)), prepend=0))
        assert longest <= noise.memory(fps) <= longest + 2
    assert registry.build(name, fills=("grey",)).memory(25.0) == 0


@pytest.mark.parametrize("name", NAMES)
def test_share_lost_drifts_from_refresh_to_refresh_or_is_held(name):
    clip = np.full((100, 28, 28, 1), 255, np.uint8)
    options = {"fills": ("grey",), "refresh_s": 0.04, "block_size": 1 / 28}
    for held in (False, True):
        noisy, _ = apply(name, clip, 0.5, **options, **({"time_constant_s": "held"} if held else {}))
        shares = (noisy == 128).mean((1, 2, 3))
        assert shares[0] == pytest.approx(0.004 + 0.5 * (registry.build(name).lost_range[1] - 0.004), abs=0.02)
        assert shares.std() < 0.01 if held else shares.std() > 0.05


def test_fills_are_all_drawn_and_have_their_colours():
    seen = {}
    for seed in range(40):
        noisy, achieved = apply(
            "image/grid_loss", np.full((28, 28, 3), 255, np.uint8), 1.0, seed, lost_range=(1.0, 1.0)
        )
        seen[achieved["fill"]] = tuple(noisy[5, 5].tolist())
    assert seen == {"conceal": (128,) * 3, "grey": (128,) * 3, "green": (0, 135, 0), "black": (0, 0, 0)}
    noisy, _ = apply("image/grid_loss", np.zeros((9, 9, 1), np.uint8), 1.0, lost_range=(1.0, 1.0), fills=("green",))
    assert (noisy == round(0.587 * 135)).all()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("block_loss", "lost_range", (0.5, 0.1)),
        ("block_loss", "block_size", 0.0),
        ("block_loss", "run_blocks", 0.5),
        ("block_loss", "fills", ("green",)),
        ("block_loss", "refresh_s", 0.0),
        ("grid_loss", "fills", ()),
        ("grid_loss", "slice_rows", 0),
        ("grid_loss", "slice_rows", 1.5),
        ("grid_loss", "lost_range", (0.1, 1.5)),
    ],
)
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(f"image/{name}", **{field: value})
