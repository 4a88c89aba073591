"""A clip in pieces, and grain that is fresh in every frame."""

import dataclasses

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.image.frames import frame_streams
from noise_scheduler.pieces import memory_of

GRAIN = ("low_light", "sensor_noise", "gaussian_noise", "speckle_noise", "impulse_noise", "over_exposure")
CHUNKINGS = ([23], [1] * 23, [22, 1], [1, 22], [7, 1, 1, 9, 5])


def moving(frames=23, size=40):
    y, x = np.mgrid[:size, :size] / 6
    return np.stack(
        [128 + 80 * np.stack([np.sin(x + y * c + t / 3) for c in range(3)], -1) for t in range(frames)]
    ).astype(np.uint8)


def chunks(clip, lengths):
    return np.split(clip, np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("lengths", CHUNKINGS)
@pytest.mark.parametrize("name", ["jpeg", "motion_blur", "gaussian_noise", "block_loss", "grid_loss", "snow"])
def test_pieces_are_the_whole(name, lengths):
    clip = moving()
    clip.setflags(write=False)
    options = {"level": 0.7, "seed": 5, "id": "a", "step": 9, "fps": 12.5}
    whole = ns.corrupt(clip, f"image/{name}", **options)
    noisy = list(ns.corrupt_pieces(iter(chunks(clip, lengths)), f"image/{name}", **options))
    assert [len(piece) for piece in noisy] == lengths
    np.testing.assert_array_equal(np.concatenate(noisy), whole)


@pytest.fixture
def echo(monkeypatch):
    """A noise that shows the frame half a second ago."""
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))

    @ns.register("video/echo")
    @dataclasses.dataclass(frozen=True, slots=True)
    class Echo:
        """Show an earlier frame."""

        claimed: float = 0.5
        """Seconds that it says it remembers."""

        def memory(self, fps):
            return round(self.claimed * fps)

        def __call__(self, video, level, rng, *, fps=25.0, first_frame=0):
            return video[np.maximum(np.arange(len(video)) - round(0.5 * fps), 0)]

    return Echo


@pytest.mark.parametrize("lengths", CHUNKINGS)
def test_the_memory_of_a_noise_is_kept_over_short_pieces(echo, lengths):
    clip = moving()
    for fps in (4.0, 25.0, 60.0):
        whole = ns.corrupt(clip, echo(), level=0.5, fps=fps)
        noisy = ns.corrupt_pieces(chunks(clip, lengths), echo(), level=0.5, fps=fps)
        np.testing.assert_array_equal(np.concatenate(list(noisy)), whole)


def test_pieces_come_one_by_one_and_no_more_is_kept_than_remembered(echo):
    seen = []

    def source():
        for piece in chunks(moving(), [5, 5, 5, 8]):
            seen.append(len(piece))
            yield piece

    noisy = ns.corrupt_pieces(source(), echo(), level=0.5, fps=4.0)
    next(noisy)
    assert seen == [5]
    frames = []
    original = echo.__call__

    def counted(self, video, *args, **kwargs):
        frames.append(len(video))
        return original(self, video, *args, **kwargs)

    echo.__call__ = counted
    list(noisy)
    assert frames == [7, 7, 10]


def test_the_contract_test_catches_memory_that_is_not_declared(echo):
    from noise_scheduler.testing import _check_pieces

    _check_pieces(echo(), "video/echo")
    with pytest.raises(AssertionError, match="differs where it is cut"):
        _check_pieces(echo(claimed=0.2), "video/echo")


def test_memory_is_none_unless_declared():
    assert memory_of(registry.build("image/fog")) == 0
    assert memory_of(registry.build("image/block_loss"), 25.0) == 11


def test_level_0_gives_the_pieces_back():
    pieces = chunks(moving(), [10, 13])
    noisy = list(ns.corrupt_pieces(pieces, "image/block_loss", level=0))
    for piece, same in zip(pieces, noisy, strict=True):
        np.testing.assert_array_equal(piece, same)


def test_errors():
    clip = moving()
    with pytest.raises(ValueError, match="audio/white_noise takes no clips"):
        next(ns.corrupt_pieces([clip], "audio/white_noise", level=0.5))
    with pytest.raises(KeyError, match="motion_blur"):
        next(ns.corrupt_pieces([clip], "image/motion_blurr", level=0.5))
    with pytest.raises(ValueError, match=r"level must be a number in \[0, 1\]"):
        next(ns.corrupt_pieces([clip], "image/fog", level=1.5))
    with pytest.raises(ns.SampleError, match=r"from frame 0 on.*\(T, H, W, C\)"):
        next(ns.corrupt_pieces(clip, "image/fog", level=0.5))  # frames, not clips
    noisy = ns.corrupt_pieces([clip, clip[:, :20]], "image/fog", level=0.5)
    next(noisy)
    with pytest.raises(ns.SampleError, match=r"from frame 23 on has frames of \(20, 40, 3\), those before it of"):
        next(noisy)


@pytest.mark.parametrize("name", GRAIN)
def test_no_two_frames_share_their_grain(name):
    clip = np.full((12, 64, 64, 1), 90, np.uint8)
    fields = {"time_constant_s": "held"} if name in ("low_light", "over_exposure") else {}
    noise = registry.build(f"image/{name}", **fields)
    noisy = ns.corrupt(clip, noise, level=0.3, seed=2, profile="none")
    later = ns.corrupt(clip, noise, level=0.3, seed=2, profile="none", first_frame=12)
    residual = np.concatenate([noisy, later]).reshape(24, -1).astype(float)
    correlation = np.corrcoef(residual) - np.eye(24)
    assert np.abs(correlation).max() < 5 / 64


def test_streams_of_frames_depend_on_the_number_of_the_frame_alone():
    def draws(frames, first_frame=0):
        rng = np.random.Generator(np.random.Philox(7))
        drawn = [stream.random() for stream in frame_streams(rng, frames, first_frame)]
        return drawn, rng.random()

    whole, after = draws(9)
    assert len(set(whole)) == 9
    for first, frames in ((0, 1), (3, 4), (8, 1)):
        assert draws(frames, first) == (whole[first : first + frames], after)
