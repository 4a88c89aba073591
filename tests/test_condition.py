from collections import Counter
from itertools import combinations

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.condition import AnySubset

AVT = ("audio", "video", "text")
CLOCK = ns.Clock(50, 10, 100)
SUBSETS = [subset for size in range(4) for subset in combinations(AVT, size)]


def chances(condition, modalities=AVT, clock=CLOCK):
    weights = np.array(condition.weigh(modalities, clock))
    return dict(zip(condition.subsets(modalities), (weights / weights.sum()).tolist(), strict=True))


def drawn(condition, clock=CLOCK, n=4000):
    """Shares of the subsets in plans; missing noises, so that the modalities are hit and nothing else is drawn."""
    noises = {"audio": "audio/missing", "video": "image/missing", "text": "text/missing"}
    scheduler = ns.NoiseScheduler(noises, condition=condition, seed=1)
    plans = ({hit.modality for hit in scheduler.plan(i, clock).hits} for i in range(n))
    count = Counter(tuple(m for m in AVT if m in hit) for hit in plans)
    return {subset: count[subset] / n for subset in SUBSETS}


def expected_share(condition, modalities, clock=CLOCK):
    return sum(p * len(subset) for subset, p in chances(condition, modalities, clock).items()) / len(modalities)


def test_any_subset_has_all_eight():
    assert chances(ns.any_subset()) == dict.fromkeys(SUBSETS, 1 / 8)
    assert len(ns.any_subset().subsets("abcdefghij")) == 1024


def test_weights_of_any_subset():
    condition = ns.any_subset({"": ns.linear(16, 0), "av": 3, "audio+video+text": 0, "t": 0.5})
    total = 8 + 3 + 0 + 0.5 + 4
    special = {(): 8 / total, ("audio", "video"): 3 / total, AVT: 0, ("text",): 0.5 / total}
    assert chances(condition) == pytest.approx(dict.fromkeys(SUBSETS, 1 / total) | special)
    assert chances(condition, clock=ns.Clock(100, 10, 100))[()] == 0


def test_the_six_of_the_paper():
    initials = {"".join(m[0] for m in subset) for subset in ns.six_conditions().subsets(AVT)}
    assert initials == {"a", "v", "t", "av", "at", "vt"}
    assert set(chances(ns.six_conditions()).values()) == {1 / 6}
    for modalities in (("audio", "text"), ("audio",), (*AVT, "face")):
        with pytest.raises(ValueError, match="three modalities"):
            ns.six_conditions().subsets(modalities)


def test_weights_of_the_six():
    condition = ns.six_conditions({"av": 3, "t": 0, "ta": ns.linear(0, 4)})
    assert chances(condition) == pytest.approx(
        {
            ("audio",): 1 / 8,
            ("video",): 1 / 8,
            ("text",): 0,
            ("audio", "video"): 3 / 8,
            ("audio", "text"): 2 / 8,
            ("video", "text"): 1 / 8,
        }
    )


def test_independent_with_one_rate():
    got = chances(ns.independent(0.3))
    assert got == pytest.approx({s: 0.3 ** len(s) * 0.7 ** (3 - len(s)) for s in SUBSETS})
    assert chances(ns.independent(0))[()] == chances(ns.independent(1))[AVT] == 1


def test_independent_with_rates_that_are_schedules():
    condition = ns.independent({"a": 0.1, "v": ns.linear(0, 1), "text": ns.constant(0.2).then(0.9, at="50%")})
    rates = {"audio": 0.1, "video": 0.5, "text": 0.9}
    got = chances(condition)
    assert got == pytest.approx({s: np.prod([rates[m] if m in s else 1 - rates[m] for m in AVT]) for s in SUBSETS})
    for modality, rate in rates.items():
        assert sum(p for subset, p in got.items() if modality in subset) == pytest.approx(rate)
    several = ns.independent({"at": 0.25, "v": 0})
    assert chances(several)["audio", "text"] == 0.25**2


