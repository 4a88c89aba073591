import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noise_scheduler as ns
from noise_scheduler.adaptive import Balance
from noise_scheduler.schedule import bounds

RELIANCE = {"audio": "val/no_audio", "video": "val/no_video", "text": "val/no_text"}
numbers = st.floats(-1e6, 1e6)


def decide(rule, *metrics):
    """The values after each of some metrics."""
    values, value = [], rule.start
    for metric in metrics:
        value = rule.decide(value, metric if isinstance(metric, dict) else {rule.metric: metric})
        values.append(value)
    return values


def losses(audio, video, text):
    return {"val/no_audio": audio, "val/no_video": video, "val/no_text": text}


def test_keep_in_band():
    rule = ns.keep_in_band("accuracy", 0.6, 0.8, start=0.2, change=0.1)
    assert decide(rule, 0.81, 0.9, 0.8, 0.7, 0.6, 0.59, 0.1) == pytest.approx([0.3, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2])
    assert rule.follows() == ("accuracy",)


def test_keep_in_band_for_a_loss():
    rule = ns.keep_in_band("loss", 1.0, 2.0, start=0.5, change=0.25, higher_is_better=False)
    assert decide(rule, 0.9, 1.0, 2.0, 2.1, 5.0) == [0.75, 0.75, 0.75, 0.5, 0.25]


def test_keep_in_band_stays_within_least_and_most():
    rule = ns.keep_in_band("m", 0, 0, start=0.3, change=0.4, least=0.1, most=0.9)
    assert decide(rule, 1, 1, 1, -1, -1, -1) == pytest.approx([0.7, 0.9, 0.9, 0.5, 0.1, 0.1])
    assert bounds(rule) == (0.1, 0.9)


def test_self_paced_never_goes_back():
    rule = ns.self_paced("accuracy", worst=0.5, best=0.9, start=0.2, end=1.0)
    assert decide(rule, 0.4, 0.5, 0.7, 0.6, 0.8, 0.95, 0.1) == pytest.approx([0.2, 0.2, 0.6, 0.6, 0.8, 1.0, 1.0])
    assert bounds(rule) == (0.2, 1.0)


def test_self_paced_by_a_loss_and_downwards():
    rule = ns.self_paced("loss", worst=2.0, best=1.0)
    assert decide(rule, 3.0, 1.75, 1.5, 1.9, 0.5) == [0, 0.25, 0.5, 0.5, 1]
    falling = ns.self_paced("loss", worst=2.0, best=1.0, start=0.8, end=0.4)
    assert decide(falling, 3.0, 1.5, 1.9, 0.0) == pytest.approx([0.8, 0.6, 0.6, 0.4])
    assert bounds(falling) == (0.4, 0.8)


def test_balance():
    """r = 3/5 of three: 0.1 × (3 · 3/5 − 1) / 2 = 0.04."""
    rule = ns.balance("audio", RELIANCE, start=0.5)
    assert decide(rule, losses(0.3, 0.1, 0.1)) == pytest.approx([0.54])
    assert decide(rule, losses(0.2, 0.2, 0.2)) == pytest.approx([0.5])
    assert decide(rule, losses(0.4, 0.0, -0.1)) == pytest.approx([0.6]), "it leans on audio alone"
    assert decide(rule, losses(0, 1, 1)) == pytest.approx([0.45])
    assert decide(rule, losses(-1, 0, -3)) == [0.5], "it leans on nothing"
    assert rule.follows() == tuple(RELIANCE.values())


def test_balance_between_two_and_within_its_bounds():
    rule = ns.balance("a", {"a": "x", "b": "y"}, start=0.5, change=0.4, least=0.2, most=0.8)
    assert decide(rule, *[{"x": 1, "y": 0}] * 2, *[{"x": 1, "y": 3}] * 4) == pytest.approx(
        [0.8, 0.8, 0.6, 0.4, 0.2, 0.2]
    )


