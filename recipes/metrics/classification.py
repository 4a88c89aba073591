"""Metrics of emotion classes, over predictions and labels as int arrays of one shape (N,).

UA (unweighted accuracy) is the mean recall over the classes, WA (weighted accuracy) plain accuracy, as in the
IEMOCAP literature. Weighted F1 weighs the F1 of a class by how often it is the label. Counting is torchmetrics'.

Public: `scores`, `confusion`, `METRICS`, `Metric`, `metric`.
"""

from __future__ import annotations

from typing import TypedDict

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


class Metric(TypedDict):
    """How a metric is shown; results.json lists one per key of its scores."""

    name: str
    label: str
    meaning: str
    higher_is_better: bool
    percent: bool
    """A share in [0, 1], shown in per cent."""


def metric(name: str, label: str, meaning: str, *, higher_is_better: bool = True, percent: bool = True) -> Metric:
    """One entry of a `METRICS`."""
    return {
        "name": name,
        "label": label,
        "meaning": meaning,
        "higher_is_better": higher_is_better,
        "percent": percent,
    }


METRICS: tuple[Metric, ...] = (
    metric("ua", "UA", "unweighted accuracy, the mean of the recalls of the classes"),
    metric("wa", "WA", "weighted accuracy, the share of utterances that is right"),
    metric("weighted_f1", "Weighted F1", "the mean of the F1 of the classes, weighted by how often each is the label"),
    metric("macro_f1", "Macro-F1", "the mean of the F1 of the classes"),
)


def scores(predicted: Labels, label: Labels, classes: int) -> dict[str, float]:
    """The `METRICS` by name, each in [0, 1].

    UA is over the classes that are the label of a row, whatever is predicted; macro-F1 leaves out only those that are
    neither label nor prediction.

    Raises:
        ValueError: shapes differ, nothing to score, or a class index outside [0, classes).
    """
    p, t = _checked(predicted, label, classes)
    return {
        "ua": float(
            multiclass_recall(p, t, num_classes=classes, average="none")[
                torch.bincount(t, minlength=classes) > 0
            ].mean()
        ),
        "wa": float(multiclass_accuracy(p, t, num_classes=classes, average="micro")),
        "weighted_f1": float(multiclass_f1_score(p, t, num_classes=classes, average="weighted")),
        "macro_f1": float(multiclass_f1_score(p, t, num_classes=classes, average="macro")),
    }


def confusion(predicted: Labels, label: Labels, classes: int) -> list[list[int]]:
    """Counts, (classes, classes): rows are the true classes, columns the predicted ones. Raises as `scores`."""
    p, t = _checked(predicted, label, classes)
    counts: list[list[int]] = multiclass_confusion_matrix(p, t, num_classes=classes).tolist()
    return counts


def _checked(predicted: Labels, label: Labels, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    if predicted.shape != label.shape or predicted.ndim != 1 or not len(label):
        raise ValueError(f"need predictions and labels of one shape (N,), N ≥ 1, not {predicted.shape}, {label.shape}")
    for name, values in (("prediction", predicted), ("label", label)):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(
                f"a {name} must be a class index, an integer, not of {values.dtype}; take the argmax first"
            )
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(f"a {name} lies outside 0..{classes - 1}: {int(values.min())}..{int(values.max())}")
    return torch.from_numpy(np.asarray(predicted, np.int64)), torch.from_numpy(np.asarray(label, np.int64))