@pytest.mark.parametrize("rate", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
@pytest.mark.parametrize("modalities", [AVT, "abcd", "abcdefghij"])
def test_the_expected_share_is_the_missing_rate(rate, modalities):
    got = chances(ns.missing_rate(rate), modalities)
    assert expected_share(ns.missing_rate(rate), modalities) == pytest.approx(rate, abs=1e-12)
    assert max(len(subset) for subset in got) == len(modalities) - 1, "one is always kept"
    by_size = {len(subset): p for subset, p in got.items()}
    assert all(p == by_size[len(subset)] for subset, p in got.items()), "no modality is favoured"


def test_the_missing_rate_is_independent_given_that_one_is_kept():
    got = chances(ns.missing_rate(0.4))
    odds = got["audio",] / got[()]
    assert got["audio", "text"] / got["audio",] == pytest.approx(odds)


def test_the_missing_rate_ends_at_all_but_one():
    for rate in (0.7, 0.9, 1, 2 / 3):
        assert chances(ns.missing_rate(rate)) == pytest.approx(
            {subset: (len(subset) == 2) / 3 for subset in SUBSETS[:-1]}, abs=1e-9
        )
    assert expected_share(ns.missing_rate(0.7), AVT) == pytest.approx(2 / 3)
    assert expected_share(ns.missing_rate(0.7), "ab") == 0.5
    assert expected_share(ns.missing_rate(0.7), "abcd") == pytest.approx(0.7)


def test_the_missing_rate_may_be_a_schedule():
    rising = ns.missing_rate(ns.linear(0, 0.6))
    for step, share in ((0, 0), (50, 0.3), (100, 0.6)):
        assert expected_share(rising, AVT, ns.Clock(step, 10, 100)) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    "condition",
    [
        ns.any_subset(),
        ns.any_subset({"": 5, "avt": ns.linear(0, 4)}),
        ns.six_conditions({"av": 3, "t": 0}),
        ns.independent({"a": 0.1, "v": ns.linear(0, 1), "t": 0.7}),
        ns.missing_rate(0.4),
        ns.missing_rate(0.7),
        ns.fixed("vt"),
        ns.fixed(""),
    ],
    ids=str,
)
def test_plans_follow_the_chances(condition):
    theory, n = dict.fromkeys(SUBSETS, 0.0) | chances(condition), 4000
    for subset, share in drawn(condition, n=n).items():
        p = theory[subset]
        assert share == pytest.approx(p, abs=4.5 * (p * (1 - p) / n) ** 0.5 + 1e-12)


@pytest.mark.parametrize("spelling", ["ta", "at", ("text", "audio"), ["audio", "text"], "text+audio", "audio+text"])
def test_fixed_by_name_or_initials_in_the_order_of_the_sample(spelling):
    assert ns.fixed(spelling).subsets(AVT) == (("audio", "text"),)


@pytest.mark.parametrize("spelling", ["va", "audio+video", "video+audio", ("video", "audio")])
@pytest.mark.parametrize("condition", [ns.any_subset, ns.six_conditions])
def test_weights_by_any_spelling(condition, spelling):
    weighed = chances(condition({spelling: 0}))
    assert weighed["audio", "video"] == 0
    assert len([p for p in weighed.values() if p == 0]) == 1


def test_fixed_by_one_name():
    assert ns.fixed("video").subsets(AVT) == (("video",),)
    assert ns.fixed("v").subsets(AVT) == (("video",),)


@pytest.mark.parametrize("nothing", ["", ()])
def test_the_empty_subset_leaves_all_clean(nothing):
    assert ns.fixed(nothing).subsets(AVT) == ((),)
    assert chances(ns.any_subset({nothing: 0}))[()] == 0


def test_a_name_goes_before_initials():
    """A modality may be called "at"."""
    assert ns.fixed("at").subsets(("at", "audio", "text")) == (("at",),)


