"""Metrics of four-class emotion recognition, over predictions and labels as int arrays of one shape (N,).

UA (unweighted accuracy) is the mean recall over the classes, WA (weighted accuracy) plain accuracy, as in the
IEMOCAP literature. Counting is torchmetrics'.

Public: `scores`, `confusion`, `summary`, `area_under_curve`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_recall,
)

Labels = npt.NDArray[np.int64]


def scores(predicted: Labels, label: Labels, classes: int) -> dict[str, float]:
    """``{"ua", "wa", "macro_f1"}``, each in [0, 1]; classes that never occur do not count.

    Raises:
        ValueError: shapes differ, nothing to score, or a class index outside [0, classes).
    """
    p, t = _checked(predicted, label, classes)
    return {
        "ua": float(multiclass_recall(p, t, num_classes=classes, average="macro")),
        "wa": float(multiclass_accuracy(p, t, num_classes=classes, average="micro")),
        "macro_f1": float(multiclass_f1_score(p, t, num_classes=classes, average="macro")),
    }


def confusion(predicted: Labels, label: Labels, classes: int) -> list[list[int]]:
    """Counts, (classes, classes): rows are the true classes, columns the predicted ones. Raises as `scores`."""
    p, t = _checked(predicted, label, classes)
    counts: list[list[int]] = multiclass_confusion_matrix(p, t, num_classes=classes).tolist()
    return counts


def summary(values: Sequence[float]) -> dict[str, Any]:
    """``{"values", "mean", "std"}`` of one figure per run; std is the sample's, 0 for a single run."""
    rounded = [round(float(value), 6) for value in values]
    spread = statistics.stdev(rounded) if len(rounded) > 1 else 0.0
    return {"values": rounded, "mean": round(statistics.fmean(rounded), 6), "std": round(spread, 6)}


def area_under_curve(levels: Sequence[float], values: Sequence[float]) -> float:
    """Area under `values` over `levels` by the trapezoid rule, divided by the range of levels.

    Raises:
        ValueError: fewer than two levels, or levels that do not rise.
    """
    if len(levels) != len(values) or len(levels) < 2 or any(np.diff(levels) <= 0):
        raise ValueError(f"need as many values as rising levels, at least two, not {len(values)} at {list(levels)}")
    return float(np.trapezoid(values, levels) / (levels[-1] - levels[0]))


def _checked(predicted: Labels, label: Labels, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    if predicted.shape != label.shape or predicted.ndim != 1 or not len(label):
        raise ValueError(f"need predictions and labels of one shape (N,), N ≥ 1, not {predicted.shape}, {label.shape}")
    for name, values in (("prediction", predicted), ("label", label)):
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(f"a {name} lies outside 0..{classes - 1}: {int(values.min())}..{int(values.max())}")
    return torch.from_numpy(np.asarray(predicted, np.int64)), torch.from_numpy(np.asarray(label, np.int64))
