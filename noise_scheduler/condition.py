"""Conditions: which modalities are hit.

A condition names the subsets of a scheduler's modalities that it chooses from, and gives each a weight at every
clock. Subsets are written as initials (``"av"``), as names joined by ``+`` (``"audio+video"``), or as tuples of
names; the empty one, ``""``, leaves the sample clean.

Public: `any_subset`, `six_conditions`, `fixed`, `independent`, `missing_rate`; `Condition`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any, Protocol

from .clock import Clock
from .registry import nearest
from .schedule import Number, as_number, bounds, check_schedules, value_at

Subset = tuple[str, ...]
Pairs = tuple[tuple[str, Number], ...]
_MOST_MODALITIES = 10


class Condition(Protocol):
    """Chooses the modalities that are hit."""

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        """All subsets that can be chosen; raises ValueError where the condition does not fit the modalities."""
        ...

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        """How likely each of `subsets` is at a clock, up to a common factor."""
        ...


@dataclass(frozen=True, slots=True)
class AnySubset:
    """Every subset of the modalities, none and all included; of weight 1 where nothing else is said."""

    weights: Pairs = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _pairs(self.weights, "a weight of any_subset"))

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        return _checked(_subsets(modalities, range(len(modalities) + 1)), self.weights, modalities, "any_subset")

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        return _weights(self.subsets(modalities), self.weights, modalities, clock)


@dataclass(frozen=True, slots=True)
class SixConditions:
    """One of the six conditions of missing- and noisy-modality work: a, v, t, av, at or vt.

    Source: MMIN (Zhao et al., ACL 2021) and NMER (arXiv 2311.16114).
    """

    weights: Pairs = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _pairs(self.weights, "a weight of six_conditions"))

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        if len(modalities) != 3:
            raise ValueError(f"six_conditions needs three modalities, not {len(modalities)}; use any_subset or fixed")
        return _checked(_subsets(modalities, (1, 2)), self.weights, modalities, "six_conditions")

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        return _weights(self.subsets(modalities), self.weights, modalities, clock)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same modalities."""

    modalities: str | Subset

    def __post_init__(self) -> None:
        if not isinstance(self.modalities, str | tuple | list):
            raise TypeError(f"fixed takes names of modalities or their initials, not {self.modalities!r}")
        if not isinstance(self.modalities, str):
            object.__setattr__(self, "modalities", tuple(self.modalities))

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        return (_resolve(self.modalities, modalities, "fixed"),)

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        return (1.0,)


@dataclass(frozen=True, slots=True)
class Independent:
    """Each modality is hit with its own probability, whatever happens to the others."""

    rates: Number | Pairs

    def __post_init__(self) -> None:
        rates = self.rates
        if isinstance(rates, Mapping | tuple | list):
            object.__setattr__(self, "rates", _pairs(rates, "a rate of independent"))
            for _, rate in self.rates:  # type: ignore[union-attr]
                _check_rate(rate)
        else:
            check_schedules(self, "rates")
            _check_rate(self.rates)  # type: ignore[arg-type]

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        self._of(modalities)
        return _subsets(modalities, range(len(modalities) + 1))

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        rates = {modality: value_at(rate, clock) for modality, rate in self._of(modalities).items()}
        weights = []
        for subset in self.subsets(modalities):
            weight = 1.0
            for modality in modalities:
                weight *= rates[modality] if modality in subset else 1.0 - rates[modality]
            weights.append(weight)
        return weights

    def _of(self, modalities: Sequence[str]) -> dict[str, Number]:
        if not isinstance(self.rates, tuple):
            return dict.fromkeys(modalities, self.rates)
        rates: dict[str, Number] = {}
        for name, rate in self.rates:
            for modality in _resolve(name, modalities, "independent"):
                if modality in rates:
                    raise ValueError(f"independent gives two rates for {modality!r}")
                rates[modality] = rate
        for modality in modalities:
            if modality not in rates:
                raise ValueError(f"independent gives no rate for {modality!r}; 0 leaves it clean")
        return rates


