import cv2
import numpy as np
import pytest
from video_clips import apply, check_pieces, panned

from noise_scheduler import registry
from noise_scheduler.image.drift import smooth_paths
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise
from noise_scheduler.video.shake import _moved

NAME = "video/camera_shake"


def test_contract():
    check_noise(NAME)


def test_pieces_of_a_recording():
    check_pieces(NAME, panned(20, 33, 41), first_frame=12)


def test_shift_measured_by_phase_correlation():
    still = np.repeat(panned(1, 160, 200), 12, 0)
    noisy, achieved = apply(NAME, still, 1.0, seed=3, shift_range=(0.03, 0.03))
    with stream(key_of(3, "video"), 0, "test") as rng:
        expected = 160 * 0.03 * smooth_paths(rng, 3, 12, fps=25, time_constant_s=0.12)[:2]
    inner = (slice(24, -24), slice(24, -24), 1)
    window = cv2.createHanningWindow((152, 112), cv2.CV_32F)
    measured = [
        cv2.phaseCorrelate(frame[inner].astype(np.float32), still[0][inner].astype(np.float32), window)[0]
        for frame in noisy
    ]
    np.testing.assert_allclose(measured, expected.T, atol=0.3)
    assert achieved["displacement_px"] == pytest.approx(np.sqrt((expected**2).sum(0).mean()))


def test_size_over_many_clips():
    squares = [apply(NAME, np.zeros((5, 50, 80, 1), np.uint8), 1.0, seed=s)[1]["displacement_px"] ** 2
               for s in range(300)]  # fmt: skip
    assert np.sqrt(np.mean(squares)) == pytest.approx(np.sqrt(2) * 0.5 * 50, rel=0.1)


def test_turn_is_about_the_middle():
    to_frame = _moved(21, 31, 0, 0, 0.1)
    np.testing.assert_allclose(to_frame @ [15, 10, 1], [15, 10])
    np.testing.assert_allclose(to_frame @ [16, 10, 1], [15 + np.cos(0.1), 10 + np.sin(0.1)])


def test_slow_and_fast_shaking():
    still = np.repeat(panned(1, 64, 64), 10, 0)

    def change(tau_s):
        runs = [apply(NAME, still, 0.6, seed=s, time_constant_s=tau_s)[0].astype(float) for s in range(5)]
        return np.mean([np.abs(np.diff(run, axis=0)).mean() for run in runs])

    assert change(2.0) < 0.5 * change(0.1)


@pytest.mark.parametrize(("field", "value"), [("shift_range", (0.2, 0.1)), ("time_constant_s", 0.0)])
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(NAME, **{field: value})
