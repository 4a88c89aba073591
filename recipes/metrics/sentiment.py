"""Metrics of sentiment as CMU-MOSI and CMU-MOSEI score it, −3 very negative to 3 very positive, over floats (N,).

Papers differ in how a float becomes a class; every rule in use is here under its own name.

    acc7          clip to [−3, 3], round to the nearest integer, halves to the even one
                  (MMSA, src/MMSA/utils/metricsTop.py; MulT, src/eval_metrics.py: both numpy.clip, numpy.round)
    acc7_sdk      round away from zero: (0, 1] is 1, (1, 2] is 2, above 2 is 3, and so below zero; 0 alone is 0
                  (`cmumosei_round` of the CMU-MultimodalSDK, README of its CMU_MOSEI data set)
    acc5          as acc7, clipped to [−2, 2]
    acc2_nonneg   negative (< 0) against non-negative (≥ 0), all utterances: the rule of papers before 2019
    acc2_pos      negative against positive (> 0), utterances whose label is 0 left out: the rule since 2019
    f1_nonneg, f1_pos   F1 of the same two decisions, the two classes weighted by how often they are the label

A regression hardly ever gives exactly 0, so under the SDK's rule neutral utterances are nearly always counted wrong
(A2Zadeh/CMU-MultimodalSDK, issue 220): report acc7_sdk beside acc7, not for it. F1 follows MMSA; MulT hands
predictions and labels to its F1 the other way round, and so weighs the classes by how often they are predicted.

Public: `scores`, `METRICS`, `classes_mmsa`, `classes_sdk`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr

from recipes.metrics import classification
from recipes.metrics.classification import Labels, Metric, metric

Sentiment = npt.NDArray[np.floating[Any]]

METRICS: tuple[Metric, ...] = (
    metric("acc7", "Acc-7 (MMSA)", "agreement of sentiment rounded to seven classes, halves to the even one"),
    metric("acc7_sdk", "Acc-7 (SDK)", "agreement of sentiment rounded to seven classes, away from zero"),
    metric("acc5", "Acc-5", "agreement of sentiment rounded to five classes, halves to the even one"),
    metric("acc2_nonneg", "Acc-2 (neg./non-neg.)", "negative against non-negative sentiment, all utterances"),
    metric("f1_nonneg", "F1 (neg./non-neg.)", "weighted F1 of negative against non-negative"),
    metric("acc2_pos", "Acc-2 (neg./pos.)", "negative against positive sentiment, neutral left out"),
    metric("f1_pos", "F1 (neg./pos.)", "weighted F1 of negative against positive"),
    metric("mae", "MAE", "mean absolute error, in points of sentiment", higher_is_better=False, percent=False),
    metric("pearson", "Pearson r", "correlation of predicted and true sentiment", percent=False),
)

_CONSTANT = 1e-6
"""Predictions within this range differ by the rounding of float32 only (the spacing at 3 is 2.4e-7)."""


def scores(predicted: Sentiment, label: Sentiment) -> dict[str, float]:
    """The `METRICS` by name; shares in [0, 1], MAE in points of sentiment, Pearson r in [−1, 1].

    Pearson r is not defined for constant predictions; 0 is given then: they say nothing of the labels, and a mean
    over runs stays a number.

    Raises:
        ValueError: shapes differ, nothing to score, a value that is not finite, labels that are all the same, so
            that r has no meaning, or all 0, so that nothing is left for negative against positive.
    """
    predicted, label = _checked(predicted, label)
    signed = label != 0
    nonneg = _two_classes(predicted >= 0, label >= 0)
    positive = _two_classes(predicted[signed] > 0, label[signed] > 0)
    constant = np.ptp(predicted) <= _CONSTANT
    return {
        "acc7": _agreement(classes_mmsa(predicted), classes_mmsa(label)),
        "acc7_sdk": _agreement(classes_sdk(predicted), classes_sdk(label)),
        "acc5": _agreement(classes_mmsa(predicted, most=2), classes_mmsa(label, most=2)),
        "acc2_nonneg": nonneg["wa"],
        "f1_nonneg": nonneg["weighted_f1"],
        "acc2_pos": positive["wa"],
        "f1_pos": positive["weighted_f1"],
        "mae": float(np.abs(predicted - label).mean()),
        "pearson": 0.0 if constant else float(pearsonr(predicted, label).statistic),
    }


def classes_mmsa(sentiment: Sentiment, most: int = 3) -> Labels:
    """The nearest integer in [−most, most], halves to the even one: 0.5 → 0, 1.5 → 2, 2.5 → 2."""
    return np.round(np.clip(sentiment, -most, most)).astype(np.int64)


def classes_sdk(sentiment: Sentiment) -> Labels:
    """The next integer in [−3, 3] away from zero: 0.1 → 1, −1.2 → −2, and 0 → 0 alone."""
    return (np.sign(sentiment) * np.ceil(np.abs(np.clip(sentiment, -3, 3)))).astype(np.int64)


def _two_classes(predicted: npt.NDArray[np.bool_], label: npt.NDArray[np.bool_]) -> dict[str, float]:
    return classification.scores(predicted.astype(np.int64), label.astype(np.int64), 2)


def _agreement(predicted: Labels, label: Labels) -> float:
    return float((predicted == label).mean())


def _checked(predicted: Sentiment, label: Sentiment) -> tuple[Sentiment, Sentiment]:
    if predicted.shape != label.shape or predicted.ndim != 1 or not len(label):
        raise ValueError(f"need predictions and labels of one shape (N,), N ≥ 1, not {predicted.shape}, {label.shape}")
    for name, values in (("prediction", predicted), ("label", label)):
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} of row {int(np.argmin(np.isfinite(values)))} is not finite")
    if np.ptp(label) == 0:
        raise ValueError(f"all labels are {label[0]:g}: no metric of this scale has a meaning, score a larger set")
    return predicted.astype(np.float64), label.astype(np.float64)
