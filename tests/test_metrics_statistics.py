"""Intervals and paired tests: golden values, what must hold whatever the data, and malformed input."""

import numpy as np
import pytest

from recipes.metrics import scores
from recipes.metrics.statistics import bootstrap_interval, holm, mcnemar, mean_interval, paired


def test_mean_interval_golden():
    """Student's t by the textbook: t(0.975, 4) = 2.776445, standard error 0.1 / √5 · √(2.5)."""
    low, high = mean_interval([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (low, high) == pytest.approx((0.3 - 2.776445 * 0.0707107, 0.3 + 2.776445 * 0.0707107), abs=1e-6)
    assert mean_interval([0.5]) is None
    assert mean_interval([0.5, 0.6, 0.7], ["one fold"] * 3) is None
    assert mean_interval([0.2, 0.2]) == (0.2, 0.2)


def test_folds_are_the_unit():
    """Three seeds of each fold say no more of other speakers than their mean."""
    folds = ["a", "b", "c"]
    values = np.array([0.5, 0.6, 0.8])
    thrice = np.concatenate([values - 0.01, values, values + 0.01])
    assert mean_interval(thrice, folds * 3) == pytest.approx(mean_interval(values))
    clustered, runs = paired(thrice, thrice * 0, folds * 3), paired(thrice, thrice * 0)
    assert (clustered.units, runs.units) == (3, 9)
    assert clustered.t_p > runs.t_p


def test_bootstrap_golden():
    """Of a normal sample's mean: close to ± 1.96 standard errors; the same stream gives the same interval."""
    sample = np.random.default_rng(0).normal(2, 1, 400)
    low, high = bootstrap_interval(np.mean, sample, rng=np.random.default_rng(1))
    half = 1.96 * sample.std(ddof=1) / 20
    assert (low, high) == pytest.approx((sample.mean() - half, sample.mean() + half), abs=0.01)
    assert bootstrap_interval(np.mean, sample, rng=np.random.default_rng(1)) == (low, high)


def test_bootstrap_keeps_columns_together():
    """WA of predictions that are right in a fixed 80 %: resampling rows cannot break the pairs."""
    label = np.arange(200) % 4
    predicted = np.where(np.arange(200) % 5 == 0, (label + 1) % 4, label)

    def wa(p, t):
        return scores(p, t, 4)["wa"]

    low, high = bootstrap_interval(wa, predicted, label, rng=np.random.default_rng(0), resamples=400)
    assert low < 0.8 < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 200), rel=0.2)
    assert bootstrap_interval(wa, label, label, rng=np.random.default_rng(0), resamples=100) == (1, 1)


def test_bootstrap_of_clusters_is_wider_when_they_differ():
    speakers = np.repeat(np.arange(8), 50)
    right = np.random.default_rng(0).random(400) < np.linspace(0.4, 0.9, 8)[speakers]
    rows = bootstrap_interval(np.mean, right, rng=np.random.default_rng(0), resamples=999)
    clustered = bootstrap_interval(np.mean, right, rng=np.random.default_rng(0), clusters=speakers, resamples=999)
    assert clustered[1] - clustered[0] > 1.8 * (rows[1] - rows[0])


def test_paired_golden():
    """Five differences of one sign: t by hand; 2 of 32 sign patterns are as far out; Wilcoxon exact is the same."""
    first, second = np.array([0.61, 0.72, 0.55, 0.65, 0.80]), np.array([0.51, 0.52, 0.40, 0.60, 0.50])
    found = paired(first, second)
    assert (found.units, found.mean) == (5, pytest.approx(0.16))
    assert (found.low, found.high) == pytest.approx((0.0405807, 0.2794193), abs=1e-6)
    assert found.t_p == pytest.approx(0.0204, abs=1e-4)
    assert found.sign_flip_p == pytest.approx(2 / 32)
    assert found.wilcoxon_p == pytest.approx(2 / 32)


def test_paired_is_symmetric():
    first, second = np.random.default_rng(0).random((2, 6))
    one, other = paired(first, second), paired(second, first)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.t_p == pytest.approx(other.t_p)
    assert one.sign_flip_p == pytest.approx(other.sign_flip_p)


def test_paired_of_equal_and_of_shifted_methods():
    values = np.array([0.5, 0.6, 0.7, 0.8])
    same, shifted = paired(values, values), paired(values + 0.1, values)
    assert (same.mean, same.t_p, same.sign_flip_p, same.wilcoxon_p) == (0, 1, 1, 1)
    assert (shifted.t_p, shifted.sign_flip_p, shifted.wilcoxon_p) == (0, pytest.approx(2 / 16), pytest.approx(2 / 16))
    assert (shifted.low, shifted.high) == pytest.approx((0.1, 0.1))


def test_sign_flips_of_many_units_are_the_same_each_time():
    first, second = np.random.default_rng(0).random((2, 20))
    assert paired(first, second) == paired(first, second)
    assert 0 < paired(first, second).sign_flip_p <= 1


def test_tests_keep_their_level():
    """Of methods that do not differ, about one in twenty is called different at 0.05, and no more."""
    pairs = np.random.default_rng(0).normal(size=(400, 2, 8))
    found = [paired(first, second) for first, second in pairs]
    for name in ("t_p", "sign_flip_p", "wilcoxon_p"):
        assert 0.02 <= np.mean([getattr(one, name) <= 0.05 for one in found]) <= 0.08


def test_mcnemar():
    """Six rows that only the first has right and one that only the second has: 2 · (1 + 7) / 2⁷."""
    first = np.array([True] * 10 + [True] * 6 + [False])
    second = np.array([True] * 10 + [False] * 6 + [True])
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 7) / 2**7)
    assert mcnemar(second, first) == mcnemar(first, second)
    assert mcnemar(first, first) == 1
    for rows in (np.array([], bool), first[:3], first.astype(int)):
        with pytest.raises(ValueError, match="two bool arrays"):
            mcnemar(rows, first if len(rows) else rows)


def test_holm():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
    with pytest.raises(ValueError, match="lie in"):
        holm([0.5, float("nan")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: mean_interval([]), "one or more finite"),
        (lambda rng: mean_interval([1.0, np.nan]), "one or more finite"),
        (lambda rng: mean_interval([1.0, 2.0], ["a"]), "one cluster per value"),
        (lambda rng: paired([1.0], [2.0, 3.0]), "as many of both"),
        (lambda rng: paired([1.0], [2.0]), "two or more units, not 1"),
        (lambda rng: paired([1.0, 2.0], [2.0, 3.0], ["a", "a"]), "two or more units, not 1"),
        (lambda rng: bootstrap_interval(np.mean, rng=rng), "one or more columns"),
        (lambda rng: bootstrap_interval(np.mean, np.ones(2), np.ones(3), rng=rng), "of one length"),
        (lambda rng: bootstrap_interval(np.mean, np.ones(1), rng=rng), "two or more rows"),
        (lambda rng: bootstrap_interval(np.mean, np.ones(2), clusters=["a", "a"], rng=rng), "two or more clusters"),
    ],
)
def test_empty_and_malformed(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
