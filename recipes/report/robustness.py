"""What methods keep of their clean score under noise, and how much of that their clean score explains.

Public: `relative`, `effective`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from recipes.metrics import summary
from recipes.metrics.robustness import effective_robustness, relative_performance

from .results import Results, Summary

REFERENCE = "clean data"
"""What the methods are trained on whose scores say what is to be expected."""
_LEAST_REFERENCES = 3  # a line through two points fits whatever they are

ByMethod = Mapping[str, Summary]
"""Method → one figure per run; a method that has none is left out."""


def relative(results: Results, group: str) -> ByMethod:
    """Share of the clean headline that is left on the mean of a group of conditions (Michaelis et al.: rPC)."""
    return {
        name: _summary([relative_performance(clean, noisy) for clean, noisy in pairs])
        for name, pairs in _pairs(results, group).items()
        if all(clean > 0 for clean, _ in pairs)
    }


def effective(results: Results, group: str) -> ByMethod:
    """The headline on the mean of a group beyond what the clean one predicts (Taori et al.: ρ).

    The references are the runs of all methods that are trained on clean data. Nothing is said where there are fewer
    than three, all of one clean score, or where a score is 0 or 1.
    """
    pairs = _pairs(results, group)
    trained = {method["name"]: method["training"] for method in results["methods"]}
    references = [pair for name, runs in pairs.items() if trained[name] == REFERENCE for pair in runs]
    scores = [score for runs in pairs.values() for pair in runs for score in pair]
    clean, noisy = ([pair[place] for pair in references] for place in (0, 1))
    if len(references) < _LEAST_REFERENCES or len(set(clean)) < 2 or not all(0 < score < 1 for score in scores):
        return {}
    return {
        name: _summary([effective_robustness(*pair, clean, noisy) for pair in runs]) for name, runs in pairs.items()
    }


def _pairs(results: Results, group: str) -> dict[str, list[tuple[float, float]]]:
    """Method → (clean, group's mean) of the headline, run by run."""
    headline = results["metrics"][0]["name"]
    return {
        method["name"]: list(
            zip(
                *(method["scores"][condition][headline]["values"] for condition in ("clean", f"{group}/mean")),
                strict=True,
            )
        )
        for method in results["methods"]
    }


def _summary(values: list[float]) -> Summary:
    return cast(Summary, summary(values))
