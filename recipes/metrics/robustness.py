"""How a model stands noise: its curve over levels, what it keeps, and whether its confidence and reliability tell.

References: Taori et al., Measuring Robustness to Natural Distribution Shifts in Image Classification, NeurIPS 2020
(relative and effective robustness); Michaelis et al., arXiv 1907.07484 (relative performance under corruption);
Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (expected calibration error).

Public: `area_under_curve`, `relative_performance`, `relative_robustness`, `effective_robustness`,
`expected_calibration_error`, `spearman`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import linregress, spearmanr

Floats = npt.NDArray[np.floating[Any]]


def area_under_curve(levels: Sequence[float], values: Sequence[float]) -> float:
    """Area under `values` over `levels` by the trapezoid rule, divided by the range of levels.

    Raises:
        ValueError: fewer than two levels, levels that do not rise, or what is not finite.
    """
    _check_finite(*levels, *values)
    if len(levels) != len(values) or len(levels) < 2 or any(np.diff(levels) <= 0):
        raise ValueError(f"need as many values as rising levels, at least two, not {len(values)} at {list(levels)}")
    return float(np.trapezoid(values, levels) / (levels[-1] - levels[0]))


def relative_performance(clean: float, noisy: float) -> float:
    """The share of the clean score that is left under noise (Michaelis et al.: rPC); above 1 if noise helps.

    Raises:
        ValueError: a clean score that is not above 0, or a score that is not finite.
    """
    _check_finite(clean, noisy)
    if not clean > 0:
        raise ValueError(f"the clean score must be above 0, not {clean}")
    return noisy / clean


def relative_robustness(noisy: float, baseline_noisy: float) -> float:
    """What a method gains under noise over the same model without it, in units of the score (Taori et al.: τ).

    Raises:
        ValueError: a score that is not finite.
    """
    _check_finite(noisy, baseline_noisy)
    return noisy - baseline_noisy


def effective_robustness(
    clean: float, noisy: float, reference_clean: Sequence[float], reference_noisy: Sequence[float]
) -> float:
    """Accuracy under noise beyond what clean accuracy predicts (Taori et al.: ρ).

    The prediction is a line through the reference models, fitted on logit accuracies as in the paper. A model that
    is robust only in so far as it is better has 0; positive is robustness of its own.

    Args:
        clean, noisy: accuracies of the model, shares strictly between 0 and 1.
        reference_clean, reference_noisy: accuracies of models trained without robustness in mind, at least two of
            different clean accuracy.

    Raises:
        ValueError: an accuracy outside (0, 1), fewer than two references, or all of one clean accuracy.
    """
    x, y = np.asarray(reference_clean, np.float64), np.asarray(reference_noisy, np.float64)
    for share in (clean, noisy, *x, *y):
        if not 0 < share < 1:
            raise ValueError(f"accuracies must lie strictly between 0 and 1, for a logit, not {share}")
    if x.shape != y.shape or len(x) < 2 or np.ptp(x) == 0:
        raise ValueError(f"need two or more reference models of different clean accuracy, not {x.tolist()}")
    line = linregress(logit(x), logit(y))
    return float(noisy - expit(line.intercept + line.slope * logit(clean)))


def expected_calibration_error(probabilities: Floats, label: npt.NDArray[np.int64], bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over equal-width bins of confidence, weighted by their rows, in [0, 1].

    Bins are (0, 1/bins] … (1 − 1/bins, 1] (Guo et al.); torchmetrics' puts a confidence of exactly 1 in a bin of its
    own and so differs where a softmax saturates.

    Args:
        probabilities: (N, classes), rows that sum to 1.
        label: (N,), the true class.

    Raises:
        ValueError: shapes that do not fit, nothing to score, rows that are no distribution, a class out of range.
    """
    if probabilities.ndim != 2 or label.shape != probabilities.shape[:1] or not len(label) or bins < 1:
        raise ValueError(f"need (N, classes), (N,), N ≥ 1 and bins ≥ 1: {probabilities.shape}, {label.shape}, {bins}")
    if not (np.all(probabilities >= 0) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-4)):
        raise ValueError("probabilities must be non-negative and each row sum to 1; apply the softmax first")
    if label.min() < 0 or label.max() >= probabilities.shape[1]:
        raise ValueError(f"a label lies outside 0..{probabilities.shape[1] - 1}: {label.min()}..{label.max()}")
    confidence = probabilities.max(axis=1).astype(np.float64)
    excess = confidence - (probabilities.argmax(axis=1) == label)
    place = np.digitize(confidence, np.arange(1, bins) / bins, right=True)
    return float(np.abs(np.bincount(place, weights=excess)).sum() / len(label))


def spearman(reliability: Floats, noise_level: Floats) -> float:
    """Rank correlation in [−1, 1], such as of a modality's weight and its true noise level; 0 where one is constant.

    A constant ranks nothing, so it is given the value of no relation rather than NaN.

    Raises:
        ValueError: not two arrays of one shape (N,), N ≥ 2, or a value that is not finite.
    """
    if reliability.shape != noise_level.shape or reliability.ndim != 1 or len(reliability) < 2:
        raise ValueError(f"need two arrays of one shape (N,), N ≥ 2, not {reliability.shape}, {noise_level.shape}")
    if not (np.isfinite(reliability).all() and np.isfinite(noise_level).all()):
        raise ValueError("a reliability or a noise level is not finite")
    if np.ptp(reliability) == 0 or np.ptp(noise_level) == 0:
        return 0.0
    return float(spearmanr(reliability, noise_level).statistic)


def _check_finite(*values: float) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"every level and score must be finite, not {list(values)}")
