"""How well severity says what is lost: loss fitted by a function that only has to rise with severity.

A point is a noise at a level, with the means of severity and loss over the samples: a dict with "level", "severity",
"loss". R² says how much of the loss severity explains, over all points, and where each noise is judged by the fit to
the others ("left out"). A noise's residual is its mean loss beyond the fit: above 0 it is more harmful than its
severity says.

Public: `fitted`, `rising`, `table`, `plot`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

Doubles = npt.NDArray[np.float64]
Points = Mapping[str, list[dict[str, float]]]

_FARTHEST = 10


def fitted(points: Points) -> dict[str, Any]:
    """R², the fit at round severities, and the residual of each noise."""
    flat = [(name, found["severity"], found["loss"]) for name, family in points.items() for found in family]
    names = np.array([name for name, _, _ in flat])
    x, y = np.array([[x, y] for _, x, y in flat]).T
    fit = rising(x, y)
    residual, left_out = y - fit(x), y.copy()
    for name in points:
        left_out[names == name] -= rising(x[names != name], y[names != name])(x[names == name])
    grid = np.arange(1, 8) / 10
    return {
        "r2": _explained(residual, y),
        "r2_left_out": _explained(left_out, y),
        "fit": {f"{at:.1f}": round(float(loss), 3) for at, loss in zip(grid, fit(grid), strict=True)},
        "residuals": {name: round(float(residual[names == name].mean()), 4) for name in points},
    }


def rising(x: Doubles, y: Doubles) -> Callable[[Doubles], Doubles]:
    """The rising function that is nearest to y at x."""
    order = np.argsort(x, kind="stable")
    fit = isotonic_regression(y[order]).x
    return lambda at: np.interp(at, x[order], fit)


def _explained(residual: Doubles, y: Doubles) -> float:
    return round(1 - float((residual**2).sum() / ((y - y.mean()) ** 2).sum()), 4)


def table(found: Mapping[str, Any], points: Points) -> list[str]:
    """Lines of Markdown: the fit, and each noise beside it."""
    lines = [
        "| severity | " + " | ".join(found["fit"]) + " |",
        "|---|" + "---|" * len(found["fit"]),
        "| loss | " + " | ".join(f"{loss:.2f}" for loss in found["fit"].values()) + " |",
        "",
        "Loss beyond the fit, mean over levels; severity and loss at level 1:",
        "",
        "| noise | beyond the fit | severity | loss |",
        "|---|---|---|---|",
    ]
    for name, residual in sorted(found["residuals"].items(), key=lambda item: item[1]):
        last = points[name][-1]
        lines.append(f"| {name} | {residual:+.2f} | {last['severity']:.2f} | {last['loss']:.2f} |")
    return [*lines, ""]


def plot(file: Path, found: Mapping[str, Any], points: Points, title: str) -> None:
    """A picture of all points, the noises that are farthest from the fit in colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 6), layout="constrained")
    far = sorted(found["residuals"], key=lambda name: -abs(found["residuals"][name]))[:_FARTHEST]
    for name, family in points.items():
        x, y = [point["severity"] for point in family], [point["loss"] for point in family]
        if name in far:
            axes.plot(x, y, "o-", markersize=4, linewidth=1, label=name.partition("/")[2])
        else:
            axes.plot(x, y, "o", markersize=3, color="0.7", zorder=1)
    axes.plot([float(at) for at in found["fit"]], list(found["fit"].values()), color="black", label="isotonic fit")
    axes.set(xlabel="mean severity", ylabel="loss of accuracy", xlim=(0, None), ylim=(0, 1), title=title)
    axes.legend(fontsize="small", title="farthest from the fit")
    figure.savefig(file, dpi=110)
