"""A profile: the path of a recogniser from clean to broken, and the generator's parameters along it.

Shipped: ``noise`` (a recogniser hearing noise: substitutions lead) and ``conversation`` (disfluent speech: deletions
lead). Others are made by `fit` and kept as JSON. Between the points of a path, all is interpolated linearly over the
word error rate.

Public: `Profile`, `load`, `PROFILES`.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from ...files import write_whole
from ...registry import nearest
from .alignment import Rates
from .choice import Choice, ContextChoice
from .generator import Settings
from .heard import DEFAULT, Hearing

PROFILES = ("noise", "conversation")
"""Names of the profiles that are shipped."""

_FOLDER = Path(__file__).parent
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """What a recogniser's errors are at each word error rate, and how they are generated."""

    name: str
    source: str
    """What the path was measured on."""
    path: tuple[Rates, ...]
    """The declared rates, by rising word error rate."""
    points: tuple[tuple[float, Settings], ...]
    """(expected word error rate, parameters), rising, from the fit to the path."""
    insertions: Mapping[str, float]
    """Words that are put in, and how often."""
    confusions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Word → what was written for it, and how often; beside the general model."""
    audio: Any = None
    """`Hearing.to_dict` of the recogniser; None for `noise_scheduler.text.asr.heard.DEFAULT`."""

    @cached_property
    def _wers(self) -> tuple[list[float], list[float]]:
        return [rates.wer for rates in self.path], [wer for wer, _ in self.points]

    @cached_property
    def hearing(self) -> Hearing:
        """The word error rate as a function of what was done to the sound."""
        return DEFAULT if self.audio is None else Hearing.from_dict(self.audio)

    def rates(self, wer: float) -> Rates:
        """The declared rates at a word error rate; below the first point, errors keep its proportions."""
        wers = self._wers[0]
        if wer <= wers[0]:
            first = asdict(self.path[0])
            share = wer / wers[0]
            scaled = {key: first[key] * share for key in ("substitution_rate", "deletion_rate", "insertion_rate")}
            return Rates(**{**first, **scaled, "empty_rate": first["empty_rate"] * share})
        place = min(bisect_right(wers, wer), len(wers) - 1)
        low, high = asdict(self.path[place - 1]), asdict(self.path[place])
        share = min(1.0, (wer - wers[place - 1]) / (wers[place] - wers[place - 1]))
        return Rates(**{key: _between(low[key], high[key], share) for key in low})

    @lru_cache(maxsize=4096)  # noqa: B019  # profiles are kept for the life of the process
    def settings(self, wer: float) -> Settings:
        """The generator's parameters at an expected word error rate."""
        wers = self._wers[1]
        place = min(max(bisect_right(wers, wer), 1), len(wers) - 1)
        low, high = self.points[place - 1][1], self.points[place][1]
        share = min(1.0, (wer - wers[place - 1]) / (wers[place] - wers[place - 1]))
        return Settings(*[a + (b - a) * share for a, b in zip(low, high, strict=True)])

    @cached_property
    def choices(self) -> tuple[Choice, Choice]:
        """What draws the words that are written: without context, and with it."""
        return Choice(self.insertions, self.confusions), ContextChoice(self.insertions, self.confusions)

    def save(self, file: str | Path) -> None:
        """Write the profile as JSON, for the field `profile` of ``text/asr``; a file that is there is replaced."""
        content = {
            "format": "noise_scheduler text/asr profile",
            "version": _VERSION,
            "name": self.name,
            "source": self.source,
            "path": [asdict(rates) for rates in self.path],
            "generator": [{"wer": wer} | settings._asdict() for wer, settings in self.points],
            "insertions": dict(self.insertions),
            "confusions": {word: dict(heard) for word, heard in self.confusions.items()},
        }
        if self.audio is not None:
            content["audio"] = self.audio
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(Path(file), (text + "\n").encode())


def _between(low: Any, high: Any, share: float) -> Any:
    if isinstance(low, Sequence):
        return tuple(_between(a, b, share) for a, b in zip(low, high, strict=True))
    return low + (high - low) * share


def load(name: str) -> Profile:
    """The profile of a name in `PROFILES`, or from a JSON file that `Profile.save` wrote; read again if it changes.

    Raises:
        ValueError: there is no such profile, or the file is not one.
    """
    if name in PROFILES:
        return _shipped(name)
    file = Path(name)
    if not file.is_file():
        raise ValueError(f"profile: no profile {name!r}, nor a file of that name; {nearest(name, PROFILES)}")
    return _read(name, file, file.stat().st_mtime_ns)


@cache
def _shipped(name: str) -> Profile:
    return _read(name, _FOLDER / f"{name}.json", 0)


@lru_cache(maxsize=64)
def _read(name: str, file: Path, changed: int) -> Profile:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            raise ValueError(f"it is of version {content['version']}")
        return Profile(
            content["name"],
            content["source"],
            tuple(Rates(**{**rates, "runs": tuple(rates["runs"])}) for rates in content["path"]),
            tuple(
                (point["wer"], Settings(*[point[key] for key in Settings._fields])) for point in content["generator"]
            ),
            content["insertions"],
            content["confusions"],
            content.get("audio"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"profile: {name!r} is not a profile of text/asr ({error}); make one with asr.fit") from error
