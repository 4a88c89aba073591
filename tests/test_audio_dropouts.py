import numpy as np
import pytest

from noise_scheduler.audio.dropouts import Dropouts


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize(("share", "gap_ms"), [(0.05, 100.0), (0.4, 300.0), (0.8, 20.0)])
def test_share_and_length_of_the_gaps(share, gap_ms):
    wave = np.ones((2, 8000 * 900), np.float32)
    noisy, achieved = Dropouts((share, share), gap_ms)(wave, 0.5, stream(5), sample_rate=8000)
    assert np.array_equal(noisy[0], noisy[1])
    assert 1 - noisy[0].mean() == pytest.approx(share, rel=0.1)
    assert achieved["loss_rate"] == pytest.approx(1 - noisy[0].mean(), abs=1e-3)
    turns = np.diff((noisy[0] < 0.5).astype(int))
    begins, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
    ends = ends[ends > begins[0]]
    lengths_ms = (ends - begins[: len(ends)]) / 8
    assert lengths_ms.mean() == pytest.approx(achieved["mean_burst_ms"], rel=0.02)
    assert achieved["mean_burst_ms"] == pytest.approx(gap_ms, rel=0.1)


def test_edges_fade_within_4_ms_and_gaps_are_silent():
    noisy, _ = Dropouts((0.4, 0.4))(np.ones(48000 * 5, np.float32), 0.5, stream(1), sample_rate=48000)
    assert np.abs(np.diff(noisy)).max() <= 1.001 / (0.004 * 48000)
    assert (noisy == 0).mean() > 0.3
    assert (noisy == 1).mean() > 0.4


def test_everything_can_be_lost():
    noisy, achieved = Dropouts((0.5, 1.0))(np.ones(16000, np.float32), 1.0, stream(), sample_rate=16000)
    assert not noisy.any()
    assert achieved["loss_rate"] == 1


@pytest.mark.parametrize(
    ("fields", "named"), [({"lost_share_range": (0.5, 0.1)}, "lost_share_range"), ({"mean_gap_ms": 0.0}, "mean_gap_ms")]
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        Dropouts(**fields)
