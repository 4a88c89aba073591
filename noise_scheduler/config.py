"""Schedulers as plain dicts, for TOML, JSON, records and digests.

Numbers, strings and lists stand for themselves; a schedule, distribution, condition or span is a table with its
``kind`` and its parameters; a noise is its name, or a table with ``noise``, ``weight`` and its fields; several noises
at once are a table with ``noises`` and ``count``::

    level = {kind = "uniform", low = 0, high = {kind = "linear", start = 0.2, end = 1.0, until = "60%"}}
    condition = {kind = "any_subset"}
    [noises]
    audio = [{noise = "audio/background", weight = 2, snr_db_range = [20, -5]}, "audio/reverb"]
    text = {noises = ["text/keyboard", "text/word_loss"], count = {kind = "choice", values = [0, 2]}}

Named curricula are kinds too: ``level = {kind = "easy_to_hard", until = "60%"}``.

Public: `to_config`, `from_config`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import adaptive, condition, curriculum, curves, distribution, registry, schedule, span
from .mixture import Mixture, mixture
from .registry import nearest

if TYPE_CHECKING:
    from .scheduler import NoiseScheduler

_SCHEDULES = {
    "constant": curves.Constant,
    "linear": curves.Linear,
    "cosine": curves.Cosine,
    "exponential": curves.Exponential,
    "polynomial": curves.Polynomial,
    "piecewise": curves.Piecewise,
    "stepwise": curves.Stepwise,
    "cyclic": curves.Cyclic,
    "then": schedule.Then,
    "clamp": schedule.Clamp,
    "scale": schedule.Scale,
    "repeat": schedule.Repeat,
    "maximum": schedule.Maximum,
    "keep_in_band": adaptive.KeepInBand,
    "self_paced": adaptive.SelfPaced,
    "balance": adaptive.Balance,
}
_DISTRIBUTIONS = {
    "uniform": distribution.Uniform,
    "beta": distribution.Beta,
    "truncated_normal": distribution.TruncatedNormal,
    "choice": distribution.Choice,
}
_CURRICULA = {
    "easy_to_hard": curriculum.easy_to_hard,
    "hard_to_easy": curriculum.hard_to_easy,
    "accordion": curriculum.accordion,
}
_CONDITIONS = {
    "any_subset": condition.AnySubset,
    "six_conditions": condition.SixConditions,
    "fixed": condition.Fixed,
    "independent": condition.Independent,
    "missing_rate": condition.MissingRate,
}
_SPANS = {"bursts": span.Bursts}
_NAMES: dict[Any, str] = {
    value: name for kinds in (_SCHEDULES, _DISTRIBUTIONS, _CONDITIONS, _SPANS) for name, value in kinds.items()
}
_KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "level": (_SCHEDULES | _DISTRIBUTIONS | _CURRICULA, _SCHEDULES | _DISTRIBUTIONS),
    "condition": (_CONDITIONS, _SCHEDULES),
    "span": (_SPANS | _SCHEDULES | _DISTRIBUTIONS | _CURRICULA, _SCHEDULES | _DISTRIBUTIONS | _CURRICULA),
}
"""Key of a scheduler → the kinds that it takes, and those within them."""
_PLAIN = ("seed", "steps_per_epoch", "total_steps")


def to_config(scheduler: NoiseScheduler) -> dict[str, Any]:
    """The dict of a scheduler; `from_config` gives an equal one back."""
    config: dict[str, Any] = {
        "noises": {modality: _mixture_to_config(noises) for modality, noises in scheduler.noises.items()},
        "level": _to_config(scheduler.level),
        "condition": _to_config(scheduler.condition),
        "span": _to_config(scheduler.span),
    }
    config |= {name: int(getattr(scheduler, name)) for name in _PLAIN if getattr(scheduler, name) is not None}
    return config | ({"profiles": dict(scheduler.profiles)} if scheduler.profiles else {})


def from_config(scheduler_class: type[NoiseScheduler], config: Mapping[str, Any]) -> NoiseScheduler:
    """The scheduler of a dict.

    Raises:
        KeyError: an unknown key or kind, or a noise that does not exist; the message lists the nearest ones.
    """
    valid = ("noises", *_KINDS, *_PLAIN, "profiles")
    for name in config:
        if name not in valid:
            raise KeyError(f"a scheduler has no key {name!r}; {nearest(name, valid)}")
    if not isinstance(config.get("noises"), Mapping):
        raise KeyError("a scheduler needs the key 'noises': a table from modality to a list of noises")
    arguments: dict[str, Any] = {name: config[name] for name in (*_PLAIN, "profiles") if name in config}
    arguments["noises"] = {
        modality: _mixture_from_config(value, f"noises.{modality}") for modality, value in config["noises"].items()
    }
    arguments |= {name: _from_config(config[name], *kinds, name) for name, kinds in _KINDS.items() if name in config}
    return scheduler_class(**arguments)


def _to_config(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_config(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _to_config(item) for name, item in value.items()}
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | np.number):
        return float(value)  # 1 and 1.0 are one configuration
    if type(value) not in _NAMES:
        raise TypeError(f"{value!r} cannot be written to a configuration; it knows {', '.join(_NAMES.values())}")
    fields = {field.name: _to_config(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {"kind": _NAMES[type(value)]} | fields


def _from_config(value: Any, kinds: Mapping[str, Any], within: Mapping[str, Any], where: str) -> Any:
    """What a value of a configuration stands for; `kinds` are those of tables here, `within` those inside them."""
    if isinstance(value, list | tuple):
        return tuple(_from_config(item, within, within, f"{where}.{index}") for index, item in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    if "kind" not in value:  # one value for each of some names
        if where in ("condition", "span"):
            raise KeyError(f"{where} needs a kind, one of {', '.join(kinds)}")
        return {name: _from_config(item, kinds, within, f"{where}.{name}") for name, item in value.items()}
    fields = dict(value)
    kind = fields.pop("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise KeyError(f"{where} has no kind {kind!r}; {nearest(str(kind), kinds)}")
    parameters = inspect.signature(kinds[kind]).parameters
    for name in fields:
        if name not in parameters:
            raise KeyError(f"{where}: {kind} has no parameter {name!r}; {nearest(name, parameters)}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in fields:
            raise KeyError(f"{where}: {kind} lacks the parameter {name!r}; it takes {', '.join(parameters)}")
    arguments = {name: _from_config(item, within, within, f"{where}.{name}") for name, item in fields.items()}
    try:
        return kinds[kind](**arguments)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{where}: {error}") from error


def _mixture_to_config(noises: Mixture) -> Any:
    listed = [_noise_to_config(noise, weight) for noise, weight in noises.pairs]
    return listed if noises.count == 1 else {"noises": listed, "count": _to_config(noises.count)}


def _mixture_from_config(value: Any, where: str) -> Mixture:
    count: Any = 1
    if isinstance(value, Mapping) and "noise" not in value:
        for name in value:
            if name not in ("noises", "count"):
                raise KeyError(f"{where} has no key {name!r}; {nearest(name, ('noises', 'count'))}")
        choice = {"choice": distribution.Choice}
        count = _from_config(value.get("count", 1), choice, _SCHEDULES, f"{where}.count")
        value = value.get("noises", [])
    items = value if isinstance(value, list | tuple) else [value]
    pairs = [_noise_from_config(item, where) for item in items]
    try:
        return mixture(pairs, count=count)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{where}: {error}") from error


def _noise_to_config(noise: Any, weight: Any) -> Any:
    name, default = registry.name_of(noise), type(noise)()
    fields = {key: _field_to_config(v, getattr(default, key)) for key, v in registry.changed_fields(noise).items()}
    return name if not fields and weight == 1 else {"noise": name, "weight": _to_config(weight)} | fields


def _field_to_config(value: Any, default: Any) -> Any:
    """A field of a noise: a whole number stands for a fraction where the default is one, and only there."""
    if isinstance(value, tuple):
        defaults = default if isinstance(default, tuple) and len(default) == len(value) else (None,) * len(value)
        return [_field_to_config(item, usual) for item, usual in zip(value, defaults, strict=True)]
    return float(value) if isinstance(default, float) and type(value) is int else value


def _noise_from_config(item: Any, where: str) -> tuple[Any, Any]:
    fields = dict(item) if isinstance(item, Mapping) else {"noise": item}
    if "noise" not in fields:
        raise KeyError(f"{where}: a noise table needs the key 'noise' with a registered name: {dict(item)!r}")
    weight = _from_config(fields.pop("weight", 1.0), _SCHEDULES, _SCHEDULES, f"{where}.weight")
    try:
        return registry.build(fields.pop("noise"), **fields), weight
    except (KeyError, ValueError, TypeError) as error:
        raise type(error)(f"{where}: {error.args[0]}") from error
