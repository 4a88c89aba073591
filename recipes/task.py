"""What a model is to say of an utterance, and how right it is: an emotion's class, or sentiment in [−3, 3].

A task turns model outputs into scores, so that training, judging and the report need not know it. Its first metric
is the headline: it stands in the charts, as a share of which more is better.

Public: `Task`, `Emotion`, `Sentiment`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from recipes.metrics import Metric, classification, sentiment
from recipes.metrics.robustness import expected_calibration_error

Outputs = npt.NDArray[np.float32]
"""(N, C) logits, or (N, 1) values."""
Labels = npt.NDArray[Any]
"""(N,) int64 class indices, or float32 values."""


class Task(ABC):
    """What recipes need to know of their labels."""

    name: str
    outputs: tuple[str, ...]
    """What `models.create` takes as classes: the classes by index, or the one value."""
    classes: tuple[str, ...]
    """What the confusion matrix counts."""
    metrics: tuple[Metric, ...]
    selection: str
    """What selects an epoch, as reports name it."""
    chance: float
    """The headline of a guess."""

    @property
    def headline(self) -> str:
        """Name of the first metric."""
        return self.metrics[0]["name"]

    @abstractmethod
    def score(self, outputs: Outputs, label: Labels) -> dict[str, float]:
        """Metric → value. Raises ValueError where shapes differ or there is nothing to score."""

    @abstractmethod
    def select(self, outputs: Outputs, label: Labels) -> float:
        """How good an epoch is on validation data; higher is better."""

    @abstractmethod
    def class_of(self, label: Labels) -> npt.NDArray[np.int64]:
        """(N,) indices into `classes`."""

    @abstractmethod
    def confusion(self, outputs: Outputs, label: Labels) -> list[list[int]]:
        """Counts, true classes by predicted ones."""

    @abstractmethod
    def tally(self, outputs: Outputs, label: Labels) -> npt.NDArray[np.int64]:
        """(N, …) counts of each utterance, from whose sums over utterances `headline_of` tells the headline."""

    @abstractmethod
    def headline_of(self, sums: npt.NDArray[np.int64]) -> float:
        """The headline of utterances whose counts sum to `sums`; the same as in `score`, in microseconds."""

    def calibration_error(self, outputs: Outputs, label: Labels) -> float | None:
        """How far confidence is from accuracy, in [0, 1]; None for a value, which has no confidence."""
        return None

    @abstractmethod
    def class_weight(self, label: Labels) -> Tensor | None:
        """(C,) float32 weights of the classes in training, or None for none."""

    @abstractmethod
    def loss(self, outputs: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
        """(N,) losses of a model of one modality."""


@dataclass(frozen=True)
class Emotion(Task):
    """One of several classes, judged by UA, WA and F1; selected by UA."""

    name: str
    outputs: tuple[str, ...]
    metrics = classification.METRICS
    selection = "UA"

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.outputs

    @property
    def chance(self) -> float:  # type: ignore[override]
        return 1 / len(self.outputs)

    def score(self, outputs: Outputs, label: Labels) -> dict[str, float]:
        return classification.scores(outputs.argmax(1), label, len(self.outputs))

    def select(self, outputs: Outputs, label: Labels) -> float:
        return self.score(outputs, label)["ua"]

    def class_of(self, label: Labels) -> npt.NDArray[np.int64]:
        return np.asarray(label, np.int64)

    def confusion(self, outputs: Outputs, label: Labels) -> list[list[int]]:
        return classification.confusion(outputs.argmax(1), label, len(self.outputs))

    def tally(self, outputs: Outputs, label: Labels) -> npt.NDArray[np.int64]:
        """(N, C, C): a 1 at the true and the predicted class."""
        counts = np.zeros((len(label), len(self.outputs), len(self.outputs)), np.int64)
        counts[np.arange(len(label)), label, outputs.argmax(1)] = 1
        return counts

    def headline_of(self, sums: npt.NDArray[np.int64]) -> float:
        """UA of a confusion matrix: the mean recall of the classes that occur as labels."""
        true, right = sums.sum(1), sums.diagonal()
        return float(np.mean(right[true > 0] / true[true > 0]))

    def calibration_error(self, outputs: Outputs, label: Labels) -> float:
        return expected_calibration_error(softmax(outputs.astype(np.float64), axis=1), label)

    def class_weight(self, label: Labels) -> Tensor:
        """Weights under which every class counts alike; 0 for a class that does not occur."""
        counts = np.bincount(label, minlength=len(self.outputs))
        weights = np.divide(len(label) / (counts > 0).sum(), counts, out=np.zeros(len(self.outputs)), where=counts > 0)
        return torch.tensor(weights, dtype=torch.float32)

    def loss(self, outputs: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
        """Cross-entropy with labels smoothed by 0.05."""
        return cross_entropy(outputs, label, weight=weight, reduction="none", label_smoothing=0.05)


@dataclass(frozen=True)
class Sentiment(Task):
    """A value in [−3, 3], judged as CMU-MOSEI is; selected by MAE. The headline is negative against non-negative."""

    name: str = "sentiment"
    outputs = ("sentiment",)
    classes = ("−3", "−2", "−1", "0", "1", "2", "3")
    metrics = tuple(sorted(sentiment.METRICS, key=lambda metric: metric["name"] != "acc2_nonneg"))
    selection = "MAE"
    chance = 0.5

    def score(self, outputs: Outputs, label: Labels) -> dict[str, float]:
        return sentiment.scores(outputs[:, 0], label)

    def select(self, outputs: Outputs, label: Labels) -> float:
        return -float(np.abs(outputs[:, 0] - label).mean())

    def class_of(self, label: Labels) -> npt.NDArray[np.int64]:
        return sentiment.classes_mmsa(label) + 3

    def confusion(self, outputs: Outputs, label: Labels) -> list[list[int]]:
        return classification.confusion(self.class_of(outputs[:, 0]), self.class_of(label), len(self.classes))

    def tally(self, outputs: Outputs, label: Labels) -> npt.NDArray[np.int64]:
        """(N, 2): whether the sign is right, and 1."""
        right = (outputs[:, 0] >= 0) == (label >= 0)
        return np.stack([right, np.ones(len(label))], axis=1).astype(np.int64)

    def headline_of(self, sums: npt.NDArray[np.int64]) -> float:
        return float(sums[0] / sums[1])

    def class_weight(self, label: Labels) -> None:
        return None

    def loss(self, outputs: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
        """Absolute error."""
        return (outputs[:, 0] - label).abs()
