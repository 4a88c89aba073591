"""What chance can do: spread over runs, confidence intervals, paired tests, several comparisons at once.

Runs that share a test fold (several seeds), or rows of one speaker, are not independent of each other: `clusters`
names what each value belongs to, and clusters, not values, are then the unit. scipy.stats does the testing.

References: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; Holm, Scandinavian Journal of Statistics
6(2), 1979; McNemar, Psychometrika 12(2), 1947; Demšar, JMLR 7, 2006 (comparing methods over data sets).

Public: `summary`, `mean_interval`, `bootstrap_interval`, `paired`, `Paired`, `mcnemar`, `holm`.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

_PATTERNS = 2**16
"""Sign patterns of the sign-flip test: all there are up to 16 units."""


def summary(values: Sequence[float]) -> dict[str, Any]:
    """``{"values", "mean", "std"}`` of one figure per run; std is the sample's, 0 for a single run."""
    rounded = [round(float(value), 6) for value in values]
    spread = statistics.stdev(rounded) if len(rounded) > 1 else 0.0
    return {"values": rounded, "mean": round(statistics.fmean(rounded), 6), "std": round(spread, 6)}


def mean_interval(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Student's t interval of the mean over independent units; None for a single unit, which has none.

    Args:
        values: one per run.
        clusters: the fold (or speaker) of each run; the mean of a cluster is then one unit.

    Raises:
        ValueError: nothing to average, a value that is not finite, or lengths that differ.
    """
    units = _units(values, clusters)
    if len(units) < 2:
        return None
    half = stats.t.ppf((1 + confidence) / 2, len(units) - 1) * stats.sem(units)
    return float(units.mean() - half), float(units.mean() + half)


def bootstrap_interval(
    statistic: Callable[..., float],
    *columns: npt.NDArray[Any],
    rng: np.random.Generator,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    resamples: int = 9999,
) -> tuple[float, float]:
    """Bootstrap interval of a statistic over rows, such as UA over predictions and labels.

    BCa; the percentile interval where BCa is not defined (a statistic that hardly varies or sits at its bound).

    Args:
        statistic: of the resampled columns.
        columns: arrays of one length, resampled together.
        rng: where the resamples come from.
        clusters: the speaker (or fold) of each row; whole clusters are then resampled.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: no column, lengths that differ, or fewer than two rows or clusters.
    """
    lengths = {len(column) for column in (*columns, *([clusters] if clusters is not None else []))}
    if not columns or len(lengths) != 1:
        raise ValueError(f"need one or more columns of one length, not of {sorted(lengths)}")
    members = _members(range(lengths.pop()) if clusters is None else clusters)
    if len(members) < 2:
        raise ValueError(f"need two or more {'rows' if clusters is None else 'clusters'}, not {len(members)}")

    def resampled(drawn: npt.NDArray[np.int64]) -> float:
        rows = drawn if clusters is None else np.concatenate([members[unit] for unit in drawn])
        return statistic(*(column[rows] for column in columns))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns where BCa is not defined, which is looked for below
        found = stats.bootstrap(
            (np.arange(len(members)),),
            resampled,
            vectorized=False,
            n_resamples=resamples,
            confidence_level=confidence,
            method="BCa",
            rng=rng,
        )
    low, high = found.confidence_interval
    if not np.isfinite([low, high]).all():
        low, high = np.quantile(found.bootstrap_distribution, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Paired:
    """What is known of the mean difference of two methods."""

    units: int
    """Independent pairs: folds if clustered, else runs."""
    mean: float
    """First minus second."""
    low: float
    high: float
    """Student's t interval of the mean."""
    t_p: float
    """Of the paired t test, two-sided."""
    sign_flip_p: float
    """Of the sign-flip (paired permutation) test, two-sided; exact up to 16 units, at least 2 / 2^units.

    Beyond 16 units 65 536 patterns are drawn, always the same ones."""
    wilcoxon_p: float
    """Of Wilcoxon's signed-rank test, two-sided; 1 where nothing differs."""


def paired(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Paired:
    """Compare two methods over the same runs, in the same order.

    Folds as units assume nothing of the seeds within a fold. The t test takes differences of folds as independent,
    though folds of a cross-validation share training data; the sign-flip test needs no normal distribution, but with
    five units its p cannot fall below 0.0625.

    Args:
        first, second: one value per run.
        clusters: the fold of each run; the mean difference of a fold is then one unit.

    Raises:
        ValueError: lengths that differ, a value that is not finite, or fewer than two units.
    """
    if len(first) != len(second):
        raise ValueError(f"paired values must be as many of both, not {len(first)} and {len(second)}")
    units = _units(np.subtract(first, second), clusters)
    if len(units) < 2:
        raise ValueError(f"a paired test needs two or more units, not {len(units)}: run more folds or seeds")
    if np.ptp(units) <= 1e-12:  # no spread, so no t: its p is 1 if nothing differs, else 0
        t_p, low, high = float(abs(units[0]) <= 1e-12), float(units.mean()), float(units.mean())
    else:
        t_test = stats.ttest_1samp(units, 0.0)
        t_p, (low, high) = float(t_test.pvalue), t_test.confidence_interval(confidence)
    flips = stats.permutation_test(
        (units,), np.mean, permutation_type="samples", n_resamples=_PATTERNS, rng=np.random.default_rng(0)
    )
    wilcoxon_p = float(stats.wilcoxon(units).pvalue) if np.abs(units).max() > 1e-12 else 1.0
    return Paired(len(units), float(units.mean()), float(low), float(high), t_p, float(flips.pvalue), wilcoxon_p)


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> float:
    """Two-sided p of McNemar's exact test that two classifiers are right equally often on the same rows.

    Args:
        first_right, second_right: whether each row is classified rightly, (N,).

    Raises:
        ValueError: not two bool arrays of one shape (N,), N ≥ 1.
    """
    first, second = np.asarray(first_right), np.asarray(second_right)
    found = [(str(rows.dtype), rows.shape) for rows in (first, second)]
    if found[0] != found[1] or first.dtype != bool or first.ndim != 1 or not len(first):
        raise ValueError(f"need two bool arrays of one shape (N,), N ≥ 1, not {found[0]}, {found[1]}")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: below α, the family-wise error stays below α.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p-values must lie in [0, 1], not {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return [float(value) for value in result]


def _units(values: Any, clusters: Sequence[Hashable] | None) -> npt.NDArray[np.float64]:
    """The values, or their means by cluster."""
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise ValueError(f"need one or more finite values, not {array.tolist()}")
    if clusters is None:
        return array
    if len(clusters) != len(array):
        raise ValueError(f"need one cluster per value, not {len(clusters)} for {len(array)}")
    return np.array([array[rows].mean() for rows in _members(clusters)])


def _members(clusters: Sequence[Hashable]) -> list[npt.NDArray[np.int64]]:
    """The rows of each cluster, clusters in the order in which they appear."""
    rows: dict[Hashable, list[int]] = {}
    for row, cluster in enumerate(clusters):
        rows.setdefault(cluster, []).append(row)
    return [np.array(members) for members in rows.values()]
