"""What a survey counted, as areas that lie upon each other and add up to one: all plans.

Public: `Area`, `type_areas`, `condition_areas`, `CLEAN`.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..survey import Survey

Array = npt.NDArray[np.float64]

CLEAN = "clean"
_MOST_SUBSETS = 16
_LABEL_WIDTH = 26
_NUMBERS = {2: "both", 3: "all three", 4: "all four"}


class Area(NamedTuple):
    """One of the areas of a stack."""

    label: str
    """What its plans have in common, in words."""
    share: Array
    """(points,) share of the plans."""
    hits: int
    """How many modalities are hit; 1 for a noise, 0 for `CLEAN`."""


def type_areas(survey: Survey, modality: str) -> list[Area]:
    """The share of the plans in which each noise hits a modality, in the scheduler's order; at last the clean ones.

    Where several noises hit at once, the plans that hit the modality are divided among the noises in proportion to
    how often each of them does.
    """
    none = np.zeros(len(survey.steps))
    hit = sum((share for name, share in survey.conditions.items() if modality in name.split("+")), none)
    types = survey.types[modality]
    together = sum(types.values(), none)
    part = np.divide(hit, together, out=none.copy(), where=together > 0)
    labels = _noise_labels(list(types))
    areas = [Area(label, share * part, 1) for label, share in zip(labels, types.values(), strict=True)]
    return [*areas, Area(CLEAN, 1.0 - hit, 0)]


def condition_areas(survey: Survey) -> list[Area]:
    """The share of the plans in which exactly these modalities are hit, fewest first; at last the clean ones.

    The subsets of up to four modalities stand for themselves; more are grouped by how many are hit.
    """
    modalities = list(survey.types)
    subsets = {name: name.split("+") if name else [] for name in survey.conditions}
    if len(subsets) <= _MOST_SUBSETS:
        areas = [
            Area(_subset_label(subset, modalities), survey.conditions[name], len(subset))
            for name, subset in subsets.items()
        ]
        return sorted(areas, key=_clean_last)
    shares: dict[int, Array] = {}
    for name, subset in subsets.items():
        shares[len(subset)] = shares.get(len(subset), np.zeros(len(survey.steps))) + survey.conditions[name]
    labels = {size: f"{size} modalities" for size in shares} | {0: CLEAN, 1: "1 modality"}
    return sorted((Area(labels[size], share, size) for size, share in shares.items()), key=_clean_last)


def _clean_last(area: Area) -> tuple[bool, int]:
    return area.hits == 0, area.hits


def _subset_label(subset: Sequence[str], modalities: Sequence[str]) -> str:
    if len(subset) == 0:
        return CLEAN
    if len(subset) == len(modalities) > 1:
        return _NUMBERS.get(len(subset), "all")
    if len(subset) == len(modalities) - 1 > 2:
        return _folded("all but " + next(modality for modality in modalities if modality not in subset))
    return _folded(" + ".join(subset) + (" alone" if len(subset) == 1 < len(modalities) else ""))


def _noise_labels(names: Sequence[str]) -> list[str]:
    """ "audio/white_noise" → "white noise"; the whole name where two would look alike."""
    short = [name.partition("/")[2].replace("_", " ").strip() or name for name in names]
    often = Counter([*short, CLEAN])
    return [_folded(label if often[label] == 1 else name) for label, name in zip(short, names, strict=True)]


def _folded(label: str) -> str:
    return textwrap.fill(label, _LABEL_WIDTH, max_lines=2, placeholder=" …")
