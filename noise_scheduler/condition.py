"""Conditions: which modalities are hit.

A condition is resolved once against the modalities of a scheduler (in their order) into the list of subsets
it chooses from, all equally likely.

Public: `any_subset`, `six_conditions`, `fixed`; `Condition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

from .registry import nearest

Subset = tuple[str, ...]


class Condition(Protocol):
    """Chooses the modalities that are hit, with equal chance among subsets."""

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]: ...


@dataclass(frozen=True, slots=True)
class AnySubset:
    """Every subset of the modalities, none and all included: each is hit with probability ½ on its own."""

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        return _subsets(modalities, range(len(modalities) + 1))


@dataclass(frozen=True, slots=True)
class SixConditions:
    """One of the six conditions of missing- and noisy-modality work: a, v, t, av, at or vt.

    Source: MMIN (Zhao et al., ACL 2021) and NMER (arXiv 2311.16114).
    """

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        if len(modalities) != 3:
            raise ValueError(f"six_conditions needs three modalities, not {len(modalities)}; use any_subset or fixed")
        return _subsets(modalities, (1, 2))


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same modalities, given by name or by initials."""

    modalities: str | Subset

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        wanted = self.modalities
        if isinstance(wanted, str) and wanted not in modalities:
            initials = {modality[0]: modality for modality in modalities}
            if len(initials) < len(modalities) or not set(wanted) <= set(initials):
                raise ValueError(
                    f"fixed({wanted!r}) names no modality of {', '.join(modalities)}: give a tuple of their names"
                )
            wanted = tuple(initials[letter] for letter in wanted)
        wanted = (wanted,) if isinstance(wanted, str) else wanted
        for modality in wanted:
            if modality not in modalities:
                raise ValueError(f"fixed: no modality is called {modality!r}; {nearest(modality, modalities)}")
        return (tuple(modality for modality in modalities if modality in wanted),)


def any_subset() -> AnySubset:
    """Every subset of the modalities is equally likely, none and all included."""
    return AnySubset()


def six_conditions() -> SixConditions:
    """One of a, v, t, av, at, vt, equally likely (three modalities: one or two of them are hit)."""
    return SixConditions()


def fixed(modalities: str | Sequence[str]) -> Fixed:
    """Always `modalities`: a tuple of names, one name, or initials such as ``"av"``."""
    return Fixed(modalities if isinstance(modalities, str) else tuple(modalities))


def _subsets(modalities: Sequence[str], sizes: Sequence[int]) -> tuple[Subset, ...]:
    return tuple(subset for size in sizes for subset in combinations(modalities, size))
