import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.curves import Constant, Piecewise
from noise_scheduler.schedule import bounds

STEPS = np.arange(600)
RAMPS = {
    "linear": ns.linear,
    "cosine": ns.cosine,
    "exponential": ns.exponential,
    "polynomial": lambda *ends, **times: ns.polynomial(*ends, exponent=2.5, **times),
}


def values(curve, total=500, epoch=50):
    return np.array([curve.at(ns.Clock(step, epoch, total)) for step in STEPS.tolist()])


def share(since, until):
    return np.clip((STEPS - since) / (until - since), 0, 1)


def ramp(name, start, end, x):
    """The textbook's."""
    return {
        "linear": start + (end - start) * x,
        "cosine": start + (end - start) * (1 - np.cos(np.pi * x)) / 2,
        "exponential": np.exp(np.log(start) * (1 - x) + np.log(end) * x),
        "polynomial": start + (end - start) * x**2.5,
    }[name]


@pytest.mark.parametrize("name", RAMPS)
@pytest.mark.parametrize(("start", "end"), [(0.2, 1.0), (0.9, 0.05), (0.4, 0.4), (3e-5, 20.0)])
@pytest.mark.parametrize(
    ("times", "since", "until"),
    [
        ({}, 0, 500),
        ({"until": "60%"}, 0, 300),
        ({"since": 100, "until": "60%"}, 100, 300),
        ({"since": "1ep", "until": "7.5ep"}, 50, 375),
        ({"since": "10%", "until": 123}, 50, 123),
        ({"since": 1.5, "until": 7.25}, 1.5, 7.25),
    ],
)
def test_ramps(name, start, end, times, since, until):
    curve = RAMPS[name](start, end, **times)
    got = values(curve)
    assert got == pytest.approx(ramp(name, start, end, share(since, until)), rel=1e-13)
    assert set(got[since >= STEPS]) == {start}, "flat before"
    assert set(got[until <= STEPS]) == {end}, "flat after, and exactly the end"
    assert bounds(curve) == (min(start, end), max(start, end))
    rising = np.diff(got) * (1 if end >= start else -1)
    assert rising.min() >= -1e-15


@pytest.mark.parametrize("name", RAMPS)
def test_ends_are_reached_exactly(name):
    rng = np.random.default_rng(0)
    for start, end in rng.uniform(1e-3, 1, (500, 2)).tolist():
        curve = RAMPS[name](start, end, since=2, until=9)
        assert [curve.at(ns.Clock(step)) for step in (0, 2, 9, 10**12)] == [start, start, end, end]


@pytest.mark.parametrize("name", RAMPS)
def test_ends_may_be_schedules(name):
    low, high = ns.linear(0.1, 0.2), ns.constant(0.9).then(0.5, at=100)
    curve = RAMPS[name](low, high, since=50, until=250)
    start, end = 0.1 + 0.1 * np.minimum(STEPS / 500, 1), np.where(STEPS < 100, 0.9, 0.5)
    assert values(curve) == pytest.approx(ramp(name, start, end, share(50, 250)))
    assert bounds(curve) == (0.1, 0.9)


@pytest.mark.parametrize("name", RAMPS)
def test_a_ramp_of_no_length_jumps(name):
    curve = RAMPS[name](0.2, 1, since=5, until=5)
    assert [curve.at(ns.Clock(step)) for step in (0, 4, 5, 6)] == [0.2, 0.2, 1, 1]


@pytest.mark.parametrize("name", RAMPS)
def test_a_training_shorter_than_the_start_of_a_ramp_still_has_its_end(name):
    """ "60%" of a short training lies before step 500."""
    curve = RAMPS[name](0.2, 1, since=500, until="60%")
    assert [curve.at(ns.Clock(step, None, 100)) for step in (0, 59, 60, 700)] == [0.2, 0.2, 1, 1]


@pytest.mark.parametrize("name", RAMPS)
def test_extreme_clocks(name):
    curve = RAMPS[name](0.2, 0.8)
    assert [curve.at(ns.Clock(step, None, 1)) for step in (0, 1, 10**15)] == [0.2, 0.8, 0.8]
    epochs = RAMPS[name](0.2, 0.8, since="1ep", until="3ep")
    assert [epochs.at(ns.Clock(step, 1, 1)) for step in (0, 1, 3, 4)] == [0.2, 0.2, 0.8, 0.8]
    assert 0.2 < epochs.at(ns.Clock(2, 1, 1)) < 0.8


def test_linear_by_hand():
    line = ns.linear(0.2, 1.0, since=100, until="60%")
    assert values(line)[[0, 100, 200, 300, 400]] == pytest.approx([0.2, 0.2, 0.6, 1.0, 1.0])


def test_exponential_has_equal_ratios():
    got = values(ns.exponential(0.01, 0.64, until=60))[:61]
    assert got[1:] / got[:-1] == pytest.approx(np.full(60, 64 ** (1 / 60)))


@pytest.mark.parametrize("exponent", [0.01, 0.5, 1, 3, 100])
def test_polynomial_exponents(exponent):
    got = values(ns.polynomial(0, 1, exponent=exponent))
    assert got == pytest.approx(share(0, 500) ** exponent, abs=1e-13)
    assert got.max() == 1


def test_constant():
    assert set(values(ns.constant(0.3))) == {0.3}
    assert bounds(ns.constant(0.3)) == (0.3, 0.3)


def test_piecewise():
    curve = ns.piecewise((20, 0.1), ("3ep", 0.5), ("60%", 1.0), (400, 0.2))
    assert values(curve) == pytest.approx(np.interp(STEPS, [20, 150, 300, 400], [0.1, 0.5, 1.0, 0.2]))
    assert bounds(curve) == (0.1, 1.0)
    assert set(values(ns.piecewise((30, 0.4)))) == {0.4}


