"""Robustness and calibration: perfect, golden, empty, malformed."""

import numpy as np
import pytest
from scipy.special import expit

from recipes.metrics import area_under_curve
from recipes.metrics.robustness import (
    effective_robustness,
    expected_calibration_error,
    relative_performance,
    relative_robustness,
    spearman,
)


def test_area_under_curve():
    assert area_under_curve([0, 0.5, 1], [1, 1, 1]) == 1
    assert area_under_curve([0, 0.25, 1], [1, 0.5, 0]) == pytest.approx(0.25 * 0.75 + 0.75 * 0.25)
    for levels, values in (([], []), ([0], [1]), ([0, 0], [1, 1]), ([0, 1], [1])):
        with pytest.raises(ValueError, match="rising levels"):
            area_under_curve(levels, values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_an_error(bad):
    for call in (
        lambda: area_under_curve([0, 1], [0.5, bad]),
        lambda: area_under_curve([0, bad], [0.5, 0.5]),
        lambda: relative_performance(bad, 0.5),
        lambda: relative_performance(0.5, bad),
        lambda: relative_robustness(bad, 0.5),
        lambda: relative_robustness(0.5, bad),
    ):
        with pytest.raises(ValueError, match="must be finite"):
            call()


def test_what_is_left_and_what_is_gained():
    assert relative_performance(0.8, 0.8) == 1
    assert relative_performance(0.8, 0.6) == pytest.approx(0.75)
    assert relative_robustness(0.6, 0.55) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="above 0"):
        relative_performance(0.0, 0.5)


def test_effective_robustness_is_what_clean_accuracy_does_not_explain():
    """References lie on logit(noisy) = 0.8 logit(clean) − 1."""

    def on_line(clean):
        return float(expit(0.8 * np.log(clean / (1 - clean)) - 1))

    clean = [0.5, 0.6, 0.75]
    references = clean, [on_line(share) for share in clean]
    assert effective_robustness(0.9, on_line(0.9), *references) == pytest.approx(0, abs=1e-12)
    assert effective_robustness(0.9, on_line(0.9) + 0.07, *references) == pytest.approx(0.07)
    assert effective_robustness(0.7, on_line(0.7) - 0.02, *references) == pytest.approx(-0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.8, 0.6, [], []), "two or more reference"),
        ((0.8, 0.6, [0.5], [0.4]), "two or more reference"),
        ((0.8, 0.6, [0.5, 0.5], [0.4, 0.3]), "different clean accuracy"),
        ((0.8, 0.6, [0.5, 0.6], [0.4]), "two or more reference"),
        ((1.0, 0.6, [0.5, 0.6], [0.4, 0.5]), "strictly between 0 and 1"),
        ((0.8, 60.0, [0.5, 0.6], [0.4, 0.5]), "strictly between 0 and 1"),
    ],
)
def test_effective_robustness_of_malformed_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        effective_robustness(*arguments)


def two(confidence):
    """Rows of two classes, the first having the given confidence."""
    first = np.array(confidence)
    return np.stack([first, 1 - first], axis=1)


def test_calibration_perfect():
    assert expected_calibration_error(two([1.0, 1.0, 0.0]), np.array([0, 0, 1])) == 0
    assert expected_calibration_error(two([0.75] * 4), np.array([0, 0, 0, 1])) == pytest.approx(0)


def test_calibration_golden():
    """Bins of 1/15: 0.95 and 1 share the last, (14/15, 1]; 0.6 closes the ninth, (8/15, 0.6]."""
    assert expected_calibration_error(two([1.0, 0.95]), np.array([1, 0])) == pytest.approx(0.475)
    rows = two([1.0, 0.95, 0.6, 0.56, 0.61])
    label = np.array([1, 0, 0, 0, 1])
    by_bin = [2 * abs(0.5 - 0.975), 2 * abs(1 - 0.58), abs(0 - 0.61)]
    assert expected_calibration_error(rows, label) == pytest.approx(sum(by_bin) / 5)
    assert expected_calibration_error(rows, label, bins=1) == pytest.approx(abs(3 / 5 - 3.72 / 5))


@pytest.mark.parametrize(
    ("probabilities", "label", "message"),
    [
        (np.empty((0, 2)), [], "N ≥ 1"),
        (two([0.5]), [0, 1], "need"),
        (np.array([0.5]), [0], "need"),
        (np.array([[2.0, -1.0]]), [0], "softmax"),
        (np.array([[3.0, 1.0]]), [0], "softmax"),
        (np.array([[np.nan, 1.0]]), [0], "softmax"),
        (two([0.5]), [2], "outside 0..1"),
    ],
)
def test_calibration_of_malformed_input(probabilities, label, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(probabilities, np.array(label, np.int64))


def test_spearman():
    level = np.array([0.1, 0.2, 0.5, 0.9])
    assert spearman(level**3, level) == pytest.approx(1)
    assert spearman(-level, level) == pytest.approx(-1)
    assert spearman(np.array([1.0, 3, 2, 4]), level) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert spearman(np.ones(4), level) == 0
    for reliability in (np.empty(0), np.ones(3), np.array([1, 2, 3, np.nan])):
        with pytest.raises(ValueError, match=r"one shape|finite"):
            spearman(reliability, level)