def test_fixed_rejects_what_is_not_there():
    with pytest.raises(ValueError, match="'ax' names no modality of audio, video, text"):
        ns.fixed("ax").subsets(AVT)
    with pytest.raises(ValueError, match="initials such as 'av' need modalities that differ in them"):
        ns.fixed("a").subsets(("audio", "accelerometer"))
    with pytest.raises(ValueError, match="did you mean 'video'"):
        ns.fixed(("vidio",)).subsets(AVT)
    with pytest.raises(ValueError, match="did you mean 'video'"):
        ns.fixed("audio+vidio").subsets(AVT)
    for wrong in (3, None, {"audio"}):
        with pytest.raises(TypeError, match="fixed takes names of modalities"):
            ns.fixed(wrong)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ns.any_subset({"x": 1}), ValueError, "any_subset: 'x' names no modality"),
        (lambda: ns.any_subset({"av": 1, "va": 2}), ValueError, "two weights for one subset: 'av' and 'va'"),
        (lambda: ns.six_conditions({"a": 1, "audio": 2}), ValueError, "two weights for one subset"),
        (lambda: ns.six_conditions({"avt": 1}), ValueError, "six_conditions never hits 'avt'"),
        (lambda: ns.six_conditions({"": 1}), ValueError, "six_conditions never hits ''"),
        (lambda: ns.any_subset({"av": -1}), ValueError, "must be ≥ 0, not -1.0 for 'av'"),
        (lambda: ns.any_subset({"av": ns.linear(1, -1)}), ValueError, "must be ≥ 0"),
        (lambda: ns.any_subset({"av": "2"}), TypeError, "expected a number"),
        (lambda: ns.any_subset({"av": ns.uniform(0, 1)}), TypeError, "not the distribution"),
        (lambda: ns.any_subset("av"), TypeError, "expected a mapping such as"),
        (lambda: AnySubset(3), TypeError, "expected a mapping such as"),
        (lambda: ns.independent({"a": 0.1, "v": 0.2}), ValueError, "no rate for 'text'; 0 leaves it clean"),
        (lambda: ns.independent({"av": 0.1, "vt": 0.2}), ValueError, "two rates for 'video'"),
        (lambda: ns.independent({"x": 0.1}), ValueError, "independent: 'x' names no modality"),
        (lambda: ns.independent({"avt": 1.2}), ValueError, "a rate must stay in \\[0, 1\\], but can reach"),
        (lambda: ns.independent(ns.linear(0, 1.5)), ValueError, "can reach \\[0, 1.5\\]"),
        (lambda: ns.independent(None), TypeError, "expected a number"),
        (lambda: ns.missing_rate(-0.1), ValueError, "a rate must stay in"),
        (lambda: ns.missing_rate({"a": 0.1}), TypeError, "expected a number"),
        (lambda: ns.missing_rate(ns.uniform(0, 1)), TypeError, "not the distribution"),
    ],
)
def test_faults_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make().subsets(AVT)


def test_a_fault_is_named_when_the_scheduler_is_made():
    with pytest.raises(ValueError, match="needs at least two modalities"):
        ns.NoiseScheduler({"text": "text/missing"}, condition=ns.missing_rate(0.3))
    with pytest.raises(ValueError, match="three modalities"):
        ns.NoiseScheduler({"text": "text/missing"}, condition=ns.six_conditions())
    with pytest.raises(ValueError, match="at most 10 modalities; use fixed"):
        ns.any_subset().subsets("abcdefghijk")
    assert ns.fixed("abk").subsets("abcdefghijk") == (("a", "b", "k"),)


def test_weights_that_are_all_zero_at_a_step_are_named():
    condition = ns.any_subset(dict.fromkeys(["", "t"], ns.linear(0, 1, until=10)))
    scheduler = ns.NoiseScheduler({"text": "text/missing"}, condition=condition)
    assert scheduler.plan("a", 5)
    with pytest.raises(ValueError, match="condition: all weights are zero at step 0"):
        scheduler.plan("a", 0)
