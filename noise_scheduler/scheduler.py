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
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from . import registry
from .apply import apply
from .calibration import check_curve, resolve
from .clock import Clock
from .condition import AnySubset, Condition, Subset
from .config import from_config, to_config
from .distribution import Level, cumulate, pick
from .feedback import adaptive_schedules
from .mixture import Mixture, mixture
from .planning import Follower, Following, Modality, Present
from .record import Record
from .rng import key_of, stream, unit
from .schedule import bounds
from .span import Bursts
from .tied import followed


@dataclass(frozen=True)
class NoiseScheduler:
    """Realistic noise on the modalities of a sample, under schedules over type and level.

    A sample is a mapping from modality to data, with ``sample_rate`` and ``fps`` beside it where audio and
    video need them. Calling the scheduler plans and applies::

        noisy, record = scheduler(sample, id="Ses01F_impro01_F000", step=1200)

    For a sample, the condition chooses the modalities that are hit; on each of them one noise is chosen by weight (or
    several, or none: `mixture`), and a level and a span are drawn for it. A level of 0 leaves the modality clean.
    A modality whose noise follows another one (`noise_scheduler.tied`) is hit where that one is, as much as it was.

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

    _modalities: tuple[Modality, ...] = field(init=False, repr=False, compare=False)
    _followers: tuple[Follower, ...] = field(init=False, repr=False, compare=False)
    _free: tuple[str, ...] = field(init=False, repr=False, compare=False)
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
        tied = {name: _followed(name, noises) for name in noises}
        free = tuple(name for name in noises if not tied[name])
        level = _levels(self.level, tuple(noises), free)
        span = self.span if isinstance(self.span, Bursts) else Bursts(self.span)
        levels = level if isinstance(level, Mapping) else dict.fromkeys(noises, level)
        modalities = tuple(Modality.of(name, noises[name], levels[name], span) for name in free)
        followers = tuple(Follower.of(name, noises[name], tied[name]) for name in noises if tied[name])
        profiles = _profiles(self.profiles, noises)
        for name, value in (
            ("noises", MappingProxyType(noises)),
            ("level", MappingProxyType(level) if isinstance(level, dict) else level),
            ("span", span),
            ("profiles", MappingProxyType({kind: os.fspath(name) for kind, name in self.profiles.items()})),
            ("_profiles", profiles),
            ("_modalities", modalities),
            ("_followers", followers),
            ("_free", free),
            ("_subsets", self.condition.subsets(free)),
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
            for follower in moment.followers if hits else ():
                if any(hit.modality == follower.plan.follows for hit in hits):
                    hits += follower.draw(key, clock.step)
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
            cumulate(self.condition.weigh(self._free, at), "condition", at),
            tuple(present for modality in self._modalities if (present := modality.at(at)) is not None),
            tuple(follower.at(at) for follower in self._followers),
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


class _Moment(NamedTuple):
    """What all schedules say at a clock."""

    subsets: list[float]
    modalities: tuple[Present, ...]
    followers: tuple[Following, ...]


def _profiles(profiles: Mapping[str, str], noises: Mapping[str, Mixture]) -> dict[str, str]:
    """Those that can matter for these noises, with their digests."""
    listed = [noise for mixed in noises.values() for noise in mixed.noises]
    kinds = {registry.name_of(noise).partition("/")[0] for noise in listed}
    kinds |= {"video"} if "image" in kinds else set()
    found = {kind: reference for kind, reference in resolve(profiles).items() if kind in kinds}
    for noise in listed:
        check_curve(found, noise)
    return found


def _followed(modality: str, mixtures: Mapping[str, Mixture]) -> str:
    """The modality that the noises of a modality follow; empty where they follow none."""
    follows = {followed(noise) for noise in mixtures[modality].noises}
    if follows == {""}:
        return ""
    target = min(follows)
    if len(follows) > 1 or mixtures[modality].count != 1:
        raise ValueError(
            f"{modality}: a noise that follows another modality stands alone, or beside such that follow the same one, "
            "and hits alone (count 1)"
        )
    others = [name for name in mixtures if name != modality]
    if target not in others:
        raise ValueError(
            f"{modality}: no modality that has noises is called {target!r}, which "
            f"{registry.name_of(mixtures[modality].noises[0])} follows; {registry.nearest(target, others)}"
        )
    if any(followed(noise) for noise in mixtures[target].noises):
        raise ValueError(
            f"{modality} follows {target!r}, which follows another modality itself; let both follow that one"
        )
    return target


def _mixture(modality: str, noises: Any) -> Mixture:
    try:
        return noises if isinstance(noises, Mixture) else mixture(noises)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{modality}: {error}") from error


def _levels(level: Any, modalities: tuple[str, ...], free: tuple[str, ...]) -> Level | dict[str, Level]:
    """The level, or one for each modality that follows none; checked."""
    if isinstance(level, Mapping):
        for modality in level:
            if modality in modalities and modality not in free:
                raise ValueError(f"level: {modality!r} takes none, it follows another modality")
            if modality not in free:
                raise ValueError(
                    f"level: no modality is called {modality!r}; {registry.nearest(modality, modalities)} "
                    "(the table of a schedule or distribution has a kind)"
                )
        for modality in free:
            if modality not in level:
                raise ValueError(f"level: {modality!r} needs one too")
        return {modality: _checked_level(level[modality], f"level.{modality}") for modality in free}
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
