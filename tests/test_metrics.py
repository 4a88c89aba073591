"""Metrics of emotion classes, and their summary over runs: perfect, golden, empty, malformed."""

import numpy as np
import pytest

from recipes.metrics import confusion, scores, summary
from recipes.metrics.classification import METRICS

LABEL = np.array([0, 0, 0, 0, 1, 1, 2, 3])


def test_perfect():
    assert scores(LABEL, LABEL, 4) == {"ua": 1.0, "wa": 1.0, "weighted_f1": 1.0, "macro_f1": 1.0}
    assert confusion(LABEL, LABEL, 4) == np.diag([4, 2, 1, 1]).tolist()


def test_golden():
    """Recalls 3/4, 1/2, 0, 1; F1 by hand from the confusion matrix."""
    predicted = np.array([0, 0, 0, 1, 1, 0, 3, 3])
    f1 = [2 * 3 / (4 + 4), 2 * 1 / (2 + 2), 0, 2 * 1 / (1 + 2)]
    result = scores(predicted, LABEL, 4)
    assert result["ua"] == pytest.approx((3 / 4 + 1 / 2 + 0 + 1) / 4)
    assert result["wa"] == pytest.approx(5 / 8)
    assert result["macro_f1"] == pytest.approx(np.mean(f1))
    assert result["weighted_f1"] == pytest.approx(np.average(f1, weights=[4, 2, 1, 1]))
    assert confusion(predicted, LABEL, 4) == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]


def test_ua_is_over_the_classes_that_occur():
    """A class that is predicted and never the label has no recall; recalls 1/2 and 2/3."""
    assert scores(np.array([0, 1, 2, 2, 1]), np.array([0, 1, 1, 0, 1]), 4)["ua"] == pytest.approx(7 / 12)


def test_every_score_is_described():
    assert [metric["name"] for metric in METRICS] == list(scores(LABEL, LABEL, 4))


@pytest.mark.parametrize(
    ("predicted", "label"),
    [([], []), ([0], [0, 1]), ([[0]], [[0]]), ([4], [0]), ([-1], [0]), ([0], [4])],
)
def test_empty_and_malformed(predicted, label):
    for metric in (scores, confusion):
        with pytest.raises(ValueError, match=r"shape|outside"):
            metric(np.array(predicted, np.int64), np.array(label, np.int64), 4)


@pytest.mark.parametrize("given", [[np.nan, 1.0], [0.9, 1.9], [True, False]])
def test_what_is_no_class_index_is_an_error(given):
    label = np.array([0, 1])
    for metric in (scores, confusion):
        with pytest.raises(ValueError, match="a prediction must be a class index"):
            metric(np.array(given), label, 2)
        with pytest.raises(ValueError, match="a label must be a class index"):
            metric(label, np.array(given), 2)


def test_summary():
    assert summary([1.0, 2.0, 4.0]) == {"values": [1.0, 2.0, 4.0], "mean": 2.333333, "std": 1.527525}
    assert summary([0.5])["std"] == 0
