import json
import math
import tomllib

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.image.drift import check_time_constant, drifts, factors, smooth_paths
from noise_scheduler.rng import key_of, stream

DRIFTING = [name for name in ns.names("image/*") if "time_constant_s" in {f.name for f in ns.describe(name).fields}]


def covariance(seconds, inertia):
    return math.exp(-0.5 * (seconds / 0.4) ** 2) if inertia else math.exp(-abs(seconds) / 0.4)


def draw(function, seed, frames, fps=25.0, **options):
    options = {"time_constant_s": 0.4} | options
    return function(np.random.default_rng(seed), 50, frames, fps=fps, **options)


@pytest.mark.parametrize("inertia", [True, False])
def test_paths_are_stationary_with_their_covariance(inertia):
    paths = np.concatenate([draw(smooth_paths, seed, 40, inertia=inertia) for seed in range(60)])
    np.testing.assert_allclose(paths.mean(), 0, atol=0.05)
    np.testing.assert_allclose(paths.std(0), 1, atol=0.06)
    for lag in (1, 2, 10, 20):
        expected = covariance(lag / 25, inertia)
        assert (paths[:, lag:] * paths[:, :-lag]).mean() == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("inertia", [True, False])
def test_drifts_are_paths_given_that_they_begin_at_zero(inertia):
    """The covariance of a normal process given its value at 0 is K(s, t) − K(s, 0) K(0, t)."""
    paths = np.concatenate([draw(drifts, seed, 40, inertia=inertia) for seed in range(60)])
    assert (paths[:, 0] == 0).all()
    for early, late in ((1, 1), (3, 9), (9, 9), (10, 30), (39, 39)):
        s, t = early / 25, late / 25
        expected = covariance(t - s, inertia) - covariance(s, inertia) * covariance(t, inertia)
        assert (paths[:, early] * paths[:, late]).mean() == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("inertia", [True, False])
def test_factors_have_mean_one_at_every_time_and_begin_with_one(inertia):
    def of(seed, frames, **options):
        options = {"time_constant_s": 0.4, "log_size": 0.5, "inertia": inertia} | options
        return factors(np.random.default_rng(seed), frames, fps=12.5, **options)

    drawn = np.stack([of(seed, 40) for seed in range(3000)])
    assert (drawn[:, 0] == 1).all()
    assert (drawn > 0).all()
    np.testing.assert_allclose(drawn.mean(0), 1, atol=0.06)
    np.testing.assert_allclose(np.log(drawn[:, 20:]).std(0), 0.5, atol=0.04)
    assert (of(0, 40, time_constant_s="held") == 1).all()


@pytest.mark.parametrize("function", [smooth_paths, drifts])
@pytest.mark.parametrize("inertia", [True, False])
def test_a_path_is_a_function_of_the_absolute_time(function, inertia):
    whole = draw(function, 1, 41, inertia=inertia)
    np.testing.assert_allclose(whole[:, ::2], draw(function, 1, 21, fps=12.5, inertia=inertia), atol=1e-9)
    for first, end in ((0, 1), (0, 40), (1, 2), (17, 41), (40, 41)):
        part = draw(function, 1, end - first, first_frame=first, inertia=inertia)
        np.testing.assert_array_equal(part, whole[:, first:end])


@pytest.mark.parametrize("function", [smooth_paths, drifts])
@pytest.mark.parametrize("inertia", [True, False])
def test_the_number_of_draws_does_not_depend_on_the_clip(function, inertia):
    after = set()
    for frames, first_frame in ((1, 0), (41, 0), (1, 9)):
        rng = np.random.default_rng(1)
        function(rng, 3, frames, fps=25.0, time_constant_s=0.4, first_frame=first_frame, inertia=inertia)
        after.add(rng.random())
    assert len(after) == 1


def test_rough_paths_jump_more_than_smooth_ones():
    steps = {inertia: np.abs(np.diff(draw(smooth_paths, 0, 40, inertia=inertia))).mean() for inertia in (True, False)}
    assert steps[False] > 2 * steps[True]