def test_piecewise_of_schedules():
    moving = ns.linear(1, 0, until=100)
    curve = ns.piecewise((0, 0), (100, moving), (200, 1))
    outer = np.clip(1 - STEPS / 100, 0, 1)
    expected = np.where(STEPS < 100, STEPS / 100 * outer, np.clip(STEPS / 100 - 1, 0, 1))
    assert values(curve) == pytest.approx(expected)


def test_stepwise():
    curve = ns.stepwise((20, 0.1), ("3ep", 0.5), ("60%", 1.0), (400, 0.2))
    assert values(curve).tolist() == [0.1] * 150 + [0.5] * 150 + [1.0] * 100 + [0.2] * 200
    assert bounds(curve) == (0.1, 1.0)


@pytest.mark.parametrize("kind", [ns.piecewise, ns.stepwise])
def test_milestones_that_change_places_in_a_short_training_keep_their_bounds(kind):
    curve = kind((0, 0.1), ("3ep", 0.5), ("60%", 1.0))
    got = values(curve, total=100)  # 3 epochs are step 150, 60 % are step 60
    assert (got.min(), got.max()) == (0.1, 1.0)
    assert set(got[150:]) == {1.0}


def test_cyclic():
    curve = ns.cyclic(0.2, 0.8, period="2ep")
    phase = STEPS % 100 / 100
    assert values(curve) == pytest.approx(0.2 + 0.6 * (1 - np.abs(2 * phase - 1)))
    assert bounds(curve) == (0.2, 0.8)
    assert values(curve).max() == 0.8
    assert values(ns.cyclic(0.2, 0.8, period=5))[:6] == pytest.approx([0.2, 0.44, 0.68, 0.68, 0.44, 0.2])
    assert set(values(ns.cyclic(0.2, 0.8, period=1))) == {0.2}


def test_cyclic_between_schedules():
    curve = ns.cyclic(0, ns.linear(0, 1), period=10)
    triangle = 1 - np.abs(2 * (STEPS % 10 / 10) - 1)
    assert values(curve) == pytest.approx(np.minimum(STEPS / 500, 1) * triangle)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ns.constant("a"), TypeError, "expected a number"),
        (lambda: ns.constant(float("nan")), ValueError, "must be finite"),
        (lambda: ns.constant(ns.linear(0, 1)), TypeError, "a constant is a number, not the schedule"),
        (lambda: ns.linear(0, True), TypeError, "expected a number"),
        (lambda: ns.linear(0, float("inf")), ValueError, "end must be finite"),
        (lambda: ns.linear(ns.uniform(0, 1), 1), TypeError, "start must be a number or a schedule, not the distr"),
        (lambda: ns.linear(0, 1, until="soon"), ValueError, "a time is steps"),
        (lambda: ns.linear(0, 1, since=-1), ValueError, "a time is steps"),
        (lambda: ns.linear(0, 1, since=9, until=5), ValueError, "from since to until, not from 9 to 5"),
        (lambda: ns.cosine(0, 1, since="61%", until="60%"), ValueError, "from since to until"),
        (lambda: ns.exponential(0, 1), ValueError, "use polynomial from or to 0"),
        (lambda: ns.exponential(ns.linear(0, 1), 1), ValueError, "use polynomial from or to 0"),
        (lambda: ns.exponential(5e-324, 1), ValueError, "must stay in \\[1e-100"),
        (lambda: ns.polynomial(0, 1, exponent=0), ValueError, "exponent must be a number in"),
        (lambda: ns.polynomial(0, 1, exponent=-1), ValueError, "exponent must be a number in"),
        (lambda: ns.polynomial(0, 1, exponent=float("nan")), ValueError, "exponent must be a number in"),
        (lambda: ns.polynomial(0, 1, exponent=ns.linear(1, 2)), ValueError, "exponent must be a number in"),
        (lambda: ns.piecewise(), ValueError, "milestones are pairs"),
        (lambda: ns.piecewise(0, 0.1), ValueError, "milestones are pairs"),
        (lambda: ns.stepwise((0, 0.1, 0.2)), ValueError, "milestones are pairs"),
        (lambda: Piecewise({0: 0.1}), ValueError, "milestones are pairs"),
        (lambda: ns.piecewise((5, 0.1), (5, 0.2)), ValueError, "order of their times"),
        (lambda: ns.stepwise(("3ep", 0.1), ("2ep", 0.2)), ValueError, "order of their times"),
        (lambda: ns.stepwise((0, "a")), TypeError, "expected a number"),
        (lambda: ns.stepwise((0, ns.uniform(0, 1))), TypeError, "the value of a milestone must be"),
        (lambda: ns.cyclic(0, 1, period=0), ValueError, "longer than 0"),
        (lambda: ns.cyclic(0, None, period=1), TypeError, "expected a number"),
    ],
)
def test_faults_are_named_when_a_curve_is_made(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("name", RAMPS)
def test_the_length_that_is_missing_is_named(name):
    with pytest.raises(ValueError, match="'100%' needs total_steps"):
        RAMPS[name](0.1, 1).at(ns.Clock(3))
    with pytest.raises(ValueError, match="'2ep' needs steps_per_epoch"):
        RAMPS[name](0.1, 1, until="2ep").at(ns.Clock(3, total_steps=5))


def test_whole_numbers_are_stored_as_floats():
    assert repr(ns.linear(0, np.int64(1))) == repr(ns.linear(0.0, 1.0))
    assert repr(Constant(1)) == "Constant(value=1.0)"
    assert ns.piecewise([0, 1], ("2ep", np.float32(0.5))) == ns.piecewise((0, 1.0), ("2ep", 0.5))