@dataclass(frozen=True, slots=True)
class MissingRate:
    """The missing-rate protocol: a share `rate` of all modalities is hit, at least one per sample is kept.

    Each modality is hit independently, given that not all are; the probability is such that the expected share
    is `rate`. It cannot pass (M − 1) / M for M modalities: greater rates, such as the customary 0.7 for three,
    mean that.

    Source: GCNet (Lian et al., TPAMI 2023) and IMDer (Wang et al., NeurIPS 2023), η = 0.0, 0.1 … 0.7.
    """

    rate: Number

    def __post_init__(self) -> None:
        check_schedules(self, "rate")
        _check_rate(self.rate)

    def subsets(self, modalities: Sequence[str]) -> tuple[Subset, ...]:
        if len(modalities) < 2:
            raise ValueError("missing_rate keeps one modality of each sample: it needs at least two modalities")
        return _subsets(modalities, range(len(modalities)))

    def weigh(self, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
        by_size = _missing_weights(len(modalities), value_at(self.rate, clock))
        return [by_size[len(subset)] for subset in self.subsets(modalities)]


def any_subset(weights: Mapping[Any, Number] | None = None) -> AnySubset:
    """Every subset of the modalities, none and all included, equally likely where no weight is given.

    Args:
        weights: subset → weight, a number or a schedule; ``{"": linear(8, 1)}`` keeps most samples clean at first.
    """
    return AnySubset(weights or ())  # type: ignore[arg-type]


def six_conditions(weights: Mapping[Any, Number] | None = None) -> SixConditions:
    """One of a, v, t, av, at, vt (three modalities: one or two are hit), equally likely where no weight is given.

    Args:
        weights: subset → weight, a number or a schedule, such as ``{"av": 3, "t": 0}``.
    """
    return SixConditions(weights or ())  # type: ignore[arg-type]


def fixed(modalities: str | Sequence[str]) -> Fixed:
    """Always `modalities`: a tuple of names, one name, or initials such as ``"av"``."""
    return Fixed(modalities)  # type: ignore[arg-type]


def independent(rates: Number | Mapping[str, Number]) -> Independent:
    """Each modality is hit with its own probability.

    Args:
        rates: in [0, 1]; a number or schedule for all, or modality → number or schedule.
    """
    return Independent(rates)  # type: ignore[arg-type]


def missing_rate(rate: Number) -> MissingRate:
    """The missing-rate protocol of the literature: a share `rate` in [0, 1] is hit, at least one modality is kept."""
    return MissingRate(rate)


def _resolve(subset: str | Sequence[str], modalities: Sequence[str], owner: str) -> Subset:
    """The modalities of a subset, in the order of `modalities`."""
    if isinstance(subset, str):
        wanted: Sequence[str] = [subset] if subset in modalities else [name for name in subset.split("+") if name]
        if len(wanted) == 1 and wanted[0] not in modalities:
            initials = {modality[0]: modality for modality in modalities}
            if len(initials) == len(modalities) and set(wanted[0]) <= set(initials):
                wanted = [initials[letter] for letter in wanted[0]]
    else:
        wanted = subset
    for modality in wanted:
        if modality not in modalities:
            raise ValueError(
                f"{owner}: {modality!r} names no modality of {', '.join(modalities)}; "
                f"{nearest(str(modality), modalities)} (initials such as 'av' need modalities that differ in them)"
            )
    return tuple(modality for modality in modalities if modality in wanted)


def _subsets(modalities: Sequence[str], sizes: Iterable[int]) -> tuple[Subset, ...]:
    return _combinations(tuple(modalities), tuple(sizes))


@lru_cache(maxsize=64)
def _combinations(modalities: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[Subset, ...]:
    if len(modalities) > _MOST_MODALITIES:
        raise ValueError(f"conditions over subsets take at most {_MOST_MODALITIES} modalities; use fixed")
    return tuple(subset for size in sizes for subset in combinations(modalities, size))


def _checked(subsets: tuple[Subset, ...], special: Pairs, modalities: Sequence[str], owner: str) -> tuple[Subset, ...]:
    seen: dict[Subset, str] = {}
    for name, _ in special:
        subset = _resolve(name, modalities, owner)
        if subset not in subsets:
            raise ValueError(f"{owner} never hits {name!r}; its subsets: {', '.join('+'.join(s) for s in subsets)}")
        if subset in seen:
            raise ValueError(f"{owner} gives two weights for one subset: {seen[subset]!r} and {name!r}")
        seen[subset] = name
    return subsets


def _weights(subsets: tuple[Subset, ...], special: Pairs, modalities: Sequence[str], clock: Clock) -> Sequence[float]:
    weights = dict.fromkeys(subsets, 1.0)
    for name, weight in special:
        weights[_resolve(name, modalities, "condition")] = value_at(weight, clock)
    return tuple(weights.values())


def _pairs(weights: Any, what: str) -> Pairs:
    """(subset, number ≥ 0) pairs of a mapping, or of pairs."""
    items = tuple(weights.items()) if isinstance(weights, Mapping) else weights
    if not isinstance(items, tuple | list) or not all(isinstance(i, tuple | list) and len(i) == 2 for i in items):
        raise TypeError(f"{what}: expected a mapping such as {{'audio': 0.5}}, not {weights!r}")
    pairs = tuple(
        ("+".join(name) if isinstance(name, tuple) else str(name), as_number(weight, what)) for name, weight in items
    )
    for name, weight in pairs:
        if bounds(weight)[0] < 0:
            raise ValueError(f"{what} must be ≥ 0, not {weight!r} for {name!r}")
    return pairs


def _check_rate(rate: Number) -> None:
    low, high = bounds(rate)
    if not 0 <= low <= high <= 1:
        raise ValueError(f"a rate must stay in [0, 1], but can reach [{low:g}, {high:g}]")


@lru_cache(maxsize=256)
def _missing_weights(modalities: int, rate: float) -> tuple[float, ...]:
    """Weight of one subset with k of the modalities, k < all, such that the expected share is `rate`."""

    def weights(p: float) -> list[float]:
        hit, kept = [1.0], [1.0]
        for _ in range(modalities - 1):
            hit.append(hit[-1] * p)
            kept.append(kept[-1] * (1.0 - p))
        return [a * b for a, b in zip(hit, reversed(kept), strict=True)]

    if rate >= (modalities - 1) / modalities:
        return tuple(weights(1.0))
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        total = hits = 0.0  # not sum(): its rounding differs between Python versions
        for k, weight in enumerate(weights(p)):
            total += comb(modalities, k) * weight
            hits += comb(modalities, k) * weight * k
        low, high = (p, high) if hits < rate * modalities * total else (low, p)
    return tuple(weights(low if rate > 0 else 0.0))
