"""The scheduler: plan what happens to a sample at a clock, apply it, do it again from the record.

`plan` draws everything (condition, types, levels) with integer-exact arithmetic from streams keyed by
(seed, sample id, step), so a plan is the same on every machine, in every process and in any order. `apply`
executes a record. Both are free of process state.

Public: `NoiseScheduler`, `replay`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from . import registry
from .clock import Clock
from .condition import AnySubset, Condition, Subset
from .config import from_config, to_config
from .contract import Noise, run
from .record import Hit, Record
from .rng import key_of, stream, unit
from .schedule import Level, Number, bounds, draw, value_at

Weighted = tuple[tuple[Noise, Number], ...]
_CONTEXT = ("sample_rate", "fps")


@dataclass(frozen=True)
class NoiseScheduler:
    """Realistic noise on the modalities of a sample, under schedules over type and level.

    A sample is a mapping from modality to data, with ``sample_rate`` and ``fps`` beside it where audio and
    video need them. Calling the scheduler plans and applies::

        noisy, record = scheduler(sample, id="Ses01F_impro01_F000", step=1200)

    For a sample, one of the condition's subsets of modalities is chosen; on each of its modalities one noise
    is chosen by weight, and its level drawn. A level of 0 leaves the modality clean.

    Raises:
        KeyError: a noise does not exist.
        ValueError: a level can leave [0, 1], a weight is negative, or all weights of a modality are zero.
    """

    noises: Mapping[str, Any]
    """Modality → noise, list of noises, or mapping from noise to weight (a number or a schedule). A noise is
    a registered name or an object from `build`."""
    level: Level = 1.0
    """A number, schedule or distribution with values in [0, 1]."""
    condition: Condition = field(default_factory=AnySubset)
    """Which modalities are hit."""
    seed: int = 0
    """Seed of all streams, in [0, 2**64)."""
    steps_per_epoch: int | None = None
    """Only needed where a time is given in epochs."""
    total_steps: int | None = None
    """Only needed where a time is given in per cent."""

    _plans: tuple[tuple[str, Weighted, tuple[tuple[str, int, Mapping[str, Any]], ...]], ...] = field(
        init=False, repr=False, compare=False
    )
    _subsets: tuple[Subset, ...] = field(init=False, repr=False, compare=False)
    _digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.noises, Mapping) or not self.noises:
            raise TypeError("noises must be a mapping such as {'audio': ['audio/white_noise']}")
        key_of(self.seed, 0)
        Clock(0, self.steps_per_epoch, self.total_steps)
        if not hasattr(self.condition, "subsets"):
            raise TypeError(f"condition must be such as any_subset(), not {self.condition!r}")
        # In alphabetical order, so that mappings that compare equal, or come from sorted JSON, plan alike.
        noises = {modality: _weighted(modality, self.noises[modality]) for modality in sorted(self.noises)}
        low, high = bounds(self.level)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"level must stay in [0, 1], but can reach [{low:g}, {high:g}]")
        plans = tuple((m, weighted, tuple(_identity(noise) for noise, _ in weighted)) for m, weighted in noises.items())
        object.__setattr__(self, "noises", noises)
        object.__setattr__(self, "_plans", plans)
        object.__setattr__(self, "_subsets", self.condition.subsets(tuple(noises)))
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "_digest", hashlib.blake2b(text.encode(), digest_size=8).hexdigest())

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that stand for this configuration; in every record."""
        return self._digest

    def clock(self, step: int) -> Clock:
        """The clock of this scheduler at a step."""
        return Clock(step, self.steps_per_epoch, self.total_steps)

    def plan(self, id: str | int, clock: Clock | int = 0) -> Record:
        """Decide what happens to a sample, without touching it.

        Args:
            id: the sample's id, a string or an integer.
            clock: a `Clock`, or a step.

        Returns:
            A record with no achieved quantities yet.

        Raises:
            TypeError: the id is neither a string nor an integer, or the step is no integer.
            ValueError: a time needs a length that the clock does not know, or all weights of a modality are zero
                at this clock.
        """
        clock = clock if isinstance(clock, Clock) else self.clock(clock)
        key = key_of(self.seed, id)
        with stream(key, clock.step, "plan/condition") as rng:
            raw = rng.bit_generator.random_raw()
        chosen = self._subsets[raw * len(self._subsets) >> 64]
        hits = []
        for modality, weighted, identities in self._plans:
            if modality not in chosen:
                continue
            with stream(key, clock.step, f"plan/{modality}") as rng:
                which, how_much = rng.bit_generator.random_raw(2).tolist()
            level = draw(self.level, clock, unit(how_much))
            if level > 0:
                name, version, fields = identities[_choose(modality, weighted, clock, unit(which))]
                hits.append(Hit(modality, name, version, level, dict(fields)))
        return Record(id if isinstance(id, str) else int(id), clock.step, key, self._digest, tuple(hits))

    def apply(self, sample: Mapping[str, Any], record: Record) -> tuple[dict[str, Any], Record]:
        """Execute a record on a sample; `sample` itself is left as it is.

        Returns:
            The noisy sample, and the record with the achieved physical quantities filled in.

        Raises:
            KeyError: the sample lacks a modality that the record hits.
            ValueError: a noise has changed its output since the record was made.
            SampleError: a modality is not a well-formed sample of the noise's kind.
        """
        return _apply(sample, record)

    def __call__(
        self, sample: Mapping[str, Any], *, id: str | int, step: Clock | int = 0
    ) -> tuple[dict[str, Any], Record]:
        """Plan and apply; gives the noisy sample and its record."""
        return self.apply(sample, self.plan(id, step))

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


