import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import noise_scheduler as ns
from noise_scheduler.clock import parse_time


def test_times_mean_the_same_in_steps_epochs_and_shares():
    clock = ns.Clock(0, steps_per_epoch=50, total_steps=500)
    assert clock.steps(150) == clock.steps("3ep") == clock.steps("30%") == 150
    assert clock.steps("0.5ep") == clock.steps("5%") == clock.steps(25.0) == 25


@given(st.integers(0, 10**5), st.integers(1, 10**6))
def test_decimals_are_rounded_once(hundredths, length):
    """0.07 × 100 is 7.000000000000001 in floats, and a switch at that time would come a step late."""
    clock = ns.Clock(0, length, length)
    written = f"{hundredths // 100}.{hundredths % 100:02d}"
    assert clock.steps(f"{written}ep") == float(Fraction(hundredths * length, 100))
    assert clock.steps(f"{written}%") == float(Fraction(hundredths * length, 10000))


@pytest.mark.parametrize("time", ["3 epochs", "", "-5%", "5 %", "%", "1e3%", ".5ep", "500", -1, True, None])
def test_bad_time(time):
    with pytest.raises(ValueError, match="a time is steps"):
        parse_time(time)


@pytest.mark.parametrize("time", [math.nan, math.inf, -0.1, [3], 2j])
def test_a_time_is_finite_and_a_number(time):
    with pytest.raises(ValueError, match="a time is steps"):
        ns.Clock(0, 1, 1).steps(time)


def test_unknown_length_is_named():
    with pytest.raises(ValueError, match="'60%' needs total_steps"):
        ns.Clock(3, steps_per_epoch=5).steps("60%")
    with pytest.raises(ValueError, match="'2ep' needs steps_per_epoch"):
        ns.Clock(3, total_steps=5).steps("2ep")
    assert ns.Clock(3).steps(7) == 7


@pytest.mark.parametrize("arguments", [(-1,), (0, 0), (0, 1, 0), (0, -3)])
def test_bad_clock(arguments):
    with pytest.raises(ValueError, match="must be ≥"):
        ns.Clock(*arguments)


@pytest.mark.parametrize("arguments", [(None,), (1.0,), ("3",), (0, 2.5), (0, None, math.nan)])
def test_a_clock_counts_in_integers(arguments):
    with pytest.raises(TypeError, match="must be an integer"):
        ns.Clock(*arguments)


def test_integers_of_numpy_are_integers():
    clock = ns.Clock(np.int64(3), np.int32(5), np.uint8(7))
    assert clock == ns.Clock(3, 5, 7)
    assert all(type(value) is int for value in (clock.step, clock.steps_per_epoch, clock.total_steps))
    assert clock.steps(np.int64(4)) == 4


def test_a_clock_does_not_move():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ns.Clock(3).step = 4


def test_after_is_the_clock_of_what_is_left():
    assert ns.Clock(29, 5, 100).after("30%") is None
    assert ns.Clock(30, 5, 100).after("30%") == ns.Clock(0, 5, 70)
    assert ns.Clock(45, 5, 100).after("3ep") == ns.Clock(30, 5, 85)
    assert ns.Clock(10).after(10) == ns.Clock(0)
    assert ns.Clock(3, None, 100).after(0) == ns.Clock(3, None, 100)


def test_after_starts_at_the_first_step_from_the_time_on():
    assert ns.Clock(2, None, 10).after(2.5) is None
    assert ns.Clock(3, None, 10).after(2.5) == ns.Clock(0, None, 7)


def test_after_the_end_something_is_left():
    assert ns.Clock(100, None, 100).after("100%") == ns.Clock(0, None, 1)
    assert ns.Clock(500, None, 100).after(300) == ns.Clock(200, None, 1)


def test_within_begins_anew_and_is_its_own_hundred_per_cent():
    assert ns.Clock(23, 5, 100).within(10) == ns.Clock(3, 5, 10)
    assert ns.Clock(23, 5, 100).within("2ep") == ns.Clock(3, 5, 10)
    assert ns.Clock(20, 5, 100).within("10%") == ns.Clock(0, 5, 10)
    assert ns.Clock(23, 5, 100).within("0.1%") == ns.Clock(0, 5, 1)


def test_decisions_are_handed_on():
    rule = ns.keep_in_band("accuracy", 0.4, 0.6)
    clock = ns.Clock(30, 5, 100, {rule: 0.7})
    assert clock.after(10).decisions == clock.within(7).decisions == {rule: 0.7}


def test_a_share_written_as_a_number_is_noticed():
    with pytest.raises(ValueError, match="a share of the training is '60%'"):
        ns.linear(0, 1, until=0.6)
