import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from test_schedule import built, trainings, trees

import noise_scheduler as ns
from noise_scheduler.distribution import Choice, check_weights, cumulate, draw_at, pick
from noise_scheduler.schedule import bounds

START = ns.Clock(0, 10, 100)
U = np.concatenate((np.logspace(-4, -2, 20), np.linspace(0.01, 0.99, 300), 1 - np.logspace(-2, -4, 20)))
LAST = 1 - 2**-53
SHAPES = (0.1, 0.2, 0.5, 1, 1.5, 2, 5, 20, 100)


def quantiles(distribution, clock=START, u=U):
    draw = draw_at(distribution, clock)
    return np.array([draw(x) for x in u.tolist()])


@st.composite
def distributions(draw):
    """Any distribution with values in [0, 1], of any schedules."""
    one, other, third, fourth = (built(draw(trees), 7, 90, ["%", "ep"]) for _ in range(4))
    return draw(
        st.sampled_from(
            [
                ns.uniform(one, other),
                ns.beta(one.scale(9).clamp(0.1, 100), other.clamp(0.1, 1), low=third, high=fourth),
                ns.truncated_normal(one.scale(3), other, low=third.scale(0.5), high=fourth.clamp(0.5, 1)),
                ns.choice({0.9: one, 0.1: other.clamp(0.01, 1), 0.5: third}),
            ]
        )
    )


def test_uniform():
    assert quantiles(ns.uniform(0.2, 0.7)) == pytest.approx(0.2 + 0.5 * U)
    assert quantiles(ns.uniform(0.7, 0.2)) == pytest.approx(0.7 - 0.5 * U)
    assert set(quantiles(ns.uniform(0.3, 0.3))) == {0.3}
    assert bounds(ns.uniform(ns.linear(0.1, 0.4), ns.linear(0.3, 0.8))) == (0.1, 0.8)


@pytest.mark.parametrize("a", SHAPES)
def test_quantiles_of_beta(a):
    for b in SHAPES:
        assert quantiles(ns.beta(a, b)) == pytest.approx(special.betaincinv(a, b, U), abs=1e-3), b


@pytest.mark.parametrize("mean", [-5, -0.2, 0, 0.3, 0.5, 1, 1.5, 40])
@pytest.mark.parametrize("std", [0.001, 0.03, 0.1, 0.4, 1, 10])
def test_quantiles_of_the_truncated_normal(mean, std):
    for low, high in ((0, 1), (0.2, 0.4), (-1, 4)):
        got = quantiles(ns.truncated_normal(mean, std, low=low, high=high))
        true = stats.truncnorm.ppf(U, (low - mean) / std, (high - mean) / std, mean, std)
        assert got == pytest.approx(true, abs=1e-3 * (high - low)), (low, high)


def test_a_truncated_normal_without_spread_or_room_is_a_point():
    assert set(quantiles(ns.truncated_normal(0.3, 0))) == {0.3}
    assert set(quantiles(ns.truncated_normal(-4, 0))) == {0}
    assert set(quantiles(ns.truncated_normal(0.3, 0.1, low=0.6, high=0.6))) == {0.6}
    assert set(quantiles(ns.truncated_normal(7, 1e-200))) == {1}
    assert quantiles(ns.truncated_normal(1e200, 1)) == pytest.approx(np.ones(len(U)), abs=1e-3)
    crossing = ns.truncated_normal(0.5, 0.1, low=ns.linear(0, 1), high=0.4)
    assert set(quantiles(crossing, ns.Clock(90, None, 100))) == {0.4}


def test_rounding_takes_no_draw_over_the_bounds():
    for high in np.random.default_rng(0).uniform(0.5, 1, 300).tolist():
        for level in (ns.truncated_normal(3, 1, low=high / 7, high=high), ns.beta(5, 0.3, low=high / 7, high=high)):
            assert quantiles(level, u=np.array([0.9, 0.999, LAST])).max() <= high


def test_beta_is_stretched_and_may_be_turned():
    assert quantiles(ns.beta(2, 3, low=0.2, high=0.6)) == pytest.approx(0.2 + 0.4 * quantiles(ns.beta(2, 3)))
    assert quantiles(ns.beta(2, 3, low=1, high=0)) == pytest.approx(1 - quantiles(ns.beta(2, 3)))


def test_parameters_move():
    half = ns.Clock(50, 10, 100)
    assert quantiles(ns.uniform(0, ns.linear(0, 1)), half) == pytest.approx(U / 2)
    assert quantiles(ns.beta(ns.linear(1, 3), 2), half) == pytest.approx(special.betaincinv(2, 2, U), abs=1e-3)
    assert quantiles(ns.beta(2, 2, high=ns.linear(0, 1)), half) == pytest.approx(quantiles(ns.beta(2, 2)) / 2)
    moving = ns.truncated_normal(ns.linear(0, 1), ns.linear(0.1, 0.3), low=ns.linear(0, 0.2))
    true = stats.truncnorm.ppf(U, (0.1 - 0.5) / 0.2, (1 - 0.5) / 0.2, 0.5, 0.2)
    assert quantiles(moving, half) == pytest.approx(true, abs=1e-3)


