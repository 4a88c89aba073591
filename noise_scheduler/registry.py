"""The registry: every noise has a name such as ``"audio/white_noise"``; the part before the slash is its kind.

Built-in families are imported when one of their names is first asked for, so that importing the package
costs nothing. Third parties register with the same decorator, or announce a module through the entry-point
group ``noise_scheduler.noises``.

Public: `register`, `build`, `names`, `describe`, `name_of`, `Description`, `Field`, `KINDS`, `STAGES`.
"""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import importlib
import os
import threading
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeVar

KINDS = ("image", "video", "audio", "text", "feature")
"""The kinds of noise; an ``image`` noise also takes video."""

STAGES = ("source", "scene", "capture", "channel")
"""Where in the physical chain a noise arises: in what is said, typed or shown; between there and the sensor; in the
sensor; in coding and transport. Several noises on one sample are applied in this order."""

ENTRY_POINT_GROUP = "noise_scheduler.noises"
_BUILT_IN_FAMILIES = ("image", "video", "audio", "text", "feature")

NoiseClass = TypeVar("NoiseClass", bound=type)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One parameter of a noise: its name (with unit), type, default and meaning."""

    name: str
    type: str
    default: Any
    doc: str


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What the registry knows about a noise; `str()` of it is meant to be read."""

    name: str
    version: int
    stage: str
    summary: str
    doc: str
    fields: tuple[Field, ...]

    def __str__(self) -> str:
        import textwrap

        lines = [f"{self.name} (version {self.version}, stage {self.stage})", "", self.doc]
        for field in self.fields:
            lines += ["", f"    {field.name}: {field.type} = {field.default!r}"]
            lines += textwrap.wrap(field.doc, 100, initial_indent=" " * 8, subsequent_indent=" " * 8)
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    noise_class: type
    version: int
    stage: str


_entries: dict[str, _Entry] = {}
_names: dict[type, str] = {}
_RESERVED_FIELDS = ("noise", "weight")
_plugins_loaded = False
_loading = threading.RLock()


def register(name: str, *, stage: str = "capture", version: int = 1) -> Callable[[NoiseClass], NoiseClass]:
    """Class decorator that makes a frozen dataclass available as `name`; it stands above ``@dataclass``.

    Args:
        name: ``"<kind>/<noise>"`` with kind one of `KINDS`.
        stage: one of `STAGES`, where in the physical chain the noise arises.
        version: raised by one whenever the output for the same seed changes; a record of another version
            is not replayed.

    Raises:
        ValueError: the kind or the stage is unknown, or the name is taken by another class.
        TypeError: the class is not a frozen dataclass, or a field has no default.
    """

    def decorate(noise_class: NoiseClass) -> NoiseClass:
        kind, _, rest = name.partition("/")
        if kind not in KINDS or not rest:
            raise ValueError(f"noise name {name!r} must be '<kind>/<noise>' with kind one of {', '.join(KINDS)}")
        if stage not in STAGES:
            raise ValueError(f"{name}: no stage is called {stage!r}; {nearest(str(stage), STAGES)}")
        if not noise_class.__module__.startswith(f"{__package__}."):
            _import_family(kind)  # so that a built-in of this name is noticed now
        for field in getattr(noise_class, "__dataclass_fields__", {}):
            if field in _RESERVED_FIELDS:
                raise TypeError(f"{noise_class.__name__}.{field} needs another name: configurations use {field!r}")
        taken = _entries.get(name)
        if taken is not None and _origin(taken.noise_class) != _origin(noise_class):
            raise ValueError(f"noise name {name!r} is already taken by {'.'.join(_origin(taken.noise_class))}")
        if not dataclasses.is_dataclass(noise_class) or not noise_class.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise TypeError(
                f"{noise_class.__name__} must be a frozen dataclass; put @register above @dataclass(frozen=True)"
            )
        for field in dataclasses.fields(noise_class):
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise TypeError(
                    f"{noise_class.__name__}.{field.name} needs a default: every noise can be built by name alone"
                )
        _entries[name] = _Entry(noise_class, version, stage)
        _names[noise_class] = name
        return noise_class

    return decorate


