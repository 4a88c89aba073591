import numpy as np
import pytest
from video_clips import apply, check_pieces, panned

from noise_scheduler import registry
from noise_scheduler.image.low_light import decoded
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise
from noise_scheduler.video.timing import start_times

NAMES = ("video/flicker", "video/exposure_pumping")


def flat(frames, value=70, height=32):
    return np.full((frames, height, 4, 1), value, np.uint8)


def exposures_ev(noisy, clean):
    """(T,): change of the mean linear light, EV."""
    light = [decoded()[clip].reshape(len(clip), -1).mean(1) for clip in (noisy, clean)]
    return np.log2(light[0] / light[1])


def strongest_hz(series, fps):
    spectrum = np.abs(np.fft.rfft((series - series.mean()) * np.hanning(len(series)), 8 * len(series)))
    return np.fft.rfftfreq(8 * len(series), 1 / fps)[spectrum.argmax()]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_pieces_of_a_recording(name):
    check_pieces(name, panned(24, 21, 17), first_frame=3)
    check_pieces(name, panned(12, 6, 5), first_frame=100_000)


@pytest.mark.parametrize(("mains_hz", "fps"), [(50.0, 30.0), (50.0, 29.97), (60.0, 25.0), (60.0, 12.5), (50.0, 16.0)])
def test_flicker_has_the_aliased_frequency_of_the_lamp(mains_hz, fps):
    clip = flat(200)
    noisy, achieved = apply("video/flicker", clip, 0.6, fps=fps, mains_hz=(mains_hz,), readout_ms=0.0)
    nearest = min(abs(2 * mains_hz - k * fps) for k in range(20))
    assert achieved["flicker_hz"] == pytest.approx(nearest, abs=0.4)
    light = decoded()[noisy].mean((1, 2, 3))
    assert strongest_hz(light, fps) == pytest.approx(achieved["flicker_hz"], abs=0.05)


@pytest.mark.parametrize("depth_ev", [0.5, 2.0])
def test_depth_of_flicker(depth_ev):
    clip = flat(300, 130)
    noisy, achieved = apply("video/flicker", clip, 1.0, fps=29.97, depth_ev_range=(depth_ev, depth_ev), readout_ms=0.0)
    change = exposures_ev(noisy, clip)
    assert np.ptp(change) == pytest.approx(depth_ev, abs=0.06)
    light = 2.0**change
    assert achieved["modulation"] == pytest.approx(np.ptp(light) / (light.max() + light.min()), abs=0.02)
    assert light.mean() == pytest.approx(1, abs=0.03)


def test_rows_are_read_one_after_another():
    """In 20 ms a lamp of 100 Hz goes through two cycles."""
    noisy, _ = apply("video/flicker", flat(1, height=400), 0.6, mains_hz=(50.0,), mains_tolerance_hz=0.0, fps=30.0)
    light = decoded()[noisy[0, :, 0, 0]]
    assert np.argmax(np.abs(np.fft.rfft(light - light.mean()))) == 2
    still, _ = apply("video/flicker", flat(5), 0.6, mains_hz=(50.0,), mains_tolerance_hz=0.0, fps=25.0)
    np.testing.assert_array_equal(still, still[:1].repeat(5, 0))


def test_exposure_stays_within_the_swing_and_its_overshoot():
    ranges, mean_squares = [], []
    for seed in range(20):
        clip = flat(200, 100, 8)
        noisy, achieved = apply("video/exposure_pumping", clip, 1.0, seed=seed, swing_ev_range=(2.0, 2.0))
        change = exposures_ev(noisy, clip)
        assert np.abs(change).max() < 2 / 2 * (1 + 2 * 0.26)
        assert achieved["exposure_ev"] == pytest.approx(np.sqrt(np.mean(change**2)), abs=0.03)
        assert achieved["swing_ev"] == 2.0
        ranges.append(np.ptp(change))
        mean_squares.append(np.mean(change**2))
    assert 1.5 < np.mean(ranges) < 3
    assert np.sqrt(np.mean(mean_squares)) == pytest.approx(2 * np.sqrt(7 / 48), rel=0.15)  # aims alone, as lag → 0


def test_exposure_follows_its_aim_as_a_damped_oscillator():
    """Against the equation x'' = (aim − x) / lag² − 2 · .4 x' / lag, integrated in steps of 0.1 ms."""
    clip = flat(150, 100, 8)
    noisy, _ = apply("video/exposure_pumping", clip, 1.0, swing_ev_range=(2.0, 2.0))
    with stream(key_of(0, "video"), 0, "test") as rng:
        starts_s, draws, numbers = start_times(rng, np.arange(150) / 25, interval_s=1.0, lookback_s=7.5)
        coin = int(rng.integers(2))
    aims = [(0.25 + draw / 4) * (-1) ** (number + coin) for number, draw in zip(numbers, draws, strict=True)]
    dt, x, speed, expected = 1e-4, aims[0], 0.0, []
    for step in range(int(starts_s[0] / dt), round(149 / 25 / dt) + 1):
        if step >= 0 and step % 400 == 0:
            expected.append(2 * x)
        aim = aims[max(0, np.searchsorted(starts_s, step * dt, side="right") - 1)]
        speed += dt * ((aim - x) / 0.08**2 - 2 * 0.4 * speed / 0.08)
        x += dt * speed
    np.testing.assert_allclose(exposures_ev(noisy, clip), expected, atol=0.05)


def test_exposure_clips_to_white_and_black():
    clip = panned(150, 16, 16)
    noisy, _ = apply("video/exposure_pumping", clip, 1.0, seed=2)
    means = noisy.mean((1, 2, 3))
    assert means.max() > 230
    assert means.min() < 60


def test_exposure_is_too_high_and_too_low_within_two_intervals():
    for seed in range(10):
        clip = flat(250, 100, 8)
        noisy, _ = apply("video/exposure_pumping", clip, 1.0, seed=seed, swing_ev_range=(2.0, 2.0))
        change = exposures_ev(noisy, clip)
        for start in range(0, 190, 10):  # 2 intervals, half of one for the jitter, 60 frames in all
            assert change[start : start + 62].max() > 0.4
            assert change[start : start + 62].min() < -0.4


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("video/flicker", "depth_ev_range", (2.0, 1.0)), ("video/flicker", "mains_hz", ()),
     ("video/flicker", "mains_tolerance_hz", 50.0), ("video/flicker", "readout_ms", -1.0),
     ("video/exposure_pumping", "swing_ev_range", (2.0, 1.0)), ("video/exposure_pumping", "interval_s", 0.0),
     ("video/exposure_pumping", "lag_s", 1.0)],
)  # fmt: skip
def test_bad_fields_are_named(name, field, value):
    with pytest.raises(ValueError, match=field):
        registry.build(name, **{field: value})
