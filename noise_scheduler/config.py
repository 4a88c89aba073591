"""Schedulers as plain dicts, for TOML, JSON, records and digests.

Numbers, strings and lists stand for themselves; a schedule, distribution or condition is a table with its
``kind`` and its parameters; a noise is its name, or a table with ``noise``, ``weight`` and its fields::

    level = {kind = "uniform", low = 0, high = {kind = "linear", start = 0.2, end = 1.0, until = "60%"}}
    condition = {kind = "any_subset"}
    [noises]
    audio = [{noise = "audio/background", weight = 2, snr_db_range = [20, -5]}, "audio/reverb"]

Public: `to_config`, `from_config`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import condition, registry, schedule
from .registry import nearest

if TYPE_CHECKING:
    from .scheduler import NoiseScheduler

_LEVELS = {"constant": schedule.Constant, "linear": schedule.Linear, "uniform": schedule.Uniform}
_CONDITIONS = {
    "any_subset": condition.AnySubset,
    "six_conditions": condition.SixConditions,
    "fixed": condition.Fixed,
}
_KINDS = {value: name for name, value in {**_LEVELS, **_CONDITIONS}.items()}
_PLAIN = ("seed", "steps_per_epoch", "total_steps")


def to_config(scheduler: NoiseScheduler) -> dict[str, Any]:
    """The dict of a scheduler; `from_config` gives an equal one back."""
    config: dict[str, Any] = {
        "noises": {
            modality: [_noise_to_config(noise, weight) for noise, weight in weighted]
            for modality, weighted in scheduler.noises.items()
        },
        "level": _to_config(scheduler.level),
        "condition": _to_config(scheduler.condition),
    }
    return config | {name: int(getattr(scheduler, name)) for name in _PLAIN if getattr(scheduler, name) is not None}


def from_config(scheduler_class: type[NoiseScheduler], config: Mapping[str, Any]) -> NoiseScheduler:
    """The scheduler of a dict.

    Raises:
        KeyError: an unknown key or kind, or a noise that does not exist; the message lists the nearest ones.
    """
    valid = ("noises", "level", "condition", *_PLAIN)
    for name in config:
        if name not in valid:
            raise KeyError(f"a scheduler has no key {name!r}; {nearest(name, valid)}")
    if not isinstance(config.get("noises"), Mapping):
        raise KeyError("a scheduler needs the key 'noises': a table from modality to a list of noises")
    arguments: dict[str, Any] = {name: config[name] for name in _PLAIN if name in config}
    arguments["noises"] = {
        modality: [_noise_from_config(item) for item in (value if isinstance(value, list | tuple) else [value])]
        for modality, value in config["noises"].items()
    }
    if "level" in config:
        arguments["level"] = _from_config(config["level"], _LEVELS, "level")
    if "condition" in config:
        arguments["condition"] = _from_config(config["condition"], _CONDITIONS, "condition")
    return scheduler_class(**arguments)


def _to_config(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_config(item) for item in value]
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | np.number):
        return float(value)  # 1 and 1.0 are one configuration
    if type(value) not in _KINDS:
        raise TypeError(f"{value!r} cannot be written to a configuration; it knows {', '.join(_KINDS.values())}")
    fields = {field.name: _to_config(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {"kind": _KINDS[type(value)]} | fields


def _from_config(value: Any, kinds: Mapping[str, Any], where: str) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, Mapping):
        return value
    fields = dict(value)
    kind = fields.pop("kind", None)
    if kind not in kinds:
        raise KeyError(f"{where} has no kind {kind!r}; {nearest(str(kind), kinds)}")
    known = [field.name for field in dataclasses.fields(kinds[kind])]
    for name in fields:
        if name not in known:
            raise KeyError(f"{kind} has no parameter {name!r}; {nearest(name, known)}")
    try:
        return kinds[kind](**{name: _from_config(item, kinds, f"{where}.{name}") for name, item in fields.items()})
    except TypeError as error:
        raise KeyError(f"{where}: {kind} lacks a parameter; it takes {', '.join(known)}") from error


def _noise_to_config(noise: Any, weight: Any) -> Any:
    fields = {name: _to_config(value) for name, value in registry.changed_fields(noise).items()}
    if not fields and weight == 1:
        return registry.name_of(noise)
    return {"noise": registry.name_of(noise), "weight": _to_config(weight)} | fields


def _noise_from_config(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    fields = dict(item)
    if "noise" not in fields:
        raise KeyError(f"a noise table needs the key 'noise' with a registered name: {dict(item)!r}")
    weight = _from_config(fields.pop("weight", 1.0), _LEVELS, "weight")
    return registry.build(fields.pop("noise"), **fields), weight
