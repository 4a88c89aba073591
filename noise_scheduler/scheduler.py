"""The scheduler: plan what happens to a sample at a clock, apply it, do it again from the record.

`plan` draws everything (condition, types, levels, spans) with integer-exact arithmetic from streams keyed by
(seed, sample id, step), so a plan is the same on every machine, in every process and in any order. Executing it is
`noise_scheduler.apply`. Both are free of process state.

Public: `NoiseScheduler`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from . import registry
from .apply import apply
from .calibration import check_curve, resolve
from .clock import Clock
from .condition import AnySubset, Condition, Subset
from .config import from_config, to_config
from .contract import Noise
from .distribution import Choice, Draw, Level, cumulate, draw_at, pick
from .feedback import adaptive_schedules
from .mixture import Mixture, mixture, physical_order
from .record import Hit, Record
from .rng import Key, key_of, slot_of, stream, unit
from .schedule import bounds, value_at
from .span import Bursts, Span, place

_LAST = 1.0 - 2.0**-53


@dataclass(frozen=True)
class NoiseScheduler:
    """Realistic noise on the modalities of a sample, under schedules over type and level.

    A sample is a mapping from modality to data, with ``sample_rate`` and ``fps`` beside it where audio and
    video need them. Calling the scheduler plans and applies::

        noisy, record = scheduler(sample, id="Ses01F_impro01_F000", step=1200)

    For a sample, the condition chooses the modalities that are hit; on each of them one noise is chosen by weight (or
    several, or none: `mixture`), and a level and a span are drawn for it. A level of 0 leaves the modality clean.

    Raises:
        KeyError: a noise or a profile does not exist.
        ValueError: a level can leave [0, 1], a weight is negative, all weights of a modality are zero, or the condition
            does not fit the modalities, or a profile is for another kind of sample.
    """

    noises: Mapping[str, Any]
    """Modality → noise, list of noises, mapping from noise to weight (a number or a schedule), or `mixture`. A
    noise is a registered name or an object from `build`."""
    level: Level | Mapping[str, Level] = 1.0
    """A number, schedule or distribution with values in [0, 1], or one for each modality."""
    condition: Condition = field(default_factory=AnySubset)
    """Which modalities are hit."""
    span: Level | Bursts = 1.0
    """The share of the duration that is hit, in [0, 1]: a number, schedule, distribution, or `bursts`."""
    seed: int = 0
    """Seed of all streams, in [0, 2**64)."""
    steps_per_epoch: int | None = None
    """Optimiser steps in an epoch; only needed where a time is given in epochs."""
    total_steps: int | None = None
    """Optimiser steps in the whole training; only needed where a time is given in per cent."""
    profiles: Mapping[str, str] = field(default_factory=dict)
    """Kind of sample → what its levels are measured on (`noise_scheduler.calibration`): ``{"image": "faces"}``; a
    shipped name, the path of a profile, or ``"none"`` for each noise's own path. Other kinds have the usual ones."""

    _modalities: tuple[_Modality, ...] = field(init=False, repr=False, compare=False)
    _subsets: tuple[Subset, ...] = field(init=False, repr=False, compare=False)
    _digest: str = field(init=False, repr=False, compare=False)
    _profiles: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _adapts: bool = field(init=False, repr=False, compare=False)
    _now: tuple[Clock | int, Clock, _Moment] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if not isinstance(self.noises, Mapping) or not self.noises:
            raise TypeError("noises must be a mapping such as {'audio': ['audio/white_noise']}")
        key_of(self.seed, 0)
        Clock(0, self.steps_per_epoch, self.total_steps)
        if not hasattr(self.condition, "subsets"):
            raise TypeError(f"condition must be such as any_subset(), not {self.condition!r}")
        # In alphabetical order, so that mappings that compare equal, or come from sorted JSON, plan alike.
        noises = {modality: _mixture(modality, self.noises[modality]) for modality in sorted(self.noises)}
        level = _levels(self.level, tuple(noises))
        span = self.span if isinstance(self.span, Bursts) else Bursts(self.span)
        levels = level if isinstance(level, Mapping) else dict.fromkeys(noises, level)
        modalities = tuple(_Modality.of(name, noises[name], levels[name], span) for name in noises)
        profiles = _profiles(self.profiles, noises)
        for name, value in (
            ("noises", MappingProxyType(noises)),
            ("level", MappingProxyType(level) if isinstance(level, dict) else level),
            ("span", span),
            ("profiles", MappingProxyType({kind: os.fspath(name) for kind, name in self.profiles.items()})),
            ("_profiles", profiles),
            ("_modalities", modalities),
            ("_subsets", self.condition.subsets(tuple(noises))),
        ):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_adapts", any(adaptive_schedules(self)))
        config = self.to_dict() | ({"profiles": self._profiles} if self._profiles else {})
        text = json.dumps(config, sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "_digest", hashlib.blake2b(text.encode(), digest_size=8).hexdigest())

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that stand for this configuration; in every record."""
        return self._digest

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that can be hit, in alphabetical order: that of ``levels`` in batches."""
        return tuple(self.noises)

    def clock(self, step: int) -> Clock:
        """The clock of this scheduler at a step."""
        return Clock(step, self.steps_per_epoch, self.total_steps)

    def plan(self, id: str | int, clock: Clock | int = 0) -> Record:
        """Decide what happens to a sample, without touching it.

        Args:
            id: the sample's id, a string or an integer.
            clock: a `Clock`, or a step. Where schedules adapt, that of `Feedback.at`; a clock without decisions, such
                as `clock` gives, leaves them at their start.

        Returns:
            A record with no achieved quantities yet.

        Raises:
            TypeError: the id is neither a string nor an integer, or the step is no integer.
            ValueError: the scheduler adapts and a step was given, a time needs a length that the clock does not know,
                or all weights of a choice are zero at this clock.
        """
        clock, moment = self._at(clock)
        key, hits = key_of(self.seed, id), []
        if moment.modalities:
            with stream(key, clock.step, "plan/condition") as rng:
                chosen = self._subsets[pick(moment.subsets, unit(rng.bit_generator.random_raw()))]
            for modality in moment.modalities:
                if modality.plan.name in chosen:
                    hits += modality.draw(key, clock.step)
        return Record(
            id if isinstance(id, str) else int(id), clock.step, key, self._digest, tuple(hits), dict(self._profiles)
        )

    def apply(self, sample: Mapping[str, Any], record: Record) -> tuple[dict[str, Any], Record]:
        """Execute a record on a sample: `noise_scheduler.apply.apply`."""
        return apply(sample, record)

    def __call__(
        self, sample: Mapping[str, Any], *, id: str | int, step: Clock | int = 0
    ) -> tuple[dict[str, Any], Record]:
        """Plan and apply; gives the noisy sample and its record."""
        return apply(sample, self.plan(id, step))

    def to_dict(self) -> dict[str, Any]:
        """A plain dict, ready for JSON or TOML, from which `from_dict` makes an equal scheduler."""
        return to_config(self)

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> NoiseScheduler:
        """The scheduler that a dict (from `to_dict`, or from a TOML file) describes.

        Raises:
            KeyError: an unknown key, schedule, condition or noise; the message lists the nearest valid ones.
        """
        return from_config(cls, config)

    @classmethod
    def from_toml(cls, file: str | Path) -> NoiseScheduler:
        """The scheduler that a TOML file describes; `noise_scheduler.config` says how.

        Raises:
            ValueError: the file is no TOML.
            OSError: it cannot be read.
            KeyError: as `from_dict`.
        """
        try:
            config = tomllib.loads(Path(file).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{file} is not valid TOML: {error}") from error
        return from_config(cls, config)

    def _at(self, clock: Clock | int) -> tuple[Clock, _Moment]:
        """A clock, and what all schedules say then; the last one asked for is kept, since samples come step by step."""
        now = self._now
        if now is not None and now[0] == clock and type(clock) in (int, Clock):
            return now[1:]
        if self._adapts and not isinstance(clock, Clock):
            raise ValueError("this scheduler adapts: plan with the clock of its Feedback, feedback.at(step)[1]")
        at = clock if isinstance(clock, Clock) else self.clock(clock)
        moment = _Moment(
            cumulate(self.condition.weigh(self.modalities, at), "condition", at),
            tuple(present for modality in self._modalities if (present := modality.at(at)) is not None),
        )
        object.__setattr__(self, "_now", (clock if isinstance(clock, Clock) else at.step, at, moment))
        return at, moment

    def __reduce__(self) -> Any:
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        plain = {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in plain.items()}
        return partial(_rebuilt, type(self), self._digest, plain), ()


def _rebuilt(scheduler_class: type[NoiseScheduler], digest: str, plain: Mapping[str, Any]) -> NoiseScheduler:
    """A scheduler as it was in the process that sent it."""
    scheduler = scheduler_class(**plain)
    if scheduler.digest != digest:
        raise ValueError("a calibration profile changed between two processes of one run; restore the file")
    return scheduler


class _Modality(NamedTuple):
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
    def of(cls, name: str, noises: Mixture, level: Level, span: Bursts) -> _Modality:
        most = int(max(noises.counts))
        draws = 2 * max(most, 1) + isinstance(noises.count, Choice) + (0 if span.whole else most * (1 + span.count))
        identities = tuple(_identity(noise) for noise in noises.noises)
        places = physical_order(noises.noises)
        return cls(name, noises, level, span, identities, places, slot_of(f"plan/{name}"), most, draws)

    def at(self, clock: Clock) -> _Present | None:
        """What its schedules say at a clock; None where it stays clean."""
        level = draw_at(self.level, clock)
        # A level moves between its first and its last quantile, but for a choice, whose values may come in any order.
        if not self.most or (not isinstance(self.level, Choice) and max(level(0.0), level(_LAST)) <= 0):
            return None
        weights = [value_at(weight, clock) for weight in self.mixture.weights]
        cumulative = cumulate(weights, self.name, clock)
        return _Present(
            self, weights, cumulative, draw_at(self.mixture.count, clock), level, draw_at(self.span.share, clock)
        )


class _Present(NamedTuple):
    """What the schedules of a modality say at a clock."""

    plan: _Modality
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


class _Moment(NamedTuple):
    """What all schedules say at a clock."""

    subsets: list[float]
    modalities: tuple[_Present, ...]


def _identity(noise: Noise) -> tuple[str, int, Mapping[str, Any]]:
    name = registry.name_of(noise)
    return name, registry.version_of(name), registry.changed_fields(noise)


def _profiles(profiles: Mapping[str, str], noises: Mapping[str, Mixture]) -> dict[str, str]:
    """Those that can matter for these noises, with their digests."""
    listed = [noise for mixed in noises.values() for noise in mixed.noises]
    kinds = {registry.name_of(noise).partition("/")[0] for noise in listed}
    kinds |= {"video"} if "image" in kinds else set()
    found = {kind: reference for kind, reference in resolve(profiles).items() if kind in kinds}
    for noise in listed:
        check_curve(found, noise)
    return found


def _mixture(modality: str, noises: Any) -> Mixture:
    try:
        return noises if isinstance(noises, Mixture) else mixture(noises)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{modality}: {error}") from error


def _levels(level: Any, modalities: tuple[str, ...]) -> Level | dict[str, Level]:
    """The level, or one for each modality; checked."""
    if isinstance(level, Mapping):
        for modality in level:
            if modality not in modalities:
                raise ValueError(
                    f"level: no modality is called {modality!r}; {registry.nearest(modality, modalities)} "
                    "(the table of a schedule or distribution has a kind)"
                )
        for modality in modalities:
            if modality not in level:
                raise ValueError(f"level: {modality!r} needs one too")
        return {modality: _checked_level(level[modality], f"level.{modality}") for modality in modalities}
    return _checked_level(level, "level")


def _checked_level(level: Any, place: str) -> Level:
    try:
        low, high = bounds(level)
    except TypeError as error:
        raise TypeError(f"{place}: {error}") from error
    if not 0 <= low <= high <= 1:
        raise ValueError(f"{place} must stay in [0, 1], but can reach [{low:g}, {high:g}]")
    checked: Level = level
    return checked
