"""One scale of strength: where on each noise's own path the levels lie, as measured on real data.

A noise moves along a path in physical units. A profile says, from measurements on a corpus, how far along it a level
has to go: severity (`noise_scheduler.severity`) is .7 × level for every noise that can reach .7, and level × its own
maximum for the others. A level costs one interpolation.

A range in physical units that a user gives to a noise (a field called ``…_range``, or listed in the class variable
``path_fields``) replaces the measured path: level then runs straight along it, and the record says so (``scale`` is
``"native"``). So do noises that no profile lists. Other fields that are changed keep the measured path, but what
severity it then leads to is not known, and the record says none; only the time constant makes no difference.

A profile is chosen by the kind of sample: `DEFAULTS`, another shipped one, the path of a JSON file that
``noise-scheduler calibrate`` wrote, or ``"none"``. Records name it as ``NAME@DIGEST``.

Public: `Profile`, `Curve`, `profile_of`, `shipped`, `resolve`, `locate`, `check_curve`, `scale_of`,
`max_severity`, `level_for`, `digest_of`, `FULL_SEVERITY`, `DEFAULTS`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import registry
from ..registry import nearest

FULL_SEVERITY = 0.7
"""Severity at level 1: a recogniser has lost three quarters of its skill or more."""

KNOTS = 21
"""Positions that a curve stores, for levels 0, .05 … 1."""

DEFAULTS: Mapping[str, str] = MappingProxyType({"image": "photos", "video": "video", "audio": "speech", "text": "text"})
"""Kind of sample → the profile that is used where none is named."""

NATIVE = "none"
"""The profile that leaves every level on the noise's own path."""

_FORMAT = 1
_FOLDER = Path(__file__).parent
_SHIPPED = frozenset(file.stem for file in _FOLDER.glob("*.json"))
_NEUTRAL = frozenset({"time_constant_s"})


@dataclass(frozen=True, slots=True)
class Curve:
    """The measured path of one noise."""

    version: int
    """Of the noise that was measured."""
    fields: str
    """Digest of the fields that it had (`digest_of`)."""
    max_severity: float
    """Mean severity at level 1; less than `FULL_SEVERITY` for a noise that cannot do more."""
    spread: float
    """Standard deviation of severity over samples, averaged over levels."""
    positions: tuple[float, ...]
    """On the noise's path, at levels 0, .05 … 1; from 0, strictly rising."""

    def position(self, level: float) -> float:
        """The position in [0, 1] on the noise's path for a level in [0, 1]; exact on every machine."""
        place = level * (KNOTS - 1)
        index = min(int(place), KNOTS - 2)
        return self.positions[index] + (place - index) * (self.positions[index + 1] - self.positions[index])


@dataclass(frozen=True, slots=True)
class Profile:
    """What was measured on one corpus."""

    name: str
    """A shipped name, or the path of a file."""
    kind: str
    """Of the samples it was measured on, a key of `noise_scheduler.severity.MEASURES`."""
    digest: str
    """16 hexadecimal digits that stand for the content."""
    curves: Mapping[str, Curve]
    """Noise → its curve."""
    too_mild: Mapping[str, float]
    """Noise → its severity at the end of its path, for those that do too little to be calibrated."""
    corpus: Mapping[str, Any]
    """What it was measured on: number of samples, digest."""

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


