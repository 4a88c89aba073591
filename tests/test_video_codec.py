import io

import numpy as np
import pytest
from video_clips import apply, check_pieces, panned

from noise_scheduler import registry
from noise_scheduler.testing import check_noise
from noise_scheduler.video.codec import _groups

av = pytest.importorskip("av")

RANGES = {
    "video/h264": "qp_range",
    "video/vp8": "quantiser_range",
    "video/vp9": "quantiser_range",
    "video/mjpeg": "qscale_range",
}
NAMES = tuple(RANGES)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name, draws=6)


@pytest.mark.parametrize("name", NAMES)
def test_pieces_of_a_recording(name):
    keys = {} if name == "video/mjpeg" else {"key_interval_s": 0.64}
    check_pieces(name, panned(22, 34, 50), first_frame=5, levels=(0.3, 1.0), **keys)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (3, 1, 1, 1), (2, 7, 5, 3), (2, 17, 33, 1), (1, 2, 300, 3)])
def test_odd_sizes(name, shape):
    for level in (0.2, 1.0):
        noisy, achieved = apply(name, np.full(shape, 77, np.uint8), level)
        assert noisy.shape == shape
        assert np.abs(noisy.astype(int) - 77).max() < (10 if level == 0.2 else 40)  # a step of grey is that coarse
        assert achieved["bits_per_pixel"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_rate_falls_and_error_rises_with_level(name):
    clip = panned(12, 96, 112)
    rates, errors = [], []
    for level in (1e-6, 0.25, 0.5, 0.75, 1.0):
        noisy, achieved = apply(name, clip, level)
        rates.append(achieved["bits_per_pixel"])
        errors.append(np.sqrt(np.mean((noisy.astype(float) - clip) ** 2)))
    assert (np.diff(rates) < 0).all()
    assert (np.diff(errors) > 0).all()
    assert errors[0] < 4
    assert rates[-1] < 0.1 * rates[0]


@pytest.mark.parametrize("name", NAMES)
def test_quantiser_and_size_are_those_asked_for(name):
    clip = panned(3, 100, 100)
    ends, sizes = [], []
    for level in (1e-9, 0.5, 1.0):
        _, achieved = apply(name, clip, level, seed=1)
        ends.append(next(iter(achieved.values())))
        sizes.append(achieved["size"])
    built = registry.build(name)
    low, high = getattr(built, RANGES[name])
    assert ends[0] in (low, low + 1)
    assert ends[2] == high
    assert sizes[:2] == [1.0, 1.0]
    assert sizes[2] == pytest.approx(built.size_range[1], abs=0.021)


def test_quantiser_is_exact_in_the_mean():
    qps = [apply("video/h264", np.zeros((1, 16, 16, 1), np.uint8), 0.3, seed=s, qp_range=(30.4, 30.4))[1]["qp"]
           for s in range(100)]  # fmt: skip
    assert set(qps) == {30, 31}
    assert np.mean(qps) == pytest.approx(30.4, abs=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_colours_stay_in_their_channels(name):
    clip = np.zeros((3, 32, 32, 3), np.uint8) + np.array([200, 120, 30], np.uint8)
    noisy, _ = apply(name, clip, 0.3)
    assert np.abs(noisy.astype(int) - clip).max() <= 8


@pytest.mark.parametrize("name", NAMES)
def test_grey_is_the_luma_of_colour(name):
    """Luma of a grey picture is coded on the full scale, that of colour in 16 … 235: alike, not the same."""
    grey = panned(4, 48, 64, channels=1)
    alone, _ = apply(name, grey, 0.2)
    coloured, _ = apply(name, np.repeat(grey, 3, -1), 0.2)
    assert np.abs(alone.astype(int) - coloured).mean() < 3


def test_error_begins_anew_at_key_frames():
    """A frame after a key frame does not depend on those before it, one within the group does."""
    clip = panned(12, 64, 64)
    other = clip.copy()
    other[:3] = 0
    for name in NAMES[:3]:
        noisy = [apply(name, x, 0.8, key_interval_s=6 / 25)[0] for x in (clip, other)]
        assert (noisy[0][5] != noisy[1][5]).any()
        np.testing.assert_array_equal(noisy[0][6:], noisy[1][6:])


def test_places_of_key_frames():
    assert _groups(5, 0, 10) == [slice(0, 5)]
    assert _groups(10, 0, 5) == [slice(0, 5), slice(5, 10)]
    assert _groups(10, 7, 5) == [slice(0, 3), slice(3, 8), slice(8, 10)]
    assert _groups(3, 10, 5) == [slice(0, 3)]


def test_same_as_a_file_written_by_the_same_coder():
    """A stream muxed into a file, at the same constant quantiser, without what a call leaves out."""
    clip = panned(6, 64, 96, channels=1)
    noisy, achieved = apply("video/h264", clip, 0.3, qp_range=(30.0, 30.0))
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        coded = container.add_stream("libx264", rate=25, options={
            "preset": "veryfast", "tune": "zerolatency", "qp": "30", "x264-params": "scenecut=0:ipratio=1:threads=1",
        })  # fmt: skip
        coded.height, coded.width, coded.pix_fmt = 64, 96, "yuv420p"
        for frame in clip:
            planes = np.concatenate([frame[..., 0], np.full((32, 96), 128, np.uint8)])
            container.mux(coded.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(coded.encode(None))
    file.seek(0)
    with av.open(file) as container:
        decoded = np.stack([frame.to_ndarray()[:64] for frame in container.decode(video=0)])
    np.testing.assert_array_equal(noisy[..., 0], decoded)
    assert achieved["bits_per_pixel"] < 8 * len(file.getvalue()) / clip.size


@pytest.mark.parametrize("name", NAMES)
def test_bad_fields_are_named(name):
    for field, value in ((RANGES[name], (30.0, 90.0)), ("size_range", (0.5, 1.0)), ("size_range", (1.0, 0.0))):
        with pytest.raises(ValueError, match=field):
            registry.build(name, **{field: value})
    if name != "video/mjpeg":
        with pytest.raises(ValueError, match="key_interval_s"):
            registry.build(name, key_interval_s=0.0)
