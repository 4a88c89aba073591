"""Metrics: pure functions over arrays; every one raises ValueError on empty or malformed input.

    classification   WA, UA, weighted and macro F1, confusion: emotion classes
    sentiment        Acc-7, Acc-5, Acc-2, F1, MAE, Pearson r: sentiment in [−3, 3]
    robustness       area under a curve, relative and effective robustness, calibration, reliability
    statistics       mean and spread over runs, intervals, paired tests, correction for several comparisons

Public: the modules, `Metric`, and what recipes use most: `scores`, `confusion`, `summary`, `area_under_curve`.
"""

from recipes.metrics.classification import Metric, confusion, scores
from recipes.metrics.robustness import area_under_curve
from recipes.metrics.statistics import summary

__all__ = ["Metric", "area_under_curve", "confusion", "scores", "summary"]