def profile_of(name: str | os.PathLike[str], kind: str | None = None) -> Profile:
    """A profile by shipped name, path, or ``NAME@DIGEST``.

    Args:
        name: such as ``"faces"`` or ``"mine.json"``.
        kind: the kind of sample it must be for.

    Raises:
        KeyError: no profile is shipped under that name, and there is no such file.
        ValueError: the file is no profile, is for another kind, or its digest is not the one that is asked for.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"a profile is a shipped name or a path, not {type(name).__name__}")
    plain, digest = _parted(os.fspath(name))
    profile = _open(plain)
    if digest and digest != profile.digest:
        raise ValueError(
            f"profile {plain!r} has digest {profile.digest}, not {digest}: it was measured anew since; "
            "restore the file, or install the package of that time"
        )
    if kind is not None and kind != profile.kind:
        raise ValueError(f"profile {plain!r} is for {profile.kind}, not for {kind}; choose one with that kind")
    return profile


def shipped() -> dict[str, str]:
    """Name → kind of the profiles that come with the package."""
    return {name: profile_of(name).kind for name in sorted(_SHIPPED)}


def resolve(profiles: Mapping[str, str]) -> dict[str, str]:
    """Kind of sample → ``NAME@DIGEST`` for every kind that has a profile.

    Args:
        profiles: kind → name, path or ``"none"``; the other kinds have those of `DEFAULTS`.

    Raises:
        KeyError, ValueError, TypeError: as `profile_of`, or a kind is unknown.
    """
    if not isinstance(profiles, Mapping):
        raise TypeError(f"profiles is a mapping such as {{'image': 'faces'}}, not {profiles!r}")
    for kind in profiles:
        if kind not in registry.KINDS:
            raise ValueError(f"profiles: no kind is called {kind!r}; {nearest(str(kind), registry.KINDS)}")
    chosen = sorted({**DEFAULTS, **profiles}.items())
    return {kind: str(profile_of(name, kind)) for kind, name in chosen if name != NATIVE}


@cache
def usual() -> Mapping[str, str]:
    """`resolve` of nothing: the profiles of `DEFAULTS`."""
    return MappingProxyType(resolve({}))


def check_curve(profiles: Mapping[str, str], noise: Any) -> None:
    """Raise `ValueError` if a noise has changed since a profile that lists it was measured."""
    name = registry.name_of(noise)
    for reference in profiles.values():
        _curve(reference, name, noise)


def locate(
    profiles: Mapping[str, str], name: str, noise: Any, level: float, x: Any
) -> tuple[float, dict[str, float | str]]:
    """Where on its path a noise has to go for a level.

    Args:
        profiles: from `resolve`.
        name: of the noise.
        noise: the noise itself.
        level: in (0, 1].
        x: the sample.

    Returns:
        The position in (0, 1], and what the record says of it: `scale`, the profile's name or ``"native"``, and
        `severity`, the profile's mean at this level, where the noise has the fields that were measured.
    """
    reference = profiles.get(kind_of(name, x))
    curve, as_measured = (None, False) if reference is None else _curve(reference, name, noise)
    if reference is None or curve is None:
        return level, {"scale": "native"}
    scale: dict[str, float | str] = {"scale": _parted(reference)[0]}
    return curve.position(level), scale | ({"severity": level * curve.max_severity} if as_measured else {})


def kind_of(name: str, x: Any) -> str:
    """The kind of sample that a noise is run on; an image noise also takes clips."""
    kind = name.partition("/")[0]
    return "video" if kind == "image" and getattr(x, "ndim", 3) == 4 else kind


def scale_of(noise: Any, kind: str) -> str:
    """What the levels of a noise are measured on where no profile is named: a profile, or ``"native"``.

    Args:
        noise: from `build`.
        kind: of the samples, ``"video"`` for an image noise on clips.
    """
    reference = usual().get(kind)
    if reference is None or _curve(reference, registry.name_of(noise), noise)[0] is None:
        return "native"
    return _parted(reference)[0]


def max_severity(noise: str | Any, *, profile: str | None = None) -> float:
    """Mean severity of a noise at level 1.

    Args:
        noise: a registered name, or a noise from `build`.
        profile: a shipped name or the path of a profile; None for the usual one of the noise's kind (pictures for an
            image noise; name ``"video"`` for clips).

    Raises:
        ValueError: the profile does not list the noise, or other fields were given to it than were measured.
        KeyError: no such noise or profile.
    """
    return _measured(noise, profile).max_severity


def level_for(severity: float, noise: str | Any, *, profile: str | None = None) -> float:
    """The level at which a noise has a mean severity, for schedules that ask for one.

    Args:
        severity: in [0, `max_severity`].
        noise, profile: as `max_severity`.

    Raises:
        ValueError: the noise cannot reach that severity, or as `max_severity`.
    """
    top = max_severity(noise, profile=profile)
    if not 0 <= severity <= top:
        name = noise if isinstance(noise, str) else registry.name_of(noise)
        raise ValueError(f"{name} has severities from 0 to {top:.3g}, not {severity!r}")
    return severity / top


def digest_of(noise: Any) -> str:
    """16 hexadecimal digits that stand for the fields of a noise."""
    return hashlib.blake2b(repr(noise).encode(), digest_size=8).hexdigest()


def _measured(noise: str | Any, profile: str | None) -> Curve:
    built = registry.build(noise) if isinstance(noise, str) else noise
    name = registry.name_of(built)
    profile = profile or DEFAULTS.get(name.partition("/")[0], NATIVE)
    if profile == NATIVE:
        raise ValueError(f"{name} is not calibrated: its level runs along its own path")
    opened = profile_of(profile)
    if name in opened.too_mild:
        raise ValueError(
            f"{name} is not calibrated on {profile!r}: it does not reach severity .1 at the end of its path"
        )
    curve, as_measured = _curve(str(opened), name, built)
    if curve is None or not as_measured:
        raise ValueError(f"{name} is not calibrated on {profile!r}, or not with these fields")
    return curve


def _curve(reference: str, name: str, noise: Any) -> tuple[Curve | None, bool]:
    """The curve of a noise in a profile, and whether the noise has the fields that were measured.

    None where the profile does not list it, or where the user gave it a range.
    """
    if name not in profile_of(reference).curves:
        return None, False
    return _curve_unless_ranged(reference, noise)


@lru_cache(maxsize=4096)
def _curve_unless_ranged(reference: str, noise: Any) -> tuple[Curve | None, bool]:
    changed = registry.changed_fields(noise)
    if any(field.endswith("_range") or field in getattr(noise, "path_fields", ()) for field in changed):
        return None, False
    name = registry.name_of(noise)
    curve = profile_of(reference).curves[name]
    if curve.version != registry.version_of(name) or curve.fields != digest_of(type(noise)()):
        raise ValueError(
            f"{name} has changed since profile {_parted(reference)[0]!r} was measured; run noise-scheduler calibrate "
            "again (for a profile of the package: make profiles), or choose the profile 'none'"
        )
    return curve, set(changed) <= _NEUTRAL


@lru_cache(maxsize=256)
def _parted(reference: str) -> tuple[str, str]:
    """Name and digest of ``NAME@DIGEST``; the digest is empty where there is none."""
    match = re.fullmatch(r"(.*)@([0-9a-f]{16})", reference, re.DOTALL)
    return (match[1], match[2]) if match else (reference, "")


def _open(name: str) -> Profile:
    """A shipped profile, read once; or a file, read again when it has changed."""
    if name in _SHIPPED:
        return _open_shipped(name)
    file = Path(name)
    try:
        state = file.stat()
    except OSError as error:
        raise KeyError(
            f"no profile is called {name!r}, and no such file can be read ({error.strerror}); {nearest(name, _SHIPPED)}"
        ) from error
    return _load(name, file.absolute(), state.st_mtime_ns, state.st_size)


@cache
def _open_shipped(name: str) -> Profile:
    return _load(name, _FOLDER / f"{name}.json")


@lru_cache(maxsize=64)
def _load(name: str, file: Path, *state: int) -> Profile:
    try:
        return _parsed(name, file.read_bytes())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{file} is not a calibration profile ({error}); write one with noise-scheduler calibrate"
        ) from error


def _parsed(name: str, data: bytes) -> Profile:
    body = json.loads(data)
    if body["profile"] != _FORMAT:
        raise ValueError(f"format {body['profile']!r}, this package reads {_FORMAT}")
    curves = {
        noise: Curve(**(curve | {"positions": tuple(curve["positions"])})) for noise, curve in body["noises"].items()
    }
    for noise, curve in curves.items():
        path = curve.positions
        if len(path) != KNOTS or path[0] != 0 or path[-1] > 1 or not all(low < high for low, high in pairwise(path)):
            raise ValueError(f"{noise}: positions must be {KNOTS} numbers that rise strictly from 0 to at most 1")
    digest = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()
    return Profile(
        name, body["kind"], digest, MappingProxyType(curves), MappingProxyType(body["too_mild"]), body["corpus"]
    )
