"""Executing records: do to a sample what was planned, or what was done before. Free of process state.

Public: `apply`, `replay`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from . import registry
from .contract import Achieved, Noise, run
from .record import Hit, Record
from .rng import stream
from .sample import SampleError
from .span import splice, text_parts
from .tied import follow, followed, hears

_REMEDY = "restore the files as they were when the record was made"
_REMEDIES = {
    "scale": "replay on a sample of the same kind, picture or clip",
    "library": "install the version that the record names",
}
_CONTEXT = ("sample_rate", "fps", "first_frame")


def apply(sample: Mapping[str, Any], record: Record) -> tuple[dict[str, Any], Record]:
    """Execute a record on a sample; `sample` itself is left as it is.

    Returns:
        The noisy sample, and the record with the achieved physical quantities filled in.

    Raises:
        KeyError: the sample lacks a modality that the record hits.
        ValueError: a noise has changed its output since the record was made, or a profile has.
        SampleError: a modality is not a well-formed sample of the noise's kind.
    """
    if not isinstance(sample, Mapping):
        raise SampleError(
            f"a sample is a mapping such as {{'audio': …, 'sample_rate': …}}, not {type(sample).__name__}"
        )
    noisy = dict(sample)
    done: list[Hit] = []
    if not record.hits:
        return noisy, record
    context = {name: sample[name] for name in _CONTEXT if name in sample}
    slots: Counter[str] = Counter()
    for hit in record.hits:
        if hit.modality not in noisy:
            raise KeyError(f"sample {record.id!r} has no {hit.modality!r}; it has {', '.join(map(str, sample))}")
        if hit.version != registry.version_of(hit.noise):
            raise ValueError(
                f"{hit.noise} is at version {registry.version_of(hit.noise)}, the record was made with version "
                f"{hit.version}: its output has changed; see the CHANGELOG, or install the package of that time"
            )
        slot = f"{hit.modality}:{hit.noise}"
        try:
            with stream(record.key, record.step, slot, slots[slot]) as rng:
                noisy[hit.modality], hit = _executed(hit, noisy, done, rng, context, record.profiles)
        except SampleError as error:
            raise SampleError(f"sample {record.id!r}: {error}") from error
        slots[slot] += 1
        done.append(hit)
    return noisy, replace(record, hits=tuple(done))


def replay(sample: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """Do to `sample` what `record` says: the same bytes as the first time, wherever this package runs.

    The sample must be the one that the record was made of, with the same `sample_rate`, `fps` and `first_frame`.

    Raises:
        ValueError: a noise has changed its output since the record was made, or a file that it drew from is not
            the one that was drawn then.
        KeyError, SampleError: as `apply`.
    """
    noisy, done = apply(sample, record)
    for before, now in zip(record.hits, done.hits, strict=True):
        for name, value in before.achieved.items():
            if isinstance(value, str) and now.achieved.get(name) != value:
                got, remedy = now.achieved.get(name), _REMEDIES.get(name, _REMEDY)
                raise ValueError(f"{before.noise}: the record says {name} {value!r}, replay gives {got!r}; {remedy}")
    return noisy


def _executed(
    hit: Hit,
    noisy: Mapping[str, Any],
    done: Sequence[Hit],
    rng: np.random.Generator,
    context: Mapping[str, Any],
    profiles: Mapping[str, str],
) -> tuple[Any, Hit]:
    """What a hit makes of its modality, and the hit with what it achieved."""
    noise = _built(hit.noise, tuple(sorted(hit.fields.items())))
    if not followed(noise):
        made, achieved = _hit(hit, noise, noisy[hit.modality], rng, context, profiles)
        return made, replace(hit, achieved=achieved)
    hit = follow(hit, noise, done, noisy)
    if hears(noise):
        context = {**context, "heard": noisy[followed(noise)]}
    made, achieved = _hit(hit, noise, noisy[hit.modality], rng, context, {})
    return made, replace(hit, achieved={**hit.achieved, **achieved})


def _hit(
    hit: Hit, noise: Noise, x: Any, rng: np.random.Generator, context: Mapping[str, Any], profiles: Mapping[str, str]
) -> tuple[Any, Achieved]:
    """One noise on one modality, over its spans."""
    if hit.spans and isinstance(x, str):
        return _hit_text(hit, noise, x, rng, context, profiles)
    noisy, achieved = run(noise, hit.noise, x, hit.level, rng, context, hit.modality, profiles)
    if hit.spans:
        kind = hit.noise.partition("/")[0]
        noisy = splice(kind, x, noisy, hit.spans, float(context.get("sample_rate", 0)))
    return noisy, achieved


def _hit_text(
    hit: Hit, noise: Noise, text: str, rng: np.random.Generator, context: Mapping[str, Any], profiles: Mapping[str, str]
) -> tuple[str, Achieved]:
    """A noise on parts of a text; achieved numbers are means over the parts, by length."""
    parts = text_parts(text, hit.spans)
    pieces, end, total = [], 0, sum(last - first for first, last in parts)
    mean: dict[str, float | str] = {}
    for first, last in parts:
        noisy, achieved = run(noise, hit.noise, text[first:last], hit.level, rng, context, hit.modality, profiles)
        pieces += [text[end:first], noisy]
        end = last
        for name, value in achieved.items():
            share = (last - first) / total
            mean[name] = value if isinstance(value, str) else float(mean.get(name, 0.0)) + share * value
    return "".join([*pieces, text[end:]]), mean


@lru_cache(maxsize=256)
def _built(name: str, fields: tuple[tuple[str, Any], ...]) -> Noise:
    noise: Noise = registry.build(name, **dict(fields))
    return noise
