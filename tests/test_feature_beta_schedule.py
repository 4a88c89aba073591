import numpy as np
import pytest

from noise_scheduler.feature.beta_schedule import BetaSchedule, log_alpha_bars


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def alpha_bar_after(steps: int, total: int, spacing: str) -> float:
    product = 1.0
    for step in range(steps):
        share = step / (total - 1)
        beta = 0.01 + 0.49 * share if spacing == "linear" else (0.1 + (0.5**0.5 - 0.1) * share) ** 2
        product *= 1 - beta
    return product


@pytest.mark.parametrize("spacing", ["linear", "scaled_linear"])
@pytest.mark.parametrize("total", [20, 100])
def test_alpha_bar_is_the_product_of_the_schedule(spacing, total):
    table = log_alpha_bars(total, (0.01, 0.5), spacing)
    assert len(table) == total + 1
    for steps in (0, 1, 7, total):
        assert np.exp(table[steps]) == pytest.approx(alpha_bar_after(steps, total, spacing), rel=1e-9)


def test_level_is_the_share_of_the_steps():
    _, achieved = BetaSchedule(steps=20)(np.ones((3, 2), np.float32), 0.35, stream())
    assert achieved["diffusion_steps"] == pytest.approx(7)
    assert achieved["alpha_bar"] == pytest.approx(alpha_bar_after(7, 20, "scaled_linear"))


def test_steps_done_one_by_one_give_the_same_distribution():
    """q(x_t | x_0) in closed form against t noisy steps."""
    x = np.full((200, 200), 1.5, np.float32)
    rng, walked = stream(1), x.astype(float)
    for step in range(5):
        beta = (0.1 + (0.5**0.5 - 0.1) * step / 19) ** 2
        walked = np.sqrt(1 - beta) * walked + np.sqrt(beta) * rng.standard_normal(x.shape)
    noisy, _ = BetaSchedule(steps=20)(x, 0.25, stream(2))
    assert noisy.mean() == pytest.approx(walked.mean(), abs=0.02)
    assert noisy.std() == pytest.approx(walked.std(), rel=0.02)


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_impulses_hit_the_declared_share_with_both_signs(share):
    noise = BetaSchedule(noise_type="impulse", impulse_share=share)
    noisy, achieved = noise(np.zeros((300, 300), np.float32), 0.4, stream())
    size = np.sqrt(1 - achieved["alpha_bar"])
    assert np.unique(np.round(np.abs(noisy) / size, 5)).tolist() in ([0, 1], [1])
    assert np.mean(noisy > 0) == pytest.approx(share / 2, abs=0.01)
    assert np.mean(noisy < 0) == pytest.approx(share / 2, abs=0.01)


def test_nothing_of_the_features_is_left_at_full_level():
    noisy, achieved = BetaSchedule()(np.full((100, 50), 3.0, np.float32), 1.0, stream())
    assert achieved["alpha_bar"] < 1e-8
    assert abs(noisy.mean()) < 0.05


def test_many_steps_do_not_break_down():
    noisy, achieved = BetaSchedule(steps=5000)(np.ones((4, 4), np.float32), 0.99, stream())
    assert achieved["alpha_bar"] == 0
    assert np.isfinite(noisy).all()
    assert BetaSchedule(steps=1)(np.ones((4, 4), np.float32), 1.0, stream())[1]["alpha_bar"] == pytest.approx(0.99)


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"beta_range": (0.0, 0.5)},
        {"beta_range": (0.1, 1.0)},
        {"spacing": "cosine"},
        {"noise_type": "uniform"},
        {"impulse_share": 0.0},
    ],
)
def test_bad_fields_are_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        BetaSchedule(**fields)
