"""The algebra of schedules, and what holds for all that can be built of it and of the curves.

A tree is an abstract schedule, a number or (kind, arguments …), with all times in whole steps. `built` writes it as a
schedule, in the units that it is told; `expected` gives its value by a computation of its own.
"""

import itertools
import json
import math
import pickle
from bisect import bisect_right
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noise_scheduler as ns
from noise_scheduler import schedule
from noise_scheduler.schedule import between, bounds, hull, value_at

UNITS = ([""], ["ep"], ["%"], ["", "%", "ep"])
CURVES = {"linear": ns.linear, "cosine": ns.cosine, "exponential": ns.exponential, "polynomial": ns.polynomial}
END = "end"  # the time "100%", in whatever training a part of a tree lies

levels = st.floats(0, 1)
steps = st.integers(0, 1500)


def values(children):
    return st.one_of(levels, children)


@st.composite
def ramps(draw, children):
    kind = draw(st.sampled_from(list(CURVES)))
    since, until = sorted(draw(st.tuples(steps, steps)))
    if draw(st.integers(0, 3)) == 0:
        since, until = 0, END
    ends = draw(st.tuples(values(children), values(children)))
    if kind == "exponential":
        ends = tuple(("maximum", (end, 1e-3)) for end in ends)
    return (kind, *ends, draw(st.floats(0.05, 20)), since, until)


def milestones(children):
    times = st.lists(steps, min_size=1, max_size=4, unique=True).map(sorted)
    return times.flatmap(lambda t: st.tuples(*(st.tuples(st.just(time), values(children)) for time in t)))


def extended(children):
    value, period = values(children), st.integers(1, 400)
    return st.one_of(
        ramps(children),
        st.tuples(st.sampled_from(["piecewise", "stepwise"]), milestones(children)),
        st.tuples(st.just("cyclic"), value, value, period),
        st.tuples(st.just("then"), children, value, steps),
        st.tuples(st.just("clamp"), children, value, value),
        st.tuples(st.just("scale"), children, value),
        st.tuples(st.just("repeat"), children, period),
        st.tuples(st.just("maximum"), st.lists(value, min_size=1, max_size=3).map(tuple)),
    )


trees = st.recursive(st.one_of(st.tuples(st.just("constant"), levels), ramps(levels)), extended, max_leaves=8)
trainings = st.tuples(st.one_of(st.just(1), st.integers(1, 300)), st.one_of(st.just(1), st.integers(1, 2000)))


def written(time, unit, epoch, total):
    """A time in steps as the user may write it."""
    if time == END:
        return "100%"
    if not unit:
        return time
    with localcontext(prec=40):
        return f"{Decimal(time) / epoch if unit == 'ep' else Decimal(100 * time) / total:f}{unit}"


def built(tree, epoch, total, units=("",)):
    """A tree as a schedule, its times written in `units` by turns."""
    turns = itertools.cycle(units)

    def build(tree, total):
        if isinstance(tree, float):
            return tree
        kind, *rest = tree
        unit = next(turns)

        def time(t):
            return written(t, unit, epoch, total)

        match kind, rest:
            case "constant", (value,):
                return ns.constant(value)
            case "polynomial", (start, end, exponent, since, until):
                ends = build(start, total), build(end, total)
                return ns.polynomial(*ends, exponent=exponent, since=time(since), until=time(until))
            case (("linear" | "cosine" | "exponential"), (start, end, _, since, until)):
                return CURVES[kind](build(start, total), build(end, total), since=time(since), until=time(until))
            case (("piecewise" | "stepwise"), (points,)):
                return getattr(ns, kind)(*((written(t, next(turns), epoch, total), build(v, total)) for t, v in points))
            case "cyclic", (low, high, period):
                return ns.cyclic(build(low, total), build(high, total), period=time(period))
            case "then", (first, second, switch):
                return build(first, total).then(build(second, max(1, total - switch)), at=time(switch))
            case "clamp", (value, low, high):
                return build(value, total).clamp(build(low, total), build(high, total))
            case "scale", (value, factor):
                return build(value, total).scale(build(factor, total))
            case "repeat", (value, every):
                return build(value, every).repeat(time(every))
            case "maximum", (several,):
                return ns.maximum(*(build(value, total) for value in several))

    return build(tree, total)


