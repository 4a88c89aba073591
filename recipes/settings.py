"""Typed settings from a TOML file and ``--section.key=value`` overrides; an unknown key is an error.

Public: `load`, `to_dict`, `SettingsError`.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from noise_scheduler.registry import nearest

Settings = TypeVar("Settings")


class SettingsError(ValueError):
    """A settings file or override is wrong; the message names the key and the nearest valid ones."""


def load(settings_class: type[Settings], file: Path, overrides: Sequence[str] = ()) -> Settings:
    """Read `file` into a (nested) dataclass and apply overrides such as ``--fusion.epochs=20``.

    Override values are TOML; what is not TOML is taken as a string.

    Raises:
        SettingsError: the file is missing or not TOML, a key is unknown, or a value has the wrong type.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    for override in overrides:
        name, separator, text = override.removeprefix("--").partition("=")
        if not override.startswith("--") or not separator:
            raise SettingsError(f"expected an override such as --fusion.epochs=20, not {override!r}")
        *sections, key = name.split(".")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise SettingsError(f"{name!r}: {section!r} is not a section")
        table[key] = _parse(text)
    settings: Settings = _build(settings_class, values, "")
    return settings


def to_dict(settings: Any) -> dict[str, Any]:
    """The settings as plain dicts and lists, ready for JSON."""
    return typing.cast("dict[str, Any]", _plain(dataclasses.asdict(settings)))


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(settings_class: Any, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise SettingsError(f"{where or 'settings'} must be a table, not {values!r}")
    hints = typing.get_type_hints(settings_class)
    for name in values:
        if name not in hints:
            raise SettingsError(f"unknown key {_join(where, name)!r}; {nearest(name, hints)}")
    missing = [
        f.name
        for f in dataclasses.fields(settings_class)
        if f.name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SettingsError(f"missing key {_join(where, missing[0])!r}")
    built = {name: _convert(hints[name], value, _join(where, name)) for name, value in values.items()}
    try:
        return settings_class(**built)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(arguments[0], item, where) for item in value)
    if origin is typing.Literal and value in arguments:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin in (None, dict) and isinstance(value, origin or hint) and not (hint is int and isinstance(value, bool)):
        return value
    expected = " | ".join(map(repr, arguments)) if origin is typing.Literal else getattr(hint, "__name__", str(hint))
    raise SettingsError(f"{where} must be {expected}, not {value!r}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
