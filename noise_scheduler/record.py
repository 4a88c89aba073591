"""Records: what was done to a sample, small enough to keep and exact enough to do again.

Public: `Record`, `Hit`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .registry import nearest
from .rng import Key

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Hit:
    """One noise on one modality."""

    modality: str
    """The key of the sample that is hit."""
    noise: str
    """The registered name of the noise."""
    version: int
    """The version of the noise; another version does not replay."""
    level: float
    """How much, in (0, 1]; in a plan 0 for a noise that follows another modality (`noise_scheduler.tied`)."""
    spans: tuple[tuple[float, float], ...] = ()
    """The stretches that are hit, as (start, end) shares of the duration; empty for the whole sample."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The noise's fields that differ from their defaults."""
    achieved: Mapping[str, float | str] = field(default_factory=dict)
    """Physical quantities that the noise reached (SNR, RT60, occluded area …); empty before apply. Under `spans`
    they are those over the whole sample, before the noise is cut to the spans; of text, those within the spans.
    Beside them `scale`, the profile that the level was measured on, and `severity`, its mean at this level; a `scale`
    of ``"native"`` marks a noise that is not calibrated."""


@dataclass(frozen=True, slots=True)
class Record:
    """A plan for one sample and, after apply, what came of it."""

    id: str | int
    """The sample's id."""
    step: int
    """The planned optimiser step."""
    key: Key
    """The 128-bit stream key of (seed, id)."""
    config: str
    """Digest of the scheduler's configuration."""
    hits: tuple[Hit, ...]
    """The noises, in the order in which they are applied; empty for a clean sample."""
    profiles: Mapping[str, str] = field(default_factory=dict)
    """Kind of sample → what its levels are measured on, as ``NAME@DIGEST`` (`noise_scheduler.calibration`)."""

    def level(self, modality: str) -> float:
        """The level on a modality, 0 where it is clean (the highest one if several noises hit it)."""
        return max((hit.level for hit in self.hits if hit.modality == modality), default=0.0)

    def only(self, *modalities: str) -> Record:
        """The same record without the hits on other modalities; what is left comes out just the same."""
        return replace(self, hits=tuple(hit for hit in self.hits if hit.modality in modalities))

    def to_json(self) -> str:
        """One line of JSON that `from_json` turns back into an equal record."""
        hits = [
            {"modality": h.modality, "noise": h.noise, "version": h.version, "level": h.level}
            | ({"spans": [list(span) for span in h.spans]} if h.spans else {})
            | ({"fields": dict(h.fields)} if h.fields else {})
            | ({"achieved": dict(h.achieved)} if h.achieved else {})
            for h in self.hits
        ]
        key = "".join(f"{word:016x}" for word in self.key)
        body = {
            "record": RECORD_VERSION,
            "id": self.id,
            "step": self.step,
            "key": key,
            "config": self.config,
            "hits": hits,
        } | ({"profiles": dict(self.profiles)} if self.profiles else {})
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """The record that `to_json` wrote.

        Raises:
            ValueError: not a record, or one of a newer version of the package.
        """
        try:
            body = json.loads(line)
            version = body.pop("record")
            if version != RECORD_VERSION:
                raise ValueError(f"this record has version {version}; this package reads version {RECORD_VERSION}")
            if not re.fullmatch("[0-9a-f]{32}", body["key"]):
                raise ValueError(f"key must be 32 hexadecimal digits, not {body['key']!r}")
            if type(body["id"]) not in (str, int) or type(body["step"]) is not int or body["step"] < 0:
                raise ValueError(f"id must be a string or an integer, step an integer ≥ 0, not {body['step']!r}")
            key = int(body["key"][:16], 16), int(body["key"][16:], 16)
            hits = tuple(_hit(hit) for hit in body["hits"])
            profiles = dict(body.get("profiles", {}))
            if not all(isinstance(name, str) and "@" in name for name in profiles.values()):
                raise ValueError(f"profiles must be a table from kinds to NAME@DIGEST, not {profiles!r}")
            return cls(body["id"], body["step"], key, body["config"], hits, profiles)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a noise record ({error}): {line[:80]!r}") from error


def _hit(body: dict[str, Any]) -> Hit:
    known = Hit.__dataclass_fields__
    for name in body:
        if name not in known:
            raise ValueError(f"a hit has no key {name!r}; {nearest(name, known)}")
    fields = {name: _tuples(value) for name, value in body.get("fields", {}).items()}
    spans = _tuples(body.get("spans", []))
    if not all(len(span) == 2 and 0 <= span[0] <= span[1] <= 1 for span in spans):
        raise ValueError(f"spans must be pairs in [0, 1], not {spans!r}")
    return Hit(**(body | {"spans": spans, "fields": fields}))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