def expected(tree, step, total):
    """The value of a tree at a step of a training."""
    if isinstance(tree, float):
        return tree
    kind, *rest = tree

    def now(part):
        return expected(part, step, total)

    if kind in CURVES:
        start, end, exponent, since, until = now(rest[0]), now(rest[1]), *rest[2:]
        until = total if until == END else until
        share = 1.0 if step >= until else 0.0 if step <= since else (step - since) / (until - since)
        if kind == "exponential":
            return start * (end / start) ** share
        share = {"linear": share, "cosine": (1 - math.cos(math.pi * share)) / 2, "polynomial": share**exponent}[kind]
        return start + (end - start) * share
    match kind, rest:
        case "constant", (value,):
            return value
        case "piecewise", (points,):
            return float(np.interp(step, [t for t, _ in points], [now(value) for _, value in points]))
        case "stepwise", (points,):
            return now(points[max(0, bisect_right([t for t, _ in points], step) - 1)][1])
        case "cyclic", (low, high, period):
            return float(np.interp(step % period, [0, period / 2, period], [now(low), now(high), now(low)]))
        case "then", (first, second, switch):
            return now(first) if step < switch else expected(second, step - switch, max(1, total - switch))
        case "clamp", (value, low, high):
            return min(max(now(value), now(low)), now(high))
        case "scale", (value, factor):
            return now(value) * now(factor)
        case "repeat", (value, every):
            return expected(value, step % every, every)
        case "maximum", (several,):
            return max(now(value) for value in several)


def times_of(tree):
    """All whole numbers of a tree: where something happens in it."""
    if isinstance(tree, int):
        return {tree}
    return set().union(*map(times_of, tree)) if isinstance(tree, tuple) else set()


@settings(deadline=None, max_examples=200)
@given(trees, trainings, st.lists(st.integers(0, 3000), max_size=4))
def test_any_schedule_in_any_unit_has_the_value_of_the_textbook(tree, training, more):
    epoch, total = training
    schedules = [built(tree, epoch, total, units) for units in UNITS]
    at = {time + shift for time in times_of(tree) | {total} for shift in (-1, 0, 1)} | {*more, 0, 10**12}
    for step in at - {-1}:
        clock = ns.Clock(step, epoch, total)
        first, *others = [s.at(clock) for s in schedules]
        assert first == pytest.approx(expected(tree, step, total), abs=1e-11)
        assert others == [first] * 3, "a time means the same in all units"


@settings(deadline=None, max_examples=200)
@given(trees, trainings, trainings, st.integers(0, 10**12))
def test_any_schedule_keeps_its_bounds_at_any_clock(tree, written_for, training, step):
    low, high = bounds(built(tree, *written_for, ["%", "ep", ""]))
    assert 0 <= low <= high <= 1
    for now in (step, 0, 1, training[1] - 1, training[1], *times_of(tree)):
        assert low <= built(tree, *written_for, ["%", "ep", ""]).at(ns.Clock(now, *training)) <= high


@settings(deadline=None, max_examples=50)
@given(trees)
def test_any_schedule_is_a_value(tree):
    one, other = built(tree, 7, 300, ["%"]), built(tree, 7, 300, ["%"])
    assert one == other == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(other)
    assert eval(repr(one), vars(schedule) | vars(ns.curves)) == one


def over(schedule, n=100, **lengths):
    return [schedule.at(ns.Clock(step, **({"total_steps": n} | lengths))) for step in range(n)]


def test_then_starts_its_second_part_with_a_clock_of_its_own():
    joined = ns.constant(0.1).then(ns.linear(0.2, 1.0, until=20), at=50)
    assert over(joined) == pytest.approx([0.1] * 50 + np.linspace(0.2, 1, 21)[:20].tolist() + [1.0] * 30)


def test_after_then_a_hundred_per_cent_is_what_is_left():
    joined = ns.linear(0, 1, until="40%").then(ns.linear(1, 0), at="40%")
    assert over(joined) == pytest.approx([k / 40 for k in range(40)] + [1 - k / 60 for k in range(60)])


def test_then_of_then():
    joined = ns.constant(0.1).then(ns.constant(0.2).then(ns.linear(0, 1), at="50%"), at=20)
    assert over(joined) == pytest.approx([0.1] * 20 + [0.2] * 40 + [k / 40 for k in range(40)])
    other = ns.constant(0.1).then(0.2, at=20).then(0.3, at=60)
    assert over(other) == [0.1] * 20 + [0.2] * 40 + [0.3] * 40


def test_then_at_a_fraction_of_a_step_waits_for_the_next():
    assert over(ns.constant(0).then(1, at="2.5%"), 5) == [0, 1, 1, 1, 1]
    assert over(ns.constant(0).then(1, at=2.5), 5) == [0, 0, 0, 1, 1]


def test_then_at_the_beginning_or_beyond_the_end():
    ramp = ns.linear(0, 1)
    assert over(ns.constant(0.7).then(ramp, at=0)) == over(ramp)
    assert over(ramp.then(0.7, at=100)) == over(ramp)
    assert ramp.then(ns.linear(0, 1), at="100%").at(ns.Clock(500, None, 100)) == 1


def test_epochs_are_the_same_on_the_clock_of_the_second_part():
    joined = ns.constant(0).then(ns.linear(0, 1, until="2ep"), at="1ep")
    assert over(joined, 40, steps_per_epoch=10) == pytest.approx([0] * 10 + [k / 20 for k in range(20)] + [1] * 10)


