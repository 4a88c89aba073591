"""Statistics of frames against what is done to the frames, and what must not count."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from models.batch import collate
from models.encoders import AudioEncoder, TextEncoder, VideoEncoder
from models.encoders.frame_quality import FRAME_QUALITY, frame_quality
from models.seeding import seeded

BRIGHTNESS, CONTRAST, COLOUR, DARK, BRIGHT, FINE, FINE_MEDIAN, _, _, COARSE, _ = range(11)
CHANGE = FRAME_QUALITY - 1


def clip(frames: int = 3, size: int = 64) -> np.ndarray:
    """A coloured scene with smooth parts and edges, the same in every frame."""
    y, x = np.mgrid[:size, :size] / size
    scene = np.stack([0.5 + 0.3 * np.sin(9 * x + 4 * y), 0.4 + 0.3 * (x > 0.5), 0.3 + 0.4 * y * (y > 0.3)], axis=2)
    return np.repeat((255 * scene).round().astype(np.uint8)[None], frames, axis=0)


def measured(*clips: np.ndarray) -> torch.Tensor:
    return frame_quality(collate([{"video": frames} for frames in clips]))


def each(frames: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([np.clip(np.rint(change(frame.astype(float))), 0, 255).astype(np.uint8) for frame in frames])


def test_values_are_those_of_the_pixels() -> None:
    frames = clip()
    found, grey = measured(frames)[0], frames[0].astype(float).mean(axis=2) / 255
    assert float(found[BRIGHTNESS]) == pytest.approx(grey.mean(), abs=1e-5)
    assert float(found[CONTRAST]) == pytest.approx(np.log(grey.std() / 0.01 + 1), abs=1e-4)
    assert float(found[COLOUR]) == pytest.approx(np.ptp(frames[0].astype(float), axis=2).mean() / 255, abs=1e-5)
    inner = (grey - cv2.blur(grey, (3, 3)))[1:-1, 1:-1]
    within = np.log(np.sqrt((inner**2).mean()) / 1e-3 + 1)
    assert float(found[FINE]) == pytest.approx(within, abs=0.1)  # all but the border
    assert found[FRAME_QUALITY // 2 : CHANGE].abs().max() < 1e-3  # no frame differs from the others
    assert float(found[CHANGE]) == 0


def test_each_noise_moves_what_it_should() -> None:
    frames, drawn = clip(), np.random.default_rng(0)
    plain, blurred, grainy, dark, burnt, grey = measured(
        frames,
        each(frames, lambda frame: cv2.GaussianBlur(frame, (0, 0), 2)),
        each(frames, lambda frame: frame + drawn.normal(0, 12, frame.shape)),
        each(frames, lambda frame: frame / 12),
        each(frames, lambda frame: frame * 3),
        each(frames, lambda frame: np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2)),
    )
    assert blurred[FINE] < plain[FINE] - 0.5
    assert plain[FINE] - blurred[FINE] > plain[COARSE] - blurred[COARSE]
    assert grainy[FINE_MEDIAN] > plain[FINE_MEDIAN] + 1
    assert grainy[CHANGE] > plain[CHANGE] + 2  # fresh in every frame
    assert dark[BRIGHTNESS] < 0.1 < plain[BRIGHTNESS]
    assert dark[DARK] > 0.3 > plain[DARK]
    assert burnt[BRIGHT] > 0.3 > plain[BRIGHT]
    assert dark[CONTRAST] < plain[CONTRAST] - 1
    assert grey[COLOUR] < 0.01 < plain[COLOUR]


def test_neighbours_padding_and_black_frames_do_not_count() -> None:
    short, long = clip(2), each(clip(5), lambda frame: frame * 0.7)
    alone = measured(short)
    torch.testing.assert_close(measured(long, short)[1:], alone)
    torch.testing.assert_close(measured(np.concatenate([short, 0 * short])), alone)


def test_without_two_lit_frames_in_a_row_nothing_changes() -> None:
    frames = np.random.default_rng(0).integers(1, 255, (4, 32, 32, 3), np.uint8)
    gaps = frames * np.array([1, 0, 1, 0], np.uint8)[:, None, None, None]
    whole, single, broken = measured(frames, frames[:1], gaps)
    assert whole[CHANGE] > 3
    assert float(single[CHANGE]) == float(broken[CHANGE]) == 0


def test_mixed_precision_changes_nothing() -> None:
    batch = collate([{"video": clip()}])
    with torch.autocast("cpu", torch.bfloat16):
        found = frame_quality(batch)
    assert found.dtype == torch.float32
    assert torch.equal(found, frame_quality(batch))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 7), (2, 33, 1), (4, 5, 5)])
def test_any_size_is_finite(shape: tuple[int, int, int]) -> None:
    drawn = np.random.default_rng(0).integers(1, 255, (*shape, 3), np.uint8)
    assert measured(drawn).shape == (1, FRAME_QUALITY)
    assert measured(drawn).isfinite().all()


def test_nothing_gives_noughts_and_statistics_stand_beside_the_vector() -> None:
    batch = collate([{"text": "a word"}, {"video": np.zeros((2, 8, 8, 3), np.uint8)}])
    assert not frame_quality(batch).any()
    with seeded(0):
        encoders = VideoEncoder().eval(), TextEncoder().eval(), AudioEncoder().eval()
    encoded = [encoder.encode(batch) for encoder in encoders]
    assert [features.shape[1] for features in encoded] == [64 + FRAME_QUALITY, 64 + 9, 96]
    for encoder, features in zip(encoders, encoded, strict=True):
        assert torch.equal(features[:, encoder.out_dim :], encoder.quality(batch))
