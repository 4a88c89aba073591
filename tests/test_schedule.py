import pytest
from hypothesis import given
from hypothesis import strategies as st

import noise_scheduler as ns
from noise_scheduler.clock import parse_time
from noise_scheduler.distribution import draw_at
from noise_scheduler.schedule import bounds, value_at

unit_floats = st.floats(0, 1)
clocks = st.builds(ns.Clock, st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 10**7))


def test_times_mean_the_same_in_steps_epochs_and_shares():
    clock = ns.Clock(0, steps_per_epoch=50, total_steps=500)
    assert clock.steps(150) == clock.steps("3ep") == clock.steps("30%") == 150


@pytest.mark.parametrize("time", ["3 epochs", "", "-5%", -1, True, None, float("nan"), "1e3%"])
def test_bad_time(time):
    with pytest.raises(ValueError, match="a time is steps"):
        parse_time(time)
    with pytest.raises(ValueError, match="a time is steps"):
        ns.linear(0, 1, until=time)


def test_unknown_length_is_named():
    with pytest.raises(ValueError, match="total_steps"):
        ns.linear(0, 1, until="60%").at(ns.Clock(3))
    with pytest.raises(ValueError, match="steps_per_epoch"):
        ns.linear(0, 1, until="2ep").at(ns.Clock(3, total_steps=5))


@pytest.mark.parametrize("arguments", [(-1,), (0, 0), (0, 1, 0)])
def test_bad_clock(arguments):
    with pytest.raises(ValueError, match="must be ≥"):
        ns.Clock(*arguments)


def test_linear_values():
    line = ns.linear(0.2, 1.0, since=100, until="60%")
    values = [line.at(ns.Clock(step, total_steps=500)) for step in (0, 100, 200, 300, 400)]
    assert values == pytest.approx([0.2, 0.2, 0.6, 1.0, 1.0])


def test_linear_of_no_length_jumps():
    line = ns.linear(0, 1, since=5, until=5)
    assert [line.at(ns.Clock(step)) for step in (4, 5)] == [0, 1]


def test_uniform_follows_its_schedules():
    level = ns.uniform(0, ns.linear(0.0, 1.0, until=10))
    assert draw_at(level, ns.Clock(5))(0.5) == pytest.approx(0.25)
    assert draw_at(level, ns.Clock(10))(0.5) == pytest.approx(0.5)
    assert bounds(level) == (0, 1)


@given(clocks, unit_floats, unit_floats, unit_floats, st.integers(0, 200), st.integers(0, 200))
def test_values_stay_within_bounds(clock, a, b, u, since, until):
    since, until = sorted((since, until))
    line = ns.linear(a, ns.linear(b, a), since=f"{since}%", until=f"{until}%")
    low, high = bounds(line)
    assert low <= line.at(clock) <= high
    assert 0 <= draw_at(ns.uniform(ns.constant(a), line), clock)(u) <= 1


def test_numbers_are_schedules():
    assert value_at(0.3, ns.Clock(0)) == ns.constant(0.3).at(ns.Clock(9)) == 0.3


def test_not_a_schedule():
    for wrong in ("0.5", True, None):
        with pytest.raises(TypeError, match="expected a number"):
            bounds(wrong)
