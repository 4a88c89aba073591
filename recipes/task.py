"""What a model is to say of an utterance, and how right it is: classes with UA, WA and F1.

A task turns model outputs into scores, so that training, judging and the report need not know it. Its first
metric is the headline: it selects epochs and stands in the charts; of it, more is better.

Public: `Metric`, `Task`, `classification`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recipes import metrics

Outputs = npt.NDArray[np.float32]
"""(N, C) logits."""
Labels = npt.NDArray[Any]
"""(N,) int64 class indices."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit as the reports name it."""

    name: str
    label: str
    meaning: str
    higher_is_better: bool = True
    percent: bool = True
    """Shown times 100."""


@dataclass(frozen=True, slots=True)
class Task:
    """Classify into `outputs`."""

    name: str
    outputs: tuple[str, ...]
    """The classes, in the order of their indices."""
    metrics: tuple[Metric, ...]

    @property
    def headline(self) -> str:
        """Name of the first metric."""
        return self.metrics[0].name

    @property
    def classes(self) -> tuple[str, ...]:
        """What the confusion matrix counts."""
        return self.outputs

    @property
    def chance(self) -> float:
        """The headline of a guess."""
        return 1 / len(self.classes)

    def score(self, outputs: Outputs, label: Labels) -> dict[str, float]:
        """Metric → value. Raises ValueError where shapes differ or there is nothing to score."""
        scores = metrics.scores(outputs.argmax(1), label, len(self.outputs))
        return {metric.name: scores[metric.name] for metric in self.metrics}

    def confusion(self, outputs: Outputs, label: Labels) -> list[list[int]]:
        """Counts, true classes by predicted ones."""
        return metrics.confusion(outputs.argmax(1), self.class_of(label), len(self.classes))

    def class_of(self, label: Labels) -> npt.NDArray[np.int64]:
        """(N,) indices into `classes`."""
        return np.asarray(label, np.int64)

    def class_weight(self, label: Labels) -> Tensor | None:
        """(C,) float32 weights under which every class counts alike; 0 for a class that does not occur."""
        counts = np.bincount(label, minlength=len(self.outputs))
        weights = np.divide(len(label) / (counts > 0).sum(), counts, out=np.zeros(len(self.outputs)), where=counts > 0)
        return torch.tensor(weights, dtype=torch.float32)

    def loss(self, outputs: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
        """(N,) losses of a classifier of one modality: cross-entropy with labels smoothed by 0.05."""
        return cross_entropy(outputs, label, weight=weight, reduction="none", label_smoothing=0.05)


def classification(name: str, classes: Sequence[str]) -> Task:
    """One of several classes, judged by UA, WA and F1."""
    return Task(
        name,
        tuple(classes),
        (
            Metric("ua", "UA", "unweighted accuracy, the mean of the recalls of the classes"),
            Metric("wa", "WA", "weighted accuracy, the share of utterances that is right"),
            Metric("macro_f1", "Macro-F1", "the mean of the F1 of the classes"),
        ),
    )