@settings(deadline=None)
@given(st.lists(numbers, min_size=1, max_size=12), numbers, numbers)
def test_bounds_are_kept_whatever_the_metrics(metrics, one, other):
    low, high = sorted((one, other))
    rules = [
        ns.keep_in_band("m", low, high, start=0.4, change=0.3, least=0.2, most=0.7),
        ns.self_paced("m", worst=one, best=other if other != one else one + 1, start=0.9, end=0.1),
        ns.balance("a", {"a": "m", "b": "n"}, start=0.4, change=0.9, least=0.2, most=0.7),
    ]
    for rule in rules:
        least, most = bounds(rule)
        got = decide(rule, *({"m": metric, "n": one} for metric in metrics))
        assert least <= min(got) <= max(got) <= most


def test_a_rule_starts_out_and_follows_the_decisions_of_the_clock():
    rule, other = ns.keep_in_band("m", 0, 1, start=0.3), ns.keep_in_band("m", 0, 1, start=0.2)
    assert rule.at(ns.Clock(5)) == 0.3
    assert rule.at(ns.Clock(5, decisions={rule: 0.7, other: 0.1})) == 0.7
    again = ns.keep_in_band("m", 0, 1, start=0.3)
    assert again.at(ns.Clock(5, decisions={rule: 0.7})) == 0.7, "equal rules are one"


def test_rules_join_with_other_schedules():
    rule = ns.keep_in_band("m", 0, 1, start=0.3)
    decided = ns.Clock(50, None, 100, {rule: 0.8})
    joined = ns.constant(0.1).then(rule.scale(0.5).clamp(high=0.35), at="20%").repeat(60)
    assert joined.at(decided) == 0.35
    assert joined.at(ns.Clock(50, None, 100)) == 0.15
    assert joined.at(ns.Clock(65, None, 100, {rule: 0.8})) == 0.1
    assert ns.maximum(rule, 0.5).at(decided) == ns.linear(0, rule, until=50).at(decided) == 0.8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ns.keep_in_band("m", 0.8, 0.6), "the band runs from low to high, not from 0.8 to 0.6"),
        (lambda: ns.keep_in_band("m", 0, 1, start=2), "start must lie within \\[0, 1\\], not 2"),
        (lambda: ns.keep_in_band("m", 0, 1, least=1, most=0), "start must lie within"),
        (lambda: ns.keep_in_band("m", 0, 1, change=0), "change must be > 0"),
        (lambda: ns.keep_in_band("m", 0, float("nan")), "high must be a finite number"),
        (lambda: ns.keep_in_band("m", "0", 1), "low must be a finite number"),
        (lambda: ns.keep_in_band("m", 0, 1, start=ns.linear(0, 1)), "start must be a finite number"),
        (lambda: ns.self_paced("m", worst=0.5, best=0.5), "worst and best must differ"),
        (lambda: ns.self_paced("m", worst=True, best=0.5), "worst must be a finite number"),
        (lambda: ns.self_paced("m", worst=0, best=1, end=float("inf")), "end must be a finite number"),
        (lambda: ns.balance("smell", RELIANCE), "the reliance on 'smell' and on at least one other"),
        (lambda: ns.balance("audio", {"audio": "x"}), "at least one other modality, not on \\['audio'\\]"),
        (lambda: ns.balance("audio", RELIANCE, change=-1), "change must be > 0"),
        (lambda: ns.balance("audio", RELIANCE, start=-1), "start must lie within"),
        (lambda: Balance("audio", 3), "reliance is a mapping from modality to metric, not 3"),
        (lambda: ns.balance("audio", ["audio", "text"]), "reliance is a mapping from modality to metric"),
    ],
)
def test_faults_are_named_when_a_rule_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_level_that_a_rule_can_take_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"level must stay in .* can reach .0, 1.5"):
        ns.NoiseScheduler({"text": "text/missing"}, level=ns.keep_in_band("m", 0, 1, most=1.5))


def test_numbers_of_numpy_are_numbers():
    assert ns.self_paced("m", worst=np.float32(0), best=np.int64(1)) == ns.self_paced("m", worst=0, best=1)