def test_clamp():
    line = ns.linear(0, 1)
    assert over(line.clamp(0.2, 0.6)) == pytest.approx(np.clip(np.arange(100) / 100, 0.2, 0.6))
    assert over(line.scale(3).clamp()) == pytest.approx(np.clip(np.arange(100) * 0.03, 0, 1))
    moving = line.clamp(low=ns.linear(1, 0), high=0.9)
    assert over(moving) == pytest.approx([min(max(k / 100, 1 - k / 100), 0.9) for k in range(100)])
    assert bounds(line.scale(3).clamp()) == (0, 1)
    assert bounds(line.scale(3).clamp(0.5, 2)) == (0.5, 2)
    crossing = line.clamp(0.8, 0.3)
    assert {*over(crossing)} == {0.3}
    assert bounds(crossing) == (0.3, 0.3)


def test_scale():
    line = ns.linear(0, 1)
    assert over(line.scale(0.5)) == pytest.approx(np.arange(100) / 200)
    assert over(line.scale(ns.linear(1, 0))) == pytest.approx([k * (100 - k) / 1e4 for k in range(100)])
    assert bounds(line.scale(-2)) == (-2, 0)
    assert bounds(ns.linear(-1, 2).scale(ns.linear(-3, 1))) == (-6, 3)


def test_repeat_makes_its_period_the_hundred_per_cent():
    assert over(ns.linear(0, 1).repeat(25)) == pytest.approx([k / 25 for k in range(25)] * 4)
    assert over(ns.linear(0, 1, until="60%").repeat("50%")) == pytest.approx([min(k / 30, 1) for k in range(50)] * 2)
    waves = ns.constant(0.2).then(0.7, at="1ep").repeat("3ep")
    assert over(waves, 60, steps_per_epoch=10) == ([0.2] * 10 + [0.7] * 20) * 2


def test_repeat_of_a_period_below_one_step_stays_at_the_start():
    assert {*over(ns.linear(0.3, 1).repeat("0.1%"))} == {0.3}


def test_maximum():
    assert over(ns.maximum(0.25, ns.linear(0, 1))) == pytest.approx(np.maximum(0.25, np.arange(100) / 100))
    assert over(ns.maximum(ns.linear(1, 0), ns.linear(0, 1), 0.6)) == pytest.approx(
        [max(k, 100 - k, 60) / 100 for k in range(100)]
    )
    assert bounds(ns.maximum(ns.linear(0, 0.5), ns.linear(0.2, 0.3))) == (0.2, 0.5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda line: line.then(1, at="soon"), ValueError, "a time is steps"),
        (lambda line: line.then("1", at=3), TypeError, "expected a number"),
        (lambda line: line.then(ns.uniform(0, 1), at=3), TypeError, "second must be a number or a schedule"),
        (lambda line: line.clamp(None, 1), TypeError, "expected a number"),
        (lambda line: line.clamp(0, math.inf), ValueError, "high must be finite"),
        (lambda line: line.scale(math.nan), ValueError, "factor must be finite"),
        (lambda line: line.scale(True), TypeError, "expected a number"),
        (lambda line: line.repeat(0), ValueError, "longer than 0"),
        (lambda line: line.repeat("0%"), ValueError, "longer than 0"),
        (lambda line: ns.maximum(), ValueError, "at least one number"),
        (lambda line: ns.maximum(line, "x"), TypeError, "expected a number"),
        (lambda line: schedule.Maximum(0.5), ValueError, "at least one number"),
    ],
)
def test_faults_are_named_when_a_schedule_is_made(make, error, message):
    with pytest.raises(error, match=message):
        make(ns.linear(0, 1))


def test_numbers_are_schedules():
    assert value_at(0.3, ns.Clock(0)) == ns.constant(0.3).at(ns.Clock(9)) == 0.3
    assert bounds(np.float32(0.5)) == (0.5, 0.5)
    assert bounds(np.int64(1)) == (1, 1)
    assert hull(0.4, ns.linear(0.2, 0.3)) == (0.2, 0.4)


def test_not_a_schedule():
    for wrong in ("0.5", True, None, [0.5], ns.Clock):
        with pytest.raises(TypeError, match="expected a number"):
            bounds(wrong)


def test_between_never_leaves_its_ends():
    for share in (0, 0.1, 1 / 3, 0.9999999999999999, 1):
        for start, end in ((0.1, 0.7), (0.7, 0.1), (0.3, 0.3), (1e-17, 1), (-0.1, 0.2)):
            assert min(start, end) <= between(start, end, share) <= max(start, end)


def test_a_schedule_of_ones_own_needs_at_and_bounds():
    class Sawtooth(ns.Schedule):
        def at(self, clock):
            return clock.step % 4 / 4

        def bounds(self):
            return 0.0, 0.75

    assert over(Sawtooth().scale(2).then(Sawtooth(), at=2), 5) == [0, 0.5, 0, 0.25, 0.5]
    with pytest.raises(NotImplementedError):
        ns.Schedule().at(ns.Clock(0))
    with pytest.raises(TypeError, match="cannot be written to a configuration"):
        json.dumps(ns.NoiseScheduler({"text": "text/missing"}, level=Sawtooth()).to_dict())