def build(name: str, /, **fields: Any) -> Any:
    """Make the noise called `name`; `fields` replace its defaults (lists and arrays become tuples, paths strings).

    Raises:
        KeyError: no such noise; the message lists the nearest names.
        TypeError: no such field; the message lists the nearest fields.
    """
    noise_class = _entry(name).noise_class
    known = [field.name for field in dataclasses.fields(noise_class)]
    for field in fields:
        if field not in known:
            raise TypeError(f"{name} has no field {field!r}; {nearest(field, known)}")
    return noise_class(**{key: _frozen(value) for key, value in fields.items()})


def names(pattern: str = "*") -> list[str]:
    """All registered names that match a glob pattern such as ``"audio/*"``, sorted."""
    for family in _BUILT_IN_FAMILIES:
        _import_family(family)
    _load_plugins()
    return sorted(fnmatch.filter(_entries, pattern))


def describe(name: str) -> Description:
    """Summary, documentation and fields of a noise.

    Raises:
        KeyError: no such noise; the message lists the nearest names.
    """
    import inspect

    entry = _entry(name)
    doc = inspect.cleandoc(entry.noise_class.__doc__ or "")
    field_docs = _field_docs(entry.noise_class)
    default = entry.noise_class()
    fields = tuple(
        Field(
            field.name,
            field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type)),
            getattr(default, field.name),
            field_docs.get(field.name, ""),
        )
        for field in dataclasses.fields(entry.noise_class)
    )
    return Description(name, entry.version, entry.stage, doc.partition("\n")[0], doc, fields)


def name_of(noise: Any) -> str:
    """The registered name of a noise object.

    Raises:
        TypeError: its class was never registered.
    """
    try:
        return _names[type(noise)]
    except KeyError:
        raise TypeError(
            f"{type(noise).__name__} is not a registered noise: decorate its class with "
            "@noise_scheduler.register('<kind>/<name>')"
        ) from None


def version_of(name: str) -> int:
    """The version under which a noise is registered."""
    return _entry(name).version


def stage_of(name: str) -> str:
    """The stage at which a noise arises, one of `STAGES`."""
    return _entry(name).stage


def changed_fields(noise: Any) -> dict[str, Any]:
    """The fields of a noise that differ from their defaults: with the name, all that rebuilds it."""
    default = type(noise)()
    pairs = ((f.name, getattr(noise, f.name), getattr(default, f.name)) for f in dataclasses.fields(noise))
    return {name: value for name, value, usual in pairs if value != usual}


def nearest(name: str, valid: Iterable[str]) -> str:
    """The end of an error message about a misspelt name: what may have been meant, and what there is."""
    valid = sorted(valid)
    close = difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(option) for option in close) + "?"
    return "valid: " + ", ".join(valid) if valid else "it takes none"


def _entry(name: str) -> _Entry:
    if not isinstance(name, str):
        raise TypeError(f"a noise is named by a string such as 'audio/white_noise', not {type(name).__name__}")
    if name not in _entries:
        _import_family(name.partition("/")[0])
    if name not in _entries:
        _load_plugins()
    if name not in _entries:
        raise KeyError(f"no noise is called {name!r}; {nearest(name, names())}")
    return _entries[name]


def _import_family(kind: str) -> None:
    if kind in _BUILT_IN_FAMILIES:
        importlib.import_module(f"noise_scheduler.{kind}")


def _load_plugins() -> None:
    global _plugins_loaded
    with _loading:
        if _plugins_loaded:
            return
        import importlib.metadata

        for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
            try:
                entry_point.load()
            except Exception as error:
                raise ImportError(
                    f"the noise plug-in {entry_point.name!r} ({entry_point.value}) cannot be loaded: {error}; "
                    "repair or uninstall it"
                ) from error
        _plugins_loaded = True


def _origin(noise_class: type) -> tuple[str, str]:
    return noise_class.__module__, noise_class.__qualname__


def _frozen(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def source_of(noise_class: type) -> str:
    """The source of a class; empty where it cannot be read, as of one that was typed into a prompt."""
    import inspect

    try:
        return inspect.getsource(noise_class)
    except (OSError, TypeError):
        return ""


def _field_docs(noise_class: type) -> dict[str, str]:
    """The strings that stand under the fields in the source; empty where there is no source."""
    import ast
    import inspect
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(source_of(noise_class)))
    except SyntaxError:
        return {}
    if not tree.body:
        return {}
    body = tree.body[0].body  # type: ignore[attr-defined]
    docs = {}
    for statement, following in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
            text = getattr(following.value, "value", None)
            if isinstance(text, str):
                docs[statement.target.id] = inspect.cleandoc(text)  # type: ignore[union-attr]
    return docs