def test_held_paths_stay():
    paths = draw(smooth_paths, 0, 40, time_constant_s="held")
    assert (paths == paths[:, :1]).all()
    assert paths.std() > 0.5
    assert (draw(drifts, 0, 40, time_constant_s="held") == 0).all()


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "", "hold", "0.3"])
def test_bad_time_constants_say_how_to_hold(value):
    with pytest.raises(ValueError, match="positive and finite, or 'held'"):
        check_time_constant(value)


@pytest.mark.parametrize("name", DRIFTING)
def test_held_survives_json_and_toml(name):
    noise = registry.build(name, time_constant_s="held")
    fields = json.loads(json.dumps(registry.changed_fields(noise), allow_nan=False))
    assert registry.build(name, **fields) == noise
    assert registry.build(name, **tomllib.loads('time_constant_s = "held"')) == noise
    scheduler = ns.NoiseScheduler({"video": [noise]}, level=0.5)
    config = json.loads(json.dumps(scheduler.to_dict(), allow_nan=False))
    assert ns.NoiseScheduler.from_dict(config).to_dict() == scheduler.to_dict()
    with pytest.raises(ValueError, match="time_constant_s"):
        registry.build(name, time_constant_s=0.0)


def picture(size=64):
    y, x = np.mgrid[:size, :size] / 9
    waves = 110 + 50 * np.stack([np.sin(x + y * c) + np.sign(np.cos(x * y / 9 - c)) for c in range(3)], -1)
    return np.clip(waves, 0, 255).astype(np.uint8)


# Those that have movement of their own besides, that fall, drift past, lose anew at each refresh, or carry grain.
STILL_MOVING = {f"image/{name}" for name in ("fog", "rain", "snow", "block_loss", "grid_loss")}
GRAINY = {f"image/{name}" for name in ("low_light", "over_exposure", "backlight")}


@pytest.mark.parametrize("name", sorted(set(DRIFTING) - STILL_MOVING - GRAINY - {"image/occlusion"}))
def test_held_noises_do_the_same_to_every_frame_and_others_do_not(name):
    clip = np.stack([picture()] * 8)
    held = ns.corrupt(clip, registry.build(name, time_constant_s="held"), level=0.5, seed=3, fps=4.0, profile="none")
    assert (held == held[:1]).all()
    drifting = ns.corrupt(clip, name, level=0.5, seed=3, fps=4.0, profile="none")
    assert (drifting[1:] != drifting[:-1]).any((1, 2, 3)).sum() > 4


@pytest.mark.parametrize("name", sorted(GRAINY))
def test_held_exposure_is_the_same_in_every_frame(name):
    clip = np.full((12, 64, 64, 1), 120, np.uint8)

    def spread(**fields):
        noisy = ns.corrupt(clip, registry.build(name, **fields), level=0.25, seed=3, fps=4.0, profile="none")
        return noisy[:, 24:40, 24:40].mean((1, 2, 3)).std() / noisy.mean()

    assert spread(time_constant_s="held") < 0.005
    assert spread() > 0.01


def test_a_clip_has_the_strength_of_its_level_in_the_mean():
    noise = registry.build("image/gaussian_blur")
    name, still, clip = "image/gaussian_blur", picture(), np.stack([picture()] * 30)

    def change(noisy, clean):
        return float(np.sqrt(((noisy.astype(float) - clean) ** 2).mean()))

    of_still = change(ns.corrupt(still, noise, level=0.6, profile="none"), still)
    of_clips = []
    for seed in range(12):
        with stream(key_of(seed, 0), 0, name) as rng:
            noisy, achieved = run(noise, name, clip, 0.6, rng, {"fps": 5.0, "first_frame": 700})
        of_clips.append(change(noisy, clip))
    assert np.mean(of_clips) == pytest.approx(of_still, rel=0.03)
    assert achieved["sigma_px"] == pytest.approx(64 * 0.001 * 107**0.6)