def replay(sample: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """Do to `sample` what `record` says: the same bytes as the first time, wherever this package runs.

    Raises:
        ValueError: a noise has changed its output since the record was made, or a file that it drew from is not
            the one that was drawn then.
        KeyError, SampleError: as `NoiseScheduler.apply`.
    """
    noisy, done = _apply(sample, record)
    for before, now in zip(record.hits, done.hits, strict=True):
        for name, value in before.achieved.items():
            if isinstance(value, str) and now.achieved.get(name) != value:
                raise ValueError(
                    f"{before.noise}: the record says {name} {value!r}, replay gives {now.achieved.get(name)!r}; "
                    "restore the files as they were when the record was made"
                )
    return noisy


def _apply(sample: Mapping[str, Any], record: Record) -> tuple[dict[str, Any], Record]:
    noisy, done = dict(sample), []
    context = {name: sample[name] for name in _CONTEXT if name in sample}
    for hit in record.hits:
        if hit.modality not in noisy:
            raise KeyError(f"sample {record.id!r} has no {hit.modality!r}; it has {', '.join(map(str, sample))}")
        if hit.version != registry.version_of(hit.noise):
            raise ValueError(
                f"{hit.noise} is at version {registry.version_of(hit.noise)}, the record was made with version "
                f"{hit.version}: its output has changed; see the CHANGELOG, or install the package of that time"
            )
        noise = _built(hit.noise, tuple(sorted(hit.fields.items())))
        with stream(record.key, record.step, f"{hit.modality}:{hit.noise}") as rng:
            noisy[hit.modality], achieved = run(
                noise, hit.noise, noisy[hit.modality], hit.level, rng, context, hit.modality
            )
        done.append(replace(hit, achieved=achieved))
    return noisy, replace(record, hits=tuple(done))


@lru_cache(maxsize=256)
def _built(name: str, fields: tuple[tuple[str, Any], ...]) -> Noise:
    noise: Noise = registry.build(name, **dict(fields))
    return noise


def _identity(noise: Noise) -> tuple[str, int, Mapping[str, Any]]:
    name = registry.name_of(noise)
    return name, registry.version_of(name), registry.changed_fields(noise)


def _weighted(modality: str, value: Any) -> Weighted:
    """The noises of a modality as (noise, weight) pairs."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        pairs = [item if isinstance(item, tuple) and len(item) == 2 else (item, 1.0) for item in value]
    else:
        pairs = [(value, 1.0)]
    weighted = tuple((registry.build(n) if isinstance(n, str) else n, weight) for n, weight in pairs)
    for noise, weight in weighted:
        low, high = bounds(weight)
        if hasattr(weight, "draw") or not 0 <= low <= high < float("inf"):
            raise ValueError(
                f"{modality}: the weight of {registry.name_of(noise)} must be a finite number ≥ 0 or a schedule of "
                f"such, not {weight!r}"
            )
    if not weighted or all(bounds(weight)[1] <= 0 for _, weight in weighted):
        raise ValueError(f"{modality}: no noise has a positive weight")
    return weighted


def _choose(modality: str, weighted: Weighted, clock: Clock, u: float) -> int:
    """The index of a noise, by weight."""
    weights = [value_at(weight, clock) for _, weight in weighted]
    total = 0.0
    for weight in weights:  # not sum(): its rounding differs between Python versions
        total += weight
    if total <= 0:
        raise ValueError(f"{modality}: all weights are zero at step {clock.step}; keep one of them positive")
    target = u * total
    for index, weight in enumerate(weights):
        target -= weight
        if target < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
