"""Metrics of sentiment: perfect, golden, empty, malformed, and where the rounding rules in use part."""

import numpy as np
import pytest

from recipes.metrics.sentiment import METRICS, classes_mmsa, classes_sdk, scores

LABEL = np.array([-3.0, -1.0, -2 / 3, 0.0, 0.0, 1 / 3, 1.0, 2.0, 2.5, 3.0])


def test_perfect():
    result = scores(LABEL, LABEL)
    assert [metric["name"] for metric in METRICS] == list(result)
    assert result == {name: 0.0 if name == "mae" else 1.0 for name in result} | {"pearson": pytest.approx(1.0)}


def test_golden():
    """By hand: see the comments; halves are 0.5 → 0, 2.5 → 2 by MMSA's rule and 1, 3 by the SDK's."""
    predicted = np.array([-2.6, -0.4, 0.2, 0.1, -0.1, 0.5, 1.6, 2.5, 2.0, 4.0])
    result = scores(predicted, LABEL)
    # MMSA   predicted −3 0 0 0 0 0 2 2 2 3, label −3 −1 −1 0 0 0 1 2 2 3: right 1 0 0 1 1 1 0 1 1 1
    assert result["acc7"] == pytest.approx(0.7)
    # SDK    predicted −3 −1 1 1 −1 1 2 3 2 3, label −3 −1 −1 0 0 1 1 2 3 3: right 1 1 0 0 0 1 0 0 0 1
    assert result["acc7_sdk"] == pytest.approx(0.4)
    # MMSA, clipped to ±2: predicted −2 0 0 0 0 0 2 2 2 2, label −2 −1 −1 0 0 0 1 2 2 2
    assert result["acc5"] == pytest.approx(0.7)
    # negative: predicted rows 0 1 4, label rows 0 1 2
    assert result["acc2_nonneg"] == pytest.approx(0.8)
    assert result["f1_nonneg"] == pytest.approx(0.3 * 2 * 2 / (3 + 3) + 0.7 * 2 * 6 / (7 + 7))
    # rows 3 and 4 left out: negative are predicted 0 1, label 0 1 2
    assert result["acc2_pos"] == pytest.approx(7 / 8)
    assert result["f1_pos"] == pytest.approx(3 / 8 * 2 * 2 / (2 + 3) + 5 / 8 * 2 * 5 / (6 + 5))
    assert result["mae"] == pytest.approx((0.4 + 0.6 + 2 / 3 + 0.2 + 0.1 + 0.1 + 1 / 6 + 0.6 + 0.5 + 0.5 + 1) / 10)
    assert result["pearson"] == pytest.approx(np.corrcoef(predicted, LABEL)[0, 1])


def test_the_two_rounding_rules_part():
    """The same predictions: 83.3 % by MMSA's rule, 33.3 % by the SDK's; and the other way round."""
    label = np.array([0.0, 1.0, 1.0, 2.0, -1.0, -2.0])
    near = np.array([0.3, 1.4, 0.9, 1.6, -1.2, -2.9])
    assert classes_mmsa(near).tolist() == [0, 1, 1, 2, -1, -3]
    assert classes_sdk(near).tolist() == [1, 2, 1, 2, -2, -3]
    assert scores(near, label)["acc7"] == pytest.approx(5 / 6)
    assert scores(near, label)["acc7_sdk"] == pytest.approx(2 / 6)
    within = np.array([0.0, 0.2, 0.4, 1.2, -0.3, -1.4])
    assert scores(within, label)["acc7"] == pytest.approx(1 / 6)
    assert scores(within, label)["acc7_sdk"] == 1.0


def test_rules_at_their_bounds():
    at = np.array([-9, -3, -2.5, -2, -1.5, -1, -0.5, -1e-4, 0, 1e-4, 0.5, 1, 1.5, 2, 2.5, 3, 9])
    assert classes_mmsa(at).tolist() == [-3, -3, -2, -2, -2, -1, 0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 3]
    assert classes_sdk(at).tolist() == [-3, -3, -3, -2, -2, -1, -1, -1, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert classes_mmsa(at, most=2).tolist() == [-2, -2, -2, -2, -2, -1, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]


def test_constant_predictions_have_no_correlation():
    jitter = np.float32(0.7) + np.array([0, 6e-8] * 5, np.float32)
    for constant in (np.zeros(10), jitter):
        result = scores(constant, LABEL)
        assert result["pearson"] == 0.0
        assert all(np.isfinite(value) for value in result.values())


def test_precision_does_not_matter():
    predicted = LABEL[::-1] / 2
    halves = scores(predicted.astype(np.float32), LABEL.astype(np.float32))
    assert halves == pytest.approx(scores(predicted, LABEL), abs=1e-6)


@pytest.mark.parametrize(
    ("predicted", "label", "message"),
    [
        ([], [], "N ≥ 1"),
        ([0.5], [0.5, 1], "one shape"),
        ([[0.5]], [[0.5]], "one shape"),
        ([0.5, np.nan], [0.5, 1], "prediction of row 1 is not finite"),
        ([0.5, 1], [np.inf, 1], "label of row 0 is not finite"),
        ([0.5, 1], [0, 0], "all labels are 0"),
        ([0.5, 1], [2, 2], "all labels are 2"),
    ],
)
def test_empty_and_malformed(predicted, label, message):
    with pytest.raises(ValueError, match=message):
        scores(np.array(predicted, np.float64), np.array(label, np.float64))
