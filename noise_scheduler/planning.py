"""What is fixed about the modalities of a scheduler, and what is drawn for a sample at a clock.

Public: `Modality`, `Present`, `Follower`, `Following`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

from . import registry
from .clock import Clock
from .contract import Noise
from .distribution import Choice, Draw, Level, cumulate, draw_at, pick
from .mixture import Mixture, physical_order
from .record import Hit
from .rng import Key, slot_of, stream, unit
from .schedule import value_at
from .span import Bursts, Span, place

_LAST = 1.0 - 2.0**-53


class Modality(NamedTuple):
    """What is fixed about a modality."""

    name: str
    mixture: Mixture
    level: Level
    span: Bursts
    identities: tuple[tuple[str, int, Mapping[str, Any]], ...]
    places: tuple[int, ...]
    slot: int
    most: int
    draws: int

    @classmethod
    def of(cls, name: str, noises: Mixture, level: Level, span: Bursts) -> Modality:
        most = int(max(noises.counts))
        draws = 2 * max(most, 1) + isinstance(noises.count, Choice) + (0 if span.whole else most * (1 + span.count))
        identities = tuple(_identity(noise) for noise in noises.noises)
        places = physical_order(noises.noises)
        return cls(name, noises, level, span, identities, places, slot_of(f"plan/{name}"), most, draws)

    def at(self, clock: Clock) -> Present | None:
        """What its schedules say at a clock; None where it stays clean."""
        level = draw_at(self.level, clock)
        # A level moves between its first and its last quantile, but for a choice, whose values may come in any order.
        if not self.most or (not isinstance(self.level, Choice) and max(level(0.0), level(_LAST)) <= 0):
            return None
        weights = [value_at(weight, clock) for weight in self.mixture.weights]
        cumulative = cumulate(weights, self.name, clock)
        return Present(
            self, weights, cumulative, draw_at(self.mixture.count, clock), level, draw_at(self.span.share, clock)
        )


class Present(NamedTuple):
    """What the schedules of a modality say at a clock."""

    plan: Modality
    weights: list[float]
    cumulative: list[float]
    how_many: Draw
    level: Draw
    share: Draw

    def draw(self, key: Key, step: int) -> list[Hit]:
        """The hits on one sample, in the order in which they are applied."""
        plan = self.plan
        with stream(key, step, plan.slot) as rng:
            raw = rng.bit_generator.random_raw(plan.draws).tolist()
        if plan.draws == 2:  # one noise over the whole sample: the same as below, in half the time
            hit = self._hit(pick(self.cumulative, unit(raw[0])), self.level(unit(raw[1])), ())
            return [hit] if hit.level > 0 else []
        u = map(unit, raw)
        # The first noise is drawn before the count, the others after it.
        draws = [(next(u), next(u))]
        count = int(self.how_many(next(u))) if isinstance(plan.mixture.count, Choice) else plan.most
        draws += [(next(u), next(u)) for _ in range(plan.most - 1)]
        hits = []
        for index, how_much in self._noises(draws[:count]):
            level, spans = self.level(how_much), self._spans(u)
            if level > 0 and spans is not None:
                hits.append((plan.places[index], self._hit(index, level, spans)))
        return [hit for _, hit in sorted(hits, key=itemgetter(0))]

    def _hit(self, index: int, level: float, spans: tuple[Span, ...]) -> Hit:
        name, version, fields = self.plan.identities[index]
        return Hit(self.plan.name, name, version, level, spans, dict(fields))

    def _noises(self, draws: list[tuple[float, float]]) -> Iterator[tuple[int, float]]:
        """Indices of noises, by weight and without replacement, each with the draw of its level."""
        weights, cumulative = self.weights, self.cumulative
        for which, how_much in draws:
            if cumulative[-1] <= 0:
                return
            index = pick(cumulative, which)
            yield index, how_much
            if len(draws) > 1:
                weights = [*weights[:index], 0.0, *weights[index + 1 :]]
                cumulative = list(accumulate(weights))

    def _spans(self, u: Iterator[float]) -> tuple[Span, ...] | None:
        """The stretches that are hit: () for the whole sample, None for nothing."""
        span = self.plan.span
        if span.whole:
            return ()
        share, starts = self.share(next(u)), [next(u) for _ in range(span.count)]
        if share <= 0:
            return None
        return place(share, starts) if share < 1 else ()


class Follower(NamedTuple):
    """What is fixed about a modality that follows another one."""

    name: str
    follows: str
    mixture: Mixture
    identities: tuple[tuple[str, int, Mapping[str, Any]], ...]
    slot: int

    @classmethod
    def of(cls, name: str, noises: Mixture, follows: str) -> Follower:
        return cls(name, follows, noises, tuple(map(_identity, noises.noises)), slot_of(f"plan/{name}"))

    def at(self, clock: Clock) -> Following:
        """What its weights are at a clock."""
        return Following(self, cumulate([value_at(w, clock) for w in self.mixture.weights], self.name, clock))


class Following(NamedTuple):
    """A modality that follows, at a clock."""

    plan: Follower
    cumulative: list[float]

    def draw(self, key: Key, step: int) -> list[Hit]:
        """The hit on one sample; its level is found when it is applied."""
        with stream(key, step, self.plan.slot) as rng:
            name, version, fields = self.plan.identities[pick(self.cumulative, unit(rng.bit_generator.random_raw()))]
        return [Hit(self.plan.name, name, version, 0.0, (), dict(fields))]


def _identity(noise: Noise) -> tuple[str, int, Mapping[str, Any]]:
    name = registry.name_of(noise)
    return name, registry.version_of(name), registry.changed_fields(noise)