def test_choice_by_weight():
    draw = draw_at(ns.choice({0.6: 1, 0.2: 3, 1.0: 0, 0.4: 4}), START)
    got = [draw(x) for x in (0, 0.124, 0.126, 0.499, 0.501, LAST)]
    assert got == [0.6, 0.6, 0.2, 0.2, 0.4, 0.4]
    assert bounds(ns.choice({0.6: 1, 0.2: 3, 0.4: 4})) == (0.2, 0.6)


def test_choice_with_equal_chance():
    count = Counter(quantiles(ns.choice([0.1, 0.2, 0.5]), u=np.arange(300) / 300).tolist())
    assert count == {0.1: 100, 0.2: 100, 0.5: 100}
    assert ns.choice([0.1, 0.2]) == ns.choice({0.1: 1, 0.2: 1}) == Choice((0.1, 0.2)) == ns.choice(iter((0.1, 0.2)))


def test_weights_of_choice_move():
    level = ns.choice({0.2: ns.linear(1, 0), 0.8: ns.linear(0, 1)})
    for step, easy in ((0, 1), (25, 0.75), (50, 0.5), (100, 0)):
        got = quantiles(level, ns.Clock(step, None, 100), u=np.arange(1000) / 1000)
        assert (got == 0.2).mean() == pytest.approx(easy, abs=0.002)


def test_a_choice_whose_weights_are_all_zero_at_a_step_is_named():
    level = ns.choice({0.2: ns.linear(0, 1)})
    with pytest.raises(ValueError, match="choice: all weights are zero at step 0"):
        draw_at(level, START)
    assert draw_at(level, ns.Clock(1, None, 100))(0.5) == 0.2


@settings(deadline=None, max_examples=100)
@given(distributions(), trainings, st.integers(0, 300))
def test_any_distribution_keeps_its_bounds_and_rises(distribution, training, step):
    low, high = bounds(distribution)
    assert 0 <= low <= high <= 1
    draw = draw_at(distribution, ns.Clock(step, *training))
    got = [draw(u) for u in (0.0, 1e-300, 1e-9, *np.linspace(0.01, 0.99, 30).tolist(), 1 - 1e-9, LAST)]
    assert low <= min(got) <= max(got) <= high
    if not isinstance(distribution, Choice):
        assert got in (sorted(got), sorted(got, reverse=True))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=6).filter(any), st.floats(0, LAST))
def test_a_pick_has_a_weight(weights, u):
    assert weights[pick(cumulate(weights, "x", START), u)] > 0


def test_numbers_and_schedules_are_distributions():
    assert set(quantiles(0.3)) == {0.3}
    assert set(quantiles(ns.linear(0, 1), ns.Clock(30, None, 100))) == {0.3}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ns.uniform(0, "1"), TypeError, "expected a number"),
        (lambda: ns.uniform(0, math.inf), ValueError, "high must be finite"),
        (
            lambda: ns.uniform(ns.uniform(0, 1), 1),
            TypeError,
            "low must be a number or a schedule, not the distribution",
        ),
        (lambda: ns.beta(0, 1), ValueError, "a of a beta distribution must stay in"),
        (lambda: ns.beta(2, 101), ValueError, "b of a beta distribution must stay in"),
        (lambda: ns.beta(2, ns.linear(0, 5)), ValueError, "b of a beta distribution must stay in"),
        (lambda: ns.beta(2, 2, low=None), TypeError, "expected a number"),
        (lambda: ns.truncated_normal(0.5, -0.1), ValueError, "std must be ≥ 0"),
        (lambda: ns.truncated_normal(0.5, ns.linear(0.1, -0.1)), ValueError, "std must be ≥ 0"),
        (lambda: ns.truncated_normal(math.nan, 0.1), ValueError, "mean must be finite"),
        (lambda: ns.truncated_normal(0.5, 0.1, low=0.8, high=0.2), ValueError, "cut to \\[low, high\\], not"),
        (lambda: ns.choice({}), ValueError, "choice needs values"),
        (lambda: ns.choice([]), ValueError, "choice needs values"),
        (lambda: Choice((0.1, 0.2), (1,)), ValueError, "as many weights"),
        (lambda: Choice(0.1), ValueError, "choice needs values"),
        (lambda: ns.choice({0.1: -1}), ValueError, "a weight must be ≥ 0"),
        (lambda: ns.choice({0.1: ns.linear(1, -1)}), ValueError, "a weight must be ≥ 0"),
        (lambda: ns.choice({0.1: 0, 0.2: 0}), ValueError, "choice needs a positive weight"),
        (lambda: ns.choice({"a": 1}), TypeError, "expected a number"),
        (lambda: ns.choice([ns.linear(0, 1)]), TypeError, "the values of choice are numbers; its weights may be"),
        (lambda: ns.choice({0.1: ns.uniform(0, 1)}), TypeError, "a weight of choice must be a number or a schedule"),
        (lambda: check_weights([math.inf], "x"), ValueError, "a weight of x must be finite"),
    ],
)
def test_faults_are_named_when_a_distribution_is_made(make, error, message):
    with pytest.raises(error, match=message):
        make()
